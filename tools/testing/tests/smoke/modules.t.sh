#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Do the modules load, show what they promise, and go away again?
. tools/testing/harness/ktap.sh

core_comes_and_goes() {
	modules_load ioasid
	[ -c /dev/ioasid ] || fail "there is no /dev/ioasid"
	expect_same "mode of /dev/ioasid" "$(stat -c %a /dev/ioasid)" 660
	[ -e /sys/kernel/btf/ioasid ] || fail "the module has no BTF"
	rmmod ioasid
	[ ! -e /dev/ioasid ] || fail "/dev/ioasid is still there"
}

trace_events_are_listed() {
	modules_load ioasid
	for event in attach detach map_done unmap_done pin unpin account error; do
		[ -d "/sys/kernel/tracing/events/ioasid/ioasid_$event" ] ||
			fail "there is no trace event ioasid:ioasid_$event"
	done
	rmmod ioasid
}

shim_comes_and_goes() {
	modules_load ioasid_vfio
	status=0
	rmmod ioasid 2>/dev/null || status=$?
	[ "$status" != 0 ] || fail "ioasid went away under the shim"
	modules_unload ioasid_vfio ioasid
}

three_rounds() {
	for _ in 1 2 3; do
		modules_load ioasid ioasid_vfio
		modules_unload ioasid_vfio ioasid
	done
	expect_same "slabs left" "$(grep -c '^ioasid' /proc/slabinfo)" 0
}

# The name is 29 characters and an end, a length that nothing else has. It is copied before
# the next parameter is found to be wrong, and the module is not loaded.
a_load_that_fails_leaves_nothing() {
	tracing=/sys/kernel/tracing
	events=$tracing/events/kmem
	trap 'echo 0 >"$events/enable"; echo 0 >"$events/kmalloc/filter"; echo 0 >"$events/kfree/filter"' EXIT
	echo 'bytes_req == 30' >"$events/kmalloc/filter"
	echo 'comm == "insmod"' >"$events/kfree/filter"
	echo >"$tracing/trace"
	echo 1 >"$events/kmalloc/enable"
	echo 1 >"$events/kfree/enable"
	expect_status 1 insmod "build/$(uname -r)/ioasid.ko" default_policy=abcdefghijklmnopqrstuvwxyz012 \
		dma_entry_limit=none 2>/dev/null
	echo 0 >"$events/enable"
	copy=$(sed -n 's/.* kmalloc: .* ptr=\([0-9a-fx]*\) bytes_req=30 .*/\1/p' "$tracing/trace")
	[ -n "$copy" ] || fail "the name was not copied"
	grep -q " kfree: .* ptr=$copy" "$tracing/trace" || fail "the copy of the name was not freed"
}

ktap_run core_comes_and_goes trace_events_are_listed shim_comes_and_goes three_rounds \
	a_load_that_fails_leaves_nothing
