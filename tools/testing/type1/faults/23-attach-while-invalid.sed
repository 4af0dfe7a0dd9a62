# SPDX-License-Identifier: GPL-2.0-only
# A group may come while addresses are invalid.
# file: ops/attach.c
# cases: vaddr_keeps_groups_out
/^static int attach_locked/,/^}/s/if (space->no_vaddr)/if (0)/
