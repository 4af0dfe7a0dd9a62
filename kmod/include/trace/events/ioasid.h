/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints of ioasid. Every event names the address space, the process on
 * whose behalf it happens, and its cgroup; include/ioasid/args.h explains
 * the fields, and its structs are what a tp_btf program gets as arguments.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM ioasid

#if !defined(_TRACE_IOASID_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_IOASID_H

#include <linux/tracepoint.h>
#include <ioasid/policy.h>

/*
 * The names of the values that events print, a list for each enum. A list is
 * used twice: TRACE_DEFINE_ENUM() puts numbers in place of the enumerators in
 * the format files, which perf, trace-cmd and libtraceevent need, because they
 * do not know the enumerators; and TP_printk() looks the names up. A value that
 * is added to one of these enums is added here as well.
 */
#define IOASID_TRACE_REASONS				\
	EM(IOASID_OK, "ok")			\
	EM(IOASID_R_ARGSZ, "argsz")		\
	EM(IOASID_R_FLAGS, "flags")		\
	EM(IOASID_R_COPY, "copy")		\
	EM(IOASID_R_ALIGN, "align")		\
	EM(IOASID_R_WRAP, "wrap")		\
	EM(IOASID_R_OVERLAP, "overlap")		\
	EM(IOASID_R_MAP_LIMIT, "map_limit")	\
	EM(IOASID_R_WINDOW, "window")		\
	EM(IOASID_R_BISECT, "bisect")		\
	EM(IOASID_R_PIN, "pin")			\
	EM(IOASID_R_MEMLOCK, "memlock")		\
	EM(IOASID_R_NOMEM, "nomem")		\
	EM(IOASID_R_IOMMU, "iommu")		\
	EM(IOASID_R_IOMMU_SHORT, "iommu_short")	\
	EM(IOASID_R_POLICY, "policy")		\
	EM(IOASID_R_SEALED, "sealed")		\
	EM(IOASID_R_DEAD, "dead")		\
	EM(IOASID_R_SIGNAL, "signal")		\
	EM(IOASID_R_NOT_MAPPED, "not_mapped")	\
	EM(IOASID_R_PROT, "prot")		\
	EM(IOASID_R_BUSY, "busy")		\
	EM(IOASID_R_VADDR, "vaddr")		\
	EM(IOASID_R_MSI, "msi")			\
	EM(IOASID_R_NO_MM, "no_mm")		\
	EM(IOASID_R_DIRTY, "dirty")		\
	EM(IOASID_R_BATCH, "batch")		\
	EM(IOASID_R_USER_LIMIT, "user_limit")	\
	EM(IOASID_R_ENTRY, "entry")		\
	EMe(IOASID_R_HOLES, "holes")

#define IOASID_TRACE_ERROR_OPS			\
	EM(IOASID_ERROR_MAP, "map")		\
	EM(IOASID_ERROR_UNMAP, "unmap")		\
	EM(IOASID_ERROR_COPY, "copy")		\
	EM(IOASID_ERROR_VADDR, "vaddr")		\
	EM(IOASID_ERROR_OWNER, "owner")		\
	EM(IOASID_ERROR_DIRTY, "dirty")		\
	EM(IOASID_ERROR_ATTACH, "attach")	\
	EM(IOASID_ERROR_PIN, "pin")		\
	EM(IOASID_ERROR_READ, "read")		\
	EM(IOASID_ERROR_WRITE, "write")		\
	EM(IOASID_ERROR_TEARDOWN, "teardown")	\
	EMe(IOASID_ERROR_SPACE, "space")

#define IOASID_TRACE_SPACE_KINDS			\
	EM(IOASID_SPACE_KIND_IOASID, "ioasid")	\
	EMe(IOASID_SPACE_KIND_CONTAINER, "container")

#define IOASID_TRACE_PIN_KINDS			\
	EM(IOASID_PIN_MAPPING, "mapping")	\
	EMe(IOASID_PIN_ACCESS, "access")

#define IOASID_TRACE_STEPS			\
	EM(IOASID_STEP_PIN, "pin")	\
	EMe(IOASID_STEP_PROGRAM, "program")

#define IOASID_TRACE_LIMIT_KINDS			\
	EM(IOASID_LIMIT_MEMLOCK, "memlock")	\
	EM(IOASID_LIMIT_MAPS, "maps")		\
	EM(IOASID_LIMIT_SPACES, "spaces")	\
	EMe(IOASID_LIMIT_MAPPINGS, "mappings")

