// SPDX-License-Identifier: GPL-2.0-only
/*
 * Help with untouched memory: threads of the caller's own process fault it in, ahead of
 * the caller, which pins and charges it. Most of the time of such a map is for zeroing pages.
 *
 * They are threads of the process, made for one map (vhost_task). So what a page fault takes
 * from the task that takes it is what the caller's would take: the processors and their quota,
 * the control groups of memory and hugetlb, the NUMA policy, the OOM killer's choice, rlimits.
 * A signal that kills the process kills them. They only fault in, and where they cannot, or
 * where a fault might wait for user space (see fault.c), they pass over the memory: the caller
 * comes there, and returns its errno. They pin nothing and charge nothing.
 *
 * Memory is taken piece by piece, in order, by the threads and by the caller, each piece once.
 * The caller pins what is before the first piece that is not finished. Where it has caught up
 * it takes a piece as they do, and waits only when all that it may touch is taken. No piece
 * is taken far ahead of what is charged, and none at all if the rlimit would refuse the map.
 *
 * What can run at the same time: the threads and the caller, under @lock; other threads of the
 * process, which change the memory. The caller leaves after it has waited for the pieces that
 * are being faulted in, a piece each; a fault ends by itself. Signals: a thread that is
 * to stop, to freeze or to die finishes a page, and helps no more. It may be stopped for ever,
 * so the caller does not wait for its end, which is work of the kernel (help_reap()).
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/freezer.h>
#include <linux/kernel_stat.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/jobctl.h>
#include <linux/sched/signal.h>
#include <linux/sched/vhost_task.h>
#include <linux/slab.h>
#include <linux/tick.h>
#include <linux/topology.h>
#include <linux/workqueue.h>

#include "lib/signal.h"
#include "internal.h"

/* A thread costs about as much as zeroing a megabyte: it is to get some of them. */
#define HELP_BYTES	(8UL << 20)
/* Small pieces for each thread and the caller that may be touched ahead of what is charged. */
#define HELP_AHEAD	2
/* Addresses that are looked at to see whether memory is untouched. */
#define HELP_SAMPLES	16
/* How often that is looked at in one map. */
#define HELP_LOOKS	8

/**
 * struct helper - one thread
 * @help: the map that it helps with, and the others that do
 * @thread: NULL: there was none to be had, or it has ended
 * @task: the same, from its first step on; with a reference
 * @at: the first page of the piece that it faults in; ULONG_MAX: none
 * @left: it began to help once, and does not again; of the thread
 * @killed: the process was killed, and it ends by itself
 * @pages: that it brought
 * @faults: page faults that it took
 */
struct helper {
	struct ioasid_help *help;
	struct vhost_task *thread;
	struct task_struct *task;
	unsigned long at;
	bool left;
	bool killed;
	unsigned long pages;
	unsigned long faults;
};

/**
 * struct ioasid_help - the help with one map
 * @refs: the caller, and help_reap()
 * @caller: while not @over
 * @cpus: processors of the caller's node
 * @vaddr: of the object
 * @npages: of the object
 * @unit: pages of a piece, which ends at a multiple of it
 * @window: how many pages may be touched ahead
 * @write: for writing
 * @lock: guards what follows, but @over is read without it
 * @over: take no more
 * @next: the first page that was not taken
 * @limit: and up to there it may be
 * @inside: threads that help now
 * @moved: a piece is finished, @limit or @inside changed, or it is @over
 * @reap: help_reap()
 * @pace: jiffies until it looks again for a thread that is held
 * @reaped: it has run
 * @nr: how many threads
 * @helper: the threads
 */
struct ioasid_help {
	refcount_t refs;
	struct task_struct *caller;
	const struct cpumask *cpus;
	unsigned long vaddr;
	unsigned long npages;
	unsigned long unit;
	unsigned long window;
	bool write;
	spinlock_t lock;
	bool over;
	unsigned long next;
	unsigned long limit;
	unsigned int inside;
	wait_queue_head_t moved;
	struct delayed_work reap;
	unsigned int pace;
	struct completion reaped;
	unsigned int nr;
	struct helper helper[] __counted_by(nr);
};

static void help_put(struct ioasid_help *h)
{
	if (refcount_dec_and_test(&h->refs))
		kfree(h);
}

/* --- pieces --- */

/* Take a piece. Return: its pages, from *@at on; 0: there is none now. */
static unsigned long help_take(struct ioasid_help *h, unsigned long *at)
{
	unsigned long n;

	lockdep_assert_held(&h->lock);
	if (h->over || h->next >= min(h->limit, h->npages))
		return 0;
	*at = h->next;
	n = h->unit - (((h->vaddr >> PAGE_SHIFT) + h->next) & (h->unit - 1));
	n = min(n, h->npages - h->next);
	h->next += n;
	return n;
}

