// SPDX-License-Identifier: GPL-2.0-only
/*
 * The groups that are attached to an address space.
 *
 * What can run at the same time: anything but attach and detach, which change the
 * list under domains_rwsem (for writing) and areas_lock; the caller holds one of them.
 */
#include <linux/iommu.h>

#include "space.h"

/*
 * ioasid_group_find() - the attached @group, or NULL
 *
 * domains_rwsem or areas_lock is held.
 */
struct ioasid_group *ioasid_group_find(struct ioasid_space *space, struct iommu_group *group)
{
	struct ioasid_group *g;

	ioasid_assert_either_lock(space);
	list_for_each_entry(g, &space->groups, link)
		if (g->group == group)
			return g;
	return NULL;
}

struct iommu_domain *ioasid_group_domain(struct ioasid_space *space, struct iommu_group *group)
{
	struct iommu_domain *domain = ERR_PTR(-ENODEV);
	struct ioasid_group *g;

	down_read(&space->domains_rwsem);
	g = ioasid_group_find(space, group);
	if (g && g->domain)
		domain = g->domain->domain;
	up_read(&space->domains_rwsem);
	return domain;
}
IOASID_EXPORT(ioasid_group_domain);

void ioasid_group_reports_dirty(struct ioasid_space *space, struct iommu_group *group)
{
	struct ioasid_group *g;

	mutex_lock(&space->areas_lock);
	g = ioasid_group_find(space, group);
	if (g)
		g->reports = true;
	mutex_unlock(&space->areas_lock);
}
IOASID_EXPORT(ioasid_group_reports_dirty);
