#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Does the kernel take every BPF object in the folder $OBJECTS? They were compiled
# by another compiler, or for another kernel's BTF, than those in build/bpf.
. tools/testing/lib/policy.sh

series=$(uname -r | cut -d . -f 1,2)
: "${OBJECTS:=build/smoke-$series/bpf}"
pins=/sys/fs/bpf/objects

# Those that must be there, by the names of their sources; counts has only maps.
named() { for file in bpf/"$1"/*.bpf.c; do basename "$file" .bpf.c; done; }

policies_load() {
	begin
	modules_load ioasid
	for policy in $(named policy); do
		[ -e "$OBJECTS/$policy.bpf.o" ] || fail "there is no $OBJECTS/$policy.bpf.o"
		ioasidctl -d policy load "$OBJECTS/$policy.bpf.o" >"$scratch/said" 2>&1 ||
			fail "$policy: $(tail -n 12 "$scratch/said")"
		unload "$policy"
	done
}

observers_load() {
	begin
	modules_load ioasid
	mkdir -p "$pins"
	trap 'rm -r "$pins"; clean' EXIT
	for observer in $(named observe); do
		[ -e "$OBJECTS/$observer.bpf.o" ] || fail "there is no $OBJECTS/$observer.bpf.o"
		bpftool prog loadall "$OBJECTS/$observer.bpf.o" "$pins/$observer" >"$scratch/said" 2>&1 ||
			fail "$observer: $(tail -n 12 "$scratch/said")"
		rm -r "${pins:?}/$observer"
	done
}

ktap_run policies_load observers_load
