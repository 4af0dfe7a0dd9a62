#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Loaded modules say which version and which sources they are of, and a module
# of another version is refused: that is what an update leaves behind when one
# more is loaded.
. tools/testing/harness/ktap.sh

version=$(cat VERSION)
other=$(echo "$version" | tr 0-9 9)
built=build/$(uname -r)
work=/tmp/versions
modules='ioasid ioasid_vfio ioasid_setcontainer ioasid_pci'

# of_other_version MODULE: the same one, but for what it says of itself.
of_other_version() {
	mkdir -p "$work"
	perl -0777pe "s/\Q$version\E\0/$other\0/g" "$built/$1.ko" >"$work/$1.ko"
	expect_same "the version of $work/$1.ko" "$(modinfo -F version "$work/$1.ko")" "$other"
}

loaded_is_what_is_on_the_disk() {
	# shellcheck disable=SC2086
	modules_load $modules
	for module in $modules; do
		expect_same "version of $module" "$(cat "/sys/module/$module/version")" "$version"
		expect_same "srcversion of $module" "$(cat "/sys/module/$module/srcversion")" \
			"$(modinfo -F srcversion "$built/$module.ko")"
	done
	modules_unload ioasid_pci ioasid_setcontainer ioasid_vfio ioasid
}

a_module_of_another_version_is_refused() {
	trap 'rm -rf "$work"; modules_unload ioasid_pci ioasid_vfio ioasid' EXIT
	of_other_version ioasid
	insmod "$work/ioasid.ko"
	modprobe vfio_pci_core
	for module in ioasid_vfio ioasid_pci; do
		dmesg -C
		expect_status 1 insmod "$built/$module.ko" 2>"$work/said"
		grep -q 'Exec format error\|Invalid module format' "$work/said" || fail "$(cat "$work/said")"
		dmesg | grep -q "$module: this is version $version, the loaded ioasid is version $other: " ||
			fail "no line of $module: $(dmesg | tail -n 2)"
	done
}

# This one also needs ioasid_vfio, which has to be of one version with ioasid.
the_module_above_two_is_refused() {
	trap 'rm -rf "$work"; modules_unload ioasid_setcontainer ioasid_vfio ioasid' EXIT
	of_other_version ioasid_setcontainer
	modules_load ioasid_vfio
	dmesg -C
	expect_status 1 insmod "$work/ioasid_setcontainer.ko" 2>"$work/said"
	dmesg | grep -q "ioasid_setcontainer: this is version $other, the loaded ioasid is version $version: " ||
		fail "no line of ioasid_setcontainer: $(dmesg | tail -n 2)"
}

ktap_run loaded_is_what_is_on_the_disk a_module_of_another_version_is_refused \
	the_module_above_two_is_refused
