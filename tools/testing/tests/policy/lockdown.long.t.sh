#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# On a kernel in lockdown's confidentiality mode, where no BPF program may read the
# kernel's memory by a helper, policies and observers work, and those that cannot say
# why. There is no way back from that mode: the VM is of no use to other tests afterwards.
. tools/testing/lib/policy.sh

lock=/sys/kernel/security/lockdown

lock_down() {
	[ -e "$lock" ] || mount -t securityfs securityfs /sys/kernel/security
	[ -e "$lock" ] || skip "this kernel has no lockdown"
	grep -q '\[confidentiality\]' "$lock" || echo confidentiality >"$lock"
}

policies_load() {
	begin
	lock_down
	for policy in bpf/policy/*.bpf.c; do
		policy=$(basename "$policy" .bpf.c)
		load "$policy" || fail "$policy cannot be loaded"
		unload "$policy"
	done
}

# Both read names of tasks and cgroups.
policies_see_names() {
	begin
	lock_down
	mkdir "$cgroups/t"
	load strictmap
	load pincg
	ioasidctl pincg set '/t/*' 64K >/dev/null
	expect_map 'map ENOMEM' in_cgroup /t/vm1 "$mapper" map 0 128K
	expect_map 'map 0' in_cgroup /t/vm1 "$mapper" map 0 4K
	expect_same limit "$(usage /t/vm1 limit)" 65536
}

observers_load() {
	begin
	lock_down
	for observer in ioasidsnoop ioasidlat ioasidstat ioasidtop; do
		timeout -s INT 3 "build/bin/$observer" >"$scratch/out" 2>"$scratch/error" || :
		! grep "^$observer: " "$scratch/error" || fail "$observer does not work"
	done
}

# Also what comes in the arrays of an event.
observers_see_names() {
	begin
	lock_down
	ioasidsnoop -o policy >"$scratch/snoop" 2>&1 &
	pid=$!
	wait_for grep -q . "$scratch/snoop"
	load quota
	unload quota
	wait_for grep -q quota "$scratch/snoop"
	kill -INT "$pid"
	wait "$pid" || :
}

ioasidwho_says_why_not() {
	begin
	lock_down
	expect_status 1 build/bin/ioasidwho 2>"$scratch/error"
	expect_same lines "$(wc -l <"$scratch/error")" 1
	grep -q 'the kernel is locked down' "$scratch/error" || fail "$(cat "$scratch/error")"
}

ktap_run policies_load policies_see_names observers_load observers_see_names \
	ioasidwho_says_why_not
