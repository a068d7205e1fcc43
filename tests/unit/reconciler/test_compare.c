/* The guard rails: whatever Graph does, nobody is taken out whom nobody removed. */
#include "unit/reconciler/rig.h"

#include "reconciler/compare.h"
#include "reconciler/guard.h"

#define MEMBERS_PATH "/teams/" RIG_TEAM "/members"
#define ROUNDS       3

struct told {
	bool done;
	struct compare_result result;
};

static void
on_done(void *arg, const struct compare_result *result)
{
	struct told *told = arg;

	told->done = true;
	told->result = *result;
}

/* A whole comparison, as a resync asks for it. */
static struct compare_result
compare_now(struct rig *rig, const char *id, bool dry_run)
{
	struct compare_options options = { .dry_run = dry_run, .priority = GRAPH_PERSON };
	struct told told = { 0 };
	struct erg_id erg;

	assert_true(erg_id_parse(id, &erg));
	assert_non_null(compare_erg(rig->r, &erg, &options, on_done, &told));
	/* Graph's own deadline for a call is ten minutes. */
	for (int i = 0; i < 80 && !told.done; i++)
		rig_run(rig, 10000);
	assert_true(told.done);
	rig_run(rig, 5000);
	return told.result;
}

static void
fault(struct rig *rig, const char *rest)
{
	rig_do(rig, "/_sim/faults", "{\"method\":\"GET\",\"path\":\"%s\",%s}", MEMBERS_PATH, rest);
}

static void
faults_end(struct rig *rig)
{
	json_decref(rig_ask(rig, "DELETE", "/_sim/faults", NULL));
}

/* ---------- what Graph may do to a list ---------- */

static const struct {
	const char *why, *fault;
	unsigned members; /* 999 to a page */
	enum erg_state state;
	bool told_broken;
} cases[] = {
	{ "401", "\"kind\":\"status\",\"status\":401,\"count\":0", 30, ERG_BROKEN, true },
	{ "403: permission lost", "\"kind\":\"status\",\"status\":403,\"count\":0", 30, ERG_BROKEN, true },
	{ "404: team gone", "\"kind\":\"status\",\"status\":404,\"count\":0", 30, ERG_BROKEN, true },
	{ "500", "\"kind\":\"status\",\"status\":500,\"count\":0", 30, ERG_IN_SYNC, false },
	{ "503", "\"kind\":\"status\",\"status\":503,\"retry_after_s\":7,\"count\":0", 30, ERG_IN_SYNC, false },
	{ "429", "\"kind\":\"status\",\"status\":429,\"retry_after_s\":7,\"count\":0", 30, ERG_IN_SYNC, false },
	{ "connection closed", "\"kind\":\"close_before\",\"count\":0", 30, ERG_IN_SYNC, false },
	{ "no answer", "\"kind\":\"timeout_before\",\"count\":0", 30, ERG_IN_SYNC, false },
	{ "body breaks off", "\"kind\":\"truncate\",\"count\":0", 30, ERG_IN_SYNC, false },
	{ "second page fails", "\"kind\":\"status\",\"status\":500,\"skip\":1,\"count\":0", 1005, ERG_IN_SYNC, false },
	{ "second page forbidden", "\"kind\":\"status\",\"status\":403,\"skip\":1,\"count\":0", 1005, ERG_BROKEN, true },
	{ "empty list", "\"kind\":\"empty_page\",\"count\":0", 30, ERG_HELD, false },
	{ "next link missing", "\"kind\":\"truncated_page\",\"count\":0", 1300, ERG_HELD, false },
	{ "list short once", "\"kind\":\"short_page\",\"count\":1", 30, ERG_IN_SYNC, false },
};

