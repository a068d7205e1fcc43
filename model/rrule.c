/*
 * rrule.c - libical reads the rule; here is decided whether Graph has words for what it read.
 *
 * libical is generous with numbers (3x is 3, 70000 is 4464), so each part is looked at before.
 */
#include "model/rrule.h"

#include <libical/ical.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

struct reading {
	struct icalrecurrencetype rule;
	struct local_time start;
	int year, month, day; /* of start */
	const char *zone;
	struct recurrence *ret;
	char *why;
	size_t why_size;
};

static enum err __attribute__((format(printf, 3, 4))) refuse(const struct reading *in, enum err e, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(in->why, in->why_size, format, ap);
	va_end(ap);
	return e;
}

/* --- the text --- */

#define DIGITS  "0123456789"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define TIME    "Outlook repeats whole days: the time of day is start's"
static const struct part {
	const char *name, *allowed;
	size_t digits_max; /* in a row */
	enum err err;      /* ERR_OK: Graph has something for it */
	const char *say;   /* what would be right */
	int least, most;   /* of each number in it; 0, 0: not looked at */
} parts[] = {
	{ "FREQ", LETTERS, 0, ERR_OK, "DAILY, WEEKLY, MONTHLY or YEARLY", 0, 0 },
	{ "INTERVAL", DIGITS, 3, ERR_OK, "a number from 1 to 99 (of days: to 999)", 1, RECURRENCE_MAX },
	{ "COUNT", DIGITS, 3, ERR_OK, "a number from 1 to 999, which is as far as Outlook counts", 1, RECURRENCE_MAX },
	{ "UNTIL", DIGITS "TZ", 8, ERR_OK, "a date as 20271231, or a time as 20271231T160000Z", 0, 0 },
	{ "BYDAY", DIGITS "+-,MOTUWEHFRSA", 2, ERR_OK, "days as MO,TU,WE,TH,FR,SA,SU; in a month or year also as 1MO or -1FR", 0,
	    0 },
	{ "BYMONTHDAY", DIGITS "+-,", 2, ERR_OK, "a day from 1 to 31, or -1 for the last", 1, 31 },
	{ "BYMONTH", DIGITS ",", 2, ERR_OK, "a month from 1 to 12", 1, 12 },
	{ "BYSETPOS", DIGITS "+-,", 3, ERR_OK, "1 to 4, or -1 for the last", 1, 366 },
	{ "WKST", "MOTUWEHFRSA", 0, ERR_OK, "the day that weeks begin on, as MO or SU", 0, 0 },
	{ "RSCALE", LETTERS, 0, ERR_OK, "GREGORIAN", 0, 0 },
	{ "SKIP", LETTERS, 0, ERR_OK, "BACKWARD", 0, 0 },
	{ "BYSECOND", NULL, 0, ERR_UNSUPPORTED, TIME, 0, 0 },
	{ "BYMINUTE", NULL, 0, ERR_UNSUPPORTED, TIME, 0, 0 },
	{ "BYHOUR", NULL, 0, ERR_UNSUPPORTED, TIME, 0, 0 },
	{ "BYYEARDAY", NULL, 0, ERR_UNSUPPORTED, "Outlook does not count days of the year: say BYMONTH and BYMONTHDAY", 0, 0 },
	{ "BYWEEKNO", NULL, 0, ERR_UNSUPPORTED, "Outlook does not count weeks of the year: say FREQ=WEEKLY with an INTERVAL", 0,
	    0 },
};
#define PART_COUNT (sizeof(parts) / sizeof(parts[0]))

static const struct part *
part_find(const char *name, size_t len)
{
	for (size_t i = 0; i < PART_COUNT; i++)
		if (strlen(parts[i].name) == len && memcmp(parts[i].name, name, len) == 0)
			return &parts[i];
	return NULL;
}

/* Runs of digits are short enough, and the numbers they make are in the part's range. */
static bool
numbers_fit(const struct part *p, const char *value, size_t len)
{
	size_t run = 0;
	int number = 0;

	for (size_t i = 0; i <= len; i++) {
		bool digit = i < len && value[i] >= '0' && value[i] <= '9';

		if (digit && ++run > p->digits_max)
			return false;
		if (!digit && run > 0 && p->most > 0 && (number < p->least || number > p->most))
			return false;
		run = digit ? run : 0;
		number = digit && p->most > 0 ? number * 10 + (value[i] - '0') : 0;
	}
	return true;
}

