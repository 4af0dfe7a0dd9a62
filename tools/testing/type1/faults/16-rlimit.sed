# SPDX-License-Identifier: GPL-2.0-only
# RLIMIT_MEMLOCK binds nobody whose capability was not asked for.
# file: pin/charge.c
# cases: account_limit
s/bypass = ioasid_pages_cap(pages) == IOASID_CAP_YES/bypass = ioasid_pages_cap(pages) != IOASID_CAP_NO/
