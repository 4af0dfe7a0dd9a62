// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/ioasid: address spaces, stale pages, what is watched, what each user has, and calls that failed.
 *
 * What can run at the same time: anything; a line is printed under areas_lock.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "ops/ops.h"
#include "space/space.h"
#include "abi.h"

static struct dentry *debugfs_dir;

static void spaces_show_line(struct ioasid_space_entry *e, void *data)
{
	struct ioasid_space *space = ioasid_space_of(e);
	struct seq_file *m = data;
	char comm[TASK_COMM_LEN];
	struct ioasid_who owner;
	struct ioasid_space_pages sum;
	bool alive;

	ioasid_space_pages(space, &sum);
	mutex_lock(&space->areas_lock);
	alive = ioasid_owner_now(e, &owner, comm);
	seq_printf(m, "%u %s %u ", e->id,
		   space->flags & IOASID_SPACE_CONTAINER ? "container" : "ioasid", owner.tgid);
	ioasid_show_comm(m, comm);
	seq_printf(m, " %llu %lu %llu %llu %llu %u %u %u %d %d\n", sum.holes, space->maps,
		   space->bytes, sum.pinned, sum.charged, space->nr_domains, space->nr_groups, space->avail,
		   space->sealed, !alive);
	mutex_unlock(&space->areas_lock);
}

static int spaces_show(struct seq_file *m, void *unused)
{
	seq_puts(m, "id kind owner_tgid comm hole_pages maps mapped_bytes pinned_pages charged_pages domains groups avail sealed owner_exited\n");
	ioasid_spaces_each(spaces_show_line, m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(spaces);

static void stale_show_line(void *data, const struct ioasid_stale *s)
{
	static const char *const names[] = {
		[IOASID_STALE_UNMAPPED] = "unmapped", [IOASID_STALE_ABSENT] = "discarded",
		[IOASID_STALE_OTHER] = "replaced", [IOASID_STALE_EXITED] = "exited",
	};

	seq_printf(data, "0x%llx %llu 0x%lx %s\n", s->iova, s->length, s->vaddr, names[s->how]);
}

/* Of the address space whose number was written before. */
static int stale_show(struct seq_file *m, void *unused)
{
	struct ioasid_space_entry *e = ioasid_space_find((uintptr_t)m->private);
	int ret;

	if (!e)
		return -ENOENT;
	seq_puts(m, "iova length vaddr how\n");
	ret = ioasid_space_stale(ioasid_space_of(e), stale_show_line, m);
	ioasid_space_entry_put(e);
	return ret;
}

static int stale_open(struct inode *inode, struct file *file)
{
	return single_open(file, stale_show, NULL);
}

static ssize_t stale_write(struct file *file, const char __user *text, size_t size, loff_t *pos)
{
	struct seq_file *m = file->private_data;
	u32 id;
	int ret = kstrtou32_from_user(text, size, 0, &id);

	if (ret)
		return ret;
	m->private = (void *)(uintptr_t)id;
	return size;
}

static const struct file_operations stale_fops = {
	.owner = THIS_MODULE,
	.open = stale_open,
	.read = seq_read,
	.write = stale_write,
	.llseek = seq_lseek,
	.release = single_release,
};

static int watched_show(struct seq_file *m, void *unused)
{
	struct ioasid_watch_counts c;

	ioasid_watch_count(&c);
	seq_printf(m, "processes: %u\nmappings: %lu\nreports: %llu\npages: %llu\n", c.processes,
		   c.mappings, c.reports, c.pages);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(watched);

/* ioasid_debugfs_init() - make the module's folder; errors do not matter */
void ioasid_debugfs_init(void)
{
	debugfs_dir = debugfs_create_dir("ioasid", NULL);
	debugfs_create_file("spaces", 0400, debugfs_dir, NULL, &spaces_fops);
	debugfs_create_file("stale", 0600, debugfs_dir, NULL, &stale_fops);
	debugfs_create_file("watched", 0400, debugfs_dir, NULL, &watched_fops);
	ioasid_users_show(debugfs_dir);
	ioasid_errors_show(debugfs_dir);
}

/* ioasid_debugfs_exit() - remove the folder; waits for readers of its files */
void ioasid_debugfs_exit(void)
{
	debugfs_remove_recursive(debugfs_dir);
}
