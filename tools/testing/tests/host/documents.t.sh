#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# What the documents name exists: files, sections, functions, options.
. tools/testing/harness/ktap.sh

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
PATH=$PWD/build/bin:$PATH
pages='*.md docs/*.md docs/decisions/*.md docs/results/*.md bench/*.md tools/testing/*.md'

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
			# What the reader is to write: that of docs/policy.md, and names in capitals.
			case $file in
			bpf/policy/maxmap.bpf.c|*/NAME.*|*/AREA*) continue ;;
			esac
			[ -e "$file" ] || echo "$page: there is no $file"
		done | none "files that do not exist"
	find kmod bpf tools bench -name '*.[ch]' >"$WORK/files"
	# shellcheck disable=SC2086
	quoted $pages | awk '$2 ~ /^[a-z0-9_\/]+\.[ch]$/ && NF == 2' | while read -r page file; do
		grep -q -e "/$file\$" -e "^$file\$" "$WORK/files" || echo "$page: there is no $file"
	done | none "sources that do not exist"
}

# The files of ioasid.ko, by their folder in a row of the page.
files_of_the_module_are_listed() {
	# shellcheck disable=SC2016
	sed -n '/^The files of `ioasid.ko`/,/^## /p' docs/architecture.md | awk -F '`' '/^[|] `kmod\// {
		for (i = 4; i <= NF; i += 2)
			if ($i ~ /^[a-z_]+\.c$/)
				print $2 "/" $i
	}' | sort >"$WORK/said"
	{
		sed -n 's/^ioasid-y [:+]= //p' kmod/Kbuild | tr ' ' '\n' | sed '/^path\.o$/d; s,^,kmod/,; s,\.o$,.c,'
		sed -n 's,^#include "\(.*\.c\)"$,kmod/\1,p' kmod/path.c
	} | sort >"$WORK/are"
	diff "$WORK/said" "$WORK/are" || fail "docs/architecture.md (<) and kmod/Kbuild (>) differ in files"
}

functions_exist() {
	cat kmod/*/*.[ch] kmod/include/*/*.h kmod/include/*/*/*.h tools/lib*/*.[ch] tools/ioasidctl/*.c bench/*.[ch] >"$WORK/source"
	# shellcheck disable=SC2086
	quoted $pages | grep -E ' [a-z_0-9]+\(\)$' | sort -u | while read -r page name; do
		case $name in
		bpf_*) continue ;;
		esac
		grep -q -w -e "${name%()}" "$WORK/source" || echo "$page: there is no $name"
	done | none "functions that do not exist"
}

# The module parameters of the code, of every kind of module_param: "MODULE PARAMETER".
parameters() {
	for file in kmod/*/*.c; do
		module=ioasid
		case $file in
		kmod/vfio/*|kmod/pci/*|kmod/setcontainer/*) module=ioasid_$(basename "${file%/*}") ;;
		esac
		sed -n "s/^module_param[a-z_]*(\([a-z_]*\),.*/$module \1/p" "$file"
	done | sort
}

# section PAGE HEADING: the lines of a manual page up to the next heading.
section() {
	awk -v heading="$2" '/^===*$/ { inside = last == heading } inside { print last } { last = $0 }' "$1"
}

parameters_are_documented() {
	parameters >"$WORK/are"
	[ "$(wc -l <"$WORK/are")" -ge 9 ] || fail "the module parameters of kmod could not be read"
	# shellcheck disable=SC2016
	sed -n '/^## Parameters/,/^## /s/^| \(ioasid[a-z_]*\) | `\([a-z_]*\)`.*/\1 \2/p' docs/install.md |
		sort >"$WORK/said"
	diff "$WORK/said" "$WORK/are" || fail "docs/install.md (<) and the modules (>) differ in parameters"
	for page in ioasid.4 libioasid.3; do
		section "docs/man/$page.rst" 'MODULE PARAMETERS' |
			sed -n 's,^\*\*\([a-z_]*\)\*\*/\*\*\([a-z_]*\)\*\*.*,\1 \2,p' | sort >"$WORK/said"
		diff "$WORK/said" "$WORK/are" || fail "docs/man/$page.rst (<) and the modules (>) differ in parameters"
	done
}

# block PAGE TEXT: the indented lines that follow the first line of a manual page with that text.
block() {
	awk -v text="$2" '!found { found = index($0, text) } !found { next } /^    / { print; inside = 1 }
		/^[^ ]/ && inside { exit }' "docs/man/$1.rst"
}

