/* The page behind Microsoft's consent: only our own state counts, and nothing of a query is repeated. */
#include "listener/consent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "base/text.h"

static struct key32 intake_key, consent_key;
static const struct scope_id scope = { "0123456789abcde" };
static char ours[CLIENT_STATE_LEN + 1], notification[CLIENT_STATE_LEN + 1], foreign[CLIENT_STATE_LEN + 1];

static int
start(void **state)
{
	const uint8_t nonce[CLIENT_STATE_NONCE] = { 7 };
	struct key32 other = { { 9 } };

	(void)state;
	memset(&intake_key, 3, sizeof(intake_key));
	client_state_consent_key(&intake_key, &consent_key);
	client_state_make(&consent_key, &scope, nonce, ours);
	client_state_make(&intake_key, &scope, nonce, notification);
	client_state_make(&other, &scope, nonce, foreign);
	return 0;
}

static const struct {
	const char *why, *before, *after;
	enum consent_outcome outcome;
} cases[] = {
	{ "given", "tenant=10000000-0000-4000-8000-000000000001&state=", "&admin_consent=True", CONSENT_GIVEN },
	{ "another order", "admin_consent=True&tenant=x&state=", "", CONSENT_GIVEN },
	{ "another case, and more", "admin_consent=true&scope=a%20b&state=", "&x", CONSENT_GIVEN },
	{ "an encoded name", "admin%5fconsent=%54rue&st%61te=", "", CONSENT_GIVEN },
	{ "denied", "error=permission_denied&error_description=AADSTS65004%3a+no&state=", "", CONSENT_DENIED },
	{ "both", "admin_consent=True&error=x&state=", "", CONSENT_DENIED },
	{ "not true", "admin_consent=False&state=", "", CONSENT_DENIED },
	{ "nothing said", "state=", "", CONSENT_DENIED },
	{ "two states", "state=x&admin_consent=True&state=", "", CONSENT_UNKNOWN },
	{ "a longer state", "admin_consent=True&state=x", "", CONSENT_UNKNOWN },
	{ "a state cut", "admin_consent=True&state=", "%00", CONSENT_UNKNOWN },
	{ "a broken escape", "admin_consent=True&state=", "%", CONSENT_UNKNOWN },
	{ "no state", "admin_consent=True&estate=", "", CONSENT_UNKNOWN },
};

static void
outcomes(void **state)
{
	char query[512];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scope_id found = { "" };
		enum consent_outcome outcome;

		snprintf(query, sizeof(query), "%s%s%s", cases[i].before, ours, cases[i].after);
		outcome = consent_read(&consent_key, query, strlen(query), &found);
		if (outcome != cases[i].outcome)
			fail_msg("%s: %d", cases[i].why, outcome);
		if (outcome != CONSENT_UNKNOWN)
			assert_memory_equal(found.b, scope.b, sizeof(scope.b));
	}
	assert_int_equal(consent_read(&consent_key, "", 0, &(struct scope_id){ "" }), CONSENT_UNKNOWN);
}

static void
states_of_others(void **state)
{
	const char *const states[] = { notification, foreign, "v1.", "" };
	struct scope_id found;
	char query[512];

	(void)state;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		snprintf(query, sizeof(query), "admin_consent=True&state=%s", states[i]);
		assert_int_equal(consent_read(&consent_key, query, strlen(query), &found), CONSENT_UNKNOWN);
	}
	/* And ours is none for a notification. */
	assert_false(client_state_check(&intake_key, ours, strlen(ours), &found));
}

static void
pages_are_for_people(void **state)
{
	(void)state;
	for (int i = CONSENT_GIVEN; i <= CONSENT_UNKNOWN; i++) {
		const char *page = consent_page((enum consent_outcome)i);

		assert_true(strlen(page) > 40 && strlen(page) < 400);
		assert_int_equal(page[strlen(page) - 1], '\n');
		assert_null(strpbrk(page, "<>&\""));
	}
}

static void
random_queries(void **state)
{
	static const char letters[] = "state=admin_consent&%20True&v1.%\xff";
	const char *given = getenv("ERGSYNC_TEST_SEED");
	uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : 4711;
	struct rng rng = rng_seeded(seed);
	struct scope_id found;
	char query[400];

	(void)state;
	printf("ERGSYNC_TEST_SEED=%llu\n", (unsigned long long)seed);
	for (int round = 0; round < 20000; round++) {
		size_t len = (size_t)rng_below(&rng, sizeof(query));

		for (size_t i = 0; i < len; i++)
			query[i] = letters[rng_below(&rng, sizeof(letters))];
		assert_int_equal(consent_read(&consent_key, query, len, &found), CONSENT_UNKNOWN);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outcomes),
		cmocka_unit_test(states_of_others),
		cmocka_unit_test(pages_are_for_people),
		cmocka_unit_test(random_queries),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
