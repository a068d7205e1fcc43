/*
 * recurrence.h - a series of meetings as Graph can say it, from and to RFC 5545's RRULE, and its occurrences.
 *
 * struct recurrence has the members of Graph's recurrencePattern and recurrenceRange. RRULE says more than Graph can; what it cannot is
 * refused with a sentence that says why and what would do. Days of the month that a month does not have: Graph's absoluteMonthly
 * on the 31st falls on the month's last day, RRULE's BYMONTHDAY=31 skips the month. So a rule with BYMONTHDAY beyond 28 is
 * refused unless every month it meets has that day, or it carries RSCALE=GREGORIAN;SKIP=BACKWARD (RFC 7529), which means just Graph's way.
 * Pure; only libical behind it.
 */
#ifndef MODEL_RECURRENCE_H
#define MODEL_RECURRENCE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/local_time.h"
#include "model/time_zone.h"

#define RRULE_SIZE     256
#define RECURRENCE_WHY 320
#define RECURRENCE_MAX 999 /* occurrences or interval: Outlook's own ceiling for both */

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

/*
 * rrule is the value alone ("FREQ=WEEKLY;BYDAY=MO"), case-blind; start is the first occurrence, local in zone. What the rule leaves
 * out is taken from start. ERR_MALFORMED: not a rule; ERR_UNSUPPORTED: Graph cannot say it; ERR_INVALID: start is not an
 * occurrence of it, or it ends before. why says which and what to do.
 */
enum err recurrence_of_rrule(
    const char *rrule, struct local_time start, const char *zone, struct recurrence *ret, char *why, size_t why_size);
/* The rule in its one normal form. */
void recurrence_to_rrule(const struct recurrence *r, char ret[RRULE_SIZE]);

/* Graph's patternedRecurrence. to: gives, NULL when out of memory. zone may be NULL. */
json_t *recurrence_to_json(const struct recurrence *r, const char *zone);
/* ERR_UNEXPECTED: not as Graph has it. ret_zone: recurrenceTimeZone as it stands there ("" when absent); may be NULL. */
enum err recurrence_from_json(const json_t *json, struct recurrence *ret, char ret_zone[TIME_ZONE_SIZE]);

/* Do they mean the same occurrences, as far as their members tell? */
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

#endif
