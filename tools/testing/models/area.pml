// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of an area: kmod/space/space.h names the states; map.c, unmap.c,
 * teardown.c, attach.c, replay.c and access.c move it. One range of one address
 * space, in which area follows area: a task maps, another unmaps, a driver reads by
 * the CPU, a device comes and goes, a second address space shares the pages, and
 * the space ends, at any moment. Steps that can fail, may; a waiter may be killed.
 *
 * Which task may move an area, and what it needs for that:
 *  - none to BUILDING, BUILDING to LIVE or to none: the mapping task;
 *  - LIVE to DYING: an unmap, with domains_rwsem held until the page tables are
 *    clear, or a teardown, which holds it for write; not while there are users,
 *    but for a teardown, which sets stop and leaves the area to the last of them;
 *  - DYING to none: the task that moved it to DYING, or that last user;
 *  - BUILDING or DYING to LIVE: a map or an unmap that could not clear a page table
 *    (stuck), unless the space was torn down (stop);
 *  - pins of a LIVE area: attach.c and replay.c, as domains are made and end.
 *
 * Shown for every order of steps:
 *  - no page is unpinned while an entry of a page table leads to it, nor while a
 *    area shows it;
 *  - an area is freed once, and not while it has a user;
 *  - a LIVE area is in the domain there is, unless it is torn;
 *  - no task touches a domain that is gone;
 *  - no user comes in while an unmap waits for the area, and no task waits for ever;
 *  - in the end nothing is left or pinned, but what an IOMMU kept.
 *
 * What is done under areas_lock is one step. Each FAULT is an order that the code
 * once had or could have, and must be found:
 *
 * fault: FAULT_UNPIN_FIRST	an unmap unpins before it clears
 * fault: FAULT_SHORT_HOLD	an unmap releases domains_rwsem between claim and clear
 * fault: FAULT_STUCK_GONE	an unmap forgets what the IOMMU kept
 * fault: FAULT_NO_SECOND_LOOK	a map that did not pin does not look again for a domain
 * fault: FAULT_IDLE_UNLOCKED	pins that no domain needs are taken while an attach fills its own
 * fault: FAULT_REPLAY_BLIND	an attach pins for an area, and does not look whether it is still that one
 * fault: FAULT_TORN_SHARED	a new domain gets an area that an IOMMU kept some of
 * fault: FAULT_FREED_UNDER_USER a teardown does not leave an area to its users
 * fault: FAULT_LEFT_EARLY	a teardown leaves an area to its users while a domain has it
 * fault: FAULT_USERS_COME	users come in although an unmap waits
 * fault: FAULT_NO_WAKE		the last user does not wake those who wait
 * fault: FAULT_LEFT_WANTED	a killed unmap leaves others shut out
 * fault: FAULT_LEAK		what a domain kept stays pinned when the domain ends
 * fault: FAULT_AREA		a share counts itself after it has looked
 */
#define AREAS	2		/* that come after each other in the range, and their pages */
#define NONE	255

mtype:state = { none, building, live, dying };
mtype:domain = { gone, fresh, linked };

/* ---- the space ---- */
bool container;			/* pins only while there is a domain */
bool dead;			/* torn down */
mtype:domain dom;		/* "fresh": a device is in it, and space->domains has it not */
bool attaching;
byte reading;			/* domains_rwsem */
bool writing;

/* ---- the range, and the area that is there ---- */
mtype:state state;
byte cur;			/* the area, and its pages */
bool stop, stuck, torn, wanted;
byte users;
byte entry = NONE;		/* whose pages the page table leads to ... */
byte other = NONE;		/* ... and that of the second space */

/* ---- pages ---- */
byte next;
bool pinned[AREAS];		/* pages->pinned */
byte pins[AREAS];		/* that the pages have, the area's own and others */
byte nr_areas[AREAS];
bool leaked[AREAS], freed[AREAS];

#define space_pins	(!container || dom == linked || attaching)
#define in_flight	(state != live || users > 0)

/* ---- waiting for space->changes ---- */
#define UNMAP	0
#define READ	1
bool woken[2];
bool unmap_waits;		/* for the users of the area that is there */

