#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# ioasid-bench record: one run has all figures, says what it lacks and why, and leaves whole
# files or none. What is done with such files is in tests/host/records.t.sh.
. tools/testing/lib/bench.sh

DEVICE=0000:00:06.0
DISK=0000:00:04.0
SWITCH=/sys/module/ioasid_vfio/parameters/enabled
PARANOID=/proc/sys/kernel/perf_event_paranoid
OUT=$WORK/all.json
modprobe nvme
[ -d /sys/module/ioasid_vfio ] || modprobe vfio_iommu_type1
was=$(lsmod | grep -c '^ioasid' || :)
modules_load ioasid ioasid_vfio
device_to "$DEVICE" vfio-pci

# record NAME ARGUMENT...: a run as short as can be that still has an interval.
record() {
	name=$1
	shift
	"$BENCH" record --device "$DEVICE" --kind 4k --size 1M --ops 64 --op-size 4K --repeat 6 --warm-up 0 \
		--ios 64 --output "$WORK/$name" "$@"
}

# whole PAGE: well-formed, in one piece, and needs nothing from elsewhere.
whole() {
	python3 -c 'import sys, xml.dom.minidom as x; x.parse(sys.argv[1])' "$1" || fail "$1 is not well-formed"
	if grep -n -i -E 'https?:|src=|href=|@import|url\(|<script|<link' "$1"; then fail "$1 refers to something"; fi
	plots=$(grep -c '<svg' "$1") tables=$(grep -c '<table' "$1")
	if [ "$plots" = 0 ] || [ "$tables" -lt "$plots" ]; then fail "$1 has $plots plots and $tables tables"; fi
}

all_of_it_into_one_file() {
	before=$(cat "$SWITCH")
	disk_of "$DISK" >/dev/null
	record all --disk "$DISK" --threads 1,2 >"$WORK/said" 2>"$WORK/stderr" || fail "$(cat "$WORK/stderr")"
	grep -q "^results: $OUT\$" "$WORK/said" || fail "it says: $(cat "$WORK/said")"
	expect_same "$SWITCH" "$(cat "$SWITCH")" "$before"
	expect_same "the driver of $DISK" "$(driver_of "$DISK")" nvme
	json '.format == "ioasid-bench record" and .version == 1'
	json '[.rows[] | select(.unit | startswith("ns ")) | [.workload, .threads]] | unique ==
		[["map", 1], ["map", 2], ["pingpong 4K", 1], ["pingpong 4K", 2],
		 ["storm 4K all", 1], ["storm 4K each", 1], ["storm 4K range", 1]]'
	json '[.rows[] | select(.unit == "reads per second") | [.workload, .backend, .better]] | sort ==
		[["nvme, maps once", "ioasid", "more"], ["nvme, maps once", "type1", "more"],
		 ["nvme, maps per-io", "ioasid", "more"], ["nvme, maps per-io", "type1", "more"]]'
	json 'all(.rows[]; .backend == .answered_by)'
	# One nanosecond a page, and 100000 s, are wrong by all means.
	json 'all(.rows[] | select(.unit | startswith("ns ")); .median > 1 and .median < 1e14)'
	whole "$WORK/all.html"
}

# Six values cover the median with 1 - 2 / 2^6.
intervals_are_of_the_repetitions() {
	json 'all(.rows[]; (.repetitions | length) == 6 and .interval.coverage == 0.96875 and
		.interval.low == (.repetitions | min) and .interval.high == (.repetitions | max))'
	# shellcheck disable=SC2016 # a variable of jq
	json 'all(.rows[]; (.repetitions | sort | (.[2] + .[3]) / 2) as $m |
		.median >= $m * 0.9999 and .median <= $m * 1.0001)'
}

# The emulated processor has no counters, and the kernel has its own.
counters_are_there_or_have_a_reason() {
	for counter in cycles instructions 'LLC read misses' 'cache misses' 'dTLB read misses' \
		'dTLB write misses' 'lock contentions' 'context switches'; do
		rows=$(jq --arg c "$counter" '[.rows[] | select(.unit | startswith($c + " per "))] | length' "$OUT")
		why=$(jq -r --arg c "$counter" '.missing[] | select(.what == $c).why' "$OUT")
		[ "$rows" -gt 0 ] || [ -n "$why" ] || fail "no $counter, and no reason"
		[ "$rows" = 0 ] || [ -z "$why" ] || fail "$counter, $rows times, and a reason: $why"
		case $counter in
		lock*|context*) [ "$rows" -gt 0 ] || fail "no $counter: $why" ;;
		esac
	done
}

