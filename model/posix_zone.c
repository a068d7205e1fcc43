/* posix_zone.c - a cursor over the rule, sticky in failure; then plain arithmetic on days. */
#include "model/posix_zone.h"

#include "model/local_time.h"

struct scan {
	const char *s, *end;
	bool ok;
};

static bool
at(const struct scan *in, char c)
{
	return in->ok && in->s < in->end && *in->s == c;
}

static bool
take(struct scan *in, char c)
{
	if (!at(in, c))
		return false;
	in->s++;
	return true;
}

static bool
is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* "CET" or "<+03>". */
static void
skip_name(struct scan *in)
{
	const char *start = in->s;

	if (take(in, '<')) {
		while (in->s < in->end && *in->s != '>')
			in->s++;
		in->ok = take(in, '>');
		return;
	}
	while (in->s < in->end && is_letter(*in->s))
		in->s++;
	in->ok = in->ok && in->s - start >= 3;
}

static int
number(struct scan *in, int max)
{
	int n = 0;

	if (!in->ok || in->s >= in->end || *in->s < '0' || *in->s > '9') {
		in->ok = false;
		return 0;
	}
	for (; in->s < in->end && *in->s >= '0' && *in->s <= '9' && n <= max; in->s++)
		n = n * 10 + (*in->s - '0');
	in->ok = n <= max;
	return n;
}

/* [+-]hh[:mm[:ss]] in seconds */
static int32_t
hours(struct scan *in)
{
	bool negative = take(in, '-');
	int32_t s;

	if (!negative)
		(void)take(in, '+');
	s = number(in, 167) * 3600;
	if (take(in, ':'))
		s += number(in, 59) * 60;
	if (take(in, ':'))
		s += number(in, 59);
	return negative ? -s : s;
}

static struct posix_change
change(struct scan *in)
{
	struct posix_change c = { .time_s = 2 * 3600 };

	in->ok = take(in, ',');
	if (take(in, 'M')) {
		c.kind = POSIX_DAY_MONTH_WEEK;
		c.month = number(in, 12);
		in->ok = take(in, '.') && c.month >= 1;
		c.week = number(in, 5);
		in->ok = take(in, '.') && c.week >= 1;
		c.day = number(in, 6);
	} else if (take(in, 'J')) {
		c.kind = POSIX_DAY_JULIAN;
		c.day = number(in, 365);
		in->ok = in->ok && c.day >= 1;
	} else {
		c.kind = POSIX_DAY_OF_YEAR;
		c.day = number(in, 365);
	}
	if (take(in, '/'))
		c.time_s = hours(in);
	return c;
}

bool
posix_zone_parse(const char *s, size_t len, struct posix_zone *ret)
{
	struct scan in = { s, s + len, true };

	*ret = (struct posix_zone){ 0 };
	skip_name(&in);
	ret->standard_s = -hours(&in); /* POSIX counts westwards */
	if (in.ok && in.s < in.end) {
		ret->has_daylight = true;
		skip_name(&in);
		ret->daylight_s = at(&in, ',') ? ret->standard_s + 3600 : -hours(&in);
		ret->to_daylight = change(&in);
		ret->to_standard = change(&in);
	}
	return in.ok && in.s == in.end;
}

/* Days since 1970-01-01 of the change in that year. */
static int64_t
change_day(const struct posix_change *c, int year)
{
	int64_t first = local_date_make(year, 1), day, next;

	switch (c->kind) {
	case POSIX_DAY_OF_YEAR: return first + c->day;
	case POSIX_DAY_JULIAN: /* 1 March is day 60, leap year or not */
		return c->day < 60 ? first + c->day - 1 : local_date_make(year, 3) + c->day - 60;
	case POSIX_DAY_MONTH_WEEK: break;
	}
	day = local_date_make(year, c->month);
	next = c->month == 12 ? local_date_make(year + 1, 1) : local_date_make(year, c->month + 1);
	day += (c->day - local_weekday(day) + 7) % 7 + 7 * (c->week - 1);
	return day >= next ? day - 7 : day; /* week 5 is the last one */
}

int32_t
posix_zone_offset(const struct posix_zone *z, int64_t unix_s)
{
	int year, month, day;
	int64_t to_daylight, to_standard;
	bool daylight;

	if (!z->has_daylight)
		return z->standard_s;
	local_date_split(local_day((struct local_time){ unix_s + z->standard_s }), &year, &month, &day);
	to_daylight = change_day(&z->to_daylight, year) * LOCAL_DAY_S + z->to_daylight.time_s - z->standard_s;
	to_standard = change_day(&z->to_standard, year) * LOCAL_DAY_S + z->to_standard.time_s - z->daylight_s;
	if (to_daylight < to_standard)
		daylight = unix_s >= to_daylight && unix_s < to_standard;
	else /* south of the equator */
		daylight = unix_s < to_standard || unix_s >= to_daylight;
	return daylight ? z->daylight_s : z->standard_s;
}
