/* Day by day through a pattern. */
#include "sim/series.h"

#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "model/local_time.h"

/* Nobody plans further than this; it bounds a walk. */
#define WALK_DAYS_MAX (60 * 366)

enum pattern_type { DAILY, WEEKLY, ABSOLUTE_MONTHLY, RELATIVE_MONTHLY, ABSOLUTE_YEARLY, RELATIVE_YEARLY };
enum range_type { END_DATE, NO_END, NUMBERED };

static const char *const types[] = { "daily", "weekly", "absoluteMonthly", "relativeMonthly", "absoluteYearly", "relativeYearly",
	NULL };
static const char *const ranges[] = { "endDate", "noEnd", "numbered", NULL };
static const char *const weekdays[] = { "sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", NULL };
static const char *const indices[] = { "first", "second", "third", "fourth", "last", NULL };

struct pattern {
	int type, range, index, first_day;
	int64_t interval, month, day, count;
	unsigned days; /* bit 0 is Sunday */
	int64_t start, end;
};

static int
find_name(const char *const *names, const char *text, int fallback)
{
	for (int i = 0; text != NULL && names[i] != NULL; i++)
		if (strcasecmp(names[i], text) == 0)
			return i;
	return text == NULL ? fallback : -1;
}

static bool
read_days(const json_t *list, unsigned *ret)
{
	*ret = 0;
	for (size_t i = 0; i < json_array_size(list); i++) {
		int day = find_name(weekdays, json_string_value(json_array_get(list, i)), -1);

		if (day < 0)
			return false;
		*ret |= 1u << day;
	}
	return true;
}

static bool
read_date(const json_t *o, const char *key, int64_t *ret)
{
	const char *text = jx_get_str(o, key);

	return text != NULL && local_date_parse(text, ret) == ERR_OK;
}

static const char *
read_pattern(const json_t *o, struct pattern *p)
{
	p->type = find_name(types, jx_get_str(o, "type"), -1);
	p->index = find_name(indices, jx_get_str(o, "index"), 0);
	p->first_day = find_name(weekdays, jx_get_str(o, "firstDayOfWeek"), 0);
	p->interval = jx_get_int(o, "interval", 0);
	p->month = jx_get_int(o, "month", 0);
	p->day = jx_get_int(o, "dayOfMonth", 0);
	if (p->type < 0 || p->index < 0 || p->first_day < 0)
		return "The recurrence pattern has an unknown type, index or day.";
	if (p->interval < 1 || p->interval > SERIES_MAX)
		return "The interval of a recurrence pattern must be between 1 and 999.";
	if (!read_days(jx_get_array(o, "daysOfWeek"), &p->days))
		return "The recurrence pattern names an unknown day of the week.";
	if ((p->type == WEEKLY || p->type == RELATIVE_MONTHLY || p->type == RELATIVE_YEARLY) && p->days == 0)
		return "The recurrence pattern needs daysOfWeek.";
	if ((p->type == ABSOLUTE_MONTHLY || p->type == ABSOLUTE_YEARLY) && (p->day < 1 || p->day > 31))
		return "The recurrence pattern needs a dayOfMonth.";
	if ((p->type == ABSOLUTE_YEARLY || p->type == RELATIVE_YEARLY) && (p->month < 1 || p->month > 12))
		return "The recurrence pattern needs a month.";
	return NULL;
}

static const char *
read_range(const json_t *o, struct pattern *p)
{
	p->range = find_name(ranges, jx_get_str(o, "type"), -1);
	p->count = jx_get_int(o, "numberOfOccurrences", 0);
	if (p->range < 0 || !read_date(o, "startDate", &p->start))
		return "The recurrence range needs a type and a startDate.";
	if (p->range == END_DATE && (!read_date(o, "endDate", &p->end) || p->end < p->start))
		return "The recurrence range needs an endDate that is not before its startDate.";
	if (p->range == NUMBERED && (p->count < 1 || p->count > SERIES_MAX))
		return "The recurrence range needs a numberOfOccurrences between 1 and 999.";
	return NULL;
}

static const char *
read_series(const json_t *o, struct pattern *p)
{
	const char *problem;

	memset(p, 0, sizeof(*p));
	problem = read_pattern(jx_get_object(o, "pattern"), p);
	return problem != NULL ? problem : read_range(jx_get_object(o, "range"), p);
}

