/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel has for memory management, but not for modules.
 */
#ifndef _COMPAT_MM_H
#define _COMPAT_MM_H

#include <linux/mmap_lock.h>
#include <linux/rwsem.h>
#include <linux/sched.h>

/* mmap_write_trylock() was removed in 6.5: take the lock, and begin what it begins. */
static inline bool compat_mmap_write_trylock(struct mm_struct *mm)
{
	if (!down_write_trylock(&mm->mmap_lock))
		return false;
	mm_lock_seqcount_begin(mm);
	return true;
}

/*
 * Does the current task hold @sem for writing? The kernel keeps the owner of the lock
 * for spinning and for lockdep. Only a writer's has the lowest bit clear.
 */
static inline bool compat_rwsem_is_mine(struct rw_semaphore *sem)
{
#ifdef CONFIG_PREEMPT_RT
	return rwsem_is_locked(sem) &&
	       ((unsigned long)READ_ONCE(sem->rwbase.rtmutex.owner) & ~3UL) ==
	       (unsigned long)current;
#else
	return (atomic_long_read(&sem->owner) & ~2UL) == (unsigned long)current;
#endif
}

#endif /* _COMPAT_MM_H */