#define IOASID_TRACE_DIRTY_OPS		\
	EM(IOASID_DIRTY_START, "start")	\
	EM(IOASID_DIRTY_STOP, "stop")	\
	EMe(IOASID_DIRTY_GET, "get")

#define IOASID_TRACE_CHANGES			\
	EM(IOASID_CHANGE_UNMAP, "unmap")	\
	EM(IOASID_CHANGE_CLEAR, "clear")	\
	EM(IOASID_CHANGE_EXIT, "exit")		\
	EM(IOASID_CHANGE_OTHER, "other")	\
	EMe(IOASID_CHANGE_BACK, "back")

#define IOASID_TRACE_EXIT_KINDS				\
	EM(IOASID_EXIT_NONE, "load")			\
	EM(IOASID_EXIT_UNREG, "unload")			\
	EM(IOASID_EXIT_REPLACED, "replaced")		\
	EM(IOASID_EXIT_KILLED, "killed")		\
	EM(IOASID_EXIT_BPF, "bpf")			\
	EM(IOASID_EXIT_ERROR, "error")			\
	EM(IOASID_EXIT_ERROR_RETURN, "error_return")	\
	EM(IOASID_EXIT_ERROR_SLOW, "error_slow")	\
	EMe(IOASID_EXIT_ERROR_BPF, "error_bpf")

#define IOASID_TRACE_MAP_FLAGS			\
	EM(IOASID_MAP_READ, "READ")		\
	EM(IOASID_MAP_WRITE, "WRITE")		\
	EM(IOASID_MAP_LEGACY, "LEGACY")		\
	EM(IOASID_MAP_ANYWHERE, "ANYWHERE")	\
	EM(IOASID_MAP_OF_FILE, "FILE")		\
	EM(IOASID_MAP_SHARED, "SHARED")		\
	EM(IOASID_MAP_NATIVE, "NATIVE")		\
	EMe(IOASID_MAP_SPARSE, "SPARSE")

#define IOASID_TRACE_UNMAP_FLAGS			\
	EM(IOASID_UNMAP_ALL, "ALL")		\
	EM(IOASID_UNMAP_V1, "V1")		\
	EM(IOASID_UNMAP_VADDR, "VADDR")		\
	EM(IOASID_UNMAP_TEARDOWN, "TEARDOWN")	\
	EM(IOASID_UNMAP_NATIVE, "NATIVE")	\
	EM(IOASID_UNMAP_OF_BATCH, "BATCH")	\
	EMe(IOASID_UNMAP_SPLIT, "SPLIT")

#undef EM
#undef EMe
#define EM(value, name)		TRACE_DEFINE_ENUM(value);
#define EMe(value, name)	TRACE_DEFINE_ENUM(value);

IOASID_TRACE_REASONS
IOASID_TRACE_ERROR_OPS
IOASID_TRACE_SPACE_KINDS
IOASID_TRACE_PIN_KINDS
IOASID_TRACE_STEPS
IOASID_TRACE_LIMIT_KINDS
IOASID_TRACE_DIRTY_OPS
IOASID_TRACE_CHANGES
IOASID_TRACE_EXIT_KINDS
IOASID_TRACE_MAP_FLAGS
IOASID_TRACE_UNMAP_FLAGS

#undef EM
#undef EMe
#define EM(value, name)		{ value, name },
#define EMe(value, name)	{ value, name }

/* The fields of struct ioasid_who, in every event. */
#define IOASID_WHO_FIELDS			\
	__field(u32, space)			\
	__field(u32, tgid)			\
	__field(u32, uid)			\
	__field(u64, cgroup)

#define IOASID_WHO_ASSIGN(who)			\
	do {					\
		__entry->space = (who)->space;	\
		__entry->tgid = (who)->tgid;	\
		__entry->uid = (who)->uid;	\
		__entry->cgroup = (who)->cgroup;\
	} while (0)

/* An address space was made; or a policy refused it (err). */
TRACE_EVENT(ioasid_space_open,
	TP_PROTO(const struct ioasid_space_args *args, s32 err),
	TP_ARGS(args, err),
	TP_STRUCT__entry(
		IOASID_WHO_FIELDS
		__field(enum ioasid_space_kind, kind)
		__field(long, err)
	),
	TP_fast_assign(
		IOASID_WHO_ASSIGN(&args->who);
		__entry->kind = args->flags & IOASID_SPACE_ARGS_CONTAINER ?
			IOASID_SPACE_KIND_CONTAINER : IOASID_SPACE_KIND_IOASID;
		__entry->err = err;
	),
	TP_printk("space=%u tgid=%u kind=%s err=%ld", __entry->space, __entry->tgid,
		  __print_symbolic(__entry->kind, IOASID_TRACE_SPACE_KINDS),
		  __entry->err)
);

