// SPDX-License-Identifier: GPL-2.0-only
/*
 * 'ioasidctl show': one address space with all its mappings, as the iterators
 * of ioasid.ko tell of them.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ioasid/show.h>

#include "../lib/abi.h"
#include "../lib/bpflog.h"
#include "../lib/cgroup.h"
#include "../lib/sysfs.h"
#include "../lib/text.h"
#include "../lib/untrusted.h"
#include "ctl.h"
#include "ioasidshow.skel.h"

static const char *access_text(uint32_t flags)
{
	static const char *const names[] = { "-", "r", "w", "rw" };

	return names[flags & (IOASID_MAP_READ | IOASID_MAP_WRITE)];
}

static const char *cgroup_text(uint64_t id, char *buf, size_t size)
{
	if (cgroup_path(id, buf, size))
		snprintf(buf, size, "id %" PRIu64, id);
	return buf;
}

static void print_space(const struct ioasid_space_info *s)
{
	char mapped[SIZE_TEXT], cgroup[4096], name[16];

	printf("space %u  %s  of %s (%u%s)  cgroup %s  policy %s\n", s->owner.space,
	       s->flags & IOASID_SPACE_ARGS_CONTAINER ? "container" : "ioasid",
	       shown_n(s->comm, sizeof(s->comm)), s->owner.tgid,
	       s->flags & IOASID_SPACE_ARGS_EXITED ? ", exited" : "",
	       shown(cgroup_text(s->owner.cgroup, cgroup, sizeof(cgroup))),
	       s->policy[0] ? shown_n(s->policy, sizeof(s->policy)) : "default");
	printf("%" PRIu64 " mappings of %s, %" PRIu64 " more allowed, %u groups, %u page tables%s%s\n",
	       (uint64_t)s->maps, format_size(s->bytes, mapped), (uint64_t)s->avail, s->groups,
	       s->domains, s->sealed ? ", sealed: every map gets " : "",
	       s->sealed ? errno_name(abs(s->sealed), name) : "");
	if (s->revokes)
		printf("device memory revoked %" PRIu64 " times\n", (uint64_t)s->revokes);
}

static void space_json(const struct ioasid_space_info *s)
{
	struct json *j = &ctl.j;

	json_u64(j, "id", s->owner.space);
	json_str(j, "kind", s->flags & IOASID_SPACE_ARGS_CONTAINER ? "container" : "ioasid");
	json_u64(j, "owner", s->owner.tgid);
	json_bool(j, "owner_exited", s->flags & IOASID_SPACE_ARGS_EXITED);
	json_strn(j, "comm", s->comm, sizeof(s->comm));
	json_u64(j, "uid", s->owner.uid);
	json_u64(j, "cgroup", s->owner.cgroup);
	json_strn(j, "policy", s->policy, sizeof(s->policy));
	json_u64(j, "maps", s->maps);
	json_u64(j, "mapped_bytes", s->bytes);
	json_u64(j, "avail", s->avail);
	json_u64(j, "groups", s->groups);
	json_u64(j, "domains", s->domains);
	json_hex(j, "pgsizes", s->pgsizes);
	json_s64(j, "sealed", s->sealed);
	json_u64(j, "revokes", s->revokes);
	json_array(j, "mappings");
}

/* Pages of a mapping that are not there, and never were: IOASID_MAP_SPARSE. */
static uint64_t hole_pages(const struct ioasid_mapping_info *m)
{
	if (!(m->flags & IOASID_MAP_SPARSE) || m->flags & IOASID_MAPPING_BUSY)
		return 0;
	return m->length / (uint64_t)sysconf(_SC_PAGESIZE) - m->pages;
}

static void mapping_json(const struct ioasid_mapping_info *m)
{
	struct json *j = &ctl.j;

	json_object(j, NULL);
	json_hex(j, "iova", m->iova);
	json_u64(j, "length", m->length);
	json_hex(j, "vaddr", m->vaddr);
	json_str(j, "access", access_text(m->flags));
	json_bool(j, "busy", m->flags & IOASID_MAPPING_BUSY);
	json_bool(j, "orphaned", m->flags & IOASID_MAPPING_ORPHANED);
	json_bool(j, "revoked", m->flags & IOASID_MAPPING_REVOKED);
	json_u64(j, "owner", m->owner.tgid);
	json_u64(j, "uid", m->owner.uid);
	json_u64(j, "cgroup", m->owner.cgroup);
	json_u64(j, "pages", m->pages);
	json_u64(j, "charged", m->charged);
	json_u64(j, "runs", m->runs);
	json_u64(j, "user_pins", m->user_pins);
	json_u64(j, "hole_pages", hole_pages(m));
	json_object_end(j);
}

