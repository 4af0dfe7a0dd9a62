// SPDX-License-Identifier: GPL-2.0-only
/* A record in memory. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record/record.h"
#include "util.h"

/* Room for one more, zeroed, in the list at *@list; NULL with a line printed. */
static void *grow(void *list, size_t *count, size_t size)
{
	char **at = list, *bigger;
	size_t n = *count;

	/* A power of two is full. */
	if (!(n & (n - 1))) {
		bigger = reallocarray(*at, n ? 2 * n : 1, size);
		if (!bigger) {
			fail("out of memory");
			return NULL;
		}
		*at = bigger;
	}
	*count = n + 1;
	return memset(*at + n * size, 0, size);
}

int record_text(char **to, const char *text)
{
	*to = strdup(text);
	return *to ? 0 : fail("out of memory");
}

int record_fact(struct record *r, const char *group, const char *name, const char *fmt, ...)
{
	struct fact *f = grow(&r->fact, &r->facts, sizeof(*f));
	va_list ap;
	size_t i;
	int len;

	if (!f)
		return -1;
	/* Behind the others of its group. */
	for (i = r->facts - 1; i && strcmp(r->fact[i - 1].group, group); i--)
		;
	if (i) {
		memmove(&r->fact[i + 1], &r->fact[i], (r->facts - 1 - i) * sizeof(*f));
		f = memset(&r->fact[i], 0, sizeof(*f));
	}
	if (record_text(&f->group, group) || record_text(&f->name, name))
		return -1;
	va_start(ap, fmt);
	len = vasprintf(&f->value, fmt, ap);
	va_end(ap);
	if (len < 0)
		f->value = NULL;
	return len < 0 ? fail("out of memory") : 0;
}

int record_missing(struct record *r, const char *what, const char *why)
{
	struct missing *m = grow(&r->missing, &r->missings, sizeof(*m));

	return !m || record_text(&m->what, what) || record_text(&m->why, why) ? -1 : 0;
}

struct row *record_row(struct record *r)
{
	return grow(&r->row, &r->rows, sizeof(struct row));
}

int row_add(struct row *row, double value)
{
	double *v = grow(&row->value, &row->values, sizeof(*v));

	if (!v)
		return -1;
	*v = value;
	return 0;
}

const char *record_find(const struct record *r, const char *group, const char *name)
{
	size_t i;

	for (i = 0; i < r->facts; i++)
		if (!strcmp(r->fact[i].group, group) && !strcmp(r->fact[i].name, name))
			return r->fact[i].value;
	return NULL;
}

bool row_has_interval(const struct row *row)
{
	return row->mid.coverage > 0;
}

bool row_same(const struct row *a, const struct row *b)
{
	return a->threads == b->threads && !strcmp(a->workload, b->workload) &&
	       !strcmp(a->memory, b->memory) && !strcmp(a->backend, b->backend) &&
	       !strcmp(a->measure, b->measure) && !strcmp(a->unit, b->unit);
}

void record_free(struct record *r)
{
	size_t i;

	for (i = 0; i < r->facts; i++) {
		free(r->fact[i].group);
		free(r->fact[i].name);
		free(r->fact[i].value);
	}
	for (i = 0; i < r->rows; i++) {
		free(r->row[i].workload);
		free(r->row[i].memory);
		free(r->row[i].backend);
		free(r->row[i].answered_by);
		free(r->row[i].measure);
		free(r->row[i].unit);
		free(r->row[i].value);
	}
	for (i = 0; i < r->missings; i++) {
		free(r->missing[i].what);
		free(r->missing[i].why);
	}
	free(r->fact);
	free(r->row);
	free(r->missing);
	free(r->program);
	free(r->taken);
	memset(r, 0, sizeof(*r));
}
