// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls of /dev/ioasid's own for information, ranges, dirty tracking and options.
 *
 * What can run at the same time: anything. Values that belong together are read or changed
 * under one hold of areas_lock; user memory is accessed with no lock held.
 */
#include <linux/capability.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/uaccess.h>

#include <uapi/linux/ioasid.h>
#include "ops/ops.h"
#include "abi.h"

static void info_fill(struct ioasid_space *space, struct ioasid_get_info *arg)
{
	struct ioasid_domain *d;
	struct ioasid_space_pages sum;
	bool coherent = true;

	ioasid_space_pages(space, &sum);
	arg->out_pinned = sum.pinned;
	arg->out_charged = sum.charged;
	mutex_lock(&space->areas_lock);
	list_for_each_entry(d, &space->domains, link)
		coherent &= d->coherent;
	arg->out_space = space->entry.id;
	arg->out_flags = (space->tracking ? IOASID_INFO_TRACKING : 0) |
			 (coherent ? IOASID_INFO_COHERENT : 0);
	arg->out_domains = list_count_nodes(&space->domains);
	arg->out_groups = list_count_nodes(&space->groups);
	arg->out_avail = space->avail;
	arg->out_maps = space->maps;
	arg->out_bytes = space->bytes;
	arg->out_pgsizes = space->pgsizes;
	mutex_unlock(&space->areas_lock);
}

/* IOASID_GET_INFO */
long ioasid_ioctl_get_info(struct ioasid_call *call)
{
	struct ioasid_get_info *arg = call->arg;
	struct ioasid_space *space = ioasid_call_space(call, arg->ioasid);

	if (IS_ERR(space))
		return PTR_ERR(space);
	info_fill(space, arg);
	if (!arg->ioasid || arg->ioasid == READ_ONCE(call->file->space_id))
		arg->out_flags |= IOASID_INFO_DEFAULT;
	ioasid_space_put(space);
	return ioasid_call_respond(call);
}

/* A copy of the IOVA ranges, at least one. */
static struct ioasid_iova_range *ranges_copy(struct ioasid_space *space,
					     struct ioasid_iova_ranges *arg)
{
	struct ioasid_ranges *ws = &space->iova_ranges;
	struct ioasid_iova_range *r;
	unsigned int i;

	mutex_lock(&space->areas_lock);
	arg->out_nr_ranges = ws->nr ?: 1;
	arg->out_alignment = ioasid_space_pgsize(space);
	r = kmalloc_array(arg->out_nr_ranges, sizeof(*r), GFP_KERNEL_ACCOUNT);
	if (r)
		r[0] = (struct ioasid_iova_range){ .last = U64_MAX };
	for (i = 0; r && i < ws->nr; i++)
		r[i] = (struct ioasid_iova_range){ ws->range[i].start, ws->range[i].last };
	mutex_unlock(&space->areas_lock);
	return r;
}

/* IOASID_IOVA_RANGES: with -EMSGSIZE the caller learns how much room it needs */
long ioasid_ioctl_iova_ranges(struct ioasid_call *call)
{
	struct ioasid_iova_ranges *arg = call->arg;
	struct ioasid_iova_range *r;
	struct ioasid_space *space;
	long ret = 0;

	if (arg->__reserved)
		return -EOPNOTSUPP;
	space = ioasid_call_space(call, arg->ioasid);
	if (IS_ERR(space))
		return PTR_ERR(space);
	r = ranges_copy(space, arg);
	ioasid_space_put(space);
	if (!r)
		return -ENOMEM;
	if (arg->out_nr_ranges > arg->nr_ranges)
		ret = -EMSGSIZE;
	else if (copy_to_user(u64_to_user_ptr(arg->ranges), r, arg->out_nr_ranges * sizeof(*r)))
		ret = -EFAULT;
	kfree(r);
	return ioasid_call_respond(call) ?: ret;
}

