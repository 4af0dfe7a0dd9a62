// SPDX-License-Identifier: GPL-2.0-only
/* See btfval.h. Byte order and alignment are those of the running machine. */
#include <bpf/btf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "btfval.h"
#include "untrusted.h"

/* Deeper than this a value is not opened; types cannot be endless anyway. */
#define DEPTH_MAX	12

/* One writer for both forms: @j is NULL for text. */
struct sink {
	struct json *j;
	FILE *out;
	const struct btf *btf;
	int depth;
};

static void put(struct sink *s, const char *key, uint32_t type, const void *data);

const struct btf_type *btfval_resolve(const struct btf *btf, uint32_t type, uint32_t *id)
{
	const struct btf_type *t = btf__type_by_id(btf, type);

	while (t && (btf_is_mod(t) || btf_is_typedef(t))) {
		type = t->type;
		t = btf__type_by_id(btf, type);
	}
	if (id)
		*id = type;
	return t;
}

static uint64_t load(const void *data, size_t size)
{
	uint8_t b1;
	uint16_t b2;
	uint32_t b4;
	uint64_t b8 = 0;

	switch (size) {
	case 1:
		memcpy(&b1, data, 1);
		return b1;
	case 2:
		memcpy(&b2, data, 2);
		return b2;
	case 4:
		memcpy(&b4, data, 4);
		return b4;
	default:
		memcpy(&b8, data, size < 8 ? size : 8);
		return b8;
	}
}

static int64_t sign_extend(uint64_t value, int bits)
{
	return bits >= 64 ? (int64_t)value : (int64_t)(value << (64 - bits)) >> (64 - bits);
}

static void put_number(struct sink *s, const char *key, uint64_t value, int bits, bool is_signed)
{
	int64_t n = sign_extend(value, bits);

	if (s->j && is_signed)
		json_s64(s->j, key, n);
	else if (s->j)
		json_u64(s->j, key, value);
	else if (is_signed)
		fprintf(s->out, "%" PRId64, n);
	else
		fprintf(s->out, "%" PRIu64, value);
}

static void put_int(struct sink *s, const char *key, const struct btf_type *t, const void *data)
{
	uint64_t value = load(data, t->size);
	int encoding = btf_int_encoding(t);

	if (!(encoding & BTF_INT_BOOL))
		put_number(s, key, value, btf_int_bits(t), encoding & BTF_INT_SIGNED);
	else if (s->j)
		json_bool(s->j, key, value);
	else
		fputs(value ? "true" : "false", s->out);
}

static const char *enum_name(const struct btf *btf, const struct btf_type *t, uint64_t value)
{
	for (int i = 0; i < btf_vlen(t); i++) {
		if (btf_is_enum(t) && (uint32_t)btf_enum(t)[i].val == (uint32_t)value)
			return btf__name_by_offset(btf, btf_enum(t)[i].name_off);
		if (btf_is_enum64(t) && btf_enum64_value(&btf_enum64(t)[i]) == value)
			return btf__name_by_offset(btf, btf_enum64(t)[i].name_off);
	}
	return NULL;
}

static void put_enum(struct sink *s, const char *key, const struct btf_type *t, const void *data)
{
	uint64_t value = load(data, t->size);
	const char *name = enum_name(s->btf, t, value);

	if (!name)
		put_number(s, key, value, t->size * 8, btf_kflag(t));
	else if (s->j)
		json_str(s->j, key, name);
	else
		fputs(name, s->out);
}

/*
 * An array of char is text, whatever is in it: what a name holds must not decide the form
 * of the output. Bytes are unsigned char.
 */
static bool is_text(const struct btf *btf, const struct btf_array *a)
{
	const struct btf_type *t = btfval_resolve(btf, a->type, NULL);

	return t && btf_is_int(t) && a->nelems && !strcmp(btf__name_by_offset(btf, t->name_off), "char");
}

