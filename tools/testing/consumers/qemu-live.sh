#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# qemu-live.sh [ROW...]: QEMU 11 of Debian's backports, driven by QMP and qtest without a
# guest: plug and unplug of devices and memory, an emulated IOMMU, live update, migration.
# qemu-live.py has the rows; without names all of them run. $BACKENDS names backends, if
# not all.
#
# The calls that a row makes on its containers, addresses of memory apart, are the same on
# all backends. A migration asks for dirty pages as often as it has rounds, which differs:
# a question counts once for each start of the tracking. What type1 showed stays in $OUT,
# for a later run without type1.
. tools/testing/consumers/common.sh

LIVE=tools/testing/consumers/qemu-live.py
CALLS=$TRACING/instances/consumers
CGROUPS=/sys/fs/cgroup/qemu-live
QEMU=/opt/qemu-11/usr/bin/qemu-system-x86_64

# probe EVENT FUNCTION: the ioctls of that function as they return, with the first 32 bytes
# of their argument.
probe() {
	# shellcheck disable=SC2016
	grep -q "^r[0-9]*:consumers/$1 " "$TRACING/kprobe_events" ||
		echo "r:consumers/$1 $2 "'file=$arg1:x64 cmd=$arg2:x32 arg=$arg3:x64 a=+u0($arg3):x64 b=+u8($arg3):x64 c=+u16($arg3):x64 d=+u24($arg3):x64 ret=$retval:s64' \
			>>"$TRACING/kprobe_events"
}

# Of VFIO's container, or of the node.
calls_begin() {
	mkdir -p "$CALLS"
	probe call vfio_fops_unl_ioctl
	probe node_call ioasid:dev_ioctl
	echo 4096 >"$CALLS/buffer_size_kb"
	echo >"$CALLS/trace"
	echo 1 >"$CALLS/events/consumers/enable"
}

# calls_end FILE: one line each: the container, by its number, name, what is given and what is
# returned; no address of memory. Two QEMUs call at the same time, so the lines are in the
# order of the containers.
calls_end() {
	echo 0 >"$CALLS/events/consumers/enable"
	awk '
	function value(key,   s) {
		if (!match($0, " " key "=[^ ]*")) return "?"
		s = substr($0, RSTART + length(key) + 2, RLENGTH - length(key) - 2)
		return s
	}
	/^#/ || !/ (node_)?call: / { next }
	{
		cmd = value("cmd"); ret = value("ret"); file = value("file")
		if (!(file in number) || cmd == "0x3b64" && used[file]) { number[file] = ++files; used[file] = 0 }
		if (cmd == "0x3b66") used[file] = 1
		printf "%d ", number[file]
		if (cmd == "0x3b64") print "GET_API_VERSION", ret
		else if (cmd == "0x3b65") print "CHECK_EXTENSION", value("arg"), ret
		else if (cmd == "0x3b66") print "SET_IOMMU", value("arg"), ret
		else if (cmd == "0x3b70") print "GET_INFO", value("a"), value("b"), ret
		else if (cmd == "0x3b71") print "MAP_DMA", value("a"), "vaddr", value("c"), value("d"), ret
		else if (cmd == "0x3b72") print "UNMAP_DMA", value("a"), value("b"), value("c"), ret
		else if (cmd == "0x3b75" && value("a") == "0x400000030") print "DIRTY_PAGES", "GET", value("b"), value("c"), value("d"), ret
		else if (cmd == "0x3b75") print "DIRTY_PAGES", value("a"), ret
		else print cmd, value("a"), ret
	}' "$CALLS/trace" | sort -s -n -k 1,1 | awk '
	/DIRTY_PAGES/ && !/GET/ { split("", asked) }
	!/DIRTY_PAGES GET/ || !asked[$0]++' >"$1"
}

# live: the row on each backend, type1 first.
live() {
	seen=$OUT/$PROGRAM.$row.type1.seen
	mine=$OUT/$PROGRAM.$row.$backend.calls
	calls_begin
	BACKEND=$backend python3 "$LIVE" "$row" >"$WORK/seen" || { calls_end "$mine"; fail "$(tail -n 1 "$log")"; }
	calls_end "$mine"
	[ -s "$mine" ] || fail "no call of a container was seen"
	cat "$WORK/seen"
	[ "$backend" = type1 ] || cmp -s "$mine" "$OUT/$PROGRAM.$row.type1.calls" ||
		fail "the calls differ from type1's: $(diff "$OUT/$PROGRAM.$row.type1.calls" "$mine" | sed -n 2p)"
	[ "$backend" != type1 ] || cp "$WORK/seen" "$seen"
	cmp -s "$WORK/seen" "$seen" || fail "type1 shows another result: $(cat "$seen")"
	result "$(tail -n 1 "$WORK/seen"); $(wc -l <"$mine") calls"
}

