// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is an NVMe disk in use? Asked before it is taken from its driver, with the
 * answer "yes" whenever there is a doubt.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "disk.h"
#include "util.h"

#define PATH_LEN 512

struct node {
	char name[64];			/* "nvme0n1", "nvme0n1p2" */
	dev_t dev;
	bool whole;			/* a namespace, not a partition of one */
};

struct nodes {
	struct node node[DISK_MAX_NODES];
	unsigned int count;
};

static int add_node(struct nodes *nodes, const char *name, bool whole)
{
	struct node *n = &nodes->node[nodes->count];
	unsigned int major_nr, minor_nr;
	char path[PATH_LEN], text[32];

	if (nodes->count == DISK_MAX_NODES)
		return fail("%s: more partitions than can be checked", name);
	snprintf(path, sizeof(path), "/sys/class/block/%.60s/dev", name);
	if (read_line(path, text, sizeof(text)) ||
	    sscanf(text, "%u:%u", &major_nr, &minor_nr) != 2)
		return fail("cannot read %s: is the disk just coming or going?", path);
	snprintf(n->name, sizeof(n->name), "%.60s", name);
	n->dev = makedev(major_nr, minor_nr);
	n->whole = whole;
	nodes->count++;
	return 0;
}

/* A namespace and its partitions. */
static int add_disk(struct nodes *nodes, const char *name)
{
	char path[PATH_LEN];
	struct dirent *e;
	int err;
	DIR *d;

	err = add_node(nodes, name, true);
	if (err)
		return err;
	snprintf(path, sizeof(path), "/sys/class/block/%.60s", name);
	d = opendir(path);
	if (!d)
		return fail("cannot list %s: %s", path, strerror(errno));
	while (!err && (e = readdir(d)))
		if (!strncmp(e->d_name, name, strlen(name)))
			err = add_node(nodes, e->d_name, false);
	closedir(d);
	return err;
}

/*
 * Entries of the controller's directory: "nvme0n1", or with native multipath
 * "nvme0c0n1", a hidden path of the disk "nvme0n1".
 */
static int add_controller(struct nodes *nodes, const char *dir)
{
	unsigned int subsystem, controller, ns;
	char name[64];
	struct dirent *e;
	int err = 0, end;
	DIR *d;

	d = opendir(dir);
	if (!d)
		return fail("cannot list %s: %s", dir, strerror(errno));
	while (!err && (e = readdir(d))) {
		end = 0;
		if (sscanf(e->d_name, "nvme%uc%un%u%n", &subsystem, &controller, &ns,
			   &end) == 3 && !e->d_name[end])
			snprintf(name, sizeof(name), "nvme%un%u", subsystem, ns);
		else if (sscanf(e->d_name, "nvme%un%u%n", &subsystem, &ns, &end) == 2 &&
			 !e->d_name[end])
			snprintf(name, sizeof(name), "%.60s", e->d_name);
		else
			continue;
		err = add_disk(nodes, name);
	}
	closedir(d);
	return err;
}

static int find_nodes(const char *bdf, struct nodes *nodes)
{
	char path[PATH_LEN];
	struct dirent *e;
	int err = 0;
	DIR *d;

	nodes->count = 0;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/nvme", bdf);
	d = opendir(path);
	if (!d)
		return 0;	/* the driver gave up on it: no disks */
	while (!err && (e = readdir(d))) {
		if (strncmp(e->d_name, "nvme", 4))
			continue;
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/nvme/%.60s", bdf,
			 e->d_name);
		err = add_controller(nodes, path);
	}
	closedir(d);
	return err;
}

static int check_mounts(const struct nodes *nodes)
{
	unsigned int major_nr, minor_nr, i;
	char line[4096], where[256];
	int err = 0;
	FILE *f;

	f = fopen("/proc/self/mountinfo", "re");
	if (!f)
		return fail("cannot read /proc/self/mountinfo: %s", strerror(errno));
	while (!err && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*u %*u %u:%u %*s %255s", &major_nr, &minor_nr, where) != 3)
			continue;
		for (i = 0; !err && i < nodes->count; i++)
			if (nodes->node[i].dev == makedev(major_nr, minor_nr))
				err = fail("/dev/%s is mounted on %s: umount it or choose another disk",
					   nodes->node[i].name, where);
	}
	fclose(f);
	return err;
}

static int check_swaps(const struct nodes *nodes)
{
	char line[512], path[256];
	struct stat st;
	unsigned int i;
	int err = 0;
	FILE *f;

	f = fopen("/proc/swaps", "re");
	if (!f)
		return 0;	/* a kernel without swap */
	while (!err && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%255s", path) != 1 || stat(path, &st) ||
		    !S_ISBLK(st.st_mode))
			continue;
		for (i = 0; !err && i < nodes->count; i++)
			if (nodes->node[i].dev == st.st_rdev)
				err = fail("/dev/%s is swap: swapoff it or choose another disk",
					   nodes->node[i].name);
	}
	fclose(f);
	return err;
}

