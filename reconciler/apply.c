/*
 * Stages, each of as many turns as it takes: those Teams lists; those it does not list (found by walking the ERG's members);
 * the guard over all removals together; the second reads; the end. Each turn loads the ERG anew and stores it, for anything may
 * have happened to it in between.
 */
#include "reconciler/apply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "reconciler/guard.h"
#include "reconciler/people.h"
#include "reconciler/plan.h"
#include "reconciler/push.h"
#include "reconciler/reconciler.h"
#include "reconciler/standing.h"
#include "reconciler/tables.h"
#include "state/store.h"

#define SLICE       128 /* people a turn: a few milliseconds */
#define CONFIRM_MAX 4   /* second reads under way */

enum stage { STAGE_SEEN, STAGE_ABSENT, STAGE_GUARD, STAGE_CONFIRM, STAGE_END };

struct confirm {
	struct apply *apply;
	person_id person;
	struct guid user;
	bool by_id;              /* asked for by membership id, else by user id */
	struct graph_call *call; /* NULL: free */
};

struct apply {
	struct reconciler *r;
	struct apply_options o;
	compare_done done;
	void *arg;
	struct timer *timer;
	enum stage stage;
	size_t next;     /* of the listing, then of gone */
	person_id *seen; /* sorted before the second stage */
	size_t seen_count;
	struct store_key after; /* the last member walked */
	person_id *gone;
	size_t gone_count, gone_cap, removals, approved, harmless;
	size_t leaving; /* found open towards Teams */
	bool held;
	size_t held_late; /* when they were confirmed */
	struct confirm confirms[CONFIRM_MAX];
	unsigned confirming;
	struct compare_result result;
};

struct graph_roster
roster_on_graph(const struct erg *erg)
{
	return (struct graph_roster){ .team = erg->team_id,
		.channel = erg->channel_type == CHANNEL_STANDARD ? NULL : erg->channel_id };
}

/* ---------- counting ---------- */

static void
count_step(struct compare_result *result, const struct roster_step *step, bool dry_run)
{
	struct resync_changes *c = &result->changes;
	bool now = step->done || dry_run;

	switch (step->action) {
	case DIFF_ADD_TO_APP: c->added_to_app += now; break;
	case DIFF_REMOVE_FROM_APP: c->removed_from_app += now; break;
	case DIFF_ADD_TO_TEAMS: c->added_to_teams += dry_run; break;
	case DIFF_REMOVE_FROM_TEAMS: c->removed_from_teams += dry_run; break;
	default: break;
	}
}

/* ---------- one removal ---------- */

/* An older read under way may still show what was. */
static void
outdate(const struct roster_view *v, const struct roster_step *step, const struct apply *by)
{
	if (step->done && (step->action == DIFF_REMOVE_FROM_APP || step->action == DIFF_SET_ROLE_IN_APP))
		compare_outdate(v->r, &v->erg->id, by);
}

static void
remove_one(const struct roster_view *v, struct member *m, struct compare_result *result, const struct apply *by)
{
	bool approved = m->mark == PLAN_APPROVED;
	struct roster_step step = roster_left(v, m);

	if (step.done && !approved && step.action == DIFF_REMOVE_FROM_APP)
		guard_count(v->r, &v->erg->id, GUARD_APP, 1);
	outdate(v, &step, by);
	count_step(result, &step, v->dry_run);
}

bool
apply_one(struct reconciler *r, struct erg *erg, const struct guid *directory, const struct roster_seen *seen, person_id person,
    struct compare_result *result)
{
	struct roster_view v = { .r = r, .erg = erg, .directory = *directory };
	struct roster_step step;
	struct member m;

	if (erg->membership == MEMBERSHIP_OFF)
		return true;
	result->members_compared++;
	r->counters.members_compared++;
	if (seen != NULL) {
		step = roster_seen(&v, seen);
		outdate(&v, &step, NULL);
		count_step(result, &step, false);
	} else if (member_load(r, &erg->id, person, &m) == ERR_OK && m.teams.present) {
		/* Whoever is the last one leaves an empty list behind: that is for a plan to show. */
		if (roster_if_left(&v, &m) == DIFF_REMOVE_FROM_APP && m.mark != PLAN_APPROVED &&
		    (erg->state == ERG_HELD || erg->counts.teams <= 1 || guard_holds(r, erg, GUARD_APP, 1, 0)))
			return false;
		r->counters.removals_confirmed++;
		remove_one(&v, &m, result, NULL);
	} else if (member_load(r, &erg->id, person, &m) == ERR_OK && m.teams_write != PENDING_NONE) {
		roster_left(&v, &m); /* nor has a write of ours arrived */
	}
	plan_settle(r, erg);
	erg_settle(r, erg);
	return true;
}

