#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# 'ioasidctl report': what is in it, and what is not; and a machine on which little works.
. tools/testing/lib/policy.sh

errors=/sys/kernel/debug/ioasid/errors

# section FILE TITLE: its lines.
section() { awk -v title="== $2" '/^== / { on = $0 == title; next } on' "$1"; }

expect_in() {
	section "$scratch/report" "$1" >"$scratch/section"
	expect_line "$scratch/section" "$2"
}

has_every_part() {
	begin
	"$mapper" map 16M 4K map 16M 4K >/dev/null
	load quota --set most=1
	hold map 16M 2M
	"$mapper" map 16M 4K >/dev/null
	ioasidctl report --output "$scratch/report"
	expect_same 'mode' "$(stat -c %a "$scratch/report")" 600
	expect_in machine "ioasidctl      $(cat VERSION)"
	expect_in machine "kernel         $(uname -r)"
	expect_in status 'new containers'
	expect_in doctor 'ok    iommu'
	expect_in 'features and parameters' dma_entry_limit
	expect_in 'address spaces' "$held mapper"
	expect_in processes "$held mapper"
	expect_in holders "kill $held"
	expect_in policies quota
	expect_in 'exits of policies' 'quota:  state enabled'
	expect_in 'limits of pincg' 'not loaded'
	expect_in counters 'stats on'
	expect_in 'calls that failed' 'EEXIST   overlap'
	expect_in 'calls that failed' 'ENOSPC   policy'
	expect_in 'kernel log' ioasid
	expect_same sections "$(grep -c '^== ' "$scratch/report")" 13
	# To the terminal as well.
	ioasidctl report | grep -q '^== kernel log$'
}

# Neither those that the iterators know nor those that the log may hold.
has_no_address() {
	begin
	hold map 16M 2M
	echo "ioasid: segfault at 7f1234567890 ip 00005612345678ab, 0x7f9876543210 and 0x1ffffffff" >/dev/kmsg
	ioasidctl report >"$scratch/report"
	expect_in 'kernel log' 'segfault at (address) ip (address), (address) and (address)'
	id=$(member "$(ioasidctl -j list)" id)
	ioasidctl -j show "$id" | jq -r '.mappings[].vaddr' >"$scratch/vaddr"
	[ -s "$scratch/vaddr" ]
	while read -r address; do
		! grep -i "${address#0x}" "$scratch/report" || fail "$address is in it"
	done <"$scratch/vaddr"
	! grep -E '7f[0-9a-f]{10}' "$scratch/report" || fail "an address is in it"
}

# words N WORD...: the words, N times.
words() {
	words_n=$1
	shift
	yes "$*" | head -n "$words_n"
}

# The same failure is one entry; the 65th kind takes the place of the oldest.
# shellcheck disable=SC2046
failures_are_remembered() {
	begin
	"$mapper" map 16M 4K $(words 30 map 16M 4K) >/dev/null
	expect_same 'the last' "$(awk 'NR == 2 { print $5, $6, $7, $9 }' "$errors")" 'mapper 0 -17 30'
	"$mapper" map 16M 4K $(words 64 fork map 16M 4K) >/dev/null
	expect_same 'lines' "$(wc -l <"$errors")" 65
	! grep -q ' 30$' "$errors" || fail "the oldest is still there"
	expect_same 'in order' "$(sed 1d "$errors" | cut -d ' ' -f 1 | sort -c -r -n 2>&1)" ''
	expect_status 1 setpriv --reuid 1000 --clear-groups cat "$errors" 2>/dev/null
}

nobody() { setpriv --reuid 1000 --regid 1000 --clear-groups "$@"; }

not_root() {
	begin
	nobody ioasidctl report >"$scratch/report" 2>"$scratch/error"
	expect_line "$scratch/error" 'run this as root'
	expect_in status 'new containers'
	expect_in 'address spaces' 'run this as root'
	expect_in 'calls that failed' "cannot read $errors: Permission denied"
	expect_same sections "$(grep -c '^== ' "$scratch/report")" 13
}

full_disk() {
	begin
	mkdir "$scratch/disk"
	mount -t tmpfs -o size=4k tmpfs "$scratch/disk"
	echo old >"$scratch/disk/report"
	expect_status 1 ioasidctl report --output "$scratch/disk/report" 2>"$scratch/error"
	expect_line "$scratch/error" "cannot write '$scratch/disk/report': No space left on device"
	expect_same 'what was there' "$(cat "$scratch/disk"/*)" old
	umount "$scratch/disk"
	expect_status 1 ioasidctl report >/dev/full 2>"$scratch/error"
	expect_line "$scratch/error" 'cannot write the output'
	expect_status 1 ioasidctl report --output "$scratch/none/report" 2>/dev/null
}

wrong_words() {
	begin
	expect_status 2 ioasidctl -j report 2>"$scratch/error"
	expect_line "$scratch/error" 'a report is text'
	expect_status 2 ioasidctl report more 2>/dev/null
	expect_status 2 ioasidctl list --output "$scratch/report" 2>"$scratch/error"
	expect_line "$scratch/error" "--output is for 'metrics' and 'report' only"
	ioasidctl --help | grep -q '^  report   \[--output FILE\]'
}

# No BTF: nothing that looks by BPF works, and the rest does.
no_btf() {
	begin
	mount --bind "$scratch" /sys/kernel/btf
	ioasidctl report >"$scratch.report" 2>&1 || :
	umount /sys/kernel/btf
	mv "$scratch.report" "$scratch/report"
	expect_in status 'new containers'
	expect_in doctor btf
	expect_in 'calls that failed' SECONDS
	expect_same sections "$(grep -c '^== ' "$scratch/report")" 13
}

# The last one: it takes the modules away.
no_module() {
	begin
	modules_unload ioasid_vfio ioasid
	ioasidctl report >"$scratch/report"
	expect_in status 'ioasid is not loaded'
	expect_in 'calls that failed' 'modprobe ioasid'
	expect_in holders 'modprobe ioasid'
	expect_in machine "ioasidctl      $(cat VERSION)"
	expect_same sections "$(grep -c '^== ' "$scratch/report")" 13
	modules_load ioasid
}

ktap_run has_every_part has_no_address failures_are_remembered not_root full_disk wrong_words no_btf no_module
