// SPDX-License-Identifier: GPL-2.0-only
/* The page of one record: each plot has below it the table of what is drawn. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record/html.h"
#include "record/record.h"
#include "replace.h"
#include "util.h"

enum same {
	SAME_MEMORY,
	SAME_MEASURE,
	SAME_BACKEND,
	SAME_WORKLOAD,
	SAMES,
};

/* What the page is made from. */
struct page {
	FILE *f;
	const struct record *r;
	const struct row **pick;	/* rows of the plot at hand */
	size_t picked;
	struct plot_mark *mark;
	struct ranks {
		unsigned int of[SAMES];
	} *rank;			/* of each row */
};

static bool is_time(const struct row *row)
{
	return !strncmp(row->unit, "ns ", 3);
}

/* Time and reads are what counts; the rest are counters. */
static bool is_speed(const struct row *row)
{
	return is_time(row) || row->more_is_better;
}

/* Those of the first number of threads; a disk has as many as it has queues. */
static bool is_base(const struct record *r, const struct row *row)
{
	return row->more_is_better || row->threads == r->row[0].threads;
}

static const char *field(const struct row *row, enum same which)
{
	switch (which) {
	case SAME_MEMORY:
		return row->memory;
	case SAME_MEASURE:
		return row->measure;
	case SAME_BACKEND:
		return row->backend;
	default:
		return row->workload;
	}
}

/*
 * Among the texts that rows have in a field, in the order of their first rows, the place of
 * this row's: an order, and a colour.
 */
static unsigned int rank(const struct page *p, const struct row *row, enum same which)
{
	return p->rank[row - p->r->row].of[which];
}

static void make_ranks(struct page *p)
{
	const struct row *row = p->r->row;
	unsigned int different[SAMES] = { 0 };
	size_t i, k;
	int w;

	for (i = 0; i < p->r->rows; i++)
		for (w = 0; w < SAMES; w++) {
			for (k = 0; strcmp(field(&row[k], w), field(&row[i], w)); k++)
				;
			p->rank[i].of[w] = k < i ? p->rank[k].of[w] : different[w]++;
		}
}

static const struct page *sorted;

static int by_name(const void *a, const void *b)
{
	static const enum same order[] = { SAME_WORKLOAD, SAME_MEMORY, SAME_MEASURE, SAME_BACKEND };
	const struct row *x = *(const struct row *const *)a, *y = *(const struct row *const *)b;
	size_t i;
	int d;

	for (i = 0; i < ARRAY_SIZE(order); i++) {
		d = (int)rank(sorted, x, order[i]) - (int)rank(sorted, y, order[i]);
		if (d)
			return d;
	}
	return (x->threads > y->threads) - (x->threads < y->threads);
}

static void sort_picked(struct page *p)
{
	sorted = p;
	qsort(p->pick, p->picked, sizeof(*p->pick), by_name);
}

static void row_cells(FILE *f, const struct row *row)
{
	char text[32];

	table_number(f, row->mid.median);
	if (row_has_interval(row)) {
		table_number(f, row->mid.low);
		table_number(f, row->mid.high);
		snprintf(text, sizeof(text), "%.1f %%", row->mid.coverage * 100);
		table_text(f, text);
	} else {
		fputs("<td class=\"n\">-</td><td class=\"n\">-</td><td>too few</td>", f);
	}
	snprintf(text, sizeof(text), "%zu", row->values);
	fprintf(f, "<td class=\"n\">%s</td></tr>\n", text);
}

static void backend_cell(FILE *f, const struct row *row)
{
	char text[80];

	if (!strcmp(row->backend, row->answered_by))
		snprintf(text, sizeof(text), "%s", row->backend);
	else
		snprintf(text, sizeof(text), "%s (%s)", row->backend, row->answered_by);
	table_text(f, text);
}

/* The picked rows, drawn and then listed. */
static void show_picked(struct page *p, const char *axis, bool workloads)
{
	static const char *const heading[] = { "workload", "memory", "measured", "backend", "#median",
					       "#low", "#high", "interval", "#repetitions" };
	const struct row *row;
	size_t i;

	sort_picked(p);
	for (i = 0; i < p->picked; i++) {
		struct plot_mark *m = &p->mark[i];

		row = p->pick[i];
		snprintf(m->label, sizeof(m->label), "%s%s%s, %s, %s", workloads ? row->workload : "",
			 workloads ? ", " : "", row->memory, row->measure, row->backend);
		m->color = rank(p, row, SAME_BACKEND);
		m->mid = row->mid.median;
		m->low = row->mid.low;
		m->high = row->mid.high;
		m->value = row->value;
		m->values = row->values;
	}
	plot_marks(p->f, axis, p->mark, p->picked, 0);
	table_begin(p->f, heading, ARRAY_SIZE(heading));
	for (i = 0; i < p->picked; i++) {
		row = p->pick[i];
		fputs("<tr>", p->f);
		table_text(p->f, row->workload);
		table_text(p->f, row->memory);
		table_text(p->f, row->measure);
		backend_cell(p->f, row);
		row_cells(p->f, row);
	}
	table_end(p->f);
}

