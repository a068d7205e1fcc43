/*
 * recurrence.c - libical counts the days: a series is written as an RRULE whose meaning is Graph's, and its days are asked for as
 * dates. Only then does a day get the time of day and the zone, so that no library's idea of a zone matters.
 */
#include "model/recurrence.h"

#include <libical/ical.h>
#include <stddef.h>
#include <string.h>

#include "base/text.h"

const char *const recurrence_type_names[] = { "daily", "weekly", "absoluteMonthly", "relativeMonthly", "absoluteYearly",
	"relativeYearly", NULL };
const char *const recurrence_end_names[] = { "endDate", "noEnd", "numbered", NULL };
const char *const recurrence_index_names[] = { "first", "second", "third", "fourth", "last", NULL };
const char *const recurrence_day_names[] = { "sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", NULL };

/* A hundred years of days. The bug it catches: a rule that never ends or never meets a day. */
#define DAYS_MAX 40000

static const char *const day_codes[] = { "SU", "MO", "TU", "WE", "TH", "FR", "SA" };

/* --- as a rule --- */

static void
add_days(struct text *t, unsigned days)
{
	const char *between = "";

	for (int d = 0; d < 7; d++)
		if (days & 1u << d) {
			text_addf(t, "%s%s", between, day_codes[d]);
			between = ",";
		}
}

/* A position and one day are 2TU; of several days the first is asked for by BYSETPOS. */
static void
add_relative(struct text *t, const struct recurrence *r)
{
	int position = r->index == RECURRENCE_LAST ? -1 : (int)r->index + 1;
	bool one = (r->days & (r->days - 1)) == 0;

	text_adds(t, ";BYDAY=");
	if (one)
		text_addf(t, "%d", position);
	add_days(t, r->days);
	if (!one)
		text_addf(t, ";BYSETPOS=%d", position);
}

/* The last of 28, 29 and 30 is the thirtieth, or the last day of a month without one. */
static void
add_month_day(struct text *t, int day, int longest)
{
	if (day >= longest)
		text_adds(t, ";BYMONTHDAY=-1");
	else if (day <= 28)
		text_addf(t, ";BYMONTHDAY=%d", day);
	else
		text_addf(t, ";BYMONTHDAY=%s;BYSETPOS=-1", day == 29 ? "28,29" : "28,29,30");
}

static int
longest_of(int month)
{
	static const int days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1];
}

static void
add_year_day(struct text *t, const struct recurrence *r)
{
	text_addf(t, ";BYMONTH=%d", r->month);
	if (r->month == 2)
		add_month_day(t, r->day_of_month, 29);
	else
		text_addf(t, ";BYMONTHDAY=%d", r->day_of_month < longest_of(r->month) ? r->day_of_month : longest_of(r->month));
}

static void
add_pattern(struct text *t, const struct recurrence *r)
{
	static const char *const frequencies[] = { "DAILY", "WEEKLY", "MONTHLY", "MONTHLY", "YEARLY", "YEARLY" };

	text_addf(t, "FREQ=%s", frequencies[r->type]);
	if (r->interval != 1)
		text_addf(t, ";INTERVAL=%d", r->interval);
	switch (r->type) {
	case RECURRENCE_DAILY: break;
	case RECURRENCE_WEEKLY:
		text_adds(t, ";BYDAY=");
		add_days(t, r->days);
		if (r->interval != 1 && r->first_day != 1)
			text_addf(t, ";WKST=%s", day_codes[r->first_day]);
		break;
	case RECURRENCE_ABSOLUTE_MONTHLY: add_month_day(t, r->day_of_month, 31); break;
	case RECURRENCE_RELATIVE_MONTHLY: add_relative(t, r); break;
	case RECURRENCE_ABSOLUTE_YEARLY: add_year_day(t, r); break;
	case RECURRENCE_RELATIVE_YEARLY:
		text_addf(t, ";BYMONTH=%d", r->month);
		add_relative(t, r);
		break;
	}
}

static void
add_date(struct text *t, int64_t day)
{
	int year, month, mday;

	local_date_split(day, &year, &month, &mday);
	text_addf(t, "%04d%02d%02d", year, month, mday);
}

