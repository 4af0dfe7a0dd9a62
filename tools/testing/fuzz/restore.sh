#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# After a program whose helper unloaded modules, removed devices, changed
# parameters or loaded policies: the machine as setup.sh left it.
set -eu
. tools/testing/harness/ktap.sh

for policy in /sys/kernel/ioasid/policies/*; do
	[ ! -e "$policy" ] || build/bin/ioasidctl policy unload "${policy##*/}" >/dev/null
done
for device in 0000:00:05.0 0000:00:06.0; do
	path=/sys/bus/pci/devices/$device
	[ -e "$path" ] || echo 1 >/sys/bus/pci/rescan
	case $(readlink "$path/driver" || :) in
	*/vfio-pci) ;;
	*) device_to $device vfio-pci ;;
	esac
done
modules_load ioasid ioasid_vfio
[ -d /sys/module/ioasid_mdev ] || insmod "build/tests/mdev/$(uname -r)/ioasid_mdev.ko"
set_parameter() { echo "$3" >"/sys/module/$1/parameters/$2"; }
set_parameter ioasid iommu_map N
set_parameter ioasid disable_hugepages N
set_parameter ioasid dma_entry_limit 65535
set_parameter ioasid_vfio enabled Y
