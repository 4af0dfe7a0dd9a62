// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls of /dev/ioasid's own: one table row each, with the rules about
 * sizes applied in one place for all of them.
 *
 * What can run at the same time: anything; no state lives here. The caller has a reference
 * on the file, and each handler takes one on its space.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <uapi/linux/ioasid.h>
#include "abi.h"

static long ioctl_alloc(struct ioasid_call *call)
{
	struct ioasid_alloc *arg = call->arg;
	long ret;

	if (arg->type)
		return -EOPNOTSUPP;
	ret = ioasid_file_alloc(call->file, &arg->out_ioasid);
	if (ret)
		return ret;
	ret = ioasid_call_respond(call);
	/* The caller does not get the id; another thread may have guessed it, which is safe. */
	if (ret)
		ioasid_file_free(call->file, arg->out_ioasid);
	return ret;
}

static long ioctl_free(struct ioasid_call *call)
{
	struct ioasid_free *arg = call->arg;

	if (arg->__reserved)
		return -EOPNOTSUPP;
	return ioasid_file_free(call->file, arg->ioasid);
}

static long ioctl_legacy(struct ioasid_call *call)
{
	struct ioasid_legacy *arg = call->arg;
	bool set = arg->op == IOASID_LEGACY_SET;
	long ret;

	if (arg->__reserved || arg->op > IOASID_LEGACY_SET)
		return -EOPNOTSUPP;
	arg->out_ioasid = READ_ONCE(call->file->space_id);
	if (set && arg->ioasid)
		arg->out_ioasid = arg->ioasid;
	/* Respond before the change, so that an error means that nothing changed. */
	ret = ioasid_call_respond(call);
	return ret || !set ? ret : ioasid_file_set_default(call->file, arg->ioasid);
}

/**
 * struct ioctl_row - an ioctl
 * @fn: what it does
 * @flags: those it knows
 * @size: of its structure today
 * @min: of its first version
 */
struct ioctl_row {
	long (*fn)(struct ioasid_call *call);
	u32 flags;
	u16 size;
	u16 min;
};

#define MAP_FLAGS	\
	(IOASID_MAP_FLAG_READ | IOASID_MAP_FLAG_WRITE | IOASID_MAP_FLAG_FIXED_IOVA)

#define ROW(_cmd, _fn, _struct, _last, _flags)			\
	[_IOC_NR(_cmd)] = {					\
		.fn = _fn,					\
		.flags = _flags,				\
		.size = sizeof(struct _struct) +		\
			BUILD_BUG_ON_ZERO(offsetof(struct _struct, size) != 0 ||	\
					  offsetof(struct _struct, flags) != 4),	\
		.min = offsetofend(struct _struct, _last),	\
	}

static const struct ioctl_row ioctl_rows[] = {
	ROW(IOASID_ALLOC, ioctl_alloc, ioasid_alloc, out_ioasid, 0),
	ROW(IOASID_FREE, ioctl_free, ioasid_free, __reserved, 0),
	ROW(IOASID_LEGACY, ioctl_legacy, ioasid_legacy, __reserved, 0),
	ROW(IOASID_GET_INFO, ioasid_ioctl_get_info, ioasid_get_info, out_pgsizes, 0),
	ROW(IOASID_IOVA_RANGES, ioasid_ioctl_iova_ranges, ioasid_iova_ranges, out_alignment, 0),
	ROW(IOASID_ALLOW_IOVAS, ioasid_ioctl_allow_iovas, ioasid_allow_iovas, ranges, 0),
	ROW(IOASID_MAP_DMA, ioasid_ioctl_map_dma, ioasid_map_dma, out_iova,
	    MAP_FLAGS | IOASID_MAP_FLAG_SPARSE),
	ROW(IOASID_MAP_FILE, ioasid_ioctl_map_file, ioasid_map_file, out_iova, MAP_FLAGS),
	ROW(IOASID_COPY, ioasid_ioctl_copy, ioasid_copy, out_iova, MAP_FLAGS),
	ROW(IOASID_UNMAP_DMA, ioasid_ioctl_unmap_dma, ioasid_unmap_dma, out_length,
	    IOASID_UNMAP_FLAG_ALL | IOASID_UNMAP_FLAG_GET_DIRTY | IOASID_UNMAP_FLAG_SPLIT),
	ROW(IOASID_MAP_BATCH, ioasid_ioctl_map_batch, ioasid_map_batch, out_done, 0),
	ROW(IOASID_UNMAP_BATCH, ioasid_ioctl_unmap_batch, ioasid_unmap_batch, out_length, 0),
	ROW(IOASID_DIRTY, ioasid_ioctl_dirty, ioasid_dirty, data_size, 0),
	ROW(IOASID_OPTION, ioasid_ioctl_option, ioasid_option, out_value, 0),
	ROW(IOASID_CHANGE_OWNER, ioasid_ioctl_change_owner, ioasid_change_owner, __reserved, 0),
};

