// SPDX-License-Identifier: GPL-2.0-only
/*
 * A QEMU plugin that counts executed instructions by the block of code they
 * belong to, apart for each of the marks of bench/mark.h: what runs between
 * two marks is counted for the first.
 *
 * Writes a line "address mark instructions" for each block to the file named
 * by the argument out=. One processor only: -icount has no other.
 */
#include <stdio.h>
#include <stdlib.h>

#include "plugin.h"

EXPORT int qemu_plugin_version = 4;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv);

#define BUCKETS	(1U << 16)

struct block {
	struct block *next;
	uint64_t address;
	uint64_t length;		/* instructions */
	uint64_t runs[MARKS];
};

static struct block *blocks[BUCKETS];
static unsigned int now;
static char *path;

static void block_runs(unsigned int cpu, void *data)
{
	struct block *b = data;

	(void)cpu;
	b->runs[now]++;
}

static void mark_runs(unsigned int cpu, void *data)
{
	(void)cpu;
	now = (unsigned int)(uintptr_t)data;
}

/* The same code may be translated again: it keeps its counters. */
static struct block *find(uint64_t address, uint64_t length)
{
	uint64_t hash = (address ^ address >> 16 ^ length << 3) % BUCKETS;
	struct block *b;

	for (b = blocks[hash]; b; b = b->next)
		if (b->address == address && b->length == length)
			return b;
	b = calloc(1, sizeof(*b));
	if (!b)
		abort();
	b->address = address;
	b->length = length;
	b->next = blocks[hash];
	blocks[hash] = b;
	return b;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb), i;
	struct qemu_plugin_insn *insn;
	unsigned int what;

	(void)id;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, block_runs, 0,
					     find(qemu_plugin_tb_vaddr(tb), n));
	for (i = 0; i < n; i++) {
		insn = qemu_plugin_tb_get_insn(tb, i);
		what = mark_of(insn);
		if (what < MARKS)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, mark_runs, 0,
							       (void *)(uintptr_t)what);
	}
}

static void ended(qemu_plugin_id_t id, void *data)
{
	FILE *out = fopen(path, "w");
	struct block *b;
	unsigned int i, m;

	(void)id;
	(void)data;
	if (!out) {
		fprintf(stderr, "profile: cannot write %s\n", path);
		return;
	}
	for (i = 0; i < BUCKETS; i++)
		for (b = blocks[i]; b; b = b->next)
			for (m = 0; m < MARKS; m++)
				if (b->runs[m])
					fprintf(out, "%016llx %u %llu %llu\n",
						(unsigned long long)b->address, m,
						(unsigned long long)(b->runs[m] * b->length),
						(unsigned long long)b->length);
	fclose(out);
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4)) {
		fprintf(stderr, "profile: the plugin needs out=FILE\n");
		return 1;
	}
	path = strdup(argv[0] + 4);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, ended, NULL);
	return 0;
}
