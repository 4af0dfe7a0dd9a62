/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers and names, from text and to text. What cannot be parsed leaves *value as it was. */
#ifndef IOASID_LIB_TEXT_H
#define IOASID_LIB_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "4096", "0x1000", "-1", "64M": with a suffix of K, M, G or T in binary units. */
bool parse_u64(const char *text, uint64_t *value);
bool parse_s64(const char *text, int64_t *value);
/* The same, between @min and @max, without suffix. */
bool parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *value);
/* A plain decimal number from 1 to @max, for options. */
bool parse_count(const char *text, uint64_t max, uint64_t *value);

/* "64M", "1.5M"; format_size_exact() says "1536K" or bytes where "1.5M" may be rounded. */
#define SIZE_TEXT	24
const char *format_size_exact(uint64_t bytes, char buf[SIZE_TEXT]);
const char *format_size(uint64_t bytes, char buf[SIZE_TEXT]);

/* Names of the numbers in include/ioasid/policy.h, as the trace events print them. */
const char *reason_name(uint32_t reason);
const char *error_op_name(uint32_t op);
const char *exit_kind_name(uint32_t kind);
const char *change_name(uint32_t change);

/* A flag of a policy by its name, without the prefix; 0 if there is none. */
uint64_t policy_flag(const char *name);
/* "ACCOUNT|FAIL_CLOSED", or "none". */
const char *policy_flags_text(uint64_t flags, char *buf, size_t size);

/* "EPERM" for 1; the number as text if it has no name. */
const char *errno_name(int err, char buf[16]);

#endif
