/*
 * local_time.h - a date and time as a clock on the wall shows it: no zone, no daylight saving, only arithmetic.
 *
 * s counts seconds from 1970-01-01T00:00:00 on that clock, so that local times compare and subtract as numbers. Which instant it is,
 * only a zone says (model/time_zone.h). Pure.
 */
#ifndef MODEL_LOCAL_TIME_H
#define MODEL_LOCAL_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define LOCAL_TIME_SIZE 20 /* "2026-12-01T17:00:00" and NUL */
#define LOCAL_DATE_SIZE 11
#define LOCAL_DAY_S     86400

struct local_time {
	int64_t s;
};

/* "2026-12-01T17:00:00", also with a fraction, which is dropped (Graph sends ".0000000"). No zone, no offset. Years 1601 to 4499, as
 * Outlook has them: ERR_MALFORMED, ERR_INVALID. */
enum err local_time_parse(const char *s, struct local_time *ret);
void local_time_format(struct local_time t, char ret[LOCAL_TIME_SIZE]);

/* Days since 1970-01-01 of a date, "2026-12-01". */
enum err local_date_parse(const char *s, int64_t *ret_day);
void local_date_format(int64_t day, char ret[LOCAL_DATE_SIZE]);
int64_t local_date_make(int year, int month); /* its first day; years 1 to 9999, months 1 to 12 */
void local_date_split(int64_t day, int *ret_year, int *ret_month, int *ret_day);

int64_t local_day(struct local_time t); /* days since 1970-01-01 */
int64_t local_second_of_day(struct local_time t);
int local_weekday(int64_t day); /* 0 = Sunday */

#endif
