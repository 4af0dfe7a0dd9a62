// SPDX-License-Identifier: GPL-2.0-only
/* ioasidlat: histograms of the time that maps and unmaps take, phase by phase. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ioasid/lat.h>

#include "../lib/cgroup.h"
#include "../lib/histogram.h"
#include "../lib/json.h"
#include "../lib/list.h"
#include "../lib/observer.h"
#include "../lib/say.h"
#include "../lib/text.h"
#include "../lib/untrusted.h"
#include "ioasidlat.skel.h"

static const char usage[] =
	"usage: ioasidlat [-p PID] [-c CGROUP] [-T] [-j] [-d SECONDS] [-u | -m] [-o map|unmap|attach]\n"
	"                 [-b process|cgroup|space] [-F] [--table ROWS] [INTERVAL [COUNT]]\n"
	"\n"
	"How long maps, unmaps and attaches take, and which part of them: a histogram for each phase,\n"
	"each INTERVAL seconds, or at the end (Ctrl-C).\n"
	"\n"
	"  -p, --pid PID         only this process\n"
	"  -c, --cgroup CGROUP   only this cgroup and those below it (/machine.slice/vm1)\n"
	"  -T, --timestamp       print the time of day above the histograms of an interval\n"
	"  -j, --json            one JSON object an interval\n"
	"  -d, --duration SEC    end after so many seconds\n"
	"  -u, --microseconds    count microseconds instead of nanoseconds\n"
	"  -m, --milliseconds    or milliseconds\n"
	"  -o, --operation WHAT  only map, unmap or attach\n"
	"  -b, --by WHAT         a histogram of its own for each process, cgroup or space\n"
	"  -F, --failed          include calls that failed\n"
	"      --table ROWS      room for so many histograms in an interval (16384)\n"
	"      --debug           print what libbpf and the verifier say\n"
	"  -h, --help            this text\n"
	"  -V, --version         the version\n"
	"\n"
	"phases: total; of a map wait (a policy said so), pin, fault (the part of pin in batches\n"
	"that took page faults), account, iommu (page tables), sync (the part of iommu for a flush);\n"
	"of an unmap iommu, sync (IOTLB), unpin. wait, fault and sync only where there was some.\n"
	"\n"
	"examples:\n"
	"  ioasidlat 1 10                    ten histograms, one each second\n"
	"  ioasidlat -u -o map -b process    which process maps slowly, and why?\n"
	"  ioasidlat -j -d 60 | jq '.histograms[] | {phase, mean: (.sum / .count)}'\n"
	"\n"
	"exit status: 0 done, 1 failed, 2 wrong usage, 3 times found no room in the table\n";

static struct {
	uint64_t unit;
	const char *unit_name;
	const char *operation;
	enum lat_by by;
	bool failed;
	uint64_t table;
} how = { .unit = 1, .unit_name = "nsecs" };

static const char *const by_names[] = {
	[LAT_BY_NONE] = "all", [LAT_BY_PROCESS] = "process", [LAT_BY_CGROUP] = "cgroup",
	[LAT_BY_SPACE] = "space",
};

#define OPT_TABLE	0x200

static struct observer opt;

static int take(int option, const char *value)
{
	switch (option) {
	case 'u':
		how.unit = 1000;
		how.unit_name = "usecs";
		break;
	case 'm':
		how.unit = 1000000;
		how.unit_name = "msecs";
		break;
	case 'F':
		how.failed = true;
		break;
	case OPT_TABLE:
		if (!parse_count(value, 1000000, &how.table))
			return observer_bad_usage(&opt, "not a number of histograms:", value);
		break;
	case 'o':
		if (strcmp(value, "map") && strcmp(value, "unmap") && strcmp(value, "attach"))
			return observer_bad_usage(&opt, "neither map, unmap nor attach:", value);
		how.operation = value;
		break;
	case 'b':
		for (how.by = LAT_BY_PROCESS; how.by <= LAT_BY_SPACE; how.by++)
			if (!strcmp(by_names[how.by], value))
				return 0;
		return observer_bad_usage(&opt, "neither process, cgroup nor space:", value);
	}
	return 0;
}

static const struct option own[] = {
	{ "microseconds", no_argument, NULL, 'u' },
	{ "milliseconds", no_argument, NULL, 'm' },
	{ "operation", required_argument, NULL, 'o' },
	{ "by", required_argument, NULL, 'b' },
	{ "failed", no_argument, NULL, 'F' },
	{ "table", required_argument, NULL, OPT_TABLE },
	{ NULL, 0, NULL, 0 }
};

static struct observer opt = {
	.name = "ioasidlat",
	.usage = usage,
	.intervals = true,
	.own = own,
	.take = take,
};

/* ---- output ---- */

