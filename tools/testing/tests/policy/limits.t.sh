#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Limits of pincg by paths and patterns: of cgroups that exist, that will, and
# that come again.
# shellcheck disable=SC2016
. tools/testing/lib/policy.sh

K=1024

# limit_of CGROUP: the one that holds when it maps something.
limit_of() {
	in_cgroup "$1" "$mapper" map 16M 4K >/dev/null
	usage "$1" limit
}

a_path_that_does_not_exist_yet() {
	begin
	load pincg
	ioasidctl pincg set /t/later 8K 2>"$scratch/note"
	expect_line "$scratch/note" 'does not exist yet'
	ioasidctl pincg list >"$scratch/list"
	expect_line "$scratch/list" '/t/later (does not exist yet)'
	expect_map 'map ENOMEM' in_cgroup /t/later "$mapper" map 16M 12K
	expect_same limit "$(usage /t/later limit)" $((8 * K))
	# It comes again, and is another cgroup then.
	rmdir "$cgroups/t/later"
	expect_map 'map ENOMEM' in_cgroup /t/later "$mapper" map 16M 12K
	expect_map 'map 0' in_cgroup /t/later "$mapper" map 16M 8K
}

# What libvirt calls them: the number rises with each start.
a_pattern() {
	begin
	load pincg
	ioasidctl pincg set '/t/machine-qemu\x2d*\x2dvm1.scope' 8K
	for i in 1 2 17; do
		mkdir -p "$cgroups/t"
		scope="/t/machine-qemu\\x2d$i\\x2dvm1.scope"
		expect_map 'map ENOMEM' in_cgroup "$scope/libvirt/emulator" "$mapper" map 16M 12K
		ioasidctl -j pincg list | holds --arg scope "$scope" \
			'any(.cgroup == $scope and .limit == 8192 and .denied == 1)'
		find "$cgroups$scope" -depth -type d -delete
	done
	expect_map 'map 0' in_cgroup '/t/machine-qemu\x2d18\x2dvm2.scope' "$mapper" map 16M 12K
	ioasidctl -j pincg list | holds 'any(.pattern == "/t/machine-qemu\\x2d*\\x2dvm1.scope" and .limit == 8192)'
}

# It holds at once, for those that are counted already too, and no longer than it is there.
set_and_taken_back() {
	begin
	load pincg
	hold -c /t/vm1 map 16M 4K
	expect_same limit "$(usage /t/vm1 limit)" '"default"'
	ioasidctl pincg set '/t/vm?' 64K
	expect_same limit "$(usage /t/vm1 limit)" $((64 * K))
	ioasidctl pincg set /t/vm1 none
	expect_same limit "$(usage /t/vm1 limit)" '"none"'
	expect_map 'map ENOMEM' in_cgroup /t/vm2 "$mapper" map 16M 68K
	expect_map 'map 0' in_cgroup /t/vm1 "$mapper" map 16M 68K
	ioasidctl pincg set /t/vm1 default
	expect_same limit "$(usage /t/vm1 limit)" $((64 * K))
	ioasidctl pincg set '/t/vm?' default
	expect_same limit "$(usage /t/vm1 limit)" '"default"'
	ioasidctl -j pincg list | holds 'all(has("pattern") | not)'
}

# The longest; of equally long ones the lowest limit.
which_pattern_counts() {
	begin
	load pincg
	ioasidctl pincg set '/t/*' 4K
	ioasidctl pincg set '/t/*b*' 8K
	ioasidctl pincg set '/t/a*c' 16K
	ioasidctl pincg set '/t/?*c' 12K
	ioasidctl pincg set '/t/*/x' 20K
	ioasidctl pincg set '/t/*a*a*b' 24K
	ioasidctl pincg set '/t/abc' 28K
	while read -r cgroup limit; do
		expect_same "limit of $cgroup" "$(limit_of "$cgroup")" "$limit"
	done <<-END
	/t/z $((4 * K))
	/t/zbz $((8 * K))
	/t/abbc $((8 * K))
	/t/axxc $((12 * K))
	/t/c $((4 * K))
	/t/z/x $((20 * K))
	/t/z/y "default"
	/t/z/x/x "default"
	/t/aaaaaaab $((24 * K))
	/t/aaaaaaaabc $((8 * K))
	/t/abc $((28 * K))
	/t "default"
	END
}

