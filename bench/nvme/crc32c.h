/* SPDX-License-Identifier: GPL-2.0-only */
/* CRC-32C (Castagnoli), the checksum of iSCSI, ext4 and NVMe metadata. */
#ifndef BENCH_CRC32C_H
#define BENCH_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* CRC of @len bytes; @crc is that of the bytes before them, 0 at the start. */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

#endif
