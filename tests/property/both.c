/* Worlds where the app edits, too: several ERGs may share a roster, every policy, whole lists, plans approved and rejected. */
#include "property/world.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "model/member.h"
#include "reconciler/backend.h"
#include "reconciler/tables.h"
#include "state/store.h"

#define REGRET_MS (10 * MINUTE_MS)

/* ---------- what the app does ---------- */

static void
app_says_in(struct world *w, struct group *g, unsigned person, const struct app_member_put *put)
{
	g->app[person].present = g->asked_in[person] = true;
	g->app[person].role = put->role;
	if (g->asked_out[person])
		g->regretted_ms[person] = clock_boot_ms(w->clock);
	g->asked_out[person] = false;
	g->hidden[person] = put->private_;
	g->listed_ms[person] = clock_boot_ms(w->clock);
}

static void
app_says_out(struct group *g, unsigned person)
{
	g->app[person].present = g->hidden[person] = false;
	g->asked_out[person] = true;
}

static struct app_member_put
some_entry(struct world *w, const struct group *g, unsigned person)
{
	struct app_member_put put = { .role = chance(w, 20) ? ROLE_OWNER : ROLE_MEMBER, .private_ = chance(w, 15) };
	char entra[GUID_SIZE];

	guid_parse(person_entra(w->places[g->place].tenant, person, entra), &put.who.entra_id);
	return put;
}

static void
app_puts(struct world *w, struct group *g, unsigned person)
{
	struct app_member_put put = some_entry(w, g, person);
	struct member_view view = { 0 };
	struct problem p = { 0 };

	note(w, "the app lists person %u in %s%s", person, g->id.s, put.private_ ? ", privately" : "");
	if (backend_ops.member_put(w->r, &g->id, &put, &view, &p) != ERR_OK) {
		fail(w, "PUT person %u of %s: %s", person, g->id.s, p.detail);
		return;
	}
	app_says_in(w, g, person, &put);
	store_commit(w->r->store);
}

static void
app_removes(struct world *w, struct group *g, unsigned person)
{
	struct app_person_ref who = { 0 };
	struct problem p = { 0 };
	char entra[GUID_SIZE];

	guid_parse(person_entra(w->places[g->place].tenant, person, entra), &who.entra_id);
	note(w, "the app takes person %u out of %s", person, g->id.s);
	app_says_out(g, person);
	if (backend_ops.member_remove(w->r, &g->id, &who, &p) == ERR_OK)
		store_commit(w->r->store);
}

/* The whole list, as the app has it, with a few people in and out. */
static void
app_puts_all(struct world *w, struct group *g)
{
	unsigned people = w->people[w->places[g->place].tenant], n = 0;
	struct app_member_put list[PEOPLE_MAX];
	struct app_members_replaced replaced = { 0 };
	struct problem p = { 0 };

	note(w, "the app puts the whole list of %s", g->id.s);
	for (unsigned person = 1; person <= people; person++) {
		struct app_member_put put = some_entry(w, g, person);

		if (g->app[person].present ? chance(w, 5) : !chance(w, 5)) {
			if (g->app[person].present) {
				note(w, "  without person %u", person);
				app_says_out(g, person);
			}
			continue;
		}
		if (g->app[person].present) {
			/* The app has no role of guests. */
			put.role = g->app[person].role == ROLE_OWNER ? ROLE_OWNER : ROLE_MEMBER;
			put.private_ = g->hidden[person];
		} else {
			note(w, "  with person %u%s", person, put.private_ ? ", privately" : "");
			app_says_in(w, g, person, &put);
		}
		list[n++] = put;
	}
	if (backend_ops.members_replace(w->r, &g->id, list, n, &replaced, &p) != ERR_OK)
		fail(w, "PUT members of %s: %s", g->id.s, p.detail);
	store_commit(w->r->store);
}

