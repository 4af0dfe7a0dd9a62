#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The same program reads the same disk by every way into ioasid, and each byte
# is right; a way that is not open is refused with a line that says why.
. tools/testing/lib/bench.sh

DISK=0000:00:04.0
TRACING=/sys/kernel/tracing
EVENT=$TRACING/events/ioasid/ioasid_attach/enable
modprobe nvme
modprobe vfio-pci
[ -d /sys/module/ioasid_vfio ] || modprobe vfio_iommu_type1
was=$(lsmod | grep -c '^ioasid' || :)
modules_load ioasid ioasid_vfio

# reads BACKEND: some of the disk, verified; exactly one group is attached by it.
reads() {
	: >"$TRACING/trace"
	echo 1 >"$EVENT"
	"$BENCH" nvme --backend "$1" --device "$DISK" --image build/vm/pattern.img --size 1M --ios 50 --irq --json >"$WORK/json"
	echo 0 >"$EVENT"
	attached=$(grep -c ' ioasid_attach: ' "$TRACING/trace" || :)
	jq -e '(.results | map(.map)) == ["once", "per-io"]
		and all(.results[]; .verified and .verified_bytes == 1048576 and .wrong_reads == 0 and .reads == 50)' \
		"$WORK/json" >/dev/null || fail "$(cat "$WORK/json")"
	expect_same "attaches to ioasid" "$attached" 1
	expect_same "the driver of $DISK" "$(driver_of "$DISK")" none
}

stock_container() { reads ioasid; }
container_that_joins() { reads join; }

closed_backends() {
	disk_of "$DISK" >/dev/null
	refused 1 'modprobe ioasid_setcontainer' "$BENCH" nvme --backend group --device "$DISK" --size 1M
	refused 1 'modprobe ioasid_pci' "$BENCH" nvme --backend direct --device "$DISK" --size 1M
	expect_same "the driver of $DISK" "$(driver_of "$DISK")" nvme
	# From here on no driver has it, which saves the kernel's driver much work.
	echo "$DISK" >/sys/bus/pci/drivers/nvme/unbind
}

group_takes_the_fd() {
	modules_load ioasid_setcontainer
	reads group
}

device_without_a_group() {
	modules_load ioasid_pci
	reads direct
	[ ! -e "/dev/ioasid-pci/$DISK" ] || fail "the node of $DISK is still there"
}

# Two backends of one comparison, one of which wants another driver.
compared() {
	"$BENCH" compare --backends ioasid,direct --device 0000:00:05.0 --kind 4k --size 1M --workload map \
		--repeat 1 --warm-up 0 --no-split --json >"$WORK/json"
	jq -e . "$WORK/json" >/dev/null || fail "$(cat "$WORK/json")"
	expect_same "the driver of 0000:00:05.0" "$(driver_of 0000:00:05.0)" "$before"
}

modules_are_free() {
	modules_unload ioasid_pci ioasid_setcontainer
	[ "$was" != 0 ] || modules_unload ioasid_vfio ioasid
}

before=$(driver_of 0000:00:05.0)
ktap_run closed_backends stock_container container_that_joins group_takes_the_fd \
	device_without_a_group compared modules_are_free
