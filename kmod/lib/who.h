/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The calling task, in the form that trace events and policies see it.
 */
#ifndef _IOASID_WHO_H
#define _IOASID_WHO_H

#include <linux/cgroup.h>
#include <linux/cred.h>
#include <linux/sched.h>
#include <linux/uidgid.h>

#include <ioasid/policy.h>

#include "rcu.h"

static inline u64 ioasid_current_cgroup(void)
{
	u64 id;

	ioasid_read_lock();
	id = cgroup_id(task_dfl_cgroup(current));
	ioasid_read_unlock();
	return id;
}

static inline void ioasid_who_current(struct ioasid_who *who, u32 space)
{
	who->space = space;
	who->tgid = current->tgid;
	who->pid = current->pid;
	/* In the initial namespace, where a kuid is the uid. */
	who->uid = __kuid_val(current_uid());
	who->cgroup = ioasid_current_cgroup();
}

#endif /* _IOASID_WHO_H */
