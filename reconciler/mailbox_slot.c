/* A slot reads one event: by its id, then, when it is not there, by its property; then the occurrences of a series. */
#include "reconciler/mailbox_job.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "graph/events.h"
#include "reconciler/meeting.h"
#include "reconciler/meeting_seen.h"
#include "reconciler/meeting_settle.h"
#include "reconciler/reconciler.h"
#include "reconciler/standing.h"
#include "state/events.h"

/* ---------- a slot ---------- */

static struct mailbox_read *
read_of(const struct mailbox_slot *s)
{
	return &s->job->reads[s->at];
}

static struct meeting *
slot_open(const struct mailbox_slot *s)
{
	return meeting_open(s->job->r, &read_of(s)->ref.erg, &read_of(s)->ref.event);
}

static void
slot_end(struct mailbox_slot *s)
{
	s->busy = false;
	s->job->reading--;
	timer_arm(s->job->timer, 0);
}

static void
slot_failed(struct mailbox_slot *s, enum err e, const struct graph_answer *a)
{
	mailbox_job_fail(s->job, e, a, a != NULL && a->detail[0] != '\0' ? a->detail : err_text(e));
	slot_end(s);
}

/* Graph answers for the mailbox and cannot show this one event, or not so that it can be understood. It stops no other: it is passed
 * over, and read again when it changes or with the next whole round. */
static bool
is_of_event(const struct graph_answer *a)
{
	enum graph_event_refusal why = graph_event_judge(a);

	if (a->sign_in_failed || a->status == 0)
		return false;
	return a->err == ERR_OK || a->status == 500 || (why != GRAPH_EVENT_NONE && !graph_event_refuses_mailbox(why));
}

static void
slot_unread(struct mailbox_slot *s, enum err e, const struct graph_answer *a)
{
	if (!is_of_event(a) || e == ERR_NOMEM) {
		slot_failed(s, e, a);
		return;
	}
	log_put(LOG_WARN, "event_not_read", LS("erg", read_of(s)->ref.erg.s), LS("event", read_of(s)->ref.event.s),
	    LI("status", a->status), LS("err", err_name(e)), LS("request_id", a->request_id));
	slot_end(s);
}

/* ---------- the occurrences of a series ---------- */

static void
on_singles(void *arg, const struct graph_answer *a)
{
	struct mailbox_slot *s = arg;
	const struct event_fields *outlook;
	struct event_fields *series = NULL;
	struct meeting *m = slot_open(s);
	enum err e = a->err;

	s->call = NULL;
	if (e == ERR_OK && m != NULL && (outlook = meeting_side(m, EVENT_SIDE_OUTLOOK)) != NULL) {
		e = (series = event_fields_copy(outlook)) != NULL ? graph_event_exceptions_read(a->json, series) : ERR_NOMEM;
		if (e == ERR_OK)
			meeting_seen_occurrences(m, series);
	}
	event_fields_free(series);
	if (e == ERR_OK)
		meeting_close(m);
	else
		meeting_drop(m);
	if (e == ERR_OK || e == ERR_NOTFOUND)
		slot_end(s);
	else
		slot_unread(s, e, a);
}

static void
singles_start(struct mailbox_slot *s, const char *series_id)
{
	struct mailbox_job *job = s->job;

	s->call = graph_event_exceptions(job->r->graph, &job->where, &job->mailbox, series_id, on_singles, s);
	if (s->call == NULL)
		slot_failed(s, ERR_NOMEM, NULL);
}

/* ---------- an event ---------- */

static void
count_told(struct mailbox_job *job, struct meeting *m)
{
	int64_t mails;

	if (mailbox_job_counts(job, &m->e.erg) && meeting_settle_step(m, &mails).tell != 0)
		job->result.changes.meetings_updated++;
}

