#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# What the documents name exists: files, sections, functions, options.
. tools/testing/harness/ktap.sh

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
PATH=$PWD/build/bin:$PATH
pages='README.md docs/*.md docs/decisions/*.md bench/*.md tools/testing/*.md'

# quoted FILE...: what stands in backticks, outside of code blocks; "FILE TEXT".
quoted() {
	awk 'FNR == 1 { code = 0 } /^```/ { code = !code; next } code { next }
		{ n = split($0, part, "`"); for (i = 2; i <= n; i += 2) print FILENAME, part[i] }' "$@"
}

# none TEXT: every line of stdin is an offence.
none() {
	if grep .; then fail "$1"; fi
}

links_lead_somewhere() {
	# shellcheck disable=SC2086
	awk 'FNR == 1 { code = 0 } /^```/ { code = !code } code { next }
		{ s = $0; while (match(s, /\]\([^)]*\)/)) { print FILENAME, substr(s, RSTART + 2, RLENGTH - 3); s = substr(s, RSTART + RLENGTH) } }' \
		$pages | while read -r page link; do
		file=${link%%#*}
		case $link in
		http*) continue ;;
		'#'*) file=$page ;;
		*) file=${page%/*}/$file; [ "$page" != "${page#*/}" ] || file=${link%%#*} ;;
		esac
		[ -e "$file" ] || { echo "$page: no file for $link"; continue; }
		[ "$link" != "${link#*#}" ] || continue
		sed -n 's/^##* //p' "$file" | tr '[:upper:] ' '[:lower:]-' | tr -cd 'a-z0-9_\n-' |
			grep -q -x -e "${link#*#}" || echo "$page: no section for $link"
	done | none "links that lead nowhere"
}

files_exist() {
	# shellcheck disable=SC2086
	quoted $pages | awk '$2 ~ /^(kmod|bpf|tools|bench|docs)\/[A-Za-z0-9_.\/-]*$/ && NF == 2' |
		while read -r page file; do
				# What the reader of docs/policy.md is to write.
			[ "$file" != bpf/policy/maxmap.bpf.c ] || continue
			[ -e "$file" ] || echo "$page: there is no $file"
		done | none "files that do not exist"
	find kmod bpf tools bench -name '*.[ch]' >"$WORK/files"
	# shellcheck disable=SC2086
	quoted $pages | awk '$2 ~ /^[a-z0-9_\/]+\.[ch]$/ && NF == 2' | while read -r page file; do
		grep -q -e "/$file\$" -e "^$file\$" "$WORK/files" || echo "$page: there is no $file"
	done | none "sources that do not exist"
}

functions_exist() {
	cat kmod/*/*.[ch] kmod/include/*/*.h kmod/include/*/*/*.h >"$WORK/source"
	# shellcheck disable=SC2086
	quoted $pages | grep -E ' [a-z_0-9]+\(\)$' | sort -u | while read -r page name; do
		case $name in
		bpf_*) continue ;;
		esac
		grep -q -w -e "${name%()}" "$WORK/source" || echo "$page: there is no $name"
	done | none "functions that do not exist"
}

