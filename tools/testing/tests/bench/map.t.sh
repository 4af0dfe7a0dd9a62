#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# ioasid-bench map and compare: the workloads run, their figures fit together,
# and what the run changed is put back.
. tools/testing/lib/bench.sh

DEVICE=0000:00:06.0
SWITCH=/sys/module/ioasid_vfio/parameters/enabled
OUT=$WORK/out
[ -d /sys/module/ioasid_vfio ] || modprobe vfio_iommu_type1
device_to "$DEVICE" vfio-pci

big_maps_pin_what_they_map() {
	"$BENCH" map --device "$DEVICE" --size 8M --kind 4k,4k-shuf,thp,memfd --repeat 2 --json >"$OUT"
	json '(.results | length) == 4'
	json 'all(.results[]; .map.bytes == 8388608 and .unmap.bytes == 8388608 and
		.map.calls == 1 and (.map.repetitions_ns | length) == 2 and
		.map.pages_per_s > 0 and .unmap.pages_per_s > 0 and .map.gib_per_s > 0)'
	json 'all(.results[]; .vmlck_bytes == 8388608 and .pinned_bytes == 8388608 and
		.pinned_gib_per_s > 0 and .fault_ns_per_page > 0)'
	# The kinds of memory are what their names say.
	json '(.results[] | select(.memory == "4k-shuf") | .pages_per_extent) < 1.1'
	json '(.results[] | select(.memory == "thp") | .pages_per_extent) >= 512'
}

chunks_threads_and_order() {
	"$BENCH" map --device "$DEVICE" --size 16M --chunk 256K --threads 4 --order random --kind 4k \
		--repeat 1 --json >"$OUT"
	json '.results[0] | .map.calls == 64 and .unmap.calls == 64 and .map.bytes == 16777216 and
		.unmap.bytes == 16777216 and .map.call_ns.count == 64 and .threads == 4'
}

storms_are_unmapped_three_ways() {
	"$BENCH" map --device "$DEVICE" --workload storm --ops 1000 --kind 4k --repeat 2 --threads 2 \
		--json >"$OUT"
	json '[.results[] | [.unmap_mode, .map.calls, .unmap.calls, .unmap.bytes]] ==
		[["each", 1000, 1000, 4096000], ["range", 1000, 2, 4096000], ["all", 1000, 1, 4096000]]'
}

pingpong_has_percentiles() {
	"$BENCH" map --device "$DEVICE" --workload pingpong --op-size 4K,64K --ops 200 --kind thp \
		--repeat 2 --json >"$OUT"
	json 'all(.results[]; .map.call_ns | .count == 400 and .min <= .p50 and .p50 <= .p90 and
		.p90 <= .p99 and .p99 <= .["p99.9"] and .["p99.9"] <= .max and .min > 0)'
	json '[.results[].map.bytes] == [819200, 13107200]'
}

unpopulated_memory_is_faulted_in_by_the_map() {
	"$BENCH" map --device "$DEVICE" --size 4M --kind 4k,memfd --unpopulated --repeat 2 --json >"$OUT"
	json 'all(.results[]; .populated == false and .vmlck_bytes == 4194304 and
		(has("fault_ns_per_page") | not))'
}

huge_pages_are_reserved_and_given_back() {
	pages=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
	before=$(cat "$pages")
	"$BENCH" map --device "$DEVICE" --size $(((before + 4) * 2))M --kind hugetlb --reserve-hugepages \
		--repeat 1 --json >"$OUT"
	json '.results[0].map.calls == 1 and .results[0].pages_per_extent >= 512'
	expect_same nr_hugepages "$(cat "$pages")" "$before"
}

folio_sizes_are_tuned_and_put_back() {
	thp=/sys/kernel/mm/transparent_hugepage
	[ -e "$thp/hugepages-64kB" ] || skip 'no folios of 64K'
	before=$(cat "$thp"/hugepages-*kB/enabled "$thp/shmem_enabled")
	"$BENCH" map --device "$DEVICE" --size 4M --kind mthp,memfd-thp --repeat 1 --json >"$OUT"
	json '(.results[0].pages_per_extent >= 16) and (.results[1].pages_per_extent >= 512)'
	expect_same 'huge page settings' "$(cat "$thp"/hugepages-*kB/enabled "$thp/shmem_enabled")" "$before"
}

v1_container() {
	"$BENCH" map --device "$DEVICE" --size 4M --kind 4k --type v1 --repeat 1 --json >"$OUT"
	json '.container_type == "v1" and .results[0].unmap.bytes == 4194304'
}

table_for_people() {
	"$BENCH" map --device "$DEVICE" --size 4M --kind 4k --repeat 1 --icount-note >"$OUT"
	for word in 'mapped by' 'pages/s' 'pinned' 'time split' 'guest instruction' 'fault'; do
		grep -q "$word" "$OUT" || fail "no '$word' in: $(cat "$OUT")"
	done
}

wrong_backend_is_an_error() {
	"$BENCH" map --device "$DEVICE" --size 1M --kind 4k --repeat 1 --json >"$OUT"
	case $(jq -r '.results[0].answered_by' "$OUT") in
	type1) other=ioasid ;;
	ioasid) other=type1 ;;
	*) fail "no backend answered: $(cat "$OUT")" ;;
	esac
	refused 1 "answered where $other was asked for" \
		"$BENCH" map --device "$DEVICE" --size 1M --kind 4k --backend "$other"
}

# What cannot be written is an error, in both forms, and is said once.
results_on_a_full_disk() {
	for form in '' --json; do
		status=0
		# shellcheck disable=SC2086
		"$BENCH" map --device "$DEVICE" --size 1M --kind 4k --repeat 1 $form >/dev/full 2>"$WORK/stderr" || status=$?
		expect_same "exit status with '$form'" "$status" 1
		expect_same "lines with '$form'" "$(grep -c 'cannot write the results: No space left on device$' "$WORK/stderr")" 1
	done
}

# A device whose writes are not tracked may have written everything; the program checks that all is reported.
dirty_pages_are_asked_for() {
	"$BENCH" map --device "$DEVICE" --size 4M --chunk 1028K --kind 4k --repeat 2 --workload dirty --threads 2 \
		--json >"$OUT"
	json '.results[0] | .type == "dirty" and .map.bytes == .unmap.bytes and .map.calls == 4 and
		.unmap.calls == 4 and .map.repetitions_ns[0] > 0'
}

# The device leaves, its address space is filled, and it comes back.
replay_needs_maps_without_a_device() {
	"$BENCH" map --device "$DEVICE" --size 1M --kind 4k --repeat 1 --workload replay --json >"$OUT"
	json '.results[0].skipped | test("without a device")'
	refused 2 'one thread' "$BENCH" map --workload replay --threads 2
}

compare_needs_both() {
	[ ! -e "$SWITCH" ] || skip 'ioasid_vfio is loaded'
	refused 1 'modprobe ioasid_vfio' "$BENCH" compare --device "$DEVICE"
}

ktap_run big_maps_pin_what_they_map chunks_threads_and_order storms_are_unmapped_three_ways \
	pingpong_has_percentiles unpopulated_memory_is_faulted_in_by_the_map \
	huge_pages_are_reserved_and_given_back folio_sizes_are_tuned_and_put_back v1_container \
	table_for_people results_on_a_full_disk wrong_backend_is_an_error dirty_pages_are_asked_for \
	replay_needs_maps_without_a_device compare_needs_both