# compiled NAME HEADER FUNCTION: the statements on stdin, as the body of that function.
compiled() {
	{
		printf '#include <sys/ioctl.h>\n#include <stdint.h>\n#include <stdio.h>\n#include <%s>\n' "$2"
		printf 'void example(int fd, void *page);\nvoid buffers(void *buffer, uint64_t size);\n%s\n{\n' "$3"
		cat
		echo '}'
	} >"$WORK/$1.c"
	grep -q ioasid_ "$WORK/$1.c" || fail "$1 has no example"
	gcc -fsyntax-only -Wall -Wextra -Werror -Itools/libioasid -Ikmod/include/uapi "$WORK/$1.c" ||
		fail "the example of $1 does not compile"
}

examples_compile() {
	block ioasid.4 'This program maps one page' |
		compiled ioasid.4 linux/ioasid.h 'void example(int fd, void *page)'
	block libioasid.3 'This code maps a buffer' |
		compiled libioasid.3 libioasid.h 'void buffers(void *buffer, uint64_t size)'
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
	for command in map compare nvme record diff checksum; do options ioasid-bench "$command"; done >>"$WORK/options"
	sort -u -o "$WORK/options" "$WORK/options"
	page_agrees ioasid-bench.8 "$WORK/options"
}

# table FILE...: the long options that these sources hand to getopt_long().
table() {
	cat "$@" | sed -n 's/^[[:space:]]*{ "\([a-z-]*\)", [a-z]*_argument,.*/--\1/p' | sort -u
}

# lines PROGRAM [COMMAND]: the long options that have a line in its help.
lines() { "$@" --help | sed -n 's/^ *\(-[a-zA-Z], \)\{0,1\}\(--[a-z-]*\).*/\2/p'; }

# takes PROGRAM FILE...: the options of these sources are those on stdin.
takes() {
	program=$1
	shift
	sort -u >"$WORK/help"
	table "$@" >"$WORK/table"
	[ -s "$WORK/table" ] || fail "the options of $* could not be read"
	diff "$WORK/table" "$WORK/help" || fail "getopt (<) and --help (>) of $program differ in options"
}

help_lists_all_options() {
	lines ioasidctl | takes ioasidctl tools/ioasidctl/main.c
	for program in tools/observe/*.c; do
		lines "$(basename "$program" .c)" | takes "$program" "$program" tools/lib/observer.c
	done
	# One table: the help of each names one of --backend and --backends.
	for command in map compare; do lines ioasid-bench "$command"; done |
		takes 'ioasid-bench map and compare' bench/options.c
	lines ioasid-bench nvme | takes 'ioasid-bench nvme' bench/nvme/options.c
	lines ioasid-bench record | takes 'ioasid-bench record' bench/record/options.c
	lines ioasid-bench diff | takes 'ioasid-bench diff' bench/record/diff.c
	lines ioasid-bench checksum | takes 'ioasid-bench checksum' bench/nvme/checksum.c
}

# A workload has its name in the table of bench/options.c; so -w takes it.
workloads_are_documented() {
	sed -n 's/^\tWORKLOAD(\([a-z]*\),.*/\1/p' bench/options.c >"$WORK/are"
	[ "$(wc -l <"$WORK/are")" -ge 6 ] || fail "the workloads of bench/options.c could not be read"
	ioasid-bench map --help | sed -n '/--workload/,/--kind/p' >"$WORK/help"
	sed -n '/--workload LIST/,/--kind LIST/p' docs/man/ioasid-bench.8.rst >"$WORK/page"
	while read -r name; do
		grep -q -w "$name" "$WORK/help" || echo "$name: not in 'ioasid-bench map --help'"
		grep -q -w "$name" "$WORK/page" || echo "$name: not in docs/man/ioasid-bench.8.rst"
		grep -q -w "$name" bench/README.md || echo "$name: not in bench/README.md"
	done <"$WORK/are" | none "workloads that are not described"
}

# An area has its row; "setcontainer, pci" is the row of two.
areas_are_described() {
	for folder in tools/testing/tests/*/; do
		basename "$folder"
	done | sort >"$WORK/are"
	sed -n '/^## What is tested/,/^## /s/^| \([a-z, ]*\) |.*/\1/p' docs/testing.md | tr -s ', ' '\n' |
		grep -v -x -e area -e lint -e live | sort >"$WORK/said"
	diff "$WORK/said" "$WORK/are" || fail "docs/testing.md (<) and the folders of tools/testing/tests (>) differ in areas"
}

