/*
 * Series: each rule against libical's own reading of it and glibc's of the zone; and random ones, day by day, against what Graph's words
 * mean.
 */
#include "model/recurrence.h"

#include <libical/ical.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/timestamp.h"
#include "model/recurrence_json.h"
#include "model/rrule.h"
#include "unit/base/check.h"
#include "unit/base/seed.h"

#define OCCURRENCES 40

/* --- the system's zone data --- */

static void
use_zone(const char *name)
{
	assert_int_equal(setenv("TZ", name, 1), 0);
	tzset();
}

static struct tm
tm_of(struct local_time t)
{
	int year, month, day;
	int64_t s = local_second_of_day(t);

	local_date_split(local_day(t), &year, &month, &day);
	return (struct tm){ .tm_year = year - 1900,
		.tm_mon = month - 1,
		.tm_mday = day,
		.tm_hour = (int)(s / 3600),
		.tm_min = (int)(s / 60 % 60),
		.tm_sec = (int)(s % 60) };
}

static bool
shows(time_t t, const struct tm *want)
{
	struct tm tm;

	assert_non_null(localtime_r(&t, &tm));
	return tm.tm_mday == want->tm_mday && tm.tm_hour == want->tm_hour && tm.tm_min == want->tm_min;
}

/* By RFC 5545: of two the first; of none, with the offset before, which gives the later one. */
static int64_t
glibc_instant(struct local_time local)
{
	struct tm want = tm_of(local), a = want, b = want;
	time_t standard, daylight;
	bool standard_fits, daylight_fits;

	a.tm_isdst = 0;
	b.tm_isdst = 1;
	standard = mktime(&a);
	daylight = mktime(&b);
	standard_fits = shows(standard, &want);
	daylight_fits = shows(daylight, &want);
	if (standard_fits != daylight_fits)
		return standard_fits ? standard : daylight;
	return standard_fits ? (standard < daylight ? standard : daylight) : (standard > daylight ? standard : daylight);
}

/* --- the table --- */

