// SPDX-License-Identifier: GPL-2.0-only
/* Errors, sizes and one-value files. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "progress.h"
#include "util.h"

static void print_line(const char *fmt, va_list ap)
{
	progress_clear();
	flockfile(stderr);
	fputs("ioasid-bench: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	funlockfile(stderr);
}

int fail(const char *fmt, ...)
{
	static bool failed;
	va_list ap;

	if (__atomic_exchange_n(&failed, true, __ATOMIC_RELAXED))
		return -1;
	va_start(ap, fmt);
	print_line(fmt, ap);
	va_end(ap);
	return -1;
}

void note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_line(fmt, ap);
	va_end(ap);
}

int usage(const char *command, const char *fmt, ...)
{
	va_list ap;

	fputs("ioasid-bench: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, " (see 'ioasid-bench%s%s --help')\n", command ? " " : "",
		command ? command : "");
	return ST_USAGE;
}

int parse_size(const char *text, uint64_t *out)
{
	static const char suffixes[] = "KMGT";
	unsigned int shift = 0;
	const char *suffix;
	char *end;
	uint64_t n;

	if (!isdigit((unsigned char)*text))
		return -1;
	errno = 0;
	n = strtoull(text, &end, 0);
	if (errno)
		return -1;
	if (*end) {
		suffix = strchr(suffixes, toupper((unsigned char)*end));
		if (!suffix || (end[1] && strcmp(end + 1, "iB")))
			return -1;
		shift = 10 * (unsigned int)(suffix - suffixes + 1);
	}
	if (!n || n > (UINT64_MAX >> shift))
		return -1;
	*out = n << shift;
	return 0;
}

int parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	char *end;
	uint64_t n;

	if (!isdigit((unsigned char)*text))
		return -1;
	errno = 0;
	n = strtoull(text, &end, 0);
	if (errno || *end || n < min || n > max)
		return -1;
	*out = n;
	return 0;
}

const char *format_size(char *buf, uint64_t bytes)
{
	static const char suffixes[] = "KMGT";
	int i = -1;

	while (i < 3 && bytes >= 1024 && bytes % 1024 == 0) {
		bytes /= 1024;
		i++;
	}
	if (i < 0)
		sprintf(buf, "%llu", (unsigned long long)bytes);
	else
		sprintf(buf, "%llu%c", (unsigned long long)bytes, suffixes[i]);
	return buf;
}

int read_line(const char *path, char *buf, size_t size)
{
	ssize_t n;
	int fd, err;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	err = errno;
	close(fd);
	if (n < 0)
		return -err;
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}

uint64_t read_number(const char *path, uint64_t missing)
{
	char buf[64], *end;
	uint64_t n;

	if (read_line(path, buf, sizeof(buf)))
		return missing;
	n = strtoull(buf, &end, 0);
	return end == buf ? missing : n;
}

int write_text(const char *path, const char *text)
{
	size_t len = strlen(text);
	ssize_t n;
	int fd, err;

	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = write(fd, text, len);
	err = errno;
	close(fd);
	if (n < 0)
		return -err;
	return (size_t)n == len ? 0 : -EIO;
}

/* Find a line that starts with @key and return the number behind it. */
static uint64_t keyed_number(const char *path, const char *key, uint64_t scale)
{
	size_t len = strlen(key);
	char line[256];
	uint64_t n = 0;
	FILE *f;

	f = fopen(path, "re");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, key, len) ||
		    (line[len] != ':' && line[len] != ' '))
			continue;
		n = strtoull(line + len + 1, NULL, 10) * scale;
		break;
	}
	fclose(f);
	return n;
}

uint64_t proc_kb(const char *path, const char *key)
{
	return keyed_number(path, key, KIB);
}

uint64_t vmstat(const char *key)
{
	return keyed_number("/proc/vmstat", key, 1);
}
