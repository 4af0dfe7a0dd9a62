#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# What of the harness only a kernel of its own can show; the rest is in
# host/ktap_run.t.sh.
. tools/testing/harness/ktap.sh

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
mkdir "$WORK/area"

wrong() {
	sed 's/^/# | /' "$WORK/out"
	fail "$@"
}

left_pinned_pages() {
	cat >"$WORK/area/pins" <<-END
	#!/bin/sh
	setsid build/fixture/pin_pages >"$WORK/pinned" &
	until [ -s "$WORK/pinned" ]; do sleep 0.1; done
	echo 1..1
	echo ok 1 a
	END
	chmod +x "$WORK/area/pins"
	status=0
	IOASID_RESULT='' build/bin/ktap-run -s tools/testing/harness/splats "$WORK/area/pins" \
		>"$WORK/out" || status=$?
	pkill -KILL -x pin_pages || fail "the program that pins is not there"
	grep -q 'pinned pages changed by 16' "$WORK/out" || wrong "not noticed"
	expect_same "exit status" "$status" 1
}

# The C harness: what each of these tests must come to.
c_harness() {
	env -u KTAP_SLOW build/fixture/ktap_cases >"$WORK/out" && wrong "exit status 0"
	grep -v '^#' "$WORK/out" >"$WORK/lines"
	diff - "$WORK/lines" <<-END || wrong "other lines than expected"
	KTAP version 1
	1..9
	ok 1 passes
	not ok 2 assert_fails # failed
	not ok 3 expect_fails_and_goes_on # failed
	ok 4 skipped # SKIP for a reason
	not ok 5 skip_after_failure_is_failure # failed
	not ok 6 crashes # killed by signal 11 (Segmentation fault)
	not ok 7 hangs # still running after 1 s
	ok 8 counter.is_low.low
	not ok 9 counter.is_low.high # failed
	END
	grep -q ': reached' "$WORK/out" || fail "EXPECT did not go on"
	! grep -q 'not reached' "$WORK/out" || fail "ASSERT went on"
	expect_same teardowns "$(grep -c 'teardown of' "$WORK/out")" 2
}

ktap_run left_pinned_pages c_harness
