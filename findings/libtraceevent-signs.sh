#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# libtraceevent 1.8.4 reads signed fields as unsigned, and masks of flags as signed.
#
# The format of an event says of each field whether it is signed; libtraceevent does
# not use that where it computes. An errno of -22 has no name in __print_symbolic(),
# -1 in 16 bits prints as 65535, "ret < 0" is false in a print format and in a filter:
# trace-cmd report -F "ret < 0" finds no failed call, and "ret > 0" finds all of them.
# The mask of __print_flags() is signed instead: a flag in bit 63 never gets its name.
# The kernel's own trace file is right in all of these. A filter can compare
# for equality, and a print format can show the number itself in 32 or 64 bits.
. "$(dirname "$0")/tracecmd.sh"

records <<'END'
event name
field 4 1 -22 int ret
print "-22 is named %s", __print_symbolic(REC->ret, { 0, "ok" }, { -22, "EINVAL" })
event sixteen
field 2 1 -1 s16 node
print "-1 is printed as %d", REC->node
event choice
field 4 1 -22 int ret
print "-22 is %s", REC->ret < 0 ? "an error" : "a success"
event half
field 8 1 -10 s64 room
print "-10 / 2 is %lld", REC->room / 2
event flags
field 8 0 0x0100000000000080 u64 flags
print "bits 0 and 63 are %s", __print_flags(REC->flags, "|", { 1ULL, "LOW" }, { 0x8000000000000000ULL, "TOP" })
event whole
field 4 1 -22 int ret
print "ret=%d", REC->ret
END

taken() { echo "filter $1: $(report -F "whole: $1" | grep -c .)"; }

seen=$(report
	taken 'ret < 0'
	taken 'ret > 0'
	taken 'ret == -22')
same "signs" "$seen" "-22 is named 0xffffffea
-1 is printed as 65535
-22 is a success
-10 / 2 is 9223372036854775803
bits 0 and 63 are LOW|0x8000000000000000
ret=-22
filter ret < 0: 0
filter ret > 0: 1
filter ret == -22: 1"
echo "$seen"