static const struct {
	const char *zone, *start, *rule, *graph, *spot; /* spot: one of its instants, worked out by hand; NULL = none */
} cases[] = {
	/* north, in and out of summer time */
	{ "Europe/Warsaw", "2026-10-20T17:00:00", "FREQ=WEEKLY", "weekly", "2026-10-27T16:00:00Z" },
	{ "Europe/Warsaw", "2027-03-23T17:00:00", "FREQ=WEEKLY;COUNT=4", "weekly", "2027-03-30T15:00:00Z" },
	{ "Europe/Warsaw", "2027-03-27T02:30:00", "FREQ=DAILY;COUNT=3", "daily", "2027-03-28T01:30:00Z" },
	{ "Europe/Warsaw", "2027-10-30T02:30:00", "FREQ=DAILY;COUNT=3", "daily", "2027-10-31T00:30:00Z" },
	{ "Europe/London", "2027-03-27T01:15:00", "FREQ=DAILY;COUNT=4", "daily", "2027-03-28T01:15:00Z" },
	{ "Europe/Dublin", "2026-10-24T09:00:00", "FREQ=DAILY;UNTIL=20261027", "daily", "2026-10-25T09:00:00Z" },
	{ "Europe/Lisbon", "2026-10-19T23:30:00", "FREQ=WEEKLY;BYDAY=MO,FR", "weekly", "2026-10-26T23:30:00Z" },
	{ "America/New_York", "2026-10-27T12:00:00", "FREQ=WEEKLY;BYDAY=TU,TH;COUNT=8", "weekly", "2026-11-03T17:00:00Z" },
	{ "America/New_York", "2027-03-13T02:30:00", "FREQ=DAILY;COUNT=2", "daily", "2027-03-14T07:30:00Z" },
	{ "America/Chicago", "2026-11-01T01:30:00", "FREQ=MONTHLY", "absoluteMonthly", "2026-11-01T06:30:00Z" },
	{ "America/Los_Angeles", "2027-03-08T08:00:00", "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", "weekly", "2027-03-15T15:00:00Z" },
	{ "America/St_Johns", "2038-03-10T10:00:00", "FREQ=WEEKLY;COUNT=3", "weekly", "2038-03-17T12:30:00Z" },
	{ "Asia/Jerusalem", "2027-03-24T10:00:00", "FREQ=DAILY;COUNT=5", "daily", "2027-03-26T07:00:00Z" },
	{ "Africa/Cairo", "2027-04-28T20:00:00", "FREQ=DAILY;COUNT=4", "daily", NULL },
	{ "Atlantic/Azores", "2027-03-27T00:30:00", "FREQ=DAILY;COUNT=3", "daily", "2027-03-28T01:30:00Z" },
	{ "America/Havana", "2026-03-07T00:30:00", "FREQ=DAILY;COUNT=3", "daily", "2026-03-08T05:30:00Z" },
	/* south */
	{ "Australia/Sydney", "2027-03-29T09:00:00", "FREQ=WEEKLY;COUNT=3", "weekly", "2027-04-04T23:00:00Z" },
	{ "Australia/Sydney", "2027-10-02T02:30:00", "FREQ=DAILY;COUNT=3", "daily", "2027-10-02T16:30:00Z" },
	{ "Australia/Lord_Howe", "2027-04-03T01:45:00", "FREQ=DAILY;COUNT=3", "daily", "2027-04-03T14:45:00Z" },
	{ "Pacific/Auckland", "2027-09-20T08:00:00", "FREQ=WEEKLY;BYDAY=MO;COUNT=3", "weekly", "2027-09-26T19:00:00Z" },
	{ "Pacific/Chatham", "2027-04-02T12:00:00", "FREQ=DAILY;COUNT=4", "daily", NULL },
	{ "America/Santiago", "2027-04-01T18:00:00", "FREQ=WEEKLY;COUNT=3", "weekly", "2027-04-08T22:00:00Z" },
	{ "Pacific/Easter", "2027-09-01T07:00:00", "FREQ=WEEKLY;COUNT=3", "weekly", NULL },
	{ "America/Asuncion", "2027-03-20T09:00:00", "FREQ=WEEKLY;COUNT=3", "weekly", NULL },
	/* no summer time, odd offsets, a changing month of fasting */
	{ "Asia/Kolkata", "2026-12-01T09:00:00", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU;COUNT=6", "weekly", "2026-12-15T03:30:00Z" },
	{ "Asia/Kathmandu", "2026-12-31T09:00:00", "FREQ=DAILY;INTERVAL=3;COUNT=5", "daily", "2027-01-03T03:15:00Z" },
	{ "Africa/Casablanca", "2027-02-05T10:00:00", "FREQ=WEEKLY;COUNT=10", "weekly", NULL },
	{ "America/Phoenix", "2027-03-10T10:00:00", "FREQ=WEEKLY;COUNT=2", "weekly", "2027-03-17T17:00:00Z" },
	{ "UTC", "2026-12-01T17:00:00", "FREQ=YEARLY;COUNT=5", "absoluteYearly", "2027-12-01T17:00:00Z" },
	/* whole days: midnight to midnight, 23 or 25 hours long */
	{ "Europe/Warsaw", "2027-03-27T00:00:00", "FREQ=DAILY;COUNT=3", "daily", "2027-03-28T22:00:00Z" },
	{ "Europe/Warsaw", "2026-10-24T00:00:00", "FREQ=DAILY;COUNT=3", "daily", "2026-10-25T23:00:00Z" },
	{ "America/Sao_Paulo", "2027-02-20T00:00:00", "FREQ=WEEKLY;COUNT=3", "weekly", "2027-02-27T03:00:00Z" },
	{ "Asia/Beirut", "2027-03-27T00:00:00", "FREQ=DAILY;COUNT=3", "daily", "2027-03-27T22:00:00Z" }, /* no midnight */
	/* months: the 31st, the last one, the second Tuesday */
	{ "Europe/Warsaw", "2027-01-31T18:00:00", "FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=14", "absoluteMonthly",
	    "2027-02-28T17:00:00Z" },
	{ "Europe/Warsaw", "2027-01-31T18:00:00", "RSCALE=GREGORIAN;FREQ=MONTHLY;SKIP=BACKWARD;BYMONTHDAY=31", "absoluteMonthly",
	    "2027-04-30T16:00:00Z" },
	{ "Europe/Warsaw", "2027-01-30T18:00:00", "FREQ=MONTHLY;BYMONTHDAY=28,29,30;BYSETPOS=-1;COUNT=5", "absoluteMonthly",
	    "2027-02-28T17:00:00Z" },
	{ "Europe/Warsaw", "2028-01-29T18:00:00", "FREQ=MONTHLY;BYMONTHDAY=28,29;BYSETPOS=-1;COUNT=5", "absoluteMonthly",
	    "2028-02-29T17:00:00Z" },
	{ "Europe/Warsaw", "2027-01-31T18:00:00", "FREQ=MONTHLY;INTERVAL=12;COUNT=4", "absoluteMonthly", "2028-01-31T17:00:00Z" },
	{ "America/New_York", "2026-10-13T19:00:00", "FREQ=MONTHLY;BYDAY=2TU;COUNT=6", "relativeMonthly",
	    "2026-11-11T00:00:00Z" },
	{ "America/New_York", "2026-10-30T10:00:00", "FREQ=MONTHLY;BYDAY=-1FR", "relativeMonthly", "2026-11-27T15:00:00Z" },
	{ "Europe/Berlin", "2026-11-30T16:00:00", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "relativeMonthly",
	    "2027-01-29T15:00:00Z" },
	{ "Europe/Berlin", "2026-12-01T08:00:00", "FREQ=MONTHLY;INTERVAL=3;BYDAY=TU;BYSETPOS=1;UNTIL=20271231", "relativeMonthly",
	    "2027-03-02T07:00:00Z" },
	/* years */
	{ "Europe/Berlin", "2028-02-29T12:00:00", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1;COUNT=6", "absoluteYearly",
	    "2029-02-28T11:00:00Z" },
	{ "America/New_York", "2026-11-26T15:00:00", "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", "relativeYearly",
	    "2027-11-25T20:00:00Z" },
	{ "Europe/Warsaw", "2027-03-28T02:30:00", "FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU;COUNT=5", "relativeYearly",
	    "2027-03-28T01:30:00Z" },
	/* weeks that begin on another day */
	{ "America/New_York", "2026-11-22T09:00:00", "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;WKST=SU;COUNT=7", "weekly",
	    "2026-11-23T14:00:00Z" },
	{ "Europe/Warsaw", "2026-11-23T09:00:00", "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;WKST=MO;COUNT=7", "weekly",
	    "2026-11-29T08:00:00Z" },
};

/* libical's own reading of the rule as it was given, in wall clock time. */
static size_t
libical_locals(const char *rule, const char *start, struct local_time *ret, size_t max)
{
	struct icalrecurrencetype r = icalrecurrencetype_from_string(rule);
	struct icalrecur_iterator_impl *it;
	struct icaltimetype at;
	char compact[32];
	size_t n = 0;

	snprintf(compact, sizeof(compact), "%.4s%.2s%.5s%.2s%.2s", start, start + 5, start + 8, start + 14, start + 17);
	/* A date is an end for dates: of times it would cut off the last day's. */
	if (!icaltime_is_null_time(r.until) && r.until.is_date) {
		r.until.is_date = 0;
		r.until.hour = 23;
		r.until.minute = r.until.second = 59;
	}
	it = icalrecur_iterator_new(r, icaltime_from_string(compact));
	assert_non_null(it);
	for (at = icalrecur_iterator_next(it); n < max && !icaltime_is_null_time(at); at = icalrecur_iterator_next(it)) {
		char text[64];

		snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d", at.year, at.month, at.day, at.hour, at.minute,
		    at.second);
		assert_int_equal(local_time_parse(text, &ret[n++]), ERR_OK);
	}
	icalrecur_iterator_free(it);
	free(r.rscale);
	return n;
}

