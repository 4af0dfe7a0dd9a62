/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions that BPF programs call by name; nothing in the kernel does. What a
 * program declares must agree with this: bpf/include/ioasid/kfuncs.bpf.h.
 */
#ifndef _IOASID_POLICY_KFUNC_H
#define _IOASID_POLICY_KFUNC_H

#include <linux/types.h>

struct ioasid_mapping_info;
struct ioasid_space;

/** struct bpf_iter_ioasid_space - what a program has on its stack */
struct bpf_iter_ioasid_space {
	u64 __opaque[2];
} __aligned(8);

/** struct bpf_iter_ioasid_mapping - likewise */
struct bpf_iter_ioasid_mapping {
	u64 __opaque[1];
} __aligned(8);

void bpf_ioasid_error(const char *msg, u32 msg__sz);
void bpf_ioasid_exit(s64 code, const char *msg, u32 msg__sz);
int bpf_ioasid_dump(const char *text, u32 text__sz);

struct ioasid_space *bpf_ioasid_space_acquire(u32 id);
void bpf_ioasid_space_release(struct ioasid_space *space);
int bpf_ioasid_space_info(struct ioasid_space *space, void *info, u32 info__sz);

int bpf_iter_ioasid_space_new(struct bpf_iter_ioasid_space *it);
struct ioasid_space *bpf_iter_ioasid_space_next(struct bpf_iter_ioasid_space *it);
void bpf_iter_ioasid_space_destroy(struct bpf_iter_ioasid_space *it);

int bpf_iter_ioasid_mapping_new(struct bpf_iter_ioasid_mapping *it, struct ioasid_space *space,
				u64 first, u64 last);
struct ioasid_mapping_info *bpf_iter_ioasid_mapping_next(struct bpf_iter_ioasid_mapping *it);
void bpf_iter_ioasid_mapping_destroy(struct bpf_iter_ioasid_mapping *it);

#endif /* _IOASID_POLICY_KFUNC_H */
