#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Whose an address space is, by its cgroup: what a policy learns and charges when a live
# update takes it to another process, and what is shown of an owner that moves or exits.
# shellcheck disable=SC2016
. tools/testing/lib/policy.sh

M=1048576

# shown FILTER: of the only address space, by the iterator of BPF programs.
shown() {
	id=$(member "$(ioasidctl -j list)" id)
	ioasidctl -j show "$id" | jq "$1"
}

cgroup_number() { stat -c %i "$cgroups$1"; }

# The heir is a child that ends at once: the address space stays its own.
handover_to() {
	mkdir -p "$cgroups$1"
	MAPPER_HEIR=$cgroups$1 hold -c /t/a map 16M 2M handover 16M 2M
}

charge_moves_to_the_heir() {
	begin
	load pincg
	handover_to /t/b
	expect_line "$scratch/held" 'handover 0'
	expect_same 'used by /t/a' "$(usage /t/a used)" 0
	expect_same 'used by /t/b' "$(usage /t/b used)" $((2 * M))
	expect_same 'used by /t' "$(usage /t used)" $((2 * M))
	expect_same 'the owner has exited' "$(member "$(ioasidctl -j list)" owner_exited)" true
	expect_same 'its cgroup' "$(shown .cgroup)" "$(cgroup_number /t/b)"
	expect_same 'the mapping' "$(shown '.mappings[0] | [.orphaned, .cgroup]' | tr -d ' \n')" \
		"[true,$(cgroup_number /t/b)]"
	release
	expect_same 'used by /t/b' "$(usage /t/b used)" 0
}

limit_of_the_heir_is_too_small() {
	begin
	load pincg
	mkdir -p "$cgroups/t/b"
	ioasidctl pincg set /t/b 1M
	handover_to /t/b
	expect_line "$scratch/held" 'handover ENOMEM'
	expect_same 'used by /t/a' "$(usage /t/a used)" $((2 * M))
	expect_same 'used by /t/b' "$(usage /t/b used)" 0
	expect_same 'denied by /t/b' "$(usage /t/b denied)" 1
	expect_same 'the owner' "$(member "$(ioasidctl -j list)" owner)" "$held"
	expect_same 'the owner has exited' "$(member "$(ioasidctl -j list)" owner_exited)" false
}

owner() { member "$(ioasidctl -j list)" owner; }
owner_is() { [ "$(owner)" = "$1" ]; }

# holders: what ioasidwho says of each process that has a /dev/ioasid open: its pid, its mappings and
# pages, in the order of their pids.
holders() {
	ioasidwho -j | jq -r '[.holders[] | select(.kind == "ioasid")] | sort_by(.pid)[] | "\(.pid) \(.maps) \(.pinned_pages)"'
}

# two_halves WORD...: /t/a maps twice, and begins a live update to a child in /t/b, which does the words.
two_halves() {
	mkdir -p "$cgroups/t/b"
	MAPPER_HEIR=$cgroups/t/b hold -c /t/a map 16M 2M map 32M 2M invalidate 16M 2M invalidate 32M 2M \
		fork "$@"
	read -r heir <"$cgroups/t/b/cgroup.procs"
}

renewed() { grep -c '^renew 0$' "$scratch/held"; }
renewed_is() { [ "$(renewed)" = "$1" ]; }

# used A B: by each cgroup, in MiB.
expect_used() {
	expect_same 'used by /t/a' "$(usage /t/a used)" $(($1 * M))
	expect_same 'used by /t/b' "$(usage /t/b used)" $(($2 * M))
	expect_same 'used by /t' "$(usage /t used)" $((($1 + $2) * M))
}

# Each cgroup pays for what its process has. The limit of the new one refuses the rest, as
# RLIMIT_MEMLOCK would, and the update goes on when it is raised.
half_moved() {
	begin
	load pincg
	mkdir -p "$cgroups/t/b"
	ioasidctl pincg set /t/b 3M
	two_halves renew 16M 2M renew 32M 2M hold renew 32M 2M sleep 20000
	expect_same 'what the new process could do' "$(grep renew "$scratch/held" | tr '\n' ' ')" 'renew 0 renew ENOMEM '
	expect_used 2 2
	expect_same 'denied by /t/b' "$(usage /t/b denied)" 1
	expect_same 'the owner' "$(owner)" "$held"
	ioasidctl pincg set /t/b 4M
	exec 9>&-
	wait_for renewed_is 2
	expect_used 0 4
	expect_same 'the new owner' "$(owner)" "$heir"
	expect_same 'the new owner has exited' "$(member "$(ioasidctl -j list)" owner_exited)" false
	echo 1 >"$cgroups/t/b/cgroup.kill"
	release
	expect_used 0 0
}

