/* What no notification told is found between sweeps, by one call for fifty teams; what we know already costs nothing more. */
#include "unit/reconciler/app_side.h"

#define DELTA "GET /groups/delta"
#define LIST  "GET /teams/{team}/members"
#define HOUR  (3600 * 1000LL)

static void
a_lost_notification_is_found_within_the_hour(void **state)
{
	struct rig rig;

	(void)state;
	rig_make(&rig, 51, 40, 25);
	rig_link(&rig);
	rig_run(&rig, 2 * HOUR);
	rig_forget_requests(&rig);
	rig.deaf = true;
	rig_member(&rig, "add", 30, "member");
	rig_member(&rig, "remove", 20, "member");
	rig_run(&rig, HOUR + 300000);
	assert_int_equal(rig_count(&rig, "ergsync.member.added", 25), 1);
	assert_int_equal(rig.r->counters.missed_drift, 1);
	assert_int_equal(rig.r->counters.missed_sweep, 0);
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", 25), 1);
	assert_in_range(rig_requests(&rig, DELTA), 1, 2);
	rig_done(&rig);
}

static void
what_is_known_costs_no_list(void **state)
{
	struct rig rig;

	(void)state;
	rig_make(&rig, 52, 40, 25);
	rig_link(&rig);
	rig_run(&rig, 2 * HOUR);
	rig_forget_requests(&rig);
	rig_member(&rig, "add", 30, "member");
	rig_run(&rig, 60000);
	join(&rig, 31);
	rig_run(&rig, 5 * HOUR);
	assert_int_equal(rig_requests(&rig, LIST), 0);
	assert_in_range(rig_requests(&rig, DELTA), 5, 6);
	assert_int_equal(rig_erg(&rig).counts.app, 27);
	assert_int_equal(violations(&rig), 0);
	rig_done(&rig);
}

static void
a_lost_link_reads_the_teams_once(void **state)
{
	struct rig rig;

	(void)state;
	rig_make(&rig, 53, 40, 25);
	rig_link(&rig);
	rig_run(&rig, 2 * HOUR);
	rig_do(&rig, "/_sim/expire", "{\"delta\":true}");
	rig.deaf = true;
	rig_member(&rig, "add", 30, "member");
	rig_run(&rig, HOUR + 300000);
	assert_int_equal(rig_count(&rig, "ergsync.member.added", 25), 1);
	rig_forget_requests(&rig);
	rig_restart(&rig);
	rig_run(&rig, 5 * HOUR);
	assert_true(rig_requests(&rig, LIST) <= 1);
	rig_done(&rig);
}

/* A directory that gives up its links as soon as it has given them is not asked on and on. */
static void
links_lost_again_and_again_are_no_loop(void **state)
{
	struct rig rig;
	json_t *faults;

	(void)state;
	rig_make(&rig, 55, 40, 25);
	rig_link(&rig);
	rig_run(&rig, HOUR + 60000);
	rig_do(&rig, "/_sim/faults", "{\"kind\":\"status\",\"status\":410,\"path\":\"/groups/delta\",\"count\":500}");
	rig_run(&rig, 3 * HOUR);
	faults = rig_ask(&rig, "GET", "/_sim/faults", NULL);
	assert_in_range(jx_get_int(json_array_get(jx_get_array(faults, "faults"), 0), "hits", 0), 3, 6);
	json_decref(faults);
	rig_done(&rig);
}

/* The directory has told of deletions that were none. */
static void
a_false_deletion_removes_nobody(void **state)
{
	struct rig rig;

	(void)state;
	rig_make(&rig, 54, 40, 25);
	rig_do(&rig, "/_sim/settings", "{\"delta_quirks\":true}");
	rig_link(&rig);
	for (unsigned i = 0; i < 10; i++) {
		rig_member(&rig, "add", 30 + i, "member");
		rig_run(&rig, 2 * HOUR);
	}
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 0);
	assert_int_equal(rig_erg(&rig).counts.app, 35);
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lost_notification_is_found_within_the_hour),
		cmocka_unit_test(what_is_known_costs_no_list),
		cmocka_unit_test(a_lost_link_reads_the_teams_once),
		cmocka_unit_test(links_lost_again_and_again_are_no_loop),
		cmocka_unit_test(a_false_deletion_removes_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
