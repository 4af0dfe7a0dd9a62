// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls of /dev/ioasid's own that map and unmap: decode the structures, and write the
 * answers.
 *
 * What can run at the same time: anything; no state lives here. Answers are written while
 * the call can still fail, or else a failed write undoes the call.
 */
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <uapi/linux/ioasid.h>
#include "ops/ops.h"
#include "abi.h"

/* The core's flags for those of a call. */
static u32 map_flags(u32 flags)
{
	u32 out = IOASID_MAP_NATIVE;

	if (flags & IOASID_MAP_FLAG_READ)
		out |= IOASID_MAP_READ;
	if (flags & IOASID_MAP_FLAG_WRITE)
		out |= IOASID_MAP_WRITE;
	if (!(flags & IOASID_MAP_FLAG_FIXED_IOVA))
		out |= IOASID_MAP_ANYWHERE;
	return out;
}

static u64 map_iova(u32 flags, u64 iova)
{
	return flags & IOASID_MAP_FLAG_FIXED_IOVA ? iova : 0;
}

/* Unmap again: the caller does not get to know the address. */
static noinline void map_take_back(struct ioasid_map_call *c)
{
	u64 unused;

	ioasid_unmap(c->space, c->args.iova, c->args.length, IOASID_UNMAP_NATIVE, &unused);
}

/* Map, and write the address to the caller; unmap again if that fails. */
static long map_and_respond(struct ioasid_call *call, struct ioasid_map_call *c, __u64 *out)
{
	long ret;

	ret = ioasid_map_make(c);
	if (ret)
		return ret;
	*out = c->args.iova;
	ret = ioasid_call_answer(call, out);
	if (unlikely(ret))
		map_take_back(c);
	return ret;
}

/* Also after a map that failed because of the number of holes: the caller is to know it. */
static noinline long map_sparse(struct ioasid_call *call, struct ioasid_map_call *c,
				struct ioasid_map_dma *arg)
{
	struct ioasid_map_holes holes = {
		.to = u64_to_user_ptr(arg->holes),
		.room = arg->nr_holes,
	};
	long ret;

	/* The list is written in the middle of the map, and that may wait. */
	if (call->now)
		return -EAGAIN;
	c->args.flags |= IOASID_MAP_SPARSE;
	c->holes = &holes;
	ret = ioasid_map_make(c);
	if (ret && ret != -EMSGSIZE)
		return ret;
	arg->out_iova = ret ? 0 : c->args.iova;
	arg->out_nr_holes = holes.nr;
	arg->out_mapped = ret ? 0 : holes.mapped;
	if (!ioasid_call_respond(call))
		return ret;
	if (!ret)
		map_take_back(c);
	return -EFAULT;
}

/* IOASID_MAP_DMA */
__flatten long ioasid_ioctl_map_dma(struct ioasid_call *call)
{
	struct ioasid_map_dma *arg = call->arg;
	bool sparse = arg->flags & IOASID_MAP_FLAG_SPARSE;
	struct ioasid_map_call c __uninitialized;
	struct ioasid_space *space;
	long ret;

	if ((arg->holes && !sparse) || (arg->nr_holes && !arg->holes))
		return -EINVAL;
	space = ioasid_call_space(call, arg->ioasid);
	if (IS_ERR(space))
		return PTR_ERR(space);
	ioasid_map_init(&c, space, map_iova(arg->flags, arg->iova), arg->user_va, arg->length,
			map_flags(arg->flags));
	c.args.workers = arg->workers;
	c.pin.now = call->now;
	c.pin.later = call->now;
	if (unlikely(sparse))
		ret = map_sparse(call, &c, arg);
	else if (!call->now || ioasid_map_may_now(&c))
		ret = map_and_respond(call, &c, &arg->out_iova);
	else
		ret = -EAGAIN;
	ioasid_space_put(space);
	return ret;
}

/* IOASID_MAP_FILE */
long ioasid_ioctl_map_file(struct ioasid_call *call)
{
	struct ioasid_map_file *arg = call->arg;
	struct ioasid_map_call c __uninitialized;
	struct ioasid_space *space;
	long ret;

	space = ioasid_call_space(call, arg->ioasid);
	if (IS_ERR(space))
		return PTR_ERR(space);
	ioasid_map_init(&c, space, map_iova(arg->flags, arg->iova), arg->start, arg->length,
			map_flags(arg->flags) | IOASID_MAP_OF_FILE);
	c.pin.file = fget(arg->fd);
	ret = c.pin.file ? map_and_respond(call, &c, &arg->out_iova) : -EBADF;
	if (c.pin.file)
		fput(c.pin.file);
	ioasid_space_put(space);
	return ret;
}

