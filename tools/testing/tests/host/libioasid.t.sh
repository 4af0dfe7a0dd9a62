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

exports_what_it_declares() {
	[ -e "$LIB" ] || fail "$LIB is missing: run 'make tools'"
	declared >"$WORK/declared"
	nm -D --defined-only "$LIB" | sed -n 's/.* T \(.*\)@@LIBIOASID_0.1$/\1/p' | sort >"$WORK/exported"
	diff "$WORK/declared" "$WORK/exported" || fail "$HEADER (<) and $LIB (>) differ"
	[ "$(nm -D --defined-only "$LIB" | grep -c ' T ')" = "$(wc -l <"$WORK/declared")" ] ||
		fail "$LIB exports more than it declares"
}

manual_has_every_function() {
	for name in $(declared) ioasid_prep; do
		grep -q " $name(" docs/man/libioasid.3.rst || fail "libioasid(3) does not know $name"
	done
}

pkg_config_file_is_filled_in() {
	! grep @ build/lib/libioasid.pc || fail "build/lib/libioasid.pc has placeholders"
	grep -q '^Libs: .*-lioasid' build/lib/libioasid.pc || fail "build/lib/libioasid.pc names no library"
}

ktap_run headers_compile_alone map_file_has_what_is_declared exports_what_it_declares manual_has_every_function \
	pkg_config_file_is_filled_in
