// SPDX-License-Identifier: GPL-2.0-only
/*
 * All address spaces: finding them, and showing what is in them to people and
 * to BPF programs.
 *
 * Who else can run: anything. The table is read under RCU; who finds a space
 * there takes a reference on its memory, which keeps neither its mappings nor
 * its life: it may be torn down at any moment, and is then empty. Numbers are
 * read without a lock where the reader may not sleep.
 */
#include <linux/debugfs.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/string_helpers.h>

#include "lib/who.h"
#include "pin/pages.h"
#include "space.h"
#include "user.h"

static DEFINE_XARRAY_FLAGS(spaces, XA_FLAGS_ACCOUNT);	/* by id */
static DEFINE_MUTEX(spaces_lock);	/* guards the counter, so that ids rise in the table */
static u32 spaces_last_id;
static atomic_t spaces_nr;
static struct dentry *debugfs_dir;

/* ioasid_spaces_add() - give it an id and make it findable; 0 or -ENOMEM */
int ioasid_spaces_add(struct ioasid_space *space, gfp_t gfp)
{
	int ret;

	mutex_lock(&spaces_lock);
	space->id = spaces_last_id + 1;
	ioasid_who_current(&space->owner, space->id);
	ret = xa_err(xa_store(&spaces, space->id, space, gfp));
	if (!ret)
		spaces_last_id++;
	mutex_unlock(&spaces_lock);
	if (!ret)
		atomic_inc(&spaces_nr);
	return ret;
}

void ioasid_spaces_remove(struct ioasid_space *space)
{
	xa_erase(&spaces, space->id);
	atomic_dec(&spaces_nr);
}

/* ioasid_spaces_hold() - can @space still be found? */
bool ioasid_spaces_hold(const struct ioasid_space *space)
{
	return xa_load(&spaces, space->id) == space;
}

unsigned int ioasid_spaces_count(void)
{
	return atomic_read(&spaces_nr);
}

/* ioasid_space_choice() - which policy the space of that id selected */
u32 ioasid_space_choice(u32 id)
{
	struct ioasid_space *space;
	u32 choice;

	rcu_read_lock();
	space = xa_load(&spaces, id);
	choice = space ? READ_ONCE(space->choice) : 0;
	rcu_read_unlock();
	return choice;
}

/* ioasid_space_find() - by id, with a reference on its memory; or NULL */
struct ioasid_space *ioasid_space_find(u32 id)
{
	struct ioasid_space *space;

	rcu_read_lock();
	space = xa_load(&spaces, id);
	if (space && !refcount_inc_not_zero(&space->memory))
		space = NULL;
	rcu_read_unlock();
	return space;
}

/* ioasid_space_find_after() - the first one with a higher id than @id, which becomes its */
struct ioasid_space *ioasid_space_find_after(u32 *id)
{
	struct ioasid_space *space;
	unsigned long at = *id;

	rcu_read_lock();
	do {
		space = xa_find_after(&spaces, &at, U32_MAX, XA_PRESENT);
	} while (space && !refcount_inc_not_zero(&space->memory));
	rcu_read_unlock();
	if (space)
		*id = at;
	return space;
}

/* ioasid_space_remember() - another reference on its memory */
void ioasid_space_remember(struct ioasid_space *space)
{
	refcount_inc(&space->memory);
}

/* ioasid_space_forget() - drop one; does not sleep */
void ioasid_space_forget(struct ioasid_space *space)
{
	if (refcount_dec_and_test(&space->memory))
		kfree_rcu(space, rcu);
}

/* ioasid_spaces_each() - call @each for every space, with a reference on its memory */
void ioasid_spaces_each(void (*each)(struct ioasid_space *space, void *data), void *data)
{
	struct ioasid_space *space;
	u32 id = 0;

	while ((space = ioasid_space_find_after(&id))) {
		each(space, data);
		ioasid_space_forget(space);
	}
}

/* ioasid_space_describe() - for tracepoints and policies; the opener is who */
void ioasid_space_describe(struct ioasid_space *space, struct ioasid_space_args *args)
{
	*args = (struct ioasid_space_args) {
		.who = space->owner,
		.flags = space->flags & IOASID_SPACE_CONTAINER ? IOASID_SPACE_ARGS_CONTAINER : 0,
		.maps = READ_ONCE(space->maps),
		.bytes = READ_ONCE(space->bytes),
	};
}