/* IOASID_COPY: both address spaces are kept until it ends */
long ioasid_ioctl_copy(struct ioasid_call *call)
{
	struct ioasid_copy *arg = call->arg;
	struct ioasid_map_call c __uninitialized;
	struct ioasid_space *dst, *src;
	long ret;

	dst = ioasid_call_space(call, arg->dst_ioasid);
	if (IS_ERR(dst))
		return PTR_ERR(dst);
	src = ioasid_call_space(call, arg->src_ioasid);
	if (IS_ERR(src)) {
		ioasid_space_put(dst);
		return PTR_ERR(src);
	}
	ioasid_map_init(&c, dst, map_iova(arg->flags, arg->dst_iova), 0, arg->length,
			map_flags(arg->flags) | IOASID_MAP_SHARED);
	ret = ioasid_share(src, arg->src_iova, arg->length, &c);
	ioasid_space_put(src);
	if (!ret)
		ret = map_and_respond(call, &c, &arg->out_iova);
	ioasid_space_put(dst);
	return ret;
}

static noinline long ioctl_unmap_dirty(struct ioasid_space *space, struct ioasid_unmap_dma *arg,
				       u32 flags)
{
	struct ioasid_dirty_query q = {
		.iova = arg->iova,
		.length = arg->length,
		.cut = flags & IOASID_UNMAP_SPLIT,
		.bits = u64_to_user_ptr(arg->dirty),
		.size = arg->dirty_size,
	};
	long ret = ioasid_dirty_check(space, &q);

	return ret ?: ioasid_unmap_dirty(space, IOASID_UNMAP_NATIVE | flags, &q, &arg->out_length);
}

/* IOASID_UNMAP_DMA */
__flatten long ioasid_ioctl_unmap_dma(struct ioasid_call *call)
{
	struct ioasid_unmap_dma *arg = call->arg;
	struct ioasid_space *space;
	u32 flags = 0;
	long ret;

	if (arg->__reserved)
		return -EOPNOTSUPP;
	if (arg->flags & IOASID_UNMAP_FLAG_ALL && arg->flags != IOASID_UNMAP_FLAG_ALL)
		return -EINVAL;
	if (call->now && arg->flags)
		return -EAGAIN;
	if (arg->flags & IOASID_UNMAP_FLAG_ALL)
		flags |= IOASID_UNMAP_ALL;
	if (arg->flags & IOASID_UNMAP_FLAG_SPLIT)
		flags |= IOASID_UNMAP_SPLIT;
	space = ioasid_call_space(call, arg->ioasid);
	if (IS_ERR(space))
		return PTR_ERR(space);

	/* An unmap cannot be undone: check first that the answer can be written. */
	arg->out_length = 0;
	ret = ioasid_call_answer(call, &arg->out_length);
	if (!ret && arg->flags & IOASID_UNMAP_FLAG_GET_DIRTY)
		ret = ioctl_unmap_dirty(space, arg, flags);
	else if (!ret)
		ret = ioasid_unmap_native(space, arg->iova, arg->length, flags, call->now,
					  &arg->out_length);
	ioasid_space_put(space);
	return ioasid_call_answer(call, &arg->out_length) ?: ret;
}

/* The entries of a batch, each cut or padded to what we know of it. */
static void *batch_copy_entries(u64 from, u32 nr, u32 entry_size, size_t known, size_t min)
{
	const char __user *user = u64_to_user_ptr(from);
	char *to;
	u32 i;
	int ret;

	if (!nr || nr > IOASID_BATCH_MAX || entry_size < min)
		return ERR_PTR(-EINVAL);
	to = kvmalloc_array(nr, known, GFP_KERNEL_ACCOUNT);
	if (!to)
		return ERR_PTR(-ENOMEM);
	if (entry_size == known) {
		ret = copy_from_user(to, user, nr * known) ? -EFAULT : 0;
	} else {
		for (i = 0, ret = 0; i < nr && !ret; ioasid_area_break(&i))
			ret = copy_struct_from_user(to + i * known, known,
						    user + (size_t)i * entry_size, entry_size);
	}
	if (!ret)
		return to;
	kvfree(to);
	return ERR_PTR(ret);
}

