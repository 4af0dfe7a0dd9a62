# SPDX-License-Identifier: GPL-2.0-only
# Owners are compared by pid, which exec does not change: the charge ends with the old memory.
# file: ops/owner.c
# consumer: qemu-live
# rows: exec
/^int ioasid_pages_change_owner/,/^}/s/if (pages->holder->mm != current->mm)/if (pages->holder->who.tgid != current->tgid)/
