// SPDX-License-Identifier: GPL-2.0-only
/*
 * One charge for a page, however many mappings of its owner have it pinned.
 *
 * Where a space says so (charge_shared) an owner, the process or with account_user the
 * process and its user, pays for the different pages that are pinned for it. Most
 * owners pin nothing twice, and nothing is kept for them: an object is ALONE, and
 * charged in full. That a page is pinned by others as well shows in its pin count,
 * which is looked at right after pinning. The first time that happens the owner gets books:
 * what it has mapped is entered, what it maps from then on is, too (JOINED), and a page
 * is charged when it comes into the first book, and given back when it leaves the last.
 * No object in particular pays for it, so nothing changes hands when the first of several
 * mappings goes.
 *
 * A frame says which page it is as long as it is pinned, so addresses do not matter. An object is
 * entered batch by batch after it was pinned, and leaves before it is unpinned.
 * It is charged before it is entered: a task that finds a page in a book
 * may rely on its being paid. Two tasks that pin the same page at the same time may both pay
 * for it, and the second one gets it back.
 *
 * Policies are charged by book: an owner has one for each set of policies that its pages
 * are charged to. The page counts once in each of them, and once for the owner in all.
 * Policies are uncharged with the same struct ioasid_who as they were charged with
 * (slips), perhaps after that address space is gone.
 *
 * What can run at the same time:
 *  - other maps and unmaps of the owner: payer->lock. Whatever waits for user space
 *    (an owner's mmap_lock) is done without it.
 *  - a map that is in flight when the owner gets books. Its pages were charged in full; at the
 *    latest when it gets LIVE it sees the books, and joins (ops/share.c). Both look at
 *    the pin count after they have pinned, so at least one of two sees the other.
 *  - a change of owner, and another survey: an object that is LIVE joins only in the hands
 *    of a call that has claimed it (pages->moving).
 *  - the owner's exit. The books keep its mm_struct; there is no locked_vm to
 *    give back to then.
 */
#include <linux/hashtable.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/user.h>
#include <linux/slab.h>

#include <trace/events/ioasid.h>

#include "book.h"
#include "internal.h"

/* Pins that a small folio counts in its reference count. */
#define PINS(folio)	((unsigned int)folio_ref_count(folio) / GUP_PIN_COUNTING_BIAS)

static ioasid_survey_fn survey_all __ro_after_init;
static DEFINE_HASHTABLE(payers, 8);
static DEFINE_SPINLOCK(payers_lock);	/* guards the table; nothing is taken inside */
unsigned int ioasid_payers;		/* how many there are; changes under payers_lock */

/* ---- who has books ---- */

/* By a reader of RCU, who gets no more than an answer, or with payers_lock held. */
static struct ioasid_payer *payer_look(const struct ioasid_pages *pages)
{
	const struct ioasid_holder *h = pages->holder;
	struct ioasid_payer *p;

	hash_for_each_possible_rcu(payers, p, node, (unsigned long)h->mm,
				   lockdep_is_held(&payers_lock))
		if (p->mm == h->mm && p->user == h->user)
			return p;
	return NULL;
}

/* With a reference; NULL if the owner has no books, or they are being freed, empty. */
static struct ioasid_payer *payer_find(const struct ioasid_pages *pages)
{
	struct ioasid_payer *p;

	rcu_read_lock();
	p = payer_look(pages);
	if (p && !refcount_inc_not_zero(&p->refs))
		p = NULL;
	rcu_read_unlock();
	return p;
}

/* ioasid_share_known() - has the owner got books, by what can be seen without a lock */
bool ioasid_share_known(const struct ioasid_pages *pages)
{
	bool known;

	rcu_read_lock();
	known = payer_look(pages);
	rcu_read_unlock();
	return known;
}

static void payer_free(struct ioasid_payer *p)
{
	if (p->user)
		free_uid(p->user);
	mmdrop(p->mm);
	kfree_rcu(p, rcu);
}

