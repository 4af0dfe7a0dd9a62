// SPDX-License-Identifier: GPL-2.0-only
/* Command line of ioasid-bench nvme. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "nvme/run.h"
#include "util.h"

enum {
	OPT_JSON = 256, OPT_TYPE, OPT_ICOUNT, OPT_QUEUES, OPT_DEPTH, OPT_BS, OPT_IOS,
	OPT_SECONDS, OPT_MAP, OPT_PATTERN, OPT_IRQ, OPT_VERIFY, OPT_IMAGE, OPT_NSID,
};

static const struct option long_options[] = {
	{ "backend", required_argument, NULL, 'b' },
	{ "device", required_argument, NULL, 'd' },
	{ "kind", required_argument, NULL, 'k' },
	{ "size", required_argument, NULL, 's' },
	{ "queues", required_argument, NULL, OPT_QUEUES },
	{ "depth", required_argument, NULL, OPT_DEPTH },
	{ "bs", required_argument, NULL, OPT_BS },
	{ "ios", required_argument, NULL, OPT_IOS },
	{ "seconds", required_argument, NULL, OPT_SECONDS },
	{ "map", required_argument, NULL, OPT_MAP },
	{ "pattern", required_argument, NULL, OPT_PATTERN },
	{ "irq", no_argument, NULL, OPT_IRQ },
	{ "verify", required_argument, NULL, OPT_VERIFY },
	{ "image", required_argument, NULL, OPT_IMAGE },
	{ "nsid", required_argument, NULL, OPT_NSID },
	{ "type", required_argument, NULL, OPT_TYPE },
	{ "icount-note", no_argument, NULL, OPT_ICOUNT },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void help(void)
{
	puts("usage: ioasid-bench nvme [option...]\n"
	     "Reads an NVMe disk from user space by DMA, through pages mapped once or for each\n"
	     "read. Nothing is ever written to the disk. A disk that is in use is refused; an\n"
	     "idle one is taken from its driver and given back at the end, also after Ctrl-C.\n"
	     "\n"
	     "  -d, --device BDF     the disk's PCI address (default: the first device bound to\n"
	     "                       vfio-pci)\n"
	     "      --verify FILE    check every byte against a file from 'ioasid-bench checksum'\n"
	     "      --image FILE     check every byte against an image of the disk\n"
	     "      --map once|per-io  only one of the two (default: both)\n"
	     "  -s, --size SIZE      read the first SIZE bytes (default: all that is known, or 1G)\n"
	     "      --bs SIZE        bytes per read (4K)\n"
	     "      --queues N       queue pairs, each with a thread (1)\n"
	     "      --depth N        reads in flight per queue (32)\n"
	     "      --pattern rand|seq  order of the timed reads (rand)\n"
	     "      --seconds N      length of the timed part (3)\n"
	     "      --ios N          so many timed reads per queue instead\n"
	     "      --irq            MSI-X interrupts instead of polling\n"
	     "  -k, --kind KIND      memory to read into (4k), see 'ioasid-bench map --help'\n"
	     "      --nsid N         namespace (default: the first)\n"
	     "  -b, --backend NAME   the backend that maps, see below (auto)\n"
	     "      --type v1|v2     container type (v2)\n"
	     "      --icount-note    say that ns are instructions (QEMU -icount)\n"
	     "      --json           results as JSON\n"
	     "  -h, --help\n"
	     "\nBackends:");
	backend_list();
	puts("\nExamples:\n"
	     "  ioasid-bench checksum /dev/nvme0n1 > disk.sum\n"
	     "  ioasid-bench nvme --device 0000:01:00.0 --verify disk.sum\n"
	     "  ioasid-bench nvme --device 0000:01:00.0 --queues 4 --depth 128 --map per-io --json");
}

static int number(const char *what, const char *text, uint64_t min, uint64_t max,
		  uint64_t *out)
{
	if (!parse_number(text, min, max, out))
		return usage("nvme", "%s needs a number from %llu to %llu, not '%s'", what,
			     (unsigned long long)min, (unsigned long long)max, text);
	return -1;
}

static int small_number(const char *what, const char *text, uint64_t max, unsigned int *out)
{
	uint64_t n = 0;
	int ret = number(what, text, 1, max, &n);

	*out = (unsigned int)n;
	return ret;
}

static int choice(const char *what, const char *text, const char *yes, const char *no,
		  bool *out)
{
	*out = !strcmp(text, yes);
	if (*out || !strcmp(text, no))
		return -1;
	return usage("nvme", "%s is %s or %s, not '%s'", what, yes, no, text);
}

static int parse_size_option(const char *what, const char *text, uint64_t max, uint64_t *out)
{
	if (parse_size(text, out) || *out % 512 || *out > max)
		return usage("nvme", "%s needs a multiple of 512 such as 4K, 128K or 1G, not '%s'",
			     what, text);
	return -1;
}

static int parse_rare(struct nvme_options *o, int c)
{
	bool first;
	int ret;

	switch (c) {
	case OPT_QUEUES:
		return small_number("--queues", optarg, NVME_MAX_QUEUES, &o->queues);
	case OPT_DEPTH:
		return small_number("--depth", optarg, NVME_MAX_DEPTH, &o->depth);
	case OPT_IOS:
		return number("--ios", optarg, 1, UINT64_MAX, &o->reads);
	case OPT_SECONDS:
		return small_number("--seconds", optarg, 86400, &o->seconds);
	case OPT_NSID:
		return small_number("--nsid", optarg, UINT32_MAX - 1, &o->nsid);
	case OPT_BS:
		return parse_size_option("--bs", optarg, MIB, &o->block);
	case OPT_MAP:
		ret = choice("--map", optarg, "once", "per-io", &first);
		o->map_once = first;
		o->map_per_io = !first;
		return ret;
	case OPT_PATTERN:
		return choice("--pattern", optarg, "seq", "rand", &o->sequential);
	case OPT_TYPE:
		ret = choice("--type", optarg, "v1", "v2", &first);
		o->version = first ? 1 : 2;
		return ret;
	case OPT_VERIFY:
		o->verify = optarg;
		return -1;
	case OPT_IMAGE:
		o->image = optarg;
		return -1;
	case OPT_IRQ:
		o->irqs = true;
		return -1;
	case OPT_ICOUNT:
		o->icount = true;
		return -1;
	default:
		o->json = true;
		return -1;
	}
}

static int parse_one(struct nvme_options *o, int c, char *const *argv)
{
	switch (c) {
	case 'b':
		o->backend = backend_find(optarg);
		if (o->backend && o->backend->files)
			return usage("nvme", "--backend %s maps memory of files alone", optarg);
		return o->backend ? -1 : usage("nvme", "--backend does not know '%s'", optarg);
	case 'd':
		o->device = optarg;
		return -1;
	case 'k':
		o->kind = mem_kind_find(optarg);
		return o->kind ? -1 : usage("nvme", "--kind does not know '%s'", optarg);
	case 's':
		return parse_size_option("--size", optarg, UINT64_MAX, &o->size);
	case 'h':
		help();
		return ST_OK;
	case '?':
		return usage("nvme", "unknown option '%s'", argv[optind - 1]);
	case ':':
		return usage("nvme", "'%s' needs a value", argv[optind - 1]);
	default:
		return parse_rare(o, c);
	}
}

int nvme_parse(struct nvme_options *o, int argc, char **argv)
{
	int c, ret;

	memset(o, 0, sizeof(*o));
	o->backend = &backend_auto;
	o->kind = mem_kind_find("4k");
	o->queues = 1;
	o->depth = 32;
	o->block = PAGE_4K;
	o->seconds = 3;
	o->repeat = 1;
	o->version = 2;
	o->map_once = o->map_per_io = true;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":b:d:k:s:h", long_options, NULL)) != -1) {
		ret = parse_one(o, c, argv);
		if (ret >= 0)
			return ret;
	}
	if (optind < argc)
		return usage("nvme", "'%s' is not an option", argv[optind]);
	if (o->verify && o->image)
		return usage("nvme", "--verify and --image exclude each other");
	return -1;
}