/* The first page that a thread still faults in, or that was not taken. */
static unsigned long help_finished(const struct ioasid_help *h)
{
	unsigned long at = h->next;
	unsigned int i;

	lockdep_assert_held(&h->lock);
	for (i = 0; i < h->nr; i++)
		at = min(at, h->helper[i].at);
	return at;
}

static long help_fault(struct ioasid_help *h, unsigned long at, unsigned long n)
{
	return ioasid_fault_ahead(h->vaddr + (at << PAGE_SHIFT), n, h->write, &h->over);
}

static void help_over(struct ioasid_help *h)
{
	spin_lock(&h->lock);
	WRITE_ONCE(h->over, true);
	spin_unlock(&h->lock);
	wake_up_all(&h->moved);
}

/* --- a thread --- */

/* The affinity of the caller bounds it at all times, also when that changes. */
static bool help_allowed(const struct ioasid_help *h)
{
	return cpumask_subset(&current->cpus_mask, &h->caller->cpus_mask);
}

/* Its next piece, or the end. Return: false when it has to wait. */
static bool help_try(struct ioasid_help *h, struct helper *me, unsigned long *n)
{
	bool done;

	spin_lock(&h->lock);
	done = h->over || h->next >= h->npages || !help_allowed(h);
	*n = done ? 0 : help_take(h, &me->at);
	spin_unlock(&h->lock);
	return done || *n;
}

static unsigned long help_next(struct ioasid_help *h, struct helper *me)
{
	unsigned long n = 0;

	if (signal_pending(current) || wait_event_interruptible(h->moved, help_try(h, me, &n)))
		return 0;
	return n;
}

/* A fault that fails ends all help: what it has left is seen and reported by the caller. */
static void help_piece_ends(struct ioasid_help *h, struct helper *me, long got)
{
	spin_lock(&h->lock);
	me->at = ULONG_MAX;
	if (got < 0)
		WRITE_ONCE(h->over, true);
	else
		me->pages += got;
	me->faults = current->min_flt + current->maj_flt;
	spin_unlock(&h->lock);
	wake_up_all(&h->moved);
}

static bool help_enter(struct ioasid_help *h)
{
	bool over;

	spin_lock(&h->lock);
	over = h->over;
	h->inside += !over;
	spin_unlock(&h->lock);
	return !over;
}

static void help_leave(struct ioasid_help *h)
{
	spin_lock(&h->lock);
	h->inside--;
	spin_unlock(&h->lock);
	wake_up_all(&h->moved);
}

/*
 * Memory without a policy comes from the node of the task that touches it: so stay on the
 * node of the caller.
 */
static void help_settle(const struct ioasid_help *h)
{
	cpumask_var_t mask;

	if (nr_online_nodes == 1 ||
	    !zalloc_cpumask_var(&mask, GFP_KERNEL_ACCOUNT | __GFP_NOWARN))
		return;
	if (cpumask_and(mask, &current->cpus_mask, h->cpus))
		set_cpus_allowed_ptr(current, mask);
	free_cpumask_var(mask);
}

/* Called again and again until the thread is ended; not running when there is nothing to do. */
static bool help_run(void *data)
{
	struct helper *me = data;
	struct ioasid_help *h = me->help;
	unsigned long n;

	if (me->left)
		return false;
	__set_current_state(TASK_RUNNING);
	me->left = true;
	/* Paired with help_is_held(). */
	smp_store_release(&me->task, get_task_struct(current));
	if (!help_enter(h))
		return true;
	help_settle(h);
	while ((n = help_next(h, me))) {
		help_piece_ends(h, me, help_fault(h, me->at, n));
		cond_resched();
	}
	help_leave(h);
	return true;
}

/* The process was killed; not while it is in help_run(). */
static void help_killed(void *data)
{
	struct helper *me = data;

	WRITE_ONCE(me->killed, true);
}

/* --- the end of the threads --- */

/*
 * Is it stopped, traced or frozen, or about to be? Then its end may be far. That may come
 * before its first step as well; until then it is not known, so the answer is yes.
 */
static bool help_is_held(struct helper *me)
{
	struct task_struct *task = smp_load_acquire(&me->task);

	if (!task)
		return !READ_ONCE(me->killed);
	return READ_ONCE(task->__state) & (__TASK_STOPPED | __TASK_TRACED | TASK_FROZEN) ||
	       READ_ONCE(task->jobctl) & (JOBCTL_PENDING_MASK | JOBCTL_TRAP_FREEZE) ||
	       freezing(task);
}

/* vhost_task_stop() returns when it is about to exit; soon after that it is no thread any more. */
static void help_wait_gone(struct task_struct *task)
{
	unsigned int tries = 200;

	while (pid_alive(task) && tries--)
		usleep_range(20, 50);
	put_task_struct(task);
}

