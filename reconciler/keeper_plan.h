/*
 * keeper_plan.h - what one subscription needs next, and when. Pure: time, settings and spread are arguments.
 *
 * Rules and their sources (graph-facts 2.3, 4.2, 6): a PATCH renews and reauthorises; the authorisation behind a subscription
 * lasts about an hour whatever its expiry says, so every subscription is PATCHed each renew_every at the latest; membership
 * subscriptions never report their own loss; PATCH and reauthorize must not meet within ten minutes (we never reauthorize).
 */
#ifndef RECONCILER_KEEPER_PLAN_H
#define RECONCILER_KEEPER_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "model/subscription.h"

#define KEEPER_BACKOFF_MIN_MS   5000
#define KEEPER_BACKOFF_MAX_MS   (10 * 60 * 1000LL) /* consent given back is noticed within 15 minutes */
#define KEEPER_PATCH_SPACING_MS (10 * 60 * 1000LL)
#define KEEPER_COVERED_MS       (10 * 60 * 1000LL) /* a covered row is looked at, though it is woken when that changes */
/* Without a PATCH for an hour deliveries may have paused; less what clocks and calls may be off by. */
#define KEEPER_AUTHORISATION_MS (59 * 60 * 1000LL)

enum keeper_step {
	KEEPER_REST, /* nothing to do until due_wall_ms */
	KEEPER_CREATE,
	KEEPER_RENEW,
	KEEPER_MOVE,   /* a renewal that tells Graph another address: keeper_move_plan.h */
	KEEPER_PROBE,  /* one is made for a moment, to see whether Graph reaches that address */
	KEEPER_DELETE, /* on Graph */
	KEEPER_FORGET  /* the row: nothing of it is on Graph */
};

struct keeper_next {
	enum keeper_step step;
	int64_t due_wall_ms; /* of KEEPER_REST */
};

/* spread is 0..255, drawn once for each subscription (its scope id's first byte): renewals of many do not meet. */
struct keeper_next keeper_next_step(const struct subscription *s, int64_t now_wall_ms, int64_t renew_every_ms, uint8_t spread);

/* Graph wants a renewal, as it may every 15 minutes or rarely: it comes now, unless there was one within KEEPER_PATCH_SPACING_MS. */
void keeper_hasten(const struct subscription *s, int64_t now_wall_ms, struct keeper_next *next);

/* How long to wait after the failures-th failure in a row (1 = the first). jitter is 0..255. */
int64_t keeper_backoff_ms(int64_t failures, enum err why, uint8_t jitter);

/* May changes have gone unannounced before this renewal? */
bool keeper_was_gap(const struct subscription *s, int64_t now_wall_ms);

#endif
