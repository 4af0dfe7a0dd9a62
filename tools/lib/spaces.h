/* SPDX-License-Identifier: GPL-2.0-only */
/* The address spaces there are, as debugfs tells of them. */
#ifndef IOASID_LIB_SPACES_H
#define IOASID_LIB_SPACES_H

#include <stdbool.h>
#include <stdint.h>

struct space {
	unsigned int id;
	char kind[24];
	unsigned int owner;	/* a pid; another process may have it when @exited */
	bool exited;
	char comm[64];
	unsigned long long maps, mapped, pinned, charged, holes, domains, groups, avail;
	int sealed;	/* what every map fails with: a negative errno, or 0 */
};

/* Is it of that process? Not of one that has only got the pid of an owner that has exited. */
static inline bool space_is_of(const struct space *s, unsigned int pid)
{
	return s->owner == pid && !s->exited;
}

/* Returns their number, or -1 with errno set when the file cannot be read. */
int read_spaces(struct space **list);

/* What is counted for a user, see "Limits of one user" in docs/install.md. */
struct user_count {
	unsigned int uid;
	unsigned long long spaces, mappings;
};

/* Likewise: every user who has an address space of /dev/ioasid. */
int read_users(struct user_count **list);

/* What so many pages of this machine are. */
uint64_t page_bytes(uint64_t pages);

/* Says why it cannot. Returns -1. */
int need_spaces(void);

#endif
