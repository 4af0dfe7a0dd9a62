#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# An ioctl that is added must be tried: by the sweeps of failures, by the fuzzer,
# in the description for syzkaller, and in a cgroup that has to pay for it.
. tools/testing/harness/ktap.sh

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

ioctls() {
	sed -n 's/^#define \(IOASID_[A-Z_]*\)[[:space:]].*_IO(IOASID_TYPE.*/\1/p' kmod/include/uapi/linux/*.h
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

header_has_some() { [ "$(ioctls | wc -l)" -ge 19 ] || fail "the header is not understood"; }

# helpers IOCTL: the functions of the tests' headers that make it.
helpers() {
	awk -v want="$1" '
		/^static inline/ { name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name) }
		$0 ~ "[^A-Z_]" want "[^A-Z_]" { print name }' tools/testing/lib/ioasid.h \
		tools/testing/lib/pci_device.h tools/testing/lib/backend.h
}

# By its name or by that of a helper.
sweeps() {
	for name in $(ioctls); do
		for word in "$name" $(helpers "$name"); do
			! grep -qw "$word" tools/testing/tests/fail/*.c || continue 2
		done
		fail "no sweep of tools/testing/tests/fail calls $name"
	done
}

fuzzer() { all_in "tools/testing/tests/fuzz" tools/testing/tests/fuzz/lib/*.c; }

syzkaller() { all_in "tools/testing/tests/fuzz/ioasid.txt" tools/testing/tests/fuzz/ioasid.txt; }

# Each structure that the description has under its own name is as long as in the header:
# so a member that was added is described, too.
syzkaller_sizes() {
	awk '/^ioasid_[a-z_]+ \{/ { name = $1; bytes = 0; next }
		/^}/ && name { print name, bytes; name = "" }
		name && /array\[int8, [0-9]+\]/ { match($0, /int8, [0-9]+/); bytes += substr($0, RSTART + 6, RLENGTH - 6); next }
		name { bytes += /int64|ptr64|vma64/ ? 8 : 4 }' tools/testing/tests/fuzz/ioasid.txt | sort >"$WORK/described"
	awk '/^ioasid_[a-z_]+:/ { sub(/:.*/, "", $1); bytes[$1] = $(NF - 1) + $NF }
		END { for (name in bytes) print name, bytes[name] }' tools/testing/lint/layout.golden | sort >"$WORK/are"
	join "$WORK/described" "$WORK/are" >"$WORK/both"
	[ "$(wc -l <"$WORK/both")" -ge 18 ] || fail "the structures could not be read"
	awk '$2 != $3 { print "# " $1 " has " $3 " bytes, described are " $2; bad = 1 } END { exit bad }' "$WORK/both" ||
		fail "tools/testing/tests/fuzz/ioasid.txt differs from tools/testing/lint/layout.golden"
}

# The ioctls of VFIO that come to the core, and those that bring groups.
legacy_ioctls() {
	grep -ohE '(case|cmd ==) VFIO_[A-Za-z0-9_]+' kmod/abi/dev.c kmod/abi/vfio_compat.c | sed 's/.* //' |
		grep -v -e _FLAG_ -e '_IOMMU$' -e _CC_IOMMU -e VFIO_UNMAP_ALL -e VFIO_UPDATE_VADDR
	printf '%s\n' VFIO_SET_IOMMU VFIO_GROUP_SET_CONTAINER VFIO_GROUP_UNSET_CONTAINER
}

# Each has a loop in native/memcg. (Not those of a device: they keep one group's
# structures, however often they are called.)
loops() {
	[ "$(legacy_ioctls | sort -u | wc -l)" -ge 9 ] || fail "the ioctls of VFIO are not understood: $(legacy_ioctls | tr '\n' ' ')"
	for name in $(ioctls | grep -v '^IOASID_DEVICE_') $(legacy_ioctls); do
		for word in "$name" $(helpers "$name"); do
			! grep -qw "$word" tools/testing/tests/native/memcg.c || continue 2
		done
		fail "no loop of tools/testing/tests/native/memcg.c makes $name"
	done
}

ktap_run header_has_some sweeps fuzzer syzkaller syzkaller_sizes loops
