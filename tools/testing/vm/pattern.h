/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the first NVMe drive of the test VM holds, so that a reader can tell a
 * right byte from a wrong one without the image: the little-endian 64-bit word
 * at byte offset 8 * i is pattern_word(i). Every word differs from the others,
 * so a block read from the wrong place is noticed as well.
 */
#ifndef IOASID_VM_PATTERN_H
#define IOASID_VM_PATTERN_H

#include <stdint.h>

static inline uint64_t pattern_word(uint64_t index)
{
	/* A bijection of 64-bit words: add, then two multiply-xorshift steps. */
	uint64_t x = index + 0x10a51d2021041500ull;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

#endif