# Neither is special, nor is anything else that systemd escapes.
plain_characters() {
	begin
	load pincg
	ioasidctl pincg set '/t/[a].\x2d' 8K
	for cgroup in '/t/[a].\x2d' '/t/a.x2d'; do
		in_cgroup "$cgroup" "$mapper" map 16M 4K >/dev/null
	done
	ioasidctl -j pincg list | holds 'any(.cgroup == "/t/[a].\\x2d" and .limit == 8192) and
		any(.cgroup == "/t/a.x2d" and .limit == "default")'
}

names_that_are_not_paths() {
	begin
	load pincg
	for path in '' /t/../x /t/./x; do
		expect_status 1 ioasidctl pincg set "$path" 4K 2>"$scratch/error"
		expect_line "$scratch/error" 'is not the path of a cgroup'
	done
	long=$(printf '/t%0300d' 0)
	expect_status 1 ioasidctl pincg set "$long" 4K 2>"$scratch/error"
	expect_line "$scratch/error" 'is too long'
	ioasidctl pincg set "$cgroups//t/a/" 4K
	expect_same limit "$(limit_of /t/a)" $((4 * K))
	# A cgroup whose path is longer than any rule still counts.
	deep=/t/$(printf '%0200d' 0)/$(printf '%0200d' 0)
	expect_same 'limit of a long path' "$(limit_of "$deep")" '"default"'
	expect_map 'map 0' in_cgroup "$deep" "$mapper" map 16M 4K
}

rules_are_bounded() {
	begin
	load pincg --set paths.max_entries=2 --set patterns.max_entries=1
	ioasidctl pincg set /t/a 4K
	ioasidctl pincg set /t/b 4K
	expect_status 1 ioasidctl pincg set /t/c 4K 2>"$scratch/error"
	expect_line "$scratch/error" 'paths.max_entries'
	ioasidctl pincg set '/t/x*' 4K
	expect_status 1 ioasidctl pincg set '/t/y*' 4K 2>"$scratch/error"
	expect_line "$scratch/error" 'patterns.max_entries'
	ioasidctl pincg set /t/a default
	ioasidctl pincg set /t/c 4K
}

# Also when it is pinned elsewhere.
replaced_with_its_limits() {
	begin
	load pincg --pin /sys/fs/bpf/elsewhere
	trap 'rm -rf /sys/fs/bpf/elsewhere; clean' EXIT
	ioasidctl pincg set '/t/*' 8K
	hold -c /t/a map 16M 4K
	expect_same 'maps kept' "$(member "$(ioasidctl -j policy replace pincg pincg)" maps_kept)" 6
	expect_map 'map ENOMEM' in_cgroup /t/a "$mapper" map 20M 8K
	expect_map 'map ENOMEM' in_cgroup /t/b "$mapper" map 20M 12K
	ioasidctl pincg set '/t/*' 16K
	expect_map 'map 0' in_cgroup /t/a "$mapper" map 20M 8K
	rm -r /sys/fs/bpf/elsewhere
	wait_for [ ! -e "$policies/pincg" ]
}

# Programs that know nothing of what was charged would count below zero.
not_without_its_books() {
	begin
	load "$objects/ledger.bpf.o"
	expect_status 1 ioasidctl policy replace ledger pincg 2>"$scratch/error"
	expect_line "$scratch/error" 'it replaces a policy whose books it does not have'
	expect_same state "$(attribute ledger state)" enabled
}

ktap_run a_path_that_does_not_exist_yet a_pattern set_and_taken_back which_pattern_counts \
	plain_characters names_that_are_not_paths rules_are_bounded replaced_with_its_limits \
	not_without_its_books
