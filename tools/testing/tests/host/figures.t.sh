#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# tools/testing/figures in a fresh clone: a run of one part replaces the lines of that part alone.
. tools/testing/harness/ktap.sh

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
KINDS='virtio amd'

# clone: the script and the pages that it writes, with nothing run.
clone() {
	rm -rf "$WORK/clone" "$WORK/before"
	mkdir -p "$WORK/clone/tools/testing" "$WORK/clone/docs" "$WORK/clone/bench/suite" "$WORK/clone/build"
	cp tools/testing/figures "$WORK/clone/tools/testing"
	cp -r docs/results docs/policy.md "$WORK/clone/docs"
	cp bench/suite/*.awk bench/suite/*.tsv "$WORK/clone/bench/suite"
	cp -r "$WORK/clone/docs" "$WORK/before"
}

figures() { "$WORK/clone/tools/testing/figures" || fail "figures failed"; }

# rows PAGE PATTERN: how many lines of that page match.
rows() { grep -c -e "$2" "$WORK/clone/docs/results/$1"; }

# changed PAGE OLD NEW: the only difference is that lines OLD became lines NEW.
changed() {
	diff "$WORK/before/results/$1" "$WORK/clone/docs/results/$1" >"$WORK/diff" || :
	[ "$(grep -c '^<' "$WORK/diff") $(grep -c '^>' "$WORK/diff")" = "$2 $3" ] || {
		sed 's/^/# /' "$WORK/diff"
		fail "$1: other lines changed than $2 to $3"
	}
}

nothing_was_run() {
	clone
	figures
	diff -r "$WORK/before" "$WORK/clone/docs" || fail "pages changed"
}

one_cell_of_the_matrix() {
	clone
	for kind in $KINDS; do
		[ "$(rows matrix.md "^| 6[.]12.*amd64 | .$kind. ")" = 1 ] || fail "the page has no row 6.12/$kind"
	done
	cat >"$WORK/clone/build/matrix.md" <<-END
	| kernel | IOMMU | passed | failed | skipped | run on |
	|---|---|---|---|---|---|
	| 6.12.999+deb13-amd64 | \`virtio\` | 1 | 2 | 3 | 2030-01-01 |
	| 6.12.999+deb13-amd64 | \`another\` | 4 | 5 | 6 | 2030-01-01 |
	END
	figures
	changed matrix.md 1 2
	[ "$(rows matrix.md '6[.]12[.]999')" = 2 ] || fail "the new rows are not there"
}

one_area_on_the_debug_kernel() {
	clone
	mkdir -p "$WORK/clone/build/check-debug/debug"
	echo '2030-01-01 6.12.118-debug uapi 7 0 1 9' >"$WORK/clone/build/check-debug/debug/uapi"
	figures
	# The area, and the sum of that kernel.
	changed check-debug.md 2 2
	[ "$(rows check-debug.md 'uapi | 7 | 0 | 1 | 9 | 2030-01-01')" = 1 ] || fail "the new row is not there"
}

one_sweep() {
	clone
	echo 'fail/native.native.map: 9 points, 2 without effect, 7 times ENOMEM' >"$WORK/clone/build/sweeps.txt"
	echo '2030-01-01 on 6.12.118-debug' >"$WORK/clone/build/sweeps.when"
	figures
	# The sweep, and the sum of all.
	changed sweeps.md 2 2
	[ "$(rows sweeps.md 'native.map: 9 points')" = 1 ] || fail "the new line is not there"
}

one_phase_of_the_bench() {
	clone
	mkdir -p "$WORK/clone/build/bench/6.12"
	echo 'Linux 6.12.999, a machine' >"$WORK/clone/build/bench/6.12/tables.md"
	for backend in native helped; do
		printf '%s\t' wall 'one map with workers' 'map 1' 4k 1 page 1 "$backend" 7 8 0 0 0 0 0 0 0 0 >>"$WORK/clone/build/bench/6.12/rows.tsv"
		echo >>"$WORK/clone/build/bench/6.12/rows.tsv"
	done
	figures
	changed performance.md 3 2
	[ "$(rows performance.md '6[.]12[.]999')" = 1 ] || fail "the new table is not there"
}

ktap_run nothing_was_run one_cell_of_the_matrix one_area_on_the_debug_kernel one_sweep one_phase_of_the_bench
