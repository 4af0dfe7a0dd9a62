#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# A large map: it says how far it got, it can be killed in between, and then
# nothing of it stays.
. tools/testing/lib/bench.sh

DEVICE=0000:00:06.0
EVENT=/sys/kernel/tracing/events/ioasid/ioasid_progress
TRACE=/sys/kernel/tracing/trace
modprobe vfio_iommu_type1
device_to "$DEVICE" vfio-pci
modules_load ioasid ioasid_vfio
trap 'rm -rf "$WORK"; modules_unload ioasid_vfio ioasid' EXIT

pins() {
	awk '/^nr_foll_pin_acquired/ { a = $2 } /^nr_foll_pin_released/ { r = $2 } END { print a - r }' \
		/proc/vmstat
}

# progress STEP: the pages of each event of that step, in one line.
progress() {
	sed -n "s/.*step=$1 done=\([0-9]*\) total=.*/\1/p" "$TRACE" | paste -s -d ' '
}

every_64_mib_is_told_once() {
	echo >"$TRACE"
	echo 1 >"$EVENT/enable"
	"$BENCH" map --device "$DEVICE" -b ioasid --size 128M --kind 4k-shuf --repeat 1 --warm-up 0 \
		--no-split >"$WORK/out"
	echo 0 >"$EVENT/enable"
	for step in pin program; do
		# shellcheck disable=SC2046 # numbers
		set -- $(progress "$step")
		expect_same "events of $step" "$#" 2
		last=0
		for done in "$@"; do
			[ "$done" -gt "$last" ] || fail "$step went from $last to $done"
			last=$done
		done
		expect_same "the last of $step" "$last" 32768
	done
}

a_killed_map_leaves_nothing() {
	before=$(pins)
	echo >"$TRACE"
	echo 1 >"$EVENT/enable"
	"$BENCH" map --device "$DEVICE" -b ioasid --size 512M --kind 4k --repeat 1 --warm-up 0 \
		--unpopulated --no-split >"$WORK/out" 2>&1 &
	bench=$!
	# It is in the middle of the map once the first event is there.
	timeout 8 grep -q -m 1 'step=pin' "${TRACE}_pipe" || fail 'no step of the map was told'
	children=$(cat "/proc/$bench/task/$bench/children")
	# shellcheck disable=SC2086 # numbers
	kill -KILL $children
	wait "$bench" 2>/dev/null || :
	echo 0 >"$EVENT/enable"
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		[ "$(pins)" -gt "$before" ] || break
		sleep 0.1
	done
	[ "$(pins)" -le "$before" ] || fail "$(($(pins) - before)) pages are left pinned"
	# Eight events make the whole; the first was read already.
	# shellcheck disable=SC2046 # numbers
	set -- $(progress pin)
	[ $# -lt 7 ] || fail 'the map was through before it was killed'
}

ktap_run every_64_mib_is_told_once a_killed_map_leaves_nothing
