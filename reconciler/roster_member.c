#include "reconciler/roster_member.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "reconciler/reconciler.h"
#include "reconciler/roster_book.h"
#include "reconciler/roster_decide.h"
#include "reconciler/tell.h"

/* ---------- what both know ---------- */

bool
roster_side_equal(const struct side *a, const struct side *b)
{
	return a->present == b->present && (!a->present || a->role == b->role);
}

void
roster_member_status(const struct roster_view *v, struct member *m, enum member_status status, const char *detail)
{
	if (m->status != status || m->since_wall_ms == 0)
		m->since_wall_ms = clock_wall_ms(v->r->clock);
	m->status = status;
	snprintf(m->detail, sizeof(m->detail), "%s", detail);
}

void
roster_member_agree(const struct roster_view *v, struct member *m)
{
	m->base = m->teams;
	m->base.since_wall_ms = clock_wall_ms(v->r->clock);
	m->teams_write = PENDING_NONE;
	m->attempts = 0;
	m->retry_wall_ms = 0;
	m->kept_in_teams = false;
	m->missing_once = false;
	m->mark = PLAN_UNMARKED;
	if (!m->teams.present && m->queued_seq != 0)
		roster_member_status(v, m, MEMBER_REMOVING_FROM_APP, "The app has not heard all of it yet.");
	else
		roster_member_status(v, m, m->private_ && !m->teams.present ? MEMBER_PRIVATE : MEMBER_SYNCED, "");
}

void
roster_member_app_took(const struct roster_view *v, struct member *m)
{
	m->app = m->told;
	m->app.since_wall_ms = clock_wall_ms(v->r->clock);
	m->callback_seq = 0;
	m->callback_write = PENDING_NONE;
	if (roster_side_equal(&m->app, &m->teams))
		roster_member_agree(v, m);
}

void
roster_member_overtaken(struct member *m)
{
	m->base = m->told;
	m->callback_seq = 0;
	m->callback_write = PENDING_NONE;
}

void
roster_member_write_over(struct member *m)
{
	m->teams_write = PENDING_NONE;
	m->missing_once = false;
	m->retry_wall_ms = 0;
}

/* ---------- towards the app ---------- */

/* What the app is told for an action towards it, and what the member is called until it answers. */
static const struct {
	enum change_type change;
	enum pending_write write;
	enum member_status status;
} towards_app[DIFF_ACTION_COUNT] = {
	[DIFF_ADD_TO_APP] = { CHANGE_MEMBER_ADDED, PENDING_ADD, MEMBER_ADDING_TO_APP },
	[DIFF_REMOVE_FROM_APP] = { CHANGE_MEMBER_REMOVED, PENDING_REMOVE, MEMBER_REMOVING_FROM_APP },
	[DIFF_SET_ROLE_IN_APP] = { CHANGE_MEMBER_UPDATED, PENDING_ROLE, MEMBER_ADDING_TO_APP },
};

static void
count_change(struct reconciler *r, enum change_type t)
{
	r->counters.changes_member_added += t == CHANGE_MEMBER_ADDED;
	r->counters.changes_member_removed += t == CHANGE_MEMBER_REMOVED;
	r->counters.changes_member_updated += t == CHANGE_MEMBER_UPDATED;
}

/* Refused for good and nothing has changed since: not told again. */
static bool
refused_already(const struct member *m)
{
	return m->status == MEMBER_REFUSED_BY_APP && roster_side_equal(&m->told, &m->teams);
}

static bool
tell_app(const struct roster_view *v, const struct person *p, struct member *m, enum diff_action a)
{
	/* Whoever is removed had that role; else it is what Teams shows. */
	enum role role = a == DIFF_REMOVE_FROM_APP ? m->app.role : m->teams.role;
	uint64_t seq;

	if (refused_already(m))
		return false;
	if ((seq = tell_member(v->r, towards_app[a].change, v->erg, p, role)) == 0)
		return false;
	count_change(v->r, towards_app[a].change);
	m->told = m->teams;
	m->callback_seq = seq;
	m->callback_write = towards_app[a].write;
	m->queued_seq = seq;
	m->queued = m->told;
	roster_member_status(v, m, towards_app[a].status, "");
	if (!tell_waits(v->r)) {
		m->queued_seq = 0;
		roster_member_app_took(v, m);
	}
	return true;
}

/* ---------- towards Teams ---------- */

static const char *const towards_teams_text[] = {
	[MEMBER_ADDING_TO_TEAMS] = "Waits to be added in Teams.",
	[MEMBER_REMOVING_FROM_TEAMS] = "Waits to be removed in Teams.",
};

/* Refused by Teams, and not to be asked again yet. */
static bool
parked(const struct roster_view *v, const struct member *m)
{
	return m->status == MEMBER_REFUSED_BY_TEAMS && clock_wall_ms(v->r->clock) < m->retry_wall_ms;
}

/* Something failed, and is to be tried again later: what was said of that stands. */
static bool
waits_after_failure(const struct roster_view *v, const struct member *m, enum member_status status)
{
	return m->status == status && (m->missing_once || clock_wall_ms(v->r->clock) < m->retry_wall_ms);
}

