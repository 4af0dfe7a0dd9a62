/* SPDX-License-Identifier: GPL-2.0-only */
/* A sweep over the unmap of a part of the only mapping, which cuts both of its ends. */
#ifndef IOASID_TEST_FAIL_CUT_H
#define IOASID_TEST_FAIL_CUT_H

#include "fail/sweep.h"
#include "lib/ioasid.h"

#define CUT_PAGES	9

/* Unmap CUT_PAGES from @iova on; their dirty pages are @dirty, or @wrong says what is the matter. */
static inline bool cut_unmap(struct world *w, uint64_t iova, uint64_t dirty, const char *wrong)
{
	uint64_t bits = 0;
	struct ioasid_unmap_dma arg = {
		.size = sizeof(arg),
		.flags = IOASID_UNMAP_FLAG_GET_DIRTY | IOASID_UNMAP_FLAG_SPLIT,
		.iova = iova,
		.length = CUT_PAGES * PAGE,
		.dirty = (uintptr_t)&bits,
		.dirty_size = 8,
	};

	if (ioctl(w->d.fd, IOASID_UNMAP_DMA, &arg))
		return false;
	return bits == dirty || sweep_complain(wrong);
}

/* Was it unmapped, though the call failed? Not if the mapping is as it was; then @pinned is true. */
static inline bool cut_is_gone(struct world *w, bool pinned)
{
	struct ioasid_get_info info = native_info(w->d.fd, 0);

	if (info.out_maps == 1 && info.out_bytes == (uint64_t)w->bytes && pinned)
		return false;
	if (info.out_maps != 2 || info.out_bytes != w->bytes - CUT_PAGES * PAGE)
		sweep_complain("it was cut, and not unmapped");
	return true;
}

/* Unmap what was left. */
static inline bool cut_unmap_rest(struct world *w)
{
	return native_unmap_all(w->d.fd, 0) == (long long)(w->bytes - CUT_PAGES * PAGE);
}

#endif