static void
check_case(size_t i)
{
	struct recurrence_occurrence ours[OCCURRENCES];
	struct local_time theirs[OCCURRENCES], start;
	struct recurrence r;
	size_t count, their_count;
	bool spotted = cases[i].spot == NULL;
	char why[480];

	assert_int_equal(local_time_parse(cases[i].start, &start), ERR_OK);
	if (rrule_read(cases[i].rule, start, cases[i].zone, &r, why, sizeof(why)) != ERR_OK)
		fail_msg("%s: %s", cases[i].rule, why);
	assert_string_equal(recurrence_type_names[r.type], cases[i].graph);
	(void)recurrence_expand(&r, start, cases[i].zone, INT64_MIN, INT64_MAX, ours, OCCURRENCES, &count);
	their_count = libical_locals(cases[i].rule, cases[i].start, theirs, OCCURRENCES);
	if (count != their_count)
		fail_msg("%s from %s: %zu, libical has %zu", cases[i].rule, cases[i].start, count, their_count);
	use_zone(cases[i].zone);
	for (size_t n = 0; n < count; n++) {
		char text[TIMESTAMP_SIZE];

		timestamp_format(ours[n].unix_ms, text);
		spotted |= cases[i].spot != NULL && strcmp(text, cases[i].spot) == 0;
		if (ours[n].local.s != theirs[n].s || ours[n].unix_ms / 1000 != glibc_instant(theirs[n]))
			fail_msg("%s %s from %s: occurrence %zu is %s", cases[i].zone, cases[i].rule, cases[i].start, n, text);
	}
	if (!spotted)
		fail_msg("%s %s from %s: no occurrence at %s", cases[i].zone, cases[i].rule, cases[i].start, cases[i].spot);
}

