#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# libioasid as others build against it: headers, symbols, manual, pkg-config.
. tools/testing/harness/ktap.sh

LIB=build/lib/libioasid.so.1
HEADER=tools/libioasid/libioasid.h
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# The functions that the header declares.
declared() { sed -n 's/^\(int\|void\) \(ioasid_[a-z_]*\)(.*/\2/p' "$HEADER" | sort; }

headers_compile_alone() {
	for header in libioasid.h libioasid-uring.h; do
		echo "#include <$header>" >"$WORK/one.c"
		gcc -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -fsyntax-only -Itools/libioasid \
			-Ikmod/include/uapi "$WORK/one.c" || fail "$header does not compile in C"
		echo "#include <$header>" >"$WORK/one.cc"
		clang -x c++ -std=c++11 -Wall -Wextra -Werror -fsyntax-only -Itools/libioasid \
			-Ikmod/include/uapi "$WORK/one.cc" || fail "$header does not compile in C++"
	done
}

map_file_has_what_is_declared() {
	declared >"$WORK/declared"
	sed -n 's/^\t\t\(ioasid_[a-z_]*\);$/\1/p' tools/libioasid/libioasid.map >"$WORK/map"
	diff "$WORK/declared" "$WORK/map" || fail "$HEADER (<) and libioasid.map (>) differ"
}

# library FOLDER [OPTION...]: into the folder, of the sources and headers in it.
library() {
	folder=$1
	shift
	gcc -std=gnu11 -D_GNU_SOURCE -fPIC -shared -I"$folder" -I"$folder/include" -Wl,-soname,libioasid.so.1 \
		"$@" -o "$folder/libioasid.so" "$folder"/*.c || fail "the library does not compile"
	ln -sf libioasid.so "$folder/libioasid.so.1"
}

sources() {
	mkdir "$1"
	cp tools/libioasid/*.[ch] "$1"
	cp -r kmod/include/uapi "$1/include"
}

# exported LIBRARY: functions with a version.
exported() { nm -D --defined-only "$1" | sed -n 's/.* T \(.*\)@@LIBIOASID_0.1$/\1/p' | sort; }

exports_what_it_declares() {
	[ -e "$LIB" ] || fail "$LIB is missing: run 'make tools'"
	declared >"$WORK/declared"
	exported "$LIB" >"$WORK/exported"
	diff "$WORK/declared" "$WORK/exported" || fail "$HEADER (<) and $LIB (>) differ"
	[ "$(nm -D --defined-only "$LIB" | grep -c ' T ')" = "$(wc -l <"$WORK/declared")" ] ||
		fail "$LIB exports more than it declares"
}

# That is noticed by the test before.
a_function_without_a_version_is_found() {
	sources "$WORK/plain"
	library "$WORK/plain"
	[ "$(nm -D --defined-only "$WORK/plain/libioasid.so" | grep -c ' T ioasid_')" -gt 30 ] ||
		fail "the library without versions exports too little"
	expect_same 'functions with a version' "$(exported "$WORK/plain/libioasid.so")" ''
}

# A library whose structures have grown, and a program of today that is linked to it.
what_is_behind_a_structure_stays() {
	sources "$WORK/later"
	for struct in ioasid_get_info ioasid_device_get_info ioasid_map_entry ioasid_device; do
		sed -i "/^struct $struct {/,/^};/s/^};/\tunsigned long long later[8];\n};/" \
			"$WORK"/later/include/linux/*.h "$WORK/later/libioasid.h"
	done
	[ "$(cat "$WORK"/later/libioasid.h "$WORK"/later/include/linux/*.h | grep -c 'later\[8\]')" = 4 ] ||
		fail "not all structures have grown"
	library "$WORK/later" -Wl,--version-script=tools/libioasid/libioasid.map
	gcc -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -Itools/libioasid -Ikmod/include/uapi \
		-o "$WORK/old" tools/testing/tests/host/old/caller.c \
		-L"$WORK/later" -lioasid || fail "the program does not compile"
	LD_LIBRARY_PATH=$WORK/later "$WORK/old" || fail "the library changed what is not its own"
}

# What a program calls, by whatever means.
callable() { sed -n 's/^static inline [a-z]* \(ioasid_[a-z_]*\)(.*/\1/p' "$HEADER"; }

manual_has_every_function() {
	for name in $(declared) $(callable) ioasid_prep; do
		grep -q " $name(" docs/man/libioasid.3.rst || fail "libioasid(3) does not know $name"
	done
}

pkg_config_file_is_filled_in() {
	! grep @ build/lib/libioasid.pc || fail "build/lib/libioasid.pc has placeholders"
	grep -q '^Libs: .*-lioasid' build/lib/libioasid.pc || fail "build/lib/libioasid.pc names no library"
}

ktap_run headers_compile_alone map_file_has_what_is_declared exports_what_it_declares \
	a_function_without_a_version_is_found what_is_behind_a_structure_stays manual_has_every_function \
	pkg_config_file_is_filled_in
