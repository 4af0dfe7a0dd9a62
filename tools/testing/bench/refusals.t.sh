#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# ioasid-bench: what a machine lacks gives exit status 1 and one line that
# says what to do, and a disk somebody uses stays with its driver.
. tools/testing/harness/ktap.sh

BENCH=build/bin/ioasid-bench
DISK=0000:00:05.0
EDU=0000:00:06.0
OUT=$(mktemp)
trap 'rm -f "$OUT"' EXIT

# refused TEXT COMMAND...: status 1, and one line that holds TEXT.
refused() {
	text=$1
	shift
	status=0
	"$@" >/dev/null 2>"$OUT" || status=$?
	expect_same "exit status of '$*'" $status 1
	grep '^ioasid-bench:' "$OUT" >"$OUT.line" # the rest is progress
	lines=$(wc -l <"$OUT.line")
	rm -f "$OUT.line"
	expect_same "lines of '$*'" "$lines" 1
	grep -qF -e "$text" "$OUT" || fail "'$*' says: $(cat "$OUT")"
}

driver_of() {
	basename "$(readlink "/sys/bus/pci/devices/$1/driver" || echo none)"
}

# The spare drive, with its driver and its block device; prints its name.
idle_disk() {
	device_to $DISK nvme
	echo >/sys/bus/pci/devices/$DISK/driver_override
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
		for node in /sys/bus/pci/devices/$DISK/nvme/nvme*/nvme*n1; do
			if [ -b "/dev/${node##*/}" ]; then
				echo "${node##*/}"
				return
			fi
		done
		sleep 0.2
	done
	fail "no block device of $DISK appeared"
}

no_such_device() {
	modprobe vfio-pci
	refused 'there is no PCI device 0000:00:1e.0' $BENCH map --device 0000:00:1e.0
}

other_driver() {
	modprobe vfio-pci
	bridge=$(for d in /sys/bus/pci/devices/*; do
		[ "$(driver_of "${d##*/}")" != virtio-pci ] || echo "${d##*/}"
	done | head -n 1)
	refused 'bound to virtio-pci' $BENCH map --device "$bridge"
	expect_same 'its driver' "$(driver_of "$bridge")" virtio-pci
}

not_an_nvme_disk() {
	modprobe vfio-pci
	refused 'no NVMe controller' $BENCH nvme --device $EDU
}

no_permission() {
	device_to $EDU vfio-pci
	refused 'run as root' setpriv --reuid 65534 --clear-groups $BENCH map --device $EDU
}

too_little_memlock() {
	device_to $EDU vfio-pci
	group=/dev/vfio/$(basename "$(readlink /sys/bus/pci/devices/$EDU/iommu_group)")
	chmod 666 "$group" /dev/vfio/vfio
	refused 'ulimit -l' setpriv --reuid 65534 --clear-groups \
		sh -c "ulimit -l 1024; exec $BENCH map --device $EDU --size 16M --kind 4k"
}

missing_memory() {
	device_to $EDU vfio-pci
	refused 'use a smaller --size' $BENCH map --device $EDU --size 1T --kind 4k
	refused '--reserve-hugepages' $BENCH map --device $EDU --size 8G --kind hugetlb
}

group_in_use() {
	device_to $EDU vfio-pci
	group=/dev/vfio/$(basename "$(readlink /sys/bus/pci/devices/$EDU/iommu_group)")
	refused 'in use by another program' sh -c "exec 3<>$group; $BENCH map --device $EDU --size 1M"
}

too_many_maps() {
	device_to $EDU vfio-pci
	refused 'dma_entry_limit' $BENCH map --device $EDU --workload storm --ops 70000 --kind 4k
}

open_disk() {
	disk=$(idle_disk)
	refused "/dev/$disk is open in process" \
		sh -c "exec 3</dev/$disk; $BENCH nvme --device $DISK"
	expect_same 'its driver' "$(driver_of $DISK)" nvme
}

swapping_disk() {
	disk=$(idle_disk)
	mkswap "/dev/$disk" >/dev/null
	swapon "/dev/$disk"
	refused "/dev/$disk is swap" $BENCH map --device $DISK
	swapoff "/dev/$disk"
	expect_same 'its driver' "$(driver_of $DISK)" nvme
}

mounted_disk() {
	disk=$(idle_disk)
	busybox mke2fs "/dev/$disk" >/dev/null 2>&1
	folder=$(mktemp -d)
	mount -t ext4 "/dev/$disk" "$folder"
	refused "/dev/$disk is mounted on $folder" $BENCH nvme --device $DISK
	umount "$folder"
	rmdir "$folder"
	expect_same 'its driver' "$(driver_of $DISK)" nvme
}

disk_behind_a_loop_device() {
	disk=$(idle_disk)
	modprobe loop
	loop=$(losetup -f --show "/dev/$disk")
	refused "is behind $loop" $BENCH nvme --device $DISK
	losetup -d "$loop"
	expect_same 'its driver' "$(driver_of $DISK)" nvme
}

ktap_run no_such_device other_driver not_an_nvme_disk no_permission too_little_memlock \
	missing_memory group_in_use too_many_maps open_disk swapping_disk mounted_disk \
	disk_behind_a_loop_device
