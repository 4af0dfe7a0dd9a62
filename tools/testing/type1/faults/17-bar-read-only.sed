# SPDX-License-Identifier: GPL-2.0-only
# A BAR that may only be read is mapped to be written.
# file: pin/pfnmap.c
# cases: bar_read_only
s/if (!write || args.writable)/if (true)/
