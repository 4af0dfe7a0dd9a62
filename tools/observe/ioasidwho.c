// SPDX-License-Identifier: GPL-2.0-only
/* ioasidwho: who pinned what: each process with a container or a /dev/ioasid. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/cgroup.h"
#include "../lib/files.h"
#include "../lib/json.h"
#include "../lib/observer.h"
#include "../lib/process.h"
#include "../lib/say.h"
#include "../lib/spaces.h"
#include "../lib/sysfs.h"
#include "../lib/text.h"
#include "../lib/untrusted.h"

static const char usage[] =
	"usage: ioasidwho [-p PID] [-c CGROUP] [-T] [-j] [-d SECONDS] [INTERVAL [COUNT]]\n"
	"\n"
	"Each process that has a VFIO container or /dev/ioasid open: its IOMMU driver, what\n"
	"is mapped and pinned there, which devices can reach it. Once, or each INTERVAL seconds.\n"
	"\n"
	"  -p, --pid PID         only this process\n"
	"  -c, --cgroup CGROUP   only this cgroup and those below it (/machine.slice/vm1)\n"
	"  -T, --timestamp       print the time of day above the table\n"
	"  -j, --json            one JSON object an interval\n"
	"  -d, --duration SEC    end after so many seconds\n"
	"      --debug           print what libbpf and the verifier say\n"
	"  -h, --help            this text\n"
	"  -V, --version         the version\n"
	"\n"
	"BACKEND  ioasid, vfio-iommu-type1, or none before VFIO_SET_IOMMU\n"
	"SPACE    id of the address space, as in 'ioasidctl list'; of type1 nothing is known\n"
	"PINNED   by the space, for all processes; LOCKED and LIMIT are the process's VmLck and\n"
	"         RLIMIT_MEMLOCK\n"
	"\n"
	"examples:\n"
	"  ioasidwho                         which processes are on type1?\n"
	"  ioasidwho -j | jq '.holders[] | select(.locked_bytes > .memlock_bytes * 0.9)'\n"
	"\n"
	"exit status: 0 done, 1 failed, 2 wrong usage\n";

static struct observer opt = {
	.name = "ioasidwho",
	.usage = usage,
	.intervals = true,
};

#define SPACES_MAX	64

/* What is known at one moment. */
struct moment {
	struct vfio_file *files;
	int nr_files;
	struct space *spaces;
	int nr_spaces;
};

static bool is_holder(const struct vfio_file *f)
{
	char cgroup[4096];
	size_t len;

	if (strcmp(f->kind, "container") && strcmp(f->kind, "ioasid"))
		return false;
	if (opt.tgid && opt.tgid != (uint64_t)f->pid)
		return false;
	if (!opt.cgroup)
		return true;
	process_cgroup(f->pid, cgroup, sizeof(cgroup));
	len = strlen(opt.cgroup);
	while (len && opt.cgroup[len - 1] == '/')
		len--;
	return !strncmp(cgroup, opt.cgroup, len) && (!cgroup[len] || cgroup[len] == '/');
}

/*
 * A container does not tell its space. The spaces that a process owns and
 * its containers are numbered in the same order; unless their numbers agree,
 * nothing is said.
 */
static int space_of_container(const struct moment *m, const struct vfio_file *f, unsigned int *id)
{
	int nth = 0, containers = 0, spaces = 0;

	for (int i = 0; i < m->nr_files; i++) {
		const struct vfio_file *other = &m->files[i];

		if (other->pid != f->pid || strcmp(other->kind, "container") ||
		    !vfio_file_is_ours(other))
			continue;
		if (other == f)
			nth = containers;
		containers++;
	}
	for (int i = 0; i < m->nr_spaces; i++) {
		if (strcmp(m->spaces[i].kind, "container") || !space_is_of(&m->spaces[i], (unsigned int)f->pid))
			continue;
		if (spaces++ == nth)
			*id = m->spaces[i].id;
	}
	return spaces == containers && containers;
}

