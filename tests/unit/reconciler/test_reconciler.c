/* The way of a change, from Teams to the app, and back from every crash on it. */
#include "unit/reconciler/app_side.h"

#include "reconciler/tell.h"
#include "state/outbox.h"

#define MEMBERS_LIST "GET /teams/{team}/members"
#define MEMBER_GET   "GET /teams/{team}/members/{member}"

static void
a_first_link_is_the_union(void **state)
{
	struct rig rig;
	struct erg erg;

	(void)state;
	rig_make(&rig, 1, 30, 25);
	rig_link(&rig);
	erg = rig_erg(&rig);
	assert_int_equal(erg.state, ERG_IN_SYNC);
	assert_int_equal(erg.channel_type, CHANNEL_STANDARD);
	assert_int_equal(erg.counts.app, 25);
	assert_int_equal(erg.counts.teams, 25);
	assert_int_equal(erg.counts.pending, 0);
	assert_true(erg.proved_wall_ms > 0);
	assert_int_equal(rig.event_count, 25);
	assert_int_equal(rig_count(&rig, "ergsync.member.added", 0), 25);
	assert_int_equal(feed_last(rig.r->store), 25);
	assert_string_not_equal(rig_tenant(&rig).organizer_id.s, "");
	rig_done(&rig);
}

/* Many slices, each a turn of its own: what they queue goes out meanwhile, not when somebody looks again. */
/* Whom the app lists already by an address is nobody new to it; and how Graph answers look-ups delays a link by half a minute at most. */
static void
a_first_link_knows_whom_the_app_lists(void **state)
{
	struct problem p = { 0 };
	char id[GUID_SIZE];
	struct rig rig;

	(void)state;
	for (int away = 0; away <= 1; away++) {
		rig_make(&rig, 24, 30, 8);
		rig_put_tenant(&rig);
		rig_run(&rig, 60000);
		if (away)
			rig_do(&rig, "/_sim/faults", "{\"kind\":\"status\",\"status\":503,\"path\":\"/users\",\"count\":0}");
		assert_int_equal(rig_put_erg(&rig, "pride", MEMBERSHIP_TWO_WAY, &p), ERR_OK);
		for (unsigned i = 2; i <= 5; i++)
			join(&rig, i);
		rig_run(&rig, 60000);
		assert_true(rig_erg(&rig).first_read_done);
		if (!away) {
			assert_int_equal(rig_count(&rig, "ergsync.member.added", 0), 4);
			for (size_t i = 0; i < rig.event_count; i++)
				for (unsigned user = 2; user <= 5; user++)
					assert_string_not_equal(rig.events[i].entra, rig_user(user, id));
			assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
		}
		rig_done(&rig);
	}
}

static void
a_large_first_link_is_told_at_once(void **state)
{
	struct problem p = { 0 };
	struct rig rig;

	(void)state;
	rig_make(&rig, 10, 1500, 1500);
	rig_put_tenant(&rig);
	assert_int_equal(rig_put_erg(&rig, "pride", MEMBERSHIP_TWO_WAY, &p), ERR_OK);
	rig_run(&rig, 20000);
	assert_int_equal(rig.event_count, 1500);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	rig_done(&rig);
}

static void
a_change_is_one_callback_and_one_read(void **state)
{
	static const struct {
		const char *op, *role, *type, *told;
	} steps[] = {
		{ "add", "member", "ergsync.member.added", "member" },
		{ "role", "owner", "ergsync.member.updated", "owner" },
		{ "remove", "owner", "ergsync.member.removed", "owner" },
		{ "add", "member", "ergsync.member.added", "member" },
	};
	char user[GUID_SIZE];
	struct rig rig;

	(void)state;
	rig_make(&rig, 2, 30, 25);
	rig_link(&rig);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		size_t before = rig.event_count;
		uint64_t feed = feed_last(rig.r->store);

		rig_forget_requests(&rig);
		rig_member(&rig, steps[i].op, 28, steps[i].role);
		rig_run(&rig, 60000);
		assert_int_equal(rig.event_count, before + 1);
		assert_int_equal(feed_last(rig.r->store), feed + 1);
		assert_string_equal(rig.events[before].type, steps[i].type);
		assert_string_equal(rig.events[before].role, steps[i].told);
		assert_string_equal(rig.events[before].entra, rig_user(28, user));
		/* A removal is read twice. */
		assert_int_equal(rig_requests(&rig, MEMBERS_LIST) + rig_requests(&rig, MEMBER_GET),
		    strcmp(steps[i].op, "remove") == 0 ? 2 : 1);
		assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	}
	rig_done(&rig);
}

