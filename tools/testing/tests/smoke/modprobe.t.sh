#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The modprobe.d file, with modprobe itself: type1 is loaded before ioasid_vfio,
# and is still there when ioasid_vfio is gone.
. tools/testing/harness/ktap.sh

release=$(uname -r)
scratch=/run/modprobe.test

# A folder of modules with what is needed and nothing else: depmod reads them all.
install_modules() {
	tree=$scratch/$release
	trap 'modules_unload ioasid_vfio ioasid vfio_iommu_type1
		rm -rf "$scratch" /run/modprobe.d/ioasid.conf' EXIT
	mkdir -p "$tree" /run/modprobe.d
	modprobe --show-depends vfio_iommu_type1 | sed -n 's/^insmod \([^ ]*\).*/\1/p' |
		xargs cp -t "$tree" "build/$release/ioasid.ko" "build/$release/ioasid_vfio.ko"
	cp tools/packaging/modprobe.d/ioasid.conf /run/modprobe.d/ioasid.conf
	modules_unload ioasid_vfio ioasid vfio_iommu_type1
	in_tree depmod
}

# in_tree COMMAND...: as if these were the modules of this machine.
# shellcheck disable=SC2016
in_tree() {
	unshare -m sh -c 'mount --bind "$0" /usr/lib/modules && exec "$@"' "$scratch" "$@" 2>/dev/null
}

# /proc/modules has the youngest first.
first_is() {
	expect_same "the module loaded last" \
		"$(grep -o -m 1 -E '^(ioasid_vfio|vfio_iommu_type1) ' /proc/modules)" "$1 "
}

loaded_after_type1() {
	install_modules
	in_tree modprobe ioasid_vfio
	first_is ioasid_vfio
	[ -d /sys/module/vfio_iommu_type1 ] || fail "type1 is not loaded"
}

parameters_arrive() {
	install_modules
	in_tree modprobe ioasid_vfio enabled=N
	expect_same enabled "$(cat /sys/module/ioasid_vfio/parameters/enabled)" N
}

removed_without_type1() {
	install_modules
	in_tree modprobe ioasid_vfio
	in_tree modprobe -r ioasid_vfio
	[ ! -d /sys/module/ioasid_vfio ] || fail "ioasid_vfio is still loaded"
	[ -d /sys/module/vfio_iommu_type1 ] || fail "type1 was removed, too"
}

# An administrator who keeps type1 out has ioasid_vfio all the same.
type1_is_barred() {
	install_modules
	echo 'install vfio_iommu_type1 /bin/false' >>/run/modprobe.d/ioasid.conf
	in_tree modprobe ioasid_vfio
	[ ! -d /sys/module/vfio_iommu_type1 ] || fail "type1 was loaded"
	[ -d /sys/module/ioasid_vfio ] || fail "ioasid_vfio is not loaded"
}

ktap_run loaded_after_type1 parameters_arrive removed_without_type1 type1_is_barred
