#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# layout.sh [RELEASE]: prints, one a line, what programs that were compiled long
# ago rely on: the place and size of every member that the user ABI and the
# header for BPF programs declare, and the number of every ioctl. `make lint`
# compares it with layout.golden: what is in there must stay as it is, and what
# is new must be added with
#
#	tools/env/in-root tools/testing/lint/layout.sh >tools/testing/lint/layout.golden
#
# layout.sh --compare GOLDEN NOW: prints each difference of two such files.
set -eu
if [ "${1-}" = --compare ]; then
	sort "$3" | awk -v golden="$2" '
		FNR == NR { is[$0] = 1; next }
		{ said[$0] = 1 }
		!($0 in is) { print golden ":" FNR ": changed or gone: " $0 }
		END { for (line in is) if (!(line in said)) print golden ":1: new, add it with layout.sh: " line | "sort" }
	' - "$2"
	exit
fi
cd "$(dirname "$0")/../../.."
release=${1-$(cat build/kernels/6.12.release)}
uapi=kmod/include/uapi/linux
policy="kmod/include/ioasid/args.h kmod/include/ioasid/policy.h"
work=build/lint
mkdir -p $work
[ -e "build/$release/src/ioasid.ko" ] || { echo "layout.sh: ioasid.ko is not built for $release: run 'make kmod'" >&2; exit 1; }

structs() { sed -n 's/^struct \([a-z0-9_]*\) {.*/\1/p' "$@"; }
numbers() { sed -n 's/^#define[[:blank:]]*\([A-Z0-9_]*\)[[:blank:]]*_IO[RW]*(.*/\1/p' "$@"; }

# members STRUCTS FILE: "struct.member offset size", nested ones by their depth. All of the
# file's are printed first: pahole 1.30 with a list of names (-C) misses some of them.
members() {
	pahole -F dwarf "$2" 2>/dev/null | awk -v structs="$1" '
		BEGIN { split(structs, all, ","); for (i in all) want[all[i]] = 1 }
		/^struct / { name = $2; next }
		/^}/ { name = "" }
		name in want && /\/\*[[:blank:]]+[0-9]+/ {
			comment = substr($0, index($0, "/*") + 2)
			split(comment, number, " ")
			line = substr($0, 1, index($0, "/*") - 1)
			sub(/;[[:blank:]]*$/, "", line)
			gsub(/[[:blank:]]+/, " ", line)
			print name ":" line, number[1], number[2]
		}'
}

{
	echo '#include <stdio.h>'
	echo '#include <linux/types.h>'
	echo "#include \"$uapi/ioasid.h\""
	for name in $(structs $uapi/*.h); do
		echo "struct $name layout_$name;"
	done
	echo 'int main(void) {'
	for name in $(numbers $uapi/*.h); do
		printf 'printf("%%s 0x%%x%%c", "%s", (unsigned int)%s, 10);\n' "$name" "$name"
	done
	echo 'return 0; }'
} >$work/layout.c
gcc -g -I. -Ikmod/include/uapi -o $work/layout $work/layout.c
members "$(structs $uapi/*.h | paste -s -d ,)" $work/layout
$work/layout
# shellcheck disable=SC2086
members "$(structs $policy | paste -s -d ,)" "build/$release/src/ioasid.ko"
