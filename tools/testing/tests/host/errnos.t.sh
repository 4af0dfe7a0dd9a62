#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The errnos that the header promises, and the tests that get them.
. tools/testing/harness/ktap.sh

LIST=tools/testing/tests/native/errnos
HEADERS=kmod/include/uapi/linux
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

listed() { awk '!/^#/ && NF' "$LIST"; }

each_errno_is_listed() {
	awk -f tools/testing/tests/host/errnos.awk "$HEADERS"/*.h | sort -u >"$WORK/promised"
	listed | awk '{ print $1, $2 }' | sort >"$WORK/listed"
	[ "$(wc -l <"$WORK/promised")" -gt 50 ] || fail "the comments of $HEADERS could not be read"
	diff "$WORK/promised" "$WORK/listed" || fail "$HEADERS (<) and $LIST (>) differ"
}

# body FILE TEST: the lines of a test, in C.
body() {
	awk -v name="$2" '$0 ~ "^TEST(_F)?(_TIMEOUT)?\\(([a-z]+, )?" name "(, [0-9]+)?\\)$" { in_test = 1 } in_test
		/^}/ { in_test = 0 }' "$1"
}

each_test_expects_its_errno() {
	listed | while read -r section errno test; do
		file=tools/testing/tests/${test%.*}.c
		[ -e "$file" ] || { echo "$section $errno: there is no $file"; continue; }
		body "$file" "${test##*.}" >"$WORK/body"
		[ -s "$WORK/body" ] || { echo "$section $errno: $file has no test ${test##*.}"; continue; }
		grep -q "\<$errno\>" "$WORK/body" || echo "$section $errno: $test does not expect it"
	done >"$WORK/wrong"
	[ ! -s "$WORK/wrong" ] || fail "$(cat "$WORK/wrong")"
}

ktap_run each_errno_is_listed each_test_expects_its_errno
