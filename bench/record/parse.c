// SPDX-License-Identifier: GPL-2.0-only
/* See parse.h. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "record/parse.h"

struct reader {
	const char *at, *end;
	const char *why;		/* NULL: all is well */
	int depth;
};

static struct json_value *read_value(struct reader *r);

static void *bad(struct reader *r, const char *why)
{
	if (!r->why)
		r->why = why;
	return NULL;
}

static void skip_blanks(struct reader *r)
{
	while (r->at < r->end && strchr(" \t\r\n", *r->at) && *r->at)
		r->at++;
}

/* The next character that counts, 0 at the end. */
static char peek(struct reader *r)
{
	skip_blanks(r);
	return r->at < r->end ? *r->at : '\0';
}

static bool take(struct reader *r, char c)
{
	if (peek(r) != c || r->at == r->end)
		return false;
	r->at++;
	return true;
}

/* Four hex digits; -1 if they are none. */
static long hex4(struct reader *r)
{
	long value = 0;
	int i, digit;

	for (i = 0; i < 4; i++) {
		if (r->at == r->end)
			return -1;
		digit = *r->at++;
		if (digit >= '0' && digit <= '9')
			digit -= '0';
		else if ((digit | 32) >= 'a' && (digit | 32) <= 'f')
			digit = (digit | 32) - 'a' + 10;
		else
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

static char *put_utf8(char *out, long c)
{
	if (c < 0x80) {
		*out++ = (char)c;
	} else if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
		*out++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*out++ = (char)(0xe0 | c >> 12);
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	} else {
		*out++ = (char)(0xf0 | c >> 18);
		*out++ = (char)(0x80 | (c >> 12 & 0x3f));
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	}
	return out;
}

/* Behind "\u". Two halves make one character; a half alone, or a 0, is refused. */
static char *unicode_escape(struct reader *r, char *out)
{
	long c = hex4(r), low;

	if (c >= 0xd800 && c < 0xdc00) {
		low = r->end - r->at >= 6 && r->at[0] == '\\' && r->at[1] == 'u' ? 0 : -1;
		if (!low) {
			r->at += 2;
			low = hex4(r);
		}
		c = low >= 0xdc00 && low < 0xe000 ? 0x10000 + ((c - 0xd800) << 10) + low - 0xdc00 : -1;
	}
	if (c <= 0 || (c >= 0xd800 && c < 0xe000))
		return bad(r, "a \\u that is no character");
	return put_utf8(out, c);
}

static char *escape(struct reader *r, char *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *which;
	char c = r->at < r->end ? *r->at++ : '\0';

	if (c == 'u')
		return unicode_escape(r, out);
	which = c ? strchr(from, c) : NULL;
	if (!which)
		return bad(r, "a backslash with nothing known behind it");
	*out++ = to[which - from];
	return out;
}

/* A string, its first quote taken already; NULL if it is none. */
static char *read_string(struct reader *r)
{
	/* No escape is shorter than what it stands for. */
	const char *end = r->at;
	char *text, *out;

	while (end < r->end && *end != '"')
		end += *end == '\\' && end + 1 < r->end ? 2 : 1;
	text = out = malloc((size_t)(end - r->at) + 1);
	if (!text)
		return bad(r, "out of memory");
	while (out && r->at < r->end && *r->at != '"') {
		if ((unsigned char)*r->at < 0x20)
			out = bad(r, "a control character in a string");
		else if (*r->at != '\\')
			*out++ = *r->at++;
		else
			r->at++, out = escape(r, out);
	}
	if (out && r->at == r->end)
		out = bad(r, "it ends in a string");
	if (!out) {
		free(text);
		return NULL;
	}
	r->at++;
	*out = '\0';
	return text;
}

static const char *digits(const char *at, const char *end)
{
	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return at;
}

/* Where the number at @at ends, by JSON's grammar; NULL if it is none. */
static const char *number_end(const char *at, const char *end)
{
	const char *from;

	if (at < end && *at == '-')
		at++;
	from = at;
	at = digits(at, end);
	if (at == from || (*from == '0' && at > from + 1))
		return NULL;
	if (at < end && *at == '.') {
		from = ++at;
		at = digits(at, end);
		if (at == from)
			return NULL;
	}
	if (at < end && (*at == 'e' || *at == 'E')) {
		at++;
		if (at < end && (*at == '+' || *at == '-'))
			at++;
		from = at;
		at = digits(at, end);
		if (at == from)
			return NULL;
	}
	return at;
}

static void read_number(struct reader *r, struct json_value *v)
{
	const char *end = number_end(r->at, r->end);
	char copy[64];

	v->type = JSON_NUMBER;
	if (!end || end - r->at >= (long)sizeof(copy)) {
		bad(r, "a value that is none");
		return;
	}
	memcpy(copy, r->at, (size_t)(end - r->at));
	copy[end - r->at] = '\0';
	v->number = strtod(copy, NULL);
	if (!isfinite(v->number))
		bad(r, "a number that is too large");
	r->at = end;
}

static void read_word(struct reader *r, struct json_value *v)
{
	static const struct {
		const char *word;
		enum json_type type;
		double number;
	} known[] = {
		{ "null", JSON_NULL, 0 }, { "false", JSON_BOOL, 0 }, { "true", JSON_BOOL, 1 },
	};
	size_t i, len;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		len = strlen(known[i].word);
		if ((size_t)(r->end - r->at) < len || memcmp(r->at, known[i].word, len))
			continue;
		v->type = known[i].type;
		v->number = known[i].number;
		r->at += len;
		return;
	}
	read_number(r, v);
}

