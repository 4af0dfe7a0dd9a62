// SPDX-License-Identifier: GPL-2.0-only
/* --help of the commands map and compare. */
#include <stdio.h>
#include <string.h>

#include "series.h"

static void common_options(void)
{
	puts("  -d, --device BDF       PCI device whose group is used (default: the first one\n"
	     "                         bound to vfio-pci); an idle NVMe disk is taken from its\n"
	     "                         driver for the run and given back\n"
	     "  -w, --workload LIST    map, pingpong, storm, all (of these); dirty: \"map\" reads\n"
	     "                         dirty pages, \"unmap\" unmaps and asks; replay: \"map\" lets the\n"
	     "                         device into an address space with maps, \"unmap\" takes it\n"
	     "                         out; choose: small maps at addresses that the kernel chooses;\n"
	     "                         clear: the first thread unmaps all, beside others that map\n"
	     "  -k, --kind LIST        kinds of memory, see below, or all\n"
	     "  -s, --size SIZE        memory to map (default 256M)\n"
	     "  -c, --chunk SIZE       map: bytes per call (default: one call per thread)\n"
	     "      --op-size LIST     pingpong, storm, choose, clear: bytes per call (4K,64K,2M; 4K;\n"
	     "                         4K,64K; 2M)\n"
	     "      --ops N            pingpong: pairs per thread; storm, choose: number of maps (16384);\n"
	     "                         clear: calls that unmap all (50)\n"
	     "      --existing LIST    pingpong: beside so many maps of 4K, 16K for 16384 (0); choose:\n"
	     "                         with a hole of 4K after each (12K)\n"
	     "      --unmap LIST       storm: each, range (one call for all), all (ALL flag),\n"
	     "                           close (nothing is unmapped before the backend is closed);\n"
	     "                           the first three are the default\n"
	     "      --batch N          map, storm: so many calls as one, where the backend has that (1)\n"
	     "      --order ORDER      map, storm: seq or random order of the calls\n"
	     "  -t, --threads N        threads, each with a range of its own (1)\n"
	     "  -r, --repeat N         repetitions that count; their median is shown (3)\n"
	     "      --warm-up N        repetitions before these (1)\n"
	     "      --type v1|v2       container type (v2)\n"
	     "      --unpopulated      map memory that was not touched before\n"
	     "      --reserve-hugepages  have missing huge pages reserved for the run\n"
	     "      --no-split         no extra repetition for the time split\n"
	     "      --icount-note      say that ns are instructions (QEMU -icount)\n"
	     "      --json             results as JSON\n"
	     "  -h, --help\n"
	     "\n"
	     "Sizes take K, M, G, T (powers of 1024). Kinds of memory:");
	mem_kind_list();
}

void series_help(const char *command)
{
	if (!strcmp(command, "compare")) {
		puts("usage: ioasid-bench compare [option...]\n"
		     "Runs the map workloads on two backends, repetition by repetition in turn, on\n"
		     "the same memory, and prints the ratio. Needs root, vfio_iommu_type1 and\n"
		     "ioasid_vfio: it tells ioasid_vfio which of them gets new containers, and puts\n"
		     "that back.\n"
		     "\n"
		     "  -b, --backends A,B     (default type1,ioasid)");
	} else {
		puts("usage: ioasid-bench map [option...]\n"
		     "Measures mapping and unmapping memory for DMA.\n"
		     "\n"
		     "  -b, --backend NAME     the backend that maps, see below (default auto)");
	}
	common_options();
	puts("Backends:");
	backend_list();
	puts("\nExamples:");
	if (!strcmp(command, "compare"))
		puts("  ioasid-bench compare --device 0000:01:00.0\n"
		     "  ioasid-bench compare --kind thp --workload map --size 4G --repeat 5");
	else
		puts("  ioasid-bench map --device 0000:01:00.0 --kind 4k-shuf,thp --size 4G\n"
		     "  ioasid-bench map --workload storm --ops 60000 --unmap all\n"
		     "  ioasid-bench map --kind hugetlb --reserve-hugepages --chunk 2M --threads 2 --json");
}
