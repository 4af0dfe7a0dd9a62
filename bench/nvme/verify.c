// SPDX-License-Identifier: GPL-2.0-only
/* Comparing what was read with what is known. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nvme/crc32c.h"
#include "util.h"
#include "nvme/verify.h"

/* "key value" lines up to "data". */
static int read_header(struct known *k, FILE *f)
{
	char line[256], value[64];

	if (!fgets(line, sizeof(line), f) || strcmp(line, CHECKSUM_MAGIC "\n"))
		return fail("%s is not a checksum file: make one with 'ioasid-bench checksum /dev/nvmeXn1 > FILE', or use --image for a raw image",
			    k->path);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strcmp(line, "data"))
			break;
		if (sscanf(line, "bytes %63s", value) == 1)
			parse_number(value, 1, UINT64_MAX, &k->bytes);
		else if (sscanf(line, "chunk %63s", value) == 1)
			parse_number(value, 512, GIB, &k->chunk);
		else if (!strncmp(line, "serial ", 7))
			snprintf(k->serial, sizeof(k->serial), "%.20s", line + 7);
	}
	if (!k->bytes || !k->chunk || k->chunk % 512)
		return fail("%s is damaged: its header does not say how many bytes in which chunks",
			    k->path);
	return 0;
}

static int read_sums(struct known *k, FILE *f)
{
	uint64_t chunks = DIV_ROUND_UP(k->bytes, k->chunk), i;
	uint32_t all = 0, le, end;
	char line[32];

	k->crc = calloc(chunks, sizeof(*k->crc));
	if (!k->crc)
		return fail("out of memory for %llu checksums: make the file with a bigger --chunk",
			    (unsigned long long)chunks);
	for (i = 0; i < chunks; i++) {
		if (!fgets(line, sizeof(line), f) || sscanf(line, "%8x", &k->crc[i]) != 1)
			return fail("%s is cut short: make it again with 'ioasid-bench checksum'",
				    k->path);
		le = htole32(k->crc[i]);
		all = crc32c(all, &le, sizeof(le));
	}
	if (!fgets(line, sizeof(line), f) || sscanf(line, "end %8x", &end) != 1 || end != all)
		return fail("%s is damaged: make it again with 'ioasid-bench checksum'", k->path);
	return 0;
}

int known_open_checksums(struct known *k, const char *path)
{
	FILE *f;
	int err;

	memset(k, 0, sizeof(*k));
	k->path = path;
	f = fopen(path, "re");
	if (!f)
		return fail("cannot open %s: %s", path, strerror(errno));
	err = read_header(k, f);
	if (!err)
		err = read_sums(k, f);
	fclose(f);
	if (err)
		known_close(k);
	return err;
}

int known_open_image(struct known *k, const char *path)
{
	struct stat st;
	void *p;
	int fd;

	memset(k, 0, sizeof(*k));
	k->path = path;
	k->chunk = 1;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st)) {
		fail("cannot open %s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	k->bytes = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	p = k->bytes ? mmap(NULL, k->bytes, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
	close(fd);
	if (p == MAP_FAILED)
		return fail("cannot use %s as an image: it must be a regular file that is not empty",
			    path);
	k->image = p;
	return 0;
}

void known_close(struct known *k)
{
	free(k->crc);
	if (k->image)
		munmap((void *)(uintptr_t)k->image, k->bytes);
	k->crc = NULL;
	k->image = NULL;
}

static uint64_t check_image(const struct known *k, uint64_t offset, const unsigned char *data,
			    size_t len)
{
	size_t i;

	if (!memcmp(k->image + offset, data, len))
		return UINT64_MAX;
	for (i = 0; i < len && k->image[offset + i] == data[i]; i++)
		;
	return offset + i;
}

uint64_t known_check(const struct known *k, uint64_t offset, const void *data, size_t len)
{
	size_t at, n;

	if (k->image)
		return check_image(k, offset, data, len);
	for (at = 0; at < len; at += n) {
		n = MIN(len - at, k->chunk);
		if (crc32c(0, (const char *)data + at, n) != k->crc[(offset + at) / k->chunk])
			return offset + at;
	}
	return UINT64_MAX;
}
