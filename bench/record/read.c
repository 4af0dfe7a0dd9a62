// SPDX-License-Identifier: GPL-2.0-only
/*
 * A record from JSON. A field that is unknown here is refused and not skipped: it may change
 * what the others mean. The names of facts are free, for they are shown and compared alone.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record/parse.h"
#include "record/record.h"
#include "util.h"

#define MAX_FILE	(16 * MIB)
#define MAX_ROWS	8192

/* The file at hand, for messages. */
struct source {
	const char *file;
	struct record *record;
};

enum field_type {
	FIELD_TEXT,			/* char * */
	FIELD_NUMBER,			/* double */
	FIELD_OTHER,			/* read by a function */
};

struct field {
	const char *name;
	enum field_type type;
	size_t offset;
	bool optional;
	int (*read)(const struct source *s, const struct json_value *v, void *to);
};

static int wrong(const struct source *s, const char *name)
{
	return fail("'%s' is not a record: the field '%s' is missing or not what it should be", s->file,
		    name);
}

static int set_field(const struct source *s, const struct field *f, const struct json_value *v,
		     void *to)
{
	void *at = (char *)to + f->offset;

	if (f->type == FIELD_OTHER)
		return f->read(s, v, to);
	if (f->type == FIELD_NUMBER) {
		if (v->type != JSON_NUMBER)
			return wrong(s, f->name);
		*(double *)at = v->number;
		return 0;
	}
	return v->type == JSON_STRING ? record_text(at, v->text) : wrong(s, f->name);
}

/* The object @v into the struct at @to: every field once, and no other. */
static int read_fields(const struct source *s, const struct json_value *v, const char *what,
		       const struct field *field, size_t count, void *to)
{
	unsigned int seen = 0;
	size_t i;

	if (v->type != JSON_OBJECT)
		return wrong(s, what);
	for (v = v->child; v; v = v->next) {
		for (i = 0; i < count; i++)
			if (!strcmp(field[i].name, v->key))
				break;
		if (i == count)
			return fail("'%s' has the unknown field '%s': it is of a newer ioasid-bench; use that one",
				    s->file, v->key);
		if (seen & 1U << i)
			return fail("'%s' is not a record: it has the field '%s' twice", s->file, v->key);
		seen |= 1U << i;
		if (set_field(s, &field[i], v, to))
			return -1;
	}
	for (i = 0; i < count; i++)
		if (!(seen & 1U << i) && !field[i].optional)
			return wrong(s, field[i].name);
	return 0;
}

static int read_threads(const struct source *s, const struct json_value *v, void *to)
{
	struct row *row = to;

	if (v->type != JSON_NUMBER || !(v->number >= 1 && v->number <= 1e6))
		return wrong(s, "threads");
	row->threads = (uint64_t)v->number;
	return 0;
}

static int read_better(const struct source *s, const struct json_value *v, void *to)
{
	struct row *row = to;

	if (v->type != JSON_STRING || (strcmp(v->text, "more") && strcmp(v->text, "less")))
		return wrong(s, "better");
	row->more_is_better = !strcmp(v->text, "more");
	return 0;
}

static int read_repetitions(const struct source *s, const struct json_value *v, void *to)
{
	struct row *row = to;

	if (v->type != JSON_ARRAY || !v->child)
		return wrong(s, "repetitions");
	for (v = v->child; v; v = v->next) {
		if (v->type != JSON_NUMBER || v->number < 0 || row->values == INTERVAL_MAX)
			return wrong(s, "repetitions");
		if (row_add(row, v->number))
			return -1;
	}
	return 0;
}

static int read_interval(const struct source *s, const struct json_value *v, void *to)
{
	static const struct field fields[] = {
		{ "low", FIELD_NUMBER, offsetof(struct interval, low), false, NULL },
		{ "high", FIELD_NUMBER, offsetof(struct interval, high), false, NULL },
		{ "coverage", FIELD_NUMBER, offsetof(struct interval, coverage), false, NULL },
	};
	struct row *row = to;

	if (read_fields(s, v, "interval", fields, ARRAY_SIZE(fields), &row->mid))
		return -1;
	return row->mid.coverage > 0 && row->mid.coverage <= 1 ? 0 : wrong(s, "coverage");
}

/* The file has six digits. */
static bool is_about(double a, double b)
{
	return fabs(a - b) <= 1e-5 * fabs(b);
}

static int read_row(const struct source *s, const struct json_value *v)
{
	static const struct field fields[] = {
		{ "workload", FIELD_TEXT, offsetof(struct row, workload), false, NULL },
		{ "memory", FIELD_TEXT, offsetof(struct row, memory), false, NULL },
		{ "threads", FIELD_OTHER, 0, false, read_threads },
		{ "backend", FIELD_TEXT, offsetof(struct row, backend), false, NULL },
		{ "answered_by", FIELD_TEXT, offsetof(struct row, answered_by), false, NULL },
		{ "measure", FIELD_TEXT, offsetof(struct row, measure), false, NULL },
		{ "unit", FIELD_TEXT, offsetof(struct row, unit), false, NULL },
		{ "better", FIELD_OTHER, 0, false, read_better },
		{ "repetitions", FIELD_OTHER, 0, false, read_repetitions },
		{ "median", FIELD_NUMBER, offsetof(struct row, mid.median), false, NULL },
		{ "interval", FIELD_OTHER, 0, true, read_interval },
	};
	struct row *row = record_row(s->record);
	struct interval mid;

	if (!row || read_fields(s, v, "rows", fields, ARRAY_SIZE(fields), row))
		return -1;
	if (!row_has_interval(row))
		row->mid.low = row->mid.high = row->mid.median;
	if (interval_of(row->value, row->values, &mid))
		return -1;
	if (is_about(row->mid.median, mid.median) && is_about(row->mid.low, mid.low) &&
	    is_about(row->mid.high, mid.high) && is_about(row->mid.coverage, mid.coverage))
		return 0;
	return fail("'%s' is not a record: median and interval do not follow from the repetitions of '%s'",
		    s->file, row->workload);
}

