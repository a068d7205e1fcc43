#include "reconciler/meeting_seen.h"

#include <string.h>

#include "base/clock.h"
#include "reconciler/meeting.h"
#include "reconciler/reconciler.h"

static bool
responses_differ(const struct event_fields *a, const struct event_fields *b)
{
	for (size_t i = 0; i < b->attendee_count; i++) {
		const struct event_attendee *was = event_attendee_find(a, b->attendees[i].email);

		if ((was != NULL ? was->response : RESPONSE_NONE) != b->attendees[i].response)
			return true;
	}
	return false;
}

/* Too long to be read: as if nobody had touched it. */
static enum err
keep_body(struct meeting *m, struct event_fields *f)
{
	const struct event_fields *was = meeting_side(m, EVENT_SIDE_OUTLOOK);

	if (was == NULL)
		was = meeting_side(m, EVENT_SIDE_APP);
	return was != NULL ? event_fields_take(f, was, EVENT_MASK(BODY)) : ERR_OK;
}

/* The document of what Outlook shows; occurrences are read apart and stay as they were. */
static void
take_outlook(struct meeting *m, const struct graph_event *seen)
{
	const struct event_fields *was = meeting_side(m, EVENT_SIDE_OUTLOOK);
	struct event_fields *now = event_fields_copy(seen->fields);
	bool differ;

	if (now == NULL) {
		m->failed = true;
		return;
	}
	if (was != NULL)
		m->failed |= event_fields_take(now, was, EVENT_MASK(EXCEPTIONS)) != ERR_OK;
	if (seen->body_left_out)
		m->failed |= keep_body(m, now) != ERR_OK;
	differ = was != NULL && responses_differ(was, now);
	meeting_side_set(m, EVENT_SIDE_OUTLOOK, now);
	if (differ && m->e.responses_due_wall_ms == 0)
		m->e.responses_due_wall_ms = clock_wall_ms(m->r->clock) + MEETING_RESPONSES_MS;
	m->e.responses = seen->responses;
}

static void
take_identity(struct meeting *m, const struct graph_event *seen)
{
	struct event *e = &m->e;

	memcpy(e->graph_id, seen->id, sizeof(e->graph_id));
	memcpy(e->etag_seen, seen->etag, sizeof(e->etag_seen));
	if (seen->ical_uid[0] != '\0')
		memcpy(e->ical_uid, seen->ical_uid, sizeof(e->ical_uid));
	if (seen->join_url[0] != '\0')
		memcpy(e->join_url, seen->join_url, sizeof(e->join_url));
	if (seen->modified_wall_ms != 0)
		e->modified_wall_ms = seen->modified_wall_ms;
	e->seen_wall_ms = clock_wall_ms(m->r->clock);
}

static bool
is_echo(const struct meeting *m, const struct graph_event *seen)
{
	return seen->etag[0] != '\0' && strcmp(seen->etag, m->e.etag_seen) == 0 && strcmp(seen->id, m->e.graph_id) == 0 &&
	       strcmp(seen->join_url, m->e.join_url) == 0 && !m->e.gone;
}

bool
meeting_seen(struct meeting *m, const struct graph_event *seen)
{
	if (seen->fields == NULL || is_echo(m, seen))
		return false;
	/* Asked for before our last write was answered, and answered after it. */
	if (seen->modified_wall_ms != 0 && seen->modified_wall_ms < m->e.modified_wall_ms && strcmp(seen->id, m->e.graph_id) == 0)
		return false;
	if (seen->fields->cancelled) {
		meeting_seen_gone(m);
		return true;
	}
	take_outlook(m, seen);
	take_identity(m, seen);
	m->e.gone = false;
	return true;
}

void
meeting_seen_gone(struct meeting *m)
{
	m->e.gone = true;
	m->e.responses_due_wall_ms = 0;
}

void
meeting_seen_occurrences(struct meeting *m, const struct event_fields *f)
{
	struct event_fields *outlook = meeting_side(m, EVENT_SIDE_OUTLOOK);

	if (outlook == NULL || !(event_fields_diff(outlook, f) & EVENT_MASK(EXCEPTIONS)))
		return;
	m->failed |= event_fields_take(outlook, f, EVENT_MASK(EXCEPTIONS)) != ERR_OK;
	m->changed[EVENT_SIDE_OUTLOOK] = true;
}
