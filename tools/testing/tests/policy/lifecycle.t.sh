#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Policies come, show themselves, are replaced, and go without a trace.
. tools/testing/lib/policy.sh

shows_up() {
	begin
	load pincg
	expect_same state "$(attribute pincg state)" enabled
	[ -e /sys/fs/bpf/ioasid/pincg/link ] || fail "the link is not pinned"
	[ -e /sys/fs/bpf/ioasid/pincg/slots ] || fail "the map is not pinned"
	ioasidctl -j policy list | holds '.[0] | .name == "pincg" and .state == "enabled"'
	ioasidctl -j policy show pincg | holds '.programs | map(.hook) | contains(["charge"])'
	ioasidctl policy show pincg | grep -q 'default_limit=0'
}

runs_without_its_loader() {
	begin
	load pincg
	before=$(attribute pincg calls)
	expect_map 'unmap 1048576' "$mapper" map 1M 1M unmap 1M 1M
	[ "$(attribute pincg calls)" -gt "$before" ] || fail "no hook was called"
}

second_of_a_name_is_refused() {
	begin
	load pincg
	expect_status 1 ioasidctl policy load pincg 2>"$scratch/error"
	expect_line "$scratch/error" 'loaded already'
	expect_same state "$(attribute pincg state)" enabled
	[ -e /sys/fs/bpf/ioasid/pincg/link ] || fail "the pin of the first is gone"
}

one_object_under_two_names() {
	begin
	load pincg
	load pincg --set name=second
	expect_same state "$(attribute pincg state)" enabled
	expect_same state "$(attribute second state)" enabled
}

# The kernel refuses it too, when a program bypasses the tool's own check.
second_link_of_a_name_is_refused() {
	begin
	load pincg --pin /sys/fs/bpf/one
	expect_status 1 ioasidctl policy load pincg --pin /sys/fs/bpf/two 2>/dev/null
	[ ! -e /sys/fs/bpf/two ] || fail "the failed load left its folder"
	rm -r /sys/fs/bpf/one
	wait_for [ ! -e "$policies/pincg" ]
}

unload_leaves_nothing() {
	begin
	before=$(maps)
	load pincg
	expect_same output "$(ioasidctl policy unload pincg)" 'unloaded pincg'
	[ ! -e "$policies/pincg" ] || fail "the folder in sysfs is still there"
	[ ! -e /sys/fs/bpf/ioasid/pincg ] || fail "the pins are still there"
	expect_line /sys/kernel/ioasid/last_exit 'name=pincg kind=unload'
	wait_for maps_are "$before"
}
maps() { bpftool -j map show | jq length; }
# Maps of the test before may go meanwhile.
maps_are() { [ "$(maps)" -le "$1" ]; }

removing_the_pins_unloads() {
	begin
	load pincg
	rm -r /sys/fs/bpf/ioasid/pincg
	wait_for [ ! -e "$policies/pincg" ]
}

replace_keeps_the_books() {
	begin
	load pincg
	hold -c /t/a map 16M 4M
	expect_same 'maps kept' "$(member "$(ioasidctl -j policy replace pincg pincg \
		--set default_limit=5M)" maps_kept)" 6
	# It knows of the 4 MiB, or 2 more would be within the new limit.
	expect_map 'map ENOMEM' in_cgroup /t/a "$mapper" map 1M 2M
	release
	expect_same 'used in the end' "$(usage /t/a used)" 0
}

# snapshot POLICY FILE: all there is to see of it.
snapshot() {
	{
		for file in id state hooks flags prio timeout_us space cgroup exit_kind exit_msg; do
			echo "$file $(attribute "$1" "$file")"
		done
		ioasidctl -j policy show "$1" | jq -S .
		ioasidctl policy dump "$1"
		for pin in "/sys/fs/bpf/ioasid/$1"/*; do
			echo "$pin"
			case $pin in */link) ;; *) bpftool -j map show pinned "$pin" | jq '.id, .max_entries' ;; esac
		done
	} >"$2"
}

# replace_in_vain POLICY OPTION...: it fails, and the policy is what it was.
replace_in_vain() {
	name=$1
	shift
	snapshot "$name" "$scratch/before"
	expect_status 1 ioasidctl policy replace "$name" "$@" --set prio=7 --set flags=FAIL_CLOSED \
		--set timeout_us=77777 2>/dev/null
	snapshot "$name" "$scratch/after"
	diff "$scratch/before" "$scratch/after" || fail "it changed '$name': $*"
}

a_replacement_that_fails_changes_nothing() {
	begin
	load "$objects/misbehave.bpf.o" --set map_begin_value=-13 --set prio=3
	for setting in init_value=-22 init_value=7 cgroup_id=999999; do
		replace_in_vain misbehave "$objects/misbehave.bpf.o" --set map_begin_value=-28 --set "$setting"
	done
	expect_same state "$(attribute misbehave state)" enabled
	expect_map 'map EACCES' "$mapper" map 1M 1M
	unload misbehave
	# One that keeps the maps of the other. It refuses, because the two spaces do not fit.
	load quota --set most=2
	hold open 1 map 16M 64K
	replace_in_vain quota quota --set most=1 --set level=0 --set spaces.max_entries=1
	expect_same maps "$("$mapper" map 1M 1M map 2M 1M | tr '\n' ' ')" 'map 0 map ENOSPC '
}

