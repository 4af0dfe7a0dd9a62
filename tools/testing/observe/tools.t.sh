#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Every observer sees what happens. They are started side by side, because
# loading a BPF program is what takes time here; tools.long.t.sh looks closer.
. tools/testing/policy/common.sh

# watch TOOL [OPTION...]: in the background, its output in $scratch/TOOL.
watchers=
watch() {
	tool=$1
	shift
	"$tool" "$@" >"$scratch/$tool" 2>"$scratch/$tool.err" &
	watchers="$watchers $!"
}

stop_watching() {
	# shellcheck disable=SC2086
	kill -INT $watchers
	# shellcheck disable=SC2086
	wait $watchers
	watchers=
}

all_see_a_map() {
	begin
	watch ioasidlat
	watch ioasidstat -j 1
	watch ioasidtop -C 1
	wait_for grep -q Timing "$scratch/ioasidlat.err"
	wait_for test -s "$scratch/ioasidstat" -a -s "$scratch/ioasidtop"
	"$mapper" map 16M 2M map 16M 4K unmap 16M 2M >/dev/null
	wait_for grep -q ' mapper ' "$scratch/ioasidtop"
	wait_for grep -q '"maps":1,' "$scratch/ioasidstat"
	stop_watching
	holds -s 'map(select(.maps == 1 and .maps_failed == 1 and .map_bytes == 2097152 and
		.map_pages == 512 and .unmaps == 1 and .pinned == 512 and .charged == 512 and
		.errors == {"overlap": 1})) | length == 1' "$scratch/ioasidstat" ||
		fail "$(cat "$scratch/ioasidstat")"
	for heading in 'map total' 'map pin' 'map account' 'map iommu' 'unmap total' 'unmap unpin'; do
		grep -q "^$heading$" "$scratch/ioasidlat" || fail "ioasidlat has no '$heading'"
	done
	grep -q 'count 1, mean' "$scratch/ioasidlat"
}

ktap_run all_see_a_map
