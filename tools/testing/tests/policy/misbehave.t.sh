#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A policy that misbehaves is ejected, user space can read why, and mapping
# goes on as if it had never been loaded.
. tools/testing/lib/policy.sh

misbehave() { load "$objects/misbehave.bpf.o" "$@"; }

# expect_ejected HOOK VALUE [KIND]
expect_ejected() {
	expect_same state "$(attribute misbehave state)" ejected
	expect_same exit_kind "$(attribute misbehave exit_kind)" "${3-error_return}"
	expect_same exit_hook "$(attribute misbehave exit_hook)" "$1"
	[ "$2" = any ] || expect_same exit_value "$(attribute misbehave exit_value)" "$2"
	[ -n "$(attribute misbehave exit_msg)" ] || fail "there is no message"
	wait_for last_exit_says "name=misbehave kind=${3-error_return}"
}

last_exit_says() {
	read -r line </sys/kernel/ioasid/last_exit
	case $line in "$1"*) ;; *) return 1 ;; esac
}

# No errno at all: the mapping goes ahead.
huge_wait() {
	begin
	misbehave --set map_begin_value=5000000
	expect_map 'map 0' "$mapper" map 1M 1M
	expect_ejected map_begin 5000000
}

tools_tell_why() {
	begin
	misbehave --set map_begin_value=-5000
	"$mapper" map 1M 1M >/dev/null
	expect_ejected map_begin -5000
	ioasidctl policy list | grep -q 'ejected.*error_return hook=map_begin value=-5000'
	ioasidctl policy show misbehave | grep -q 'ejected.*hook=map_begin'
	ioasidctl status | grep -q 'misbehave ejected'
	ioasidctl -j policy list | holds '.[0].exit | .hook == "map_begin" and .value == -5000'
}

impossible_errno() {
	begin
	misbehave --set map_begin_value=-5000
	expect_map 'map 0' "$mapper" map 1M 1M
	expect_ejected map_begin -5000
}

# An errno that means something else to users of VFIO: refused, as EPERM.
eexist() {
	begin
	misbehave --set map_begin_value=-17
	expect_map 'map EPERM' "$mapper" map 1M 1M
	expect_ejected map_begin -17
	expect_map 'map 0' "$mapper" map 1M 1M
}

ebusy() {
	begin
	misbehave --set map_begin_value=-16
	expect_map 'map EPERM' "$mapper" map 1M 1M
	expect_ejected map_begin -16
}

charge_returns_a_number() {
	begin
	misbehave --set charge_value=3
	expect_map 'map 0' "$mapper" map 1M 1M
	expect_ejected charge 3
}

charge_returns_eexist() {
	begin
	misbehave --set charge_value=-17
	expect_map 'locked 0' "$mapper" map 1M 1M locked
	expect_ejected charge -17
	expect_map 'locked 1048576' "$mapper" map 1M 1M locked
}

# In the middle of a mapping of several batches.
charge_in_the_middle() {
	begin
	misbehave --set charge_value=-17 --set from_call=3 --set batch_value=64
	expect_map 'locked 0' "$mapper" map 1M 1M locked
	expect_ejected charge -17
}

# expect_refusals RETURNED:SEEN...
expect_refusals() {
	for pair; do
		misbehave --set map_begin_value=-"${pair%:*}"
		expect_map "map ${pair#*:}" "$mapper" map 1M 1M
		expect_same state "$(attribute misbehave state)" enabled
		expect_same denied "$(attribute misbehave denied)" 1
		unload misbehave
	done
}

refusals_are_no_misbehaviour() {
	begin
	expect_refusals 1:EPERM 13:EACCES 12:ENOMEM 28:ENOSPC
}

# These mean something else to users of VFIO.
refusals_that_are_translated() {
	begin
	expect_refusals 122:ENOMEM 11:ENOMEM 22:EINVAL
}

batch_is_clamped() {
	begin
	misbehave --set batch_value=4000000000
	expect_map 'map 0' "$mapper" map 1M 4M
	expect_same state "$(attribute misbehave state)" enabled
}

workers_are_clamped() {
	begin
	misbehave --set workers_value=4000000000
	expect_map 'map 0' "$mapper" map 1M 32M
	expect_line "$policies/misbehave/stats" 'clamped 1'
	expect_same state "$(attribute misbehave state)" enabled
}

fail_closed() {
	begin
	misbehave --set map_begin_value=5000000 --set flags=FAIL_CLOSED
	expect_map 'map EPERM' "$mapper" map 1M 1M
	expect_ejected map_begin 5000000
	expect_map 'map EPERM' "$mapper" map 1M 1M
	unload misbehave
	expect_map 'map 0' "$mapper" map 1M 1M
}

# Whenever it is called it takes too long.
slow() {
	begin
	misbehave --set rounds=200000
	map_until_ejected
	expect_ejected map_begin any error_slow
	[ "$(attribute misbehave exit_value)" -gt 200 ] || fail "it took no time"
}

# map_until_ejected: maps and unmaps.
map_until_ejected() {
	tries=0
	until [ "$(attribute misbehave state)" = ejected ]; do
		tries=$((tries + 1))
		[ "$tries" -lt 100 ] || fail "it is still in: $(grep -e slow -e map_begin "$policies/misbehave/stats")"
		"$mapper" storm 500 1M 4K >/dev/null
	done
}

