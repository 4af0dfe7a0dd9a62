// SPDX-License-Identifier: GPL-2.0-only
/*
 * 'ioasidctl metrics': the state of ioasid in OpenMetrics text, for the textfile
 * collector of node_exporter. A family is printed in one piece: its type, what
 * it is, then its samples.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/counting.h"
#include "../lib/counts.h"
#include "../lib/histogram.h"
#include "../lib/spaces.h"
#include "../lib/sysfs.h"
#include "../lib/text.h"
#include "../lib/untrusted.h"
#include "ctl.h"

/* Buckets of durations, as powers of two of a nanosecond: 1 us to 4 s. */
#define BUCKET_FIRST	10
#define BUCKET_LAST	32

static FILE *out;

static void family(const char *name, const char *type, const char *unit, const char *help)
{
	fprintf(out, "# TYPE %s %s\n", name, type);
	if (unit)
		fprintf(out, "# UNIT %s %s\n", name, unit);
	fprintf(out, "# HELP %s %s\n", name, help);
}

/* @value may be untrusted. */
static void metrics_label(const char *name, const char *value, bool first)
{
	size_t left = strlen(value), n;
	char text[UNTRUSTED_CHAR];

	fprintf(out, "%s%s=\"", first ? "{" : ",", name);
	for (; left; value += n, left -= n) {
		n = untrusted_char(value, left, UNTRUSTED_LABEL, text);
		fputs(text, out);
	}
	fputc('"', out);
}

static void plain(const char *name, const char *type, const char *unit, const char *help,
		  uint64_t value)
{
	family(name, type, unit, help);
	fprintf(out, "%s%s %" PRIu64 "\n", name, strcmp(type, "counter") ? "" : "_total", value);
}

/* ---- address spaces ---- */

static void space_family(const struct space *list, int n, const char *name, const char *unit,
			 const char *help, size_t member, uint64_t factor)
{
	unsigned long long value;
	char number[24];

	family(name, "gauge", unit, help);
	for (int i = 0; i < n; i++) {
		memcpy(&value, (const char *)&list[i] + member, sizeof(value));
		fputs(name, out);
		snprintf(number, sizeof(number), "%u", list[i].id);
		metrics_label("space", number, true);
		metrics_label("kind", list[i].kind, false);
		snprintf(number, sizeof(number), "%u", list[i].owner);
		metrics_label("pid", number, false);
		metrics_label("comm", list[i].comm, false);
		fprintf(out, "} %" PRIu64 "\n", (uint64_t)value * factor);
	}
}

static void spaces(void)
{
	struct space *list;
	int n = read_spaces(&list);

	if (n < 0)
		return;
	plain("ioasid_spaces", "gauge", NULL, "Address spaces that are open.", (uint64_t)n);
#define SPACE(member) offsetof(struct space, member)
	space_family(list, n, "ioasid_space_mappings", NULL, "Mappings in it.", SPACE(maps), 1);
	space_family(list, n, "ioasid_space_available_mappings", NULL,
		     "Mappings that it may still make.", SPACE(avail), 1);
	space_family(list, n, "ioasid_space_mapped_bytes", "bytes", "Length of its mappings.",
		     SPACE(mapped), 1);
	space_family(list, n, "ioasid_space_pinned_bytes", "bytes", "Memory that it pins.",
		     SPACE(pinned), page_bytes(1));
	space_family(list, n, "ioasid_space_charged_bytes", "bytes",
		     "Memory that it charges to locked_vm of processes.", SPACE(charged), page_bytes(1));
	space_family(list, n, "ioasid_space_groups", NULL, "Groups that are attached to it.",
		     SPACE(groups), 1);
	space_family(list, n, "ioasid_space_domains", NULL, "Page tables that it keeps.",
		     SPACE(domains), 1);
#undef SPACE
	free(list);
}

/* ---- policies ---- */