static void
open_towards_teams(const struct roster_view *v, const struct person *p, struct member *m)
{
	if (parked(v, m) || waits_after_failure(v, m, MEMBER_ADDING_TO_TEAMS))
		return;
	if (p->entra_id.s[0] != '\0' && roster_kind_matters(p, m) && p->resolution_detail[0] != '\0') {
		roster_member_status(v, m, MEMBER_ADDING_TO_TEAMS, p->resolution_detail);
	} else if (p->entra_id.s[0] != '\0') {
		roster_member_status(v, m, MEMBER_ADDING_TO_TEAMS, towards_teams_text[MEMBER_ADDING_TO_TEAMS]);
	} else if (p->resolution == RESOLUTION_NONE) {
		roster_member_status(v, m, MEMBER_ADDING_TO_TEAMS, "Waits for the e-mail address to be looked up.");
	} else {
		/* Told once for each reason. */
		if (m->status != MEMBER_UNRESOLVED || strcmp(m->detail, p->resolution_detail) != 0)
			tell_member_trouble(v->r, CHANGE_MEMBER_UNRESOLVED, v->erg, p, p->resolution_detail);
		roster_member_status(v, m, MEMBER_UNRESOLVED, p->resolution_detail);
	}
}

/* ---------- what follows ---------- */

/* Notes in m what an action means; callbacks are queued. True when something was done towards the app. */
static bool
act(const struct roster_view *v, const struct person *p, struct member *m, enum diff_action a)
{
	switch (a) {
	case DIFF_ADD_TO_APP:
	case DIFF_REMOVE_FROM_APP:
	case DIFF_SET_ROLE_IN_APP: return tell_app(v, p, m, a);
	case DIFF_AGREE:
		if (m->callback_seq == 0)
			roster_member_agree(v, m);
		break;
	case DIFF_ADD_TO_TEAMS:
	case DIFF_SET_ROLE_IN_TEAMS: open_towards_teams(v, p, m); break;
	case DIFF_REMOVE_FROM_TEAMS:
		if (!parked(v, m) && !waits_after_failure(v, m, MEMBER_REMOVING_FROM_TEAMS) &&
		    (m->status != MEMBER_HELD || v->erg->state != ERG_HELD))
			roster_member_status(v, m, MEMBER_REMOVING_FROM_TEAMS, towards_teams_text[MEMBER_REMOVING_FROM_TEAMS]);
		break;
	case DIFF_KEEP:
		/* By policy "app" nobody was taken out here who never was in. */
		m->kept_in_teams = m->kept_in_teams || m->base.present;
		memset(&m->base, 0, sizeof(m->base));
		roster_member_status(v, m, MEMBER_KEPT_IN_TEAMS,
		    v->erg->channel_type == CHANNEL_STANDARD ? "Another ERG on the same team lists this person."
		                                             : "Another ERG on the same channel lists this person.");
		break;
	case DIFF_PRIVATE:
		memset(&m->base, 0, sizeof(m->base));
		roster_member_status(v, m, MEMBER_PRIVATE, "");
		break;
	case DIFF_NOTHING:
		/* What was open has come right by itself: a hold, a refusal, a change taken back. */
		if (m->callback_seq == 0 && m->base.present && m->app.present && m->teams.present) {
			roster_member_status(v, m, MEMBER_SYNCED, "");
			/* A write that was taken back before Teams showed it is still looked for, and not sooner for that. */
			if (m->teams_write == PENDING_NONE)
				m->retry_wall_ms = 0;
			m->mark = PLAN_UNMARKED;
		}
		break;
	case DIFF_WAIT:
	case DIFF_ACTION_COUNT: break;
	}
	return false;
}

static bool
side_same(const struct side *a, const struct side *b)
{
	return a->present == b->present && a->role == b->role && a->since_wall_ms == b->since_wall_ms;
}

bool
roster_member_same(const struct member *a, const struct member *b)
{
	return side_same(&a->app, &b->app) && side_same(&a->teams, &b->teams) && side_same(&a->base, &b->base) &&
	       side_same(&a->told, &b->told) && side_same(&a->queued, &b->queued) && a->queued_seq == b->queued_seq &&
	       a->private_ == b->private_ && a->kept_in_teams == b->kept_in_teams && a->missing_once == b->missing_once &&
	       a->status == b->status && a->since_wall_ms == b->since_wall_ms && a->teams_write == b->teams_write &&
	       a->teams_write_wall_ms == b->teams_write_wall_ms && a->callback_seq == b->callback_seq &&
	       a->callback_write == b->callback_write && a->attempts == b->attempts && a->retry_wall_ms == b->retry_wall_ms &&
	       a->mark == b->mark && strcmp(a->membership_id, b->membership_id) == 0 && strcmp(a->detail, b->detail) == 0;
}

void
roster_member_read(const struct roster_view *v, struct member *m)
{
	int64_t now_ms = clock_wall_ms(v->r->clock);

	if (m->teams_write == PENDING_NONE)
		return;
	/* Of a clock that was set back: how long ago it was nobody knows. It settles from now on. */
	if (m->teams_write_wall_ms > now_ms)
		m->teams_write_wall_ms = now_ms;
	if (now_ms - m->teams_write_wall_ms >= v->r->config->settle_ms)
		roster_member_write_over(m);
}

struct roster_step
roster_member_settle(const struct roster_view *v, const struct person *p, const struct member *before, struct member *m)
{
	struct roster_step step = { DIFF_NOTHING, m->person, false };

	step.action = roster_decide(v, p, m);

	if (v->dry_run)
		return step;
	step.done = act(v, p, m, step.action);
	if (before == NULL || !roster_member_same(before, m))
		roster_book_put(v->r, v->erg, before, m);
	return step;
}
