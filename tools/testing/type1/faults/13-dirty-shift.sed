# SPDX-License-Identifier: GPL-2.0-only
# Dirty bits are not shifted to where they belong.
# file: space/dirty.c
# cases: dirty_shifted
s/p->shift = p->at % 64;/p->shift = 0;/
