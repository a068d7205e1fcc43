/* retention.c - a walk over the oldest entries of the feed, in small turns. */
#include "reconciler/retention.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "reconciler/reconciler.h"
#include "state/feed.h"

#define EVERY_MS (60 * 60 * 1000LL)
#define LEAST_MS 1000
#define SHARE    8 /* of feed_keep: an entry stays at most that much longer */

struct retention {
	struct reconciler *r;
	struct timer *timer;
	uint64_t from; /* where the walk goes on; 0 = it is over */
	size_t removed;
};

static int64_t
pause_ms(int64_t keep_ms)
{
	int64_t ms = keep_ms / SHARE;

	return ms > EVERY_MS ? EVERY_MS : ms < LEAST_MS ? LEAST_MS : ms;
}

static void
on_time(void *arg)
{
	struct retention *rt = arg;
	int64_t keep_ms = rt->r->config->feed_keep_ms;
	const struct feed_keep keep = { RETENTION_ENTRIES_MAX, clock_wall_ms(rt->r->clock) - keep_ms };

	rt->removed += feed_trim(rt->r->store, &keep, RETENTION_LOOK_MAX, &rt->from);
	if (rt->from == 0 && rt->removed > 0) {
		log_put(LOG_DEBUG, "feed_trimmed", LI("entries", rt->removed));
		rt->removed = 0;
	}
	timer_arm(rt->timer, rt->from > 0 ? 0 : pause_ms(keep_ms));
}

enum err
retention_new(struct reconciler *r, struct retention **ret)
{
	struct retention *rt = calloc(1, sizeof(*rt));

	if (rt == NULL || (rt->timer = timer_new(r->clock, on_time, rt)) == NULL) {
		free(rt);
		return ERR_NOMEM;
	}
	rt->r = r;
	timer_arm(rt->timer, pause_ms(r->config->feed_keep_ms));
	*ret = rt;
	return ERR_OK;
}

void
retention_kick(struct reconciler *r)
{
	timer_arm(r->retention->timer, 0);
}

void
retention_free(struct retention *rt)
{
	if (rt == NULL)
		return;
	timer_free(rt->timer);
	free(rt);
}
