#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# tools/env/install where the modules are installed already, in another way: two copies in
# updates/ rank alike, and modprobe takes one of them by chance. Each way refuses to be the
# second, says what to do, and changes nothing; with DESTDIR nothing of the host counts.
. tools/testing/harness/ktap.sh

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
for module in build/6.12*/ioasid.ko; do release=$(basename "$(dirname "$module")"); done

# here COMMAND...: with a tree of modules of its own, and nothing in /usr/src.
here() {
	mkdir -p "$WORK/modules" "$WORK/src"
	# shellcheck disable=SC2016
	unshare -m sh -c 'mount --bind "$1/modules" /usr/lib/modules && mount --bind "$1/src" /usr/src || exit 99
		shift; exec "$@"' sh "$WORK" "$@" >"$WORK/said" 2>&1
}

# files: all that is installed.
files() { (cd "$WORK" && find modules src usr -type f -print 2>/dev/null | sort); }

# refused TEXT COMMAND...: with one line of error that holds TEXT, and nothing is installed.
refused() {
	text=$1
	shift
	before=$(files)
	status=0
	here "$@" || status=$?
	expect_same "the status of '$*' ($(tail -n 1 "$WORK/said"))" "$status" 1
	grep -v '^installing:$' "$WORK/said" >"$WORK/error"
	expect_same "lines of '$*'" "$(wc -l <"$WORK/error")" 1
	grep -q "$text" "$WORK/error" || fail "'$*' says: $(cat "$WORK/error")"
	expect_same 'what is installed' "$(files)" "$before"
}

# install_modules here|refused TEXT
install_modules() { "$@" tools/env/install "modules=$release,rules" '' "$WORK/usr"; }

beside_dkms() {
	for copy in ioasid.ko ioasid.ko.xz ioasid.ko.zst; do
		mkdir -p "$WORK/modules/$release/updates/dkms"
		: >"$WORK/modules/$release/updates/dkms/$copy"
		install_modules refused "/updates/dkms/$copy is there already, .*: run 'dkms remove ioasid/VERSION --all' .*'make install-tools'"
		rm "$WORK/modules/$release/updates/dkms/$copy"
	done
	# Of another kernel: that one is not installed for.
	mkdir -p "$WORK/modules/6.1.0-other/updates/dkms"
	: >"$WORK/modules/6.1.0-other/updates/dkms/ioasid.ko"
	install_modules here || fail "$(cat "$WORK/said")"
	[ -s "$WORK/modules/$release/updates/ioasid/ioasid.ko" ] || fail "nothing is installed: $(cat "$WORK/said")"
}

dkms_beside_it() {
	install_modules here || fail "$(cat "$WORK/said")"
	refused "/updates/ioasid/ioasid.ko is there already, .*: run 'make uninstall KREL=$release' first" tools/env/install dkms
	here tools/env/install --remove "modules=$release" '' "$WORK/usr" || fail "$(cat "$WORK/said")"
	here tools/env/install dkms || fail "$(cat "$WORK/said")"
	[ -s "$WORK/src/ioasid-$(cat VERSION)/dkms.conf" ] || fail "there is no tree for DKMS"
}

# What makes packages: the host it runs on is not where they are installed.
destdir_is_another_machine() {
	mkdir -p "$WORK/modules/$release/updates/dkms" "$WORK/modules/$release/updates/ioasid"
	: >"$WORK/modules/$release/updates/dkms/ioasid.ko"
	: >"$WORK/modules/$release/updates/ioasid/ioasid.ko"
	here tools/env/install "modules=$release" "$WORK/dest" || fail "$(cat "$WORK/said")"
	here tools/env/install dkms "$WORK/dest" || fail "$(cat "$WORK/said")"
	[ -s "$WORK/dest/lib/modules/$release/updates/ioasid/ioasid.ko" ] || fail "no module in DESTDIR"
	[ -s "$WORK/dest/usr/src/ioasid-$(cat VERSION)/dkms.conf" ] || fail "no tree for DKMS in DESTDIR"
}

ktap_run beside_dkms dkms_beside_it destdir_is_another_machine
