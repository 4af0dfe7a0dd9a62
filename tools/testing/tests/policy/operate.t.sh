#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What operators do with policies beside loading them: resizing maps, looking at
# all of a policy, loading one that is newer than the module, and finding what
# keeps the module loaded.
# shellcheck disable=SC2016
. tools/testing/lib/policy.sh

hooks_are_an_array() {
	begin
	load pincg
	ioasidctl -j policy list >"$scratch/list"
	holds '.[0].hooks | type == "array" and index("charge") != null and
		all(test("^[a-z_]+$"))' "$scratch/list" || fail "$(cat "$scratch/list")"
	ioasidctl -j policy show pincg | holds '.hooks | index("uncharge") != null'
	ioasidctl policy list | grep -q 'hooks init .*charge uncharge'
}

# Maps are resized as variables are set.
maps_can_be_resized() {
	begin
	load quota --set spaces.max_entries=16
	expect_same entries "$(entries_of quota spaces)" 16
	expect_same 'entries of the other map' "$(entries_of quota cgroups)" 8192
	# What is not said again stays, and the books with it.
	hold map 0 4K
	expect_same 'maps kept' "$(member "$(ioasidctl -j policy replace quota quota)" maps_kept)" 3
	expect_same entries "$(entries_of quota spaces)" 16
	expect_same mappings "$(variable quota mappings)" 1
	release
}

# In a new map nothing is counted that was before, so the limit would not hold.
books_are_not_lost() {
	begin
	load quota --set most=2
	hold map 0 4K
	expect_status 1 ioasidctl policy replace quota quota --set most=2 --set cgroups.max_entries=99 \
		2>"$scratch/error"
	expect_line "$scratch/error" 'books'
	expect_same maps "$("$mapper" map 1M 1M map 2M 1M | tr '\n' ' ')" 'map 0 map ENOSPC '
	release
}
entries_of() {
	ioasidctl policy show "$1" | sed -n "s/^  map [0-9]* $2 (at most \([0-9]*\) entries):/\1/p"
}

sizes_are_checked() {
	begin
	for size in 0 -1 x 4294967296; do
		expect_status 1 ioasidctl policy load quota --set spaces.max_entries="$size" 2>"$scratch/error"
		expect_line "$scratch/error" 'number of entries'
	done
	expect_status 1 ioasidctl policy load quota --set spaces.value_size=1 2>"$scratch/error"
	expect_line "$scratch/error" 'max_entries'
	[ ! -e "$policies/quota" ] || fail "it is loaded"
}

# All of the struct, as the kernel keeps it.
dump_shows_the_struct() {
	begin
	load pincg --set flags=ACCOUNT --set prio=-3 --set timeout_us=300
	ioasidctl policy dump pincg >"$scratch/text"
	for line in 'state=BPF_STRUCT_OPS_STATE_READY' 'name="pincg"' 'flags=1' 'prio=-3' \
		'timeout_us=300' 'map_begin=none'; do
		grep -q -x "  $line" "$scratch/text" || fail "no line '$line' in: $(cat "$scratch/text")"
	done
	grep -q -x '  charge=program [0-9]* pincg_charge' "$scratch/text" || fail "$(cat "$scratch/text")"
	ioasidctl -j policy dump pincg >"$scratch/json"
	holds --argjson id "$(ioasidctl -j policy show pincg | jq '.programs[] | select(.hook == "charge").prog')" \
		'.common.state == "BPF_STRUCT_OPS_STATE_READY" and .data.name == "pincg" and
		.data.flags == 1 and .data.prio == -3 and .data.charge == $id and
		(.data | has("map_begin")) and .data.map_begin == null' "$scratch/json" ||
		fail "$(cat "$scratch/json")"
	expect_status 1 ioasidctl policy dump nonsense 2>"$scratch/error"
	expect_line "$scratch/error" "no policy 'nonsense' is loaded"
}

a_hook_that_the_module_lacks() {
	begin
	ioasidctl policy load "$objects/optional.bpf.o" 2>"$scratch/note"
	expect_line "$scratch/note" "without its hook 'map_teleport', which the loaded ioasid.ko does not have"
	expect_same hooks "$(attribute optional hooks)" map_begin
	expect_map 'map 0' "$mapper" map 0 4K
	expect_same 'calls of the other hook' "$(variable optional begun)" 1
	ioasidctl policy replace optional "$objects/optional.bpf.o" 2>"$scratch/note"
	expect_line "$scratch/note" "without its hook 'map_teleport'"
	expect_same hooks "$(attribute optional hooks)" map_begin
}

a_hook_that_is_needed() {
	begin
	expect_status 1 ioasidctl policy load "$objects/needed.bpf.o" 2>"$scratch/error"
	expect_line "$scratch/error" "hook 'map_teleport'"
	expect_line "$scratch/error" '?struct_ops/map_teleport'
	[ -z "$(ls "$policies")" ] || fail "it is loaded"
}

holders_name_the_pins() {
	begin
	load pincg --pin /sys/fs/bpf/here
	mkdir /sys/fs/bpf/counts
	trap 'rm -rf /sys/fs/bpf/counts; clean' EXIT
	bpftool prog loadall build/bpf/counts.bpf.o /sys/fs/bpf/counts autoattach
	ioasidctl -j holders >"$scratch/holders"
	holds 'any(.kind == "policy" and .name == "pincg" and (.pins | index("/sys/fs/bpf/here/link"))) and
		any(.kind == "observer" and .name == "count_map" and
			.pins == ["/sys/fs/bpf/counts/count_map"] and (.remedy | contains("remove its pin")))' \
		"$scratch/holders" || fail "$(cat "$scratch/holders")"
	ioasidctl holders >"$scratch/text"
	expect_line "$scratch/text" 'pinned: /sys/fs/bpf/here/link'
	expect_line "$scratch/text" 'pinned: /sys/fs/bpf/counts/count_map'
	rm -r /sys/fs/bpf/counts /sys/fs/bpf/here
	wait_for [ ! -e "$policies/pincg" ]
}

a_type_with_a_suffix() {
	begin
	load "$objects/flavored.bpf.o"
	expect_map 'map 0' "$mapper" map 0 4K
	expect_same calls "$(variable flavored begun)" 1
}

ktap_run hooks_are_an_array maps_can_be_resized books_are_not_lost sizes_are_checked dump_shows_the_struct \
	a_hook_that_the_module_lacks a_hook_that_is_needed holders_name_the_pins a_type_with_a_suffix
