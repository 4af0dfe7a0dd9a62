#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Headers without vmlinux: modules get the BTF of the kernel all the same, where it is at hand.
# A small module stands for ours, which take a minute.
# smoke/kbuild.long.t.sh is about the kernel that runs.
. tools/testing/harness/ktap.sh
. tools/testing/lib/kbuild.sh

# Each kernel that is here.
kernels=$(for vmlinux in /usr/src/linux-headers-*-amd64/vmlinux; do [ ! -e "$vmlinux" ] || basename "${vmlinux%/vmlinux}" | sed s/linux-headers-//; done)
first=$(echo "$kernels" | head -n 1)

# sections FILE: sums of what it has of BTF.
sections() {
	for section in .BTF .BTF.base; do
		rm -f "$WORK/section"
		objcopy -O binary --only-section="$section" --set-section-flags "$section=alloc" "$1" "$WORK/section"
		echo "$section $(md5sum <"$WORK/section")"
	done
}

# has_btf FILE
has_btf() { readelf -SW "$1" | grep -q ' \.BTF '; }

# the_same RELEASE: as with vmlinux.
the_same() {
	bare "$1"
	small "$WORK/$1/stock"
	small "$WORK/$1/small"
	make -s -C "/usr/src/linux-headers-$1" M="$WORK/$1/stock" modules >"$WORK/log" 2>&1 || fail "$(cat "$WORK/log")"
	IOASID_BTF=$btf "$kbuild" "$headers" "$WORK/$1/tree" M="$WORK/$1/small" modules >"$WORK/log" 2>&1 || fail "$(cat "$WORK/log")"
	has_btf "$WORK/$1/small/small.ko" || fail "no BTF for $1: $(cat "$WORK/log")"
	expect_same "BTF for $1" "$(sections "$WORK/$1/small/small.ko")" "$(sections "$WORK/$1/stock/small.ko")"
}

as_with_vmlinux() { the_same "$first"; }

# The way to do it changed between the oldest kernel and the newest.
as_with_vmlinux_on_the_newest() {
	last=$(echo "$kernels" | tail -n 1)
	[ "$last" != "$first" ] || skip "there is one kernel here"
	the_same "$last"
}

# After the first test.
nothing_is_made_again() {
	bare "$first"
	IOASID_BTF=$btf "$kbuild" "$headers" "$WORK/$first/tree" M="$WORK/$first/small" modules >"$WORK/log" 2>&1 || fail "$(cat "$WORK/log")"
	if grep -q 'BTF \[M\]\|CC \[M\]' "$WORK/log"; then fail "made again: $(cat "$WORK/log")"; fi
}

# not_made WHY COMMAND...: it builds, without BTF.
not_made() {
	why=$1
	shift
	bare "$first"
	rm -rf "$WORK/none" "$WORK/tree"
	small "$WORK/none"
	"$@" "$kbuild" "$headers" "$WORK/tree" M="$WORK/none" modules >"$WORK/log" 2>&1 || fail "$why: $(cat "$WORK/log")"
	[ -e "$WORK/none/small.ko" ] || fail "$why: no module"
	if has_btf "$WORK/none/small.ko"; then fail "$why: BTF all the same"; fi
	[ ! -e "$WORK/tree" ] || fail "$why: a tree of links"
}

not_of_another_kernel() {
	[ "$(cat /proc/sys/kernel/osrelease)" != "$first" ] || skip "this is that kernel"
	# That it is so according to uname(1) does not count.
	mkdir -p "$WORK/uname"
	printf '#!/bin/sh\necho %s\n' "$first" >"$WORK/uname/uname"
	chmod 755 "$WORK/uname/uname"
	not_made "another kernel runs" env PATH="$WORK/uname:$PATH"
}

without_pahole() {
	mkdir -p "$WORK/bin"
	ln -s /usr/bin/* "$WORK/bin/"
	rm "$WORK/bin/pahole"
	bare "$first"
	not_made "there is no pahole" env PATH="$WORK/bin" IOASID_BTF="$btf"
}

ktap_run as_with_vmlinux as_with_vmlinux_on_the_newest nothing_is_made_again not_of_another_kernel without_pahole
