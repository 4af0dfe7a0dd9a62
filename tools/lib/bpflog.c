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

/*
 * "12: (b7) r0 = 0", "; source line @ file:3", "R1=ctx()" and their like are
 * the log's listing, not its verdict.
 */
static bool is_listing(const char *line)
{
	line += strspn(line, " \t");
	if (isdigit((unsigned char)*line) || *line == ';')
		return true;
	if (*line == 'R' && isdigit((unsigned char)line[1])) {
		line += 1 + strspn(line + 1, "0123456789");
		return *line == '=' || *line == '_';
	}
	return !strncmp(line, "from ", 5) || !strncmp(line, "func", 4) ||
	       !strncmp(line, "arg#", 4);
}

/* Where the source line in the listing stands: "file:3", or nothing. */
static void find_place(char *to, size_t size, const char *line, size_t n)
{
	char text[512];
	const char *at;

	snprintf(text, sizeof(text), "%.*s", (int)n, line);
	at = strstr(text, " @ ");
	if (at)
		copy_line(to, size, at + 3, strlen(at + 3));
}

/*
 * The verdict is the last line that says something, before the statistics and
 * before the explanations that newer kernels add.
 */
static void find_verdict(const char *log)
{
	const char *line, *next;
	char place[64] = "";
	size_t n;

	for (line = log; *line; line = next) {
		next = line + strcspn(line, "\n");
		n = (size_t)(next - line);
		if (!strncmp(line, "processed ", 10) || !strncmp(line, "-- END", 6) ||
		    !strncmp(line, "Verification failed", 19))
			break;
		if (*line == ';')
			find_place(place, sizeof(place), line, n);
		else if (n && !is_listing(line))
			copy_line(verdict, sizeof(verdict), line, n);
		next += *next == '\n';
	}
	n = strlen(verdict);
	if (n && place[0])
		snprintf(verdict + n, sizeof(verdict) - n, " (%s)", place);
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

/* A kernel in confidentiality mode has no helper that reads its memory. */
static bool is_locked_down(void)
{
	char text[128];
	FILE *f = fopen("/sys/kernel/security/lockdown", "re");
	bool locked;

	if (!f)
		return false;
	locked = fgets(text, sizeof(text), f) && strstr(text, "[confidentiality]");
	fclose(f);
	return locked;
}

const char *bpflog_reason(char *buf, size_t size)
{
	if (verdict[0] && strstr(verdict, "probe_read") && is_locked_down())
		snprintf(buf, size, "the kernel is locked down: the program '%s' reads kernel memory, which confidentiality mode does not allow",
			 program);
	else if (verdict[0])
		snprintf(buf, size, "the verifier refused the program '%s': %s", program, verdict);
	else
		snprintf(buf, size, "%s", warning[0] ? warning : "libbpf gives no reason");
	warning[0] = verdict[0] = program[0] = 0;
	return buf;
}
