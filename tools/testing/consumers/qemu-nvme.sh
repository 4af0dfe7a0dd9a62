#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# QEMU's block layer has an NVMe driver of its own, nvme://, which maps its
# buffers through VFIO for each request it cannot serve from the fixed ones.
. tools/testing/consumers/common.sh

DISK=0000:00:04.0
SPARE=0000:00:05.0
IMAGE=build/vm/pattern.img

reads() {
	timeout -k 5 120 qemu-img convert -f raw -O raw "nvme://$DISK/1" "$WORK/copy"
	cmp "$WORK/copy" "$IMAGE" || fail "the copy differs from the image"
	result "$(($(stat -c %s "$WORK/copy") / 1048576)) MiB read, all right"
	rm "$WORK/copy"
}

writes() {
	timeout -k 5 120 qemu-img convert -n -f raw -O raw "$IMAGE" "nvme://$SPARE/1"
	progress "written, now reading it back"
	timeout -k 5 120 qemu-img compare -f raw -F raw "$IMAGE" "nvme://$SPARE/1" || fail "what was written is not there"
	timeout -k 5 120 qemu-io -f raw -c 'write -P 0x5a 1M 4M' -c 'read -P 0x5a 1M 4M' "nvme://$SPARE/1" >"$WORK/io"
	cat "$WORK/io"
	[ "$(grep -c '^\(wrote\|read\) 4194304/4194304' "$WORK/io")" = 2 ] || fail "qemu-io did not read what it wrote"
	result "64 MiB written and read back, all right"
}

begin "QEMU $(version qemu-utils), nvme:// (qemu-img, qemu-io)" $DISK $SPARE
attempt "copy the disk" reads
attempt "write a disk and compare" writes
finish
