/*
 * keeper_move_plan.h - what one subscription needs because public_url is another one than Graph was told, and when. Pure.
 *
 * Graph-facts 2.1 and 2.2: a PATCH may carry another notificationUrl, so notifications go on at the new address without a break; the
 * lifecycle URL cannot be changed, so that the subscription is later deleted and created anew, and what it watches is read. Whatever
 * was deleted cannot be had back: nothing is before Graph has reached the new address a short while ago.
 */
#ifndef RECONCILER_KEEPER_MOVE_PLAN_H
#define RECONCILER_KEEPER_MOVE_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "model/subscription.h"

/* That Graph has reached the address is believed for so long. */
#define MOVE_PROOF_MS (10 * 60 * 1000LL)
/* So many probes may fail for reasons that say nothing of the address; then that notifications were moved is proof enough. */
#define MOVE_PROBES_MAX 3

enum move_step {
	MOVE_STAY,   /* nothing to do */
	MOVE_PATCH,  /* its notifications */
	MOVE_REPLACE /* all of it: needs a fresh proof */
};
struct move_next {
	enum move_step step;
	int64_t due_wall_ms;
};

/* The listener's, below public_url. */
#define MOVE_NOTIFICATIONS "/graph/notifications"
#define MOVE_LIFECYCLE     "/graph/lifecycle"

/* A public_url in 63 bits; never 0. */
int64_t move_mark(const char *public_url);
/* The same of the public_url that such a URL on it begins with. "" is 0, not known. */
int64_t move_mark_of(const char *url, const char *path);

/*
 * mark: of public_url now. A PATCH keeps KEEPER_PATCH_SPACING_MS from the last one, or renew_every_ms where that is less. After it, the
 * replacement rests for the same time, and then for up to another renew_every_ms: spread is 0..255, the subscription's own.
 */
struct move_next
move_next_step(const struct subscription *s, int64_t mark, int64_t now_wall_ms, int64_t renew_every_ms, uint8_t spread);

/* Where Graph sends what it has for it. */
enum subscription_address move_address(const struct subscription *s, int64_t mark);

#endif
