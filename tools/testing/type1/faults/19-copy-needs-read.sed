# SPDX-License-Identifier: GPL-2.0-only
# A write to a mapping does not need READ.
# file: ops/access.c
# cases: rw_errors
s/u8 need = IOMMU_READ | (write ? IOMMU_WRITE : 0);/u8 need = write ? IOMMU_WRITE : IOMMU_READ;/
