// SPDX-License-Identifier: GPL-2.0-only
/* ioasidsnoop: one line for each map, unmap, attach, detach, error and policy event. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/types.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <ioasid/event.h>

#include "../lib/abi.h"
#include "../lib/bpflog.h"
#include "../lib/cgroup.h"
#include "../lib/json.h"
#include "../lib/say.h"
#include "../lib/sysfs.h"
#include "../lib/text.h"
#include "ioasidsnoop.skel.h"

#ifndef VERSION
#define VERSION	"0.1"
#endif

static struct {
	uint64_t tgid;
	const char *cgroup;
	uint64_t seconds;
	bool errors, times, json, debug;
} opt;

static volatile sig_atomic_t stop;

static const char usage[] =
	"usage: ioasidsnoop [-p PID] [-c CGROUP] [-e] [-T] [-j] [-d SECONDS]\n"
	"\n"
	"One line for each operation of ioasid, until Ctrl-C.\n"
	"\n"
	"  -p, --pid PID         only this process\n"
	"  -c, --cgroup CGROUP   only this cgroup and those below it (/machine.slice/vm1)\n"
	"  -e, --errors          only what failed, and why\n"
	"  -T, --timestamp       begin lines with the time of day\n"
	"  -j, --json            one JSON object a line, with every field\n"
	"  -d, --duration SEC    end after so many seconds\n"
	"      --debug           print what libbpf and the verifier say\n"
	"  -h, --help            this text\n"
	"  -V, --version         the version\n"
	"\n"
	"RUNS: physically contiguous pieces of a map; mappings removed by an unmap.\n"
	"LATus: microseconds from entry to exit.\n"
	"\n"
	"examples:\n"
	"  ioasidsnoop -e                    why do maps fail?\n"
	"  ioasidsnoop -T -p $(pidof qemu-system-x86_64)\n"
	"  ioasidsnoop -j -d 60 | jq -s 'map(.pages // 0) | add'\n"
	"\n"
	"exit status: 0 done, 1 failed, 2 wrong usage\n";

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static int bad_usage(const char *what, const char *text)
{
	fail("%s '%s' (see ioasidsnoop --help)", what, text);
	return EXIT_USAGE;
}

static int parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "pid", required_argument, NULL, 'p' },
		{ "cgroup", required_argument, NULL, 'c' },
		{ "errors", no_argument, NULL, 'e' },
		{ "timestamp", no_argument, NULL, 'T' },
		{ "json", no_argument, NULL, 'j' },
		{ "duration", required_argument, NULL, 'd' },
		{ "debug", no_argument, NULL, 1 },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, ":p:c:eTjd:hV", options, NULL)) >= 0) {
		switch (c) {
		case 'p':
			if (!parse_count(optarg, INT32_MAX, &opt.tgid))
				return bad_usage("no process id:", optarg);
			break;
		case 'c':
			opt.cgroup = optarg;
			break;
		case 'e':
			opt.errors = true;
			break;
		case 'T':
			opt.times = true;
			break;
		case 'j':
			opt.json = true;
			say_setup("ioasidsnoop", true);
			break;
		case 'd':
			if (!parse_count(optarg, INT32_MAX, &opt.seconds))
				return bad_usage("not a number of seconds:", optarg);
			break;
		case 1:
			opt.debug = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		case 'V':
			printf("ioasidsnoop %s\n", VERSION);
			exit(0);
		case ':':
			return bad_usage("a value is missing after", argv[optind - 1]);
		default:
			return bad_usage("unknown option", argv[optind - 1]);
		}
	}
	return optind < argc ? bad_usage("one argument too many:", argv[optind]) : 0;
}

/* ---- output ---- */

static const char *op_name(const struct snoop_event *e)
{
	static const char *const names[] = {
		[SNOOP_MAP] = "map",
		[SNOOP_UNMAP] = "unmap",
		[SNOOP_ATTACH] = "attach",
		[SNOOP_DETACH] = "detach",
		[SNOOP_ERROR] = "error",
		[SNOOP_POLICY] = "policy",
	};

	if (e->op == SNOOP_UNMAP && e->flags & IOASID_UNMAP_TEARDOWN)
		return "teardown";
	if (e->op == SNOOP_ERROR)
		return e->name;
	return e->op <= SNOOP_POLICY ? names[e->op] : "?";
}

/* Nanoseconds since the epoch of an event's CLOCK_MONOTONIC time. */
static uint64_t wall_ns(uint64_t ns)
{
	struct timespec wall, mono;

	clock_gettime(CLOCK_REALTIME, &wall);
	clock_gettime(CLOCK_MONOTONIC, &mono);
	return ns + (uint64_t)(wall.tv_sec - mono.tv_sec) * 1000000000ULL +
	       (uint64_t)wall.tv_nsec - (uint64_t)mono.tv_nsec;
}

