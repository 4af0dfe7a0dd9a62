// SPDX-License-Identifier: GPL-2.0-only
/* ioasidsnoop: one line for each map, unmap, attach, detach, error and policy event. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ioasid/event.h>

#include "../lib/abi.h"
#include "../lib/json.h"
#include "../lib/observer.h"
#include "../lib/say.h"
#include "../lib/text.h"
#include "ioasidsnoop.skel.h"

static bool only_errors;

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

static int take(int option, const char *value)
{
	(void)option;
	(void)value;
	only_errors = true;
	return 0;
}

static const struct option own[] = {
	{ "errors", no_argument, NULL, 'e' },
	{ NULL, 0, NULL, 0 }
};

static struct observer opt = {
	.name = "ioasidsnoop",
	.usage = usage,
	.own = own,
	.take = take,
};

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
		return error_op_name(e->flags);
	return e->op <= SNOOP_POLICY ? names[e->op] : "?";
}

static void json_common(struct json *j, const struct snoop_event *e)
{
	char name[16];

	json_object(j, NULL);
	json_u64(j, "time_ns", observer_wall_ns(e->ns));
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
		observer_print_time(observer_wall_ns(e->ns), true);
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

static void prepare(struct ioasidsnoop_bpf *skel)
{
	skel->rodata->only_errors = only_errors;
}

OBSERVER_DEFINE_START(ioasidsnoop_bpf, &opt)

static int watch(struct ioasidsnoop_bpf *skel)
{
	uint64_t end = opt.seconds ? observer_now_ms() + opt.seconds * 1000 : UINT64_MAX;
	uint64_t told = 0, now;
	struct ring_buffer *ring;
	int err = 0;

	ring = ring_buffer__new(bpf_map__fd(skel->maps.ring), on_event, NULL, NULL);
	if (!ring)
		return fail("cannot read the ring buffer: %s", strerror(errno));
	if (!opt.json)
		print_header();
	fflush(stdout);
	while (!observer_stopped() && (now = observer_now_ms()) < end) {
		err = ring_buffer__poll(ring, end - now < 100 ? (int)(end - now) : 100);
		if (fflush(stdout) || ferror(stdout))
			break;
		if (err < 0 && err != -EINTR) {
			fail("cannot read the ring buffer: %s", strerror(-err));
			break;
		}
		err = 0;
		observer_lost("events", skel->bss->lost, &told);
	}
	/* What came between the last look and the end. */
	if (!err)
		ring_buffer__consume(ring);
	ring_buffer__free(ring);
	return err;
}

int main(int argc, char **argv)
{
	struct ioasidsnoop_bpf *skel;
	int err = observer_start(&opt, argc, argv);

	if (err)
		return err;
	skel = start(prepare);
	if (!skel)
		return EXIT_FAILED;
	err = watch(skel);
	ioasidsnoop_bpf__destroy(skel);
	return err || fflush(stdout) ? EXIT_FAILED : EXIT_SUCCESS;
}
