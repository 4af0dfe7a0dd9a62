# SPDX-License-Identifier: GPL-2.0-only
# The old owner pays after a live update.
# file: ops/owner.c
# consumer: qemu-live
# rows: transfer-memfd
/^int ioasid_pages_change_owner/,/^}/s/if (pages->holder->mm != current->mm)/if (0)/