# slow_calls N: maps and unmaps until so many calls have been slow, and the policy stays.
slow_calls() {
	tries=0
	until [ "$(sed -n 's/^slow //p' "$policies/misbehave/stats")" -ge "$1" ]; do
		tries=$((tries + 1))
		[ "$tries" -lt 100 ] || fail "calls are not slow: $(grep -e slow -e map_begin "$policies/misbehave/stats")"
		taskset -c 0 "$mapper" storm 500 1M 4K >/dev/null
		expect_same state "$(attribute misbehave state)" enabled
	done
}

# A program that is slow now and then, as any is on a machine that is.
slow_now_and_then() {
	begin
	misbehave --set rounds=200000 --set slow_every=8
	slow_calls 100
}

# An interrupt of 400 us every millisecond or so, where the hooks run.
slow_machine() {
	begin
	trap 'rmmod ioasid_noise 2>/dev/null || :; clean' EXIT
	misbehave --set rounds=1000
	insmod "build/tests/policy/$(uname -r)/ioasid_noise.ko" cpu=0 from=1 us=400 gap_us=600
	slow_calls 100
	rmmod ioasid_noise
	ioasidctl policy replace misbehave "$objects/misbehave.bpf.o" --set rounds=200000 >/dev/null
	map_until_ejected
}

exit_is_called_once() {
	begin
	misbehave --set map_begin_value=5000000
	"$mapper" map 1M 1M >/dev/null
	expect_ejected map_begin 5000000
	wait_for exits_are 1
	calls=$(variable misbehave map_begin_calls)
	"$mapper" map 1M 1M map 4M 1M >/dev/null
	expect_same 'calls after' "$(variable misbehave map_begin_calls)" "$calls"
	expect_same 'calls of exit' "$(variable misbehave exit_calls)" 1
}
exits_are() { [ "$(variable misbehave exit_calls)" = "$1" ]; }

others_run_on() {
	begin
	load pincg
	misbehave --set map_begin_value=5000000
	hold -c /t/a map 1M 1M
	expect_ejected map_begin 5000000
	expect_same 'state of pincg' "$(attribute pincg state)" enabled
	expect_same used "$(usage /t/a used)" 1048576
}

a_replacement_heals() {
	begin
	misbehave --set map_begin_value=5000000
	"$mapper" map 1M 1M >/dev/null
	expect_ejected map_begin 5000000
	ioasidctl policy replace misbehave "$objects/misbehave.bpf.o" --set map_begin_value=-13 >/dev/null
	expect_same state "$(attribute misbehave state)" enabled
	expect_map 'map EACCES' "$mapper" map 1M 1M
}

# replace_by_one_that_gives_up: when it is notified of the address spaces there are.
replace_by_one_that_gives_up() {
	says "the new programs of 'misbehave' were ejected at once: no room for what is there" \
		ioasidctl policy replace misbehave "$objects/ledger.bpf.o" --set name=misbehave --set open_gives_up=1
	expect_ejected space_open any error_bpf
}

a_replacement_that_gives_up() {
	begin
	hold map 16M 64K
	misbehave --set map_begin_value=5000000
	"$mapper" map 1M 1M >/dev/null
	replace_by_one_that_gives_up
	expect_map 'map 0' "$mapper" map 1M 1M
}

# No mapping slips through when the programs that replace ejected ones are ejected, too.
closed_for_good() {
	begin
	hold map 16M 64K
	misbehave --set map_begin_value=5000000 --set flags=FAIL_CLOSED
	expect_map 'map EPERM' "$mapper" map 1M 1M
	replace_by_one_that_gives_up
	expect_map 'map EPERM' "$mapper" map 1M 1M
	ioasidctl policy replace misbehave "$objects/misbehave.bpf.o" >/dev/null
	expect_map 'map 0' "$mapper" map 1M 1M
}

# No mapping slips through between the ejected programs and those that replace them.
closed_until_replaced() {
	begin
	hold map 16M 64K hold map 32M 1M
	misbehave --set map_begin_value=5000000 --set flags=FAIL_CLOSED
	expect_map 'map EPERM' "$mapper" map 1M 1M
	expect_ejected map_begin 5000000
	ioasidctl policy replace misbehave "$objects/ledger.bpf.o" --set name=misbehave \
		--set open_until=2 --set open_ms=5000 >/dev/null 9>&- &
	loader=$!
	wait_for grep -q '^space_open 1$' "$policies/misbehave/stats"
	exec 9>&-
	wait "$loader"
	wait_for grep -q '^map EPERM$' "$scratch/held"
	expect_same state "$(attribute misbehave state)" enabled
	expect_map 'map 0' "$mapper" map 1M 1M
}

ktap_run huge_wait tools_tell_why impossible_errno eexist ebusy charge_returns_a_number charge_returns_eexist \
	charge_in_the_middle refusals_are_no_misbehaviour \
	refusals_that_are_translated batch_is_clamped workers_are_clamped fail_closed slow \
	slow_now_and_then slow_machine \
	exit_is_called_once others_run_on a_replacement_heals \
	a_replacement_that_gives_up closed_for_good closed_until_replaced
