// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether to have help with a large map, by how many hands, and of which kind.
 *
 * It is worth it where the rest of the memory is untouched, so that it has to be zeroed, or
 * there in small pages, each of which takes a pin. A huge page that is there takes one pin, and
 * no help. The hands are threads of the process (threads.c), by default as many as there are
 * idle processors that the caller may use; or, where there can be none and the caller or a policy
 * asked for help, workers of the kernel (workers.c).
 *
 * What can run at the same time: other threads of the process, which change the memory: then the
 * samples were true at that moment, and hands do something useless at worst.
 */
#include <linux/cpumask.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/kernel_stat.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/tick.h>
#include <linux/topology.h>

#include "help.h"

/* A thread costs about as much as zeroing a megabyte: it is to get some of them. */
#define HELP_FAULT_BYTES	(8UL << 20)
/* Or as pinning twenty of them, page by page. */
#define HELP_PIN_BYTES		(64UL << 20)
/* Of that, where the caller or a policy has asked for it. */
#define HELP_ASKED_BYTES	(16UL << 20)
/* Addresses that are looked at to see what the memory is. */
#define HELP_SAMPLES		16
/* How often that is looked at in one map. */
#define HELP_LOOKS		8
/* Where idle processors are known by ticks, so many make a measure. */
#define HELP_TICKS		2

/**
 * struct help_plan - what help there would be
 * @unit: pages of a piece; 0: none
 * @each: bytes that each hand is to get at least
 * @pins: small pages are pinned ahead
 */
struct help_plan {
	unsigned long unit;
	unsigned long each;
	bool pins;
};

/* The processors that the caller may use, on its own node. */
#define for_each_help_cpu(cpu, look) \
	for_each_cpu_and(cpu, cpumask_of_node((look)->node), &current->cpus_mask)

/*
 * Microseconds for which a processor was idle. A kernel that keeps its tick on idle processors
 * counts ticks.
 */
static u64 help_idle_us(int cpu, bool *ticks)
{
	u64 us = get_cpu_idle_time_us(cpu, NULL);

	*ticks = us == U64_MAX;
	return *ticks ? div_u64(kcpustat_cpu(cpu).cpustat[CPUTIME_IDLE], NSEC_PER_USEC) : us;
}

/* Begin to measure how idle processors are. */
static void help_look_begins(struct ioasid_help_look *look)
{
	bool ticks;
	int cpu;

	look->idle = kvmalloc_array(nr_cpu_ids, sizeof(*look->idle),
				    GFP_KERNEL_ACCOUNT | __GFP_NOWARN | __GFP_ZERO);
	if (!look->idle) {
		look->ended = true;
		return;
	}
	for_each_help_cpu(cpu, look) {
		look->idle[cpu] = help_idle_us(cpu, &ticks);
		look->ticks |= ticks;
	}
	look->since = ktime_get();
}

/* How many processors have been idle since then, for three quarters of the time; -1: it is too early. */
static int help_look_ends(struct ioasid_help_look *look)
{
	u64 us = ktime_us_delta(ktime_get(), look->since);
	int cpu, nr = 0;
	bool ticks;

	if (look->ticks && us < HELP_TICKS * (u64)TICK_NSEC / NSEC_PER_USEC)
		return -1;
	for_each_help_cpu(cpu, look)
		nr += help_idle_us(cpu, &ticks) - look->idle[cpu] > us * 3 / 4;
	return nr;
}

/* And where the caller asked for help: all but its own. */
static unsigned int help_others(const struct ioasid_help_look *look)
{
	unsigned int nr = 0;
	int cpu;

	for_each_help_cpu(cpu, look)
		nr++;
	return nr ? nr - 1 : 0;
}

/*
 * May current get threads that do what it does? Not where it is no thread of a program itself:
 * the clone of a worker of io_uring would count as one.
 */
static bool help_may_clone(void)
{
	return COMPAT_HAVE_THREADS &&
	       !(current->flags & (PF_KTHREAD | PF_USER_WORKER | PF_IO_WORKER));
}

/* What the rest of the memory is: of so many samples, how many are missing, and how many are small pages. */
static void help_sample(const struct ioasid_pages *pages, const struct ioasid_file_src *file,
			unsigned long done, unsigned int *absent, unsigned int *small)
{
	unsigned long left = pages->npages - done, at, vaddr;
	unsigned int i;

	*absent = 0;
	*small = 0;
	for (i = 0; i < HELP_SAMPLES; i++) {
		at = done + left / HELP_SAMPLES * i;
		vaddr = pages->vaddr + (at << PAGE_SHIFT);
		if (file->file)
			*absent += !ioasid_file_present(file, at);
		else if (!ioasid_fault_present(vaddr, pages->write))
			(*absent)++;
		else
			*small += !ioasid_huge_at(vaddr);
	}
}

