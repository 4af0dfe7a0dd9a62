#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Is the VM the machine that the other tests count on?
. tools/testing/harness/ktap.sh

kernel_is_stock() {
	case $(uname -r) in
	*-debug|*-kcsan|*-iommufd) skip "this kernel was built here (tools/testing/vm/kernel)" ;;
	esac
	expect_same "vendor" "$(uname -v | grep -o Debian)" Debian
	[ -e /sys/kernel/btf/vmlinux ] || fail "the kernel has no BTF"
}

file_systems_are_mounted() {
	for folder in /proc /sys /dev/shm /tmp /sys/fs/cgroup /sys/fs/bpf /sys/kernel/tracing /dev/hugepages; do
		mountpoint -q "$folder" || fail "$folder is not mounted"
	done
}

project_is_read_only_and_build_is_not() {
	! touch README.probe 2>/dev/null || fail "the project folder can be written"
	file=build/vm/out/probe.$$
	echo here >"$file"
	expect_same "$file" "$(cat "$file")" here
	rm "$file"
}

# Where the IOMMU's driver is a module (virtio), or known by device tree (arm64), a
# device comes into a group when a driver first takes it.
take_once() {
	[ ! -e "/sys/bus/pci/devices/$1/iommu_group" ] || return 0
	device_to "$1" vfio-pci
	echo "$1" >/sys/bus/pci/drivers/vfio-pci/unbind
	echo >"/sys/bus/pci/devices/$1/driver_override"
}

every_drive_has_its_own_group() {
	seen=
	for device in 0000:00:04.0 0000:00:05.0 0000:00:06.0; do
		take_once "$device"
		group=$(readlink -f "/sys/bus/pci/devices/$device/iommu_group")
		[ -d "$group" ] || fail "$device is in no IOMMU group"
		expect_same "devices of $group" "$(find "$group/devices" -type l | wc -l)" 1
		case " $seen " in *" $group "*) fail "$device shares a group" ;; esac
		seen="$seen $group"
	done
}

vfio_takes_a_drive_and_gives_it_back() {
	device_to 0000:00:05.0 vfio-pci
	group=$(basename "$(readlink -f /sys/bus/pci/devices/0000:00:05.0/iommu_group)")
	[ -c "/dev/vfio/$group" ] || fail "there is no /dev/vfio/$group"
	device_to 0000:00:05.0 nvme
	[ ! -e "/dev/vfio/$group" ] || fail "/dev/vfio/$group is still there"
}

ktap_run kernel_is_stock file_systems_are_mounted project_is_read_only_and_build_is_not \
	every_drive_has_its_own_group vfio_takes_a_drive_and_gives_it_back