/* ---------- the stages ---------- */

static void
finish(struct apply *a, enum err e)
{
	struct compare_result result = a->result;
	compare_done done = a->done;
	void *arg = a->arg;

	if (e != ERR_OK)
		result.err = e;
	apply_cancel(a);
	done(arg, &result);
}

static bool
open_turn(struct apply *a, struct erg *erg, struct roster_view *v)
{
	if (erg_load(a->r, &a->o.erg, erg) != ERR_OK || erg->generation != a->o.generation || erg->membership == MEMBERSHIP_OFF)
		return false;
	*v = (struct roster_view){ .r = a->r, .erg = erg, .directory = a->o.directory, .dry_run = a->o.dry_run };
	return true;
}

/* A slice that finds nothing new costs no commit. */
static bool
erg_same(const struct erg *a, const struct erg *b)
{
	return memcmp(&a->counts, &b->counts, sizeof(a->counts)) == 0 && a->state == b->state &&
	       strcmp(a->detail, b->detail) == 0 && a->read_wall_ms == b->read_wall_ms &&
	       a->proved_wall_ms == b->proved_wall_ms && a->teams_baseline_count == b->teams_baseline_count &&
	       a->first_read_done == b->first_read_done && a->additions_only == b->additions_only;
}

static void
close_turn(struct apply *a, struct erg *erg)
{
	struct erg stored;

	if (a->o.dry_run)
		return;
	plan_settle(a->r, erg); /* those held may be back, long before this is over */
	if (erg_load(a->r, &erg->id, &stored) != ERR_OK || !erg_same(&stored, erg))
		erg_store(a->r, erg);
}

static void
stage_seen(struct apply *a, const struct roster_view *v)
{
	size_t end = a->next + SLICE;

	for (; a->next < end && a->next < a->o.listing->count; a->next++) {
		struct roster_seen seen = listing_get(a->o.listing, a->next);
		struct roster_step step = roster_seen(v, &seen);

		outdate(v, &step, a);
		count_step(&a->result, &step, a->o.dry_run);
		a->leaving += step.action == DIFF_REMOVE_FROM_TEAMS;
		if (step.person != 0)
			a->seen[a->seen_count++] = step.person;
		a->result.members_compared++;
		a->r->counters.members_compared++;
	}
	if (a->next < a->o.listing->count)
		return;
	qsort(a->seen, a->seen_count, sizeof(*a->seen), people_by_number);
	members_prefix(a->r, &v->erg->id, &a->after);
	a->stage = STAGE_ABSENT;
}

static bool
gone_add(struct apply *a, person_id person)
{
	size_t cap = a->gone_cap == 0 ? 16 : a->gone_cap * 2;
	person_id *grown;

	if (a->gone_count == a->gone_cap) {
		if ((grown = realloc(a->gone, cap * sizeof(*grown))) == NULL)
			return false;
		a->gone = grown;
		a->gone_cap = cap;
	}
	a->gone[a->gone_count++] = person;
	return true;
}

static bool
was_seen(const struct apply *a, person_id person)
{
	return a->seen_count > 0 && bsearch(&person, a->seen, a->seen_count, sizeof(*a->seen), people_by_number) != NULL;
}

/* Of somebody who is not in the app: that Teams has them no more takes nobody out of anything. */
static bool
is_harmless(enum diff_action if_left)
{
	return if_left == DIFF_NOTHING || if_left == DIFF_AGREE;
}

/* A member that the listing does not show. */
static bool
absent(struct apply *a, const struct roster_view *v, struct member *m)
{
	struct roster_step step;

	if (m->teams.present) {
		if (m->mark == PLAN_APPROVED)
			a->approved++;
		else if (is_harmless(roster_if_left(v, m)))
			a->harmless++;
		else
			a->removals += roster_if_left(v, m) == DIFF_REMOVE_FROM_APP;
		return gone_add(a, m->person);
	}
	step = roster_look(v, m);
	count_step(&a->result, &step, a->o.dry_run);
	a->result.members_compared++;
	return true;
}

