/* Whatever this machine's clock does, no renewal is missed, nobody is removed, and somebody is told. DESIGN section 9, graph-facts 6. */
#include "unit/reconciler/rig.h"

#include "graph/graph.h"
#include "reconciler/admin.h"

#define MINUTE ((int64_t)60 * 1000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static bool
covered(struct rig *rig)
{
	json_t *all = rig_ask(rig, "GET", "/_sim/subscriptions", NULL);
	size_t n = json_array_size(jx_get_array(all, "subscriptions"));

	json_decref(all);
	assert_true(n <= 1);
	return n == 1;
}

/* The subscription is there at every minute of so long. */
static void
stay_covered(struct rig *rig, int64_t ms)
{
	for (int64_t t = 0; t < ms; t += MINUTE) {
		rig_run(rig, MINUTE);
		assert_true(covered(rig));
	}
}

static void
keep_body(void *arg, const struct http_answer *answer)
{
	snprintf(arg, 4096, "%s", answer->body);
}

static bool
is_told_of_the_clock(struct rig *rig)
{
	char body[4096] = "";
	struct http_exchange *x = http_exchange_new_fake("GET", "/readyz", NULL, NULL, 0, keep_body, body);

	assert_non_null(x);
	admin_handle(rig->r, x);
	return strstr(body, "This machine's clock is ") != NULL;
}

static void
nobody_was_removed(struct rig *rig, int64_t members)
{
	assert_int_equal(rig_count(rig, "ergsync.member.removed", 0), 0);
	assert_int_equal(rig_erg(rig).counts.app, members);
	assert_int_equal(rig_erg(rig).counts.teams, members);
	assert_int_equal(rig_erg(rig).state, ERG_IN_SYNC);
}

static int64_t
renewals(struct rig *rig)
{
	return rig_requests(rig, "PATCH /subscriptions/{subscription}");
}

static void
steps_of_the_wall_clock(void **state)
{
	static const int64_t steps[] = { 3 * DAY, -3 * DAY, 400 * DAY, -400 * DAY, 20 * MINUTE, -20 * MINUTE };

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct rig rig;
		int64_t before;

		rig_make_apart(&rig, 90 + i, 20, 8, 0, true);
		rig_link(&rig);
		rig_run(&rig, HOUR);
		assert_false(is_told_of_the_clock(&rig));
		before = renewals(&rig);
		clock_manual_step_wall(rig.clock, steps[i]);
		stay_covered(&rig, 6 * HOUR);
		/* At most 45 minutes apart, and no storm of them. */
		assert_in_range(renewals(&rig) - before, 7, 14);
		assert_true(is_told_of_the_clock(&rig));
		rig_member(&rig, "add", 15, "member");
		rig_run(&rig, MINUTE);
		nobody_was_removed(&rig, 9);
		/* Set right again. */
		clock_manual_step_wall(rig.clock, -steps[i]);
		stay_covered(&rig, 6 * HOUR);
		assert_false(is_told_of_the_clock(&rig));
		nobody_was_removed(&rig, 9);
		rig_done(&rig);
	}
}

static void
wrong_at_boot(void **state)
{
	static const int64_t ahead[] = { 40 * DAY, -40 * DAY, 2 * HOUR, -2 * HOUR };

	(void)state;
	for (size_t i = 0; i < sizeof(ahead) / sizeof(ahead[0]); i++) {
		struct rig rig;

		rig_make_apart(&rig, 100 + i, 20, 8, ahead[i], true);
		rig_link(&rig);
		assert_true(covered(&rig));
		assert_true(is_told_of_the_clock(&rig));
		stay_covered(&rig, 6 * HOUR);
		nobody_was_removed(&rig, 8);
		rig_done(&rig);
	}
}

/* Longer than the subscription lives: it is made anew, and what was not announced is read. */
static void
suspended(void **state)
{
	static const int64_t lengths[] = { 10 * MINUTE, 5 * HOUR, 4 * DAY };

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct rig rig;

		rig_make_apart(&rig, 110 + i, 20, 8, 0, true);
		rig_link(&rig);
		rig_run(&rig, HOUR);
		clock_manual_suspend(rig.clock, lengths[i]);
		rig.deaf = true; /* nobody answers while this machine sleeps */
		clock_manual_advance(rig.graph_clock, lengths[i] / 2);
		rig_member(&rig, "add", 15, "member");
		clock_manual_advance(rig.graph_clock, lengths[i] - lengths[i] / 2);
		rig.deaf = false;
		rig_run(&rig, 2 * MINUTE);
		assert_true(covered(&rig));
		if (lengths[i] > HOUR) {
			rig_run(&rig, 3 * MINUTE);
			nobody_was_removed(&rig, 9);
		}
		stay_covered(&rig, 3 * HOUR);
		rig_run(&rig, DAY);
		nobody_was_removed(&rig, 9);
		rig_done(&rig);
	}
}

static void
joins_and_is_told(struct rig *rig, unsigned user)
{
	size_t before = rig_count(rig, "ergsync.member.added", 0);

	rig_member(rig, "add", user, "member");
	rig_run(rig, MINUTE);
	assert_int_equal(rig_count(rig, "ergsync.member.added", 0), before + 1);
}

/* The answer to a renewal waits in this machine while it sleeps: it speaks of then, and so does its Date. */
static void
suspended_before_the_answer_is_heard(void **state)
{
	static const int64_t lengths[] = { 50 * MINUTE, 5 * HOUR, 30 * HOUR };

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct rig rig;
		int64_t before;

		rig_make_apart(&rig, 120 + i, 20, 8, 0, true);
		rig_do(&rig, "/_sim/settings", "{\"latency_ms\":1000}");
		rig_link(&rig);
		for (before = renewals(&rig); renewals(&rig) == before;)
			rig_run(&rig, 500);
		rig.deaf = true;
		rig_member(&rig, "add", 15, "member");
		clock_manual_advance(rig.graph_clock, lengths[i]);
		clock_manual_suspend(rig.clock, lengths[i]);
		rig.deaf = false;
		rig_run(&rig, 3 * MINUTE);
		assert_false(is_told_of_the_clock(&rig));
		if (lengths[i] > HOUR)
			nobody_was_removed(&rig, 9);
		for (unsigned user = 16; user < 20; user++) {
			rig_run(&rig, 15 * MINUTE);
			joins_and_is_told(&rig, user);
		}
		rig_done(&rig);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_of_the_wall_clock),
		cmocka_unit_test(wrong_at_boot),
		cmocka_unit_test(suspended),
		cmocka_unit_test(suspended_before_the_answer_is_heard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