/* An address space is gone, and everything in it. */
TRACE_EVENT(ioasid_space_close,
	TP_PROTO(const struct ioasid_space_args *args),
	TP_ARGS(args),
	TP_STRUCT__entry(
		IOASID_WHO_FIELDS
		__field(enum ioasid_space_kind, kind)
	),
	TP_fast_assign(
		IOASID_WHO_ASSIGN(&args->who);
		__entry->kind = args->flags & IOASID_SPACE_ARGS_CONTAINER ?
			IOASID_SPACE_KIND_CONTAINER : IOASID_SPACE_KIND_IOASID;
	),
	TP_printk("space=%u tgid=%u kind=%s", __entry->space, __entry->tgid,
		  __print_symbolic(__entry->kind, IOASID_TRACE_SPACE_KINDS))
);

/* A group joined an address space, or was refused. */
TRACE_EVENT(ioasid_attach,
	TP_PROTO(const struct ioasid_attach_args *args, s32 err, u32 reason,
		 const struct ioasid_attach_result *res),
	TP_ARGS(args, err, reason, res),
	TP_STRUCT__entry(
		IOASID_WHO_FIELDS
		__field(u32, group)
		__field(u32, emulated)
		__field(long, err)
		__field(enum ioasid_reason, reason)
		__field(long, node)
		__field(u32, shared)
		__field(u32, sealed)
		__field(u64, pgsizes)
		__field(u64, pages)
		__field(u64, ns_total)
	),
	TP_fast_assign(
		IOASID_WHO_ASSIGN(&args->who);
		__entry->group = args->group;
		__entry->emulated = args->emulated;
		__entry->err = err;
		__entry->reason = reason;
		__entry->node = args->node;
		__entry->shared = res->shared;
		__entry->sealed = res->sealed;
		__entry->pgsizes = res->pgsizes;
		__entry->pages = res->pages;
		__entry->ns_total = res->ns_total;
	),
	TP_printk("space=%u tgid=%u group=%u emulated=%u err=%ld reason=%s node=%ld shared=%u sealed=%u pgsizes=0x%llx pages=%llu ns_total=%llu",
		  __entry->space, __entry->tgid, __entry->group, __entry->emulated,
		  __entry->err, __print_symbolic(__entry->reason, IOASID_TRACE_REASONS), __entry->node,
		  __entry->shared, __entry->sealed, __entry->pgsizes, __entry->pages,
		  __entry->ns_total)
);

/* A group left an address space. */
TRACE_EVENT(ioasid_detach,
	TP_PROTO(const struct ioasid_attach_args *args),
	TP_ARGS(args),
	TP_STRUCT__entry(
		IOASID_WHO_FIELDS
		__field(u32, group)
		__field(u32, emulated)
	),
	TP_fast_assign(
		IOASID_WHO_ASSIGN(&args->who);
		__entry->group = args->group;
		__entry->emulated = args->emulated;
	),
	TP_printk("space=%u tgid=%u group=%u emulated=%u",
		  __entry->space, __entry->tgid, __entry->group, __entry->emulated)
);

/* A map call begins; map_done follows, whatever happens. */
TRACE_EVENT(ioasid_map_begin,
	TP_PROTO(const struct ioasid_map_args *args),
	TP_ARGS(args),
	TP_STRUCT__entry(
		IOASID_WHO_FIELDS
		__field(u64, iova)
		__field(u64, vaddr)
		__field(u64, length)
		__field(u32, flags)
	),
	TP_fast_assign(
		IOASID_WHO_ASSIGN(&args->who);
		__entry->iova = args->iova;
		__entry->vaddr = args->vaddr;
		__entry->length = args->length;
		__entry->flags = args->flags;
	),
	TP_printk("space=%u tgid=%u iova=0x%llx length=0x%llx vaddr=0x%llx flags=%s",
		  __entry->space, __entry->tgid, __entry->iova, __entry->length, __entry->vaddr,
		  __print_flags(__entry->flags, "|", IOASID_TRACE_MAP_FLAGS))
);

/*
 * A physically contiguous run is written into one page table. High rate.
 * align: the largest power of two of pages that divides both its addresses, as
 * a shift; what an entry of the page table can hold at most.
 */
