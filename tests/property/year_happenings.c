/* What happens, drawn each minute from a table, and what mends itself when its time has come. */
#include "property/year.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define WAKEUPS_MAX   2000            /* waited for a renewal to be on its way */
#define BURST_LAST_MS (6 * MINUTE_MS) /* in the end of a burst Graph may have been heard or not */

static int64_t
some(struct year *y, int64_t least, int64_t most)
{
	return least + (int64_t)rng_below(&y->rng, (uint64_t)(most - least + 1));
}

/* Short ones are as likely as long ones. */
static int64_t
a_while(struct year *y, int64_t most)
{
	int64_t limit = MINUTE_MS << rng_below(&y->rng, 14);

	return some(y, MINUTE_MS / 2, limit < most ? limit : most);
}

static struct customer *
a_tenant(struct year *y)
{
	return &y->tenants[some(y, 1, (int64_t)y->o.tenants)];
}

/* They come first. */
static struct customer *
a_large_tenant(struct year *y)
{
	return &y->tenants[some(y, 1, (int64_t)y->large_count)];
}

/* Also a trouble that is over before the minute is. */
static void
all_unwell(struct year *y)
{
	for (unsigned n = 1; n <= y->o.tenants; n++)
		y->tenants[n].well_ms = 0;
}

/* ---------- outages ---------- */

static void
network_fails(struct year *y)
{
	all_unwell(y);
	y->cut_until_ms = year_now(y) + a_while(y, 2 * DAY_MS);
}

static void
tenant_fails(struct year *y)
{
	struct customer *c = a_tenant(y);

	c->weather = (enum weather)some(y, WEATHER_CUT, WEATHER_COUNT - 1);
	c->trouble_until_ms = year_now(y) + a_while(y, DAY_MS);
	c->well_ms = 0;
	note(y->w, "tenant %u has weather %d for %" PRId64 " s", tenant_number(y, c), (int)c->weather,
	    (c->trouble_until_ms - year_now(y)) / 1000);
}

static void
listener_stops(struct year *y)
{
	all_unwell(y);
	y->deaf_until_ms = year_now(y) + a_while(y, 6 * HOUR_MS);
	y->w->listener_down = true;
}

/* ---------- what customers do ---------- */

static void
tenant_set(struct year *y, const struct customer *c, const char *target, const char *name, const char *value)
{
	char directory[GUID_SIZE];

	directory_of(tenant_number(y, c), directory);
	tell(y->w, target, "{\"%s\":\"%s\",\"%s\":%s}", target[6] == 't' ? "id" : "tenant", directory, name, value);
}

static void
consent_goes(struct year *y)
{
	struct customer *c = a_tenant(y);

	if (c->consent_until_ms != 0)
		return;
	tenant_set(y, c, "/_sim/consent", "consent", "\"withdrawn\"");
	c->well_ms = 0;
	c->consent_until_ms = year_now(y) + a_while(y, 7 * DAY_MS);
}

/* Who is there already stays: no change. */
static void
join(struct year *y, const struct team *t)
{
	const struct customer *c = t->own.customer;

	tell(y->w, "/_sim/members",
	    "{\"op\":\"add\",\"team\":\"20000000-0000-4000-8000-%012zu\",\"user\":\"u%u@t%u.example\",\"role\":\"member\"}",
	    team_number(y, t) + 1, (unsigned)some(y, MEMBERS + 1, c->people), tenant_number(y, c));
}

static void
somebody_joins(struct year *y)
{
	join(y, &y->teams[some(y, 0, (int64_t)y->o.ergs - 1)]);
}

static void
somebody_joins_large(struct year *y)
{
	const struct customer *c = a_large_tenant(y);

	join(y, &c->teams[some(y, 0, (int64_t)c->team_count - 1)]);
}

/* Half of the time the old one ends before the new one is here. */
static void
secret_changes(struct year *y)
{
	all_unwell(y);
	year_secret_set(y, y->secret + 1);
	y->secret_at_ms = year_now(y) + (some(y, 0, 1) == 0 ? 0 : a_while(y, 6 * HOUR_MS));
	if (y->secret_at_ms == year_now(y))
		year_secret_learn(y);
}

/* ---------- what Graph does ---------- */

static void
uncover(struct year *y, struct team *t)
{
	if (team_covered_until(t) > year_now(y))
		return; /* somebody else tells */
	t->lost = true;
	if (t->uncovered_ms == 0)
		t->uncovered_ms = year_now(y); /* it may be back before anybody looks */
}

