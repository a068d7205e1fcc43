/* Which team a notification is of, in every documented spelling, and nothing made of what is none. */
#include "model/resource.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"

#define TEAM "20000000-0000-4000-8000-00000000abcd"

static const struct {
	const char *resource;
	bool named;
} cases[] = {
	{ "teams('" TEAM "')/members('MCMj=')", true },
	{ "/teams('" TEAM "')/members('MCMj=')", true },
	{ "Teams('20000000-0000-4000-8000-00000000ABCD')/Members('MCMj=')", true },
	{ "teams/" TEAM "/members/x", true },
	{ "/TEAMS/" TEAM "/channels/19:x@thread.tacv2/allMembers/x", true },
	{ "teams('" TEAM "')", true },
	{ "teams/" TEAM, true },
	{ "teams(%27" TEAM "%27)/members(%27MCMj%3D%27)", true },
	{ "teams%2F" TEAM "%2Fmembers%2Fx", true },
	{ "teams('" TEAM "'", false },
	{ "teams('" TEAM "x')", false },
	{ "teams/" TEAM "0/members/x", false },
	{ "teams/20000000-0000-4000-8000-00000000abc", false },
	{ "teams('" TEAM, false },
	{ "teams('", false },
	{ "teams/", false },
	{ "teams", false },
	{ "/", false },
	{ "", false },
	{ "teams/getAllMembers", false },
	{ "teams('not-a-team')/members('x')", false },
	{ "groups/" TEAM "/members/x", false },
	{ "xteams/" TEAM "/members/x", false },
	{ "Users/" TEAM "/Events/x", false },
	{ "teams%zz" TEAM, false },
	{ "teams('20000000-0000-4000-8000-00000000abc%", false },
};

static void
spellings(void **state)
{
	struct guid team;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (resource_team(cases[i].resource, strlen(cases[i].resource), &team) != cases[i].named)
			fail_msg("%s", cases[i].resource);
		assert_string_equal(team.s, cases[i].named ? TEAM : "");
	}
	assert_false(resource_team(NULL, 0, &team));
}

/* Cut, lengthened and spoilt at random, in memory of exactly its length. */
static void
anything_else(void **state)
{
	struct rng rng = rng_seeded(7);
	struct guid team;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		const char *from = cases[rng_below(&rng, sizeof(cases) / sizeof(cases[0]))].resource;
		size_t len = strlen(from), kept = rng_below(&rng, len + 1),
		       more = rng_below(&rng, 2) == 0 ? rng_below(&rng, 400) : 0;
		char *text = test_malloc(kept + more + 1);

		memcpy(text, from, kept);
		memset(text + kept, rng_below(&rng, 2) == 0 ? '%' : 'a', more);
		if (kept > 0 && rng_below(&rng, 2) == 0)
			text[rng_below(&rng, kept)] = "%'(/\0"[rng_below(&rng, 5)];
		(void)resource_team(text, kept + more, &team);
		assert_true(team.s[0] == '\0' || strlen(team.s) == GUID_SIZE - 1);
		test_free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spellings),
		cmocka_unit_test(anything_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
