# SPDX-License-Identifier: GPL-2.0-only
# An unmap does not make room for a map.
# file: core/unmap.c
# cases: info_free_mappings
s/^\t\tspace->avail++;/\t\t;/
