// SPDX-License-Identifier: GPL-2.0-only
/* Command line of ioasid-bench record. What is an option of map as well, series_parse() checks. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pci.h"
#include "record/command.h"
#include "util.h"

#define MOST_THREADS	16

enum {
	OPT_DISK = 256, OPT_VERIFY, OPT_FROM, OPT_SECONDS, OPT_IOS, OPT_OPS, OPT_OP_SIZE, OPT_WARM_UP,
	OPT_RESERVE,
};

static const struct option long_options[] = {
	{ "device", required_argument, NULL, 'd' },
	{ "disk", required_argument, NULL, OPT_DISK },
	{ "verify", required_argument, NULL, OPT_VERIFY },
	{ "output", required_argument, NULL, 'o' },
	{ "from", required_argument, NULL, OPT_FROM },
	{ "backends", required_argument, NULL, 'b' },
	{ "workload", required_argument, NULL, 'w' },
	{ "kind", required_argument, NULL, 'k' },
	{ "size", required_argument, NULL, 's' },
	{ "op-size", required_argument, NULL, OPT_OP_SIZE },
	{ "ops", required_argument, NULL, OPT_OPS },
	{ "threads", required_argument, NULL, 't' },
	{ "repeat", required_argument, NULL, 'r' },
	{ "warm-up", required_argument, NULL, OPT_WARM_UP },
	{ "seconds", required_argument, NULL, OPT_SECONDS },
	{ "ios", required_argument, NULL, OPT_IOS },
	{ "reserve-hugepages", no_argument, NULL, OPT_RESERVE },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void help(void)
{
	puts("usage: ioasid-bench record [option...]\n"
	     "Measures all that map, threads and nvme measure, many times over, with the counters\n"
	     "of the processor and of the kernel where the machine has them. Writes the figures,\n"
	     "the machine, its IOMMU, the kernel and its parameters into NAME.json, for\n"
	     "'ioasid-bench diff', and a page with plots into NAME.html. Needs root.\n"
	     "\n"
	     "  -d, --device BDF     PCI device whose group is used (default: the first one\n"
	     "                       bound to vfio-pci); an idle NVMe disk is taken from its\n"
	     "                       driver for the run and given back\n"
	     "      --disk BDF       NVMe disk that is read by DMA (default: the device, if it\n"
	     "                       is one, else none); nothing is written to it\n"
	     "      --verify FILE    check each byte that is read against a file from\n"
	     "                       'ioasid-bench checksum'\n"
	     "  -o, --output NAME    (ioasid-record)\n"
	     "      --from FILE      measure nothing: make the page of this JSON file again\n"
	     "  -b, --backends LIST  (default: type1 and ioasid where both are loaded, else the\n"
	     "                       one that answers)\n"
	     "  -w, --workload LIST  as in 'ioasid-bench map' (all)\n"
	     "  -k, --kind LIST      kinds of memory, as there\n"
	     "  -s, --size SIZE      memory to map (256M)\n"
	     "      --op-size LIST   as in 'ioasid-bench map'\n"
	     "      --ops N          as there\n"
	     "  -t, --threads LIST   numbers of threads (1 and the powers of two up to the\n"
	     "                       processors, at most 16); the first runs all workloads, the\n"
	     "                       others map and pingpong, unless --workload\n"
	     "                       says otherwise\n"
	     "  -r, --repeat N       repetitions (10); fewer than 6 have no interval of 95 %\n"
	     "      --warm-up N      repetitions before these (1)\n"
	     "      --seconds N      length of each repetition of the disk's reads (1)\n"
	     "      --ios N          so many reads in each repetition instead\n"
	     "      --reserve-hugepages  have missing huge pages reserved for the run\n"
	     "  -h, --help\n"
	     "\n"
	     "Examples:\n"
	     "  modprobe vfio-pci; modprobe vfio_iommu_type1; modprobe ioasid_vfio\n"
	     "  ioasid-bench record --device 0000:01:00.0 --output before\n"
	     "  ioasid-bench record --device 0000:01:00.0 --output after\n"
	     "  ioasid-bench diff before.json after.json --html change.html");
}

static int number(const char *what, const char *text, uint64_t max, unsigned int *out)
{
	uint64_t n;

	if (!parse_number(text, 1, max, &n))
		return usage("record", "%s needs a number from 1 to %llu, not '%s'", what,
			     (unsigned long long)max, text);
	*out = (unsigned int)n;
	return -1;
}

static int threads(struct record_options *o, const char *list)
{
	char copy[128], *save = NULL, *item;
	unsigned int i;
	int ret = -1;

	snprintf(copy, sizeof(copy), "%s", list);
	o->threads_n = 0;
	for (item = strtok_r(copy, ",", &save); item; item = strtok_r(NULL, ",", &save)) {
		if (o->threads_n == RECORD_MAX_THREADS)
			return usage("record", "--threads takes at most %d numbers", RECORD_MAX_THREADS);
		ret = number("--threads", item, SERIES_MAX_THREADS, &o->threads[o->threads_n]);
		if (ret >= 0)
			return ret;
		for (i = 0; i < o->threads_n; i++)
			if (o->threads[i] == o->threads[o->threads_n])
				return usage("record", "--threads has %s twice", item);
		o->threads_n++;
	}
	return o->threads_n ? -1 : usage("record", "--threads needs a value");
}

static int pass_on(struct record_options *o, const char *option, char *value)
{
	if (o->passed_on_n + 2 > RECORD_PASSED_ON)
		return usage("record", "there are too many options: join them, as in --kind 4k,thp");
	o->passed_on[o->passed_on_n++] = (char *)option;
	if (value)
		o->passed_on[o->passed_on_n++] = value;
	return -1;
}

static int parse_rare(struct record_options *o, int c)
{
	char bdf[PCI_BDF_LEN];

	switch (c) {
	case OPT_DISK:
		o->disk = optarg;
		return pci_parse(optarg, bdf)
			? usage("record", "'%s' is not a PCI address such as 0000:01:00.0", optarg) : -1;
	case OPT_VERIFY:
		o->verify = optarg;
		return -1;
	case OPT_FROM:
		o->from = optarg;
		return -1;
	case OPT_SECONDS:
		return number("--seconds", optarg, 3600, &o->seconds);
	case OPT_IOS:
		return number("--ios", optarg, UINT32_MAX, &o->ios);
	case OPT_OPS:
		return pass_on(o, "--ops", optarg);
	case OPT_OP_SIZE:
		return pass_on(o, "--op-size", optarg);
	case OPT_WARM_UP:
		return pass_on(o, "--warm-up", optarg);
	default:
		return pass_on(o, "--reserve-hugepages", NULL);
	}
}

/* -1 to go on, else an exit status. */
static int parse_one(struct record_options *o, int c, char *const *argv)
{
	switch (c) {
	case 'd':
		o->device = optarg;
		return pass_on(o, "--device", optarg);
	case 'o':
		o->output = optarg;
		return -1;
	case 'b':
		o->backends = optarg;
		return -1;
	case 'w':
		return pass_on(o, "--workload", optarg);
	case 'k':
		return pass_on(o, "--kind", optarg);
	case 's':
		return pass_on(o, "--size", optarg);
	case 't':
		return threads(o, optarg);
	case 'r':
		return number("--repeat", optarg, INTERVAL_MAX, &o->repeat);
	case 'h':
		help();
		return ST_OK;
	case '?':
		return usage("record", "unknown option '%s'", argv[optind - 1]);
	case ':':
		return usage("record", "'%s' needs a value", argv[optind - 1]);
	default:
		return parse_rare(o, c);
	}
}

