/* SPDX-License-Identifier: GPL-2.0-only */
/* The value of a map of type struct_ops, for tests that fill in struct ioasid_policy_ops themselves. */
#ifndef IOASID_TESTING_POLICY_OPS_H
#define IOASID_TESTING_POLICY_OPS_H

#include <bpf/btf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the struct is in the value: in its second cache line. */
#define OPS_DATA	64

/* Where its member @name is in the value. */
static inline size_t ops_member(const struct btf *btf, const char *name)
{
	const struct btf_type *t;
	const struct btf_member *m;
	int i;

	t = btf__type_by_id(btf, (__u32)btf__find_by_name_kind(btf, "ioasid_policy_ops",
							      BTF_KIND_STRUCT));
	m = btf_members(t);
	for (i = 0; i < btf_vlen(t); i++)
		if (!strcmp(name, btf__name_by_offset(btf, m[i].name_off)))
			return OPS_DATA + btf_member_bit_offset(t, (__u32)i) / 8;
	fprintf(stderr, "# struct ioasid_policy_ops has no %s\n", name);
	abort();
}

#endif
