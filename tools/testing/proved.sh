# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# What an earlier `make check` proved, and of which inputs: tools/testing/check
# sources this. A unit is an area of tests or another part of the check. It is proved
# when it passed and every file that it can depend on has the same bytes as then,
# the kernels and the packages of the build root included.
#
# build/proved/SERIES/UNIT holds the checksum of those inputs and how many tests passed
# and were skipped. A fresh clone has none, so a merge is decided by a whole run.

# proved_begin SERIES FOLDER: takes the checksum of every file, once; FOLDER is for that.
proved_begin() {
	proved_in=build/proved/$1
	proved_files=$2/files
	mkdir -p "$proved_in"
	{
		find . \( -path ./build -o -path ./.git \) -prune -o -type f -print
		for file in build/root/var/lib/dpkg/status build/kernels/*.release; do
			[ ! -e "$file" ] || echo "$file"
		done
	} | LC_ALL=C sort | xargs sha256sum >"$proved_files"
}

# proved_inputs UNIT: the checksums of what it depends on. A test program of another
# area is no input, and a page or a finding only where these are read.
proved_inputs() {
	case $1 in
	lint) cat "$proved_files" build/lint/commits 2>/dev/null ;;
	host) cat "$proved_files" ;;
	transcript|live|smoke-*|type1-*) grep -v ' \./findings/' "$proved_files" ;;
	docs) proved_area docs <"$proved_files" ;;
	*) proved_area "$1" <"$proved_files" | grep -v '\.md$'; grep ' \./docs/policy\.md$' "$proved_files" ;;
	esac
}

# A BPF object of one area (.bpf.c) is loaded by others, too.
proved_area() {
	grep -v -E ' \./(findings/.*|tools/testing/tests/[^/]*/([^/]*\.t\.sh|[^/.]*(\.long)?\.c))$'
	grep " \./tools/testing/tests/$1/" "$proved_files"
}

# proved_key UNIT: one checksum of all of them.
proved_key() { proved_inputs "$1" | sha256sum | cut -d ' ' -f 1; }

# proved UNIT: if it is, prints how many tests passed and were skipped.
proved() {
	read -r key passed skipped 2>/dev/null <"$proved_in/$1" || return 1
	[ "$key" = "$(proved_key "$1")" ] && echo "$passed $skipped"
}

# prove UNIT PASSED SKIPPED: none of its tests failed.
prove() { echo "$(proved_key "$1") $2 $3" >"$proved_in/$1"; }
