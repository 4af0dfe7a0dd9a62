#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Shipped policies that count, look or help: quota, strictmap, memadvise, workers.
. tools/testing/lib/policy.sh

lines_of() { "$@" | tr '\n' ' '; }

quota_counts_mappings() {
	begin
	hold map 0 4K
	load quota --set most=3
	expect_same 'with one that was there before' \
		"$(lines_of "$mapper" map 0 4K map 1M 4K map 2M 4K unmap 1M 4K map 2M 4K)" \
		'map 0 map 0 map ENOSPC unmap 4096 map 0 '
	expect_same 'mappings that are left' "$(variable quota mappings)" 1
	expect_same denied "$(variable quota denied)" 1
	expect_same 'refused in all' "$(variable quota refused)" 1
	release
	wait_for entries_are quota cgroups 0
}

# Maps that began before the policy was loaded are not counted, their unmap is: the count
# is below zero then, and must not be taken for more than any limit.
quota_of_maps_under_way() {
	begin
	hold late 2 16M unmap 16M 8K map 20M 4K
	load quota --set most=1
	release
	expect_same 'what it could do' "$(lines_of cat "$scratch/held")" \
		'held map 0 unmap 8192 map 0 held '
	wait_for entries_are quota cgroups 0
}

quota_of_a_subtree() {
	begin
	load quota --set most=2 --set level=1
	hold -c /t/a map 0 4K map 1M 4K
	expect_same 'a sibling' "$(lines_of in_cgroup /t/b "$mapper" map 0 4K)" 'map ENOSPC '
	expect_same 'elsewhere' "$(lines_of "$mapper" map 0 4K map 1M 4K map 2M 4K)" 'map 0 map 0 map ENOSPC '
}

# What DPDK did: a part of a mapping is "unmapped", and EEXIST taken for success.
chain='map 16M 2M unmap 0x1001000 4K map 0x1001000 4K'

strictmap_finds_the_chain() {
	begin
	load strictmap
	# shellcheck disable=SC2086
	expect_same 'as type1 does it' "$(lines_of env MAPPER_V1=1 "$mapper" $chain map 17M 2M)" \
		'map 0 unmap 0 map EEXIST map EEXIST '
	ioasidctl -j policy show strictmap >"$scratch/show"
	holds '.maps[] | select(.name == "findings").entries | map({key: .key.what, value: .value}) | from_entries |
		.unmap_nothing.count == 1 and .stale.count == 1 and .overlap.count == 1 and
		.stale.iova == 16781312 and .stale.there_first == 16777216 and .stale.comm == "mapper"' \
		"$scratch/show" || fail "$(cat "$scratch/show")"
}

strictmap_breaks_the_chain() {
	begin
	load strictmap --set strict=1
	# shellcheck disable=SC2086
	expect_same 'with strict=1' "$(lines_of env MAPPER_V1=1 "$mapper" $chain unmap 16M 2M map 0x1001000 4K)" \
		'map 0 unmap 0 map EPERM unmap 2097152 map 0 '
	# shellcheck disable=SC2086
	expect_same 'by the rules of v2' "$(lines_of "$mapper" $chain)" 'map 0 unmap EINVAL map EEXIST '
}

strictmap_finds_stale_pages() {
	begin
	load strictmap
	"$mapper" map 16M 64K discard 8K unmap 16M 64K map 16M 64K >/dev/null
	ioasidctl -j policy show strictmap >"$scratch/show"
	holds '.maps[] | select(.name == "findings").entries | length == 1 and
		.[0].key.what == "discarded" and (.[0].value | .count == 1 and .iova == 16777216 and
		.length == 8192 and .comm == "mapper")' \
		"$scratch/show" || fail "$(cat "$scratch/show")"
}

memadvise_looks_at_pages() {
	begin
	thp=/sys/kernel/mm/transparent_hugepage/enabled
	was=$(sed 's/.*\[\(.*\)\].*/\1/' "$thp")
	load memadvise
	echo never >"$thp"
	"$mapper" map 16M 4M >/dev/null
	echo always >"$thp"
	"$mapper" map 16M 8M >/dev/null
	echo "$was" >"$thp"
	ioasidctl -j policy show memadvise >"$scratch/show"
	holds '[.maps[] | select(.name == "spaces").entries[].value] | length == 2 and
		any(.bytes == 4194304 and .bytes_2m < 4194304 and .memory == "use huge pages" and
			.node == "unknown" and (.node_pages | add) == 1024) and
		any(.bytes == 8388608 and .bytes_2m >= 2097152)' "$scratch/show" || fail "$(cat "$scratch/show")"
}

workers_help_with_large_mappings() {
	begin
	load workers --set min_bytes=48M
	expect_map 'map 0' "$mapper" full 1G 40M
	expect_same 'mappings that are too small' "$(variable workers mappings)" 0
	# Emulated processors take turns, and a worker whose turn does not come is not waited for.
	tries=0
	while [ "$(variable workers mappings)" = 0 ]; do
		tries=$((tries + 1))
		[ "$tries" -le 20 ] || fail 'no worker ever helped'
		expect_map 'map 0' "$mapper" full 1G 64M
	done
	expect_same pages "$(variable workers pages)" 16384
	[ "$(variable workers pages_ahead)" -gt 0 ] || fail 'a mapping counts that no worker helped with'
	ioasidctl policy replace workers workers --set min_bytes=0 --set most=0 >/dev/null
	expect_map 'map 0' "$mapper" full 1G 64M
	expect_same 'when there are none' "$(variable workers mappings)" 0
}

ktap_run quota_counts_mappings quota_of_maps_under_way quota_of_a_subtree strictmap_finds_the_chain strictmap_finds_stale_pages \
	strictmap_breaks_the_chain memadvise_looks_at_pages workers_help_with_large_mappings