static void policies(void)
{
	struct policy_state *list;
	int n = read_policies(&list);

	family("ioasid_policy_enabled", "gauge", NULL, "1 while its hooks run, 0 after its ejection.");
	for (int i = 0; i < n; i++) {
		fputs("ioasid_policy_enabled", out);
		metrics_label("policy", list[i].name, true);
		fprintf(out, "} %d\n", !strcmp(list[i].state, "enabled"));
	}
	family("ioasid_policy_calls", "counter", NULL, "Calls of its hooks.");
	for (int i = 0; i < n; i++) {
		fputs("ioasid_policy_calls_total", out);
		metrics_label("policy", list[i].name, true);
		fprintf(out, "} %llu\n", list[i].calls);
	}
	family("ioasid_policy_denials", "counter", NULL, "Calls that it refused.");
	for (int i = 0; i < n; i++) {
		fputs("ioasid_policy_denials_total", out);
		metrics_label("policy", list[i].name, true);
		fprintf(out, "} %llu\n", list[i].denied);
	}
	free(list);
}

static const char *cgroup_family;
static bool cgroup_counter;
static size_t cgroup_member;

static void cgroup_sample(const char *cgroup, const struct pincg_usage *usage)
{
	uint64_t value;

	memcpy(&value, (const char *)usage + cgroup_member, sizeof(value));
	/* No limit, no sample. */
	if (value == UINT64_MAX)
		return;
	fprintf(out, "%s%s", cgroup_family, cgroup_counter ? "_total" : "");
	metrics_label("cgroup", cgroup, true);
	fprintf(out, "} %" PRIu64 "\n", value);
}

static void cgroups(void)
{
	static const struct {
		const char *name, *type, *unit, *help;
		size_t member;
	} families[] = {
		{ "ioasid_cgroup_pinned_bytes", "gauge", "bytes",
		  "Memory pinned by it and those below it, as pincg counts.",
		  offsetof(struct pincg_usage, used) },
		{ "ioasid_cgroup_limit_bytes", "gauge", "bytes", "Its limit in pincg.",
		  offsetof(struct pincg_usage, limit) },
		{ "ioasid_cgroup_peak_bytes", "gauge", "bytes", "Most that it ever pinned.",
		  offsetof(struct pincg_usage, peak) },
		{ "ioasid_cgroup_denials", "counter", NULL, "Charges that its limit refused.",
		  offsetof(struct pincg_usage, denied) },
	};

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		family(families[i].name, families[i].type, families[i].unit, families[i].help);
		cgroup_family = families[i].name;
		cgroup_counter = !strcmp(families[i].type, "counter");
		cgroup_member = families[i].member;
		pincg_each(cgroup_sample);
	}
}

/* ---- counters ---- */

