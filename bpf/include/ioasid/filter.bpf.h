/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The filters of every observer: one process, or one cgroup with those below
 * it. They work here, before anything is counted or recorded; the loader sets
 * them with observer_filter() of tools/lib/observer.h.
 */
#ifndef _IOASID_FILTER_BPF_H
#define _IOASID_FILTER_BPF_H

#include <ioasid/common.bpf.h>

/* Only this process; 0 for all. */
const volatile __u32 only_tgid = 0;
/* Only this cgroup and those below it; the level is its distance from the root. */
const volatile __u64 only_cgroup = 0;
const volatile __u32 only_cgroup_level = 0;

static __always_inline bool wanted(const struct ioasid_who *who)
{
	if (only_tgid && who->tgid != only_tgid)
		return false;
	return !only_cgroup || who->cgroup == only_cgroup ||
	       bpf_get_current_ancestor_cgroup_id(only_cgroup_level) == only_cgroup;
}

#endif