TRACE_EVENT(ioasid_run,
	TP_PROTO(const struct ioasid_who *who, u64 iova, u64 npages, u32 align),
	TP_ARGS(who, iova, npages, align),
	TP_STRUCT__entry(
		IOASID_WHO_FIELDS
		__field(u64, iova)
		__field(u64, npages)
		__field(u32, align)
	),
	TP_fast_assign(
		IOASID_WHO_ASSIGN(who);
		__entry->iova = iova;
		__entry->npages = npages;
		__entry->align = align;
	),
	TP_printk("space=%u tgid=%u iova=0x%llx npages=%llu align=%u",
		  __entry->space, __entry->tgid, __entry->iova, __entry->npages, __entry->align)
);

/*
 * A large map got further: fired for every 64 MiB or so that were pinned (step
 * pin), and again that were written into a page table (step program). done and
 * total are pages of the mapping at iova.
 */
TRACE_EVENT(ioasid_progress,
	TP_PROTO(const struct ioasid_who *who, u64 iova, u32 step, u64 done, u64 total),
	TP_ARGS(who, iova, step, done, total),
	TP_STRUCT__entry(
		IOASID_WHO_FIELDS
		__field(u64, iova)
		__field(enum ioasid_step, step)
		__field(u64, done)
		__field(u64, total)
	),
	TP_fast_assign(
		IOASID_WHO_ASSIGN(who);
		__entry->iova = iova;
		__entry->step = step;
		__entry->done = done;
		__entry->total = total;
	),
	TP_printk("space=%u tgid=%u iova=0x%llx step=%s done=%llu total=%llu",
		  __entry->space, __entry->tgid, __entry->iova,
		  __print_symbolic(__entry->step, IOASID_TRACE_STEPS),
		  __entry->done, __entry->total)
);

/* A map call ended, well or not. */
TRACE_EVENT(ioasid_map_done,
	TP_PROTO(const struct ioasid_map_args *args, const struct ioasid_map_result *res),
	TP_ARGS(args, res),
	TP_STRUCT__entry(
		IOASID_WHO_FIELDS
		__field(u64, iova)
		__field(u64, vaddr)
		__field(u64, length)
		__field(u32, flags)
		__field(long, err)
		__field(enum ioasid_reason, reason)
		__field(u64, pages)
		__field(u64, charged)
		__field(u64, runs)
		__field(u64, ns_wait)
		__field(u64, ns_pin)
		__field(u64, ns_account)
		__field(u64, ns_iommu)
		__field(u64, ns_total)
		__field(u64, a)
		__field(u64, b)
		__field(u64, batches)
		__field(u64, faults)
		__field(u64, ns_fault)
		__field(u64, ns_sync)
		__field(u64, run_max)
		__field(u64, bytes_2m)
		__field(u64, bytes_1g)
		__field(u64, pages_ahead)
		__field(u64, pages_helped)
		__field(u32, helpers)
	),
	TP_fast_assign(
		IOASID_WHO_ASSIGN(&args->who);
		__entry->iova = args->iova;
		__entry->vaddr = args->vaddr;
		__entry->length = args->length;
		__entry->flags = args->flags;
		__entry->err = res->err;
		__entry->reason = res->reason;
		__entry->pages = res->pages;
		__entry->charged = res->charged;
		__entry->runs = res->runs;
		__entry->ns_wait = res->ns_wait;
		__entry->ns_pin = res->ns_pin;
		__entry->ns_account = res->ns_account;
		__entry->ns_iommu = res->ns_iommu;
		__entry->ns_total = res->ns_total;
		__entry->a = res->a;
		__entry->b = res->b;
		__entry->batches = res->batches;
		__entry->faults = res->faults;
		__entry->ns_fault = res->ns_fault;
		__entry->ns_sync = res->ns_sync;
		__entry->run_max = res->run_max;
		__entry->bytes_2m = res->bytes_2m;
		__entry->bytes_1g = res->bytes_1g;
		__entry->pages_ahead = res->pages_ahead;
		__entry->pages_helped = res->pages_helped;
		__entry->helpers = res->helpers;
	),
	TP_printk("space=%u tgid=%u iova=0x%llx length=0x%llx vaddr=0x%llx flags=%s err=%ld reason=%s a=0x%llx b=0x%llx pages=%llu pages_ahead=%llu charged=%llu runs=%llu run_max=%llu bytes_2m=%llu bytes_1g=%llu batches=%llu faults=%llu ns_wait=%llu ns_pin=%llu ns_fault=%llu ns_account=%llu ns_iommu=%llu ns_sync=%llu ns_total=%llu helpers=%u pages_helped=%llu",
		  __entry->space, __entry->tgid, __entry->iova, __entry->length, __entry->vaddr,
		  __print_flags(__entry->flags, "|", IOASID_TRACE_MAP_FLAGS),
		  __entry->err, __print_symbolic(__entry->reason, IOASID_TRACE_REASONS), __entry->a, __entry->b,
		  __entry->pages, __entry->pages_ahead, __entry->charged, __entry->runs,
		  __entry->run_max, __entry->bytes_2m, __entry->bytes_1g, __entry->batches,
		  __entry->faults,
		  __entry->ns_wait, __entry->ns_pin, __entry->ns_fault, __entry->ns_account,
		  __entry->ns_iommu, __entry->ns_sync, __entry->ns_total,
		  __entry->helpers, __entry->pages_helped)
);

