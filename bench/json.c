// SPDX-License-Identifier: GPL-2.0-only
/* Streaming JSON, indented by one tab per level. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "json.h"
#include "util.h"

static void quoted(FILE *out, const char *s)
{
	fputc('"', out);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20)
			fprintf(out, "\\u%04x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

/* Comma, new line, indentation and key of the next value. */
static void next(struct json *j, const char *key)
{
	int i;

	if (j->used[j->depth])
		fputc(',', j->out);
	if (j->depth)
		fputc('\n', j->out);
	j->used[j->depth] = true;
	for (i = 0; i < j->depth; i++)
		fputc('\t', j->out);
	if (key) {
		quoted(j->out, key);
		fputs(": ", j->out);
	}
}

static void open_level(struct json *j, const char *key, char bracket)
{
	next(j, key);
	fputc(bracket, j->out);
	if (j->depth < JSON_MAX_DEPTH - 1)
		j->depth++;
	j->used[j->depth] = false;
}

static void close_level(struct json *j, char bracket)
{
	bool used = j->used[j->depth];
	int i;

	j->depth--;
	if (used) {
		fputc('\n', j->out);
		for (i = 0; i < j->depth; i++)
			fputc('\t', j->out);
	}
	fputc(bracket, j->out);
}

void json_begin(struct json *j, FILE *out)
{
	memset(j, 0, sizeof(*j));
	j->out = out;
	open_level(j, NULL, '{');
}

int json_end(struct json *j)
{
	close_level(j, '}');
	fputc('\n', j->out);
	if (fflush(j->out) || ferror(j->out))
		return fail("cannot write the results: %s", strerror(errno));
	return 0;
}

void json_object(struct json *j, const char *key)
{
	open_level(j, key, '{');
}

void json_object_end(struct json *j)
{
	close_level(j, '}');
}

void json_array(struct json *j, const char *key)
{
	open_level(j, key, '[');
}

void json_array_end(struct json *j)
{
	close_level(j, ']');
}

void json_str(struct json *j, const char *key, const char *value)
{
	next(j, key);
	quoted(j->out, value);
}

void json_u64(struct json *j, const char *key, uint64_t value)
{
	next(j, key);
	fprintf(j->out, "%llu", (unsigned long long)value);
}

void json_num(struct json *j, const char *key, double value)
{
	next(j, key);
	if (isfinite(value))
		fprintf(j->out, "%.6g", value);
	else
		fputs("null", j->out);
}

void json_bool(struct json *j, const char *key, bool value)
{
	next(j, key);
	fputs(value ? "true" : "false", j->out);
}

void json_null(struct json *j, const char *key)
{
	next(j, key);
	fputs("null", j->out);
}
