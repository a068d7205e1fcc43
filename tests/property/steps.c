/* What happens in a world: one table, drawn by weight. After each step some time passes. */
#include "property/world.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/http_client.h"
#include "reconciler/backend.h"
#include "reconciler/tables.h"
#include "sim/sim.h"
#include "sim/transport.h"
#include "state/store.h"

/* A second false answer must not meet the confirmation of what the first one claimed: nobody could know better then. */
#define LIE_APART_MS (6 * HOUR_MS)

static struct place *
any_place(struct world *w)
{
	return &w->places[rng_below(&w->rng, w->place_count)];
}

static struct group *
any_group(struct world *w)
{
	return &w->groups[rng_below(&w->rng, w->group_count)];
}

static unsigned
any_tenant(struct world *w)
{
	return (unsigned)rng_below(&w->rng, w->tenant_count);
}

static const char *
any_role(struct world *w)
{
	return chance(w, 20) ? "owner" : "member";
}

/* ---------- people come and go ---------- */

static void
step_join(struct world *w)
{
	struct place *p = any_place(w);
	unsigned n = (unsigned)between(w, 1, chance(w, 20) ? 15 : 3);
	bool quiet = chance(w, 10);

	for (unsigned i = 0; i < n; i++) {
		unsigned person = (unsigned)between(w, 1, w->people[p->tenant]);

		if (!p->seats[person].in) {
			note(w, "person %u joins %s%s", person, p->team, quiet ? ", quietly" : "");
			change_member(w, p, "add", person, any_role(w), quiet);
		}
	}
}

static void
leave(struct world *w, struct place *p, unsigned most, bool quiet)
{
	for (unsigned i = 0, first = (unsigned)between(w, 1, PEOPLE_MAX); i < PEOPLE_MAX && most > 0; i++) {
		unsigned person = (first + i) % PEOPLE_MAX + 1;

		if (!p->seats[person].in)
			continue;
		note(w, "person %u leaves %s%s", person, p->team, quiet ? ", quietly" : "");
		change_member(w, p, "remove", person, "member", quiet);
		most--;
	}
}

static void
step_leave(struct world *w)
{
	leave(w, any_place(w), (unsigned)between(w, 1, 3), chance(w, 10));
}

static void
step_exodus(struct world *w)
{
	struct place *p = any_place(w);

	leave(w, p, chance(w, 30) ? PEOPLE_MAX : (p->size + 1) / 2, chance(w, 20));
}

static void
step_role(struct world *w)
{
	struct place *p = any_place(w);
	unsigned person = (unsigned)between(w, 1, w->people[p->tenant]);

	if (!p->seats[person].in || p->seats[person].role == ROLE_GUEST)
		return;
	note(w, "person %u of %s gets another role", person, p->team);
	change_member(w, p, "role", person, p->seats[person].role == ROLE_OWNER ? "member" : "owner", chance(w, 10));
}

static void
step_bounce(struct world *w)
{
	struct place *p = any_place(w);
	unsigned person = (unsigned)between(w, 1, w->people[p->tenant]);

	note(w, "person %u comes and goes in %s", person, p->team);
	for (int64_t i = between(w, 1, 5); i > 0 && !w->failed; i--) {
		change_member(w, p, p->seats[person].in ? "remove" : "add", person, any_role(w), chance(w, 10));
		if (chance(w, 50))
			pass(w, between(w, 0, 20 * SECOND_MS));
	}
}

/* ---------- Graph misbehaves ---------- */

static void
no_faults(struct world *w)
{
	json_decref(ask(w, "DELETE", "/_sim/faults", NULL));
	w->denying = false;
}

static const char *const paths[] = { "teams", "teams", "subscriptions", "users", "10000000", "groups" };

static void
step_fault(struct world *w)
{
	static const char *const kinds[] = { "timeout_before", "timeout_after", "close_before", "close_after", "truncate" };
	const char *kind = kinds[rng_below(&w->rng, 5)], *path = paths[rng_below(&w->rng, 6)];
	int64_t count = between(w, 1, 8);

	note(w, "Graph: %lld times %s for /%s", (long long)count, kind, path);
	tell(w, "/_sim/faults", "{\"kind\":\"%s\",\"path\":\"%s\",\"count\":%lld,\"skip\":%lld,\"probability\":0.%lld}", kind,
	    path, (long long)count, (long long)between(w, 0, 3), (long long)between(w, 3, 9));
}

