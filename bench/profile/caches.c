// SPDX-License-Identifier: GPL-2.0-only
/*
 * A QEMU plugin that counts, apart for each mark of bench/mark.h, what a processor pays for
 * beside instructions:
 *
 *   locked   instructions with a LOCK prefix, and XCHG with memory, which needs none
 *   fences   MFENCE, LFENCE and SFENCE
 *   code     different cache lines of the kernel's code from one mark to the next
 *   data     different cache lines of the kernel's data from one mark to the next
 *   l1i l1d  misses in the modelled first-level caches, by code and data of the kernel
 *   l2       misses of those in the modelled second level
 *   stretch  the most instructions of the kernel in one piece, without a look at the scheduler
 *            or a return to the program
 *
 * The model: lines of 64 bytes; 32 KiB with 8 ways for code, the same for data; 2 MiB with 16 ways
 * for both. The line that was not used for longest goes, and a miss fills both levels. Lines go by virtual
 * address. There is no prefetcher, no speculation, no other processor, and no device
 * that writes to memory. The program's accesses fill caches, too, but are not counted.
 *
 * Nothing is counted before the first MARK_BEGIN, so the kernel boots at full speed. Each of
 * them begins a record with zeroes; what the caches have stays. The file named by the
 * argument out= gets a line "mark instructions locked fences code data l1i l1d l2 stretch" for
 * each mark of each record, after a line "begin"; -1 where there were too many lines to tell
 * them apart, or no looks are known. Looks are functions, whose addresses are in the file
 * named by looks=, which is read at the first MARK_BEGIN. One processor only: -icount has no
 * other.
 */
#include <stdio.h>
#include <stdlib.h>

#include "plugin.h"

EXPORT int qemu_plugin_version = 4;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv);

#define LINE_SHIFT	6
#define L1_SETS		64
#define L1_WAYS		8
#define L2_SETS		2048
#define L2_WAYS		16
#define SEEN		(1U << 16)
#define LOOKS		8

struct counts {
	uint64_t instructions, locked, fences, code, data, l1i, l1d, l2, piece;
	int many;		/* too many lines between two marks */
};

/* The ways of each set, that which was used last first. A line is never 0. */
static uint64_t l1i[L1_SETS][L1_WAYS], l1d[L1_SETS][L1_WAYS], l2[L2_SETS][L2_WAYS];

/* The lines since the last mark: those with the number of the stretch that begins at it. */
struct seen {
	struct {
		uint64_t line, stretch;
	} at[SEEN];
	uint64_t lines, stretch;
};

static struct seen seen_code, seen_data;
static uint64_t stretch = 1;

/* What a block of code is: instructions, and the lines that they are in. */
struct block {
	struct block *next;
	uint64_t first, last;
	uint64_t instructions;
	int kernel;
	int look;
};

static struct counts counts[MARKS];
static unsigned int now;
static FILE *out;
static int begun;
static const char *looks_path;
static uint64_t look[LOOKS];
static unsigned int looks;
static uint64_t piece;		/* instructions of the kernel since the last look */

static int of_kernel(uint64_t address)
{
	return address >> 63;
}

/* Use @line in a set; 0 if it was not there. */
static int use(uint64_t *set, unsigned int ways, uint64_t line)
{
	unsigned int i;
	int hit;

	for (i = 0; i < ways - 1 && set[i] != line; i++)
		;
	hit = set[i] == line;
	memmove(set + 1, set, i * sizeof(*set));
	set[0] = line;
	return hit;
}

/* Is it the first use of @line since the last mark? */
static int fresh(struct seen *seen, uint64_t line)
{
	uint64_t i = (line ^ line >> 16) % SEEN;

	if (counts[now].many)
		return 0;
	if (seen->stretch != stretch) {
		seen->stretch = stretch;
		seen->lines = 0;
	}
	for (; seen->at[i].stretch == stretch; i = (i + 1) % SEEN)
		if (seen->at[i].line == line)
			return 0;
	seen->at[i].line = line;
	seen->at[i].stretch = stretch;
	/* With more the search would take long. */
	counts[now].many = ++seen->lines == SEEN / 2;
	return 1;
}

static void touch(uint64_t line, uint64_t l1[L1_SETS][L1_WAYS], struct seen *seen, int kernel,
		  uint64_t *different, uint64_t *misses)
{
	int hit = use(l1[line % L1_SETS], L1_WAYS, line);
	int hit2 = hit || use(l2[line % L2_SETS], L2_WAYS, line);

	if (!kernel)
		return;
	*misses += !hit;
	counts[now].l2 += !hit2;
	*different += fresh(seen, line);
}

static void block_runs(unsigned int cpu, void *data)
{
	const struct block *b = data;
	uint64_t line;

	(void)cpu;
	if (b->kernel)
		counts[now].instructions += b->instructions;
	piece = b->kernel && !b->look ? piece + b->instructions : 0;
	if (piece > counts[now].piece)
		counts[now].piece = piece;
	for (line = b->first; line <= b->last; line++)
		touch(line, l1i, &seen_code, b->kernel, &counts[now].code, &counts[now].l1i);
}

static void memory_used(unsigned int cpu, qemu_plugin_meminfo_t info, uint64_t address, void *data)
{
	uint64_t last = (address + (1ULL << qemu_plugin_mem_size_shift(info)) - 1) >> LINE_SHIFT;
	uint64_t line;

	(void)cpu;
	(void)data;
	for (line = address >> LINE_SHIFT; line <= last; line++)
		touch(line, l1d, &seen_data, of_kernel(address), &counts[now].data, &counts[now].l1d);
}

static void locked_runs(unsigned int cpu, void *data)
{
	(void)cpu;
	(void)data;
	counts[now].locked++;
}

