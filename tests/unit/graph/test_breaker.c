#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "graph/breaker.h"
#include "unit/base/seed.h"

static void
opens_at_half_of_twenty(void **state)
{
	struct graph_breaker b;
	int64_t now_ms = 100000;

	(void)state;
	graph_breaker_init(&b);
	for (int i = 0; i < 19; i++)
		assert_false(graph_breaker_result(&b, true, now_ms, 0));
	assert_int_equal(graph_breaker_ask(&b, false, now_ms), 0);
	assert_true(graph_breaker_result(&b, true, now_ms, 0));
	assert_int_equal(graph_breaker_ask(&b, false, now_ms), BREAKER_PAUSE_MIN_MS);

	graph_breaker_init(&b);
	for (int i = 0; i < 100; i++) /* less than half failed */
		assert_false(graph_breaker_result(&b, i % 5 < 2, now_ms + i, 0));
	graph_breaker_init(&b);
	for (int i = 0; i < 100; i++) /* rarer than 20 a minute */
		assert_false(graph_breaker_result(&b, true, now_ms + 4000LL * i, 0));
}

static void
probes_are_single_and_pauses_double(void **state)
{
	static const int64_t pauses[] = { 5000, 10000, 20000, 40000, 80000, 160000, 300000, 300000 };
	struct graph_breaker b;
	int64_t now_ms = 100000;

	(void)state;
	graph_breaker_init(&b);
	for (int i = 0; i < 20; i++)
		(void)graph_breaker_result(&b, true, now_ms, 0);
	for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
		assert_int_equal(graph_breaker_ask(&b, false, now_ms), pauses[i]);
		assert_int_equal(graph_breaker_ask(&b, false, now_ms + pauses[i] - 1), 1);
		now_ms += pauses[i];
		assert_int_equal(graph_breaker_ask(&b, false, now_ms), 0);
		assert_true(graph_breaker_ask(&b, false, now_ms) > 0);
		assert_false(graph_breaker_result(&b, true, now_ms, 0));
	}
	now_ms += BREAKER_OUTAGE_SLOW_MS;
	assert_int_equal(graph_breaker_ask(&b, false, now_ms), 0);
	(void)graph_breaker_result(&b, true, now_ms, 0);
	assert_int_equal(graph_breaker_ask(&b, false, now_ms), BREAKER_PAUSE_SLOW_MS);
	assert_int_equal(graph_breaker_ask(&b, true, now_ms), 0); /* a person does not wait */
	assert_true(graph_breaker_result(&b, false, now_ms, 0));
	assert_int_equal(graph_breaker_share(&b, 20, now_ms), 2);
	assert_int_equal(graph_breaker_share(&b, 3, now_ms), 1);
	assert_int_equal(graph_breaker_share(&b, 20, now_ms + 4 * BREAKER_RAMP_STEP_MS), 10);
	assert_int_equal(graph_breaker_share(&b, 20, now_ms + 9 * BREAKER_RAMP_STEP_MS), 20);
}

static void
never_locks_itself_out(void **state)
{
	struct rng rng = test_rng("breaker");
	struct graph_breaker b;
	int64_t now_ms = 1;

	(void)state;
	graph_breaker_init(&b);
	for (int i = 0; i < 100000; i++) {
		int64_t wait = graph_breaker_ask(&b, rng_below(&rng, 9) == 0, now_ms);

		assert_true(wait >= 0 && wait <= BREAKER_PAUSE_SLOW_MS * 11 / 10);
		if (wait == 0 && rng_below(&rng, 5) == 0)
			graph_breaker_drop(&b, now_ms);
		else if (wait == 0)
			(void)graph_breaker_result(&b, rng_below(&rng, 3) > 0, now_ms, (uint32_t)rng_below(&rng, 1000));
		assert_true(graph_breaker_share(&b, 16, now_ms) >= 1 && graph_breaker_share(&b, 16, now_ms) <= 16);
		now_ms += (int64_t)rng_below(&rng, 4000);
	}
	now_ms += 2 * BREAKER_PAUSE_SLOW_MS;
	assert_int_equal(graph_breaker_ask(&b, false, now_ms), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_at_half_of_twenty),
		cmocka_unit_test(probes_are_single_and_pauses_double),
		cmocka_unit_test(never_locks_itself_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
