/*
 * event_acts.h - what happens to events, whoever does it: the application by Graph, or a person in Outlook by the control API.
 *
 * Each act changes the mailbox, sends the mails Exchange sends, and tells subscribers. What is allowed was judged before.
 */
#ifndef SIM_EVENT_ACTS_H
#define SIM_EVENT_ACTS_H

#include "sim/calendar.h"

struct sim;

/* How far an act is seen and heard: by whom it was done. */
struct act_way {
	int64_t lag_ms;
	int64_t join_ms;     /* the join link comes so much later */
	bool quiet;          /* no notification */
	bool loud;           /* mails all, whether anything is different or not */
	bool app;            /* by Graph: mistakes of it go to the journal */
	const char *comment; /* of a cancellation; NULL */
};

/* Each takes state. */
struct event *event_make(struct sim *sim, struct mailbox *box, json_t *state, const struct act_way *way);
void event_change(struct sim *sim, struct event *e, json_t *state, const struct act_way *way);
/* The occurrence of that date is no longer as the pattern has it. Takes state. */
struct event *event_except(struct sim *sim, struct event *series, const char *date, json_t *state, const struct act_way *way);

/* Cancels: the mails go out and it is in no calendar any more. date: one occurrence of the series; NULL: all of it. */
void event_cancel(struct sim *sim, struct event *e, const char *date, const struct act_way *way);
/* Its etag changes, nothing else. */
void event_touch(struct sim *sim, struct event *e, const struct act_way *way);
void event_move(struct sim *sim, struct event *e, const struct act_way *way);
/* False when there is no such attendee, or no such response. */
bool event_respond(struct sim *sim, struct event *e, const char *address, const char *response, const struct act_way *way);

#endif