static void payer_put(struct ioasid_payer *p)
{
	if (refcount_dec_not_one(&p->refs))
		return;
	spin_lock(&payers_lock);
	if (!refcount_dec_and_test(&p->refs)) {
		spin_unlock(&payers_lock);
		return;
	}
	hash_del_rcu(&p->node);
	WRITE_ONCE(ioasid_payers, ioasid_payers - 1);
	spin_unlock(&payers_lock);
	payer_free(p);
}

static struct ioasid_payer *payer_alloc(const struct ioasid_pages *pages)
{
	struct ioasid_payer *p = kzalloc(sizeof(*p), GFP_KERNEL_ACCOUNT);

	if (!p)
		return NULL;
	refcount_set(&p->refs, 1);
	mutex_init(&p->survey);
	mutex_init(&p->lock);
	INIT_LIST_HEAD(&p->books);
	p->mm = pages->holder->mm;
	mmgrab(p->mm);
	p->user = pages->holder->user ? get_uid(pages->holder->user) : NULL;
	return p;
}

/* With a reference; NULL without memory. */
static struct ioasid_payer *payer_get(const struct ioasid_pages *pages)
{
	struct ioasid_payer *p = payer_find(pages), *fresh;

	if (p)
		return p;
	fresh = payer_alloc(pages);
	if (!fresh)
		return NULL;
	spin_lock(&payers_lock);
	p = payer_look(pages);
	if (p) {
		refcount_inc(&p->refs);
	} else {
		p = fresh;
		hash_add_rcu(payers, &p->node, (unsigned long)p->mm);
		WRITE_ONCE(ioasid_payers, ioasid_payers + 1);
		fresh = NULL;
	}
	spin_unlock(&payers_lock);
	if (fresh)
		payer_free(fresh);
	return p;
}

/*
 * Enter what was mapped before the owner had books, once. What was charged too often is given
 * back at once.
 */
static int payer_survey(struct ioasid_payer *p, struct ioasid_pages *pages)
{
	unsigned long excess = 0;
	int ret = 0;

	if (smp_load_acquire(&p->surveyed))
		return 0;
	if (mutex_lock_killable(&p->survey))
		return -EINTR;
	if (!p->surveyed) {
		ret = survey_all(pages, &excess);
		if (!ret)
			smp_store_release(&p->surveyed, true);
	}
	mutex_unlock(&p->survey);
	ioasid_uncharge_owner(pages, excess);
	return ret;
}

/* ---- is there another mapping to share with ---- */

/* Pages of @folio in @extent: so many pins on it are its own, at most one without GUP. */
static unsigned int pins_own(const struct ioasid_extent *extent, struct folio *folio)
{
	unsigned long start = max(extent->pfn, folio_pfn(folio));
	unsigned long end = min(extent->pfn + extent->npages, folio_pfn(folio) + folio_nr_pages(folio));

	return extent->kind == IOASID_EXTENT_GUP ? end - start : 1;
}

static bool extent_pinned_twice(const struct ioasid_extent *extent, unsigned long skip)
{
	unsigned long pfn = extent->pfn + skip, end = extent->pfn + extent->npages;

	while (pfn < end) {
		struct folio *folio = page_folio(pfn_to_page(pfn));

		if (!folio_test_large(folio)) {
			if (PINS(folio) > 1)
				return true;
			pfn++;
			continue;
		}
		if (atomic_read(&folio->_pincount) > pins_own(extent, folio))
			return true;
		pfn = folio_pfn(folio) + folio_nr_pages(folio);
	}
	return false;
}

/*
 * Does a page that was pinned after @pos (NULL: any) have more pins than one? It may be
 * another user of pins, or another page of its folio; but without a second pin no mapping
 * shares it.
 */
