/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every BPF program of ioasid includes: kernel types, libbpf's helpers,
 * and the hooks and event structs of the module.
 *
 * Argument names of BPF_PROG() may be anything but "ctx", which is libbpf's.
 */
#ifndef _IOASID_COMMON_BPF_H
#define _IOASID_COMMON_BPF_H

/* The kernel's own kfunc declarations differ from version to version. */
#define BPF_NO_KFUNC_PROTOTYPES
#include <vmlinux.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include <ioasid/kernel.bpf.h>
#include <ioasid/policy.h>

/* BTF has no macros: the errnos that hooks may return. */
#ifndef EPERM
#define EPERM	1
#define EAGAIN	11
#define ENOMEM	12
#define EACCES	13
#define EINVAL	22
#define ENOSPC	28
#define EDQUOT	122
#endif

#define NSEC_PER_USEC	1000ULL
#define NSEC_PER_SEC	1000000000ULL

/*
 * Copies an array of chars out of a struct of the kernel, byte by byte: the verifier
 * takes no more at once. A helper could copy all of it, but a kernel that is locked
 * down (confidentiality) refuses programs with helpers that read kernel memory.
 */
#define copy_chars(to, from)						\
do {									\
	_Static_assert(sizeof(to) <= sizeof(from), "as long");		\
	_Pragma("unroll")						\
	for (__u32 __i = 0; __i < sizeof(to); __i++)			\
		(to)[__i] = (from)[__i];				\
} while (0)

/* The name of the running task; hooks may not call bpf_get_current_comm(). */
#define current_comm(to)							\
	copy_chars(to, ((struct task_struct___read *)bpf_get_current_task_btf())->comm)

/*
 * @i as an index of an array of @n, the last one if it is too large. The verifier
 * must see the bound on the register that is added to a pointer: clang 14 compares
 * the lower half of one, and indexes with a copy that it made before. A u64 has no
 * half to be extended, and what the compiler cannot see it does not copy.
 */
static __always_inline u64 clamp_index(u64 i, u64 n)
{
	barrier_var(i);
	if (i >= n)
		i = n - 1;
	barrier_var(i);
	return i;
}

/* Adds and tells the new value, for counters that several CPUs touch. */
#define add_return(ptr, n) (__sync_fetch_and_add(ptr, n) + (n))

/*
 * An atomic operation that nothing is moved across: only one whose old value is
 * used is such. On x86 all are.
 */
#define ordered(operation)						\
({									\
	__u64 __before = operation;					\
									\
	asm volatile("" : : "r"(__before));				\
})

#endif
