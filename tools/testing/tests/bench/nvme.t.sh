#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# ioasid-bench nvme: every byte read by DMA is the right one, a wrong one is
# noticed, and the disk is back with its driver afterwards.
. tools/testing/lib/bench.sh

DISK=0000:00:04.0
IMAGE=build/vm/pattern.img
modprobe nvme
modprobe vfio-pci
[ -d /sys/module/ioasid_vfio ] || modprobe vfio_iommu_type1

driver_is() {
	expect_same "the driver of $DISK" "$(driver_of "$DISK")" "$1"
	expect_same driver_override "$(cat "/sys/bus/pci/devices/$DISK/driver_override")" "${2-(null)}"
}

checksum_is_crc32c() {
	printf 123456789 >"$WORK/nine"
	"$BENCH" checksum "$WORK/nine" >"$WORK/sum"
	sed -n '/^data$/{n;p}' "$WORK/sum" | grep -qx e3069283 || fail "$(cat "$WORK/sum")"
}

reads_against_an_image() {
	disk_of "$DISK" >/dev/null
	"$BENCH" nvme --device "$DISK" --image "$IMAGE" --ios 500 --json >"$WORK/json"
	jq -e '(.results | map(.map)) == ["once", "per-io"]
		and all(.results[]; .verified and .verified_bytes == 67108864 and
			.wrong_reads == 0 and .reads == 500 and .iops > 0 and
			.read_ns.count == 500 and .read_ns.max >= .read_ns.p50)
		and .results[0].map_ns.count == 0 and .results[1].map_ns.count == 500
		and .disk.serial == "ioasid0"' "$WORK/json" >/dev/null || fail "$(cat "$WORK/json")"
	driver_is nvme
}

reads_against_checksums() {
	name=$(disk_of "$DISK")
	"$BENCH" checksum --size 4M "/dev/$name" >"$WORK/sum"
	head -c 4M "$IMAGE" >"$WORK/image"
	"$BENCH" checksum "$WORK/image" >"$WORK/image.sum"
	expect_same 'sum of sums' "$(tail -n 1 "$WORK/sum")" "$(tail -n 1 "$WORK/image.sum")"
	"$BENCH" nvme --device "$DISK" --verify "$WORK/sum" --map per-io --ios 10 >"$WORK/table"
	grep -q 'verified 4194304 bytes' "$WORK/table" || fail "$(cat "$WORK/table")"
	driver_is nvme
}

queues_sizes_and_interrupts() {
	disk_of "$DISK" >/dev/null
	head -c 8M "$IMAGE" >"$WORK/image"
	for how in '--bs 512 --depth 1' '--bs 12K --queues 3 --depth 100 --irq --pattern seq' \
		'--bs 512K --queues 2 --depth 7 --kind memfd --type v1'; do
		size=8M
		[ "$how" != '--bs 512 --depth 1' ] || size=256K
		# shellcheck disable=SC2086
		"$BENCH" nvme --device "$DISK" --image "$WORK/image" --size $size --ios 50 $how --json >"$WORK/json"
		jq -e '.range_bytes as $n | all(.results[]; .verified_bytes == $n and .wrong_reads == 0)
			and (.results | length) == 2' "$WORK/json" >/dev/null || fail "$how: $(cat "$WORK/json")"
	done
	driver_is nvme
}

wrong_byte_is_noticed() {
	disk_of "$DISK" >/dev/null
	head -c 1M "$IMAGE" >"$WORK/image"
	# One byte becomes its complement, 3 into the block at 700000.
	byte=$(od -An -tu1 -j 700003 -N 1 "$WORK/image")
	printf '%b' "$(printf '\\0%o' $((255 - byte)))" |
		dd of="$WORK/image" bs=1 seek=700003 conv=notrunc status=none
	refused 1 'the first at byte 700003 of' "$BENCH" nvme --device "$DISK" --image "$WORK/image"
	refused 1 'with maps made per-io, 1 reads differ' "$BENCH" nvme --device "$DISK" --image "$WORK/image" --map per-io
	"$BENCH" checksum "$WORK/image" >"$WORK/sum"
	refused 1 'the first at byte 696320 of' "$BENCH" nvme --device "$DISK" --verify "$WORK/sum"
	driver_is nvme
}

bad_checksum_files() {
	disk_of "$DISK" >/dev/null
	head -c 1M "$IMAGE" >"$WORK/image"
	refused 1 'is not a checksum file' "$BENCH" nvme --device "$DISK" --verify "$WORK/image"
	refused 1 'cannot open' "$BENCH" nvme --device "$DISK" --verify "$WORK/none"
	"$BENCH" checksum "$WORK/image" >"$WORK/sum"
	head -n 100 "$WORK/sum" >"$WORK/short"
	refused 1 'cut short' "$BENCH" nvme --device "$DISK" --verify "$WORK/short"
	sed '50s/.*/00000000/' "$WORK/sum" >"$WORK/changed"
	refused 1 'is damaged' "$BENCH" nvme --device "$DISK" --verify "$WORK/changed"
	sed 's/^source .*/serial other/' "$WORK/sum" >"$WORK/other"
	refused 1 'serial number other' "$BENCH" nvme --device "$DISK" --verify "$WORK/other"
	refused 1 'multiple of that' "$BENCH" nvme --device "$DISK" --verify "$WORK/sum" --bs 512
	driver_is nvme
}

device_without_a_driver_stays_without() {
	disk_of "$DISK" >/dev/null
	echo "$DISK" >/sys/bus/pci/drivers/nvme/unbind
	echo other >"/sys/bus/pci/devices/$DISK/driver_override"
	"$BENCH" nvme --device "$DISK" --size 1M --ios 10 >/dev/null
	driver_is none other
}

# ended SIGNAL WHO: the run is ended in the middle of its reads.
ended() {
	disk_of "$DISK" >/dev/null
	"$BENCH" nvme --device "$DISK" --map once --seconds 60 >/dev/null 2>&1 &
	pid=$!
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		[ "$(driver_of "$DISK")" != vfio-pci ] || break
		sleep 0.1
	done
	sleep 0.3
	case "$2" in
	it) who=$pid ;;
	worker) who=$(pgrep -P "$(pgrep -P "$pid")") ;;
	esac
	driver_is vfio-pci vfio-pci
	kill -s "$1" "$who"
	status=0
	wait "$pid" || status=$?
	# After SIGKILL the guard is no child of ours: give it its time.
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		[ "$(driver_of "$DISK")" != nvme ] || break
		[ "$1 $2" = 'KILL it' ] || break
		sleep 0.1
	done
	driver_is nvme
	expect_same "exit status" "$status" "$3"
}

driver_is_back_after_sigterm() { ended TERM it 143; }
driver_is_back_after_sigkill() { ended KILL it 137; }
driver_is_back_when_the_worker_is_killed() { ended KILL worker 1; }

ktap_run checksum_is_crc32c reads_against_an_image reads_against_checksums \
	queues_sizes_and_interrupts wrong_byte_is_noticed bad_checksum_files \
	device_without_a_driver_stays_without driver_is_back_after_sigterm \
	driver_is_back_after_sigkill driver_is_back_when_the_worker_is_killed