static bool pinned_twice(const struct ioasid_pages *pages, const struct ioasid_extents_pos *pos)
{
	struct ioasid_extents_iter it;
	struct ioasid_extent extent;
	unsigned long skip;

	if (!pos) {
		skip = 0;
		ioasid_extents_start(&it, &pages->ext);
		ioasid_extents_next(&it, &extent);
	} else {
		ioasid_extents_resume(&it, &pages->ext, pos, &extent, &skip);
		if (!extent.npages)
			return false;
	}
	do {
		if (ioasid_extent_has_pages(&extent) && extent_pinned_twice(&extent, skip))
			return true;
		skip = 0;
	} while (ioasid_extents_next(&it, &extent));
	return false;
}

/* ioasid_share_mm_known() - the same of the process, with any user who is charged for it */
bool ioasid_share_mm_known(const struct mm_struct *mm)
{
	struct ioasid_payer *p;
	bool known = false;

	rcu_read_lock();
	hash_for_each_possible_rcu(payers, p, node, (unsigned long)mm)
		known |= p->mm == mm;
	rcu_read_unlock();
	return known;
}

/*
 * ioasid_share_begins() - are the pages of a step to be charged with ioasid_share_charge()
 *
 * @pages is IOASID_SHARE_ALONE, and being pinned by the caller; @pos is where the step
 * began, or NULL for the first one. @look: what the pinner saw. @booked: the owner may
 * have books.
 */
bool ioasid_share_begins(const struct ioasid_pages *pages, const struct ioasid_extents_pos *pos,
			 enum ioasid_look look, bool booked)
{
	if (look == IOASID_LOOK_TWICE || (booked && ioasid_share_known(pages)))
		return true;
	return look == IOASID_LOOK_FOLIOS && pinned_twice(pages, pos);
}

/* ---- books ---- */

static bool book_fits(const struct ioasid_book *b, const struct ioasid_seen_by *seen_by)
{
	return b->seen_by.slots == seen_by->slots && (b->plain || b->seen_by.seq == seen_by->seq);
}

static void slip_drop(struct ioasid_slip *slip)
{
	list_del(&slip->link);
	kfree(slip);
}

/* The slip for what is charged on behalf of @who; NULL if there is none. */
static struct ioasid_slip *slip_find(struct ioasid_book *b, const struct ioasid_who *who)
{
	struct ioasid_slip *slip;

	lockdep_assert_held(&b->payer->lock);
	list_for_each_entry(slip, &b->slips, link)
		if (slip->who.space == who->space && slip->who.tgid == who->tgid &&
		    slip->who.cgroup == who->cgroup)
			return slip;
	return NULL;
}

/* The same, made if need be; NULL without memory. */
static struct ioasid_slip *slip_get(struct ioasid_book *b, const struct ioasid_who *who)
{
	struct ioasid_slip *slip = slip_find(b, who);

	if (slip)
		return slip;
	slip = kzalloc(sizeof(*slip), GFP_KERNEL_ACCOUNT);
	if (!slip)
		return NULL;
	slip->who = *who;
	slip->seen_by = b->seen_by;
	list_add(&slip->link, &b->slips);
	return slip;
}

/* The book for pages that are charged to the policies of @seen_by; NULL without memory. */
static struct ioasid_book *book_get(struct ioasid_payer *p, const struct ioasid_seen_by *seen_by)
{
	struct ioasid_book *b;

	lockdep_assert_held(&p->lock);
	list_for_each_entry(b, &p->books, link)
		if (book_fits(b, seen_by))
			return b;
	b = kzalloc(sizeof(*b), GFP_KERNEL_ACCOUNT);
	if (!b)
		return NULL;
	b->payer = p;
	b->seen_by = *seen_by;
	b->seen_by.npages = 0;
	b->plain = !seen_by->slots;
	INIT_LIST_HEAD(&b->slips);
	xa_init_flags(&b->blocks, XA_FLAGS_ACCOUNT);
	refcount_inc(&p->refs);
	list_add_tail(&b->link, &p->books);
	return b;
}

/* The end of a book that no object is in. */
static void book_end(struct ioasid_book *b)
{
	struct ioasid_slip *slip, *next;

	list_for_each_entry_safe(slip, next, &b->slips, link)
		slip_drop(slip);
	ioasid_book_forget(b);
	list_del(&b->link);
	kfree(b);
}

