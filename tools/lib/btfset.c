// SPDX-License-Identifier: GPL-2.0-only
/* The half of btfval.h that goes from text to a value. */
#include <bpf/btf.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "btfval.h"
#include "text.h"

bool btfval_member(const struct btf *btf, uint32_t type, const char *name,
		   struct btfval_place *place)
{
	const struct btf_type *t = btfval_resolve(btf, type, NULL);

	if (!t || !btf_is_composite(t))
		return false;
	for (int i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *m = btf_members(t) + i;

		if (strcmp(btf__name_by_offset(btf, m->name_off), name) ||
		    btf_member_bitfield_size(t, i))
			continue;
		place->type = m->type;
		place->offset += btf_member_bit_offset(t, i) / 8;
		return true;
	}
	return false;
}

static int step_member(const struct btf *btf, const char **path, struct btfval_place *place,
		       char *error, size_t size)
{
	size_t n = strcspn(*path + 1, ".[");
	char name[128];

	snprintf(name, sizeof(name), "%.*s", (int)n, *path + 1);
	if (!btfval_member(btf, place->type, name, place)) {
		snprintf(error, size, "member '%s' does not exist", name);
		return -1;
	}
	*path += n + 1;
	return 0;
}

static int step_element(const struct btf *btf, const char **path, struct btfval_place *place,
			char *error, size_t size)
{
	const struct btf_type *t = btfval_resolve(btf, place->type, NULL);
	char *end;
	unsigned long i = strtoul(*path + 1, &end, 0);

	if (*end != ']' || !isdigit((unsigned char)(*path)[1])) {
		snprintf(error, size, "an index is a number in [ ]");
		return -1;
	}
	if (!t || !btf_is_array(t)) {
		snprintf(error, size, "it is not an array");
		return -1;
	}
	if (i >= btf_array(t)->nelems) {
		snprintf(error, size, "the array ends at [%u]", btf_array(t)->nelems - 1);
		return -1;
	}
	place->type = btf_array(t)->type;
	place->offset += i * (size_t)btf__resolve_size(btf, place->type);
	*path = end + 1;
	return 0;
}

int btfval_walk(const struct btf *btf, const char *path, struct btfval_place *place,
		char *error, size_t size)
{
	int err = 0;

	while (*path && !err) {
		if (*path == '.') {
			err = step_member(btf, &path, place, error, size);
		} else if (*path == '[') {
			err = step_element(btf, &path, place, error, size);
		} else {
			snprintf(error, size, "cannot read '%s'", path);
			err = -1;
		}
	}
	return err;
}

static bool enum_value(const struct btf *btf, const struct btf_type *t, const char *text,
		       uint64_t *value)
{
	for (int i = 0; i < btf_vlen(t); i++) {
		uint32_t name = btf_is_enum(t) ? btf_enum(t)[i].name_off :
						 btf_enum64(t)[i].name_off;

		if (strcmp(btf__name_by_offset(btf, name), text))
			continue;
		*value = btf_is_enum(t) ? (uint64_t)btf_enum(t)[i].val :
					  btf_enum64_value(&btf_enum64(t)[i]);
		return true;
	}
	return false;
}

static void store(void *data, size_t size, uint64_t value)
{
	uint8_t b1 = (uint8_t)value;
	uint16_t b2 = (uint16_t)value;
	uint32_t b4 = (uint32_t)value;

	switch (size) {
	case 1:
		memcpy(data, &b1, 1);
		break;
	case 2:
		memcpy(data, &b2, 2);
		break;
	case 4:
		memcpy(data, &b4, 4);
		break;
	default:
		memcpy(data, &value, 8);
	}
}

static bool fits(uint64_t value, bool is_signed, size_t size)
{
	int64_t n = (int64_t)value, top;

	if (size >= 8)
		return true;
	if (!is_signed)
		return value >> (8 * size) == 0;
	top = (int64_t)1 << (8 * size - 1);
	return n >= -top && n < top;
}

static bool parse_integer(const char *text, bool is_signed, uint64_t *value)
{
	int64_t n;

	if (!is_signed)
		return parse_u64(text, value);
	if (!parse_s64(text, &n))
		return false;
	*value = (uint64_t)n;
	return true;
}

static int parse_int(const struct btf_type *t, const char *text, void *data, char *error,
		     size_t size)
{
	bool is_signed = btf_int_encoding(t) & BTF_INT_SIGNED, ok;
	uint64_t value = 0;

	if (btf_int_encoding(t) & BTF_INT_BOOL) {
		ok = !strcmp(text, "true") || !strcmp(text, "false") ||
		     !strcmp(text, "1") || !strcmp(text, "0");
		value = *text == 't' || *text == '1';
	} else {
		ok = parse_integer(text, is_signed, &value);
	}
	if (!ok) {
		snprintf(error, size, "'%s' is not %s", text,
			 btf_int_encoding(t) & BTF_INT_BOOL ? "true or false" :
			 is_signed ? "a number" : "a number of 0 or more");
		return -1;
	}
	if (!fits(value, is_signed, t->size)) {
		snprintf(error, size, "%s does not fit into %u bits", text, t->size * 8);
		return -1;
	}
	store(data, t->size, value);
	return 0;
}

static int parse_enum(const struct btf *btf, const struct btf_type *t, const char *text,
		      void *data, char *error, size_t size)
{
	uint64_t value;

	if (!enum_value(btf, t, text, &value) && !parse_integer(text, btf_kflag(t), &value)) {
		snprintf(error, size, "'%s' is neither a value of the enum nor a number", text);
		return -1;
	}
	store(data, t->size, value);
	return 0;
}

static int parse_string(const struct btf_array *a, const char *text, char *data, char *error,
			size_t size)
{
	if (strlen(text) >= a->nelems) {
		snprintf(error, size, "'%s' is longer than %u characters", text, a->nelems - 1);
		return -1;
	}
	memset(data, 0, a->nelems);
	memcpy(data, text, strlen(text));
	return 0;
}

int btfval_parse(const struct btf *btf, uint32_t type, const char *text, void *data,
		 char *error, size_t size)
{
	const struct btf_type *t = btfval_resolve(btf, type, NULL), *element;

	if (t && btf_is_int(t) && t->size <= 8)
		return parse_int(t, text, data, error, size);
	if (t && btf_is_any_enum(t))
		return parse_enum(btf, t, text, data, error, size);
	if (t && btf_is_array(t)) {
		element = btfval_resolve(btf, btf_array(t)->type, NULL);
		if (element && btf_is_int(element) && element->size == 1)
			return parse_string(btf_array(t), text, data, error, size);
		snprintf(error, size, "it is an array: set its elements, as in name[0]=1");
		return -1;
	}
	if (t && btf_is_composite(t))
		snprintf(error, size, "it is a struct: set its members, as in name.member=1");
	else
		snprintf(error, size, "values of this type cannot be set");
	return -1;
}
