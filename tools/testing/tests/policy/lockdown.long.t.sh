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
		[ "$policy" != pincg ] || continue
		load "$policy" || fail "$policy cannot be loaded"
		unload "$policy"
	done
}

# It reads names of cgroups.
pincg_says_why_not() {
	begin
	lock_down
	says 'the kernel is locked down' ioasidctl policy load pincg
}

# It reads names of tasks.
strictmap_sees_names() {
	begin
	lock_down
	load strictmap
	MAPPER_V1=1 "$mapper" map 16M 2M unmap 0x1001000 4K >/dev/null
	ioasidctl -j policy show strictmap >"$scratch/show"
	grep -q '"comm": *"mapper"' "$scratch/show" || fail "$(cat "$scratch/show")"
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
	says 'the kernel is locked down' build/bin/ioasidwho
}

ktap_run policies_load pincg_says_why_not strictmap_sees_names observers_load observers_see_names \
	ioasidwho_says_why_not
