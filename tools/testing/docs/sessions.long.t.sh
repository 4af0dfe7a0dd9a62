#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# What the documents show is what one gets: every "```console vm" block of
# docs/*.md is run, and its output compared, numbers aside. A block is a test.
. tools/testing/harness/ktap.sh

TOP=$PWD
PATH=$PWD/build/bin:$PWD/build/fixture:$PATH
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# block FILE N: its N-th block.
block() { awk -v n="$2" '/^```console vm$/ { on = ++seen == n; next } /^```/ { on = 0 } on' "$1"; }

# Numbers, addresses, the width of columns and a trace line's flags differ from
# run to run. A line "..." stands for any lines.
plain() {
	sed -E 's/0x[0-9a-f]+/N/g; s/[0-9]+(\.[0-9]+)?[KMGT]?\b/N/g; s/[[:space:]]+/ /g; s/^ //; s/ $//; s/-N\b/N/g; s/(\[N\]) [^ ]+ /\1 /' "$1"
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
# objects they name.
session() {
	rm -rf "${WORK:?}"/*
	: >/sys/kernel/tracing/trace
	mkdir "$WORK/in" "$WORK/want" "$WORK/seen"
	for object in build/bpf/*.bpf.o build/bpf/test/*.bpf.o; do
		ln -s "$TOP/$object" "$WORK/in/${object##*/}"
	done
	block "$TOP/$1" "$2" | awk -v d="$WORK" '
		/^\$ / { n++; sub(/^\$ /, ""); print >(d "/command" n); printf "" >(d "/want/" n); next }
		{ print >(d "/want/" n) }'
	n=1
	while [ -e "$WORK/command$n" ]; do
		printf '{ %s ; } >"%s" 2>&1\n' "$(cat "$WORK/command$n")" "$WORK/seen/$n"
		n=$((n + 1))
	done >"$WORK/script"
	[ "$n" -gt 1 ] || fail "there is no block $2 in $1"
	(cd "$WORK/in" && sh "$WORK/script") || :
	n=1
	while [ -e "$WORK/command$n" ]; do
		plain "$WORK/want/$n" >"$WORK/a"
		plain "$WORK/seen/$n" >"$WORK/b"
		same "$WORK/a" "$WORK/b" || {
			sed 's/^/# wanted: /' "$WORK/want/$n"
			sed 's/^/# got:    /' "$WORK/seen/$n"
			fail "$1: $(cat "$WORK/command$n")"
		}
		n=$((n + 1))
	done
}

policy_load() { session docs/policy.md 1; }
policy_replace() { session docs/policy.md 2; }
policy_log() { session docs/policy.md 3; }
policy_ejected() { session docs/policy.md 4; }
events_snoop() { session docs/observability.md 1; }
events_error() { session docs/observability.md 2; }
events_account() { session docs/observability.md 3; }
events_runs() { session docs/observability.md 4; }
events_times() { session docs/observability.md 5; }
events_perf() { session docs/observability.md 6; }
events_bpftool() { session docs/observability.md 7; }

no_block_is_left_out() {
	expect_same "blocks to run" "$(cat docs/*.md | grep -c -x '```console vm')" \
		"$(grep -c '^[a-z_]*() { session docs/' "$TOP/$0")"
}

ktap_run no_block_is_left_out policy_load policy_replace policy_log policy_ejected \
	events_snoop events_error events_account events_runs events_times events_perf \
	events_bpftool
