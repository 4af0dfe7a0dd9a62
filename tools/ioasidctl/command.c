// SPDX-License-Identifier: GPL-2.0-only
/* What all commands share: the options, and tables in which a command is found or listed. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"

struct ctl ctl;

void list_commands(const struct command *table, const char *noun)
{
	char line[128];

	for (; table->name; table++) {
		snprintf(line, sizeof(line), "%s %s %s", noun, table->name, table->args);
		if (strlen(line) > 36)
			printf("  %s\n  %-36s %s\n", line, "", table->help);
		else
			printf("  %-36s %s\n", line, table->help);
	}
}

int usage_error(const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	fail("%s (see 'ioasidctl help')", line);
	return CTL_USAGE;
}

int run_command(const struct command *table, const char *noun, int argc, char **argv)
{
	char name[64];

	if (!argc)
		return usage_error("%s needs a command", noun ? noun : "ioasidctl");
	snprintf(name, sizeof(name), "%s%s%s", noun ? noun : "", noun ? " " : "", argv[0]);
	for (; table->name; table++) {
		if (strcmp(table->name, argv[0]))
			continue;
		if (table->nr == ANY_WORDS || table->nr == argc - 1)
			return table->run(argc - 1, argv + 1);
		return usage_error("usage: ioasidctl %s%s%s", name, table->nr ? " " : "",
				   table->args);
	}
	return usage_error("'%s' is not a command", name);
}
