// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads of the caller's own process, made for one map (vhost_task), and their end.
 *
 * What a page fault or a pin takes from the task that does it is so what the caller's would
 * take: the processors and their quota, the control groups of memory and hugetlb, the NUMA
 * policy, the OOM killer's choice, rlimits. A signal that kills the process kills them.
 *
 * What can run at the same time: the caller, which does not wait for their end, but for the
 * pieces that they work on (pieces.c). Signals: a thread that is to stop, to freeze or to die
 * finishes a piece or a page of it, and helps no more. It may be stopped for ever, so its end is
 * work of the kernel (threads_reap()).
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/freezer.h>
#include <linux/module.h>
#include <linux/sched/jobctl.h>
#include <linux/sched/signal.h>
#include <linux/sched/vhost_task.h>
#include <linux/slab.h>
#include <linux/topology.h>

#include "help.h"

/*
 * Helps of all processes whose threads are not ended yet: each may hold a worker of the kernel, see
 * threads_reap(). With more of them there is no help.
 */
static atomic_t unreaped = ATOMIC_INIT(0);

/* The affinity of the caller bounds it, from the next piece on also when that changes. */
static bool thread_allowed(const struct ioasid_help *h)
{
	return cpumask_subset(&current->cpus_mask, &h->caller->cpus_mask);
}

/* Its next piece, or the end. Return: false when it has to wait. */
static bool thread_try(struct ioasid_help *h, struct ioasid_piece **p)
{
	bool done;

	spin_lock(&h->lock);
	done = h->over || h->next >= h->npages || !thread_allowed(h);
	*p = done ? NULL : ioasid_piece_take(h);
	spin_unlock(&h->lock);
	return done || *p;
}

static struct ioasid_piece *thread_next(struct ioasid_help *h)
{
	struct ioasid_piece *p = NULL;

	if (signal_pending(current) || wait_event_interruptible(h->moved, thread_try(h, &p)))
		return NULL;
	return p;
}

/*
 * Memory without a policy comes from the node of the task that touches it: so stay on the
 * node of the caller.
 */
static void thread_settle(const struct ioasid_help *h)
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
static bool thread_run(void *data)
{
	struct ioasid_hand *me = data;
	struct ioasid_help *h = me->help;
	struct ioasid_piece *p;

	if (me->left)
		return false;
	__set_current_state(TASK_RUNNING);
	me->left = true;
	/* Paired with thread_is_held(). */
	smp_store_release(&me->task, get_task_struct(current));
	if (!ioasid_hand_enter(h))
		return true;
	thread_settle(h);
	while ((p = thread_next(h))) {
		ioasid_piece_work(h, p, me);
		cond_resched();
	}
	me->faults = current->min_flt + current->maj_flt;
	ioasid_hand_leave(h);
	return true;
}

/* The process was killed; not while it is in thread_run(). */
static void thread_killed(void *data)
{
	struct ioasid_hand *me = data;

	WRITE_ONCE(me->killed, true);
}

/* --- the end of the threads --- */

/*
 * Is it stopped, traced or frozen, or about to be? Then its end may be far. That may come
 * before its first step as well; until then it is not known, so the answer is yes.
 */
static bool thread_is_held(struct ioasid_hand *me)
{
	struct task_struct *task = smp_load_acquire(&me->task);

	/* It ends by itself. What is dead keeps JOBCTL_TRAP_FREEZE for ever. */
	if (READ_ONCE(me->killed))
		return false;
	if (!task)
		return true;
	/* A signal that is to stop it is in no other mark before it is delivered. */
	return task_sigpending(task) ||
	       READ_ONCE(task->__state) & (__TASK_STOPPED | __TASK_TRACED | TASK_FROZEN) ||
	       READ_ONCE(task->jobctl) & (JOBCTL_PENDING_MASK | JOBCTL_TRAP_FREEZE) ||
	       freezing(task);
}

/* vhost_task_stop() returns when it is about to exit; soon after that it is no thread any more. */
static void thread_wait_gone(struct task_struct *task)
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
static void threads_reap(struct work_struct *work)
{
	struct ioasid_help *h = container_of(work, struct ioasid_help, reap.work);
	unsigned int i;

	for (i = 0; i < h->nr; i++) {
		struct ioasid_hand *me = &h->hand[i];

		if (!me->thread)
			continue;
		if (thread_is_held(me)) {
			h->pace = min(2 * h->pace + 1, HZ / 10U);
			queue_delayed_work(ioasid_reap_wq, &h->reap, h->pace);
			return;
		}
		vhost_task_stop(me->thread);
		me->thread = NULL;
		if (me->task)
			thread_wait_gone(me->task);
	}
	atomic_dec(&unreaped);
	/* The end of the module waits for the end of this, see ioasid_help_exit(). */
	module_put(THIS_MODULE);
	complete(&h->reaped);
	ioasid_help_put(h);
}

/* --- the caller --- */

/* ioasid_threads_begin() - make the threads; false: there are none */
bool ioasid_threads_begin(struct ioasid_help *h)
{
	struct vhost_task *thread;
	unsigned int i;

	if (!COMPAT_HAVE_THREADS)
		return false;
	if (atomic_inc_return(&unreaped) > IOASID_REAPS_MOST)
		goto none;
	INIT_DELAYED_WORK(&h->reap, threads_reap);
	init_completion(&h->reaped);
	for (i = 0; i < h->nr; i++) {
		thread = vhost_task_create(thread_run, thread_killed, &h->hand[i], "ioasid-help");
		/* Kernels differ in what they return when there is none. */
		if (IS_ERR_OR_NULL(thread))
			break;
		h->hand[i].thread = thread;
	}
	if (!i)
		goto none;
	/* The caller has a reference, but may be gone before a thread that is stopped. */
	__module_get(THIS_MODULE);
	refcount_inc(&h->refs);
	for (i = 0; i < h->nr && h->hand[i].thread; i++)
		vhost_task_start(h->hand[i].thread);
	return true;

none:
	atomic_dec(&unreaped);
	return false;
}

/* ioasid_threads_end() - have them ended; all have left, and take no more */
void ioasid_threads_end(struct ioasid_help *h)
{
	if (!COMPAT_HAVE_THREADS)
		return;
	queue_delayed_work(ioasid_reap_wq, &h->reap, 0);
	wait_for_completion_timeout(&h->reaped, HZ / 10);
}
