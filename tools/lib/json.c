// SPDX-License-Identifier: GPL-2.0-only
/* See json.h. */
#include <inttypes.h>
#include <string.h>

#include "json.h"

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

/* Length of the valid UTF-8 sequence at @s, or 0. */
static size_t utf8_length(const unsigned char *s, size_t left)
{
	size_t n;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		n = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, and beyond the last code point. */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

static void quoted(struct json *j, const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t left = strnlen(text, len), n;

	fputc('"', j->out);
	for (; left; s += n, left -= n) {
		n = utf8_length(s, left);
		if (!n) {
			fputs("\\ufffd", j->out);
			n = 1;
		} else if (*s == '"' || *s == '\\') {
			fprintf(j->out, "\\%c", *s);
		} else if (*s == '\n') {
			fputs("\\n", j->out);
		} else if (*s == '\t') {
			fputs("\\t", j->out);
		} else if (*s < 0x20 || *s == 0x7f) {
			fprintf(j->out, "\\u%04x", *s);
		} else {
			fwrite(s, 1, n, j->out);
		}
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

void json_end_line(struct json *j)
{
	fputc('\n', j->out);
	fflush(j->out);
}
