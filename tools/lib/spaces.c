// SPDX-License-Identifier: GPL-2.0-only
/* See spaces.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "list.h"
#include "say.h"
#include "spaces.h"
#include "sysfs.h"
#include "untrusted.h"

/*
 * id kind owner_tgid comm hole_pages maps mapped_bytes pinned_pages charged_pages domains
 * groups avail sealed owner_exited. The comm may be empty, so the rest is read from the end
 * of the line.
 */
static bool parse_space(char *line, struct space *s)
{
	unsigned long long sealed, exited, *last[] = {
		&exited, &sealed, &s->avail, &s->groups, &s->domains, &s->charged, &s->pinned,
		&s->mapped, &s->maps, &s->holes
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
	/* strtoull() wraps it, this unwraps it. */
	s->sealed = (int)sealed;
	s->exited = exited;
	unescape_octal(line + used);
	snprintf(s->comm, sizeof(s->comm), "%s", line + used);
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
		struct space s = {}, *at;

		line[strcspn(line, "\n")] = 0;
		if (!parse_space(line, &s))
			continue;
		at = list_room(list, n);
		if (!at)
			break;
		*at = s;
		n++;
	}
	fclose(f);
	return n;
}

int read_users(struct user_count **list)
{
	FILE *f = fopen(DEBUGFS_IOASID "/users", "re");
	struct user_count u, *at;
	char line[128];
	int n = 0;

	*list = NULL;
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		/* Not so the first line, which names the columns. */
		if (sscanf(line, "%u %llu %llu", &u.uid, &u.spaces, &u.mappings) != 3)
			continue;
		at = list_room(list, n);
		if (!at)
			break;
		*at = u;
		n++;
	}
	fclose(f);
	return n;
}

int need_spaces(void)
{
	return fail("cannot read " DEBUGFS_IOASID "/spaces: %s", errno == EACCES ?
		    "run this as root" : "run 'mount -t debugfs debugfs /sys/kernel/debug'");
}

uint64_t page_bytes(uint64_t pages)
{
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
