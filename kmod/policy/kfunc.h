/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions that BPF programs call by name; nothing in the kernel does. What a
 * program declares must agree with this: bpf/include/ioasid/kfuncs.bpf.h.
 */
#ifndef _IOASID_POLICY_KFUNC_H
#define _IOASID_POLICY_KFUNC_H

#include <linux/types.h>

#include <ioasid/args.h>

struct ioasid_space;

/** struct bpf_iter_ioasid_space - an iterator, on the stack of a program */
struct bpf_iter_ioasid_space {
	u64 __opaque[1];
} __aligned(8);

/** struct bpf_iter_ioasid_mapping - likewise */
struct bpf_iter_ioasid_mapping {
	u64 __opaque[1];
} __aligned(8);

/**
 * union ioasid_mapping - a mapping, as an iterator shows it
 * @info: the mapping
 *
 * A union, because of how the verifier takes what an iterator returns. It trusts
 * a pointer to a struct for as long as the program runs, also when the iterator
 * is destroyed and the memory is free. A pointer to anything else is memory of
 * a known size, to be read only, that goes with the iterator.
 */
union ioasid_mapping {
	struct ioasid_mapping_info info;
};

void bpf_ioasid_error(const char *msg, u32 msg__sz);
void bpf_ioasid_exit(s64 code, const char *msg, u32 msg__sz);
int bpf_ioasid_dump(const char *text, u32 text__sz);

struct ioasid_space *bpf_ioasid_space_acquire(u32 id);
void bpf_ioasid_space_release(struct ioasid_space *space);
int bpf_ioasid_space_info(struct ioasid_space *space, void *info, u32 info__sz);

int bpf_iter_ioasid_space_new(struct bpf_iter_ioasid_space *it);
u32 *bpf_iter_ioasid_space_next(struct bpf_iter_ioasid_space *it);
void bpf_iter_ioasid_space_destroy(struct bpf_iter_ioasid_space *it);

int bpf_iter_ioasid_mapping_new(struct bpf_iter_ioasid_mapping *it, struct ioasid_space *space,
				u64 first, u64 last);
union ioasid_mapping *bpf_iter_ioasid_mapping_next(struct bpf_iter_ioasid_mapping *it);
void bpf_iter_ioasid_mapping_destroy(struct bpf_iter_ioasid_mapping *it);

#endif /* _IOASID_POLICY_KFUNC_H */
