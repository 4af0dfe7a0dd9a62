// SPDX-License-Identifier: GPL-2.0-only
/* Tables of the commands map and compare, for people, and the same as JSON. */
#include <stdio.h>
#include <string.h>

#include "series.h"
#include "util.h"

static double gib(double bytes)
{
	return bytes / (double)GIB;
}

/* Bytes per second of the mapping half. */
static double pinned_per_s(const struct result *r)
{
	double ns = side_ns(&r->map);

	return ns > 0 ? (double)result_pinned(r) * 1e9 / ns : 0;
}

static void print_rate(const struct side *s)
{
	double pages = side_pages_per_s(s);

	printf(" %9.1f %10.0f %8.2f", side_ns_per_page(s), pages, gib(pages * (double)PAGE_4K));
}

static void print_number(double value)
{
	if (value > 0)
		printf(" %8.1f", value);
	else
		printf(" %8s", "-");
}

static void print_throughput(const struct series *s)
{
	const struct result *r;
	unsigned int i;
	char size[SIZE_TEXT];

	printf("\n%-18s %-13s %6s %8s |%9s %10s %8s %8s |%9s %10s %8s\n", "", "", "", "",
	       "map", "", "", "pinned", "unmap", "", "");
	printf("%-18s %-13s %6s %8s |%9s %10s %8s %8s |%9s %10s %8s\n", "workload", "memory",
	       "size", "pg/run", "ns/page", "pages/s", "GiB/s", "GiB/s", "ns/page", "pages/s",
	       "GiB/s");
	for (i = 0; i < s->works; i++) {
		r = series_result(s, i, 0);
		printf("%-18s %-13s %6s", r->work->name, r->work->kind->name,
		       format_size_exact(r->work->len, size));
		if (r->skipped[0]) {
			printf(" skipped: %s\n", r->skipped);
			continue;
		}
		print_number(r->pages_per_extent);
		printf(" |");
		print_rate(&r->map);
		if (r->work->type == WORK_FILL)
			printf(" %8.2f", gib(pinned_per_s(r)));
		else
			printf(" %8s", "-");
		printf(" |");
		print_rate(&r->unmap);
		putchar('\n');
	}
}

/* What the kernel keeps for the maps, beside the pages themselves. */
static void print_memory(const struct series *s)
{
	const struct result *r;
	bool header = false;
	unsigned int i;
	double maps;

	for (i = 0; i < s->works; i++) {
		r = series_result(s, i, 0);
		if (r->skipped[0] || r->work->type != WORK_FILL)
			continue;
		if (!header)
			printf("\n%-18s %-13s %12s %12s %14s\n", "kernel memory", "", "B/mapping",
			       "B/GiB", "tables, B/GiB");
		header = true;
		maps = (double)workload_maps(r->work);
		printf("%-18s %-13s %12.0f %12.0f %14.0f\n", r->work->name, r->work->kind->name,
		       (double)r->slab_bytes / maps,
		       (double)r->slab_bytes / gib((double)r->work->len),
		       (double)r->table_bytes / gib((double)r->work->len));
	}
}

static void print_call_line(const char *name, const char *memory, const char *what,
			    const struct hist *h)
{
	printf("%-18s %-13s %-5s %9llu %10.0f %10llu %10llu %10llu %10llu %10llu\n", name,
	       memory, what, (unsigned long long)h->count, hist_mean(h),
	       (unsigned long long)hist_percentile(h, 50),
	       (unsigned long long)hist_percentile(h, 90),
	       (unsigned long long)hist_percentile(h, 99),
	       (unsigned long long)hist_percentile(h, 99.9), (unsigned long long)h->max);
}

static void print_calls(const struct series *s)
{
	const struct result *r;
	bool header = false;
	unsigned int i;

	for (i = 0; i < s->works; i++) {
		r = series_result(s, i, 0);
		if (r->skipped[0] || !r->work->per_call)
			continue;
		if (!header)
			printf("\n%-18s %-13s %-5s %9s %10s %10s %10s %10s %10s %10s\n",
			       "ns per call", "memory", "", "calls", "mean", "p50", "p90",
			       "p99", "p99.9", "max");
		header = true;
		print_call_line(r->work->name, r->work->kind->name, "map", r->map.call);
		print_call_line("", "", "unmap", r->unmap.call);
	}
}

static double per_page(uint64_t ns, uint64_t bytes)
{
	return bytes ? (double)ns * (double)PAGE_4K / (double)bytes : 0;
}

/* What the phases leave of the whole: system call, lookup, bookkeeping. */
static uint64_t other_ns(const struct split_side *s)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < s->count; i++)
		sum += s->ns[i];
	return s->busy_ns > sum ? s->busy_ns - sum : 0;
}

static void print_split_side(const char *what, const struct split_side *s)
{
	unsigned int i;

	printf(" %s", what);
	for (i = 0; i < s->count; i++)
		printf(" %s %.1f", s->phase[i], per_page(s->ns[i], s->bytes));
	printf(" other %.1f", per_page(other_ns(s), s->bytes));
}

/* Without the split, faulting in still has a line. */
static void print_faults(const struct series *s)
{
	const struct mem_kind *last = NULL;
	const struct result *r;
	unsigned int i;

	for (i = 0; i < s->works; i++) {
		r = series_result(s, i, 0);
		if (r->skipped[0] || !r->work->populated || r->work->kind == last)
			continue;
		printf("%s %s %.1f", last ? "," : "faulting in, ns per page:", r->work->kind->name,
		       per_page(r->populate_ns, r->populated_bytes));
		last = r->work->kind;
	}
	if (last)
		puts(" (the program touching its memory before it is mapped)");
}