static void
nobody_leaves_by_a_fault(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig rig;

		rig_make(&rig, 300 + i, cases[i].members, cases[i].members);
		rig_link(&rig);
		assert_int_equal(rig.event_count, cases[i].members);
		fault(&rig, cases[i].fault);
		for (int n = 0; n < ROUNDS; n++)
			compare_now(&rig, "pride", false);
		if (rig_erg(&rig).state != cases[i].state)
			fail_msg(
			    "%s: state %s, detail %s", cases[i].why, erg_state_names[rig_erg(&rig).state], rig_erg(&rig).detail);
		assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 0);
		assert_int_equal(rig_count(&rig, "ergsync.erg.broken", 0), cases[i].told_broken);
		assert_int_equal(rig_erg(&rig).counts.app, cases[i].members);
		if (cases[i].state != ERG_IN_SYNC)
			assert_string_not_equal(rig_erg(&rig).detail, "");
		faults_end(&rig);
		/* Recovery needs nobody: probing goes on slowly. */
		rig_run(&rig, 2 * 3600 * 1000);
		if (cases[i].state == ERG_HELD)
			compare_now(&rig, "pride", false);
		if (rig_erg(&rig).state != ERG_IN_SYNC)
			fail_msg("%s: not restored, %s", cases[i].why, rig_erg(&rig).detail);
		assert_int_equal(rig_count(&rig, "ergsync.erg.restored", 0), cases[i].told_broken);
		assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 0);
		assert_int_equal(rig_count(&rig, "ergsync.member.added", 0), cases[i].members);
		rig_done(&rig);
	}
}

static void
consent_withdrawn_is_told_once_and_given_back_is_noticed(void **state)
{
	struct rig rig;

	(void)state;
	rig_make(&rig, 400, 10, 8);
	rig_link(&rig);
	rig_do(&rig, "/_sim/consent", "{\"tenant\":\"%s\",\"consent\":\"withdrawn\"}", RIG_DIRECTORY);
	for (int n = 0; n < ROUNDS; n++)
		compare_now(&rig, "pride", false);
	assert_int_equal(rig_tenant(&rig).state, TENANT_CONSENT_MISSING);
	assert_string_not_equal(rig_tenant(&rig).detail, "");
	assert_int_equal(rig_count(&rig, "ergsync.tenant.consent_missing", 0), 1);
	assert_int_equal(rig_erg(&rig).counts.app, 8);
	rig_member(&rig, "add", 10, "member");
	rig_do(&rig, "/_sim/consent", "{\"tenant\":\"%s\",\"consent\":\"granted\"}", RIG_DIRECTORY);
	rig_run(&rig, 16 * 60 * 1000);
	assert_int_equal(rig_tenant(&rig).state, TENANT_ACTIVE);
	rig_run(&rig, 60 * 1000);
	assert_int_equal(rig_erg(&rig).counts.app, 9);
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 0);
	rig_done(&rig);
}

/* A put of the tenant asks at once. */
static void
consent_is_noticed_at_a_put(void **state)
{
	struct rig rig;

	(void)state;
	rig_make(&rig, 401, 10, 8);
	rig_link(&rig);
	rig_do(&rig, "/_sim/consent", "{\"tenant\":\"%s\",\"consent\":\"withdrawn\"}", RIG_DIRECTORY);
	compare_now(&rig, "pride", false);
	assert_int_equal(rig_tenant(&rig).state, TENANT_CONSENT_MISSING);
	rig_do(&rig, "/_sim/consent", "{\"tenant\":\"%s\",\"consent\":\"granted\"}", RIG_DIRECTORY);
	rig_put_tenant(&rig);
	rig_run(&rig, 10000);
	assert_int_equal(rig_tenant(&rig).state, TENANT_ACTIVE);
	rig_done(&rig);
}

/* ---------- removals ---------- */

static void
leave(struct rig *rig, unsigned from, unsigned count)
{
	rig->deaf = true;
	for (unsigned i = 0; i < count; i++)
		rig_member(rig, "remove", from + i, "member");
	rig_run(rig, 1000);
	rig->deaf = false;
}

