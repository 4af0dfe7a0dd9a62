/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _IOASID_DIRECT_H
#define _IOASID_DIRECT_H

#include <linux/types.h>

struct iommu_domain;

bool ioasid_direct_can(const struct iommu_domain *domain);
int ioasid_direct_map(struct iommu_domain *domain, u64 iova, phys_addr_t phys, size_t size,
		      int prot, u64 *mapped);
size_t ioasid_direct_unmap(struct iommu_domain *domain, u64 iova, size_t size,
			   struct iommu_iotlb_gather *gather);
int ioasid_direct_sync(struct iommu_domain *domain, u64 iova, size_t size);

#endif /* _IOASID_DIRECT_H */