static void
a_burst_costs_three_reads(void **state)
{
	struct rig rig;
	int64_t reads;

	(void)state;
	rig_make(&rig, 3, 60, 20);
	rig_link(&rig);
	rig_forget_requests(&rig);
	rig.repeat = 250;
	for (unsigned i = 0; i < 40; i++) {
		rig_member(&rig, "add", 21 + i, "member");
		rig_run(&rig, 250);
	}
	rig_run(&rig, 120000);
	assert_true(rig.consumed >= 10000);
	reads = rig_requests(&rig, MEMBERS_LIST) + rig_requests(&rig, MEMBER_GET);
	assert_true(reads >= 1 && reads <= 3);
	assert_int_equal(rig_erg(&rig).counts.app, 60);
	assert_int_equal(rig_count(&rig, "ergsync.member.added", 20), 40);
	assert_int_equal(rig.event_count, 60);
	rig_done(&rig);
}

static void
without_callback_url_the_feed_is_all(void **state)
{
	struct rig rig;

	(void)state;
	rig_make(&rig, 4, 10, 5);
	rig.config.callback_url = NULL;
	rig_link(&rig);
	rig_member(&rig, "add", 9, "member");
	rig_run(&rig, 60000);
	assert_int_equal(rig.callback_count, 0);
	assert_int_equal(feed_last(rig.r->store), 6);
	assert_int_equal(rig_erg(&rig).counts.app, 6);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	rig_done(&rig);
}

/* While the app is away changes wait, in order; nothing is told twice to an app that answered. */
/* What waits for the app when it takes callbacks no more is in the feed, and nobody waits for its answer. */
static void
a_callback_url_taken_away_leaves_nobody_waiting(void **state)
{
	struct rig rig;

	(void)state;
	rig_make(&rig, 23, 30, 5);
	rig_link(&rig);
	rig.app_status = 503;
	rig_member(&rig, "add", 20, "member");
	rig_run(&rig, 60000);
	assert_int_equal(rig_erg(&rig).state, ERG_WORKING);
	rig.config.callback_url = NULL;
	rig_restart(&rig);
	rig_run(&rig, 600000);
	assert_int_equal(outbox_backlog(rig.r->outbox).count, 0);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	assert_int_equal(rig_erg(&rig).counts.app, 6);
	rig_done(&rig);
}

static void
an_app_that_is_away_gets_all_in_order(void **state)
{
	static const char *const order[] = { "ergsync.member.added", "ergsync.member.removed", "ergsync.member.added" };
	struct rig rig;
	size_t before;

	(void)state;
	rig_make(&rig, 5, 10, 5);
	rig_link(&rig);
	before = rig.event_count;
	rig.app_status = 503;
	for (unsigned i = 0; i < 3; i++) {
		rig_member(&rig, i == 1 ? "remove" : "add", 9, "member");
		rig_run(&rig, 70000);
	}
	assert_int_equal(rig_erg(&rig).state, ERG_WORKING);
	assert_int_equal(rig_erg(&rig).counts.pending, 1);
	rig.app_status = 200;
	rig_run(&rig, 3600000);
	assert_int_equal(rig.event_count, before + 3);
	for (unsigned i = 0; i < 3; i++)
		assert_string_equal(rig.events[before + i].type, order[i]);
	assert_int_equal(rig_erg(&rig).counts.app, 6);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	rig_done(&rig);
}