static int allow_order(const void *a, const void *b)
{
	const struct ioasid_iova_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Copy the caller's list. */
static int allow_copy(struct ioasid_ranges *ws, u64 ranges)
{
	if (!ws->nr)
		return 0;
	/* Charged to the memory cgroup, unlike with memdup_user(): the list stays with the space. */
	ws->range = kmalloc_array(ws->nr, sizeof(*ws->range), GFP_KERNEL_ACCOUNT);
	if (!ws->range)
		return -ENOMEM;
	return copy_from_user(ws->range, u64_to_user_ptr(ranges), ws->nr * sizeof(*ws->range)) ?
	       -EFAULT : 0;
}

/* In order, and apart from each other. */
static int allow_check(struct ioasid_ranges *ws)
{
	unsigned int i;

	sort(ws->range, ws->nr, sizeof(*ws->range), allow_order, NULL);
	for (i = 0; i < ws->nr; i++)
		if (ws->range[i].start > ws->range[i].last ||
		    (i && ws->range[i].start <= ws->range[i - 1].last))
			return -EINVAL;
	return 0;
}

static int allow_set(struct ioasid_space *space, struct ioasid_ranges *ws)
{
	unsigned int i;
	int ret = 0;

	mutex_lock(&space->areas_lock);
	for (i = 0; i < ws->nr && !ret; i++)
		if (!ioasid_ranges_contain(&space->iova_ranges, ws->range[i].start,
					   ws->range[i].last))
			ret = -EADDRINUSE;
	if (!ret)
		swap(space->allowed, *ws);
	mutex_unlock(&space->areas_lock);
	return ret;
}

/* IOASID_ALLOW_IOVAS: it is set as a whole, or not at all */
long ioasid_ioctl_allow_iovas(struct ioasid_call *call)
{
	struct ioasid_allow_iovas *arg = call->arg;
	struct ioasid_ranges ws = { .nr = arg->nr_ranges };
	struct ioasid_space *space;
	long ret;

	if (ws.nr > IOASID_ALLOW_MAX)
		return -EINVAL;
	space = ioasid_call_space(call, arg->ioasid);
	if (IS_ERR(space))
		return PTR_ERR(space);
	ret = allow_copy(&ws, arg->ranges) ?: allow_check(&ws) ?: allow_set(space, &ws);
	ioasid_ranges_free(&ws);
	ioasid_space_put(space);
	return ret;
}

/* ioasid_dirty_check() - does the bitmap fit the range; what a bit stands for goes to @q */
int ioasid_dirty_check(struct ioasid_space *space, struct ioasid_dirty_query *q)
{
	u64 pgsize, last, need;

	mutex_lock(&space->areas_lock);
	pgsize = ioasid_space_pgsize(space);
	mutex_unlock(&space->areas_lock);
	if (!q->length || (q->iova | q->length) & (pgsize - 1))
		return -EINVAL;
	q->shift = __ffs64(pgsize);
	if (check_add_overflow(q->iova, q->length - 1, &last))
		return -EOVERFLOW;
	need = DIV_ROUND_UP(q->length / pgsize, 64) * sizeof(u64);
	if (q->size < need)
		return -EINVAL;
	return access_ok(q->bits, need) ? 0 : -EFAULT;
}

static long ioctl_dirty_get(struct ioasid_space *space, struct ioasid_dirty *arg)
{
	struct ioasid_dirty_query q = {
		.iova = arg->iova,
		.length = arg->length,
		.bits = u64_to_user_ptr(arg->data),
		.size = arg->data_size,
	};
	struct ioasid_dirty_piece *piece;
	long ret;

	ret = ioasid_dirty_check(space, &q);
	if (ret)
		return ret;
	/* The only valid size. */
	if (arg->page_size != BIT_ULL(q.shift))
		return -EINVAL;
	piece = ioasid_dirty_piece_alloc();
	if (!piece)
		return -ENOMEM;
	ret = ioasid_dirty_get(space, &q, piece, arg->op == IOASID_DIRTY_OP_GET);
	kvfree(piece);
	return ret;
}

/* IOASID_DIRTY */
long ioasid_ioctl_dirty(struct ioasid_call *call)
{
	struct ioasid_dirty *arg = call->arg;
	struct ioasid_space *space = ioasid_call_space(call, arg->ioasid);
	long ret = 0;

	if (IS_ERR(space))
		return PTR_ERR(space);
	switch (arg->op) {
	case IOASID_DIRTY_OP_START:
		ret = ioasid_dirty_start(space);
		break;
	case IOASID_DIRTY_OP_STOP:
		ioasid_dirty_stop(space);
		break;
	case IOASID_DIRTY_OP_GET:
	case IOASID_DIRTY_OP_GET_NO_CLEAR:
		ret = ioctl_dirty_get(space, arg);
		break;
	default:
		ret = -EOPNOTSUPP;
	}
	ioasid_space_put(space);
	return ret;
}

static int set_account_mode(struct ioasid_space *space, u64 value)
{
	if (value > IOASID_ACCOUNT_USER)
		return -EINVAL;
	if (!capable(CAP_SYS_RESOURCE))
		return -EPERM;
	/* Mappings in flight count, too: they were counted when they began. */
	if (space->avail != space->limit)
		return -EBUSY;
	WRITE_ONCE(space->account_user, value == IOASID_ACCOUNT_USER);
	return 0;
}

static int set_map_limit(struct ioasid_space *space, u64 value)
{
	unsigned int used = space->limit - space->avail;

	if (!value || value > U32_MAX)
		return -EINVAL;
	if (value > READ_ONCE(ioasid_dma_entry_limit) && value > space->limit &&
	    !capable(CAP_SYS_RESOURCE))
		return -EPERM;
	if (value < used)
		return -EBUSY;
	space->limit = value;
	space->avail = value - used;
	return 0;
}

/* areas_lock is held. */
static int option_set(struct ioasid_space *space, const struct ioasid_option *arg)
{
	lockdep_assert_held(&space->areas_lock);
	switch (arg->option) {
	case IOASID_OPTION_ACCOUNT_MODE:
		return set_account_mode(space, arg->value);
	case IOASID_OPTION_HUGE_PAGES:
		if (arg->value > 1)
			return -EINVAL;
		space->huge = arg->value;
		return 0;
	case IOASID_OPTION_CHARGE_SHARED:
		if (arg->value > 1)
			return -EINVAL;
		WRITE_ONCE(space->charge_shared, arg->value);
		return 0;
	default:
		return set_map_limit(space, arg->value);
	}
}

static u64 option_get(struct ioasid_space *space, u32 option)
{
	switch (option) {
	case IOASID_OPTION_ACCOUNT_MODE:
		return space->account_user ? IOASID_ACCOUNT_USER : IOASID_ACCOUNT_MM;
	case IOASID_OPTION_HUGE_PAGES:
		return space->huge;
	case IOASID_OPTION_CHARGE_SHARED:
		return space->charge_shared;
	default:
		return space->limit;
	}
}

/* IOASID_OPTION: when the call fails the option has not changed */
long ioasid_ioctl_option(struct ioasid_call *call)
{
	struct ioasid_option *arg = call->arg;
	struct ioasid_space *space;
	long ret = 0;

	if (arg->__reserved || arg->option > IOASID_OPTION_CHARGE_SHARED ||
	    arg->op > IOASID_OPTION_SET)
		return -EOPNOTSUPP;
	space = ioasid_call_space(call, arg->ioasid);
	if (IS_ERR(space))
		return PTR_ERR(space);
	if (arg->op == IOASID_OPTION_SET) {
		/* Respond before the change, so that an error means that nothing changed. */
		arg->out_value = arg->value;
		ret = ioasid_call_respond(call);
	}
	mutex_lock(&space->areas_lock);
	if (arg->op == IOASID_OPTION_GET)
		arg->out_value = option_get(space, arg->option);
	else if (!ret)
		ret = option_set(space, arg);
	mutex_unlock(&space->areas_lock);
	ioasid_space_put(space);
	return arg->op == IOASID_OPTION_GET ? ioasid_call_respond(call) : ret;
}

/* IOASID_CHANGE_OWNER */
long ioasid_ioctl_change_owner(struct ioasid_call *call)
{
	struct ioasid_change_owner *arg = call->arg;
	struct ioasid_space *space;
	long ret;

	if (arg->__reserved)
		return -EOPNOTSUPP;
	space = ioasid_call_space(call, arg->ioasid);
	if (IS_ERR(space))
		return PTR_ERR(space);
	ret = ioasid_space_change_owner(space);
	ioasid_space_put(space);
	return ret;
}
