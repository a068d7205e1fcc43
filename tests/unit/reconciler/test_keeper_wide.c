/*
 * One subscription for all teams of a tenant, through what Graph does with it: granted, refused, lost, deaf, and the ways between.
 * Whatever happens, a change in any of the teams reaches the app.
 */
#include "unit/reconciler/rig.h"

#include <inttypes.h>

#include "reconciler/keeper.h"
#include "reconciler/keeper_wide.h"
#include "reconciler/keeper_wide_plan.h"

#define MINUTE ((int64_t)60 * 1000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

#define CREATED "POST /subscriptions"
#define DELETED "DELETE /subscriptions/{subscription}"
#define RENEWED "PATCH /subscriptions/{subscription}"
#define LIST    "GET /teams/{team}/members"
#define ONE     "GET /teams/{team}/members/{member}"

#define ERGS    6
#define FROM    4
#define FOREIGN 99 /* a team that is no ERG's */
#define MEMBERS 3
#define USERS   40

static const char *
team_of(unsigned n, char ret[GUID_SIZE])
{
	snprintf(ret, GUID_SIZE, "2f000000-0000-4000-8000-%012u", n);
	return ret;
}

static void
make_team(struct rig *rig, unsigned n)
{
	char team[GUID_SIZE];

	rig_do(rig, "/_sim/teams", "{\"tenant\":\"%s\",\"id\":\"%s\",\"name\":\"Team\",\"members\":%u}", RIG_DIRECTORY,
	    team_of(n, team), MEMBERS);
}

static void
link_erg(struct rig *rig, unsigned n)
{
	struct app_erg_put put = {
		.membership = MEMBERSHIP_TWO_WAY, .meetings = MEETINGS_OFF, .removal_limit = -1, .removal_percent = -1
	};
	struct erg_view view = { 0 };
	struct problem p = { 0 };
	char team[GUID_SIZE];
	bool created;

	snprintf(put.id.s, sizeof(put.id.s), "g%u", n);
	snprintf(put.tenant.s, sizeof(put.tenant.s), "acme");
	snprintf(put.name, sizeof(put.name), "ERG");
	assert_true(guid_parse(RIG_DIRECTORY, &put.link_directory_id));
	assert_true(guid_parse(team_of(n, team), &put.team_id));
	snprintf(put.channel_url, sizeof(put.channel_url), "https://teams.microsoft.com/l/team/x/conversations?groupId=%s", team);
	assert_int_equal(backend_ops.erg_put(rig->r, &put, &view, &created, &p), ERR_OK);
}

static void
unlink_erg(struct rig *rig, unsigned n)
{
	struct problem p = { 0 };
	struct erg_id id;

	snprintf(id.s, sizeof(id.s), "g%u", n);
	assert_int_equal(backend_ops.erg_remove(rig->r, &id, &p), ERR_OK);
}

static void
tenant_wide(struct rig *rig, const char *what)
{
	rig_do(rig, "/_sim/tenants", "{\"id\":\"%s\",\"tenant_wide\":%s}", RIG_DIRECTORY, what);
}

/* ERGs g0 ... on teams of their own, and a foreign team. what: how Graph takes a subscription for all teams. */
static void
make(struct rig *rig, uint64_t seed, unsigned ergs, int64_t from, const char *what)
{
	rig_make(rig, seed, USERS, 1);
	rig->config.tenant_wide_from = from;
	rig->config.sweep_ms = 30 * DAY;
	rig_restart(rig);
	tenant_wide(rig, what);
	rig_put_tenant(rig);
	make_team(rig, FOREIGN);
	for (unsigned n = 0; n < ergs; n++) {
		make_team(rig, n);
		link_erg(rig, n);
	}
	rig_run(rig, 10 * MINUTE);
	assert_int_equal(rig_count(rig, "ergsync.member.added", 0), ergs * MEMBERS);
}

static void
member(struct rig *rig, unsigned n, unsigned user, const char *op)
{
	char team[GUID_SIZE], id[GUID_SIZE];

	rig_do(rig, "/_sim/members", "{\"op\":\"%s\",\"team\":\"%s\",\"user\":\"%s\"}", op, team_of(n, team), rig_user(user, id));
}

