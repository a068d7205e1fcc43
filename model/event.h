/*
 * event.h - one meeting of an ERG: how it stands between the app and Outlook. What it is made of is in model/event_fields.h.
 *
 * The record is small and of fixed size; the fields of each side are documents of their own (state/events.h).
 */
#ifndef MODEL_EVENT_H
#define MODEL_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "model/ids.h"
#include "model/tenant.h"

#define GRAPH_EVENT_ID_SIZE 513 /* immutable ids have about 150 characters; case-sensitive */
#define ICAL_UID_SIZE       513
#define JOIN_URL_SIZE       2049
#define ETAG_SIZE           129
#define EVENT_COMMENT_SIZE  1025
#define EVENT_TAG_SIZE      (2 * APP_ID_SIZE + 24)

/* Whose word a document of fields is. */
enum event_side {
	EVENT_SIDE_APP,     /* what the app asked for last */
	EVENT_SIDE_OUTLOOK, /* what Outlook showed last */
	EVENT_SIDE_BASE,    /* what both agreed on, as the app has it */
	EVENT_SIDE_WRITTEN, /* what the write under way will make of it; gone when its outcome is known */
	EVENT_SIDE_SHOWN,   /* what both agreed on, as Outlook shows it: it may not keep what it is given to the letter */
	EVENT_SIDE_TOLD     /* what the callback under way tells the app; gone when it is answered */
};
#define EVENT_SIDE_COUNT 6

enum event_status { EVENT_PENDING, EVENT_SCHEDULED, EVENT_CANCELLED, EVENT_FAILED, EVENT_OFF };
extern const char *const event_status_names[];

/* What is to be done, or being done, in the mailbox. The intent: written before the call, closed after. */
enum event_write { EVENT_WRITE_NONE, EVENT_WRITE_CREATE, EVENT_WRITE_UPDATE, EVENT_WRITE_CANCEL };

struct event_responses {
	int64_t accepted, tentative, declined, none;
};

struct event {
	struct tenant_id tenant;
	struct erg_id erg;
	struct event_id id;
	enum event_status status;
	char detail[DETAIL_SIZE];
	int64_t created_wall_ms, changed_wall_ms; /* by the app's writes */
	int64_t status_since_wall_ms;
	int64_t synced_wall_ms;             /* when both sides were last proved equal; 0: never */
	int64_t start_wall_ms, end_wall_ms; /* of the app's fields: next occurrence's start, last occurrence's end */
	bool deleted_by_app;                /* the app has it cancelled: by its own will, or told that Outlook has cancelled it */
	bool ended_in_outlook;              /* of the latter, and the app has not said DELETE since */
	int64_t forget_wall_ms;             /* 0: not; a cancelled event goes then */
	char comment[EVENT_COMMENT_SIZE];   /* of the app's DELETE */

	/* in Outlook */
	struct guid mailbox; /* the organiser's object id; "" until known */
	char graph_id[GRAPH_EVENT_ID_SIZE], ical_uid[ICAL_UID_SIZE], join_url[JOIN_URL_SIZE];
	char etag_seen[ETAG_SIZE];    /* of the Outlook side's document */
	char etag_written[ETAG_SIZE]; /* what our last write answered: a notification with it is an echo */
	struct event_responses responses;
	int64_t seen_wall_ms;     /* last read of it */
	int64_t modified_wall_ms; /* by Outlook's clock, of what was read: an older answer says nothing */
	bool series;

	/* towards Outlook */
	int64_t generation; /* grows with each new meeting for this event: part of the transaction id and the tag */
	char transaction_id[GUID_SIZE];
	enum event_write write;  /* wanted */
	int64_t started_wall_ms; /* the call was begun (0: not) and its end has not been noted */
	bool unknown;            /* a time-out, a 5xx or a crash: look it up first */
	int64_t not_before_wall_ms, attempts;
	bool held;               /* over a limit, waits for a decision */
	bool approved;           /* a decision was made: the limits let it pass */
	bool gone;               /* the meeting was cancelled or deleted: confirmed */
	bool ready;              /* its row in MEETINGS_DUE is among those whose time has come */
	uint64_t written_fields; /* of the write under way */
	int64_t mails;           /* that the open write will cause */
	int64_t again_wall_ms;   /* to be looked at then, though nothing is open; 0: not */
	int64_t due_wall_ms;     /* of its row in MEETINGS_DUE; 0: it has none */

	/* towards the app */
	uint64_t callback_seq;         /* under way, 0 = none */
	bool told_scheduled;           /* the app has heard of the join URL */
	bool told_cancelled;           /* the callback under way tells of a cancellation */
	bool told_stale;               /* it tells of a meeting before the present one: what holds now is told after it */
	uint64_t told_fields;          /* the callback under way tells of these */
	uint64_t asked_fields;         /* these the app put anew since */
	int64_t responses_due_wall_ms; /* the app is to be told of responses then; 0: not */
};

/*
 * What marks a meeting as ours: the value of its single-value extended property, "erg/event/generation". Graph compares the
 * value without case, so what is found is read back and compared exactly.
 */
struct event_tag {
	struct erg_id erg;
	struct event_id event;
	int64_t generation;
};
void event_tag_format(const struct event_tag *tag, char ret[EVENT_TAG_SIZE]);
enum err event_tag_parse(const char *s, struct event_tag *ret);

/* UUIDv5 of the app's tenant, ERG and event and the generation: the same after any crash. */
void event_transaction_id(const struct tenant_id *tenant, const struct event_tag *tag, char ret[GUID_SIZE]);

#endif
