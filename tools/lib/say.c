// SPDX-License-Identifier: GPL-2.0-only
/* See say.h. */
#include <stdarg.h>
#include <stdio.h>

#include "json.h"
#include "say.h"

static const char *program = "ioasid";
static bool as_json;

void say_setup(const char *name, bool json)
{
	program = name;
	as_json = json;
}

int fail(const char *fmt, ...)
{
	char line[1024];
	struct json j;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);

	fflush(stdout);
	if (!as_json) {
		fprintf(stderr, "%s: %s\n", program, line);
		return -1;
	}
	json_init(&j, stderr, false);
	json_object(&j, NULL);
	json_str(&j, "error", line);
	json_object_end(&j);
	json_end_line(&j);
	return -1;
}

void note(const char *fmt, ...)
{
	va_list ap;

	if (as_json)
		return;
	fflush(stdout);
	fprintf(stderr, "%s: ", program);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}