inline changed() { woken[UNMAP] = true; woken[READ] = true }

/* ---- domains_rwsem ---- */
inline down_read() { atomic { !writing -> reading++ } }
inline up_read() { reading-- }
inline down_write() { atomic { !writing && reading == 0 -> writing = true } }
inline up_write() { writing = false }

/* ---- pages.c ---- */

inline pin(p) { pins[p]++ }

inline unpin(p)
{
	assert(pins[p] > 0);
	pins[p]--;
	assert(pins[p] > 0 || (entry != p && other != p))
}

/* An area of the pages ends; the last one unpins them, or gives the pins up. */
inline put_area(p, kept)
{
	d_step {
		assert(nr_areas[p] > 0);
		leaked[p] = leaked[p] || kept;
		nr_areas[p]--;
		if
		:: nr_areas[p] == 0 && pinned[p] && !leaked[p] -> pinned[p] = false; unpin(p)
		:: else
		fi
	}
}

/* The range is free, and so is the memory of the area. */
inline free_area(p)
{
	d_step {
		assert(cur == p && (state == building || state == dying));
		assert(users == 0 && !freed[p] && entry != p || leaked[p] && users == 0 && !freed[p]);
		freed[p] = true;
		state = none;
		stop = false; stuck = false; torn = false; wanted = false;
		unmap_waits = false;
		changed()
	}
}

/* ioasid_area_keep() */
inline keep()
{
	torn = true;
	stuck = false;
	state = live;
	changed()
}

/* ---- domain/unmap.c: of the area that is the caller's ---- */
inline clear(p)
{
	had = dom;
	atomic { assert(had == dom); had = gone }	/* Its page tables are there. */
	if
	:: entry == p -> entry = NONE
	/* The driver clears less than asked. */
	:: entry == p -> stuck = true
	:: entry != p
	fi
}

/* ---- replay.c: ioasid_space_unpin_idle() ---- */
inline unpin_idle(p)
{
#ifndef FAULT_IDLE_UNLOCKED
	down_read();
#endif
	atomic {
		if
		:: !space_pins && state == live && pinned[cur] ->
			p = cur;
			pinned[p] = false
		:: else -> p = NONE
		fi
	}
#ifndef FAULT_IDLE_UNLOCKED
	up_read();
#endif
	if
	:: p != NONE -> atomic { unpin(p) }
	:: else
	fi;
	p = 0
}

/* ---- map.c ---- */
proctype map()
{
	byte p, q, n;
	bool pin_now, idle;

again:	atomic {
		n++;
		if
		:: n > 2 -> goto end
		/* -EEXIST */
		:: n <= 2 && (dead || state != none) -> goto again
		:: n <= 2 && !dead && state == none ->
			p = next;
			next++;
			cur = p;
			state = building;
			nr_areas[p] = 1;
			pin_now = space_pins
		fi
	}
look:	if
	:: pin_now && stop -> goto undo
	/* It cannot be pinned. */
	:: pin_now -> goto undo
	:: pin_now && !stop -> atomic { pin(p); pinned[p] = true }
	:: !pin_now
	fi;
	down_read();
#ifndef FAULT_NO_SECOND_LOOK
	if
	:: !pinned[p] && space_pins -> up_read(); pin_now = true; goto look
	:: else
	fi;
#endif
	idle = pinned[p] && !space_pins;
	if
	:: stop -> up_read(); goto undo
	:: !stop && pinned[p] && dom == linked ->
		if
		:: entry = p
		/* It fails, and is taken back, or not wholly. */
		:: up_read(); goto undo
		:: atomic { entry = p; stuck = true }; up_read(); goto undo
		fi
	:: else
	fi;
	atomic {
		assert(state == building && cur == p && !stop);
		assert(dom != linked || entry == p);
		state = live;
		changed()
	}
	up_read();
	if
	:: idle -> unpin_idle(q)
	:: else
	fi;
	idle = false; pin_now = false;
	goto again;

undo:	idle = false; pin_now = false;
	atomic {
		if
		:: stuck && dom == gone -> stuck = false
		:: stuck && dom != gone && !stop -> keep(); goto again
		:: else
		fi
	}
	put_area(p, stuck);
	free_area(p);
	goto again;
end:	p = 0
}

