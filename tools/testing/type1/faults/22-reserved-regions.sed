# SPDX-License-Identifier: GPL-2.0-only
# Reserved regions may be mapped.
# file: space/iova_ranges.c
# cases: info_ranges
s/r->type != IOMMU_RESV_DIRECT_RELAXABLE && r->length/r->type == IOMMU_RESV_DIRECT \&\& r->length/
