#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What is shipped for Prometheus and Grafana fits what 'ioasidctl metrics' writes. That it
# returns data from a real Prometheus is a row of `make check-operators`.
. tools/testing/harness/ktap.sh

rules=tools/packaging/prometheus/ioasid.rules.yml
dashboard=tools/packaging/grafana/ioasid.json
cases=tools/testing/operators/metrics/rules.test.yml
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# none WHAT: stdin is empty.
none() {
	found=$(cat)
	[ -z "$found" ] || fail "$1: $(echo "$found" | tr '\n' ' ')"
}

# Of the dashboard. Each is in one line there, and so in the rules.
expressions() { jq -r '.. | objects | .expr? // empty' "$dashboard"; }

rules_fire_when_they_should() {
	cp "$rules" "$cases" "$WORK"
	promtool check rules --lint=all --lint-fatal "$WORK/ioasid.rules.yml" >"$WORK/out" 2>&1 || fail "$(cat "$WORK/out")"
	promtool test rules "$WORK/rules.test.yml" >"$WORK/out" 2>&1 || fail "$(cat "$WORK/out")"
}

# The cases expect all of them, each on a host of its own.
alerts_have_cases() {
	sed -n 's/^ *- alert: //p' "$rules" | sort >"$WORK/alerts"
	[ -s "$WORK/alerts" ] || fail "$rules has no alerts"
	sed -n 's/^.*{alertname="\([A-Za-z0-9]*\)", instance="[a-z]*"}.*/\1/p' "$cases" | sort | diff "$WORK/alerts" - |
		none "alerts without a case, or cases without an alert"
}

# A name in an expression is a family that is written.
names_are_written() {
	for file in "$dashboard" "$rules"; do
		grep '^ *"\?expr"\?:' "$file" | grep -o '\bioasid_[a-z0-9_]*' | sort -u >"$WORK/names"
		[ -s "$WORK/names" ] || fail "$file has no expressions"
		while read -r name; do
			name=${name%_total}
			grep -q "\"${name%_bucket}\"" tools/ioasidctl/metrics.c || echo "$name"
		done <"$WORK/names" | none "metrics in $file that 'ioasidctl metrics' does not write"
	done
}

# What is summed up over hosts says nothing of any; a legend names the host.
hosts_are_kept_apart() {
	expressions | grep -q 'by (instance' || fail 'no expression is by host'
	expressions | grep -o '\(sum\|min\|max\|avg\|count\)[^{]*' | grep -v 'by (instance\b' |
		none "expressions of $dashboard that merge hosts"
	jq -r '.panels[] | .title as $title | .targets[]? | select(.legendFormat | contains("{{instance}}") | not) | $title' \
		"$dashboard" | none "panels of $dashboard whose legend does not name the host"
}

ktap_run rules_fire_when_they_should alerts_have_cases names_are_written hosts_are_kept_apart