/* Unlock @p; @b, which may be NULL, ends if no object is in it, and what it had of @p. */
static void book_unlock(struct ioasid_payer *p, struct ioasid_book *b)
{
	bool end = b && !b->objects;

	lockdep_assert_held(&p->lock);
	if (unlikely(end))
		book_end(b);
	mutex_unlock(&p->lock);
	if (unlikely(end))
		payer_put(p);
}

/* Charge the policies on behalf of the owner of @pages; *@accounts: one replaces the rlimit. */
static int policies_charge(struct ioasid_book *b, const struct ioasid_pages *pages,
			   unsigned long npages, bool *accounts)
{
	struct ioasid_slip *slip;
	struct ioasid_who who;
	int ret = 0;

	lockdep_assert_held(&b->payer->lock);
	*accounts = false;
	if (b->plain)
		return 0;
	who = ioasid_pages_who(pages);
	slip = slip_get(b, &who);
	if (!slip)
		return -ENOMEM;
	if (npages)
		ret = ioasid_policy_charge_more(&slip->who, npages, &slip->seen_by);
	*accounts = ioasid_policy_accounts(&slip->seen_by);
	return ret;
}

static unsigned long slip_give_back(struct ioasid_slip *slip, unsigned long npages)
{
	u64 had = slip->seen_by.npages;

	npages = min_t(u64, npages, had);
	if (npages)
		ioasid_policy_uncharge(&slip->who, npages, &slip->seen_by);
	/* Also where no policy has the hook any more, and none is notified. */
	slip->seen_by.npages = had - npages;
	return npages;
}

/* Pages that are in the book no more: first of those that were charged as @pages are. */
static void policies_give_back(struct ioasid_book *b, const struct ioasid_pages *pages,
			       unsigned long npages)
{
	struct ioasid_slip *slip, *next;
	struct ioasid_who who;

	lockdep_assert_held(&b->payer->lock);
	if (npages) {
		who = ioasid_pages_who(pages);
		slip = slip_find(b, &who);
		if (slip)
			npages -= slip_give_back(slip, npages);
	}
	list_for_each_entry_safe(slip, next, &b->slips, link) {
		if (npages)
			npages -= slip_give_back(slip, npages);
		if (!slip->seen_by.npages)
			slip_drop(slip);
	}
}

/*
 * @pages is in @b from now on, with none of its pages; *@paid is what it has charged.
 * Return: 0, or -ENOMEM and nothing has changed.
 */
static int book_enter(struct ioasid_book *b, struct ioasid_pages *pages,
		      struct ioasid_book_due *paid)
{
	struct ioasid_slip *slip;
	struct ioasid_who who;

	lockdep_assert_held(&b->payer->lock);
	if (pages->seen_by.npages) {
		who = ioasid_pages_who(pages);
		slip = slip_get(b, &who);
		if (!slip)
			return -ENOMEM;
		slip->seen_by.npages += pages->seen_by.npages;
	}
	paid->owner = pages->charged;
	paid->policies = pages->seen_by.npages;
	b->objects++;
	pages->seen_by = (struct ioasid_seen_by){};
	WRITE_ONCE(pages->charged, 0);
	pages->book = b;
	WRITE_ONCE(pages->share, IOASID_SHARE_JOINED);
	return 0;
}

/* The policies that the pages of an object are charged to, that is ALONE. */
static void share_policies_of(const struct ioasid_pages *pages, struct ioasid_seen_by *seen_by)
{
	struct ioasid_who who;

	*seen_by = (struct ioasid_seen_by){};
	if (pages->seen_by.npages) {
		*seen_by = pages->seen_by;
	} else if (!pages->charged) {
		who = ioasid_pages_who(pages);
		ioasid_policy_charge_fill(&who, seen_by);
	}
}

