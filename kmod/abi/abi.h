/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The user interfaces of ioasid.ko: an open /dev/ioasid, its own ioctls, and VFIO's.
 */
#ifndef _IOASID_ABI_H
#define _IOASID_ABI_H

#include <linux/fault-inject-usercopy.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>

struct file;
struct io_uring_cmd;
struct ioasid_space;
struct seq_file;

struct ioasid_dirty_query;

/* dev.c */
int ioasid_dev_init(void);
void ioasid_dev_exit(void);

/* debugfs.c */
void ioasid_debugfs_init(void);
void ioasid_debugfs_exit(void);

/**
 * struct ioasid_file - an open /dev/ioasid
 * @spaces: struct ioasid_space by id, a reference each; changed under @lock or its own lock, and
 *	looked up under RCU
 * @lock: guards changes of all that is here
 * @space: the default address space, which is in @spaces; fixed once @type or
 *	@joined is set
 * @space_id: its id
 * @type: what VFIO_SET_IOMMU chose, 0 before; set once, after @space for the last time
 * @joined: VFIO_GROUP_SET_CONTAINER was given this file; set like @type
 */
struct ioasid_file {
	struct xarray spaces;
	struct mutex lock;
	struct ioasid_space *space;
	u32 space_id;
	unsigned long type;
	bool joined;
};

/* ids.c */
struct ioasid_file *ioasid_file_create(void);
void ioasid_file_destroy(struct ioasid_file *f);
struct ioasid_space *ioasid_file_space(struct ioasid_file *f, u32 id);
int ioasid_file_alloc(struct ioasid_file *f, u32 *id);
int ioasid_file_free(struct ioasid_file *f, u32 id);
int ioasid_file_set_default(struct ioasid_file *f, u32 id);
int ioasid_file_set_type(struct ioasid_file *f, unsigned long type);
struct ioasid_space *ioasid_file_join(struct ioasid_file *f);

/* What VFIO's ioctls act on: nothing before VFIO_SET_IOMMU, or a group's joining. */
static inline struct ioasid_space *ioasid_file_vfio_space(struct ioasid_file *f,
							  unsigned long *type)
{
	*type = smp_load_acquire(&f->type);
	return *type || smp_load_acquire(&f->joined) ? f->space : NULL;
}

/**
 * struct ioasid_call - one call of /dev/ioasid's own interface
 * @file: the open /dev/ioasid
 * @user: the caller's structure
 * @size: its size, as the caller says
 * @known: the size that this kernel knows
 * @arg: a copy of that size; what the caller has not got is 0
 * @now: the task must not wait: a step that would wait fails with -EAGAIN instead, and
 *	nothing is done
 */
struct ioasid_call {
	struct ioasid_file *file;
	void __user *user;
	u32 size;
	u32 known;
	void *arg;
	bool now;
};

/*
 * ioasid_copy_words() - copy_from_user() of @n words, in line: for the structures of calls that
 * are frequent, where it takes less than the call of a function that copies any size
 *
 * Inline, with a number that the compiler knows. It may wait for a page fault. Return: 0; -EFAULT,
 * and then what is in @to is undefined.
 */
static __always_inline int ioasid_copy_words(u64 *to, const u64 __user *from, unsigned int n)
{
	unsigned int i;

	might_fault();
	if (should_fail_usercopy())
		return -EFAULT;
	/* An address of the kernel becomes one that faults: that takes no fence. */
	if (can_do_masked_user_access())
		from = masked_user_access_begin(from);
	else if (!user_read_access_begin(from, n * sizeof(*to)))
		return -EFAULT;
#pragma GCC unroll 16
	for (i = 0; i < n; i++)
		unsafe_get_user(to[i], from + i, fault);
	user_read_access_end();
	return 0;
fault:
	user_read_access_end();
	return -EFAULT;
}

/* ioctl.c: the table that decodes it */
long ioasid_ioctl(struct ioasid_file *f, unsigned int cmd, unsigned long arg);
long ioasid_ioctl_now(struct ioasid_file *f, unsigned int cmd, unsigned long arg);
bool ioasid_ioctl_on_ring(unsigned int cmd);

/* call.c: what the functions that carry it out share */
int ioasid_call_respond(struct ioasid_call *call);
int ioasid_call_answer(struct ioasid_call *call, const __u64 *out);
struct ioasid_space *ioasid_call_space(struct ioasid_call *call, u32 id);

/* fdinfo.c */
void ioasid_show_fdinfo(struct seq_file *m, struct file *file);

/* uring.c */
int ioasid_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags);

/* ioctl_info.c */
int ioasid_dirty_check(struct ioasid_space *space, struct ioasid_dirty_query *q);
long ioasid_ioctl_get_info(struct ioasid_call *call);
long ioasid_ioctl_iova_ranges(struct ioasid_call *call);
long ioasid_ioctl_allow_iovas(struct ioasid_call *call);
long ioasid_ioctl_dirty(struct ioasid_call *call);
long ioasid_ioctl_option(struct ioasid_call *call);
long ioasid_ioctl_change_owner(struct ioasid_call *call);

/* ioctl_map.c */
long ioasid_ioctl_map_dma(struct ioasid_call *call);
long ioasid_ioctl_map_file(struct ioasid_call *call);
long ioasid_ioctl_copy(struct ioasid_call *call);
long ioasid_ioctl_unmap_dma(struct ioasid_call *call);
long ioasid_ioctl_map_batch(struct ioasid_call *call);
long ioasid_ioctl_unmap_batch(struct ioasid_call *call);

/* Largest dirty bitmap that the capability chain promises, in bytes. */
#define IOASID_DIRTY_BITMAP_MAX	(1ULL << 28)

/* vfio_info.c */
long ioasid_vfio_get_info(struct ioasid_space *space, unsigned long arg);

#endif /* _IOASID_ABI_H */
