/*
 * public_url changes: subscriptions follow, nothing that happens on the way is missed, and what works is never given up for an address
 * that does not.
 */
#include "unit/reconciler/rig.h"

#include <inttypes.h>

#include "reconciler/keeper.h"
#include "reconciler/keeper_move.h"
#include "reconciler/keeper_move_plan.h"
#include "reconciler/summary.h"

#define MINUTE ((int64_t)60 * 1000)
#define HOUR   (60 * MINUTE)

#define CREATED "POST /subscriptions"
#define DELETED "DELETE /subscriptions/{subscription}"
#define RENEWED "PATCH /subscriptions/{subscription}"
#define LIST    "GET /teams/{team}/members"

#define FORMER  "https://hook.example"
#define CURRENT "https://moved.example"

#define ERGS    4
#define MEMBERS 3
#define USERS   300

static const char *
team_of(unsigned n, char ret[GUID_SIZE])
{
	snprintf(ret, GUID_SIZE, "2f000000-0000-4000-8000-%012u", n);
	return ret;
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

	rig_do(rig, "/_sim/teams", "{\"tenant\":\"%s\",\"id\":\"%s\",\"name\":\"Team\",\"members\":%u}", RIG_DIRECTORY,
	    team_of(n, team), MEMBERS);
	snprintf(put.id.s, sizeof(put.id.s), "g%u", n);
	snprintf(put.tenant.s, sizeof(put.tenant.s), "acme");
	snprintf(put.name, sizeof(put.name), "ERG");
	assert_true(guid_parse(RIG_DIRECTORY, &put.link_directory_id));
	assert_true(guid_parse(team_of(n, team), &put.team_id));
	snprintf(put.channel_url, sizeof(put.channel_url), "https://teams.microsoft.com/l/team/x/conversations?groupId=%s", team);
	assert_int_equal(backend_ops.erg_put(rig->r, &put, &view, &created, &p), ERR_OK);
}

static void
make(struct rig *rig, uint64_t seed)
{
	rig_make(rig, seed, USERS, 1);
	rig->config.sweep_ms = 30 * 24 * HOUR;
	rig_put_tenant(rig);
	for (unsigned n = 0; n < ERGS; n++)
		link_erg(rig, n);
	rig_run(rig, 20 * MINUTE);
	assert_int_equal(rig_count(rig, "ergsync.member.added", 0), ERGS * MEMBERS);
}

/* As a reload does. */
static void
change_url(struct rig *rig, const char *url)
{
	rig->config.public_url = (char *)(uintptr_t)url;
	keeper_kick(rig->r);
}

/* How many there are on Graph whose notifications, and whose lifecycle notifications, go to that address. */
static void
on_graph(struct rig *rig, const char *url, unsigned notifications, unsigned lifecycle)
{
	json_t *all = rig_ask(rig, "GET", "/_sim/subscriptions", NULL), *item;
	unsigned n = 0, l = 0;
	size_t i;

	json_array_foreach(jx_get_array(all, "subscriptions"), i, item)
	{
		n += str_starts(jx_get_str(item, "notificationUrl"), url);
		l += str_starts(jx_get_str(item, "lifecycleNotificationUrl"), url);
	}
	assert_int_equal(i, ERGS); /* nothing is left over, either */
	json_decref(all);
	if (n != notifications || l != lifecycle)
		fail_msg("%s: %u and %u, not %u and %u", url, n, l, notifications, lifecycle);
}

static struct app_status
status_of(struct rig *rig)
{
	struct app_status s;

	summary_take(rig->r, SUMMARY_NOW, &s);
	return s;
}

/* Somebody joins a team; the app hears of it within seconds. */
static void
one_joins(struct rig *rig, unsigned n, unsigned user)
{
	size_t before = rig->event_count;
	char team[GUID_SIZE], id[GUID_SIZE];

	rig_do(rig, "/_sim/members", "{\"op\":\"add\",\"team\":\"%s\",\"user\":\"%s\"}", team_of(n, team), rig_user(user, id));
	rig_run(rig, 40 * 1000);
	if (rig_count(rig, "ergsync.member.added", before) != 1)
		fail_msg("team %u, user %u: not heard", n, user);
}

