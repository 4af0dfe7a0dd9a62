#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# What surrounds the differential suite: its table is fresh, its list of
# differences is short, and its faults still fit the sources.
. tools/testing/harness/ktap.sh

here=tools/testing/type1
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

rows_are_fresh() {
	"$here/table" >"$WORK/rows.md"
	diff -u docs/type1-rows.md "$WORK/rows.md" ||
		fail "docs/type1-rows.md is old: run 'tools/env/in-root $here/table >docs/type1-rows.md'"
}

enough_cases() {
	cases=$(build/tests/type1/suite --list | wc -l)
	[ "$cases" -ge 150 ] || fail "$cases cases"
	[ -z "$(build/tests/type1/suite --list | cut -f 1 | sort | uniq -d)" ] || fail "two cases have one name"
}

few_errnos_differ() {
	changed=$(awk -v count=1 -f "$here/compare.awk" docs/type1-differences.md)
	[ "$changed" -gt 0 ] || fail "the list of differences cannot be read"
	[ "$changed" -le 5 ] || fail "$changed differences change an errno"
}

listed_cases_exist() {
	build/tests/type1/suite --list | cut -f 1 >"$WORK/cases"
	# shellcheck disable=SC2016
	sed -n 's/^| `\([a-z0-9_]*\)` |.*/\1/p' docs/type1-differences.md | sort -u | while read -r name; do
		grep -q -x "$name" "$WORK/cases" || echo "$name"
	done >"$WORK/missing"
	[ ! -s "$WORK/missing" ] || fail "no such cases: $(paste -s -d ' ' "$WORK/missing")"
}

faults_fit() {
	build/tests/type1/suite --list | cut -f 1 >"$WORK/cases"
	count=0
	for fault in "$here"/faults/*.sed; do
		file=kmod/$(sed -n 's/^# file: //p' "$fault")
		sed -f "$fault" "$file" >"$WORK/seeded"
		expect_same "the number of lines that ${fault##*/} changes" \
			"$(diff "$file" "$WORK/seeded" | grep -c '^>')" 1
		sed -n 's/^# cases: //p' "$fault" | tr ' ' '\n' | grep -v -x -F -f "$WORK/cases" >"$WORK/missing" ||:
		[ ! -s "$WORK/missing" ] || fail "${fault##*/} names $(cat "$WORK/missing"), which is no case"
		count=$((count + 1))
	done
	[ "$count" -ge 20 ] || fail "$count faults"
}

ktap_run rows_are_fresh enough_cases few_errnos_differ listed_cases_exist faults_fit
