/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A JSON reader, for the files that this program writes itself: a library would be one
 * more thing to install on each machine that is to be measured. It takes RFC 8259 and no
 * more, from a file that may come from a stranger.
 */
#ifndef BENCH_PARSE_H
#define BENCH_PARSE_H

#include <stddef.h>

enum json_type {
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

struct json_value {
	enum json_type type;
	char *key;			/* in an object, else NULL */
	char *text;			/* of a string, without a 0 in it */
	double number;			/* of a bool 0 or 1 */
	struct json_value *child;	/* the first one */
	struct json_value *next;
};

/**
 * json_parse() - read one value, which is all there is
 * @line: where reading stopped, from 1
 *
 * Return: the value, for json_free(); NULL, with *@why set to a constant text.
 */
struct json_value *json_parse(const char *text, size_t len, const char **why, size_t *line);
void json_free(struct json_value *v);

#endif
