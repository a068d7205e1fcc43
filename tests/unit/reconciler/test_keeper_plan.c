/* test_keeper_plan.c - the life of a subscription: a table of instants, and years of random outages. */
#include "reconciler/keeper_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"

#define MINUTE 60000LL
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define NOW    1800000000000LL
#define LIFE   (3 * DAY)
#define RENEW  (45 * MINUTE)

static struct subscription
subscription(enum subscription_state state, const char *id, int64_t expires_in, int64_t renewed_ago, int64_t retry_in)
{
	struct subscription s = { .state = state,
		.expires_wall_ms = expires_in != 0 ? NOW + expires_in : 0,
		.renewed_wall_ms = NOW - renewed_ago,
		.retry_wall_ms = retry_in != 0 ? NOW + retry_in : 0 };

	snprintf(s.id, sizeof(s.id), "%s", id);
	return s;
}

static void
test_table(void **state)
{
	static const struct {
		const char *why;
		enum subscription_state state;
		const char *id;
		int64_t expires_in, renewed_ago, retry_in;
		enum keeper_step step;
		int64_t due_in;
	} cases[] = {
		{ "wanted: create at once", SUBSCRIPTION_WANTED, "", 0, 0, 0, KEEPER_CREATE, 0 },
		{ "creation failed: wait", SUBSCRIPTION_FAILING, "", 0, 0, 20000, KEEPER_REST, 20000 },
		{ "creation failed, wait over", SUBSCRIPTION_FAILING, "", 0, 0, -1, KEEPER_CREATE, 0 },
		{ "fresh: rest until renew_every", SUBSCRIPTION_ACTIVE, "s", LIFE, 0, 0, KEEPER_REST, RENEW },
		{ "renew_every is over", SUBSCRIPTION_ACTIVE, "s", LIFE - RENEW, RENEW, 0, KEEPER_RENEW, 0 },
		{ "renewal failed: wait", SUBSCRIPTION_FAILING, "s", LIFE - HOUR, HOUR, 5000, KEEPER_REST, 5000 },
		{ "short life: renew with a third left", SUBSCRIPTION_ACTIVE, "s", 20 * MINUTE, 10 * MINUTE, 0, KEEPER_REST,
		    10 * MINUTE },
		{ "expired: create anew", SUBSCRIPTION_ACTIVE, "s", -1, DAY, 0, KEEPER_CREATE, 0 },
		{ "expired this instant", SUBSCRIPTION_FAILING, "s", 0, DAY, 0, KEEPER_CREATE, 0 },
		{ "renewed in the future: the clock was set back", SUBSCRIPTION_ACTIVE, "s", LIFE, -DAY, 0, KEEPER_RENEW, 0 },
		{ "retry in the far future: the clock was set back", SUBSCRIPTION_FAILING, "", 0, 0, DAY, KEEPER_CREATE, 0 },
		{ "leaving: delete on Graph", SUBSCRIPTION_LEAVING, "s", LIFE, 0, 0, KEEPER_DELETE, 0 },
		{ "leaving, deletion failed: wait", SUBSCRIPTION_LEAVING, "s", LIFE, 0, 7000, KEEPER_REST, 7000 },
		{ "covered, none of its own: nothing", SUBSCRIPTION_COVERED, "", 0, 0, 0, KEEPER_REST, KEEPER_COVERED_MS },
		{ "covered, its own still there: delete", SUBSCRIPTION_COVERED, "s", LIFE, 0, 0, KEEPER_DELETE, 0 },
		{ "covered, deletion failed: wait", SUBSCRIPTION_COVERED, "s", LIFE, 0, 7000, KEEPER_REST, 7000 },
		{ "refused: rest for days", SUBSCRIPTION_REFUSED, "", 0, 0, 2 * DAY, KEEPER_REST, 2 * DAY },
		{ "refused, its time has come: try", SUBSCRIPTION_REFUSED, "", 0, 0, -1, KEEPER_CREATE, 0 },
		{ "refused, retry in the far future: the clock was set back", SUBSCRIPTION_REFUSED, "", 0, 0, 60 * DAY,
		    KEEPER_CREATE, 0 },
		{ "set aside, still there: delete", SUBSCRIPTION_REFUSED, "s", LIFE, 0, 0, KEEPER_DELETE, 0 },
		{ "set aside and expired: delete all the same", SUBSCRIPTION_REFUSED, "s", -1, DAY, 0, KEEPER_DELETE, 0 },
		{ "leaving, nothing on Graph", SUBSCRIPTION_LEAVING, "", 0, 0, 7000, KEEPER_FORGET, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct subscription s =
		    subscription(cases[i].state, cases[i].id, cases[i].expires_in, cases[i].renewed_ago, cases[i].retry_in);
		struct keeper_next next = keeper_next_step(&s, NOW, RENEW, 0);

		if (next.step != cases[i].step || (next.step == KEEPER_REST && next.due_wall_ms != NOW + cases[i].due_in))
			fail_msg("%s: step %d, due in %lld", cases[i].why, next.step, (long long)(next.due_wall_ms - NOW));
	}
}

static void
test_spread(void **state)
{
	struct subscription s = subscription(SUBSCRIPTION_ACTIVE, "s", LIFE, 0, 0);
	int64_t last = INT64_MAX;

	(void)state;
	for (int spread = 0; spread < 256; spread++) {
		struct keeper_next next = keeper_next_step(&s, NOW, RENEW, (uint8_t)spread);

		assert_int_equal(next.step, KEEPER_REST);
		assert_true(next.due_wall_ms <= last);
		assert_true(next.due_wall_ms >= NOW + RENEW * 3 / 4 && next.due_wall_ms <= NOW + RENEW);
		last = next.due_wall_ms;
	}
}

static void
test_backoff(void **state)
{
	(void)state;
	for (int jitter = 0; jitter < 256; jitter++) {
		int64_t last = 0;

		for (int64_t failures = 1; failures < 64; failures++) {
			int64_t wait = keeper_backoff_ms(failures, ERR_TIMEOUT, (uint8_t)jitter);

			assert_true(wait >= KEEPER_BACKOFF_MIN_MS * 3 / 4 && wait <= KEEPER_BACKOFF_MAX_MS);
			assert_true(wait >= last);
			last = wait;
		}
	}
	assert_true(keeper_backoff_ms(1, ERR_FULL, 0) > 10 * keeper_backoff_ms(1, ERR_TIMEOUT, 0));
}

static void
test_gap(void **state)
{
	struct subscription fresh = subscription(SUBSCRIPTION_ACTIVE, "s", LIFE, RENEW, 0);
	struct subscription late = subscription(SUBSCRIPTION_ACTIVE, "s", LIFE, KEEPER_AUTHORISATION_MS + 1, 0);
	struct subscription expired = subscription(SUBSCRIPTION_ACTIVE, "s", -1, MINUTE, 0);

	(void)state;
	assert_false(keeper_was_gap(&fresh, NOW));
	assert_true(keeper_was_gap(&late, NOW));
	assert_true(keeper_was_gap(&expired, NOW));
}

/* A year of one subscription: Graph is away at random. Whenever it has been back for a back-off, we are covered; PATCHes stay few. */
static void
live_a_year(uint64_t seed)
{
	struct rng rng = rng_seeded(seed);
	struct subscription s = subscription(SUBSCRIPTION_WANTED, "", 0, 0, 0);
	int64_t life = 45 * MINUTE + (int64_t)rng_below(&rng, LIFE - 45 * MINUTE);
	int64_t now = NOW, away_until = 0, back_since = NOW, calls = 0, end = NOW + 365 * DAY;
	uint8_t spread = (uint8_t)rng_below(&rng, 256);

	while (now < end) {
		struct keeper_next next = keeper_next_step(&s, now, RENEW, spread);
		bool away = now < away_until;

		if (next.step == KEEPER_REST) {
			assert_true(next.due_wall_ms > now);
			now = next.due_wall_ms < now + 30000 ? next.due_wall_ms : now + 30000 + (int64_t)rng_below(&rng, 1000);
		} else if (away) {
			s.failures++;
			s.retry_wall_ms = now + keeper_backoff_ms(s.failures, ERR_UNREACHABLE, (uint8_t)rng_below(&rng, 256));
		} else {
			calls++;
			s.id[0] = 's';
			s.state = SUBSCRIPTION_ACTIVE;
			s.renewed_wall_ms = now;
			s.expires_wall_ms = now + life;
			s.failures = 0;
			s.retry_wall_ms = 0;
			now += 1000;
		}
		if (!away && away_until != 0 && now >= away_until) {
			back_since = now;
			away_until = 0;
		}
		if (away_until == 0 && rng_below(&rng, 4000) == 0)
			away_until = now + (int64_t)rng_below(&rng, 2 * DAY);
		if (away_until == 0 && now - back_since > KEEPER_BACKOFF_MAX_MS + MINUTE && s.expires_wall_ms <= now)
			fail_msg("seed %llu: not covered at day %lld", (unsigned long long)seed, (long long)((now - NOW) / DAY));
	}
	assert_true(calls < 365 * DAY / (15 * MINUTE));
}

static void
test_years(void **state)
{
	const char *given = getenv("ERGSYNC_TEST_SEED");
	struct rng system = rng_system();
	uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : rng_u64(&system) % 1000000007;

	(void)state;
	print_message("seed %llu (set ERGSYNC_TEST_SEED to repeat)\n", (unsigned long long)seed);
	for (uint64_t i = 0; i < 10; i++)
		live_a_year(seed + i);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_spread),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_gap),
		cmocka_unit_test(test_years),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
