// SPDX-License-Identifier: GPL-2.0-only
/* See dump.h. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "btfval.h"
#include "dump.h"

struct dump {
	struct json *j;
	FILE *out;
	struct bpf_map_info info;
	struct btf *btf;
	int fd, cpus, most;
	char *key, *value;
	const char *array;	/* the whole map, if it can be mapped */
};

static bool per_cpu(const struct bpf_map_info *info)
{
	return info->type == BPF_MAP_TYPE_PERCPU_HASH || info->type == BPF_MAP_TYPE_PERCPU_ARRAY ||
	       info->type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

static bool readable(const struct bpf_map_info *info)
{
	return per_cpu(info) || info->type == BPF_MAP_TYPE_HASH ||
	       info->type == BPF_MAP_TYPE_ARRAY || info->type == BPF_MAP_TYPE_LRU_HASH ||
	       info->type == BPF_MAP_TYPE_LPM_TRIE;
}

static size_t value_stride(const struct bpf_map_info *info)
{
	return (info->value_size + 7) / 8 * 8;
}

static void put_bytes(struct dump *d, const char *name, const char *data, size_t n)
{
	char *hex = malloc(2 * n + 1);

	if (!hex)
		return;
	hex[0] = 0;
	for (size_t i = 0; i < n; i++)
		sprintf(hex + 2 * i, "%02x", (unsigned char)data[i]);
	if (d->j)
		json_str(d->j, name, hex);
	else
		fputs(hex, d->out);
	free(hex);
}

static void put_typed(struct dump *d, const char *name, uint32_t type, const char *data, size_t n)
{
	if (!d->btf || !type)
		put_bytes(d, name, data, n);
	else if (d->j)
		btfval_json(d->j, name, d->btf, type, data);
	else
		btfval_text(d->out, d->btf, type, data);
}

static void put_value(struct dump *d)
{
	size_t stride = value_stride(&d->info);

	if (!per_cpu(&d->info)) {
		put_typed(d, "value", d->info.btf_value_type_id, d->value, d->info.value_size);
		return;
	}
	if (d->j)
		json_array(d->j, "values");
	for (int cpu = 0; cpu < d->cpus; cpu++) {
		if (!d->j)
			fprintf(d->out, "%scpu%d: ", cpu ? ", " : "", cpu);
		put_typed(d, NULL, d->info.btf_value_type_id, d->value + (size_t)cpu * stride,
			  d->info.value_size);
	}
	if (d->j)
		json_array_end(d->j);
}

static void put_entry(struct dump *d)
{
	if (d->j)
		json_object(d->j, NULL);
	else
		fputs("    ", d->out);
	put_typed(d, "key", d->info.btf_key_type_id, d->key, d->info.key_size);
	if (!d->j)
		fputs(": ", d->out);
	put_value(d);
	if (d->j)
		json_object_end(d->j);
	else
		fputc('\n', d->out);
}

/* An array has every entry from the start; those never written say nothing. */
static bool is_blank(const struct dump *d)
{
	size_t size = value_stride(&d->info);

	if (d->info.type != BPF_MAP_TYPE_ARRAY)
		return false;
	for (size_t i = 0; i < size; i++)
		if (d->value[i])
			return false;
	return true;
}

/* Puts the entry at the key unless there is nothing to see; false when that is enough. */
static bool visit(struct dump *d, int *n)
{
	if (is_blank(d))
		return true;
	if (d->most && (*n)++ == d->most) {
		if (!d->j)
			fprintf(d->out, "    ... ('bpftool map dump id %u' shows all)\n", d->info.id);
		return false;
	}
	put_entry(d);
	return true;
}

static void visit_array(struct dump *d, int *n)
{
	size_t stride = value_stride(&d->info);

	for (uint32_t i = 0; i < d->info.max_entries; i++) {
		memcpy(d->key, &i, sizeof(i));
		memcpy(d->value, d->array + i * stride, stride);
		if (!visit(d, n))
			break;
	}
}

static void visit_keys(struct dump *d, int *n)
{
	for (char *last = NULL; !bpf_map_get_next_key(d->fd, last, d->key); last = d->key) {
		/* It may be gone between the two calls. */
		if (!bpf_map_lookup_elem(d->fd, d->key, d->value) && !visit(d, n))
			break;
	}
}

static void put_entries(struct dump *d)
{
	int n = 0;

	if (d->j)
		json_array(d->j, "entries");
	if (d->array)
		visit_array(d, &n);
	else
		visit_keys(d, &n);
	if (d->j)
		json_array_end(d->j);
}

/* Global variables are one value of a type that names each. */
static bool put_variables(struct dump *d)
{
	const struct btf_type *t = d->btf ? btf__type_by_id(d->btf, d->info.btf_value_type_id) : NULL;

	if (!t || !btf_is_datasec(t))
		return false;
	memset(d->key, 0, d->info.key_size);
	if (bpf_map_lookup_elem(d->fd, d->key, d->value))
		return true;
	if (d->j) {
		btfval_json(d->j, "variables", d->btf, d->info.btf_value_type_id, d->value);
		return true;
	}
	fputs("    ", d->out);
	btfval_text(d->out, d->btf, d->info.btf_value_type_id, d->value);
	fputc('\n', d->out);
	return true;
}

static void put_map(struct dump *d)
{
	const char *name = d->info.name, *dot = strrchr(name, '.');

	/* "pincg.rodata" is libbpf's name for the section. */
	if (dot)
		name = !strcmp(dot, ".rodata") ? "parameters" : "variables";
	if (d->j) {
		json_object(d->j, NULL);
		json_u64(d->j, "id", d->info.id);
		json_str(d->j, "name", d->info.name);
	} else {
		fprintf(d->out, "  map %u %s", d->info.id, name);
		if (!dot)
			fprintf(d->out, " (at most %u entries)", d->info.max_entries);
		fputs(":\n", d->out);
	}
	if (readable(&d->info) && !put_variables(d))
		put_entries(d);
	if (d->j)
		json_object_end(d->j);
}

/* Thousands of entries at once instead of a system call for each. */
static void map_array(struct dump *d, bool undo)
{
	size_t size = value_stride(&d->info) * d->info.max_entries;
	void *at;

	if (undo && d->array) {
		munmap((void *)d->array, size);
	} else if (!undo && d->info.type == BPF_MAP_TYPE_ARRAY &&
		   d->info.map_flags & BPF_F_MMAPABLE) {
		at = mmap(NULL, size, PROT_READ, MAP_SHARED, d->fd, 0);
		d->array = at == MAP_FAILED ? NULL : at;
	}
}

void dump_map(struct json *json, FILE *out, uint32_t id, int most)
{
	struct dump d = { .j = json, .out = out, .most = most };
	__u32 len = sizeof(d.info);

	d.fd = bpf_map_get_fd_by_id(id);
	if (d.fd < 0)
		return;
	d.cpus = libbpf_num_possible_cpus();
	if (bpf_obj_get_info_by_fd(d.fd, &d.info, &len) || d.cpus < 1)
		goto out;
	if (d.info.btf_id)
		d.btf = btf__load_from_kernel_by_id(d.info.btf_id);
	d.key = calloc(1, d.info.key_size ? d.info.key_size : 1);
	d.value = calloc((size_t)d.cpus, value_stride(&d.info) + 1);
	map_array(&d, false);
	if (d.key && d.value)
		put_map(&d);
	map_array(&d, true);
out:
	btf__free(d.btf);
	free(d.key);
	free(d.value);
	close(d.fd);
}
