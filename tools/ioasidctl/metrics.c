// SPDX-License-Identifier: GPL-2.0-only
/*
 * 'ioasidctl metrics': the state of ioasid for Prometheus, and for the textfile collector of
 * node_exporter. Base units (bytes, seconds) only; no label that grows without bound unless
 * it is asked for. metrics_text.h has the formats.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/counting.h"
#include "../lib/counts.h"
#include "../lib/histogram.h"
#include "../lib/process.h"
#include "../lib/replace.h"
#include "../lib/spaces.h"
#include "../lib/sysfs.h"
#include "../lib/text.h"
#include "ctl.h"
#include "metrics_text.h"

/* Buckets of durations, as powers of two of a nanosecond: 1 us to 4 s. */
#define BUCKET_FIRST	10
#define BUCKET_LAST	32
#define BUCKETS		(BUCKET_LAST - BUCKET_FIRST + 1)

/* ---- modules ---- */

/* Version of the tools; of the module too, when it is loaded. */
static void build_info(void)
{
	char version[64] = "", source[64] = "";

	metrics_family("ioasid_build", INFO, NULL,
		       "Versions of ioasidctl, and of the module if it is loaded.");
	if (!module_loaded("ioasid")) {
		metrics_sample(1, "version", VERSION, NULL);
		return;
	}
	sysfs_line(version, sizeof(version), "/sys/module/ioasid/version");
	sysfs_line(source, sizeof(source), "/sys/module/ioasid/srcversion");
	metrics_sample(1, "version", VERSION, "module_version", version, "module_srcversion",
		       source, NULL);
}

static void backend(void)
{
	/* As VFIO spells them, and as new_containers() does. */
	static const struct {
		const char *driver, *name;
	} backends[] = {
		{ "ioasid", "ioasid" }, { "vfio_iommu_type1", "type1" }, { "none", "none" },
	};
	const char *now = new_containers();

	metrics_family("ioasid_vfio_backend", GAUGE, NULL,
		       "1 for the IOMMU driver that a new VFIO container gets, 0 for the others.");
	for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++)
		metrics_sample(!strcmp(now, backends[i].name), "backend", backends[i].driver, NULL);
}

/* ---- address spaces ---- */

static void space_sample(const struct space *s, uint64_t value)
{
	char id[24], pid[24];

	snprintf(id, sizeof(id), "%u", s->id);
	snprintf(pid, sizeof(pid), "%u", s->owner);
	if (ctl.processes)
		metrics_sample(value, "space", id, "kind", s->kind, "pid", pid, "comm", s->comm, NULL);
	else
		metrics_sample(value, "space", id, "kind", s->kind, NULL);
}

struct spaces {
	struct space *list;
	int n;
};

static void space_family(const struct spaces *spaces, const char *name, const char *unit,
			 const char *help, size_t member, uint64_t factor)
{
	unsigned long long value;

	metrics_family(name, GAUGE, unit, help);
	for (int i = 0; i < spaces->n; i++) {
		memcpy(&value, (const char *)&spaces->list[i] + member, sizeof(value));
		space_sample(&spaces->list[i], (uint64_t)value * factor);
	}
}

/* Of the process that owns a space, as long as it lives and has a limit. */
static void memlock(const struct spaces *spaces)
{
	uint64_t limit;

	metrics_family("ioasid_space_memlock_used_bytes", GAUGE, "bytes",
		       "Memory that the process which owns it has locked (VmLck); no sample when it has exited.");
	for (int i = 0; i < spaces->n; i++)
		if (!spaces->list[i].exited)
			space_sample(&spaces->list[i], process_locked((int)spaces->list[i].owner));
	metrics_family("ioasid_space_memlock_limit_bytes", GAUGE, "bytes",
		       "RLIMIT_MEMLOCK of that process; no sample when nothing limits it.");
	for (int i = 0; i < spaces->n; i++) {
		if (spaces->list[i].exited)
			continue;
		limit = process_memlock((int)spaces->list[i].owner);
		if (limit && limit != PROCESS_UNLIMITED &&
		    !process_may_lock((int)spaces->list[i].owner))
			space_sample(&spaces->list[i], limit);
	}
}

