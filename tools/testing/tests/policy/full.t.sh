#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What a shipped policy does when one of its maps is full, and when what an entry
# is about has gone: a limit holds all the same. Maps are made small for this.
# pincg has its tests in slots.t.sh.
. tools/testing/lib/policy.sh

lines_of() { "$@" | tr '\n' ' '; }

# The mapper opens one by itself, before its first word.
quota_full_of_spaces() {
	begin
	load quota --set most=2 --set spaces.max_entries=4
	expect_same 'what could be opened' "$(lines_of "$mapper" open 8)" 'open 3 ENOSPC '
	# Those that ended make room, as often as need be.
	for round in 1 2 3 4 5 6; do
		expect_same "round $round" "$(lines_of "$mapper" open 3 map 0 4K map 1M 4K map 2M 4K)" \
			'open 3 0 map 0 map 0 map ENOSPC '
	done
	wait_for entries_are quota spaces 0
	entries_are quota cgroups 0 || fail "a cgroup without an address space is kept"
}

# A container that would not be counted can map nothing.
quota_forgets_cgroups() {
	begin
	load quota --set most=1 --set cgroups.max_entries=3
	for i in 1 2 3 4 5 6 7 8; do
		expect_same "cgroup $i" "$(lines_of in_cgroup "/t/$i" "$mapper" map 0 4K map 1M 4K)" \
			'map 0 map ENOSPC '
		rmdir "$cgroups/t/$i"
	done
	wait_for entries_are quota cgroups 0
}

quota_full_of_cgroups() {
	begin
	load quota --set most=1 --set cgroups.max_entries=2
	hold -c /t/a map 0 4K
	mkdir "$cgroups/t/b" "$cgroups/t/c"
	(
		echo 0 >"$cgroups/t/b/cgroup.procs"
		exec "$mapper" sleep 60000
	) &
	other=$!
	wait_for entries_are quota cgroups 2
	expect_status 1 in_cgroup /t/c "$mapper" map 0 4K 2>"$scratch/error"
	expect_line "$scratch/error" 'No space left on device'
	expect_same 'one that is counted' "$(lines_of in_cgroup /t/a "$mapper" map 0 4K)" 'map ENOSPC '
	kill "$other"
	wait "$other" 2>/dev/null || :
	expect_same 'when one has gone' "$(lines_of in_cgroup /t/c "$mapper" map 0 4K map 1M 4K)" \
		'map 0 map ENOSPC '
}

# What exists when it is loaded has to fit, or it is not loaded.
quota_does_not_fit() {
	begin
	hold open 5
	expect_status 1 ioasidctl policy load quota --set spaces.max_entries=4 2>"$scratch/error"
	expect_line "$scratch/error" 'spaces.max_entries'
	expect_same policies "$(ls "$policies")" ''
	load quota --set spaces.max_entries=6
	expect_same entries "$(entries quota spaces)" 6
}

# Programs that start without the counters of their predecessors cannot limit.
quota_needs_the_books() {
	begin
	load "$objects/probe.bpf.o"
	hold map 0 4K
	expect_status 1 ioasidctl policy replace probe quota --set most=1 2>"$scratch/error"
	expect_line "$scratch/error" "it replaces a policy whose books it does not have"
	expect_same state "$(attribute probe state)" enabled
}

# With strict=1 nothing is forgotten: neither one of many address spaces...
strictmap_full_of_spaces() {
	begin
	load strictmap --set strict=1 --set spaces.max_entries=2
	expect_same 'what could be opened' "$(lines_of "$mapper" open 8)" 'open 1 ENOSPC '
	for round in 1 2 3 4; do
		expect_same "round $round" "$(lines_of env MAPPER_V1=1 "$mapper" open 1 map 16M 2M \
			unmap 0x1001000 4K map 0x1001000 4K)" 'open 1 0 map 0 unmap 0 map EPERM '
	done
	unload strictmap
	# When it only watches, it takes what fits.
	load strictmap --set spaces.max_entries=2
	expect_same 'what could be opened' "$(lines_of "$mapper" open 8)" 'open 8 0 '
}

# ... nor one of many ranges in one.
strictmap_full_of_ranges() {
	begin
	load strictmap --set strict=1
	words=
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
		words="$words map $((i * 16))M 8K unmap $((i * 16777216 + 4096)) 4K"
	done
	# shellcheck disable=SC2086
	MAPPER_V1=1 "$mapper" $words map 0x1001000 4K map 0x6001000 4K map 0xc001000 4K \
		map 1G 4K unmap 16M 8K map 0x1001000 4K >"$scratch/seen"
	expect_same 'the first, one between, the last; elsewhere; when it has been unmapped' \
		"$(tail -6 "$scratch/seen" | tr '\n' ' ')" \
		'map EPERM map EPERM map EPERM map 0 unmap 8192 map 0 '
}

# A piece of what is remembered has been unmapped: the rest is still there.
strictmap_keeps_the_rest() {
	begin
	load strictmap --set strict=1
	expect_same 'what is left of a range' "$(lines_of env MAPPER_V1=1 "$mapper" map 16M 8K map 0x1002000 4K \
		unmap 0x1001000 8K unmap 0x1002000 4K map 0x1002000 4K map 0x1001000 4K)" \
		'map 0 map 0 unmap 0 unmap 4096 map 0 map EPERM '
}

strictmap_does_not_fit() {
	begin
	hold open 5
	expect_status 1 ioasidctl policy load strictmap --set strict=1 --set spaces.max_entries=4 2>"$scratch/error"
	expect_line "$scratch/error" 'spaces.max_entries'
	load strictmap --set spaces.max_entries=4
}

adaptbatch_forgets_spaces() {
	begin
	load adaptbatch
	hold map 16M 4M
	expect_same entries "$(entries adaptbatch spaces)" 1
	release
	wait_for entries_are adaptbatch spaces 0
}

# A tenant that makes cgroups of its own gets no more than its share.
ratelimit_of_a_subtree() {
	begin
	load ratelimit --set maps_per_second=100 --set burst_ms=0 --set level=1
	start=$(milliseconds)
	for i in 1 2 3 4 5; do
		in_cgroup "/t/$i" "$mapper" loop 20 16M 4K >/dev/null &
	done
	wait
	took=$(($(milliseconds) - start))
	[ "$took" -ge 980 ] || fail "100 mappings took only $took ms"
	expect_same 'cgroups that are counted' "$(entries ratelimit cgroups)" 1
	unload ratelimit
	load ratelimit --set maps_per_second=1000 --set cgroups.max_entries=4
	for i in 1 2 3 4 5 6 7 8; do
		expect_map 'loop 0' in_cgroup "/t/$i" "$mapper" loop 3 16M 4K
	done
}

ktap_run quota_full_of_spaces quota_forgets_cgroups quota_full_of_cgroups quota_does_not_fit \
	quota_needs_the_books strictmap_full_of_spaces strictmap_full_of_ranges \
	strictmap_keeps_the_rest strictmap_does_not_fit adaptbatch_forgets_spaces \
	ratelimit_of_a_subtree
