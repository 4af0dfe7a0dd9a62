#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Two devices for VFIO and our modules, without type1. Not every emulated IOMMU
# remaps interrupts; none is used here.
set -eu
. tools/testing/harness/ktap.sh

modules_unload ioasid_vfio
device_to 0000:00:05.0 vfio-pci
device_to 0000:00:06.0 vfio-pci
modules_unload vfio_iommu_type1
modules_load ioasid ioasid_vfio
echo Y >/sys/module/ioasid/parameters/allow_unsafe_interrupts
