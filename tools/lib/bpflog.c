// SPDX-License-Identifier: GPL-2.0-only
/* See bpflog.h. */
#include <bpf/libbpf.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpflog.h"

static bool debug;
static char warning[512];	/* the first one */
static char verdict[512];	/* of the verifier */
static char program[64];	/* that the verdict is about */

static void copy_line(char *to, size_t size, const char *from, size_t n)
{
	while (n && isspace((unsigned char)from[n - 1]))
		n--;
	snprintf(to, size, "%.*s", (int)n, from);
}

/* "12: (b7) r0 = 0" and "; source line" are the log's listing, not its verdict. */
static bool is_listing(const char *line)
{
	if (*line == ';')
		return true;
	if (!isdigit((unsigned char)*line))
		return !strncmp(line, "from ", 5) || !strncmp(line, "func#", 5) ||
		       !strncmp(line, "R1 ", 3) || !strncmp(line, "arg#", 4);
	return true;
}

/* The verdict is the last line before the statistics that says something. */
static void find_verdict(const char *log)
{
	const char *line, *next;

	for (line = log; *line; line = next) {
		next = line + strcspn(line, "\n");
		if (!strncmp(line, "processed ", 10) || !strncmp(line, "-- END", 6))
			break;
		if (next > line && !is_listing(line))
			copy_line(verdict, sizeof(verdict), line, (size_t)(next - line));
		next += *next == '\n';
	}
}

static void take(const char *text)
{
	const char *log = strstr(text, "-- BEGIN PROG LOAD LOG --");
	const char *prefix = "libbpf: ";

	if (log) {
		sscanf(text, "libbpf: prog '%63[^']", program);
		log += strcspn(log, "\n");
		find_verdict(log + (*log == '\n'));
		return;
	}
	if (warning[0])
		return;
	if (!strncmp(text, prefix, strlen(prefix)))
		text += strlen(prefix);
	copy_line(warning, sizeof(warning), text, strcspn(text, "\n"));
}

static int listen(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char *text = NULL;
	int n;

	if (level != LIBBPF_WARN && !debug)
		return 0;
	n = vasprintf(&text, fmt, ap);
	if (n < 0)
		return 0;
	if (debug)
		fputs(text, stderr);
	if (level == LIBBPF_WARN)
		take(text);
	free(text);
	return n;
}

void bpflog_start(bool with_debug)
{
	debug = with_debug;
	warning[0] = verdict[0] = program[0] = 0;
	libbpf_set_print(listen);
}

const char *bpflog_reason(char *buf, size_t size)
{
	if (verdict[0])
		snprintf(buf, size, "the verifier refused the program '%s': %s", program, verdict);
	else
		snprintf(buf, size, "%s", warning[0] ? warning : "no reason given");
	warning[0] = verdict[0] = program[0] = 0;
	return buf;
}