/* An unmap call begins; unmap_done follows. A teardown has the latter alone. */
TRACE_EVENT(ioasid_unmap_begin,
	TP_PROTO(const struct ioasid_unmap_args *args),
	TP_ARGS(args),
	TP_STRUCT__entry(
		IOASID_WHO_FIELDS
		__field(u64, iova)
		__field(u64, length)
		__field(u32, flags)
	),
	TP_fast_assign(
		IOASID_WHO_ASSIGN(&args->who);
		__entry->iova = args->iova;
		__entry->length = args->length;
		__entry->flags = args->flags;
	),
	TP_printk("space=%u tgid=%u iova=0x%llx length=0x%llx flags=%s",
		  __entry->space, __entry->tgid, __entry->iova, __entry->length,
		  __print_flags(__entry->flags, "|", IOASID_TRACE_UNMAP_FLAGS))
);

/* An IOTLB was flushed after so many mappings had been cleared; whose is the current task. */
TRACE_EVENT(ioasid_sync,
	TP_PROTO(const struct ioasid_who *who, u64 mappings, u64 bytes, u64 ns),
	TP_ARGS(who, mappings, bytes, ns),
	TP_STRUCT__entry(
		IOASID_WHO_FIELDS
		__field(u64, mappings)
		__field(u64, bytes)
		__field(u64, ns)
	),
	TP_fast_assign(
		IOASID_WHO_ASSIGN(who);
		__entry->mappings = mappings;
		__entry->bytes = bytes;
		__entry->ns = ns;
	),
	TP_printk("space=%u tgid=%u mappings=%llu bytes=0x%llx ns=%llu",
		  __entry->space, __entry->tgid, __entry->mappings, __entry->bytes, __entry->ns)
);

/* An unmap call ended, or mappings were torn down. */
TRACE_EVENT(ioasid_unmap_done,
	TP_PROTO(const struct ioasid_unmap_args *args, const struct ioasid_unmap_result *res),
	TP_ARGS(args, res),
	TP_STRUCT__entry(
		IOASID_WHO_FIELDS
		__field(u64, iova)
		__field(u64, length)
		__field(u32, flags)
		__field(long, err)
		__field(enum ioasid_reason, reason)
		__field(u64, bytes)
		__field(u64, mappings)
		__field(u64, pages)
		__field(u64, ns_iommu)
		__field(u64, ns_sync)
		__field(u64, ns_unpin)
		__field(u64, ns_total)
		__field(u64, a)
		__field(u64, b)
		__field(u64, runs)
		__field(u64, syncs)
		__field(u64, splits)
	),
	TP_fast_assign(
		IOASID_WHO_ASSIGN(&args->who);
		__entry->iova = args->iova;
		__entry->length = args->length;
		__entry->flags = args->flags;
		__entry->err = res->err;
		__entry->reason = res->reason;
		__entry->bytes = res->bytes;
		__entry->mappings = res->mappings;
		__entry->pages = res->pages;
		__entry->ns_iommu = res->ns_iommu;
		__entry->ns_sync = res->ns_sync;
		__entry->ns_unpin = res->ns_unpin;
		__entry->ns_total = res->ns_total;
		__entry->a = res->a;
		__entry->b = res->b;
		__entry->runs = res->runs;
		__entry->syncs = res->syncs;
		__entry->splits = res->splits;
	),
	TP_printk("space=%u tgid=%u iova=0x%llx length=0x%llx flags=%s err=%ld reason=%s a=0x%llx b=0x%llx bytes=0x%llx mappings=%llu pages=%llu runs=%llu syncs=%llu ns_iommu=%llu ns_sync=%llu ns_unpin=%llu ns_total=%llu splits=%llu",
		  __entry->space, __entry->tgid, __entry->iova, __entry->length,
		  __print_flags(__entry->flags, "|", IOASID_TRACE_UNMAP_FLAGS),
		  __entry->err, __print_symbolic(__entry->reason, IOASID_TRACE_REASONS), __entry->a, __entry->b,
		  __entry->bytes, __entry->mappings, __entry->pages, __entry->runs,
		  __entry->syncs, __entry->ns_iommu, __entry->ns_sync, __entry->ns_unpin,
		  __entry->ns_total, __entry->splits)
);

