/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Marks that say what the program is about to do, for bench/profile: a no-op
 * with a number in its operand, which the emulator's plugin sees executed.
 * On a machine it is one instruction that does nothing.
 */
#ifndef BENCH_MARK_H
#define BENCH_MARK_H

enum mark {
	MARK_OTHER,
	MARK_MAP,
	MARK_UNMAP,
	MARK_BEGIN,		/* a run begins; its repetitions follow */
};

/* The operand of the first one. */
#define MARK_OPERAND	0x10a51d00

#ifdef __x86_64__
#define mark(what) \
	asm volatile(".byte 0x0f, 0x1f, 0x80; .long %c0" : : "i"(MARK_OPERAND + (what)) : "memory")
#else
#define mark(what) ((void)(what))
#endif

#endif
