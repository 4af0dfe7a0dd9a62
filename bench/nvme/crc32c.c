// SPDX-License-Identifier: GPL-2.0-only
/*
 * CRC-32C: with the processor's instruction where there is one, else with
 * eight tables that take eight bytes a step.
 */
#include <endian.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "nvme/crc32c.h"

#define POLYNOMIAL 0x82f63b78U		/* reflected */

static uint32_t table[8][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool has_instruction;

static void make_tables(void)
{
	uint32_t crc;
	int i, bit, t;

	for (i = 0; i < 256; i++) {
		crc = (uint32_t)i;
		for (bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ POLYNOMIAL : crc >> 1;
		table[0][i] = crc;
	}
	/* table[t][i]: byte i followed by t zero bytes. */
	for (t = 1; t < 8; t++)
		for (i = 0; i < 256; i++)
			table[t][i] = table[t - 1][i] >> 8 ^
				      table[0][table[t - 1][i] & 0xff];
#ifdef __x86_64__
	has_instruction = __builtin_cpu_supports("sse4.2");
#endif
}

#ifdef __x86_64__
__attribute__((target("sse4.2")))
static uint32_t by_instruction(uint32_t crc, const unsigned char *p, size_t len)
{
	uint64_t word, wide = crc;

	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&word, p, 8);
		wide = __builtin_ia32_crc32di(wide, word);
	}
	crc = (uint32_t)wide;
	while (len--)
		crc = __builtin_ia32_crc32qi(crc, *p++);
	return crc;
}
#else
static uint32_t by_instruction(uint32_t crc, const unsigned char *p, size_t len)
{
	(void)p;
	(void)len;
	return crc;
}
#endif

static uint32_t by_table(uint32_t crc, const unsigned char *p, size_t len)
{
	uint64_t word;
	int i;

	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&word, p, 8);
		word = le64toh(word) ^ crc;
		crc = 0;
		for (i = 0; i < 8; i++)
			crc ^= table[7 - i][word >> 8 * i & 0xff];
	}
	while (len--)
		crc = crc >> 8 ^ table[0][(crc ^ *p++) & 0xff];
	return crc;
}

uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
	pthread_once(&once, make_tables);
	crc = ~crc;
	crc = has_instruction ? by_instruction(crc, data, len) : by_table(crc, data, len);
	return ~crc;
}