static int spaces_of(const struct moment *m, const struct vfio_file *f, unsigned int ids[SPACES_MAX])
{
	if (!vfio_file_is_ours(f))
		return 0;
	if (!strcmp(f->kind, "ioasid"))
		return process_spaces(f->pid, f->fd, ids, SPACES_MAX);
	return space_of_container(m, f, ids);
}

/* What its spaces hold together. */
static void sum_up(const struct moment *m, const unsigned int *ids, int n, struct space *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (int i = 0; i < m->nr_spaces; i++) {
		for (int k = 0; k < n; k++) {
			if (m->spaces[i].id != ids[k])
				continue;
			sum->maps += m->spaces[i].maps;
			sum->mapped += m->spaces[i].mapped;
			sum->pinned += m->spaces[i].pinned;
			sum->charged += m->spaces[i].charged;
		}
	}
}

/* ---- devices ---- */

struct devices {
	struct json *j;
	char *text;
	size_t room;
};

static int add_device(const char *name, void *data)
{
	struct devices *d = data;
	size_t used = strlen(d->text);

	if (d->j)
		json_str(d->j, NULL, name);
	else
		snprintf(d->text + used, d->room - used, "%s%s", used ? "," : "", name);
	return 0;
}

/*
 * Devices of the groups that are in the container, whichever process holds their fds. A
 * /dev/ioasid names its own: behind it there may be no container (ioasid_pci), or one
 * of ioasid_setcontainer's, of which no process has a file.
 */
static void list_devices(const struct moment *m, const struct vfio_file *f, struct devices *d)
{
	char dir[128];

	if (!strcmp(f->kind, "ioasid"))
		process_devices(f->pid, f->fd, add_device, d);
	for (int i = 0; f->container && i < m->nr_files; i++) {
		const struct vfio_file *g = &m->files[i];
		bool seen = false;

		if (strcmp(g->kind, "group") || g->container != f->container)
			continue;
		for (int k = 0; k < i; k++)
			seen |= !strcmp(m->files[k].kind, "group") && m->files[k].group == g->group;
		if (seen)
			continue;
		snprintf(dir, sizeof(dir), "/sys/kernel/iommu_groups/%d/devices", g->group);
		each_entry(dir, add_device, d);
	}
}

/* ---- output ---- */

static const char *limit_text(uint64_t limit, char buf[SIZE_TEXT])
{
	return limit == PROCESS_UNLIMITED ? "none" : format_size(limit, buf);
}

static void print_row(const struct moment *m, const struct vfio_file *f)
{
	char pinned[SIZE_TEXT] = "-", locked[SIZE_TEXT], limit[SIZE_TEXT], maps[24] = "-";
	char space[24] = "-", devices[512] = "", cgroup[4096];
	struct devices d = { .text = devices, .room = sizeof(devices) };
	unsigned int ids[SPACES_MAX];
	int n = spaces_of(m, f, ids);
	struct space sum;

	sum_up(m, ids, n, &sum);
	if (n == 1)
		snprintf(space, sizeof(space), "%u", ids[0]);
	else if (n)
		snprintf(space, sizeof(space), "(%d)", n);
	if (n && m->nr_spaces >= 0) {
		format_size(page_bytes(sum.pinned), pinned);
		snprintf(maps, sizeof(maps), "%llu", sum.maps);
	}
	list_devices(m, f, &d);
	printf("%7d %s %-16s %5s %7s %8s %8s %8s %-20s %s\n", f->pid,
	       shown_column(f->comm, sizeof(f->comm), 15), f->backend,
	       space, maps, pinned, format_size(process_locked(f->pid), locked),
	       limit_text(process_memlock(f->pid), limit), devices[0] ? shown(devices) : "-",
	       shown(process_cgroup(f->pid, cgroup, sizeof(cgroup))));
}

