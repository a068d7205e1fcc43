/*
 * series.h - on which days a series of Graph's patterns falls: facts 9.1. Pure.
 *
 * It walks day by day and asks of each whether the pattern has it: slow and plain, and on purpose nothing the daemon uses,
 * so that both must be right to agree. A day of the month that a month does not have is the month's last.
 */
#ifndef SIM_SERIES_H
#define SIM_SERIES_H

#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

#define SERIES_MAX 999 /* occurrences of a numbered series, as Exchange has it */

/* What Graph would refuse in a patternedRecurrence of an event that starts on start_day (days since 1970); NULL when all is well. */
const char *series_problem(const json_t *recurrence, int64_t start_day);
/* Gives the recurrence as Graph shows it: all members there, in their own spelling. */
json_t *series_normal(const json_t *recurrence);
/* The days within [from_day, to_day] in order, at most max. recurrence was checked. */
size_t series_days(const json_t *recurrence, int64_t from_day, int64_t to_day, int64_t *ret, size_t max);

#endif
