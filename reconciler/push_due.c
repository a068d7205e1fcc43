#include "reconciler/push_due.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "reconciler/guard.h"
#include "reconciler/intents.h"
#include "reconciler/plan.h"
#include "reconciler/push.h"
#include "reconciler/reconciler.h"
#include "reconciler/resolve.h"
#include "reconciler/roster.h"
#include "reconciler/roster_decide.h"
#include "reconciler/tables.h"

/* Nothing is put off for longer than a refusal or an unknown address. What seems to be is of a clock that was set back. */
#define PUT_OFF_MAX_MS PUSH_RETRY_REFUSED_MS

static void
due_add(struct push_due *d, enum push_kind kind, person_id person, int64_t at_wall_ms, int64_t now_wall_ms)
{
	if (at_wall_ms > now_wall_ms && at_wall_ms - now_wall_ms <= PUT_OFF_MAX_MS) {
		if (at_wall_ms < d->next_wall_ms)
			d->next_wall_ms = at_wall_ms;
	} else if (d->count[kind] < PUSH_DUE_MAX) {
		d->people[kind][d->count[kind]++] = person;
	}
}

static const enum push_kind kind_of[DIFF_ACTION_COUNT] = {
	[DIFF_NOTHING] = PUSH_NONE,
	[DIFF_AGREE] = PUSH_NONE,
	[DIFF_WAIT] = PUSH_LOOK,
	[DIFF_ADD_TO_APP] = PUSH_NONE,
	[DIFF_REMOVE_FROM_APP] = PUSH_NONE,
	[DIFF_SET_ROLE_IN_APP] = PUSH_NONE,
	[DIFF_ADD_TO_TEAMS] = PUSH_ADD,
	[DIFF_REMOVE_FROM_TEAMS] = PUSH_REMOVE,
	[DIFF_SET_ROLE_IN_TEAMS] = PUSH_ROLE,
	[DIFF_KEEP] = PUSH_NONE,
	[DIFF_PRIVATE] = PUSH_NONE,
};

/* A call was begun and its end never noted: it may have happened. */
static void
found_begun(const struct roster_view *v, struct intent_record *row, struct member *m)
{
	enum pending_write w = row->kind == INTENT_ADD_MEMBER      ? PENDING_ADD
	                       : row->kind == INTENT_REMOVE_MEMBER ? PENDING_REMOVE
	                                                           : PENDING_ROLE;

	row->started_wall_ms = 0;
	row->unknown = true;
	intent_store(v->r, row);
	roster_sent(v, m, w, NULL, clock_wall_ms(v->r->clock) + PUSH_UNKNOWN_LOOK_MS, NULL);
}

/* The settle time of a write is over, and nothing has been read since. */
static bool
write_to_look_for(const struct reconciler *r, const struct member *m)
{
	return m->teams_write != PENDING_NONE && !m->missing_once &&
	       clock_wall_ms(r->clock) - m->teams_write_wall_ms >= r->config->settle_ms;
}

/* Since when the tenant can be asked. */
static int64_t
back_wall_ms(const struct roster_view *v)
{
	struct tenant tenant;

	return tenant_load(v->r, &v->erg->tenant, &tenant) == ERR_OK && tenant.state == TENANT_ACTIVE ? tenant.state_since_wall_ms
	                                                                                              : INT64_MIN;
}

static void
due_lookup(struct push_due *d, const struct person *person, int64_t retry_wall_ms, int64_t now_ms)
{
	int64_t at_ms = resolve_due(person, d->back_wall_ms, now_ms) ? 0 : person->resolve_again_wall_ms;

	due_add(d, PUSH_LOOKUP, person->id, at_ms > retry_wall_ms ? at_ms : retry_wall_ms, now_ms);
}

