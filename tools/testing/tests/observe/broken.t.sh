#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# An installation of which a part is missing or cut off, as a full disk or an unpacking that was
# ended leaves it, and output that a full disk does not take: one line, and status 1.
. tools/testing/lib/policy.sh

# Programs that are installed elsewhere, without what is beside them in the build tree.
installed() {
	mkdir -p "$scratch/bin"
	cp build/bin/ioasidctl "$scratch/bin/"
	PATH=$scratch/bin:/usr/sbin:/usr/bin
}

observers_are_missing() {
	begin
	installed
	for noun in stat top lat snoop who; do
		refuses 1 "cannot run ioasid$noun: No such file or directory" ioasidctl "$noun"
	done
	refuses 1 'cannot run ioasidtop' ioasidctl -j top
}

# An empty file would be a program of the shell, which does nothing, and well.
observers_are_cut_off() {
	begin
	installed
	for noun in stat who; do
		for size in 0 1 32; do
			head -c "$size" "build/bin/ioasid$noun" >"$scratch/bin/ioasid$noun"
			chmod 755 "$scratch/bin/ioasid$noun"
			refuses 1 "cannot run $scratch/bin/ioasid$noun: Exec format error" ioasidctl "$noun"
		done
		chmod 644 "$scratch/bin/ioasid$noun"
		refuses 1 "cannot run $scratch/bin/ioasid$noun: Permission denied" ioasidctl "$noun"
	done
}

policies_are_missing_or_cut_off() {
	begin
	installed
	refuses 1 "no policy 'pincg' is installed in /usr/lib/ioasid/bpf" ioasidctl policy load pincg
	mkdir "$scratch/bpf"
	whole=$(wc -c <build/bpf/pincg.bpf.o)
	for size in 0 1 63 64 4096 $((whole / 2)) $((whole - 1)); do
		head -c "$size" build/bpf/pincg.bpf.o >"$scratch/bpf/pincg.bpf.o"
		refuses 1 "pincg.bpf.o' is not a BPF object" ioasidctl policy load pincg
	done
	cp build/bpf/pincg.bpf.o "$scratch/bpf/"
	load pincg
}

# The kernel frees programs some time after they were unloaded.
unheld() { [ "$(ioasidctl -j holders | jq -c .)" = '[]' ]; }

# Each command that prints.
no_room_for_the_output() {
	begin
	trap 'ioasidctl stats off >/dev/null; clean; within 50 unheld' EXIT
	ioasidctl stats on >/dev/null
	load pincg
	load "$objects/misbehave.bpf.o" --set map_begin_value=-17
	hold map 16M 4K
	"$mapper" map 32M 4K >/dev/null
	id=$(ioasidctl -j list | jq -r '.[0].id')
	for command in status list "show $id" 'policy list' 'policy show pincg' 'pincg list' holders feature doctor \
		'stats total' "stale $id" '-j list' '-j doctor' '-p status'; do
		status=0
		# shellcheck disable=SC2086
		ioasidctl $command >/dev/full 2>"$scratch/error" || status=$?
		expect_same "the exit status of '$command'" "$status" 1
		expect_same "lines of '$command' ($(cat "$scratch/error"))" "$(wc -l <"$scratch/error")" 1
		grep -q "cannot write the output" "$scratch/error" || fail "'$command' says: $(cat "$scratch/error")"
	done
}

ktap_run observers_are_missing observers_are_cut_off policies_are_missing_or_cut_off no_room_for_the_output