/* "20271231", "20271231T160000" or "20271231T160000Z". */
static bool
until_fits(const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((value[i] == 'T') != (i == 8) || (value[i] == 'Z') != (i == 15))
			return false;
	return len == 8 || len == 15 || len == 16;
}

static bool
value_fits(const struct part *p, const char *value, size_t len)
{
	return len > 0 && strspn(value, p->allowed) >= len && numbers_fit(p, value, len) &&
	       (strcmp(p->name, "UNTIL") != 0 || until_fits(value, len));
}

/* "NAME=VALUE", len bytes; seen: a bit for each part before. */
static enum err
check_part(const struct reading *in, const char *text, size_t len, unsigned *seen)
{
	const char *equals = memchr(text, '=', len);
	const struct part *p = equals != NULL ? part_find(text, (size_t)(equals - text)) : NULL;

	if (p == NULL)
		return refuse(in, ERR_MALFORMED, "%.*s is no part of an RFC 5545 rule; a rule looks like FREQ=WEEKLY;BYDAY=MO,WE",
		    (int)(len < 40 ? len : 40), text);
	if (p->err != ERR_OK)
		return refuse(in, p->err, "%s cannot be said in Outlook. %s", p->name, p->say);
	if (*seen & 1u << (p - parts))
		return refuse(in, ERR_MALFORMED, "%s is there twice: say it once", p->name);
	*seen |= 1u << (p - parts);
	if (!value_fits(p, equals + 1, len - (size_t)(equals + 1 - text)))
		return refuse(in, strcmp(p->name, "COUNT") == 0 || strcmp(p->name, "INTERVAL") == 0 ? ERR_INVALID : ERR_MALFORMED,
		    "the value of %s is not right: it is %s", p->name, p->say);
	return ERR_OK;
}

static bool
has_part(unsigned seen, const char *name)
{
	return (seen & 1u << (part_find(name, strlen(name)) - parts)) != 0;
}

static enum err
check_parts(const struct reading *in, const char *rule)
{
	unsigned seen = 0;

	for (const char *s = rule; *s != '\0';) {
		size_t len = strcspn(s, ";");
		enum err e = check_part(in, s, len, &seen);

		if (e != ERR_OK)
			return e;
		s += len + (s[len] == ';');
	}
	if (!has_part(seen, "FREQ"))
		return refuse(in, ERR_MALFORMED, "FREQ is missing: a rule looks like FREQ=WEEKLY;BYDAY=MO,WE;COUNT=10");
	if (has_part(seen, "COUNT") && has_part(seen, "UNTIL"))
		return refuse(in, ERR_MALFORMED, "a rule ends by COUNT or by UNTIL, not by both");
	return ERR_OK;
}

/* --- counting what libical read --- */

static int
count(const short *list, int size)
{
	int n = 0;

	while (n < size && list[n] != ICAL_RECURRENCE_ARRAY_MAX)
		n++;
	return n;
}
#define COUNT(list) count(list, (int)(sizeof(list) / sizeof((list)[0])))

/* -1 for the last. */
static int
day_position(short by_day)
{
	return icalrecurrencetype_day_position(by_day);
}

static unsigned
day_bit(short by_day)
{
	return 1u << (icalrecurrencetype_day_day_of_week(by_day) - ICAL_SUNDAY_WEEKDAY);
}

static unsigned
days_of(const struct icalrecurrencetype *rule)
{
	unsigned days = 0;

	for (int i = 0; i < COUNT(rule->by_day); i++)
		days |= day_bit(rule->by_day[i]);
	return days;
}

static bool
has_position(const struct icalrecurrencetype *rule)
{
	for (int i = 0; i < COUNT(rule->by_day); i++)
		if (day_position(rule->by_day[i]) != 0)
			return true;
	return false;
}

/* --- patterns --- */

static enum err
refuse_months(const struct reading *in)
{
	if (COUNT(in->rule.by_month) > 0)
		return refuse(in, ERR_UNSUPPORTED,
		    "BYMONTH goes with FREQ=YEARLY alone in Outlook: schedule one event for each stretch of months, ended by "
		    "UNTIL");
	return ERR_OK;
}

static enum err
refuse_month_days(const struct reading *in)
{
	if (COUNT(in->rule.by_month_day) > 0)
		return refuse(in, ERR_UNSUPPORTED, "BYMONTHDAY goes with FREQ=MONTHLY or YEARLY alone in Outlook");
	return refuse_months(in);
}

