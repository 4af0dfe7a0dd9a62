# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# The machine of the consumers, for the scripts that start it: its devices, beside those of every
# VM, and a program of ours that runs there.

# Two cards wired to each other, and a disk, each in an IOMMU group of its own.
card() { echo "-netdev hubport,id=net$1,hubid=0 -device e1000e,netdev=net$1,mac=52:54:00:00:00:0$1,romfile=,addr=$2"; }

# machine_of CONSUMER: options for QEMU. The edu device reaches memory above 256 MiB, where memory
# is plugged. For dpdk's containers there are eleven more of them.
machine_of() {
	{
		echo "-global edu.dma_mask=0xffffffffffffffff $(card 1 0x10) $(card 2 0x11)"
		echo "-drive if=none,id=blkio,file=build/vm/pattern.img,format=raw,snapshot=on,file.locking=off"
		echo "-device virtio-blk-pci,drive=blkio,addr=0x12,disable-legacy=on,iommu_platform=on"
		[ "$1" != dpdk ] ||
			for slot in 13 14 15 16 17 18 19 1a 1b 1c 1d; do echo "-device edu,addr=0x$slot"; done
	} | paste -s -d ' '
}

# build_for_dpdk: build/consumers/vfio, with the library that Debian has.
build_for_dpdk() {
	mkdir -p build/consumers
	# shellcheck disable=SC2016
	tools/env/in-root sh -ec 'cc -std=gnu11 -O2 -Wall -Wextra -Wshadow -Wstrict-prototypes -Werror -Itools/testing -Itools/testing/harness -Ikmod/include/uapi \
		$(pkg-config --cflags libdpdk) -o build/consumers/vfio tools/testing/consumers/dpdk/vfio.c \
		-l:librte_eal.a -l:librte_log.a -l:librte_kvargs.a -l:librte_telemetry.a -lnuma -lm -ldl -lpthread' ||
		die "dpdk/vfio.c does not compile, the messages are above"
}
