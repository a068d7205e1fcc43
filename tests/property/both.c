/* Worlds where the app edits, too. One ERG a roster, so that each change in Teams has one cause. */
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
app_puts(struct world *w, struct group *g, unsigned person)
{
	struct app_member_put put = { .role = chance(w, 20) ? ROLE_OWNER : ROLE_MEMBER, .private_ = chance(w, 15) };
	struct member_view view = { 0 };
	struct problem p = { 0 };
	char entra[GUID_SIZE];

	guid_parse(person_entra(w->places[g->place].tenant, person, entra), &put.who.entra_id);
	note(w, "the app lists person %u in %s%s", person, g->id.s, put.private_ ? ", privately" : "");
	if (backend_ops.member_put(w->r, &g->id, &put, &view, &p) != ERR_OK) {
		fail(w, "PUT person %u of %s: %s", person, g->id.s, p.detail);
		return;
	}
	g->app[person].present = g->asked_in[person] = true;
	g->app[person].role = put.role;
	if (g->asked_out[person])
		g->regretted_ms[person] = clock_boot_ms(w->clock);
	g->asked_out[person] = false;
	g->hidden[person] = put.private_;
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
	g->app[person].present = g->hidden[person] = false;
	g->asked_out[person] = true;
	if (backend_ops.member_remove(w->r, &g->id, &who, &p) == ERR_OK)
		store_commit(w->r->store);
}

void
both_step(struct world *w)
{
	struct group *g = &w->groups[rng_below(&w->rng, w->group_count)];
	unsigned tenant = w->places[g->place].tenant;

	if (w->r == NULL || !g->linked)
		return;
	for (int64_t i = between(w, 1, chance(w, 20) ? 12 : 3); i > 0 && !w->failed; i--) {
		unsigned person = (unsigned)between(w, 1, w->people[tenant]);

		if (!g->app[person].present)
			app_puts(w, g, person);
		else if (chance(w, 70))
			app_removes(w, g, person);
	}
}

/* ---------- what we do in Teams ---------- */

static struct group *
group_of(struct world *w, const struct place *p)
{
	for (unsigned i = 0; i < w->group_count; i++)
		if (&w->places[w->groups[i].place] == p)
			return &w->groups[i];
	return NULL;
}

static void
judge_change(struct world *w, struct group *g, unsigned person, bool in)
{
	/* The removal was under way already. */
	bool regretted =
	    g != NULL && g->regretted_ms[person] != 0 && g->regretted_ms[person] > clock_boot_ms(w->clock) - REGRET_MS;

	note(w, "we %s person %u in Teams, of %s", in ? "add" : "remove", person, g != NULL ? g->id.s : "no ERG");
	if (g == NULL || !g->linked)
		return;
	if (!in && !g->asked_out[person] && !regretted && g->policy != MEMBERSHIP_APP)
		fail(w, "person %u was removed from Teams, whom the app never took out of %s", person, g->id.s);
	if (in && g->hidden[person])
		fail(w, "person %u was added to Teams, though private in %s", person, g->id.s);
	if (in && !g->asked_in[person] && g->policy != MEMBERSHIP_APP)
		fail(w, "person %u was added to Teams, whom the app never listed in %s", person, g->id.s);
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
				judge_change(w, group_of(w, p), n, p->seats[n].in);
	}
}

void
both_told(struct world *w, const struct group *g, const struct entry *e)
{
	const struct seat *seat = &w->places[g->place].seats[e->person];

	if (e->what == 'r' && seat->leaves == 0 && !g->asked_out[e->person])
		fail(w, "the app is to remove person %u from %s, who never left", e->person, g->id.s);
}

/* ---------- when all has settled ---------- */

static void
ignore_item(void *arg, const struct app_plan_item *item)
{
	(void)arg;
	(void)item;
}

bool
both_approve(struct world *w)
{
	struct app_plan plan = { 0 };
	struct problem p = { 0 };
	bool any = false;

	for (unsigned i = 0; i < w->group_count; i++) {
		struct group *g = &w->groups[i];

		if (!g->linked || backend_ops.plan_get(w->r, &g->id, ignore_item, NULL, &plan, &p) != ERR_OK || !plan.held)
			continue;
		note(w, "the plan of %s is approved: %s", g->id.s, plan.detail);
		if (backend_ops.plan_decide(w->r, &g->id, true, plan.hash, &p) != ERR_OK)
			fail(w, "the plan of %s can't be approved: %s", g->id.s, p.detail);
		store_commit(w->r->store);
		any = true;
	}
	return any;
}

void
both_settled(struct world *w, struct group *g)
{
	const struct place *p = &w->places[g->place];
	struct erg erg;

	if (erg_load(w->r, &g->id, &erg) != ERR_OK)
		fail(w, "%s is lost", g->id.s);
	else if (erg.state == ERG_BROKEN || erg.state == ERG_LINKING || erg.state == ERG_HELD)
		fail(w, "%s is %s: %s", g->id.s, erg_state_names[erg.state], erg.detail);
	for (unsigned n = 1; n <= w->people[p->tenant] && !w->failed; n++) {
		const struct told *app = &g->app[n];
		const struct seat *seat = &p->seats[n];
		/* Last owners stay, and so does the organiser, the account we act as. */
		bool special = app->refused || g->hidden[n] || seat->role != ROLE_MEMBER || n == 1;

		if (app->present != seat->in && !special)
			fail(w, "person %u of %s is %s in Teams and %s in the app", n, g->id.s, seat->in ? "in" : "out",
			    app->present ? "in" : "out");
	}
}
