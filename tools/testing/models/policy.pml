// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a policy's programs: kmod/hooks/set.h draws it, eject.c and
 * load.c do it. A manager loads run 0, may replace it by run 1, and unloads what
 * is there; steps that can fail, may. Beside it, at any moment: a hook, which
 * may misbehave; a reader of the file "dump"; a writer to "enabled"; the work
 * item of each run. init and exit may call bpf_ioasid_error().
 *
 * Shown for every order of steps:
 *  - a run is not touched when it is freed, and no work for it is queued or runs;
 *  - exit is called once for each init, no hook or dump runs with or after it;
 *  - the init of a run that replaces an ejected one comes after that one's exit;
 *  - what failed closed stays closed until it is replaced, unloaded or killed;
 *  - who inherits from a running one has missed nothing;
 *  - nobody waits for ever.
 *
 * The policy has the flag FAIL_CLOSED. policies_lock and BPF's own locks are not
 * drawn: the manager is one process. Each FAULT below, which is an order that
 * the code once had or could have, must be found:
 *
 * fault: FAULT_NO_END		exit is called in the state in which hooks run
 * fault: FAULT_NO_GRACE	a state that ends everything, but no wait for who saw the one before
 * fault: FAULT_FAILED_LOAD	as NO_END, where the set had no room
 * fault: FAULT_FAILED_SWAP	as NO_END, where a replacement came too late
 * fault: FAULT_FLUSH_EARLY	flush_work() between the flip and queue_work()
 * fault: FAULT_NO_LEAVING	a run can be ejected while another inherits from it
 * fault: FAULT_OPEN		what replaces an ejected run is not closed while it is loaded
 */
#define NONE	2	/* no run */

mtype:state = { none, loading, running, leaving, ejecting, ejected, ended, freed };
mtype:kind = { fine, killed, misbehaved };

mtype:state state[2];
mtype:kind why[2];
bool closed[2];
bool inited[2], exited[2];
bool queued[2], working[2];
byte hooks[2], dumps[2];	/* that run */

byte set = NONE;		/* what hooks see */
byte shown = NONE;		/* what files of the policy's folder see ... */
bool folder;			/* ... while it is there */

/* Seen from outside: must new mappings be refused? Did the run miss anything? */
bool must_close, missed[2];

/* ---- RCU: a grace period ends when all readers that it found have left ---- */
#define HOOK	0
#define DUMP	1
#define KILL	2
#define MANAGER	3
#define WORK(r)	(4 + r)
#define READERS	6

bool inside[READERS];
typedef waits { bool on[READERS] }
waits awaited[READERS];		/* by who waits */

inline enter(me) { inside[me] = true }

inline leave(me)
{
	d_step {
		inside[me] = false;
		awaited[MANAGER].on[me] = false;
		awaited[WORK(0)].on[me] = false;
		awaited[WORK(1)].on[me] = false
	}
}

inline synchronize(me)
{
	d_step {
		awaited[me].on[HOOK] = inside[HOOK];
		awaited[me].on[DUMP] = inside[DUMP];
		awaited[me].on[KILL] = inside[KILL];
		awaited[me].on[MANAGER] = inside[MANAGER];
		awaited[me].on[WORK(0)] = inside[WORK(0)];
		awaited[me].on[WORK(1)] = inside[WORK(1)]
	}
	(!awaited[me].on[HOOK] && !awaited[me].on[DUMP] && !awaited[me].on[KILL] &&
	 !awaited[me].on[MANAGER] && !awaited[me].on[WORK(0)] && !awaited[me].on[WORK(1)])
}

/* ---- eject.c ---- */

#define there(r)	(state[r] != none && state[r] != freed)
#define live(r)		(state[r] == running || state[r] == leaving)
#define out(r)		(state[r] == ejecting || state[r] == ejected)
#ifdef FAULT_NO_LEAVING
#define can_go(r)	(state[r] == loading || state[r] == running || state[r] == leaving)
#else
#define can_go(r)	(state[r] == loading || state[r] == running)
#endif
#define shut(r)		((state[r] == loading && closed[r]) || state[r] == ejecting || \
			 (state[r] == ejected && why[r] == misbehaved))

/* ioasid_policy_eject(); in a read section of the caller's, which must be one until the end */
inline eject(r, reason)
{
	atomic {
		assert(there(r));
		if
		:: can_go(r) ->
			state[r] = ejecting;
			must_close = (reason == misbehaved && set == r);
			mine = true
		:: else -> mine = false
		fi
	}
	if
	:: mine ->
		why[r] = reason;
		atomic { assert(there(r)); state[r] = ejected }
		atomic { assert(there(r)); queued[r] = true }
	:: else
	fi;
	mine = false
}

inline call_exit(me, r)
{
	atomic {
		assert(there(r) && inited[r] && !exited[r]);
		assert(hooks[r] == 0 && dumps[r] == 0);
		exited[r] = true
	}
	if
	:: true
	:: enter(me); eject(r, misbehaved); leave(me)
	fi
}

/* ---- who ends a run: load.c ---- */

inline flush(r) { (!queued[r] && !working[r]) }

/* ioasid_policy_settle() */
inline settle(me, r)
{
#ifndef FAULT_FLUSH_EARLY
	synchronize(me);
#endif
	flush(r)
}

