/*
 * keeper_move.h - subscriptions follow public_url, so that a former address may be switched off once none is left there.
 *
 * One asks Graph first whether it reaches the new address, all others wait for that. As long as it does not, subscriptions stay where
 * they are and are renewed there, and it is tried again with back-off. Their notifications are moved by a PATCH that renews them, too;
 * an hour later at most they are created anew, of a tenant one at a time, for their lifecycle notifications. keeper_move_plan has the rules.
 */
#ifndef RECONCILER_KEEPER_MOVE_H
#define RECONCILER_KEEPER_MOVE_H

#include <stdbool.h>
#include <stdint.h>

#include "model/subscription.h"

struct reconciler;

/* Of public_url now: what rows are compared with. */
int64_t keeper_move_mark(const struct reconciler *r);
/* Graph's own list says where what it has for this row goes, as marks; 0: it does not say. */
void keeper_move_listed(struct reconciler *r, const struct subscription *s, int64_t address, int64_t lifecycle_address);
/* Graph did not reach public_url when it was last asked to, and subscriptions wait for it. */
bool keeper_move_is_stuck(const struct reconciler *r);

#endif