/* Both addresses answer: every minute somebody joins, and is heard of at once; an hour later the former one is needed no more. */
static void
without_a_break(void **state)
{
	struct rig rig;

	(void)state;
	make(&rig, 601);
	rig_forget_requests(&rig);
	change_url(&rig, CURRENT);
	rig_run(&rig, 1000);
	/* Renewed 20 minutes ago or sooner; those within ten minutes come later. */
	assert_int_equal(status_of(&rig).subscriptions_former, ERGS);
	for (unsigned user = 20; user < 20 + 14; user++)
		one_joins(&rig, user % ERGS, user);
	on_graph(&rig, CURRENT, ERGS, 0);
	assert_int_equal(rig_requests(&rig, DELETED), 0);
	assert_int_equal(rig_requests(&rig, LIST), 0);
	for (unsigned user = 34; user < 34 + 106; user++)
		one_joins(&rig, user % ERGS, user);
	on_graph(&rig, CURRENT, ERGS, ERGS);
	assert_int_equal(status_of(&rig).subscriptions_former, 0);
	/* Made anew, each is read; the probes are gone, too. */
	assert_int_equal(rig_requests(&rig, LIST), ERGS);
	assert_int_equal(rig_requests(&rig, CREATED), rig_requests(&rig, DELETED));
	rig.unreached = FORMER;
	rig_forget_requests(&rig);
	for (unsigned user = 140; user < 140 + 60; user++)
		one_joins(&rig, user % ERGS, user);
	assert_int_equal(rig_requests(&rig, DELETED), 0);
	rig_done(&rig);
}

/* The new address is down: those at the former one stay, are renewed, and tell. */
static void
the_new_one_is_down_first(void **state)
{
	struct rig rig;

	(void)state;
	make(&rig, 602);
	rig.unreached = CURRENT;
	rig_forget_requests(&rig);
	change_url(&rig, CURRENT);
	for (unsigned user = 20; user < 20 + 120; user++)
		one_joins(&rig, user % ERGS, user);
	on_graph(&rig, FORMER, ERGS, ERGS);
	assert_int_equal(rig_requests(&rig, DELETED), 0);
	assert_int_equal(rig_requests(&rig, CREATED), 0);
	/* Two or three renewals of each, and one that asks every few minutes. */
	assert_in_range(rig_requests(&rig, RENEWED), 2 * ERGS, 3 * ERGS + 25);
	assert_true(keeper_move_is_stuck(rig.r));
	assert_int_equal(status_of(&rig).subscriptions_former, ERGS);
	assert_int_equal(status_of(&rig).subscriptions[SUBSCRIPTION_ACTIVE], ERGS);
	rig_crash(&rig);
	rig_run(&rig, HOUR);
	on_graph(&rig, FORMER, ERGS, ERGS);
	rig.unreached = NULL;
	rig_run(&rig, 20 * MINUTE);
	on_graph(&rig, FORMER, 0, ERGS);
	assert_false(keeper_move_is_stuck(rig.r));
	for (unsigned user = 140; user < 140 + 70; user++)
		one_joins(&rig, user % ERGS, user);
	on_graph(&rig, CURRENT, ERGS, ERGS);
	rig_done(&rig);
}

/* It answers once and then no more: what was moved is not deleted, and made anew only when it answers again. */
static void
it_goes_down_half_way(void **state)
{
	struct rig rig;

	(void)state;
	make(&rig, 603);
	change_url(&rig, CURRENT);
	rig_run(&rig, 10 * MINUTE);
	on_graph(&rig, CURRENT, ERGS, 0);
	rig.unreached = CURRENT;
	rig_run(&rig, MINUTE); /* what Graph has proved is believed for a while */
	rig_forget_requests(&rig);
	rig_run(&rig, 3 * HOUR);
	assert_true(rig_requests(&rig, DELETED) <= 1);
	assert_true(keeper_move_is_stuck(rig.r));
	rig.unreached = NULL;
	rig_run(&rig, 2 * HOUR);
	on_graph(&rig, CURRENT, ERGS, ERGS);
	for (unsigned n = 0; n < ERGS; n++)
		one_joins(&rig, n, 20);
	rig_done(&rig);
}

static void
refuse_patches(struct rig *rig)
{
	rig_do(rig, "/_sim/faults",
	    "{\"kind\":\"status\",\"method\":\"PATCH\",\"path\":\"/"
	    "subscriptions\",\"status\":400,\"code\":\"BadRequest\",\"count\":%u}",
	    ERGS);
}

/* Graph takes no other address for one that is there: each is made anew, once another one has shown that Graph reaches the address. */
static void
patches_are_refused(void **state)
{
	struct rig rig;

	(void)state;
	make(&rig, 604);
	rig_run(&rig, 6 * MINUTE);
	refuse_patches(&rig);
	rig_forget_requests(&rig);
	change_url(&rig, CURRENT);
	for (unsigned user = 20; user < 20 + 60; user++)
		one_joins(&rig, user % ERGS, user);
	on_graph(&rig, CURRENT, ERGS, ERGS);
	/* Each is made anew once, and a probe comes first. */
	assert_in_range(rig_requests(&rig, CREATED), ERGS + 1, 2 * ERGS);
	assert_int_equal(rig_requests(&rig, CREATED), rig_requests(&rig, DELETED));
	rig_done(&rig);
}

