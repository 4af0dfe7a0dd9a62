/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions of ioasid.ko that programs may call; docs/policy.md has the table
 * of which program may call which, kmod/policy/kfunc.c describes each.
 *
 *	struct ioasid_space *space;
 *	union ioasid_mapping *m;
 *	u32 *id;
 *
 *	bpf_for_each(ioasid_space, id) {
 *		space = bpf_ioasid_space_acquire(*id);
 *		if (!space)
 *			continue;
 *		bpf_for_each(ioasid_mapping, m, space, 0, ~0ULL)
 *			bytes += m->info.length;
 *		bpf_ioasid_space_release(space);
 *	}
 *
 * What an iterator returns is memory of its own, to be read, and goes with it.
 */
#ifndef _IOASID_KFUNCS_BPF_H
#define _IOASID_KFUNCS_BPF_H

#include <ioasid/common.bpf.h>

/* Opaque; but libbpf finds no function whose argument is only declared. */
struct ioasid_space {};

/* A mapping, as an iterator shows it; the verifier refuses its use behind the loop. */
union ioasid_mapping {
	struct ioasid_mapping_info info;
};

struct bpf_iter_ioasid_space {
	__u64 __opaque[1];
} __attribute__((aligned(8)));

struct bpf_iter_ioasid_mapping {
	__u64 __opaque[1];
} __attribute__((aligned(8)));

extern void bpf_ioasid_error(const char *msg, u32 msg__sz) __ksym __weak;
extern void bpf_ioasid_exit(s64 code, const char *msg, u32 msg__sz) __ksym __weak;
extern int bpf_ioasid_dump(const char *text, u32 text__sz) __ksym __weak;

extern struct ioasid_space *bpf_ioasid_space_acquire(u32 id) __ksym __weak;
extern void bpf_ioasid_space_release(struct ioasid_space *space) __ksym __weak;
extern int bpf_ioasid_space_info(struct ioasid_space *space, void *info, u32 info__sz) __ksym __weak;

extern int bpf_iter_ioasid_space_new(struct bpf_iter_ioasid_space *it) __ksym __weak;
extern u32 *bpf_iter_ioasid_space_next(struct bpf_iter_ioasid_space *it) __ksym __weak;
extern void bpf_iter_ioasid_space_destroy(struct bpf_iter_ioasid_space *it) __ksym __weak;

extern int bpf_iter_ioasid_mapping_new(struct bpf_iter_ioasid_mapping *it,
				       struct ioasid_space *space, u64 first, u64 last) __ksym __weak;
extern union ioasid_mapping *
bpf_iter_ioasid_mapping_next(struct bpf_iter_ioasid_mapping *it) __ksym __weak;
extern void bpf_iter_ioasid_mapping_destroy(struct bpf_iter_ioasid_mapping *it) __ksym __weak;

/* Like printf, for the three above: a line of up to 95 characters. */
#define ioasid_error(fmt, args...)						\
({										\
	char __msg[96];								\
										\
	BPF_SNPRINTF(__msg, sizeof(__msg), fmt, ##args);			\
	bpf_ioasid_error(__msg, sizeof(__msg));					\
})

#define ioasid_exit(code, fmt, args...)						\
({										\
	char __msg[96];								\
										\
	BPF_SNPRINTF(__msg, sizeof(__msg), fmt, ##args);			\
	bpf_ioasid_exit(code, __msg, sizeof(__msg));				\
})

#define ioasid_dump(fmt, args...)						\
({										\
	char __msg[96];								\
										\
	BPF_SNPRINTF(__msg, sizeof(__msg), fmt, ##args);			\
	bpf_ioasid_dump(__msg, sizeof(__msg));					\
})

#endif
