# SPDX-License-Identifier: GPL-2.0-only
# One of 64 pages is never reported.
# file: space/dirty.c
# consumer: qemu-live
# rows: migrate
s/\(p->words\[at \/ 64\] |= (u64)bitmap_read(dirty, p->from + at - p->shift, n)\) << at % 64;/\1 << at % 64 \& ~BIT_ULL(9);/
