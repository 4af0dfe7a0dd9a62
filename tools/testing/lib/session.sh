# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# What the documents show is what one gets: a "```console vm" block of docs/*.md
# is run, and its output compared, numbers aside. A block is a test. FENCE names
# another kind of block: "console operators" are those that need programs which only
# `make check-operators` installs.
: "${FENCE:=console vm}"
. tools/testing/harness/ktap.sh

TOP=$PWD
PATH=$PWD/build/bin:$PWD/build/fixture:$PATH
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# block FILE N: its N-th block.
block() { awk -v n="$2" -v fence="\`\`\`$FENCE" '$0 == fence { on = ++seen == n; next } /^```/ { on = 0 } on' "$1"; }

# Numbers, addresses, the width of columns, empty lines and a trace line's flags
# differ from run to run. A line "..." stands for any lines.
plain() {
	sed -E 's/0x[0-9a-f]+/N/g; s/[0-9]+(\.[0-9]+)?[KMGT]?\b/N/g; s/[[:space:]]+/ /g; s/^ //; s/ $//; s/: -N\b/: minus N/g; s/-N\b/N/g; s/(\[N\]) [^ ]+ /\1 /; /^$/d' "$1"
}

# same EXPECTED SEEN: line by line, where "..." matches any number of lines.
same() {
	awk '
	NR == FNR { want[++n] = $0; next }
	{ seen[++m] = $0 }
	END {
		i = j = 1; star = 0
		while (j <= m) {
			if (i <= n && want[i] == "...") { star = i++; mark = j; continue }
			if (i <= n && want[i] == seen[j]) { i++; j++; continue }
			if (star) { i = star + 1; j = ++mark; continue }
			exit 1
		}
		while (i <= n && want[i] == "...") i++
		exit i <= n
	}' "$1" "$2"
}

# session FILE N: one shell runs all commands of a block, in a folder with the
# objects they name, and prints each before what it says.
session() {
	rm -rf "${WORK:?}"/*
	mkdir "$WORK/in"
	ln -s "$TOP"/build/bpf/*.bpf.o "$TOP"/build/bpf/test/*.bpf.o "$TOP"/tools/perf/*.py "$WORK/in"
	: >/sys/kernel/tracing/trace
	block "$1" "$2" >"$WORK/want"
	[ -s "$WORK/want" ] || fail "there is no block $2 in $1"
	awk -v q="'" '/^\$ / { line = $0; gsub(q, q "\\" q q, line)
		print "printf " q "%s\\n" q " " q line q; print substr($0, 3) }' "$WORK/want" >"$WORK/script"
	(cd "$WORK/in" && sh "$WORK/script") >"$WORK/seen" 2>&1 || :
	plain "$WORK/want" >"$WORK/a"
	plain "$WORK/seen" >"$WORK/b"
	same "$WORK/a" "$WORK/b" || {
		sed 's/^/# /' "$WORK/seen"
		fail "this is what block $2 of $1 prints"
	}
}

# all_blocks FILE: does this test run each block of FILE?
all_blocks() {
	expect_same "blocks of $1 to run" "$(grep -c -x '```console vm' "$1")" \
		"$(grep -c "^[a-z_]*() { session $1 " "$TOP/$0")"
}
