#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Does ktap-run turn red when it must? Each test gives it one bad program.
. tools/testing/harness/ktap.sh

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
SPLAT='4,100,200,-;WARNING: CPU: 0 PID: 1 at fake.c:1 fake+0x0/0x1'
export WORK SPLAT

# judge NAME TEXT: runs a program made of TEXT; its output goes to $WORK/out
# and the totals to $WORK/total. A file stands in for the kernel's log.
judge() {
	mkdir -p "$WORK/area"
	printf '#!/bin/sh\n%s\n' "$2" >"$WORK/area/$1"
	chmod +x "$WORK/area/$1"
	: >"$WORK/kmsg"
	status=0
	IOASID_RESULT=$WORK/total build/bin/ktap-run -P -t 1 -k "$WORK/kmsg" \
		-s tools/testing/harness/splats "$WORK/area/$1" >"$WORK/out" || status=$?
}

wrong() {
	sed 's/^/# | /' "$WORK/out"
	fail "$@"
}

# verdict STATUS PASSED FAILED SKIPPED [LINE]: what must have come out.
verdict() {
	seen="exit $status, $(cat "$WORK/total")"
	[ "$seen" = "exit $1, total $2 $3 $4" ] || wrong "$seen"
	[ $# -lt 5 ] || grep -q "$5" "$WORK/out" || wrong "no line matches '$5'"
}

good_program() {
	judge good 'echo 1..3; echo ok 1 a; echo "ok 2 - b"; echo "ok 3 c # SKIP why"'
	verdict 0 2 0 1 '^ok 3 area/good.c # SKIP why'
}

plan_may_come_last() {
	judge last 'echo ok 1 a; echo 1..1'
	verdict 0 1 0 0
}

failed_test() {
	judge bad 'echo 1..2; echo ok 1 a; echo not ok 2 b; exit 1'
	verdict 1 1 1 0 '^not ok 2 area/bad.b'
}

no_plan() {
	judge noplan 'echo ok 1 a'
	verdict 1 1 1 0 'gave no plan'
}

no_output() {
	judge silent 'exit 0'
	verdict 1 0 1 0 'gave no plan'
}

missing_tests() {
	judge short 'echo 1..3; echo ok 1 a'
	verdict 1 1 2 0 'test 3 of its plan of 3 is missing'
}

tests_beyond_the_plan() {
	judge beyond 'echo 1..1; echo ok 1 a; echo ok 2 b'
	verdict 1 1 1 0 'beyond the plan'
}

wrong_number() {
	judge number 'echo 1..2; echo ok 1 a; echo ok 3 b'
	verdict 1 1 1 0 'is number 3'
}

exit_status_against_the_lines() {
	judge liar 'echo 1..1; echo ok 1 a; exit 3'
	verdict 1 1 1 0 'exit status 3'
	judge coward 'echo 1..1; echo not ok 1 a; exit 0'
	verdict 1 0 2 0 'exit status 0'
}

crash() {
	judge crash 'echo 1..1; echo ok 1 a; kill -SEGV $$'
	verdict 1 1 1 0 'killed by signal 11'
}

hang() {
	judge hang 'echo 1..2; echo ok 1 a; sleep 60'
	verdict 1 1 2 0 'no result for 2 s'
}

slow_test() {
	judge slow 'echo 1..1; sleep 1.4; echo ok 1 a'
	verdict 1 0 1 0 'is the limit'
}

# shellcheck disable=SC2016
splat_fails_the_test_that_caused_it() {
	judge splat 'echo 1..3; echo ok 1 a; sleep 0.2; echo "$SPLAT" >>$WORK/kmsg; echo ok 2 b; sleep 0.2; echo ok 3 c'
	verdict 1 2 1 0 '^not ok 2 area/splat.b # kernel splat: WARNING'
}

# shellcheck disable=SC2016
splat_after_the_last_test() {
	judge late 'echo 1..1; echo ok 1 a; sleep 0.2; echo "$SPLAT" >>$WORK/kmsg'
	verdict 1 1 1 0 'splat after its last line'
}

# shellcheck disable=SC2016
log_lines_of_user_space_are_no_splat() {
	judge user 'echo 1..1; echo "12,1,2,-;WARNING: from a test" >>$WORK/kmsg; echo ok 1 a'
	verdict 0 1 0 0
}

# shellcheck disable=SC2016
races_of_the_kernels_own_are_known() {
	race='"4,100,200,-;BUG: KCSAN: data-race in $f / $f"'
	judge known "echo 1..1; f=intel_iommu_map_pages; echo $race >>\$WORK/kmsg; echo ok 1 a"
	verdict 0 1 0 0
	judge ours "echo 1..1; f=ioasid_map_make; echo $race >>\$WORK/kmsg; echo ok 1 a"
	verdict 1 0 1 0 'kernel splat: BUG: KCSAN: data-race in ioasid_map_make'
}

bail_out() {
	judge bail 'echo 1..1; echo "Bail out! no"; exit 1'
	verdict 1 0 2 0 'Bail out! no'
}

only_skips_are_no_success() {
	judge skips 'echo 1..1; echo "ok 1 a # SKIP no"'
	verdict 1 0 0 1
}

ktap_run good_program plan_may_come_last failed_test no_plan no_output missing_tests \
	tests_beyond_the_plan wrong_number exit_status_against_the_lines crash hang slow_test \
	splat_fails_the_test_that_caused_it splat_after_the_last_test \
	log_lines_of_user_space_are_no_splat races_of_the_kernels_own_are_known bail_out only_skips_are_no_success