static void spaces(void)
{
	struct spaces s;

	s.n = read_spaces(&s.list);
	if (s.n < 0) {
		warn("address spaces are left out: cannot read " DEBUGFS_IOASID "/spaces: run 'mount -t debugfs debugfs /sys/kernel/debug'");
		return;
	}
	metrics_plain("ioasid_spaces", GAUGE, NULL, "Address spaces that are open.", (uint64_t)s.n);
#define SPACE(member) offsetof(struct space, member)
	space_family(&s, "ioasid_space_mappings", NULL, "Mappings in it.", SPACE(maps), 1);
	space_family(&s, "ioasid_space_available_mappings", NULL,
		     "Mappings that it may still make.", SPACE(avail), 1);
	space_family(&s, "ioasid_space_mapped_bytes", "bytes", "Length of its mappings.",
		     SPACE(mapped), 1);
	space_family(&s, "ioasid_space_pinned_bytes", "bytes", "Memory that it pins.",
		     SPACE(pinned), page_bytes(1));
	space_family(&s, "ioasid_space_charged_bytes", "bytes",
		     "Memory that it charges to locked_vm of processes.", SPACE(charged),
		     page_bytes(1));
	space_family(&s, "ioasid_space_hole_bytes", "bytes",
		     "Length of the holes of its mappings: nothing is there, and no device reaches them.",
		     SPACE(holes), page_bytes(1));
	space_family(&s, "ioasid_space_groups", NULL, "Groups that are attached to it.",
		     SPACE(groups), 1);
	space_family(&s, "ioasid_space_domains", NULL, "Page tables that it keeps.",
		     SPACE(domains), 1);
#undef SPACE
	metrics_family("ioasid_space_sealed", GAUGE, NULL,
		       "1 when a policy refused a group, and every map fails; 0 otherwise.");
	for (int i = 0; i < s.n; i++)
		space_sample(&s.list[i], s.list[i].sealed != 0);
	memlock(&s);
	free(s.list);
}

/* ---- stale pages ---- */

/* They are looked for only while a tracer or a policy asks: without that nothing is counted. */
static void stale_pages(void)
{
	uint64_t processes = 0, mappings = 0, reports = 0, pages = 0;
	FILE *f = fopen(DEBUGFS_IOASID "/watched", "re");
	int n;

	if (!f)
		return;
	n = fscanf(f, "processes: %" SCNu64 " mappings: %" SCNu64 " reports: %" SCNu64
		   " pages: %" SCNu64, &processes, &mappings, &reports, &pages);
	fclose(f);
	if (n != 4)
		return;
	metrics_plain("ioasid_watched_processes", GAUGE, NULL,
		      "Processes that are watched for stale pages; 0 while none asks.", processes);
	metrics_plain("ioasid_watched_mappings", GAUGE, NULL,
		      "Mappings that are watched for stale pages.", mappings);
	metrics_plain("ioasid_stale_reports", COUNTER, NULL,
		      "Reports of mapped memory that its process unmapped or discarded, or ended with.",
		      reports);
	metrics_plain("ioasid_stale_bytes", COUNTER, "bytes",
		      "Mapped memory in those reports.", page_bytes(pages));
}

/* ---- policies ---- */

static void policies(void)
{
	struct policy_state *list;
	int n = read_policies(&list);

	metrics_family("ioasid_policy_enabled", GAUGE, NULL,
		       "1 while its hooks run, 0 after its ejection.");
	for (int i = 0; i < n; i++)
		metrics_sample(!strcmp(list[i].state, "enabled"), "policy", list[i].name, NULL);
	metrics_family("ioasid_policy_calls", COUNTER, NULL, "Calls of its hooks.");
	for (int i = 0; i < n; i++)
		metrics_sample(list[i].calls, "policy", list[i].name, NULL);
	metrics_family("ioasid_policy_denials", COUNTER, NULL, "Calls that it refused.");
	for (int i = 0; i < n; i++)
		metrics_sample(list[i].denied, "policy", list[i].name, NULL);
	free(list);
}

static size_t cgroup_member;

static void cgroup_sample(const char *cgroup, const struct pincg_usage *usage)
{
	uint64_t value;

	memcpy(&value, (const char *)usage + cgroup_member, sizeof(value));
	/* No limit, no sample. */
	if (value != UINT64_MAX)
		metrics_sample(value, "cgroup", cgroup, NULL);
}

