// SPDX-License-Identifier: GPL-2.0-only
/* ioasidtop: who maps and pins most, a table each interval. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ioasid/top.h>

#include "../lib/cgroup.h"
#include "../lib/json.h"
#include "../lib/list.h"
#include "../lib/observer.h"
#include "../lib/say.h"
#include "../lib/spaces.h"
#include "../lib/text.h"
#include "../lib/untrusted.h"
#include "ioasidtop.skel.h"

static const char usage[] =
	"usage: ioasidtop [-p PID] [-c CGROUP] [-T] [-j] [-d SECONDS] [-C] [-s COLUMN] [-r ROWS]\n"
	"                 [--table ROWS] [INTERVAL [COUNT]]\n"
	"\n"
	"Processes by what they map, each INTERVAL seconds (1), until Ctrl-C; also those that\n"
	"only hold what they mapped earlier.\n"
	"\n"
	"  -p, --pid PID         only this process\n"
	"  -c, --cgroup CGROUP   only this cgroup and those below it (/machine.slice/vm1)\n"
	"  -T, --timestamp       print the time of day above each table\n"
	"  -j, --json            one JSON object an interval\n"
	"  -d, --duration SEC    end after so many seconds\n"
	"  -C, --no-clear        do not clear the screen; only a terminal is cleared at all\n"
	"  -s, --sort COLUMN     maps, unmaps, mapped, failed, max or pinned (maps)\n"
	"  -r, --rows ROWS       at most so many rows (20)\n"
	"      --table ROWS      room for so many rows in an interval (8192)\n"
	"      --debug           print what libbpf and the verifier say\n"
	"  -h, --help            this text\n"
	"  -V, --version         the version\n"
	"\n"
	"MAP/s, UNMAP/s  calls a second                AVGus, MAXus  time of maps and unmaps\n"
	"MAPPED          bytes a second                PINNED        of the space, now\n"
	"FAIL/s          calls that failed             AVAIL         mappings it may still make\n"
	"\n"
	"examples:\n"
	"  ioasidtop                         once a second, busiest first\n"
	"  ioasidtop -C -s pinned 60 1       processes that pin most, over a minute\n"
	"  ioasidtop -c /machine.slice -s max\n"
	"\n"
	"exit status: 0 done, 1 failed, 2 wrong usage, 3 calls found no room in the table\n";

/* A process and a space, with what the space holds; a space without calls has no tgid. */
struct line {
	struct top_key key;
	struct top_row row;
	const struct space *space;
};

enum column { MAPS, UNMAPS, MAPPED, FAILED, LONGEST, PINNED };

static const char *const column_names[] = {
	[MAPS] = "maps", [UNMAPS] = "unmaps", [MAPPED] = "mapped", [FAILED] = "failed",
	[LONGEST] = "max", [PINNED] = "pinned",
};

#define NR_COLUMNS	(sizeof(column_names) / sizeof(column_names[0]))

static struct {
	bool no_clear;
	enum column sort;
	uint64_t rows;
	uint64_t table;
} how = { .rows = 20 };

#define OPT_TABLE	0x200

static struct observer opt;

static int take(int option, const char *value)
{
	switch (option) {
	case 'C':
		how.no_clear = true;
		break;
	case 'r':
		if (!parse_count(value, 100000, &how.rows))
			return observer_bad_usage(&opt, "not a number of rows:", value);
		break;
	case OPT_TABLE:
		if (!parse_count(value, 1000000, &how.table))
			return observer_bad_usage(&opt, "not a number of rows:", value);
		break;
	case 's':
		for (how.sort = 0; how.sort < NR_COLUMNS; how.sort++)
			if (!strcmp(column_names[how.sort], value))
				return 0;
		return observer_bad_usage(&opt, "no column to sort by:", value);
	}
	return 0;
}

static const struct option own[] = {
	{ "no-clear", no_argument, NULL, 'C' },
	{ "sort", required_argument, NULL, 's' },
	{ "rows", required_argument, NULL, 'r' },
	{ "table", required_argument, NULL, OPT_TABLE },
	{ NULL, 0, NULL, 0 }
};