void
both_step(struct world *w)
{
	struct group *g = &w->groups[rng_below(&w->rng, w->group_count)];
	unsigned tenant = w->places[g->place].tenant;

	if (w->r == NULL || !g->linked)
		return;
	if (chance(w, 10)) {
		both_decide(w);
		return;
	}
	if (chance(w, 10)) {
		app_puts_all(w, g);
		return;
	}
	for (int64_t i = between(w, 1, chance(w, 20) ? 12 : 3); i > 0 && !w->failed; i--) {
		unsigned person = (unsigned)between(w, 1, w->people[tenant]);

		if (!g->app[person].present)
			app_puts(w, g, person);
		else if (chance(w, 70))
			app_removes(w, g, person);
	}
}

void
both_policy(struct world *w, struct group *g)
{
	if (g->linked && (g->policy == MEMBERSHIP_APP || g->policy == MEMBERSHIP_TEAMS))
		g->undoing_ms = clock_boot_ms(w->clock);
	g->ever_off |= g->policy == MEMBERSHIP_OFF;
	g->policy = chance(w, 60)   ? MEMBERSHIP_TWO_WAY
	            : chance(w, 50) ? MEMBERSHIP_APP
	            : chance(w, 50) ? MEMBERSHIP_TEAMS
	                            : MEMBERSHIP_OFF;
}

/* ---------- what we do in Teams ---------- */

static bool
takes_part(const struct world *w, const struct group *g, const struct place *p)
{
	return g->linked && &w->places[g->place] == p && g->policy != MEMBERSHIP_OFF;
}

/* One side's changes are undone by policy, or were until just now. */
static bool
undoes(const struct world *w, const struct group *g)
{
	return g->policy == MEMBERSHIP_APP || g->policy == MEMBERSHIP_TEAMS ||
	       (g->undoing_ms != 0 && g->undoing_ms > clock_boot_ms(w->clock) - REGRET_MS);
}

/* Does this ERG give a reason to remove the person? */
static bool
may_remove(const struct world *w, const struct group *g, unsigned person)
{
	/* The removal was under way already. */
	bool regretted = g->regretted_ms[person] != 0 && g->regretted_ms[person] > clock_boot_ms(w->clock) - REGRET_MS;

	return g->asked_out[person] || regretted || undoes(w, g);
}

static bool
may_add(const struct world *w, const struct group *g, unsigned person)
{
	return g->asked_in[person] || g->restored[person] || undoes(w, g);
}

/* The app lists this person in the ERG, and has for long enough that we know. */
static bool
lists(const struct world *w, const struct group *g, unsigned person)
{
	return g->app[person].present && g->listed_ms[person] != 0 &&
	       g->listed_ms[person] < clock_boot_ms(w->clock) - REGRET_MS && g->policy == MEMBERSHIP_TWO_WAY;
}

/* Asks to take somebody out of that team. */
static bool
is_removal(const json_t *request, const struct place *p)
{
	const char *path = jx_get_str(request, "path"), *method = jx_get_str(request, "method");
	const char *members = strstr(path, "/members/");

	return strstr(path, p->team) != NULL && members != NULL &&
	       (strcmp(method, "DELETE") == 0 || strcmp(members, "/members/remove") == 0);
}

/* Who is found gone now went no earlier than this: since our first call for it after the last look. Half a day may lie between two looks,
 * and the day that the limits are for is counted from the calls (seeds 1487 and 2266: seven found gone within a day, the first of them
 * 29 hours before the last). */
static int64_t
removed_ms(struct world *w, const struct place *p)
{
	json_t *all = ask(w, "GET", "/_sim/requests?limit=100000", NULL);
	const json_t *list = jx_get_array(all, "requests");
	size_t count = json_array_size(list), i = 0;
	int64_t at_ms = w->looked_ms;

	while (i < count &&
	       (jx_get_int(json_array_get(list, i), "at_ms", 0) < w->looked_ms || !is_removal(json_array_get(list, i), p)))
		i++;
	/* Of a long time the oldest are forgotten. */
	if (i < count && jx_get_int(all, "total", 0) == (int64_t)count)
		at_ms = jx_get_int(json_array_get(list, i), "at_ms", 0);
	json_decref(all);
	return at_ms;
}