static void
zones_and_rules_as_libical_and_the_system_have_them(void **state)
{
	(void)state;
	assert_true(COUNT(cases) >= 40);
	for (size_t i = 0; i < COUNT(cases); i++)
		check_case(i);
	printf("%zu cases\n", COUNT(cases));
}

/* --- there and back --- */

static void
check_both_ways(const struct recurrence *r, struct local_time start)
{
	char rule[RRULE_SIZE], again[RRULE_SIZE], zone[TIME_ZONE_SIZE], why[480];
	struct recurrence back;
	json_t *json;

	recurrence_to_rrule(r, rule);
	if (rrule_read(rule, start, "Europe/Warsaw", &back, why, sizeof(why)) != ERR_OK)
		fail_msg("%s: %s", rule, why);
	recurrence_to_rrule(&back, again);
	assert_string_equal(again, rule);
	if (!recurrence_equal(r, &back))
		fail_msg("%s has another meaning when it is read", rule);
	recurrence_show(r, start, "Europe/Warsaw", rule);
	if (rrule_read(rule, start, "Europe/Warsaw", &back, why, sizeof(why)) != ERR_OK || !recurrence_equal(r, &back))
		fail_msg("%s as shown has another meaning: %s", rule, why);
	json = recurrence_to_json(r, "Europe/Warsaw");
	assert_non_null(json);
	assert_int_equal(recurrence_from_json(json, &back, zone), ERR_OK);
	assert_true(recurrence_equal(r, &back));
	assert_string_equal(zone, "Europe/Warsaw");
	json_decref(json);
}

static int
month_len(int64_t day)
{
	int year, month, mday;

	local_date_split(day, &year, &month, &mday);
	return (
	    int)((month == 12 ? local_date_make(year + 1, 1) : local_date_make(year, month + 1)) - local_date_make(year, month));
}

