/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between the files about in-kernel users: access.c and user_pin.c.
 */
#ifndef _IOASID_ACCESS_H
#define _IOASID_ACCESS_H

#include <linux/types.h>

struct ioasid_area;
struct ioasid_extents;
struct ioasid_fail;
struct ioasid_pages;
struct ioasid_space;

/* access.c */
struct ioasid_area *ioasid_access_lock_area(struct ioasid_space *space, u64 iova,
					    struct ioasid_fail *f);

/* user_pin.c */
unsigned long ioasid_area_paid(struct ioasid_space *space, u64 iova,
			       const struct ioasid_pages *pages, unsigned long first,
			       unsigned long n);
unsigned long ioasid_area_paid_all(struct ioasid_space *space, struct ioasid_area *area,
				   const struct ioasid_extents *ext);
unsigned long ioasid_area_hand_over(struct ioasid_space *space, struct ioasid_area *area,
				    unsigned long npages);

#endif /* _IOASID_ACCESS_H */
