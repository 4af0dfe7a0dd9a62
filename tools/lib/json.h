/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A streaming JSON writer: what is written is on its way out, nothing is kept
 * but the nesting. @key is NULL inside arrays and for the outermost value. Text may be
 * untrusted: see untrusted.h for what becomes of it.
 */
#ifndef IOASID_LIB_JSON_H
#define IOASID_LIB_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define JSON_MAX_DEPTH	32

struct json {
	FILE *out;
	bool pretty;
	int depth;
	bool used[JSON_MAX_DEPTH];	/* this level has a value already */
};

void json_init(struct json *j, FILE *out, bool pretty);

void json_object(struct json *j, const char *key);
void json_object_end(struct json *j);
void json_array(struct json *j, const char *key);
void json_array_end(struct json *j);

void json_str(struct json *j, const char *key, const char *value);
/* At most @len bytes of @value, or up to its first 0. */
void json_strn(struct json *j, const char *key, const char *value, size_t len);
void json_u64(struct json *j, const char *key, uint64_t value);
void json_s64(struct json *j, const char *key, int64_t value);
/* Addresses are strings: JSON readers keep only 53 bits of a number. */
void json_hex(struct json *j, const char *key, uint64_t value);
/* With six digits; null if it is not finite. */
void json_num(struct json *j, const char *key, double value);
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);

/* Ends the line; call it after the outermost value. 0, or -1 if not all of it was written. */
int json_end_line(struct json *j);

#endif
