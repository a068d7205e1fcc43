/* Zones against glibc's reading of the same data, and local times about the changes of clocks. */
#include "model/time_zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/timestamp.h"
#include "model/windows_zone.h"
#include "unit/base/check.h"
#include "unit/base/seed.h"

#define ZONE_LIST "/usr/share/zoneinfo/zone.tab"
#define FIRST_S   INT64_C(946684800)  /* 2000 */
#define LAST_S    INT64_C(2840140800) /* 2060 */
#define STEP_S    (21 * 86400)

static void
use_zone(const char *name)
{
	assert_int_equal(setenv("TZ", name, 1), 0);
	tzset();
}

static int64_t
glibc_offset(int64_t unix_s)
{
	time_t t = (time_t)unix_s;
	struct tm tm;

	assert_non_null(localtime_r(&t, &tm));
	return tm.tm_gmtoff;
}

static int64_t
our_offset(const char *name, int64_t unix_s)
{
	struct local_time local;

	assert_int_equal(time_zone_to_local(name, unix_s * 1000, &local), ERR_OK);
	return local.s - unix_s;
}

static void
check_offset(const char *name, int64_t unix_s)
{
	char text[TIMESTAMP_SIZE];

	if (our_offset(name, unix_s) == glibc_offset(unix_s))
		return;
	timestamp_format(unix_s * 1000, text);
	fail_msg(
	    "%s at %s: %lld, glibc has %lld", name, text, (long long)our_offset(name, unix_s), (long long)glibc_offset(unix_s));
}

/* The second glibc's offset changes between low and high. */
static int64_t
change_between(int64_t low, int64_t high)
{
	int64_t before = glibc_offset(low);

	while (high - low > 1) {
		int64_t middle = low + (high - low) / 2;

		if (glibc_offset(middle) == before)
			low = middle;
		else
			high = middle;
	}
	return high;
}

static void
check_zone(const char *name)
{
	use_zone(name);
	for (int64_t t = FIRST_S; t < LAST_S; t += STEP_S) {
		check_offset(name, t);
		if (glibc_offset(t) != glibc_offset(t + STEP_S)) {
			int64_t change = change_between(t, t + STEP_S);

			check_offset(name, change - 1);
			check_offset(name, change);
		}
	}
}

static void
each_zone(void (*check)(const char *name))
{
	FILE *list = fopen(ZONE_LIST, "r");
	char line[256], name[TIME_ZONE_SIZE];
	int count = 0;

	assert_non_null(list);
	while (fgets(line, sizeof(line), list) != NULL)
		if (line[0] != '#' && sscanf(line, "%*s %*s %63s", name) == 1) {
			check(name);
			count++;
		}
	fclose(list);
	assert_true(count > 300);
}

static void
test_every_zone_as_glibc_has_it(void **state)
{
	(void)state;
	each_zone(check_zone);
	check_zone("UTC");
	check_zone("Etc/GMT+5");
}

/* Whatever local time: the instant shows it again, unless the clocks jumped over it, and no earlier instant does. */
static void
check_round_trip(const char *name)
{
	static struct rng rng;
	static bool seeded;

	if (!seeded) {
		rng = test_rng("local times");
		seeded = true;
	}
	for (int i = 0; i < 50; i++) {
		struct local_time local = { FIRST_S + (int64_t)rng_below(&rng, LAST_S - FIRST_S) }, back;
		enum time_zone_fit fit;
		int64_t ms;

		local.s -= i % 2 == 0 ? local.s % 900 : 0;
		assert_int_equal(time_zone_to_utc(name, local, &ms, &fit), ERR_OK);
		assert_int_equal(time_zone_to_local(name, ms, &back), ERR_OK);
		if (fit == TIME_ZONE_SKIPPED)
			assert_true(back.s > local.s);
		else
			assert_int_equal(back.s, local.s);
		for (int64_t s = ms / 1000 - 7200; s < ms / 1000; s += 900) {
			assert_int_equal(time_zone_to_local(name, s * 1000, &back), ERR_OK);
			assert_true(back.s != local.s);
		}
	}
}

static void
test_random_local_times_in_every_zone(void **state)
{
	(void)state;
	each_zone(check_round_trip);
}