static void
lose(struct year *y, struct watch *x)
{
	char target[128];

	if (x->id[0] == '\0' || x->ends_ms <= year_now(y))
		return; /* it may have ended by itself */
	snprintf(target, sizeof(target), "/_sim/subscriptions/%s", x->id);
	json_decref(ask(y->w, "DELETE", target, NULL));
	watch_forget(y, x);
	x->lost_ms = year_now(y);
	if (x->team != NULL)
		uncover(y, x->team);
	for (uint64_t i = 0; x->team == NULL && i < x->customer->team_count; i++)
		uncover(y, &x->customer->teams[i]);
}

static void
one_is_lost(struct year *y)
{
	struct team *t = &y->teams[some(y, 0, (int64_t)y->o.ergs - 1)];
	struct customer *c = t->own.customer;

	/* One for many teams is lost no more often than one for one. */
	if (t->own.id[0] != '\0')
		lose(y, &t->own);
	else if (some(y, 1, (int64_t)c->team_count) == 1)
		lose(y, &c->wide);
}

static void
tenant_is_lost(struct year *y)
{
	struct customer *c = a_tenant(y);

	for (uint64_t i = 0; i < c->team_count; i++)
		lose(y, &c->teams[i].own);
	lose(y, &c->wide);
}

static void
wide_is_refused(struct year *y)
{
	static const char *const statuses[] = { "400", "403", "404", "501" };
	struct customer *c = a_large_tenant(y);

	if (c->wide_until_ms != 0)
		return;
	tenant_set(y, c, "/_sim/tenants", "tenant_wide", statuses[some(y, 0, 3)]);
	c->wide_until_ms = year_now(y) + some(y, HOUR_MS, 20 * DAY_MS);
	lose(y, &c->wide);
}

static void
wide_goes_deaf(struct year *y)
{
	struct customer *c = a_large_tenant(y);

	if (c->wide_until_ms != 0)
		return;
	tenant_set(y, c, "/_sim/tenants", "tenant_wide", "\"deaf\"");
	c->deaf_ms = year_now(y);
	c->wide_until_ms = year_now(y) + some(y, 10 * DAY_MS, 60 * DAY_MS);
}

static void
graph_insists(struct year *y)
{
	struct customer *c = a_tenant(y);

	c->burst_until_ms = year_now(y) + some(y, 8, 30) * MINUTE_MS;
}

/* ---------- what happens to our machine ---------- */

/* Wrong by a second or by ten days, until the next step sets it right. */
static void
wall_steps(struct year *y)
{
	int64_t by_ms = y->stepped_ms != 0 ? -y->stepped_ms : a_while(y, 10 * DAY_MS) * (some(y, 0, 1) == 0 ? -1 : 1);

	clock_manual_step_wall(y->w->clock, by_ms);
	y->stepped_ms += by_ms;
}

/* Until one is on its way, if one soon is. */
static void
await_renewal(struct year *y)
{
	struct world *w = y->w;
	int64_t ours_ms, graphs_ms, wait_ms;

	for (unsigned i = 0; i < WAKEUPS_MAX && !wire_is_out(w->graph_http, "PATCH"); i++) {
		if (!clock_manual_next(w->clock, &ours_ms) || !clock_manual_next(w->graph_clock, &graphs_ms))
			return;
		wait_ms = (ours_ms < graphs_ms ? ours_ms : graphs_ms) - year_now(y);
		clock_manual_advance_both(w->clock, w->graph_clock, wait_ms > 0 ? wait_ms : 0);
	}
}

/* Half of the time its last renewal has reached Graph, and the answer waits until it wakes. */
static void
machine_sleeps(struct year *y)
{
	int64_t ms = a_while(y, DAY_MS);

	if (some(y, 0, 1) == 0)
		await_renewal(y);
	y->w->listener_down = true;
	clock_manual_advance(y->w->graph_clock, ms);
	clock_manual_suspend(y->w->clock, ms);
	y->w->listener_down = false;
	all_unwell(y);
}

static void
reconciler_stops(struct year *y)
{
	if (y->w->r == NULL)
		return;
	all_unwell(y);
	if (some(y, 0, 1) == 0)
		reconciler_fall(y->w, (unsigned)some(y, 0, 50));
	else
		reconciler_end(y->w);
	y->down_until_ms = year_now(y) + a_while(y, 4 * DAY_MS);
	if (some(y, 0, 2) == 0)
		wall_steps(y); /* a machine whose clock is wrong at boot */
}

/* ---------- the table ---------- */

