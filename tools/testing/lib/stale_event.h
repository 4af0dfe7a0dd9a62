/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The event ioasid_stale, as tests read it.
 */
#ifndef IOASID_TEST_STALE_EVENT_H
#define IOASID_TEST_STALE_EVENT_H

#include "lib/ioasid.h"

#define TRACING		"/sys/kernel/tracing/"
#define STALE_EVENT	TRACING "events/ioasid/ioasid_stale/"
#define IOVA		0x100000000ULL

/* Opens for writing, which empties the file "trace". */
static inline bool put(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");
	bool ok = f && fputs(text, f) >= 0;

	return f ? !fclose(f) && ok : false;
}

/* From now on, with an empty trace. */
static inline bool stale_on(void)
{
	return put(TRACING "trace", "") && put(STALE_EVENT "enable", "1");
}

static inline bool stale_off(void)
{
	return put(STALE_EVENT "enable", "0");
}

/* How many lines of the trace hold these words? */
static inline int trace_has(const char *words)
{
	FILE *f = fopen(TRACING "trace", "re");
	char line[400];
	int n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += !!strstr(line, words);
	if (f)
		fclose(f);
	return n;
}

/* How many events of @pid, or of all if 0; and with these words if not NULL? */
static inline int lines(pid_t pid, const char *words)
{
	FILE *f = fopen(TRACING "trace", "re");
	char line[400], task[40];
	int n = 0;

	snprintf(task, sizeof(task), "tgid=%d ", pid);
	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, "ioasid_stale: ") && (!pid || strstr(line, task)) &&
		     (!words || strstr(line, words));
	if (f)
		fclose(f);
	return n;
}

static inline void lines_log(void)
{
	FILE *f = fopen(TRACING "trace", "re");
	char line[400];

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, "ioasid_stale: "))
			TH_LOG("%.300s", line);
	if (f)
		fclose(f);
}

static inline bool stale_says(pid_t pid, uint64_t iova, const void *mem, int pages,
			      const char *change)
{
	char want[160];
	int n;

	snprintf(want, sizeof(want), "iova=0x%llx length=0x%llx vaddr=0x%llx change=%s pages=%d",
		 (unsigned long long)iova, (unsigned long long)pages * PAGE,
		 (unsigned long long)(uintptr_t)mem, change, pages);
	n = lines(pid, want);
	if (n == 1)
		return true;
	TH_LOG("%d times: %s", n, want);
	lines_log();
	return false;
}

/* One event says just that. */
#define EXPECT_STALE(pid, iova, mem, pages, change)	\
	EXPECT_TRUE(stale_says(pid, iova, mem, pages, change))

#define EXPECT_LINES(pid, n) do {			\
	int _n = lines(pid, NULL);			\
							\
	EXPECT_EQ(n, _n);				\
	if (_n != (n))					\
		lines_log();				\
} while (0)

/* "processes" or "mappings" that are watched. */
static inline long long watched(const char *what)
{
	return file_number_after("/sys/kernel/debug/ioasid/watched", what);
}

/* Soon: a work item removes the notifiers. */
static inline bool nothing_is_watched(void)
{
	int i;

	for (i = 0; i < 500 && (watched("processes") || watched("mappings")); i++)
		usleep(10000);
	return !watched("processes") && !watched("mappings");
}

#endif /* IOASID_TEST_STALE_EVENT_H */
