#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Each policy that is shipped does what its header says; pincg has a test of
# its own.
. tools/testing/lib/policy.sh

# Memory that is slow to come makes batches shrink to what fits the target.
adaptbatch_shrinks() {
	begin
	load adaptbatch --set target_us=1
	hold map 16M 8M
	show=$(ioasidctl -j policy show adaptbatch)
	expect_same batch "$(member "$show" batch)" 64
	[ "$(member "$show" slow)" -ge 3 ] || fail "$show"
}

# Without a target in the way it grows, as far as a page gets no dearer.
adaptbatch_grows() {
	begin
	load adaptbatch --set target_us=100000000 --set noise_shift=0
	hold map 64M 32M
	show=$(ioasidctl -j policy show adaptbatch)
	expect_same slow "$(member "$show" slow)" 0
	[ "$(member "$show" largest)" -gt 512 ] || fail "$show"
	[ "$(member "$show" ps_per_page)" -gt 0 ] || fail "$show"
}

ratelimit_slows_down() {
	begin
	load ratelimit --set maps_per_second=100 --set burst_ms=0
	start=$(milliseconds)
	expect_map 'loop 0' "$mapper" loop 50 16M 4K
	took=$(($(milliseconds) - start))
	[ "$took" -ge 490 ] || fail "50 mappings took only $took ms"
	[ "$(variable ratelimit waits)" -ge 40 ] || fail "nobody waited"
}

ratelimit_counts_bytes_and_bursts() {
	begin
	load ratelimit --set bytes_per_second=16M --set burst_ms=250
	start=$(milliseconds)
	# 4 MiB are saved up, so 4 of these 8 have to wait: a quarter of a second.
	expect_map 'loop 0' "$mapper" loop 8 16M 1M
	took=$(($(milliseconds) - start))
	[ "$took" -ge 240 ] || fail "8 MiB took only $took ms"
	expect_same mappings "$(variable ratelimit mappings)" 8
}

iovadeny_keeps_ranges_free() {
	begin
	load iovadeny --set 'deny[0].last=0xfff' \
		--set 'deny[3].first=0xfee00000' --set 'deny[3].last=0xfeefffff'
	expect_map 'map EPERM' "$mapper" map 0 4K
	expect_map 'map 0' "$mapper" map 4K 4K
	expect_map 'map EPERM' "$mapper" map 0xfedff000 8K
	expect_map 'map EPERM' "$mapper" map 0xfeeff000 4K
	expect_map 'map 0' "$mapper" map 0xfedff000 4K map 0xfef00000 4K
	expect_same denied "$(attribute iovadeny denied)" 3
	expect_status 1 ioasidctl policy replace iovadeny iovadeny --set 'deny[16].last=1' \
		2>"$scratch/error"
	expect_line "$scratch/error" 'the array ends at [15]'
}

chaos_fails_the_nth() {
	begin
	load chaos --set nth=2 --set error=28
	expect_same results "$("$mapper" map 16M 4K map 20M 4K map 24M 4K | tr '\n' ' ')" \
		'map 0 map ENOSPC map 0 '
	expect_same failed "$(variable chaos failed)" 1
}

# Each batch of a mapping in turn: nothing of it may stay.
chaos_fails_charges() {
	begin
	for nth in 1 2 3 4; do
		load chaos --set nth="$nth" --set in_charge=1
		expect_map 'locked 0' "$mapper" map 16M 8M locked
		expect_same failed "$(variable chaos failed)" 1
		unload chaos
	done
}

ktap_run adaptbatch_shrinks adaptbatch_grows ratelimit_slows_down \
	ratelimit_counts_bytes_and_bursts iovadeny_keeps_ranges_free chaos_fails_the_nth \
	chaos_fails_charges
