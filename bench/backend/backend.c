// SPDX-License-Identifier: GPL-2.0-only
/* The table of backends and what is common to them. */
#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "backend/backend.h"
#include "mem.h"
#include "util.h"

static const struct backend_ops *const backends[] = {
	&backend_auto,
	&backend_type1,
	&backend_ioasid,
	&backend_join,
	&backend_group,
	&backend_direct,
	&backend_native,
	&backend_native_file,
	&backend_helped,
	&backend_uring,
	&backend_iommufd,
	&backend_iommufd_file,
	&backend_pin,
};

const struct backend_ops *backend_find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(backends); i++)
		if (!strcmp(backends[i]->name, name))
			return backends[i];
	return NULL;
}

const char *backend_driver(const struct backend_ops *ops)
{
	return ops->driver ? ops->driver : "vfio-pci";
}

void backend_list(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(backends); i++)
		printf("  %-12s %s\n", backends[i]->name, backends[i]->summary);
}

int backend_open(struct backend *b, const struct backend_ops *ops, const char *bdf,
		 int version, uint64_t maps)
{
	memset(b, 0, sizeof(*b));
	b->ops = ops;
	b->maps = maps;
	b->type = version == 1 ? VFIO_TYPE1_IOMMU : VFIO_TYPE1v2_IOMMU;
	snprintf(b->bdf, sizeof(b->bdf), "%s", bdf);
	return ops->open(b, bdf);
}

uint64_t backend_offset(const struct backend *b, const void *va)
{
	return (uint64_t)((const char *)va - b->mem->va);
}

void backend_take_container(struct backend *b)
{
	const struct vfio_container *c = &b->container;

	b->group = c->group;
	b->page_sizes = c->page_sizes;
	b->dma_avail = c->dma_avail;
	b->ranges = c->ranges;
	memcpy(b->range, c->range, sizeof(b->range));
}

void backend_close(struct backend *b)
{
	if (!b->closed)
		b->ops->close(b);
	b->closed = true;
}

static bool fits(const struct iova_range *r, uint64_t from, uint64_t len, uint64_t align,
		 uint64_t *iova)
{
	uint64_t start = MAX(r->start, from);

	if (start > UINT64_MAX - align)
		return false;
	start = ROUND_UP(start, align);
	if (start > r->last || r->last - start < len - 1)
		return false;
	*iova = start;
	return true;
}

int backend_iova(const struct backend *b, uint64_t len, uint64_t align, uint64_t *iova)
{
	char size[SIZE_TEXT];
	unsigned int i;

	for (i = 0; i < b->ranges; i++)
		if (fits(&b->range[i], 4 * GIB, len, align, iova))
			return 0;
	for (i = 0; i < b->ranges; i++)
		if (fits(&b->range[i], MIB, len, align, iova))
			return 0;
	return fail("the IOMMU of %s has no free range of %s: use a smaller --size", b->bdf,
		    format_size_exact(len, size));
}

int backend_map_failed(const struct backend *b, int err, uint64_t iova, uint64_t len)
{
	struct rlimit lim = { 0 };
	char size[SIZE_TEXT];

	format_size_exact(len, size);
	getrlimit(RLIMIT_MEMLOCK, &lim);
	switch (-err) {
	case ENOMEM:
		return fail("%s cannot pin %s: RLIMIT_MEMLOCK is %llu KiB: raise it (ulimit -l) or run as root",
			    b->answered, size, (unsigned long long)(lim.rlim_cur / KIB));
	case ENOSPC:
		return fail("%s allows no further map: use bigger or fewer maps, or load it with a higher dma_entry_limit",
			    b->answered);
	default:
		return fail("%s refused to map %s at IOVA %#llx: %s", b->answered, size,
			    (unsigned long long)iova, strerror(-err));
	}
}
