/* Timestamps: a table of spellings, and random rounds against timegm. */
#include "base/timestamp.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "unit/base/check.h"
#include "unit/base/seed.h"

#define FIRST_MS INT64_C(-62135596800000)
#define LAST_MS  INT64_C(253402300799999)

static void
reads_what_graph_and_rfc_3339_write(void **state)
{
	static const struct {
		const char *s;
		int64_t ms;
		const char *again;
	} cases[] = {
		{ "1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z" },
		{ "0001-01-01T00:00:00Z", FIRST_MS, "0001-01-01T00:00:00Z" },
		{ "9999-12-31T23:59:59.9999999Z", LAST_MS, "9999-12-31T23:59:59.999Z" },
		{ "2026-11-22T08:00:00Z", INT64_C(1795334400000), "2026-11-22T08:00:00Z" },
		{ "2026-11-22T08:00:00.1234567Z", INT64_C(1795334400123), "2026-11-22T08:00:00.123Z" },
		{ "2026-11-22T08:00:00.05Z", INT64_C(1795334400050), "2026-11-22T08:00:00.050Z" },
		{ "2026-11-22T08:00:00.0009Z", INT64_C(1795334400000), "2026-11-22T08:00:00Z" },
		{ "2026-11-22t08:00:00z", INT64_C(1795334400000), "2026-11-22T08:00:00Z" },
		{ "2026-11-22T09:00:00+01:00", INT64_C(1795334400000), "2026-11-22T08:00:00Z" },
		{ "2026-11-21T18:30:00-13:30", INT64_C(1795334400000), "2026-11-22T08:00:00Z" },
		{ "2026-11-22T08:00:00-00:00", INT64_C(1795334400000), "2026-11-22T08:00:00Z" },
		{ "2024-02-29T12:00:00Z", INT64_C(1709208000000), "2024-02-29T12:00:00Z" },
		{ "2000-02-29T00:00:00Z", INT64_C(951782400000), "2000-02-29T00:00:00Z" },
		{ "1969-12-31T23:59:59.500Z", -500, "1969-12-31T23:59:59.500Z" },
		{ "2016-12-31T23:59:60Z", INT64_C(1483228800000), "2017-01-01T00:00:00Z" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[TIMESTAMP_SIZE];
		int64_t ms = 1;

		assert_int_equal(timestamp_parse(cases[i].s, &ms), ERR_OK);
		assert_true(ms == cases[i].ms);
		timestamp_format(ms, text);
		assert_string_equal(text, cases[i].again);
	}
}

static void
refuses_the_rest(void **state)
{
	static const char *const bad[] = {
		"",
		"2026",
		"2026-11-22",
		"2026-11-22T08:00:00",
		"2026-11-22 08:00:00Z",
		"2026-11-22T08:00Z",
		"2026-11-22T08:00:00.Z",
		"2026-11-22T08:00:00Zx",
		"2026-11-22T08:00:00+0100",
		"2026-11-22T08:00:00+24:00",
		"2026-11-22T08:00:00+01:60",
		"2026-11-22T08:00:00+1:00",
		"2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z",
		"2026-01-00T00:00:00Z",
		"2026-01-32T00:00:00Z",
		"2026-04-31T00:00:00Z",
		"2026-02-29T00:00:00Z",
		"1900-02-29T00:00:00Z",
		"2026-01-01T24:00:00Z",
		"2026-01-01T00:60:00Z",
		"2026-01-01T00:00:61Z",
		"0000-12-31T00:00:00Z",
		"+2026-01-01T00:00:00Z",
		"-001-01-01T00:00:00Z",
		"12026-01-01T00:00:00Z",
		"2026-1-1T00:00:00Z",
		"2026-01-01T00:00:00,5Z",
		"2026-01-01T-1:00:00Z",
	};
	int64_t ms = 77;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(timestamp_parse(bad[i], &ms), ERR_MALFORMED);
	assert_int_equal(timestamp_parse("0001-01-01T00:00:00+00:01", &ms), ERR_INVALID);
	assert_int_equal(timestamp_parse("9999-12-31T23:59:59-00:01", &ms), ERR_INVALID);
	assert_int_equal(ms, 77);
}

static void
formats_clamped(void **state)
{
	char text[TIMESTAMP_SIZE];

	(void)state;
	timestamp_format(INT64_MIN, text);
	assert_string_equal(text, "0001-01-01T00:00:00Z");
	timestamp_format(INT64_MAX, text);
	assert_string_equal(text, "9999-12-31T23:59:59.999Z");
}

static void
tells_people_the_minute(void **state)
{
	char text[TIMESTAMP_SIZE];

	(void)state;
	timestamp_for_people(1795334459, text);
	assert_string_equal(text, "2026-11-22 08:00 UTC");
	timestamp_for_people(INT64_MAX, text);
	assert_string_equal(text, "9999-12-31 23:59 UTC");
	timestamp_for_people(INT64_MIN, text);
	assert_string_equal(text, "0001-01-01 00:00 UTC");
}

static void
agrees_with_timegm(void **state)
{
	struct rng rng = test_rng("timestamp");

	(void)state;
	for (int round = 0; round < 20000; round++) {
		int64_t ms = FIRST_MS + (int64_t)rng_below(&rng, (uint64_t)(LAST_MS - FIRST_MS) + 1), back;
		char text[TIMESTAMP_SIZE];
		struct tm tm = { 0 };

		if (round % 2 == 0)
			ms -= ((ms % 1000) + 1000) % 1000;
		timestamp_format(ms, text);
		assert_int_equal(strlen(text), round % 2 == 0 || ms % 1000 == 0 ? 20 : 24);
		assert_int_equal(timestamp_parse(text, &back), ERR_OK);
		assert_true(back == ms);
		assert_non_null(strptime(text, "%Y-%m-%dT%H:%M:%S", &tm));
		assert_true(timegm(&tm) == (ms - ((ms % 1000) + 1000) % 1000) / 1000);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_graph_and_rfc_3339_write),
		cmocka_unit_test(refuses_the_rest),
		cmocka_unit_test(formats_clamped),
		cmocka_unit_test(tells_people_the_minute),
		cmocka_unit_test(agrees_with_timegm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
