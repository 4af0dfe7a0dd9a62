#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# What ioasid-bench does with files of `record`: the page, `diff`, and files that are none.
# The measuring is in tests/bench/record.t.sh.
. tools/testing/lib/bench.sh

# rows REPETITIONS...: a record on stdout, each row of which has these repetitions.
rows() {
	printf '%s\n' "$@" | jq -s '
		def interval: sort as $v | length as $n |
			{ median: (if $n % 2 == 1 then $v[($n - 1) / 2] else ($v[$n / 2 - 1] + $v[$n / 2]) / 2 end) } +
			if $n < 6 then {} else
				{ "6": [0, 0.96875], "10": [1, 0.978516], "20": [5, 0.958611], "100": [39, 0.964800] }[$n | tostring] as $k |
				{ interval: { low: $v[$k[0]], high: $v[$n - 1 - $k[0]], coverage: $k[1] } } end;
		{ workload: "pingpong 4K", memory: "thp", threads: 1, backend: "ioasid", answered_by: "ioasid",
		  measure: "map", unit: "ns per call", better: "less", repetitions: . } as $row |
		{ format: "ioasid-bench record", version: 1, program: "ioasid-bench 0.1", taken: "2026-01-31T12:00:00Z",
		  facts: { processor: { model: "<b>\"A & B\"</b>", emulated: "no" }, kernel: { release: "6.12.1" } },
		  rows: [ $row + interval, $row + interval + { threads: 2 },
			  $row + interval + { workload: "nvme, maps once", measure: "read", unit: "reads per second", better: "more" },
			  $row + interval + { unit: "instructions per call" },
			  ($row + { repetitions: map(0), unit: "lock contentions per call" } | . + (.repetitions | interval)) ],
		  missing: [ { what: "cycles", why: "no permission" } ] }'
}

rows 11 12 13 14 15 16 17 18 19 20 >"$WORK/a.json"
rows 31 32 33 34 35 36 37 38 39 40 >"$WORK/b.json"

# edit PROGRAM: what this jq program makes of a record.
edit() { jq "$1" "$WORK/a.json" >"$WORK/edited.json"; }

# no_record TEXT [FILE]: is refused by diff and by record --from, with one line.
no_record() {
	refused 1 "$1" "$BENCH" diff "$WORK/a.json" "${2-$WORK/edited.json}"
	refused 1 "$1" "$BENCH" diff "${2-$WORK/edited.json}" "$WORK/a.json"
	refused 1 "$1" "$BENCH" record --from "${2-$WORK/edited.json}" --output "$WORK/none"
	[ ! -e "$WORK/none.html" ] || fail 'there is a page of it'
}

# verdicts FILE FILE: what diff says of each row, in one line.
verdicts() { "$BENCH" diff "$1" "$2" --json | jq -r '[.rows[].new_is] | join(",")'; }

# whole PAGE: well-formed, in one piece, and needs nothing from elsewhere.
whole() {
	python3 -c 'import sys, xml.dom.minidom as x; x.parse(sys.argv[1])' "$1" || fail "$1 is not well-formed"
	if grep -n -i -E 'https?:|src=|href=|@import|url\(|<script|<link|<b>' "$1"; then fail "$1 refers to something"; fi
}

pages_are_whole() {
	"$BENCH" record --from "$WORK/a.json" --output "$WORK/page" >"$WORK/said"
	expect_same 'what it says' "$(cat "$WORK/said")" "page: $WORK/page.html"
	whole "$WORK/page.html"
	# Time, reads, threads, instructions; a counter that is always 0 is a sentence.
	expect_same plots "$(grep -c '<svg' "$WORK/page.html")" 4
	for words in 'A &amp; B' 'lock contentions per call' 'median of each row is 0' 'no permission' '97.9 %'; do
		grep -q "$words" "$WORK/page.html" || fail "no '$words' on the page"
	done
	"$BENCH" diff "$WORK/a.json" "$WORK/b.json" --html "$WORK/diff.html" >/dev/null
	whole "$WORK/diff.html"
	grep -q slower "$WORK/diff.html" || fail 'the page of diff has no verdict'
}