# p2p: DMA to what is not mapped at the moment is tried, too.
p2p() {
	expect_faults
	live
}

# shared: two containers with 512 MiB each, and an rlimit of 600 MiB: not on type1.
shared() {
	[ "$backend" = type1 ] || echo Y >/sys/module/ioasid/parameters/charge_shared
	status=0
	BACKEND=$backend python3 "$LIVE" shared >"$WORK/seen" || status=$?
	echo N >/sys/module/ioasid/parameters/charge_shared
	if [ "$backend" = type1 ]; then
		[ "$status" != 0 ] || fail "QEMU starts: $(cat "$WORK/seen")"
		grep -q "Cannot allocate memory" "$log" || fail "QEMU does not say that it may lock no more"
		result "QEMU does not start: Cannot allocate memory"
	else
		[ "$status" = 0 ] || fail "$(tail -n 1 "$log")"
		result "$(cat "$WORK/seen")"
	fi
}

# stale: what only ioasid reports. The events with their stacks stay in $OUT.
stale() {
	mine=$OUT/$PROGRAM.stale.$backend.seen
	BACKEND=$backend python3 "$LIVE" stale >"$mine" || fail "$(tail -n 1 "$log")"
	result "$(tail -n 1 "$mine")"
}

# with_pincg FUNCTION: the policy is loaded meanwhile, and the QEMUs are in cgroups. type1 asks no policy.
with_pincg() {
	mkdir -p "$CGROUPS/old" "$CGROUPS/new"
	trap 'rmdir "$CGROUPS/old" "$CGROUPS/new" "$CGROUPS" || :; [ "$backend" = type1 ] || build/bin/ioasidctl policy unload pincg' EXIT
	[ "$backend" = type1 ] || build/bin/ioasidctl policy load pincg
	"$@"
}

# both: no limit of type1's is about two processes.
both() {
	with_pincg env BACKEND="$backend" python3 "$LIVE" "$row" >"$WORK/seen"
	result "$(tail -n 1 "$WORK/seen")"
}

# Read by common.sh.
# shellcheck disable=SC2034
BACKENDS=${BACKENDS:-type1 ioasid node}
begin "QEMU $("$QEMU" -version | sed -n 's/.*version \([0-9.]*\).*/\1/p'), vfio-pci without a guest" 0000:00:05.0 0000:00:06.0
insmod "build/tests/mdev/$(uname -r)/ioasid_mig.ko"
row plain "start, DMA, quit" live
row two "two devices" live
row hotplug "device_add, device_del" live
row p2p "two devices, DMA from one to the other" p2p
row dimm "pc-dimm" live
row virtio-mem "virtio-mem" live
row balloon "virtio-balloon" live
row viommu "intel-iommu with caching mode" live
row shared "two containers, RLIMIT_MEMLOCK for one, charge_shared" shared
all=$BACKENDS
BACKENDS=$(echo " $BACKENDS " | sed 's/ type1 / /')
row stale "virtio-balloon that is not inhibited, a hole in memfd: ioasid_stale" stale
BACKENDS=$all
row transfer-memfd "cpr-transfer, memfd" live
row transfer-ram "cpr-transfer, memory-backend-ram,share=on" live
row transfer-hugetlb "cpr-transfer, hugetlb" live
row transfer-virtio-mem "cpr-transfer, virtio-mem" live
row transfer-limit "cpr-transfer, RLIMIT_MEMLOCK of 1 MiB" live
row transfer-pincg "cpr-transfer, pincg: 1 MiB for the new one (type1: RLIMIT_MEMLOCK)" with_pincg live
row transfer-both "cpr-transfer, a limit of 192 MiB (type1: for each; pincg: for both)" both
row exec "cpr-exec" live
# The node pins all of a mapping, also for a device without an IOMMU, and VmLck says so.
BACKENDS=$(echo " $BACKENDS " | sed 's/ node / /')
row migrate "migration, a device that makes memory dirty" live
row migrate-cancel "migration, cancelled and tried again" live
row migrate-viommu "migration, intel-iommu with caching mode" live
rmmod ioasid_mig
finish
