// SPDX-License-Identifier: GPL-2.0-only
/* See say.h. */
#include <stdarg.h>
#include <stdio.h>

#include "json.h"
#include "say.h"
#include "untrusted.h"

static const char *program = "ioasid";
static bool as_json;
static bool only_first, failed;
static void (*before_line)(void);

void say_setup(const char *name, bool json)
{
	program = name;
	as_json = json;
}

void say_once(void (*before)(void))
{
	only_first = true;
	before_line = before;
}

/* For machines it is an object with the one member @key. */
static void say(const char *key, const char *fmt, va_list ap)
{
	char line[1024];
	struct json j;

	vsnprintf(line, sizeof(line), fmt, ap);
	if (before_line)
		before_line();
	fflush(stdout);
	if (!as_json) {
		fprintf(stderr, "%s: %s\n", program, shown(line));
		return;
	}
	json_init(&j, stderr, false);
	json_object(&j, NULL);
	json_str(&j, key, line);
	json_object_end(&j);
	json_end_line(&j);
}

int fail(const char *fmt, ...)
{
	va_list ap;

	if (__atomic_exchange_n(&failed, true, __ATOMIC_RELAXED) && only_first)
		return -1;
	va_start(ap, fmt);
	say("error", fmt, ap);
	va_end(ap);
	return -1;
}

void warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("warning", fmt, ap);
	va_end(ap);
}

void note(const char *fmt, ...)
{
	va_list ap;

	if (as_json)
		return;
	va_start(ap, fmt);
	say("note", fmt, ap);
	va_end(ap);
}
