#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Policies come, show themselves, are replaced, and go without a trace.
. tools/testing/policy/common.sh

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

# The kernel refuses it too, when somebody goes round the tool's own check.
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
		--set default_limit=5M)" maps_kept)" 4
	# It knows of the 4 MiB, or 2 more would be within the new limit.
	expect_map 'map ENOMEM' in_cgroup /t/a "$mapper" map 1M 2M
	release
	expect_same 'used in the end' "$(usage /t/a used)" 0
}

a_replacement_that_fails_changes_nothing() {
	begin
	load "$objects/misbehave.bpf.o" --set map_begin_value=-13
	expect_status 1 ioasidctl policy replace misbehave "$objects/misbehave.bpf.o" \
		--set init_value=-22 2>/dev/null
	expect_same state "$(attribute misbehave state)" enabled
	expect_map 'map EACCES' "$mapper" map 1M 1M
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
	bpftool -j map dump pinned /sys/fs/bpf/ioasid/pincg/cgroups | holds 'length > 0'
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
	a_replacement_that_fails_changes_nothing init_can_refuse \
	module_stays_while_a_policy_is_loaded bpftool_reads_everything bpftool_loads_the_observer
