// SPDX-License-Identifier: GPL-2.0-only
/* Command line of the commands map and compare, and of each series of record. */
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "series.h"
#include "util.h"

enum {
	OPT_JSON = 256, OPT_TYPE, OPT_UNPOPULATED, OPT_NO_SPLIT, OPT_RESERVE,
	OPT_ICOUNT, OPT_OP_SIZE, OPT_EXISTING, OPT_OPS, OPT_UNMAP, OPT_ORDER, OPT_WARM_UP, OPT_BATCH,
};

static const struct option long_options[] = {
	{ "backend", required_argument, NULL, 'b' },
	{ "backends", required_argument, NULL, 'b' },
	{ "device", required_argument, NULL, 'd' },
	{ "workload", required_argument, NULL, 'w' },
	{ "kind", required_argument, NULL, 'k' },
	{ "size", required_argument, NULL, 's' },
	{ "chunk", required_argument, NULL, 'c' },
	{ "threads", required_argument, NULL, 't' },
	{ "repeat", required_argument, NULL, 'r' },
	{ "warm-up", required_argument, NULL, OPT_WARM_UP },
	{ "op-size", required_argument, NULL, OPT_OP_SIZE },
	{ "existing", required_argument, NULL, OPT_EXISTING },
	{ "ops", required_argument, NULL, OPT_OPS },
	{ "unmap", required_argument, NULL, OPT_UNMAP },
	{ "order", required_argument, NULL, OPT_ORDER },
	{ "batch", required_argument, NULL, OPT_BATCH },
	{ "type", required_argument, NULL, OPT_TYPE },
	{ "unpopulated", no_argument, NULL, OPT_UNPOPULATED },
	{ "no-split", no_argument, NULL, OPT_NO_SPLIT },
	{ "reserve-hugepages", no_argument, NULL, OPT_RESERVE },
	{ "icount-note", no_argument, NULL, OPT_ICOUNT },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int add_kind(struct series_options *o, const char *name)
{
	const struct mem_kind *kind;
	size_t i;

	if (!strcmp(name, "all")) {
		for (i = 0; (kind = mem_kind_at(i)) && o->kinds < SERIES_MAX_KINDS; i++)
			o->kind[o->kinds++] = kind;
		o->kinds_given = false;
		return 0;
	}
	kind = mem_kind_find(name);
	if (!kind || o->kinds == SERIES_MAX_KINDS)
		return -1;
	o->kind[o->kinds++] = kind;
	o->kinds_given = true;
	return 0;
}

/* All that options know of workloads; a test compares the names with help and manual page. */
static const struct {
	const char *name;
	size_t wanted;		/* offset of its bool in struct series_options */
	bool of_all;		/* every backend can do it */
	bool of_compare;	/* what "compare" runs when none is named; "map" runs the first */
} workloads[] = {
#define WORKLOAD(_name, ...)	{ #_name, offsetof(struct series_options, _name), __VA_ARGS__ }
	WORKLOAD(map, true, true),
	WORKLOAD(pingpong, true, true),
	WORKLOAD(storm, true, true),
	WORKLOAD(dirty, false, false),
	WORKLOAD(replay, false, false),
	WORKLOAD(choose, false, false),
	WORKLOAD(clear, false, false),
#undef WORKLOAD
};

static bool *wanted(struct series_options *o, size_t workload)
{
	return (bool *)((char *)o + workloads[workload].wanted);
}

static int add_workload(struct series_options *o, const char *name)
{
	bool all = !strcmp(name, "all"), known = all;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(workloads); i++) {
		if (strcmp(name, workloads[i].name) && !(all && workloads[i].of_all))
			continue;
		*wanted(o, i) = true;
		known = true;
	}
	return known ? 0 : -1;
}

static int add_unmap(struct series_options *o, const char *name)
{
	int i;

	for (i = UNMAP_EACH; i < UNMAP_MODES; i++) {
		if (strcmp(name, unmap_mode_name[i]))
			continue;
		o->unmap[i] = true;
		return 0;
	}
	return -1;
}

static int add_backend(struct series_options *o, const char *name)
{
	const struct backend_ops *ops = backend_find(name);

	if (!ops || o->backends == SERIES_MAX_BACKENDS)
		return -1;
	o->backend[o->backends++] = ops;
	return 0;
}

static int add_op_size(struct series_options *o, const char *text)
{
	uint64_t size;

	if (parse_size(text, &size) || size % PAGE_4K || size > GIB ||
	    o->op_sizes == SERIES_MAX_SIZES)
		return -1;
	o->op_size[o->op_sizes++] = size;
	return 0;
}

static int add_existing(struct series_options *o, const char *text)
{
	uint64_t n = 0;

	if (o->existings == SERIES_MAX_SIZES || (strcmp(text, "0") && parse_size(text, &n)) ||
	    n > UINT32_MAX)
		return -1;
	o->existing[o->existings++] = n;
	return 0;
}

/* Hand every item of a comma-separated list to @add. */
static int each(struct series_options *o, const char *list, const char *what,
		int (*add)(struct series_options *o, const char *item))
{
	char copy[256], *save = NULL, *item;

	snprintf(copy, sizeof(copy), "%s", list);
	item = strtok_r(copy, ",", &save);
	if (!item)
		return usage(o->command, "%s needs a value", what);
	for (; item; item = strtok_r(NULL, ",", &save))
		if (add(o, item))
			return usage(o->command, "%s does not know '%s'", what, item);
	return -1;
}

static int page_multiple(struct series_options *o, const char *what, const char *text,
			 uint64_t *out)
{
	if (parse_size(text, out) || *out % PAGE_4K)
		return usage(o->command, "%s needs a multiple of 4K such as 64K, 2M or 4G, not '%s'",
			     what, text);
	return -1;
}