static struct observer opt = {
	.name = "ioasidtop",
	.usage = usage,
	.intervals = true,
	.own = own,
	.take = take,
};

/* ---- collecting ---- */

struct table {
	struct line *lines;
	int n;
	struct space *spaces;
	int nr_spaces;
};

static struct line *add_line(struct table *t)
{
	struct line *at = list_room(&t->lines, t->n);

	if (!at)
		return NULL;
	t->n++;
	return memset(at, 0, sizeof(*at));
}

static void take_rows(struct table *t, int map)
{
	struct top_key key;
	struct line *line;

	while (!bpf_map_get_next_key(map, NULL, &key)) {
		line = add_line(t);
		if (!line)
			return;
		line->key = key;
		/* One call, so that nothing is counted between the look and the removal. */
		if (bpf_map_lookup_and_delete_elem(map, &key, &line->row)) {
			bpf_map_delete_elem(map, &key);
			t->n--;
		}
	}
}

/* Spaces that were not touched are lines too, unless only some are asked for. */
static void add_spaces(struct table *t)
{
	int busy = t->n, i;
	struct line *line;

	for (int s = 0; s < t->nr_spaces; s++) {
		bool seen = false;

		for (i = 0; i < busy; i++) {
			if (t->lines[i].key.space != t->spaces[s].id)
				continue;
			t->lines[i].space = &t->spaces[s];
			seen = true;
		}
		if (seen || opt.cgroup || (opt.tgid && !space_is_of(&t->spaces[s], (unsigned int)opt.tgid)))
			continue;
		line = add_line(t);
		if (!line)
			return;
		line->key.space = t->spaces[s].id;
		line->key.tgid = t->spaces[s].owner;
		line->space = &t->spaces[s];
		snprintf(line->row.comm, sizeof(line->row.comm), "%.15s", t->spaces[s].comm);
	}
}

static uint64_t value_of(const struct line *l)
{
	switch (how.sort) {
	case MAPS:
		return l->row.maps;
	case UNMAPS:
		return l->row.unmaps;
	case MAPPED:
		return l->row.mapped;
	case FAILED:
		return l->row.failed;
	case LONGEST:
		return l->row.ns_max;
	default:
		return l->space ? l->space->pinned : 0;
	}
}

static int by_value(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	uint64_t i = value_of(x), j = value_of(y);

	if (i != j)
		return i < j ? 1 : -1;
	/* Then the one that holds more. */
	i = x->space ? x->space->pinned : 0;
	j = y->space ? y->space->pinned : 0;
	return i == j ? 0 : i < j ? 1 : -1;
}

/* ---- output ---- */

static void print_line(const struct line *l, double seconds)
{
	const struct top_row *r = &l->row;
	uint64_t calls = r->maps + r->unmaps + r->failed;
	char mapped[SIZE_TEXT], pinned[SIZE_TEXT] = "-", avail[24] = "-", cgroup[4096] = "-";

	if (l->space) {
		format_size(page_bytes(l->space->pinned), pinned);
		snprintf(avail, sizeof(avail), "%llu", l->space->avail);
	}
	if (r->cgroup && cgroup_path(r->cgroup, cgroup, sizeof(cgroup)))
		snprintf(cgroup, sizeof(cgroup), "%" PRIu64, (uint64_t)r->cgroup);
	printf("%7u %s %5u %8.0f %8.0f %8s %6.0f %9.1f %9.1f %8s %6s %s\n", l->key.tgid,
	       shown_column(r->comm, sizeof(r->comm), 15), l->key.space, (double)r->maps / seconds, (double)r->unmaps / seconds,
	       format_size((uint64_t)((double)r->mapped / seconds), mapped),
	       (double)r->failed / seconds,
	       calls ? (double)r->ns / (double)calls / 1000 : 0, (double)r->ns_max / 1000, pinned,
	       avail, shown(cgroup));
}

