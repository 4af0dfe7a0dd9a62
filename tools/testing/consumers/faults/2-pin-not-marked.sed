# SPDX-License-Identifier: GPL-2.0-only
# A page that a driver pins for one write is not dirty.
# file: ops/user_pin.c
# consumer: qemu-live
# rows: migrate
s/^\tioasid_dirty_mark(c->space, area, c->iova, PAGE_SIZE);/\t;/
