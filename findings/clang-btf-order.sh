#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# clang 19 orders forward declarations in BTF by addresses in its own memory.
#
# A struct that a program reaches only through a pointer within another struct becomes
# a forward declaration. clang collects these in a map whose key is a pointer, so their
# order, and the numbers of all types after them, are those of its heap. One source and one
# compiler give other bytes as soon as memory is laid out in another way: with
# another setting of malloc here, by chance of where the kernel puts mappings in a build
# now and then. The declarations themselves are the same. Builds that must be
# reproducible can keep all of malloc in one heap (mmap_max=0).
. "$(dirname "$0")/debian.sh"

debian clang-19=1:19.1.7-3+b1 libclang-cpp19=1:19.1.7-3+b1 libllvm19=1:19.1.7-3+b1 libclang-common-19-dev=1:19.1.7-3+b1 \
	bpftool libbpf1 libc6 libstdc++6 libgcc-s1 zlib1g libzstd1 libxml2 libffi8 libedit2 libtinfo6 libbsd0 \
	libmd0 libz3-4 liblzma5 libelf1t64 libcap2
libraries=$libraries:$tmp/root/usr/lib/llvm-19/lib

awk 'BEGIN {
	for (i = 1; i <= 400; i++)
		printf "struct far%d { int a; };\nstruct near%d { struct far%d *far; };\n", i, i, i
	print "struct {"
	for (i = 1; i <= 400; i++)
		printf "\tstruct near%d n%d;\n", i, i
	print "} all;"
}' >"$tmp/types.c"

# types SETTING: BTF of types.c, one line for each forward declaration.
types() {
	GLIBC_TUNABLES=$1 run usr/lib/llvm-19/bin/clang -cc1 -triple bpf -emit-obj \
		-debug-info-kind=constructor -O2 -o "$tmp/types.o" "$tmp/types.c"
	run usr/sbin/bpftool btf dump file "$tmp/types.o" | grep ' FWD '
}

types glibc.malloc.mmap_max=0 >"$tmp/heap"
types glibc.malloc.mmap_max=0 >"$tmp/again"
types glibc.malloc.mmap_threshold=4096 >"$tmp/pieces"
names() { sed "s/.*FWD '\(.*\)'.*/\1/" "$1" | sort; }

seen="$(grep -c . "$tmp/heap") declarations
one heap, twice: $(cmp -s "$tmp/heap" "$tmp/again" && echo same order || echo other order)
memory in pieces: $(cmp -s "$tmp/heap" "$tmp/pieces" && echo same order || echo other order), \
$([ "$(names "$tmp/heap")" = "$(names "$tmp/pieces")" ] && echo same names || echo other names)"
same "the order of forward declarations" "$seen" "400 declarations
one heap, twice: same order
memory in pieces: other order, same names"
echo "$seen"