/* Find or make the books of the owner, and let @pages join. */
static int share_begin(struct ioasid_pages *pages, struct ioasid_book_due *paid)
{
	struct ioasid_payer *p = payer_get(pages);
	struct ioasid_seen_by seen_by;
	struct ioasid_book *b;
	int ret;

	if (!p)
		return -ENOMEM;
	ret = payer_survey(p, pages);
	if (!ret) {
		share_policies_of(pages, &seen_by);
		mutex_lock(&p->lock);
		b = book_get(p, &seen_by);
		ret = b ? book_enter(b, pages, paid) : -ENOMEM;
		book_unlock(p, b);
	}
	payer_put(p);
	return ret;
}

/*
 * Enter pages of which all is paid that no book has. Return: 0; -ENOMEM; or -EAGAIN, if
 * *@due is to be paid before. After an error nothing is entered.
 */
static int share_try(struct ioasid_book *b, const struct ioasid_book_walk *from,
		     const struct ioasid_book_due *paid, struct ioasid_book_due *due)
{
	struct ioasid_book_due unused;
	bool again = ioasid_book_has_first(b, from), enough;
	int ret = 0;

	/* If books have the first page, they probably have all, and one walk is enough. */
	if (again)
		ret = ioasid_book_add(b, from, due);
	else
		ioasid_book_missing(b, from, due);
	if (ret)
		return ret;
	enough = due->owner <= paid->owner && (b->plain || due->policies <= paid->policies);
	if (enough)
		return again ? 0 : ioasid_book_add(b, from, due);
	if (again)
		ioasid_book_remove(b, from, &unused);
	return -EAGAIN;
}

/*
 * Enter pages, once all is paid that no book has. In *@paid is what is paid already, and
 * on return what is paid in all, after an error as well. No lock is held.
 */
static int share_enter(struct ioasid_pages *pages, const struct ioasid_book_walk *from,
		       struct ioasid_book_due *paid, u64 *limit)
{
	struct ioasid_book *b = pages->book;
	struct ioasid_payer *p = b->payer;
	struct ioasid_book_due due;
	unsigned long more;
	bool bypass;
	int ret;

	might_sleep();
	lockdep_assert_not_held(&p->lock);
	/* Other tasks map and unmap meanwhile: each time it is more, up to all of them. */
	for (;;) {
		mutex_lock(&p->lock);
		ret = share_try(b, from, paid, &due);
		if (ret != -EAGAIN)
			break;
		more = due.policies - min(due.policies, paid->policies);
		ret = policies_charge(b, pages, more, &bypass);
		if (!ret)
			paid->policies += more;
		mutex_unlock(&p->lock);
		more = due.owner - min(due.owner, paid->owner);
		if (!ret && more)
			ret = ioasid_charge_owner(pages, more, bypass, limit);
		if (ret)
			return ret;
		paid->owner += more;
	}
	if (!ret && paid->policies > due.policies) {
		policies_give_back(b, pages, paid->policies - due.policies);
		paid->policies = due.policies;
	}
	mutex_unlock(&p->lock);
	if (!ret && paid->owner > due.owner) {
		ioasid_uncharge_owner(pages, paid->owner - due.owner);
		paid->owner = due.owner;
	}
	return ret;
}

/* The end of an object: @npages of it are entered, @paid is for others that are not. */
static void share_leave(struct ioasid_pages *pages, const struct ioasid_extents *ext,
			unsigned long npages, const struct ioasid_book_due *paid)
{
	struct ioasid_book *b = pages->book;
	struct ioasid_payer *p = b->payer;
	struct ioasid_book_due due;
	struct ioasid_book_walk w;
	unsigned long pfn;
	unsigned int n;

	if (npages == ULONG_MAX && ioasid_book_piece(ext, &pfn, &n)) {
		mutex_lock(&p->lock);
		ioasid_book_remove_piece(b, pfn, n, &due);
	} else {
		ioasid_book_walk_first(&w, ext, npages);
		mutex_lock(&p->lock);
		ioasid_book_remove(b, &w, &due);
	}
	if (!b->plain)
		policies_give_back(b, pages, due.policies + paid->policies);
	b->objects--;
	book_unlock(p, b);
	pages->seen_by = (struct ioasid_seen_by){};
	pages->charged = due.owner + paid->owner;
	WRITE_ONCE(pages->share, IOASID_SHARE_NOT);
}

