#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The rule of `make lint` that compares docs/allocations.md with the source: what
# makes it red.
. tools/testing/harness/ktap.sh

PAGE=docs/allocations.md
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# compared: what the rule says of the copy.
compared() { (cd "$WORK" && "$OLDPWD/tools/testing/lint/allocations.sh" kmod "$PAGE"); }

begin() {
	rm -rf "$WORK/kmod" "$WORK/docs"
	mkdir "$WORK/docs"
	cp -r kmod "$WORK/"
	cp "$PAGE" "$WORK/docs/"
}

# red WORDS: the rule prints one line, and it has these words.
red() {
	compared >"$WORK/said"
	[ "$(wc -l <"$WORK/said")" = 1 ] || fail "not one line: $(cat "$WORK/said")"
	grep -q "$1" "$WORK/said" || fail "no '$1' in: $(cat "$WORK/said")"
}

# change FILE SCRIPT: a fault of one line.
change() {
	sed -i "$2" "$WORK/$1"
	! cmp -s "$1" "$WORK/$1" || fail "$2 changes nothing in $1"
}

the_page_is_true() {
	begin
	compared >"$WORK/said"
	[ ! -s "$WORK/said" ] || fail "$(cat "$WORK/said")"
}

a_call_without_a_row() {
	begin
	# shellcheck disable=SC2016
	change kmod/ops/unmap.c '$a static void *unmap_hoard(void)\n{\n\treturn vzalloc(\n\t\t64);\n}'
	red "the source has 1 of 'ops/unmap.c unmap_hoard vzalloc'"
}

a_second_call_of_a_function() {
	begin
	change kmod/abi/ids.c 's/^\tmutex_init(&f->lock);/&\n\tf->more = kzalloc(64, GFP_KERNEL_ACCOUNT);/'
	compared >"$WORK/said"
	grep -q "the source has 2 of 'abi/ids.c ioasid_file_create kzalloc'" "$WORK/said" ||
		fail "$(cat "$WORK/said")"
}

# A name that says nothing, and a flag.
a_flag_without_a_row() {
	begin
	change kmod/abi/ids.c 's/^\tmutex_init(&f->lock);/&\n\tthing_add(\&f->lock, GFP_KERNEL);/'
	red "the source has 1 of 'abi/ids.c ioasid_file_create thing_add'"
}

a_macro_without_a_row() {
	begin
	change kmod/abi/abi.h 's/^struct ioasid_space;/#define MORE(n) \\\n\tkvmalloc(n, GFP_KERNEL)\n\n&/'
	red "the source has 1 of 'abi/abi.h MORE kvmalloc'"
}

a_row_without_a_call() {
	begin
	change "$PAGE" 's/^| space.user.c | user_create | kzalloc .*/&\n| space\/user.c | user_create | kcalloc | 1 | call | caller |/'
	red "the page has 1 of 'space/user.c user_create kcalloc'"
}

an_allocation_that_is_charged_no_more() {
	begin
	change kmod/space/user.c 's/kzalloc(sizeof(\*user), GFP_KERNEL_ACCOUNT)/kzalloc(sizeof(*user), GFP_KERNEL)/'
	red "the page says that the caller pays"
}

a_cache_that_is_charged_no_more() {
	begin
	change kmod/space/mapping.c 's/SLAB_NO_MERGE | SLAB_ACCOUNT/SLAB_NO_MERGE/'
	red "'space/mapping.c ioasid_mapping_init KMEM_CACHE': the page says that the caller pays"
}

a_row_that_says_too_little() {
	begin
	change "$PAGE" '/^| space.user.c | user_create | kzalloc/s/caller |$/kernel |/'
	red "the page says that the caller does not pay"
}

ktap_run the_page_is_true a_call_without_a_row a_second_call_of_a_function a_flag_without_a_row \
	a_macro_without_a_row a_row_without_a_call an_allocation_that_is_charged_no_more \
	a_cache_that_is_charged_no_more a_row_that_says_too_little