/* More than the limits allow within a day? Only where one ERG alone is on the roster. */
static void
judge_cleared(struct world *w, struct group *g, const struct place *p, unsigned person)
{
	int64_t limit = g->removal_limit >= 0 ? g->removal_limit : w->config.removal_limit;
	int64_t percent = g->removal_percent >= 0 ? g->removal_percent : w->config.removal_percent;
	int64_t now_ms = clock_boot_ms(w->clock), n = 0;

	if (g->approved[person])
		return;
	if (g->cleared_count == g->cleared_cap) {
		g->cleared_cap = g->cleared_cap == 0 ? 64 : g->cleared_cap * 2;
		g->cleared_ms = realloc(g->cleared_ms, g->cleared_cap * sizeof(*g->cleared_ms));
		if (g->cleared_ms == NULL)
			abort();
	}
	g->cleared_ms[g->cleared_count++] = removed_ms(w, p);
	for (size_t i = 0; i < g->cleared_count; i++)
		n += g->cleared_ms[i] > now_ms - DAY_MS;
	/* What is counted is what Graph's lists show, and those lag; and the guard's day is one of the wall clock: after a step forward it
	 * is shorter than ours (seed 925: two steps of 2.8 hours each). */
	if (w->lag_ms == 0 && (!w->ever_stepped || now_ms - w->stepped_ms >= DAY_MS) && n > limit &&
	    n * 100 > percent * (p->size + n))
		fail(w, "%lld of %lld people of %s were removed in Teams within a day; the limits are %lld and %lld %%",
		    (long long)n, (long long)(p->size + n), g->id.s, (long long)limit, (long long)percent);
}

static void
judge_change(struct world *w, const struct place *p, unsigned person, bool in)
{
	unsigned ergs = 0;
	bool reason = false;

	note(w, "we %s person %u in Teams, of %s", in ? "add" : "remove", person, p->team);
	for (unsigned i = 0; i < w->group_count; i++) {
		struct group *g = &w->groups[i];

		if (!takes_part(w, g, p))
			continue;
		ergs++;
		reason |= in ? may_add(w, g, person) && !g->hidden[person] : may_remove(w, g, person);
		if (!in && !may_remove(w, g, person) && lists(w, g, person))
			fail(w, "person %u was removed from Teams, and %s lists this person", person, g->id.s);
	}
	/* The ERG was unlinked while the call was under way. */
	if (ergs > 0 && !reason)
		fail(w, "person %u was %s Teams, and no ERG on %s gave reason to", person, in ? "added to" : "removed from",
		    p->team);
	for (unsigned i = 0; i < w->group_count && ergs == 1 && !in; i++)
		if (takes_part(w, &w->groups[i], p))
			judge_cleared(w, &w->groups[i], p, person);
}

void
both_look(struct world *w)
{
	for (unsigned i = 0; i < w->place_count && !w->failed; i++) {
		struct place *p = &w->places[i];
		bool before[PEOPLE_MAX + 1];

		for (unsigned n = 1; n <= PEOPLE_MAX; n++)
			before[n] = p->seats[n].in;
		look_at_team(w, p->team);
		for (unsigned n = 1; n <= PEOPLE_MAX; n++)
			if (p->seats[n].in != before[n])
				judge_change(w, p, n, p->seats[n].in);
	}
	w->looked_ms = clock_boot_ms(w->clock);
}

/* Added and removed again by us between two looks, for another ERG's sake. */
static bool
came_and_went(const struct world *w, const struct place *p, unsigned person)
{
	for (unsigned i = 0; i < w->group_count; i++)
		if (takes_part(w, &w->groups[i], p) && may_remove(w, &w->groups[i], person))
			return true;
	return false;
}

void
both_told(struct world *w, const struct group *g, const struct entry *e)
{
	const struct seat *seat = &w->places[g->place].seats[e->person];

	/* Our own removal, for another ERG's sake. */
	if (e->what == 'r' && seat->leaves == 0)
		both_look(w);
	/* Policy "teams" undoes what the app alone has. */
	if (e->what == 'r' && seat->leaves == 0 && !g->asked_out[e->person] && !(undoes(w, g) && g->asked_in[e->person]) &&
	    !came_and_went(w, &w->places[g->place], e->person))
		fail(w, "the app is to remove person %u from %s, who never left", e->person, g->id.s);
}

