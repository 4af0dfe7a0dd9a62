#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# libtraceevent 1.8.4 groups the operators of a print format from the right, and those
# of a filter from the left.
#
# The format of an event is C, in which operators of one rank group from the left.
# libtraceevent, and so trace-cmd, computes 10 - 3 - 2 as 10 - (3 - 2), a share in percent
# with the division first, and "c ? a : b + 1" as "(c ? a : b) + 1": trace-cmd report
# prints other numbers than the kernel's own trace file, and no warning.
# In a filter && does not bind tighter than ||, as it does in the kernel's filters:
# report -F drops an event that record -f takes with the same words.
# Print formats and filters that put parentheses around every pair are read as meant.
. "$(dirname "$0")/tracecmd.sh"

records <<'END'
event minus
field 8 0 10 u64 a
print "10 - 3 - 2 = %llu", REC->a - 3 - 2
event percent
field 8 0 4 u64 a
print "4 * 100 / 8 = %llu", REC->a * 100 / 8
event page
field 8 0 74565 u64 a
print "0x12345 >> 12 << 12 = %#llx", REC->a >> 12 << 12
event choice
field 8 0 1 u64 a
print "1 ? 1 : 2 + 3 = %llu", REC->a ? 1 : 2 + 3
event pairs
field 8 0 10 u64 a
print "(10 - 3) - 2 = %llu", (REC->a - 3) - 2
END

taken() { echo "$1: $(report -F "minus: $1" | grep -c .)"; }

seen=$(report
	taken 'a == 10 || a == 6 && a == 7'
	taken 'a == 10 || (a == 6 && a == 7)')
same "grouping of operators" "$seen" "10 - 3 - 2 = 9
4 * 100 / 8 = 48
0x12345 >> 12 << 12 = 0x12345
1 ? 1 : 2 + 3 = 4
(10 - 3) - 2 = 5
a == 10 || a == 6 && a == 7: 0
a == 10 || (a == 6 && a == 7): 1"
echo "$seen"