static void print_object(struct json *j, const struct moment *m, const struct vfio_file *f)
{
	struct devices d = { .j = j, .text = (char[]){ "" } };
	uint64_t limit = process_memlock(f->pid);
	unsigned int ids[SPACES_MAX];
	int n = spaces_of(m, f, ids);
	char cgroup[4096];
	struct space sum;

	sum_up(m, ids, n, &sum);
	json_object(j, NULL);
	json_u64(j, "pid", (uint64_t)f->pid);
	json_strn(j, "comm", f->comm, sizeof(f->comm));
	json_u64(j, "fd", (uint64_t)f->fd);
	json_str(j, "kind", f->kind);
	json_str(j, "backend", f->backend);
	json_str(j, "cgroup", process_cgroup(f->pid, cgroup, sizeof(cgroup)));
	json_array(j, "spaces");
	for (int i = 0; i < n; i++)
		json_u64(j, NULL, ids[i]);
	json_array_end(j);
	if (n && m->nr_spaces >= 0) {
		json_u64(j, "maps", sum.maps);
		json_u64(j, "mapped_bytes", sum.mapped);
		json_u64(j, "pinned_pages", sum.pinned);
		json_u64(j, "charged_pages", sum.charged);
	}
	json_u64(j, "locked_bytes", process_locked(f->pid));
	if (limit == PROCESS_UNLIMITED)
		json_null(j, "memlock_bytes");
	else
		json_u64(j, "memlock_bytes", limit);
	json_array(j, "devices");
	list_devices(m, f, &d);
	json_array_end(j);
	json_object_end(j);
}

static void print_text(const struct moment *m)
{
	int shown = 0;

	if (opt.times) {
		observer_print_time(observer_wall_ns(0), false);
		putchar('\n');
	}
	for (int i = 0; i < m->nr_files; i++) {
		if (!is_holder(&m->files[i]))
			continue;
		if (!shown++)
			printf("%7s %-15s %-16s %5s %7s %8s %8s %8s %-20s %s\n", "PID", "COMM",
			       "BACKEND", "SPACE", "MAPS", "PINNED", "LOCKED", "LIMIT", "DEVICES",
			       "CGROUP");
		print_row(m, &m->files[i]);
	}
	if (!shown)
		puts("no process has a VFIO container or /dev/ioasid open");
}

static void print_json(const struct moment *m)
{
	struct json j;

	json_init(&j, stdout, false);
	json_object(&j, NULL);
	json_u64(&j, "time_ns", observer_wall_ns(0));
	json_array(&j, "holders");
	for (int i = 0; i < m->nr_files; i++)
		if (is_holder(&m->files[i]))
			print_object(&j, m, &m->files[i]);
	json_array_end(&j);
	json_object_end(&j);
	json_end_line(&j);
}

static int failed;

static void tick(void *unused)
{
	struct moment m;

	(void)unused;
	m.nr_files = read_vfio_files(&m.files);
	if (m.nr_files < 0) {
		failed = 1;
		return;
	}
	m.nr_spaces = read_spaces(&m.spaces);
	if (opt.json)
		print_json(&m);
	else
		print_text(&m);
	free(m.files);
	free(m.spaces);
}

/* -c by the name that /proc has for it; fails for one that does not exist. */
static int find_cgroup(void)
{
	static char path[4096];
	uint64_t id;

	if (!opt.cgroup)
		return 0;
	if (cgroup_id(opt.cgroup, &id))
		return -1;
	if (cgroup_path(id, path, sizeof(path)))
		return fail("the cgroup '%s' is gone", opt.cgroup);
	opt.cgroup = path;
	return 0;
}

int main(int argc, char **argv)
{
	int err = observer_start(&opt, argc, argv);

	if (err)
		return err;
	if (need_admin("looking at the files of all processes") || find_cgroup())
		return EXIT_FAILED;
	tick(NULL);
	if (opt.interval && !failed && opt.count != 1) {
		if (!observer_flush(&opt))
			return EXIT_FAILED;
		if (opt.count)
			opt.count--;
		observer_loop(&opt, tick, NULL);
	}
	return failed ? EXIT_FAILED : observer_end(&opt);
}
