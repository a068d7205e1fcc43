/*
 * occasion.h - when events take place: single ones, series day by day, occurrences that went their own way. Pure but for reading the mailbox.
 */
#ifndef SIM_OCCASION_H
#define SIM_OCCASION_H

#include "model/local_time.h"
#include "sim/calendar.h"

/* One time an event takes place: the event itself, or an occurrence of a series. */
struct occasion {
	struct event *event; /* the single event, the exception, or the series */
	const json_t *state; /* its own; of a plain occurrence the series' */
	unsigned version;
	bool plain;                   /* an occurrence as the pattern has it */
	char date[DATE_SIZE];         /* of an occurrence or exception, else "" */
	struct local_time start, end; /* in the zones of state */
	int64_t start_ms, end_ms;
};

/* The event itself, in one of its states. */
void occasion_alone(const struct event *e, const json_t *state, unsigned version, struct occasion *ret);
/* Occasions of e that overlap [from_ms, to_ms), in order, at most max, as a read of read_ms sees them; count is returned. */
size_t occasions_within(const struct event *e, int64_t read_ms, int64_t from_ms, int64_t to_ms, struct occasion *ret, size_t max);
/* The occurrence of that date as it is now, changed or not; false: there is none. */
bool occasion_of_date(const struct event *series, const char *date, struct occasion *ret);
/* May this occurrence begin there? Facts 9.3: it may not pass its neighbours. */
bool occasion_may_begin(const struct event *series, const char *date, int64_t start_ms, int64_t end_ms);
/* The state a plain occurrence would have if it stood alone. Gives. */
json_t *occasion_state(const struct occasion *o);

#endif
