# SPDX-License-Identifier: GPL-2.0-only
# An address may be made invalid twice.
# file: ops/unmap.c
# cases: vaddr_twice
/^static int unmap_vaddr_check/,/^}/s/return area->no_vaddr || /return /
