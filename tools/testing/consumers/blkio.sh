#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# libblkio's driver for virtio-blk devices, virtio-blk-vfio-pci, written in
# Rust. nbdkit is the program in Debian that needs least besides it.
. tools/testing/consumers/common.sh

DISK=0000:00:12.0
IMAGE=build/vm/pattern.img

# served COMMAND: runs it while the disk is served at $uri.
served() {
	timeout -k 5 120 nbdkit --exit-with-parent -U - blkio virtio-blk-vfio-pci \
		path="/sys/bus/pci/devices/$DISK" --run "$1"
}

reads() {
	# shellcheck disable=SC2016
	served 'qemu-img convert -f raw -O raw "$uri" '"$WORK/copy"
	cmp "$WORK/copy" "$IMAGE" || fail "the copy differs from the image"
	result "$(($(stat -c %s "$WORK/copy") / 1048576)) MiB read, all right"
	rm "$WORK/copy"
}

# At most 256 KiB at a time: of 4 MiB the emulated disk says, on either backend,
# that libblkio has put "too many write descriptors" into the ring, and stops.
writes() {
	# shellcheck disable=SC2016
	served 'qemu-io -f raw -c "write -P 0x5a 1M 256k" -c "read -P 0x5a 1M 256k" "$uri"' >"$WORK/io"
	cat "$WORK/io"
	[ "$(grep -c '^\(wrote\|read\) 262144/262144' "$WORK/io")" = 2 ] || fail "qemu-io did not read what it wrote"
	# What the image holds goes back, for the next one to read.
	head -c 1280K "$IMAGE" | tail -c 256K >"$WORK/part"
	# shellcheck disable=SC2016
	served 'qemu-io -f raw -c "write -s '"$WORK/part"' 1M 256k" "$uri"'
	# shellcheck disable=SC2016
	served 'qemu-img compare -f raw -F raw '"$IMAGE"' "$uri"' || fail "the disk differs from the image"
	result "256 KiB written and read back, 64 MiB compared, all right"
}

begin "libblkio $(version libblkio1), virtio-blk-vfio-pci (nbdkit)" $DISK
attempt "copy the disk" reads
attempt "write and read back" writes
finish