static void
sort_one(const struct roster_view *v, struct intent_record *row, struct push_due *d, int64_t now_ms)
{
	struct person person;
	struct member m;
	enum diff_action a;
	enum push_kind kind;

	if (member_load(v->r, &row->erg, row->person, &m) != ERR_OK || person_load(v->r, row->person, &person) != ERR_OK) {
		intent_drop(v->r, &row->erg, row->person);
		return;
	}
	if (row->started_wall_ms != 0)
		found_begun(v, row, &m);
	d->leaving += m.teams_write == PENDING_REMOVE && m.teams.present;
	a = roster_decide(v, &person, &m);
	/* Before anything is written again: has it arrived meanwhile? */
	kind = write_to_look_for(v->r, &m) ? PUSH_NONE : kind_of[a];
	if (kind == PUSH_ADD && person.entra_id.s[0] == '\0') {
		d->unlooked |= person.resolution == RESOLUTION_NONE || person.resolution == RESOLUTION_FAILED;
		due_lookup(d, &person, 0, now_ms);
	} else if (kind == PUSH_ADD && roster_kind_matters(&person, &m)) {
		due_lookup(d, &person, m.retry_wall_ms, now_ms);
	} else if (kind == PUSH_NONE) {
		roster_look(v, &m);
		if (member_load(v->r, &row->erg, row->person, &m) == ERR_OK && intent_wanted(&m) && m.teams_write != PENDING_NONE)
			due_add(d, PUSH_LOOK, person.id, m.retry_wall_ms, now_ms);
	} else if (kind != PUSH_ROLE || !v->erg->additions_only) {
		/* A role that an outdated store calls changed waits until a full comparison has passed. */
		if (kind == PUSH_REMOVE && m.mark != PLAN_APPROVED)
			*(person.user.s[0] != '\0' ? &d->removals : &d->nameless) += 1;
		due_add(d, kind, person.id, m.retry_wall_ms, now_ms);
	}
}

static void
sort_all(const struct roster_view *v, struct push_due *d)
{
	struct store_cursor *c = intents_of(v->r, &v->erg->id);
	int64_t now_ms = clock_wall_ms(v->r->clock);
	struct intent_record row;

	while (store_next(c, NULL, &row) == ERR_OK)
		sort_one(v, &row, d, now_ms);
	store_cursor_close(c);
}

/* ---------- leaves that must wait for a person ---------- */

static void
hold_removals(const struct roster_view *v, size_t removals, bool unlooked)
{
	struct store_cursor *c = intents_of(v->r, &v->erg->id);
	struct intent_record row;
	struct person person;
	struct member m;
	char detail[DETAIL_SIZE];

	while (store_next(c, NULL, &row) == ERR_OK)
		if (member_load(v->r, &row.erg, row.person, &m) == ERR_OK && person_load(v->r, row.person, &person) == ERR_OK &&
		    m.mark != PLAN_APPROVED && (person.user.s[0] != '\0' || !unlooked) &&
		    roster_decide(v, &person, &m) == DIFF_REMOVE_FROM_TEAMS)
			roster_hold(v, &m, "The plan that removes this person is held.");
	store_cursor_close(c);
	snprintf(detail, sizeof(detail), "%zu of %lld people would be removed from Teams, %s. Approve or reject the plan.",
	    removals, (long long)v->erg->counts.teams,
	    v->erg->additions_only    ? "but the stored state may be outdated"
	    : v->erg->counts.app == 0 ? "as the app's list has become empty"
	                              : "more than the limits allow within 24 hours");
	plan_refresh(v->r, v->erg, detail);
}

/* Those whom nobody approved are taken out of what is due; held ones wait for a decision. */
static void
guard_removals(const struct roster_view *v, struct push_due *d)
{
	struct erg *erg = v->erg;
	size_t kept = 0, removals = d->removals + (d->unlooked ? 0 : d->nameless);
	struct member m;
	/* A list that became empty is held whatever the limits, also when its last one leaves alone. */
	bool hold = removals > 0 &&
	            (erg->counts.app == 0 || guard_holds(v->r, erg, GUARD_TEAMS, (int64_t)removals, (int64_t)d->leaving) ||
	                plan_holds_app(v->r, erg));

	if (hold)
		hold_removals(v, removals, d->unlooked);
	else if (erg->state == ERG_HELD)
		plan_refresh(v->r, erg, erg->detail);
	for (size_t i = 0; i < d->count[PUSH_REMOVE]; i++) {
		person_id person = d->people[PUSH_REMOVE][i];
		struct person who;

		if (member_load(v->r, &erg->id, person, &m) != ERR_OK || (hold && m.mark != PLAN_APPROVED))
			continue;
		if (d->unlooked && person_load(v->r, person, &who) == ERR_OK && who.user.s[0] == '\0')
			continue;
		d->people[PUSH_REMOVE][kept++] = person;
	}
	d->count[PUSH_REMOVE] = kept;
}

void
push_due_find(const struct roster_view *v, struct push_due *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->next_wall_ms = INT64_MAX;
	ret->back_wall_ms = back_wall_ms(v);
	sort_all(v, ret);
	guard_removals(v, ret);
}