/* How many there are on Graph for all teams, and for one; wide_id is set when there is one. */
static void
on_graph(struct rig *rig, unsigned wide, unsigned own, char wide_id[64])
{
	json_t *all = rig_ask(rig, "GET", "/_sim/subscriptions", NULL), *item;
	unsigned wides = 0, owns = 0;
	size_t i;

	json_array_foreach(jx_get_array(all, "subscriptions"), i, item)
	{
		if (strcmp(jx_get_str(item, "resource"), "/teams/getAllMembers") == 0) {
			wides++;
			if (wide_id != NULL)
				str_copy(wide_id, 64, jx_get_str(item, "id"));
		} else {
			owns++;
		}
	}
	json_decref(all);
	if (wides != wide || owns != own)
		fail_msg("%u for all teams and %u for one, not %u and %u", wides, owns, wide, own);
}

/* Of all teams a foreign one is told of first: from then on none needs one of its own, and they go one after the other. */
static void
hear(struct rig *rig, const char *op)
{
	member(rig, FOREIGN, USERS - 1, op);
	rig_run(rig, 2 * MINUTE);
}

static void
make_heard(struct rig *rig, uint64_t seed, unsigned ergs)
{
	make(rig, seed, ergs, FROM, "\"granted\"");
	on_graph(rig, 1, ergs, NULL);
	hear(rig, "add");
	on_graph(rig, 1, 0, NULL);
}

/* Somebody new joins each team, and the app hears of it within the minute. */
static void
all_are_heard(struct rig *rig, unsigned ergs, unsigned user)
{
	size_t before = rig->event_count;

	for (unsigned n = 0; n < ergs; n++)
		member(rig, n, user, "add");
	rig_run(rig, MINUTE);
	assert_int_equal(rig_count(rig, "ergsync.member.added", before), ergs);
}

static struct subscription
wide_row(struct rig *rig)
{
	struct subscription s = { .state = SUBSCRIPTION_STATE_COUNT };
	struct tenant_id tenant;

	assert_true(tenant_id_parse("acme", &tenant));
	assert_int_equal(keeper_wide_load(rig->r, &tenant, &s), ERR_OK);
	return s;
}

static struct erg_view
view_of(struct rig *rig, unsigned n)
{
	struct erg_view view = { 0 };
	struct problem p = { 0 };
	struct erg_id id;

	snprintf(id.s, sizeof(id.s), "g%u", n);
	assert_int_equal(backend_ops.erg_get(rig->r, &id, &view, &p), ERR_OK);
	return view;
}

static void
one_tells_of_all_teams(void **state)
{
	struct erg_view view;
	struct rig rig;
	char id[64];

	(void)state;
	make_heard(&rig, 201, ERGS);
	on_graph(&rig, 1, 0, id);
	all_are_heard(&rig, ERGS, 20);
	view = view_of(&rig, 0);
	assert_int_equal(view.subscription_count, 1);
	assert_string_equal(view.subscriptions[0].id, id);
	assert_string_equal(view.subscriptions[0].resource, "/teams/getAllMembers");
	/* A day: renewed as every other, nothing made or deleted any more. */
	rig_forget_requests(&rig);
	rig_run(&rig, DAY);
	assert_in_range(rig_requests(&rig, RENEWED), 32, 48);
	assert_int_equal(rig_requests(&rig, CREATED), 0);
	assert_int_equal(rig_requests(&rig, DELETED), 0);
	all_are_heard(&rig, ERGS, 21);
	assert_int_equal(rig.r->counters.missed_drift, 0);
	rig_done(&rig);
}

static void
a_few_teams_are_watched_one_by_one(void **state)
{
	struct rig rig;

	(void)state;
	make(&rig, 202, FROM - 1, FROM, "\"granted\"");
	on_graph(&rig, 0, FROM - 1, NULL);
	all_are_heard(&rig, FROM - 1, 20);
	rig.config.tenant_wide_from = CONFIG_WIDE_QUOTA;
	rig_restart(&rig);
	rig_run(&rig, HOUR);
	on_graph(&rig, 0, FROM - 1, NULL);
	rig_done(&rig);
}

