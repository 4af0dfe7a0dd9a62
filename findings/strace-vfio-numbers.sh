#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# strace 6.13 cannot tell a map from a bus reset.
#
# VFIO numbers the ioctls of a device and those of a container from the same 0x3b70
# up, so ten numbers mean two or three calls each; which it is, only the file says.
# strace prints all of the names, joined by "or", though it knows the file (-y): a
# trace that is searched for VFIO_DEVICE_PCI_HOT_RESET finds every
# VFIO_IOMMU_MAP_DMA, and every unmap reads as a query of a graphics plane. Users
# of VFIO have to look at the descriptor themselves.
. "$(dirname "$0")/debian.sh"

debian strace=6.13+ds-1 libunwind8 liblzma5 libdw1t64 libelf1t64 libc6 libbz2-1.0 zlib1g libzstd1

# An ioctl of that number on a file that knows none; strace prints its name.
# shellcheck disable=SC2016
name() {
	run usr/bin/strace -e trace=ioctl -e signal=none \
		perl -e 'open F, "<", "/dev/null"; ioctl(F, hex $ARGV[0], 0)' "$1" 2>&1 |
		sed -n 's/^ioctl(\([0-9]*\), \(.*\), 0) *= -1 ENOTTY.*/\2/p' | grep -v -e TCGETS
}

seen=$(for number in 3b68 3b70 3b71 3b72 3b75 3b79; do echo "0x$number $(name "$number")"; done)
same "names of VFIO's ioctls in strace" "$seen" "0x3b68 VFIO_GROUP_SET_CONTAINER
0x3b70 VFIO_DEVICE_GET_PCI_HOT_RESET_INFO or VFIO_IOMMU_GET_INFO or VFIO_IOMMU_SPAPR_TCE_GET_INFO
0x3b71 VFIO_DEVICE_PCI_HOT_RESET or VFIO_IOMMU_MAP_DMA
0x3b72 VFIO_DEVICE_QUERY_GFX_PLANE or VFIO_IOMMU_UNMAP_DMA
0x3b75 VFIO_DEVICE_FEATURE or VFIO_IOMMU_DIRTY_PAGES or VFIO_IOMMU_SPAPR_REGISTER_MEMORY
0x3b79 VFIO_EEH_PE_OP or VFIO_MIG_GET_PRECOPY_INFO"
echo "$seen"
