// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs as text, for people and to be run again: a line of what concerns
 * the whole, then one line for each call.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "fuzz/fuzz.h"

bool fuzz_print(const struct fuzz_program *p, const char *path)
{
	FILE *file = fopen(path, "we");
	unsigned int i, j;
	int bad;

	if (!file)
		return false;
	fprintf(file, "program %" PRIu64 " kill_ms %u rights %u first %u\n", p->number,
		p->kill_ms, p->rights, p->first);
	for (i = 0; i < p->ncalls; i++) {
		const struct fuzz_call *c = &p->calls[i];

		fprintf(file, "%u %s", c->thread, fuzz_kinds[c->kind].name);
		for (j = 0; j < FUZZ_ARGS; j++)
			fprintf(file, " 0x%" PRIx64, c->a[j]);
		fprintf(file, c->nth ? " fail %u\n" : "\n", c->nth);
	}
	/* The machine may be gone the next moment. */
	bad = fflush(file) || fsync(fileno(file));
	return !fclose(file) && !bad;
}

static bool parse_call(struct fuzz_call *c, const char *line)
{
	unsigned int thread, nth = 0, i;
	char kind[32];
	int fields;

	memset(c, 0, sizeof(*c));
	fields = sscanf(line, "%u %31s 0x%" SCNx64 " 0x%" SCNx64 " 0x%" SCNx64 " 0x%" SCNx64
			" 0x%" SCNx64 " 0x%" SCNx64 " fail %u", &thread, kind, &c->a[0], &c->a[1],
			&c->a[2], &c->a[3], &c->a[4], &c->a[5], &nth);
	if (fields < 2 + FUZZ_ARGS || thread > FUZZ_OUTSIDE)
		return false;
	for (i = 0; i < fuzz_nkinds && strcmp(fuzz_kinds[i].name, kind); i++)
		;
	c->kind = i;
	c->thread = thread;
	c->nth = nth;
	return i < fuzz_nkinds;
}

bool fuzz_parse(struct fuzz_program *p, const char *path)
{
	FILE *file = fopen(path, "re");
	char line[512];
	bool good;

	if (!file) {
		printf("# cannot read %s\n", path);
		return false;
	}
	memset(p, 0, sizeof(*p));
	good = fgets(line, sizeof(line), file) &&
	       sscanf(line, "program %" SCNu64 " kill_ms %u rights %u first %u", &p->number,
		      &p->kill_ms, &p->rights, &p->first) == 4;
	while (good && fgets(line, sizeof(line), file)) {
		if (*line == '#' || *line == '\n')
			continue;
		good = p->ncalls < FUZZ_CALLS && parse_call(&p->calls[p->ncalls], line);
		p->ncalls += good;
	}
	if (!good)
		printf("# %s: not a program: %s", path, line);
	fclose(file);
	return good && p->ncalls && p->first <= p->ncalls;
}
