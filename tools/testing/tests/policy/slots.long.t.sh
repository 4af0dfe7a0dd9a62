#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# pincg on a host that lives long, at the size that it has by default; see slots.t.sh.
. tools/testing/lib/policy.sh

nothing_is_used() {
	ioasidctl -j pincg list | holds 'all(.used == 0 and .own == 0)'
}

# As many as the default has no room for: three cgroups for each start of a guest.
thousands_of_lives() {
	begin
	load pincg
	mkdir "$cgroups/t"
	expect_same 'starts of a guest' "$(MAPPER_CGROUP=$cgroups/t/vm "$mapper" lives 1500 16M 4K)" 'lives 1500 0'
	expect_map 'map 0' in_cgroup /t/a "$mapper" map 16M 4K
	nothing_is_used || fail "$(ioasidctl pincg list)"
}

ktap_run thousands_of_lives
