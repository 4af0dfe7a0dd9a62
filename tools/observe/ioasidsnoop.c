// SPDX-License-Identifier: GPL-2.0-only
/* ioasidsnoop: one line for each map, unmap, attach, detach, error and policy event, and for stale pages. */
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
#include "../lib/untrusted.h"
#include "ioasidsnoop.skel.h"

static struct {
	bool only_errors;
	__u32 only_ops;
	__u32 ring;
} how = { .only_ops = ~(1U << SNOOP_STALE) };

static const char usage[] =
	"usage: ioasidsnoop [-p PID] [-c CGROUP] [-e] [-o OPERATIONS] [-T] [-j] [-d SECONDS]\n"
	"                   [--ring SIZE]\n"
	"\n"
	"One line for each operation of ioasid, until Ctrl-C.\n"
	"\n"
	"  -p, --pid PID         only this process\n"
	"  -c, --cgroup CGROUP   only this cgroup and those below it (/machine.slice/vm1)\n"
	"  -e, --errors          only what failed, and why\n"
	"  -o, --operation LIST  only map, unmap, teardown, attach, detach, error or policy,\n"
	"                        or several with commas; error is a call that is none of these.\n"
	"                        stale, which is shown only when it is named: memory that a program\n"
	"                        unmaps or discards while a device has it; all mappings are watched then\n"
	"  -T, --timestamp       begin lines with the time of day\n"
	"  -j, --json            one JSON object a line, also with times and flags\n"
	"  -d, --duration SEC    end after so many seconds\n"
	"      --ring SIZE       of the buffer that events wait in (4M)\n"
	"      --debug           print what libbpf and the verifier say\n"
	"  -h, --help            this text\n"
	"  -V, --version         the version\n"
	"\n"
	"RUNS: physically contiguous pieces of a map; mappings removed by an unmap.\n"
	"REASON of stale: unmap, clear (discarded) or exit.\n"
	"LATus: microseconds from entry to exit.\n"
	"Events that find no room are lost: a line on stderr, and with -j an object with the\n"
	"op 'lost', say how many. -p, -c, -e and -o keep events out of the buffer.\n"
	"\n"
	"examples:\n"
	"  ioasidsnoop -e                    why do maps fail?\n"
	"  ioasidsnoop -T -p $(pidof qemu-system-x86_64)\n"
	"  ioasidsnoop -o stale              who unmaps memory that a device has?\n"
	"  ioasidsnoop -j -d 60 | jq -s 'map(.pages // 0) | add'\n"
	"\n"
	"exit status: 0 done, 1 failed, 2 wrong usage, 3 events were lost\n";

static const char *const op_names[] = {
	[SNOOP_MAP] = "map",
	[SNOOP_UNMAP] = "unmap",
	[SNOOP_TEARDOWN] = "teardown",
	[SNOOP_ATTACH] = "attach",
	[SNOOP_DETACH] = "detach",
	[SNOOP_ERROR] = "error",
	[SNOOP_POLICY] = "policy",
	[SNOOP_STALE] = "stale",
};

#define NR_OPS		(sizeof(op_names) / sizeof(op_names[0]))
#define OPT_RING	0x200

static struct observer opt;

static int take_operations(const char *list)
{
	char word[16];
	size_t len, i;

	how.only_ops = 0;
	for (; *list; list += len + (list[len] == ',')) {
		len = strcspn(list, ",");
		snprintf(word, sizeof(word), "%.*s", (int)(len < 15 ? len : 15), list);
		for (i = 0; i < NR_OPS && strcmp(op_names[i], word); i++)
			;
		if (i == NR_OPS) {
			fail("'%s' is not an operation: use map, unmap, teardown, attach, detach, error, policy or stale",
			     word);
			return EXIT_USAGE;
		}
		how.only_ops |= 1U << i;
	}
	return how.only_ops ? 0 : observer_bad_usage(&opt, "no operation in", list);
}

static int take(int option, const char *value)
{
	switch (option) {
	case 'e':
		how.only_errors = true;
		break;
	case 'o':
		return take_operations(value);
	case OPT_RING:
		if (!observer_ring_size(value, &how.ring))
			return observer_bad_usage(&opt, "not a size from 4K to 1G:", value);
		break;
	}
	return 0;
}

