/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A fuzzer for every way into ioasid: programs of calls, made from a seed by a
 * grammar or out of other programs, each run in a process of its own with
 * several threads, and judged by what it leaves behind.
 *
 * Everything in a program is a number, and running it draws no more of them: a
 * program that was printed can be run again. How its threads meet is chance.
 */
#ifndef IOASID_FUZZ_H
#define IOASID_FUZZ_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define FUZZ_ARGS	6
#define FUZZ_CALLS	192
#define FUZZ_THREADS	4
/* Its calls are made by another process, which lives on: modules, devices. */
#define FUZZ_OUTSIDE	FUZZ_THREADS

/* Descriptors by number; threads share them, and what is in them changes. */
#define SLOTS		16
#define SLOT_BACKENDS	0	/* /dev/ioasid and containers */
#define SLOT_GROUPS	6
#define SLOT_DEVICES	10
#define SLOT_NODES	12	/* of ioasid_pci */
#define SLOT_FILES	14

/* Memory: regions of 1 GiB of addresses, the first bytes of which exist. */
#define REGIONS		9
#define REGION_STEP	0x40000000ULL
#define REGION_BASE	0x100000000000ULL
#define REGION_BYTES	(8ULL << 20)

#define PAGE		4096ULL
#define MIB		(1ULL << 20)
#define GIB		(1ULL << 30)

/**
 * struct fuzz_call - one call
 * @thread: who makes it, or FUZZ_OUTSIDE
 * @kind: index into the table of kinds
 * @nth: which failure to inject into it; 0 none
 * @a: arguments, whose meaning the kind knows
 */
struct fuzz_call {
	uint8_t thread;
	uint8_t kind;
	uint16_t nth;
	uint64_t a[FUZZ_ARGS];
};

/**
 * struct fuzz_program - what one process and its helper do
 * @number: for people
 * @kill_ms: when it is killed; 0 not before it ends
 * @rights: bits: 1 no CAP_IPC_LOCK, 2 a small RLIMIT_MEMLOCK, 4 everything on one processor
 * @first: so many calls, all of thread 0, before any other thread begins
 * @ncalls: length of @calls
 * @calls: in the order in which each thread makes its own
 */
struct fuzz_program {
	uint64_t number;
	uint32_t kill_ms;
	uint32_t rights;
	uint32_t first;
	uint32_t ncalls;
	struct fuzz_call calls[FUZZ_CALLS];
};

/** struct fuzz_kind - a kind of call */
struct fuzz_kind {
	const char *name;
	unsigned int weight;
	bool outside;
	void (*make)(uint64_t *rng, uint64_t *a);
	long (*run)(const uint64_t *a);
};

/* What a run has done; shared by all processes. */
struct fuzz_stats {
	atomic_ulong calls;
	atomic_ulong failed;
	atomic_ulong injected;
	atomic_ulong by_kind[96];
	atomic_ulong ok_by_kind[96];
	atomic_ulong by_errno[140];
};

/* --- grammar.c --- */
extern const struct fuzz_kind fuzz_kinds[];
extern const unsigned int fuzz_nkinds;
uint64_t fuzz_random(uint64_t *rng);
uint64_t fuzz_below(uint64_t *rng, uint64_t n);
bool fuzz_chance(uint64_t *rng, unsigned int one_in);
void fuzz_make(struct fuzz_program *p, uint64_t *rng, bool injects, bool outside);
void fuzz_mutate(struct fuzz_program *p, uint64_t *rng, const struct fuzz_program *other,
		 bool injects);

/* --- text.c --- */
bool fuzz_print(const struct fuzz_program *p, const char *path);
bool fuzz_parse(struct fuzz_program *p, const char *path);

/* --- backend.c, native.c, node.c, memory.c, outside.c: kinds --- */
#define KIND(name)								\
	void make_##name(uint64_t *rng, uint64_t *a);				\
	long run_##name(const uint64_t *a)
KIND(open_ioasid);
KIND(open_container);
KIND(open_group);
KIND(close);
KIND(dup);
KIND(set_iommu);
KIND(join);
KIND(set_container);
KIND(unset_container);
KIND(get_device);
KIND(map);
KIND(map_vaddr);
KIND(unmap);
KIND(unmap_dirty);
KIND(dirty);
KIND(dirty_get);
KIND(info);
KIND(extension);
KIND(raw);
KIND(native);
KIND(fdinfo);
KIND(mdev_pin);
KIND(mdev_rw);
KIND(mdev_mode);
KIND(space_alloc);
KIND(space_free);
KIND(space_set);
KIND(space_info);
KIND(space_dirty);
KIND(nmap);
KIND(map_file);
KIND(copy);
KIND(nunmap);
KIND(map_batch);
KIND(unmap_batch);
KIND(ring_cancel);
KIND(ring_wait);
KIND(ring_close);
KIND(open_node);
KIND(node_attach);
KIND(node_detach);
KIND(node_call);
KIND(node_map);
KIND(mmap);
KIND(munmap);
KIND(mremap);
KIND(madvise);
KIND(mprotect);
KIND(touch);
KIND(mlock);
KIND(truncate);
KIND(fork);
KIND(memlock);
KIND(pause);
KIND(policy_load);
KIND(policy_unload);
KIND(rmmod);
KIND(insmod);
KIND(unplug);
KIND(unbind);
KIND(parameter);
KIND(reclaim);
#undef KIND

/* backend.c */
extern atomic_int fuzz_slots[SLOTS];
void fuzz_slots_clear(void);
uint64_t fuzz_backend(uint64_t *rng);
uint64_t fuzz_iova(uint64_t *rng);

/* memory.c */
uint64_t fuzz_vaddr(uint64_t *rng);
uint64_t fuzz_length(uint64_t *rng);
void fuzz_memory_setup(void);

/* --- world.c: the machine around a program --- */
struct fuzz_traces {
	long long pinned;
	int core;
	int shim;
	int ways;		/* references on setcontainer and pci together */
	int spaces;
	long counted;		/* for all users: address spaces, and mappings without a charge */
};

bool fuzz_world_open(void);
void fuzz_world_restore(void);
const char *fuzz_group_node(unsigned int which);
struct fuzz_traces fuzz_traces_now(void);
bool fuzz_traces_back(const struct fuzz_traces *before, char *why, size_t size);

/* --- process.c: one program from fork to the last trace --- */
enum fuzz_end { FUZZ_ENDED, FUZZ_KILLED, FUZZ_LATE, FUZZ_STUCK };

/* Does it change the machine, by calls of no thread of its own? */
bool fuzz_has_outside(const struct fuzz_program *p);

enum fuzz_end fuzz_run(const struct fuzz_program *p, struct fuzz_stats *stats);

/* --- cover.c --- */
bool fuzz_cover_open(void);
void fuzz_cover_thread(void);
void fuzz_cover_begin(void);
void fuzz_cover_end(void);
unsigned long fuzz_cover_new(void);
unsigned long fuzz_cover_total(void);

#endif
