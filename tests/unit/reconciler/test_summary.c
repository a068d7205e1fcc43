/* One walk for all who ask, and nobody is told what is no longer so. */
#include "reconciler/summary.h"

#include <string.h>

#include "reconciler/tables.h"
#include "unit/reconciler/rig.h"

static void
set_state(struct rig *rig, enum erg_state state)
{
	struct erg erg = rig_erg(rig);

	erg.state = state;
	erg_store(rig->r, &erg);
}

static void
written_things_count_at_once_for_the_app(void **state)
{
	struct app_status s;
	struct rig rig;

	(void)state;
	rig_make(&rig, 5, 8, 4);
	rig_link(&rig);
	summary_take(rig.r, SUMMARY_NOW, &s);
	assert_int_equal(s.ergs[ERG_IN_SYNC], 1);
	assert_int_equal(s.tenants[TENANT_ACTIVE], 1);
	assert_int_equal(s.subscriptions[SUBSCRIPTION_ACTIVE], 1);
	set_state(&rig, ERG_HELD);
	summary_take(rig.r, SUMMARY_MS, &s);
	assert_int_equal(s.ergs[ERG_IN_SYNC], 1); /* a second old at most */
	summary_take(rig.r, SUMMARY_NOW, &s);
	assert_int_equal(s.ergs[ERG_HELD], 1);
	assert_int_equal(s.problem_count, 1);
	set_state(&rig, ERG_BROKEN);
	rig_run(&rig, SUMMARY_MS);
	summary_take(rig.r, SUMMARY_MS, &s);
	assert_int_equal(s.ergs[ERG_BROKEN], 1);
	assert_int_equal(s.ergs[ERG_HELD], 0);
	rig_done(&rig);
}

/* What changes without a write is never old. */
static void
times_are_those_of_now(void **state)
{
	struct app_status before, after;
	struct rig rig;

	(void)state;
	rig_make(&rig, 6, 8, 4);
	rig_link(&rig);
	summary_take(rig.r, SUMMARY_MS, &before);
	clock_manual_step_wall(rig.clock, 5000);
	summary_take(rig.r, SUMMARY_MS, &after);
	assert_int_equal(after.as_of_wall_ms, before.as_of_wall_ms + 5000);
	assert_int_equal(after.unproved_wall_ms, before.unproved_wall_ms);
	assert_true(after.graph.requests > 0 && after.graph.answer_wall_ms > 0);
	assert_true(after.store.limit_bytes > after.store.used_bytes && after.store.used_bytes > 0 && !after.store.full);
	assert_int_equal(after.listener.presence, APP_LISTENER_UNKNOWN);
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_things_count_at_once_for_the_app),
		cmocka_unit_test(times_are_those_of_now),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