/* ioasid_space_show() - for BPF programs; does not sleep */
void ioasid_space_show(struct ioasid_space *space, struct ioasid_space_info *info)
{
	memset(info, 0, sizeof(*info));
	info->owner = space->owner;
	info->flags = space->flags & IOASID_SPACE_CONTAINER ? IOASID_SPACE_ARGS_CONTAINER : 0;
	info->groups = READ_ONCE(space->nr_groups);
	info->domains = READ_ONCE(space->nr_domains);
	info->sealed = READ_ONCE(space->sealed);
	info->maps = READ_ONCE(space->maps);
	info->bytes = READ_ONCE(space->bytes);
	info->avail = READ_ONCE(space->avail);
	info->pgsizes = READ_ONCE(space->pgsizes);
	strscpy(info->policy, ioasid_policy_choice_name(READ_ONCE(space->choice)),
		sizeof(info->policy));
	strscpy(info->comm, space->comm, sizeof(info->comm));
}

static u64 area_user_pins(struct ioasid_area *area)
{
	unsigned long index;
	u64 n = 0;
	void *x;

	xa_for_each(&area->pins, index, x)
		n++;
	return n;
}

/**
 * ioasid_space_show_mapping() - the first mapping that touches [first, last]
 * @space: may be torn down already: then there is none
 * @first: lowest address
 * @last: highest address
 * @info: filled in when there is one
 */
bool ioasid_space_show_mapping(struct ioasid_space *space, u64 first, u64 last,
			       struct ioasid_mapping_info *info)
{
	struct ioasid_area *area;
	bool live;

	mutex_lock(&space->areas_lock);
	area = ioasid_area_first(space, first, last);
	if (area) {
		live = area->state == IOASID_AREA_LIVE;
		memset(info, 0, sizeof(*info));
		info->owner = area->pages->who;
		info->iova = ioasid_area_start(area);
		info->length = ioasid_area_bytes(area);
		info->vaddr = area->pages->vaddr + (area->first << PAGE_SHIFT);
		info->pages = live && READ_ONCE(area->pages->pinned) ? ioasid_area_npages(area) : 0;
		info->charged = READ_ONCE(area->pages->charged);
		info->runs = READ_ONCE(area->pages->ext.nr);
		info->user_pins = area_user_pins(area);
		info->flags = (area->prot & IOMMU_READ ? IOASID_MAP_READ : 0) |
			      (area->prot & IOMMU_WRITE ? IOASID_MAP_WRITE : 0) |
			      (live ? 0 : IOASID_MAPPING_BUSY);
	}
	mutex_unlock(&space->areas_lock);
	return area;
}

/* ioasid_space_pages() - pages pinned for a space, and *@charged; areas_lock is held */
u64 ioasid_space_pages(struct ioasid_space *space, u64 *charged)
{
	struct ioasid_area *area;
	u64 pinned = 0;

	lockdep_assert_held(&space->areas_lock);
	*charged = 0;
	for (area = ioasid_area_first(space, 0, U64_MAX); area;
	     area = ioasid_area_next(area, 0, U64_MAX)) {
		if (area->state != IOASID_AREA_LIVE)
			continue;
		*charged += READ_ONCE(area->pages->charged);
		if (READ_ONCE(area->pages->pinned))
			pinned += ioasid_area_npages(area);
	}
	return pinned;
}

/*
 * ioasid_space_show_comm() - the name of the process that opened it
 *
 * A user chose it: whatever ends a word or a line, or a terminal obeys, becomes an octal
 * number, so the file can be parsed and shown. areas_lock is held.
 */
void ioasid_space_show_comm(struct seq_file *m, const struct ioasid_space *space)
{
	lockdep_assert_held(&space->areas_lock);
	seq_escape_str(m, space->comm, ESCAPE_OCTAL | ESCAPE_NAP | ESCAPE_APPEND, " \\");
}

static void show_line(struct ioasid_space *space, void *data)
{
	struct seq_file *m = data;
	u64 pinned, charged;

	mutex_lock(&space->areas_lock);
	pinned = ioasid_space_pages(space, &charged);
	seq_printf(m, "%u %s %u ", space->id,
		   space->flags & IOASID_SPACE_CONTAINER ? "container" : "ioasid",
		   space->owner.tgid);
	ioasid_space_show_comm(m, space);
	seq_printf(m, " %lu %llu %llu %llu %u %u %u %d\n", space->maps, space->bytes,
		   pinned, charged, space->nr_domains, space->nr_groups, space->avail,
		   space->sealed);
	mutex_unlock(&space->areas_lock);
}

static int spaces_show(struct seq_file *m, void *unused)
{
	seq_puts(m, "id kind owner_tgid comm maps mapped_bytes pinned_pages charged_pages domains groups avail sealed\n");
	ioasid_spaces_each(show_line, m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(spaces);

void ioasid_spaces_show(void)
{
	debugfs_dir = debugfs_create_dir("ioasid", NULL);
	debugfs_create_file("spaces", 0400, debugfs_dir, NULL, &spaces_fops);
	ioasid_users_show(debugfs_dir);
}

void ioasid_spaces_hide(void)
{
	debugfs_remove_recursive(debugfs_dir);
	xa_destroy(&spaces);
}