/**
 * ioasid_share_leave() - an object is about to be unpinned
 * @pages: IOASID_SHARE_JOINED; no IOMMU reaches it
 * @ext: its pages
 * @npages: how many of them are charged; ULONG_MAX: all
 *
 * Policies get back what is theirs. pages->charged becomes what the owner has coming, which
 * the caller gives back as that of any other object.
 */
__flatten void ioasid_share_leave(struct ioasid_pages *pages, const struct ioasid_extents *ext,
				  unsigned long npages)
{
	static const struct ioasid_book_due nothing;

	share_leave(pages, ext, npages, &nothing);
}

/* Enter a piece, if what is paid is enough; b is of the owner, and no policy is charged for it. */
static int share_piece_enter(struct ioasid_book *b, struct ioasid_pages *pages, unsigned long pfn,
			     unsigned int n, unsigned long paid, unsigned long *due)
{
	int ret = ioasid_book_add_piece(b, pfn, n, paid, due);

	if (ret)
		return ret;
	b->objects++;
	pages->unseen = 0;
	pages->book = b;
	WRITE_ONCE(pages->charged, *due);
	WRITE_ONCE(pages->share, IOASID_SHARE_JOINED);
	return 0;
}

/* The book for pages that no policy is charged for, if the owner has no other one. */
static struct ioasid_book *book_only(struct ioasid_payer *p)
{
	struct ioasid_book *b;

	lockdep_assert_held(&p->lock);
	if (!smp_load_acquire(&p->surveyed) || !list_is_singular(&p->books))
		return NULL;
	b = list_first_entry(&p->books, struct ioasid_book, link);
	return b->plain ? b : NULL;
}

/*
 * The common case of ioasid_share_charge(): few pages, of an owner that has books. Return: 0,
 * -ENOENT to go the long way, or another errno; after any of them nothing is charged.
 */
static __flatten int share_piece(struct ioasid_pages *pages, u64 *limit)
{
	unsigned long paid = 0, due = 0, pfn;
	struct ioasid_payer *p;
	struct ioasid_book *b;
	unsigned int n;
	int ret;

	if (pages->charged || ioasid_policy_has(IOASID_OP_CHARGE) ||
	    !ioasid_book_piece(&pages->ext, &pfn, &n))
		return -ENOENT;
	p = payer_find(pages);
	if (!p)
		return -ENOENT;
	for (;;) {
		mutex_lock(&p->lock);
		b = book_only(p);
		ret = b ? share_piece_enter(b, pages, pfn, n, paid, &due) : -ENOENT;
		mutex_unlock(&p->lock);
		if (ret != -EAGAIN)
			break;
		ret = ioasid_charge_owner(pages, due - paid, false, limit);
		if (ret)
			break;
		paid = due;
	}
	payer_put(p);
	/* It was another task that has paid, meanwhile. */
	if (unlikely(paid > (ret ? 0 : due)))
		ioasid_uncharge_owner(pages, paid - (ret ? 0 : due));
	return ret;
}

/**
 * ioasid_share_charge() - charge the owner for what nothing of it has pinned
 * @pages: JOINED, or ioasid_share_begins()
 * @pos: where the step began; unused of the first one
 * @done: pages of the steps before
 * @limit: as for ioasid_charge()
 *
 * pages->charged grows by what is charged. Return: 0; -ENOMEM (RLIMIT_MEMLOCK, or memory),
 * -EINTR, or a policy's errno. Then the object is in no book any more, and
 * what pages->charged says is still to be given back.
 */