static void
step_status(struct world *w)
{
	static const int statuses[] = { 429, 429, 500, 502, 503, 503, 504, 403, 404, 401, 400, 409, 410, 423 };
	int status = statuses[rng_below(&w->rng, sizeof(statuses) / sizeof(statuses[0]))];
	const char *path = paths[rng_below(&w->rng, 6)];
	int64_t count = between(w, 1, 8);

	/* An old list, and then nothing at the address of whom it lacks: nobody could know better. */
	if (status == 404 && w->lagging)
		status = 503;
	w->denying |= status == 404;
	note(w, "Graph: %lld times %d for /%s", (long long)count, status, path);
	tell(w, "/_sim/faults", "{\"kind\":\"status\",\"status\":%d,\"path\":\"%s\",\"count\":%lld,\"skip\":%lld%s}", status,
	    path, (long long)count, (long long)between(w, 0, 3),
	    (status == 429 || status == 503) && chance(w, 70) ? ",\"retry_after_s\":20" : "");
}

static void
step_lie(struct world *w)
{
	static const char *const kinds[] = { "short_page", "empty_page", "truncated_page", "lag" };
	const char *kind = kinds[rng_below(&w->rng, 4)];

	if (clock_boot_ms(w->clock) - w->lied_ms < LIE_APART_MS && w->lied_ms != 0)
		return;
	w->lied_ms = clock_boot_ms(w->clock);
	note(w, "Graph: one read is false: %s", kind);
	no_faults(w);
	tell(w, "/_sim/faults",
	    "{\"kind\":\"%s\",\"method\":\"GET\",\"path\":\"teams\",\"count\":1,\"skip\":%lld,\"delay_ms\":%lld}", kind,
	    (long long)between(w, 0, 3), (long long)between(w, 0, HOUR_MS));
	if (strcmp(kind, "lag") == 0 && w->lag_ms < HOUR_MS)
		w->lag_ms = HOUR_MS;
	pass(w, between(w, 0, 2 * HOUR_MS));
	no_faults(w);
}

static void
step_lag(struct world *w)
{
	int64_t lag_ms = chance(w, 30) ? 0 : between(w, 0, 5 * MINUTE_MS);

	if (w->denying)
		no_faults(w);
	w->lagging = lag_ms > 0;
	note(w, "Graph's lists lag %lld ms behind", (long long)lag_ms);
	tell(w, "/_sim/settings", "{\"lag_control_ms\":%lld,\"lag_ms\":%lld}", (long long)lag_ms, (long long)lag_ms);
	if (w->lag_ms < lag_ms)
		w->lag_ms = lag_ms;
}

static void
step_notifications(struct world *w)
{
	static const char *const kinds[] = { "drop", "duplicate", "reorder", "hold" };
	const char *kind = kinds[rng_below(&w->rng, 4)];
	int64_t count = chance(w, 20) ? 0 : between(w, 1, 10);

	note(w, "notifications: %s, %lld times", kind, (long long)count);
	tell(w, "/_sim/faults", "{\"kind\":\"%s\",\"count\":%lld,\"probability\":0.%lld,\"delay_ms\":%lld}", kind,
	    (long long)count, (long long)between(w, 3, 9), (long long)between(w, 0, HOUR_MS));
}

static void
step_pace(struct world *w)
{
	int64_t latency_ms = between(w, 0, chance(w, 10) ? 40000 : 500);

	note(w, "Graph has another pace");
	w->ever_slow |= latency_ms > 2000;
	tell(w, "/_sim/settings",
	    "{\"latency_ms\":%lld,\"latency_jitter_ms\":%lld,\"notify_delay_ms\":%lld,\"notify_jitter_ms\":%lld}",
	    (long long)latency_ms, (long long)between(w, 0, 1000), (long long)between(w, 0, chance(w, 10) ? HOUR_MS : 3000),
	    (long long)between(w, 0, 5000));
}

static void
step_no_faults(struct world *w)
{
	note(w, "Graph: no faults any more");
	no_faults(w);
}

static void
step_cut(struct world *w)
{
	int64_t ms = between(w, 0, chance(w, 10) ? DAY_MS : HOUR_MS);

	note(w, "Graph can't be reached for %lld s", (long long)ms / 1000);
	sim_transport_cut(w->graph_http, 1);
	pass(w, ms);
	sim_transport_cut(w->graph_http, 0);
}

static void
step_expire(struct world *w)
{
	static const char *const what[] = { "tokens", "delta", "subscriptions" };
	const char *which = what[rng_below(&w->rng, 3)];

	note(w, "all %s end at once", which);
	tell(w, "/_sim/expire", "{\"%s\":true}", which);
}

