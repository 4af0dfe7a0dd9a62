#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# ioasidctl doctor: what it says of a machine that is well, and of each thing
# that can be made wrong here.
# shellcheck disable=SC2016
. tools/testing/lib/policy.sh

# ill STATUS LINE: doctor ends with STATUS and prints a line that LINE, a pattern, fits.
ill() {
	expect_status "$1" ioasidctl doctor >"$scratch/doctor"
	grep -q "^$2" "$scratch/doctor" || fail "no '$2' in: $(cut -c 1-60 "$scratch/doctor" | tr '\n' ';')"
}

# as_installed FOLDER...: has doctor find our modules in these folders of
# /lib/modules/RELEASE, and nothing else there.
as_installed() {
	release=$(uname -r)
	tree=$scratch/modules/$release
	for folder; do
		mkdir -p "$tree/$folder"
		for module in ioasid ioasid_vfio ioasid_pci ioasid_setcontainer; do
			cp "build/$release/$module.ko" "$tree/$folder/"
		done
	done
}

# in_tree COMMAND...: there, in a mount namespace of its own.
in_tree() {
	unshare -m sh -c 'mount --bind "$1" /usr/lib/modules; shift
		depmod >/dev/null 2>&1; exec "$@"' sh "$scratch/modules" "$@"
}

# other_version FILE: makes it one of another version of ioasid.
other_version() {
	version=$(cat VERSION)
	other=$(echo "$version" | tr 0-9 9)
	perl -0777pi -e "s/\Q$version\E\0/$other\0/g" "$1"
}

# There is an IOMMU, but neither the shim nor its modprobe.d file.
what_is_well() {
	begin
	ioasidctl -j doctor >"$scratch/doctor"
	holds 'map({key: .check, value: .verdict}) | from_entries |
		.iommu == "ok" and .module == "ok" and .btf == "ok" and .backend == "warn" and
		."modprobe.d" == "warn" and .versions == "ok" and .installed == "note" and .policies == "ok" and .node == "ok"' "$scratch/doctor" ||
		fail "$(cat "$scratch/doctor")"
	holds 'all(.verdict == "ok" or (.remedy | length > 10))' "$scratch/doctor"
}

an_open_node_and_a_policy_that_was_ejected() {
	begin
	trap 'chmod 0660 /dev/ioasid; clean' EXIT
	chmod 0666 /dev/ioasid
	load "$objects/misbehave.bpf.o" --set map_begin_value=-17
	"$mapper" map 0 4K >/dev/null
	ill 3 'fail *policies *misbehave was ejected: map_begin returned -17'
	grep -q '^warn *node *every user can open' "$scratch/doctor"
}

installed_and_loaded_alike() {
	begin
	as_installed updates/ioasid
	in_tree ioasidctl -j doctor >"$scratch/doctor"
	holds 'map(select(.check == "versions" or .check == "installed")) |
		length == 1 and .[0].verdict == "ok"' "$scratch/doctor" || fail "$(cat "$scratch/doctor")"
}

installed_is_newer_than_loaded() {
	begin
	as_installed updates/ioasid
	for module in "$tree"/updates/ioasid/*; do
		other_version "$module"
	done
	in_tree ioasidctl doctor >"$scratch/doctor"
	grep -q "^warn *versions *ioasid $version is loaded, version $other is installed" "$scratch/doctor" ||
		fail "$(cat "$scratch/doctor")"
	grep -q -- '-> reboot; or end what' "$scratch/doctor"
}

installed_is_of_other_sources() {
	begin
	as_installed updates/ioasid
	perl -pi -e 's/srcversion=..../srcversion=0000/' "$tree/updates/ioasid/ioasid.ko"
	in_tree ioasidctl doctor >"$scratch/doctor"
	grep -q "^warn *versions *ioasid .* is loaded and installed, from different sources" "$scratch/doctor" ||
		fail "$(cat "$scratch/doctor")"
}

installed_twice() {
	begin
	as_installed updates/ioasid updates/dkms
	in_tree ioasidctl doctor >"$scratch/doctor"
	grep -q '^warn *installed *2 copies of ioasid.ko are installed for this kernel, .*/updates/' "$scratch/doctor" ||
		fail "$(cat "$scratch/doctor")"
	grep -q 'modprobe takes /.*/updates/' "$scratch/doctor"
}

