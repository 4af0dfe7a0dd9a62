/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Read sections of RCU that are a few instructions long and sleep nowhere.
 *
 * A task with preemption off is in a read section, and two instructions turn it off, while
 * rcu_read_lock() and rcu_read_unlock() are calls in kernels that can preempt. PROVE_RCU looks
 * for the lock, so there it is taken as well.
 */
#ifndef _IOASID_RCU_H
#define _IOASID_RCU_H

#include <linux/preempt.h>
#include <linux/rcupdate.h>

/** ioasid_read_lock() - begin such a section: what RCU frees stays until its end */
static inline void ioasid_read_lock(void)
{
	preempt_disable();
	if (IS_ENABLED(CONFIG_PROVE_RCU))
		rcu_read_lock();
}

/** ioasid_read_unlock() - its end */
static inline void ioasid_read_unlock(void)
{
	if (IS_ENABLED(CONFIG_PROVE_RCU))
		rcu_read_unlock();
	preempt_enable();
}

#endif /* _IOASID_RCU_H */
