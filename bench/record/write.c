// SPDX-License-Identifier: GPL-2.0-only
/* A record as JSON; read.c knows the same fields. */
#include <string.h>

#include "record/record.h"
#include "replace.h"
#include "util.h"

static void facts_json(struct json *j, const struct record *r)
{
	size_t i;

	json_object(j, "facts");
	for (i = 0; i < r->facts; i++) {
		if (!i || strcmp(r->fact[i].group, r->fact[i - 1].group)) {
			if (i)
				json_object_end(j);
			json_object(j, r->fact[i].group);
		}
		json_str(j, r->fact[i].name, r->fact[i].value);
	}
	if (r->facts)
		json_object_end(j);
	json_object_end(j);
}

static void row_json(struct json *j, const struct row *row)
{
	size_t i;

	json_object(j, NULL);
	json_str(j, "workload", row->workload);
	json_str(j, "memory", row->memory);
	json_u64(j, "threads", row->threads);
	json_str(j, "backend", row->backend);
	json_str(j, "answered_by", row->answered_by);
	json_str(j, "measure", row->measure);
	json_str(j, "unit", row->unit);
	json_str(j, "better", row->more_is_better ? "more" : "less");
	json_array(j, "repetitions");
	for (i = 0; i < row->values; i++)
		json_num(j, NULL, row->value[i]);
	json_array_end(j);
	json_num(j, "median", row->mid.median);
	if (row_has_interval(row)) {
		json_object(j, "interval");
		json_num(j, "low", row->mid.low);
		json_num(j, "high", row->mid.high);
		json_num(j, "coverage", row->mid.coverage);
		json_object_end(j);
	}
	json_object_end(j);
}

int record_write(const struct record *r, const char *file)
{
	struct whole out;
	struct json j;
	size_t i;

	whole_begin(&out);
	if (out.f) {
		json_init(&j, out.f, true);
		json_object(&j, NULL);
		json_str(&j, "format", RECORD_FORMAT);
		json_u64(&j, "version", RECORD_VERSION);
		json_str(&j, "program", r->program);
		json_str(&j, "taken", r->taken);
		facts_json(&j, r);
		json_array(&j, "rows");
		for (i = 0; i < r->rows; i++)
			row_json(&j, &r->row[i]);
		json_array_end(&j);
		json_array(&j, "missing");
		for (i = 0; i < r->missings; i++) {
			json_object(&j, NULL);
			json_str(&j, "what", r->missing[i].what);
			json_str(&j, "why", r->missing[i].why);
			json_object_end(&j);
		}
		json_array_end(&j);
		json_object_end(&j);
		json_end_line(&j);
	}
	return whole_end(&out, "write the record", file, 0644);
}
