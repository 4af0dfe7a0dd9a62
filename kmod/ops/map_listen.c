// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is done for those who listen to a map: policies, and the trace event at its end. Most maps
 * have no listener, and do not come here.
 *
 * What can run at the same time: everything; no lock is held, and the description of the call is the
 * caller's.
 */
#include <linux/slab.h>

#include <trace/events/ioasid.h>

#include "lib/clock.h"
#include "lib/signal.h"
#include "ops.h"

/* ioasid_map_listen() - a policy or the trace event reports how the map goes */
void ioasid_map_listen(struct ioasid_map_call *c)
{
	if (c->pin.res)
		return;
	/* A policy that saw map_begin must also see map_done. */
	c->pin.res = c->room ?: kmalloc(sizeof(*c->pin.res), GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
	memset(c->pin.res, 0, sizeof(*c->pin.res));
}

/* ioasid_map_wait() - sleep because a policy requests it: before any lock, and killably */
int ioasid_map_wait(struct ioasid_map_call *c, u32 wait_us)
{
	ktime_t until = ktime_add_us(ktime_get(), wait_us);
	int ret;

	if (c->pin.res)
		c->pin.res->ns_wait = (u64)wait_us * NSEC_PER_USEC;
	while (!(ret = ioasid_interrupted()))
		if (ioasid_sleep_until(until))
			return 0;
	return ioasid_map_fail(c, ret, IOASID_R_SIGNAL, 0, 0);
}

/* ioasid_map_notify() - notify the policies in seen_by, and the trace event; @c->pin.res is there */
void ioasid_map_notify(struct ioasid_map_call *c, int ret)
{
	struct ioasid_map_result *res = c->pin.res;

	res->err = ret;
	res->reason = c->fail.reason;
	res->a = c->fail.a;
	res->b = c->fail.b;
	ioasid_lap(c->pin.timing, &c->start, &res->ns_total);
	if (c->seen_by.slots)
		ioasid_policy_map_done(&c->args, res, &c->seen_by);
	trace_ioasid_map_done(&c->args, res);
	if (!c->room)
		kfree(res);
	c->pin.res = NULL;
}