static const struct option own[] = {
	{ "errors", no_argument, NULL, 'e' },
	{ "operation", required_argument, NULL, 'o' },
	{ "ring", required_argument, NULL, OPT_RING },
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
	if (e->op == SNOOP_ERROR)
		return error_op_name(e->flags);
	return e->op < NR_OPS ? op_names[e->op] : "?";
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
	if (e->op == SNOOP_STALE)
		return;
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
	json_bool(j, "sparse", flags & IOASID_MAP_SPARSE);
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
	case SNOOP_TEARDOWN:
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
	case SNOOP_STALE:
		json_hex(&j, "iova", e->iova);
		json_u64(&j, "length", e->length);
		json_hex(&j, "vaddr", e->vaddr);
		json_str(&j, "change", change_name(e->reason));
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
	printf("%5s %-8s %s %s", "-", "policy", shown_n(e->name, sizeof(e->name)),
	       exit_kind_name(e->reason));
	if (e->hook[0])
		printf(" hook=%s value=%lld", shown_n(e->hook, sizeof(e->hook)),
		       (long long)e->value);
	if (e->msg[0])
		printf(": %s", shown_n(e->msg, sizeof(e->msg)));
	putchar('\n');
}

static void print_line(const struct snoop_event *e)
{
	char name[16], iova[24] = "-", len[24] = "-", runs[24] = "-", latency[24] = "-";
	bool mapping = e->op <= SNOOP_TEARDOWN;

	if (opt.times)
		observer_print_time(observer_wall_ns(e->ns), true);
	printf("%7u %s ", e->tgid, shown_column(e->comm, sizeof(e->comm), 15));
	if (e->op == SNOOP_POLICY) {
		print_policy(e);
		return;
	}
	if (mapping || e->op == SNOOP_ERROR || e->op == SNOOP_STALE) {
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
	       e->err ? errno_name(-e->err, name) : "0",
	       e->op == SNOOP_STALE ? change_name(e->reason) : reason_name(e->reason), runs, latency);
}

/* How many more events are printed before the loop looks at the clock. */
static unsigned int budget;

static int on_event(void *data, void *record, size_t size)
{
	(void)data;
	if (size >= sizeof(struct snoop_event)) {
		if (opt.json)
			print_json(record);
		else
			print_line(record);
	}
	return --budget ? 0 : -EAGAIN;
}

static void tell_lost(const struct ioasidsnoop_bpf *skel)
{
	uint64_t more = observer_lost(&opt, "events", skel->bss->lost,
				      "use a larger --ring, or -p, -c, -e or -o to see fewer");
	struct json j;

	if (!more || !opt.json)
		return;
	json_init(&j, stdout, false);
	json_object(&j, NULL);
	json_u64(&j, "time_ns", observer_wall_ns(0));
	json_str(&j, "op", "lost");
	json_u64(&j, "lost", more);
	json_object_end(&j);
	json_end_line(&j);
}

/* ---- set-up ---- */

static void prepare(struct ioasidsnoop_bpf *skel)
{
	skel->rodata->only_errors = how.only_errors;
	skel->rodata->only_ops = how.only_ops;
	bpf_program__set_autoload(skel->progs.snoop_stale, how.only_ops & (1U << SNOOP_STALE));
	if (how.ring)
		bpf_map__set_max_entries(skel->maps.ring, how.ring);
}

OBSERVER_DEFINE_START(ioasidsnoop_bpf, &opt)

/*
 * Prints what is in the ring, but no more than so many events at once: while they come
 * faster than they are printed the ring is never empty. 1 if there may be more.
 */
static int look(struct ring_buffer *ring, int timeout_ms)
{
	int err;

	budget = 4096;
	err = ring_buffer__poll(ring, timeout_ms);
	if (err == -EAGAIN)
		return 1;
	if (err >= 0 || err == -EINTR)
		return 0;
	return fail("cannot read the ring buffer: %s", strerror(-err));
}

static int watch(struct ioasidsnoop_bpf *skel)
{
	uint64_t end = opt.seconds ? observer_now_ms() + opt.seconds * 1000 : UINT64_MAX, now;
	struct ring_buffer *ring;
	int left;

	ring = ring_buffer__new(bpf_map__fd(skel->maps.ring), on_event, NULL, NULL);
	if (!ring)
		return fail("cannot read the ring buffer: %s", strerror(errno));
	if (!opt.json)
		print_header();
	do {
		tell_lost(skel);
		now = observer_now_ms();
		if (!observer_flush(&opt) || observer_stopped() || now >= end)
			break;
		left = look(ring, end - now < 100 ? (int)(end - now) : 100);
	} while (left >= 0);
	/* What came between the last look and the end, after which no more comes. */
	ioasidsnoop_bpf__detach(skel);
	do
		left = look(ring, 0);
	while (left > 0 && observer_flush(&opt));
	tell_lost(skel);
	ring_buffer__free(ring);
	return left;
}

int main(int argc, char **argv)
{
	struct ioasidsnoop_bpf *skel;
	int err = observer_start(&opt, argc, argv), status;

	if (err)
		return err;
	skel = start(prepare);
	if (!skel)
		return EXIT_FAILED;
	err = watch(skel);
	status = observer_end(&opt);
	ioasidsnoop_bpf__destroy(skel);
	return err ? EXIT_FAILED : status;
}
