#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Every observer sees what happens, and only what its options ask for. They are
# started side by side, because loading a BPF program is what takes time here.
# shellcheck disable=SC2016
. tools/testing/lib/policy.sh

# watch TOOL [OPTION...]: in the background, its output in $scratch/TOOL.
watchers=
watch() {
	tool=$1
	shift
	# The end of a held mapper's input is for us to make.
	"$tool" "$@" >"$scratch/$tool" 2>"$scratch/$tool.err" 9>&- &
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

# By process and by cgroup: of two mappers one is meant.
all_filter() {
	begin
	hold -c /t/a/b map 64M 4K hold map 16M 1M map 16M 4K unmap 16M 1M sleep 20000
	watch ioasidlat -F -p "$held"
	watch ioasidstat -j -c /t/a 1
	watch ioasidtop -j -p "$held" 1
	watch ioasidsnoop -T -c /t/a
	wait_for grep -q Timing "$scratch/ioasidlat.err"
	wait_for test -s "$scratch/ioasidstat" -a -s "$scratch/ioasidtop" -a -s "$scratch/ioasidsnoop"
	"$mapper" map 16M 2M map 32M 2M unmap 16M 2M >/dev/null
	exec 9>&-
	wait_for grep -q ' unmap ' "$scratch/ioasidsnoop"
	wait_for grep -q '"unmaps":1,' "$scratch/ioasidstat"
	wait_for grep -q '"unmaps":1,' "$scratch/ioasidtop"
	stop_watching
	held_pid=$held
	kill "$held"
	release
	holds -s --argjson pid "$held_pid" '
		map(.rows[] | select(.maps + .unmaps + .failed > 0)) |
		all(.[]; .tgid == $pid) and (map(.maps) | add) == 1 and (map(.failed) | add) == 1' \
		"$scratch/ioasidtop" || fail "$(cat "$scratch/ioasidtop")"
	holds -s '(map(.maps) | add) == 1 and (map(.maps_failed) | add) == 1 and
		(map(.unmaps) | add) == 1 and (map(.map_bytes) | add) == 1048576' \
		"$scratch/ioasidstat" || fail "$(cat "$scratch/ioasidstat")"
	expect_same 'maps timed' "$(count_of 'map total')" 2
	expect_same 'unmaps timed' "$(count_of 'unmap total')" 1
	# A heading, and a line for each of three calls, with the time.
	expect_same 'lines of ioasidsnoop' "$(wc -l <"$scratch/ioasidsnoop")" 4
	expect_same 'lines with a time' "$(grep -c '^[0-9][0-9]:[0-9][0-9]:[0-9][0-9]' "$scratch/ioasidsnoop")" 3
}

# count_of HEADING: of that histogram of ioasidlat.
count_of() {
	awk -v heading="$1" '$0 == heading { on = 1 }
		on && match($0, /count [0-9]+/) { print substr($0, RSTART + 6, RLENGTH - 6); exit }' \
		"$scratch/ioasidlat"
}

# They end by themselves after so many intervals, or so many seconds.
all_count() {
	begin
	watch ioasidstat -T 1 2
	watch ioasidtop -C -T 1 2
	watch ioasidlat -j 1 2
	watch ioasidwho -j 1 2
	watch ioasidsnoop -j -d 1
	# shellcheck disable=SC2086
	wait $watchers || fail "one of them failed: $(cat "$scratch"/*.err)"
	expect_same 'lines of ioasidstat with a time' \
		"$(grep -c '^[0-9][0-9]:[0-9][0-9]:[0-9][0-9]' "$scratch/ioasidstat")" 2
	expect_same 'tables of ioasidtop with a time' \
		"$(grep -c '^[0-9][0-9]:[0-9][0-9]:[0-9][0-9]' "$scratch/ioasidtop")" 2
	expect_same 'histograms of ioasidlat' "$(jq -s length "$scratch/ioasidlat")" 2
	expect_same 'tables of ioasidwho' "$(jq -s 'map(.holders) | length' "$scratch/ioasidwho")" 2
	expect_same 'lines of ioasidsnoop' "$(wc -l <"$scratch/ioasidsnoop")" 0
}

# What makes no sense, or sees nothing for ever, is refused with a line.
all_refuse() {
	begin
	for tool in ioasidlat ioasidsnoop ioasidstat ioasidtop ioasidwho; do
		expect_status 2 "$tool" --nonsense 2>"$scratch/error"
		expect_same "lines of $tool" "$(wc -l <"$scratch/error")" 1
		expect_status 2 "$tool" -p 0 2>/dev/null
		expect_status 1 "$tool" -c /nonsense 2>"$scratch/error"
		expect_line "$scratch/error" /nonsense
	done
	for tool in ioasidlat ioasidstat ioasidtop ioasidwho; do
		expect_status 2 "$tool" 0 2>/dev/null
		expect_status 2 "$tool" 1 2 3 2>/dev/null
	done
}

all_need_rights() {
	begin
	for tool in ioasidlat ioasidsnoop ioasidstat ioasidtop ioasidwho; do
		says 'run this as root' setpriv --reuid 1000 --clear-groups "$tool"
	done
}

all_need_the_module_and_its_btf() {
	begin
	trap 'rmmod ioasid 2>/dev/null || :; modules_load ioasid; clean' EXIT
	modules_unload ioasid_vfio
	wait_for rmmod ioasid
	for tool in ioasidlat ioasidsnoop ioasidstat ioasidtop; do
		says "run 'modprobe ioasid'" "$tool"
	done
	objcopy -R .BTF -R .BTF.base "build/$(uname -r)/ioasid.ko" "$scratch/ioasid.ko"
	insmod "$scratch/ioasid.ko"
	for tool in ioasidlat ioasidsnoop ioasidstat ioasidtop; do
		says 'has no BTF' "$tool"
	done
	rmmod ioasid
	# Without its base the types are numbered as those of another kernel. A kernel that does
	# not allow that refuses the module, and says why.
	objcopy -R .BTF.base "build/$(uname -r)/ioasid.ko" "$scratch/ioasid.ko"
	if ! insmod "$scratch/ioasid.ko" 2>"$scratch/error"; then
		dmesg | tail -n 3 | grep -q 'failed to validate module \[ioasid\] BTF' || fail "$(cat "$scratch/error")"
		return
	fi
	for tool in ioasidlat ioasidsnoop ioasidstat ioasidtop; do
		says 'is of another kernel' "$tool"
	done
	build/bin/ioasidctl doctor >"$scratch/doctor" || :
	grep -q 'fail *btf.*is of another kernel' "$scratch/doctor" || fail "$(grep btf "$scratch/doctor")"
}

mappings_watched() { grep -q -x "mappings: $1" /sys/kernel/debug/ioasid/watched; }

# Only for those that name it, because all mappings are watched as long as it runs.
snoop_shows_stale_pages() {
	begin
	hold map 16M 4K
	watch ioasidsnoop
	wait_for test -s "$scratch/ioasidsnoop"
	mappings_watched 0
	stop_watching
	watch ioasidsnoop -j -o stale
	wait_for mappings_watched 1
	"$mapper" map 32M 64K discard 8K unmap 32M 64K >/dev/null
	stop_watching
	wait_for mappings_watched 0
	release
	holds -s 'length == 1 and (.[0] | .op == "stale" and .comm == "mapper" and .change == "clear" and
		.iova == "0x2000000" and .length == 8192 and .space > 0)' "$scratch/ioasidsnoop" ||
		fail "$(cat "$scratch/ioasidsnoop")"
}

ktap_run all_see_a_map all_filter snoop_shows_stale_pages all_count all_refuse all_need_rights \
	all_need_the_module_and_its_btf
