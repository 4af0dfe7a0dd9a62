/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A lock for what needs several helpers in one piece, such as "look up, else make,
 * and remember both": bpf_spin_lock() allows no helper while it is held.
 *
 * The holder of the turn runs with preemption off, and for some microseconds, so
 * waiting means spinning. Nothing here waits without bound: turn_take() gives up
 * after some 100 ms, which only a virtual processor that is stopped may take. Its
 * caller then refuses what it was asked for.
 *
 * The word is in a map that a replacement is handed, so that old and new programs
 * wait for each other.
 */
#ifndef _IOASID_TURN_BPF_H
#define _IOASID_TURN_BPF_H

#include <ioasid/common.bpf.h>

#define TURN_SPINS	(1 << 22)

extern void bpf_preempt_disable(void) __ksym;
extern void bpf_preempt_enable(void) __ksym;

static __always_inline bool turn_take(__u32 *turn)
{
	int i;

	bpf_preempt_disable();
	bpf_for(i, 0, TURN_SPINS)
		if (!__sync_val_compare_and_swap(turn, 0, 1))
			return true;
	bpf_preempt_enable();
	return false;
}

static __always_inline void turn_give(__u32 *turn)
{
	/* A full barrier: the next holder sees what was done. */
	__sync_lock_test_and_set(turn, 0);
	bpf_preempt_enable();
}

#endif
