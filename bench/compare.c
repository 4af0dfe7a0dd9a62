// SPDX-License-Identifier: GPL-2.0-only
/* ioasid-bench compare: the same work on several backends, side by side. */
#include <stdio.h>

#include "commands.h"
#include "machine.h"
#include "series.h"
#include "util.h"

/*
 * ns per page where throughput counts, ns per map call where calls do: one
 * unmap call over a whole storm is shared by all its maps.
 */
static double figure(const struct result *r, const struct side *s)
{
	return r->work->per_call && r->map.calls ? side_ns(s) / (double)r->map.calls
						 : side_ns_per_page(s);
}

static double ratio(double a, double b)
{
	return b > 0 ? a / b : 0;
}

/* The maps or the unmaps of a row: the first backend's figure, then the others'. */
static void print_side(const struct series *s, unsigned int work, bool map)
{
	const struct result *r = series_result(s, work, 0);
	double first = figure(r, map ? &r->map : &r->unmap), other;
	unsigned int b;

	printf(" |%10.1f", first);
	for (b = 1; b < s->opt.backends; b++) {
		r = series_result(s, work, b);
		if (r->skipped[0]) {
			printf(" %10s %8s", "-", "-");
			continue;
		}
		other = figure(r, map ? &r->map : &r->unmap);
		printf(" %10.1f %7.2fx", other, ratio(first, other));
	}
}

static void print_row(const struct series *s, unsigned int work)
{
	const struct workload *w = &s->work[work];
	const struct result *r = series_result(s, work, 0);

	printf("%-18s %-13s", w->name, w->kind->name);
	if (r->skipped[0]) {
		printf(" skipped: %s\n", r->skipped);
		return;
	}
	if (r->pages_per_extent > 0)
		printf(" %8.1f", r->pages_per_extent);
	else
		printf(" %8s", "-");
	printf(" %6s", w->per_call ? "call" : "page");
	print_side(s, work, true);
	print_side(s, work, false);
	putchar('\n');
}

static void print_names(const struct series *s)
{
	unsigned int b;

	printf(" |%10s", s->opt.backend[0]->name);
	for (b = 1; b < s->opt.backends; b++)
		printf(" %10s %8s", s->opt.backend[b]->name, "ratio");
}

static void print(const struct series *s, const struct machine *m)
{
	unsigned int i;

	machine_print(m, s->opt.icount);
	printf("device %s, group %d, container v%d; backends in turn, median of %u\n", s->bdf,
	       s->group, s->opt.version, s->opt.repeat);
	if (s->opt.threads > 1)
		printf("%u threads: wall time over the pages or calls of all of them\n",
		       s->opt.threads);
	printf("ratio: %s's ns divided by the other's, above 1 the other needs less\n\n",
	       s->opt.backend[0]->name);
	printf("%-18s %-13s %8s %6s |%-*s |%s\n", "", "", "", "",
	       10 + 20 * ((int)s->opt.backends - 1), " map", " unmap");
	printf("%-18s %-13s %8s %6s", "workload", "memory", "pg/run", "ns per");
	print_names(s);
	print_names(s);
	putchar('\n');
	for (i = 0; i < s->works; i++)
		print_row(s, i);
}

static int print_json(const struct series *s, const struct machine *m)
{
	const struct result *a, *b;
	struct json j;
	unsigned int i, n;

	results_begin(&j);
	report_json_options(s, &j);
	machine_json(m, s->opt.icount, &j);
	json_array(&j, "ratios");
	for (i = 0; i < s->works; i++) {
		a = series_result(s, i, 0);
		for (n = 1; !a->skipped[0] && n < s->opt.backends; n++) {
			b = series_result(s, i, n);
			if (b->skipped[0])
				continue;
			json_object(&j, NULL);
			json_str(&j, "workload", a->work->name);
			json_str(&j, "memory", a->work->kind->name);
			json_str(&j, "backend", a->ops->name);
			json_str(&j, "against", b->ops->name);
			json_num(&j, "map", ratio(side_ns(&a->map), side_ns(&b->map)));
			json_num(&j, "unmap", ratio(side_ns(&a->unmap), side_ns(&b->unmap)));
			json_object_end(&j);
		}
	}
	json_array_end(&j);
	report_json_results(s, &j);
	return results_end(&j);
}

int command_compare(int argc, char **argv)
{
	return series_command("compare", argc, argv, print, print_json);
}