/*
 * No thread is waited for that is held. One that is stopped right after the look holds this
 * work up as long as it is stopped: vhost_task_stop() waits without end.
 */
static void help_reap(struct work_struct *work)
{
	struct ioasid_help *h = container_of(work, struct ioasid_help, reap.work);
	unsigned int i;

	for (i = 0; i < h->nr; i++) {
		struct helper *me = &h->helper[i];

		if (!me->thread)
			continue;
		if (help_is_held(me)) {
			h->pace = min(2 * h->pace + 1, HZ / 10U);
			queue_delayed_work(ioasid_ahead_wq, &h->reap, h->pace);
			return;
		}
		vhost_task_stop(me->thread);
		me->thread = NULL;
		if (me->task)
			help_wait_gone(me->task);
	}
	/* The end of the module waits for the end of this, see ioasid_ahead_exit(). */
	module_put(THIS_MODULE);
	complete(&h->reaped);
	help_put(h);
}

/* --- the caller --- */

static bool help_moved(struct ioasid_help *h, unsigned long done)
{
	bool moved;

	spin_lock(&h->lock);
	moved = help_finished(h) > done;
	spin_unlock(&h->lock);
	return moved;
}

/**
 * ioasid_help_ready() - wait until the next pages were faulted in, or do it
 * @h: from ioasid_help_look()
 * @done: pages that are pinned and charged
 *
 * Return: how many pages to pin now, at least 1: no thread will touch them any more; or -EINTR.
 */
long ioasid_help_ready(struct ioasid_help *h, unsigned long done)
{
	unsigned long at, ready, n, next;

	for (;;) {
		spin_lock(&h->lock);
		h->limit = done + h->window;
		/* A hole, which may be of any length, is not to be faulted in. */
		h->next = max(h->next, done);
		ready = help_finished(h);
		n = ready > done ? 0 : help_take(h, &at);
		next = h->next;
		spin_unlock(&h->lock);
		wake_up_all(&h->moved);
		if (ready > done)
			return ready - done;
		/* It is over: the pinner does the rest. */
		if (!n && next <= done)
			return h->npages - done;
		if (n && help_fault(h, at, n) < 0)
			help_over(h);
		else if (!n && wait_event_killable(h->moved, help_moved(h, done)))
			return -EINTR;
	}
}

static bool help_is_empty(struct ioasid_help *h)
{
	bool empty;

	spin_lock(&h->lock);
	empty = !h->inside;
	spin_unlock(&h->lock);
	return empty;
}

/**
 * ioasid_help_stop() - the end of the help
 * @h: is freed
 * @res: gets what the threads did; may be NULL
 *
 * Waits for faults that are under way, and not for threads that are stopped.
 */
void ioasid_help_stop(struct ioasid_help *h, struct ioasid_map_result *res)
{
	unsigned int i;

	help_over(h);
	wait_event(h->moved, help_is_empty(h));
	for (i = 0; res && i < h->nr; i++) {
		res->helpers += !!h->helper[i].pages;
		res->pages_helped += h->helper[i].pages;
		res->faults += h->helper[i].faults;
	}
	queue_delayed_work(ioasid_ahead_wq, &h->reap, 0);
	wait_for_completion_timeout(&h->reaped, HZ / 10);
	help_put(h);
}

/* Make the threads. Return: false if there is none. */
static bool help_begin(struct ioasid_help *h)
{
	struct vhost_task *thread;
	unsigned int i;

	for (i = 0; i < h->nr; i++) {
		h->helper[i].help = h;
		h->helper[i].at = ULONG_MAX;
	}
	for (i = 0; i < h->nr; i++) {
		thread = vhost_task_create(help_run, help_killed, &h->helper[i], "ioasid-help");
		/* Kernels differ in what they return when there is none. */
		if (IS_ERR_OR_NULL(thread))
			break;
		h->helper[i].thread = thread;
	}
	if (!i)
		return false;
	/* The caller has a reference, but may be gone before a thread that is stopped. */
	__module_get(THIS_MODULE);
	for (i = 0; i < h->nr && h->helper[i].thread; i++)
		vhost_task_start(h->helper[i].thread);
	return true;
}

static struct ioasid_help *help_start(const struct ioasid_pages *pages,
				      const struct ioasid_help_look *look, unsigned long done,
				      unsigned long unit, unsigned int nr)
{
	struct ioasid_help *h;

	h = kzalloc(struct_size(h, helper, nr), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!h)
		return NULL;
	h->nr = nr;
	refcount_set(&h->refs, 2);
	h->caller = current;
	h->cpus = cpumask_of_node(look->node);
	h->vaddr = pages->vaddr;
	h->npages = pages->npages;
	h->write = pages->write;
	h->unit = unit;
	h->window = (nr + 1) * unit * (unit > PMD_SIZE >> PAGE_SHIFT ? 1 : HELP_AHEAD);
	h->next = done;
	h->limit = done + h->window;
	spin_lock_init(&h->lock);
	init_waitqueue_head(&h->moved);
	INIT_DELAYED_WORK(&h->reap, help_reap);
	init_completion(&h->reaped);
	if (help_begin(h))
		return h;
	kfree(h);
	return NULL;
}

