// SPDX-License-Identifier: GPL-2.0-only
/* ioasid-bench checksum: what a disk holds, read through the kernel. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "commands.h"
#include "nvme/crc32c.h"
#include "progress.h"
#include "util.h"
#include "nvme/verify.h"

#define READ_SIZE MIB

struct source {
	const char *path;
	int fd;
	uint64_t bytes;
	char serial[24];
};

static void help(void)
{
	puts("usage: ioasid-bench checksum [option...] FILE > CHECKSUMS\n"
	     "Reads a disk (or an image of one) through the kernel and prints one CRC-32C per\n"
	     "chunk, for 'ioasid-bench nvme --verify CHECKSUMS'.\n"
	     "\n"
	     "  -c, --chunk SIZE   bytes per checksum, a multiple of 512 (default 4K); 'nvme'\n"
	     "                     reads in multiples of it\n"
	     "  -s, --size SIZE    only the first SIZE bytes\n"
	     "  -h, --help\n"
	     "\n"
	     "Examples:\n"
	     "  ioasid-bench checksum /dev/nvme0n1 > disk.sum\n"
	     "  ioasid-bench checksum --size 4G --chunk 64K /dev/nvme1n1 > disk.sum");
}

/* The serial number tells whether the right disk is compared later on. */
static void read_serial(struct source *s, const struct stat *st)
{
	char path[128];
	size_t len;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/device/serial",
		 major(st->st_rdev), minor(st->st_rdev));
	if (read_line(path, s->serial, sizeof(s->serial)))
		s->serial[0] = '\0';
	len = strlen(s->serial);
	while (len && s->serial[len - 1] == ' ')
		s->serial[--len] = '\0';
}

static int open_source(struct source *s)
{
	struct stat st;

	/* Past the page cache: what the disk holds, not what memory remembers. */
	s->fd = open(s->path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (s->fd < 0 && errno == EINVAL)
		s->fd = open(s->path, O_RDONLY | O_CLOEXEC);
	if (s->fd < 0 || fstat(s->fd, &st))
		return fail("cannot open %s: %s%s", s->path, strerror(errno),
			    errno == EACCES ? " (run as root)" : "");
	if (S_ISBLK(st.st_mode)) {
		if (ioctl(s->fd, BLKGETSIZE64, &s->bytes))
			return fail("cannot get the size of %s: %s", s->path, strerror(errno));
		read_serial(s, &st);
	} else if (S_ISREG(st.st_mode)) {
		s->bytes = (uint64_t)st.st_size;
	} else {
		return fail("%s is neither a block device nor a file: use /dev/nvmeXn1 or an image",
			    s->path);
	}
	if (!s->bytes)
		return fail("%s is empty", s->path);
	return 0;
}

/* Fill @buf but at the end of the source; the count or -1. */
static ssize_t read_full(const struct source *s, char *buf, size_t want, uint64_t offset)
{
	size_t have = 0;
	ssize_t n;

	while (have < want) {
		/* The last, odd piece of a file does not go past the cache. */
		n = pread(s->fd, buf + have, want - have, (off_t)(offset + have));
		if (n < 0 && errno == EINVAL && !fcntl(s->fd, F_SETFL, 0))
			continue;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail("cannot read %s at %llu: %s", s->path,
				    (unsigned long long)(offset + have), strerror(errno));
		if (!n)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

static void print_chunk(uint32_t crc, uint32_t *all)
{
	uint32_t le = htole32(crc);

	printf("%08x\n", crc);
	*all = crc32c(*all, &le, sizeof(le));
}

static int print_sums(const struct source *s, uint64_t chunk, char *buf)
{
	uint64_t offset, want, used, n;
	uint32_t crc = 0, all = 0;
	uint64_t in_chunk = 0;
	ssize_t got;

	for (offset = 0; offset < s->bytes; offset += (uint64_t)got) {
		want = MIN(READ_SIZE, s->bytes - offset);
		/* Whole sectors for O_DIRECT; what lies beyond is not used. */
		got = read_full(s, buf, ROUND_UP(want, 4096), offset);
		if (got < 0)
			return -1;
		if ((uint64_t)got < want)
			return fail("%s got shorter while it was read", s->path);
		got = (ssize_t)want;
		for (used = 0; used < want; used += n) {
			n = MIN(want - used, chunk - in_chunk);
			crc = crc32c(crc, buf + used, n);
			in_chunk += n;
			if (in_chunk < chunk)
				continue;
			print_chunk(crc, &all);
			crc = 0;
			in_chunk = 0;
		}
		progress_step(offset, s->bytes);
	}
	if (in_chunk)
		print_chunk(crc, &all);
	printf("end %08x\n", all);
	return 0;
}

static int checksum(struct source *s, uint64_t chunk, uint64_t limit)
{
	void *buf;
	int err;

	if (open_source(s))
		return -1;
	if (limit)
		s->bytes = MIN(s->bytes, limit);
	if (posix_memalign(&buf, 4096, READ_SIZE))
		return fail("out of memory");
	printf(CHECKSUM_MAGIC "\nalgorithm crc32c\nchunk %llu\nbytes %llu\nsource %s\n",
	       (unsigned long long)chunk, (unsigned long long)s->bytes, s->path);
	if (s->serial[0])
		printf("serial %s\n", s->serial);
	puts("data");
	progress_begin("reading %s", s->path);
	err = print_sums(s, chunk, buf);
	progress_end();
	free(buf);
	if (!err && (fflush(stdout) || ferror(stdout)))
		return fail("cannot write the checksums: %s", strerror(errno));
	return err;
}

int command_checksum(int argc, char **argv)
{
	static const struct option options[] = {
		{ "chunk", required_argument, NULL, 'c' },
		{ "size", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t chunk = PAGE_4K, limit = 0;
	struct source s = { .fd = -1 };
	int c, err;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":c:s:h", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			if (parse_size(optarg, &chunk) || chunk % 512 || chunk > GIB)
				return usage("checksum", "--chunk needs a multiple of 512 up to 1G, not '%s'",
					     optarg);
			break;
		case 's':
			if (parse_size(optarg, &limit) || limit % 512)
				return usage("checksum", "--size needs a multiple of 512 such as 4G, not '%s'",
					     optarg);
			break;
		case 'h':
			help();
			return ST_OK;
		case ':':
			return usage("checksum", "'%s' needs a value", argv[optind - 1]);
		default:
			return usage("checksum", "unknown option '%s'", argv[optind - 1]);
		}
	}
	if (argc - optind != 1)
		return usage("checksum", "name one disk or image");
	s.path = argv[optind];
	err = checksum(&s, chunk, limit);
	if (s.fd >= 0)
		close(s.fd);
	return err ? ST_ERROR : ST_OK;
}
