#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What ioasidctl finds out: show, holders, counters, metrics and features.
# shellcheck disable=SC2016
. tools/testing/lib/policy.sh

finds_everything() {
	begin
	hold map 16M 2M map 32M 4K
	ioasidctl stats on >/dev/null
	"$mapper" map 16M 4K map 16M 4K >/dev/null

	id=$(ioasidctl -j list | jq -r '.[] | select(.maps == 2).id')
	ioasidctl -j show "$id" >"$scratch/show"
	holds --argjson pid "$held" '.owner == $pid and .maps == 2 and .lost == 0 and
		(.mappings | length == 2) and all(.mappings[]; .owner == $pid and .access == "rw") and
		(.mappings[0] | .iova == "0x1000000" and .length == 2097152 and .pages == 512 and
			.charged == 512 and .runs >= 1)' "$scratch/show" || fail "$(cat "$scratch/show")"
	expect_status 1 ioasidctl show 4000000000 2>/dev/null

	ioasidctl -j holders >"$scratch/holders"
	holds --argjson pid "$held" 'any(.kind == "process" and (.remedy | endswith(" \($pid)"))) and
		any(.kind == "observer" and .remedy == "ioasidctl stats off")' "$scratch/holders" ||
		fail "$(cat "$scratch/holders")"

	ioasidctl metrics --output "$scratch/prom"
	grep -q -x 'ioasid_maps_total 1' "$scratch/prom"
	grep -q -x 'ioasid_errors_total{reason="overlap"} 1' "$scratch/prom"
	grep -q "^ioasid_space_pinned_bytes{space=\"$id\",kind=\"ioasid\"} 2101248\$" "$scratch/prom"
	grep -q -x 'ioasid_map_duration_seconds_count{phase="total"} 1' "$scratch/prom"
	ioasidctl stats off >/dev/null
	release
	# The kernel frees programs a grace period after the last link is gone.
	wait_for nothing_holds
}

nothing_holds() { [ "$(ioasidctl holders)" = "nothing holds ioasid: 'rmmod ioasid' works" ]; }

holes_are_shown() {
	begin
	hold sparse 16M 64K
	id=$(ioasidctl -j list | jq -r '.[] | select(.maps == 1).id')
	ioasidctl -j show "$id" >"$scratch/show"
	holds '.mappings[0] | .length == 65536 and .pages == 12 and .hole_pages == 4 and .charged == 12' \
		"$scratch/show" || fail "$(cat "$scratch/show")"
	ioasidctl show "$id" | grep -q ' holes 4$' || fail "$(ioasidctl show "$id")"
	ioasidctl -j list | holds '.[] | select(.maps == 1) | .hole_pages == 4 and .pinned_pages == 12 and .mapped_bytes == 65536' ||
		fail "$(ioasidctl -j list)"
	ioasidctl metrics --output "$scratch/prom"
	grep -q "^ioasid_space_hole_bytes{space=\"$id\",kind=\"ioasid\"} 16384\$" "$scratch/prom" ||
		fail "$(grep hole "$scratch/prom")"
	release
}

features_are_listed() {
	ioasidctl -j feature | holds '(.hooks | index("map_begin")) and (.events | index("ioasid_map_done")) and
		(.extensions | index("TYPE1v2")) and .parameters.ioasid.dma_entry_limit == "65535"'
}

# The kernel lets the module go, and then warns: what is left of a trigger uses the event.
triggers_are_named() {
	begin
	instance=/sys/kernel/tracing/instances/t
	events=/sys/kernel/tracing/events/ioasid
	mkdir "$instance"
	trap 'rmdir "$instance"; clean' EXIT
	echo 'hist:keys=cgroup,tgid:vals=npages if npages > 0' >"$events/ioasid_account/trigger"
	echo 'stacktrace' >"$events/ioasid_error/trigger"
	echo 'hist:keys=op,reason' >"$instance/events/ioasid/ioasid_error/trigger"
	ioasidctl -j holders >"$scratch/holders"
	holds 'map(select(.kind == "trigger").name) == ["ioasid_account", "ioasid_error", "ioasid_error"]' \
		"$scratch/holders" || fail "$(cat "$scratch/holders")"
	jq -r '.[].remedy' "$scratch/holders" >"$scratch/remedies"
	sh -e "$scratch/remedies"
	expect_same holders "$(ioasidctl -j holders | jq -c .)" '[]'
}

ktap_run triggers_are_named finds_everything holes_are_shown features_are_listed
