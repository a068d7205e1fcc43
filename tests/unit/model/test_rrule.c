/* Rules that cannot be said to Graph, or are none, and the reason given for each. */
#include "model/rrule.h"

#include <stdio.h>
#include <string.h>

#include "unit/base/check.h"
#include "unit/base/seed.h"

#define TUESDAY "2026-12-01T17:00:00"

static void
refused_with_a_reason(void **state)
{
	static const struct {
		const char *start, *rule;
		enum err err;
		const char *why; /* part of it */
	} cases[] = {
		{ TUESDAY, "", ERR_MALFORMED, "FREQ is missing" },
		{ TUESDAY, "weekly", ERR_MALFORMED, "no part of" },
		{ TUESDAY, "RRULE;X=1:FREQ=WEEKLY", ERR_MALFORMED, "no part of" },
		{ TUESDAY, "FREQ=WEEKLY;FOO=1", ERR_MALFORMED, "FOO=1" },
		{ TUESDAY, "FREQ=WEEKLY;BYDAY=XX", ERR_MALFORMED, "BYDAY" },
		{ TUESDAY, "FREQ=WEEKLY;BYDAY=", ERR_MALFORMED, "BYDAY" },
		{ TUESDAY, "FREQ=WEEKLY;COUNT=3x", ERR_INVALID, "COUNT" },
		{ TUESDAY, "FREQ=WEEKLY;COUNT=0", ERR_INVALID, "from 1 to 999" },
		{ TUESDAY, "FREQ=WEEKLY;COUNT=1000", ERR_INVALID, "999" },
		{ TUESDAY, "FREQ=WEEKLY;COUNT=99999999999", ERR_INVALID, "999" },
		{ TUESDAY, "FREQ=WEEKLY;COUNT=3;UNTIL=20270101", ERR_MALFORMED, "not by both" },
		{ TUESDAY, "FREQ=WEEKLY;INTERVAL=0", ERR_INVALID, "from 1" },
		{ TUESDAY, "FREQ=WEEKLY;INTERVAL=-1", ERR_INVALID, "INTERVAL" },
		{ TUESDAY, "FREQ=WEEKLY;INTERVAL=100", ERR_UNSUPPORTED, "99" },
		{ TUESDAY, "FREQ=WEEKLY;INTERVAL=70000", ERR_INVALID, "INTERVAL" },
		{ TUESDAY, "FREQ=WEEKLY;FREQ=DAILY", ERR_MALFORMED, "twice" },
		{ TUESDAY, "FREQ=WEEKLY;UNTIL=zzz", ERR_MALFORMED, "20271231T160000Z" },
		{ TUESDAY, "FREQ=WEEKLY;UNTIL=2027-12-31", ERR_MALFORMED, "20271231" },
		{ TUESDAY, "FREQ=WEEKLY;UNTIL=20271231T16", ERR_MALFORMED, "20271231T160000Z" },
		{ TUESDAY, "BYDAY=TU", ERR_MALFORMED, "FREQ is missing" },
		{ TUESDAY, "FREQ=MONTHLY;BYMONTHDAY=40", ERR_MALFORMED, "from 1 to 31" },
		{ TUESDAY, "FREQ=MONTHLY;BYMONTHDAY=0", ERR_MALFORMED, "from 1 to 31" },
		{ TUESDAY, "FREQ=FORTNIGHTLY", ERR_MALFORMED, "FREQ" },
		{ TUESDAY, "FREQ=WEEKLY;UNTIL=20271301", ERR_MALFORMED, "UNTIL" },
		{ TUESDAY, "FREQ=WEEKLY;UNTIL=20261130", ERR_INVALID, "before the first" },
		{ TUESDAY, "FREQ=WEEKLY;UNTIL=20261201T155959Z", ERR_INVALID, "before the first" },
		{ TUESDAY, "FREQ=HOURLY", ERR_UNSUPPORTED, "nothing shorter" },
		{ TUESDAY, "FREQ=DAILY;BYHOUR=9,17", ERR_UNSUPPORTED, "time of day" },
		{ TUESDAY, "FREQ=YEARLY;BYYEARDAY=100", ERR_UNSUPPORTED, "BYMONTH" },
		{ TUESDAY, "FREQ=YEARLY;BYWEEKNO=20", ERR_UNSUPPORTED, "FREQ=WEEKLY" },
		{ TUESDAY, "FREQ=DAILY;INTERVAL=2;BYDAY=TU", ERR_UNSUPPORTED, "FREQ=WEEKLY" },
		{ TUESDAY, "FREQ=DAILY;BYMONTH=12", ERR_UNSUPPORTED, "BYMONTH" },
		{ TUESDAY, "FREQ=WEEKLY;BYDAY=1TU", ERR_UNSUPPORTED, "positions" },
		{ TUESDAY, "FREQ=WEEKLY;BYMONTHDAY=1", ERR_UNSUPPORTED, "BYMONTHDAY" },
		{ TUESDAY, "FREQ=MONTHLY;BYMONTHDAY=1,15", ERR_UNSUPPORTED, "one day a month" },
		{ TUESDAY, "FREQ=MONTHLY;BYMONTHDAY=-2", ERR_UNSUPPORTED, "-1" },
		{ TUESDAY, "FREQ=MONTHLY;BYDAY=TU", ERR_UNSUPPORTED, "FREQ=WEEKLY" },
		{ TUESDAY, "FREQ=MONTHLY;BYDAY=1TU,3TU", ERR_UNSUPPORTED, "one day a month" },
		{ TUESDAY, "FREQ=MONTHLY;BYDAY=5TU", ERR_UNSUPPORTED, "first to fourth" },
		{ TUESDAY, "FREQ=MONTHLY;BYDAY=-2TU", ERR_UNSUPPORTED, "last" },
		{ TUESDAY, "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", ERR_UNSUPPORTED, "join" },
		{ TUESDAY, "FREQ=YEARLY;BYMONTH=6,12", ERR_UNSUPPORTED, "one day a year" },
		{ TUESDAY, "FREQ=YEARLY;BYMONTH=13", ERR_MALFORMED, "from 1 to 12" },
		{ TUESDAY, "FREQ=YEARLY;BYDAY=20MO", ERR_UNSUPPORTED, "BYMONTH" },
		{ "2027-01-31T18:00:00", "FREQ=MONTHLY", ERR_UNSUPPORTED, "BYMONTHDAY=-1" },
		{ "2027-01-29T18:00:00", "FREQ=MONTHLY;BYMONTHDAY=29", ERR_UNSUPPORTED, "day 29" },
		{ "2028-02-29T18:00:00", "FREQ=YEARLY", ERR_UNSUPPORTED, "day 29" },
		{ TUESDAY, "RSCALE=HEBREW;FREQ=MONTHLY", ERR_UNSUPPORTED, "GREGORIAN" },
		{ TUESDAY, "FREQ=WEEKLY;BYDAY=MO", ERR_INVALID, "start is not a day of this rule" },
		{ TUESDAY, "FREQ=MONTHLY;BYDAY=2TU", ERR_INVALID, "start is not a day of this rule" },
		{ TUESDAY, "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", ERR_UNSUPPORTED, "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct local_time start;
		struct recurrence r;
		char why[480];
		enum err e;

		assert_int_equal(local_time_parse(cases[i].start, &start), ERR_OK);
		e = rrule_read(cases[i].rule, start, "Europe/Warsaw", &r, why, sizeof(why));
		if (e != cases[i].err || strstr(why, cases[i].why) == NULL || strlen(why) < 20)
			fail_msg("%s: %s: %s", cases[i].rule, err_name(e), why);
	}
}

/* Whatever comes: an answer, and a reason whenever it is no. */
static void
random_texts(void **state)
{
	static const char *const words[] = { "FREQ=", "DAILY", "WEEKLY", "MONTHLY", "YEARLY", ";", ";", ";", "BYDAY=", "MO", "TU",
		",", "1", "-1", "2TU", "BYMONTHDAY=", "31", "COUNT=", "UNTIL=", "20270101", "T170000Z",
		"INTERVAL=", "BYSETPOS=", "BYMONTH=", "99", "=", "SKIP=BACKWARD", "RSCALE=GREGORIAN", "WKST=", "SU", "\xc3\xa4",
		"\x01", "0" };
	struct rng rng = test_rng("rules");
	struct local_time start;

	(void)state;
	assert_int_equal(local_time_parse(TUESDAY, &start), ERR_OK);
	for (int i = 0; i < 20000; i++) {
		char rule[512] = "", why[480];
		struct recurrence r;
		enum err e;

		for (uint64_t n = rng_below(&rng, 14); n > 0; n--)
			strncat(rule, words[rng_below(&rng, COUNT(words))], sizeof(rule) - strlen(rule) - 1);
		e = rrule_read(rule, start, "Europe/Warsaw", &r, why, sizeof(why));
		if ((e == ERR_OK) != (why[0] == '\0'))
			fail_msg("%s: %s: %s", rule, err_name(e), why);
	}
}

static void
a_whole_property_means_the_same(void **state)
{
	struct recurrence bare, whole;
	struct local_time start;
	char why[480];

	(void)state;
	assert_int_equal(local_time_parse(TUESDAY, &start), ERR_OK);
	assert_int_equal(rrule_read("FREQ=WEEKLY;COUNT=3", start, "Europe/Warsaw", &bare, why, sizeof(why)), ERR_OK);
	assert_int_equal(rrule_read("RRULE:FREQ=WEEKLY;COUNT=3", start, "Europe/Warsaw", &whole, why, sizeof(why)), ERR_OK);
	assert_memory_equal(&bare, &whole, sizeof(bare));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused_with_a_reason),
		cmocka_unit_test(a_whole_property_means_the_same),
		cmocka_unit_test(random_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
