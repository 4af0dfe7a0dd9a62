// SPDX-License-Identifier: GPL-2.0-only
/* 'ioasidctl list': the address spaces, as debugfs tells of them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/sysfs.h"
#include "../lib/text.h"
#include "ctl.h"

/* The kernel writes what would break the line as "\040". */
static void unescape(char *text)
{
	unsigned int byte;
	char *to = text;

	for (; *text; to++) {
		if (*text == '\\' && sscanf(text, "\\%3o", &byte) == 1) {
			*to = (char)byte;
			text += 4;
		} else {
			*to = *text++;
		}
	}
	*to = 0;
}

/*
 * id kind owner_tgid comm maps mapped_bytes pinned_pages charged_pages domains
 * groups avail sealed. The comm may be empty, so the rest is read from the end
 * of the line.
 */
static bool parse_space(char *line, struct space *s)
{
	unsigned long long sealed, *last[] = {
		&sealed, &s->avail, &s->groups, &s->domains, &s->charged, &s->pinned,
		&s->mapped, &s->maps
	};
	char *word;
	int used = 0;

	if (sscanf(line, "%u %23s %u %n", &s->id, s->kind, &s->owner, &used) < 3 || !used)
		return false;
	for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++) {
		word = strrchr(line, ' ');
		if (!word || word < line + used)
			return false;
		*last[i] = strtoull(word + 1, NULL, 0);
		*word = 0;
	}
	s->sealed = sealed;
	snprintf(s->comm, sizeof(s->comm), "%s", line + used);
	unescape(s->comm);
	return true;
}

int read_spaces(struct space **list)
{
	FILE *f = fopen(DEBUGFS_IOASID "/spaces", "re");
	char line[512];
	int n = 0;

	*list = NULL;
	if (!f)
		return -1;
	/* The first line names the columns. */
	if (!fgets(line, sizeof(line), f))
		line[0] = 0;
	while (fgets(line, sizeof(line), f)) {
		struct space s = {}, *more;

		line[strcspn(line, "\n")] = 0;
		if (!parse_space(line, &s))
			continue;
		more = realloc(*list, sizeof(s) * (size_t)(n + 1));
		if (!more)
			break;
		*list = more;
		more[n++] = s;
	}
	fclose(f);
	return n;
}

static void print_json(const struct space *s)
{
	struct json *j = &ctl.j;

	json_object(j, NULL);
	json_u64(j, "id", s->id);
	json_str(j, "kind", s->kind);
	json_u64(j, "owner", s->owner);
	json_str(j, "comm", s->comm);
	json_u64(j, "maps", s->maps);
	json_u64(j, "mapped_bytes", s->mapped);
	json_u64(j, "pinned_pages", s->pinned);
	json_u64(j, "charged_pages", s->charged);
	json_u64(j, "domains", s->domains);
	json_u64(j, "groups", s->groups);
	json_u64(j, "avail", s->avail);
	json_bool(j, "sealed", s->sealed);
	json_object_end(j);
}

static void print_line(const struct space *s)
{
	char mapped[SIZE_TEXT];

	printf("%5u  %-10s %8u %-16s %8llu %9s %10llu %10llu %7llu %6llu %8llu%s\n", s->id,
	       s->kind, s->owner, s->comm, s->maps, format_size(s->mapped, mapped), s->pinned,
	       s->charged, s->domains, s->groups, s->avail, s->sealed ? "  sealed" : "");
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
		return fail("cannot read " DEBUGFS_IOASID "/spaces: %s", errno == EACCES ?
			    "run this as root" : "run 'mount -t debugfs debugfs /sys/kernel/debug'");
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