/* Is day the one of the month that index and days mean? Counted day by day. */
static bool
is_relative(const struct recurrence *r, int64_t day, int mday)
{
	int seen = 0;

	if (!(r->days & 1u << local_weekday(day)))
		return false;
	if (r->index == RECURRENCE_LAST) {
		for (int d = mday + 1; d <= month_len(day); d++)
			seen += (r->days & 1u << local_weekday(day + d - mday)) != 0;
		return seen == 0;
	}
	for (int d = 1; d < mday; d++)
		seen += (r->days & 1u << local_weekday(day + d - mday)) != 0;
	return seen == (int)r->index;
}

static int64_t
week_of(const struct recurrence *r, int64_t day)
{
	return day - (local_weekday(day) - r->first_day + 7) % 7;
}

/* Graph's words, taken by themselves: does the pattern have this day? */
static bool
pattern_has(const struct recurrence *r, int64_t day)
{
	int year, month, mday, year0, month0, mday0, wanted, months;

	local_date_split(day, &year, &month, &mday);
	local_date_split(r->start_day, &year0, &month0, &mday0);
	wanted = r->day_of_month < month_len(day) ? r->day_of_month : month_len(day);
	months = (year - year0) * 12 + month - month0;
	switch (r->type) {
	case RECURRENCE_DAILY: return (day - r->start_day) % r->interval == 0;
	case RECURRENCE_WEEKLY:
		return r->days & 1u << local_weekday(day) && (week_of(r, day) - week_of(r, r->start_day)) / 7 % r->interval == 0;
	case RECURRENCE_ABSOLUTE_MONTHLY: return months % r->interval == 0 && mday == wanted;
	case RECURRENCE_RELATIVE_MONTHLY: return months % r->interval == 0 && is_relative(r, day, mday);
	case RECURRENCE_ABSOLUTE_YEARLY: return (year - year0) % r->interval == 0 && month == r->month && mday == wanted;
	case RECURRENCE_RELATIVE_YEARLY:
		return (year - year0) % r->interval == 0 && month == r->month && is_relative(r, day, mday);
	}
	return false;
}

static struct recurrence
random_recurrence(struct rng *rng)
{
	struct recurrence r = {
		.type = (enum recurrence_type)rng_below(rng, 6),
		.interval = 1 + (int)rng_below(rng, rng_below(rng, 2) ? 1 : 5),
		.days = 1 + (unsigned)rng_below(rng, 127),
		.first_day = (int)rng_below(rng, 7),
		.index = (enum recurrence_index)rng_below(rng, 5),
		.day_of_month = 1 + (int)rng_below(rng, 31),
		.month = 1 + (int)rng_below(rng, 12),
		.end = (enum recurrence_end)rng_below(rng, 3),
		.start_day = 20000 + (int64_t)rng_below(rng, 4000),
		.count = 1 + (int)rng_below(rng, 30),
	};

	/* The fourth of seven days that all count is there in every month; the fourth of none is not. */
	for (int i = 0; i < 4000 && !pattern_has(&r, r.start_day); i++)
		r.start_day++;
	r.end_day = r.start_day + (int64_t)rng_below(rng, 1500);
	return r;
}

static void
check_days(const struct recurrence *r, struct local_time start)
{
	struct recurrence_occurrence list[OCCURRENCES];
	size_t count, n = 0;

	(void)recurrence_expand(r, start, "UTC", INT64_MIN, INT64_MAX, list, OCCURRENCES, &count);
	for (int64_t day = r->start_day; day < r->start_day + 4000 && n < OCCURRENCES; day++) {
		if ((r->end == RECURRENCE_END_DATE && day > r->end_day) || (r->end == RECURRENCE_NUMBERED && (int)n == r->count))
			break;
		if (!pattern_has(r, day))
			continue;
		if (n == count || local_day(list[n].local) != day) {
			char rule[RRULE_SIZE], date[LOCAL_DATE_SIZE];

			recurrence_to_rrule(r, rule);
			local_date_format(day, date);
			fail_msg("%s: occurrence %zu should be %s", rule, n, date);
		}
		n++;
	}
}

