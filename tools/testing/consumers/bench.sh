#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# ioasid-bench nvme: a user-space NVMe driver of this project, which compares
# every byte it reads by DMA with the drive's image.
. tools/testing/consumers/common.sh

DISK=0000:00:04.0

reads() {
	build/bin/ioasid-bench nvme --device "$DISK" --image build/vm/pattern.img --ios 500 --json >"$WORK/json"
	cat "$WORK/json"
	jq -e '.results | length == 2 and all(.[]; .verified and .wrong_reads == 0 and .reads == 500)' "$WORK/json" >/dev/null ||
		fail "not every read was right"
	result "$(jq -r '"\(.results | map(.verified_bytes) | min / 1048576) MiB right with maps made \(.results | map(.map) | join(" and "))"' "$WORK/json")"
}

# Read by common.sh.
# shellcheck disable=SC2034
BACKENDS='type1 ioasid node'
begin ioasid-bench
modprobe nvme
modprobe vfio-pci
attempt "read the disk, maps made once and for each read" reads
finish