/* Pages were pinned (one batch of a mapping, or an access), or unpinned. */
DECLARE_EVENT_CLASS(ioasid_pages_class,
	TP_PROTO(const struct ioasid_who *who, u64 addr, u64 npages, bool access),
	TP_ARGS(who, addr, npages, access),
	TP_STRUCT__entry(
		IOASID_WHO_FIELDS
		__field(u64, addr)
		__field(u64, npages)
		__field(enum ioasid_pin_kind, kind)
	),
	TP_fast_assign(
		IOASID_WHO_ASSIGN(who);
		__entry->addr = addr;
		__entry->npages = npages;
		__entry->kind = access ? IOASID_PIN_ACCESS : IOASID_PIN_MAPPING;
	),
	TP_printk("space=%u tgid=%u kind=%s addr=0x%llx npages=%llu",
		  __entry->space, __entry->tgid,
		  __print_symbolic(__entry->kind, IOASID_TRACE_PIN_KINDS),
		  __entry->addr, __entry->npages)
);

DEFINE_EVENT(ioasid_pages_class, ioasid_pin,
	TP_PROTO(const struct ioasid_who *who, u64 addr, u64 npages, bool access),
	TP_ARGS(who, addr, npages, access)
);

DEFINE_EVENT(ioasid_pages_class, ioasid_unpin,
	TP_PROTO(const struct ioasid_who *who, u64 addr, u64 npages, bool access),
	TP_ARGS(who, addr, npages, access)
);

/*
 * Locked memory was charged (npages > 0) or given back to the owner in @who. A
 * give-back that comes late is reported when it is noted; locked_vm still has it then.
 */
TRACE_EVENT(ioasid_account,
	TP_PROTO(const struct ioasid_who *who, s64 npages, u64 locked_vm, u64 limit, s32 err),
	TP_ARGS(who, npages, locked_vm, limit, err),
	TP_STRUCT__entry(
		IOASID_WHO_FIELDS
		__field(s64, npages)
		__field(u64, locked_vm)
		__field(u64, limit)
		__field(long, err)
	),
	TP_fast_assign(
		IOASID_WHO_ASSIGN(who);
		__entry->npages = npages;
		__entry->locked_vm = locked_vm;
		__entry->limit = limit;
		__entry->err = err;
	),
	TP_printk("space=%u tgid=%u npages=%lld locked_vm=%llu limit=%llu err=%ld",
		  __entry->space, __entry->tgid, __entry->npages, __entry->locked_vm,
		  __entry->limit, __entry->err)
);

/* A limit was met: so much was wanted, so much was taken, so much there is. */
TRACE_EVENT(ioasid_limit,
	TP_PROTO(const struct ioasid_who *who, u32 kind, u64 want, u64 used, u64 limit),
	TP_ARGS(who, kind, want, used, limit),
	TP_STRUCT__entry(
		IOASID_WHO_FIELDS
		__field(enum ioasid_limit_kind, kind)
		__field(u64, want)
		__field(u64, used)
		__field(u64, limit)
	),
	TP_fast_assign(
		IOASID_WHO_ASSIGN(who);
		__entry->kind = kind;
		__entry->want = want;
		__entry->used = used;
		__entry->limit = limit;
	),
	TP_printk("space=%u tgid=%u kind=%s want=%llu used=%llu limit=%llu",
		  __entry->space, __entry->tgid,
		  __print_symbolic(__entry->kind, IOASID_TRACE_LIMIT_KINDS),
		  __entry->want, __entry->used, __entry->limit)
);