static enum err
refuse_positions(const struct reading *in)
{
	if (COUNT(in->rule.by_set_pos) > 0 || has_position(&in->rule))
		return refuse(in, ERR_UNSUPPORTED, "positions (2TU, BYSETPOS) go with FREQ=MONTHLY or YEARLY alone in Outlook");
	return ERR_OK;
}

static enum err
read_weekly(struct reading *in)
{
	struct recurrence *r = in->ret;
	enum err e;

	if ((e = refuse_month_days(in)) != ERR_OK || (e = refuse_positions(in)) != ERR_OK)
		return e;
	r->type = RECURRENCE_WEEKLY;
	r->days = days_of(&in->rule);
	if (r->days == 0)
		r->days = 1u << local_weekday(r->start_day);
	r->first_day = (int)in->rule.week_start - ICAL_SUNDAY_WEEKDAY;
	return ERR_OK;
}

/* Each weekday is a week's rule to Outlook. */
static enum err
read_daily(struct reading *in)
{
	enum err e;

	if (COUNT(in->rule.by_day) > 0) {
		if (in->rule.interval != 1)
			return refuse(in, ERR_UNSUPPORTED,
			    "Outlook cannot leave out days of the week of a rule for each %d days: use FREQ=WEEKLY",
			    in->rule.interval);
		return read_weekly(in);
	}
	if ((e = refuse_month_days(in)) != ERR_OK || (e = refuse_positions(in)) != ERR_OK)
		return e;
	in->ret->type = RECURRENCE_DAILY;
	return ERR_OK;
}

/* The day of the shortest month met, 28 for February. */
static int
shortest_month(const struct reading *in)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int shortest = 31;

	if (in->ret->type == RECURRENCE_ABSOLUTE_YEARLY)
		return days[in->ret->month - 1];
	for (int i = 0, m = in->month - 1; i < 12; i++, m = (m + in->rule.interval) % 12)
		if (days[m] < shortest)
			shortest = days[m];
	return shortest;
}

/* Of a year's rule; a month's has all of them. */
static int
longest_month(const struct reading *in)
{
	if (in->ret->type != RECURRENCE_ABSOLUTE_YEARLY)
		return 31;
	return in->ret->month == 2 ? 29 : shortest_month(in);
}

/* BYMONTHDAY=28,29,30 in any order is 30; 0 when it is not such a list. */
static int
last_of_list(const struct icalrecurrencetype *rule)
{
	int n = COUNT(rule->by_month_day), seen = 0;

	for (int i = 0; i < n; i++)
		if (rule->by_month_day[i] >= 28 && rule->by_month_day[i] <= 31)
			seen |= 1 << (rule->by_month_day[i] - 28);
	return n >= 1 && n <= 4 && seen == (1 << n) - 1 ? 27 + n : 0;
}

/* Which day of the month, where a month that lacks it has it on its last day. */
static enum err
read_month_day(struct reading *in)
{
	const struct icalrecurrencetype *rule = &in->rule;
	int n = COUNT(rule->by_month_day), positions = COUNT(rule->by_set_pos);
	bool last_if_short = rule->skip == ICAL_SKIP_BACKWARD;
	int day = n > 0 ? rule->by_month_day[0] : in->day;

	if (positions == 1 && rule->by_set_pos[0] == -1 && last_of_list(rule) > 0) {
		day = last_of_list(rule);
		last_if_short = true;
	} else if (n > 1 || positions > 0) {
		return refuse(in, ERR_UNSUPPORTED,
		    "Outlook has one day a month: schedule one event for each BYMONTHDAY (BYMONTHDAY=-1 is the last day)");
	}
	if (day == -1) {
		day = 31;
		last_if_short = true;
	}
	if (day < 1)
		return refuse(in, ERR_UNSUPPORTED,
		    "Outlook counts days from the beginning of the month; of the negative ones only BYMONTHDAY=-1 can be said");
	if (!last_if_short && day > shortest_month(in))
		return refuse(in, ERR_UNSUPPORTED,
		    "RFC 5545 leaves out months without day %d, Outlook takes their last day: say BYMONTHDAY=-1 for the last day "
		    "of "
		    "each month, or RSCALE=GREGORIAN;SKIP=BACKWARD with the rule",
		    day);
	in->ret->day_of_month = day < longest_month(in) ? day : longest_month(in);
	return ERR_OK;
}