/* Those of their own stay until the one for all has told of something; no change is lost on the way. */
static void
from_the_number_on(void **state)
{
	struct rig rig;
	size_t before;

	(void)state;
	make(&rig, 203, FROM - 1, FROM, "\"granted\"");
	rig_run(&rig, HOUR);
	make_team(&rig, FROM - 1);
	rig_forget_requests(&rig);
	link_erg(&rig, FROM - 1);
	before = rig.event_count;
	for (unsigned second = 0; second < 20; second++) {
		member(&rig, second % (FROM - 1), 20 + second, "add");
		rig_run(&rig, 1000);
	}
	rig_run(&rig, MINUTE);
	assert_int_equal(rig_count(&rig, "ergsync.member.added", before), 20 + MEMBERS);
	on_graph(&rig, 1, 0, NULL);
	/* Nothing was interrupted, so only the new one is read. */
	assert_in_range(rig_requests(&rig, LIST), 1, 2);
	assert_in_range(rig_requests(&rig, DELETED), FROM - 1, FROM);
	rig_done(&rig);
}

/* 4 -> 3 changes nothing; at 2 each has its own before the one for all goes. */
static void
a_tenant_that_shrinks(void **state)
{
	struct rig rig;
	size_t before;

	(void)state;
	make_heard(&rig, 204, FROM);
	unlink_erg(&rig, FROM - 1);
	rig_run(&rig, HOUR);
	on_graph(&rig, 1, 0, NULL);
	all_are_heard(&rig, FROM - 1, 20);
	rig_forget_requests(&rig);
	unlink_erg(&rig, FROM - 2);
	before = rig.event_count;
	for (unsigned second = 0; second < 20; second++) {
		member(&rig, second % (FROM - 2), 21 + (second % 19), second < 19 ? "add" : "remove");
		rig_run(&rig, 1000);
	}
	rig_run(&rig, MINUTE);
	assert_int_equal(rig_count(&rig, "ergsync.member.added", before), 19);
	on_graph(&rig, 0, FROM - 2, NULL);
	assert_int_equal(rig_requests(&rig, CREATED), FROM - 2);
	assert_int_equal(rig_requests(&rig, DELETED), 1);
	all_are_heard(&rig, FROM - 2, 20 + 20);
	rig_done(&rig);
}

static void
foreign_teams_cost_no_call(void **state)
{
	struct rig rig;

	(void)state;
	make_heard(&rig, 205, ERGS);
	rig_run(&rig, 5 * MINUTE);
	rig_forget_requests(&rig);
	for (unsigned user = 10; user < 30; user++)
		member(&rig, FOREIGN, user, "add");
	rig_run(&rig, MINUTE);
	assert_int_equal(rig.r->counters.hints_other_team, 20 + 1);
	assert_int_equal(rig.r->counters.hints_unknown_scope, 0);
	assert_int_equal(rig_requests(&rig, LIST), 0);
	assert_int_equal(rig_requests(&rig, ONE), 0);
	all_are_heard(&rig, ERGS, 20);
	rig_done(&rig);
}

/* Each status that may mean that Graph has no such resource. Asked for again no sooner than a day later, also after a restart. */
static void
refused(void **state)
{
	static const int statuses[] = { 400, 403, 501, 503 };

	(void)state;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		struct subscription s;
		struct erg_view view;
		struct rig rig;
		char what[8];

		snprintf(what, sizeof(what), "%d", statuses[i]);
		make(&rig, 210 + i, ERGS, FROM, what);
		on_graph(&rig, 0, ERGS, NULL);
		s = wide_row(&rig);
		assert_int_equal(s.state, SUBSCRIPTION_REFUSED);
		assert_non_null(strstr(s.detail, "Each team has its own"));
		view = view_of(&rig, 0);
		assert_int_equal(view.subscription_count, 2);
		assert_int_equal(view.subscriptions[0].state, SUBSCRIPTION_ACTIVE);
		assert_int_equal(view.subscriptions[1].state, SUBSCRIPTION_REFUSED);
		all_are_heard(&rig, ERGS, 20);
		rig_forget_requests(&rig);
		rig_run(&rig, 12 * HOUR);
		rig_crash(&rig);
		rig_run(&rig, 11 * HOUR);
		assert_int_equal(rig_requests(&rig, CREATED), 0);
		/* Then it works. */
		tenant_wide(&rig, "\"granted\"");
		rig_run(&rig, 6 * HOUR);
		on_graph(&rig, 1, ERGS, NULL);
		all_are_heard(&rig, ERGS, 21);
		rig_run(&rig, MINUTE);
		on_graph(&rig, 1, 0, NULL);
		rig_done(&rig);
	}
}