static int number(struct series_options *o, const char *what, const char *text, uint64_t min,
		  uint64_t max, unsigned int *out)
{
	uint64_t n;

	if (!parse_number(text, min, max, &n))
		return usage(o->command, "%s needs a number from %llu to %llu, not '%s'", what,
			     (unsigned long long)min, (unsigned long long)max, text);
	*out = (unsigned int)n;
	return -1;
}

static int parse_rare(struct series_options *o, int c)
{
	unsigned int n = 0;
	int ret;

	switch (c) {
	case OPT_OP_SIZE:
		return each(o, optarg, "--op-size", add_op_size);
	case OPT_EXISTING:
		return each(o, optarg, "--existing", add_existing);
	case OPT_OPS:
		ret = number(o, "--ops", optarg, 1, UINT32_MAX, &n);
		o->ops = n;
		return ret;
	case OPT_UNMAP:
		return each(o, optarg, "--unmap", add_unmap);
	case OPT_ORDER:
		o->random = !strcmp(optarg, "random");
		return o->random || !strcmp(optarg, "seq") ? -1
			: usage(o->command, "--order is seq or random, not '%s'", optarg);
	case OPT_TYPE:
		o->version = !strcmp(optarg, "v1") ? 1 : 2;
		return o->version == 1 || !strcmp(optarg, "v2") ? -1
			: usage(o->command, "--type is v1 or v2, not '%s'", optarg);
	case OPT_BATCH:
		return number(o, "--batch", optarg, 1, BACKEND_MAX_PIECES, &o->batch);
	case OPT_WARM_UP:
		return number(o, "--warm-up", optarg, 0, 1000, &o->warm_up);
	case OPT_UNPOPULATED:
		o->unpopulated = true;
		return -1;
	case OPT_NO_SPLIT:
		o->no_split = true;
		return -1;
	case OPT_RESERVE:
		o->reserve_hugepages = true;
		return -1;
	case OPT_ICOUNT:
		o->icount = true;
		return -1;
	default:
		o->json = true;
		return -1;
	}
}

/* -1 to go on, else an exit status. */
static int parse_one(struct series_options *o, int c, char *const *argv)
{
	switch (c) {
	case 'b':
		o->backends = 0;
		return each(o, optarg, "--backend", add_backend);
	case 'd':
		o->device = optarg;
		return -1;
	case 'w':
		return each(o, optarg, "--workload", add_workload);
	case 'k':
		return each(o, optarg, "--kind", add_kind);
	case 's':
		return page_multiple(o, "--size", optarg, &o->size);
	case 'c':
		return page_multiple(o, "--chunk", optarg, &o->chunk);
	case 't':
		return number(o, "--threads", optarg, 1, SERIES_MAX_THREADS, &o->threads);
	case 'r':
		return number(o, "--repeat", optarg, 1, 10000, &o->repeat);
	case 'h':
		series_help(o->command);
		return ST_OK;
	case '?':
		return usage(o->command, "unknown option '%s'", argv[optind - 1]);
	case ':':
		return usage(o->command, "'%s' needs a value", argv[optind - 1]);
	default:
		return parse_rare(o, c);
	}
}

static void fill_defaults(struct series_options *o)
{
	static const char *const kinds[] = { "4k", "4k-shuf", "thp", "hugetlb", "memfd" };
	bool comparing = strcmp(o->command, "map"), none = true;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(workloads); i++)
		none = none && !*wanted(o, i);
	for (i = 0; none && i < ARRAY_SIZE(workloads); i++)
		*wanted(o, i) = comparing ? workloads[i].of_compare : !i;
	if (!o->kinds) {
		for (i = 0; i < ARRAY_SIZE(kinds); i++)
			o->kind[o->kinds++] = mem_kind_find(kinds[i]);
		o->default_kinds = true;
	}
	if (!memchr(o->unmap, true, sizeof(o->unmap)))
		o->unmap[UNMAP_EACH] = o->unmap[UNMAP_RANGE] = o->unmap[UNMAP_ALL] = true;
	if (!o->backends && comparing) {
		o->backend[o->backends++] = &backend_type1;
		o->backend[o->backends++] = &backend_ioasid;
	} else if (!o->backends) {
		o->backend[o->backends++] = &backend_auto;
	}
}

static int check(const struct series_options *o)
{
	bool comparing = !strcmp(o->command, "compare"), mapping = !strcmp(o->command, "map");

	if (comparing && o->backends < 2)
		return usage(o->command, "--backends needs two names such as type1,ioasid");
	if (mapping && o->backends > 1)
		return usage(o->command, "--backend takes one name; 'ioasid-bench compare' runs several");
	if (o->backends > 1 && (o->backend[0] == &backend_auto || o->backend[1] == &backend_auto))
		return usage(o->command, "--backends needs names of backends, not auto");
	if (o->replay && o->threads > 1)
		return usage(o->command, "--workload replay is one device's: use one thread");
	if (o->size / PAGE_4K < o->threads)
		return usage(o->command, "--size leaves less than a page for each of %u threads",
			     o->threads);
	return -1;
}

int series_parse(struct series *s, const char *command, int argc, char **argv)
{
	struct series_options *o = &s->opt;
	int c, ret;

	memset(s, 0, sizeof(*s));
	o->command = command;
	o->size = 256 * MIB;
	o->threads = 1;
	o->batch = 1;
	o->repeat = 3;
	o->warm_up = 1;
	o->version = 2;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":b:d:w:k:s:c:t:r:h", long_options, NULL)) != -1) {
		ret = parse_one(o, c, argv);
		if (ret >= 0)
			return ret;
	}
	if (optind < argc)
		return usage(command, "'%s' is not an option", argv[optind]);
	fill_defaults(o);
	return check(o);
}