static void cgroups(void)
{
	static const struct {
		const char *name;
		enum metrics_type type;
		const char *unit, *help;
		size_t member;
	} families[] = {
		{ "ioasid_cgroup_pinned_bytes", GAUGE, "bytes",
		  "Memory pinned by it and those below it, as pincg counts.",
		  offsetof(struct pincg_usage, used) },
		{ "ioasid_cgroup_limit_bytes", GAUGE, "bytes", "Its limit in pincg.",
		  offsetof(struct pincg_usage, limit) },
		{ "ioasid_cgroup_peak_bytes", GAUGE, "bytes", "Most that it ever pinned.",
		  offsetof(struct pincg_usage, peak) },
		{ "ioasid_cgroup_denials", COUNTER, NULL, "Charges that its limit refused.",
		  offsetof(struct pincg_usage, denied) },
	};

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		metrics_family(families[i].name, families[i].type, families[i].unit,
			       families[i].help);
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
		{ "ioasid_mapped_bytes", "bytes", "Memory mapped.", c->map_bytes },
		{ "ioasid_map_pinned_bytes", "bytes", "Memory that maps pinned.", page_bytes(c->map_pages) },
		{ "ioasid_map_runs", NULL, "Physically contiguous runs of that memory.", c->map_runs },
		{ "ioasid_map_faults", NULL, "Page faults that pinning took.", c->map_faults },
		{ "ioasid_mapped_huge_bytes", "bytes", "Memory mapped that fits 2 MiB entries of a page table.", c->map_bytes_2m },
		{ "ioasid_iotlb_syncs", NULL, "Flushes of an IOTLB by unmaps.", c->unmap_syncs },
		{ "ioasid_unmaps", NULL, "Unmap calls and teardowns that succeeded.", c->unmaps },
		{ "ioasid_unmap_failures", NULL, "Unmap calls that failed.", c->unmaps_failed },
		{ "ioasid_unmapped_bytes", "bytes", "Memory unmapped.", c->unmap_bytes },
		{ "ioasid_pinned_bytes", "bytes", "Memory pinned, by maps and by drivers.", page_bytes(c->pinned) },
		{ "ioasid_unpinned_bytes", "bytes", "Memory unpinned.", page_bytes(c->unpinned) },
		{ "ioasid_charged_bytes", "bytes", "Memory charged to locked_vm.", page_bytes(c->charged) },
		{ "ioasid_uncharged_bytes", "bytes", "Memory uncharged from locked_vm.", page_bytes(c->uncharged) },
		{ "ioasid_charge_failures", NULL, "Charges that a limit refused.", c->charges_refused },
		{ "ioasid_attaches", NULL, "Groups attached to an address space.", c->attaches },
		{ "ioasid_attach_failures", NULL, "Attaches that failed.", c->attaches_failed },
		{ "ioasid_detaches", NULL, "Groups detached.", c->detaches },
		{ "ioasid_revokes", NULL, "Mappings whose device memory was revoked.", c->revokes },
		{ "ioasid_policy_ejections", NULL, "Policies ejected for misbehaving.", c->policies_ejected },
	};

	uint64_t unknown = 0;

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		metrics_plain(list[i].name, COUNTER, list[i].unit, list[i].help, list[i].value);
	metrics_family("ioasid_errors", COUNTER, NULL, "Failed calls, by the check that refused them.");
	/* Two samples with the same labels would cost the whole file. */
	for (uint32_t r = 1; r < STAT_REASONS; r++) {
		if (strcmp(reason_name(r), "unknown"))
			metrics_sample(c->errors[r], "reason", reason_name(r), NULL);
		else
			unknown += c->errors[r];
	}
	metrics_sample(unknown, "reason", "unknown", NULL);
}

static void histogram(uint32_t phase, const struct hist *h)
{
	struct metrics_bucket buckets[BUCKETS];
	uint64_t below = 0;
	int n = 0;

	for (int i = 0; i < BUCKET_LAST; i++) {
		below += h->slots[i];
		if (i + 1 >= BUCKET_FIRST)
			buckets[n++] = (struct metrics_bucket){
				.le = (double)(UINT64_C(1) << (i + 1)) / 1e9, .count = below };
	}
	metrics_histogram(hist_phase_name(phase), buckets, n, hist_count(h), (double)h->sum / 1e9);
}

static void durations(int map, const char *operation, const char *name, const char *help)
{
	struct hist h;

	metrics_family(name, HISTOGRAM, "seconds", help);
	for (uint32_t phase = 0; phase < HIST_PHASES; phase++)
		if (!strcmp(hist_operation(phase), operation) && !counts_read_hist(map, phase, &h))
			histogram(phase, &h);
}

static void counted(void)
{
	int counts = counting_map("counts"), hists = counting_map("hists");
	struct stat_counts c;

	metrics_plain("ioasid_counting", GAUGE, NULL,
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
	build_info();
	metrics_plain("ioasid_loaded", GAUGE, NULL, "1 if the module is loaded, 0 if not.",
		      module_loaded("ioasid"));
	backend();
	if (module_loaded("ioasid")) {
		metrics_plain("ioasid_module_users", GAUGE, NULL, "References to the module.",
			      sysfs_u64("/sys/module/ioasid/refcnt"));
		spaces();
		stale_pages();
		policies();
		cgroups();
		counted();
	}
	metrics_end();
}

int cmd_metrics(int argc, char **argv)
{
	bool openmetrics = ctl.format && !strcmp(ctl.format, "openmetrics");
	struct whole out;

	(void)argc;
	(void)argv;
	if (ctl.format && !openmetrics && strcmp(ctl.format, "prometheus"))
		return usage_error("'%s' is not a format: use prometheus or openmetrics", ctl.format);
	if (need_admin("reading the state of ioasid"))
		return -1;
	whole_begin(&out);
	if (out.f) {
		metrics_begin(out.f, openmetrics);
		everything();
	}
	return whole_end(&out, "collect the metrics", ctl.output, 0644);
}
