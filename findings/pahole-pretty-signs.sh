#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# pahole 1.30 prints the unsigned members of raw records as signed numbers.
#
# pahole -C TYPE --prettify FILE prints records of that type. It looks at the size of a member, and not
# at the sign that BTF and DWARF give: an IOVA of 64 bits near the top is -4096, a PCI vendor 0x8086
# is -32634, and with --hex it is 0xffffffffffff8086, a number of 64 bits from a field of 16.
# filter=MEMBER==VALUE compares with what is printed: a filter for vendor 0x8086 drops all
# records that have it, and the filter that finds them is vendor==-32634.
# A number below the top bit is correct. Mask what --hex prints to the size of the member.
. "$(dirname "$0")/debian.sh"

debian pahole=1.30-1 libdw1t64 libelf1t64 libbpf1 libbz2-1.0 liblzma5 zlib1g libzstd1 libc6

# BTF of: struct event { unsigned long iova, size; long result; unsigned int index;
# unsigned short vendor, device; }, and two records.
perl -e '
	my $strings = "\0";
	sub name { my $at = length $strings; $strings .= "$_[0]\0"; return $at }
	sub number { my ($name, $size, $signed) = @_; return pack("V4", name($name), 1 << 24, $size, $signed << 24 | 8 * $size) }
	my $types = number("unsigned long", 8, 0) . number("long", 8, 1) . number("unsigned int", 4, 0) . number("unsigned short", 2, 0);
	my @members = (["iova", 1, 0], ["size", 1, 8], ["result", 2, 16], ["index", 3, 24], ["vendor", 4, 28], ["device", 4, 30]);
	$types .= pack("V3", name("event"), 4 << 24 | @members, 32);
	$types .= pack("V3", name($_->[0]), $_->[1], 8 * $_->[2]) for @members;
	open my $to, ">:raw", $ARGV[0] or die;
	print $to pack("vCCV5", 0xeb9f, 1, 0, 24, 0, length $types, length $types, length $strings), $types, $strings;
	open $to, ">:raw", $ARGV[1] or die;
	print $to pack("Q<2q<Vv2", 0xfffffffffffff000, 1 << 39, -22, 0x80000003, 0x8086, 0x1533) for 1, 2' "$tmp/types" "$tmp/records"

print() { run usr/bin/pahole -F btf --prettify "$tmp/records" "$@" "$tmp/types"; }
found() { echo "$1: $(print -C "event(filter=$1)" | grep -c iova || :)"; }

seen=$(print -C event --count 1 | tr -d '\n\t'
	echo
	print -C event --count 1 --hex | tr -d '\n\t'
	echo
	for filter in device==0x1533 vendor==0x8086 vendor==-32634 index==0x80000003; do found $filter; done)
same "signs of members" "$seen" "{.iova = -4096,.size = 549755813888,.result = -22,.index = -2147483645,.vendor = -32634,.device = 5427,},
{.iova = 0xfffffffffffff000,.size = 0x8000000000,.result = 0xffffffffffffffea,.index = 0xffffffff80000003,.vendor = 0xffffffffffff8086,.device = 0x1533,},
device==0x1533: 2
vendor==0x8086: 0
vendor==-32634: 2
index==0x80000003: 0"
echo "$seen"
