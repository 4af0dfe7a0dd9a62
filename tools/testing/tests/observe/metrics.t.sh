#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# 'ioasidctl metrics': the formats, as promtool judges them, the labels, and the file that is
# replaced in one step, also where it cannot be. What node_exporter and Prometheus make of it
# is a row of `make check-operators`.
# shellcheck disable=SC2016
. tools/testing/lib/policy.sh

# everything: with all families, and samples in each.
everything() {
	ioasidctl stats on >/dev/null
	load pincg
	hold -c /t map 16M 2M
	ioasidctl pincg set /t 64M
	"$mapper" map 16M 4K map 16M 4K unmap 16M 4K >/dev/null
}

# Stale pages are counted while the event is on, and no longer.
stale_pages() {
	begin
	ioasidctl metrics >"$scratch/before"
	grep -q -x 'ioasid_watched_processes 0' "$scratch/before"
	"$mapper" map 16M 64K discard 8K >/dev/null
	echo 1 >/sys/kernel/tracing/events/ioasid/ioasid_stale/enable
	hold -c /t map 16M 64K
	ioasidctl metrics >"$scratch/on"
	"$mapper" map 16M 64K discard 8K unmap 16M 64K >/dev/null
	echo 0 >/sys/kernel/tracing/events/ioasid/ioasid_stale/enable
	ioasidctl metrics >"$scratch/prom"
	release
	grep -q -x 'ioasid_watched_processes 1' "$scratch/on"
	grep -q -x 'ioasid_watched_mappings 1' "$scratch/on"
	expect_same 'more reports' $(($(sample ioasid_stale_reports_total prom) - $(sample ioasid_stale_reports_total before))) 1
	expect_same 'more bytes' $(($(sample ioasid_stale_bytes_total prom) - $(sample ioasid_stale_bytes_total before))) 8192
}

# sample NAME FILE: its value.
sample() { sed -n "s/^$1 //p" "$scratch/$2"; }

nothing() {
	release
	ioasidctl stats off >/dev/null
}

# promtool prints what it does not like and exits with 3; it does not read OpenMetrics.
promtool_likes_it() {
	begin
	everything
	for options in '' --processes; do
		# shellcheck disable=SC2086
		ioasidctl metrics $options >"$scratch/prom"
		promtool check metrics <"$scratch/prom" >"$scratch/out" 2>&1 || fail "$(cat "$scratch/out")"
		[ ! -s "$scratch/out" ] || fail "$(cat "$scratch/out")"
	done
	nothing
	grep -q -x '# TYPE ioasid_maps_total counter' "$scratch/prom"
	grep -q -x '# HELP ioasid_maps_total Map calls that succeeded.' "$scratch/prom"
	grep -q "^ioasid_build_info{version=\"$(cat VERSION)\",module_version=\"[^\"]*\",module_srcversion=\"[0-9A-F]*\"} 1$" "$scratch/prom"
	grep -q -x 'ioasid_cgroup_limit_bytes{cgroup="/t"} 67108864' "$scratch/prom"
	grep -q -x 'ioasid_cgroup_pinned_bytes{cgroup="/t"} 2097152' "$scratch/prom"
	grep -q -x 'ioasid_map_pinned_bytes_total 2101248' "$scratch/prom"
	! grep -q '_pages\|_total_total' "$scratch/prom" || fail 'pages are no base unit'
	! grep -q '^# EOF' "$scratch/prom" || fail 'the text format has no end'
}

# By default no label grows with the number of processes that there ever were.
labels() {
	begin
	everything
	id=$(ioasidctl -j list | jq ".[] | select(.owner == $held).id")
	ioasidctl metrics >"$scratch/prom"
	! grep -q 'pid=\|comm=' "$scratch/prom" || fail "$(grep -m 1 'pid=\|comm=' "$scratch/prom")"
	grep -q -x "ioasid_space_pinned_bytes{space=\"$id\",kind=\"ioasid\"} 2097152" "$scratch/prom"
	grep -q -x "ioasid_space_hole_bytes{space=\"$id\",kind=\"ioasid\"} 0" "$scratch/prom"
	ioasidctl metrics --processes >"$scratch/prom"
	grep -q -x "ioasid_space_pinned_bytes{space=\"$id\",kind=\"ioasid\",pid=\"$held\",comm=\"mapper\"} 2097152" "$scratch/prom"
	nothing
}

