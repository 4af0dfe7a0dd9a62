#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# All ways to a device loaded; a drive, an edu device, and a pair of those that
# share a group are bound to ioasid_pci.
set -eu
. tools/testing/harness/ktap.sh

modules_unload ioasid_vfio
modprobe vfio_iommu_type1
modprobe vfio-pci
# A small kernel does without; the one test that wants it says so.
modprobe -q uio_pci_generic || :
modules_load ioasid ioasid_vfio ioasid_setcontainer ioasid_pci
for device in 00:05.0 00:06.0 01:01.0 01:02.0; do
	device_to "0000:$device" ioasid_pci
done
