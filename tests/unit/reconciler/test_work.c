/* When to read, and how: tables, and floods of random hints that must not cost more reads than they may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reconciler/work.h"
#include "unit/base/seed.h"

#define NEVER -1

static const struct {
	const char *why;
	struct work_dirt dirt;
	struct work_pace pace;
	int64_t now_ms;
	struct work_decision want;
} cases[] = {
	{ "nothing dirty", { 0 }, { NEVER, NEVER, 0, false, false, NEVER }, 1000, { WORK_NOTHING, 0 } },
	{ "first hint: at once, one membership", { .rows = 1, .kind = HINT_CREATED }, { NEVER, 1000, 0, false, false, NEVER },
	    1000, { WORK_READ_ITEM, 0 } },
	{ "a removal is one membership too", { .rows = 1, .kind = HINT_DELETED }, { NEVER, 1000, 0, false, false, NEVER }, 1000,
	    { WORK_READ_ITEM, 0 } },
	{ "two memberships: all", { .rows = 2, .kind = HINT_CREATED }, { NEVER, 1000, 0, false, false, NEVER }, 1000,
	    { WORK_READ_WHOLE, 0 } },
	{ "the scope as a whole", { .rows = 1, .whole = true, .kind = HINT_OTHER }, { NEVER, 1000, 0, false, false, NEVER }, 1000,
	    { WORK_READ_WHOLE, 0 } },
	{ "a kind Graph added", { .rows = 1, .kind = HINT_OTHER }, { NEVER, 1000, 0, false, false, NEVER }, 1000,
	    { WORK_READ_WHOLE, 0 } },
	{ "single reads that show nothing come to an end", { .rows = 1, .kind = HINT_CREATED, .attempts = 3 },
	    { NEVER, 1000, 0, false, false, NEVER }, 1000, { WORK_READ_WHOLE, 0 } },
	{ "one read at a time", { .rows = 1 }, { 500, 1000, 0, true, false, NEVER }, 1000, { WORK_NOTHING, 0 } },
	{ "a read of our own costs no pace", { .rows = 1 }, { 500, 1000, 0, false, true, NEVER }, 1000, { WORK_READ_ITEM, 0 } },
	{ "the second one at once, too", { .rows = 1 }, { 500, 1000, 0, false, true, 2500 }, 1000, { WORK_READ_ITEM, 0 } },
	{ "the third one with a gap", { .rows = 1 }, { 1000, 1100, 0, false, true, 4500 }, 1100, { WORK_WAIT, 1400 } },
	{ "after the gap", { .rows = 1 }, { 1000, 2500, 0, false, true, 4500 }, 2500, { WORK_READ_ITEM, 0 } },
	{ "a flood begins: until it is quiet", { .rows = 9, .hints = 9 }, { 1000, 1900, 0, false, true, 3000 }, 2000,
	    { WORK_WAIT, 1900 } },
	{ "a flood: 10 s", { .rows = 9 }, { 1000, 2000, 1, false, false, NEVER }, 2000, { WORK_WAIT, 9000 } },
	{ "a flood that goes on: until it is quiet", { .rows = 9 }, { 1000, 10900, 1, false, false, NEVER }, 11000,
	    { WORK_WAIT, 1900 } },
	{ "a flood without end: a minute at the latest", { .rows = 9 }, { 1000, 60999, 1, false, false, NEVER }, 61000,
	    { WORK_READ_WHOLE, 0 } },
	{ "not before", { .rows = 1, .wait_ms = 700 }, { NEVER, 1000, 0, false, false, NEVER }, 1000, { WORK_WAIT, 700 } },
};

static void
decisions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct work_decision d = work_plan(&cases[i].dirt, &cases[i].pace, cases[i].now_ms);

		if (d.act != cases[i].want.act || d.wait_ms != cases[i].want.wait_ms)
			fail_msg("%s: act %d wait %lld", cases[i].why, d.act, (long long)d.wait_ms);
	}
}

/* Hints come at random for length_ms; every read takes some time. How many reads until all is quiet? */
static unsigned
reads_of_flood(struct rng *rng, int64_t length_ms, unsigned hints, int64_t *ret_last_ms)
{
	struct work_pace pace = { NEVER, NEVER, 0, false, false, NEVER };
	struct work_dirt dirt = { 0 };
	int64_t covered = 0, step = length_ms / hints, busy_until = 0;
	unsigned reads = 0;

	for (int64_t now = 0; now<length_ms + 120000; now += step> 0 ? step : 1) {
		struct work_decision d;

		if (now < length_ms) {
			pace.last_hint_ms = now;
			pace.hinted = true;
			dirt.rows++;
			dirt.hints++;
			covered++;
		}
		if (pace.in_flight && now >= busy_until)
			pace.in_flight = false;
		d = work_plan(&dirt, &pace, now);
		if (d.act != WORK_READ_ITEM && d.act != WORK_READ_WHOLE)
			continue;
		reads++;
		work_pace_read(&pace, covered, now);
		pace.in_flight = true;
		busy_until = now + (int64_t)rng_below(rng, 2000);
		*ret_last_ms = now;
		dirt.rows = 0;
		dirt.hints = 0;
		covered = 0;
	}
	assert_int_equal(dirt.rows, 0);
	return reads;
}

static void
a_flood_costs_three_reads(void **state)
{
	struct rng rng = test_rng("flood");

	(void)state;
	for (int round = 0; round < 200; round++) {
		int64_t length = 1000 + (int64_t)rng_below(&rng, 59000), last = 0;
		unsigned reads = reads_of_flood(&rng, length, 1000 + (unsigned)rng_below(&rng, 9000), &last);

		assert_true(reads >= 1 && reads <= 3);
		/* And the last one is not long after the end. */
		assert_true(last <= length + 13000);
	}
}

static void
back_off_grows_and_ends(void **state)
{
	(void)state;
	for (uint32_t jitter = 0; jitter < 1000; jitter += 37) {
		int64_t before = 0;

		for (int64_t n = 0; n < 40; n++) {
			int64_t wait = work_backoff_ms(n, ERR_TIMEOUT, -1, jitter);

			assert_true(wait >= 1000 && wait <= 15 * 60 * 1000 && wait >= before);
			before = wait;
		}
	}
	assert_int_equal(work_backoff_ms(0, ERR_THROTTLED, 120000, 0), 120000);
	assert_int_equal(work_backoff_ms(0, ERR_FORBIDDEN, -1, 0), 15 * 60 * 1000);
	assert_int_equal(work_backoff_ms(INT64_MAX, ERR_REMOTE, INT64_MAX, 999), 15 * 60 * 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decisions),
		cmocka_unit_test(a_flood_costs_three_reads),
		cmocka_unit_test(back_off_grows_and_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
