/*
 * recurrence.h - a series of meetings as Graph can say it, and its occurrences. From RRULE: model/rrule.h; Graph's JSON:
 * model/recurrence_json.h.
 *
 * struct recurrence has the members of Graph's recurrencePattern and recurrenceRange.
 * Days that a month does not have fall on its last day, as Exchange has it (AbsoluteMonthlyRecurrence of its Web Services).
 * Pure; only libical behind it.
 */
#ifndef MODEL_RECURRENCE_H
#define MODEL_RECURRENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/local_time.h"
#include "model/time_zone.h"

#define RRULE_SIZE              256
#define RECURRENCE_MAX          999 /* occurrences (Outlook's dialogs); days of an interval (Exchange's DailyRecurrence) */
#define RECURRENCE_INTERVAL_MAX 99  /* weeks, months, years of one: Exchange's other patterns */

/* names as Graph spells them; compare without case */
enum recurrence_type {
	RECURRENCE_DAILY,
	RECURRENCE_WEEKLY,
	RECURRENCE_ABSOLUTE_MONTHLY,
	RECURRENCE_RELATIVE_MONTHLY,
	RECURRENCE_ABSOLUTE_YEARLY,
	RECURRENCE_RELATIVE_YEARLY
};
extern const char *const recurrence_type_names[];

enum recurrence_end { RECURRENCE_END_DATE, RECURRENCE_NO_END, RECURRENCE_NUMBERED };
extern const char *const recurrence_end_names[];

enum recurrence_index { RECURRENCE_FIRST, RECURRENCE_SECOND, RECURRENCE_THIRD, RECURRENCE_FOURTH, RECURRENCE_LAST };
extern const char *const recurrence_index_names[];

extern const char *const recurrence_day_names[]; /* "sunday" ... */

struct recurrence {
	enum recurrence_type type;
	int interval;                /* from 1 */
	unsigned days;               /* weekly, relative: bit 0 is Sunday */
	int first_day;               /* weekly: the week starts here; 0 is Sunday */
	enum recurrence_index index; /* relative */
	int day_of_month, month;     /* absolute; yearly: month 1 to 12. 0 where the type has none */
	enum recurrence_end end;
	int64_t start_day, end_day; /* days since 1970-01-01, local; end_day only with END_DATE */
	int count;                  /* only NUMBERED */
};

/* The rule in its one normal form, UNTIL as a date. */
void recurrence_to_rrule(const struct recurrence *r, char ret[RRULE_SIZE]);
/* The same for others to read, UNTIL as RFC 5545 wants it beside a start with a zone: the last possible start, in UTC. */
void recurrence_show(const struct recurrence *r, struct local_time start, const char *zone, char ret[RRULE_SIZE]);

/* Do they mean the same days? */
bool recurrence_equal(const struct recurrence *a, const struct recurrence *b);

struct recurrence_occurrence {
	struct local_time local;
	int64_t unix_ms;
};
/*
 * Those that start within [from_ms, to_ms), in order, at most max; each at start's time of day. ERR_TOOBIG: there are more, the
 * first max are in ret. ERR_NOTFOUND: no such zone.
 */
enum err recurrence_expand(const struct recurrence *r, struct local_time start, const char *zone, int64_t from_ms, int64_t to_ms,
    struct recurrence_occurrence *ret, size_t max, size_t *ret_count);

/* The day of the last occurrence; INT64_MAX when there is no end. */
int64_t recurrence_last_day(const struct recurrence *r);

#endif
