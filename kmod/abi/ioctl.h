/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A call of /dev/ioasid's own interface, between the table that decodes it and
 * the functions that carry it out.
 */
#ifndef _IOASID_NATIVE_H
#define _IOASID_NATIVE_H

#include <linux/types.h>

struct file;
struct io_uring_cmd;
struct ioasid_file;
struct ioasid_space;
struct seq_file;

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
bool ioasid_native_on_ring(unsigned int cmd);
int ioasid_call_respond(struct ioasid_call *call);
int ioasid_call_answer(struct ioasid_call *call, const __u64 *out);
struct ioasid_space *ioasid_call_space(struct ioasid_call *call, u32 id);

/* fdinfo.c */
void ioasid_show_fdinfo(struct seq_file *m, struct file *file);

/* uring.c */
int ioasid_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags);

/* ioctl_info.c */
long ioasid_native_get_info(struct ioasid_call *call);
long ioasid_native_iova_ranges(struct ioasid_call *call);
long ioasid_native_allow_iovas(struct ioasid_call *call);
long ioasid_native_dirty(struct ioasid_call *call);
long ioasid_native_option(struct ioasid_call *call);
long ioasid_native_change_owner(struct ioasid_call *call);

/* ioctl_map.c */
long ioasid_native_map_dma(struct ioasid_call *call);
long ioasid_native_map_file(struct ioasid_call *call);
long ioasid_native_copy(struct ioasid_call *call);
long ioasid_native_unmap_dma(struct ioasid_call *call);
long ioasid_native_map_batch(struct ioasid_call *call);
long ioasid_native_unmap_batch(struct ioasid_call *call);

#endif /* _IOASID_NATIVE_H */