static void powers_of_two(struct record_options *o)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int n;

	for (n = 1; n == 1 || (n <= MOST_THREADS && (long)n <= cpus); n *= 2)
		o->threads[o->threads_n++] = n;
}

int record_parse(struct record_options *o, int argc, char **argv)
{
	char bdf[PCI_BDF_LEN];
	int c, ret;

	memset(o, 0, sizeof(*o));
	o->output = "ioasid-record";
	o->repeat = 10;
	o->seconds = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":d:o:b:w:k:s:t:r:h", long_options, NULL)) != -1) {
		ret = parse_one(o, c, argv);
		if (ret >= 0)
			return ret;
	}
	if (optind < argc)
		return usage("record", "'%s' is not an option", argv[optind]);
	if (o->device && pci_parse(o->device, bdf))
		return usage("record", "'%s' is not a PCI address such as 0000:01:00.0", o->device);
	if (!o->output[0] || o->output[strlen(o->output) - 1] == '/')
		return usage("record", "--output needs the name of a file, without .json");
	if (!o->threads_n)
		powers_of_two(o);
	return -1;
}

static bool is_passed_on(const struct record_options *o, const char *option)
{
	unsigned int i;

	for (i = 0; i < o->passed_on_n; i++)
		if (!strcmp(o->passed_on[i], option))
			return true;
	return false;
}

int record_series(const struct record_options *o, const char *backends, unsigned int threads_n,
		  struct series *s)
{
	bool first = threads_n == o->threads[0];
	char repeat[12], count[12];
	char *argv[RECORD_PASSED_ON + 16];
	unsigned int i;
	int argc = 0;

	snprintf(repeat, sizeof(repeat), "%u", o->repeat);
	snprintf(count, sizeof(count), "%u", threads_n);
	argv[argc++] = (char *)"record";
	for (i = 0; i < o->passed_on_n; i++)
		argv[argc++] = o->passed_on[i];
	argv[argc++] = (char *)"--backends";
	argv[argc++] = (char *)backends;
	argv[argc++] = (char *)"--repeat";
	argv[argc++] = repeat;
	argv[argc++] = (char *)"--threads";
	argv[argc++] = count;
	argv[argc++] = (char *)"--no-split";
	/* Of the workloads one that is a few calls, and one of single calls, show what scales. */
	if (!first && !is_passed_on(o, "--workload")) {
		argv[argc++] = (char *)"--workload";
		argv[argc++] = (char *)"map,pingpong";
	}
	if (!first && !is_passed_on(o, "--op-size")) {
		argv[argc++] = (char *)"--op-size";
		argv[argc++] = (char *)"4K,64K";
	}
	argv[argc] = NULL;
	/* Once more from the start. */
	optind = 0;
	return series_parse(s, "record", argc, argv);
}
