/* When one subscription stands for those of all teams: tables of its rules. */
#include "reconciler/keeper_wide_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/config.h"
#include "base/random.h"
#include "reconciler/keeper_plan.h"

#define MINUTE 60000LL
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define NOW    1800000000000LL

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct subscription
row(enum subscription_state state, const char *id, int64_t expires_in)
{
	struct subscription s = { .state = state, .renewed_wall_ms = NOW, .expires_wall_ms = NOW + expires_in };

	memcpy(s.id, id, strlen(id) + 1);
	return s;
}

static void
what_teams_may_count_on(void **state)
{
	static const struct {
		const char *why;
		enum subscription_state state;
		const char *id;
		int64_t expires_in, coming;
		enum wide_stand stand;
	} cases[] = {
		{ "asked for", SUBSCRIPTION_WANTED, "", 0, 0, WIDE_COMING },
		{ "asked for in vain for long", SUBSCRIPTION_FAILING, "", 0, WIDE_PATIENCE_MS, WIDE_NONE },
		{ "there", SUBSCRIPTION_ACTIVE, "s", DAY, 0, WIDE_SILENT },
		{ "there, renewing fails", SUBSCRIPTION_FAILING, "s", DAY, 0, WIDE_SILENT },
		{ "expired", SUBSCRIPTION_FAILING, "s", -1, 0, WIDE_COMING },
		{ "lost", SUBSCRIPTION_WANTED, "", 0, MINUTE, WIDE_COMING },
		{ "no longer wanted, still there", SUBSCRIPTION_LEAVING, "s", DAY, 0, WIDE_NONE },
		{ "set aside, still there", SUBSCRIPTION_REFUSED, "s", DAY, 0, WIDE_NONE },
		{ "refused", SUBSCRIPTION_REFUSED, "", 0, 0, WIDE_NONE },
	};

	(void)state;
	assert_int_equal(wide_stand(NULL, NOW, 0), WIDE_NONE);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct subscription s = row(cases[i].state, cases[i].id, cases[i].expires_in);

		if (wide_stand(&s, NOW, cases[i].coming) != cases[i].stand)
			fail_msg("%s", cases[i].why);
		s.heard_wall_ms = NOW - 1;
		if (wide_stand(&s, NOW, cases[i].coming) != (cases[i].stand == WIDE_SILENT ? WIDE_COVERS : cases[i].stand))
			fail_msg("%s, heard", cases[i].why);
	}
}

/* From 50 teams on, and then down to 38: a tenant around the number does not change with each link. */
static void
who_wants_one(void **state)
{
	(void)state;
	for (size_t teams = 0; teams < 100; teams++) {
		const struct wide_need none = { .teams = teams }, there = { .teams = teams, .there = true };

		assert_false(wide_is_wanted(&there, CONFIG_WIDE_NEVER));
		assert_false(wide_is_wanted(&none, CONFIG_WIDE_QUOTA));
		assert_false(wide_is_wanted(&there, CONFIG_WIDE_QUOTA));
		assert_int_equal(wide_is_wanted(&none, 50), teams >= 50);
		assert_int_equal(wide_is_wanted(&there, 50), teams >= 38);
		assert_int_equal(wide_is_wanted(&there, 1), teams >= 1);
	}
}

/* One that is there for want of room: as long as a team needs it, and not of those few that would have room. */
static void
who_still_wants_one(void **state)
{
	static const struct {
		size_t teams, lacking;
		int64_t room;
		bool wanted;
	} cases[] = {
		{ 51, 1, 50, true }, { 51, 51, 50, true }, { 51, 0, 50, false }, /* there is room again */
		{ 38, 38, 50, false }, { 39, 39, 50, true }, { 2, 2, 1, true }, { 0, 0, 1, false },
		{ 51, 51, 0, false }, /* it was there for their number */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct wide_need need = { cases[i].teams, cases[i].lacking, true, cases[i].room };

		assert_int_equal(wide_is_wanted(&need, CONFIG_WIDE_QUOTA), cases[i].wanted);
		assert_false(wide_is_wanted(&need, CONFIG_WIDE_NEVER));
	}
}

