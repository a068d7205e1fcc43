/*
 * timestamp.c - dates by arithmetic on the proleptic Gregorian calendar.
 *
 * Days are counted in years that begin on 1 March, so that the leap day is a year's last: then months have lengths
 * that one linear formula gives, and no table of leap years is needed.
 */
#include "base/timestamp.h"

#include <stdbool.h>
#include <stdio.h>

#define MS_PER_DAY INT64_C(86400000)

/* 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999Z. */
#define TIMESTAMP_MIN INT64_C(-62135596800000)
#define TIMESTAMP_MAX INT64_C(253402300799999)

struct civil {
	int year, month, day;
};

/* Days since 1970-01-01; year >= 1. 719468 days lie between 0000-03-01 and the Unix epoch. */
static int64_t
days_from_civil(struct civil c)
{
	int64_t year = c.month <= 2 ? c.year - 1 : c.year;
	int64_t month = c.month <= 2 ? c.month + 9 : c.month - 3; /* March is 0 */
	int64_t day_of_year = (153 * month + 2) / 5 + c.day - 1;

	return year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719468;
}

/* The inverse, for days of the years 0001 to 9999. */
static struct civil
civil_from_days(int64_t days)
{
	int64_t from_march_0000 = days + 719468;
	int64_t era = from_march_0000 / 146097, day_of_era = from_march_0000 % 146097; /* 400 years */
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month = (5 * day_of_year + 2) / 153;
	struct civil c = {
		.year = (int)(era * 400 + year_of_era + (month >= 10)),
		.month = (int)(month < 10 ? month + 3 : month - 9),
		.day = (int)(day_of_year - (153 * month + 2) / 5 + 1),
	};

	return c;
}

static int
days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* Reads exactly count digits and, unless it is 0, the character after. */
static bool
field_read(const char **p, int count, char after, int *ret)
{
	int value = 0;

	for (int i = 0; i < count; i++, (*p)++) {
		if (**p < '0' || **p > '9')
			return false;
		value = value * 10 + (**p - '0');
	}
	*ret = value;
	if (after != '\0' && *(*p)++ != after)
		return false;
	return true;
}

/* An optional fraction; beyond milliseconds it is cut, not rounded, so that no instant moves into the next second. */
static bool
fraction_read(const char **p, int *ret_ms)
{
	int scale = 100;

	*ret_ms = 0;
	if (**p != '.')
		return true;
	(*p)++;
	if (**p < '0' || **p > '9')
		return false;
	for (; **p >= '0' && **p <= '9'; (*p)++, scale /= 10)
		*ret_ms += (**p - '0') * scale;
	return true;
}

static bool
offset_read(const char **p, int *ret_minutes)
{
	int hours, minutes, sign = **p == '-' ? -1 : 1;

	*ret_minutes = 0;
	if (**p == 'Z' || **p == 'z') {
		(*p)++;
		return true;
	}
	if (**p != '+' && **p != '-')
		return false;
	(*p)++;
	if (!field_read(p, 2, ':', &hours) || !field_read(p, 2, '\0', &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret_minutes = sign * (hours * 60 + minutes);
	return true;
}

static bool
date_read(const char **p, struct civil *ret)
{
	return field_read(p, 4, '-', &ret->year) && field_read(p, 2, '-', &ret->month) && field_read(p, 2, '\0', &ret->day) &&
	       ret->year >= 1 && ret->month >= 1 && ret->month <= 12 && ret->day >= 1 &&
	       ret->day <= days_in_month(ret->year, ret->month);
}

enum err
timestamp_parse(const char *s, int64_t *ret_ms)
{
	struct civil date;
	int hour, minute, second, ms, offset_minutes;
	int64_t value;

	if (!date_read(&s, &date) || (*s != 'T' && *s != 't'))
		return ERR_MALFORMED;
	s++;
	if (!field_read(&s, 2, ':', &hour) || !field_read(&s, 2, ':', &minute) || !field_read(&s, 2, '\0', &second) ||
	    !fraction_read(&s, &ms) || !offset_read(&s, &offset_minutes) || *s != '\0')
		return ERR_MALFORMED;
	if (hour > 23 || minute > 59 || second > 60) /* 60: a leap second is the instant after it, as in POSIX time */
		return ERR_MALFORMED;

	value = days_from_civil(date) * MS_PER_DAY + ((int64_t)(hour * 60 + minute - offset_minutes) * 60 + second) * 1000 + ms;
	if (value < TIMESTAMP_MIN || value > TIMESTAMP_MAX)
		return ERR_INVALID;
	*ret_ms = value;
	return ERR_OK;
}

/* Count digits and the character after; what is behind them. */
static char *
field_write(char *at, int count, int value, char after)
{
	for (int i = count - 1; i >= 0; i--, value /= 10)
		at[i] = (char)('0' + value % 10);
	at[count] = after;
	return at + count + 1;
}

void
timestamp_format(int64_t ms, char ret[TIMESTAMP_SIZE])
{
	int64_t clamped = ms < TIMESTAMP_MIN ? TIMESTAMP_MIN : ms > TIMESTAMP_MAX ? TIMESTAMP_MAX : ms;
	int64_t from_first = clamped - TIMESTAMP_MIN;
	int in_day = (int)(from_first % MS_PER_DAY), second = in_day / 1000;
	struct civil c = civil_from_days((clamped - in_day) / MS_PER_DAY);
	char *at = ret;

	at = field_write(at, 4, c.year, '-');
	at = field_write(at, 2, c.month, '-');
	at = field_write(at, 2, c.day, 'T');
	at = field_write(at, 2, second / 3600, ':');
	at = field_write(at, 2, second / 60 % 60, ':');
	at = field_write(at, 2, second % 60, in_day % 1000 != 0 ? '.' : 'Z');
	if (in_day % 1000 != 0)
		at = field_write(at, 3, in_day % 1000, 'Z');
	*at = '\0';
}

void
timestamp_for_people(int64_t unix_s, char ret[TIMESTAMP_SIZE])
{
	const int64_t limit = INT64_MAX / 1000;
	char iso[TIMESTAMP_SIZE];

	timestamp_format((unix_s > limit ? limit : unix_s < -limit ? -limit : unix_s) * 1000, iso);
	(void)snprintf(ret, TIMESTAMP_SIZE, "%.10s %.5s UTC", iso, iso + 11);
}