static void
random_series_day_by_day(void **state)
{
	struct rng rng = test_rng("series");

	(void)state;
	for (int i = 0; i < 300; i++) {
		struct recurrence r = random_recurrence(&rng);
		struct local_time start = { r.start_day * LOCAL_DAY_S + (int64_t)rng_below(&rng, 86400) };

		check_days(&r, start);
		check_both_ways(&r, start);
	}
}

static void
equal_by_meaning(void **state)
{
	static const struct {
		const char *a, *b;
		bool equal;
	} pairs[] = {
		{ "FREQ=WEEKLY", "FREQ=WEEKLY;BYDAY=TU", true },
		{ "FREQ=WEEKLY", "freq=weekly;interval=1;wkst=su", true },
		{ "FREQ=WEEKLY;UNTIL=20270105", "FREQ=WEEKLY;UNTIL=20270111T170000Z",
		    true }, /* a Tuesday, and the Monday after */
		{ "FREQ=WEEKLY;UNTIL=20270105", "FREQ=WEEKLY;UNTIL=20270112T160000Z", false },
		{ "FREQ=WEEKLY;UNTIL=20270112T155959Z", "FREQ=WEEKLY;UNTIL=20270105", true }, /* a second before the meeting */
		{ "FREQ=DAILY;BYDAY=TU", "FREQ=WEEKLY", true },
		{ "FREQ=MONTHLY", "FREQ=MONTHLY;BYMONTHDAY=1", true },
		{ "FREQ=MONTHLY", "FREQ=MONTHLY;BYDAY=1TU", false },
		{ "FREQ=MONTHLY;BYDAY=1TU", "FREQ=MONTHLY;BYDAY=TU;BYSETPOS=1", true },
		{ "FREQ=YEARLY", "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=1", true },
		{ "FREQ=WEEKLY;COUNT=3", "FREQ=WEEKLY;COUNT=4", false },
		{ "FREQ=WEEKLY;INTERVAL=2", "FREQ=WEEKLY", false },
	};
	struct local_time start;

	(void)state;
	assert_int_equal(local_time_parse("2026-12-01T17:00:00", &start), ERR_OK);
	for (size_t i = 0; i < COUNT(pairs); i++) {
		struct recurrence a, b;
		char why[480];

		if (rrule_read(pairs[i].a, start, "Europe/Warsaw", &a, why, sizeof(why)) != ERR_OK ||
		    rrule_read(pairs[i].b, start, "Europe/Warsaw", &b, why, sizeof(why)) != ERR_OK)
			fail_msg("%s, %s: %s", pairs[i].a, pairs[i].b, why);
		if (recurrence_equal(&a, &b) != pairs[i].equal)
			fail_msg("%s and %s", pairs[i].a, pairs[i].b);
	}
}

static void
shown_with_the_last_start_in_utc(void **state)
{
	struct local_time start;
	struct recurrence r;
	char rule[RRULE_SIZE], why[480];

	(void)state;
	assert_int_equal(local_time_parse("2027-03-02T17:00:00", &start), ERR_OK);
	assert_int_equal(rrule_read("FREQ=WEEKLY;UNTIL=20270629", start, "Europe/Warsaw", &r, why, sizeof(why)), ERR_OK);
	recurrence_show(&r, start, "Europe/Warsaw", rule);
	assert_string_equal(rule, "FREQ=WEEKLY;BYDAY=TU;UNTIL=20270629T150000Z");
	recurrence_to_rrule(&r, rule);
	assert_string_equal(rule, "FREQ=WEEKLY;BYDAY=TU;UNTIL=20270629");
}

