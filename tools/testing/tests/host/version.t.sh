#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# There is one version, in the file VERSION, and everything that says one has it from there.
. tools/testing/harness/ktap.sh

version=$(cat VERSION)
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
PATH=$PWD/build/bin:$PATH

# What DKMS and dpkg compare as versions: numbers and dots.
the_file_holds_a_version() {
	expect_same "the number of lines in VERSION" "$(wc -l <VERSION)" 1
	echo "$version" | grep -q -x -E '[0-9]+(\.[0-9]+)+' || fail "VERSION holds '$version'"
}

# Without MODULE_VERSION there is no srcversion either, and DKMS cannot tell two builds apart.
modules_have_it() {
	found=0
	for module in build/*/ioasid.ko build/*/ioasid_vfio.ko build/*/ioasid_pci.ko build/*/ioasid_setcontainer.ko; do
		[ -e "$module" ] || continue
		found=$((found + 1))
		expect_same "the version of $module" "$(modinfo -F version "$module")" "$version"
		[ -n "$(modinfo -F srcversion "$module")" ] || fail "$module has no srcversion"
	done
	[ "$found" -ge 4 ] || fail "there are only $found modules"
}

programs_say_it() {
	for program in build/bin/ioasid*; do
		name=${program##*/}
		expect_same "$name --version" "$("$name" --version)" "$name $version"
		expect_same "$name -V" "$("$name" -V)" "$name $version"
	done
}

library_says_it() {
	grep -q -x "Version: $version" build/lib/libioasid.pc || fail "build/lib/libioasid.pc has another version"
}

manual_pages_say_it() {
	for page in docs/man/*.rst; do
		page=build/docs/man/$(basename "$page" .rst)
		grep -q "^\.TH .*\"ioasid $version\"" "$page" || fail "$page: $(grep '^\.TH' "$page")"
	done
}

tree_for_dkms_has_it() {
	make -s dkms DESTDIR="$WORK" >/dev/null
	tree=$WORK/usr/src/ioasid-$version
	expect_same "PACKAGE_VERSION" "$(sed -n 's/^PACKAGE_VERSION=//p' "$tree/dkms.conf")" "\"$version\""
	cmp VERSION "$tree/VERSION"
	sed -n "s/^obj-m += \(.*\)\.o$/\1/p" kmod/Kbuild | while read -r module; do
		grep -q "^BUILT_MODULE_NAME\[.*\"$module\"$" "$tree/dkms.conf" || fail "dkms.conf does not know $module"
	done
}

# A number that was typed in would stay behind.
nothing_else_has_one() {
	# shellcheck disable=SC2046
	if grep -nE "VERSION[[:space:]:?+]*[=[:space:]][[:space:]]*[\"']?[0-9]+\.[0-9]" Makefile tools/env/* \
		$(find kmod bpf tools bench docs -type f \( -name '*.[ch]' -o -name Makefile -o -name Kbuild -o -name '*.in' -o -name '*.conf' \)); then
		fail "a version that is not taken from VERSION"
	fi
}

ktap_run the_file_holds_a_version modules_have_it programs_say_it library_says_it \
	manual_pages_say_it tree_for_dkms_has_it nothing_else_has_one
