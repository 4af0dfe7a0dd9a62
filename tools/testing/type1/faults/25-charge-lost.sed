# SPDX-License-Identifier: GPL-2.0-only
# A page that a driver paid for and unpins under an IOMMU is free.
# file: ops/user_pin.c
# cases: account_pinned_by_driver
s/^\t\tpages->charged++;/\t\t;/
