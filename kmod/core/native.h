/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A call of /dev/ioasid's own interface, between the table that decodes it and
 * the functions that carry it out.
 */
#ifndef _IOASID_NATIVE_H
#define _IOASID_NATIVE_H

#include <linux/types.h>

struct ioasid_file;
struct ioasid_space;

/**
 * struct ioasid_call - one call
 * @file: the open /dev/ioasid
 * @user: the caller's structure
 * @size: its size, as the caller says
 * @known: the size that this kernel knows
 * @arg: a copy of that size; what the caller has not got is 0
 */
struct ioasid_call {
	struct ioasid_file *file;
	void __user *user;
	u32 size;
	u32 known;
	void *arg;
};

long ioasid_native_ioctl(struct ioasid_file *f, unsigned int cmd, unsigned long arg);
int ioasid_call_respond(struct ioasid_call *call);
struct ioasid_space *ioasid_call_space(struct ioasid_call *call, u32 id);

#endif /* _IOASID_NATIVE_H */
