#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# pincg counts what each cgroup pins, and limits it.
. tools/testing/lib/policy.sh

M=1048576

# A plain user with 1 MiB of RLIMIT_MEMLOCK; root's CAP_IPC_LOCK passes every limit.
as_user() { setpriv --reuid 1000 --regid 1000 --clear-groups prlimit --memlock="$M" "$@"; }

counts_up_the_tree() {
	begin
	load pincg
	hold -c /t/a map 16M 2M
	root=$(usage / used)
	expect_same 'used by /t/a' "$(usage /t/a used)" $((2 * M))
	expect_same 'used by /t' "$(usage /t used)" $((2 * M))
	expect_same 'own of /t' "$(usage /t own)" 0
	release
	expect_same 'used by /t/a' "$(usage /t/a used)" 0
	expect_same 'used by /t' "$(usage /t used)" 0
	expect_same 'peak of /t' "$(usage /t peak)" $((2 * M))
	expect_same 'used by /' "$(usage / used)" $((root - 2 * M))
}

limit_of_the_parent() {
	begin
	load pincg
	mkdir -p "$cgroups/t/a" "$cgroups/t/b"
	ioasidctl pincg set /t 4M
	hold -c /t/a map 16M 3M
	expect_map 'locked 0' in_cgroup /t/b "$mapper" map 16M 2M locked
	expect_map 'map 0' in_cgroup /t/b "$mapper" map 16M 1M
	expect_same 'denied by /t' "$(usage /t denied)" 1
	expect_same 'denied by /t/b' "$(usage /t/b denied)" 0
	expect_same 'used by /t/b' "$(usage /t/b used)" 0
	expect_same 'used by /t' "$(usage /t used)" $((3 * M))
}

# A mapping of many batches that hits the limit half way.
limit_half_way() {
	begin
	load pincg
	mkdir -p "$cgroups/t/a"
	ioasidctl pincg set "$cgroups/t/a" 4M
	expect_map 'locked 0' in_cgroup /t/a "$mapper" map 16M 8M locked
	expect_same used "$(usage /t/a used)" 0
	expect_same own "$(usage /t/a own)" 0
	expect_map 'map 0' in_cgroup /t/a "$mapper" map 16M 4M
	expect_same limit "$(usage /t/a limit)" 4194304
}

default_limit() {
	begin
	load pincg --set default_limit=2M
	expect_map 'map ENOMEM' in_cgroup /t/a "$mapper" map 16M 3M
	mkdir -p "$cgroups/t/a/b"
	hold -c /t/a/b map 16M 2M
	# It is for a cgroup's own pages, so that a parent may hold many children's.
	expect_map 'map 0' in_cgroup /t/a "$mapper" map 16M 2M
}

none_and_default() {
	begin
	load pincg --set default_limit=2M
	mkdir -p "$cgroups/t/a"
	ioasidctl pincg set /t/a none
	expect_map 'map 0' in_cgroup /t/a "$mapper" map 16M 3M
	ioasidctl pincg set /t/a default
	expect_map 'map ENOMEM' in_cgroup /t/a "$mapper" map 16M 3M
}

# With ACCOUNT the limit here takes the place of RLIMIT_MEMLOCK.
account_replaces_the_rlimit() {
	begin
	chmod 666 /dev/ioasid
	expect_map 'map ENOMEM' as_user "$mapper" map 16M 2M
	load pincg
	expect_map 'map ENOMEM' as_user "$mapper" map 16M 2M
	unload pincg
	load pincg --set flags=ACCOUNT --set default_limit=4M
	expect_map "locked $((2 * M))" as_user "$mapper" map 16M 2M locked
	expect_map 'map ENOMEM' as_user "$mapper" map 16M 6M
	unload pincg
	expect_map 'map ENOMEM' as_user "$mapper" map 16M 2M
	chmod 660 /dev/ioasid
}

moved_task() {
	begin
	load pincg
	hold -c /t/a map 16M 2M
	mkdir -p "$cgroups/t/b"
	echo "$held" >"$cgroups/t/b/cgroup.procs"
	expect_same 'used by /t/b' "$(usage /t/b used)" 0
	release
	expect_same 'used by /t/a' "$(usage /t/a used)" 0
	expect_same 'used by /t/b' "$(usage /t/b used)" 0
}

