/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The page tables of domains: writing areas into them, and clearing them.
 */
#ifndef _IOASID_DOMAIN_H
#define _IOASID_DOMAIN_H

#include "space/space.h"

/* map.c: into page tables */
int ioasid_domain_program(struct ioasid_domain *d, struct ioasid_area *area, bool sync,
			  struct ioasid_map_result *res);
int ioasid_space_program(struct ioasid_space *space, struct ioasid_area *area, bool sync,
			 struct ioasid_map_result *res);
int ioasid_space_program_run(struct ioasid_space *space, struct ioasid_area **areas,
			     unsigned int nr, unsigned int *done);
int ioasid_domain_sync_map(struct ioasid_domain *d, u64 start, u64 last);
int ioasid_space_sync_map(struct ioasid_space *space, u64 start, u64 last);
void ioasid_space_unprogram(struct ioasid_space *space, struct ioasid_area *area);

/* Areas of a run: fewer pages than the smallest entry of several that a driver may make of them. */
#define IOASID_RUN_MOST	64

/*
 * ioasid_area_continues() - single pages: does @next come right after @area, in IOVAs and in memory?
 *
 * Both are pinned, new, and have pages of their own. Frames are the lowest bits of an extent, so
 * the next frame is one more.
 */
static inline bool ioasid_area_continues(const struct ioasid_area *area,
					 const struct ioasid_area *next)
{
	const struct ioasid_pages *before = &area->own;
	const struct ioasid_pages *pages = &next->own;

	/* Not from the last address of all to the first. */
	return next->node.start > area->node.last && next->node.start - area->node.last == 1 &&
	       pages->ext.inl[0] == before->ext.inl[0] + 1 && pages->npages == 1 &&
	       before->npages == 1 && next->prot == area->prot &&
	       likely(!pages->sparse && !pages->bare && !before->sparse && !before->bare);
}

/* cut.c: parts of an area */
bool ioasid_domain_may_cut(struct ioasid_domain *d, const struct ioasid_area *area, u64 at,
			   struct ioasid_iova_range *entry);

/* revoke.c: areas with device memory */
int ioasid_revocable_program(struct ioasid_domain *d, struct ioasid_area *area);
void ioasid_revocable_clear(struct ioasid_domain *d, struct ioasid_area *area);

/**
 * struct ioasid_doubt - entries that a failed call of the driver may have written
 * @iova: first address that it has not reported as written
 * @phys: the address that it was asked to map there
 * @bytes: up to the end of the extent; 0: there is no doubt
 */
struct ioasid_doubt {
	u64 iova;
	phys_addr_t phys;
	u64 bytes;
};

/* unmap.c: clear page tables */
void ioasid_domain_undo(struct ioasid_domain *d, struct ioasid_area *area, u64 done,
			const struct ioasid_doubt *doubt);
bool ioasid_domain_clear(struct ioasid_domain *d, struct ioasid_areas *areas, u32 per_sync,
			 struct ioasid_unmap_result *res, bool timing);

/* The steps of clearing, for revoke.c. */
u64 ioasid_clear_range(struct iommu_domain *domain, u64 iova, u64 size,
		       struct iommu_iotlb_gather *gather);
void ioasid_clear_found(struct iommu_domain *domain, struct ioasid_area *area, u64 iova,
			phys_addr_t phys, u64 bytes, struct iommu_iotlb_gather *gather);
void ioasid_clear_torn(struct iommu_domain *domain, struct ioasid_area *area,
		       struct iommu_iotlb_gather *gather);
void ioasid_area_stuck_at(struct iommu_domain *domain, struct ioasid_area *area, u64 from,
			  u64 last);
/* map.c: the parameter disable_hugepages */
bool ioasid_map_by_page(const struct ioasid_area *area);

#endif /* _IOASID_DOMAIN_H */
