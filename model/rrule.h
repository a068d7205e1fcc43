/*
 * rrule.h - reads an RRULE of RFC 5545 into what Graph can say (struct recurrence), or says why it cannot.
 *
 * RRULE says more than Graph can; what Graph cannot is refused with a sentence that says why and what would do. Days that a
 * month does not have: RRULE's BYMONTHDAY=31 skips the month, Graph takes its last day. So BYMONTHDAY beyond 28 is refused where a
 * month is met that may lack it. What means Graph's way is taken: BYMONTHDAY=-1, BYMONTHDAY=28,29,30;BYSETPOS=-1, and
 * RSCALE=GREGORIAN;SKIP=BACKWARD (RFC 7529). Pure.
 */
#ifndef MODEL_RRULE_H
#define MODEL_RRULE_H

#include <stddef.h>

#include "base/err.h"
#include "model/local_time.h"
#include "model/recurrence.h"

/*
 * rrule is the value ("FREQ=WEEKLY;BYDAY=MO"), with or without "RRULE:" before it, case-blind; start is the first occurrence, local in zone. What the rule leaves
 * out is taken from start. ERR_MALFORMED: not a rule; ERR_UNSUPPORTED: Graph cannot say it; ERR_INVALID: start is not an
 * occurrence of it, or it ends before. why says which and what to do.
 */
enum err
rrule_read(const char *rrule, struct local_time start, const char *zone, struct recurrence *ret, char *why, size_t why_size);

/* The same for a rule and a start that were moved apart since: start need be no day of it, nor before its end. */
enum err rrule_read_moved(
    const char *rrule, struct local_time start, const char *zone, struct recurrence *ret, char *why, size_t why_size);

#endif
