/* SPDX-License-Identifier: GPL-2.0-only */
/* What the commands of ioasidctl share. */
#ifndef IOASIDCTL_H
#define IOASIDCTL_H

#include <stdbool.h>
#include <stdint.h>

#include "../lib/json.h"
#include "../lib/say.h"

/* What a command returns beside 0 and -1. */
#define CTL_USAGE	(-2)	/* the command line is wrong */
#define CTL_BAD		(-3)	/* it worked, and what it found is bad */

#define SETTINGS_MAX	32

struct ctl {
	bool json;		/* -j or -p */
	bool debug;
	const char *pin;	/* for policy load */
	const char *output;	/* for metrics and report */
	const char *format;	/* for metrics */
	bool processes;
	const char *settings[SETTINGS_MAX];	/* for policy load and replace */
	int nr_settings;
	struct json j;
};

extern struct ctl ctl;

/*
 * One command: @run gets the @nr words that follow its name, the options apart.
 * Returns 0, -1, CTL_USAGE or CTL_BAD. A table of sub-commands takes any number of words.
 */
#define ANY_WORDS	(-1)

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	int nr;
	const char *args;
	const char *help;
};

/* Runs the command of a table that argv[0] names; the table ends with NULL. */
int run_command(const struct command *table, const char *noun, int argc, char **argv);
/* A line for every command of a table. */
void list_commands(const struct command *table, const char *noun);
/* "usage: ..." for a command line that lacks something or has too much. */
int usage_error(const char *fmt, ...) PRINTF_LIKE(1, 2);

int cmd_status(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_stale(int argc, char **argv);
int cmd_policy(int argc, char **argv);
int cmd_pincg(int argc, char **argv);
int cmd_stats(int argc, char **argv);
int cmd_metrics(int argc, char **argv);
int cmd_holders(int argc, char **argv);
int cmd_feature(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_report(int argc, char **argv);

/* The IOMMU driver of a new stock container, and how to get ioasid; "" if it is ioasid. */
const char *new_containers(void);
const char *new_containers_remedy(const char *backend);

extern const struct command policy_commands[];
extern const struct command pincg_commands[];
extern const struct command stats_commands[];

/* Becomes an observer, with these words after its name. Returns only to fail. */
int run_observer(const char *program, int argc, char **argv);

/* A policy as sysfs shows it, to every user. */
struct policy_state {
	char name[64];
	char state[24];
	char hooks[256];
	char exit_kind[64], exit_hook[32], exit_value[32], exit_msg[128];
	unsigned long long id, flags, calls, denied;
};

int read_policies(struct policy_state **list);

/*
 * What pincg knows of each cgroup, by its path; @limit is in bytes, UINT64_MAX
 * for none of its own. Nothing is called when it is not loaded.
 */
struct pincg_usage {
	uint64_t used, own, peak, denied, limit;
};

void pincg_each(void (*each)(const char *cgroup, const struct pincg_usage *usage));

/*
 * Slots of pincg, those that cannot be given to another cgroup, and charges that
 * were refused because there was none. false when pincg is not loaded.
 */
struct pincg_room {
	uint64_t slots, used, refused;
};

bool pincg_slots(struct pincg_room *room);

#endif