# What is left when an installation was cut short, or done by hand from two builds.
installed_by_half() {
	begin
	as_installed updates/ioasid
	rm "$tree/updates/ioasid/ioasid_pci.ko"
	other_version "$tree/updates/ioasid/ioasid_vfio.ko"
	expect_status 3 in_tree ioasidctl doctor >"$scratch/doctor"
	grep -q '^fail *installed *ioasid is installed for Linux .* without ioasid_pci' "$scratch/doctor" ||
		fail "$(cat "$scratch/doctor")"
	grep -q "^warn *versions *ioasid_vfio of version $other and ioasid of version $version are installed" "$scratch/doctor"
}

tools_of_another_version() {
	begin
	modules_unload ioasid_vfio
	wait_for rmmod ioasid
	trap 'modules_unload ioasid; modules_load ioasid; clean' EXIT
	cp "build/$(uname -r)/ioasid.ko" "$scratch/"
	other_version "$scratch/ioasid.ko"
	insmod "$scratch/ioasid.ko"
	ill 0 "warn *versions *ioasidctl is version $version, the loaded ioasid is version $other"
}

# Root may lock what it likes: so by a program that has given that up.
a_process_close_to_its_limit() {
	begin
	hold_by prlimit --memlock=8388608 setpriv --bounding-set=-ipc_lock \
		"$mapper" map 16M 7M hold
	ill 0 'warn *memlock *mapper ([0-9]*) in /[^ ]* has locked 7M of 8M'
	grep -q -- '-> prlimit --pid [0-9]* --memlock=' "$scratch/doctor"
}

hardly_a_mapping_left() {
	begin
	limit=/sys/module/ioasid/parameters/dma_entry_limit
	read -r was <"$limit"
	trap 'echo "$was" >"$limit"; clean' EXIT
	echo 21 >"$limit"
	hold map 0 4K map 1M 4K map 2M 4K map 3M 4K map 4M 4K map 5M 4K map 6M 4K map 7M 4K \
		map 8M 4K map 9M 4K map 10M 4K map 11M 4K map 12M 4K map 13M 4K map 14M 4K \
		map 15M 4K map 16M 4K map 17M 4K map 18M 4K map 19M 4K map 20M 4K
	ill 0 'warn *mappings *space [0-9]* of mapper ([0-9]*) has made 21 mappings and may make 0 more'
}

# Root is exempt from the limit, and counted all the same.
a_user_close_to_a_limit() {
	begin
	spaces=/sys/module/ioasid/parameters/user_spaces
	trap 'echo 8192 >"$spaces"; clean' EXIT
	hold map 0 4K
	ill 0 'ok *users *1 users, none close to a limit'
	echo 1 >"$spaces"
	ill 0 'warn *users *user 0 has 1 address spaces of 1: without CAP_SYS_RESOURCE calls will soon fail with EDQUOT'
	grep -q -- '-> .*/sys/module/ioasid/parameters/user_spaces' "$scratch/doctor"
}

interrupts_that_are_not_isolated() {
	begin
	unsafe=/sys/module/ioasid/parameters/allow_unsafe_interrupts
	trap 'echo N >"$unsafe"; clean' EXIT
	echo Y >"$unsafe"
	ill 0 'warn *interrupts *devices whose interrupts are not isolated'
}

rules_of_modprobe() {
	begin
	mkdir -p /run/modprobe.d
	trap 'rm -f /run/modprobe.d/test.conf; clean' EXIT
	cp tools/packaging/modprobe.d/ioasid.conf /run/modprobe.d/test.conf
	ill 0 'ok *modprobe.d *vfio_iommu_type1 is loaded before'
	echo 'softdep ioasid_vfio pre: vfio_iommu_type1' >/run/modprobe.d/test.conf
	ill 0 "warn *modprobe.d *'modprobe -r ioasid_vfio' removes vfio_iommu_type1, too"
	echo 'install vfio_iommu_type1 /bin/false' >/run/modprobe.d/test.conf
	ill 0 'ok *modprobe.d *vfio_iommu_type1 is kept from loading'
}