static void
take(struct mailbox_slot *s, struct graph_event *seen)
{
	struct meeting *m = slot_open(s);
	char id[GRAPH_EVENT_ID_SIZE];
	bool series;

	if (m == NULL) {
		graph_event_done(seen);
		slot_end(s);
		return;
	}
	memcpy(id, seen->id, sizeof(id));
	series = seen->type == GRAPH_EVENT_SERIES && read_of(s)->series && seen->fields != NULL && !seen->fields->cancelled;
	if (seen->fields != NULL && seen->fields->cancelled)
		read_of(s)->gone = true;
	else if (meeting_seen(m, seen))
		count_told(s->job, m);
	graph_event_done(seen);
	if (s->job->dry)
		meeting_drop(m);
	else
		meeting_close(m);
	if (series && !s->job->dry)
		singles_start(s, id);
	else
		slot_end(s);
}

static void on_find(void *arg, const struct graph_answer *a);

/* exactly: the generation to look for; 0: all. */
static void
find_start(struct mailbox_slot *s, int64_t exactly)
{
	struct mailbox_job *job = s->job;
	struct event_tag tag = { .erg = read_of(s)->ref.erg, .event = read_of(s)->ref.event, .generation = exactly };

	s->exactly = exactly;
	s->call = graph_event_find(job->r->graph, &job->where, &job->mailbox, &tag, on_find, s);
	if (s->call == NULL)
		slot_failed(s, ERR_NOMEM, NULL);
}

static void
on_find(void *arg, const struct graph_answer *a)
{
	struct mailbox_slot *s = arg;
	struct event_tag tag = { .erg = read_of(s)->ref.erg, .event = read_of(s)->ref.event };
	struct graph_event seen;
	struct event e;
	enum err err = graph_event_find_read(a, &tag, &seen);

	s->call = NULL;
	if (err == ERR_NOTFOUND && a->err == ERR_OK) {
		read_of(s)->gone = true;
		slot_end(s);
	} else if (a->status == 400 && s->exactly == 0 && events_get(s->job->r->store, &tag.erg, &tag.event, &e) == ERR_OK &&
	           e.generation > 0) {
		find_start(s, e.generation); /* the filter was refused: a plainer one */
	} else if (err != ERR_OK) {
		slot_failed(s, err, a);
	} else if (events_get(s->job->r->store, &tag.erg, &tag.event, &e) == ERR_OK && seen.tag.generation < e.generation) {
		graph_event_done(&seen);
		read_of(s)->gone = true;
		slot_end(s);
	} else {
		take(s, &seen);
	}
}

static void
on_get(void *arg, const struct graph_answer *a)
{
	struct mailbox_slot *s = arg;
	struct mailbox_job *job = s->job;
	struct graph_event seen;
	enum err e = graph_event_answer_read(a, &seen);

	s->call = NULL;
	tenant_judge(job->r, &job->tenant, a);
	if (e == ERR_OK) {
		take(s, &seen);
	} else if (a->err == ERR_NOTFOUND && graph_event_judge(a) == GRAPH_EVENT_GONE) {
		find_start(s, 0);
	} else {
		slot_unread(s, e, a);
	}
}

static void
get_start(struct mailbox_slot *s)
{
	struct event e;

	if (events_get(s->job->r->store, &read_of(s)->ref.erg, &read_of(s)->ref.event, &e) != ERR_OK || !meeting_is_live(&e)) {
		slot_end(s);
		return;
	}
	s->job->r->counters.reads_item++;
	s->call = graph_event_get(s->job->r->graph, &s->job->where, &s->job->mailbox, e.graph_id, on_get, s);
	if (s->call == NULL)
		slot_failed(s, ERR_NOMEM, NULL);
}

void
mailbox_slots_fill(struct mailbox_job *job)
{
	for (size_t i = 0; i < MAILBOX_READS_AT_ONCE && job->next_read < job->read_count; i++) {
		struct mailbox_slot *s = &job->slots[i];

		if (s->busy)
			continue;
		s->at = job->next_read++;
		job->reading++;
		s->busy = true;
		get_start(s);
	}
}