/* Refused again and again: once a day, then more rarely; nothing else is made or deleted for it. */
static void
refused_for_a_month(void **state)
{
	struct rig rig;

	(void)state;
	make(&rig, 220, ERGS, FROM, "403");
	rig_forget_requests(&rig);
	rig_run(&rig, 30 * DAY);
	assert_in_range(rig_requests(&rig, CREATED), 4, 6);
	assert_int_equal(rig_requests(&rig, DELETED), 0);
	on_graph(&rig, 0, ERGS, NULL);
	rig_done(&rig);
}

/* Graph takes it back and does not grant it again. */
static void
lost_and_refused(void **state)
{
	struct rig rig;
	char id[64], target[128];

	(void)state;
	make_heard(&rig, 230, ERGS);
	on_graph(&rig, 1, 0, id);
	tenant_wide(&rig, "403");
	snprintf(target, sizeof(target), "/_sim/subscriptions/%s", id);
	json_decref(rig_ask(&rig, "DELETE", target, NULL));
	for (unsigned n = 0; n < ERGS; n++)
		member(&rig, n, 20, "add");
	rig_run(&rig, 2 * HOUR);
	on_graph(&rig, 0, ERGS, NULL);
	assert_int_equal(rig_count(&rig, "ergsync.member.added", ERGS * MEMBERS), ERGS);
	all_are_heard(&rig, ERGS, 21);
	rig_done(&rig);
}

/* Lost and granted anew: the teams need none of their own meanwhile, and are read after. */
static void
lost_and_granted_anew(void **state)
{
	struct rig rig;
	char id[64], later[64], target[128];

	(void)state;
	make_heard(&rig, 231, ERGS);
	on_graph(&rig, 1, 0, id);
	snprintf(target, sizeof(target), "/_sim/subscriptions/%s", id);
	json_decref(rig_ask(&rig, "DELETE", target, NULL));
	for (unsigned n = 0; n < ERGS; n++)
		member(&rig, n, 20, "add");
	rig_forget_requests(&rig);
	rig_run(&rig, 2 * HOUR);
	on_graph(&rig, 1, 0, later);
	assert_string_not_equal(id, later);
	assert_int_equal(rig_requests(&rig, CREATED), 1);
	assert_int_equal(rig_count(&rig, "ergsync.member.added", ERGS * MEMBERS), ERGS);
	rig_done(&rig);
}

/* Granted, and told of nothing: those of the teams stay, and tell that it should have. It is not believed again for a day. */
static void
never_heard(void **state)
{
	struct rig rig;

	(void)state;
	make(&rig, 240, ERGS, FROM, "\"deaf\"");
	for (unsigned hour = 0; hour < 5; hour++) {
		if (hour < 2)
			on_graph(&rig, 1, ERGS, NULL);
		rig_run(&rig, HOUR);
		all_are_heard(&rig, ERGS, 20 + hour);
	}
	on_graph(&rig, 0, ERGS, NULL);
	assert_int_equal(rig.r->counters.missed_drift, 0);
	assert_int_equal(wide_row(&rig).state, SUBSCRIPTION_REFUSED);
	assert_non_null(strstr(wide_row(&rig).detail, "kept silent"));
	rig_restart(&rig);
	rig_run(&rig, 18 * HOUR);
	on_graph(&rig, 0, ERGS, NULL);
	tenant_wide(&rig, "\"granted\"");
	rig_run(&rig, 12 * HOUR);
	on_graph(&rig, 1, ERGS, NULL);
	all_are_heard(&rig, ERGS, 25);
	rig_run(&rig, MINUTE);
	on_graph(&rig, 1, 0, NULL);
	/* It has proved itself: what was held against it is forgotten. */
	assert_int_equal(wide_row(&rig).refusals, 1);
	all_are_heard(&rig, ERGS, 26);
	rig_run(&rig, 2 * HOUR);
	assert_int_equal(wide_row(&rig).refusals, 0);
	rig_done(&rig);
}

