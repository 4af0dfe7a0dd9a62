/* SPDX-License-Identifier: GPL-2.0-only */
/* Cgroups that are counted with an ancestor of theirs. */
#ifndef _IOASID_CGROUP_BPF_H
#define _IOASID_CGROUP_BPF_H

#include <ioasid/common.bpf.h>

/* Each cgroup by itself. */
#define NO_LEVEL	64

extern struct cgroup___read *bpf_cgroup_from_id(__u64 id) __ksym;
extern struct cgroup___read *bpf_cgroup_ancestor(struct cgroup___read *cgrp, int level) __ksym;
extern void bpf_cgroup_release(struct cgroup___read *cgrp) __ksym;

/* The ancestor of the cgroup @id at @level, or itself if it is not deeper, or gone. */
static __noinline __attribute__((unused)) __u64 cgroup_counted(__u64 id, __u32 level)
{
	struct cgroup___read *cgrp, *up;

	if (level == NO_LEVEL)
		return id;
	if (id == bpf_get_current_cgroup_id())
		return bpf_get_current_ancestor_cgroup_id(level) ?: id;
	cgrp = bpf_cgroup_from_id(id);
	if (!cgrp)
		return id;
	if (cgrp->level > (int)level) {
		up = bpf_cgroup_ancestor(cgrp, level);
		if (up) {
			id = up->kn->id;
			bpf_cgroup_release(up);
		}
	}
	bpf_cgroup_release(cgrp);
	return id;
}

#endif
