#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Debuggers find what was stripped of the modules: crash, drgn and gdb go by the name
# X.ko.debug and by the build id.
. tools/testing/harness/ktap.sh

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
for module in build/6.12*/ioasid.ko; do release=$(basename "$(dirname "$module")"); done

build_id() { readelf -n "$1" 2>/dev/null | sed -n 's/^ *Build ID: //p'; }

each_module_has_its_own() {
	for module in ioasid ioasid_vfio ioasid_pci ioasid_setcontainer; do
		product=build/$release/$module.ko
		debug=build/$release/debug/$module.ko.debug
		[ -s "$debug" ] || fail "there is no $debug"
		[ -n "$(build_id "$product")" ] || fail "$product has no build id"
		expect_same "the build id of $debug" "$(build_id "$debug")" "$(build_id "$product")"
		readelf -SW "$debug" | grep -q ' \.debug_info ' || fail "$debug has no debug information"
		if readelf -SW "$product" | grep -q ' \.debug_'; then fail "$product still has its own"; fi
		readelf -SW "$product" | grep -q ' \.BTF ' || fail "$product has lost its BTF"
	done
}

addresses_have_lines() {
	debug=build/$release/debug/ioasid.ko.debug
	at=$(nm "$debug" | sed -n 's/^\([0-9a-f]*\) t ioasid_ioctl$/\1/p;s/^\([0-9a-f]*\) T ioasid_map$/\1/p' | head -n 1)
	[ -n "$at" ] || fail "no function to look for"
	addr2line -j .text -e "$debug" "0x$at" >"$WORK/line"
	grep -q '\(ops\|abi\)/[a-z]*\.c:[0-9]' "$WORK/line" || fail "$at is at $(cat "$WORK/line")"
}

# As DKMS does it: split after make, strip, then keep and show; and hide at the end.
dkms_keeps_it() {
	mkdir "$WORK/build"
	cp build/"$release"/src/ioasid_setcontainer.ko "$WORK/build/"
	script=$PWD/tools/packaging/dkms-debug
	(
		cd "$WORK/build"
		sh "$script" split
		"$script" keep "$WORK/dkms"
	)
	links=/usr/lib/debug/lib/modules/none-$$/updates/dkms
	"$script" show "$WORK/dkms" none-$$
	expect_same "the build id below /usr/lib/debug" "$(build_id "$links/ioasid_setcontainer.ko.debug")" \
		"$(build_id "build/$release/ioasid_setcontainer.ko")"
	"$script" hide none-$$
	[ ! -e "/usr/lib/debug/lib/modules/none-$$" ] || fail "the links stay: $(find /usr/lib/debug/lib/modules/none-$$)"
}

ktap_run each_module_has_its_own addresses_have_lines dkms_keeps_it
