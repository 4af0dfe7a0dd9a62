#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# tools/testing/run: what it finds in a folder of tests, and what it does not pass over; and
# what its programs are built from.
. tools/testing/harness/ktap.sh

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# tree: a project with one area, "some", that has one good test.
tree() {
	rm -rf "$WORK/tree"
	mkdir -p "$WORK/tree/tools/testing/tests/some" "$WORK/tree/build/bin"
	cp tools/testing/run "$WORK/tree/tools/testing"
	cp -r tools/testing/harness "$WORK/tree/tools/testing"
	cp build/bin/ktap-run "$WORK/tree/build/bin"
	script good.t.sh 'echo 1..1; echo ok 1 a'
}

# script NAME TEXT: in that area, executable.
script() {
	printf '#!/bin/sh\n%s\n' "$2" >"$WORK/tree/tools/testing/tests/some/$1"
	chmod +x "$WORK/tree/tools/testing/tests/some/$1"
}

# judged STATUS PASSED FAILED SKIPPED: what a run of the area came to.
judged() {
	status=0
	# As with --host: no kernel log, no pinned pages.
	sed -i "s,^options='',options='-P -k /dev/null'," "$WORK/tree/tools/testing/run"
	IOASID_RESULT=$WORK/total "$WORK/tree/tools/testing/run" some >"$WORK/out" 2>&1 || status=$?
	seen="exit $status, $(cat "$WORK/total" 2>/dev/null || :)"
	[ "$seen" = "exit $1, total $2 $3 $4" ] || {
		sed 's/^/# | /' "$WORK/out"
		fail "$seen"
	}
}

# shellcheck disable=SC2016
good_area() {
	tree
	script setup.sh 'echo one >"${0%/*}/did"'
	script teardown.sh 'echo two >>"${0%/*}/did"'
	judged 0 1 0 0
	[ "$(paste -s -d ' ' "$WORK/tree/tools/testing/tests/some/did")" = 'one two' ] || fail "its steps did not run"
}

steps_that_are_not_executable_fail() {
	for step in setup teardown; do
		tree
		script "$step.sh" :
		chmod -x "$WORK/tree/tools/testing/tests/some/$step.sh"
		judged 1 1 2 0
		grep -q "^not ok.*some/$step" "$WORK/out" || fail "$step.sh is not named: $(cat "$WORK/out")"
	done
}

tests_that_cannot_run_fail() {
	tree
	script other.t.sh 'echo 1..1; echo ok 1 a'
	chmod -x "$WORK/tree/tools/testing/tests/some/other.t.sh"
	judged 1 1 2 0
	tree
	echo 'int main(void) { return 0; }' >"$WORK/tree/tools/testing/tests/some/unbuilt.c"
	judged 1 1 2 0
}

# A header that changes rebuilds the programs that include it: with stale ones a test shows nothing.
headers_are_prerequisites() {
	grep -o '^#include "[^"]*"' tools/testing/tests/*/*.c | tr -d '"' |
		sed -n 's,^tools/testing/tests/\([^/]*\)/\([^:]*\)\.c:#include ,\1 \2 ,p' >"$WORK/included"
	while read -r area name header; do
		case $name in *.bpf) continue ;; esac
		[ ! -e "tools/testing/tests/$area/$header" ] || header=tests/$area/$header
		grep -q " $header\( \|$\)" "build/tests/$area/$name.dep" || [ ! -e "tools/testing/$header" ] ||
			fail "$area/$name is not built anew when $header changes"
	done <"$WORK/included"
	[ "$(wc -l <"$WORK/included")" -gt 100 ] || fail "only $(wc -l <"$WORK/included") includes"
}

# A clock that counts instructions is that of one host thread, which emulates.
a_vm_has_one_clock() {
	for options in '--warp --mttcg' '--icount --mttcg' '--kvm --warp'; do
		status=0
		# shellcheck disable=SC2086
		tools/testing/vm/run $options -- true >"$WORK/out" 2>&1 || status=$?
		[ "$status" = 2 ] || fail "$options: exit $status"
		grep -q 'go with neither --mttcg nor --kvm' "$WORK/out" || fail "$options: $(cat "$WORK/out")"
	done
}

ktap_run good_area headers_are_prerequisites steps_that_are_not_executable_fail tests_that_cannot_run_fail a_vm_has_one_clock