/* ---------- plans ---------- */

struct decision {
	struct world *w;
	struct group *g;
	bool approve;
};

static void
on_item(void *arg, const struct app_plan_item *item)
{
	struct decision *d = arg;
	unsigned person = person_number(item->person.entra_id.s);

	note(d->w, "  %s person %u: %s", plan_action_names[item->action], person, item->reason);
	if (item->action != PLAN_REMOVE_FROM_APP && item->action != PLAN_REMOVE_FROM_TEAMS)
		return;
	if (d->approve)
		d->g->approved[person] = true;
	else
		d->g->restored[person] = true;
}

static bool
decide_one(struct world *w, struct group *g)
{
	struct decision d = { w, g, chance(w, 50) };
	struct app_plan plan = { 0 };
	struct problem p = { 0 };
	struct erg erg;

	if (!g->linked || erg_load(w->r, &g->id, &erg) != ERR_OK || erg.state != ERG_HELD)
		return false;
	note(w, "the plan of %s is %s: %s", g->id.s, d.approve ? "approved" : "rejected", erg.detail);
	if (backend_ops.plan_get(w->r, &g->id, on_item, &d, &plan, &p) != ERR_OK || !plan.held)
		fail(w, "%s is held, but there is no plan: %s", g->id.s, p.detail);
	else if (backend_ops.plan_decide(w->r, &g->id, d.approve, plan.hash, &p) != ERR_OK)
		fail(w, "the plan of %s can't be decided: %s", g->id.s, p.detail);
	store_commit(w->r->store);
	return true;
}

bool
both_decide(struct world *w)
{
	bool any = false;

	for (unsigned i = 0; i < w->group_count && !w->failed; i++)
		any |= decide_one(w, &w->groups[i]);
	return any;
}

/* ---------- when all has settled ---------- */

/* Gone from this ERG, and still in the team for the sake of another. */
static bool
kept_for_another(const struct world *w, const struct group *g, unsigned person)
{
	const struct place *p = &w->places[g->place];

	for (unsigned i = 0; i < w->group_count; i++) {
		const struct group *other = &w->groups[i];

		if (other == g || &w->places[other->place] != p)
			continue;
		/* Whoever was kept stays when the other ERG does no longer take part. */
		if (other->ever_off || other->policy == MEMBERSHIP_OFF || (other->linked && other->app[person].present))
			return g->asked_out[person] || undoes(w, g);
	}
	return false;
}

/* Graph or the app takes no such change: the last owner and the account we act as stay, guests and people of a shared channel can't be
 * added. */
static bool
stays_different(const struct world *w, const struct place *p, const struct told *app, unsigned person)
{
	const struct seat *seat = &p->seats[person];

	return app->refused || w->guest[p->tenant][person] || seat->role != ROLE_MEMBER || person == 1 ||
	       (p->shared && app->present);
}

void
both_settled(struct world *w, struct group *g)
{
	const struct place *p = &w->places[g->place];
	struct erg erg;

	if (erg_load(w->r, &g->id, &erg) != ERR_OK)
		fail(w, "%s is lost", g->id.s);
	else if (erg.state == ERG_BROKEN || erg.state == ERG_LINKING || erg.state == ERG_HELD ||
	         (erg.state == ERG_OFF) != (g->policy == MEMBERSHIP_OFF))
		fail(w, "%s is %s: %s", g->id.s, erg_state_names[erg.state], erg.detail);
	if (g->policy == MEMBERSHIP_OFF)
		return;
	for (unsigned n = 1; n <= w->people[p->tenant] && !w->failed; n++) {
		const struct told *app = &g->app[n];
		const struct seat *seat = &p->seats[n];

		if (app->present == seat->in || g->hidden[n] || stays_different(w, p, app, n) ||
		    (seat->in && kept_for_another(w, g, n)))
			continue;
		fail(w, "person %u of %s is %s in Teams and %s in the app", n, g->id.s, seat->in ? "in" : "out",
		    app->present ? "in" : "out");
	}
}