static void json_common(struct json *j, const struct snoop_event *e)
{
	char name[16];

	json_object(j, NULL);
	json_u64(j, "time_ns", wall_ns(e->ns));
	json_str(j, "op", op_name(e));
	json_u64(j, "tgid", e->tgid);
	json_u64(j, "pid", e->pid);
	json_strn(j, "comm", e->comm, sizeof(e->comm));
	if (e->op == SNOOP_POLICY)
		return;
	json_u64(j, "uid", e->uid);
	json_u64(j, "cgroup", e->cgroup);
	json_u64(j, "space", e->space);
	json_s64(j, "ret", e->err);
	if (e->err)
		json_str(j, "errno", errno_name(-e->err, name));
	json_str(j, "reason", reason_name(e->reason));
}

static void json_map_flags(struct json *j, uint32_t flags)
{
	json_bool(j, "read", flags & IOASID_MAP_READ);
	json_bool(j, "write", flags & IOASID_MAP_WRITE);
	json_bool(j, "legacy", flags & IOASID_MAP_LEGACY);
}

static void json_map(struct json *j, const struct snoop_event *e)
{
	json_hex(j, "iova", e->iova);
	json_u64(j, "length", e->length);
	json_hex(j, "vaddr", e->vaddr);
	json_map_flags(j, e->flags);
	json_u64(j, "pages", e->pages);
	json_u64(j, "charged", e->charged);
	json_u64(j, "runs", e->runs);
	json_u64(j, "ns_wait", e->ns_wait);
	json_u64(j, "ns_pin", e->ns_pin);
	json_u64(j, "ns_account", e->ns_account);
	json_u64(j, "ns_iommu", e->ns_iommu);
	json_u64(j, "ns_total", e->ns_total);
}

static void json_unmap(struct json *j, const struct snoop_event *e)
{
	json_hex(j, "iova", e->iova);
	json_u64(j, "length", e->length);
	json_bool(j, "all", e->flags & IOASID_UNMAP_ALL);
	json_u64(j, "pages", e->pages);
	json_u64(j, "mappings", e->runs);
	json_u64(j, "ns_iommu", e->ns_iommu);
	json_u64(j, "ns_sync", e->ns_sync);
	json_u64(j, "ns_unpin", e->ns_pin);
	json_u64(j, "ns_total", e->ns_total);
}

static void print_json(const struct snoop_event *e)
{
	struct json j;

	json_init(&j, stdout, false);
	json_common(&j, e);
	switch (e->op) {
	case SNOOP_MAP:
		json_map(&j, e);
		break;
	case SNOOP_UNMAP:
		json_unmap(&j, e);
		break;
	case SNOOP_ATTACH:
	case SNOOP_DETACH:
		json_u64(&j, "group", e->group);
		break;
	case SNOOP_ERROR:
		json_hex(&j, "a", e->iova);
		json_hex(&j, "b", e->length);
		break;
	case SNOOP_POLICY:
		json_strn(&j, "name", e->name, sizeof(e->name));
		json_str(&j, "kind", exit_kind_name(e->reason));
		json_strn(&j, "hook", e->hook, sizeof(e->hook));
		json_s64(&j, "value", e->value);
		json_strn(&j, "msg", e->msg, sizeof(e->msg));
		break;
	}
	json_object_end(&j);
	json_end_line(&j);
}

static void print_time(uint64_t ns)
{
	uint64_t wall = wall_ns(ns);
	time_t seconds = (time_t)(wall / 1000000000ULL);
	struct tm tm;
	char text[16];

	localtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%H:%M:%S", &tm);
	printf("%s.%06u ", text, (unsigned int)(wall % 1000000000ULL / 1000));
}

static void print_header(void)
{
	if (opt.times)
		printf("%-15s ", "TIME");
	printf("%7s %-15s %5s %-8s %18s %10s %-8s %-11s %7s %9s\n", "PID", "COMM", "SPACE", "OP",
	       "IOVA", "LEN", "RET", "REASON", "RUNS", "LATus");
}

static void print_policy(const struct snoop_event *e)
{
	printf("%5s %-8s %s %s", "-", "policy", e->name, exit_kind_name(e->reason));
	if (e->hook[0])
		printf(" hook=%s value=%lld", e->hook, (long long)e->value);
	if (e->msg[0])
		printf(": %s", e->msg);
	putchar('\n');
}