static void print_split(const struct series *s)
{
	const char *why = "every workload was skipped";
	const struct result *r;
	bool header = false;
	unsigned int i;

	for (i = 0; i < s->works; i++) {
		r = series_result(s, i, 0);
		if (r->skipped[0])
			continue;
		if (!r->split.available) {
			why = r->split.why_not;
			continue;
		}
		if (!header)
			puts("\ntime split, ns per page, from one more repetition with ioasid's tracepoints on");
		header = true;
		printf("%-18s %-13s |", r->work->name, r->work->kind->name);
		if (r->work->populated)
			printf(" fault %.1f,", per_page(r->populate_ns, r->populated_bytes));
		print_split_side("map:", &r->split.map);
		print_split_side("| unmap:", &r->split.unmap);
		putchar('\n');
	}
	if (header) {
		puts("(fault: the program touching its memory beforehand, timed by the program)");
		return;
	}
	printf("\ntime split: not available: %s\n", why);
	print_faults(s);
}

void report_print(const struct series *s)
{
	print_throughput(s);
	if (s->opt.threads > 1)
		printf("(%u threads: wall time over the pages of all of them)\n", s->opt.threads);
	print_calls(s);
	print_memory(s);
	print_split(s);
}

static void side_json(struct json *j, const char *key, const struct side *s)
{
	unsigned int i;

	json_object(j, key);
	json_u64(j, "bytes", s->bytes);
	json_u64(j, "calls", s->calls);
	json_array(j, "repetitions_ns");
	for (i = 0; i < s->reps; i++)
		json_u64(j, NULL, s->ns[i]);
	json_array_end(j);
	json_num(j, "ns_per_page", side_ns_per_page(s));
	json_num(j, "ns_per_call", s->calls ? side_ns(s) / (double)s->calls : 0);
	json_num(j, "pages_per_s", side_pages_per_s(s));
	json_num(j, "gib_per_s", gib(side_pages_per_s(s) * (double)PAGE_4K));
	hist_json(j, "call_ns", s->call);
	json_object_end(j);
}

static void split_json(struct json *j, const char *key, const struct split_side *s)
{
	char name[24];
	unsigned int i;

	json_object(j, key);
	json_u64(j, "bytes", s->bytes);
	json_u64(j, "busy_ns", s->busy_ns);
	for (i = 0; i < s->count; i++) {
		snprintf(name, sizeof(name), "%s_ns", s->phase[i]);
		json_u64(j, name, s->ns[i]);
	}
	json_u64(j, "other_ns", other_ns(s));
	json_object_end(j);
}

static void result_json(struct json *j, const struct result *r)
{
	const struct workload *w = r->work;

	json_object(j, NULL);
	json_str(j, "workload", w->name);
	json_str(j, "type", work_type_name[w->type]);
	json_str(j, "memory", w->kind->name);
	json_u64(j, "size_bytes", w->len);
	json_u64(j, "call_bytes", w->call);
	json_u64(j, "existing_maps", w->existing);
	json_u64(j, "threads", w->threads);
	json_str(j, "unmap_mode", unmap_mode_name[w->unmap]);
	json_u64(j, "batch", w->batch);
	json_bool(j, "random_order", w->random);
	json_bool(j, "populated", w->populated);
	json_bool(j, "per_call", w->per_call);
	json_str(j, "backend", r->ops->name);
	if (r->skipped[0]) {
		json_str(j, "skipped", r->skipped);
		json_object_end(j);
		return;
	}
	json_str(j, "answered_by", r->backend);
	json_num(j, "pages_per_extent", r->pages_per_extent);
	if (w->populated)
		json_num(j, "fault_ns_per_page", per_page(r->populate_ns, r->populated_bytes));
	side_json(j, "map", &r->map);
	side_json(j, "unmap", &r->unmap);
	if (w->type == WORK_FILL) {
		json_u64(j, "pinned_bytes", result_pinned(r));
		json_u64(j, "vmlck_bytes", r->locked);
		json_u64(j, "foll_pin_references", r->pinned_refs);
		json_num(j, "pinned_gib_per_s", gib(pinned_per_s(r)));
		json_u64(j, "maps", workload_maps(w));
		json_u64(j, "kernel_bytes", r->slab_bytes);
		json_u64(j, "page_table_bytes", r->table_bytes);
	}
	json_object(j, "split");
	json_bool(j, "available", r->split.available);
	if (r->split.available) {
		split_json(j, "map", &r->split.map);
		split_json(j, "unmap", &r->split.unmap);
	} else {
		json_str(j, "why_not", r->split.why_not);
	}
	json_object_end(j);
	json_object_end(j);
}

void report_json_options(const struct series *s, struct json *j)
{
	json_str(j, "command", s->opt.command);
	json_str(j, "device", s->bdf);
	json_u64(j, "group", (uint64_t)s->group);
	json_str(j, "container_type", s->opt.version == 1 ? "v1" : "v2");
	json_u64(j, "repeat", s->opt.repeat);
	json_u64(j, "warm_up", s->opt.warm_up);
}

void report_json_results(const struct series *s, struct json *j)
{
	unsigned int i;

	json_array(j, "results");
	for (i = 0; i < s->works * s->opt.backends; i++)
		result_json(j, &s->result[i]);
	json_array_end(j);
}
