#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "graph/retry.h"
#include "unit/base/seed.h"

static void
verdicts(void **state)
{
	static const struct {
		const char *why;
		struct graph_try try;
		enum graph_act act;
		int64_t wait_ms;
	} cases[] = {
		/*                          transport        status read   idemp  tries after  left */
		{ "success", { ERR_OK, 200, true, false, 1, -1, 60000 }, GRAPH_DONE, 0 },
		{ "no content", { ERR_OK, 204, true, true, 1, -1, 60000 }, GRAPH_DONE, 0 },
		{ "throttled read", { ERR_OK, 429, true, true, 1, 7000, 60000 }, GRAPH_AGAIN, 7000 },
		{ "throttled write: not done", { ERR_OK, 429, true, false, 1, 7000, 60000 }, GRAPH_AGAIN, 7000 },
		{ "throttled beyond the deadline", { ERR_OK, 429, true, true, 1, 70000, 60000 }, GRAPH_GIVE_UP, 70000 },
		{ "first back-off", { ERR_OK, 503, true, true, 1, -1, 600000 }, GRAPH_AGAIN, 750 },
		{ "third back-off", { ERR_OK, 503, true, true, 3, -1, 600000 }, GRAPH_AGAIN, 3000 },
		{ "the last try", { ERR_OK, 503, true, true, GRAPH_TRIES_MAX, -1, 600000 }, GRAPH_GIVE_UP, 0 },
		{ "a write behind a 503", { ERR_OK, 503, true, false, 1, 5000, 60000 }, GRAPH_UNKNOWN, 0 },
		{ "a write behind a 504", { ERR_OK, 504, true, false, 1, -1, 60000 }, GRAPH_UNKNOWN, 0 },
		{ "a write behind a 408", { ERR_OK, 408, true, false, 1, -1, 60000 }, GRAPH_UNKNOWN, 0 },
		{ "a write without an answer", { ERR_TIMEOUT, 0, true, false, 1, -1, 60000 }, GRAPH_UNKNOWN, 0 },
		{ "a write with half an answer", { ERR_OK, 201, false, false, 1, -1, 60000 }, GRAPH_UNKNOWN, 0 },
		{ "a read without an answer", { ERR_TIMEOUT, 0, true, true, 1, -1, 60000 }, GRAPH_AGAIN, 750 },
		{ "a read with half an answer", { ERR_OK, 200, false, true, 1, -1, 60000 }, GRAPH_AGAIN, 750 },
		{ "an answer too big", { ERR_TOOBIG, 0, true, true, 1, -1, 60000 }, GRAPH_GIVE_UP, 0 },
		{ "bad request", { ERR_OK, 400, true, true, 1, -1, 60000 }, GRAPH_GIVE_UP, 0 },
		{ "forbidden", { ERR_OK, 403, true, true, 1, -1, 60000 }, GRAPH_GIVE_UP, 0 },
		{ "not found", { ERR_OK, 404, true, true, 1, 3000, 60000 }, GRAPH_GIVE_UP, 0 },
		{ "conflict on a write", { ERR_OK, 409, true, false, 1, -1, 60000 }, GRAPH_GIVE_UP, 0 },
		{ "not implemented", { ERR_OK, 501, true, true, 1, -1, 60000 }, GRAPH_GIVE_UP, 0 },
		{ "a redirect", { ERR_OK, 302, true, true, 1, -1, 60000 }, GRAPH_GIVE_UP, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct graph_verdict v = graph_retry_judge(&cases[i].try, 500);

		if (v.act != cases[i].act || v.wait_ms != cases[i].wait_ms)
			print_error("%s: %d, %lld\n", cases[i].why, v.act, (long long)v.wait_ms);
		assert_int_equal(v.act, cases[i].act);
		assert_int_equal(v.wait_ms, cases[i].wait_ms);
	}
}

static void
verdicts_keep_their_promises(void **state)
{
	struct rng rng = test_rng("retry");

	(void)state;
	for (int i = 0; i < 100000; i++) {
		struct graph_try t = { rng_below(&rng, 3) == 0 ? (enum err)rng_below(&rng, ERR_COUNT) : ERR_OK,
			(int)rng_below(&rng, 600), rng_below(&rng, 2) == 0, rng_below(&rng, 2) == 0,
			1 + (unsigned)rng_below(&rng, 8), (int64_t)rng_below(&rng, 4000) - 1, (int64_t)rng_below(&rng, 600000) };
		struct graph_verdict v = graph_retry_judge(&t, (uint32_t)rng_below(&rng, 1000));

		if (v.act == GRAPH_AGAIN) {
			assert_true(v.wait_ms >= 0 && v.wait_ms < t.left_ms && t.tries < GRAPH_TRIES_MAX);
			assert_true(t.retry_after_ms < 0 || v.wait_ms == t.retry_after_ms);
			assert_true(t.idempotent || graph_status_is_refusal(t.status) || t.status == 423);
		}
		if (v.act == GRAPH_UNKNOWN)
			assert_false(t.idempotent);
	}
}

static void
retries_are_a_tenth_and_one_a_second(void **state)
{
	struct graph_budget b;
	int given = 0;

	(void)state;
	graph_budget_init(&b, 0);
	while (graph_budget_retry(&b, 0))
		given++;
	assert_int_equal(given, 10);
	for (int i = 0; i < 100; i++)
		graph_budget_request(&b);
	for (given = 0; graph_budget_retry(&b, 0); given++)
		;
	assert_int_equal(given, 10);
	assert_true(graph_budget_retry(&b, 1000));
	assert_false(graph_budget_retry(&b, 1999));
	assert_true(graph_budget_retry(&b, 2000));
	for (given = 0; graph_budget_retry(&b, INT64_MAX / 2); given++)
		;
	assert_int_equal(given, GRAPH_BUDGET_MAX_MILLI / 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts),
		cmocka_unit_test(verdicts_keep_their_promises),
		cmocka_unit_test(retries_are_a_tenth_and_one_a_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