static void put_array(struct sink *s, const char *key, const struct btf_type *t, const void *data)
{
	const struct btf_array *a = btf_array(t);
	long long size = btf__resolve_size(s->btf, a->type);

	if (is_text(s->btf, a)) {
		if (s->j)
			json_strn(s->j, key, data, a->nelems);
		else
			fprintf(s->out, "\"%s\"", shown_n(data, a->nelems));
		return;
	}
	if (s->j)
		json_array(s->j, key);
	else
		fputc('[', s->out);
	for (uint32_t i = 0; size > 0 && i < a->nelems; i++) {
		if (!s->j && i)
			fputs(", ", s->out);
		put(s, NULL, a->type, (const char *)data + i * (size_t)size);
	}
	if (s->j)
		json_array_end(s->j);
	else
		fputc(']', s->out);
}

static void put_bitfield(struct sink *s, const char *key, uint32_t type, const void *data,
			 uint32_t bit, uint32_t bits)
{
	const struct btf_type *t = btfval_resolve(s->btf, type, NULL);
	uint64_t value = load((const char *)data + bit / 8, (bit % 8 + bits + 7) / 8);

	value = (value >> bit % 8) & (bits < 64 ? (1ULL << bits) - 1 : ~0ULL);
	put_number(s, key, value, bits,
		   t && btf_is_int(t) && btf_int_encoding(t) & BTF_INT_SIGNED);
}

static void put_members(struct sink *s, const struct btf_type *t, const void *data)
{
	for (int i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *m = btf_members(t) + i;
		const char *name = btf__name_by_offset(s->btf, m->name_off);
		uint32_t bit = btf_member_bit_offset(t, i), bits = btf_member_bitfield_size(t, i);

		if (!s->j)
			fprintf(s->out, "%s%s=", i ? " " : "", name);
		if (bits)
			put_bitfield(s, name, m->type, data, bit, bits);
		else
			put(s, name, m->type, (const char *)data + bit / 8);
	}
}

static void put_variables(struct sink *s, const struct btf_type *t, const void *data)
{
	for (int i = 0; i < btf_vlen(t); i++) {
		const struct btf_var_secinfo *v = btf_var_secinfos(t) + i;
		const struct btf_type *var = btf__type_by_id(s->btf, v->type);
		const char *name = btf__name_by_offset(s->btf, var->name_off);

		if (!s->j)
			fprintf(s->out, "%s%s=", i ? " " : "", name);
		put(s, name, var->type, (const char *)data + v->offset);
	}
}

static void put_struct(struct sink *s, const char *key, const struct btf_type *t, const void *data)
{
	if (s->j)
		json_object(s->j, key);
	else if (s->depth > 1)
		fputc('{', s->out);
	if (btf_is_datasec(t))
		put_variables(s, t, data);
	else
		put_members(s, t, data);
	if (s->j)
		json_object_end(s->j);
	else if (s->depth > 1)
		fputc('}', s->out);
}

static void put(struct sink *s, const char *key, uint32_t type, const void *data)
{
	const struct btf_type *t = btfval_resolve(s->btf, type, NULL);

	if (key && !*key)
		key = "(anonymous)";
	s->depth++;
	if (t && s->depth > DEPTH_MAX)
		t = NULL;
	if (t && btf_is_int(t))
		put_int(s, key, t, data);
	else if (t && btf_is_any_enum(t))
		put_enum(s, key, t, data);
	else if (t && btf_is_array(t))
		put_array(s, key, t, data);
	else if (t && (btf_is_composite(t) || btf_is_datasec(t)))
		put_struct(s, key, t, data);
	else if (t && btf_is_ptr(t) && s->j)
		json_hex(s->j, key, load(data, sizeof(void *)));
	else if (t && btf_is_ptr(t))
		fprintf(s->out, "0x%" PRIx64, load(data, sizeof(void *)));
	else if (s->j)
		json_null(s->j, key);
	else
		fputc('?', s->out);
	s->depth--;
}

void btfval_json(struct json *j, const char *key, const struct btf *btf, uint32_t type,
		 const void *data)
{
	struct sink s = { .j = j, .btf = btf };

	put(&s, key, type, data);
}

void btfval_text(FILE *out, const struct btf *btf, uint32_t type, const void *data)
{
	struct sink s = { .out = out, .btf = btf };

	put(&s, NULL, type, data);
}
