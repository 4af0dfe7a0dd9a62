/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A streaming JSON writer. Keys may be NULL inside arrays. The writer keeps
 * track of commas and nesting; the caller pairs begin with end.
 */
#ifndef BENCH_JSON_H
#define BENCH_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define JSON_MAX_DEPTH 16

struct json {
	FILE *out;
	int depth;
	bool used[JSON_MAX_DEPTH];	/* something was written at this level */
};

void json_begin(struct json *j, FILE *out);
/* Closes the outermost object and reports whether all of it was written. */
int json_end(struct json *j);

void json_object(struct json *j, const char *key);
void json_object_end(struct json *j);
void json_array(struct json *j, const char *key);
void json_array_end(struct json *j);

void json_str(struct json *j, const char *key, const char *value);
void json_u64(struct json *j, const char *key, uint64_t value);
void json_num(struct json *j, const char *key, double value);
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);

#endif
