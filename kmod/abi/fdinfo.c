// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/PID/fdinfo of an open /dev/ioasid: each address space in a block of
 * its own, which begins with its id.
 *
 * What can run at the same time: anything. The file's lock guards the set of spaces. Each
 * block is read under one hold of areas_lock, except the two sums of pages, which are
 * added up before.
 */
#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/seq_file.h>

#include "space/space.h"
#include "abi.h"

static int fdinfo_show_device(struct device *dev, void *data)
{
	seq_printf(data, " %s", dev_name(dev));
	return 0;
}

/* Groups by number, each with the devices that are in it. */
static void fdinfo_show_devices(struct seq_file *m, struct ioasid_space *space)
{
	struct ioasid_group *g;

	list_for_each_entry(g, &space->groups, link) {
		seq_printf(m, "ioasid-group:\t%d%s", iommu_group_id(g->group),
			   g->emulated ? " emulated" : "");
		iommu_group_for_each_dev(g->group, m, fdinfo_show_device);
		seq_putc(m, '\n');
	}
}

static void fdinfo_show_space(struct seq_file *m, struct ioasid_file *f, unsigned long id,
			      struct ioasid_space *space)
{
	char comm[TASK_COMM_LEN];
	struct ioasid_who owner;
	struct ioasid_space_pages sum;
	bool alive;

	ioasid_space_pages(space, &sum);
	mutex_lock(&space->areas_lock);
	seq_printf(m, "ioasid-id:\t%lu%s\n", id, id == f->space_id ? " default" : "");
	seq_printf(m, "ioasid-space:\t%u\n", space->entry.id);
	alive = ioasid_owner_now(&space->entry, &owner, comm);
	seq_printf(m, "ioasid-owner:\t%u %u ", owner.tgid, owner.uid);
	ioasid_show_comm(m, comm);
	seq_printf(m, "%s\nioasid-maps:\t%lu\n", alive ? "" : " exited", space->maps);
	seq_printf(m, "ioasid-bytes:\t%llu\n", space->bytes);
	seq_printf(m, "ioasid-avail:\t%u\n", space->avail);
	seq_printf(m, "ioasid-pinned:\t%llu\n", sum.pinned);
	seq_printf(m, "ioasid-charged:\t%llu\n", sum.charged);
	seq_printf(m, "ioasid-account:\t%s\n", space->account_user ? "user" : "mm");
	seq_printf(m, "ioasid-charge-shared:\t%d\n", space->charge_shared);
	seq_printf(m, "ioasid-tracking:\t%d\n", space->tracking);
	seq_printf(m, "ioasid-policy:\t%s\n", ioasid_policy_choice_name(READ_ONCE(space->entry.choice)));
	seq_printf(m, "ioasid-sealed:\t%d\n", space->sealed);
	seq_printf(m, "ioasid-domains:\t%zu\n", list_count_nodes(&space->domains));
	seq_printf(m, "ioasid-groups:\t%zu\n", list_count_nodes(&space->groups));
	fdinfo_show_devices(m, space);
	mutex_unlock(&space->areas_lock);
}

/* ioasid_show_fdinfo() - print each address space of an open /dev/ioasid to its fdinfo */
void ioasid_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct ioasid_file *f = file->private_data;
	struct ioasid_space *space;
	unsigned long id;

	mutex_lock(&f->lock);
	xa_for_each(&f->spaces, id, space)
		fdinfo_show_space(m, f, id, space);
	mutex_unlock(&f->lock);
}
