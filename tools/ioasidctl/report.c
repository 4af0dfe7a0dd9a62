// SPDX-License-Identifier: GPL-2.0-only
/*
 * 'ioasidctl report': all that belongs in a report of a fault, as one text. Each section is
 * a child process, so that one that crashes, hangs or may not look leaves the others whole:
 * its messages are part of the text. No section asks for addresses of user memory, and what
 * may be one all the same, in the kernel's log or a policy's words, is masked.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../lib/counting.h"
#include "../lib/replace.h"
#include "../lib/sysfs.h"
#include "../lib/text.h"
#include "../lib/untrusted.h"
#include "ctl.h"

/* A section that takes longer is cut off. */
#define SECTION_SECONDS	60
#define SECTION_BYTES	(1 << 20)
#define LOG_LINES	300

/* ---- sections that only a report has ---- */

static int machine(int argc, char **argv)
{
	char line[4096], *word, *save;
	struct utsname u;
	time_t now = time(NULL);

	(void)argc;
	(void)argv;
	uname(&u);
	strftime(line, sizeof(line), "%F %T", gmtime(&now));
	printf("ioasidctl      %s\nwritten        %s UTC, by uid %u\nkernel         %s %s %s\n", VERSION,
	       line, getuid(), u.release, u.version, u.machine);
	if (sysfs_line(line, sizeof(line), "/proc/sys/kernel/tainted"))
		printf("tainted        %s\n", line);
	/* Of the command line only what concerns IOMMUs: it may hold passwords. */
	printf("command line  ");
	if (sysfs_line(line, sizeof(line), "/proc/cmdline"))
		for (word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save))
			if (strstr(word, "iommu") || strstr(word, "vfio") || strstr(word, "ioasid"))
				printf(" %s", shown(word));
	putchar('\n');
	return 0;
}

static int print_exit(const char *name, void *any)
{
	static const char *const files[] = { "state", "exit_kind", "exit_hook", "exit_value", "exit_msg" };
	char value[512];

	*(bool *)any = true;
	printf("%s:", shown(name));
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (sysfs_line(value, sizeof(value), SYSFS_IOASID "/policies/%s/%s", name, files[i]))
			printf("  %s %s", files[i], shown(value));
	putchar('\n');
	return 0;
}

/* Of the policies that are loaded, and of the last one that is not. */
static int exits(int argc, char **argv)
{
	bool any = false;
	char line[512];

	(void)argc;
	(void)argv;
	if (need_module())
		return -1;
	each_entry(SYSFS_IOASID "/policies", print_exit, &any);
	if (sysfs_line(line, sizeof(line), SYSFS_IOASID "/last_exit"))
		printf("last: %s\n", shown(line));
	else if (!any)
		puts("no policy is loaded, and none was ejected");
	return 0;
}

static int policies(int argc, char **argv)
{
	char list[] = "list", *words[] = { list };

	(void)argc;
	(void)argv;
	return run_command(policy_commands, "policy", 1, words);
}

static int pincg(int argc, char **argv)
{
	char list[] = "list", *words[] = { list };

	(void)argc;
	(void)argv;
	if (access(SYSFS_IOASID "/policies/pincg", F_OK)) {
		puts("pincg is not loaded");
		return 0;
	}
	return run_command(pincg_commands, "pincg", 1, words);
}

static int totals(int argc, char **argv)
{
	char total[] = "total", *words[] = { total };

	(void)argc;
	(void)argv;
	if (!counting_is_on()) {
		puts("nothing is counted: 'ioasidctl stats on' starts it");
		return 0;
	}
	return run_command(stats_commands, "stats", 1, words);
}

static int processes(int argc, char **argv)
{
	char *none[] = { NULL };

	(void)argc;
	(void)argv;
	return run_observer("ioasidwho", 0, none);
}

/* Calls that failed, the last one first. */
static int errors(int argc, char **argv)
{
	FILE *f = fopen(DEBUGFS_IOASID "/errors", "re");
	char line[256], comm[128], name[16];
	unsigned int space, tgid, uid, op, reason;
	unsigned long long times;
	double seconds;
	int err = errno, n = 0;

	(void)argc;
	(void)argv;
	if (!f)
		return need_module() ? -1 :
		       fail("cannot read " DEBUGFS_IOASID "/errors: %s", strerror(err));
	while (fgets(line, sizeof(line), f)) {
		/* Not so the first line, which names the columns. */
		if (sscanf(line, "%lf %u %u %u %127s %u %d %u %llu", &seconds, &space, &tgid, &uid, comm,
			   &op, &err, &reason, &times) != 9)
			continue;
		if (!n++)
			printf("%14s %5s %7s %6s %-16s %-8s %-8s %-12s %8s\n", "SECONDS", "SPACE", "PID",
			       "UID", "COMM", "OP", "RET", "REASON", "TIMES");
		unescape_octal(comm);
		printf("%14.6f %5u %7u %6u %s %-8s %-8s %-12s %8llu\n", seconds, space, tgid, uid,
		       shown_column(comm, strlen(comm), 16), error_op_name(op),
		       err ? errno_name(-err, name) : "0", reason_name(reason), times);
	}
	fclose(f);
	if (!n)
		puts("no call has failed since ioasid.ko was loaded");
	return 0;
}

static bool concerns_us(const char *text)
{
	static const char *const words[] = {
		"ioasid", "vfio", "VFIO", "iommu", "IOMMU", "DMAR", "AMD-Vi", "WARNING:", "BUG:", "Oops",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(text, words[i]))
			return true;
	return false;
}

