#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# ioasid-bench: what a machine lacks gives exit status 1 and one line that
# says what to do, and a disk in use stays with its driver.
. tools/testing/lib/bench.sh

DISK=0000:00:05.0
EDU=0000:00:06.0

no_such_device() {
	modprobe vfio-pci
	refused 1 'there is no PCI device 0000:00:1e.0' "$BENCH" map --device 0000:00:1e.0
}

other_driver() {
	modprobe vfio-pci
	bridge=$(for d in /sys/bus/pci/devices/*; do
		[ "$(driver_of "${d##*/}")" != virtio-pci ] || echo "${d##*/}"
	done | head -n 1)
	refused 1 'bound to virtio-pci' "$BENCH" map --device "$bridge"
	expect_same 'its driver' "$(driver_of "$bridge")" virtio-pci
}

not_an_nvme_disk() {
	modprobe vfio-pci
	refused 1 'is not an NVMe controller' "$BENCH" nvme --device "$EDU"
}

# 00:1f.2 and 00:1f.3 are functions of one device, in one group.
group_with_a_bound_neighbour() {
	modprobe vfio-pci
	modprobe i2c-i801
	[ "$(driver_of 0000:00:1f.2)" = none ] || skip '0000:00:1f.2 has a driver'
	case $(driver_of 0000:00:1f.3) in none|vfio-pci) skip '0000:00:1f.3 has no driver' ;; esac
	refused 1 'also holds 0000:00:1f.3 (i801_smbus)' "$BENCH" map --device 0000:00:1f.2
	expect_same 'its driver' "$(driver_of 0000:00:1f.2)" none
}

no_vfio_pci() {
	modprobe -r vfio-pci || skip 'vfio-pci is in use'
	refused 1 'modprobe vfio-pci' "$BENCH" map --device "$EDU"
	refused 1 'modprobe vfio-pci' "$BENCH" nvme --device "$DISK"
}

no_iommu_driver() {
	device_to "$EDU" vfio-pci
	[ ! -d /sys/module/ioasid_vfio ] || skip 'ioasid_vfio is loaded'
	rmmod vfio_iommu_type1 || skip 'vfio_iommu_type1 is in use'
	refused 1 'modprobe vfio_iommu_type1' "$BENCH" map --device "$EDU"
	modprobe vfio_iommu_type1
}

no_permission() {
	device_to "$EDU" vfio-pci
	refused 1 'run as root' setpriv --reuid 65534 --clear-groups "$BENCH" map --device "$EDU"
}

too_little_memlock() {
	device_to "$EDU" vfio-pci
	group=/dev/vfio/$(basename "$(readlink "/sys/bus/pci/devices/$EDU/iommu_group")")
	chmod 666 "$group" /dev/vfio/vfio
	refused 1 'ulimit -l' setpriv --reuid 65534 --clear-groups \
		sh -c "ulimit -l 1024; exec $BENCH map --device $EDU --size 16M --kind 4k"
}

missing_memory() {
	device_to "$EDU" vfio-pci
	refused 1 'use a smaller --size' "$BENCH" map --device "$EDU" --size 1T --kind 4k
	refused 1 '--reserve-hugepages' "$BENCH" map --device "$EDU" --size 8G --kind hugetlb
}

group_in_use() {
	device_to "$EDU" vfio-pci
	group=/dev/vfio/$(basename "$(readlink "/sys/bus/pci/devices/$EDU/iommu_group")")
	refused 1 'in use by another program' sh -c "exec 3<>$group; $BENCH map --device $EDU --size 1M"
}

too_many_maps() {
	device_to "$EDU" vfio-pci
	refused 1 'dma_entry_limit' "$BENCH" map --device "$EDU" --workload storm \
		--ops 70000 --kind 4k --unpopulated
}

open_disk() {
	disk=$(disk_of "$DISK")
	refused 1 "/dev/$disk is open in process" \
		sh -c "exec 3</dev/$disk; $BENCH nvme --device $DISK"
	expect_same 'its driver' "$(driver_of "$DISK")" nvme
}

swapping_disk() {
	disk=$(disk_of "$DISK")
	mkswap "/dev/$disk" >/dev/null 2>&1
	swapon "/dev/$disk"
	refused 1 "/dev/$disk is swap" "$BENCH" map --device "$DISK"
	swapoff "/dev/$disk"
	expect_same 'its driver' "$(driver_of "$DISK")" nvme
}

mounted_disk() {
	modprobe -q ext4 || :
	grep -qw ext4 /proc/filesystems || skip "this kernel has no ext4"
	disk=$(disk_of "$DISK")
	busybox mke2fs "/dev/$disk" >/dev/null 2>&1
	folder=$(mktemp -d)
	mount -t ext4 "/dev/$disk" "$folder"
	refused 1 "/dev/$disk is mounted on $folder" "$BENCH" nvme --device "$DISK"
	umount "$folder"
	rmdir "$folder"
	expect_same 'its driver' "$(driver_of "$DISK")" nvme
}

disk_behind_a_loop_device() {
	disk=$(disk_of "$DISK")
	modprobe loop
	loop=$(losetup -f --show "/dev/$disk")
	refused 1 "is behind $loop" "$BENCH" nvme --device "$DISK"
	losetup -d "$loop"
	expect_same 'its driver' "$(driver_of "$DISK")" nvme
}

ktap_run no_such_device other_driver not_an_nvme_disk group_with_a_bound_neighbour \
	no_vfio_pci no_iommu_driver no_permission too_little_memlock \
	missing_memory group_in_use too_many_maps open_disk swapping_disk mounted_disk \
	disk_behind_a_loop_device
