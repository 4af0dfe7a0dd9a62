// SPDX-License-Identifier: GPL-2.0-only
/* See observer.h. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bpflog.h"
#include "cgroup.h"
#include "observer.h"
#include "say.h"
#include "sysfs.h"
#include "text.h"

#define OPTIONS_MAX	32
#define OPT_DEBUG	0x100

static const struct option common[] = {
	{ "pid", required_argument, NULL, 'p' },
	{ "cgroup", required_argument, NULL, 'c' },
	{ "timestamp", no_argument, NULL, 'T' },
	{ "json", no_argument, NULL, 'j' },
	{ "duration", required_argument, NULL, 'd' },
	{ "debug", no_argument, NULL, OPT_DEBUG },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
};

#define NR_COMMON	(sizeof(common) / sizeof(common[0]))

int observer_bad_usage(const struct observer *o, const char *what, const char *text)
{
	fail("%s '%s' (see %s --help)", what, text, o->name);
	return EXIT_USAGE;
}

static int take_common(struct observer *o, int c, char **argv)
{
	switch (c) {
	case 'p':
		if (!parse_count(optarg, INT32_MAX, &o->tgid))
			return observer_bad_usage(o, "no process id:", optarg);
		return 0;
	case 'c':
		o->cgroup = optarg;
		return 0;
	case 'T':
		o->times = true;
		return 0;
	case 'j':
		o->json = true;
		say_setup(o->name, true);
		return 0;
	case 'd':
		if (!parse_count(optarg, INT32_MAX, &o->seconds))
			return observer_bad_usage(o, "not a number of seconds:", optarg);
		return 0;
	case OPT_DEBUG:
		o->debug = true;
		return 0;
	case 'h':
		fputs(o->usage, stdout);
		exit(0);
	case 'V':
		printf("%s %s\n", o->name, VERSION);
		exit(0);
	case ':':
		return observer_bad_usage(o, "a value is missing after", argv[optind - 1]);
	case '?':
		return observer_bad_usage(o, "unknown option", argv[optind - 1]);
	default:
		return o->take(c, optarg);
	}
}

/* [INTERVAL [COUNT]] */
static int take_words(struct observer *o, int argc, char **argv)
{
	if (o->intervals && optind < argc &&
	    !parse_count(argv[optind++], INT32_MAX, &o->interval))
		return observer_bad_usage(o, "no interval in seconds:", argv[optind - 1]);
	if (o->intervals && optind < argc && !parse_count(argv[optind++], INT32_MAX, &o->count))
		return observer_bad_usage(o, "no count of intervals:", argv[optind - 1]);
	if (optind < argc)
		return observer_bad_usage(o, "one argument too many:", argv[optind]);
	return 0;
}

static void ending_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
}

int observer_start(struct observer *o, int argc, char **argv)
{
	struct option options[OPTIONS_MAX] = {};
	char letters[2 * OPTIONS_MAX + 2] = ":", *l = letters + 1;
	size_t n = NR_COMMON;
	sigset_t set;
	int c, err;

	say_setup(o->name, false);
	memcpy(options, common, sizeof(common));
	for (const struct option *own = o->own; own && own->name && n < OPTIONS_MAX - 1; own++)
		options[n++] = *own;
	for (size_t i = 0; i < n; i++) {
		if (options[i].val >= OPT_DEBUG)
			continue;
		*l++ = (char)options[i].val;
		if (options[i].has_arg == required_argument)
			*l++ = ':';
	}
	while ((c = getopt_long(argc, argv, letters, options, NULL)) >= 0) {
		err = take_common(o, c, argv);
		if (err)
			return err;
	}
	err = take_words(o, argc, argv);
	if (err)
		return err;
	ending_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	bpflog_start(o->debug);
	return 0;
}

int observer_ready(void)
{
	if (need_admin("watching ioasid") || need_module())
		return -1;
	if (!access("/sys/kernel/btf/ioasid", F_OK))
		return 0;
	return fail_without_btf();
}