static void counters(const struct stat_counts *c)
{
	const struct {
		const char *name, *unit, *help;
		uint64_t value;
	} list[] = {
		{ "ioasid_maps", NULL, "Map calls that succeeded.", c->maps },
		{ "ioasid_map_failures", NULL, "Map calls that failed.", c->maps_failed },
		{ "ioasid_mapped_bytes", "bytes", "Bytes mapped.", c->map_bytes },
		{ "ioasid_map_pages", NULL, "Pages that maps pinned.", c->map_pages },
		{ "ioasid_map_runs", NULL, "Physically contiguous runs of those pages.", c->map_runs },
		{ "ioasid_map_faults", NULL, "Page faults that pinning took.", c->map_faults },
		{ "ioasid_mapped_huge_bytes", "bytes", "Bytes mapped that fit 2 MiB entries of a page table.", c->map_bytes_2m },
		{ "ioasid_iotlb_syncs", NULL, "Flushes of an IOTLB by unmaps.", c->unmap_syncs },
		{ "ioasid_unmaps", NULL, "Unmap calls and teardowns.", c->unmaps },
		{ "ioasid_unmap_failures", NULL, "Unmap calls that failed.", c->unmaps_failed },
		{ "ioasid_unmapped_bytes", "bytes", "Bytes unmapped.", c->unmap_bytes },
		{ "ioasid_pinned_pages", NULL, "Pages pinned, by maps and by drivers.", c->pinned },
		{ "ioasid_unpinned_pages", NULL, "Pages unpinned.", c->unpinned },
		{ "ioasid_charged_pages", NULL, "Pages charged to locked_vm.", c->charged },
		{ "ioasid_uncharged_pages", NULL, "Pages given back.", c->uncharged },
		{ "ioasid_charge_failures", NULL, "Charges that a limit refused.", c->charges_refused },
		{ "ioasid_attaches", NULL, "Groups that joined an address space.", c->attaches },
		{ "ioasid_attach_failures", NULL, "Groups that did not.", c->attaches_failed },
		{ "ioasid_detaches", NULL, "Groups that left.", c->detaches },
		{ "ioasid_policies_ejected", NULL, "Policies ejected for misbehaving.", c->policies_ejected },
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		plain(list[i].name, "counter", list[i].unit, list[i].help, list[i].value);
	family("ioasid_errors", "counter", NULL, "Failed calls, by the check that refused them.");
	for (uint32_t r = 1; r < STAT_REASONS; r++) {
		if (!c->errors[r] && !strcmp(reason_name(r), "unknown"))
			continue;
		fputs("ioasid_errors_total", out);
		metrics_label("reason", reason_name(r), true);
		fprintf(out, "} %" PRIu64 "\n", (uint64_t)c->errors[r]);
	}
}

static void histogram(const char *name, uint32_t phase, const struct hist *h)
{
	uint64_t below = 0, count = hist_count(h);
	const char *what = hist_phase_name(phase);

	for (int i = 0; i < BUCKET_LAST; i++) {
		below += h->slots[i];
		if (i + 1 < BUCKET_FIRST)
			continue;
		fprintf(out, "%s_bucket{phase=\"%s\",le=\"%.9g\"} %" PRIu64 "\n", name, what,
			(double)(UINT64_C(1) << (i + 1)) / 1e9, below);
	}
	fprintf(out, "%s_bucket{phase=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", name, what, count);
	fprintf(out, "%s_count{phase=\"%s\"} %" PRIu64 "\n", name, what, count);
	fprintf(out, "%s_sum{phase=\"%s\"} %.9f\n", name, what, (double)h->sum / 1e9);
}

static void durations(int map, const char *operation, const char *name, const char *help)
{
	struct hist h;

	family(name, "histogram", "seconds", help);
	for (uint32_t phase = 0; phase < HIST_PHASES; phase++)
		if (!strcmp(hist_operation(phase), operation) && !counts_read_hist(map, phase, &h))
			histogram(name, phase, &h);
}

static void counted(void)
{
	int counts = counting_map("counts"), hists = counting_map("hists");
	struct stat_counts c;

	plain("ioasid_counting", "gauge", NULL,
	      "1 while 'ioasidctl stats on' counts; without it there are no counters of calls.",
	      counts >= 0);
	if (counts >= 0 && !counts_read(counts, &c))
		counters(&c);
	if (hists >= 0) {
		durations(hists, "map", "ioasid_map_duration_seconds", "Time of maps, by phase.");
		durations(hists, "unmap", "ioasid_unmap_duration_seconds",
			  "Time of unmaps, by phase.");
		durations(hists, "attach", "ioasid_attach_duration_seconds",
			  "Time of attaches, with the replay of what is mapped.");
	}
	close(counts);
	close(hists);
}

/* ---- output ---- */

static void everything(void)
{
	char version[64] = "unknown";

	if (!sysfs_line(version, sizeof(version), "/sys/module/ioasid/version"))
		sysfs_line(version, sizeof(version), "/sys/module/ioasid/srcversion");
	plain("ioasid_loaded", "gauge", NULL, "1 if the module is loaded.", module_loaded("ioasid"));
	if (module_loaded("ioasid")) {
		family("ioasid_module", "info", NULL, "The module.");
		fputs("ioasid_module_info", out);
		metrics_label("version", version, true);
		fputs("} 1\n", out);
		plain("ioasid_module_users", "gauge", NULL, "Users of the module.",
		      sysfs_u64("/sys/module/ioasid/refcnt"));
		spaces();
		policies();
		cgroups();
		counted();
	}
	fputs("# EOF\n", out);
}

/* A program that reads the folder must find all of it or the one before. */
static int to_file(const char *file)
{
	char temporary[PATH_MAX];
	bool written;

	if (snprintf(temporary, sizeof(temporary), "%s.%d", file, getpid()) >= (int)sizeof(temporary))
		return fail("the name '%s' is too long", file);
	out = fopen(temporary, "we");
	if (!out)
		return fail("cannot write '%s': %s", temporary, strerror(errno));
	everything();
	fchmod(fileno(out), 0644);
	written = !ferror(out);
	if (fclose(out) || !written || rename(temporary, file)) {
		fail("cannot write '%s': %s", file, strerror(errno));
		unlink(temporary);
		return -1;
	}
	return 0;
}

int cmd_metrics(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	if (need_admin("reading the state of ioasid"))
		return -1;
	if (ctl.output)
		return to_file(ctl.output);
	out = stdout;
	everything();
	return 0;
}
