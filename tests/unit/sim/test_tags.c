/* Events by value: a table, and random tags against a plain search. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "base/random.h"
#include "base/text.h"
#include "sim/tags.h"

#define TAGS_MAX 300

static struct event *
event_of(size_t n)
{
	static char things[TAGS_MAX + 1];

	return (struct event *)(void *)&things[n];
}

static size_t
count_of(const struct tags *t, const char *property, const char *value, bool beginning)
{
	size_t count;

	tags_find(t, property, value, beginning, &count);
	return count;
}

static void
finds(void **state)
{
	struct tags t = { 0 };

	(void)state;
	assert_int_equal(count_of(&t, "P", "a", true), 0);
	tags_add(&t, "P", "erg/42/1", event_of(1));
	tags_add(&t, "P", "ERG/42/2", event_of(2));
	tags_add(&t, "P", "erg/421/1", event_of(3));
	tags_add(&t, "Q", "erg/42/1", event_of(4));
	assert_int_equal(count_of(&t, "P", "erg/42/", true), 2);
	assert_int_equal(count_of(&t, "P", "Erg/42/1", false), 1);
	assert_int_equal(count_of(&t, "P", "erg/42", false), 0);
	assert_int_equal(count_of(&t, "P", "", true), 3);
	assert_int_equal(count_of(&t, "p", "erg", true), 0);
	tags_remove(&t, "P", "erg/42/1", event_of(2));
	assert_int_equal(count_of(&t, "P", "erg/42/1", false), 1);
	tags_remove(&t, "P", "erg/42/1", event_of(1));
	assert_int_equal(count_of(&t, "P", "erg/42/", true), 1);
	tags_done(&t);
}

static void
random_tags(void **state)
{
	const char *text = getenv("ERGSYNC_TEST_SEED");
	uint64_t seed = 1;
	struct rng rng;
	struct tags t = { 0 };
	char values[TAGS_MAX][4];

	(void)state;
	if (text != NULL)
		assert_int_equal(parse_u64(text, &seed), ERR_OK);
	print_message("seed %llu\n", (unsigned long long)seed);
	rng = rng_seeded(seed);
	memset(values, 0, sizeof(values));
	for (int i = 0; i < 5000; i++) {
		size_t n = (size_t)rng_below(&rng, TAGS_MAX), equal = 0, begin = 0;
		char wanted[4] = { (char)("aAbB"[rng_below(&rng, 4)]), (char)('a' + rng_below(&rng, 3)), '\0' };

		if (values[n][0] != '\0') {
			tags_remove(&t, "P", values[n], event_of(n));
			values[n][0] = '\0';
		} else {
			for (int k = 0; k < 3; k++)
				values[n][k] = (char)(k < 2 ? "aAbB"[rng_below(&rng, 4)] : '\0');
			tags_add(&t, "P", values[n], event_of(n));
		}
		wanted[rng_below(&rng, 2) + 1] = '\0';
		for (size_t k = 0; k < TAGS_MAX; k++) {
			equal += values[k][0] != '\0' && strcasecmp(values[k], wanted) == 0;
			begin += values[k][0] != '\0' && strncasecmp(values[k], wanted, strlen(wanted)) == 0;
		}
		assert_int_equal(count_of(&t, "P", wanted, false), equal);
		assert_int_equal(count_of(&t, "P", wanted, true), begin);
	}
	tags_done(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(finds), cmocka_unit_test(random_tags) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