static enum err
stage_absent(struct apply *a, const struct roster_view *v)
{
	struct store_key prefix;
	struct store_cursor *c;
	struct member m;
	unsigned n = 0;

	members_prefix(a->r, &v->erg->id, &prefix);
	c = store_seek(a->r->store, TABLE_MEMBERS, &prefix, a->after.len > prefix.len ? &a->after : NULL);
	while (n < SLICE && store_next(c, &a->after, &m) == ERR_OK) {
		n++;
		if (!was_seen(a, m.person) && !absent(a, v, &m)) {
			store_cursor_close(c);
			return ERR_NOMEM;
		}
	}
	store_cursor_close(c);
	if (n < SLICE)
		a->stage = STAGE_GUARD;
	return ERR_OK;
}

static const char held_text[] = "The plan that removes this person is held.";

static void
too_many(const struct erg *erg, size_t removals, char *ret, size_t ret_size)
{
	snprintf(ret, ret_size,
	    "%zu of %lld people would be removed from the app, more than the limits allow within 24 hours. Approve or reject the "
	    "plan.",
	    removals, (long long)erg->counts.app);
}

/* Why the removals may not be done, or false. */
static bool
held_detail(struct apply *a, const struct roster_view *v, char *ret, size_t ret_size)
{
	const struct erg *erg = v->erg;

	if (a->o.listing->count == 0 && a->gone_count > a->approved + a->harmless) {
		snprintf(ret, ret_size,
		    "Teams shows nobody any more, where there were %lld. Nobody is removed until this is approved, or Teams "
		    "shows people again.",
		    (long long)erg->counts.teams);
		return true;
	}
	if (a->removals > 0 && erg->additions_only) {
		snprintf(ret, ret_size,
		    "%zu of %lld people are not in Teams, but the stored state may be outdated. Let the app put its whole list, "
		    "or "
		    "approve or reject the plan.",
		    a->removals, (long long)erg->counts.app);
		return true;
	}
	if (a->removals > 0 && guard_holds(a->r, erg, GUARD_APP, (int64_t)a->removals, 0)) {
		too_many(erg, a->removals, ret, ret_size);
		return true;
	}
	return false;
}

static void
hold_all(struct apply *a, const struct roster_view *v, const char *detail)
{
	enum diff_action action;
	size_t kept = 0;
	struct member m;

	for (size_t i = 0; i < a->gone_count; i++) {
		if (member_load(a->r, &v->erg->id, a->gone[i], &m) != ERR_OK)
			continue;
		action = roster_if_left(v, &m);
		/* What takes nobody out of the app goes on. */
		if (m.mark == PLAN_APPROVED || is_harmless(action) || (a->o.listing->count > 0 && action != DIFF_REMOVE_FROM_APP))
			a->gone[kept++] = a->gone[i];
		else
			roster_hold(v, &m, held_text);
	}
	a->gone_count = kept;
	plan_refresh(a->r, v->erg, detail);
}

static void
stage_guard(struct apply *a, const struct roster_view *v)
{
	char detail[DETAIL_SIZE];

	a->next = 0;
	a->stage = STAGE_CONFIRM;
	if (held_detail(a, v, detail, sizeof(detail))) {
		a->held = true;
		a->result.changes.held += (int64_t)a->gone_count;
		if (a->o.dry_run)
			a->stage = STAGE_END;
		else
			hold_all(a, v, detail);
	} else if (a->o.dry_run) {
		a->result.changes.removed_from_app += (int64_t)a->removals;
		a->stage = STAGE_END;
	}
}

static void
confirmed_gone(struct apply *a, const struct roster_view *v, person_id person)
{
	struct member m;

	a->r->counters.removals_confirmed++;
	if (member_load(a->r, &v->erg->id, person, &m) != ERR_OK || !m.teams.present)
		return;
	/* Others may have been removed while this was being read. */
	if (m.mark != PLAN_APPROVED && roster_if_left(v, &m) == DIFF_REMOVE_FROM_APP &&
	    guard_holds(a->r, v->erg, GUARD_APP, 1, 0)) {
		a->held = true;
		a->held_late++;
		a->result.changes.held++;
		roster_hold(v, &m, held_text);
		return;
	}
	remove_one(v, &m, &a->result, a);
}

