/* What a subscription needs after public_url has changed: tables of the rules, and any row at any time. */
#include "reconciler/keeper_move_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "reconciler/keeper_plan.h"

#define MINUTE 60000LL
#define HOUR   (60 * MINUTE)
#define NOW    1800000000000LL

#define EVERY (45 * MINUTE)

#define HERE      7
#define ELSEWHERE 8

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct subscription
row(enum subscription_state state, const char *id, int64_t address, int64_t lifecycle, int64_t renewed_ago)
{
	struct subscription s = {
		.state = state, .address = address, .lifecycle_address = lifecycle, .renewed_wall_ms = NOW - renewed_ago
	};

	memcpy(s.id, id, strlen(id) + 1);
	s.expires_wall_ms = s.renewed_wall_ms + 24 * HOUR;
	return s;
}

static void
what_comes_next(void **state)
{
	static const struct {
		const char *why;
		enum subscription_state state;
		const char *id;
		int64_t address, lifecycle, renewed_ago, moved_ago;
		bool pinned;
		enum move_step step;
		int64_t due_in;
	} cases[] = {
		{ "here", SUBSCRIPTION_ACTIVE, "s", HERE, HERE, 0, 0, false, MOVE_STAY, 0 },
		{ "of an older store", SUBSCRIPTION_ACTIVE, "s", 0, 0, 0, 0, false, MOVE_STAY, 0 },
		{ "elsewhere", SUBSCRIPTION_ACTIVE, "s", ELSEWHERE, ELSEWHERE, 20 * MINUTE, 0, false, MOVE_PATCH, -10 * MINUTE },
		{ "renewed just now", SUBSCRIPTION_ACTIVE, "s", ELSEWHERE, ELSEWHERE, MINUTE, 0, false, MOVE_PATCH, 9 * MINUTE },
		{ "renewed in time to come", SUBSCRIPTION_ACTIVE, "s", ELSEWHERE, ELSEWHERE, -HOUR, 0, false, MOVE_PATCH, 0 },
		{ "elsewhere, renewing fails", SUBSCRIPTION_FAILING, "s", ELSEWHERE, ELSEWHERE, HOUR, 0, false, MOVE_PATCH,
		    -50 * MINUTE },
		{ "moved", SUBSCRIPTION_ACTIVE, "s", HERE, ELSEWHERE, MINUTE, MINUTE, false, MOVE_REPLACE, 9 * MINUTE },
		{ "moved just now", SUBSCRIPTION_ACTIVE, "s", HERE, ELSEWHERE, 0, 1, false, MOVE_REPLACE, 10 * MINUTE - 1 },
		{ "moved in time to come", SUBSCRIPTION_ACTIVE, "s", HERE, ELSEWHERE, 0, -HOUR, false, MOVE_REPLACE,
		    10 * MINUTE - NOW },
		{ "moved, renewing fails", SUBSCRIPTION_FAILING, "s", HERE, ELSEWHERE, MINUTE, MINUTE, false, MOVE_STAY, 0 },
		{ "moved and back", SUBSCRIPTION_ACTIVE, "s", ELSEWHERE, HERE, HOUR, HOUR, false, MOVE_PATCH, -50 * MINUTE },
		{ "cannot be moved", SUBSCRIPTION_ACTIVE, "s", ELSEWHERE, ELSEWHERE, 0, NOW, true, MOVE_REPLACE,
		    10 * MINUTE - NOW },
		{ "not made yet", SUBSCRIPTION_WANTED, "", ELSEWHERE, ELSEWHERE, HOUR, 0, false, MOVE_STAY, 0 },
		{ "about to go", SUBSCRIPTION_LEAVING, "s", ELSEWHERE, ELSEWHERE, HOUR, 0, false, MOVE_STAY, 0 },
		{ "given up", SUBSCRIPTION_COVERED, "s", ELSEWHERE, ELSEWHERE, HOUR, 0, false, MOVE_STAY, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct subscription s =
		    row(cases[i].state, cases[i].id, cases[i].address, cases[i].lifecycle, cases[i].renewed_ago);
		struct move_next next;

		s.pinned = cases[i].pinned;
		s.moved_wall_ms = cases[i].moved_ago != 0 ? NOW - cases[i].moved_ago : 0;
		next = move_next_step(&s, HERE, NOW, EVERY, 0);
		if (next.step != cases[i].step || (next.step != MOVE_STAY && next.due_wall_ms != NOW + cases[i].due_in))
			fail_msg("%s: %d in %lld", cases[i].why, next.step, (long long)(next.due_wall_ms - NOW));
	}
}

static void
where_it_is(void **state)
{
	struct subscription s = row(SUBSCRIPTION_ACTIVE, "s", HERE, HERE, 0);

	(void)state;
	assert_int_equal(move_address(&s, HERE), SUBSCRIPTION_AT_CURRENT);
	assert_int_equal(move_address(&s, ELSEWHERE), SUBSCRIPTION_AT_FORMER);
	s.lifecycle_address = ELSEWHERE;
	assert_int_equal(move_address(&s, HERE), SUBSCRIPTION_AT_BOTH);
	assert_int_equal(move_address(&s, ELSEWHERE), SUBSCRIPTION_AT_FORMER);
	s.id[0] = '\0';
	assert_int_equal(move_address(&s, ELSEWHERE), SUBSCRIPTION_AT_CURRENT);
}

static void
marks(void **state)
{
	(void)state;
	assert_int_equal(move_mark_of("https://a.example/x" MOVE_LIFECYCLE, MOVE_LIFECYCLE), move_mark("https://a.example/x"));
	assert_int_not_equal(move_mark_of("https://b.example" MOVE_LIFECYCLE, MOVE_LIFECYCLE), move_mark("https://a.example"));
	assert_int_equal(move_mark_of("", MOVE_LIFECYCLE), 0);
	assert_int_not_equal(move_mark_of("x", MOVE_LIFECYCLE), 0);
	assert_int_not_equal(move_mark(""), 0);
	assert_true(move_mark("https://a.example") > 0);
}

/* A PATCH never comes within ten minutes of the last, nothing is deleted sooner than that after it, and each has its own time. */
static void
any_row_at_any_time(void **state)
{
	const char *text = getenv("ERGSYNC_TEST_SEED");
	uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : 1;
	struct rng rng = rng_seeded(seed);

	(void)state;
	print_message("ERGSYNC_TEST_SEED=%llu\n", (unsigned long long)seed);
	for (int i = 0; i < 100000; i++) {
		struct subscription s =
		    row((enum subscription_state)rng_below(&rng, SUBSCRIPTION_STATE_COUNT), rng_below(&rng, 4) == 0 ? "" : "s",
		        (int64_t)rng_below(&rng, 3) + 6, (int64_t)rng_below(&rng, 3) + 6, (int64_t)rng_below(&rng, 2 * HOUR));
		uint8_t spread = (uint8_t)rng_below(&rng, 256);
		struct move_next next;

		s.moved_wall_ms = s.renewed_wall_ms - (int64_t)rng_below(&rng, HOUR);
		s.pinned = rng_below(&rng, 4) == 0;
		next = move_next_step(&s, HERE, NOW, EVERY, spread);
		assert_int_equal(next.step == MOVE_STAY && s.state == SUBSCRIPTION_ACTIVE,
		    s.state == SUBSCRIPTION_ACTIVE && move_address(&s, HERE) == SUBSCRIPTION_AT_CURRENT);
		if (next.step == MOVE_PATCH) {
			assert_int_not_equal(s.address, HERE);
			assert_true(next.due_wall_ms >= s.renewed_wall_ms + KEEPER_PATCH_SPACING_MS);
		}
		if (next.step == MOVE_REPLACE) {
			assert_int_equal(s.state, SUBSCRIPTION_ACTIVE);
			assert_in_range(next.due_wall_ms, s.moved_wall_ms + 10 * MINUTE, s.moved_wall_ms + 10 * MINUTE + EVERY);
		}
	}
}

/* Where all else goes faster, so does this. */
static void
renewed_more_often(void **state)
{
	struct subscription s = row(SUBSCRIPTION_ACTIVE, "s", ELSEWHERE, ELSEWHERE, MINUTE);

	(void)state;
	assert_true(move_next_step(&s, HERE, NOW, 3000, 255).due_wall_ms == NOW - MINUTE + 3000);
	s.address = HERE;
	s.moved_wall_ms = NOW;
	assert_true(move_next_step(&s, HERE, NOW, 3000, 0).due_wall_ms == NOW + 3000);
	assert_true(move_next_step(&s, HERE, NOW, 3000, 255).due_wall_ms == NOW + 6000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_comes_next),
		cmocka_unit_test(where_it_is),
		cmocka_unit_test(marks),
		cmocka_unit_test(any_row_at_any_time),
		cmocka_unit_test(renewed_more_often),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
