// SPDX-License-Identifier: GPL-2.0-only
/* See untrusted.h. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "untrusted.h"

/* How many results of shown() are good at once, and room for the longest path. */
#define RESULTS		8
#define RESULT_ROOM	(4 * 4096 + 64)

/* Length of the UTF-8 sequence at @s and what it stands for; 0 if it is none. */
static size_t utf8(const unsigned char *s, size_t left, uint32_t *point)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 :
		   s[0] < 0xf5 ? 4 : 0;

	if (!n || n > left)
		return 0;
	*point = n == 1 ? s[0] : s[0] & (0xff >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*point = *point << 6 | (s[i] & 0x3f);
	}
	/* Overlong forms, surrogates, and beyond the last one. */
	if (*point < least[n] || (*point >= 0xd800 && *point < 0xe000) || *point > 0x10ffff)
		return 0;
	return n;
}

/* A terminal obeys it, or it ends a line, or it changes the direction of what follows. */
static bool is_control(uint32_t point)
{
	return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x61c ||
	       point == 0x200e || point == 0x200f || (point >= 0x2028 && point <= 0x202e) ||
	       (point >= 0x2066 && point <= 0x2069);
}

static bool is_octal(const unsigned char *s, size_t left)
{
	return left >= 3 && s[0] >= '0' && s[0] <= '3' && s[1] >= '0' && s[1] <= '7' &&
	       s[2] >= '0' && s[2] <= '7';
}

/* Each byte as "\377", with the backslash itself escaped where that is needed. */
static void put_octal(const unsigned char *s, size_t n, enum untrusted_reader reader, char *out)
{
	for (size_t i = 0; i < n; i++)
		out += sprintf(out, "%s%03o", reader == UNTRUSTED_PERSON ? "\\" : "\\\\", s[i]);
}

static void put_json_control(uint32_t point, char *out)
{
	if (point == '\n' || point == '\t')
		sprintf(out, "\\%c", point == '\n' ? 'n' : 't');
	else
		sprintf(out, "\\u%04x", point);
}

size_t untrusted_char(const char *text, size_t len, enum untrusted_reader reader,
		      char out[UNTRUSTED_CHAR])
{
	const unsigned char *s = (const unsigned char *)text;
	uint32_t point = 0;
	size_t n = utf8(s, len, &point);

	if (n && is_control(point) && reader == UNTRUSTED_JSON) {
		put_json_control(point, out);
	} else if (!n || is_control(point) || (point == '\\' && is_octal(s + 1, len - 1))) {
		n += !n;
		put_octal(s, n, reader, out);
	} else if (reader != UNTRUSTED_PERSON && (point == '"' || point == '\\')) {
		sprintf(out, "\\%c", (char)point);
	} else {
		memcpy(out, s, n);
		out[n] = 0;
	}
	return n;
}

static char *next_result(void)
{
	static __thread char results[RESULTS][RESULT_ROOM];
	static __thread unsigned int turn;

	return results[turn++ % RESULTS];
}

const char *shown_n(const char *text, size_t len)
{
	char *buf = next_result(), out[UNTRUSTED_CHAR];
	size_t left = strnlen(text, len), used = 0, n;

	for (; left && used + UNTRUSTED_CHAR < RESULT_ROOM; text += n, left -= n) {
		n = untrusted_char(text, left, UNTRUSTED_PERSON, out);
		used += (size_t)sprintf(buf + used, "%s", out);
	}
	buf[used] = 0;
	return buf;
}

const char *shown(const char *text)
{
	return shown_n(text, SIZE_MAX);
}

const char *shown_column(const char *text, size_t len, int width)
{
	char *buf = next_result();
	const char *from = shown_n(text, len);
	size_t used = 0;
	int columns = 0;

	/* It is UTF-8 by now: a character is cut off as a whole. */
	for (; *from && columns < width && used + 8 < RESULT_ROOM; columns++) {
		do
			buf[used++] = *from++;
		while ((*from & 0xc0) == 0x80);
	}
	for (; columns < width && used + 1 < RESULT_ROOM; columns++)
		buf[used++] = ' ';
	buf[used] = 0;
	return buf;
}

void unescape_octal(char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	while (*s) {
		if (*s == '\\' && is_octal(s + 1, strnlen((const char *)s + 1, 3))) {
			*text++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + s[3] - '0');
			s += 4;
		} else {
			*text++ = (char)*s++;
		}
	}
	*text = 0;
}
