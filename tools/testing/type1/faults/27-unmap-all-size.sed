# SPDX-License-Identifier: GPL-2.0-only
# UNMAP with ALL does not mind a size.
# file: ops/unmap.c
# cases: unmap_all_v2
s/if (u->iova || u->length)/if (u->iova)/