init_can_refuse() {
	begin
	expect_status 1 ioasidctl policy load "$objects/misbehave.bpf.o" --set init_value=-13 \
		2>"$scratch/error"
	expect_line "$scratch/error" 'Permission denied'
	[ ! -e "$policies/misbehave" ] || fail "it is loaded"
	[ ! -e /sys/fs/bpf/ioasid/misbehave ] || fail "its pins are there"
	expect_status 1 ioasidctl policy load "$objects/misbehave.bpf.o" --set init_value=7 2>/dev/null
	[ ! -e "$policies/misbehave" ] || fail "it is loaded"
}

probe() { load "$objects/probe.bpf.o" "$@"; }
space_of_held() { member "$(ioasidctl -j list)" id; }

# Its exit runs until what is held is gone: what comes now comes too late.
nothing_runs_beside_exit() {
	begin
	hold map 16M 64K
	probe --set name=ending --set exit_error=1 --set exit_waits="$(space_of_held)"
	ioasidctl policy unload ending >/dev/null 9>&- &
	unloader=$!
	wait_for grep -q '^name=ending kind=unload' /sys/kernel/ioasid/last_exit
	expect_same dump "$(cat "$policies/ending/dump")" ''
	expect_same state "$(attribute ending state)" ended
	echo 0 >"$policies/ending/enabled"
	expect_same state "$(attribute ending state)" ended
	expect_same exit_kind "$(attribute ending exit_kind)" none
	release
	wait "$unloader"
	[ ! -e "$policies/ending" ] || fail "it is still loaded"
}

# The same where no observer can see it: a load that fails after init.
exit_of_a_failed_load() {
	begin
	probe --pin /sys/fs/bpf/one
	tries=0
	while [ "$tries" -lt 8 ]; do
		tries=$((tries + 1))
		expect_status 1 ioasidctl policy load "$objects/probe.bpf.o" --set exit_error=1 \
			--pin /sys/fs/bpf/two 2>/dev/null
	done
	expect_same state "$(attribute probe state)" enabled
	rm -r /sys/fs/bpf/one
	wait_for [ ! -e "$policies/probe" ]
}

# The old one is ejected while the new one's init runs: then it begins from another
# state than init saw, and does not take its place.
replacement_that_comes_too_late() {
	begin
	probe
	hold map 16M 64K
	echo >/sys/kernel/tracing/trace
	expect_status 1 ioasidctl policy replace probe "$objects/probe.bpf.o" --set exit_error=1 \
		--set init_waits="$(space_of_held)" 2>"$scratch/error" 9>&- &
	loader=$!
	wait_for grep -q 'probe: init waits' /sys/kernel/tracing/trace
	echo 0 >"$policies/probe/enabled"
	release
	wait "$loader"
	expect_line "$scratch/error" 'Resource temporarily unavailable'
	expect_same state "$(attribute probe state)" ejected
	ioasidctl policy replace probe "$objects/probe.bpf.o" >/dev/null
	expect_same state "$(attribute probe state)" enabled
}

# exit of an ejected one runs until what is held is gone; a replacement waits for that.
exit_comes_before_the_next_init() {
	begin
	hold map 16M 64K
	probe --set exit_waits="$(space_of_held)"
	echo >/sys/kernel/tracing/trace
	echo 0 >"$policies/probe/enabled"
	ioasidctl policy replace probe "$objects/probe.bpf.o" --set init_waits=1 \
		>/dev/null 9>&- &
	loader=$!
	wait_for grep -q '^name=probe kind=killed' /sys/kernel/ioasid/last_exit
	wait_for grep -q ioasid_policy_replace "/proc/$loader/stack"
	! grep -q 'probe: init waits' /sys/kernel/tracing/trace || fail "the new init has begun"
	release
	wait "$loader"
	grep -q 'probe: init waits' /sys/kernel/tracing/trace || fail "there was no new init"
	expect_same state "$(attribute probe state)" enabled
}

module_stays_while_a_policy_is_loaded() {
	begin
	load pincg
	expect_status 1 rmmod ioasid 2>/dev/null
	expect_same state "$(attribute pincg state)" enabled
}

# What plain bpftool can do, it can do with our objects.
bpftool_reads_everything() {
	begin
	load pincg
	bpftool prog show >/dev/null
	bpftool map show >/dev/null
	bpftool link show >/dev/null
	bpftool btf show >/dev/null
	"$mapper" map 1M 1M >/dev/null
	bpftool -j map dump pinned /sys/fs/bpf/ioasid/pincg/by_id | holds 'length > 0'
}

bpftool_loads_the_observer() {
	begin
	mkdir /sys/fs/bpf/counts
	trap 'rm -r /sys/fs/bpf/counts; clean' EXIT
	bpftool prog loadall build/bpf/counts.bpf.o /sys/fs/bpf/counts autoattach
	"$mapper" map 1M 2M map 1M 4K unmap 1M 2M >/dev/null
	bpftool -j map dump name events | holds '
		map({(.formatted.key.name): .formatted.value}) | add |
		.map.count == 2 and .map.failed == 1 and .map.pages == 512 and
		.unmap.pages == 512 and .charge.pages == 512 and .uncharge.pages == 512 and
		.error.count == 1'
}

ktap_run shows_up runs_without_its_loader second_of_a_name_is_refused \
	one_object_under_two_names \
	second_link_of_a_name_is_refused unload_leaves_nothing removing_the_pins_unloads \
	replace_keeps_the_books \
	a_replacement_that_fails_changes_nothing init_can_refuse nothing_runs_beside_exit \
	exit_of_a_failed_load replacement_that_comes_too_late exit_comes_before_the_next_init \
	module_stays_while_a_policy_is_loaded bpftool_reads_everything bpftool_loads_the_observer
