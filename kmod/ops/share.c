// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings that share their charge (pin/share.c): find those of an owner, and enter one that
 * was mapped while its owner had no books.
 *
 * What can run at the same time: anything. A survey looks at one space after the other, each
 * under its areas_lock, and enters what is LIVE. The books were announced before, so what is
 * BUILDING joins when it gets LIVE, under the same lock; what is DYING was charged in full,
 * and gets that back. Pages whose owner is on the move are left to the call that moves them,
 * which lets them join in the end.
 */
#include <linux/mm.h>

#include "ops.h"

/* Enter @pages, if they are those of @like's owner; areas_lock is held, and they are LIVE. */
static int share_survey_pages(struct ioasid_space *space, struct ioasid_pages *pages,
			      const struct ioasid_pages *like, unsigned long *excess)
{
	int ret = 0;

	lockdep_assert_held(&space->areas_lock);
	if (READ_ONCE(pages->share) != IOASID_SHARE_ALONE || !ioasid_pages_claim(pages))
		return 0;
	if (pages->holder->mm == like->holder->mm && pages->holder->user == like->holder->user)
		ret = ioasid_share_join(pages, excess);
	ioasid_pages_unclaim(pages);
	return ret;
}

static int share_survey_space(struct ioasid_space *space, const struct ioasid_pages *like,
			      unsigned long *excess)
{
	struct ioasid_area *area;
	int ret = 0;

	mutex_lock(&space->areas_lock);
	WRITE_ONCE(space->booked, true);
	for (area = ioasid_area_first(space, 0, U64_MAX); area && !ret;
	     area = ioasid_area_next(space, area, 0, U64_MAX))
		if (area->state == IOASID_AREA_LIVE)
			ret = share_survey_pages(space, ioasid_area_pages(area), like, excess);
	mutex_unlock(&space->areas_lock);
	return ret;
}

/* ioasid_share_survey() - see ioasid_survey_fn */
int ioasid_share_survey(const struct ioasid_pages *like, unsigned long *excess)
{
	struct ioasid_space_entry *e;
	struct ioasid_space *space;
	u32 id = 0;
	int ret = 0;

	/* The books are announced: what is not found now finds them, see __ioasid_share_note(). */
	smp_mb();
	while (!ret && (e = ioasid_space_find_after(&id))) {
		space = ioasid_space_of(e);
		if (READ_ONCE(space->sharers) || READ_ONCE(space->sharer) == like->holder->mm)
			ret = share_survey_space(space, like, excess);
		ioasid_space_entry_put(e);
		cond_resched();
	}
	return ret;
}

/**
 * ioasid_share_settle() - let pages join, if their owner has got books meanwhile
 * @pages: LIVE, or about to be; an area or the caller keeps them
 *
 * areas_lock may be held. Return: 0; -ENOMEM: they stay charged in full.
 */
int ioasid_share_settle(struct ioasid_pages *pages)
{
	unsigned long excess = 0;
	int ret;

	if (likely(!ioasid_share_may_join(pages)))
		return 0;
	/* Otherwise the call that has them settles. */
	if (!ioasid_pages_claim(pages))
		return 0;
	ret = ioasid_share_join(pages, &excess);
	ioasid_charge_return(pages, excess);
	ioasid_pages_unclaim(pages);
	return ret;
}

/* __ioasid_share_note() - the rest of ioasid_share_note(): another owner than before */
void __ioasid_share_note(struct ioasid_space *space, struct mm_struct *mm)
{
	lockdep_assert_held(&space->areas_lock);
	if (!space->sharer)
		WRITE_ONCE(space->sharer, mm);
	else
		WRITE_ONCE(space->sharers, true);
	/* A survey that came before has not found the space, but has left books. */
	smp_mb();
	if (READ_ONCE(ioasid_payers))
		WRITE_ONCE(space->booked, true);
}

/* No owner of what is here has books any more. */
static void share_unbook(struct ioasid_space *space)
{
	lockdep_assert_held(&space->areas_lock);
	if (space->sharers || ioasid_share_mm_known(space->sharer))
		return;
	WRITE_ONCE(space->booked, false);
	/* New ones: their survey comes later, or was here before. */
	smp_mb();
	if (ioasid_share_mm_known(space->sharer))
		WRITE_ONCE(space->booked, true);
}

/* __ioasid_share_settle_in() - the rest of ioasid_share_settle_in() */
int __ioasid_share_settle_in(struct ioasid_space *space, struct ioasid_pages *pages)
{
	int ret = ioasid_share_settle(pages);

	if (!ret && pages->share == IOASID_SHARE_ALONE)
		share_unbook(space);
	return ret;
}
