#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# tools/env/in-tree: packages that one tree has fetched are there for the next, and the tree is a
# mount of its own, as unshare(1) needs it.
. tools/testing/harness/ktap.sh

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# tree NAME: of busybox alone.
tree() {
	mkdir -p "$WORK/$1"
	(
		cd "$WORK/$1"
		mkdir -p bin dev etc proc root run tmp usr/bin var/cache/apt/archives
		for name in sh ls touch unshare; do cp -l "$WORK/busybox" bin/"$name"; done
		cp -l "$WORK/busybox" usr/bin/env
	)
}

packages_are_there_for_the_next() {
	cp /usr/bin/busybox "$WORK/"
	mkdir "$WORK/archives"
	tree one
	tree two
	tools/env/in-tree "$WORK/one" touch /var/cache/apt/archives/fetched.deb /var/cache/apt/archives/lock ||
		fail "in-tree ends with status $?"
	expect_same "what is kept" "$(ls "$WORK/archives")" fetched.deb
	expect_same "what the tree keeps" "$(ls "$WORK/one/var/cache/apt/archives")" lock
	expect_same "what the next one has" "$(tools/env/in-tree "$WORK/two" ls /var/cache/apt/archives)" fetched.deb
	expect_same "what is kept then" "$(ls "$WORK/archives")" fetched.deb
	expect_status 7 tools/env/in-tree "$WORK/two" sh -c 'exit 7'
}

root_is_a_mount() {
	cp /usr/bin/busybox "$WORK/"
	tree one
	tools/env/in-tree "$WORK/one" unshare -m sh -c 'exit 0' || fail "unshare -m ends with status $?"
}

no_tree() {
	expect_status 1 tools/env/in-tree '' sh -c 'exit 0'
	expect_status 1 tools/env/in-tree "$WORK/none" sh -c 'exit 0'
}

ktap_run packages_are_there_for_the_next root_is_a_mount no_tree