/* The same while the new one is down: nothing is given up. */
static void
patches_are_refused_and_it_is_down(void **state)
{
	struct rig rig;

	(void)state;
	make(&rig, 605);
	rig_run(&rig, 6 * MINUTE);
	refuse_patches(&rig);
	rig.unreached = CURRENT;
	rig_forget_requests(&rig);
	change_url(&rig, CURRENT);
	for (unsigned user = 20; user < 20 + 120; user++)
		one_joins(&rig, user % ERGS, user);
	on_graph(&rig, FORMER, ERGS, ERGS);
	assert_int_equal(rig_requests(&rig, DELETED), 0);
	rig_done(&rig);
}

/* Thought better of: back at any moment of the way. */
static void
and_back(void **state)
{
	(void)state;
	for (int64_t after = 0; after < HOUR; after += 11 * MINUTE) {
		struct rig rig;

		make(&rig, 610 + (uint64_t)after);
		change_url(&rig, CURRENT);
		rig_run(&rig, after);
		change_url(&rig, FORMER);
		rig_run(&rig, 3 * HOUR);
		on_graph(&rig, FORMER, ERGS, ERGS);
		assert_int_equal(status_of(&rig).subscriptions_former, 0);
		for (unsigned n = 0; n < ERGS; n++)
			one_joins(&rig, n, 20);
		rig_done(&rig);
	}
}

/* Changed while we were down, by a store that does not know where its subscriptions are: Graph's list tells. */
static void
a_store_that_does_not_know(void **state)
{
	struct store_cursor *c;
	struct store_key key;
	struct subscription s;
	struct rig rig;

	(void)state;
	make(&rig, 620);
	c = store_seek(rig.r->store, TABLE_SUBSCRIPTIONS, NULL, NULL);
	while (store_next(c, &key, &s) == ERR_OK) {
		s.address = s.lifecycle_address = 0;
		store_put(rig.r->store, TABLE_SUBSCRIPTIONS, &key, &s);
	}
	store_cursor_close(c);
	rig_run(&rig, 1000);
	reconciler_free(rig.r);
	rig.r = NULL;
	rig.config.public_url = (char *)CURRENT;
	rig_start(&rig);
	rig_run(&rig, 3 * HOUR);
	on_graph(&rig, CURRENT, ERGS, ERGS);
	rig_done(&rig);
}

/* New ERGs, crashes, addresses that come and go: in the end all is at the last one, and nobody was missed. */
static void
random_rounds(void **state)
{
	const char *text = getenv("ERGSYNC_TEST_SEED");
	uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : 1;
	struct rng rng = rng_seeded(seed);
	struct rig rig;
	size_t before;

	(void)state;
	print_message("ERGSYNC_TEST_SEED=%" PRIu64 "\n", seed);
	make(&rig, seed + 700);
	before = rig.event_count;
	for (unsigned round = 0; round < 60; round++) {
		char team[GUID_SIZE], id[GUID_SIZE];

		switch (rng_below(&rng, 4)) {
		case 0: change_url(&rig, rng_below(&rng, 2) == 0 ? FORMER : CURRENT); break;
		case 1:
			rig.unreached = rng_below(&rng, 2) == 0                      ? NULL
			                : strcmp(rig.config.public_url, FORMER) == 0 ? CURRENT
			                                                             : FORMER;
			break;
		case 2: rig_crash(&rig); break;
		default: break;
		}
		rig_do(&rig, "/_sim/members", "{\"op\":\"add\",\"team\":\"%s\",\"user\":\"%s\"}", team_of(round % ERGS, team),
		    rig_user(20 + round, id));
		rig_run(&rig, (int64_t)rng_below(&rng, HOUR));
	}
	rig.unreached = NULL;
	rig_run(&rig, 6 * HOUR);
	assert_int_equal(rig_count(&rig, "ergsync.member.added", before), 60);
	on_graph(&rig, rig.config.public_url, ERGS, ERGS);
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_break),
		cmocka_unit_test(the_new_one_is_down_first),
		cmocka_unit_test(it_goes_down_half_way),
		cmocka_unit_test(patches_are_refused),
		cmocka_unit_test(patches_are_refused_and_it_is_down),
		cmocka_unit_test(and_back),
		cmocka_unit_test(a_store_that_does_not_know),
		cmocka_unit_test(random_rounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