static int
month_days(int year, int month)
{
	int64_t next = month == 12 ? local_date_make(year + 1, 1) : local_date_make(year, month + 1);

	return (int)(next - local_date_make(year, month));
}

static bool
weekday_in(const struct pattern *p, int64_t day)
{
	return (p->days & (1u << local_weekday(day))) != 0;
}

/* Is it the index-th (or last) of the month's days that daysOfWeek names? */
static bool
is_relative(const struct pattern *p, int64_t day, int day_of_month, int days)
{
	int before = 0, after = 0;

	if (!weekday_in(p, day))
		return false;
	for (int i = 1; i <= days; i++) {
		bool in = weekday_in(p, day + i - day_of_month);

		before += in && i < day_of_month;
		after += in && i > day_of_month;
	}
	return p->index == 4 ? after == 0 : before == p->index;
}

static int64_t
week_of(const struct pattern *p, int64_t day)
{
	return day - (local_weekday(day) + 7 - p->first_day) % 7;
}

static bool
has_day(const struct pattern *p, int64_t day)
{
	int year, month, dom, year0, month0, dom0, days;

	if (p->type == DAILY)
		return (day - p->start) % p->interval == 0;
	if (p->type == WEEKLY)
		return weekday_in(p, day) && (week_of(p, day) - week_of(p, p->start)) / 7 % p->interval == 0;
	local_date_split(day, &year, &month, &dom);
	local_date_split(p->start, &year0, &month0, &dom0);
	days = month_days(year, month);
	if (p->type == ABSOLUTE_MONTHLY || p->type == RELATIVE_MONTHLY) {
		if (((year - year0) * 12 + month - month0) % p->interval != 0)
			return false;
	} else if (month != p->month || (year - year0) % p->interval != 0) {
		return false;
	}
	if (p->type == ABSOLUTE_MONTHLY || p->type == ABSOLUTE_YEARLY)
		return dom == (p->day < days ? p->day : days);
	return is_relative(p, day, dom, days);
}

const char *
series_problem(const json_t *recurrence, int64_t start_day)
{
	struct pattern p;
	const char *problem = read_series(recurrence, &p);
	int64_t first;

	if (problem != NULL)
		return problem;
	if (p.start != start_day)
		return "The startDate of the recurrence range must be the date of the event's start.";
	return series_days(recurrence, p.start, p.start + WALK_DAYS_MAX, &first, 1) == 0 ? "The series has no occurrence." : NULL;
}

json_t *
series_normal(const json_t *recurrence)
{
	const json_t *range = jx_get_object(recurrence, "range");
	const char *end = jx_get_str(range, "endDate"), *zone = jx_get_str(range, "recurrenceTimeZone");
	struct pattern p;
	json_t *days = json_array(), *pattern;

	read_series(recurrence, &p);
	for (int i = 0; i < 7; i++)
		if ((p.days & (1u << i)) != 0)
			json_array_append_new(days, json_string(weekdays[i]));
	pattern = json_pack("{s:s,s:I,s:I,s:I,s:s,s:s}", "type", types[p.type], "interval", (json_int_t)p.interval, "month",
	    (json_int_t)p.month, "dayOfMonth", (json_int_t)p.day, "firstDayOfWeek", weekdays[p.first_day], "index",
	    indices[p.index]);
	if (json_array_size(days) > 0)
		json_object_set(pattern, "daysOfWeek", days);
	json_decref(days);
	return json_pack("{s:o,s:{s:s,s:s,s:s,s:s,s:I}}", "pattern", pattern, "range", "type", ranges[p.range], "startDate",
	    jx_get_str(range, "startDate"), "endDate", end == NULL ? "0001-01-01" : end, "recurrenceTimeZone",
	    zone == NULL ? "" : zone, "numberOfOccurrences", (json_int_t)p.count);
}

size_t
series_days(const json_t *recurrence, int64_t from_day, int64_t to_day, int64_t *ret, size_t max)
{
	struct pattern p;
	size_t n = 0;
	int64_t seen = 0;

	if (read_series(recurrence, &p) != NULL)
		return 0;
	if (p.range == END_DATE && to_day > p.end)
		to_day = p.end;
	for (int64_t day = p.start; day <= to_day && day - p.start < WALK_DAYS_MAX && n < max; day++) {
		if (!has_day(&p, day))
			continue;
		if (p.range == NUMBERED && ++seen > p.count)
			break;
		if (day >= from_day)
			ret[n++] = day;
	}
	return n;
}