static const struct happening {
	const char *name;
	unsigned a_year, per_tenant, per_large_tenant, per_erg; /* times a year */
	void (*begin)(struct year *y);
} happenings[] = {
	{ "outages of the network", 24, 0, 0, 0, network_fails },
	{ "outages of one tenant", 0, 4, 0, 0, tenant_fails },
	{ "withdrawals of consent", 0, 1, 0, 0, consent_goes },
	{ "new secrets", 4, 0, 0, 0, secret_changes },
	{ "silent losses of one subscription", 0, 0, 0, 3, one_is_lost },
	{ "silent losses of all of a tenant", 0, 1, 0, 0, tenant_is_lost },
	{ "bursts of reauthorizationRequired to a tenant", 0, 6, 0, 0, graph_insists },
	{ "refusals of one subscription for all teams", 0, 0, 3, 0, wide_is_refused },
	{ "such subscriptions that go deaf", 0, 0, 4, 0, wide_goes_deaf },
	{ "people who join a team", 0, 0, 0, 8, somebody_joins },
	{ "people who join a team of a large tenant", 0, 0, 700, 0, somebody_joins_large },
	{ "steps of the wall clock", 52, 0, 0, 0, wall_steps },
	{ "suspends", 24, 0, 0, 0, machine_sleeps },
	{ "stops of the reconciler", 24, 0, 0, 0, reconciler_stops },
	{ "stops of the listener", 12, 0, 0, 0, listener_stops },
};

_Static_assert(sizeof(happenings) / sizeof(happenings[0]) <= HAPPENINGS, "each has a place in the totals");

const char *
happening_name(size_t i)
{
	return i < sizeof(happenings) / sizeof(happenings[0]) ? happenings[i].name : NULL;
}

/* To each subscription every other time, whether it needs it or not. */
static void
insist(struct year *y, struct watch *x)
{
	int64_t now_ms = year_now(y);

	if (x->id[0] == '\0' || x->ends_ms <= now_ms || some(y, 0, 1) == 0)
		return;
	tell(y->w, "/_sim/notify", "{\"subscription\":\"%s\",\"lifecycle\":\"reauthorizationRequired\"}", x->id);
	y->n.asked_again++;
	if (x->wanted_ms == 0 && x->customer->burst_until_ms - now_ms > BURST_LAST_MS &&
	    now_ms - x->patched_ms > PATCH_APART_MS + MINUTE_MS && x->patched_ms != 0)
		x->wanted_ms = now_ms;
}

static void
insist_on_all(struct year *y, struct customer *c)
{
	if (c->burst_until_ms <= year_now(y))
		return;
	insist(y, &c->wide);
	for (uint64_t i = 0; i < c->team_count; i++)
		insist(y, &c->teams[i].own);
}

void
year_happen(struct year *y)
{
	for (size_t i = 0; happening_name(i) != NULL; i++) {
		const struct happening *h = &happenings[i];
		uint64_t times =
		    h->a_year + h->per_tenant * y->o.tenants + h->per_large_tenant * y->large_count + h->per_erg * y->o.ergs;

		if (rng_below(&y->rng, MINUTES_A_YEAR) >= times)
			continue;
		y->n.happenings[i]++;
		note(y->w, "of %s", h->name);
		h->begin(y);
	}
	for (unsigned n = 1; n <= y->o.tenants; n++)
		insist_on_all(y, &y->tenants[n]);
}

/* ---------- what is over ---------- */

static void
mend_tenant(struct year *y, struct customer *c)
{
	if (c->consent_until_ms != 0 && c->consent_until_ms <= year_now(y)) {
		note(y->w, "tenant %u consents again", tenant_number(y, c));
		tenant_set(y, c, "/_sim/consent", "consent", "\"granted\"");
		c->consent_until_ms = 0;
	}
	if (c->wide_until_ms != 0 && c->wide_until_ms <= year_now(y)) {
		tenant_set(y, c, "/_sim/tenants", "tenant_wide", "\"granted\"");
		c->wide_until_ms = c->deaf_ms = 0;
	}
}

void
year_mend(struct year *y)
{
	for (unsigned n = 1; n <= y->o.tenants; n++)
		mend_tenant(y, &y->tenants[n]);
	if (y->deaf_until_ms <= year_now(y))
		y->w->listener_down = false;
	if (y->secret_at_ms != 0 && y->secret_at_ms <= year_now(y))
		year_secret_learn(y);
	if (y->w->r == NULL && y->down_until_ms <= year_now(y)) {
		year_begin(y);
		year_look_at_graph(y);
	}
}
