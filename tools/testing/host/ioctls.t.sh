#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# An ioctl that is added must be tried: by the sweeps of failures, by the fuzzer
# and in the description for syzkaller.
. tools/testing/harness/ktap.sh

ioctls() {
	sed -n 's/^#define \(IOASID_[A-Z_]*\)[[:space:]].*_IO(IOASID_TYPE.*/\1/p' kmod/include/uapi/linux/ioasid.h
}

# all_in WHAT FILE...: each of them is named in one of the files.
all_in() {
	what=$1
	shift
	missing=
	for name in $(ioctls); do
		grep -qw "$name" "$@" || missing="$missing $name"
	done
	[ -z "$missing" ] || fail "$what: missing are$missing"
}

header_has_some() { [ "$(ioctls | wc -l)" -ge 18 ] || fail "the header is not understood"; }

# helpers IOCTL: the functions of the tests' headers that make it.
helpers() {
	awk -v want="$1" '
		/^static inline/ { name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name) }
		$0 ~ "[^A-Z_]" want "[^A-Z_]" { print name }' tools/testing/native/native.h tools/testing/pci/device.h
}

# By its name or by that of a helper.
sweeps() {
	for name in $(ioctls); do
		for word in "$name" $(helpers "$name"); do
			! grep -qw "$word" tools/testing/fail/*.c || continue 2
		done
		fail "no sweep of tools/testing/fail calls $name"
	done
}

fuzzer() { all_in "tools/testing/fuzz" tools/testing/fuzz/lib/*.c; }

syzkaller() { all_in "tools/testing/fuzz/ioasid.txt" tools/testing/fuzz/ioasid.txt; }

ktap_run header_has_some sweeps fuzzer syzkaller
