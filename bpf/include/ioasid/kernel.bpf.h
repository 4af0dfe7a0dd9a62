/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the programs read of the kernel's structs. libbpf cuts a name at "___" and
 * looks the members up in the kernel's struct of that name.
 *
 * The structs of vmlinux.h serve as well, but clang puts all that such a struct
 * embeds into the BTF of the object, and then a declaration of each struct that it
 * points at, in the order of addresses in clang's own memory. The bytes of the object
 * then depend on the length of the path in which it is built. So no program of ioasid
 * names a struct of vmlinux.h, and the test host/objects finds one that does.
 */
#ifndef _IOASID_KERNEL_BPF_H
#define _IOASID_KERNEL_BPF_H

#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)

struct bpf_map___read {
	__u32 max_entries;
};

struct kernfs_node___read {
	const char *name;
	__u64 id;
};

struct cgroup___read {
	int level;
	struct kernfs_node___read *kn;
};

struct css_set___read {
	struct cgroup___read *dfl_cgrp;
};

struct task_struct___read {
	int tgid;
	char comm[16];
};

/* Beside task_struct___read: not all who read a name read the cgroup. */
struct task_struct___cgroups {
	struct css_set___read *cgroups;
};

#pragma clang attribute pop

#endif
