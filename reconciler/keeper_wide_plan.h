/*
 * keeper_wide_plan.h - when one subscription for all teams of a tenant stands in for one for each of its teams. Pure.
 *
 * Graph's documents disagree on whether "/teams/getAllMembers" can be subscribed to (graph-facts 2.3): creating it is the probe.
 * It tells of every team of the tenant, also of those that are no ERG's, so small tenants are better off without. That Graph grants it
 * does not mean that it tells: until it has, each team that can have one of its own has it, and both tell.
 */
#ifndef RECONCILER_KEEPER_WIDE_PLAN_H
#define RECONCILER_KEEPER_WIDE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/subscription.h"

/* It needs room itself: how long it waits for that of a team's that is given up for it. */
#define WIDE_ROOM_MS (60 * 1000LL)

/* After a refusal it is asked for again so much later, doubled with each refusal in a row. */
#define WIDE_RETRY_MIN_MS (24 * 3600 * 1000LL)
#define WIDE_RETRY_MAX_MS (8 * WIDE_RETRY_MIN_MS)
/* An answer that may mean much (400, 5xx) is a refusal when it has come so often in a row. */
#define WIDE_TRIES 3
/* It is waited for so long, while nothing watches a team; then each team is watched for itself. */
#define WIDE_PATIENCE_MS (10 * 60 * 1000LL)

/* Notifications may come an hour late (graph-facts 2.3), so silence proves nothing sooner. */
#define WIDE_DEAF_MS     (3600 * 1000LL)
#define WIDE_DEAF_MISSED 3
#define WIDE_WINDOW_MS   (7 * 24 * 3600 * 1000LL)
/* So many notifications of teams of ours, and what was held against it is forgotten. */
#define WIDE_PROVED 10

/* What the teams' own subscriptions may count on. */
enum wide_stand {
	WIDE_NONE,   /* each team needs its own */
	WIDE_COMING, /* asked for, or lost and asked for again: those there stay, and whoever had none of its own waits */
	WIDE_SILENT, /* there, and not heard from yet: those there stay, others are made as long as Graph has room for them */
	WIDE_COVERS  /* teams need none */
};
/* wide: the tenant's row, NULL = none. coming_ms: for how long it has been coming by now. */
enum wide_stand wide_stand(const struct subscription *wide, int64_t now_wall_ms, int64_t coming_ms);

struct wide_need {
	size_t teams;   /* linked */
	size_t lacking; /* of the teams' subscriptions, those of members of channels included: not on Graph */
	bool there;     /* it is, or is asked for */
	int64_t room;   /* of that one's row */
};
/* Is one wanted? from: [graph] tenant_wide_from. One for so many teams stays down to three quarters of them; one for want of room as
 * long as a team is without its own, and down to three quarters of those that had theirs. What begins the latter is a creation that
 * Graph had no room for. */
bool wide_is_wanted(const struct wide_need *need, int64_t from);

/* What a team's row becomes; true when that changed it. */
bool wide_settle_team(struct subscription *team, enum wide_stand stand);
/* Does that change nothing in a row that is covered, with nothing of its own on Graph? */
bool wide_keeps_covered(enum wide_stand stand);

/* Does that answer to creating it mean that it does not work here? failures: in a row, this one included. */
bool wide_is_refusal(int status, enum err e, const char *code, int64_t failures);
/* After the refusals-th refusal in a row (1 = the first); jitter is 0..255. */
int64_t wide_retry_ms(int64_t refusals, uint8_t jitter);

/* What came by it, and what should have. All zero at first. */
struct wide_hearing {
	bool coming; /* not there, and may be soon: since */
	int64_t coming_boot_ms;
	int64_t first_boot_ms; /* of what was missed; 0 = nothing */
	uint64_t first_read;   /* notifications read until then */
	uint64_t heard;        /* of teams of ours */
	uint64_t heard_since;  /* that */
	uint64_t missed;       /* checks that found a change nobody had announced */
	uint64_t unreadable;   /* notifications that name no team */
	bool made_room;        /* a team's was given up so that it can be made */
};
void wide_hear(struct wide_hearing *h);
/* True: it is deaf, or speaks in a way we do not understand. read: notifications read so far, of whomever; when none at all has come
 * since the first miss, it is not the one to blame, unless it is all there is (alone). */
bool wide_miss(struct wide_hearing *h, int64_t now_boot_ms, uint64_t read, bool alone);
bool wide_misread(struct wide_hearing *h);

#endif