/* A software device read or wrote mapped memory. */
TRACE_EVENT(ioasid_rw,
	TP_PROTO(const struct ioasid_who *who, u64 iova, u64 length, bool write, s32 err),
	TP_ARGS(who, iova, length, write, err),
	TP_STRUCT__entry(
		IOASID_WHO_FIELDS
		__field(u64, iova)
		__field(u64, length)
		__field(bool, write)
		__field(long, err)
	),
	TP_fast_assign(
		IOASID_WHO_ASSIGN(who);
		__entry->iova = iova;
		__entry->length = length;
		__entry->write = write;
		__entry->err = err;
	),
	TP_printk("space=%u tgid=%u iova=0x%llx length=0x%llx write=%d err=%ld",
		  __entry->space, __entry->tgid, __entry->iova, __entry->length,
		  __entry->write, __entry->err)
);

/* Live update: a mapping got a new address, and perhaps a new owner, or did not. */
TRACE_EVENT(ioasid_owner,
	TP_PROTO(const struct ioasid_owner_args *args, s32 err),
	TP_ARGS(args, err),
	TP_STRUCT__entry(
		IOASID_WHO_FIELDS
		__field(u32, old_tgid)
		__field(u64, iova)
		__field(u64, length)
		__field(u64, vaddr)
		__field(u64, charged)
		__field(long, err)
	),
	TP_fast_assign(
		IOASID_WHO_ASSIGN(&args->who);
		__entry->old_tgid = args->from.tgid;
		__entry->iova = args->iova;
		__entry->length = args->length;
		__entry->vaddr = args->vaddr;
		__entry->charged = args->charged;
		__entry->err = err;
	),
	TP_printk("space=%u tgid=%u old_tgid=%u iova=0x%llx length=0x%llx vaddr=0x%llx charged=%llu err=%ld",
		  __entry->space, __entry->tgid, __entry->old_tgid, __entry->iova,
		  __entry->length, __entry->vaddr, __entry->charged, __entry->err)
);

/* Device memory of a mapping left the IOMMU, as it leaves the process's page tables, or came back. */
TRACE_EVENT(ioasid_revoke,
	TP_PROTO(const struct ioasid_revoke_args *args),
	TP_ARGS(args),
	TP_STRUCT__entry(
		IOASID_WHO_FIELDS
		__field(u64, iova)
		__field(u64, length)
		__field(u64, vaddr)
		__field(enum ioasid_change, change)
		__field(long, err)
	),
	TP_fast_assign(
		IOASID_WHO_ASSIGN(&args->who);
		__entry->iova = args->iova;
		__entry->length = args->length;
		__entry->vaddr = args->vaddr;
		__entry->change = args->change;
		__entry->err = args->err;
	),
	TP_printk("space=%u tgid=%u iova=0x%llx length=0x%llx vaddr=0x%llx change=%s err=%ld",
		  __entry->space, __entry->tgid, __entry->iova, __entry->length, __entry->vaddr,
		  __print_symbolic(__entry->change, IOASID_TRACE_CHANGES), __entry->err)
);

int ioasid_stale_reg(void);
void ioasid_stale_unreg(void);

/*
 * A process unmaps, moves or discards memory that a device still has. Mappings are watched
 * while the event is enabled.
 */
TRACE_EVENT_FN(ioasid_stale,
	TP_PROTO(const struct ioasid_stale_args *args),
	TP_ARGS(args),
	TP_STRUCT__entry(
		IOASID_WHO_FIELDS
		__field(u64, iova)
		__field(u64, length)
		__field(u64, vaddr)
		__field(enum ioasid_change, change)
		__field(u64, pages)
	),
	TP_fast_assign(
		IOASID_WHO_ASSIGN(&args->who);
		__entry->iova = args->iova;
		__entry->length = args->length;
		__entry->vaddr = args->vaddr;
		__entry->change = args->change;
		__entry->pages = args->length >> PAGE_SHIFT;
	),
	TP_printk("space=%u tgid=%u iova=0x%llx length=0x%llx vaddr=0x%llx change=%s pages=%llu",
		  __entry->space, __entry->tgid, __entry->iova, __entry->length, __entry->vaddr,
		  __print_symbolic(__entry->change, IOASID_TRACE_CHANGES), __entry->pages),
	ioasid_stale_reg, ioasid_stale_unreg
);

