#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The tools without the module: one line that says what to do. By name only: it
# failed in full runs, and why is not known yet.
. tools/testing/policy/common.sh

asks_for_it() {
	expect_status 1 "$@" >"$scratch/out" 2>&1
	grep -q "run 'modprobe ioasid'" "$scratch/out" || fail "'$*' said $(cat "$scratch/out")"
}

without_the_module() {
	begin
	trap 'modules_load ioasid; clean' EXIT
	wait_for rmmod ioasid
	asks_for_it ioasidctl policy load pincg
	asks_for_it ioasidctl policy list
	asks_for_it ioasidctl list
	asks_for_it ioasidctl pincg list
	asks_for_it ioasidsnoop
	ioasidctl status | grep -q 'ioasid is not loaded'
	ioasidctl -j status | holds '.modules == [] and .spaces == null'
}

ktap_run without_the_module
