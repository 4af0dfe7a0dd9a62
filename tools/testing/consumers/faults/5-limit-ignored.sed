# SPDX-License-Identifier: GPL-2.0-only
# The new owner may lock more than its RLIMIT_MEMLOCK.
# file: ops/owner.c
# consumer: qemu-live
# rows: transfer-limit
/^static int owner_move_charge/,/^}/s/^\tioasid_pages_ask_cap(next);/\tnext->ext.tag |= FIELD_PREP(IOASID_TAG_CAP, IOASID_CAP_YES);/
