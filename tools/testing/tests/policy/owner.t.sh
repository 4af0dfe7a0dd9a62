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

ktap_run charge_moves_to_the_heir limit_of_the_heir_is_too_small heir_is_in_scope owner_moves \
	metrics_of_the_dead