the_machine_is_in_it() {
	expect_same 'the release' "$(jq -r .facts.kernel.release "$OUT")" "$(uname -r)"
	json '.facts.iommu | length > 0 and all(.[]; test("Intel VT-d|AMD-Vi|SMMU|another model"))'
	json '.facts.modules.ioasid and .facts.modules["vfio_iommu_type1.dma_entry_limit"] == "65535"'
	json '.facts.processor.emulated == "yes" and .facts.options.threads == "1,2"'
	# Of the command line only what is in the program's list: the rest may be private.
	json '.facts.kernel["boot parameters"] | test("root=|console=|init=") | not'
}

a_record_is_like_itself() {
	"$BENCH" diff "$OUT" "$OUT" --json >"$WORK/same"
	jq -e '.differences == [] and all(.rows[]; .new_is == "no difference")' "$WORK/same" >/dev/null ||
		fail "$(cat "$WORK/same")"
}

# Not 0: absent, with what to do. The rest is measured.
without_permission_for_counters() {
	group=/dev/vfio/$(basename "$(readlink "/sys/bus/pci/devices/$DEVICE/iommu_group")")
	chmod 666 "$group" /dev/vfio/vfio
	before=$(cat "$PARANOID")
	echo 3 >"$PARANOID"
	chmod 755 "$WORK"
	mkdir -m 777 "$WORK/user"
	status=0
	sh -c "ulimit -l 65536; exec setpriv --reuid 65534 --clear-groups $BENCH record --device $DEVICE \
		--workload map --kind 4k --size 1M --repeat 6 --threads 1 --backends ioasid --output $WORK/user/r" \
		>/dev/null 2>"$WORK/stderr" || status=$?
	echo "$before" >"$PARANOID"
	[ "$status" = 0 ] || fail "exit status $status: $(cat "$WORK/stderr")"
	OUT=$WORK/user/r.json
	json '[.rows[].unit] | unique == ["ns per page"]'
	json '[.missing[] | select(.what == "cycles" or .what == "context switches").why] |
		length == 2 and all(.[]; test("perf_event_paranoid is 3"))'
}

few_repetitions_have_no_interval() {
	record few --repeat 2 --threads 1 --workload map --backends ioasid >/dev/null
	OUT=$WORK/few.json
	json 'all(.rows[]; has("interval") | not)'
	json '.missing[] | select(.what == "nvme").why | test("--disk")'
	"$BENCH" diff "$OUT" "$OUT" | grep -q 'unknown: too few repetitions' || fail 'it claims something'
}

a_full_disk_leaves_nothing() {
	mkdir "$WORK/full"
	mount -t tmpfs -o size=16k tmpfs "$WORK/full"
	echo old >"$WORK/full/a.html"
	refused 1 'no room' "$BENCH" record --device "$DEVICE" --output "$WORK/full/a"
	refused 1 'No space left' "$BENCH" record --from "$OUT" --output "$WORK/full/a"
	refused 1 'No space left' "$BENCH" diff "$OUT" "$OUT" --html "$WORK/full/b.html"
	left=$(ls -A "$WORK/full")
	content=$(cat "$WORK/full/a.html")
	umount "$WORK/full"
	expect_same 'what is left' "$left" a.html
	expect_same 'the old page' "$content" old
	refused 1 'cannot write into the folder' "$BENCH" record --device "$DEVICE" --output "$WORK/nowhere/a"
}

# An error in the middle: no file says that all went well.
an_error_leaves_no_file() {
	refused 1 'is not an NVMe controller' record bad --threads 1 --workload map --disk 0000:00:1f.2
	if [ -e "$WORK/bad.json" ] || [ -e "$WORK/bad.html" ]; then fail 'there is a file'; fi
}

modules_are_free() { [ "$was" != 0 ] || modules_unload ioasid_vfio ioasid; }

ktap_run all_of_it_into_one_file intervals_are_of_the_repetitions counters_are_there_or_have_a_reason \
	the_machine_is_in_it a_record_is_like_itself without_permission_for_counters \
	few_repetitions_have_no_interval a_full_disk_leaves_nothing an_error_leaves_no_file modules_are_free
