/* How many may go: the rule, and the day it is counted over. */
#include "unit/reconciler/rig.h"

#include "reconciler/guard.h"

static const struct {
	const char *why;
	int64_t planned, done, have, limit, percent;
	bool exceeds;
} cases[] = {
	{ "nothing planned", 0, 50, 50, 10, 20, false },
	{ "few of many", 8, 0, 100, 10, 20, false },
	{ "over the limit, under the percentage", 15, 0, 100, 10, 20, false },
	{ "over the percentage, under the limit", 5, 0, 10, 10, 20, false },
	{ "exactly both", 20, 0, 100, 10, 20, false },
	{ "over both", 21, 0, 100, 10, 20, true },
	{ "over both with those of the day", 1, 20, 80, 10, 20, true },
	{ "percentage of what there was before", 1, 19, 81, 10, 20, false },
	{ "limits of zero", 1, 0, 100, 0, 0, true },
	{ "all of a small group", 5, 0, 5, 10, 20, false },
	{ "the last ones", 11, 0, 11, 10, 20, true },
	{ "percent 100 holds nothing", 1000, 0, 1000, 10, 100, false },
};

static void
the_rule(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (guard_exceeds(cases[i].planned, cases[i].done, cases[i].have, cases[i].limit, cases[i].percent) !=
		    cases[i].exceeds)
			fail_msg("%s", cases[i].why);
}

/* The sum over the day never misses a removal younger than that, and forgets all older than a day and a slot. */
static void
random_removals_count_for_a_day(void **state)
{
	enum { ROUNDS = 400 };
	int64_t at[ROUNDS], now = 0;
	struct erg_id erg, other;
	struct rig rig;
	struct rng rng = scratch_rng();

	(void)state;
	rig_make(&rig, 1, 1, 1);
	assert_true(erg_id_parse("a", &erg) && erg_id_parse("b", &other));
	for (int i = 0; i < ROUNDS; i++) {
		int64_t least = 0, most = 0, sum;

		now = clock_wall_ms(rig.clock);
		guard_count(rig.r, &erg, GUARD_APP, 1);
		at[i] = now;
		sum = guard_done(rig.r, &erg, GUARD_APP);
		for (int k = 0; k <= i; k++) {
			least += now - at[k] < 24 * 3600 * 1000LL;
			most += now - at[k] < 24 * 3600 * 1000LL + 11 * 60 * 1000;
		}
		assert_true(sum >= least && sum <= most);
		assert_int_equal(guard_done(rig.r, &other, GUARD_APP), 0);
		clock_manual_step_wall(rig.clock, (int64_t)rng_below(&rng, 3 * 3600 * 1000));
	}
	guard_forget(rig.r, &erg);
	assert_int_equal(guard_done(rig.r, &erg, GUARD_APP), 0);
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rule),
		cmocka_unit_test(random_removals_count_for_a_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
