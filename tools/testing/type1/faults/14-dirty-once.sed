# SPDX-License-Identifier: GPL-2.0-only
# A page that a driver holds is dirty only once.
# file: space/dirty.c
# cases: pin_dirty
/^static void piece_take/,/^}/s/dirty_add_pins(area, p->from, p->n);/;/
