/*
 * stale.h - a store that is older than what both sides are: from a backup, or made anew because the former one was damaged.
 *
 * What it holds of both sides may be long outdated, so nothing may be concluded from it that takes somebody out: each ERG is marked
 * "additions only" until a full comparison has passed the guard. What was about to be said or done is forgotten: callbacks of
 * members, approvals, the place in the inbox. Numbers that must not repeat jump ahead of whatever has been given out since.
 */
#ifndef STATE_STALE_H
#define STATE_STALE_H

#include <stdbool.h>
#include <stdint.h>

#include "state/store.h"

enum stale_kind { STALE_NOT, STALE_RESTORED, STALE_REBUILT };

/* Commits as it goes. */
void stale_mark(struct store *s, enum stale_kind kind, int64_t now_wall_ms);
/* What it was marked as, and when; STALE_NOT: never. */
enum stale_kind stale_kind(struct store *s, int64_t *ret_wall_ms);
/* Has the full comparison after it been asked for? Asking is remembered in this turn. */
bool stale_resync_due(struct store *s);
void stale_resync_asked(struct store *s);

#endif
