#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The faults that long runs plant still fit the sources, so that a change of a source does not wait for
# such a run to be noticed. Those of type1/ are in type1.t.sh.
. tools/testing/harness/ktap.sh

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# fit FOLDER: each file changes one line.
fit() {
	count=0
	for fault in "$1"/*.sed; do
		file=kmod/$(sed -n 's/^# file: //p' "$fault")
		sed -f "$fault" "$file" >"$WORK/seeded"
		expect_same "the number of lines that ${fault##*/} changes" \
			"$(diff "$file" "$WORK/seeded" | grep -c '^>')" 1
		count=$((count + 1))
	done
	[ "$count" -ge 5 ] || fail "$count faults"
}

of_consumers() {
	fit tools/testing/consumers/faults
	for fault in tools/testing/consumers/faults/*.sed; do
		script=tools/testing/consumers/$(sed -n 's/^# consumer: //p' "$fault").sh
		[ -x "$script" ] || fail "${fault##*/} names $script, which is no script"
		sed -n 's/^# rows: //p' "$fault" | tr ' ' '\n' | while read -r row; do
			grep -q "^row $row \"" "$script" || echo "$row"
		done >"$WORK/missing"
		[ ! -s "$WORK/missing" ] || fail "${fault##*/} names $(cat "$WORK/missing"), which is no row of $script"
	done
}

of_pairing() { fit tools/testing/tests/pairing/faults; }

ktap_run of_consumers of_pairing
