// SPDX-License-Identifier: GPL-2.0-only
/* See metrics_text.h. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "../lib/untrusted.h"
#include "metrics_text.h"

static FILE *out;
static bool openmetrics;

/* The family that was begun, as its samples are named. */
static char sample_name[128];
static const char *family_name;

void metrics_begin(FILE *to, bool as_openmetrics)
{
	out = to;
	openmetrics = as_openmetrics;
}

void metrics_end(void)
{
	if (openmetrics)
		fputs("# EOF\n", out);
}

void metrics_family(const char *name, enum metrics_type type, const char *unit, const char *help)
{
	static const char *const suffixes[] = { [COUNTER] = "_total", [INFO] = "_info",
						[GAUGE] = "", [HISTOGRAM] = "" };
	static const char *const types[] = { [COUNTER] = "counter", [INFO] = "info",
					     [GAUGE] = "gauge", [HISTOGRAM] = "histogram" };

	snprintf(sample_name, sizeof(sample_name), "%s%s", name, suffixes[type]);
	family_name = name;
	if (openmetrics) {
		fprintf(out, "# TYPE %s %s\n", name, types[type]);
		if (unit)
			fprintf(out, "# UNIT %s %s\n", name, unit);
		fprintf(out, "# HELP %s %s\n", name, help);
	} else {
		fprintf(out, "# HELP %s %s\n", sample_name, help);
		fprintf(out, "# TYPE %s %s\n", sample_name, type == INFO ? "gauge" : types[type]);
	}
}

static void label(const char *name, const char *value, bool first)
{
	size_t left = strlen(value), n;
	char text[UNTRUSTED_CHAR];

	fprintf(out, "%s%s=\"", first ? "{" : ",", name);
	for (; left; value += n, left -= n) {
		n = untrusted_char(value, left, UNTRUSTED_LABEL, text);
		fputs(text, out);
	}
	fputc('"', out);
}

void metrics_sample(uint64_t value, ...)
{
	const char *name;
	bool first = true;
	va_list ap;

	fputs(sample_name, out);
	va_start(ap, value);
	while ((name = va_arg(ap, const char *))) {
		label(name, va_arg(ap, const char *), first);
		first = false;
	}
	va_end(ap);
	fprintf(out, "%s %" PRIu64 "\n", first ? "" : "}", value);
}

void metrics_plain(const char *name, enum metrics_type type, const char *unit, const char *help,
		   uint64_t value)
{
	metrics_family(name, type, unit, help);
	metrics_sample(value, NULL);
}

void metrics_histogram(const char *phase, const struct metrics_bucket *buckets, int n,
		       uint64_t count, double sum)
{
	for (int i = 0; i < n; i++)
		fprintf(out, "%s_bucket{phase=\"%s\",le=\"%.9g\"} %" PRIu64 "\n", family_name, phase,
			buckets[i].le, buckets[i].count);
	fprintf(out, "%s_bucket{phase=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", family_name, phase, count);
	fprintf(out, "%s_sum{phase=\"%s\"} %.9f\n", family_name, phase, sum);
	fprintf(out, "%s_count{phase=\"%s\"} %" PRIu64 "\n", family_name, phase, count);
}
