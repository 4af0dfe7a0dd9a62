// SPDX-License-Identifier: GPL-2.0-only
/*
 * The progress line. The thread sleeps until a stage is two seconds old, so
 * short stages cost one mutex round trip outside their timed part.
 */
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "progress.h"
#include "util.h"

#define FIRST_NS	2000000000ULL
#define TTY_NS		500000000ULL
#define LOG_NS		5000000000ULL

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static bool started, active, shown;
static char label[160];
static uint64_t begun, next_print;
static uint64_t step_done, step_total;

static void print_progress(uint64_t now)
{
	bool tty = isatty(STDERR_FILENO);
	uint64_t done = __atomic_load_n(&step_done, __ATOMIC_RELAXED);
	uint64_t total = __atomic_load_n(&step_total, __ATOMIC_RELAXED);
	char percent[16] = "";

	/* One long call has no percentage. */
	if (total > 1)
		snprintf(percent, sizeof(percent), "%3u%%, ",
			 (unsigned int)(100 * done / total));
	fprintf(stderr, "%s%s: %s%llu s%s", tty ? "\r" : "", label, percent,
		(unsigned long long)((now - begun) / 1000000000ULL),
		tty ? "\033[K" : "\n");
	fflush(stderr);
	shown = tty;
	next_print = now + (tty ? TTY_NS : LOG_NS);
}

static void *progress_thread(void *unused)
{
	struct timespec until;
	uint64_t now;

	(void)unused;
	pthread_mutex_lock(&lock);
	for (;;) {
		if (!active) {
			pthread_cond_wait(&changed, &lock);
			continue;
		}
		now = now_ns();
		if (now >= next_print) {
			print_progress(now);
			continue;
		}
		until.tv_sec = (time_t)(next_print / 1000000000ULL);
		until.tv_nsec = (long)(next_print % 1000000000ULL);
		pthread_cond_timedwait(&changed, &lock, &until);
	}
	return NULL;
}

static void start_thread(void)
{
	pthread_condattr_t attr;
	sigset_t all, old;
	pthread_t thread;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&changed, &attr);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	started = !pthread_create(&thread, NULL, progress_thread, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (started)
		pthread_detach(thread);
}

static void clear_locked(void)
{
	if (!shown)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	shown = false;
}

void progress_begin(const char *fmt, ...)
{
	va_list ap;

	pthread_mutex_lock(&lock);
	if (!started)
		start_thread();
	va_start(ap, fmt);
	vsnprintf(label, sizeof(label), fmt, ap);
	va_end(ap);
	progress_step(0, 0);
	begun = now_ns();
	next_print = begun + FIRST_NS;
	active = started;
	if (started)
		pthread_cond_signal(&changed);
	pthread_mutex_unlock(&lock);
}

void progress_step(uint64_t done, uint64_t total)
{
	__atomic_store_n(&step_done, done, __ATOMIC_RELAXED);
	__atomic_store_n(&step_total, total, __ATOMIC_RELAXED);
}

void progress_end(void)
{
	pthread_mutex_lock(&lock);
	active = false;
	clear_locked();
	pthread_mutex_unlock(&lock);
}

void progress_clear(void)
{
	pthread_mutex_lock(&lock);
	clear_locked();
	pthread_mutex_unlock(&lock);
}