static void print_mapping(const struct ioasid_mapping_info *m)
{
	char length[SIZE_TEXT], iova[24], vaddr[24], cgroup[4096], holes[40] = "";

	if (hole_pages(m))
		snprintf(holes, sizeof(holes), "  holes %" PRIu64, hole_pages(m));
	snprintf(iova, sizeof(iova), "0x%" PRIx64, (uint64_t)m->iova);
	snprintf(vaddr, sizeof(vaddr), "0x%" PRIx64, (uint64_t)m->vaddr);
	printf("%18s %9s %16s %-3s %9" PRIu64 " %9" PRIu64 " %7" PRIu64 " %6" PRIu64 " %8u  %s%s%s%s%s\n",
	       iova, format_size(m->length, length), vaddr,
	       access_text(m->flags), (uint64_t)m->pages, (uint64_t)m->charged, (uint64_t)m->runs,
	       (uint64_t)m->user_pins, m->owner.tgid,
	       shown(cgroup_text(m->owner.cgroup, cgroup, sizeof(cgroup))),
	       m->flags & IOASID_MAPPING_BUSY ? "  busy" : "",
	       m->flags & IOASID_MAPPING_ORPHANED ? "  orphaned" : "",
	       m->flags & IOASID_MAPPING_REVOKED ? "  revoked" : "", holes);
}

static int on_mapping(void *unused, void *record, size_t size)
{
	(void)unused;
	if (size < sizeof(struct ioasid_mapping_info))
		return 0;
	if (ctl.json)
		mapping_json(record);
	else
		print_mapping(record);
	return 0;
}

static int show(struct ioasidshow_bpf *skel, const struct show_args *args)
{
	struct ioasid_space_info info = {};
	struct ring_buffer *ring;
	__u32 zero = 0;

	ring = ring_buffer__new(bpf_map__fd(skel->maps.mappings), on_mapping, NULL, NULL);
	if (!ring || bpf_map_lookup_elem(bpf_map__fd(skel->maps.info), &zero, &info)) {
		ring_buffer__free(ring);
		return fail("cannot read what the kernel found: %s", strerror(errno));
	}
	if (ctl.json) {
		json_object(&ctl.j, NULL);
		space_json(&info);
	} else {
		print_space(&info);
		if (args->shown)
			printf("%18s %9s %16s %-3s %9s %9s %7s %6s %8s  %s\n", "IOVA", "LENGTH",
			       "VADDR", "ACC", "PINNED", "CHARGED", "RUNS", "DRIVER", "OWNER",
			       "CGROUP");
	}
	ring_buffer__consume(ring);
	ring_buffer__free(ring);
	if (ctl.json) {
		json_array_end(&ctl.j);
		json_u64(&ctl.j, "lost", args->lost);
		json_object_end(&ctl.j);
		json_end_line(&ctl.j);
	} else if (args->lost) {
		printf("%" PRIu64 " more found no room\n", (uint64_t)args->lost);
	}
	return 0;
}

int cmd_show(int argc, char **argv)
{
	struct show_args args = { .last = UINT64_MAX };
	LIBBPF_OPTS(bpf_test_run_opts, run, .ctx_in = &args, .ctx_size_in = sizeof(args));
	struct ioasidshow_bpf *skel;
	char reason[600];
	uint64_t id;
	int err;

	(void)argc;
	if (!parse_count(argv[0], UINT32_MAX, &id))
		return usage_error("'%s' is not a valid address space ID", argv[0]);
	if (need_admin("looking into an address space") || need_module())
		return -1;
	args.space = (__u32)id;
	skel = ioasidshow_bpf__open_and_load();
	if (!skel)
		return fail("cannot look into address spaces: %s (--debug shows more)",
			    bpflog_reason(reason, sizeof(reason)));
	err = bpf_prog_test_run_opts(bpf_program__fd(skel->progs.ioasidshow), &run);
	if (err)
		err = fail("cannot look into address spaces: %s", strerror(errno));
	else if (!args.found)
		err = fail("address space %s does not exist: 'ioasidctl list' shows all",
			   argv[0]);
	else
		err = show(skel, &args);
	ioasidshow_bpf__destroy(skel);
	return err;
}
