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
for device in 00:05.0 00:06.0 01:01.0 01:02.0; do
	[ -e "/sys/bus/pci/devices/0000:$device" ] || { echo 1 >/sys/bus/pci/rescan; break; }
done
modules_load ioasid ioasid_vfio ioasid_setcontainer ioasid_pci
# bound DEVICE DRIVER: unless it is already.
bound() {
	case $(readlink "/sys/bus/pci/devices/$1/driver" || :) in
	*/"$2") ;;
	*) device_to "$1" "$2" ;;
	esac
}
bound 0000:00:05.0 vfio-pci
bound 0000:00:06.0 vfio-pci
bound 0000:01:01.0 ioasid_pci
bound 0000:01:02.0 ioasid_pci
[ -d /sys/module/ioasid_mdev ] || insmod "build/tests/mdev/$(uname -r)/ioasid_mdev.ko"
set_parameter() { echo "$3" >"/sys/module/$1/parameters/$2"; }
set_parameter ioasid iommu_map N
set_parameter ioasid disable_hugepages N
set_parameter ioasid dma_entry_limit 65535
set_parameter ioasid user_spaces 8192
set_parameter ioasid user_mappings 262144
set_parameter ioasid charge_shared N
set_parameter ioasid_vfio enabled Y