static void
few_removals_are_confirmed_one_by_one(void **state)
{
	struct compare_result result;
	struct rig rig;

	(void)state;
	rig_make(&rig, 500, 100, 100);
	rig_link(&rig);
	leave(&rig, 50, 8);
	result = compare_now(&rig, "pride", false);
	assert_int_equal(result.err, ERR_OK);
	assert_int_equal(result.changes.removed_from_app, 8);
	assert_int_equal(rig.r->counters.removals_confirmed, 8);
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 8);
	assert_int_equal(rig_erg(&rig).counts.app, 92);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	rig_done(&rig);
}

/* A list that lacks people is not believed: each of them is asked for. */
static void
the_second_read_refutes(void **state)
{
	struct compare_result result;
	struct rig rig;

	(void)state;
	rig_make(&rig, 506, 30, 30);
	rig.config.removal_limit = 1000;
	rig.config.removal_percent = 100;
	rig_link(&rig);
	fault(&rig, "\"kind\":\"short_page\",\"count\":1");
	result = compare_now(&rig, "pride", false);
	assert_int_equal(result.err, ERR_OK);
	assert_true(rig.r->counters.removals_refuted > 0);
	assert_int_equal(rig.r->counters.removals_confirmed, 0);
	assert_int_equal(rig_erg(&rig).counts.app, 30);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	assert_int_equal(rig.event_count, 30);
	/* And what can't be asked for is not concluded. */
	leave(&rig, 20, 3);
	fault(&rig, "\"kind\":\"status\",\"status\":500,\"skip\":1,\"count\":0");
	result = compare_now(&rig, "pride", false);
	assert_int_not_equal(result.err, ERR_OK);
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 0);
	faults_end(&rig);
	compare_now(&rig, "pride", false);
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 3);
	rig_done(&rig);
}

static void
many_removals_are_held_and_additions_go_on(void **state)
{
	struct rig rig;

	(void)state;
	rig_make(&rig, 501, 110, 100);
	rig_link(&rig);
	leave(&rig, 50, 30);
	rig_member(&rig, "add", 105, "member");
	for (int n = 0; n < ROUNDS; n++)
		compare_now(&rig, "pride", false);
	assert_int_equal(rig_erg(&rig).state, ERG_HELD);
	assert_int_equal(rig_count(&rig, "ergsync.plan.held", 0), 1);
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 0);
	assert_int_equal(rig_erg(&rig).counts.app, 101);
	rig_crash(&rig);
	compare_now(&rig, "pride", false);
	assert_int_equal(rig_count(&rig, "ergsync.plan.held", 0), 1);
	/* One more: another plan, told again; by a hint, too, nobody leaves. */
	rig_member(&rig, "remove", 90, "member");
	rig_run(&rig, 60000);
	assert_int_equal(rig_count(&rig, "ergsync.plan.held", 0), 2);
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 0);
	/* They come back: nothing is left to hold. */
	for (unsigned i = 0; i < 30; i++)
		rig_member(&rig, "add", 50 + i, "member");
	rig_member(&rig, "add", 90, "member");
	rig_run(&rig, 120000);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	assert_int_equal(rig_erg(&rig).counts.app, 101);
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 0);
	rig_done(&rig);
}

/* The limits hold over a day, however the removals come. */
static void
the_window_is_a_day(void **state)
{
	struct rig rig;
	int64_t removed = 0;

	(void)state;
	rig_make(&rig, 502, 100, 100);
	rig_link(&rig);
	for (unsigned i = 0; i < 30; i++) {
		rig_member(&rig, "remove", 40 + i, "member");
		rig_run(&rig, 120000);
	}
	removed = (int64_t)rig_count(&rig, "ergsync.member.removed", 0);
	assert_int_equal(removed, 20);
	assert_int_equal(rig_erg(&rig).state, ERG_HELD);
	rig_run(&rig, 25 * 3600 * 1000LL);
	compare_now(&rig, "pride", false);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 30);
	assert_int_equal(rig_erg(&rig).counts.app, 70);
	rig_done(&rig);
}