/* Quiet for a day, and restarted: nothing is held against it, and nothing is given up for it. */
static void
nothing_to_tell(void **state)
{
	struct rig rig;

	(void)state;
	make(&rig, 242, ERGS, FROM, "\"granted\"");
	rig_run(&rig, DAY);
	rig_crash(&rig);
	rig_run(&rig, 6 * HOUR);
	on_graph(&rig, 1, ERGS, NULL);
	assert_int_equal(wide_row(&rig).heard_wall_ms, 0);
	hear(&rig, "add");
	on_graph(&rig, 1, 0, NULL);
	/* That it was heard is not forgotten. */
	rig_crash(&rig);
	rig_forget_requests(&rig);
	rig_run(&rig, HOUR);
	on_graph(&rig, 1, 0, NULL);
	assert_int_equal(rig_requests(&rig, CREATED), 0);
	rig_done(&rig);
}

/* Heard, and then no more: the checks that find changes find that out, too, and each team has its own again. */
static void
deaf(void **state)
{
	struct rig rig;
	size_t before;

	(void)state;
	make_heard(&rig, 243, ERGS);
	tenant_wide(&rig, "\"deaf\"");
	before = rig.event_count;
	for (unsigned hour = 0; hour < 5; hour++) {
		member(&rig, hour, 20, "add");
		rig_run(&rig, HOUR);
	}
	assert_int_equal(rig_count(&rig, "ergsync.member.added", before), 5);
	assert_true(rig.r->counters.missed_drift >= WIDE_DEAF_MISSED);
	on_graph(&rig, 0, ERGS, NULL);
	assert_int_equal(wide_row(&rig).state, SUBSCRIPTION_REFUSED);
	all_are_heard(&rig, ERGS, 21);
	rig_done(&rig);
}

/* Its items do not say which team: all are read, and it is given up. */
static void
items_that_name_no_team(void **state)
{
	struct rig rig;
	char id[64];

	(void)state;
	make_heard(&rig, 241, ERGS);
	on_graph(&rig, 1, 0, id);
	rig_forget_requests(&rig);
	rig_do(&rig, "/_sim/notify", "{\"subscription\":\"%s\",\"change\":\"created\",\"repeat\":1000}", id);
	rig_run(&rig, 5 * MINUTE);
	assert_in_range(rig_requests(&rig, LIST), ERGS, 4 * ERGS);
	on_graph(&rig, 0, ERGS, NULL);
	assert_int_equal(wide_row(&rig).refusals, 1);
	assert_non_null(strstr(wide_row(&rig).detail, "which team"));
	rig_done(&rig);
}

