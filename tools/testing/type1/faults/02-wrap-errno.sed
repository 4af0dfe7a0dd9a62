# SPDX-License-Identifier: GPL-2.0-only
# Another errno for a map that wraps.
# file: ops/map.c
# cases: map_wraps
s/IOASID_MAP_LEGACY ? -COMPAT_TYPE1_EOVERFLOW/IOASID_MAP_LEGACY ? -ERANGE/
