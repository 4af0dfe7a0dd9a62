#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Policies that say where mappings may lie, with addresses of the caller's and
# of the kernel's choice: the shipped ones, and what an operator sees. Every way
# to an address, and policies that misbehave, are in native/veto.c.
. tools/testing/lib/policy.sh

# Without a device the kernel chooses from 4G up.
page_zero_is_in_nobodys_way() {
	begin
	load iovadeny --set 'deny[0].last=0xfff'
	expect_map 'place 0x100000000' "$mapper" place 4K
	expect_map 'map EPERM' "$mapper" map 0 4K
	expect_same denied "$(attribute iovadeny denied)" 1
}

a_denied_range_is_not_handed_out() {
	begin
	load iovadeny --set 'deny[0].first=0x100000000' --set 'deny[0].last=0x10000ffff' \
		--set 'deny[1].first=0x100011000' --set 'deny[1].last=0x1ffffffff'
	expect_same places "$("$mapper" place 4K place 4K place 8K | tr '\n' ' ')" \
		'place 0x100010000 place 0x200000000 place 0x200001000 '
	expect_map 'map EPERM' "$mapper" map 0x100000000 4K
	expect_map 'map 0' "$mapper" map 0x100010000 4K
	# The kernel's choice went elsewhere: only the caller that insisted was refused.
	expect_same denied "$(attribute iovadeny denied)" 1
}

all_of_it_is_denied() {
	begin
	load iovadeny --set 'deny[0].first=1M' --set 'deny[0].last=0xffffffffffffffff'
	expect_map 'map EPERM' "$mapper" map 0x100000000 4K
	expect_map 'place EPERM' "$mapper" place 4K
	expect_same denied "$(attribute iovadeny denied)" 2
}

ktap_run page_zero_is_in_nobodys_way a_denied_range_is_not_handed_out all_of_it_is_denied
