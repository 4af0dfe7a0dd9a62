#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# What programs that look for a device's VFIO driver must not find.
. tools/testing/harness/ktap.sh

# libvirt and others take the driver whose vfio_pci: alias matches a device best.
# An alias for every device would make them choose between this module and vfio-pci.
no_alias_of_vfio_pci() {
	modinfo -F alias vfio-pci >"$WORK/vfio-pci"
	modinfo -F alias "build/$(uname -r)/ioasid_pci.ko" >"$WORK/ours"
	grep -q '^vfio_pci:' "$WORK/vfio-pci" || fail 'vfio-pci has no vfio_pci: alias: what is compared here?'
	! grep '^\(vfio_\)*pci:' "$WORK/ours" || fail 'ioasid_pci offers itself for the devices above'
}

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
ktap_run no_alias_of_vfio_pci