# make fuzz loads and unloads each policy that is shipped.
policies_are_fuzzed() {
	for policy in bpf/policy/*.bpf.c; do
		policy=$(basename "$policy" .bpf.c)
		grep -q "{ \"$policy\", " tools/testing/tests/fuzz/lib/outside.c || echo "$policy"
	done | none "policies that tools/testing/tests/fuzz/lib/outside.c does not load"
}

# What can be typed after ioasidctl: its help, its manual page, its completion.
commands_agree() {
	completion=tools/packaging/bash-completion/ioasidctl
	ioasidctl help | sed -n '/^  [a-z]/s/^  \([a-z]*\).*/\1/p' | sort -u >"$WORK/help"
	sed -n "s/^	\/) _ioasid_words '\(.*\)' .*/\1/p" "$completion" | tr ' ' '\n' | sort -u >"$WORK/completion"
	diff "$WORK/help" "$WORK/completion" || fail "help (<) and completion (>) of ioasidctl differ"
	options ioasidctl >"$WORK/options"
	sed -n "s/^	local options='\(.*\)'$/\1/p" "$completion" | tr ' ' '\n' | sort >"$WORK/completion"
	diff "$WORK/options" "$WORK/completion" || fail "help (<) and completion (>) of ioasidctl differ in options"
	while read -r noun; do
		grep -q "\*\*$noun\*\*\|\*\*$noun \|^$noun" docs/man/ioasidctl.8.rst || echo "$noun"
	done <"$WORK/help" | none "commands that docs/man/ioasidctl.8.rst does not know"
	for noun in policy pincg stats; do
		ioasidctl help | sed -n "s/^  $noun \([a-z]*\).*/\1/p" | sort >"$WORK/help"
		sed -n "s/^	$noun\/) _ioasid_words '\(.*\)' .*/\1/p" "$completion" | tr ' ' '\n' | sort >"$WORK/completion"
		diff "$WORK/help" "$WORK/completion" || fail "help (<) and completion (>) of $noun differ"
	done
}

# completed PLACE WORD...: what completion offers for that word of the line, in one line.
completed() {
	bash -c '. tools/packaging/bash-completion/ioasid-bench; COMP_CWORD=$1; shift; COMP_WORDS=("$@")
		_ioasid_bench "$1" && printf "%s " "${COMPREPLY[@]}"' sh "$@"
}

bench_is_completed() {
	expect_same commands "$(completed 1 ioasid-bench '')" 'map nvme compare record diff checksum --help --version '
	expect_same 'the command di' "$(completed 1 ioasid-bench di)" 'diff '
	expect_same options "$(completed 2 ioasid-bench diff --)" '--help --html --json '
	expect_same 'options of --se' "$(completed 2 ioasid-bench record --se)" '--seconds '
	expect_same files "$(completed 2 ioasid-bench diff VERS)" 'VERSION '
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

maintainers_have_files() {
	sed -n 's/^F:[[:space:]]*//p' MAINTAINERS >"$WORK/patterns"
	[ "$(wc -l <"$WORK/patterns")" -gt 30 ] || fail "the patterns of MAINTAINERS could not be read"
	while read -r pattern; do
		# shellcheck disable=SC2086
		ls -d $pattern >/dev/null 2>&1 || echo "$pattern"
	done <"$WORK/patterns" | none "patterns in MAINTAINERS that no file has"
}

glossary_is_short() {
	words=$(sed -n '/^|---/,$s/^| \([a-z].*\) | .*/\1/p' docs/glossary.md)
	[ -n "$words" ] || fail "docs/glossary.md could not be read"
	[ "$(echo "$words" | wc -l)" -le 25 ] || fail "docs/glossary.md has $(echo "$words" | wc -l) words, 25 is the cap"
	echo "$words" | LC_ALL=C sort -c || fail "docs/glossary.md is not in alphabetical order"
}

man_pages_are_built() {
	for page in docs/man/*.rst; do
		page=${page#docs/man/}
		[ -s "build/docs/man/${page%.rst}" ] || fail "build/docs/man/${page%.rst} is missing: run 'make docs'"
	done
}

ktap_run links_lead_somewhere files_exist files_of_the_module_are_listed functions_exist parameters_are_documented examples_compile \
	maintainers_have_files glossary_is_short \
	man_pages_know_all_options help_lists_all_options workloads_are_documented areas_are_described \
	commands_agree bench_is_completed policies_are_described policies_are_fuzzed \
	man_pages_are_built