# The parser of the reference implementation, which is strict.
openmetrics() {
	begin
	everything
	ioasidctl metrics --format openmetrics --processes >"$scratch/om"
	nothing
	python3 -c 'import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
print(sum(len(family.samples) for family in parse(sys.stdin.read())))' <"$scratch/om" >"$scratch/out" 2>&1 ||
		fail "$(tail -n 1 "$scratch/out")"
	expect_same 'samples' "$(cat "$scratch/out")" "$(grep -c -v '^#' "$scratch/om")"
	grep -q -x '# TYPE ioasid_maps counter' "$scratch/om"
	grep -q -x '# TYPE ioasid_build info' "$scratch/om"
	grep -q -x '# UNIT ioasid_mapped_bytes bytes' "$scratch/om"
	expect_same 'the last line' "$(tail -n 1 "$scratch/om")" '# EOF'
}

# ---- the file ----

# refused TEXT COMMAND...: one line, exit 1, and the file is what it was, alone.
refused() {
	text=$1
	shift
	echo old >"$file"
	expect_status 1 "$@" >"$scratch/out" 2>"$scratch/error"
	expect_same "lines of '$*'" "$(cat "$scratch/out" "$scratch/error" | wc -l)" 1
	expect_line "$scratch/error" "$text"
	expect_same 'the file' "$(cat "$file")" old
	expect_same 'files' "$(find "${file%/*}" -mindepth 1)" "$file"
}

# Which a plain user may enter, and has made.
own_folder() {
	mkdir "$scratch/own"
	chown 1000 "$scratch/own"
	chmod 755 "$scratch"
	file=$scratch/own/ioasid.prom
}

is_replaced() {
	begin
	own_folder
	expect_status 0 ioasidctl metrics --output "$file"
	expect_same 'mode and owner' "$(stat -c '%a %u' "$file")" '644 0'
	ln "$file" "$scratch/before"
	expect_status 0 ioasidctl metrics --output "$file"
	[ "$(stat -c %i "$file")" != "$(stat -c %i "$scratch/before")" ] || fail 'it was written over'
	expect_same 'files' "$(ls -A "$scratch/own")" ioasid.prom
	(cd "$scratch/own" && "$OLDPWD/build/bin/ioasidctl" metrics --output ioasid.prom)
	# A file system without files that have no name: 9p.
	mkdir -p build/vm/out/metrics
	expect_status 0 ioasidctl metrics --output build/vm/out/metrics/ioasid.prom
	expect_same 'files' "$(ls -A build/vm/out/metrics)" ioasid.prom
	grep -q '^ioasid_loaded 1' build/vm/out/metrics/ioasid.prom
	rm -r build/vm/out/metrics
}

a_full_disk() {
	begin
	file=$scratch/disk/ioasid.prom
	mkdir "$scratch/disk"
	trap 'umount "$scratch/disk"; clean' EXIT
	mount -t tmpfs -o size=4k none "$scratch/disk"
	# One page is all there is, and the old file has it.
	refused 'No space left on device' ioasidctl metrics --output "$file"
	expect_status 1 ioasidctl metrics >/dev/full 2>"$scratch/error"
	expect_same lines "$(wc -l <"$scratch/error")" 1
	own_folder
	refused 'File too large' prlimit --fsize=1000 build/bin/ioasidctl metrics --output "$file"
}

# The folder's owner would like root to write somewhere else.
links_lead_nowhere() {
	begin
	own_folder
	echo precious >"$scratch/precious"
	ln -s "$scratch/precious" "$file"
	expect_status 1 ioasidctl metrics --output "$file" 2>"$scratch/error"
	expect_line "$scratch/error" 'not a regular file'
	rm "$file"
	mkdir "$scratch/elsewhere"
	ln -s "$scratch/elsewhere" "$scratch/own/link"
	expect_status 1 ioasidctl metrics --output "$scratch/own/link/ioasid.prom" 2>"$scratch/error"
	expect_line "$scratch/error" 'symbolic link'
	expect_same 'files elsewhere' "$(ls -A "$scratch/elsewhere")" ''
	expect_same 'what was there' "$(cat "$scratch/precious")" precious
}

# The names that it uses on the way cannot be predicted.
names_are_unexpected() {
	begin
	own_folder
	# What it was once: the file's name and the process's number.
	for n in $(seq "$(($$ + 1))" "$(($$ + 60))"); do ln -s "$scratch/precious" "$file.$n"; done
	strace -f -e trace=openat,linkat,rename,renameat,renameat2 -o "$scratch/calls" \
		build/bin/ioasidctl metrics --output "$file"
	strace -f -e trace=openat,linkat,rename,renameat,renameat2 -o "$scratch/again" \
		build/bin/ioasidctl metrics --output "$file"
	[ ! -e "$scratch/precious" ] || fail 'a link was followed'
	grep -q 'openat(.*O_TMPFILE' "$scratch/calls" || fail "$(grep -v /proc "$scratch/calls" | tail -n 3)"
	name=$(sed -n 's/.*linkat(.*"\(\.ioasid[^"]*\)".*/\1/p' "$scratch/calls")
	[ "${#name}" = 29 ] || fail "the name is '$name'"
	[ "$name" != "$(sed -n 's/.*linkat(.*"\(\.ioasid[^"]*\)".*/\1/p' "$scratch/again")" ] || fail "'$name' was used twice"
	mkdir -p build/vm/out/metrics
	strace -e trace=openat -o "$scratch/calls" build/bin/ioasidctl metrics --output build/vm/out/metrics/a
	rm -r build/vm/out/metrics
	grep -q '"\.a\.[0-9a-f]*", O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW' "$scratch/calls" || fail "$(tail -n 3 "$scratch/calls")"
}

no_place_for_it() {
	begin
	own_folder
	for place in /dev/null "$scratch" "$scratch/own/" /nonsense/ioasid.prom; do
		expect_status 1 ioasidctl metrics --output "$place" 2>"$scratch/error"
		expect_same "lines for $place" "$(wc -l <"$scratch/error")" 1
	done
	[ -c /dev/null ] || fail '/dev/null is gone'
	refused 'run this as root' setpriv --reuid 1000 --clear-groups build/bin/ioasidctl metrics --output "$file"
	expect_status 2 ioasidctl metrics --format nonsense 2>"$scratch/error"
	expect_line "$scratch/error" "'nonsense' is not a format"
	expect_status 2 ioasidctl --format prometheus list 2>/dev/null
	expect_status 2 ioasidctl --processes list 2>/dev/null
}

# ---- a machine that lacks something ----

# memlock_has WORD BYTES: what the file says of the space.
memlock_has() {
	grep -q "^ioasid_space_memlock_$1_bytes{.*} $2\$" "$scratch/prom" ||
		fail "no $1 of $2 bytes: $(grep '^ioasid_space' "$scratch/prom" | tr '\n' ';')"
}

# One that has a limit, and one that has none.
memlock_is_told() {
	begin
	hold_by prlimit --memlock=8388608 setpriv --bounding-set=-ipc_lock "$mapper" map 16M 4M hold
	ioasidctl metrics >"$scratch/prom"
	memlock_has used 4194304
	memlock_has limit 8388608
	release
	hold map 16M 4M
	ioasidctl metrics >"$scratch/prom"
	memlock_has used 4194304
	! grep -q '^ioasid_space_memlock_limit_bytes{' "$scratch/prom" || fail 'root has no limit'
}

# That is a state of the machine, and no failure to tell it.
no_module_and_no_btf() {
	begin
	trap 'rmmod ioasid 2>/dev/null; modules_load ioasid; clean' EXIT
	modules_unload ioasid_vfio
	wait_for rmmod ioasid
	ioasidctl metrics >"$scratch/prom"
	promtool check metrics <"$scratch/prom"
	grep -q -x 'ioasid_loaded 0' "$scratch/prom"
	grep -q -x 'ioasid_vfio_backend{backend="ioasid"} 0' "$scratch/prom"
	grep -q -x "ioasid_build_info{version=\"$(cat VERSION)\"} 1" "$scratch/prom"
	objcopy -R .BTF -R .BTF.base "build/$(uname -r)/ioasid.ko" "$scratch/ioasid.ko"
	insmod "$scratch/ioasid.ko"
	ioasidctl metrics >"$scratch/prom"
	grep -q -x 'ioasid_loaded 1' "$scratch/prom"
	grep -q -x 'ioasid_counting 0' "$scratch/prom"
	grep -q -x 'ioasid_spaces 0' "$scratch/prom"
}

no_debugfs() {
	begin
	unshare -m sh -c 'umount -l /sys/kernel/debug && exec build/bin/ioasidctl metrics' >"$scratch/prom" 2>"$scratch/error"
	expect_line "$scratch/error" 'mount -t debugfs'
	expect_same lines "$(wc -l <"$scratch/error")" 1
	grep -q -x 'ioasid_loaded 1' "$scratch/prom"
	! grep -q '^ioasid_spaces' "$scratch/prom" || fail 'it tells of spaces all the same'
}

ktap_run promtool_likes_it labels stale_pages openmetrics is_replaced a_full_disk links_lead_nowhere \
	names_are_unexpected no_place_for_it memlock_is_told no_module_and_no_btf no_debugfs
