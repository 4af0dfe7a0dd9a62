#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What ioasid tells a policy adds up: ledger.bpf.c keeps the books.
. tools/testing/lib/policy.sh

ledger() { load "$objects/ledger.bpf.o" "$@"; }

# expect_books_of POLICY NAME VALUE...
expect_books_of() {
	policy=$1
	books=$(ioasidctl -j policy show "$policy")
	shift
	while [ $# -gt 0 ]; do
		expect_same "$1 of $policy" "$(member "$books" "$1")" "$2"
		shift 2
	done
}
expect_books() { expect_books_of ledger "$@"; }

map_and_unmap() {
	begin
	ledger
	expect_map 'unmap 8388608' "$mapper" map 16M 8M map 64M 4K unmap 64M 4K unmap 16M 8M
	expect_books begun 2 finished 2 failed 0 charged_pages 0
}

exit_and_kill() {
	begin
	ledger
	"$mapper" map 16M 4M >/dev/null
	expect_books charged_pages 0
	hold map 16M 4M
	expect_books charged_pages 1024
	kill -KILL "$held"
	release
	wait_for no_spaces
	expect_books charged_pages 0 begun 2 finished 2
}
no_spaces() { [ "$(ioasidctl -j list)" = '[]' ]; }

failed_maps() {
	begin
	ledger
	expect_map 'map EEXIST' "$mapper" map 16M 1M map 16M 4K
	expect_books begun 2 finished 2 failed 1 charged_pages 0
}

# A refusal in the middle undoes the whole mapping.
refused_in_the_middle() {
	begin
	ledger --set refuse_charge=3 --set pages_per_batch=64
	expect_map 'locked 0' "$mapper" map 16M 1M locked
	expect_books charged_pages 0 charges 3 failed 1 result_pages 0
	expect_map 'locked 1048576' "$mapper" map 16M 1M locked
	expect_books charged_pages 0 charges 7
}

batch_size_is_obeyed() {
	begin
	ledger --set pages_per_batch=64
	expect_map 'map 0' "$mapper" map 16M 1M
	expect_books batches 4 largest_charge 64 result_batches 4 result_pages 256
}

# Each part has its share of the charge, and of the quota.
parts_of_a_mapping() {
	begin
	load quota --set most=3
	ledger
	hold map 16M 4M cut 17M 1M cut 16M 64K
	expect_books charged_pages $((768 - 16)) begun 1
	release
	wait_for no_spaces
	expect_books charged_pages 0
	expect_map 'map 0' "$mapper" map 16M 4M cut 17M 1M map 32M 1M
	expect_map 'map ENOSPC' "$mapper" map 16M 4M cut 17M 1M map 32M 1M map 48M 1M
	expect_map 'map 0' "$mapper" map 16M 4M cut 17M 1M cut 16M 1M cut 18M 2M map 32M 1M map 33M 1M map 34M 1M
	expect_map 'map ENOSPC' "$mapper" map 16M 4M cut 17M 1M cut 16M 1M cut 18M 2M map 32M 1M map 33M 1M map 34M 1M map 35M 1M
	expect_books charged_pages 0 spaces_below_zero 0
}

# Pages pinned before it was loaded are none of its business.
loaded_late() {
	begin
	hold map 16M 4M
	ledger
	release
	wait_for no_spaces
	expect_books charged_pages 0 begun 0 finished 0
}

# A mapping that is made while the policy is being loaded: it was not asked, so it
# is not given back what it never had. space_open keeps the loader for so long.
loaded_meanwhile() {
	begin
	hold map 16M 64K hold map 32M 1M sleep 20000
	(exec 9>&-; ledger --set open_until=2) &
	loader=$!
	wait_for grep -q '^space_open 1$' "$policies/ledger/stats"
	exec 9>&-
	wait "$loader"
	expect_same state "$(attribute ledger state)" enabled
	expect_books open_given_up 0 begun 0 charges 0
	kill "$held"
	release
	wait_for no_spaces
	expect_books charged_pages 0
}

# An ejected policy misses events, so its replacement starts from zero.
ejected_and_replaced() {
	begin
	load pincg
	ledger
	hold -c /t/a map 16M 4M
	expect_books charged_pages 1024
	kill_and_heal ledger "$objects/ledger.bpf.o"
	expect_books charged_pages 0
	kill_and_heal pincg pincg
	expect_same 'used by /t/a' "$(usage /t/a used)" 0
	release
	wait_for no_spaces
	expect_books charged_pages 0
	expect_same 'used by /t/a' "$(usage /t/a used)" 0
}
# kill_and_heal POLICY OBJECT
kill_and_heal() {
	echo 0 >"$policies/$1/enabled"
	ioasidctl policy replace "$1" "$2" >/dev/null
	expect_same state "$(attribute "$1" state)" enabled
}

# Pages pinned while it was out, and beside another policy that was asked about them.
mapped_while_ejected() {
	begin
	load pincg
	ledger
	echo 0 >"$policies/ledger/enabled"
	hold map 16M 4M
	ioasidctl policy replace ledger "$objects/ledger.bpf.o" >/dev/null
	release
	wait_for no_spaces
	expect_books charged_pages 0
}

# A running one passes its charges to its successor, but not its variables, so
# here the new one only sees it being given back.
replaced_while_mapped() {
	begin
	ledger
	hold map 16M 4M
	expect_books charged_pages 1024
	ioasidctl policy replace ledger "$objects/ledger.bpf.o" >/dev/null
	expect_books charged_pages 0
	release
	wait_for no_spaces
	expect_books charged_pages -1024
}

unloaded_early() {
	begin
	ledger
	hold map 16M 4M locked
	unload ledger
	ledger
	release
	wait_for no_spaces
	expect_books charged_pages 0
}

waits() {
	begin
	ledger --set wait_us=300000
	start=$(milliseconds)
	expect_map 'unmap 4096' "$mapper" map 16M 4K unmap 16M 4K
	took=$(($(milliseconds) - start))
	[ "$took" -ge 300 ] || fail "it took only $took ms"
	[ "$(variable ledger result_wait_ns)" -ge 300000000 ] || fail "ns_wait is too small"
	expect_books begun 1 finished 1
}

# A task that sleeps for a policy can be killed before the end of its sleep.
waiting_is_killable() {
	begin
	ledger --set wait_us=1000000
	"$mapper" loop 100 16M 4K >/dev/null &
	victim=$!
	sleep 0.3
	kill -KILL "$victim"
	wait "$victim" || :
	expect_books last_error -4 charged_pages 0
	[ "$(variable ledger result_total_ns)" -lt 990000000 ] || fail "it slept on"
}

replaced_under_load() {
	begin
	ledger
	"$mapper" loop 3000 16M 64K >"$scratch/loop" &
	loop=$!
	for pages in 8 4 0; do
		ioasidctl policy replace ledger "$objects/ledger.bpf.o" \
			--set pages_per_batch="$pages" >/dev/null
	done
	kill "$loop" 2>/dev/null || :
	wait "$loop" || :
	[ ! -s "$scratch/loop" ] || expect_same loop "$(cat "$scratch/loop")" 'loop 0'
	expect_same state "$(attribute ledger state)" enabled
}

# With a policy before it and one after it: the first gets back what it was charged,
# the last was not charged at all.
ejected_between_two() {
	begin
	ledger --set prio=-1
	load "$objects/misbehave.bpf.o" --set charge_value=-17
	ledger --set name=after --set prio=1
	expect_map 'map EPERM' "$mapper" map 16M 1M
	expect_same state "$(attribute misbehave state)" ejected
	expect_books charges 1 charged_pages 0
	expect_books_of after charges 0 charged_pages 0
}

# No policy is notified of the end of a mapping that an earlier policy refused: it did not begin.
refused_before() {
	begin
	load "$objects/misbehave.bpf.o" --set map_begin_value=-13 --set prio=-1
	load quota --set most=1
	ledger
	expect_map 'map EACCES' "$mapper" map 16M 1M map 17M 1M
	expect_books begun 0 finished 0
	unload misbehave
	expect_map 'map ENOSPC' "$mapper" map 16M 1M map 17M 1M
}

attach_refused_before() {
	begin
	driver_begin
	load "$objects/misbehave.bpf.o" --set attach_value=-13 --set prio=-1
	ledger
	expect_map 'attach EACCES' "$mapper" attach
	expect_books asked_to_attach 0 attached 0 groups 0
	unload misbehave
	expect_map 'attach 0' "$mapper" attach detach attach
	expect_books asked_to_attach 2 attached 2 groups 0
}

# The successor of an unloaded policy, in its place in the marks, that was not notified
# of an address space; then a third policy reaches the space.
successor_in_the_marks() {
	begin
	mkdir -p "$cgroups/t/c"
	ledger --set name=first
	hold map 16M 1M
	unload first
	ledger --set cgroup_id="$(stat -c %i "$cgroups/t/c")"
	ledger --set name=third
	expect_books spaces 0
	release
	wait_for no_spaces
	expect_books_of third spaces 0 spaces_below_zero 0
	expect_books spaces 0 spaces_below_zero 0
}

# What a driver pinned before the policy was there, what another refused, and what
# failed, none of it counts.
pins_are_paired() {
	begin
	driver_begin
	ledger --set prio=-1
	load "$objects/probe.bpf.o" --set pin_value=-13
	expect_map 'pin EACCES' "$mapper" map 16M 64K pin 16M 3
	expect_books pinned_pages 0
	unload probe
	expect_map 'pin EINVAL' "$mapper" map 16M 64K pin 0x100f000 3
	expect_books pinned_pages 0
	expect_map 'pin 3' "$mapper" map 16M 64K pin 16M 3 unpin 17M 2 unpin 16M 3 unpin 16M 2
	expect_books pinned_pages 0
	unload ledger
	hold map 16M 64K pin 16M 3 hold pin 16M 2 unpin 16M 3 unpin 16M 2
	ledger
	release
	wait_for no_spaces
	expect_books pinned_pages 0
}

ktap_run map_and_unmap exit_and_kill failed_maps refused_in_the_middle batch_size_is_obeyed parts_of_a_mapping \
	loaded_late loaded_meanwhile ejected_and_replaced mapped_while_ejected replaced_while_mapped \
	unloaded_early waits waiting_is_killable replaced_under_load \
	ejected_between_two refused_before attach_refused_before successor_in_the_marks pins_are_paired
