/* Limits: the rows that matter most, the waits they give, and strictness. */
#include "unit/sim/drive.h"

#include "base/random.h"
#include "sim/throttle.h"
#include "unit/base/seed.h"

/* How many of one kind pass at once, and the wait the next one is given. */
static const struct {
	enum traffic traffic;
	const char *team, *channel;
	unsigned units, pass;
	int64_t wait_s;
} cases[] = {
	{ TRAFFIC_MEMBER_ADD, "t", NULL, 1, 4, 60 },
	{ TRAFFIC_TEAM_MEMBERS, "t", NULL, 1, 4, 1 },
	{ TRAFFIC_TEAM_MEMBERS, NULL, NULL, 1, 60, 1 },
	{ TRAFFIC_CHANNEL_MEMBERS, "t", "c", 1, 1, 1 },
	{ TRAFFIC_SUBSCRIPTION_LIST, NULL, NULL, 1, 25, 20 },
	{ TRAFFIC_SUBSCRIPTION_WRITE, NULL, NULL, 1, 500, 20 },
	{ TRAFFIC_IDENTITY_READ, NULL, NULL, 3, 1166, 10 },
	{ TRAFFIC_OUTLOOK, NULL, NULL, 1, 10000, 600 },
};

static void
limits(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct throttle t = { { NULL } };
		struct throttle_call c = { .traffic = cases[i].traffic,
			.units = cases[i].units,
			.identity_limit = 3500,
			.team = cases[i].team,
			.channel = cases[i].channel,
			.mailbox = "m" };
		struct throttle_party *p = sim_throttle_party(&t, "a", "x");
		struct throttle_verdict v;

		for (unsigned n = 0; n < cases[i].pass; n++)
			assert_false(sim_throttle_count(p, &c, 1000).over);
		v = sim_throttle_count(p, &c, 1000);
		assert_true(v.over);
		assert_int_equal(v.retry_after_s, cases[i].wait_s);
		/* Who comes before the wait is over is told so; who waits passes. */
		assert_true(sim_throttle_count(p, &c, 1500).early);
		assert_false(sim_throttle_count(p, &c, 1000 + 2 * cases[i].wait_s * 1000).over);
		sim_throttle_done(&t);
	}
}

#define CALLS 5000
#define LIMIT 60 /* lists of members in a second */

/* Against the plain meaning of it: is the call that came so many before this one younger than the window? */
static void
counts_at_random(void **state)
{
	static int64_t came_ms[CALLS];
	struct throttle_call c = { .traffic = TRAFFIC_TEAM_MEMBERS, .units = 1, .identity_limit = 1 };
	struct throttle t = { { NULL } };
	struct throttle_party *p = sim_throttle_party(&t, "a", "x");
	int64_t now_ms = 0;
	struct rng rng = test_rng("throttle");

	(void)state;
	for (int i = 0; i < CALLS; i++) {
		bool over = i >= LIMIT && now_ms - came_ms[i - LIMIT] < 1000;

		came_ms[i] = now_ms;
		assert_int_equal(sim_throttle_count(p, &c, now_ms).over, over);
		now_ms += (int64_t)rng_below(&rng, rng_below(&rng, 100) == 0 ? 3000 : 1 + (uint64_t)i % 40);
	}
	sim_throttle_done(&t);
}

static void
tenants_are_apart(void **state)
{
	struct throttle t = { { NULL } };
	struct throttle_call c = { .traffic = TRAFFIC_MEMBER_ADD, .units = 1, .identity_limit = 3500, .team = "t" };
	struct throttle_call list = { .traffic = TRAFFIC_SUBSCRIPTION_LIST, .units = 1 };
	struct throttle_party *p = sim_throttle_party(&t, "a", "x"), *q = sim_throttle_party(&t, "a", "y");

	(void)state;
	assert_ptr_equal(sim_throttle_party(&t, "a", "x"), p);
	for (int i = 0; i < 5; i++)
		sim_throttle_count(p, &c, 0);
	assert_true(sim_throttle_count(p, &c, 0).over);
	assert_false(sim_throttle_count(q, &c, 0).over);
	c.team = "u";
	assert_false(sim_throttle_count(p, &c, 0).over);
	/* But all count for the app: 25 of a tenant, 40 of all. */
	for (int i = 0; i < 20; i++) {
		assert_false(sim_throttle_count(p, &list, 0).over);
		assert_false(sim_throttle_count(q, &list, 0).over);
	}
	assert_true(sim_throttle_count(q, &list, 0).over);
	assert_false(sim_throttle_count(sim_throttle_party(&t, "b", "y"), &list, 0).over);
	sim_throttle_done(&t);
}

static void
strict_or_not(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++)
		assert_int_equal(drive_graph(&d, "GET", "/teams/" TEAM, NULL), 200);
	assert_int_equal(drive_noted(&d, "throttled"), 2);
	drive_control(&d, "POST", "settings", "{\"strict\":true}");
	assert_int_equal(drive_graph(&d, "GET", "/teams/" TEAM, NULL), 429);
	assert_non_null(strstr(d.headers, "Retry-After: 1\n"));
	drive_wait(&d, 1000);
	assert_int_equal(drive_graph(&d, "GET", "/teams/" TEAM, NULL), 200);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits),
		cmocka_unit_test(counts_at_random),
		cmocka_unit_test(tenants_are_apart),
		cmocka_unit_test_setup_teardown(strict_or_not, drive_setup, drive_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
