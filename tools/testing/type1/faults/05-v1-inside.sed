# SPDX-License-Identifier: GPL-2.0-only
# v1: an unmap from inside a mapping takes it.
# file: ops/unmap.c
# cases: unmap_v1_inside
s/return unmap_flags(c, kind) & IOASID_UNMAP_V1 && ioasid_area_start(area) < c->args.iova;/return false;/
