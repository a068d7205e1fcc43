#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph/throttle.h"
#include "unit/base/seed.h"

#define GIVEN_MAX 8000

static struct guid
guid_of(unsigned n)
{
	struct guid g;

	(void)snprintf(g.s, sizeof(g.s), "%08x-0000-4000-8000-000000000000", n);
	return g;
}

/* Takes greedily for a while and checks the documented limit in every window of its length. */
static void
no_window_holds_more_than_its_limit(void **state)
{
	static const struct {
		enum graph_operation op;
		const char *resource, *channel;
		uint32_t count, period_ms;
		uint32_t at_least; /* taken in two periods: the limit must also be worth something */
	} cases[] = {
		{ GRAPH_TEAM_GET, NULL, NULL, 30, 1000, 40 },
		{ GRAPH_TEAM_GET, "team", NULL, 4, 1000, 7 },
		{ GRAPH_CHANNEL_GET, "team", "channel", 1, 1000, 2 },
		{ GRAPH_TEAM_MEMBER_ADD, "team", NULL, 4, 60000, 7 },
		{ GRAPH_SUBSCRIPTION_LIST, NULL, NULL, 25, 20000, 35 },
		{ GRAPH_SUBSCRIPTION_WRITE, NULL, NULL, 500, 20000, 700 },
		{ GRAPH_DIRECTORY_READ, NULL, NULL, 1750, 10000, 2500 },
		{ GRAPH_GROUP_DELTA, NULL, NULL, 1166, 10000, 1700 },
		{ GRAPH_OUTLOOK_READ, "mailbox", NULL, 10000, 600000, 14000 },
	};
	static int64_t given[2 * 10000];
	struct guid tenant = guid_of(1);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct graph_place p = graph_place_make(cases[i].op, &tenant, cases[i].resource, cases[i].channel);
		struct graph_throttle *t = graph_throttle_new();
		int64_t now_ms = 1000000, end_ms = now_ms + 2 * (int64_t)cases[i].period_ms;
		size_t n = 0;

		while (now_ms < end_ms) {
			int64_t wait = graph_throttle_take(t, &p, now_ms);

			if (wait != 0) {
				assert_true(wait > 0);
				now_ms += wait;
				continue;
			}
			graph_throttle_release(t, &p);
			given[n++] = now_ms;
			if (n > cases[i].count)
				assert_true(given[n - 1] - given[n - 1 - cases[i].count] >= cases[i].period_ms);
		}
		assert_true(n >= cases[i].at_least);
		graph_throttle_free(t);
	}
}

static void
concurrency_stalls_until_a_release(void **state)
{
	struct guid tenant = guid_of(1);
	struct graph_place a = graph_place_make(GRAPH_OUTLOOK_WRITE, &tenant, "a", NULL),
	                   b = graph_place_make(GRAPH_OUTLOOK_READ, &tenant, "b", NULL);
	struct graph_throttle *t = graph_throttle_new();

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(graph_throttle_take(t, &a, 1000), 0);
	assert_int_equal(graph_throttle_take(t, &a, 1000), GRAPH_THROTTLE_STALLED);
	assert_int_equal(graph_throttle_take(t, &b, 1000), 0);
	graph_throttle_release(t, &a);
	assert_int_equal(graph_throttle_take(t, &a, 1000), 0);
	assert_int_equal(graph_throttle_take(t, &a, 1000), GRAPH_THROTTLE_STALLED);
	graph_throttle_free(t);
}

static void
retry_after_blocks_its_resource_only(void **state)
{
	struct guid tenant = guid_of(1), other = guid_of(2);
	struct graph_place get = graph_place_make(GRAPH_TEAM_GET, &tenant, "t", NULL);
	struct graph_place write = graph_place_make(GRAPH_TEAMS_WRITE, &tenant, "t", "c");
	struct graph_place free_ones[] = { graph_place_make(GRAPH_TEAM_GET, &tenant, "u", NULL),
		graph_place_make(GRAPH_TEAM_GET, &other, "t", NULL),
		graph_place_make(GRAPH_DIRECTORY_READ, &tenant, NULL, NULL) };
	struct graph_throttle *t = graph_throttle_new();

	(void)state;
	graph_throttle_block(t, &get, 1000, 10000);
	graph_throttle_block(t, &get, 1000, 5000);
	assert_int_equal(graph_throttle_take(t, &get, 1000), 10000);
	assert_int_equal(graph_throttle_take(t, &write, 10999), 1);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(graph_throttle_take(t, &free_ones[i], 1000), 0);
	assert_int_equal(graph_throttle_take(t, &get, 11000), 0);
	graph_throttle_free(t);
}

static void
idle_buckets_are_dropped(void **state)
{
	struct graph_throttle *t = graph_throttle_new();
	int64_t now_ms = 0;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		struct guid tenant = guid_of(i);
		struct graph_place p = graph_place_make(GRAPH_TEAM_GET, &tenant, "t", NULL);

		assert_int_equal(graph_throttle_take(t, &p, now_ms += 100), 0);
		graph_throttle_release(t, &p);
	}
	assert_true(graph_throttle_trim(t, now_ms) < 100);
	assert_int_equal(graph_throttle_trim(t, now_ms + 60000), 0);
	graph_throttle_free(t);
}

/* Random places and times: what is refused is given after the time named, and takes and releases balance. */
static void
waits_are_true(void **state)
{
	struct rng rng = test_rng("throttle");
	struct graph_throttle *t = graph_throttle_new();
	int64_t now_ms = 5000;

	(void)state;
	for (int i = 0; i < GIVEN_MAX; i++) {
		struct guid tenant = guid_of((unsigned)rng_below(&rng, 3));
		const char *resource = rng_below(&rng, 2) == 0 ? "r" : NULL, *channel = rng_below(&rng, 2) == 0 ? "c" : NULL;
		struct graph_place p =
		    graph_place_make((enum graph_operation)rng_below(&rng, GRAPH_OPERATION_COUNT), &tenant, resource, channel);
		int64_t wait = graph_throttle_take(t, &p, now_ms);

		if (rng_below(&rng, 50) == 0)
			graph_throttle_block(t, &p, now_ms, (int64_t)rng_below(&rng, 3000));
		if (wait > 0) {
			for (int tries = 0; wait > 0; tries++) {
				assert_true(tries < 3);
				now_ms += wait;
				wait = graph_throttle_take(t, &p, now_ms);
			}
		}
		assert_int_equal(wait, 0);
		graph_throttle_release(t, &p);
		now_ms += (int64_t)rng_below(&rng, 20);
	}
	assert_int_equal(graph_throttle_trim(t, now_ms + 1000000), 0);
	graph_throttle_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_window_holds_more_than_its_limit),
		cmocka_unit_test(concurrency_stalls_until_a_release),
		cmocka_unit_test(retry_after_blocks_its_resource_only),
		cmocka_unit_test(idle_buckets_are_dropped),
		cmocka_unit_test(waits_are_true),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
