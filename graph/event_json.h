/*
 * event_json.h - events between Graph's JSON and our words. graph-facts sections 7.3 and 9. Pure.
 */
#ifndef GRAPH_EVENT_JSON_H
#define GRAPH_EVENT_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "model/event.h"
#include "model/event_fields.h"

/* The name every tag has, in every tenant, for good: it is how meetings are found again. */
#define GRAPH_EVENT_PROPERTY "String {5f0e0d62-7c41-4b8e-9d35-e1a6c0b2d401} Name PlatformEventId"

enum graph_event_type { GRAPH_EVENT_SINGLE, GRAPH_EVENT_OCCURRENCE, GRAPH_EVENT_EXCEPTION, GRAPH_EVENT_SERIES };

/* What Graph said of one event. */
struct graph_event {
	char id[GRAPH_EVENT_ID_SIZE];
	char etag[ETAG_SIZE]; /* "" when absent */
	char ical_uid[ICAL_UID_SIZE], join_url[JOIN_URL_SIZE];
	char series_id[GRAPH_EVENT_ID_SIZE]; /* of occurrences and exceptions */
	char transaction_id[GUID_SIZE];
	enum graph_event_type type;
	bool removed; /* a delta's @removed: nothing but the id is set. Deleted, or no longer in the window */
	bool
	    partial; /* an occurrence as deltas have it, with id, series and times only; or not understood in a list. fields is NULL */
	bool is_organizer;  /* true when not said */
	bool body_left_out; /* longer than EVENT_BODY_MAX: fields has none; neither compare nor write it */
	bool tagged;        /* it carries our property, readable */
	struct event_tag tag;
	int64_t original_ms;         /* occurrences and exceptions: originalStart; 0 when absent */
	int64_t start_ms, end_ms;    /* 0 when absent */
	int64_t modified_wall_ms;    /* 0 when absent */
	struct event_fields *fields; /* owned; without the join block, with everybody's response; NULL if removed or partial */
	char *join_block;            /* owned; "" when there is none; NULL as fields */
	struct event_responses responses;
};

/* ERR_UNEXPECTED: not an event; ERR_NOMEM. What Graph may leave out is empty. On ERR_OK end with graph_event_done. */
enum err graph_event_read(const json_t *json, struct graph_event *ret);
/* For lists, where an event of somebody else's must not be in the way of ours: one that is not understood is partial. ERR_UNEXPECTED
 * without an id only. */
enum err graph_event_read_loosely(const json_t *json, struct graph_event *ret);
void graph_event_done(struct graph_event *e); /* frees what it owns, empties it */

/* The body of a POST. Gives; NULL: out of memory. */
json_t *graph_event_create_json(const struct event_fields *f, const struct event_tag *tag, const char *transaction_id);
/*
 * The body of a PATCH that makes the fields of mask as f has them. join_block is what the event has now: the new body keeps it. CANCELLED
 * and EXCEPTIONS have calls of their own and are left out. Gives; NULL: out of memory.
 */
json_t *graph_event_change_json(const struct event_fields *f, unsigned mask, const char *join_block);
/*
 * The answer to graph_event_exceptions, put into the exceptions of series, which are emptied before. Occurrences that were cancelled are
 * named by their day alone: series says at what time.
 */
enum err graph_event_exceptions_read(const json_t *json, struct event_fields *series);
/* How many people a write of these fields mails: 0 for what mails nobody. was NULL: it is created. */
size_t graph_event_mails(const struct event_fields *was, const struct event_fields *now, unsigned mask);

#endif