/* Refused for good: shown, not repeated, until something changes. */
static void
a_refusal_is_not_repeated(void **state)
{
	struct rig rig;
	size_t calls;

	(void)state;
	rig_make(&rig, 6, 10, 5);
	rig_link(&rig);
	rig.app_status = 422;
	rig_member(&rig, "add", 9, "member");
	rig_run(&rig, 60000);
	assert_int_equal(rig_erg(&rig).counts.refused, 1);
	assert_int_equal(rig_erg(&rig).counts.app, 5);
	calls = rig.callback_count;
	rig.app_status = 204;
	rig_member(&rig, "add", 8, "member");
	rig_run(&rig, 60000);
	assert_int_equal(rig.callback_count, calls + 1);
	rig_member(&rig, "role", 9, "owner");
	rig_run(&rig, 60000);
	assert_int_equal(rig_erg(&rig).counts.refused, 0);
	assert_int_equal(rig_erg(&rig).counts.app, 7);
	assert_string_equal(rig.events[rig.event_count - 1].type, "ergsync.member.added");
	assert_string_equal(rig.events[rig.event_count - 1].role, "owner");
	rig_done(&rig);
}

static void
the_app_may_name_a_person(void **state)
{
	struct app_person_ref who = { .user = { "lena" } };
	struct member_view view = { 0 };
	struct problem p = { 0 };
	struct erg_id erg;
	struct rig rig;

	(void)state;
	rig_make(&rig, 7, 10, 5);
	rig_link(&rig);
	rig.app_status = 200;
	rig.app_body = "{\"user\":\"lena\"}";
	rig_member(&rig, "add", 9, "member");
	rig_run(&rig, 60000);
	rig_restart(&rig);
	assert_true(erg_id_parse("pride", &erg));
	assert_int_equal(backend_ops.member_get(rig.r, &erg, &who, &view, &p), ERR_OK);
	assert_int_equal(view.member.status, MEMBER_SYNCED);
	assert_true(view.member.app.present && view.member.teams.present);
	rig_done(&rig);
}

/* ---------- crashes ---------- */

/* As an app that counts a webhook-id once would see it. */
static size_t
distinct_events(const struct rig *rig, size_t from)
{
	size_t n = 0;

	for (size_t i = from; i < rig->event_count; i++) {
		bool again = false;

		for (size_t k = from; k < i; k++)
			again |= strcmp(rig->events[k].id, rig->events[i].id) == 0;
		n += !again;
	}
	return n;
}

/* Crashes after so many wake-ups of the clock; then life goes on. */
static void
crash_after(struct rig *rig, unsigned wakeups)
{
	int64_t due_ms;

	for (unsigned i = 0; i < wakeups && clock_manual_next(rig->clock, &due_ms); i++)
		rig_run(rig, due_ms > clock_boot_ms(rig->clock) ? due_ms - clock_boot_ms(rig->clock) : 0);
	rig_crash(rig);
}

static void
a_crash_at_any_step_loses_and_doubles_nothing(void **state)
{
	(void)state;
	for (unsigned steps = 0; steps < 40; steps++) {
		struct rig rig;
		size_t before;

		rig_make(&rig, 100 + steps, 10, 5);
		rig_link(&rig);
		before = rig.event_count;
		rig_member(&rig, "add", 9, "member");
		rig_member(&rig, "role", 3, "owner");
		crash_after(&rig, steps);
		rig_run(&rig, 120000);
		assert_int_equal(distinct_events(&rig, before), 2);
		assert_int_equal(feed_last(rig.r->store), before + 2);
		assert_int_equal(rig_erg(&rig).counts.app, 6);
		assert_int_equal(rig_erg(&rig).counts.teams, 6);
		assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
		rig_done(&rig);
	}
}

static void
a_crash_while_linking_is_made_good(void **state)
{
	(void)state;
	for (unsigned steps = 1; steps < 40; steps++) {
		struct problem p = { 0 };
		struct rig rig;

		rig_make(&rig, 200 + steps, 10, 5);
		rig_put_tenant(&rig);
		assert_int_equal(rig_put_erg(&rig, "pride", MEMBERSHIP_TWO_WAY, &p), ERR_OK);
		store_commit(rig.r->store);
		crash_after(&rig, steps);
		rig_run(&rig, 300000);
		assert_int_equal(distinct_events(&rig, 0), 5);
		assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
		assert_int_equal(rig_erg(&rig).counts.app, 5);
		rig_done(&rig);
	}
}

/* ---------- leaving ---------- */

