# SPDX-License-Identifier: GPL-2.0-only
# One mapping less than dma_entry_limit says.
# file: ops/map.c
# cases: map_limit
s/if (!space->avail)/if (space->avail <= 1)/