/* Gone is only who isn't at the address of the membership, now that the roster itself could be read: the list alone may be an
 * older one. A membership without an id is looked for by its person; there only a complete answer without the person counts. */
static enum err
confirm_read(const struct confirm *slot, const struct graph_answer *answer, struct graph_member *ret)
{
	enum err e;

	if (!slot->by_id)
		return graph_member_find_read(answer, &slot->user, ret);
	e = graph_member_answer_read(answer, ret);
	return e == ERR_OK && strcmp(ret->user_id.s, slot->user.s) != 0 ? ERR_UNEXPECTED : e;
}

/* One removal is looked into; whatever came out, the next may begin. */
static void
confirm_end(struct confirm *slot)
{
	slot->call = NULL;
	slot->apply->confirming--;
	timer_arm(slot->apply->timer, 0);
}

static void
confirm_failed(struct apply *a, enum err e, const struct graph_answer *answer)
{
	a->result.err = e == ERR_OK ? ERR_UNEXPECTED : e;
	snprintf(a->result.detail, sizeof(a->result.detail), "%s", answer->detail);
}

/* A shared channel may be open to the person through a team it is shared with: then nobody has left. */
static void
on_access(void *arg, const struct graph_answer *answer)
{
	struct confirm *slot = arg;
	struct apply *a = slot->apply;
	struct roster_view v;
	struct erg erg;
	bool access = true;
	enum err e = graph_member_has_access_read(answer, &access);

	confirm_end(slot);
	if (e != ERR_OK) {
		confirm_failed(a, e, answer);
	} else if (access) {
		a->r->counters.removals_refuted++;
	} else if (open_turn(a, &erg, &v)) {
		confirmed_gone(a, &v, slot->person);
		close_turn(a, &erg);
	}
}

static void
access_start(struct confirm *slot, const struct erg *erg)
{
	struct apply *a = slot->apply;
	struct graph_roster roster = roster_on_graph(erg);
	struct guid home = a->o.directory;
	struct person p;

	if (person_load(a->r, slot->person, &p) == ERR_OK && p.home_tenant.s[0] != '\0')
		home = p.home_tenant;
	slot->call = graph_member_has_access(a->r->graph, &a->o.where, &roster, &slot->user, &home, on_access, slot);
	if (slot->call == NULL) {
		confirm_end(slot);
		a->result.err = ERR_NOMEM;
	}
}

static void
on_confirm(void *arg, const struct graph_answer *answer)
{
	struct confirm *slot = arg;
	struct apply *a = slot->apply;
	struct graph_member member;
	struct roster_seen seen;
	struct roster_view v;
	struct erg erg;
	enum err e = confirm_read(slot, answer, &member);

	if (e != ERR_OK && e != ERR_NOTFOUND) {
		confirm_end(slot);
		confirm_failed(a, e, answer);
		return;
	}
	if (!open_turn(a, &erg, &v)) {
		confirm_end(slot);
		return;
	}
	if (e == ERR_NOTFOUND && erg.channel_type == CHANNEL_SHARED) {
		access_start(slot, &erg);
		return;
	}
	confirm_end(slot);
	if (e == ERR_NOTFOUND) {
		confirmed_gone(a, &v, slot->person);
	} else {
		a->r->counters.removals_refuted++;
		seen = roster_seen_of(&member);
		roster_seen(&v, &seen);
	}
	close_turn(a, &erg);
}

static void
confirm_start(struct apply *a, const struct erg *erg, person_id person)
{
	struct graph_roster roster = roster_on_graph(erg);
	struct confirm *slot = a->confirms;
	struct member m;
	struct person p;

	while (slot->call != NULL)
		slot++;
	if (person_load(a->r, person, &p) != ERR_OK || p.entra_id.s[0] == '\0' ||
	    member_load(a->r, &erg->id, person, &m) != ERR_OK)
		return;
	slot->apply = a;
	slot->person = person;
	slot->user = p.entra_id;
	slot->by_id = m.membership_id[0] != '\0';
	slot->call = slot->by_id ? graph_member_get(a->r->graph, &a->o.where, &roster, m.membership_id, on_confirm, slot)
	                         : graph_member_find(a->r->graph, &a->o.where, &roster, &p.entra_id, on_confirm, slot);
	if (slot->call == NULL)
		a->result.err = ERR_NOMEM;
	else
		a->confirming++;
}