/* One record: "priority,number,microseconds,flags;text", then lines that begin with a blank. */
static void log_line(char *record, char *kept[LOG_LINES], unsigned int *n)
{
	char *text = strchr(record, ';'), **place = &kept[*n % LOG_LINES];
	unsigned long long us;

	if (!text || sscanf(record, "%*u,%*u,%llu", &us) != 1)
		return;
	text[strcspn(text, "\n")] = 0;
	if (!concerns_us(text + 1))
		return;
	free(*place);
	if (asprintf(place, "[%llu.%06llu] %s", us / 1000000, us % 1000000, shown(text + 1)) < 0)
		*place = NULL;
	++*n;
}

static int kernel_log(int argc, char **argv)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char record[8192], *kept[LOG_LINES] = {};
	unsigned int n = 0, i;
	ssize_t size;

	(void)argc;
	(void)argv;
	if (fd < 0)
		return fail("cannot read the kernel's log: %s", strerror(errno));
	/* EPIPE: what came next was overwritten. */
	while ((size = read(fd, record, sizeof(record) - 1)) > 0 || (size < 0 && errno == EPIPE)) {
		if (size < 0)
			continue;
		record[size] = 0;
		log_line(record, kept, &n);
	}
	close(fd);
	for (i = n > LOG_LINES ? n - LOG_LINES : 0; i < n; i++)
		if (kept[i % LOG_LINES])
			puts(kept[i % LOG_LINES]);
	if (!n)
		puts("no line of it is about VFIO or IOMMUs");
	return 0;
}

static const struct section {
	const char *title;
	int (*run)(int argc, char **argv);
} sections[] = {
	{ "machine", machine },
	{ "status", cmd_status },
	{ "doctor", cmd_doctor },
	{ "features and parameters", cmd_feature },
	{ "address spaces", cmd_list },
	{ "processes", processes },
	{ "holders", cmd_holders },
	{ "policies", policies },
	{ "exits of policies", exits },
	{ "limits of pincg", pincg },
	{ "counters", totals },
	{ "calls that failed", errors },
	{ "kernel log", kernel_log },
};

#define NR_SECTIONS	(sizeof(sections) / sizeof(sections[0]))

/* ---- what may be an address ---- */

static size_t hex_digits(const char *s)
{
	return strspn(s, "0123456789abcdef");
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/*
 * An address is a word of 0x and at least nine digits, or of twelve to sixteen hexadecimal
 * ones with a letter among them or a 0 ahead: what the kernel prints for one. Returns its
 * length, or 0.
 */
static size_t address_at(const char *s)
{
	size_t n;

	if (!strncmp(s, "0x", 2)) {
		n = hex_digits(s + 2);
		return n >= 9 && !is_word(s[2 + n]) ? n + 2 : 0;
	}
	n = hex_digits(s);
	return n >= 12 && n <= 16 && !is_word(s[n]) && (*s == '0' || strspn(s, "0123456789") < n) ? n : 0;
}

static void print_masked(FILE *out, const char *s)
{
	char before = ' ';
	size_t n;

	while (*s) {
		n = is_word(before) ? 0 : address_at(s);
		if (n)
			fputs("(address)", out);
		else
			fputc(*s, out);
		s += n ?: 1;
		before = s[-1];
	}
}

/* ---- one section after the other ---- */

static pid_t begin(const struct section *s, int *from)
{
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC))
		return -1;
	fflush(stdout);
	child = fork();
	if (!child) {
		/* With whatever it starts, to be ended together. */
		setpgid(0, 0);
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		setvbuf(stdout, NULL, _IOLBF, 0);
		s->run(0, NULL);
		fflush(stdout);
		_exit(0);
	}
	close(ends[1]);
	*from = ends[0];
	if (child < 0)
		close(ends[0]);
	return child;
}

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* All that the section says, or NULL when the time or the room was up: what there was is in @text. */
static const char *collect(int from, FILE *text)
{
	struct pollfd ready = { .fd = from, .events = POLLIN };
	time_t end = now() + SECTION_SECONDS;
	size_t total = 0;
	char part[4096];
	ssize_t n;

	for (;;) {
		if (now() >= end || !poll(&ready, 1, 1000 * (int)(end - now())))
			return "it took too long, and was ended";
		n = read(from, part, sizeof(part));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return NULL;
		total += (size_t)n;
		if (total > SECTION_BYTES)
			return "the rest is left out";
		fwrite(part, 1, (size_t)n, text);
	}
}

static void run_section(const struct section *s, FILE *out)
{
	char *text = NULL;
	size_t len = 0;
	FILE *memory = open_memstream(&text, &len);
	const char *why = "cannot be run";
	int from = -1, status = 0;
	pid_t child;

	fprintf(out, "\n== %s\n", s->title);
	child = memory ? begin(s, &from) : -1;
	if (child > 0) {
		why = collect(from, memory);
		close(from);
		if (why)
			kill(-child, SIGKILL);
		waitpid(child, &status, 0);
		if (!why && WIFSIGNALED(status))
			why = "it crashed";
	}
	if (memory && !fclose(memory) && text)
		print_masked(out, text);
	if (why)
		fprintf(out, "(%s)\n", why);
	free(text);
}

int cmd_report(int argc, char **argv)
{
	struct whole out;
	int err;

	(void)argc;
	(void)argv;
	if (ctl.json)
		return usage_error("a report is text; its parts have JSON");
	whole_begin(&out);
	if (out.f) {
		fputs("Report of ioasid. Names of processes, cgroups and policies are in it; addresses are masked.\n",
		      out.f);
		for (size_t i = 0; i < NR_SECTIONS; i++)
			run_section(&sections[i], out.f);
	}
	err = whole_end(&out, "put the report together", ctl.output, 0600);
	if (!err && geteuid())
		note("some sections are not complete: run this as root");
	return err;
}
