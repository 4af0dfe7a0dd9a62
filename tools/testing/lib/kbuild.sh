# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2034
# For tests of tools/packaging/kbuild: a small module, and headers that have no vmlinux.
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
kbuild=$PWD/tools/packaging/kbuild

# small DIR: its sources.
small() {
	mkdir -p "$1"
	echo 'obj-m := small.o' >"$1/Kbuild"
	cat >"$1/small.c" <<-'END'
		#include <linux/module.h>
		#include <linux/mm.h>
		struct small_of_ours { struct page *page; int nr; };
		noinline int small_sum(struct small_of_ours *s);
		noinline int small_sum(struct small_of_ours *s) { return s->nr + !s->page; }
		static struct small_of_ours one;
		static int __init small_init(void) { return small_sum(&one) - 1; }
		static void __exit small_exit(void) { }
		module_init(small_init);
		module_exit(small_exit);
		MODULE_DESCRIPTION("a test");
		MODULE_LICENSE("GPL");
	END
}

# bare RELEASE: $headers is a copy of its headers without vmlinux, $btf what that has.
bare() {
	headers=$WORK/$1/headers btf=$WORK/$1/btf
	[ ! -e "$btf" ] || return 0
	mkdir -p "$WORK/$1"
	cp -a "/usr/src/linux-headers-$1" "$headers"
	rm "$headers/vmlinux" "$headers/scripts" "$headers/tools"
	ln -s "$(readlink -f "/usr/src/linux-headers-$1/scripts")" "$(readlink -f "/usr/src/linux-headers-$1/tools")" "$headers"
	sed -i "s,^KBUILD_OUTPUT=.*,KBUILD_OUTPUT=$headers," "$headers/Makefile"
	objcopy -O binary --only-section=.BTF "/usr/src/linux-headers-$1/vmlinux" "$btf"
}
