/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Being a user that limits are for, and what the kernel counts for each user.
 */
#ifndef IOASID_TEST_USERS_H
#define IOASID_TEST_USERS_H

#include "lib/ioasid.h"

#define USERS_FILE	"/sys/kernel/debug/ioasid/users"
#define PARAMETERS	"/sys/module/ioasid/parameters/"

/* Two users that nothing else on the machine is. */
#define ALICE	61001
#define BOB	61002

struct user_counts {
	long spaces;
	long mappings;
	int lines;		/* 1: the user is listed */
};

/* What @uid has, or with -1 what all users have together. */
static inline struct user_counts user_counts(int uid)
{
	FILE *file = fopen(USERS_FILE, "re");
	struct user_counts n = {};
	long spaces, mappings;
	char line[128];
	int id;

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%d %ld %ld", &id, &spaces, &mappings) != 3 ||
		    (uid >= 0 && id != uid))
			continue;
		n.spaces += spaces;
		n.mappings += mappings;
		n.lines++;
	}
	if (file)
		fclose(file);
	return n;
}

/* From now on the caller is @uid; it keeps root's rights, to read the counts. */
static inline bool user_become(int uid)
{
	return !setresuid(uid, 0, 0);
}

/* Whether limits per user hold for the caller (CAP_SYS_RESOURCE). */
static inline bool user_bound(bool bound)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	uint32_t bit = 1U << CAP_SYS_RESOURCE;

	if (syscall(SYS_capget, &head, data))
		return false;
	data[0].effective = bound ? data[0].effective & ~bit : data[0].effective | bit;
	return !syscall(SYS_capset, &head, data);
}

static inline bool user_limit(const char *parameter, unsigned int value)
{
	char path[128], text[16];

	snprintf(path, sizeof(path), PARAMETERS "%s", parameter);
	snprintf(text, sizeof(text), "%u", value);
	return file_write(path, text);
}

/* As the module is loaded. */
static inline bool user_limits_reset(void)
{
	return user_limit("user_spaces", 8192) && user_limit("user_mappings", 262144);
}

/* A reserved page of the test module: a mapping of it charges no page. */
static inline void *user_reserved(void)
{
	int module = open("/dev/ioasid_kapi", O_RDWR | O_CLOEXEC);
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, module, 0);

	close(module);
	return page;
}

#define USER_READ	(IOASID_MAP_FLAG_READ | IOASID_MAP_FLAG_FIXED_IOVA)

#endif
