#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# kmod/include/ioasid/policy.h declares the hooks of policies. Whatever else lists them
# lists all of them; a test program may say in its head which it leaves out.
. tools/testing/harness/ktap.sh

HEADER=kmod/include/ioasid/policy.h
POLICY=tools/testing/tests/policy
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# members: every hook of struct ioasid_policy_ops, in its order.
members() {
	awk '/^struct ioasid_policy_ops \{/ { on = 1 } /^};/ { on = 0 }
		on && match($0, /\(\*[a-z_]+\)\(/) { print substr($0, RSTART + 2, RLENGTH - 4) }' "$HEADER"
}

# called: without those that only loading and ejecting call.
called() { members | grep -v -x -e init -e exit -e dump; }

# same WHAT: the words on stdin are those of $WORK/want.
same() {
	sort >"$WORK/seen"
	sort -o "$WORK/want" "$WORK/want"
	[ "$(wc -l <"$WORK/want")" -ge 20 ] || fail "the hooks of $HEADER could not be read"
	diff "$WORK/want" "$WORK/seen" >"$WORK/diff" || {
		sed 's/^/# /' "$WORK/diff"
		fail "hooks of $HEADER (<) and of $1 (>) differ"
	}
}

the_module_calls_each() {
	called >"$WORK/want"
	sed -n '/^#define IOASID_POLICY_HOOKS/,/[^\\]$/s/^\tH([A-Z_]*, \([a-z_]*\)).*/\1/p' kmod/hooks/hooks.h |
		same 'IOASID_POLICY_HOOKS() in kmod/hooks/hooks.h'
	called >"$WORK/want"
	sed -n 's/.*\bIOASID_OP_\([A-Z_]*\)\b.*/\1/p' kmod/hooks/hooks.c kmod/hooks/account.c kmod/hooks/address.c |
		tr '[:upper:]' '[:lower:]' | sort -u | grep -v -x -e nr -e times >"$WORK/used"
	while read -r hook; do
		grep -q -x "$hook" "$WORK/used" || echo "# no function of kmod/hooks asks $hook"
	done <"$WORK/want" >"$WORK/bad"
	[ ! -s "$WORK/bad" ] || { cat "$WORK/bad"; fail "hooks that are never called"; }
}

names_fit() {
	len=$(sed -n 's/^#define IOASID_POLICY_HOOK_LEN[[:space:]]*//p' "$HEADER")
	[ -n "$len" ] || fail 'IOASID_POLICY_HOOK_LEN could not be read'
	members | awk -v len="$len" 'length($0) >= len' >"$WORK/bad"
	[ ! -s "$WORK/bad" ] || fail "longer than IOASID_POLICY_HOOK_LEN: $(cat "$WORK/bad")"
}

the_verifier_knows_each() {
	members >"$WORK/want"
	sed -n 's/^STUB_RET([a-z0-9]*, \([a-z_]*\),.*/\1/p; s/^STUB_VOID(\([a-z_]*\),.*/\1/p' kmod/policy/struct_ops.c |
		same kmod/policy/struct_ops.c
}

tools_know_each() {
	members >"$WORK/want"
	grep -o 'HOOK([a-z_]*)' tools/lib/loaded.c | grep -v 'HOOK(op)' | sed 's/HOOK(\(.*\))/\1/' |
		same 'read_hooks() in tools/lib/loaded.c'
}

# The first column of the table "Rules for hooks".
the_page_knows_each() {
	members >"$WORK/want"
	awk -F '|' '/^## Rules for hooks/ { on = 1; next } /^## / { on = 0 } on && /^\| `/ {
		n = split($2, part, "`"); for (i = 2; i <= n; i += 2) if (part[i] ~ /^[a-z_]+$/) print part[i] }' docs/policy.md |
		same 'the table "Rules for hooks" of docs/policy.md'
}

# programs FILE: hooks that a policy of a test has, and those that its head says it leaves out.
programs() {
	{
		sed -n 's/^\t\.\([a-z_]*\)[[:space:]]*= (void \*).*/\1/p' "$1"
		sed -n 's/^ \* Without the hooks \(.*\)[.]$/\1/p' "$1" | tr -s ', ' '\n'
	} | sort
}

# Calls each hook, to see what that costs, and in which order hooks are called.
empty_has_each() {
	called >"$WORK/want"
	programs "$POLICY/empty.bpf.c" | same "$POLICY/empty.bpf.c"
}

probe_has_each() {
	members >"$WORK/want"
	programs "$POLICY/probe.bpf.c" | same "$POLICY/probe.bpf.c"
}

pairing_has_each() {
	members >"$WORK/want"
	programs "$POLICY/pairing.bpf.c" | same "$POLICY/pairing.bpf.c"
	members >"$WORK/want"
	grep -o '{ "[a-z_]*", [A-Z_]*, [a-z]* }' tools/testing/tests/pairing/lib/policies.c | cut -d '"' -f 2 |
		same 'hooks[] in tools/testing/tests/pairing/lib/policies.c'
}

# A hook on the way of a map or an unmap has a promise of its own.
cost_measures_what_is_built() {
	sed -n '/empty-%/,/)$/p' bpf/Makefile | tr -c 'a-z_\n' '\n' | grep -x -F "$(called)" | sort >"$WORK/built"
	sed -n 's/^for hook in \(.*\); do$/\1/p' "$POLICY/cost.sh" | tr ' ' '\n' | sort >"$WORK/measured"
	[ -s "$WORK/built" ] || fail 'the list of bpf/Makefile could not be read'
	diff "$WORK/built" "$WORK/measured" || fail "bpf/Makefile (<) and $POLICY/cost.sh (>) differ in hooks"
}

ktap_run the_module_calls_each names_fit the_verifier_knows_each tools_know_each the_page_knows_each \
	empty_has_each probe_has_each pairing_has_each cost_measures_what_is_built
