# SPDX-License-Identifier: GPL-2.0-only
# Pages are let go of with no flush before.
# file: domain/unmap.c
# cases: unmap_flushes_first
/^static void clear_sync/,/^}/s/iommu_iotlb_sync(d->domain, gather);/;/