/* The structures of all rows, in one place on the stack. */
union ioctl_arg {
	struct {
		u32 size;
		u32 flags;
	};
	struct ioasid_alloc alloc;
	struct ioasid_free free;
	struct ioasid_legacy legacy;
	struct ioasid_get_info get_info;
	struct ioasid_iova_ranges iova_ranges;
	struct ioasid_allow_iovas allow_iovas;
	struct ioasid_map_dma map_dma;
	struct ioasid_map_file map_file;
	struct ioasid_copy copy;
	struct ioasid_unmap_dma unmap_dma;
	struct ioasid_map_batch map_batch;
	struct ioasid_unmap_batch unmap_batch;
	struct ioasid_dirty dirty;
	struct ioasid_option option;
	struct ioasid_change_owner change_owner;
};

static const struct ioctl_row *ioctl_row(unsigned int cmd)
{
	unsigned int nr = _IOC_NR(cmd);

	if (nr >= ARRAY_SIZE(ioctl_rows) || cmd != _IO(IOASID_TYPE, nr) || !ioctl_rows[nr].fn)
		return NULL;
	return &ioctl_rows[nr];
}

/* ioasid_ioctl_on_ring() - may a ring make this call: those that pin or unpin take long */
bool ioasid_ioctl_on_ring(unsigned int cmd)
{
	switch (cmd) {
	case IOASID_MAP_DMA:
	case IOASID_MAP_FILE:
	case IOASID_COPY:
	case IOASID_UNMAP_DMA:
	case IOASID_MAP_BATCH:
	case IOASID_UNMAP_BATCH:
		return true;
	default:
		return false;
	}
}

/* Copy a structure in that may be of another version. */
static noinline int ioctl_copy_any(union ioctl_arg *arg, const struct ioctl_row *row,
				   const struct ioasid_call *call)
{
	return copy_struct_from_user(arg, row->size, call->user, call->size);
}

/* Decode a call, and carry it out. Inline: where @row is known, so is what is in it. */
static __always_inline long ioctl_decode(const struct ioctl_row *row, struct ioasid_file *f,
					 unsigned long user, bool now)
{
	struct ioasid_call call = { .file = f, .user = (void __user *)user, .now = now };
	/* Copied in, as far as the row says. */
	union ioctl_arg arg __uninitialized;
	int ret;

	if (get_user(call.size, (u32 __user *)call.user))
		return -EFAULT;
	if (call.size < row->min)
		return -EINVAL;
	if (__builtin_constant_p(row->size) && !(row->size % sizeof(u64)) &&
	    call.size == row->size)
		ret = ioasid_copy_words((u64 *)&arg, call.user, row->size / sizeof(u64));
	else
		ret = ioctl_copy_any(&arg, row, &call);
	if (ret)
		return ret;
	/* The caller may have changed it since: use the value that was checked. */
	arg.size = call.size;
	if (arg.flags & ~row->flags)
		return -EOPNOTSUPP;
	call.known = row->size;
	call.arg = &arg;
	return row->fn(&call);
}

/* Calls that are frequent have a row that the compiler knows. */
static long ioctl_call(struct ioasid_file *f, unsigned int cmd, unsigned long user, bool now)
{
	const struct ioctl_row *row;

	if (cmd == IOASID_MAP_DMA)
		return ioctl_decode(&ioctl_rows[_IOC_NR(IOASID_MAP_DMA)], f, user, now);
	if (cmd == IOASID_UNMAP_DMA)
		return ioctl_decode(&ioctl_rows[_IOC_NR(IOASID_UNMAP_DMA)], f, user, now);
	row = ioctl_row(cmd);
	return row ? ioctl_decode(row, f, user, now) : -ENOTTY;
}

/*
 * ioasid_ioctl() - decode a call of our own and carry it out
 *
 * Return: what the call returns; -ENOTTY for a number that is none of ours, -EINVAL for
 * a structure shorter than its first version, -E2BIG for a longer one whose unknown
 * rest is not 0, -EOPNOTSUPP for unknown flags, -EFAULT.
 */
long ioasid_ioctl(struct ioasid_file *f, unsigned int cmd, unsigned long user)
{
	return ioctl_call(f, cmd, user, false);
}

/*
 * ioasid_ioctl_now() - the same in a task that must not wait
 *
 * Return: -EAGAIN if it had to wait, with nothing done; else as ioasid_ioctl().
 */
long ioasid_ioctl_now(struct ioasid_file *f, unsigned int cmd, unsigned long user)
{
	if (cmd != IOASID_MAP_DMA && cmd != IOASID_UNMAP_DMA)
		return -EAGAIN;
	/* A submitter may have many of them, one after the other. */
	cond_resched();
	return ioctl_call(f, cmd, user, true);
}