/* What is between the brackets, the first of which was taken. */
static void read_members(struct reader *r, struct json_value *v, char closing)
{
	struct json_value **last = &v->child;
	char *key;

	if (take(r, closing))
		return;
	do {
		key = NULL;
		if (v->type == JSON_OBJECT) {
			if (!take(r, '"')) {
				bad(r, r->at == r->end ? "it ends too early" : "a name is missing");
				return;
			}
			key = read_string(r);
			if (key && !take(r, ':'))
				bad(r, r->at == r->end ? "it ends too early" : "a colon is missing");
		}
		*last = r->why ? NULL : read_value(r);
		if (!*last) {
			free(key);
			return;
		}
		(*last)->key = key;
		last = &(*last)->next;
	} while (take(r, ',') && !r->why);
	if (!take(r, closing))
		bad(r, r->at == r->end ? "it ends too early" : "a comma or a bracket is missing");
}

static struct json_value *read_value(struct reader *r)
{
	struct json_value *v = calloc(1, sizeof(*v));
	char c = peek(r);

	if (!v)
		return bad(r, "out of memory");
	if (++r->depth > JSON_MAX_DEPTH)
		bad(r, "it is nested too deep");
	else if (r->at == r->end)
		bad(r, "it ends too early");
	else if (take(r, '{'))
		v->type = JSON_OBJECT, read_members(r, v, '}');
	else if (take(r, '['))
		v->type = JSON_ARRAY, read_members(r, v, ']');
	else if (c != '"')
		read_word(r, v);
	else
		v->type = JSON_STRING, r->at++, v->text = read_string(r);
	r->depth--;
	if (!r->why)
		return v;
	json_free(v);
	return NULL;
}

struct json_value *json_parse(const char *text, size_t len, const char **why, size_t *line)
{
	struct reader r = { .at = text, .end = text + len };
	struct json_value *v = read_value(&r);
	const char *c;

	if (v && (peek(&r), r.at != r.end)) {
		bad(&r, "there is something behind it");
		json_free(v);
		v = NULL;
	}
	*why = r.why;
	for (*line = 1, c = text; c < r.at; c++)
		*line += *c == '\n';
	return v;
}

void json_free(struct json_value *v)
{
	struct json_value *next;

	for (; v; v = next) {
		next = v->next;
		json_free(v->child);
		free(v->key);
		free(v->text);
		free(v);
	}
}
