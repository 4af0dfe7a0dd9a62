# SPDX-License-Identifier: GPL-2.0-only
# v2: an unmap may cut a mapping at its end.
# file: ops/unmap.c
# cases: unmap_bisects
s/if (start >= c->args.iova && last <= c->last)/if (start >= c->args.iova)/
