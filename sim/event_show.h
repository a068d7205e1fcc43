/*
 * event_show.h - an event as Graph answers it: facts 9, in the zone and with the kind of id the call prefers.
 */
#ifndef SIM_EVENT_SHOW_H
#define SIM_EVENT_SHOW_H

#include "sim/occasion.h"

struct call;

/* How this call wants its events. */
struct event_wish {
	bool immutable;          /* Prefer: IdType="ImmutableId" */
	char zone[64], iana[64]; /* Prefer: outlook.timezone, else UTC */
};

/* False after refusing: an unknown zone. A call without IdType is noted in the journal. */
bool event_wish(struct call *c, struct event_wish *ret);

/* All members, without $select; each gives. */
json_t *event_show(const struct call *c, const struct occasion *o, const struct event_wish *wish);
/* What deltas have of a plain occurrence: facts 7.3. */
json_t *event_show_little(const struct call *c, const struct occasion *o, const struct event_wish *wish);
/* The members $select names; then those $expand adds: extended properties by id, exceptions. */
void event_shape(const struct call *c, const struct occasion *o, const struct event_wish *wish, json_t *shown);

const char *event_shown_id(const struct event *e, const struct event_wish *wish);

#endif
