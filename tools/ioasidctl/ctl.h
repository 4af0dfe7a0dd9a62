/* SPDX-License-Identifier: GPL-2.0-only */
/* What the commands of ioasidctl share. */
#ifndef IOASIDCTL_H
#define IOASIDCTL_H

#include <stdbool.h>

#include "../lib/json.h"
#include "../lib/say.h"

#define CTL_USAGE	(-2)	/* what a command returns for a wrong command line */

#define SETTINGS_MAX	32

struct ctl {
	bool json;		/* -j or -p */
	bool debug;
	const char *pin;	/* for policy load */
	const char *settings[SETTINGS_MAX];	/* for policy load and replace */
	int nr_settings;
	struct json j;
};

extern struct ctl ctl;

/*
 * One command: @run gets the @nr words that follow its name, the options apart.
 * Returns 0, -1 or CTL_USAGE. A table of sub-commands takes any number of words.
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
int cmd_policy(int argc, char **argv);
int cmd_pincg(int argc, char **argv);

extern const struct command policy_commands[];
extern const struct command pincg_commands[];

/* A policy as sysfs tells of it, to everybody. */
struct policy_state {
	char name[64];
	char state[24];
	char hooks[256];
	char exit_kind[64], exit_hook[32], exit_value[32], exit_msg[128];
	unsigned long long id, flags, calls, denied;
};

int read_policies(struct policy_state **list);

#endif