static void heading(FILE *f, int level, const char *a, const char *b)
{
	fprintf(f, "<h%d>", level);
	html_text(f, a);
	if (b) {
		fputs(": ", f);
		html_text(f, b);
	}
	fprintf(f, "</h%d>\n", level);
}

/* A plot for each workload and unit, in the order in which they were measured. */
static void speeds(struct page *p)
{
	const struct record *r = p->r;
	size_t i, k;

	for (i = 0; i < r->rows; i++) {
		const struct row *row = &r->row[i];

		if (!is_speed(row) || !is_base(r, row))
			continue;
		p->picked = 0;
		for (k = 0; k < r->rows; k++)
			if (is_base(r, &r->row[k]) && !strcmp(r->row[k].workload, row->workload) &&
			    !strcmp(r->row[k].unit, row->unit))
				p->pick[p->picked++] = &r->row[k];
		/* Not the first of them: it was drawn already. */
		if (p->pick[0] != row)
			continue;
		heading(p->f, 3, row->workload, row->unit);
		show_picked(p, row->unit, false);
	}
}

static void counters(struct page *p)
{
	const struct record *r = p->r;
	bool header = false, zero;
	size_t i, k;

	for (i = 0; i < r->rows; i++) {
		const struct row *row = &r->row[i];

		if (is_speed(row) || !is_base(r, row))
			continue;
		p->picked = 0;
		zero = true;
		for (k = 0; k < r->rows; k++) {
			if (!is_base(r, &r->row[k]) || strcmp(r->row[k].unit, row->unit))
				continue;
			p->pick[p->picked++] = &r->row[k];
			zero = zero && r->row[k].mid.high <= 0;
		}
		if (p->pick[0] != row)
			continue;
		if (!header)
			heading(p->f, 2, "Counters", NULL);
		header = true;
		heading(p->f, 3, row->unit, NULL);
		if (zero)
			fputs("<p>The median of each row is 0.</p>\n", p->f);
		else
			show_picked(p, row->unit, true);
	}
}

/* The numbers of threads that the picked rows have, in order; at most HTML_MOST_X. */
static size_t thread_counts(const struct page *p, uint64_t count[HTML_MOST_X])
{
	size_t n = 0, i, k;
	uint64_t t;

	for (i = 0; i < p->picked; i++) {
		t = p->pick[i]->threads;
		for (k = 0; k < n && count[k] < t; k++)
			;
		if ((k < n && count[k] == t) || n == HTML_MOST_X)
			continue;
		memmove(&count[k + 1], &count[k], (n - k) * sizeof(*count));
		count[k] = t;
		n++;
	}
	return n;
}

static double per_second(double ns)
{
	return ns > 0 ? 1e9 / ns : NAN;
}

/* A line for each backend and measure. The rows are sorted by them. */
static size_t make_lines(const struct page *p, const uint64_t *count, size_t counts,
			 struct plot_line *line, size_t most)
{
	const struct row *row, *before = NULL;
	struct plot_line *l = NULL;
	size_t n = 0, i, k;

	for (i = 0; i < p->picked; i++, before = row) {
		row = p->pick[i];
		if (!before || strcmp(before->backend, row->backend) || strcmp(before->measure, row->measure)) {
			if (n == most)
				break;
			l = &line[n++];
			snprintf(l->label, sizeof(l->label), "%s, %s", row->backend, row->measure);
			l->color = rank(p, row, SAME_BACKEND);
			l->dashed = rank(p, row, SAME_MEASURE) % 2 == 1;
			for (k = 0; k < HTML_MOST_X; k++)
				l->mid[k] = l->low[k] = l->high[k] = NAN;
		}
		for (k = 0; k < counts; k++) {
			if (count[k] != row->threads)
				continue;
			l->mid[k] = per_second(row->mid.median);
			l->low[k] = per_second(row->mid.high);
			l->high[k] = per_second(row->mid.low);
		}
	}
	return n;
}

static void show_threads(struct page *p, const uint64_t *count, size_t counts)
{
	static const char *const columns[] = { "measured", "backend", "#threads", "#per second", "#ns, median",
					       "#low", "#high", "interval", "#repetitions" };
	static struct plot_line line[16];
	char name[HTML_MOST_X][24], axis[80];
	const char *names[HTML_MOST_X];
	const struct row *row = p->pick[0];
	size_t n, i;

	for (i = 0; i < counts; i++) {
		snprintf(name[i], sizeof(name[i]), "%llu", (unsigned long long)count[i]);
		names[i] = name[i];
	}
	snprintf(axis, sizeof(axis), "%ss per second, of all threads together", row->unit + strlen("ns per "));
	n = make_lines(p, count, counts, line, ARRAY_SIZE(line));
	plot_lines(p->f, "threads", axis, names, counts, line, n);
	table_begin(p->f, columns, ARRAY_SIZE(columns));
	for (i = 0; i < p->picked; i++) {
		char cell[24];

		row = p->pick[i];
		fputs("<tr>", p->f);
		table_text(p->f, row->measure);
		backend_cell(p->f, row);
		snprintf(cell, sizeof(cell), "%llu", (unsigned long long)row->threads);
		fprintf(p->f, "<td class=\"n\">%s</td>", cell);
		table_number(p->f, per_second(row->mid.median));
		row_cells(p->f, row);
	}
	table_end(p->f);
}

