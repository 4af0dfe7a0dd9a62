// SPDX-License-Identifier: GPL-2.0-only
/* ioasidstat: what ioasid does, a line each interval. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/counts.h"
#include "../lib/json.h"
#include "../lib/observer.h"
#include "../lib/say.h"
#include "../lib/spaces.h"
#include "../lib/text.h"
#include "ioasidstat.skel.h"

static const char usage[] =
	"usage: ioasidstat [-p PID] [-c CGROUP] [-T] [-j] [-d SECONDS] [-r] [INTERVAL [COUNT]]\n"
	"\n"
	"Rates of maps, unmaps and failures, a line each INTERVAL seconds (1), until Ctrl-C.\n"
	"\n"
	"  -p, --pid PID         only this process\n"
	"  -c, --cgroup CGROUP   only this cgroup and those below it (/machine.slice/vm1)\n"
	"  -T, --timestamp       begin lines with the time of day\n"
	"  -j, --json            one JSON object an interval, with every counter\n"
	"  -d, --duration SEC    end after so many seconds\n"
	"  -r, --reasons         say below a line why calls failed\n"
	"      --debug           print what libbpf and the verifier say\n"
	"  -h, --help            this text\n"
	"  -V, --version         the version\n"
	"\n"
	"MAP/s, UNMAP/s    calls a second that succeeded      FAIL/s   calls that did not\n"
	"MAPPED, UNMAPPED  bytes a second                     PAGE/RUN mean length of runs, in pages\n"
	"MAPus             mean time of a map                 DENY/s   charges refused\n"
	"PINNED            bytes now, in all of the machine\n"
	"\n"
	"examples:\n"
	"  ioasidstat                        a line a second\n"
	"  ioasidstat -r 10                  every ten seconds, with the reasons of failures\n"
	"  ioasidstat -j 1 60 >minute.json\n"
	"\n"
	"exit status: 0 done, 1 failed, 2 wrong usage\n";

static bool reasons;

static int take(int option, const char *value)
{
	(void)option;
	(void)value;
	reasons = true;
	return 0;
}

static const struct option own[] = {
	{ "reasons", no_argument, NULL, 'r' },
	{ NULL, 0, NULL, 0 }
};

static struct observer opt = {
	.name = "ioasidstat",
	.usage = usage,
	.intervals = true,
	.own = own,
	.take = take,
};

/* Bytes pinned now; filters do not apply. */
static uint64_t pinned_now(void)
{
	struct space *list;
	int n = read_spaces(&list);
	uint64_t pages = 0;

	for (int i = 0; i < n; i++)
		pages += list[i].pinned;
	free(list);
	return page_bytes(pages);
}

static void print_json(const struct stat_counts *c, double seconds)
{
	struct json j;

	json_init(&j, stdout, false);
	json_object(&j, NULL);
	json_u64(&j, "time_ns", observer_wall_ns(0));
	json_u64(&j, "interval_ms", (uint64_t)(seconds * 1000));
	json_u64(&j, "pinned_bytes", pinned_now());
	counts_json(&j, c);
	json_object_end(&j);
	json_end_line(&j);
}

static void print_header(void)
{
	if (opt.times)
		printf("%-8s ", "TIME");
	printf("%9s %9s %9s %9s %8s %8s %8s %8s %9s\n", "MAP/s", "UNMAP/s", "MAPPED", "UNMAPPED",
	       "PAGE/RUN", "MAPus", "FAIL/s", "DENY/s", "PINNED");
}

static void print_reasons(const struct stat_counts *c)
{
	bool any = false;

	for (uint32_t r = 1; r < STAT_REASONS; r++) {
		if (!c->errors[r])
			continue;
		printf("%s %s %" PRIu64, any ? "," : "  failed:", reason_name(r),
		       (uint64_t)c->errors[r]);
		any = true;
	}
	if (any)
		putchar('\n');
}

static double ratio(uint64_t a, uint64_t b)
{
	return b ? (double)a / (double)b : 0;
}

static void print_line(const struct stat_counts *c, double seconds)
{
	char mapped[SIZE_TEXT], unmapped[SIZE_TEXT], pinned[SIZE_TEXT];

	if (opt.times)
		observer_print_time(observer_wall_ns(0), false);
	printf("%9.0f %9.0f %9s %9s %8.1f %8.1f %8.0f %8.0f %9s\n", (double)c->maps / seconds,
	       (double)c->unmaps / seconds,
	       format_size((uint64_t)((double)c->map_bytes / seconds), mapped),
	       format_size((uint64_t)((double)c->unmap_bytes / seconds), unmapped),
	       ratio(c->map_pages, c->map_runs), ratio(c->map_ns, c->maps) / 1000,
	       (double)(c->maps_failed + c->unmaps_failed) / seconds,
	       (double)c->charges_refused / seconds, format_size(pinned_now(), pinned));
	if (reasons)
		print_reasons(c);
}

/* ---- set-up ---- */

static struct {
	struct ioasidstat_bpf *skel;
	struct stat_counts before;
	uint64_t since_ms;
	unsigned int lines;
} state;

static void tick(void *unused)
{
	uint64_t now_ms = observer_now_ms();
	double seconds = (double)(now_ms - state.since_ms) / 1000;
	struct stat_counts now, diff;

	(void)unused;
	if (counts_read(bpf_map__fd(state.skel->maps.counts), &now))
		return;
	diff = counts_since(&now, &state.before);
	if (seconds <= 0)
		seconds = 0.001;
	if (opt.json)
		print_json(&diff, seconds);
	else
		print_line(&diff, seconds);
	/* As vmstat does: the heading again for each screen. */
	if (!opt.json && ++state.lines % 22 == 0)
		print_header();
	state.before = now;
	state.since_ms = now_ms;
}

static void prepare(struct ioasidstat_bpf *skel)
{
	skel->rodata->with_hists = false;
}

OBSERVER_DEFINE_START(ioasidstat_bpf, &opt)

int main(int argc, char **argv)
{
	int err = observer_start(&opt, argc, argv);

	if (err)
		return err;
	if (!opt.interval)
		opt.interval = 1;
	state.skel = start(prepare);
	if (!state.skel)
		return EXIT_FAILED;
	if (!opt.json)
		print_header();
	observer_flush(&opt);
	state.since_ms = observer_now_ms();
	observer_loop(&opt, tick, NULL);
	ioasidstat_bpf__destroy(state.skel);
	return observer_end(&opt);
}