struct found {
	struct lat_key key;
	struct hist hist;
};

/* By process, then in the order in which the phases happen. */
static int in_order(const void *a, const void *b)
{
	const struct lat_key *x = &((const struct found *)a)->key;
	const struct lat_key *y = &((const struct found *)b)->key;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return (int)x->phase - (int)y->phase;
}

/* Takes all histograms out of the map; what comes meanwhile begins anew. */
static int collect(int map, struct found **list)
{
	struct lat_key key;
	struct found *at;
	int n = 0;

	*list = NULL;
	while (!bpf_map_get_next_key(map, NULL, &key)) {
		at = list_room(list, n);
		if (!at)
			break;
		at->key = key;
		if (bpf_map_lookup_elem(map, &key, &at->hist))
			memset(&at->hist, 0, sizeof(at->hist));
		bpf_map_delete_elem(map, &key);
		n += hist_count(&at->hist) > 0;
	}
	if (n)
		qsort(*list, (size_t)n, sizeof(**list), in_order);
	return n;
}

static const char *who_is(uint64_t id, char *buf, size_t size)
{
	char path[4000];

	if (how.by == LAT_BY_CGROUP && !cgroup_path(id, path, sizeof(path)))
		snprintf(buf, size, "cgroup %s", path);
	else
		snprintf(buf, size, "%s %" PRIu64, by_names[how.by], id);
	return buf;
}

static void print_text(const struct found *list, int n)
{
	char who[4096];

	if (opt.times) {
		observer_print_time(observer_wall_ns(0), false);
		putchar('\n');
	}
	for (int i = 0; i < n; i++) {
		printf("\n%s %s", hist_operation(list[i].key.phase),
		       hist_phase_name(list[i].key.phase));
		if (how.by)
			printf(", %s", shown(who_is(list[i].key.id, who, sizeof(who))));
		putchar('\n');
		hist_print(&list[i].hist, how.unit_name);
	}
	if (!n)
		puts("nothing was mapped or unmapped");
}

static void print_json(const struct found *list, int n, uint64_t lost)
{
	struct json j;

	json_init(&j, stdout, false);
	json_object(&j, NULL);
	json_u64(&j, "time_ns", observer_wall_ns(0));
	json_str(&j, "unit", how.unit_name);
	json_u64(&j, "lost", lost);
	json_array(&j, "histograms");
	for (int i = 0; i < n; i++) {
		json_object(&j, NULL);
		if (how.by)
			json_u64(&j, by_names[how.by], list[i].key.id);
		json_str(&j, "operation", hist_operation(list[i].key.phase));
		json_str(&j, "phase", hist_phase_name(list[i].key.phase));
		hist_json(&j, &list[i].hist);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_object_end(&j);
	json_end_line(&j);
}

static void tick(void *data)
{
	struct ioasidlat_bpf *skel = data;
	struct found *list;
	uint64_t lost;
	int n;

	lost = observer_lost(&opt, "times", skel->bss->lost,
			     "use a larger --table, a shorter interval, or -p, -c or -o to time fewer");
	n = collect(bpf_map__fd(skel->maps.hists), &list);

	if (opt.json)
		print_json(list, n, lost);
	else
		print_text(list, n);
	free(list);
}

/* ---- set-up ---- */

static void prepare(struct ioasidlat_bpf *skel)
{
	skel->rodata->by = how.by;
	skel->rodata->unit = how.unit;
	skel->rodata->with_failed = how.failed;
	if (how.table)
		bpf_map__set_max_entries(skel->maps.hists, (__u32)how.table);
	if (!how.operation)
		return;
	bpf_program__set_autoload(skel->progs.lat_map, !strcmp(how.operation, "map"));
	bpf_program__set_autoload(skel->progs.lat_unmap, !strcmp(how.operation, "unmap"));
	bpf_program__set_autoload(skel->progs.lat_attach, !strcmp(how.operation, "attach"));
}

OBSERVER_DEFINE_START(ioasidlat_bpf, &opt)

int main(int argc, char **argv)
{
	struct ioasidlat_bpf *skel;
	int err = observer_start(&opt, argc, argv);

	if (err)
		return err;
	skel = start(prepare);
	if (!skel)
		return EXIT_FAILED;
	if (!opt.json)
		fputs("Timing maps and unmaps of ioasid... Hit Ctrl-C to end.\n", stderr);
	observer_loop(&opt, tick, skel);
	ioasidlat_bpf__destroy(skel);
	return observer_end(&opt);
}
