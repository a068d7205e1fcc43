/* Which days patterns fall on: a table, worked out by hand from a calendar. */
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
#include "model/local_time.h"
#include "model/recurrence_json.h"
#include "sim/series.h"

static json_t *
series(const char *pattern, const char *range)
{
	char text[512];
	json_t *ret;

	snprintf(text, sizeof(text), "{\"pattern\":{%s},\"range\":{%s}}", pattern, range);
	assert_int_equal(jx_parse(text, strlen(text), &ret, NULL, 0), ERR_OK);
	return ret;
}

static int64_t
day_of(const char *date)
{
	int64_t day;

	assert_int_equal(local_date_parse(date, &day), ERR_OK);
	return day;
}

static void
falls_on(void **state)
{
	static const struct {
		const char *pattern, *range, *days;
	} cases[] = {
		{ "\"type\":\"daily\",\"interval\":3",
		    "\"type\":\"numbered\",\"startDate\":\"2027-02-26\",\"numberOfOccurrences\":3",
		    "2027-02-26 2027-03-01 2027-03-04" },
		{ "\"type\":\"daily\",\"interval\":1",
		    "\"type\":\"endDate\",\"startDate\":\"2027-03-01\",\"endDate\":\"2027-03-03\"",
		    "2027-03-01 2027-03-02 2027-03-03" },
		{ "\"type\":\"weekly\",\"interval\":1,\"daysOfWeek\":[\"tuesday\",\"friday\"]",
		    "\"type\":\"numbered\",\"startDate\":\"2027-03-02\",\"numberOfOccurrences\":4",
		    "2027-03-02 2027-03-05 2027-03-09 2027-03-12" },
		/* The week's first day decides which weeks are skipped. */
		{ "\"type\":\"weekly\",\"interval\":2,\"daysOfWeek\":[\"sunday\",\"tuesday\"],\"firstDayOfWeek\":\"monday\"",
		    "\"type\":\"numbered\",\"startDate\":\"2027-03-02\",\"numberOfOccurrences\":4",
		    "2027-03-02 2027-03-07 2027-03-16 2027-03-21" },
		{ "\"type\":\"weekly\",\"interval\":2,\"daysOfWeek\":[\"sunday\",\"tuesday\"],\"firstDayOfWeek\":\"sunday\"",
		    "\"type\":\"numbered\",\"startDate\":\"2027-03-02\",\"numberOfOccurrences\":4",
		    "2027-03-02 2027-03-14 2027-03-16 2027-03-28" },
		/* A day that a month does not have is its last. */
		{ "\"type\":\"absoluteMonthly\",\"interval\":1,\"dayOfMonth\":31",
		    "\"type\":\"numbered\",\"startDate\":\"2027-01-31\",\"numberOfOccurrences\":4",
		    "2027-01-31 2027-02-28 2027-03-31 2027-04-30" },
		{ "\"type\":\"absoluteMonthly\",\"interval\":3,\"dayOfMonth\":15",
		    "\"type\":\"numbered\",\"startDate\":\"2027-11-15\",\"numberOfOccurrences\":3",
		    "2027-11-15 2028-02-15 2028-05-15" },
		{ "\"type\":\"relativeMonthly\",\"interval\":1,\"daysOfWeek\":[\"tuesday\"],\"index\":\"second\"",
		    "\"type\":\"numbered\",\"startDate\":\"2027-03-09\",\"numberOfOccurrences\":3",
		    "2027-03-09 2027-04-13 2027-05-11" },
		{ "\"type\":\"relativeMonthly\",\"interval\":1,\"daysOfWeek\":[\"friday\"],\"index\":\"last\"",
		    "\"type\":\"numbered\",\"startDate\":\"2027-03-26\",\"numberOfOccurrences\":3",
		    "2027-03-26 2027-04-30 2027-05-28" },
		/* The first working day. */
		{ "\"type\":\"relativeMonthly\",\"interval\":1,\"daysOfWeek\":[\"monday\",\"tuesday\",\"wednesday\",\"thursday\","
		  "\"friday\"],\"index\":\"first\"",
		    "\"type\":\"numbered\",\"startDate\":\"2027-05-03\",\"numberOfOccurrences\":3",
		    "2027-05-03 2027-06-01 2027-07-01" },
		{ "\"type\":\"absoluteYearly\",\"interval\":1,\"dayOfMonth\":29,\"month\":2",
		    "\"type\":\"numbered\",\"startDate\":\"2028-02-29\",\"numberOfOccurrences\":3",
		    "2028-02-29 2029-02-28 2030-02-28" },
		{ "\"type\":\"relativeYearly\",\"interval\":1,\"daysOfWeek\":[\"thursday\"],\"index\":\"fourth\",\"month\":11",
		    "\"type\":\"noEnd\",\"startDate\":\"2027-11-25\"", "2027-11-25 2028-11-23 2029-11-22" },
		/* It begins on a day that is no day of the pattern. */
		{ "\"type\":\"weekly\",\"interval\":1,\"daysOfWeek\":[\"friday\"]",
		    "\"type\":\"numbered\",\"startDate\":\"2027-03-02\",\"numberOfOccurrences\":2", "2027-03-05 2027-03-12" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		json_t *r = series(cases[i].pattern, cases[i].range);
		size_t wanted = (strlen(cases[i].days) + 1) / LOCAL_DATE_SIZE, n;
		int64_t first = day_of(jx_get_str(jx_get_object(r, "range"), "startDate")), days[8];
		char text[128] = "", *end = text;

		assert_null(series_problem(r, first));
		n = series_days(r, first - 1000, first + 2000, days, wanted + 1);
		if (strstr(cases[i].range, "noEnd") != NULL && n > wanted)
			n = wanted;
		for (size_t k = 0; k < n; k++) {
			if (k > 0)
				*end++ = ' ';
			local_date_format(days[k], end);
			end += strlen(end);
		}
		assert_string_equal(text, cases[i].days);
		/* A window in the middle has the same days. */
		n = series_days(r, days[1], days[1], days, 8);
		assert_int_equal(n, 1);
		json_decref(r);
	}
}

static void
refuses(void **state)
{
	static const struct {
		const char *pattern, *range;
	} cases[] = {
		{ "\"type\":\"hourly\",\"interval\":1", "\"type\":\"noEnd\",\"startDate\":\"2027-03-02\"" },
		{ "\"type\":\"daily\",\"interval\":0", "\"type\":\"noEnd\",\"startDate\":\"2027-03-02\"" },
		{ "\"type\":\"weekly\",\"interval\":1", "\"type\":\"noEnd\",\"startDate\":\"2027-03-02\"" },
		{ "\"type\":\"weekly\",\"interval\":1,\"daysOfWeek\":[\"someday\"]",
		    "\"type\":\"noEnd\",\"startDate\":\"2027-03-02\"" },
		{ "\"type\":\"absoluteMonthly\",\"interval\":1,\"dayOfMonth\":32",
		    "\"type\":\"noEnd\",\"startDate\":\"2027-03-02\"" },
		{ "\"type\":\"absoluteYearly\",\"interval\":1,\"dayOfMonth\":3",
		    "\"type\":\"noEnd\",\"startDate\":\"2027-03-02\"" },
		{ "\"type\":\"relativeMonthly\",\"interval\":1,\"daysOfWeek\":[\"monday\"],\"index\":\"fifth\"",
		    "\"type\":\"noEnd\",\"startDate\":\"2027-03-02\"" },
		{ "\"type\":\"daily\",\"interval\":1",
		    "\"type\":\"endDate\",\"startDate\":\"2027-03-02\",\"endDate\":\"2027-03-01\"" },
		{ "\"type\":\"daily\",\"interval\":1", "\"type\":\"numbered\",\"startDate\":\"2027-03-02\"" },
		{ "\"type\":\"daily\",\"interval\":1", "\"type\":\"noEnd\",\"startDate\":\"2027-03-03\"" },
		{ "\"type\":\"daily\",\"interval\":1", "\"type\":\"noEnd\"" },
		{ "\"type\":\"weekly\",\"interval\":1,\"daysOfWeek\":[\"friday\"]",
		    "\"type\":\"endDate\",\"startDate\":\"2027-03-02\",\"endDate\":\"2027-03-04\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		json_t *r = series(cases[i].pattern, cases[i].range);

		assert_non_null(series_problem(r, day_of("2027-03-02")));
		json_decref(r);
	}
}

/* A pattern Graph takes, and a range for it. */
static json_t *
random_series(struct rng *rng)
{
	static const char *const types[] = { "daily", "weekly", "absoluteMonthly", "relativeMonthly", "absoluteYearly",
		"relativeYearly" };
	static const char *const days[] = { "sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday" };
	static const char *const indices[] = { "first", "second", "third", "fourth", "last" };
	static const char *const ends[] = { "endDate", "noEnd", "numbered" };
	uint64_t type = rng_below(rng, 6);
	int64_t start = day_of("2026-01-01") + (int64_t)rng_below(rng, 1500);
	char from[LOCAL_DATE_SIZE], to[LOCAL_DATE_SIZE];
	json_t *names = json_array();

	for (int i = 0; i < 7; i++)
		if (rng_below(rng, 3) == 0)
			json_array_append_new(names, json_string(days[i]));
	if (json_array_size(names) == 0)
		json_array_append_new(names, json_string(days[rng_below(rng, 7)]));
	local_date_format(start, from);
	local_date_format(start + (int64_t)rng_below(rng, 800), to);
	return json_pack("{s:{s:s,s:I,s:o,s:s,s:s,s:I,s:I},s:{s:s,s:s,s:s,s:I}}", "pattern", "type", types[type], "interval",
	    1 + (json_int_t)rng_below(rng, 4), "daysOfWeek", names, "firstDayOfWeek", days[rng_below(rng, 7)], "index",
	    indices[rng_below(rng, 5)], "dayOfMonth", 1 + (json_int_t)rng_below(rng, 31), "month",
	    1 + (json_int_t)rng_below(rng, 12), "range", "type", ends[rng_below(rng, 3)], "startDate", from, "endDate", to,
	    "numberOfOccurrences", 1 + (json_int_t)rng_below(rng, 40));
}

/* The daemon counts occurrences in another way: both must come to the same days. */
static void
as_the_daemon_has_it(void **state)
{
	const char *text = getenv("ERGSYNC_TEST_SEED");
	uint64_t seed = 1;
	struct rng rng;
	int compared = 0;

	(void)state;
	if (text != NULL)
		assert_int_equal(parse_u64(text, &seed), ERR_OK);
	print_message("seed %llu\n", (unsigned long long)seed);
	rng = rng_seeded(seed);
	for (int i = 0; i < 1000; i++) {
		json_t *given = random_series(&rng);
		int64_t first = day_of(jx_get_str(jx_get_object(given, "range"), "startDate")), days[64];
		char *shown = json_dumps(given, 0);

		if (series_problem(given, first) == NULL) {
			json_t *normal = series_normal(given);
			struct recurrence_occurrence theirs[64];
			struct recurrence r;
			size_t n = series_days(normal, first, first + 5000, days, 60), their_count = 0;

			assert_int_equal(recurrence_from_json(normal, &r, NULL), ERR_OK);
			recurrence_expand(&r, (struct local_time){ first * LOCAL_DAY_S }, "UTC", first * LOCAL_DAY_S * 1000,
			    (first + 5001) * LOCAL_DAY_S * 1000, theirs, 60, &their_count);
			if (n != their_count)
				fail_msg("%s: %zu days, the daemon has %zu", shown, n, their_count);
			for (size_t k = 0; k < n; k++)
				if (days[k] != local_day(theirs[k].local))
					fail_msg("%s: occurrence %zu differs", shown, k);
			compared++;
			json_decref(normal);
		}
		free(shown);
		json_decref(given);
	}
	assert_true(compared > 500);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(falls_on), cmocka_unit_test(refuses),
		cmocka_unit_test(as_the_daemon_has_it) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
