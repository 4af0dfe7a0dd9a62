// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls of /dev/ioasid's own: one table row each, with the rules about
 * sizes applied in one place for all of them.
 *
 * Who else can run: anything; no state lives here. The file's reference is the
 * caller's, and each handler holds one on the space it works on.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <uapi/linux/ioasid.h>
#include "ids.h"
#include "native.h"
#include "space.h"

/* ioasid_call_respond() - give the structure back, out_ members and all */
int ioasid_call_respond(struct ioasid_call *call)
{
	return copy_to_user(call->user, call->arg, min(call->size, call->known)) ? -EFAULT : 0;
}

/* ioasid_call_space() - the space a call is about, with a reference, or an ERR_PTR */
struct ioasid_space *ioasid_call_space(struct ioasid_call *call, u32 id)
{
	return ioasid_file_space(call->file, id) ?: ERR_PTR(-ENOENT);
}

static long native_alloc(struct ioasid_call *call)
{
	struct ioasid_alloc *arg = call->arg;
	long ret;

	if (arg->type)
		return -EOPNOTSUPP;
	ret = ioasid_file_alloc(call->file, &arg->out_ioasid);
	if (ret)
		return ret;
	ret = ioasid_call_respond(call);
	/* Nobody knows the id, though another thread may have guessed it. */
	if (ret)
		ioasid_file_free(call->file, arg->out_ioasid);
	return ret;
}

static long native_free(struct ioasid_call *call)
{
	struct ioasid_free *arg = call->arg;

	if (arg->__reserved)
		return -EOPNOTSUPP;
	return ioasid_file_free(call->file, arg->ioasid);
}

static long native_legacy(struct ioasid_call *call)
{
	struct ioasid_legacy *arg = call->arg;
	long ret = 0;

	if (arg->__reserved || arg->op > IOASID_LEGACY_SET)
		return -EOPNOTSUPP;
	if (arg->op == IOASID_LEGACY_SET)
		ret = ioasid_file_set_default(call->file, arg->ioasid);
	if (ret)
		return ret;
	arg->out_ioasid = READ_ONCE(call->file->space_id);
	return ioasid_call_respond(call);
}

/**
 * struct native_row - an ioctl
 * @fn: what it does
 * @flags: those it knows
 * @size: of its structure today
 * @min: of its first version
 */
struct native_row {
	long (*fn)(struct ioasid_call *call);
	u32 flags;
	u16 size;
	u16 min;
};

#define ROW(_cmd, _fn, _struct, _last, _flags)			\
	[_IOC_NR(_cmd)] = {					\
		.fn = _fn,					\
		.flags = _flags,				\
		.size = sizeof(struct _struct) +		\
			BUILD_BUG_ON_ZERO(offsetof(struct _struct, size) != 0 ||	\
					  offsetof(struct _struct, flags) != 4),	\
		.min = offsetofend(struct _struct, _last),	\
	}

static const struct native_row native_rows[] = {
	ROW(IOASID_ALLOC, native_alloc, ioasid_alloc, out_ioasid, 0),
	ROW(IOASID_FREE, native_free, ioasid_free, __reserved, 0),
	ROW(IOASID_LEGACY, native_legacy, ioasid_legacy, __reserved, 0),
};

/* The structures of all rows, in one place on the stack. */
union native_arg {
	struct {
		u32 size;
		u32 flags;
	};
	struct ioasid_alloc alloc;
	struct ioasid_free free;
	struct ioasid_legacy legacy;
};

long ioasid_native_ioctl(struct ioasid_file *f, unsigned int cmd, unsigned long user)
{
	struct ioasid_call call = { .file = f, .user = (void __user *)user };
	unsigned int nr = _IOC_NR(cmd);
	const struct native_row *row;
	union native_arg arg;
	int ret;

	if (nr >= ARRAY_SIZE(native_rows) || cmd != _IO(IOASID_TYPE, nr) || !native_rows[nr].fn)
		return -ENOTTY;
	row = &native_rows[nr];
	if (get_user(call.size, (u32 __user *)call.user))
		return -EFAULT;
	if (call.size < row->min)
		return -EINVAL;
	ret = copy_struct_from_user(&arg, row->size, call.user, call.size);
	if (ret)
		return ret;
	/* The caller may write it meanwhile: what was checked is what counts. */
	arg.size = call.size;
	if (arg.flags & ~row->flags)
		return -EOPNOTSUPP;
	call.known = row->size;
	call.arg = &arg;
	return row->fn(&call);
}
