// SPDX-License-Identifier: GPL-2.0-only
/* See text.h. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "text.h"

/* How far the suffix at @end shifts, or -1. */
static int suffix_shift(const char *end)
{
	static const char letters[] = "KMGT";
	const char *at;

	if (!*end)
		return 0;
	at = strchr(letters, toupper((unsigned char)*end));
	if (!at || !*at)
		return -1;
	end++;
	/* "64MiB" and "64MB" mean the same here. */
	if (*end == 'i')
		end++;
	if (*end == 'B')
		end++;
	return *end ? -1 : 10 * (int)(at - letters + 1);
}

bool parse_u64(const char *text, uint64_t *value)
{
	unsigned long long n;
	char *end;
	int shift;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	n = strtoull(text, &end, 0);
	shift = suffix_shift(end);
	if (errno || shift < 0 || n > UINT64_MAX >> shift)
		return false;
	*value = (uint64_t)n << shift;
	return true;
}

bool parse_s64(const char *text, int64_t *value)
{
	bool minus = *text == '-';
	uint64_t n;

	if (!parse_u64(text + minus, &n) || n > (uint64_t)INT64_MAX)
		return false;
	*value = minus ? -(int64_t)n : (int64_t)n;
	return true;
}

static bool plain_number(const char *text, int base, uint64_t min, uint64_t max, uint64_t *value)
{
	unsigned long long n;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	n = strtoull(text, &end, base);
	if (errno || *end || n < min || n > max)
		return false;
	*value = n;
	return true;
}

bool parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	return plain_number(text, 0, min, max, value);
}

bool parse_count(const char *text, uint64_t max, uint64_t *value)
{
	return plain_number(text, 10, 1, max, value);
}

const char *format_size_exact(uint64_t bytes, char buf[SIZE_TEXT])
{
	static const char letters[] = "KMGT";
	int i = -1;

	while (i < 3 && bytes >= 1024 && bytes % 1024 == 0) {
		bytes /= 1024;
		i++;
	}
	snprintf(buf, SIZE_TEXT, i < 0 ? "%" PRIu64 : "%" PRIu64 "%c", bytes, i < 0 ? 0 : letters[i]);
	return buf;
}

const char *format_size(uint64_t bytes, char buf[SIZE_TEXT])
{
	static const char letters[] = "KMGTPE";
	double value = (double)bytes;
	int i = -1;

	while (value >= 1024 && i < 5) {
		value /= 1024;
		i++;
	}
	if (i < 0)
		snprintf(buf, SIZE_TEXT, "%" PRIu64, bytes);
	else if (value == (double)(uint64_t)value)
		snprintf(buf, SIZE_TEXT, "%.0f%c", value, letters[i]);
	else
		snprintf(buf, SIZE_TEXT, "%.1f%c", value, letters[i]);
	return buf;
}

const char *reason_name(uint32_t reason)
{
	static const char *const names[] = {
		[IOASID_OK]		= "ok",
		[IOASID_R_ARGSZ]	= "argsz",
		[IOASID_R_FLAGS]	= "flags",
		[IOASID_R_COPY]		= "copy",
		[IOASID_R_ALIGN]	= "align",
		[IOASID_R_WRAP]		= "wrap",
		[IOASID_R_OVERLAP]	= "overlap",
		[IOASID_R_MAP_LIMIT]	= "map_limit",
		[IOASID_R_WINDOW]	= "window",
		[IOASID_R_BISECT]	= "bisect",
		[IOASID_R_PIN]		= "pin",
		[IOASID_R_MEMLOCK]	= "memlock",
		[IOASID_R_NOMEM]	= "nomem",
		[IOASID_R_IOMMU]	= "iommu",
		[IOASID_R_IOMMU_SHORT]	= "iommu_short",
		[IOASID_R_POLICY]	= "policy",
		[IOASID_R_SEALED]	= "sealed",
		[IOASID_R_DEAD]		= "dead",
		[IOASID_R_SIGNAL]	= "signal",
		[IOASID_R_NOT_MAPPED]	= "not_mapped",
		[IOASID_R_PROT]		= "prot",
		[IOASID_R_BUSY]		= "busy",
		[IOASID_R_VADDR]	= "vaddr",
		[IOASID_R_MSI]		= "msi",
		[IOASID_R_NO_MM]	= "no_mm",
		[IOASID_R_DIRTY]	= "dirty",
		[IOASID_R_BATCH]	= "batch",
		[IOASID_R_USER_LIMIT]	= "user_limit",
		[IOASID_R_ENTRY]	= "entry",
		[IOASID_R_HOLES]	= "holes",
	};

	if (reason >= sizeof(names) / sizeof(names[0]) || !names[reason])
		return "unknown";
	return names[reason];
}