parameters_exist() {
	# shellcheck disable=SC2016
	sed -n '/^## Parameters/,/^## /s/^| \(ioasid[a-z_]*\) | `\([a-z_]*\)`.*/\2/p' docs/install.md |
		sort >"$WORK/said"
	sed -n 's/^module_param\(_named\)\?(\([a-z_]*\),.*/\2/p' kmod/*/*.c | sort >"$WORK/are"
	diff "$WORK/said" "$WORK/are" || fail "docs/install.md (<) and the modules (>) differ in parameters"
}

# options PROGRAM [COMMAND]: the long options its help lists.
options() { "$@" --help | grep -o -E -e '--[a-z][a-z-]+' | sort -u; }

# page_agrees PAGE HELP: options of both.
page_agrees() {
	grep -o -E -e '--[a-z][a-z-]+' "docs/man/$1.rst" | grep -v -x -e --help | sort -u >"$WORK/page"
	grep -v -x -e --help "$2" | sort -u >"$WORK/help"
	diff "$WORK/page" "$WORK/help" || fail "the page $1 (<) and --help (>) differ in options"
}

man_pages_know_all_options() {
	for program in build/bin/ioasidctl tools/observe/*.c; do
		program=$(basename "$program" .c)
		options "$program" >"$WORK/options"
		page_agrees "$program.8" "$WORK/options"
	done
	options ioasid-bench >"$WORK/options"
	for command in map compare nvme checksum; do options ioasid-bench "$command"; done >>"$WORK/options"
	sort -u -o "$WORK/options" "$WORK/options"
	page_agrees ioasid-bench.8 "$WORK/options"
}

# What can be typed after ioasidctl: its help, its manual page, its completion.
commands_agree() {
	completion=tools/packaging/bash-completion/ioasidctl
	ioasidctl help | sed -n '/^  [a-z]/s/^  \([a-z]*\).*/\1/p' | sort -u >"$WORK/help"
	sed -n "s/^	\/) _ioasid_words '\(.*\)' .*/\1/p" "$completion" | tr ' ' '\n' | sort -u >"$WORK/completion"
	diff "$WORK/help" "$WORK/completion" || fail "help (<) and completion (>) of ioasidctl differ"
	while read -r noun; do
		grep -q "\*\*$noun\*\*\|\*\*$noun \|^$noun" docs/man/ioasidctl.8.rst || echo "$noun"
	done <"$WORK/help" | none "commands that docs/man/ioasidctl.8.rst does not know"
	for noun in policy pincg stats; do
		ioasidctl help | sed -n "s/^  $noun \([a-z]*\).*/\1/p" | sort >"$WORK/help"
		sed -n "s/^	$noun\/) _ioasid_words '\(.*\)' .*/\1/p" "$completion" | tr ' ' '\n' | sort >"$WORK/completion"
		diff "$WORK/help" "$WORK/completion" || fail "help (<) and completion (>) of $noun differ"
	done
}

# A policy that is shipped has a section, and its variables are real.
policies_are_described() {
	for policy in bpf/policy/*.bpf.c; do
		policy=$(basename "$policy" .bpf.c)
		grep -q -x "$policy" docs/man/ioasid-policies.7.rst || echo "$policy: no section"
		grep -q "(../bpf/policy/$policy.bpf.c)" docs/policy.md || echo "$policy: not in docs/policy.md"
		sed -n 's/^const volatile [a-z_0-9 ]* \([a-z_]*\)[ []*.*=.*/\1/p' "bpf/policy/$policy.bpf.c" |
			while read -r variable; do
				grep -q "\*\*$variable" docs/man/ioasid-policies.7.rst || echo "$policy: no word of $variable"
			done
	done | none "policies that docs/man/ioasid-policies.7.rst or docs/policy.md lacks"
}

dashboard_knows_the_metrics() {
	dashboard=tools/packaging/grafana/ioasid.json
	jq -r '.. | objects | .expr? // empty' "$dashboard" | grep -o 'ioasid_[a-z_]*' | sort -u >"$WORK/names"
	[ -s "$WORK/names" ] || fail "$dashboard has no expressions"
	while read -r name; do
		name=${name%_total}
		grep -q "\"${name%_bucket}\"" tools/ioasidctl/metrics.c || echo "$name"
	done <"$WORK/names" | none "metrics in $dashboard that 'ioasidctl metrics' does not print"
}

man_pages_are_built() {
	for page in docs/man/*.rst; do
		page=${page#docs/man/}
		[ -s "build/docs/man/${page%.rst}" ] || fail "build/docs/man/${page%.rst} is missing: run 'make docs'"
	done
}

ktap_run links_lead_somewhere files_exist functions_exist parameters_exist \
	man_pages_know_all_options commands_agree policies_are_described \
	dashboard_knows_the_metrics man_pages_are_built
