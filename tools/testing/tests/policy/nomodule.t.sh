#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The tools without the module: one line that says what to do.
. tools/testing/lib/policy.sh

asks_for_it() {
	expect_status 1 "$@" >"$scratch/out" 2>&1
	grep -q "run 'modprobe ioasid'" "$scratch/out" || fail "'$*' said $(cat "$scratch/out")"
}

without_the_module() {
	begin
	trap 'modules_load ioasid; clean' EXIT
	modules_unload ioasid_vfio
	wait_for rmmod ioasid
	asks_for_it ioasidctl policy load pincg
	asks_for_it ioasidctl policy list
	asks_for_it ioasidctl list
	asks_for_it ioasidctl pincg list
	asks_for_it ioasidsnoop
	ioasidctl status | grep -q 'ioasid is not loaded'
	# VFIO's own modules may be there, from a test before this one.
	ioasidctl -j status | holds 'all(.modules[]; .name | startswith("ioasid") | not) and .spaces == null'
}

ktap_run without_the_module
