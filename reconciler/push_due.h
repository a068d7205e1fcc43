/*
 * push_due.h - what an ERG's open intents need now, sorted by kind: the deciding half of push.h, with the guard over all leaves.
 *
 * Looks at every intent of the ERG; those that have come right by themselves are closed on the way, and leaves beyond the limits are
 * held. Memory is that of one pass: of each kind only as many people as one pass can serve.
 */
#ifndef RECONCILER_PUSH_DUE_H
#define RECONCILER_PUSH_DUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "graph/members.h"
#include "model/member.h"

#define PUSH_DUE_MAX         GRAPH_MEMBERS_ADD_MAX
#define PUSH_UNKNOWN_LOOK_MS 5000 /* after an unknown outcome, the first look */

struct roster_view;

/* In the order in which they are served: joins before leaves. */
enum push_kind { PUSH_LOOKUP, PUSH_LOOK, PUSH_ADD, PUSH_ROLE, PUSH_REMOVE, PUSH_COUNT, PUSH_NONE = PUSH_COUNT };

/* What is due, by kind. */
struct push_due {
	person_id people[PUSH_COUNT][PUSH_DUE_MAX];
	size_t count[PUSH_COUNT];
	size_t removals; /* all open ones that nobody approved, of people the app has named */
	size_t nameless; /* the same, of others */
	size_t leaving;  /* removed by a write that Teams does not show yet */
	bool unlooked;   /* somebody has not been looked up yet: it may be one of the nameless */
	int64_t next_wall_ms;
	int64_t back_wall_ms; /* since when the tenant can be asked; INT64_MIN: it can't */
};

/* *ret is overwritten. The ERG of v may change; the caller stores it in this turn. */
void push_due_find(const struct roster_view *v, struct push_due *ret);

#endif