static void print_line(const struct snoop_event *e)
{
	char name[16], iova[24] = "-", len[24] = "-", runs[24] = "-", latency[24] = "-";
	bool mapping = e->op == SNOOP_MAP || e->op == SNOOP_UNMAP;

	if (opt.times)
		print_time(e->ns);
	printf("%7u %-15.15s ", e->tgid, e->comm);
	if (e->op == SNOOP_POLICY) {
		print_policy(e);
		return;
	}
	if (mapping || e->op == SNOOP_ERROR) {
		snprintf(iova, sizeof(iova), "0x%" PRIx64, (uint64_t)e->iova);
		snprintf(len, sizeof(len), "0x%" PRIx64, (uint64_t)e->length);
	} else {
		snprintf(iova, sizeof(iova), "group %u", e->group);
	}
	if (mapping) {
		snprintf(runs, sizeof(runs), "%" PRIu64, (uint64_t)e->runs);
		snprintf(latency, sizeof(latency), "%.1f", (double)e->ns_total / 1000);
	}
	printf("%5u %-8.8s %18s %10s %-8s %-11s %7s %9s\n", e->space, op_name(e), iova, len,
	       e->err ? errno_name(-e->err, name) : "0", reason_name(e->reason), runs, latency);
}

static int on_event(void *data, void *record, size_t size)
{
	(void)data;
	if (size < sizeof(struct snoop_event))
		return 0;
	if (opt.json)
		print_json(record);
	else
		print_line(record);
	return 0;
}

/* ---- set-up ---- */

static int set_filters(struct ioasidsnoop_bpf *skel)
{
	uint64_t id;
	int level;

	skel->rodata->only_tgid = (__u32)opt.tgid;
	skel->rodata->only_errors = opt.errors;
	if (!opt.cgroup)
		return 0;
	if (cgroup_id(opt.cgroup, &id) || cgroup_level(opt.cgroup, &level))
		return -1;
	skel->rodata->only_cgroup = id;
	skel->rodata->only_cgroup_level = (__u32)level;
	return 0;
}

static struct ioasidsnoop_bpf *start(void)
{
	struct ioasidsnoop_bpf *skel;
	char reason[600];

	if (need_admin("watching ioasid") || need_module())
		return NULL;
	if (access("/sys/kernel/btf/ioasid", F_OK)) {
		fail("the loaded ioasid.ko has no BTF: build it with pahole (package dwarves) and vmlinux in the kernel headers");
		return NULL;
	}
	skel = ioasidsnoop_bpf__open();
	if (!skel) {
		fail("cannot open the BPF programs: %s", bpflog_reason(reason, sizeof(reason)));
		return NULL;
	}
	if (set_filters(skel))
		goto destroy;
	if (ioasidsnoop_bpf__load(skel) || ioasidsnoop_bpf__attach(skel)) {
		fail("cannot attach to the tracepoints of ioasid: %s (--debug shows more)",
		     bpflog_reason(reason, sizeof(reason)));
		goto destroy;
	}
	return skel;
destroy:
	ioasidsnoop_bpf__destroy(skel);
	return NULL;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int watch(struct ioasidsnoop_bpf *skel)
{
	uint64_t end = opt.seconds ? now_ms() + opt.seconds * 1000 : UINT64_MAX, lost = 0, now;
	struct ring_buffer *ring;
	int err = 0;

	ring = ring_buffer__new(bpf_map__fd(skel->maps.ring), on_event, NULL, NULL);
	if (!ring)
		return fail("cannot read the ring buffer: %s", strerror(errno));
	if (!opt.json)
		print_header();
	fflush(stdout);
	while (!stop && (now = now_ms()) < end) {
		err = ring_buffer__poll(ring, end - now < 100 ? (int)(end - now) : 100);
		if (fflush(stdout) || ferror(stdout))
			break;
		if (err < 0 && err != -EINTR) {
			fail("cannot read the ring buffer: %s", strerror(-err));
			break;
		}
		err = 0;
		if (skel->bss->lost != lost) {
			note("%llu events were lost", (unsigned long long)(skel->bss->lost - lost));
			lost = skel->bss->lost;
		}
	}
	/* What came between the last look and the end. */
	if (!err)
		ring_buffer__consume(ring);
	ring_buffer__free(ring);
	return err;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct ioasidsnoop_bpf *skel;
	int err;

	say_setup("ioasidsnoop", false);
	err = parse_options(argc, argv);
	if (err)
		return err;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	bpflog_start(opt.debug);
	skel = start();
	if (!skel)
		return EXIT_FAILED;
	err = watch(skel);
	ioasidsnoop_bpf__destroy(skel);
	return err || fflush(stdout) ? EXIT_FAILED : EXIT_SUCCESS;
}
