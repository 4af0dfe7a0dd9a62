/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory whose neighbours are no neighbours in the machine. */
#ifndef IOASID_TEST_SCATTER_H
#define IOASID_TEST_SCATTER_H

#include <stddef.h>
#include <stdint.h>

/*
 * Touches each page of untouched memory, in an order in which two neighbours hardly get page
 * frames that follow each other. The first word of a page becomes its number. With transparent
 * huge pages a frame holds 512 of them: MADV_NOHUGEPAGE comes first.
 */
static inline void scatter(void *mem, size_t bytes)
{
	size_t pages = bytes / 4096, i;

	for (i = 0; i < pages; i++) {
		size_t at = i * 4099 % pages;

		*(uint64_t *)((char *)mem + at * 4096) = at;
	}
}

#endif