static void
step_subscription(struct world *w)
{
	static const char *const events[] = { "reauthorizationRequired", "subscriptionRemoved", "missed" };
	json_t *answer = ask(w, "GET", "/_sim/subscriptions", NULL);
	const json_t *list = jx_get_array(answer, "subscriptions");
	const char *id, *event = events[rng_below(&w->rng, 3)];
	char target[128];

	if (json_array_size(list) > 0) {
		id = jx_get_str(json_array_get(list, rng_below(&w->rng, json_array_size(list))), "id");
		if (chance(w, 40)) {
			note(w, "Graph loses subscription %s", id);
			snprintf(target, sizeof(target), "/_sim/subscriptions/%s", id);
			json_decref(ask(w, "DELETE", target, NULL));
		} else {
			note(w, "Graph tells of subscription %s: %s", id, event);
			tell(w, "/_sim/notify", "{\"subscription\":\"%s\",\"lifecycle\":\"%s\"}", id, event);
		}
	}
	json_decref(answer);
}

static void
step_consent(struct world *w)
{
	unsigned tenant = any_tenant(w);
	char id[GUID_SIZE];
	int64_t ms = between(w, 0, 3 * HOUR_MS);

	note(w, "t%u withdraws consent for %lld s", tenant, (long long)ms / 1000);
	tell(w, "/_sim/consent", "{\"tenant\":\"%s\",\"consent\":\"%s\"}", directory_id(tenant, id),
	    chance(w, 50) ? "withdrawn" : "absent");
	pass(w, ms);
	tell(w, "/_sim/consent", "{\"tenant\":\"%s\",\"consent\":\"granted\"}", id);
	if (chance(w, 30))
		tenant_announce(w, tenant);
}

static void
step_permission(struct world *w)
{
	static const char *const names[] = { "TeamMember.Read.All", "TeamMember.ReadWrite.All",
		"TeamMember.ReadWriteNonOwnerRole.All", "ChannelMember.Read.All", "User.Read.All", "Team.ReadBasic.All",
		"Channel.ReadBasic.All", "GroupMember.Read.All" };
	const char *a = names[rng_below(&w->rng, 8)], *b = names[rng_below(&w->rng, 8)];
	unsigned tenant = any_tenant(w);
	char id[GUID_SIZE];

	note(w, "t%u takes back %s and %s", tenant, a, b);
	tell(w, "/_sim/permissions", "{\"tenant\":\"%s\",\"withdraw\":[\"%s\",\"%s\",\"TeamMember.ReadWrite.All\"]}",
	    directory_id(tenant, id), a, b);
	pass(w, between(w, 0, 2 * HOUR_MS));
	tell(w, "/_sim/permissions", "{\"tenant\":\"%s\",\"grant\":[\"%s\",\"%s\",\"TeamMember.ReadWrite.All\"]}", id, a, b);
}

static void
step_team(struct world *w)
{
	struct place *p = any_place(w);
	const char *what = chance(w, 50) ? "deleted" : "archived";

	note(w, "%s is %s for a while", p->team, what);
	tell(w, "/_sim/teams", "{\"id\":\"%s\",\"%s\":true}", p->team, what);
	pass(w, between(w, 0, 2 * HOUR_MS));
	tell(w, "/_sim/teams", "{\"id\":\"%s\",\"%s\":false}", p->team, what);
	look_at_team(w, p->team);
}

/* ---------- we ourselves fail ---------- */

static void
step_crash(struct world *w)
{
	note(w, "the reconciler crashes");
	if (chance(w, 60))
		pass(w, between(w, 0, 3 * SECOND_MS));
	reconciler_fall(w, (unsigned)between(w, 0, 60));
	if (chance(w, 30))
		pass(w, between(w, 0, chance(w, 10) ? 4 * DAY_MS : HOUR_MS));
	reconciler_begin(w);
	note(w, "the reconciler is back");
}

static void
step_restart(struct world *w)
{
	note(w, "the reconciler is restarted");
	reconciler_end(w);
	reconciler_begin(w);
}

static void
step_listener(struct world *w)
{
	int64_t ms = between(w, 0, chance(w, 20) ? 6 * HOUR_MS : 10 * MINUTE_MS);

	note(w, "the listener is down for %lld s", (long long)ms / 1000);
	w->listener_down = true;
	intake_close(w);
	pass(w, ms);
	intake_open(w);
	w->listener_down = false;
}

static void
step_listener_mood(struct world *w)
{
	w->listener_percent_503 = chance(w, 50) ? 0 : (unsigned)between(w, 0, 100);
	w->listener_percent_lost = chance(w, 50) ? 0 : (unsigned)between(w, 0, 60);
	note(w, "the listener answers %u %% 503, and %u %% of its answers get lost", w->listener_percent_503,
	    w->listener_percent_lost);
}

static void
step_clock(struct world *w)
{
	int64_t by_ms = between(w, -3 * HOUR_MS, 3 * HOUR_MS);

	if (chance(w, 50))
		by_ms /= 1000;
	note(w, "the wall clock is stepped by %lld ms", (long long)by_ms);
	clock_manual_step_wall(w->clock, by_ms);
	w->ever_stepped = true;
	w->stepped_ms = clock_boot_ms(w->clock);
}

