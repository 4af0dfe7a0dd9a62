/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A clock that costs next to nothing, for spans on one CPU: the time-stamp
 * counter where there is one, else the scheduler's clock.
 */
#ifndef _IOASID_COMPAT_CYCLES_H
#define _IOASID_COMPAT_CYCLES_H

#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/types.h>

#ifdef CONFIG_X86
#include <asm/msr.h>
#include <asm/tsc.h>

static inline u64 compat_cycles(void)
{
	return rdtsc();
}

static inline u64 compat_cycles_khz(void)
{
	return tsc_khz;
}
#else
#include <linux/sched/clock.h>

static inline u64 compat_cycles(void)
{
	return local_clock();
}

static inline u64 compat_cycles_khz(void)
{
	return 1000000;
}
#endif

/* compat_cycles_of_us() - how far the clock gets in @us; never, when it stands still */
static inline u64 compat_cycles_of_us(u32 us)
{
	u64 khz = compat_cycles_khz();

	return khz ? mul_u64_u32_div(khz, us, 1000) : U64_MAX;
}

static inline u64 compat_cycles_to_us(u64 cycles)
{
	u64 khz = compat_cycles_khz();

	return khz ? div64_u64(cycles, khz) * 1000 + div64_u64(cycles % khz * 1000, khz) : 0;
}

#endif /* _IOASID_COMPAT_CYCLES_H */
