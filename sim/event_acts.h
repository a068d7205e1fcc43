/*
 * event_acts.h - what happens to events, whoever does it: the application by Graph, or a person in Outlook by the control API.
 *
 * Each act changes the mailbox, sends the mails Exchange sends, and tells subscribers. What is allowed was judged before.
 */
#ifndef SIM_EVENT_ACTS_H
#define SIM_EVENT_ACTS_H

#include "model/local_time.h"
#include "sim/calendar.h"
#include "sim/series.h"

struct sim;

/* How far an act is seen and heard: by whom it was done. */
struct act_way {
	int64_t lag_ms;
	int64_t join_ms; /* the join link comes so much later */
	bool quiet;      /* no notification */
	bool loud;       /* mails all, whether anything is different or not */
	bool app;        /* by Graph: mistakes of it go to the journal */
};

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

/* Each takes state. */
struct event *event_make(struct sim *sim, struct mailbox *box, json_t *state, const struct act_way *way);
void event_change(struct sim *sim, struct event *e, json_t *state, const struct act_way *way);
/* The occurrence of that date is no longer as the pattern has it. Takes state. */
struct event *event_except(struct sim *sim, struct event *series, const char *date, json_t *state, const struct act_way *way);

/* Do attendees care for any of these members? */
bool event_matters(const json_t *given);
/* Cancels: the mails go out and it is in no calendar any more. date: one occurrence of the series; NULL: all of it. */
void event_cancel(struct sim *sim, struct event *e, const char *date, const struct act_way *way);
/* Its etag changes, nothing else. */
void event_touch(struct sim *sim, struct event *e, const struct act_way *way);
void event_move(struct sim *sim, struct event *e, const struct act_way *way);
/* False when there is no such attendee, or no such response. */
bool event_respond(struct sim *sim, struct event *e, const char *address, const char *response, const struct act_way *way);

/* Puts the join block of url behind the state's body. */
void event_add_block(json_t *state, const char *url);

/* The state a plain occurrence would have if it stood alone. Gives. */
json_t *event_occurrence_state(const struct occasion *o);
/* The event itself, in one of its states. */
void event_alone(const struct event *e, const json_t *state, unsigned version, struct occasion *ret);
/* Occasions of e that overlap [from_ms, to_ms), in order, at most max, as a read of read_ms sees them; count is returned. */
size_t event_occasions(const struct event *e, int64_t read_ms, int64_t from_ms, int64_t to_ms, struct occasion *ret, size_t max);
/* The occurrence of that date as it is now, changed or not; false: there is none. */
bool event_occasion(const struct event *series, const char *date, struct occasion *ret);
/* May this occurrence begin there? Facts 9.3: it may not pass its neighbours. */
bool event_may_begin(const struct event *series, const char *date, int64_t start_ms, int64_t end_ms);

#endif
