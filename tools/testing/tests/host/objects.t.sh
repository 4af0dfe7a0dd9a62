#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Two builds of one source give one object, wherever the sources, what is built, and the
# compiler's memory are.
. tools/testing/harness/ktap.sh

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# sources FOLDER: what the objects are made of.
sources() {
	mkdir -p "$1/kmod" "$1/build/bpf"
	cp -r bpf "$1/"
	cp -r kmod/include "$1/kmod/"
	ln -s "$PWD/build/bpf/include" "$1/build/bpf/include"
}

# build SOURCES O: prints a sum of strictmap.bpf.o.
build() {
	rm -f "$2/bpf/strictmap.bpf.o"
	make -s -C "$1/bpf" O="$2" "$2/bpf/strictmap.bpf.o" >&2 || fail "the build failed in $1, with O=$2"
	cksum <"$2/bpf/strictmap.bpf.o"
}

a_path_is_not_in_the_bytes() {
	sources "$WORK/a"
	usual=$(build "$WORK/a" "$WORK/a/build")
	# Where the length of the path is in the bytes, some 16 bytes more change them.
	for name in aaaaaaaaaaaaaaaa aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; do
		sources "$WORK/$name"
		expect_same "the sum with $name in the path" "$(build "$WORK/$name" "$WORK/$name/build")" "$usual"
	done
	mkdir -p "$WORK/elsewhere/bpf"
	ln -s "$PWD/build/bpf/include" "$WORK/elsewhere/bpf/include"
	expect_same "the sum with O outside of the sources" "$(build "$WORK/a" "$WORK/elsewhere")" "$usual"
}

# Memory in pieces of their own, or side by side.
an_allocator_is_not_in_the_bytes() {
	sources "$WORK/b"
	usual=$(build "$WORK/b" "$WORK/b/build")
	for threshold in 4096 65536; do
		GLIBC_TUNABLES=glibc.malloc.mmap_threshold=$threshold
		export GLIBC_TUNABLES
		expect_same "the sum with a threshold of $threshold" "$(build "$WORK/b" "$WORK/b/build")" "$usual"
	done
}

# clang orders those by addresses; kernel.bpf.h has more.
objects_declare_no_struct() {
	for object in build/bpf/*.bpf.o; do
		bpftool btf dump file "$object" >"$WORK/types" || fail "$object has no types"
		grep -q "^\[[0-9]*\] STRUCT" "$WORK/types" || fail "$object has no structs"
		declared=$(sed -n "s/^\[[0-9]*\] FWD '\([^']*\)'.*/\1/p" "$WORK/types" | paste -s -d ' ')
		[ -z "$declared" ] || fail "$object declares without a body, in an order of clang's: $declared"
	done
}

ktap_run a_path_is_not_in_the_bytes an_allocator_is_not_in_the_bytes objects_declare_no_struct