static void
a_dry_run_changes_nothing(void **state)
{
	struct compare_result result;
	struct rig rig;
	uint64_t feed;

	(void)state;
	rig_make(&rig, 503, 60, 50);
	rig_link(&rig);
	feed = feed_last(rig.r->store);
	leave(&rig, 20, 5);
	rig.deaf = true;
	rig_member(&rig, "add", 55, "member");
	rig_run(&rig, 1000);
	result = compare_now(&rig, "pride", true);
	assert_int_equal(result.err, ERR_OK);
	assert_int_equal(result.changes.removed_from_app, 5);
	assert_int_equal(result.changes.added_to_app, 1);
	assert_int_equal(feed_last(rig.r->store), feed);
	assert_int_equal(rig_erg(&rig).counts.app, 50);
	rig_done(&rig);
}

static void
ergs_on_one_team_share_one_read(void **state)
{
	struct problem p = { 0 };
	struct rig rig;
	size_t before;

	(void)state;
	rig_make(&rig, 504, 20, 10);
	rig_link(&rig);
	assert_int_equal(rig_put_erg(&rig, "women", MEMBERSHIP_TWO_WAY, &p), ERR_OK);
	rig_run(&rig, 120000);
	assert_int_equal(rig.event_count, 20);
	before = rig.event_count;
	rig_forget_requests(&rig);
	rig_member(&rig, "add", 15, "member");
	rig_run(&rig, 60000);
	assert_int_equal(rig_count(&rig, "ergsync.member.added", before), 2);
	assert_int_equal(rig_requests(&rig, "GET /teams/{team}/members/{member}"), 1);
	rig_member(&rig, "remove", 15, "member");
	rig_run(&rig, 60000);
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", before), 2);
	rig_done(&rig);
}

static void
policy_off_reads_nothing(void **state)
{
	struct problem p = { 0 };
	struct rig rig;

	(void)state;
	rig_make(&rig, 505, 20, 10);
	rig_put_tenant(&rig);
	assert_int_equal(rig_put_erg(&rig, "pride", MEMBERSHIP_OFF, &p), ERR_OK);
	rig_run(&rig, 120000);
	assert_int_equal(rig_erg(&rig).state, ERG_OFF);
	assert_int_equal(rig_requests(&rig, "GET /teams/{team}/members"), 0);
	assert_int_equal(rig_requests(&rig, "POST /subscriptions"), 0);
	assert_int_equal(rig_put_erg(&rig, "pride", MEMBERSHIP_TWO_WAY, &p), ERR_OK);
	rig_run(&rig, 120000);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	assert_int_equal(rig_erg(&rig).counts.app, 10);
	rig_done(&rig);
}

static void
count_item(void *arg, const struct app_plan_item *item)
{
	unsigned *count = arg;

	(void)item;
	(*count)++;
}

/* Ten may go within a day. Ten are being confirmed when others are found gone one by one: together they are too many. */
static void
removals_found_meanwhile_count(void **state)
{
	struct compare_options options = { .priority = GRAPH_PERSON };
	struct told told = { 0 };
	struct erg_id erg;
	struct rig rig;

	(void)state;
	rig_make(&rig, 29, 60, 50);
	rig_link(&rig);
	rig.deaf = true;
	for (unsigned i = 2; i <= 11; i++)
		rig_member(&rig, "remove", i, "member");
	rig_run(&rig, 60000);
	fault(&rig, "\"kind\":\"delay\",\"skip\":1,\"count\":4,\"delay_ms\":28000");
	assert_true(erg_id_parse("pride", &erg));
	assert_non_null(compare_erg(rig.r, &erg, &options, on_done, &told));
	rig_run(&rig, 1000);
	rig.deaf = false;
	for (unsigned i = 12; i <= 16; i++) {
		rig_member(&rig, "remove", i, "member");
		rig_run(&rig, 5000);
	}
	assert_false(told.done);
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 5);
	rig_run(&rig, 600000);
	assert_true(told.done);
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 10);
	assert_int_equal(rig_count(&rig, "ergsync.plan.held", 0), 1);
	assert_int_equal(rig_erg(&rig).state, ERG_HELD);
	rig_done(&rig);
}