/* --- whether to have help --- */

/* Is most of the rest untouched? */
static bool help_is_untouched(const struct ioasid_pages *pages, unsigned long done)
{
	unsigned long left = pages->npages - done, i, absent = 0;

	for (i = 0; i < HELP_SAMPLES; i++)
		absent += !ioasid_fault_present(pages->vaddr +
						((done + left / HELP_SAMPLES * i) << PAGE_SHIFT),
						pages->write);
	return absent > HELP_SAMPLES / 2;
}

/* The processors that the caller may use, on its own node. */
#define for_each_help_cpu(cpu, look) \
	for_each_cpu_and(cpu, cpumask_of_node((look)->node), &current->cpus_mask)

/*
 * Microseconds for which a processor was idle. A kernel that keeps its tick on idle processors
 * counts ticks.
 */
static u64 help_idle_us(int cpu)
{
	u64 us = get_cpu_idle_time_us(cpu, NULL);

	return us != U64_MAX ? us :
	       div_u64(kcpustat_cpu(cpu).cpustat[CPUTIME_IDLE], NSEC_PER_USEC);
}

/* Begin to measure how idle processors are. */
static void help_look_begins(struct ioasid_help_look *look)
{
	int cpu;

	look->idle = kvmalloc_array(nr_cpu_ids, sizeof(*look->idle),
				    GFP_KERNEL_ACCOUNT | __GFP_NOWARN | __GFP_ZERO);
	if (!look->idle) {
		look->ended = true;
		return;
	}
	for_each_help_cpu(cpu, look)
		look->idle[cpu] = help_idle_us(cpu);
	look->since = ktime_get();
}

/* How many processors have been idle since then, for three quarters of the time. */
static unsigned int help_look_ends(struct ioasid_help_look *look)
{
	u64 us = ktime_us_delta(ktime_get(), look->since);
	unsigned int nr = 0;
	int cpu;

	for_each_help_cpu(cpu, look)
		nr += help_idle_us(cpu) - look->idle[cpu] > us * 3 / 4;
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

/* May current get threads that do what it does? Not where it is no thread of a program itself. */
static bool help_may_clone(const struct ioasid_pages *pages)
{
	return COMPAT_HAVE_THREADS && current->mm == pages->holder->mm &&
	       !(current->flags & (PF_KTHREAD | PF_USER_WORKER | PF_IO_WORKER));
}

/**
 * ioasid_help_look() - does it pay to have help
 * @pages: of current; their last step took page faults
 * @look: zeroed before the first look
 * @done: pages that are pinned and charged
 * @most: how many threads at most
 * @asked: the caller has asked for them, so they need not be idle processors'
 *
 * The first look that finds untouched memory only begins to measure how idle the
 * processors are; the next one decides.
 *
 * @look->idle is to be freed with kvfree() in the end.
 *
 * Return: for ioasid_help_ready() and ioasid_help_stop(); or NULL.
 */
struct ioasid_help *ioasid_help_look(struct ioasid_pages *pages, struct ioasid_help_look *look,
				     unsigned long done, unsigned int most, bool asked)
{
	unsigned long left = pages->npages - done, unit, pieces;
	unsigned int nr;

	if (look->ended)
		return NULL;
	if (!look->tries)
		look->node = numa_node_id();
	if (++look->tries > HELP_LOOKS || left < 2 * HELP_BYTES >> PAGE_SHIFT ||
	    !help_may_clone(pages) || !help_others(look)) {
		look->ended = true;
		return NULL;
	}
	if (!help_is_untouched(pages, done))
		return NULL;
	unit = ioasid_fault_unit(pages->vaddr + (done << PAGE_SHIFT), pages->write);
	if (!unit)
		return NULL;
	if (!asked && !look->idle) {
		help_look_begins(look);
		return NULL;
	}
	nr = asked ? help_others(look) : help_look_ends(look);
	/* The caller takes its own part. */
	pieces = left / max(unit, HELP_BYTES >> PAGE_SHIFT);
	nr = min3(nr, most, (unsigned int)min(pieces, IOASID_WORKERS_MAX + 1UL));
	nr -= nr && nr >= pieces;
	/* What the rlimit refuses is refused before much of it is touched. */
	look->ended = true;
	if (!nr || !ioasid_charge_fits(pages, left))
		return NULL;
	return help_start(pages, look, done, unit, nr);
}