static void
lifecycle_notifications(void **state)
{
	static const struct {
		const char *event;
		bool renews, creates, reads;
	} cases[] = {
		{ "reauthorizationRequired", true, false, false },
		{ "subscriptionRemoved", false, true, true },
		{ "missed", false, false, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char id[64], later[64];
		struct rig rig;

		make_heard(&rig, 250 + i, ERGS);
		rig_run(&rig, 15 * MINUTE);
		on_graph(&rig, 1, 0, id);
		rig_forget_requests(&rig);
		rig_do(&rig, "/_sim/notify", "{\"subscription\":\"%s\",\"lifecycle\":\"%s\"}", id, cases[i].event);
		rig_run(&rig, 2 * MINUTE);
		on_graph(&rig, 1, 0, later);
		assert_int_equal(strcmp(id, later) != 0, cases[i].creates);
		assert_int_equal(rig_requests(&rig, CREATED), cases[i].creates);
		assert_int_equal(rig_requests(&rig, RENEWED), cases[i].renews);
		assert_int_equal(rig_requests(&rig, LIST) >= ERGS, cases[i].reads);
		rig_done(&rig);
	}
}

/* Killed at every second of the change from one to the other: what remains is one for all, and all is heard. */
static void
killed_on_the_way(void **state)
{
	(void)state;
	for (int64_t ms = 0; ms < 6000; ms += 1500) {
		struct rig rig;

		make(&rig, 260 + (uint64_t)ms, FROM, 0, "\"granted\"");
		on_graph(&rig, 0, FROM, NULL);
		rig.config.tenant_wide_from = FROM;
		rig_restart(&rig);
		rig_run(&rig, ms);
		rig_crash(&rig);
		rig_run(&rig, 10 * MINUTE);
		on_graph(&rig, 1, FROM, NULL);
		member(&rig, FOREIGN, USERS - 1, "add");
		rig_run(&rig, ms);
		rig_crash(&rig);
		rig_run(&rig, 10 * MINUTE);
		on_graph(&rig, 1, 0, NULL);
		all_are_heard(&rig, FROM, 20);
		rig.config.tenant_wide_from = CONFIG_WIDE_NEVER;
		rig_restart(&rig);
		rig_run(&rig, ms);
		rig_crash(&rig);
		rig_run(&rig, 10 * MINUTE);
		on_graph(&rig, 0, FROM, NULL);
		all_are_heard(&rig, FROM, 21);
		rig_done(&rig);
	}
}

/* Of a store that was lost: what is in the way is deleted, and strays of former times too. */
static void
another_is_in_the_way(void **state)
{
	char path[PATH_MAX + 300], command[PATH_MAX + 320], id[64], later[64];
	struct rig rig;

	(void)state;
	make_heard(&rig, 270, ERGS);
	on_graph(&rig, 1, 0, id);
	reconciler_free(rig.r);
	rig.r = NULL;
	snprintf(command, sizeof(command), "rm -r '%s'", scratch_file(&rig.dir, "state", path));
	assert_int_equal(system(command), 0);
	rig_start(&rig);
	rig_put_tenant(&rig);
	for (unsigned n = 0; n < ERGS; n++)
		link_erg(&rig, n);
	rig_run(&rig, 2 * HOUR);
	on_graph(&rig, 1, ERGS, later);
	assert_string_not_equal(id, later);
	all_are_heard(&rig, ERGS, 20);
	rig_done(&rig);
}

/* Elsewhere from now on: it is deleted and made anew there, and nothing that happened meanwhile is missed. */
static void
another_public_url(void **state)
{
	char id[64], later[64];
	struct rig rig;

	(void)state;
	make_heard(&rig, 280, ERGS);
	on_graph(&rig, 1, 0, id);
	reconciler_free(rig.r);
	rig.r = NULL;
	rig.config.public_url = (char *)"https://other.example";
	for (unsigned n = 0; n < ERGS; n++)
		member(&rig, n, 20, "add");
	rig_start(&rig);
	rig_run(&rig, 2 * HOUR);
	on_graph(&rig, 1, 0, later);
	assert_string_not_equal(id, later);
	assert_int_equal(rig_count(&rig, "ergsync.member.added", ERGS * MEMBERS), ERGS);
	all_are_heard(&rig, ERGS, 21);
	rig_done(&rig);
}

static void
quota(struct rig *rig, unsigned teams)
{
	rig_do(rig, "/_sim/settings", "{\"quota_teams\":%u}", teams);
}

/* Of so many teams as many as there is room for have their own. */
static void
make_short_of_room(struct rig *rig, uint64_t seed, unsigned ergs, unsigned room, int64_t from, const char *what)
{
	rig_make(rig, seed, USERS, 1);
	rig->config.tenant_wide_from = from;
	rig->config.sweep_ms = 30 * DAY;
	rig_restart(rig);
	tenant_wide(rig, what);
	quota(rig, room);
	rig_put_tenant(rig);
	make_team(rig, FOREIGN);
	for (unsigned n = 0; n < ergs; n++) {
		make_team(rig, n);
		link_erg(rig, n);
		rig_run(rig, 2000);
	}
	rig_run(rig, 10 * MINUTE);
	assert_int_equal(rig_count(rig, "ergsync.member.added", 0), ergs * MEMBERS);
}

/* A team without a subscription of its own brings one for all: a place is made for it, all is heard, and then the others go. */
static void
no_room_for_one_each(void **state)
{
	struct subscription s;
	struct rig rig;

	(void)state;
	make_short_of_room(&rig, 300, ERGS, ERGS - 2, CONFIG_WIDE_QUOTA, "\"granted\"");
	on_graph(&rig, 1, ERGS - 3, NULL);
	s = wide_row(&rig);
	assert_int_equal(s.state, SUBSCRIPTION_ACTIVE);
	assert_int_equal(s.room, ERGS - 2);
	all_are_heard(&rig, ERGS, 20);
	rig_run(&rig, 2 * MINUTE);
	on_graph(&rig, 1, 0, NULL);
	rig_crash(&rig);
	rig_forget_requests(&rig);
	rig_run(&rig, DAY);
	assert_int_equal(rig_requests(&rig, CREATED), 0);
	all_are_heard(&rig, ERGS, 21);
	on_graph(&rig, 1, 0, NULL);
	/* Few are left: there is room for one each again. */
	for (unsigned n = 2; n < ERGS; n++)
		unlink_erg(&rig, n);
	rig_run(&rig, HOUR);
	on_graph(&rig, 0, 2, NULL);
	all_are_heard(&rig, 2, 22);
	rig_done(&rig);
}

/* Room for one each comes back before the one for all has been heard: it goes, nothing else changes. */
static void
room_comes_back(void **state)
{
	struct rig rig;

	(void)state;
	make_short_of_room(&rig, 301, ERGS, 0, CONFIG_WIDE_QUOTA, "\"granted\"");
	on_graph(&rig, 0, 0, NULL);
	quota(&rig, 100);
	rig_run(&rig, 2 * DAY);
	on_graph(&rig, 0, ERGS, NULL);
	all_are_heard(&rig, ERGS, 20);
	rig_done(&rig);
}

/* Forbidden: whoever Graph has no room for is found out by checks. */
static void
forbidden(void **state)
{
	struct rig rig;
	size_t before;

	(void)state;
	make_short_of_room(&rig, 302, ERGS, ERGS - 2, CONFIG_WIDE_NEVER, "\"granted\"");
	rig_run(&rig, DAY);
	on_graph(&rig, 0, ERGS - 2, NULL);
	before = rig.event_count;
	for (unsigned n = 0; n < ERGS; n++)
		member(&rig, n, 20, "add");
	rig_run(&rig, 2 * HOUR);
	assert_int_equal(rig_count(&rig, "ergsync.member.added", before), ERGS);
	on_graph(&rig, 0, ERGS - 2, NULL);
	rig_done(&rig);
}

/* Neither room nor a grant: no place is given up for one that Graph refuses for another reason. */
static void
no_room_and_refused(void **state)
{
	struct rig rig;

	(void)state;
	make_short_of_room(&rig, 303, ERGS, ERGS - 2, CONFIG_WIDE_QUOTA, "403");
	rig_run(&rig, HOUR);
	on_graph(&rig, 0, ERGS - 2, NULL);
	assert_int_equal(wide_row(&rig).state, SUBSCRIPTION_REFUSED);
	rig_forget_requests(&rig);
	rig_run(&rig, 3 * DAY);
	assert_int_equal(rig_requests(&rig, DELETED), 0);
	on_graph(&rig, 0, ERGS - 2, NULL);
	rig_done(&rig);
}

/* Somebody else takes the place that was given up: one team more is without, as are those before; all is found by checks. */
static void
the_room_is_taken_by_another(void **state)
{
	struct rig rig;

	(void)state;
	make_short_of_room(&rig, 304, ERGS, ERGS, CONFIG_WIDE_QUOTA, "\"granted\"");
	on_graph(&rig, 0, ERGS, NULL);
	quota(&rig, 0);
	make_team(&rig, ERGS);
	link_erg(&rig, ERGS);
	rig_run(&rig, HOUR);
	on_graph(&rig, 0, ERGS - 1, NULL);
	assert_int_equal(wide_row(&rig).state, SUBSCRIPTION_REFUSED);
	quota(&rig, 100);
	rig_run(&rig, HOUR);
	on_graph(&rig, 0, ERGS + 1, NULL);
	all_are_heard(&rig, ERGS + 1, 20);
	rig_done(&rig);
}

/* Killed at any moment of it: in the end one tells of all. */
static void
killed_while_room_is_made(void **state)
{
	(void)state;
	for (int64_t ms = 0; ms < 4000; ms += 1000) {
		struct rig rig;

		make_short_of_room(&rig, 310 + (uint64_t)ms, FROM, FROM, CONFIG_WIDE_QUOTA, "\"granted\"");
		make_team(&rig, FROM);
		link_erg(&rig, FROM);
		rig_run(&rig, ms);
		rig_crash(&rig);
		rig_run(&rig, 15 * MINUTE);
		all_are_heard(&rig, FROM + 1, 20);
		rig_run(&rig, 2 * MINUTE);
		on_graph(&rig, 1, 0, NULL);
		rig_done(&rig);
	}
}

/*
 * Teams come and go, the quota and Graph's mood change, the option, too, and we are killed now and then. Afterwards every change is
 * heard: at once, or by the next check.
 */
static void
random_rounds(void **state)
{
	static const char *const moods[] = { "\"granted\"", "\"granted\"", "\"deaf\"", "403", "400" };
	static const int64_t froms[] = { CONFIG_WIDE_QUOTA, CONFIG_WIDE_QUOTA, CONFIG_WIDE_NEVER, 2, FROM };
	const char *text = getenv("ERGSYNC_TEST_SEED");
	uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : 1;
	struct rng rng = rng_seeded(seed);
	struct rig rig;
	size_t before;

	(void)state;
	print_message("ERGSYNC_TEST_SEED=%" PRIu64 "\n", seed);
	make(&rig, seed + 400, ERGS, FROM, "\"granted\"");
	for (unsigned round = 0; round < 20; round++) {
		switch (rng_below(&rng, 5)) {
		case 0: quota(&rig, (unsigned)rng_below(&rng, 2 * ERGS)); break;
		case 1: tenant_wide(&rig, moods[rng_below(&rng, 5)]); break;
		case 2:
			rig.config.tenant_wide_from = froms[rng_below(&rng, 5)];
			keeper_kick(rig.r);
			break;
		case 3: rig_crash(&rig); break;
		default: member(&rig, FOREIGN, 10 + round % 20, round % 40 < 20 ? "add" : "remove"); break;
		}
		rig_run(&rig, (int64_t)rng_below(&rng, 3 * HOUR));
	}
	before = rig.event_count;
	for (unsigned n = 0; n < ERGS; n++)
		member(&rig, n, 20, "add");
	rig_run(&rig, 2 * HOUR);
	assert_int_equal(rig_count(&rig, "ergsync.member.added", before), ERGS);
	/* All is well again. */
	quota(&rig, 100);
	tenant_wide(&rig, "\"granted\"");
	rig.config.tenant_wide_from = CONFIG_WIDE_NEVER;
	keeper_kick(rig.r);
	rig_run(&rig, 3 * HOUR);
	on_graph(&rig, 0, ERGS, NULL);
	all_are_heard(&rig, ERGS, 21);
	rig_done(&rig);
}

static void
removal_of_the_tenant(void **state)
{
	struct tenant_view view = { 0 };
	struct store_stats stats;
	struct problem p = { 0 };
	struct tenant_id id;
	struct rig rig;

	(void)state;
	make_heard(&rig, 290, ERGS);
	assert_true(tenant_id_parse("acme", &id));
	assert_int_equal(backend_ops.tenant_remove(rig.r, &id, &view, &p), ERR_OK);
	rig_run(&rig, 10 * MINUTE);
	on_graph(&rig, 0, 0, NULL);
	store_stats(rig.r->store, &stats);
	assert_int_equal(stats.rows[TABLE_SUBSCRIPTIONS], 0);
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_tells_of_all_teams),
		cmocka_unit_test(a_few_teams_are_watched_one_by_one),
		cmocka_unit_test(from_the_number_on),
		cmocka_unit_test(a_tenant_that_shrinks),
		cmocka_unit_test(foreign_teams_cost_no_call),
		cmocka_unit_test(refused),
		cmocka_unit_test(refused_for_a_month),
		cmocka_unit_test(lost_and_refused),
		cmocka_unit_test(lost_and_granted_anew),
		cmocka_unit_test(never_heard),
		cmocka_unit_test(nothing_to_tell),
		cmocka_unit_test(deaf),
		cmocka_unit_test(items_that_name_no_team),
		cmocka_unit_test(lifecycle_notifications),
		cmocka_unit_test(killed_on_the_way),
		cmocka_unit_test(another_is_in_the_way),
		cmocka_unit_test(another_public_url),
		cmocka_unit_test(no_room_for_one_each),
		cmocka_unit_test(room_comes_back),
		cmocka_unit_test(forbidden),
		cmocka_unit_test(no_room_and_refused),
		cmocka_unit_test(the_room_is_taken_by_another),
		cmocka_unit_test(killed_while_room_is_made),
		cmocka_unit_test(random_rounds),
		cmocka_unit_test(removal_of_the_tenant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