/* What help would do with the rest. Workers of the kernel fault nothing in. */
static struct help_plan help_plan(const struct ioasid_pages *pages,
				  const struct ioasid_file_src *file, unsigned long done, bool asked)
{
	const bool faults = help_may_clone();
	const unsigned long piece = IOASID_PIECE_BYTES >> PAGE_SHIFT;
	struct help_plan plan = { .each = HELP_FAULT_BYTES };
	unsigned int absent, small;

	help_sample(pages, file, done, &absent, &small);
	if (faults && absent > HELP_SAMPLES / 2 && file->file) {
		plan.unit = piece;
	} else if (faults && absent > HELP_SAMPLES / 2) {
		plan.unit = ioasid_fault_unit(pages->vaddr + (done << PAGE_SHIFT), pages->write);
		plan.pins = true;
	} else if (small + (faults ? absent : 0) > HELP_SAMPLES / 2) {
		plan.unit = piece;
		plan.each = asked ? HELP_ASKED_BYTES : HELP_PIN_BYTES;
		plan.pins = true;
	}
	plan.each = max(plan.each, plan.unit << PAGE_SHIFT);
	return plan;
}

/* The caller takes its own part, so it is one hand of those that share @left pages. */
static unsigned int help_hands(const struct help_plan *plan, unsigned long left, unsigned int nr)
{
	unsigned long parts = left / (plan->each >> PAGE_SHIFT);

	return parts ? min_t(unsigned long, nr, parts - 1) : 0;
}

static struct ioasid_help *help_start(const struct ioasid_pages *pages,
				      const struct ioasid_file_src *file,
				      const struct ioasid_help_look *look, unsigned long done,
				      const struct help_plan *plan, unsigned int nr)
{
	struct ioasid_help *h;
	unsigned int i;

	h = kzalloc(struct_size(h, hand, nr), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!h)
		return NULL;
	h->nr = nr;
	refcount_set(&h->refs, 1);
	h->caller = current;
	h->mm = current->mm;
	h->cpus = cpumask_of_node(look->node);
	h->file = file->file ? get_file(file->file) : NULL;
	h->vaddr = file->file ? file->pos : pages->vaddr;
	h->npages = pages->npages;
	h->write = pages->write;
	h->kernel = !help_may_clone();
	h->unit = plan->unit;
	h->next = done;
	spin_lock_init(&h->lock);
	init_waitqueue_head(&h->moved);
	for (i = 0; i < nr; i++)
		h->hand[i].help = h;
	if (ioasid_help_begin(h, plan->pins))
		return h;
	return NULL;
}

/**
 * ioasid_help_look() - does it pay to have help
 * @pages: of current; their last step took page faults, or was one of small pages
 * @file: the file by which they are pinned, or none
 * @look: zeroed before the first look
 * @done: pages that are pinned and charged
 * @most: how many hands at most
 * @asked: the caller has asked for them, so they need not be idle processors'
 *
 * The first look that finds memory that is worth it only begins to measure how idle the
 * processors are; a later one decides.
 *
 * @look->idle is to be freed with kvfree() in the end.
 *
 * Return: for ioasid_help_ready() and ioasid_help_stop(); or NULL.
 */
struct ioasid_help *ioasid_help_look(struct ioasid_pages *pages,
				     const struct ioasid_file_src *file,
				     struct ioasid_help_look *look, unsigned long done,
				     unsigned int most, bool asked)
{
	unsigned long left = pages->npages - done;
	struct help_plan plan;
	unsigned int hands;
	int nr;

	if (look->ended)
		return NULL;
	if (!look->tries)
		look->node = numa_node_id();
	/* Hands read page tables, so all of it must be addresses of a process. */
	if (++look->tries > HELP_LOOKS || left < 2 * HELP_FAULT_BYTES >> PAGE_SHIFT ||
	    !(file->file || ioasid_huge_possible(pages)) || current->mm != pages->holder->mm ||
	    !help_others(look) || !(asked || help_may_clone())) {
		look->ended = true;
		return NULL;
	}
	nr = asked || !look->idle ? help_others(look) : help_look_ends(look);
	/* Ticks come in their own time. */
	if (nr < 0) {
		look->tries--;
		return NULL;
	}
	plan = help_plan(pages, file, done, asked);
	hands = plan.unit ? help_hands(&plan, left, min_t(unsigned int, nr, most)) : 0;
	look->ended |= nr == 0;
	if (!hands)
		return NULL;
	/* What the rlimit refuses is refused before more of it is touched than without help. */
	if (!ioasid_charge_fits(pages, left)) {
		look->ended = true;
		return NULL;
	}
	if (!asked && !look->idle) {
		help_look_begins(look);
		return NULL;
	}
	look->ended = true;
	return help_start(pages, file, look, done, &plan, hands);
}