/* The nth of some days: "2TU", or "MO,TU;BYSETPOS=1". */
static enum err
read_relative(struct reading *in)
{
	const struct icalrecurrencetype *rule = &in->rule;
	int positions = COUNT(rule->by_set_pos), position = 0;

	if (COUNT(rule->by_month_day) > 0)
		return refuse(
		    in, ERR_UNSUPPORTED, "Outlook cannot join BYDAY and BYMONTHDAY: use one of them, such as BYDAY=2TU");
	if (positions == 1 && !has_position(rule))
		position = rule->by_set_pos[0];
	else if (positions == 0 && COUNT(rule->by_day) == 1)
		position = day_position(rule->by_day[0]);
	else
		return refuse(
		    in, ERR_UNSUPPORTED, "Outlook has one day a month: schedule one event for each of BYDAY, or use FREQ=WEEKLY");
	if (position == 0)
		return refuse(
		    in, ERR_UNSUPPORTED, "each such day of a month is FREQ=WEEKLY in Outlook; the second one alone is BYDAY=2TU");
	if (position < -1 || position > 4)
		return refuse(in, ERR_UNSUPPORTED,
		    "Outlook knows the first to fourth (1 to 4) and the last (-1) of a month, not %d", position);
	in->ret->index = position == -1 ? RECURRENCE_LAST : (enum recurrence_index)(position - 1);
	in->ret->days = days_of(rule);
	return ERR_OK;
}

static enum err
read_monthly(struct reading *in)
{
	enum err e = refuse_months(in);

	if (e != ERR_OK)
		return e;
	if (COUNT(in->rule.by_day) > 0) {
		in->ret->type = RECURRENCE_RELATIVE_MONTHLY;
		return read_relative(in);
	}
	in->ret->type = RECURRENCE_ABSOLUTE_MONTHLY;
	return read_month_day(in);
}

static enum err
read_yearly(struct reading *in)
{
	struct recurrence *r = in->ret;
	int months = COUNT(in->rule.by_month);
	bool relative = COUNT(in->rule.by_day) > 0;

	if (months > 1)
		return refuse(in, ERR_UNSUPPORTED,
		    "Outlook has one day a year: use FREQ=MONTHLY with an INTERVAL, or one event for each of BYMONTH");
	if (months == 0 && (relative || COUNT(in->rule.by_month_day) > 0))
		return refuse(in, ERR_UNSUPPORTED, "a yearly rule with BYDAY or BYMONTHDAY needs one BYMONTH in Outlook");
	r->month = months == 1 ? in->rule.by_month[0] : in->month;
	if (r->month < 1 || r->month > 12)
		return refuse(in, ERR_MALFORMED, "BYMONTH must be 1 to 12");
	r->type = relative ? RECURRENCE_RELATIVE_YEARLY : RECURRENCE_ABSOLUTE_YEARLY;
	return relative ? read_relative(in) : read_month_day(in);
}

static enum err
read_pattern(struct reading *in)
{
	struct recurrence *r = in->ret;
	int interval_max = in->rule.freq == ICAL_DAILY_RECURRENCE ? RECURRENCE_MAX : RECURRENCE_INTERVAL_MAX;

	if (in->rule.interval > interval_max)
		return refuse(in, ERR_UNSUPPORTED, "Outlook takes an INTERVAL of at most %d here", interval_max);
	r->interval = in->rule.interval;
	switch (in->rule.freq) {
	case ICAL_DAILY_RECURRENCE: return read_daily(in);
	case ICAL_WEEKLY_RECURRENCE: return read_weekly(in);
	case ICAL_MONTHLY_RECURRENCE: return read_monthly(in);
	case ICAL_YEARLY_RECURRENCE: return read_yearly(in);
	default: return refuse(in, ERR_UNSUPPORTED, "Outlook repeats by DAILY, WEEKLY, MONTHLY or YEARLY, nothing shorter");
	}
}

/* --- range --- */

