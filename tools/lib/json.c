// SPDX-License-Identifier: GPL-2.0-only
/* See json.h. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "json.h"
#include "untrusted.h"

void json_init(struct json *j, FILE *out, bool pretty)
{
	memset(j, 0, sizeof(*j));
	j->out = out;
	j->pretty = pretty;
}

static void indent(struct json *j)
{
	if (!j->pretty)
		return;
	fputc('\n', j->out);
	for (int i = 0; i < j->depth; i++)
		fputs("  ", j->out);
}

static void quoted(struct json *j, const char *text, size_t len)
{
	size_t left = strnlen(text, len), n;
	char out[UNTRUSTED_CHAR];

	fputc('"', j->out);
	for (; left; text += n, left -= n) {
		n = untrusted_char(text, left, UNTRUSTED_JSON, out);
		fputs(out, j->out);
	}
	fputc('"', j->out);
}

/* Everything that comes before a value: comma, line break, key. */
static void begin(struct json *j, const char *key)
{
	if (j->depth) {
		if (j->used[j->depth - 1])
			fputc(',', j->out);
		j->used[j->depth - 1] = true;
		indent(j);
	}
	if (key) {
		quoted(j, key, SIZE_MAX);
		fputs(j->pretty ? ": " : ":", j->out);
	}
}

static void push(struct json *j, const char *key, char bracket)
{
	begin(j, key);
	fputc(bracket, j->out);
	if (j->depth < JSON_MAX_DEPTH)
		j->used[j->depth] = false;
	j->depth++;
}

static void pop(struct json *j, char bracket)
{
	j->depth--;
	if (j->used[j->depth])
		indent(j);
	fputc(bracket, j->out);
}

void json_object(struct json *j, const char *key)
{
	push(j, key, '{');
}

void json_object_end(struct json *j)
{
	pop(j, '}');
}

void json_array(struct json *j, const char *key)
{
	push(j, key, '[');
}

void json_array_end(struct json *j)
{
	pop(j, ']');
}

void json_strn(struct json *j, const char *key, const char *value, size_t len)
{
	begin(j, key);
	quoted(j, value, len);
}

void json_str(struct json *j, const char *key, const char *value)
{
	json_strn(j, key, value, SIZE_MAX);
}

void json_u64(struct json *j, const char *key, uint64_t value)
{
	begin(j, key);
	fprintf(j->out, "%" PRIu64, value);
}

void json_s64(struct json *j, const char *key, int64_t value)
{
	begin(j, key);
	fprintf(j->out, "%" PRId64, value);
}

void json_hex(struct json *j, const char *key, uint64_t value)
{
	begin(j, key);
	fprintf(j->out, "\"0x%" PRIx64 "\"", value);
}

void json_num(struct json *j, const char *key, double value)
{
	begin(j, key);
	if (isfinite(value))
		fprintf(j->out, "%.6g", value);
	else
		fputs("null", j->out);
}

void json_bool(struct json *j, const char *key, bool value)
{
	begin(j, key);
	fputs(value ? "true" : "false", j->out);
}

void json_null(struct json *j, const char *key)
{
	begin(j, key);
	fputs("null", j->out);
}

int json_end_line(struct json *j)
{
	fputc('\n', j->out);
	return fflush(j->out) || ferror(j->out) ? -1 : 0;
}