const char *error_op_name(uint32_t op)
{
	static const char *const names[] = {
		[IOASID_ERROR_MAP]	= "map",
		[IOASID_ERROR_UNMAP]	= "unmap",
		[IOASID_ERROR_COPY]	= "copy",
		[IOASID_ERROR_VADDR]	= "vaddr",
		[IOASID_ERROR_OWNER]	= "owner",
		[IOASID_ERROR_DIRTY]	= "dirty",
		[IOASID_ERROR_ATTACH]	= "attach",
		[IOASID_ERROR_PIN]	= "pin",
		[IOASID_ERROR_READ]	= "read",
		[IOASID_ERROR_WRITE]	= "write",
		[IOASID_ERROR_TEARDOWN]	= "teardown",
		[IOASID_ERROR_SPACE]	= "space",
	};

	return op < sizeof(names) / sizeof(names[0]) ? names[op] : "unknown";
}

const char *exit_kind_name(uint32_t kind)
{
	switch (kind) {
	case IOASID_EXIT_NONE:
		return "load";
	case IOASID_EXIT_UNREG:
		return "unload";
	case IOASID_EXIT_REPLACED:
		return "replaced";
	case IOASID_EXIT_ERROR:
		return "error";
	case IOASID_EXIT_ERROR_RETURN:
		return "error_return";
	case IOASID_EXIT_ERROR_SLOW:
		return "error_slow";
	case IOASID_EXIT_KILLED:
		return "killed";
	case IOASID_EXIT_BPF:
		return "bpf";
	case IOASID_EXIT_ERROR_BPF:
		return "error_bpf";
	default:
		return "unknown";
	}
}

const char *change_name(uint32_t change)
{
	switch (change) {
	case IOASID_CHANGE_UNMAP:
		return "unmap";
	case IOASID_CHANGE_CLEAR:
		return "clear";
	case IOASID_CHANGE_EXIT:
		return "exit";
	case IOASID_CHANGE_OTHER:
		return "other";
	case IOASID_CHANGE_BACK:
		return "back";
	default:
		return "unknown";
	}
}

static const struct {
	const char *name;
	uint64_t bit;
} policy_flags[] = {
	{ "ACCOUNT", IOASID_POLICY_F_ACCOUNT },
	{ "FAIL_CLOSED", IOASID_POLICY_F_FAIL_CLOSED },
	{ "AUDIT", IOASID_POLICY_F_AUDIT },
	{ "BY_NAME", IOASID_POLICY_F_BY_NAME },
	{ "BEFORE", IOASID_POLICY_F_BEFORE },
	{ "TIMES", IOASID_POLICY_F_TIMES },
};

#define NR_POLICY_FLAGS	(sizeof(policy_flags) / sizeof(policy_flags[0]))

uint64_t policy_flag(const char *name)
{
	for (size_t i = 0; i < NR_POLICY_FLAGS; i++)
		if (!strcasecmp(name, policy_flags[i].name))
			return policy_flags[i].bit;
	return 0;
}

const char *policy_flags_text(uint64_t flags, char *buf, size_t size)
{
	size_t used = 0;

	snprintf(buf, size, "none");
	for (size_t i = 0; i < NR_POLICY_FLAGS && used < size; i++) {
		if (!(flags & policy_flags[i].bit))
			continue;
		used += (size_t)snprintf(buf + used, size - used, "%s%s", used ? "|" : "",
					 policy_flags[i].name);
		flags &= ~policy_flags[i].bit;
	}
	if (flags && used < size)
		snprintf(buf + used, size - used, "%s0x%llx", used ? "|" : "",
			 (unsigned long long)flags);
	return buf;
}

const char *errno_name(int err, char buf[16])
{
	const char *name = strerrorname_np(err);

	if (name)
		snprintf(buf, 16, "%s", name);
	else
		snprintf(buf, 16, "%d", err);
	return buf;
}