itself_is_no_difference() {
	none='no difference,no difference,no difference,no difference,no difference'
	expect_same 'verdicts' "$(verdicts "$WORK/a.json" "$WORK/a.json")" "$none"
	"$BENCH" diff "$WORK/a.json" "$WORK/a.json" >"$WORK/said"
	grep -q '^0 better, 0 worse, 5 without a difference, 0 unknown$' "$WORK/said" || fail "$(cat "$WORK/said")"
	if grep -q differ: "$WORK/said"; then fail 'the machine differs from itself'; fi
}

changes_have_a_direction() {
	expect_same there "$(verdicts "$WORK/a.json" "$WORK/b.json")" 'slower,slower,faster,more,no difference'
	expect_same back "$(verdicts "$WORK/b.json" "$WORK/a.json")" 'faster,faster,slower,fewer,no difference'
	# Old 15.5 in 12 to 19, new 35.5 in 32 to 39.
	"$BENCH" diff "$WORK/a.json" "$WORK/b.json" --json >"$WORK/json"
	jq -e '.rows[0] | .old == 15.5 and .new == 35.5 and (.ratio * 1000 | floor) == 2290 and
		(.ratio_low * 1000 | floor) == 1684 and .ratio_high == 3.25' "$WORK/json" >/dev/null ||
		fail "$(cat "$WORK/json")"
}

# Intervals of 12 to 19: one that begins at 19 touches it, one at 20 does not.
overlap_is_no_difference() {
	rows 18 19 20 21 22 23 24 25 26 27 >"$WORK/touching.json"
	rows 19 20 21 22 23 24 25 26 27 28 >"$WORK/apart.json"
	expect_same touching "$(verdicts "$WORK/a.json" "$WORK/touching.json" | cut -d , -f 1)" 'no difference'
	expect_same apart "$(verdicts "$WORK/a.json" "$WORK/apart.json" | cut -d , -f 1)" slower
}

# The intervals that the binomial distribution gives, by their tables; order does not matter.
intervals_are_by_the_book() {
	for n in 6 10 20 100; do
		# shellcheck disable=SC2046
		rows $(seq 1 "$n" | sort -r) >"$WORK/n.json"
		verdicts "$WORK/n.json" "$WORK/n.json" | grep -q '^no difference' || fail "$n repetitions are refused"
	done
	edit '.rows[0].interval.low = 11'
	no_record 'do not follow from the repetitions'
	edit '.rows[0].median = 15'
	no_record 'do not follow from the repetitions'
	edit 'del(.rows[0].interval)'
	no_record 'do not follow from the repetitions'
}

few_repetitions_claim_nothing() {
	rows 1 2 3 4 5 >"$WORK/few.json"
	expect_same verdict "$(verdicts "$WORK/few.json" "$WORK/b.json" | cut -d , -f 1)" \
		'unknown: too few repetitions'
}

other_machines_are_named() {
	edit '.facts.kernel.release = "7.3.0" | .facts.kernel.extra = "x" | del(.facts.processor.emulated)'
	"$BENCH" diff "$WORK/a.json" "$WORK/edited.json" >"$WORK/said"
	for line in 'kernel, release: 6.12.1 -> 7.3.0' 'kernel, extra: (none) -> x' \
		'processor, emulated: no -> (none)'; do
		grep -q -F "  $line" "$WORK/said" || fail "no '$line' in: $(cat "$WORK/said")"
	done
}

rows_of_one_record_alone() {
	edit '.rows[1].threads = 3'
	"$BENCH" diff "$WORK/a.json" "$WORK/edited.json" >"$WORK/said"
	grep -q "^only in '$WORK/a.json': .* 2 threads" "$WORK/said" || fail "$(cat "$WORK/said")"
	grep -q "^only in '$WORK/edited.json': .* 3 threads" "$WORK/said" || fail "$(cat "$WORK/said")"
	edit '.rows |= map(.backend = "type1")'
	refused 1 'no row in common' "$BENCH" diff "$WORK/a.json" "$WORK/edited.json"
}

unknown_fields_are_refused() {
	for at in . .rows[2] .rows[2].interval .missing[0]; do
		edit "$at += { wattage: 5 }"
		no_record "unknown field 'wattage'"
	done
	sed 's/"version": 1/"version": 1, "version": 1/' "$WORK/a.json" >"$WORK/edited.json"
	no_record "'version' twice"
	edit '.version = 2'
	no_record 'version 2'
	edit '.rows[1] = .rows[0]'
	no_record "a row of 'pingpong 4K' twice"
}