static int check_holders(const struct node *n)
{
	char path[PATH_LEN];
	struct dirent *e;
	int err = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/sys/class/block/%s/holders", n->name);
	d = opendir(path);
	if (!d)
		return 0;
	while (!err && (e = readdir(d)))
		if (e->d_name[0] != '.')
			err = fail("/dev/%s is part of %s (device mapper, LVM or md): stop that or choose another disk",
				   n->name, e->d_name);
	closedir(d);
	return err;
}

/* A loop device holds its file inside the kernel, where no fd shows it. */
static int check_loops(const struct nodes *nodes)
{
	char path[PATH_LEN], file[PATH_LEN];
	struct dirent *e;
	unsigned int i;
	struct stat st;
	int err = 0;
	DIR *d;

	d = opendir("/sys/block");
	if (!d)
		return 0;
	while (!err && (e = readdir(d))) {
		snprintf(path, sizeof(path), "/sys/block/%.60s/loop/backing_file", e->d_name);
		if (strncmp(e->d_name, "loop", 4) || read_line(path, file, sizeof(file)) ||
		    stat(file, &st) || !S_ISBLK(st.st_mode))
			continue;
		for (i = 0; !err && i < nodes->count; i++)
			if (nodes->node[i].dev == st.st_rdev)
				err = fail("/dev/%s is behind /dev/%.60s: 'losetup -d' that or choose another disk",
					   nodes->node[i].name, e->d_name);
	}
	closedir(d);
	return err;
}

/* Does the fd directory of one process hold a node open? */
static int check_process(const struct nodes *nodes, const char *pid)
{
	char path[PATH_LEN], comm[64] = "?";
	struct dirent *e;
	unsigned int i;
	struct stat st;
	int err = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	d = opendir(path);
	if (!d)
		return 0;	/* gone, or a kernel thread */
	while (!err && (e = readdir(d))) {
		if (fstatat(dirfd(d), e->d_name, &st, 0) || !S_ISBLK(st.st_mode))
			continue;
		for (i = 0; !err && i < nodes->count; i++) {
			if (nodes->node[i].dev != st.st_rdev)
				continue;
			snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
			read_line(path, comm, sizeof(comm));
			err = fail("/dev/%s is open in process %s (%s): end it or choose another disk",
				   nodes->node[i].name, pid, comm);
		}
	}
	closedir(d);
	return err;
}

static int check_openers(const struct nodes *nodes)
{
	struct dirent *e;
	int err = 0;
	DIR *d;

	d = opendir("/proc");
	if (!d)
		return fail("cannot list /proc: %s", strerror(errno));
	while (!err && (e = readdir(d)))
		if (isdigit((unsigned char)e->d_name[0]))
			err = check_process(nodes, e->d_name);
	closedir(d);
	return err;
}

/*
 * The kernel's own word: fails while a file system, swap, dm or md holds the
 * disk or one of its partitions, and keeps all of them from doing so.
 */
static int hold_node(const struct node *n, struct disk_hold *hold)
{
	char path[PATH_LEN];
	int fd;

	snprintf(path, sizeof(path), "/dev/%s", n->name);
	fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC);
	if (fd >= 0) {
		hold->fd[hold->count++] = fd;
		return 0;
	}
	if (errno == EBUSY)
		return fail("%s is in use: unmount or stop what holds it, or choose another disk",
			    path);
	return fail("cannot open %s to see whether it is in use: %s%s", path,
		    strerror(errno), errno == EACCES ? " (run as root)" : "");
}

int disk_hold_idle(const char *bdf, struct disk_hold *hold)
{
	struct nodes *nodes;
	unsigned int i;
	int err;

	hold->count = 0;
	nodes = calloc(1, sizeof(*nodes));
	if (!nodes)
		return fail("out of memory");
	err = find_nodes(bdf, nodes);
	if (!err)
		err = check_mounts(nodes);
	if (!err)
		err = check_swaps(nodes);
	for (i = 0; !err && i < nodes->count; i++)
		err = check_holders(&nodes->node[i]);
	if (!err)
		err = check_loops(nodes);
	if (!err)
		err = check_openers(nodes);
	for (i = 0; !err && i < nodes->count; i++)
		if (nodes->node[i].whole)
			err = hold_node(&nodes->node[i], hold);
	free(nodes);
	if (err)
		disk_release(hold);
	return err;
}

void disk_release(struct disk_hold *hold)
{
	while (hold->count)
		close(hold->fd[--hold->count]);
}