static void
test_times_about_the_changes(void **state)
{
	static const struct {
		const char *zone, *local, *utc;
		enum time_zone_fit fit;
	} cases[] = {
		{ "Europe/Warsaw", "2027-03-28T01:59:59", "2027-03-28T00:59:59Z", TIME_ZONE_ONCE },
		{ "Europe/Warsaw", "2027-03-28T02:30:00", "2027-03-28T01:30:00Z", TIME_ZONE_SKIPPED },
		{ "Europe/Warsaw", "2027-03-28T03:00:00", "2027-03-28T01:00:00Z", TIME_ZONE_ONCE },
		{ "Europe/Warsaw", "2027-10-31T02:30:00", "2027-10-31T00:30:00Z", TIME_ZONE_TWICE },
		{ "Europe/Warsaw", "2027-10-31T03:00:00", "2027-10-31T02:00:00Z", TIME_ZONE_ONCE },
		{ "America/New_York", "2027-03-14T02:30:00", "2027-03-14T07:30:00Z", TIME_ZONE_SKIPPED },
		{ "America/New_York", "2027-11-07T01:30:00", "2027-11-07T05:30:00Z", TIME_ZONE_TWICE },
		{ "Australia/Sydney", "2027-10-03T02:30:00", "2027-10-02T16:30:00Z", TIME_ZONE_SKIPPED },
		{ "Australia/Sydney", "2027-04-04T02:30:00", "2027-04-03T15:30:00Z", TIME_ZONE_TWICE },
		{ "Australia/Lord_Howe", "2027-10-03T02:15:00", "2027-10-02T15:45:00Z", TIME_ZONE_SKIPPED },
		{ "Pacific/Apia", "2011-12-30T12:00:00", "2011-12-30T22:00:00Z", TIME_ZONE_SKIPPED }, /* a day that was not */
		{ "Asia/Kolkata", "2027-07-01T09:00:00", "2027-07-01T03:30:00Z", TIME_ZONE_ONCE },
		{ "America/Santiago", "2050-01-15T12:00:00", "2050-01-15T15:00:00Z", TIME_ZONE_ONCE },
		{ "America/St_Johns", "2040-07-01T12:00:00", "2040-07-01T14:30:00Z", TIME_ZONE_ONCE },
		{ "UTC", "2026-12-01T17:00:00", "2026-12-01T17:00:00Z", TIME_ZONE_ONCE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[TIMESTAMP_SIZE];
		struct local_time local;
		enum time_zone_fit fit;
		int64_t ms;

		assert_int_equal(local_time_parse(cases[i].local, &local), ERR_OK);
		assert_int_equal(time_zone_to_utc(cases[i].zone, local, &ms, &fit), ERR_OK);
		timestamp_format(ms, text);
		if (strcmp(text, cases[i].utc) != 0 || fit != cases[i].fit)
			fail_msg("%s %s: %s (%d)", cases[i].zone, cases[i].local, text, (int)fit);
	}
}

static void
test_names(void **state)
{
	static const char *const unknown[] = { "", "europe/warsaw", "Europe", "Europe/", "/etc/passwd", "../../etc/passwd",
		"Europe/../UTC", "Mars/Olympus", "posix/UTC", "right/UTC", "posixrules", "zone.tab", "CET-1CEST",
		"Europe/Warsaw_and_a_name_that_is_longer_than_any_name_of_any_place_there_is" };

	(void)state;
	for (size_t i = 0; i < COUNT(unknown); i++)
		if (time_zone_known(unknown[i]))
			fail_msg("%s should be no zone", unknown[i]);
	assert_false(time_zone_known(NULL));
	assert_true(time_zone_known("America/Argentina/Buenos_Aires"));
	assert_string_equal(time_zone_resolve("Central European Standard Time"), "Europe/Warsaw");
	assert_string_equal(time_zone_resolve("w. europe standard time"), "Europe/Berlin");
	assert_string_equal(time_zone_resolve("tzone://Microsoft/Utc"), "UTC");
	assert_string_equal(time_zone_resolve("Europe/Kyiv"), "Europe/Kyiv");
	assert_null(time_zone_resolve("tzone://Microsoft/Custom"));
	assert_null(time_zone_resolve("Customized Time Zone"));
	for (size_t i = 0; i < windows_zone_count(); i++) {
		const char *windows, *iana;

		windows_zone_row(i, &windows, &iana);
		if (!time_zone_known(iana))
			fail_msg("%s leads to %s, which the system does not know", windows, iana);
	}
}

static void
test_zones_that_are_alike(void **state)
{
	const int64_t now_ms = INT64_C(1795305600000); /* 22 November 2026 */

	(void)state;
	assert_true(time_zone_same("Europe/Rome", "Europe/Berlin", now_ms));
	assert_true(time_zone_same("UTC", "Etc/UTC", now_ms));
	assert_false(time_zone_same("Europe/Warsaw", "Africa/Lagos", now_ms));
	assert_false(time_zone_same("Europe/Warsaw", "Nowhere", now_ms));
	assert_false(time_zone_same("America/Phoenix", "America/Denver", now_ms));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_zone_as_glibc_has_it),
		cmocka_unit_test(test_random_local_times_in_every_zone),
		cmocka_unit_test(test_times_about_the_changes),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_zones_that_are_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
