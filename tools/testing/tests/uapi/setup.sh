#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Two devices for VFIO, type1 loaded, and ioasid_vfio loaded after it.
set -eu
. tools/testing/harness/ktap.sh

modules_unload ioasid_vfio
modprobe vfio_iommu_type1
device_to 0000:00:05.0 vfio-pci
device_to 0000:00:06.0 vfio-pci
modules_load ioasid ioasid_vfio