static void
an_unlinked_erg_leaves_nothing_behind(void **state)
{
	struct store_stats stats;
	struct problem p = { 0 };
	struct erg_id erg;
	struct rig rig;

	(void)state;
	rig_make(&rig, 8, 600, 550);
	rig_link(&rig);
	assert_true(erg_id_parse("pride", &erg));
	assert_int_equal(backend_ops.erg_remove(rig.r, &erg, &p), ERR_OK);
	rig_run(&rig, 60000);
	store_stats(rig.r->store, &stats);
	assert_int_equal(stats.rows[TABLE_ERGS], 0);
	assert_int_equal(stats.rows[TABLE_MEMBERS], 0);
	assert_int_equal(stats.rows[TABLE_MEMBERSHIPS], 0);
	assert_int_equal(stats.rows[TABLE_PEOPLE], 0);
	assert_int_equal(stats.rows[TABLE_PERSON_ERGS], 0);
	assert_int_equal(stats.rows[TABLE_SUBSCRIPTIONS], 0);
	assert_int_equal(stats.rows[TABLE_DIRTY], 0);
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 0);
	rig_done(&rig);
}

/* It would be taken in, and gone with the tenant a moment later. */
static void
nothing_is_taken_into_a_tenant_on_its_way_out(void **state)
{
	const struct app_member_put put = entry(1, ROLE_MEMBER);
	struct app_members_replaced replaced = { 0 };
	struct tenant_view view = { 0 };
	struct member_view member = { 0 };
	struct problem p = { 0 };
	struct tenant_id id;
	struct erg_id erg;
	struct rig rig;

	(void)state;
	rig_make(&rig, 11, 30, 5);
	rig_link(&rig);
	assert_true(tenant_id_parse("acme", &id));
	assert_true(erg_id_parse("pride", &erg));
	assert_int_equal(backend_ops.tenant_remove(rig.r, &id, &view, &p), ERR_OK);
	assert_int_not_equal(backend_ops.member_put(rig.r, &erg, &put, &member, &p), ERR_OK);
	assert_int_equal(p.kind, PROBLEM_TENANT_REMOVING);
	p = (struct problem){ 0 };
	assert_int_not_equal(backend_ops.members_replace(rig.r, &erg, &put, 1, &replaced, &p), ERR_OK);
	assert_int_equal(p.kind, PROBLEM_TENANT_REMOVING);
	rig_run(&rig, 120000);
	assert_int_equal(backend_ops.tenant_get(rig.r, &id, &view, &p), ERR_NOTFOUND);
	rig_done(&rig);
}

static void
a_removed_tenant_leaves_nothing_behind(void **state)
{
	struct store_stats stats;
	struct tenant_view view = { 0 };
	struct problem p = { 0 };
	struct tenant_id id;
	struct rig rig;

	(void)state;
	rig_make(&rig, 9, 30, 25);
	rig.app_body = "{\"user\":\"kim\"}";
	rig.app_status = 200;
	rig_link(&rig);
	assert_true(tenant_id_parse("acme", &id));
	assert_int_equal(backend_ops.tenant_remove(rig.r, &id, &view, &p), ERR_OK);
	assert_int_equal(view.tenant.state, TENANT_REMOVING);
	rig_run(&rig, 120000);
	assert_int_equal(backend_ops.tenant_get(rig.r, &id, &view, &p), ERR_NOTFOUND);
	store_stats(rig.r->store, &stats);
	assert_int_equal(stats.rows[TABLE_TENANTS], 0);
	assert_int_equal(stats.rows[TABLE_ERGS], 0);
	assert_int_equal(stats.rows[TABLE_MEMBERS], 0);
	assert_int_equal(stats.rows[TABLE_PEOPLE], 0);
	assert_int_equal(stats.rows[TABLE_PERSON_INDEX], 0);
	assert_int_equal(stats.rows[TABLE_SUBSCRIPTIONS], 0);
	assert_int_equal(stats.rows[TABLE_FEED], 0);
	assert_int_equal(stats.rows[TABLE_OUTBOX], 0);
	assert_int_equal(stats.rows[TABLE_DIRTY], 0);
	rig_done(&rig);
}

