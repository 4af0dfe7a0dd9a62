/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a disk is known to hold: an image of it, or a file of checksums that
 * 'ioasid-bench checksum' made by reading it through the kernel's driver.
 *
 * The checksum file is text: a line that names the format, "key value" lines,
 * the line "data", one CRC-32C per chunk in hex, and a last line "end" with
 * the CRC-32C of all the CRCs (little-endian, 4 bytes each), so that a file
 * cut short is noticed.
 */
#ifndef BENCH_VERIFY_H
#define BENCH_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHECKSUM_MAGIC "ioasid-bench-checksum 1"

struct known {
	const char *path;
	uint64_t bytes;			/* how much of the disk is known */
	uint64_t chunk;			/* smallest piece that can be checked */
	char serial[24];		/* of the disk; "" when not recorded */
	uint32_t *crc;			/* one per chunk, or NULL: an image */
	const unsigned char *image;
};

/* 0, or -1 with a line printed. */
int known_open_checksums(struct known *k, const char *path);
int known_open_image(struct known *k, const char *path);
void known_close(struct known *k);

/**
 * known_check() - compare @len bytes read from @offset of the disk
 *
 * @offset is a multiple of the chunk; so is @len, but at the end of what is
 * known. Safe in several threads.
 *
 * Return: the offset of the first chunk or byte that differs, UINT64_MAX
 * when there is none.
 */
uint64_t known_check(const struct known *k, uint64_t offset, const void *data, size_t len);

#endif