static void
what_becomes_of_a_team(void **state)
{
	static const struct {
		enum subscription_state before;
		const char *id;
		enum wide_stand stand;
		enum subscription_state after;
		bool no_room;
	} cases[] = {
		{ SUBSCRIPTION_WANTED, "", WIDE_COVERS, SUBSCRIPTION_COVERED, false },
		{ SUBSCRIPTION_ACTIVE, "s", WIDE_COVERS, SUBSCRIPTION_COVERED, false },
		{ SUBSCRIPTION_FAILING, "", WIDE_COVERS, SUBSCRIPTION_COVERED, false },
		{ SUBSCRIPTION_LEAVING, "s", WIDE_COVERS, SUBSCRIPTION_LEAVING, false },
		{ SUBSCRIPTION_COVERED, "", WIDE_COVERS, SUBSCRIPTION_COVERED, false },
		{ SUBSCRIPTION_COVERED, "", WIDE_COMING, SUBSCRIPTION_COVERED, false },
		{ SUBSCRIPTION_COVERED, "s", WIDE_COMING, SUBSCRIPTION_ACTIVE, false },
		{ SUBSCRIPTION_COVERED, "s", WIDE_SILENT, SUBSCRIPTION_ACTIVE, false },
		{ SUBSCRIPTION_COVERED, "", WIDE_SILENT, SUBSCRIPTION_COVERED, false },
		{ SUBSCRIPTION_ACTIVE, "s", WIDE_SILENT, SUBSCRIPTION_ACTIVE, false },
		{ SUBSCRIPTION_WANTED, "", WIDE_SILENT, SUBSCRIPTION_WANTED, false },
		{ SUBSCRIPTION_FAILING, "", WIDE_SILENT, SUBSCRIPTION_FAILING, false },
		{ SUBSCRIPTION_FAILING, "", WIDE_SILENT, SUBSCRIPTION_COVERED, true },
		{ SUBSCRIPTION_ACTIVE, "s", WIDE_SILENT, SUBSCRIPTION_ACTIVE, true },
		{ SUBSCRIPTION_FAILING, "", WIDE_COMING, SUBSCRIPTION_FAILING, true },
		{ SUBSCRIPTION_FAILING, "", WIDE_NONE, SUBSCRIPTION_FAILING, true },
		{ SUBSCRIPTION_ACTIVE, "s", WIDE_COMING, SUBSCRIPTION_ACTIVE, false },
		{ SUBSCRIPTION_COVERED, "", WIDE_NONE, SUBSCRIPTION_WANTED, false },
		{ SUBSCRIPTION_COVERED, "s", WIDE_NONE, SUBSCRIPTION_ACTIVE, false },
		{ SUBSCRIPTION_FAILING, "", WIDE_NONE, SUBSCRIPTION_FAILING, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct subscription s = row(cases[i].before, cases[i].id, DAY);

		s.no_room = cases[i].no_room;
		assert_int_equal(wide_settle_team(&s, cases[i].stand), cases[i].before != cases[i].after);
		assert_int_equal(s.state, cases[i].after);
	}
}

/*
 * Whatever the order of things: a team gives up its own only for one that has been heard, a covered one without is left alone until
 * there is none, and settling twice changes nothing.
 */
static void
any_team_at_any_time(void **state)
{
	const char *text = getenv("ERGSYNC_TEST_SEED");
	uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : 1;
	struct rng rng = rng_seeded(seed);

	(void)state;
	print_message("ERGSYNC_TEST_SEED=%llu\n", (unsigned long long)seed);
	for (int i = 0; i < 100000; i++) {
		struct subscription s =
		    row((enum subscription_state)rng_below(&rng, SUBSCRIPTION_REFUSED), rng_below(&rng, 2) == 0 ? "" : "s", DAY);
		enum wide_stand stand = (enum wide_stand)rng_below(&rng, WIDE_COVERS + 1);
		struct subscription before;

		s.no_room = rng_below(&rng, 2) == 0;
		before = s;
		if (s.state == SUBSCRIPTION_COVERED && s.id[0] == '\0')
			assert_int_equal(wide_keeps_covered(stand), !wide_settle_team(&s, stand));
		(void)wide_settle_team(&s, stand);
		assert_string_equal(s.id, before.id);
		assert_int_equal(s.state == SUBSCRIPTION_LEAVING, before.state == SUBSCRIPTION_LEAVING);
		if (s.state == SUBSCRIPTION_COVERED && s.id[0] != '\0')
			assert_int_equal(stand, WIDE_COVERS);
		if (s.state == SUBSCRIPTION_COVERED)
			assert_int_not_equal(stand, WIDE_NONE);
		if (stand == WIDE_COVERS && s.state != SUBSCRIPTION_LEAVING)
			assert_int_equal(s.state, SUBSCRIPTION_COVERED);
		assert_false(wide_settle_team(&s, stand));
	}
}

static void
what_is_a_refusal(void **state)
{
	static const struct {
		int status;
		enum err e;
		const char *code;
		int64_t failures;
		bool refusal;
	} cases[] = {
		{ 403, ERR_FORBIDDEN, "ExtensionError", 1, true },
		{ 403, ERR_FULL, "Forbidden", 1, true },
		{ 404, ERR_NOTFOUND, "ResourceNotFound", 1, true },
		{ 405, ERR_UNEXPECTED, "", 1, true },
		{ 501, ERR_UNEXPECTED, "NotImplemented", 1, true },
		{ 400, ERR_INVALID, "InvalidRequest", 1, false },
		{ 400, ERR_INVALID, "InvalidRequest", WIDE_TRIES, true },
		{ 400, ERR_INVALID, "ValidationError", 100, false },
		{ 500, ERR_REMOTE, "", 2, false },
		{ 502, ERR_REMOTE, "", WIDE_TRIES, true },
		{ 0, ERR_UNREACHABLE, "", 1000, false },
		{ 0, ERR_FULL, "", 1, false },
		{ 401, ERR_UNAUTHORIZED, "", 1000, false },
		{ 409, ERR_CONFLICT, "", 1000, false },
		{ 429, ERR_THROTTLED, "", 1000, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (wide_is_refusal(cases[i].status, cases[i].e, cases[i].code, cases[i].failures) != cases[i].refusal)
			fail_msg("%d %s, %lld in a row", cases[i].status, cases[i].code, (long long)cases[i].failures);
}

/* No sooner than a day, then rarer, and never forgotten. */
static void
when_it_is_asked_for_again(void **state)
{
	int64_t last = 0;

	(void)state;
	for (int64_t refusals = 1; refusals < 50; refusals++) {
		assert_true(wide_retry_ms(refusals, 0) >= WIDE_RETRY_MIN_MS);
		assert_true(wide_retry_ms(refusals, 255) <= WIDE_RETRY_MAX_MS * 9 / 8);
		assert_true(wide_retry_ms(refusals, 7) >= last);
		last = wide_retry_ms(refusals, 7);
	}
}

static void
when_it_is_deaf(void **state)
{
	struct wide_hearing h = { 0 };

	(void)state;
	/* Many at once may yet be told of: they may be an hour late. */
	for (int i = 0; i < 100; i++)
		assert_false(wide_miss(&h, MINUTE, 1, true));
	for (int i = 0; i < 101; i++)
		wide_hear(&h);
	for (int i = 0; i < 100; i++)
		assert_false(wide_miss(&h, 2 * HOUR + i, 1, true));
	/* A loss now and then is Graph's way. */
	memset(&h, 0, sizeof(h));
	for (int week = 1; week < 50; week++) {
		assert_false(wide_miss(&h, week * 8 * DAY, 1, true));
		assert_false(wide_miss(&h, week * 8 * DAY + 2 * HOUR, 1, true));
	}
	memset(&h, 0, sizeof(h));
	assert_false(wide_miss(&h, HOUR, 1, true));
	assert_false(wide_miss(&h, 2 * HOUR, 1, true));
	assert_true(wide_miss(&h, 3 * HOUR, 1, true));
	/* Nothing comes of anybody: our listener is away, rather. */
	memset(&h, 0, sizeof(h));
	for (int hour = 1; hour < 20; hour++)
		assert_false(wide_miss(&h, hour * HOUR, 7, false));
	assert_true(wide_miss(&h, 20 * HOUR, 8, false));
}

static void
when_it_speaks_another_language(void **state)
{
	struct wide_hearing h = { 0 };

	(void)state;
	for (int i = 0; i < 10; i++)
		wide_hear(&h);
	for (int i = 0; i < 10; i++)
		assert_false(wide_misread(&h));
	assert_true(wide_misread(&h));
	memset(&h, 0, sizeof(h));
	assert_false(wide_misread(&h));
	assert_false(wide_misread(&h));
	assert_true(wide_misread(&h));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_teams_may_count_on),
		cmocka_unit_test(who_wants_one),
		cmocka_unit_test(who_still_wants_one),
		cmocka_unit_test(what_becomes_of_a_team),
		cmocka_unit_test(any_team_at_any_time),
		cmocka_unit_test(what_is_a_refusal),
		cmocka_unit_test(when_it_is_asked_for_again),
		cmocka_unit_test(when_it_is_deaf),
		cmocka_unit_test(when_it_speaks_another_language),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
