// SPDX-License-Identifier: GPL-2.0-only
/* See counting.h. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpflog.h"
#include "counting.h"
#include "ioasidstat.skel.h"
#include "say.h"
#include "sysfs.h"

static int remove_pin(const char *name, void *unused)
{
	char path[512];

	(void)unused;
	snprintf(path, sizeof(path), COUNTING_DIR "/%s", name);
	return unlink(path);
}

static int remove_all(void)
{
	if (each_entry(COUNTING_DIR, remove_pin, NULL))
		return -1;
	return rmdir(COUNTING_DIR);
}

bool counting_is_on(void)
{
	return !access(COUNTING_DIR "/counts", F_OK);
}

int counting_map(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), COUNTING_DIR "/%s", name);
	return bpf_obj_get(path);
}

static int pin_all(struct ioasidstat_bpf *skel)
{
	const char *dir = COUNTING_DIR;
	struct bpf_program *prog;
	struct bpf_link *link;
	char path[512];
	int err;

	if (bpf_map__pin(skel->maps.counts, COUNTING_DIR "/counts") ||
	    bpf_map__pin(skel->maps.hists, COUNTING_DIR "/hists"))
		return -1;
	bpf_object__for_each_program(prog, skel->obj) {
		link = bpf_program__attach(prog);
		if (!link)
			return -1;
		snprintf(path, sizeof(path), "%s/%s", dir, bpf_program__name(prog));
		err = bpf_link__pin(link, path);
		/* The pin keeps it. */
		bpf_link__destroy(link);
		if (err)
			return err;
	}
	return 0;
}

int counting_start(void)
{
	struct ioasidstat_bpf *skel;
	char reason[600];
	int err;

	if (counting_is_on())
		return 0;
	if (mkdir(COUNTING_DIR, 0700) && errno != EEXIST)
		return fail("cannot make " COUNTING_DIR ": %s: is the BPF file system mounted ('mount -t bpf bpf /sys/fs/bpf')?",
			    strerror(errno));
	skel = ioasidstat_bpf__open_and_load();
	err = skel ? pin_all(skel) : -1;
	ioasidstat_bpf__destroy(skel);
	if (!err)
		return 0;
	remove_all();
	return fail("cannot count what ioasid does: %s (--debug shows more)",
		    bpflog_reason(reason, sizeof(reason)));
}

int counting_stop(void)
{
	if (!counting_is_on())
		return 0;
	if (remove_all())
		return fail("cannot remove " COUNTING_DIR ": %s", strerror(errno));
	return 0;
}
