/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The differential suite: cases that say what they see.
 *
 * A case makes calls and prints what came of each, one line "case, key, value"
 * per call. The program runs on vfio_iommu_type1 first and on ioasid_vfio
 * then; `compare` looks for lines that differ. What a case claims (the first
 * argument of TRY and SEE) must hold on type1, whatever ioasid does: rows are
 * checked, not believed.
 *
 * Each case is a process of its own. Values must not depend on addresses,
 * times or chance.
 */
#ifndef IOASID_TEST_TYPE1_SUITE_H
#define IOASID_TEST_TYPE1_SUITE_H

#include "lib/mdev_device.h"
#include "lib/backend.h"

#define IOVA	0x10000000ULL
#define ANY	LONG_MIN	/* claims nothing */
#define OK	0L
#define SUITE_MIXED	"0000:00:18.0"	/* edu, in one group with ... */
#define SUITE_CARD	"0000:00:18.1"	/* ... a network card */
#define SUITE_EDU2	"0000:00:19.0"	/* on the driver ioasid_mdev_pci */
#define SUITE_BIG	"0000:00:1a.0"	/* has a BAR of 64 MiB */

struct suite_case {
	const char *name;
	const char *rows;
	const char *file;
	void (*body)(void);
	unsigned int seconds;
	struct suite_case *next;
};

extern enum backend_kind suite_kind;

void suite_add(struct suite_case *c);

/* A case and the rows it covers, "A041 A042". */
#define CASE(test, covers) CASE_LONG(test, covers, 10)
#define CASE_LONG(test, covers, limit)						\
	static void suite_body_##test(void);					\
	static struct suite_case suite_case_##test = {				\
		.name = #test, .rows = covers, .file = __FILE__,		\
		.body = suite_body_##test, .seconds = limit };			\
	__attribute__((constructor)) static void suite_add_##test(void)		\
	{ suite_add(&suite_case_##test); }					\
	static void suite_body_##test(void)

/* A line of the result; @key tells calls of one case apart. */
__attribute__((format(printf, 2, 3)))
void suite_say(const char *key, const char *fmt, ...);

/*
 * A call: what it returned, or its errno, and what the process is charged and
 * how many mappings are left in the container of suite_watch().
 */
void suite_tried(const char *key, long want, long ret);
/* The same for a number that is no call. */
void suite_saw(const char *key, long want, long value);

#define TRY(want, key, call) suite_tried(key, want, (errno = 0, (long)(call)))
#define SEE(want, key, value) suite_saw(key, want, (long)(value))
/* A key out of parts. */
const char *suite_key(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* What a case needs; without it the case has failed on both sides. */
#define NEED(condition) suite_need(condition, #condition)
void suite_need(bool condition, const char *text);

/* Ends the case: type1 would take the machine down. */
void suite_not_on_type1(const char *why);

/* --- containers; all end the case when they cannot be had --- */

/* Whose numbers TRY prints; NULL: none. */
void suite_watch(const struct backend *d);

/* A container with a device of its own, watched. */
struct backend suite_hard(unsigned long type);
/* The same, before VFIO_SET_IOMMU, with this group. */
struct backend suite_joined(const char *name);

struct soft {
	struct backend d;
	int device;
};

/* A container with software device 0 alone, watched. */
struct soft suite_soft(void);
/* Another group into it; its fd. */
int suite_group(const char *name);
int suite_enter(const struct backend *d, int group);

/* Small pages whose number can be read from them. */
char *suite_memory(uint64_t pages);
static inline int suite_map(const struct backend *d, uint64_t page, const void *mem, uint64_t n)
{
	return backend_map(d, IOVA + page * PAGE, mem, n * PAGE, MAP_RW);
}

/* Pages unmapped, or -1. */
static inline long suite_unmap(const struct backend *d, uint64_t page, uint64_t n)
{
	long long done = backend_unmap(d, IOVA + page * PAGE, n * PAGE);

	return done < 0 ? done : done / (long long)PAGE;
}

/* Bytes as text, for a value. */
const char *suite_hex(const void *data, size_t size);

/* Runs @body in a child; its exit status, or 1000 + signal. */
int suite_child(int (*body)(const void *arg), const void *arg);
int suite_ended(pid_t pid);

/* Pages pinned beyond what was when the case began; waits for deferred work. */
long suite_pinned(void);

/* --- dirty tracking --- */

int suite_track(const struct backend *d, uint32_t flag);

/* A VFIO_IOMMU_DIRTY_PAGES of the test's own making. */
struct suite_dirty {
	struct {
		uint32_t argsz;
		uint32_t flags;
	} head;
	struct vfio_iommu_type1_dirty_bitmap_get get;
};

struct suite_dirty suite_dirty(uint64_t iova, uint64_t size, void *bits, uint64_t bytes);
int suite_dirty_get(const struct backend *d, const struct suite_dirty *q);

/* --- what the kernel did, by tracefs --- */

/*
 * Starts to record an event ("iommu:map"), or calls of functions ("f1 f2");
 * false if the kernel has none of them.
 */
bool suite_trace_event(const char *event);
bool suite_trace_functions(const char *names);
/* Stops, and gives each line to @line. */
void suite_trace_end(void (*line)(const char *text, void *arg), void *arg);

#endif
