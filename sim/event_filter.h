/*
 * event_filter.h - the $filter of a list of events that Graph takes: by an extended property, facts 9.4; by subject or iCalUId.
 */
#ifndef SIM_EVENT_FILTER_H
#define SIM_EVENT_FILTER_H

#include "sim/calendar.h"

struct call;

enum filter_op { FILTER_NONE, FILTER_EQ, FILTER_NE, FILTER_CONTAINS, FILTER_STARTSWITH };

struct event_filter {
	enum filter_op op;
	char property[256], value[512];
};

/* False after refusing. */
bool event_filter_read(struct call *c, struct event_filter *ret);
/* How many events it may fit, and which: by an index when there is one. In an order that only changes of the mailbox change. */
size_t event_filter_count(const struct event_filter *f, const struct mailbox *box);
const struct event *event_filter_at(const struct event_filter *f, const struct mailbox *box, size_t at);
bool event_filter_fits(const struct event_filter *f, const json_t *state);

#endif