static void
finish(struct text *t, char ret[RRULE_SIZE])
{
	if (text_err(t) != ERR_OK || !str_copy(ret, RRULE_SIZE, t->data))
		ret[0] = '\0'; /* out of memory: no rule ever is that long */
	text_done(t);
}

void
recurrence_to_rrule(const struct recurrence *r, char ret[RRULE_SIZE])
{
	struct text t;

	text_init(&t, RRULE_SIZE);
	add_pattern(&t, r);
	if (r->end == RECURRENCE_NUMBERED)
		text_addf(&t, ";COUNT=%d", r->count);
	if (r->end == RECURRENCE_END_DATE) {
		text_adds(&t, ";UNTIL=");
		add_date(&t, r->end_day);
	}
	finish(&t, ret);
}

void
recurrence_show(const struct recurrence *r, struct local_time start, const char *zone, char ret[RRULE_SIZE])
{
	struct local_time last = { r->end_day * LOCAL_DAY_S + local_second_of_day(start) };
	struct text t;
	int64_t ms, s;

	recurrence_to_rrule(r, ret);
	if (r->end != RECURRENCE_END_DATE || time_zone_to_utc(zone, last, &ms, NULL) != ERR_OK)
		return;
	s = local_second_of_day((struct local_time){ ms / 1000 });
	text_init(&t, RRULE_SIZE);
	add_pattern(&t, r);
	text_adds(&t, ";UNTIL=");
	add_date(&t, local_day((struct local_time){ ms / 1000 }));
	text_addf(&t, "T%02d%02d%02dZ", (int)(s / 3600), (int)(s / 60 % 60), (int)(s % 60));
	finish(&t, ret);
}

/* --- its days --- */

/*
 * A week's rule is counted week by week, from the first day of the first one, and its days are ours to tell: libical 3.0.16 leaves out
 * the first week of some rules whose weeks begin between their days (FREQ=WEEKLY;INTERVAL=3;BYDAY=SU,WE;WKST=TH from a Wednesday).
 */
static void
counting_rule(const struct recurrence *r, char ret[RRULE_SIZE], int64_t *ret_from)
{
	struct text t;

	text_init(&t, RRULE_SIZE);
	if (r->type == RECURRENCE_WEEKLY)
		text_addf(&t, "FREQ=WEEKLY;INTERVAL=%d", r->interval);
	else
		add_pattern(&t, r);
	finish(&t, ret);
	*ret_from = r->start_day;
	if (r->type == RECURRENCE_WEEKLY)
		*ret_from -= (local_weekday(r->start_day) - r->first_day + 7) % 7;
}

/* NULL: out of memory. */
static icalrecur_iterator *
counter_new(const struct recurrence *r)
{
	struct icaltimetype from = { .is_date = 1 };
	struct icalrecurrencetype rule;
	char rrule[RRULE_SIZE];
	int64_t day;

	counting_rule(r, rrule, &day);
	local_date_split(day, &from.year, &from.month, &from.day);
	icalerror_set_errors_are_fatal(0);
	rule = icalrecurrencetype_from_string(rrule);
	return rule.freq != ICAL_NO_RECURRENCE ? icalrecur_iterator_new(rule, from) : NULL;
}

struct telling {
	const struct recurrence *r;
	int count;
	bool (*each)(void *arg, int64_t day);
	void *arg;
};

/* False: that was the last. */
static bool
tell(struct telling *t, int64_t day)
{
	const struct recurrence *r = t->r;

	if (day < r->start_day)
		return true;
	if ((r->end == RECURRENCE_END_DATE && day > r->end_day) || (r->end == RECURRENCE_NUMBERED && t->count >= r->count))
		return false;
	t->count++;
	return t->each(t->arg, day);
}

static bool
tell_week(struct telling *t, int64_t first)
{
	for (int64_t day = first; day < first + 7; day++)
		if (t->r->days & 1u << local_weekday(day) && !tell(t, day))
			return false;
	return true;
}