/* Write the addresses of entries to the caller; before the map, when it can still fail. */
static unsigned int ioctl_batch_respond(void *data, unsigned int i, const struct ioasid_map_call *c,
					unsigned int nr)
{
	const size_t size = offsetofend(struct ioasid_map_entry, out_iova);
	struct ioasid_map_batch *arg = data;
	struct ioasid_map_entry __user *user;
	unsigned int n = 0;

	user = u64_to_user_ptr(arg->entries + (u64)i * arg->entry_size);
	if (!user_write_access_begin(user, (size_t)arg->entry_size * (nr - 1) + size))
		return 0;
	for (; n < nr; n++) {
		unsafe_put_user(c[n].args.iova, &user->out_iova, stop);
		user = (void __user *)user + arg->entry_size;
	}
stop:
	user_write_access_end();
	return n;
}

static int ioctl_batch_fill(void *data, unsigned int i, const void *entries,
			    struct ioasid_map_call *c)
{
	const struct ioasid_map_entry *e = (const struct ioasid_map_entry *)entries + i;
	const u32 known = IOASID_MAP_FLAG_READ | IOASID_MAP_FLAG_WRITE | IOASID_MAP_FLAG_FIXED_IOVA;

	if (e->flags & ~known || e->__reserved)
		return -EOPNOTSUPP;
	c->args.iova = map_iova(e->flags, e->iova);
	c->args.vaddr = e->user_va;
	c->args.length = e->length;
	c->args.flags = map_flags(e->flags);
	return 0;
}

/* IOASID_MAP_BATCH: out_done says how many entries are mapped, also when it fails */
__flatten long ioasid_ioctl_map_batch(struct ioasid_call *call)
{
	struct ioasid_map_batch *arg = call->arg;
	struct ioasid_map_batch_call batch = {
		.fill = ioctl_batch_fill,
		.respond = ioctl_batch_respond,
		.data = arg,
		.nr = arg->nr_entries,
	};
	void *entries;
	long ret;

	arg->out_done = 0;
	ret = ioasid_call_respond(call);
	if (ret)
		return ret;
	batch.space = ioasid_call_space(call, arg->ioasid);
	if (IS_ERR(batch.space))
		return PTR_ERR(batch.space);
	entries = batch_copy_entries(arg->entries, arg->nr_entries, arg->entry_size,
				     sizeof(struct ioasid_map_entry),
				     offsetofend(struct ioasid_map_entry, out_iova));
	ret = PTR_ERR_OR_ZERO(entries);
	if (!ret) {
		batch.entries = entries;
		ret = ioasid_map_many(&batch);
		arg->out_done = batch.done;
		kvfree(entries);
	}
	ioasid_space_put(batch.space);
	return ioasid_call_respond(call) ?: ret;
}

static int batch_check_ranges(const struct ioasid_iova_range *r, u32 nr)
{
	u32 i;

	for (i = 0; i < nr && r[i].start <= r[i].last; i++)
		;
	return i;
}

/* IOASID_UNMAP_BATCH: out_done says how many ranges are unmapped, also when it fails */
long ioasid_ioctl_unmap_batch(struct ioasid_call *call)
{
	struct ioasid_unmap_batch *arg = call->arg;
	struct ioasid_iova_range *ranges;
	struct ioasid_space *space;
	u32 good;
	long ret;

	arg->out_done = 0;
	arg->out_length = 0;
	ret = ioasid_call_respond(call);
	if (ret)
		return ret;
	space = ioasid_call_space(call, arg->ioasid);
	if (IS_ERR(space))
		return PTR_ERR(space);
	ranges = batch_copy_entries(arg->entries, arg->nr_entries, arg->entry_size, sizeof(*ranges),
				    sizeof(*ranges));
	ret = PTR_ERR_OR_ZERO(ranges);
	if (!ret) {
		good = batch_check_ranges(ranges, arg->nr_entries);
		if (good)
			ret = ioasid_unmap_ranges(space, ranges, good, &arg->out_done,
						  &arg->out_length);
		if (!ret && good < arg->nr_entries)
			ret = -EINVAL;
		kvfree(ranges);
	}
	ioasid_space_put(space);
	return ioasid_call_respond(call) ?: ret;
}
