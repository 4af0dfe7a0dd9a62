// SPDX-License-Identifier: GPL-2.0-only
/* ioasid-bench map: one backend, every figure. */
#include <stdio.h>

#include "commands.h"
#include "machine.h"
#include "series.h"
#include "util.h"

static void print(const struct series *s, const struct machine *m)
{
	const char *answered = "";
	unsigned int i;

	for (i = 0; i < s->works && !answered[0]; i++)
		answered = series_result(s, i, 0)->backend;
	machine_print(m, s->opt.icount);
	printf("mapped by %s (container v%d), device %s, group %d; median of %u\n",
	       answered[0] ? answered : "nobody", s->opt.version, s->bdf, s->group,
	       s->opt.repeat);
	report_print(s);
}

static int print_json(const struct series *s, const struct machine *m)
{
	struct json j;

	results_begin(&j);
	report_json_options(s, &j);
	machine_json(m, s->opt.icount, &j);
	report_json_results(s, &j);
	return results_end(&j);
}

int command_map(int argc, char **argv)
{
	return series_command("map", argc, argv, print, print_json);
}