int observer_filter(const struct observer *o, __u32 *tgid, __u64 *cgroup, __u32 *level)
{
	uint64_t id;
	int depth;

	*tgid = (__u32)o->tgid;
	if (!o->cgroup)
		return 0;
	if (cgroup_id(o->cgroup, &id) || cgroup_level(o->cgroup, &depth))
		return -1;
	*cgroup = id;
	*level = (__u32)depth;
	return 0;
}

int observer_fail(void)
{
	char reason[600];

	return fail("cannot attach to the tracepoints of ioasid: %s (--debug shows more)",
		    bpflog_reason(reason, sizeof(reason)));
}

bool observer_stopped(void)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, SIGINT) || sigismember(&set, SIGTERM);
}

bool observer_sleep(uint64_t ms)
{
	uint64_t end = observer_now_ms() + ms, now;
	struct timespec left;
	sigset_t set;

	ending_signals(&set);
	while (!observer_stopped() && (now = observer_now_ms()) < end) {
		left.tv_sec = (time_t)((end - now) / 1000);
		left.tv_nsec = (long)((end - now) % 1000) * 1000000;
		/* Taken signals are sent again: who asks next is to know as well. */
		if (sigtimedwait(&set, NULL, &left) > 0)
			raise(SIGTERM);
	}
	return !observer_stopped();
}

void observer_loop(struct observer *o, void (*tick)(void *), void *data)
{
	uint64_t step = o->interval, left = o->count;
	bool more = true;

	if (!step) {
		step = o->seconds ? o->seconds : INT32_MAX;
		left = 1;
	} else if (o->seconds && (!left || left > o->seconds / step)) {
		left = (o->seconds + step - 1) / step;
	}
	while (more) {
		more = observer_sleep(step * 1000) && (!left || --left);
		tick(data);
		if (!observer_flush(o))
			break;
	}
}

uint64_t observer_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t observer_wall_ns(uint64_t ns)
{
	struct timespec wall, mono;

	clock_gettime(CLOCK_REALTIME, &wall);
	if (!ns)
		return (uint64_t)wall.tv_sec * 1000000000ULL + (uint64_t)wall.tv_nsec;
	clock_gettime(CLOCK_MONOTONIC, &mono);
	return ns + (uint64_t)(wall.tv_sec - mono.tv_sec) * 1000000000ULL +
	       (uint64_t)wall.tv_nsec - (uint64_t)mono.tv_nsec;
}

void observer_print_time(uint64_t wall_ns, bool micro)
{
	time_t seconds = (time_t)(wall_ns / 1000000000ULL);
	char text[16];
	struct tm tm;

	localtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%H:%M:%S", &tm);
	fputs(text, stdout);
	if (micro)
		printf(".%06u", (unsigned int)(wall_ns % 1000000000ULL / 1000));
	putchar(' ');
}

bool observer_ring_size(const char *text, __u32 *size)
{
	uint64_t wanted;

	if (!parse_u64(text, &wanted) || wanted < 4096 || wanted > 1 << 30)
		return false;
	for (*size = (__u32)sysconf(_SC_PAGESIZE); *size < wanted; *size *= 2)
		;
	return true;
}

uint64_t observer_lost(struct observer *o, const char *what, uint64_t lost, const char *remedy)
{
	uint64_t more = lost - o->lost;

	if (more)
		warn("%" PRIu64 " %s were lost: %s", more, what, remedy);
	o->lost = lost;
	return more;
}

bool observer_flush(struct observer *o)
{
	if (!o->unwritable && (fflush(stdout) || ferror(stdout))) {
		o->unwritable = true;
		fail("cannot write the output: %s", strerror(errno));
	}
	return !o->unwritable;
}

int observer_end(struct observer *o)
{
	if (!observer_flush(o))
		return EXIT_FAILED;
	return o->lost ? EXIT_LOST : EXIT_SUCCESS;
}