removed_cgroup() {
	begin
	load pincg
	hold -c /t/a map 16M 2M
	mkdir -p "$cgroups/t/b"
	echo "$held" >"$cgroups/t/b/cgroup.procs"
	rmdir "$cgroups/t/a"
	ioasidctl -j pincg list | holds '.[] | select(.cgroup == null).used == 2097152'
	expect_same removed "$(ioasidctl pincg prune)" 'forgot 0 entries of removed cgroups'
	expect_same 'used by /t' "$(usage /t used)" $((2 * M))
	release
	expect_same 'used by /t' "$(usage /t used)" 0
	expect_same removed "$(ioasidctl pincg prune)" 'forgot 1 entries of removed cgroups'
}

killed_task() {
	begin
	load pincg
	hold -c /t/a map 16M 2M map 64M 2M
	kill -KILL "$held"
	release
	wait_for used_is /t/a 0
	expect_same own "$(usage /t/a own)" 0
}
used_is() { [ "$(usage "$1" used)" = "$2" ]; }

# Many at once, near the limit: it holds, and in the end the books are empty.
race() {
	begin
	load pincg
	mkdir -p "$cgroups/t/a" "$cgroups/t/b"
	ioasidctl pincg set /t 3M
	for child in a b a b; do
		in_cgroup /t/"$child" "$mapper" storm 1500 16M 2M >/dev/null &
	done
	wait
	expect_same state "$(attribute pincg state)" enabled
	peak=$(usage /t peak)
	[ "$peak" -le $((3 * M)) ] || fail "the limit was passed: $peak"
	[ "$(usage /t denied)" -gt 0 ] || fail "no task met the limit"
	for cgroup in /t /t/a /t/b; do
		expect_same "used by $cgroup" "$(usage "$cgroup" used)" 0
		expect_same "own of $cgroup" "$(usage "$cgroup" own)" 0
	done
}

reloaded_while_mapped() {
	begin
	load pincg
	hold -c /t/a map 16M 2M
	unload pincg
	load pincg
	expect_same used "$(usage /t/a used)" 0
	release
	expect_same used "$(usage /t/a used)" 0
	expect_map 'map 0' in_cgroup /t/a "$mapper" map 16M 2M
	expect_same peak "$(usage /t/a peak)" $((2 * M))
}

# The slots of removed cgroups are used again, and start from nothing.
slots_come_back() {
	begin
	load pincg --set slots.max_entries=4
	for round in 1 2 3; do
		expect_map 'map 0' in_cgroup /t/a "$mapper" map 16M 2M
		expect_same "peak in round $round" "$(usage /t/a peak)" $((2 * M))
		rmdir "$cgroups/t/a"
		[ "$round" = 1 ] ||
			expect_same removed "$(ioasidctl pincg prune)" 'forgot 1 entries of removed cgroups'
	done
}

# A limit may come before its cgroup does anything, and after.
limits_early_and_late() {
	begin
	load pincg
	mkdir -p "$cgroups/t/a"
	ioasidctl pincg set /t/a 0
	expect_same limit "$(usage /t/a limit)" 0
	expect_map 'map ENOMEM' in_cgroup /t/a "$mapper" map 16M 4K
	expect_same limit "$(usage /t/a limit)" 0
	ioasidctl pincg set /t/a 8K
	expect_map 'map ENOMEM' in_cgroup /t/a "$mapper" map 16M 4K map 17M 4K map 18M 4K
	expect_same peak "$(usage /t/a peak)" 8192
}

# Deeper than the policy records: the task's own cgroup and the root are there.
deep_tree() {
	begin
	load pincg
	deep=/t
	for level in $(seq 40); do deep=$deep/$level; done
	hold -c "$deep" map 16M 2M
	expect_same 'used at the bottom' "$(usage "$deep" used)" $((2 * M))
	expect_same 'used by /t' "$(usage /t used)" $((2 * M))
	release
	expect_same 'used at the bottom' "$(usage "$deep" used)" 0
	expect_same 'used by /t' "$(usage /t used)" 0
}

ktap_run counts_up_the_tree limit_of_the_parent limit_half_way default_limit \
	none_and_default account_replaces_the_rlimit moved_task removed_cgroup killed_task race \
	reloaded_while_mapped slots_come_back limits_early_and_late deep_tree
