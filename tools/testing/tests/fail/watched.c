// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failures of a map while memory is watched (the event ioasid_stale): no call fails because
 * a mapping cannot be watched, and it is watched soon.
 */
#include "fail/sweep.h"
#include "lib/stale_event.h"

#define PAGES	24

FIXTURE(watched) {
	struct world w;
};

FIXTURE_SETUP(watched)
{
	struct world *w = &self->w;

	ASSERT_TRUE(world_open(w, PAGES * PAGE));
}

FIXTURE_TEARDOWN(watched)
{
	stale_off();
	backend_close(&self->w.d);
}

/* The process is not watched yet. */
static bool watch_ready(struct world *w)
{
	(void)w;
	return nothing_is_watched() && stale_on();
}

static bool map_call(struct world *w)
{
	return native_map(w->d.fd, 0, NATIVE_FIXED, IOVA, w->mem, w->bytes) == IOVA;
}

static bool watch_undo(struct world *w)
{
	int i;

	for (i = 0; i < 500 && watched("mappings") != 1; i++)
		usleep(10000);
	if (watched("mappings") != 1)
		return sweep_complain("it is not watched");
	return native_unmap_all(w->d.fd, 0) == w->bytes && !watched("mappings") && stale_off() &&
	       nothing_is_watched();
}

TEST_F_TIMEOUT(watched, map, 120)
{
	static const struct flow flow = {
		.ready = watch_ready, .call = map_call, .undo = watch_undo,
	};

	EXPECT_TRUE(sweep(&self->w, &flow));
}

SWEEP_MAIN
