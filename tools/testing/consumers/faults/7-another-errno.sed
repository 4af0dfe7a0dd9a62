# SPDX-License-Identifier: GPL-2.0-only
# A mapping over another one fails with EBUSY.
# file: ops/map.c
# consumer: dpdk
# rows: containers
s/ioasid_map_fail(c, -EEXIST, IOASID_R_OVERLAP/ioasid_map_fail(c, -EBUSY, IOASID_R_OVERLAP/