no_backend_is_left() {
	begin
	modprobe vfio
	modules_unload ioasid_vfio vfio_iommu_type1
	ill 0 'warn *backend *no IOMMU driver of VFIO is left'
}

a_container_on_type1() {
	begin
	for device in /sys/bus/pci/devices/*; do
		read -r class <"$device/class"
		[ "$class" != 0x00ff00 ] || break
	done
	[ "$class" = 0x00ff00 ] || skip 'there is no device to take'
	modprobe vfio_iommu_type1
	modprobe vfio_pci
	device_to "${device##*/}" vfio-pci
	build/bin/ioasid-bench map -b type1 -d "${device##*/}" -w pingpong --op-size 4K -k 4k \
		--repeat 10000 >"$scratch/bench" 2>&1 &
	bench=$!
	trap 'kill $bench; wait $bench || :; echo "${device##*/}" >"$device/driver/unbind"
		echo >"$device/driver_override"; clean' EXIT
	wait_for on_type1
	grep -q -- '-> restart it when new containers get ioasid' "$scratch/doctor"
}

on_type1() {
	ioasidctl doctor >"$scratch/doctor" || :
	grep -q '^warn *containers *ioasid-bench ([0-9]*) in /[^ ]* is on' "$scratch/doctor"
}

no_module() {
	begin
	trap 'modules_load ioasid; clean' EXIT
	modules_unload ioasid_vfio
	wait_for rmmod ioasid
	ill 3 'fail *module *ioasid is not loaded'
	grep -q -- '-> modprobe ioasid_vfio' "$scratch/doctor"
	grep -q '^fail *installed *no ioasid.ko is installed for Linux' "$scratch/doctor"
}

# enforced COMMAND...: in that tree, on a kernel that loads signed modules only.
enforced() {
	in_tree sh -c 'mount --bind "$1" /sys/module/module/parameters/sig_enforce; mount --bind "$2" /proc/keys
		shift 2; exec "$@"' sh "$scratch/enforced" "$scratch/keys" "$@"
}

# signed FILE: as scripts/sign-file does it, by a key of that name.
signed() {
	openssl req -new -x509 -newkey rsa:2048 -nodes -subj '/CN=a key of the test/' \
		-keyout "$scratch/key" -outform DER -out "$scratch/certificate" 2>/dev/null
	"/usr/src/linux-headers-$release/scripts/sign-file" sha256 "$scratch/key" "$scratch/certificate" "$1"
}

modules_that_the_kernel_refuses() {
	begin
	as_installed updates/ioasid
	trap 'modules_load ioasid; clean' EXIT
	modules_unload ioasid_vfio
	wait_for rmmod ioasid
	echo Y >"$scratch/enforced"
	echo '1 I------ 1 perm 1f010000 0 0 asymmetri another key: 12ab: X509.rsa 34cd []' >"$scratch/keys"
	expect_status 3 enforced ioasidctl doctor >"$scratch/doctor"
	grep -q '^fail *signature *this kernel loads signed modules only, and .*/ioasid.ko is not signed' "$scratch/doctor" ||
		fail "$(cat "$scratch/doctor")"
	signed "$tree/updates/ioasid/ioasid.ko"
	expect_status 3 enforced ioasidctl doctor >"$scratch/doctor"
	grep -q "^fail *signature *.* does not have 'a key of the test', which signed .*/ioasid.ko" "$scratch/doctor" ||
		fail "$(cat "$scratch/doctor")"
	grep -q -- "-> enrol the key, .*mokutil --import" "$scratch/doctor"
	sed -i 's/another key/a key of the test/' "$scratch/keys"
	enforced ioasidctl doctor >"$scratch/doctor" || :
	! grep '^fail *signature' "$scratch/doctor"
}

ktap_run what_is_well installed_and_loaded_alike installed_is_newer_than_loaded \
	installed_is_of_other_sources installed_twice installed_by_half tools_of_another_version \
	an_open_node_and_a_policy_that_was_ejected a_process_close_to_its_limit \
	hardly_a_mapping_left a_user_close_to_a_limit interrupts_that_are_not_isolated \
	rules_of_modprobe no_backend_is_left \
	a_container_on_type1 modules_that_the_kernel_refuses no_module
