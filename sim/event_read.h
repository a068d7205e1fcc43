/*
 * event_read.h - what a client may say of an event, and what Graph refuses: facts 9.1. Pure.
 *
 * A state has Graph's names and spelling; besides, "startMs" and "endMs" are the instants of start and end, and start and end
 * are local times to the second in the zone the client named. What Graph sets by itself is ignored in what is given.
 */
#ifndef SIM_EVENT_READ_H
#define SIM_EVENT_READ_H

#include "base/json.h"
#include "model/local_time.h"

struct refusal;

#define ATTENDEES_MAX 500 /* facts 9.1 */

/* Gives a state without anything, of an event this mailbox organizes. */
json_t *event_blank(const char *address, const char *name);
/* Puts what is given into state, which becomes worthless when it fails: *ret says what Graph answers then. */
bool event_read(json_t *state, const json_t *given, bool creating, struct refusal *ret);

/* Of a state that was read. zone: as the client named it. */
struct local_time event_local(const json_t *state, const char *key, const char **ret_zone);
/* The instant; false when the zone is unknown. zone may be one of Outlook's names. */
bool event_instant(struct local_time t, const char *zone, int64_t *ret_ms);

#endif