static void print_json(struct json *j, const struct line *l)
{
	const struct top_row *r = &l->row;
	char cgroup[4096];

	json_object(j, NULL);
	json_u64(j, "tgid", l->key.tgid);
	json_strn(j, "comm", r->comm, sizeof(r->comm));
	json_u64(j, "space", l->key.space);
	json_u64(j, "maps", r->maps);
	json_u64(j, "unmaps", r->unmaps);
	json_u64(j, "failed", r->failed);
	json_u64(j, "mapped_bytes", r->mapped);
	json_u64(j, "unmapped_bytes", r->unmapped);
	json_u64(j, "pages", r->pages);
	json_u64(j, "runs", r->runs);
	json_u64(j, "ns", r->ns);
	json_u64(j, "ns_max", r->ns_max);
	if (r->cgroup)
		json_u64(j, "cgroup_id", r->cgroup);
	if (r->cgroup && !cgroup_path(r->cgroup, cgroup, sizeof(cgroup)))
		json_str(j, "cgroup", cgroup);
	if (l->space) {
		json_u64(j, "space_maps", l->space->maps);
		json_u64(j, "space_pinned_pages", l->space->pinned);
		json_u64(j, "space_avail", l->space->avail);
	}
	json_object_end(j);
}

static void print_table(const struct table *t, double seconds)
{
	if (!how.no_clear)
		fputs("\033[H\033[2J", stdout);
	if (opt.times) {
		observer_print_time(observer_wall_ns(0), false);
		putchar('\n');
	}
	printf("%7s %-15s %5s %8s %8s %8s %6s %9s %9s %8s %6s %s\n", "PID", "COMM", "SPACE",
	       "MAP/s", "UNMAP/s", "MAPPED", "FAIL/s", "AVGus", "MAXus", "PINNED", "AVAIL",
	       "CGROUP");
	for (int i = 0; i < t->n && (uint64_t)i < how.rows; i++)
		print_line(&t->lines[i], seconds);
	putchar('\n');
}

static void print_objects(const struct table *t, double seconds, uint64_t lost)
{
	struct json j;

	json_init(&j, stdout, false);
	json_object(&j, NULL);
	json_u64(&j, "time_ns", observer_wall_ns(0));
	json_u64(&j, "interval_ms", (uint64_t)(seconds * 1000));
	json_u64(&j, "lost", lost);
	json_array(&j, "rows");
	for (int i = 0; i < t->n && (uint64_t)i < how.rows; i++)
		print_json(&j, &t->lines[i]);
	json_array_end(&j);
	json_object_end(&j);
	json_end_line(&j);
}

/* ---- set-up ---- */

static uint64_t since_ms;

static void tick(void *data)
{
	struct ioasidtop_bpf *skel = data;
	uint64_t now_ms = observer_now_ms();
	double seconds = now_ms > since_ms ? (double)(now_ms - since_ms) / 1000 : 0.001;
	struct table t = {};
	uint64_t lost;

	since_ms = now_ms;
	lost = observer_lost(&opt, "calls", skel->bss->lost,
			     "use a larger --table, a shorter interval, or -p or -c to count fewer");
	take_rows(&t, bpf_map__fd(skel->maps.rows));
	t.nr_spaces = read_spaces(&t.spaces);
	add_spaces(&t);
	if (t.n)
		qsort(t.lines, (size_t)t.n, sizeof(*t.lines), by_value);
	if (opt.json)
		print_objects(&t, seconds, lost);
	else
		print_table(&t, seconds);
	free(t.lines);
	free(t.spaces);
}

static void prepare(struct ioasidtop_bpf *skel)
{
	if (how.table)
		bpf_map__set_max_entries(skel->maps.rows, (__u32)how.table);
}

OBSERVER_DEFINE_START(ioasidtop_bpf, &opt)

int main(int argc, char **argv)
{
	struct ioasidtop_bpf *skel;
	int err = observer_start(&opt, argc, argv);

	if (err)
		return err;
	if (!opt.interval)
		opt.interval = 1;
	/* What clears a screen is rubbish in a file or a pipe. */
	how.no_clear |= !isatty(STDOUT_FILENO);
	skel = start(prepare);
	if (!skel)
		return EXIT_FAILED;
	since_ms = observer_now_ms();
	observer_loop(&opt, tick, skel);
	ioasidtop_bpf__destroy(skel);
	return observer_end(&opt);
}
