/*
 * calendar.h - mailboxes of the simulated Exchange and the events in them: data, indices, and the order of changes.
 *
 * An event's state is a JSON object of Graph's writable properties (event_read.h), replaced as a whole and never changed in place, nor
 * anything in it: reads that lag see the one before, and what is alike in both is there once. No HTTP, no rules: event_acts.h has
 * those. A mailbox comes into being when it is first asked for, and lives with its events until mailboxes_done; "gone" is a flag.
 */
#ifndef SIM_CALENDAR_H
#define SIM_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "sim/map.h"
#include "sim/tags.h"
#include "sim/world.h"

#define EVENT_ID_SIZE 176
#define ETAG_SIZE     48
#define DATE_SIZE     11 /* "2026-03-02" */

struct clock;
struct timer;

enum mail { MAIL_INVITATION, MAIL_UPDATE, MAIL_CANCELLATION, MAIL_KINDS };

struct mail_counts {
	int64_t of[MAIL_KINDS];
};

/* Somebody who was ever mailed about an event; address in lower case. */
struct addressee {
	char *address;
	struct mail_counts mails;
};

struct event {
	struct mailbox *box;
	uint64_t number;             /* in the mailbox, from 1 */
	char id[EVENT_ID_SIZE];      /* immutable; case tells ids apart: facts 9.5 */
	char rest_id[EVENT_ID_SIZE]; /* of the folder it is in */
	char uid[96];                /* iCalUId */
	char *transaction;           /* transactionId; NULL */
	char *comment;               /* that it was cancelled with; NULL */
	unsigned version;            /* the etag is made of it */
	json_t *state, *stale;       /* stale: what reads before shown_ms see; NULL = nothing */
	unsigned stale_version;
	int64_t shown_ms; /* boot time */
	bool gone;
	int64_t gone_ms;          /* reads before this still see it */
	int64_t start_ms, end_ms; /* wall; of a series: its first occurrence */
	uint64_t seq;             /* of the last change, of the world's sequence */
	struct event *older, *newer;
	struct timer *join; /* while the join link is still to come */
	void *join_arg;     /* its argument; owned */
	struct map mailed;  /* address -> struct addressee */
	struct mail_counts mails;
	/* Of a series: occurrences that are no longer as the pattern has them. */
	struct event **exceptions;
	size_t exception_count, exception_cap;
	char (*cancelled)[DATE_SIZE];
	size_t cancelled_count, cancelled_cap;
	/* Of an exception. */
	struct event *master;
	char date[DATE_SIZE]; /* of the pattern's occurrence it stands for, local */
};

struct mailbox {
	struct user *user;
	struct rng *rng;
	struct event **events; /* all that ever were, in order of creation */
	size_t count, cap, live;
	struct event *oldest, *newest; /* by change */
	struct map by_id;              /* id and rest_id -> event */
	struct map by_transaction;     /* transactionId -> event, gone ones too */
	struct tags tags;              /* of the extended properties */
	int in_flight, in_flight_max;  /* requests */
	struct mail_counts mails;
	int64_t late_mails; /* of those, for events that had ended */
};

struct mailboxes {
	struct map by_user; /* user id -> mailbox */
};

struct mailbox *sim_mailbox(struct mailboxes *m, struct user *user, struct rng *rng); /* made when new */
void mailboxes_done(struct mailboxes *m);                                             /* frees all; empty again */

/* Takes state. master and date are of an exception, else NULL. */
struct event *
calendar_add(struct mailbox *box, uint64_t seq, json_t *state, int64_t shown_ms, struct event *master, const char *date);
/* Takes state. */
void calendar_change(struct event *e, uint64_t seq, json_t *state, int64_t now_ms, int64_t shown_ms);
void calendar_remove(struct event *e, uint64_t seq, int64_t gone_ms);
/* It is in another folder from now on: its ordinary id is another one. */
void calendar_move(struct event *e, uint64_t seq);
void calendar_touch(struct event *e, uint64_t seq); /* the same state with a new etag */
void calendar_cancel_date(struct event *master, const char *date);

/* By either id; also a gone one. */
struct event *calendar_find(const struct mailbox *box, const char *id);
/* An occurrence that is no exception has the id of its series and its date, in the same form as the series' id. */
void calendar_occurrence_id(const char *series_id, const char *date, char ret[EVENT_ID_SIZE]);
/* The series and date an occurrence's id is made of; NULL when id is none. */
struct event *calendar_occurrence_find(const struct mailbox *box, const char *id, char ret_date[DATE_SIZE]);
struct event *calendar_exception(const struct event *master, const char *date); /* NULL = none */
bool calendar_date_cancelled(const struct event *master, const char *date);

/* What a read of that time sees; NULL: the event is not there. version: of the etag. */
const json_t *calendar_seen(const struct event *e, int64_t read_ms, unsigned *ret_version);
void calendar_etag(const struct event *e, unsigned version, char ret[ETAG_SIZE]);

struct addressee *calendar_addressee(struct event *e, const char *address);          /* made when new */
const struct addressee *calendar_mailed(const struct event *e, const char *address); /* NULL = never */

#endif