/* run_end() */
inline end_run(me, r)
{
#ifdef FAULT_NO_END
	queued[r] = false;
	(!working[r]);
	if
	:: !exited[r] -> call_exit(me, r)
	:: else
	fi;
#else
	atomic {
		if
		:: out(r) -> last = false
		:: else -> state[r] = ended; last = true
		fi
	}
	if
	:: last ->
#ifndef FAULT_NO_GRACE
		synchronize(me);
#endif
		call_exit(me, r)
	:: else ->
		settle(me, r)
	fi;
#endif
	assert(exited[r])
}

inline free_run(r)
{
	atomic {
		assert(!queued[r] && !working[r]);
		assert(!inited[r] || exited[r]);
		state[r] = freed
	}
}

inline call_init(me, r)
{
	inited[r] = true;
	if
	:: failed = false
	:: failed = true
	:: failed = true; enter(me); eject(r, misbehaved); leave(me)
	fi;
	if
	:: failed && out(r) -> end_run(me, r)
	/* No exit for an init that refused. */
	:: failed && !out(r) -> inited[r] = false
	:: else
	fi
}

/* Readers of files hold the folder; removing it waits for them. */
inline remove_folder()
{
	folder = false;
	(!inside[DUMP] && !inside[KILL]);
	shown = NONE
}

inline unload(me, r)
{
	atomic { set = NONE; must_close = false }
	synchronize(me);
	end_run(me, r);
	remove_folder();
	free_run(r)
}

/* LOADING ends; ioasid_policy_replay() */
inline replay(r)
{
	atomic {
		if
		:: state[r] == loading -> state[r] = running; must_close = false; failed = false
		:: else -> failed = true
		fi
	}
}

active proctype manager()
{
	bool mine, last, failed, anew;

	/* load */
	state[0] = loading;
	call_init(MANAGER, 0);
	if
	:: failed -> free_run(0); goto end
	:: else
	fi;
	atomic { shown = 0; folder = true }
	if
	:: true ->
		/* no room, or a folder that is only half made */
#ifdef FAULT_FAILED_LOAD
		call_exit(MANAGER, 0);
#else
		end_run(MANAGER, 0);
#endif
		remove_folder();
		free_run(0);
		goto end
	:: true
	fi;
	set = 0;
	synchronize(MANAGER);
	replay(0);
	if
	:: failed -> unload(MANAGER, 0); goto end
	:: else
	fi;

	/* replace */
	if
	:: true -> goto unload_first
	:: true
	fi;
	anew = out(0);
	if
	:: anew -> settle(MANAGER, 0)
	:: else
	fi;
	state[1] = loading;
	assert(!anew || exited[0]);
	call_init(MANAGER, 1);
	if
	:: failed -> free_run(1); goto unload_first
	:: else
	fi;
	/* set_swap() */
	atomic {
		if
		:: out(0) != anew -> failed = true
		:: anew && !out(0) -> failed = true
		:: else ->
			failed = false;
			if
			:: anew
			:: else -> state[0] = leaving
			fi
		fi
	}
	if
	:: failed ->
#ifdef FAULT_FAILED_SWAP
		call_exit(MANAGER, 1);
#else
		end_run(MANAGER, 1);
#endif
		free_run(1);
		goto unload_first
	:: else
	fi;
#ifndef FAULT_OPEN
	closed[1] = shut(0);
#endif
	if
	:: anew
	:: else -> state[1] = running
	fi;
	shown = 1;
	set = 1;
	synchronize(MANAGER);
	end_run(MANAGER, 0);
	/* It went on to the end, or said so in time. */
	assert(anew || !missed[0]);
	free_run(0);
	if
	:: anew -> replay(1)
	:: else
	fi;
	unload(MANAGER, 1);
	goto end;

unload_first:
	unload(MANAGER, 0);
end:
	skip
}

/* A task that opens address spaces, of which also a run hears that is being loaded, and maps. */
active proctype hook()
{
	bool mine;
	byte r;

end:	do
	:: atomic { enter(HOOK); r = set };
		if
		:: r == NONE -> assert(!must_close)
		:: else ->
			assert(there(r));
			if
			:: atomic { live(r) || state[r] == loading -> hooks[r]++ };
				assert(!exited[r]);
				if
				:: true
				:: eject(r, misbehaved)
				fi;
				hooks[r]--
			:: atomic { !live(r) && shut(r) }
			:: atomic { !live(r) && !shut(r) -> assert(!must_close) }
			fi;
			atomic {
				if
				:: out(r) && set == r -> missed[r] = true
				:: else
				fi
			}
		fi;
		r = 0;
		leave(HOOK)
	od
}

/* A reader of the file "dump". */
active proctype dump()
{
	byte r;

end:	do
	:: atomic { folder -> enter(DUMP); r = shown };
		assert(there(r));
		if
		:: atomic { live(r) -> dumps[r]++ };
			assert(!exited[r]);
			dumps[r]--
		:: atomic { !live(r) }
		fi;
		r = 0;
		leave(DUMP)
	od
}

/* A writer of 0 to the file "enabled". */
active proctype kill()
{
	bool mine;
	byte r;

end:	do
	:: atomic { folder -> enter(KILL); r = shown };
		eject(r, killed);
		r = 0;
		leave(KILL)
	od
}

/* load.c: eject_work() */
active [2] proctype work()
{
	bool mine;
	byte r = _pid - 4;

	assert(r < 2);
end:	do
	:: atomic { queued[r] -> queued[r] = false; working[r] = true };
		assert(there(r));
		synchronize(WORK(r));
#ifdef FAULT_NO_END
		if
		:: !exited[r] -> call_exit(WORK(r), r)
		:: else
		fi;
#else
		call_exit(WORK(r), r);
#endif
		working[r] = false
	od
}