/* Dirty tracking began or ended, or dirty pages were read. */
TRACE_EVENT(ioasid_dirty,
	TP_PROTO(const struct ioasid_dirty_args *args),
	TP_ARGS(args),
	TP_STRUCT__entry(
		IOASID_WHO_FIELDS
		__field(enum ioasid_dirty_op, op)
		__field(long, err)
		__field(u64, iova)
		__field(u64, length)
		__field(u64, dirty)
		__field(u64, ns_total)
	),
	TP_fast_assign(
		IOASID_WHO_ASSIGN(&args->who);
		__entry->op = args->op;
		__entry->err = args->err;
		__entry->iova = args->iova;
		__entry->length = args->length;
		__entry->dirty = args->dirty;
		__entry->ns_total = args->ns_total;
	),
	TP_printk("space=%u tgid=%u op=%s err=%ld iova=0x%llx length=0x%llx dirty=%llu ns_total=%llu",
		  __entry->space, __entry->tgid,
		  __print_symbolic(__entry->op, IOASID_TRACE_DIRTY_OPS),
		  __entry->err, __entry->iova, __entry->length, __entry->dirty,
		  __entry->ns_total)
);

/* Any call that failed: which operation, which errno, and which check it was. */
TRACE_EVENT(ioasid_error,
	TP_PROTO(const struct ioasid_who *who, u32 op, s32 err, u32 reason, u64 a, u64 b),
	TP_ARGS(who, op, err, reason, a, b),
	TP_STRUCT__entry(
		IOASID_WHO_FIELDS
		__field(enum ioasid_error_op, op)
		__field(long, err)
		__field(enum ioasid_reason, reason)
		__field(u64, a)
		__field(u64, b)
	),
	TP_fast_assign(
		IOASID_WHO_ASSIGN(who);
		__entry->op = op;
		__entry->err = err;
		__entry->reason = reason;
		__entry->a = a;
		__entry->b = b;
	),
	TP_printk("space=%u tgid=%u op=%s err=%ld reason=%s a=0x%llx b=0x%llx",
		  __entry->space, __entry->tgid,
		  __print_symbolic(__entry->op, IOASID_TRACE_ERROR_OPS), __entry->err,
		  __print_symbolic(__entry->reason, IOASID_TRACE_REASONS), __entry->a, __entry->b)
);

/*
 * A policy was loaded (kind load), unloaded, replaced or ejected. The texts are
 * arrays, since bpftrace 0.23 reads no __string() of a module's event; msg comes
 * last and without quotes, which libtraceevent could not parse.
 */
TRACE_EVENT(ioasid_policy,
	TP_PROTO(const char *name, const struct ioasid_exit_info *info),
	TP_ARGS(name, info),
	TP_STRUCT__entry(
		__array(char, name, IOASID_POLICY_NAME_LEN)
		__field(enum ioasid_exit_kind, kind)
		__array(char, hook, IOASID_POLICY_HOOK_LEN)
		__field(s64, value)
		__array(char, msg, IOASID_POLICY_MSG_LEN)
	),
	TP_fast_assign(
		strscpy_pad(__entry->name, name, IOASID_POLICY_NAME_LEN);
		__entry->kind = info->kind;
		strscpy_pad(__entry->hook, info->hook, IOASID_POLICY_HOOK_LEN);
		__entry->value = info->value;
		strscpy_pad(__entry->msg, info->msg, IOASID_POLICY_MSG_LEN);
	),
	TP_printk("name=%s kind=%s hook=%s value=%lld msg=%s", __entry->name,
		  __print_symbolic(__entry->kind, IOASID_TRACE_EXIT_KINDS),
		  __entry->hook, __entry->value, __entry->msg)
);

/* A policy refused something; err is what the caller gets. */
TRACE_EVENT(ioasid_policy_refuse,
	TP_PROTO(const struct ioasid_who *who, const char *name, const char *hook, s32 err),
	TP_ARGS(who, name, hook, err),
	TP_STRUCT__entry(
		IOASID_WHO_FIELDS
		__array(char, name, IOASID_POLICY_NAME_LEN)
		__array(char, hook, IOASID_POLICY_HOOK_LEN)
		__field(long, err)
	),
	TP_fast_assign(
		IOASID_WHO_ASSIGN(who);
		strscpy_pad(__entry->name, name, IOASID_POLICY_NAME_LEN);
		strscpy_pad(__entry->hook, hook, IOASID_POLICY_HOOK_LEN);
		__entry->err = err;
	),
	TP_printk("space=%u tgid=%u name=%s hook=%s err=%ld", __entry->space, __entry->tgid,
		  __entry->name, __entry->hook, __entry->err)
);

#endif /* _TRACE_IOASID_H */

/* The one out-of-tree path rule: Kbuild adds -I$(src)/include/trace/events. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE ioasid
#include <trace/define_trace.h>