int ioasid_share_charge(struct ioasid_pages *pages, const struct ioasid_extents_pos *pos,
			unsigned long done, u64 *limit)
{
	struct ioasid_book_due paid = {};
	struct ioasid_book_walk w;
	int ret;

	if (pages->share == IOASID_SHARE_ALONE) {
		ret = done ? -ENOENT : share_piece(pages, limit);
		if (ret != -ENOENT)
			return ret;
		ret = share_begin(pages, &paid);
		if (ret)
			return ret;
		done = 0;
		ioasid_book_walk_first(&w, &pages->ext, ULONG_MAX);
	} else {
		ioasid_book_walk_from(&w, &pages->ext, pos);
	}
	ret = share_enter(pages, &w, &paid, limit);
	if (ret)
		share_leave(pages, &pages->ext, done, &paid);
	else
		pages->charged += paid.owner;
	return ret;
}

/**
 * ioasid_share_take_over() - charge a new owner for what is pinned
 * @next: describes the owner; nothing is charged yet
 * @ext: the pages, which stay
 * @limit: as for ioasid_charge()
 *
 * Return: 0, and next->charged; or as ioasid_share_charge(), and nothing is charged.
 */
int ioasid_share_take_over(struct ioasid_pages *next, const struct ioasid_extents *ext, u64 *limit)
{
	struct ioasid_book_due paid = {};
	struct ioasid_book_walk w;
	int ret;

	next->share = IOASID_SHARE_ALONE;
	ret = share_begin(next, &paid);
	if (ret)
		return ret;
	ioasid_book_walk_first(&w, ext, ULONG_MAX);
	ret = share_enter(next, &w, &paid, limit);
	if (ret) {
		share_leave(next, ext, 0, &paid);
		ioasid_uncharge_owner(next, next->charged);
		next->charged = 0;
		return ret;
	}
	next->charged = paid.owner;
	return 0;
}

/**
 * ioasid_share_join() - an object that is charged in full joins what its owner has in books
 * @pages: pinned, and kept so by an area or the caller, which has claimed it
 * @excess: grows by what the owner has coming, because books have it already
 *
 * Return: 0, also when there are no books; -ENOMEM: it stays charged in full.
 */
int ioasid_share_join(struct ioasid_pages *pages, unsigned long *excess)
{
	struct ioasid_book_due paid, due;
	struct ioasid_seen_by seen_by;
	struct ioasid_book_walk w;
	struct ioasid_payer *p;
	struct ioasid_book *b;
	int ret = -ENOMEM;

	if (pages->share != IOASID_SHARE_ALONE || !pages->pinned)
		return 0;
	p = payer_find(pages);
	if (!p)
		return 0;
	seen_by = pages->seen_by.npages ? pages->seen_by : (struct ioasid_seen_by){};
	ioasid_book_walk_first(&w, &pages->ext, ULONG_MAX);
	mutex_lock(&p->lock);
	b = book_get(p, &seen_by);
	if (b) {
		ret = ioasid_book_add(b, &w, &due);
		if (!ret && book_enter(b, pages, &paid)) {
			ioasid_book_remove(b, &w, &due);
			ret = -ENOMEM;
		}
		if (!ret) {
			if (paid.policies > due.policies)
				policies_give_back(b, pages, paid.policies - due.policies);
			WRITE_ONCE(pages->charged, due.owner);
			*excess += paid.owner - due.owner;
		}
	}
	book_unlock(p, b);
	payer_put(p);
	return ret;
}

/* ioasid_share_init() - @survey finds what is mapped already; when the module is loaded */
void __init ioasid_share_init(ioasid_survey_fn survey)
{
	survey_all = survey;
}

/*
 * ioasid_share_exit() - the module ends: no object is left, but those whose pages an IOMMU has
 * kept for ever are in books still
 */
void ioasid_share_exit(void)
{
	struct ioasid_book *b, *next;
	struct hlist_node *tmp;
	struct ioasid_payer *p;
	int i;

	hash_for_each_safe(payers, i, tmp, p, node) {
		list_for_each_entry_safe(b, next, &p->books, link)
			book_end(b);
		hash_del_rcu(&p->node);
		payer_free(p);
	}
}