/* ---------- the app ---------- */

static void
step_mood(struct world *w)
{
	w->mood = chance(w, 40) ? MOOD_WELL : (enum mood)rng_below(&w->rng, w->seed % 4 == 0 ? MOOD_COUNT : MOOD_REFUSING);
	note(w, "the app is %s", mood_name(w->mood));
}

static void
step_resync(struct world *w)
{
	struct resync_scope scope = { .kind = RESYNC_ALL };
	struct resync ret = { 0 };
	struct problem p = { 0 };
	struct group *g = any_group(w);
	bool dry = chance(w, 30);

	if (w->r == NULL)
		return;
	if (g->linked && chance(w, 60)) {
		scope.kind = RESYNC_ERG;
		snprintf(scope.id, sizeof(scope.id), "%s", g->id.s);
	}
	note(w, "a resync of %s is asked for%s", scope.kind == RESYNC_ALL ? "all" : g->id.s, dry ? ", dry" : "");
	backend_ops.resync_start(w->r, &scope, dry, &ret, &p);
}

static void
step_put(struct world *w)
{
	struct group *g = any_group(w);

	if (w->both && chance(w, 40))
		both_policy(w, g);
	note(w, "the app puts %s, policy %s", g->id.s, membership_policy_names[g->policy]);
	group_link(w, g);
}

static void
step_unlink(struct world *w)
{
	struct group *g = any_group(w);

	note(w, "the app unlinks %s", g->id.s);
	group_unlink(w, g);
	if (chance(w, 80)) {
		pass(w, between(w, 0, 5 * MINUTE_MS));
		group_link(w, g);
	}
}

static void
step_nothing(struct world *w)
{
	note(w, "nothing happens");
}

static const struct {
	void (*run)(struct world *w);
	unsigned weight;
} steps[] = {
	{ step_join, 20 },
	{ step_leave, 20 },
	{ step_exodus, 3 },
	{ step_role, 6 },
	{ step_bounce, 6 },
	{ step_fault, 8 },
	{ step_status, 8 },
	{ step_lie, 4 },
	{ step_lag, 3 },
	{ step_notifications, 6 },
	{ step_pace, 2 },
	{ step_no_faults, 4 },
	{ step_cut, 2 },
	{ step_expire, 3 },
	{ step_subscription, 4 },
	{ step_consent, 2 },
	{ step_permission, 2 },
	{ step_team, 2 },
	{ step_crash, 8 },
	{ step_restart, 2 },
	{ step_listener, 3 },
	{ step_listener_mood, 3 },
	{ step_clock, 2 },
	{ step_mood, 6 },
	{ step_resync, 3 },
	{ step_put, 2 },
	{ step_unlink, 1 },
	{ step_nothing, 2 },
};

#define STEP_KINDS (sizeof(steps) / sizeof(steps[0]))

/* Mostly soon the next thing happens; now and then a day passes. */
static int64_t
pause_ms(struct world *w)
{
	switch (rng_below(&w->rng, 10)) {
	case 0:
	case 1: return between(w, 0, SECOND_MS);
	case 2:
	case 3:
	case 4: return between(w, 0, MINUTE_MS);
	case 5:
	case 6:
	case 7: return between(w, 0, 20 * MINUTE_MS);
	case 8: return between(w, 0, 2 * HOUR_MS);
	default: return between(w, 0, 12 * HOUR_MS);
	}
}

void
step_once(struct world *w)
{
	unsigned all = 0, at;

	if (w->both && chance(w, 30)) {
		both_step(w);
		w->steps++;
		pass(w, pause_ms(w));
		return;
	}
	for (size_t i = 0; i < STEP_KINDS; i++)
		all += steps[i].weight;
	at = (unsigned)rng_below(&w->rng, all);
	for (size_t i = 0; i < STEP_KINDS; i++) {
		if (at < steps[i].weight) {
			steps[i].run(w);
			break;
		}
		at -= steps[i].weight;
	}
	w->steps++;
	pass(w, pause_ms(w));
}

void
end_all_faults(struct world *w)
{
	note(w, "from here on nothing goes wrong any more");
	no_faults(w);
	tell(w, "/_sim/settings",
	    "{\"latency_ms\":50,\"latency_jitter_ms\":50,\"lag_ms\":0,\"lag_control_ms\":0,\"notify_delay_ms\":0,\"notify_jitter_"
	    "ms\":500}");
	w->listener_percent_503 = w->listener_percent_lost = 0;
	w->mood = MOOD_WELL;
}