/* As Graph sends it, with members that say nothing. */
static void
graphs_json(void **state)
{
	static const struct {
		const char *json, *rule; /* NULL: not understood */
	} texts[] = {
		{ "{'pattern':{'type':'weekly','interval':1,'month':0,'dayOfMonth':0,'daysOfWeek':['monday'],'firstDayOfWeek':'"
		  "sunday',"
		  "'index':'first'},'range':{'type':'endDate','startDate':'2026-03-02','endDate':'2026-06-29','"
		  "recurrenceTimeZone':'W. "
		  "Europe Standard Time','numberOfOccurrences':0}}",
		    "FREQ=WEEKLY;BYDAY=MO;UNTIL=20260629" },
		{ "{'pattern':{'type':'AbsoluteMonthly','interval':2,'month':0,'dayOfMonth':31,'daysOfWeek':[],'index':'first'},'"
		  "range':{"
		  "'type':'NoEnd','startDate':'2026-03-31','endDate':'0001-01-01'}}",
		    "FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=-1" },
		{ "{'pattern':{'type':'relativeYearly','interval':1,'month':11,'daysOfWeek':['Thursday'],'index':'fourth'},'"
		  "range':{"
		  "'type':'numbered','startDate':'2026-11-26','numberOfOccurrences':3}}",
		    "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH;COUNT=3" },
		{ "{'pattern':{'type':'hourly','interval':1},'range':{'type':'noEnd','startDate':'2026-03-31'}}", NULL },
		{ "{'pattern':{'type':'weekly','interval':1,'daysOfWeek':['someday']},'range':{'type':'noEnd','startDate':'2026-"
		  "03-31'}}",
		    NULL },
		{ "{'pattern':{'type':'daily','interval':0},'range':{'type':'noEnd','startDate':'2026-03-31'}}", NULL },
		{ "{'pattern':{'type':'daily','interval':1},'range':{'type':'endDate','startDate':'2026-03-31'}}", NULL },
		{ "{'pattern':{'type':'daily','interval':1}}", NULL },
		{ "{}", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		json_t *json;
		char text[1024], rule[RRULE_SIZE];
		struct recurrence r;
		enum err e;

		snprintf(text, sizeof(text), "%s", texts[i].json);
		for (char *c = text; *c != '\0'; c++)
			*c = *c == '\'' ? '"' : *c;
		json = json_loads(text, 0, NULL);
		assert_non_null(json);
		e = recurrence_from_json(json, &r, NULL);
		json_decref(json);
		assert_int_equal(e, texts[i].rule != NULL ? ERR_OK : ERR_UNEXPECTED);
		if (texts[i].rule == NULL)
			continue;
		recurrence_to_rrule(&r, rule);
		assert_string_equal(rule, texts[i].rule);
	}
}

static void
windows_of_a_series(void **state)
{
	struct recurrence_occurrence list[3];
	struct local_time start;
	struct recurrence r;
	char why[480];
	size_t count;
	int64_t from_ms, to_ms;

	(void)state;
	assert_int_equal(local_time_parse("2026-12-01T17:00:00", &start), ERR_OK);
	assert_int_equal(rrule_read("FREQ=WEEKLY", start, "Europe/Warsaw", &r, why, sizeof(why)), ERR_OK);
	assert_int_equal(timestamp_parse("2026-12-08T16:00:00Z", &from_ms), ERR_OK);
	assert_int_equal(timestamp_parse("2026-12-22T16:00:00Z", &to_ms), ERR_OK);
	assert_int_equal(recurrence_expand(&r, start, "Europe/Warsaw", from_ms, to_ms, list, 3, &count), ERR_OK);
	assert_int_equal(count, 2);
	assert_int_equal(list[0].unix_ms, from_ms);
	assert_int_equal(recurrence_expand(&r, start, "Europe/Warsaw", from_ms, INT64_MAX, list, 3, &count), ERR_TOOBIG);
	assert_int_equal(count, 3);
	assert_int_equal(recurrence_expand(&r, start, "Nowhere", from_ms, INT64_MAX, list, 3, &count), ERR_NOTFOUND);
	assert_true(recurrence_last_day(&r) == INT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zones_and_rules_as_libical_and_the_system_have_them),
		cmocka_unit_test(random_series_day_by_day),
		cmocka_unit_test(equal_by_meaning),
		cmocka_unit_test(shown_with_the_last_start_in_utc),
		cmocka_unit_test(graphs_json),
		cmocka_unit_test(windows_of_a_series),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