# The new process ends in the middle: what it had stays charged to its cgroup until it is unmapped. The
# old process stays the owner and takes the rest back.
target_ends_half_moved() {
	begin
	load pincg
	mkdir -p "$cgroups/t/b"
	MAPPER_HEIR=$cgroups/t/b hold -c /t/a map 16M 2M map 32M 2M invalidate 16M 2M handover 32M 2M hold \
		renew 16M 2M unmap 32M 2M sleep 20000
	expect_line "$scratch/held" 'handover 0'
	expect_used 2 2
	expect_same 'the owner' "$(owner)" "$held"
	expect_same 'processes of ioasidwho' "$(holders)" "$held 2 1024"
	exec 9>&-
	wait_for grep -q -x 'unmap 2097152' "$scratch/held"
	expect_line "$scratch/held" 'renew 0'
	expect_used 2 0
	expect_same 'the owner then' "$(owner)" "$held"
	expect_same 'processes of ioasidwho then' "$(holders)" "$held 1 512"
	kill "$held"
	release
	expect_used 0 0
}

# The old process is killed in the middle: until the new one has all of it, the owner is shown as exited,
# and ioasidwho names the process that is there.
source_dies_half_moved() {
	begin
	load pincg
	two_halves renew 16M 2M hold renew 32M 2M sleep 20000
	old=$held
	kill -KILL "$old"
	wait "$old" || :
	expect_used 2 2
	expect_same 'the owner' "$(owner)" "$old"
	expect_same 'the owner has exited' "$(member "$(ioasidctl -j list)" owner_exited)" true
	expect_same 'processes of ioasidwho' "$(holders)" "$heir 2 1024"
	exec 9>&-
	wait_for owner_is "$heir"
	expect_same 'the new owner has exited' "$(member "$(ioasidctl -j list)" owner_exited)" false
	expect_same 'processes of ioasidwho then' "$(holders)" "$heir 2 1024"
	expect_used 0 4
	echo 1 >"$cgroups/t/b/cgroup.kill"
	wait_for no_space
	expect_used 0 0
	release
}
no_space() { [ "$(ioasidctl -j list | jq length)" = 0 ]; }

# A limit over both processes has to have room for the largest mapping twice: the new process is
# charged before the old one is uncharged.
limit_over_both() {
	begin
	load pincg --set default_limit=3M
	mkdir -p "$cgroups/t/b"
	ioasidctl pincg set /t 3M
	handover_to /t/b
	expect_line "$scratch/held" 'handover ENOMEM'
	expect_same 'denied by /t' "$(usage /t denied)" 1
	expect_used 2 0
	release
	MAPPER_HEIR=$cgroups/t/b hold -c /t/a map 16M 1M map 32M 1M handover 16M 1M handover 32M 1M
	expect_same 'mappings of 1 MiB' "$(grep -c '^handover 0$' "$scratch/held")" 2
	expect_used 0 2
	release
	ioasidctl pincg set /t 4M
	handover_to /t/b
	expect_line "$scratch/held" 'handover 0'
	expect_used 0 2
	release
	# The default limit of one cgroup, which has both.
	handover_to /t/a
	expect_line "$scratch/held" 'handover ENOMEM'
	expect_used 2 0
}

# In the scope of the new owner's cgroup, and not in that of the old one's.
heir_is_in_scope() {
	begin
	mkdir -p "$cgroups/t/b"
	load "$objects/probe.bpf.o" --set cgroup_id="$(cgroup_number /t/b)"
	handover_to /t/b
	expect_same 'changes of owner' "$(variable probe owners)" 1
	# It is loaded anew, and learns of an address space that is in scope by its owner.
	unload probe
	load "$objects/probe.bpf.o" --set cgroup_id="$(cgroup_number /t/b)"
	expect_same 'known to it' "$(variable probe replayed)" 1
	unload probe
	load "$objects/probe.bpf.o" --set cgroup_id="$(cgroup_number /t/a)"
	expect_same 'known to that of the old owner' "$(variable probe replayed)" 0
}

# Its address space goes with a process, and what was charged does not.
owner_moves() {
	begin
	load pincg
	hold -c /t/a map 16M 2M
	mkdir -p "$cgroups/t/b"
	echo "$held" >"$cgroups/t/b/cgroup.procs"
	expect_same 'its cgroup' "$(shown .cgroup)" "$(cgroup_number /t/b)"
	expect_same 'that of the charge' "$(shown '.mappings[0].cgroup')" "$(cgroup_number /t/a)"
	expect_same 'used by /t/a' "$(usage /t/a used)" $((2 * M))
	load "$objects/probe.bpf.o" --set cgroup_id="$(cgroup_number /t/b)"
	expect_same 'known where it is now' "$(variable probe replayed)" 1
}

# A process with the pid of an owner that has exited is not its owner: no figure of it is shown.
metrics_of_the_dead() {
	begin
	hold map 16M 2M
	ioasidctl metrics >"$scratch/prom"
	grep -q '^ioasid_space_memlock_used_bytes{' "$scratch/prom"
	release
	hold map 16M 2M handover 16M 2M
	ioasidctl metrics >"$scratch/prom"
	grep -q '^ioasid_space_mappings{' "$scratch/prom"
	! grep '^ioasid_space_memlock_used_bytes{' "$scratch/prom" || fail "of a process that has exited"
	ioasidctl list | grep -q 'owner exited$' || fail "$(ioasidctl list)"
}

ktap_run charge_moves_to_the_heir limit_of_the_heir_is_too_small half_moved target_ends_half_moved \
	source_dies_half_moved limit_over_both heir_is_in_scope owner_moves metrics_of_the_dead
