// SPDX-License-Identifier: GPL-2.0-only
/* 'ioasidctl list': the address spaces, as debugfs tells of them. */
#include <stdio.h>
#include <stdlib.h>

#include "../lib/spaces.h"
#include "../lib/sysfs.h"
#include "../lib/text.h"
#include "../lib/untrusted.h"
#include "ctl.h"

static void print_json(const struct space *s)
{
	struct json *j = &ctl.j;

	json_object(j, NULL);
	json_u64(j, "id", s->id);
	json_str(j, "kind", s->kind);
	json_u64(j, "owner", s->owner);
	json_bool(j, "owner_exited", s->exited);
	json_str(j, "comm", s->comm);
	json_u64(j, "maps", s->maps);
	json_u64(j, "mapped_bytes", s->mapped);
	json_u64(j, "pinned_pages", s->pinned);
	json_u64(j, "charged_pages", s->charged);
	json_u64(j, "hole_pages", s->holes);
	json_u64(j, "domains", s->domains);
	json_u64(j, "groups", s->groups);
	json_u64(j, "avail", s->avail);
	json_s64(j, "sealed", s->sealed);
	json_object_end(j);
}

static void print_line(const struct space *s)
{
	char mapped[SIZE_TEXT];

	printf("%5u  %-10s %8u %s %8llu %9s %10llu %10llu %7llu %6llu %8llu%s%s\n", s->id,
	       s->kind, s->owner, shown_column(s->comm, sizeof(s->comm), 16), s->maps, format_size(s->mapped, mapped), s->pinned,
	       s->charged, s->domains, s->groups, s->avail, s->sealed ? "  sealed" : "",
	       s->exited ? "  owner exited" : "");
}

int cmd_list(int argc, char **argv)
{
	struct space *list;
	int n;

	(void)argc;
	(void)argv;
	if (need_module())
		return -1;
	n = read_spaces(&list);
	if (n < 0)
		return need_spaces();
	if (ctl.json)
		json_array(&ctl.j, NULL);
	else if (n)
		printf("%5s  %-10s %8s %-16s %8s %9s %10s %10s %7s %6s %8s\n", "ID", "KIND",
		       "OWNER", "COMM", "MAPS", "MAPPED", "PINNED", "CHARGED", "DOMAINS",
		       "GROUPS", "AVAIL");
	else
		printf("no address space is open\n");
	for (int i = 0; i < n; i++) {
		if (ctl.json)
			print_json(&list[i]);
		else
			print_line(&list[i]);
	}
	if (ctl.json) {
		json_array_end(&ctl.j);
		json_end_line(&ctl.j);
	}
	free(list);
	return 0;
}
