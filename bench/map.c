// SPDX-License-Identifier: GPL-2.0-only
/* ioasid-bench map: one backend, every figure. */
#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "machine.h"
#include "suite.h"
#include "util.h"

static void print(const struct suite *s, const struct machine *m)
{
	const char *answered = "";
	unsigned int i;

	for (i = 0; i < s->works && !answered[0]; i++)
		answered = suite_result(s, i, 0)->backend;
	machine_print(m, s->opt.icount);
	printf("mapped by %s (container v%d), device %s, group %d; median of %u\n",
	       answered[0] ? answered : "nobody", s->opt.version, s->bdf, s->group,
	       s->opt.repeat);
	report_print(s);
}

static int print_json(const struct suite *s, const struct machine *m)
{
	struct json j;

	json_begin(&j, stdout);
	report_json_options(s, &j);
	machine_json(m, s->opt.icount, &j);
	report_json_results(s, &j);
	return json_end(&j);
}

int command_map(int argc, char **argv)
{
	struct machine m;
	struct suite *s;
	int status;

	s = calloc(1, sizeof(*s));
	if (!s)
		return fail("out of memory"), ST_ERROR;
	status = suite_parse(s, "map", argc, argv);
	if (status < 0)
		status = suite_run(s);
	else
		goto out;
	machine_probe(&m);
	if (status == ST_OK && s->opt.json)
		status = print_json(s, &m) ? ST_ERROR : ST_OK;
	else if (status == ST_OK)
		print(s, &m);
out:
	suite_free(s);
	free(s);
	return status;
}
