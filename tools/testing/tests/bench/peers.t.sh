#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# What ioasid-bench does with /dev/ioasid's own calls, and backends in turn.
. tools/testing/lib/bench.sh

DEVICE=0000:00:06.0
SWITCH=/sys/module/ioasid_vfio/parameters/enabled
OUT=$WORK/out
[ -d /sys/module/ioasid_vfio ] || modprobe vfio_iommu_type1
was=$(lsmod | grep -c '^ioasid' || :)
modules_load ioasid ioasid_vfio
device_to "$DEVICE" vfio-pci

native_calls_map_the_same() {
	"$BENCH" map --device "$DEVICE" --size 4M --kind 4k,memfd --repeat 1 --backend native --json >"$OUT"
	json 'all(.results[]; .answered_by == "native" and .map.bytes == 4194304 and
		.unmap.bytes == 4194304 and .vmlck_bytes == 4194304)'
}

# A backend without a call for many makes one after the other.
batches_map_the_same() {
	"$BENCH" compare --backends ioasid,native,uring --device "$DEVICE" --workload storm --ops 300 --batch 64 \
		--kind 4k --unmap each --threads 2 --order random --repeat 2 --json >"$OUT"
	json '[.results[] | [.workload, .batch, .map.calls, .map.bytes, .unmap.calls, .unmap.bytes,
		.map.call_ns.count]] | unique == [["storm 4K each by 64", 64, 300, 1228800, 300, 1228800, 600]]'
	json '[.results[] | select(.vmlck_bytes == 1228800).backend] == ["ioasid", "native", "uring"]'
}

maps_of_files() {
	"$BENCH" map --device "$DEVICE" --size 4M --kind memfd,4k --repeat 1 --backend native-file --threads 2 \
		--json >"$OUT"
	json '.results[0] | .answered_by == "native-file" and .map.bytes == 4194304 and .vmlck_bytes == 4194304'
	json '.results[1].skipped | test("files")'
	refused 2 'files alone' "$BENCH" nvme --backend native-file
}

compare_takes_turns_and_puts_the_switch_back() {
	before=$(cat "$SWITCH")
	"$BENCH" compare --device "$DEVICE" --size 4M --kind 4k --repeat 2 --workload all --ops 100 \
		--op-size 4K --json >"$OUT"
	json '[.results[].answered_by] | unique == ["ioasid", "type1"]'
	json '(.ratios | length) == 5 and all(.ratios[]; .map > 0 and .unmap > 0)'
	json 'all(.results[] | select(.backend == "ioasid"); .split.available)'
	expect_same "$SWITCH" "$(cat "$SWITCH")" "$before"
}

# The device leaves, its address space is filled, and it comes back.
replay_fills_the_page_table() {
	"$BENCH" map --device "$DEVICE" --size 4M --kind 4k-shuf --repeat 2 --workload replay --backend native \
		--json >"$OUT"
	json '.results[0] | .map.calls == 1 and .map.bytes == 4194304 and .unmap.bytes == 4194304'
}

# Into the holes, and behind them. A backend that leaves the choice to the caller is left out.
addresses_that_the_kernel_chooses() {
	"$BENCH" compare --backends ioasid,native --device "$DEVICE" --workload choose --existing 300 --ops 400 \
		--op-size 4K,8K --kind 4k --repeat 2 --threads 2 --json >"$OUT"
	json '[.results[] | select(.backend == "native") | [.workload, .existing_maps, .map.calls, .map.bytes,
		.unmap.calls, .map.call_ns.count]] ==
		[["choose 4K +300", 300, 400, 1638400, 400, 800], ["choose 8K +300", 300, 400, 3276800, 400, 800]]'
	json 'all(.results[] | select(.backend == "ioasid"); .skipped | test("chooses no addresses"))'
}

# Two threads map while a third one unmaps all, on either backend.
all_unmapped_beside_others() {
	"$BENCH" compare --device "$DEVICE" --workload clear --ops 20 --threads 3 --op-size 64K --kind 4k --repeat 2 \
		--json >"$OUT"
	json '[.results[].answered_by] == ["type1", "ioasid"]'
	json 'all(.results[]; .workload == "clear beside 64K" and .unmap.calls == 20 and .map.calls > 0 and
		.map.bytes == .map.calls * 65536)'
}

# The maps end with the descriptors, which takes one close.
storm_ends_by_closing() {
	"$BENCH" compare --device "$DEVICE" --workload storm --ops 300 --unmap close --kind 4k --threads 2 --repeat 2 \
		--json >"$OUT"
	json 'all(.results[]; .workload == "storm 4K close" and .map.calls == 300 and .unmap.calls == 1 and
		.unmap.bytes == 1228800 and all(.unmap.repetitions_ns[]; . > 0))'
}

modules_are_free() { [ "$was" != 0 ] || modules_unload ioasid_vfio ioasid; }

ktap_run native_calls_map_the_same batches_map_the_same maps_of_files replay_fills_the_page_table \
	addresses_that_the_kernel_chooses all_unmapped_beside_others storm_ends_by_closing \
	compare_takes_turns_and_puts_the_switch_back modules_are_free
