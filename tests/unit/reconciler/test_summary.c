/* One walk for all who ask, and nobody is told what is no longer so. */
#include "reconciler/summary.h"

#include <string.h>

#include "reconciler/tables.h"
#include "unit/reconciler/meeting_side.h"

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

static struct app_meetings_status
meetings_of(struct rig *rig)
{
	struct app_status s;

	summary_take(rig->r, SUMMARY_NOW, &s);
	return s.meetings;
}

static void
meetings_are_counted_as_they_stand(void **state)
{
	struct problem p = { 0 };
	struct erg_id pride;
	struct rig rig;
	char id[GUID_SIZE];

	(void)state;
	meet_make(&rig, 36);
	rig_do(&rig, "/_sim/users", "{\"tenant\":\"%s\",\"id\":\"%s\",\"mailbox\":\"absent\"}", RIG_DIRECTORY, rig_user(1, id));
	meet_put(&rig, "a", meet_fields("A", 3 * DAY_MS, 2));
	assert_int_equal(meetings_of(&rig).pending, 1);
	rig_run(&rig, 60000);
	meet_put(&rig, "b", meet_fields("B", 4 * DAY_MS, 2));
	rig_run(&rig, 60000);
	assert_int_equal(meetings_of(&rig).failed, 2);
	assert_int_equal(meetings_of(&rig).scheduled, 0);
	rig_do(&rig, "/_sim/users", "{\"tenant\":\"%s\",\"id\":\"%s\",\"mailbox\":\"open\"}", RIG_DIRECTORY, rig_user(1, id));
	meet_put(&rig, "a", meet_fields("A", 3 * DAY_MS, 2));
	rig_run(&rig, 3 * HOUR_MS);
	assert_int_equal(meetings_of(&rig).failed, 0);
	assert_int_equal(meetings_of(&rig).scheduled, 2);
	assert_int_equal(meetings_of(&rig).pending, 0);
	assert_true(erg_id_parse("pride", &pride));
	assert_int_equal(backend_ops.erg_remove(rig.r, &pride, &p), ERR_OK);
	rig_run(&rig, HOUR_MS);
	assert_int_equal(meetings_of(&rig).scheduled, 0);
	rig_done(&rig);
}

/* Whatever is written: what is kept from an earlier walk is what another walk would find. */
static void
what_is_kept_is_what_is_there(void **state)
{
	struct app_status kept, anew;
	struct rig rig;

	(void)state;
	rig_make(&rig, 7, 8, 4);
	rig_link(&rig);
	for (int round = 0; round < 200; round++) {
		struct tenant tenant = rig_tenant(&rig);

		if (rng_below(&rig.rng, 2) == 0)
			set_state(&rig, (enum erg_state)rng_below(&rig.rng, APP_ERG_STATES));
		tenant.state = rng_below(&rig.rng, 2) == 0 ? TENANT_ACTIVE : TENANT_UNREACHABLE;
		if (rng_below(&rig.rng, 2) == 0)
			tenant_store(rig.r, &tenant);
		summary_take(rig.r, SUMMARY_NOW, &kept);
		summaries_free(rig.r->summaries);
		assert_int_equal(summaries_new(&rig.r->summaries), ERR_OK);
		summary_take(rig.r, SUMMARY_NOW, &anew);
		assert_memory_equal(kept.tenants, anew.tenants, sizeof(kept.tenants));
		assert_memory_equal(kept.ergs, anew.ergs, sizeof(kept.ergs));
		assert_int_equal(kept.problem_count, anew.problem_count);
		if (rng_below(&rig.rng, 4) == 0)
			summary_take(rig.r, SUMMARY_MS, &kept);
	}
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_things_count_at_once_for_the_app),
		cmocka_unit_test(times_are_those_of_now),
		cmocka_unit_test(meetings_are_counted_as_they_stand),
		cmocka_unit_test(what_is_kept_is_what_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
