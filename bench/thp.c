// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's switches for transparent huge pages. Where one of them keeps
 * a kind from being had, root changes it for as long as the memory is there
 * (khugepaged would make 2M pages of smaller folios later on); the supervisor
 * knows the old value in case the run ends meanwhile.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "supervisor.h"
#include "mem.h"
#include "util.h"

#define THP "/sys/kernel/mm/transparent_hugepage"

/* The chosen word of "always [madvise] never"; 0 or -1. */
static int chosen(const char *path, char *word, size_t size)
{
	char line[128], *from, *to;

	if (read_line(path, line, sizeof(line)))
		return -1;
	from = strchr(line, '[');
	to = from ? strchr(from, ']') : NULL;
	if (!to)
		return -1;
	*to = '\0';
	snprintf(word, size, "%s", from + 1);
	return 0;
}

bool thp_missing(const struct mem_kind *kind, char *why, size_t size)
{
	const char *path = kind->flags & MEM_FILE ? THP "/shmem_enabled" : THP "/enabled";
	char folio[96], word[16];

	if (chosen(path, word, sizeof(word))) {
		snprintf(why, size, "this kernel has no transparent huge pages");
		return true;
	}
	if (kind->folio != 2 * MIB) {
		snprintf(folio, sizeof(folio), THP "/hugepages-%llukB/enabled",
			 (unsigned long long)(kind->folio / KIB));
		if (access(folio, F_OK)) {
			snprintf(why, size, "this kernel has no folios of this size");
			return true;
		}
		path = folio;
		chosen(path, word, sizeof(word));
	}
	if (strcmp(word, "never") || !access(path, W_OK))
		return false;
	snprintf(why, size, "%s says never: run as root", path);
	return true;
}

static int tune(struct thp_tuning *t, const char *path, const char *want)
{
	char old[16];
	int err;

	/* Absent before mTHP: then there is nothing to choose. */
	if (chosen(path, old, sizeof(old)) || !strcmp(old, want))
		return 0;
	if (supervisor_write(path, old))
		return -1;
	snprintf(t->path[t->count], sizeof(t->path[0]), "%s", path);
	snprintf(t->old[t->count], sizeof(t->old[0]), "%s", old);
	t->count++;
	err = write_text(path, want);
	if (err)
		return fail("cannot write %s to %s: %s%s", want, path, strerror(-err),
			    err == -EACCES ? " (run as root)" : "");
	return 0;
}

/* Only a value that stands in the way is changed. */
static int tune_unless(struct thp_tuning *t, const char *path, const char *good,
		       const char *want)
{
	char old[16];

	if (!chosen(path, old, sizeof(old)) && !strcmp(old, good))
		return 0;
	return tune(t, path, want);
}

int thp_tune(struct thp_tuning *t, const struct mem_kind *kind)
{
	char path[80];

	if (!(kind->flags & MEM_THP))
		return 0;
	if (kind->flags & MEM_FILE)
		return tune_unless(t, THP "/shmem_enabled", "always", "advise");
	if (tune_unless(t, THP "/enabled", "always", "madvise"))
		return -1;
	if (kind->folio == 2 * MIB)
		return tune_unless(t, THP "/hugepages-2048kB/enabled", "inherit", "madvise");
	snprintf(path, sizeof(path), THP "/hugepages-%llukB/enabled",
		 (unsigned long long)(kind->folio / KIB));
	if (tune(t, path, "madvise"))
		return -1;
	return tune(t, THP "/hugepages-2048kB/enabled", "never");
}

void thp_restore(struct thp_tuning *t)
{
	while (t->count) {
		t->count--;
		if (write_text(t->path[t->count], t->old[t->count]))
			fail("cannot put %s back to %s", t->path[t->count], t->old[t->count]);
	}
}
