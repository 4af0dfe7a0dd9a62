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

ktap_run core_comes_and_goes trace_events_are_listed shim_comes_and_goes three_rounds
