// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasidsnoop - one record for each operation of ioasid, for the tool of that
 * name. Everything comes from the tracepoints' arguments; nothing is kept here
 * but a mark per thread that joins the two events of a failed call.
 *
 * Cost: about a microsecond an event. Filters work here, before a record is
 * made.
 */
#include <ioasid/filter.bpf.h>
#include <ioasid/event.h>

char _license[] SEC("license") = "GPL";

/* Only what failed. */
const volatile bool only_errors = false;

/* Only these operations: bits by enum snoop_op. */
const volatile __u32 only_ops = ~0U;

/* Records that found no room. */
__u64 lost = 0;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 22);
} ring SEC(".maps");

/* Threads whose failed call was reported, and whose ioasid_error is next. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u32);
} reported SEC(".maps");

static __always_inline bool op_wanted(enum snoop_op op)
{
	return only_ops & (1U << op);
}

static __always_inline bool reported_if(enum snoop_op op, const struct ioasid_who *who, bool failed)
{
	return op_wanted(op) && (failed || !only_errors) && wanted(who);
}

static __always_inline struct snoop_event *begin(enum snoop_op op)
{
	struct snoop_event *e = bpf_ringbuf_reserve(&ring, sizeof(*e), 0);

	if (!e) {
		__sync_fetch_and_add(&lost, 1);
		return NULL;
	}
	__builtin_memset(e, 0, sizeof(*e));
	e->ns = bpf_ktime_get_ns();
	e->op = op;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	return e;
}

static __always_inline void set_who(struct snoop_event *e, const struct ioasid_who *who)
{
	e->cgroup = who->cgroup;
	e->space = who->space;
	e->tgid = who->tgid;
	e->pid = who->pid;
	e->uid = who->uid;
}

/* The kernel reports a failed call twice; the second time adds nothing. */
static __always_inline void expect_error(const struct ioasid_who *who)
{
	__u32 pid = who->pid, one = 1;

	bpf_map_update_elem(&reported, &pid, &one, BPF_ANY);
}

static __always_inline bool error_expected(const struct ioasid_who *who)
{
	__u32 pid = who->pid;

	return !bpf_map_delete_elem(&reported, &pid);
}

SEC("tp_btf/ioasid_map_done")
int BPF_PROG(snoop_map, const struct ioasid_map_args *args, const struct ioasid_map_result *res)
{
	struct snoop_event *e;

	if (!args || !res)
		return 0;
	if (res->err)
		expect_error(&args->who);
	if (!reported_if(SNOOP_MAP, &args->who, res->err))
		return 0;
	e = begin(SNOOP_MAP);
	if (!e)
		return 0;
	set_who(e, &args->who);
	e->iova = args->iova;
	e->length = args->length;
	e->vaddr = args->vaddr;
	e->flags = args->flags;
	e->err = res->err;
	e->reason = res->reason;
	e->pages = res->pages;
	e->charged = res->charged;
	e->runs = res->runs;
	e->ns_wait = res->ns_wait;
	e->ns_pin = res->ns_pin;
	e->ns_account = res->ns_account;
	e->ns_iommu = res->ns_iommu;
	e->ns_total = res->ns_total;
	bpf_ringbuf_submit(e, 0);
	return 0;
}

SEC("tp_btf/ioasid_unmap_done")
int BPF_PROG(snoop_unmap, const struct ioasid_unmap_args *args,
	     const struct ioasid_unmap_result *res)
{
	struct snoop_event *e;
	enum snoop_op op;

	if (!args || !res)
		return 0;
	op = args->flags & IOASID_UNMAP_TEARDOWN ? SNOOP_TEARDOWN : SNOOP_UNMAP;
	if (res->err)
		expect_error(&args->who);
	if (!reported_if(op, &args->who, res->err))
		return 0;
	e = begin(op);
	if (!e)
		return 0;
	set_who(e, &args->who);
	e->iova = args->iova;
	e->length = args->flags & IOASID_UNMAP_ALL ? res->bytes : args->length;
	e->flags = args->flags;
	e->err = res->err;
	e->reason = res->reason;
	e->pages = res->pages;
	e->runs = res->mappings;
	e->ns_pin = res->ns_unpin;
	e->ns_iommu = res->ns_iommu;
	e->ns_sync = res->ns_sync;
	e->ns_total = res->ns_total;
	bpf_ringbuf_submit(e, 0);
	return 0;
}

static __always_inline int group_event(enum snoop_op op, const struct ioasid_attach_args *args,
				       s32 err, u32 reason)
{
	struct snoop_event *e;

	if (!reported_if(op, &args->who, err || reason))
		return 0;
	e = begin(op);
	if (!e)
		return 0;
	set_who(e, &args->who);
	e->group = args->group;
	e->err = err;
	e->reason = reason;
	bpf_ringbuf_submit(e, 0);
	return 0;
}

/* An attach that seals the address space has a reason, but no errno. */
SEC("tp_btf/ioasid_attach")
int BPF_PROG(snoop_attach, const struct ioasid_attach_args *args, s32 err, u32 reason)
{
	if (!args)
		return 0;
	if (reason)
		expect_error(&args->who);
	return group_event(SNOOP_ATTACH, args, err, reason);
}

SEC("tp_btf/ioasid_detach")
int BPF_PROG(snoop_detach, const struct ioasid_attach_args *args)
{
	return args ? group_event(SNOOP_DETACH, args, 0, 0) : 0;
}

SEC("tp_btf/ioasid_error")
int BPF_PROG(snoop_error, const struct ioasid_who *who, u32 op, s32 err, u32 reason, u64 a, u64 b)
{
	struct snoop_event *e;

	if (!who || error_expected(who) || !reported_if(SNOOP_ERROR, who, true))
		return 0;
	e = begin(SNOOP_ERROR);
	if (!e)
		return 0;
	set_who(e, who);
	e->flags = op;
	e->err = err;
	e->reason = reason;
	e->iova = a;
	e->length = b;
	bpf_ringbuf_submit(e, 0);
	return 0;
}

/*
 * Stale pages: by a task that may be another one than the owner's. The loader attaches this for
 * those that ask for it by name alone, since memory is watched as long as it is attached.
 */
SEC("tp_btf/ioasid_stale")
int BPF_PROG(snoop_stale, const struct ioasid_stale_args *args)
{
	struct snoop_event *e;

	if (!args || !reported_if(SNOOP_STALE, &args->who, true))
		return 0;
	e = begin(SNOOP_STALE);
	if (!e)
		return 0;
	set_who(e, &args->who);
	e->iova = args->iova;
	e->length = args->length;
	e->vaddr = args->vaddr;
	e->reason = args->change;
	bpf_ringbuf_submit(e, 0);
	return 0;
}

/* Policies concern all processes, so filters by process and cgroup let them pass. */
SEC("tp_btf/ioasid_policy")
int BPF_PROG(snoop_policy, const char *name, const struct ioasid_exit_info *info)
{
	struct snoop_event *e;

	if (!info || !op_wanted(SNOOP_POLICY) || (only_errors && info->kind < IOASID_EXIT_ERROR))
		return 0;
	e = begin(SNOOP_POLICY);
	if (!e)
		return 0;
	e->tgid = bpf_get_current_pid_tgid() >> 32;
	e->pid = bpf_get_current_pid_tgid();
	e->reason = info->kind;
	e->value = info->value;
	copy_chars(e->name, info->name);
	copy_chars(e->hook, info->hook);
	copy_chars(e->msg, info->msg);
	bpf_ringbuf_submit(e, 0);
	return 0;
}