static void
stage_confirm(struct apply *a, const struct erg *erg)
{
	while (a->confirming < CONFIRM_MAX && a->next < a->gone_count && a->result.err == ERR_OK)
		confirm_start(a, erg, a->gone[a->next++]);
	if (a->confirming == 0 && (a->next == a->gone_count || a->result.err != ERR_OK))
		a->stage = STAGE_END;
}

/* Both sides were compared, and nobody would be removed by what was stored before: from now on it is as good as any. */
static void
trust(struct apply *a, struct erg *erg)
{
	if (!erg->additions_only || a->held || a->leaving > 0 || erg->state == ERG_HELD)
		return;
	erg->additions_only = false;
	log_put(LOG_INFO, "erg_trusted", LS("erg", erg->id.s));
}

/* Two reads of an ERG may overlap, and the later one be done first. An instant ahead of the clock is of a clock that was set back. */
static void
note_read(const struct apply *a, struct erg *erg)
{
	if (a->o.read_wall_ms > erg->read_wall_ms || erg->read_wall_ms > clock_wall_ms(a->r->clock))
		erg->read_wall_ms = a->o.read_wall_ms;
}

/* What a complete read means for the ERG itself. */
static void
stage_end(struct apply *a, const struct roster_view *v)
{
	struct erg *erg = v->erg;
	char detail[DETAIL_SIZE];

	if (a->held_late > 0) {
		too_many(erg, a->held_late, detail, sizeof(detail));
		plan_refresh(a->r, erg, detail);
	}
	if (a->o.dry_run || a->result.err != ERR_OK)
		return;
	if (!a->held)
		plan_refresh(a->r, erg, erg->detail);
	if (a->o.listing->count > 0 || erg->teams_baseline_count == 0) {
		note_read(a, erg);
		erg->teams_baseline_count = (int64_t)a->o.listing->count;
	}
	erg->first_read_done = true;
	trust(a, erg);
	push_resume(a->r, erg);
	if (erg->state == ERG_BROKEN || erg->state == ERG_LINKING)
		erg_set_state(a->r, erg, ERG_WORKING, "");
	erg_settle(a->r, erg);
}

static enum err
stage_run(struct apply *a, const struct roster_view *v)
{
	switch (a->stage) {
	case STAGE_SEEN: stage_seen(a, v); break;
	case STAGE_ABSENT: return stage_absent(a, v);
	case STAGE_GUARD: stage_guard(a, v); break;
	case STAGE_CONFIRM: stage_confirm(a, v->erg); break;
	case STAGE_END: stage_end(a, v); break;
	}
	return ERR_OK;
}

/* As many stages in one turn as are over at once, so that a small change costs one commit. */
static void
on_timer(void *arg)
{
	struct apply *a = arg;
	struct roster_view v;
	struct erg erg;
	enum stage before;
	enum err e;

	if (!open_turn(a, &erg, &v)) {
		finish(a, ERR_CANCELLED);
		return;
	}
	do {
		before = a->stage;
		e = stage_run(a, &v);
	} while (e == ERR_OK && a->stage != before);
	close_turn(a, &erg);
	if (e != ERR_OK || a->stage == STAGE_END)
		finish(a, e);
	else if (a->confirming == 0)
		timer_arm(a->timer, 0);
}

struct apply *
apply_start(struct reconciler *r, const struct apply_options *options, compare_done done, void *arg)
{
	struct apply *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->r = r;
	a->o = *options;
	a->done = done;
	a->arg = arg;
	a->result.retry_after_ms = -1;
	a->seen = calloc(options->listing->count + 1, sizeof(*a->seen));
	a->timer = timer_new(r->clock, on_timer, a);
	if (a->seen == NULL || a->timer == NULL) {
		apply_cancel(a);
		return NULL;
	}
	timer_arm(a->timer, 0);
	return a;
}

void
apply_cancel(struct apply *a)
{
	if (a == NULL)
		return;
	for (size_t i = 0; i < CONFIRM_MAX; i++)
		graph_cancel(a->r->graph, a->confirms[i].call);
	timer_free(a->timer);
	free(a->seen);
	free(a->gone);
	free(a);
}