/* However much the app was told of a tenant, no turn of its removal is long: the loop has others to serve. */
static void
a_tenant_with_a_long_past_is_removed_in_slices(void **state)
{
	struct tenant_view view = { 0 };
	struct store_stats stats;
	struct problem p = { 0 };
	struct tenant_id id;
	uint64_t commits;
	struct rig rig;
	struct erg erg;

	(void)state;
	rig_make(&rig, 10, 30, 5);
	rig_link(&rig);
	erg = rig_erg(&rig);
	for (int i = 0; i < 5000; i++)
		tell_erg(rig.r, CHANGE_ERG_RESTORED, &erg, "Teams can be read again.");
	rig_run(&rig, 60000);
	store_stats(rig.r->store, &stats);
	commits = stats.commits;
	assert_true(tenant_id_parse("acme", &id));
	assert_int_equal(backend_ops.tenant_remove(rig.r, &id, &view, &p), ERR_OK);
	rig_run(&rig, 120000);
	assert_int_equal(backend_ops.tenant_get(rig.r, &id, &view, &p), ERR_NOTFOUND);
	store_stats(rig.r->store, &stats);
	assert_int_equal(stats.rows[TABLE_FEED], 0);
	assert_int_equal(stats.rows[TABLE_OUTBOX], 0);
	assert_true(stats.commits - commits >= 5000 / 250);
	rig_done(&rig);
}

/* The listener has another name now: what leads to the old one is replaced, and what it may have missed is read. */
static void
a_changed_public_url_replaces_subscriptions(void **state)
{
	struct rig rig;
	json_t *all;
	const json_t *one;
	int64_t reads;

	(void)state;
	rig_make(&rig, 77, 20, 5);
	rig_link(&rig);
	rig.config.public_url = (char *)"https://moved.example";
	rig_member(&rig, "add", 12, "member");
	rig.deaf = true;
	rig_restart(&rig);
	reads = rig_requests(&rig, "GET /teams/{team}/members");
	rig_run(&rig, 80 * 60 * 1000);
	all = rig_ask(&rig, "GET", "/_sim/subscriptions", NULL);
	assert_int_equal(json_array_size(jx_get_array(all, "subscriptions")), 1);
	one = json_array_get(jx_get_array(all, "subscriptions"), 0);
	assert_string_equal(jx_get_str(one, "notificationUrl"), "https://moved.example/graph/notifications");
	assert_string_equal(jx_get_str(one, "lifecycleNotificationUrl"), "https://moved.example/graph/lifecycle");
	json_decref(all);
	assert_true(rig_requests(&rig, "GET /teams/{team}/members") > reads);
	assert_int_equal(rig_erg(&rig).counts.app, 6);
	/* Once: what leads here stays. */
	reads = rig_requests(&rig, "POST /subscriptions");
	rig_run(&rig, 3 * 3600 * 1000);
	assert_int_equal(rig_requests(&rig, "POST /subscriptions"), reads);
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_changed_public_url_replaces_subscriptions),
		cmocka_unit_test(a_first_link_is_the_union),
		cmocka_unit_test(a_first_link_knows_whom_the_app_lists),
		cmocka_unit_test(a_large_first_link_is_told_at_once),
		cmocka_unit_test(a_change_is_one_callback_and_one_read),
		cmocka_unit_test(a_burst_costs_three_reads),
		cmocka_unit_test(without_callback_url_the_feed_is_all),
		cmocka_unit_test(a_callback_url_taken_away_leaves_nobody_waiting),
		cmocka_unit_test(an_app_that_is_away_gets_all_in_order),
		cmocka_unit_test(a_refusal_is_not_repeated),
		cmocka_unit_test(the_app_may_name_a_person),
		cmocka_unit_test(a_crash_at_any_step_loses_and_doubles_nothing),
		cmocka_unit_test(a_crash_while_linking_is_made_good),
		cmocka_unit_test(an_unlinked_erg_leaves_nothing_behind),
		cmocka_unit_test(nothing_is_taken_into_a_tenant_on_its_way_out),
		cmocka_unit_test(a_removed_tenant_leaves_nothing_behind),
		cmocka_unit_test(a_tenant_with_a_long_past_is_removed_in_slices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
