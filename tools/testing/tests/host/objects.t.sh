#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Two builds of one source give one object, wherever the compiler's memory was.
. tools/testing/harness/ktap.sh

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
mkdir -p "$WORK/bpf"
ln -s "$PWD/build/bpf/include" "$WORK/bpf/include"

# build TUNABLES: prints a sum of the object that the build makes with this allocator.
build() {
	rm -f "$WORK/bpf/strictmap.bpf.o"
	GLIBC_TUNABLES=$1 make -s -C bpf O="$WORK" "$WORK/bpf/strictmap.bpf.o" >&2 || fail "the build failed with $1"
	cksum <"$WORK/bpf/strictmap.bpf.o"
}

# What differs is where clang's memory is: in pieces of their own, or side by side.
policies_do_not_depend_on_addresses() {
	usual=$(build glibc.malloc.mmap_threshold=131072)
	for tunables in glibc.malloc.mmap_threshold=4096 glibc.malloc.mmap_threshold=65536; do
		expect_same "the sum of strictmap.bpf.o with $tunables" "$(build "$tunables")" "$usual"
	done
}

ktap_run policies_do_not_depend_on_addresses