wrong_fields_are_refused() {
	for change in 'del(.rows)' 'del(.rows[0].unit)' '.format = "x"' '.rows[0].threads = 0' '.rows[0].threads = "1"' \
		'.rows[0].better = "maybe"' '.rows[0].repetitions = []' '.rows[0].repetitions[3] = -1' \
		'.rows[0].repetitions[3] = null' '.rows[0].median = "1"' '.rows = {}' '.rows[0] = 1' '.missing = 1' \
		'.facts = []' '.facts.kernel = "x"' '.facts.kernel.release = 6' '.taken = 5' '[.]' '1' '"x"'; do
		edit "$change"
		no_record 'is not a record'
	done
}

# Cut off at any place it is no JSON; the last byte is a line break, and the one before a bracket.
cut_off_files_are_refused() {
	size=$(wc -c <"$WORK/a.json")
	at=0
	while [ "$at" -lt $((size - 1)) ]; do
		head -c "$at" "$WORK/a.json" >"$WORK/edited.json"
		refused 1 'is not JSON' "$BENCH" diff "$WORK/edited.json" "$WORK/a.json"
		at=$((at + 61))
	done
	head -c $((size - 2)) "$WORK/a.json" >"$WORK/edited.json"
	no_record 'is not JSON: line'
}

# text BYTES: a file with exactly these, as printf writes them.
# shellcheck disable=SC2059 # that is the meaning of it
text() { printf "$1" >"$WORK/edited.json"; }

# shellcheck disable=SC1003 # a backslash is meant
what_is_no_json_is_refused() {
	for bytes in '' ' ' '{' '{}x' '[1,]' '{"a":1,}' '{"a" 1}' '{a:1}' "{'a':1}" '[01]' '[1.]' '[.5]' '[+1]' '[1e]' \
		'[1e999]' '[nul]' '["\\x"]' '["\\ud800"]' '["\\udc00"]' '["\\u0000"]' '["\\u12g4"]' '["a\n"]' '["' '["\\' \
		'["\\u' '\377\376' '\000' '[1]\000' '[NaN]' '[-]' '{"a":1]' '[1}'; do
		text "$bytes"
		no_record 'is not JSON'
	done
	head -c 100000 /dev/zero | tr '\0' '[' >"$WORK/edited.json"
	no_record 'nested too deep'
	no_record 'cannot read' "$WORK/nowhere.json"
	no_record 'cannot read' "$WORK"
}

# Text of a stranger's file: no tag on the page, no escape sequence on the terminal.
names_are_shown_as_text() {
	edit '.rows |= map(.workload = "<script>alert(1)</script>\u001b[2J\n" + .workload) |
		.facts.kernel["<i>"] = "\u202e\u0007\ud83d\ude00"'
	"$BENCH" record --from "$WORK/edited.json" --output "$WORK/page" >/dev/null
	whole "$WORK/page.html"
	"$BENCH" diff "$WORK/edited.json" "$WORK/a.json" >"$WORK/said" 2>&1 || :
	"$BENCH" diff "$WORK/edited.json" "$WORK/edited.json" >>"$WORK/said"
	if LC_ALL=C grep -q "$(printf '\033')" "$WORK/said"; then fail 'an escape sequence'; fi
	grep -q '&lt;script&gt;' "$WORK/page.html" || fail 'the name is not on the page'
}

a_page_cannot_be_written() {
	refused 1 'not a regular file' "$BENCH" diff "$WORK/a.json" "$WORK/a.json" --html /dev/full
	refused 1 'cannot write' "$BENCH" record --from "$WORK/a.json" --output "$WORK/nowhere/a"
	status=0
	"$BENCH" diff "$WORK/a.json" "$WORK/a.json" >/dev/full 2>"$WORK/stderr" || status=$?
	expect_same 'exit status' "$status" 1
	grep -q 'cannot write the results' "$WORK/stderr" || fail "$(cat "$WORK/stderr")"
}

ktap_run pages_are_whole itself_is_no_difference changes_have_a_direction overlap_is_no_difference \
	intervals_are_by_the_book few_repetitions_claim_nothing other_machines_are_named rows_of_one_record_alone \
	unknown_fields_are_refused wrong_fields_are_refused cut_off_files_are_refused what_is_no_json_is_refused \
	names_are_shown_as_text a_page_cannot_be_written
