#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Hooks, scopes, order, selection by name, kill switches, and what a policy may
# call: with probe.bpf.c, which counts every hook.
. tools/testing/lib/policy.sh

probe() { load "$objects/probe.bpf.o" "$@"; }

# expect_seen NAME VALUE...: variables of the policy probe.
expect_seen() {
	seen=$(ioasidctl -j policy show probe)
	while [ $# -gt 0 ]; do
		expect_same "$1" "$(member "$seen" "$1")" "$2"
		shift 2
	done
}

space_of_held() {
	list=$(ioasidctl -j list)
	member "$list" id
}

a_space_opens_and_closes() {
	begin
	hold map 16M 1M
	probe
	expect_seen opened 0 replayed 1 closed 0 init_spaces 1 init_replaces 0
	"$mapper" map 16M 1M unmap 16M 1M >/dev/null
	expect_seen opened 1 replayed 1 closed 1
	release
	wait_for no_spaces
	expect_seen opened 1 replayed 1 closed 2
}
no_spaces() { [ "$(ioasidctl -j list)" = '[]' ]; }

open_can_be_refused() {
	begin
	probe --set open_value=-13
	expect_status 1 "$mapper" map 16M 1M 2>"$scratch/error"
	expect_line "$scratch/error" 'Permission denied'
	expect_same state "$(attribute probe state)" enabled
	expect_seen opened 1 closed 1
}

maps_and_unmaps_are_told() {
	begin
	probe
	expect_map 'unmap 3145728' "$mapper" map 16M 1M map 17M 1M map 18M 1M unmap 16M 3M
	expect_seen begun 3 mapped 3 unmapping 1 unmapped 3
	[ "$(variable probe ns_total)" -gt 0 ] || fail "no times"
	[ "$(variable probe faults)" -gt 0 ] || fail "no faults"
	expect_seen node0_pages 256
}

dirty_and_owner_are_told() {
	begin
	probe
	expect_map 'handover 0' "$mapper" map 16M 1M dirty 16M 1M handover 16M 1M
	expect_seen dirties 3 owners 1
}

# Processes are watched as long as a policy has the hook.
stale_pages_are_told() {
	begin
	probe
	expect_map 'unmap 65536' "$mapper" map 16M 64K discard 12K unmap 16M 64K
	expect_seen stale_pages 3
	expect_map 'discard 0' "$mapper" map 16M 64K discard 8K
	expect_seen stale_pages 19
	unload probe
	hold map 16M 64K
	wait_for nothing_is_watched
	release
}
nothing_is_watched() { grep -qx 'mappings: 0' /sys/kernel/debug/ioasid/watched; }

# Drivers pin through ioasid_kapi here; IOMMUs have nothing to do with it.
pins_are_told() {
	begin
	driver_begin
	probe
	expect_same 'what a driver got' "$("$mapper" map 16M 64K pin 16M 3 unpin 16M 3 | tr '\n' ' ')" \
		'map 0 pin 3 '
	expect_seen pins 3 unpins 3
}

devices_are_told() {
	begin
	driver_begin
	probe
	expect_map 'attach 0' "$mapper" attach detach attach
	expect_seen attached 2 detached 2
}

pins_can_be_refused() {
	begin
	driver_begin
	probe --set pin_value=-13
	expect_map 'pin EACCES' "$mapper" map 16M 64K pin 16M 3
	expect_seen pins 3 unpins 0
	expect_same state "$(attribute probe state)" enabled
	ioasidctl policy replace probe "$objects/probe.bpf.o" --set pin_value=-121 >/dev/null
	expect_map 'pin EPERM' "$mapper" map 16M 64K pin 16M 1
	ioasidctl policy replace probe "$objects/probe.bpf.o" --set pin_value=2 >/dev/null
	expect_map 'pin 1' "$mapper" map 16M 64K pin 16M 1 unpin 16M 1
	expect_same state "$(attribute probe state)" ejected
}

only_a_space() {
	begin
	hold map 16M 1M
	probe --set space_id="$(space_of_held)"
	"$mapper" map 16M 1M >/dev/null
	expect_seen begun 0 opened 0 replayed 1
	release
	wait_for no_spaces
	expect_seen unmapping 1 unmapped 1 closed 1
}

only_a_cgroup() {
	begin
	mkdir -p "$cgroups/t/a/b" "$cgroups/t/c"
	probe --set begin_value=-13 --set cgroup_id="$(stat -c %i "$cgroups/t/a")"
	expect_map 'map EACCES' in_cgroup /t/a "$mapper" map 16M 1M
	expect_map 'map EACCES' in_cgroup /t/a/b "$mapper" map 16M 1M
	expect_map 'map 0' in_cgroup /t/c "$mapper" map 16M 1M
	expect_map 'map 0' "$mapper" map 16M 1M
	expect_seen begun 2
	unload probe
	expect_status 1 ioasidctl policy load "$objects/probe.bpf.o" --set cgroup_id=999999 2>/dev/null
}

# The limit follows the cgroup that was charged, also when only some are charged at all.
accounting_of_a_cgroup() {
	begin
	mkdir -p "$cgroups/t/a"
	load "$objects/ledger.bpf.o" --set cgroup_id="$(stat -c %i "$cgroups/t/a")"
	hold -c /t/a map 16M 1M
	"$mapper" map 16M 2M >/dev/null
	expect_same charged_pages "$(variable ledger charged_pages)" 256
	echo "$held" >"$cgroups/cgroup.procs"
	release
	wait_for no_spaces
	expect_same charged_pages "$(variable ledger charged_pages)" 0
}

selected_by_name() {
	begin
	probe --set flags=BY_NAME --set begin_value=-13
	hold map 16M 1M
	expect_seen begun 0
	id=$(space_of_held)
	echo "$id probe" >/sys/kernel/ioasid/select
	expect_same select "$(cat /sys/kernel/ioasid/select)" "$id probe"
	echo probe >/sys/module/ioasid/parameters/default_policy
	expect_same default "$(cat /sys/module/ioasid/parameters/default_policy)" probe
	expect_map 'map EACCES' "$mapper" map 16M 1M
	echo >/sys/module/ioasid/parameters/default_policy
	expect_map 'map 0' "$mapper" map 16M 1M
	expect_seen begun 1
	echo "$id" >/sys/kernel/ioasid/select
	expect_same select "$(cat /sys/kernel/ioasid/select)" ''
	# sh says so itself.
	! (echo "$id nonsense" >/sys/kernel/ioasid/select) 2>/dev/null || fail "there is no such policy"
	! (echo "77777 probe" >/sys/kernel/ioasid/select) 2>/dev/null || fail "there is no such space"
	release
}

# What exists is replayed only to policies of its cgroup, or of one above it.
replay_within_a_cgroup() {
	begin
	hold -c /t/a/b map 16M 1M
	mkdir -p "$cgroups/t/c"
	for seen in /t/a/b:1 /t:1 /t/c:0; do
		probe --set cgroup_id="$(stat -c %i "$cgroups${seen%:*}")"
		expect_seen replayed "${seen#*:}"
		unload probe
	done
}

# Lower priorities are asked first, and no policy after a refusal.
asked_in_order() {
	begin
	probe --set prio=5 --set begin_value=-13
	probe --set name=first --set prio=-5 --set begin_value=-28
	expect_map 'map ENOSPC' "$mapper" map 16M 1M
	expect_same 'denied by probe' "$(attribute probe denied)" 0
	probe --set name=before --set prio=-5 --set flags=BEFORE --set begin_value=-12
	expect_map 'map ENOMEM' "$mapper" map 16M 1M
	ioasidctl policy replace before "$objects/probe.bpf.o" --set prio=100 \
		--set begin_value=-12 >/dev/null
	expect_map 'map ENOSPC' "$mapper" map 16M 1M
}

audit_only_watches() {
	begin
	probe --set flags=AUDIT --set begin_value=-5000
	expect_map 'map 0' "$mapper" map 16M 1M
	expect_same state "$(attribute probe state)" enabled
	expect_seen begun 1
}

# as_user BYTES WORD...: a mapper that has so much of RLIMIT_MEMLOCK.
as_user() {
	memlock=$1
	shift
	setpriv --reuid 1000 --regid 1000 --clear-groups prlimit --memlock="$memlock" "$mapper" "$@"
}

# Its flags for what it does about a map mean nothing while it only watches.
audit_keeps_the_rlimit() {
	begin
	chmod 666 /dev/ioasid
	load "$objects/ledger.bpf.o" --set 'flags=ACCOUNT|AUDIT'
	expect_map 'map ENOMEM' as_user 65536 map 16M 1M
	ioasidctl policy replace ledger "$objects/ledger.bpf.o" --set flags=ACCOUNT >/dev/null
	expect_map 'map 0' as_user 65536 map 16M 1M
	chmod 660 /dev/ioasid
}

audit_ends_without_a_refusal() {
	begin
	probe --set 'flags=FAIL_CLOSED|AUDIT' --set act=1
	expect_map 'map 0' "$mapper" map 16M 1M map 17M 1M
	expect_same state "$(attribute probe state)" ejected
}

# A task whose cgroup is gone: a limit holds for it, but nothing lifts the rlimit. Its
# memory is withheld, so that it is charged only then. SYS_PTRACE is for userfaultfd.
accounts_only_where_sure() {
	begin
	chmod 666 /dev/ioasid
	mkdir -p "$cgroups/t/v" "$cgroups/t/gone" "$cgroups/t/b"
	load "$objects/ledger.bpf.o" --set flags=ACCOUNT --set cgroup_id="$(stat -c %i "$cgroups/t/v")"
	where=/t/gone
	hold_by setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps +sys_ptrace \
		--ambient-caps +sys_ptrace prlimit --memlock=0 "$mapper" late 1 16M
	echo "$held" >"$cgroups/t/b/cgroup.procs"
	rmdir "$cgroups/t/gone"
	release
	expect_same map "$(tail -n 1 "$scratch/held")" 'map ENOMEM'
	chmod 660 /dev/ioasid
}

flushes_in_pieces() {
	begin
	probe --set per_sync=2
	expect_map 'unmap 4194304' "$mapper" map 16M 1M map 17M 1M map 18M 1M map 19M 1M unmap 16M 4M
	expect_seen unmapped 4
	expect_same state "$(attribute probe state)" enabled
}

gives_up() {
	begin
	probe --set act=1
	expect_map 'map 0' "$mapper" map 16M 1M map 17M 1M
	expect_same state "$(attribute probe state)" ejected
	expect_same kind "$(attribute probe exit_kind)" error_bpf
	expect_same hook "$(attribute probe exit_hook)" map_begin
	expect_same msg "$(attribute probe exit_msg)" 'map 16777216 is one too many'
	# Whichever of the two the compiler has left a frame.
	grep -q -e 'vfio_compat_map+' -e 'ioasid_vfio_ioctl+' "$policies/probe/exit_bt" || fail "$(cat "$policies/probe/exit_bt")"
	# Its size is that of any file of sysfs; it is filled in after the ejection.
	wait_for grep -q . "$policies/probe/exit_dump"
	expect_line "$policies/probe/exit_dump" 'begun 1 mapped 0'
	expect_line "$policies/probe/exit_dump" 'kind 1027'
	expect_seen begun 1 ends 1 last_kind 1027
}

resigns() {
	begin
	probe --set act=2 --set flags=FAIL_CLOSED
	expect_map 'map 0' "$mapper" map 16M 1M map 17M 1M
	expect_same kind "$(attribute probe exit_kind)" bpf
	expect_same value "$(attribute probe exit_value)" -7
	wait_for ended
	expect_seen begun 1 last_kind 67 last_value -7
}
ended() { [ "$(variable probe ends)" = 1 ]; }

gives_up_in_init() {
	begin
	expect_status 1 ioasidctl policy load "$objects/probe.bpf.o" --set act=3 2>/dev/null
	[ ! -e "$policies/probe" ] || fail "it is loaded"
	expect_line /sys/kernel/ioasid/last_exit 'name=probe kind=error_bpf hook=init'
	expect_line /sys/kernel/ioasid/last_exit 'no luck in init'
}

asks_for_its_space() {
	begin
	probe --set act=4
	"$mapper" map 16M 1M map 17M 1M map 18M 1M >/dev/null
	expect_seen space_maps 2 space_missing 0
}

describes_itself() {
	begin
	probe
	"$mapper" map 16M 1M >/dev/null
	expect_same dump "$(head -n 1 "$policies/probe/dump")" 'begun 1 mapped 1'
	expect_same lines "$(wc -l <"$policies/probe/dump")" 2
}

# As much as its file can show, and no more.
fills_its_dump() {
	begin
	probe --set dump_lines=100 --set act=1
	expect_same bytes "$(wc -c <"$policies/probe/dump")" $((63 * 64))
	"$mapper" map 16M 1M >/dev/null
	# Its size is that of any file of sysfs; it is filled in after the ejection.
	wait_for grep -q . "$policies/probe/exit_dump"
	expect_same bytes "$(wc -c <"$policies/probe/exit_dump")" $((63 * 64))
}

kill_switch_of_one() {
	begin
	probe --set begin_value=-13 --set flags=FAIL_CLOSED
	expect_map 'map EACCES' "$mapper" map 16M 1M
	echo 1 >"$policies/probe/enabled"
	! (echo perhaps >"$policies/probe/enabled") 2>/dev/null || fail "that is neither on nor off"
	expect_same state "$(attribute probe state)" enabled
	echo 0 >"$policies/probe/enabled"
	expect_same kind "$(attribute probe exit_kind)" killed
	expect_map 'map 0' "$mapper" map 16M 1M
	! (echo 1 >"$policies/probe/enabled") 2>/dev/null || fail "it cannot come back like this"
	ioasidctl policy replace probe "$objects/probe.bpf.o" >/dev/null
	expect_same enabled "$(attribute probe enabled)" 1
	expect_seen init_replaces 2
}

kill_switch_of_all() {
	begin
	trap 'echo Y >/sys/module/ioasid/parameters/policies; clean' EXIT
	probe --set begin_value=-13
	load pincg
	echo N >/sys/module/ioasid/parameters/policies
	expect_same parameter "$(cat /sys/module/ioasid/parameters/policies)" N
	expect_same probe "$(attribute probe exit_kind)" killed
	expect_same pincg "$(attribute pincg exit_kind)" killed
	expect_map 'map 0' "$mapper" map 16M 1M
	expect_status 1 ioasidctl policy load "$objects/ledger.bpf.o" 2>/dev/null
	echo Y >/sys/module/ioasid/parameters/policies
	load "$objects/ledger.bpf.o"
}

counts_are_shown() {
	begin
	probe
	"$mapper" map 16M 1M unmap 16M 1M >/dev/null
	expect_line "$policies/probe/stats" 'map_begin 1'
	expect_line "$policies/probe/stats" 'unmap_done 1'
	expect_line "$policies/probe/stats" 'clamped 0'
}

# BPF counts the calls of a hook, and the hook works as before.
with_statistics_of_bpf() {
	begin
	trap 'echo 0 >/proc/sys/kernel/bpf_stats_enabled; clean' EXIT
	echo 1 >/proc/sys/kernel/bpf_stats_enabled
	probe --set act=1
	expect_map 'map 0' "$mapper" map 16M 1M
	expect_same kind "$(attribute probe exit_kind)" error_bpf
	expect_same hook "$(attribute probe exit_hook)" map_begin
	ioasidctl -j policy show probe | holds '.programs | map(select(.hook == "map_begin"))[0].run_cnt == 1'
}

# What was charged is uncharged, after exec and by a child as well.
exec_and_fork_balance() {
	begin
	load "$objects/ledger.bpf.o"
	"$mapper" map 16M 1M exec map 17M 1M unmap 16M 1M >/dev/null
	wait_for no_spaces
	expect_same 'after exec' "$(variable ledger charged_pages)" 0
	"$mapper" map 16M 1M fork unmap 16M 1M map 17M 2M >/dev/null
	wait_for no_spaces
	expect_same 'after fork' "$(variable ledger charged_pages)" 0
	expect_same charges "$(variable ledger charges)" 4
}

ktap_run a_space_opens_and_closes open_can_be_refused maps_and_unmaps_are_told \
	dirty_and_owner_are_told stale_pages_are_told pins_are_told devices_are_told pins_can_be_refused only_a_space only_a_cgroup \
	accounting_of_a_cgroup selected_by_name \
	replay_within_a_cgroup asked_in_order audit_only_watches \
	audit_keeps_the_rlimit audit_ends_without_a_refusal accounts_only_where_sure fills_its_dump \
	flushes_in_pieces gives_up resigns \
	gives_up_in_init asks_for_its_space describes_itself kill_switch_of_one kill_switch_of_all \
	counts_are_shown with_statistics_of_bpf exec_and_fork_balance