/* ---- unmap.c ---- */
proctype unmap()
{
	byte p, n, since;
	bool waited, claimed;
	mtype:domain had;

again:	atomic { n++; since = next; waited = false }
	if
	:: n > 2 -> goto end
	:: else
	fi;
find:	down_read();
	atomic {
		claimed = false;
		unmap_waits = false;
		if
		:: dead || state == none
		/* It came after this call had begun. */
		:: !dead && state != none && in_flight && cur >= since
		:: !dead && state != none && in_flight && cur < since ->
			wanted = true;
			waited = true;
			woken[UNMAP] = false;
			unmap_waits = users > 0;
			reading--;
			goto wait
		:: !dead && state == live && users == 0 ->
			p = cur;
			state = dying;
			wanted = false;
			claimed = true
		fi
	}
#ifdef FAULT_UNPIN_FIRST
	if
	:: claimed && pinned[p] -> atomic { pinned[p] = false; unpin(p) }
	:: else
	fi;
#endif
#ifdef FAULT_SHORT_HOLD
	up_read();
#endif
	if
	:: claimed -> clear(p)
	:: else
	fi;
#ifndef FAULT_SHORT_HOLD
	up_read();
#endif
	if
	:: !claimed -> goto let_in
	:: else
	fi;
	atomic {
		if
#ifdef FAULT_STUCK_GONE
		:: stuck -> stuck = false
#else
		/* A domain that is gone by now keeps nothing. */
		:: stuck && dom == gone -> stuck = false
		:: stuck && dom != gone -> keep(); goto let_in
#endif
		:: else
		fi
	}
	put_area(p, false);
	free_area(p);
	goto let_in;

wait:	if
	:: true -> woken[UNMAP]; goto find
	/* It is killed. */
	:: true
	fi;
let_in:	atomic {
		unmap_waits = false;
		if
#ifdef FAULT_LEFT_WANTED
		:: false
#else
		:: waited -> wanted = false; changed()
#endif
		:: else
		fi
	}
	goto again;
end:	atomic { p = 0; since = 0; claimed = false }
}

/* ---- access.c: a read by the CPU ---- */
proctype read()
{
	byte p, n;
	bool mine, kept;

again:	n++;
	if
	:: n > 2 -> goto end
	:: else
	fi;
find:	atomic {
		if
		:: dead || state == none -> goto again
#ifdef FAULT_USERS_COME
		:: !dead && state == live ->
#else
		:: !dead && state == live && !wanted ->
#endif
			assert(!unmap_waits);
			users++;
			p = cur
		:: else -> woken[READ] = false; goto wait
		fi
	}
	/* A page fault may take for ever; only an unmap may depend on it. */
	atomic {
		assert(!freed[p] && cur == p && users > 0);
		users--;
		mine = false;
		if
		:: users == 0 ->
#ifndef FAULT_NO_WAKE
			changed();
#endif
			mine = stop
		:: else
		fi
	}
	if
	:: mine -> put_area(p, stuck); free_area(p)
	:: else
	fi;
	mine = false;
	goto again;

wait:	woken[READ];
	goto find;
end:	p = 0
}

/* ---- copy.c: a second space has the pages, too ---- */
proctype share()
{
	byte p = NONE;

	atomic {
		if
#ifdef FAULT_AREA
		:: !dead && state == live -> p = cur
#else
		:: !dead && state == live -> p = cur; nr_areas[p]++
#endif
		:: true
		fi
	}
	if
	:: p == NONE -> goto end
	:: else
	fi;
#ifdef FAULT_AREA
	nr_areas[p]++;
#endif
	atomic { other = p; assert(pins[p] > 0) }
	other = NONE;
	put_area(p, false);
end:	p = 0
}

/* ---- teardown.c; domains_rwsem is held for write ---- */
inline claim_all(p)
{
	atomic {
		p = NONE;
		if
		:: state == building -> stop = true
		:: state == live -> state = dying; p = cur
		:: else
		fi
	}
	if
	:: p != NONE -> clear(p)
	:: else
	fi
}