/* The last day that may have an occurrence. */
static enum err
read_until(struct reading *in)
{
	const struct icaltimetype *u = &in->rule.until;
	struct local_time until;
	char text[48]; /* wide enough for any int */

	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d", u->year, u->month, u->day, u->hour, u->minute, u->second);
	if (local_time_parse(text, &until) != ERR_OK)
		return refuse(in, ERR_MALFORMED, "UNTIL is no date; it looks like 20271231 or 20271231T160000Z");
	if (!u->is_date && u->zone != NULL && time_zone_to_local(in->zone, until.s * 1000, &until) != ERR_OK)
		return refuse(in, ERR_INVALID, "there is no such time zone");
	in->ret->end_day = local_day(until);
	if (!u->is_date && local_second_of_day(until) < local_second_of_day(in->start))
		in->ret->end_day--; /* the time comes before that day's meeting */
	return ERR_OK;
}

static enum err
read_range(struct reading *in)
{
	if (in->rule.count > 0) {
		in->ret->end = RECURRENCE_NUMBERED;
		in->ret->count = in->rule.count;
		return ERR_OK;
	}
	if (icaltime_is_null_time(in->rule.until)) {
		in->ret->end = RECURRENCE_NO_END;
		return ERR_OK;
	}
	in->ret->end = RECURRENCE_END_DATE;
	return read_until(in);
}

/* --- all of it --- */

/* A day's meetings are at one time, so it is enough to look for its day. */
static enum err
check_start(const struct reading *in)
{
	struct recurrence once = *in->ret;

	if (once.end == RECURRENCE_END_DATE && once.end_day < once.start_day)
		return refuse(in, ERR_INVALID, "UNTIL is before the first meeting: it must not be before start");
	once.end = RECURRENCE_END_DATE;
	once.end_day = once.start_day;
	if (recurrence_last_day(&once) == once.start_day)
		return ERR_OK;
	return refuse(
	    in, ERR_INVALID, "start is not a day of this rule: let start be the first meeting, or let the rule include its day");
}

static void
upper(char *s)
{
	for (; *s != '\0'; s++)
		if (*s >= 'a' && *s <= 'z')
			*s = (char)(*s - 'a' + 'A');
}

static enum err
read_rule(struct reading *in, const char *rule)
{
	enum err e;

	if ((e = check_parts(in, rule)) != ERR_OK)
		return e;
	icalerror_set_errors_are_fatal(0);
	in->rule = icalrecurrencetype_from_string(rule);
	if (in->rule.freq == ICAL_NO_RECURRENCE)
		return refuse(
		    in, ERR_MALFORMED, "this is not an RFC 5545 rule; a rule looks like FREQ=WEEKLY;BYDAY=MO,WE;COUNT=10");
	if (in->rule.rscale != NULL && strcmp(in->rule.rscale, "GREGORIAN") != 0)
		return refuse(in, ERR_UNSUPPORTED, "of the calendars of RFC 7529 only RSCALE=GREGORIAN can be said");
	if (in->rule.skip == ICAL_SKIP_FORWARD)
		return refuse(in, ERR_UNSUPPORTED, "SKIP=FORWARD cannot be said in Outlook; SKIP=BACKWARD can");
	if ((e = read_pattern(in)) != ERR_OK)
		return e;
	return read_range(in);
}

static enum err
read_text(struct reading *in, const char *rrule)
{
	char rule[RRULE_SIZE];
	enum err e;

	memset(in->ret, 0, sizeof(*in->ret));
	if (in->why_size > 0)
		in->why[0] = '\0';
	/* A whole property line means the same. */
	if (strncasecmp(rrule, "RRULE:", strlen("RRULE:")) == 0)
		rrule += strlen("RRULE:");
	if (!str_copy(rule, sizeof(rule), rrule))
		return refuse(in, ERR_TOOBIG, "a rule has at most %d characters", RRULE_SIZE - 1);
	upper(rule);
	in->ret->start_day = local_day(in->start);
	local_date_split(in->ret->start_day, &in->year, &in->month, &in->day);
	e = read_rule(in, rule);
	free(in->rule.rscale); /* the one part that libical allocates */
	return e;
}

enum err
rrule_read_moved(const char *rrule, struct local_time start, const char *zone, struct recurrence *ret, char *why, size_t why_size)
{
	struct reading in = { .start = start, .zone = zone, .ret = ret, .why = why, .why_size = why_size };

	return read_text(&in, rrule);
}

enum err
rrule_read(const char *rrule, struct local_time start, const char *zone, struct recurrence *ret, char *why, size_t why_size)
{
	struct reading in = { .start = start, .zone = zone, .ret = ret, .why = why, .why_size = why_size };
	enum err e = read_text(&in, rrule);

	return e == ERR_OK ? check_start(&in) : e;
}
