/* local_time.c - wall clocks lend the calendar of base/timestamp: a local time is written as if it were UTC. */
#include "model/local_time.h"

#include <stdio.h>
#include <string.h>

#include "base/timestamp.h"

#define YEAR_MIN 1601 /* Outlook's calendar: 1601 to 31 August 4500 */
#define YEAR_MAX 4499

static bool
year_fits(const char *s)
{
	int year = (s[0] - '0') * 1000 + (s[1] - '0') * 100 + (s[2] - '0') * 10 + (s[3] - '0');

	return year >= YEAR_MIN && year <= YEAR_MAX;
}

/* Does s look like pattern, where 0 stands for any digit? Reads no further than s differs or pattern ends. */
static bool
looks_like(const char *s, const char *pattern)
{
	for (; *pattern != '\0'; s++, pattern++)
		if (*pattern == '0' ? (*s < '0' || *s > '9') : *s != *pattern)
			return false;
	return true;
}

enum err
local_time_parse(const char *s, struct local_time *ret)
{
	char utc[LOCAL_TIME_SIZE + 1];
	const char *rest;
	int64_t ms;
	enum err e;

	if (s == NULL || !looks_like(s, "0000-00-00T00:00:00"))
		return ERR_MALFORMED;
	rest = s + LOCAL_TIME_SIZE - 1;
	if (*rest != '\0' && (rest[0] != '.' || rest[1] == '\0' || strspn(rest + 1, "0123456789") != strlen(rest + 1)))
		return ERR_MALFORMED;
	if (!year_fits(s))
		return ERR_INVALID;
	snprintf(utc, sizeof(utc), "%.*sZ", LOCAL_TIME_SIZE - 1, s);
	if ((e = timestamp_parse(utc, &ms)) != ERR_OK)
		return e;
	ret->s = ms / 1000 - (ms < 0 && ms % 1000 != 0);
	return ERR_OK;
}

void
local_time_format(struct local_time t, char ret[LOCAL_TIME_SIZE])
{
	char utc[TIMESTAMP_SIZE];

	timestamp_format(t.s * 1000, utc);
	snprintf(ret, LOCAL_TIME_SIZE, "%.*s", LOCAL_TIME_SIZE - 1, utc);
}

enum err
local_date_parse(const char *s, int64_t *ret_day)
{
	char time[LOCAL_TIME_SIZE];
	struct local_time t;
	enum err e;

	if (s == NULL || !looks_like(s, "0000-00-00") || s[LOCAL_DATE_SIZE - 1] != '\0')
		return ERR_MALFORMED;
	snprintf(time, sizeof(time), "%sT00:00:00", s);
	if ((e = local_time_parse(time, &t)) == ERR_OK)
		*ret_day = local_day(t);
	return e;
}

void
local_date_format(int64_t day, char ret[LOCAL_DATE_SIZE])
{
	char time[LOCAL_TIME_SIZE];

	local_time_format((struct local_time){ day * LOCAL_DAY_S }, time);
	snprintf(ret, LOCAL_DATE_SIZE, "%.*s", LOCAL_DATE_SIZE - 1, time);
}

int64_t
local_date_make(int year, int month)
{
	char utc[TIMESTAMP_SIZE];
	int64_t ms = 0;

	snprintf(utc, sizeof(utc), "%04d-%02d-01T00:00:00Z", year, month);
	(void)timestamp_parse(utc, &ms);
	return local_day((struct local_time){ ms / 1000 });
}

void
local_date_split(int64_t day, int *ret_year, int *ret_month, int *ret_day)
{
	char date[LOCAL_DATE_SIZE];

	local_date_format(day, date);
	*ret_year = (date[0] - '0') * 1000 + (date[1] - '0') * 100 + (date[2] - '0') * 10 + (date[3] - '0');
	*ret_month = (date[5] - '0') * 10 + (date[6] - '0');
	*ret_day = (date[8] - '0') * 10 + (date[9] - '0');
}

int64_t
local_day(struct local_time t)
{
	return t.s / LOCAL_DAY_S - (t.s % LOCAL_DAY_S < 0);
}

int64_t
local_second_of_day(struct local_time t)
{
	return t.s - local_day(t) * LOCAL_DAY_S;
}

int
local_weekday(int64_t day)
{
	/* 1970-01-01 was a Thursday. */
	return (int)(((day + 4) % 7 + 7) % 7);
}
