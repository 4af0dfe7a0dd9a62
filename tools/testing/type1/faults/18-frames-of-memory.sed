# SPDX-License-Identifier: GPL-2.0-only
# Frames of ordinary memory are mapped without a pin.
# file: pin/pfnmap.c
# cases: bar_of_memory
s/return !pfn_valid(pfn) || PageReserved(pfn_to_page(pfn));/return true;/
