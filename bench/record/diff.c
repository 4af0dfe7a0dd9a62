// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasid-bench diff: what changed between two records. A change is claimed only where the
 * intervals of the two medians do not overlap.
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "record/html.h"
#include "record/record.h"
#include "replace.h"
#include "untrusted.h"
#include "util.h"

enum {
	OPT_HTML = 256, OPT_JSON,
};

static const struct option long_options[] = {
	{ "html", required_argument, NULL, OPT_HTML },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

enum verdict {
	VERDICT_SAME,
	VERDICT_BETTER,
	VERDICT_WORSE,
	VERDICT_UNKNOWN,
	VERDICTS,
};

/* A row that both records have. */
struct change {
	const struct row *a, *b;
	double ratio, low, high;	/* b's to a's; NAN: there is none */
	enum verdict verdict;
};

struct diff {
	struct record a, b;
	const char *file_a, *file_b, *html;
	bool json;
	struct change *change;
	size_t changes;
	size_t count[VERDICTS];
};

static void help(void)
{
	puts("usage: ioasid-bench diff [option...] A.json B.json\n"
	     "Compares two files of 'ioasid-bench record': for each row the old median, the new\n"
	     "one, and their ratio with the least and the most that the intervals allow. It says\n"
	     "faster or slower only where the intervals of 95 % do not overlap. Where machines,\n"
	     "kernels or parameters differ, it names what differs first.\n"
	     "\n"
	     "      --html FILE      the same as a page with a plot\n"
	     "      --json           results as JSON\n"
	     "  -h, --help\n"
	     "\n"
	     "Examples:\n"
	     "  ioasid-bench diff before.json after.json\n"
	     "  ioasid-bench diff before.json after.json --html change.html");
}

static bool is_speed(const struct row *row)
{
	return row->more_is_better || !strncmp(row->unit, "ns ", 3);
}

static const char *verdict_text(const struct change *c)
{
	switch (c->verdict) {
	case VERDICT_SAME:
		return "no difference";
	case VERDICT_BETTER:
		return is_speed(c->b) ? "faster" : "fewer";
	case VERDICT_WORSE:
		return is_speed(c->b) ? "slower" : "more";
	default:
		return "unknown: too few repetitions";
	}
}

static double ratio(double a, double b)
{
	return a > 0 ? b / a : NAN;
}

static void judge(struct change *c)
{
	const struct interval *a = &c->a->mid, *b = &c->b->mid;
	bool less = b->high < a->low, more = b->low > a->high;

	c->ratio = ratio(a->median, b->median);
	c->low = ratio(a->high, b->low);
	c->high = ratio(a->low, b->high);
	if (!row_has_interval(c->a) || !row_has_interval(c->b)) {
		c->low = c->high = NAN;
		c->verdict = VERDICT_UNKNOWN;
	} else if (less || more) {
		c->verdict = more == c->b->more_is_better ? VERDICT_BETTER : VERDICT_WORSE;
	} else {
		c->verdict = VERDICT_SAME;
	}
}

static const struct row *counterpart(const struct record *r, const struct row *row)
{
	size_t i;

	for (i = 0; i < r->rows; i++)
		if (row_same(&r->row[i], row))
			return &r->row[i];
	return NULL;
}

static int compare(struct diff *d)
{
	struct change *c;
	size_t i;

	d->change = calloc(d->a.rows + 1, sizeof(*d->change));
	if (!d->change)
		return fail("out of memory");
	for (i = 0; i < d->a.rows; i++) {
		c = &d->change[d->changes];
		c->a = &d->a.row[i];
		c->b = counterpart(&d->b, c->a);
		if (!c->b)
			continue;
		judge(c);
		d->count[c->verdict]++;
		d->changes++;
	}
	if (d->changes)
		return 0;
	return fail("'%s' and '%s' have no row in common: record both with the same options", d->file_a,
		    d->file_b);
}

/* Facts that are not the same: @each gets each. One that a record lacks is NULL. */
static void each_difference(const struct diff *d, void *data,
			    void (*each)(const char *group, const char *name, const char *a, const char *b,
					 void *data))
{
	const struct fact *f;
	const char *other;
	size_t i;

	for (i = 0; i < d->a.facts; i++) {
		f = &d->a.fact[i];
		other = record_find(&d->b, f->group, f->name);
		if (!other || strcmp(other, f->value))
			each(f->group, f->name, f->value, other, data);
	}
	for (i = 0; i < d->b.facts; i++) {
		f = &d->b.fact[i];
		if (!record_find(&d->a, f->group, f->name))
			each(f->group, f->name, NULL, f->value, data);
	}
}

/* Rows that one record has and the other lacks. */
static void each_single(const struct record *r, const struct record *other, void *data,
			void (*each)(const struct row *row, void *data))
{
	size_t i;

	for (i = 0; i < r->rows; i++)
		if (!counterpart(other, &r->row[i]))
			each(&r->row[i], data);
}

static void print_fact(const char *group, const char *name, const char *a, const char *b, void *data)
{
	bool *first = data;

	if (*first)
		puts("\nthe machines or their settings differ:");
	*first = false;
	printf("  %s, %s: ", shown(group), shown(name));
	printf("%s -> %s\n", a ? shown(a) : "(none)", b ? shown(b) : "(none)");
}

static void print_change(const struct change *c)
{
	char a[NUMBER_TEXT], b[NUMBER_TEXT], range[64] = "-";
	char memory[64], workload[64];

	/* What shown_column() gives does not outlive four more of its calls. */
	snprintf(workload, sizeof(workload), "%s", shown_column(c->a->workload, SIZE_MAX, 18));
	snprintf(memory, sizeof(memory), "%s", shown_column(c->a->memory, SIZE_MAX, 11));
	printf("%s %s %3llu %s ", workload, memory, (unsigned long long)c->a->threads,
	       shown_column(c->a->backend, SIZE_MAX, 9));
	printf("%s ", shown_column(c->a->measure, SIZE_MAX, 13));
	printf("%s ", shown_column(c->a->unit, SIZE_MAX, 26));
	if (isfinite(c->low) && isfinite(c->high))
		snprintf(range, sizeof(range), "%.3f to %.3f", c->low, c->high);
	printf("%10s %10s ", number_text(c->a->mid.median, a), number_text(c->b->mid.median, b));
	if (isfinite(c->ratio))
		printf("%7.3f", c->ratio);
	else
		printf("%7s", "-");
	printf(" %-16s %s\n", range, verdict_text(c));
}

static void print_single(const struct row *row, void *data)
{
	printf("only in '%s': ", shown(data));
	printf("%s, %s, ", shown(row->workload), shown(row->memory));
	printf("%llu threads, %s, ", (unsigned long long)row->threads, shown(row->backend));
	printf("%s, %s\n", shown(row->measure), shown(row->unit));
}

static void print_record(const char *which, const char *file, const struct record *r)
{
	printf("%s: '%s', ", which, shown(file));
	printf("%s, taken at %s\n", shown(r->program), shown(r->taken));
}

static void print(struct diff *d)
{
	bool first = true;
	size_t i;

	print_record("old", d->file_a, &d->a);
	print_record("new", d->file_b, &d->b);
	each_difference(d, &first, print_fact);
	printf("\n%-18s %-11s %3s %-9s %-13s %-26s %10s %10s %7s %-16s %s\n", "workload", "memory", "thr",
	       "backend", "measured", "unit", "old", "new", "ratio", "between", "new is");
	for (i = 0; i < d->changes; i++)
		print_change(&d->change[i]);
	each_single(&d->a, &d->b, (void *)d->file_a, print_single);
	each_single(&d->b, &d->a, (void *)d->file_b, print_single);
	printf("\n%zu better, %zu worse, %zu without a difference, %zu unknown\n", d->count[VERDICT_BETTER],
	       d->count[VERDICT_WORSE], d->count[VERDICT_SAME], d->count[VERDICT_UNKNOWN]);
}

static void fact_json(const char *group, const char *name, const char *a, const char *b, void *data)
{
	struct json *j = data;

	json_object(j, NULL);
	json_str(j, "of", group);
	json_str(j, "what", name);
	a ? json_str(j, "old", a) : json_null(j, "old");
	b ? json_str(j, "new", b) : json_null(j, "new");
	json_object_end(j);
}

static void row_json(struct json *j, const struct row *row)
{
	json_str(j, "workload", row->workload);
	json_str(j, "memory", row->memory);
	json_u64(j, "threads", row->threads);
	json_str(j, "backend", row->backend);
	json_str(j, "measure", row->measure);
	json_str(j, "unit", row->unit);
}

static void single_json(const struct row *row, void *data)
{
	struct json *j = data;

	json_object(j, NULL);
	row_json(j, row);
	json_object_end(j);
}

static int print_json(struct diff *d)
{
	const struct change *c;
	struct json j;
	size_t i;

	results_begin(&j);
	json_str(&j, "command", "diff");
	json_array(&j, "differences");
	each_difference(d, &j, fact_json);
	json_array_end(&j);
	json_array(&j, "rows");
	for (i = 0; i < d->changes; i++) {
		c = &d->change[i];
		json_object(&j, NULL);
		row_json(&j, c->a);
		json_num(&j, "old", c->a->mid.median);
		json_num(&j, "new", c->b->mid.median);
		json_num(&j, "ratio", c->ratio);
		json_num(&j, "ratio_low", c->low);
		json_num(&j, "ratio_high", c->high);
		json_str(&j, "new_is", verdict_text(c));
		json_object_end(&j);
	}
	json_array_end(&j);
	json_array(&j, "only_old");
	each_single(&d->a, &d->b, &j, single_json);
	json_array_end(&j);
	json_array(&j, "only_new");
	each_single(&d->b, &d->a, &j, single_json);
	json_array_end(&j);
	return results_end(&j);
}

static void fact_row(const char *group, const char *name, const char *a, const char *b, void *data)
{
	FILE *f = data;

	fputs("<tr>", f);
	table_text(f, group);
	table_text(f, name);
	table_text(f, a ? a : "(none)");
	table_text(f, b ? b : "(none)");
	fputs("</tr>\n", f);
}

static void single_row(const struct row *row, void *data)
{
	FILE *f = data;

	fputs("<tr>", f);
	table_text(f, row->workload);
	table_text(f, row->memory);
	fprintf(f, "<td class=\"n\">%llu</td>", (unsigned long long)row->threads);
	table_text(f, row->backend);
	table_text(f, row->measure);
	table_text(f, row->unit);
	fputs("</tr>\n", f);
}

static void change_row(FILE *f, const struct change *c)
{
	char range[64] = "-", number[32] = "-";

	if (isfinite(c->ratio))
		snprintf(number, sizeof(number), "%.3f", c->ratio);
	if (isfinite(c->low) && isfinite(c->high))
		snprintf(range, sizeof(range), "%.3f to %.3f", c->low, c->high);
	fputs("<tr>", f);
	table_text(f, c->a->workload);
	table_text(f, c->a->memory);
	fprintf(f, "<td class=\"n\">%llu</td>", (unsigned long long)c->a->threads);
	table_text(f, c->a->backend);
	table_text(f, c->a->measure);
	table_number(f, c->a->mid.median);
	table_number(f, c->b->mid.median);
	fprintf(f, "<td class=\"n\">%s</td><td class=\"n\">%s</td>", number, range);
	table_text(f, verdict_text(c));
	fputs("</tr>\n", f);
}

/* All rows of one unit, drawn and listed. */
static void unit_page(FILE *f, const struct diff *d, const char *unit, struct plot_mark *mark)
{
	static const char *const columns[] = { "workload", "memory", "#threads", "backend", "measured", "#old",
					       "#new", "#ratio", "#between", "new is" };
	const struct change *c;
	char threads[40];
	size_t i, n = 0;

	for (i = 0; i < d->changes; i++) {
		c = &d->change[i];
		if (strcmp(c->a->unit, unit) || !isfinite(c->ratio))
			continue;
		threads[0] = '\0';
		if (c->a->threads > 1)
			snprintf(threads, sizeof(threads), ", %llu threads",
				 (unsigned long long)c->a->threads);
		snprintf(mark[n].label, sizeof(mark[n].label), "%s, %s, %s, %s%s", c->a->workload,
			 c->a->memory, c->a->measure, c->a->backend, threads);
		mark[n].color = c->verdict == VERDICT_BETTER ? 2 : c->verdict == VERDICT_WORSE ? 1 : 0;
		mark[n].mid = c->ratio;
		mark[n].low = isfinite(c->low) && isfinite(c->high) ? c->low : c->ratio;
		mark[n].high = isfinite(c->low) && isfinite(c->high) ? c->high : c->ratio;
		mark[n].values = 0;
		n++;
	}
	fputs("<h3>", f);
	html_text(f, unit);
	fputs("</h3>\n", f);
	plot_marks(f, "new divided by old", mark, n, 1);
	table_begin(f, columns, ARRAY_SIZE(columns));
	for (i = 0; i < d->changes; i++)
		if (!strcmp(d->change[i].a->unit, unit))
			change_row(f, &d->change[i]);
	table_end(f);
}

static void record_line(FILE *f, const char *which, const char *file, const struct record *r)
{
	fprintf(f, "<p>%s: ", which);
	html_text(f, file);
	fputs(", taken at ", f);
	html_text(f, r->taken);
	fputs(" by ", f);
	html_text(f, r->program);
	fputs("</p>\n", f);
}

static void count_fact(const char *group, const char *name, const char *a, const char *b, void *data)
{
	size_t *n = data;

	(void)group, (void)name, (void)a, (void)b;
	++*n;
}

static void count_row(const struct row *row, void *data)
{
	size_t *n = data;

	(void)row;
	++*n;
}

static void singles_page(FILE *f, const char *title, const struct record *r, const struct record *other)
{
	static const char *const columns[] = { "workload", "memory", "#threads", "backend", "measured", "unit" };
	size_t n = 0;

	each_single(r, other, &n, count_row);
	if (!n)
		return;
	fprintf(f, "<h2>%s</h2>\n", title);
	table_begin(f, columns, ARRAY_SIZE(columns));
	each_single(r, other, f, single_row);
	table_end(f);
}

static void page_body(FILE *f, const struct diff *d, struct plot_mark *mark)
{
	static const char *const facts[] = { "of", "what", "old", "new" };
	size_t i, k, differ = 0;

	record_line(f, "Old", d->file_a, &d->a);
	record_line(f, "New", d->file_b, &d->b);
	fprintf(f, "<p>%zu rows are better, %zu worse, %zu without a difference, %zu unknown. A change is claimed "
		"only where the intervals of 95 %% do not overlap; the bar of a ratio is what the two intervals "
		"allow.</p>\n", d->count[VERDICT_BETTER], d->count[VERDICT_WORSE], d->count[VERDICT_SAME],
		d->count[VERDICT_UNKNOWN]);
	fputs("<h2>What differs between the machines or their settings</h2>\n", f);
	each_difference(d, &differ, count_fact);
	if (differ) {
		table_begin(f, facts, ARRAY_SIZE(facts));
		each_difference(d, f, fact_row);
		table_end(f);
	} else {
		fputs("<p>Nothing.</p>\n", f);
	}
	fputs("<h2>Rows</h2>\n", f);
	for (i = 0; i < d->changes; i++) {
		for (k = 0; strcmp(d->change[k].a->unit, d->change[i].a->unit); k++)
			;
		if (k == i)
			unit_page(f, d, d->change[i].a->unit, mark);
	}
	singles_page(f, "Rows of the old record alone", &d->a, &d->b);
	singles_page(f, "Rows of the new record alone", &d->b, &d->a);
}

static int write_page(const struct diff *d)
{
	struct plot_mark *mark = calloc(d->changes, sizeof(*mark));
	struct whole out;

	if (!mark)
		return fail("out of memory");
	whole_begin(&out);
	if (out.f) {
		html_begin(out.f, "ioasid-bench diff");
		page_body(out.f, d, mark);
		html_end(out.f);
	}
	free(mark);
	return whole_end(&out, "write the page", d->html, 0644);
}

/* -1 to go on, else an exit status. */
static int parse(struct diff *d, int argc, char **argv)
{
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
		switch (c) {
		case OPT_HTML:
			d->html = optarg;
			break;
		case OPT_JSON:
			d->json = true;
			break;
		case 'h':
			help();
			return ST_OK;
		case ':':
			return usage("diff", "'%s' needs a value", argv[optind - 1]);
		default:
			return usage("diff", "unknown option '%s'", argv[optind - 1]);
		}
	}
	if (argc - optind != 2)
		return usage("diff", "name two files of 'ioasid-bench record'");
	d->file_a = argv[optind];
	d->file_b = argv[optind + 1];
	return -1;
}

int command_diff(int argc, char **argv)
{
	struct diff d = { .json = false };
	int status = parse(&d, argc, argv);

	if (status >= 0)
		return status;
	status = ST_OK;
	if (record_read(&d.a, d.file_a) || record_read(&d.b, d.file_b) || compare(&d) ||
	    (d.html && write_page(&d)))
		status = ST_ERROR;
	else if (d.json)
		status = print_json(&d) ? ST_ERROR : ST_OK;
	else
		print(&d);
	free(d.change);
	record_free(&d.a);
	record_free(&d.b);
	return status;
}