static void fence_runs(unsigned int cpu, void *data)
{
	(void)cpu;
	(void)data;
	counts[now].fences++;
}

static void record_write(void)
{
	unsigned int m;

	if (!begun)
		return;
	fprintf(out, "begin\n");
	for (m = 0; m < MARKS; m++) {
		const struct counts *c = &counts[m];

		fprintf(out, "%u %lld %lld %lld %lld %lld %lld %lld %lld %lld\n", m,
			(long long)c->instructions, (long long)c->locked, (long long)c->fences,
			c->many ? -1 : (long long)c->code, c->many ? -1 : (long long)c->data,
			(long long)c->l1i, (long long)c->l1d, (long long)c->l2,
			looks ? (long long)c->piece : -1);
	}
	memset(counts, 0, sizeof(counts));
}

static void mark_runs(unsigned int cpu, void *data)
{
	(void)cpu;
	now = (unsigned int)(uintptr_t)data;
	stretch++;
}

static void begin_runs(unsigned int cpu, void *data)
{
	(void)cpu;
	(void)data;
	record_write();
	begun = 1;
	now = 0;
	stretch++;
}

/* Is it locked, or a fence? @code has @n bytes of one instruction. */
static void classify(const unsigned char *code, size_t n, int *locked, int *fence)
{
	size_t i = 0;

	*locked = *fence = 0;
	for (; i < n; i++) {
		unsigned char c = code[i];

		if (c == 0xf0)
			*locked = 1;
		else if (c != 0x66 && c != 0xf2 && c != 0xf3 && c != 0x2e && c != 0x36 && c != 0x3e &&
			 c != 0x26 && c != 0x64 && c != 0x65 && (c & 0xf0) != 0x40)
			break;
	}
	if (i + 1 < n && (code[i] == 0x86 || code[i] == 0x87) && code[i + 1] < 0xc0)
		*locked = 1;
	if (i + 2 < n && code[i] == 0x0f && code[i + 1] == 0xae && code[i + 2] >= 0xe8)
		*fence = 1;
}

static struct block *block_new(const struct qemu_plugin_tb *tb, size_t n)
{
	static struct block *all;
	const struct qemu_plugin_insn *last = qemu_plugin_tb_get_insn(tb, n - 1);
	struct block *b = calloc(1, sizeof(*b));
	unsigned int i;

	if (!b)
		abort();
	b->first = qemu_plugin_tb_vaddr(tb) >> LINE_SHIFT;
	b->last = (qemu_plugin_insn_vaddr(last) + qemu_plugin_insn_size(last) - 1) >> LINE_SHIFT;
	b->instructions = n;
	b->kernel = of_kernel(qemu_plugin_tb_vaddr(tb));
	for (i = 0; i < looks; i++)
		b->look |= look[i] == qemu_plugin_tb_vaddr(tb);
	/* Code that is translated may run until the end, so no block is freed. */
	b->next = all;
	all = b;
	return b;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb), i, got;
	struct qemu_plugin_insn *insn;
	unsigned char code[15];
	int locked, fence;
	unsigned int what;
	struct block *b;

	(void)id;
	b = block_new(tb, n);
	qemu_plugin_register_vcpu_tb_exec_cb(tb, block_runs, 0, b);
	for (i = 0; i < n; i++) {
		insn = qemu_plugin_tb_get_insn(tb, i);
		what = mark_of(insn);
		if (what == MARK_BEGIN)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, begin_runs, 0, NULL);
		else if (what < MARKS)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, mark_runs, 0,
							       (void *)(uintptr_t)what);
		qemu_plugin_register_vcpu_mem_cb(insn, memory_used, 0, PLUGIN_MEM_READ_WRITE, NULL);
		got = qemu_plugin_insn_data(insn, code, sizeof(code));
		classify(code, got, &locked, &fence);
		if (locked && b->kernel)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, locked_runs, 0, NULL);
		if (fence && b->kernel)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, fence_runs, 0, NULL);
	}
}

static void ended(qemu_plugin_id_t id, void *data)
{
	(void)id;
	(void)data;
	record_write();
	if (fclose(out))
		fprintf(stderr, "caches: the counts could not be written\n");
}

static void read_looks(void)
{
	FILE *in = looks_path ? fopen(looks_path, "r") : NULL;
	unsigned long long address;

	if (!in)
		return;
	while (looks < LOOKS && fscanf(in, "%llx", &address) == 1)
		look[looks++] = address;
	fclose(in);
}

/* From here on everything is looked at. */
static void watch(qemu_plugin_id_t id)
{
	read_looks();
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, ended, NULL);
}

static void first_begin(unsigned int cpu, void *data)
{
	static int once;

	(void)cpu;
	if (once)
		return;
	once = begun = 1;
	qemu_plugin_reset(*(qemu_plugin_id_t *)data, watch);
}

static void wait_for_begin(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	static qemu_plugin_id_t self;
	size_t n = qemu_plugin_tb_n_insns(tb), i;

	self = id;
	for (i = 0; i < n; i++)
		if (mark_of(qemu_plugin_tb_get_insn(tb, i)) == MARK_BEGIN)
			qemu_plugin_register_vcpu_insn_exec_cb(qemu_plugin_tb_get_insn(tb, i),
							       first_begin, 0, &self);
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	int i;

	(void)info;
	for (i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4))
			out = fopen(argv[i] + 4, "w");
		else if (!strncmp(argv[i], "looks=", 6))
			looks_path = strdup(argv[i] + 6);
	}
	if (!out) {
		fprintf(stderr, "caches: the plugin needs out=FILE, a file that it can write\n");
		return 1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, wait_for_begin);
	return 0;
}
