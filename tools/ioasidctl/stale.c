// SPDX-License-Identifier: GPL-2.0-only
/* 'ioasidctl stale': mapped pages that are no longer what the process has there. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../lib/spaces.h"
#include "../lib/sysfs.h"
#include "../lib/text.h"
#include "ctl.h"

struct stale {
	uint64_t iova, length, vaddr;
	char how[16];
};

static void stale_print(const struct stale *s)
{
	char iova[24], length[SIZE_TEXT], vaddr[24];

	if (ctl.json) {
		json_object(&ctl.j, NULL);
		json_hex(&ctl.j, "iova", s->iova);
		json_u64(&ctl.j, "length", s->length);
		json_hex(&ctl.j, "vaddr", s->vaddr);
		json_str(&ctl.j, "how", s->how);
		json_object_end(&ctl.j);
		return;
	}
	snprintf(iova, sizeof(iova), "0x%" PRIx64, s->iova);
	snprintf(vaddr, sizeof(vaddr), "0x%" PRIx64, s->vaddr);
	printf("%18s %9s %18s  %s\n", iova, format_size(s->length, length), vaddr, s->how);
}

/* What follows the line of headings; neighbours are joined. Returns how many there were. */
static int stale_read(FILE *f)
{
	struct stale s, last = {};
	char line[128];
	int n = 0;

	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%" SCNx64 " %" SCNu64 " %" SCNx64 " %15s", &s.iova, &s.length,
			   &s.vaddr, s.how) != 4)
			continue;
		if (last.length && last.iova + last.length == s.iova &&
		    last.vaddr + last.length == s.vaddr && !strcmp(last.how, s.how)) {
			last.length += s.length;
			continue;
		}
		if (last.length)
			stale_print(&last);
		last = s;
		n++;
	}
	if (last.length)
		stale_print(&last);
	return n;
}

/* The kernel compares when the first line is read. */
static int stale_show(FILE *f, const char *id)
{
	char line[128];
	int n;

	if (fputs(id, f) < 0 || fflush(f) || fseek(f, 0, SEEK_SET) || !fgets(line, sizeof(line), f)) {
		if (errno == ENOENT)
			return fail("address space %s does not exist: 'ioasidctl list' shows all", id);
		return fail("cannot compare the pages of address space %s: %s", id, strerror(errno));
	}
	if (ctl.json)
		json_array(&ctl.j, NULL);
	else
		printf("%18s %9s %18s  %s\n", "IOVA", "LENGTH", "VADDR", "HOW");
	n = stale_read(f);
	if (ctl.json) {
		json_array_end(&ctl.j);
		json_end_line(&ctl.j);
	} else if (!n) {
		printf("no page is stale\n");
	}
	return n ? CTL_BAD : 0;
}

int cmd_stale(int argc, char **argv)
{
	uint64_t id;
	FILE *f;
	int ret;

	(void)argc;
	if (!parse_count(argv[0], UINT32_MAX, &id))
		return usage_error("'%s' is not a valid address space ID", argv[0]);
	if (need_admin("comparing pages") || need_module())
		return -1;
	f = fopen(DEBUGFS_IOASID "/stale", "r+e");
	if (!f)
		return need_spaces();
	ret = stale_show(f, argv[0]);
	fclose(f);
	return ret;
}