/* What a domain kept that is gone by now, nothing reaches; the rest goes, or is its users'. */
inline leave_to_users(p)
{
	atomic {
		if
#ifdef FAULT_LEAK
		:: false
#else
		:: p != NONE && dom == gone -> stuck = false
#endif
		:: else
		fi
	}
	atomic {
		if
#ifdef FAULT_FREED_UNDER_USER
		:: false
#else
		:: p != NONE && users > 0 -> stop = true; p = NONE
#endif
		:: else
		fi
	}
}

inline finish_all(p)
{
	if
	:: p != NONE -> assert(!stuck || dead); put_area(p, stuck); free_area(p)
	:: else
	fi;
	p = 0
}

/* ---- attach.c, replay.c ---- */

/* The domain ends, and with it what it has; areas in the hands of others may be marked. */
inline domain_goes() { d_step { dom = gone; entry = NONE } }

/* ioasid_space_pin_all(): 0 or why not */
inline pin_all()
{
	do
	:: atomic {
		if
		:: state == live && !pinned[cur] && !torn -> q = cur
		:: else -> q = NONE
		fi
	   }
	   if
	   :: q == NONE -> break
	   :: q != NONE -> pin_failed = true; break
	   :: q != NONE -> pin(q)
	   fi;
	   atomic {
		if
#ifdef FAULT_REPLAY_BLIND
		:: true -> pinned[cur] = true
#else
		:: state == live && cur == q && !pinned[q] -> pinned[q] = true
#endif
		:: else -> unpin(q)
		fi
	   }
	od;
	q = 0
}

inline attach()
{
	pin_failed = false;
	did_pin = false;
again:	down_write();
	atomic { assert(dom == gone); dom = fresh }
	if
	:: dead || pin_failed ->
		atomic { domain_goes(); attaching = false }
	:: !dead && !pin_failed && container && state == live && !pinned[cur] && !torn ->
		atomic { domain_goes(); attaching = true }
		up_write();
		did_pin = true;
		pin_all();
		goto again
	:: else ->
		/* domain_replay() */
		if
#ifdef FAULT_TORN_SHARED
		:: state == live -> assert(pinned[cur]); entry = cur
#else
		:: state == live && !torn -> assert(pinned[cur]); entry = cur
#endif
		:: else
		fi;
		if
		:: atomic { dom = linked; attaching = false }
		/* It fails in the end. */
		:: atomic { domain_goes(); attaching = false }
		fi
	fi;
	up_write();
	if
	:: did_pin -> unpin_idle(q)
	:: else
	fi;
	did_pin = false; pin_failed = false
}

inline detach(last)
{
	down_write();
	p = NONE;
	if
	:: last && container -> claim_all(p)
	:: else
	fi;
#ifdef FAULT_LEFT_EARLY
	stuck = stuck && p == NONE;
	leave_to_users(p);
#endif
	/* Of what stays LIVE, nothing depends on what the domain keeps. */
	domain_goes();
	leave_to_users(p);
	up_write();
	finish_all(p);
	unpin_idle(q)
}

inline kill()
{
	down_write();
	dead = true;
	claim_all(p);
	leave_to_users(p);
	up_write();
	finish_all(p)
}

proctype devices()
{
	byte p, q;
	bool pin_failed, did_pin;
	mtype:domain had;

	attach();
	if
	:: dom == linked ->
		if
		:: detach(false);
			attach();
			if
			:: dom == linked -> detach(true)
			:: else
			fi
		:: detach(true)
		:: kill(); detach(true)
		fi
	:: else
	fi
}

init {
	byte p;
	mtype:domain had;

	atomic {
		dom = gone;
		state = none;
		if
		:: container = true
		:: container = false
		fi;
		run map(); run unmap(); run devices();
		if
		:: run read()
		:: !container -> run share()
		fi
	}
	/* The last reference is put: no call is left, and no device. */
	(_nr_pr == 1);
	dead = true;
	claim_all(p);
	finish_all(p);
	assert(state == none && users == 0 && entry == NONE && !reading && !writing);
	for (p : 0 .. AREAS - 1) {
		assert(p >= next || freed[p] && nr_areas[p] == 0);
		assert(pins[p] == 0 || leaked[p])
	}
}
