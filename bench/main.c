// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasid-bench: how fast memory gets mapped for DMA, and whether the DMA
 * through such maps reads the right bytes.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "progress.h"
#include "supervisor.h"
#include "util.h"

static const struct command {
	const char *name;
	const char *summary;
	int (*run)(int argc, char **argv);
	bool supervised;			/* changes things outside itself */
} commands[] = {
	{ "map", "map and unmap throughput and latency", command_map, true },
	{ "nvme", "read an NVMe disk by DMA from user space and verify it", command_nvme, true },
	{ "compare", "the map workloads on type1 and on ioasid", command_compare, true },
	{ "record", "all of it on this machine, into a file and a page with plots", command_record,
	  true },
	{ "diff", "compare two records", command_diff, false },
	{ "checksum", "make the checksum file that 'nvme --verify' wants", command_checksum,
	  false },
};

static void help(void)
{
	size_t i;

	puts("usage: ioasid-bench COMMAND [option...]\n");
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %-10s %s\n", commands[i].name, commands[i].summary);
	puts("\nEvery command has --help; --version prints the version of the program.\n"
	     "Exit status: 0 all went well, 1 it did not (one line on stderr says what to do),\n"
	     "2 wrong arguments.\n"
	     "\n"
	     "Examples:\n"
	     "  modprobe vfio-pci; modprobe vfio_iommu_type1\n"
	     "  ioasid-bench map --device 0000:01:00.0 --size 1G\n"
	     "  ioasid-bench checksum /dev/nvme0n1 > disk.sum\n"
	     "  ioasid-bench nvme --device 0000:01:00.0 --verify disk.sum\n"
	     "  ioasid-bench compare --device 0000:01:00.0\n"
	     "  ioasid-bench record --device 0000:01:00.0");
}

static const struct command *command;

/* Results that stdout does not take, on a full disk or a closed pipe, are no results. */
static int run_command(int argc, char **argv)
{
	int status = command->run(argc, argv);

	if (status == ST_OK && (fflush(stdout) || ferror(stdout))) {
		fail("cannot write the results: %s", strerror(errno));
		return ST_ERROR;
	}
	return status;
}

int main(int argc, char **argv)
{
	size_t i;

	say_setup("ioasid-bench", false);
	say_once(progress_clear);
	if (argc < 2)
		return usage(NULL, "which command?");
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		help();
		return ST_OK;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		puts("ioasid-bench " VERSION);
		return ST_OK;
	}
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, argv[1]))
			continue;
		command = &commands[i];
		if (command->supervised)
			return supervisor_run(run_command, argc - 1, argv + 1);
		return run_command(argc - 1, argv + 1);
	}
	return usage(NULL, "unknown command '%s'", argv[1]);
}