static int read_rows(const struct source *s, const struct json_value *v, void *to)
{
	size_t i, n;

	(void)to;
	if (v->type != JSON_ARRAY)
		return wrong(s, "rows");
	for (v = v->child; v; v = v->next) {
		if (s->record->rows == MAX_ROWS)
			return fail("'%s' is not a record: it has more than %d rows", s->file, MAX_ROWS);
		if (read_row(s, v))
			return -1;
		n = s->record->rows - 1;
		for (i = 0; i < n; i++)
			if (row_same(&s->record->row[i], &s->record->row[n]))
				return fail("'%s' is not a record: it has a row of '%s' twice", s->file,
					    s->record->row[n].workload);
	}
	return 0;
}

static int read_missing(const struct source *s, const struct json_value *v, void *to)
{
	static const struct field fields[] = {
		{ "what", FIELD_TEXT, offsetof(struct missing, what), false, NULL },
		{ "why", FIELD_TEXT, offsetof(struct missing, why), false, NULL },
	};
	struct missing m;
	int err;

	(void)to;
	if (v->type != JSON_ARRAY)
		return wrong(s, "missing");
	for (v = v->child; v; v = v->next) {
		memset(&m, 0, sizeof(m));
		err = read_fields(s, v, "missing", fields, ARRAY_SIZE(fields), &m);
		if (!err)
			err = record_missing(s->record, m.what, m.why);
		free(m.what);
		free(m.why);
		if (err)
			return -1;
	}
	return 0;
}

static int read_facts(const struct source *s, const struct json_value *v, void *to)
{
	const struct json_value *fact;

	(void)to;
	if (v->type != JSON_OBJECT)
		return wrong(s, "facts");
	for (v = v->child; v; v = v->next) {
		if (v->type != JSON_OBJECT)
			return wrong(s, v->key);
		for (fact = v->child; fact; fact = fact->next) {
			if (fact->type != JSON_STRING)
				return wrong(s, fact->key);
			if (record_find(s->record, v->key, fact->key))
				return fail("'%s' is not a record: it has the field '%s' twice", s->file,
					    fact->key);
			if (record_fact(s->record, v->key, fact->key, "%s", fact->text))
				return -1;
		}
	}
	return 0;
}

static int read_format(const struct source *s, const struct json_value *v, void *to)
{
	(void)to;
	if (v->type != JSON_STRING || strcmp(v->text, RECORD_FORMAT))
		return wrong(s, "format");
	return 0;
}

static int read_version(const struct source *s, const struct json_value *v, void *to)
{
	(void)to;
	if (v->type != JSON_NUMBER)
		return wrong(s, "version");
	if (v->number != RECORD_VERSION)
		return fail("'%s' is a record of version %g and this ioasid-bench knows version %d: use the ioasid-bench that made it",
			    s->file, v->number, RECORD_VERSION);
	return 0;
}

static int read_record(const struct source *s, const struct json_value *v)
{
	static const struct field fields[] = {
		{ "format", FIELD_OTHER, 0, false, read_format },
		{ "version", FIELD_OTHER, 0, false, read_version },
		{ "program", FIELD_TEXT, offsetof(struct record, program), false, NULL },
		{ "taken", FIELD_TEXT, offsetof(struct record, taken), false, NULL },
		{ "facts", FIELD_OTHER, 0, false, read_facts },
		{ "rows", FIELD_OTHER, 0, false, read_rows },
		{ "missing", FIELD_OTHER, 0, false, read_missing },
	};

	return read_fields(s, v, "format", fields, ARRAY_SIZE(fields), s->record);
}

/* All of a file, NULL with a line printed. */
static char *load(const char *file, size_t *len)
{
	char *text = NULL, *more;
	size_t room = 0, n = 1;
	FILE *f = fopen(file, "re");

	*len = 0;
	while (f && n && *len <= MAX_FILE) {
		if (room - *len < 65536) {
			room = 2 * room + 65536;
			more = realloc(text, room);
			if (!more)
				break;
			text = more;
		}
		n = fread(text + *len, 1, room - *len, f);
		*len += n;
	}
	if (f && !ferror(f) && !n) {
		fclose(f);
		return text;
	}
	if (f && *len > MAX_FILE)
		fail("'%s' is not a record: it is larger than %llu MiB", file, MAX_FILE / MIB);
	else
		fail("cannot read '%s': %s", file, strerror(errno));
	if (f)
		fclose(f);
	free(text);
	return NULL;
}

int record_read(struct record *r, const char *file)
{
	struct source s = { .file = file, .record = r };
	struct json_value *v;
	size_t len, line;
	const char *why;
	char *text;
	int err;

	memset(r, 0, sizeof(*r));
	text = load(file, &len);
	if (!text)
		return -1;
	v = json_parse(text, len, &why, &line);
	free(text);
	if (!v)
		return fail("'%s' is not JSON: line %zu: %s; get the whole file again", file, line, why);
	err = read_record(&s, v);
	json_free(v);
	return err;
}