static void threads(struct page *p)
{
	const struct record *r = p->r;
	uint64_t count[HTML_MOST_X + 1];
	bool header = false;
	size_t i, k, n;

	for (i = 0; i < r->rows; i++) {
		const struct row *row = &r->row[i];

		if (!is_time(row))
			continue;
		p->picked = 0;
		for (k = 0; k < r->rows; k++)
			if (!strcmp(r->row[k].workload, row->workload) && !strcmp(r->row[k].unit, row->unit) &&
			    !strcmp(r->row[k].memory, row->memory))
				p->pick[p->picked++] = &r->row[k];
		if (p->pick[0] != row)
			continue;
		n = thread_counts(p, count);
		if (n < 2)
			continue;
		sort_picked(p);
		if (!header)
			heading(p->f, 2, "Threads", NULL);
		header = true;
		heading(p->f, 3, row->workload, row->memory);
		show_threads(p, count, n);
	}
}

static void facts(FILE *f, const struct record *r)
{
	static const char *const columns[] = { "of", "what", "value" };
	size_t i;

	heading(f, 2, "Machine", NULL);
	table_begin(f, columns, ARRAY_SIZE(columns));
	for (i = 0; i < r->facts; i++) {
		bool first = !i || strcmp(r->fact[i].group, r->fact[i - 1].group);

		fputs("<tr>", f);
		table_text(f, first ? r->fact[i].group : "");
		table_text(f, r->fact[i].name);
		table_text(f, r->fact[i].value);
		fputs("</tr>\n", f);
	}
	table_end(f);
}

static void missing(FILE *f, const struct record *r)
{
	static const char *const columns[] = { "what", "why" };
	size_t i;

	if (!r->missings)
		return;
	heading(f, 2, "Not measured", NULL);
	table_begin(f, columns, ARRAY_SIZE(columns));
	for (i = 0; i < r->missings; i++) {
		fputs("<tr>", f);
		table_text(f, r->missing[i].what);
		table_text(f, r->missing[i].why);
		fputs("</tr>\n", f);
	}
	table_end(f);
}

static const char *or_unknown(const char *text)
{
	return text ? text : "unknown";
}

static void summary(FILE *f, const struct record *r)
{
	const char *emulated = record_find(r, "processor", "emulated");

	fputs("<p>", f);
	html_text(f, or_unknown(record_find(r, "processor", "model")));
	fputs(", ", f);
	html_text(f, or_unknown(record_find(r, "processor", "processors")));
	fputs(" processors; Linux ", f);
	html_text(f, or_unknown(record_find(r, "kernel", "release")));
	fputs("; taken by ", f);
	html_text(f, r->program);
	fputs(" at ", f);
	html_text(f, r->taken);
	fputs(".</p>\n", f);
	if (emulated && !strcmp(emulated, "yes"))
		fputs("<p><strong>This machine is emulated.</strong> Its times compare rows of this record and "
		      "nothing else.</p>\n", f);
	fputs("<p class=\"dim\">A large dot is the median of the repetitions, its bar the interval in which the "
	      "median is with at least 95 %, and each small dot is one repetition. The interval is made of two of "
	      "the repetitions themselves, by their order, and assumes nothing of how they are distributed; it "
	      "needs six. Below each plot is its table. Less is better, but for reads per second.</p>\n", f);
}

static void free_page(struct page *p)
{
	free(p->pick);
	free(p->mark);
	free(p->rank);
}

int record_page(const struct record *r, const char *file)
{
	struct page p = { .r = r };
	struct whole out;

	p.pick = calloc(r->rows + 1, sizeof(*p.pick));
	p.mark = calloc(r->rows + 1, sizeof(*p.mark));
	p.rank = calloc(r->rows + 1, sizeof(*p.rank));
	if (!p.pick || !p.mark || !p.rank) {
		free_page(&p);
		return fail("out of memory");
	}
	make_ranks(&p);
	whole_begin(&out);
	p.f = out.f;
	if (p.f) {
		html_begin(p.f, "ioasid-bench record");
		summary(p.f, r);
		heading(p.f, 2, "Map, unmap and read", NULL);
		speeds(&p);
		threads(&p);
		counters(&p);
		missing(p.f, r);
		facts(p.f, r);
		html_end(p.f);
	}
	free_page(&p);
	return whole_end(&out, "write the page", file, 0644);
}
