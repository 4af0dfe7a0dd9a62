// SPDX-License-Identifier: GPL-2.0-only
/*
 * The machine around a program: put together before the first one and after
 * each that took it apart, and what must be the same before and after any.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz/fuzz.h"
#include "harness/kernel.h"

static const char *const members[] = {
	"pci/devices/0000:00:06.0", "pci/devices/0000:00:05.0", "platform/devices/ioasid_mdev.0",
	"platform/devices/ioasid_mdev.1", "platform/devices/ioasid_mdev.2",
};
static char nodes[5][64];

static bool find_groups(void)
{
	char path[128], link[PATH_MAX];
	ssize_t n;
	int i;

	for (i = 0; i < 5; i++) {
		snprintf(path, sizeof(path), "/sys/bus/%s/iommu_group", members[i]);
		n = readlink(path, link, sizeof(link) - 1);
		if (n <= 0) {
			printf("# there is no %s\n", path);
			return false;
		}
		link[n] = 0;
		snprintf(nodes[i], sizeof(nodes[i]), "/dev/vfio/%.32s", strrchr(link, '/') + 1);
	}
	return true;
}

const char *fuzz_group_node(unsigned int which)
{
	return which < 5 ? nodes[which] : NULL;
}

/* What setup.sh made is there. */
bool fuzz_world_open(void)
{
	return find_groups();
}

/* Whatever a program's helper has done, undone. */
void fuzz_world_restore(void)
{
	if (system("tools/testing/tests/fuzz/restore.sh") || !find_groups()) {
		printf("# the machine cannot be put together again\n");
		exit(1);
	}
}

static int number(const char *path)
{
	char text[32] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	close(fd);
	return atoi(text);
}

static int lines(const char *path)
{
	FILE *file = fopen(path, "re");
	int n = 0, c;

	if (!file)
		return -1;
	while ((c = getc(file)) != EOF)
		n += c == '\n';
	fclose(file);
	return n;
}

/* What is counted for users, all in one. */
static long counted(void)
{
	FILE *file = fopen("/sys/kernel/debug/ioasid/users", "re");
	long spaces, windows, n = 0;
	char line[128];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%*u %ld %ld", &spaces, &windows) == 2)
			n += spaces + windows;
	if (file)
		fclose(file);
	return n;
}

struct fuzz_traces fuzz_traces_now(void)
{
	return (struct fuzz_traces){
		.pinned = ktap_pinned(),
		.core = number("/sys/module/ioasid/refcnt"),
		.shim = number("/sys/module/ioasid_vfio/refcnt"),
		.ways = number("/sys/module/ioasid_setcontainer/refcnt") +
			number("/sys/module/ioasid_pci/refcnt"),
		.spaces = lines("/sys/kernel/debug/ioasid/spaces"),
		.counted = counted(),
	};
}

/* Some of it ends a little later: work items, grace periods. */
bool fuzz_traces_back(const struct fuzz_traces *before, char *why, size_t size)
{
	struct fuzz_traces now;
	int tries;

	for (tries = 0; tries < 200; tries++) {
		now = fuzz_traces_now();
		if (now.pinned == before->pinned && now.core == before->core &&
		    now.shim == before->shim && now.ways == before->ways && now.spaces == before->spaces &&
		    now.counted == before->counted)
			return true;
		usleep(tries < 20 ? 2000 : 50000);
	}
	snprintf(why, size, "left behind: pages pinned %+lld, references %+d on ioasid, %+d on ioasid_vfio, %+d on setcontainer and pci, address spaces %+d, counted for users %+ld",
		 now.pinned - before->pinned, now.core - before->core, now.shim - before->shim,
		 now.ways - before->ways, now.spaces - before->spaces,
		 now.counted - before->counted);
	return false;
}
