// SPDX-License-Identifier: GPL-2.0-only
/* Watches the kernel's log for splats. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ktap-run.h"

#define MAX_PATTERNS 64

static int kmsg = -1;
/* One that begins with "-" makes a message none, whatever else it holds. */
static char *patterns[MAX_PATTERNS + 1];
static char expected[8][64];
static unsigned int nexpected;

static bool read_patterns(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[128];
	int count = 0;

	if (!file) {
		fprintf(stderr, "ktap-run: cannot read %s: %s\n", path, strerror(errno));
		return false;
	}
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (!*line || *line == '#')
			continue;
		if (count == MAX_PATTERNS)
			break;
		patterns[count] = strdup(line);
		if (!patterns[count++])
			abort();
	}
	if (!feof(file) || !count)
		fprintf(stderr, "ktap-run: %s holds none or too many patterns\n", path);
	else
		count = -count;
	fclose(file);
	return count < 0;
}

bool kmsg_open(const char *path, const char *patterns_path)
{
	if (!read_patterns(patterns_path))
		return false;
	kmsg = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg < 0 || lseek(kmsg, 0, SEEK_END) < 0) {
		fprintf(stderr, "ktap-run: cannot read %s: %s\n", path, strerror(errno));
		return false;
	}
	return true;
}

void kmsg_expect(const char *words)
{
	if (!words)
		nexpected = 0;
	else if (*words && nexpected < sizeof(expected) / sizeof(*expected))
		snprintf(expected[nexpected++], sizeof(*expected), "%s", words);
}

static bool is_expected(const char *text)
{
	char **pattern;
	unsigned int i;

	for (i = 0; i < nexpected; i++)
		if (strstr(text, expected[i]))
			return true;
	for (pattern = patterns; *pattern; pattern++)
		if (**pattern == '-' && strstr(text, *pattern + 1))
			return true;
	return false;
}

/*
 * A record is "priority,sequence,time,flags;text". User space cannot write
 * with the kernel's facility, 0, so a test that logs a pattern is no splat.
 */
static const char *splat_in(char *record)
{
	char *text = strchr(record, ';');
	char **pattern;

	if (!text || atoi(record) >> 3)
		return NULL;
	*text++ = '\0';
	text[strcspn(text, "\n")] = '\0';
	for (pattern = patterns; *pattern; pattern++)
		if (**pattern != '-' && strstr(text, *pattern))
			return is_expected(text) ? NULL : text;
	return NULL;
}

bool kmsg_splat(char *text, size_t size)
{
	bool found = false;
	char record[8192];
	const char *splat;
	ssize_t got;

	for (;;) {
		got = read(kmsg, record, sizeof(record) - 1);
		if (got < 0 && errno == EPIPE) {
			/* Overwritten before we came to read it. */
			splat = "messages were lost";
		} else if (got <= 0) {
			return found;
		} else {
			record[got] = '\0';
			splat = splat_in(record);
		}
		if (splat && !found) {
			snprintf(text, size, "%s", splat);
			found = true;
		}
	}
}