/* Those held are back, while somebody else is still being confirmed: there is no plan any more, and none is said to be. */
static void
a_plan_whose_people_are_back_is_over_at_once(void **state)
{
	struct compare_options options = { .priority = GRAPH_PERSON };
	struct told told = { 0 };
	struct erg_id erg;
	struct rig rig;

	(void)state;
	rig_make(&rig, 31, 60, 50);
	rig_link(&rig);
	for (unsigned i = 2; i <= 13; i++)
		rig_member(&rig, "remove", i, "member");
	rig_run(&rig, 60000);
	assert_int_equal(rig_erg(&rig).state, ERG_HELD);
	rig.deaf = true;
	for (unsigned i = 2; i <= 13; i++)
		rig_member(&rig, "add", i, "member");
	rig_member(&rig, "remove", 20, "member");
	rig_run(&rig, 60000);
	assert_int_equal(rig_erg(&rig).state, ERG_HELD);
	fault(&rig, "\"kind\":\"delay\",\"skip\":1,\"count\":4,\"delay_ms\":28000");
	assert_true(erg_id_parse("pride", &erg));
	assert_non_null(compare_erg(rig.r, &erg, &options, on_done, &told));
	rig_run(&rig, 1000);
	assert_false(told.done);
	assert_int_equal(rig_erg(&rig).state, ERG_WORKING);
	rig_run(&rig, 600000);
	assert_true(told.done);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 1);
	rig_done(&rig);
}

/* The app takes an earlier word about somebody who is held: the plan is what it was, for whoever is to decide on it. */
static void
an_answer_of_the_app_leaves_the_plan_as_it_is(void **state)
{
	struct app_plan plan = { 0 };
	struct problem p = { 0 };
	unsigned items = 0;
	struct erg_id erg;
	struct rig rig;

	(void)state;
	rig_make(&rig, 32, 60, 50);
	rig_link(&rig);
	assert_true(erg_id_parse("pride", &erg));
	rig.app_status = 503;
	rig_member(&rig, "role", 2, "owner");
	rig_run(&rig, 60000);
	for (unsigned i = 2; i <= 13; i++)
		rig_member(&rig, "remove", i, "member");
	rig_run(&rig, 60000);
	assert_int_equal(rig_erg(&rig).state, ERG_HELD);
	rig.app_status = 204;
	rig_run(&rig, 600000);
	assert_int_equal(rig_count(&rig, "ergsync.member.updated", 0), 1);
	assert_int_equal(rig_erg(&rig).state, ERG_HELD);
	assert_int_equal(backend_ops.plan_get(rig.r, &erg, count_item, &items, &plan, &p), ERR_OK);
	assert_int_equal(items, 12);
	assert_true(plan.held);
	assert_int_equal(backend_ops.plan_decide(rig.r, &erg, true, plan.hash, &p), ERR_OK);
	rig_run(&rig, 600000);
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 12);
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_of_the_app_leaves_the_plan_as_it_is),
		cmocka_unit_test(a_plan_whose_people_are_back_is_over_at_once),
		cmocka_unit_test(removals_found_meanwhile_count),
		cmocka_unit_test(nobody_leaves_by_a_fault),
		cmocka_unit_test(consent_withdrawn_is_told_once_and_given_back_is_noticed),
		cmocka_unit_test(consent_is_noticed_at_a_put),
		cmocka_unit_test(few_removals_are_confirmed_one_by_one),
		cmocka_unit_test(the_second_read_refutes),
		cmocka_unit_test(many_removals_are_held_and_additions_go_on),
		cmocka_unit_test(the_window_is_a_day),
		cmocka_unit_test(a_dry_run_changes_nothing),
		cmocka_unit_test(ergs_on_one_team_share_one_read),
		cmocka_unit_test(policy_off_reads_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
