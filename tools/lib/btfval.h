/* SPDX-License-Identifier: GPL-2.0-only */
/* Values of any type that BTF describes: printed, and set from text. */
#ifndef IOASID_LIB_BTFVAL_H
#define IOASID_LIB_BTFVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "json.h"

struct btf;

/* As JSON: numbers, strings for arrays of char, objects, arrays. */
void btfval_json(struct json *j, const char *key, const struct btf *btf, uint32_t type,
		 const void *data);
/* As text: "used=4096 own=4096" for a struct. */
void btfval_text(FILE *out, const struct btf *btf, uint32_t type, const void *data);

/* A place within a value: "limit", "range[2].first". */
struct btfval_place {
	uint32_t type;
	size_t offset;
};

/*
 * Follows @path, which starts with a '.' or '[' or is empty, into *@place.
 * Returns 0, or -1 with a line in @error.
 */
int btfval_walk(const struct btf *btf, const char *path, struct btfval_place *place,
		char *error, size_t size);
/*
 * Writes @text to @data as the type wants it: a number with an optional suffix,
 * the name of an enum's value, true or false, or a string for an array of char.
 * Returns 0, or -1 with a line in @error.
 */
int btfval_parse(const struct btf *btf, uint32_t type, const char *text, void *data,
		 char *error, size_t size);

/* The type behind typedefs, const and volatile. */
const struct btf_type *btfval_resolve(const struct btf *btf, uint32_t type, uint32_t *id);

/* A member of a struct by name; false if there is none. */
bool btfval_member(const struct btf *btf, uint32_t type, const char *name,
		   struct btfval_place *place);

#endif
