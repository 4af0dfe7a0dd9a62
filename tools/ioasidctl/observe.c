// SPDX-License-Identifier: GPL-2.0-only
/*
 * 'ioasidctl top', 'lat' and so on: the observers, which are programs of their
 * own; and 'ioasidctl stats on', which leaves one of them counting.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/counting.h"
#include "../lib/counts.h"
#include "../lib/sysfs.h"
#include "ctl.h"

#define WORDS_MAX	64

int run_observer(const char *program, int argc, char **argv)
{
	char *words[WORDS_MAX + 3] = { (char *)program }, path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 32);
	int n = 1;

	if (ctl.json)
		words[n++] = "--json";
	for (int i = 0; i < argc && i < WORDS_MAX; i++)
		words[n++] = argv[i];
	/*
	 * Beside this program, else wherever the shell would find it. A file that is there and
	 * is no program is an error: execvp() would have a shell read it.
	 */
	if (len > 0) {
		path[len] = 0;
		snprintf(strrchr(path, '/') + 1, 32, "%s", program);
		execv(path, words);
		if (errno != ENOENT)
			return fail("cannot run %s: %s: install ioasid's tools again", path, strerror(errno));
	}
	execvp(program, words);
	return fail("cannot run %s: %s: is it installed?", program, strerror(errno));
}

static int say_state(const char *state)
{
	if (ctl.json) {
		json_object(&ctl.j, NULL);
		json_str(&ctl.j, "counting", state);
		json_object_end(&ctl.j);
		json_end_line(&ctl.j);
	} else {
		printf("counting is %s\n", state);
	}
	return 0;
}

static int stats_on(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	if (need_admin("counting") || need_module() || counting_start())
		return -1;
	return say_state("on");
}

static int stats_off(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	if (need_admin("counting") || counting_stop())
		return -1;
	return say_state("off");
}

static int stats_total(int argc, char **argv)
{
	struct stat_counts counts;
	struct json text;
	int map, err;

	(void)argc;
	(void)argv;
	if (need_admin("reading counters"))
		return -1;
	map = counting_map("counts");
	if (map < 0)
		return fail("nothing is being counted: run 'ioasidctl stats on' first");
	err = counts_read(map, &counts);
	close(map);
	if (err)
		return fail("cannot read the counters: %s", strerror(errno));
	/* A list of names and numbers reads as well as any table. */
	json_init(&text, stdout, true);
	json_object(ctl.json ? &ctl.j : &text, NULL);
	counts_json(ctl.json ? &ctl.j : &text, &counts);
	json_object_end(ctl.json ? &ctl.j : &text);
	json_end_line(ctl.json ? &ctl.j : &text);
	return 0;
}

const struct command stats_commands[] = {
	{ "on", stats_on, 0, "", "count from now on, in the background" },
	{ "off", stats_off, 0, "", "stop counting" },
	{ "total", stats_total, 0, "", "what was counted since then" },
	{ NULL, NULL, 0, NULL, NULL }
};

int cmd_stats(int argc, char **argv)
{
	return run_command(stats_commands, "stats", argc, argv);
}