/* Hands on each day, in order, until each says no. */
static void
for_days(const struct recurrence *r, bool (*each)(void *arg, int64_t day), void *arg)
{
	struct telling t = { r, 0, each, arg };
	icalrecur_iterator *it = counter_new(r);
	bool more = it != NULL;

	for (int i = 0; more && i < DAYS_MAX; i++) {
		struct icaltimetype at = icalrecur_iterator_next(it);
		int64_t day;

		if (icaltime_is_null_time(at) || at.year > 4499 || at.month < 1 || at.month > 12)
			break;
		day = local_date_make(at.year, at.month) + at.day - 1;
		more = r->type == RECURRENCE_WEEKLY ? tell_week(&t, day) : tell(&t, day);
	}
	if (it != NULL)
		icalrecur_iterator_free(it);
}

static bool
note_day(void *arg, int64_t day)
{
	*(int64_t *)arg = day;
	return true;
}

int64_t
recurrence_last_day(const struct recurrence *r)
{
	int64_t last = r->start_day - 1;

	if (r->end == RECURRENCE_NO_END)
		return INT64_MAX;
	for_days(r, note_day, &last);
	return last;
}

struct expansion {
	int64_t second_of_day, from_ms, to_ms;
	const char *zone;
	struct recurrence_occurrence *ret;
	size_t max, count;
	enum err err;
};

static bool
expand_day(void *arg, int64_t day)
{
	struct expansion *x = arg;
	struct recurrence_occurrence o = { .local = { day * LOCAL_DAY_S + x->second_of_day } };

	if ((x->err = time_zone_to_utc(x->zone, o.local, &o.unix_ms, NULL)) != ERR_OK || o.unix_ms >= x->to_ms)
		return false;
	if (o.unix_ms < x->from_ms)
		return true;
	if (x->count == x->max) {
		x->err = ERR_TOOBIG;
		return false;
	}
	x->ret[x->count++] = o;
	return true;
}

enum err
recurrence_expand(const struct recurrence *r, struct local_time start, const char *zone, int64_t from_ms, int64_t to_ms,
    struct recurrence_occurrence *ret, size_t max, size_t *ret_count)
{
	struct expansion x = { .second_of_day = local_second_of_day(start),
		.from_ms = from_ms,
		.to_ms = to_ms,
		.zone = zone,
		.ret = ret,
		.max = max };

	if (time_zone_known(zone))
		for_days(r, expand_day, &x);
	else
		x.err = ERR_NOTFOUND;
	*ret_count = x.count;
	return x.err;
}

/* --- meaning --- */

/* With nothing in the members that the type has no use for. */
static struct recurrence
normal(const struct recurrence *r)
{
	struct recurrence n = { .type = r->type, .interval = r->interval, .end = r->end, .start_day = r->start_day };

	if (r->type == RECURRENCE_WEEKLY || r->type == RECURRENCE_RELATIVE_MONTHLY || r->type == RECURRENCE_RELATIVE_YEARLY)
		n.days = r->days;
	if (r->type == RECURRENCE_WEEKLY && r->interval > 1)
		n.first_day = r->first_day;
	if (r->type == RECURRENCE_RELATIVE_MONTHLY || r->type == RECURRENCE_RELATIVE_YEARLY)
		n.index = r->index;
	if (r->type == RECURRENCE_ABSOLUTE_MONTHLY || r->type == RECURRENCE_ABSOLUTE_YEARLY)
		n.day_of_month = r->day_of_month;
	if (r->type == RECURRENCE_ABSOLUTE_YEARLY || r->type == RECURRENCE_RELATIVE_YEARLY)
		n.month = r->month;
	if (r->type == RECURRENCE_ABSOLUTE_YEARLY && n.day_of_month > longest_of(n.month))
		n.day_of_month = longest_of(n.month);
	if (r->end == RECURRENCE_NUMBERED)
		n.count = r->count;
	return n;
}

bool
recurrence_equal(const struct recurrence *a, const struct recurrence *b)
{
	struct recurrence x = normal(a), y = normal(b);

	if (x.type != y.type || x.interval != y.interval || x.days != y.days || x.first_day != y.first_day ||
	    x.index != y.index || x.day_of_month != y.day_of_month || x.month != y.month || x.end != y.end ||
	    x.start_day != y.start_day || x.count != y.count)
		return false;
	return a->end != RECURRENCE_END_DATE || a->end_day == b->end_day || recurrence_last_day(a) == recurrence_last_day(b);
}
