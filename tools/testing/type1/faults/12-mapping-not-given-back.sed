# SPDX-License-Identifier: GPL-2.0-only
# An unmap does not make room for a map.
# file: space/tree.c
# cases: info_free_mappings
s/^\tspace->avail++;/\t;/
