/* What is about to be written is on disk before the call that writes it. */
#include "reconciler/meeting_task.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "graph/events.h"
#include "reconciler/guard.h"
#include "reconciler/meeting.h"
#include "reconciler/meeting_settle.h"
#include "reconciler/meeting_sum.h"
#include "reconciler/meeting_write.h"
#include "reconciler/reconciler.h"

#define CALL_DEADLINE_MS 180000

/* ---------- a task ---------- */

struct meeting_task *
meeting_task_new(struct meeting_lane *l, const struct event_ref *ref, const struct tenant *tenant)
{
	struct meeting_task *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->lane = l;
	t->erg = ref->erg;
	t->event = ref->event;
	t->mailbox = l->mailbox;
	t->where =
	    (struct graph_where){ .directory = tenant->directory_id, .priority = GRAPH_PERSON, .deadline_ms = CALL_DEADLINE_MS };
	t->next = l->tasks;
	l->tasks = t;
	l->running++;
	return t;
}

void
meeting_task_free(struct meeting_task *t)
{
	struct meeting_task **p = &t->lane->tasks;

	while (*p != t)
		p = &(*p)->next;
	*p = t->next;
	t->lane->running--;
	graph_cancel(t->lane->owner->r->graph, t->call);
	free(t->join_block);
	free(t);
}

void
meeting_task_end(struct meeting_task *t)
{
	timer_arm_sooner(t->lane->timer, 0);
	meeting_task_free(t);
}

static struct reconciler *
reconciler_of(const struct meeting_task *t)
{
	return t->lane->owner->r;
}

struct meeting *
meeting_task_open(const struct meeting_task *t)
{
	return meeting_open(reconciler_of(t), &t->erg, &t->event);
}

/* ---------- calls ---------- */

static void
call_started(struct meeting_task *t, enum meeting_task_step step, struct graph_call *call)
{
	struct meeting *m;

	t->step = step;
	t->call = call;
	if (call != NULL)
		return;
	if ((m = meeting_task_open(t)) != NULL) {
		meeting_write_put_off(m, MEETING_NOMEM_WAIT_MS);
		meeting_close(m);
	}
	meeting_task_end(t);
}

void
meeting_task_find(struct meeting_task *t, enum meeting_task_step step)
{
	/* Of any generation: ours may be lost. */
	struct event_tag tag = { .erg = t->erg, .event = t->event, .generation = t->exactly };

	call_started(t, step, graph_event_find(reconciler_of(t)->graph, &t->where, &t->mailbox, &tag, meeting_answer, t));
}

void
meeting_task_get(struct meeting_task *t, const struct event *e)
{
	call_started(t, MEETING_TASK_GET,
	    graph_event_get(reconciler_of(t)->graph, &t->where, &t->mailbox, e->graph_id, meeting_answer, t));
}

static struct graph_call *
create_call(struct meeting_task *t, struct meeting *m)
{
	const struct event_fields *f = meeting_side(m, EVENT_SIDE_WRITTEN);
	struct event_tag tag = { .erg = m->e.erg, .event = m->e.id, .generation = m->e.generation };

	return f == NULL
	           ? NULL
	           : graph_event_create(m->r->graph, &t->where, &t->mailbox, f, &tag, m->e.transaction_id, meeting_answer, t);
}

static struct graph_call *
patch_call(struct meeting_task *t, struct meeting *m)
{
	const struct event_fields *f = meeting_side(m, EVENT_SIDE_WRITTEN);
	json_t *changes;

	if (f == NULL)
		return NULL;
	changes = graph_event_change_json(f, (unsigned)m->e.written_fields, t->join_block != NULL ? t->join_block : "");
	return graph_event_patch(m->r->graph, &t->where, &t->mailbox, m->e.graph_id, m->e.etag_seen, changes, meeting_answer, t);
}

/* What is to be written is on disk now. */
static void
on_committed(void *arg)
{
	struct meeting_task *t = arg;
	struct meeting *m = meeting_task_open(t);

	if (m == NULL || m->e.started_wall_ms == 0) {
		meeting_drop(m);
		meeting_task_end(t);
		return;
	}
	t->call = t->step == MEETING_TASK_CREATE ? create_call(t, m)
	          : t->step == MEETING_TASK_PATCH
	              ? patch_call(t, m)
	              : graph_event_cancel(m->r->graph, &t->where, &t->mailbox, m->e.graph_id, m->e.comment, meeting_answer, t);
	if (t->call == NULL) {
		meeting_write_put_off(m, MEETING_NOMEM_WAIT_MS);
		meeting_close(m);
		meeting_task_end(t);
		return;
	}
	meeting_drop(m);
}

/* ---------- what it waits for ---------- */

/* May what this event waits for go out? If not, it and everything else of the ERG that mails waits for a decision. */
static bool
mails_allowed(struct meeting *m)
{
	struct reconciler *r = m->r;
	int64_t planned = meeting_sum_get(r, MEETING_SUM_MAILS, m->e.erg.s);

	if (m->e.mails <= 0 || m->e.approved)
		return true;
	return planned + guard_done(r, &m->e.erg, GUARD_MAILS) <= r->config->mail_limit;
}

/* m is closed. */
static void
write_start(struct meeting_task *t, struct meeting *m, enum meeting_task_step step, enum event_write write, unsigned fields)
{
	meeting_write_begin(m, write, fields);
	meeting_close(m);
	t->step = step;
	store_after_commit(reconciler_of(t)->store, on_committed, t);
}

static bool
needs_join_block(const struct meeting_task *t, const struct meeting_step *s)
{
	return (s->patch & EVENT_MASK(BODY)) && t->join_block == NULL;
}

void
meeting_task_act(struct meeting_task *t, struct meeting *m, bool looked)
{
	int64_t mails;
	struct meeting_step s = meeting_settle_step(m, &mails);
	struct event e = m->e;

	if (m->e.unknown) {
		meeting_drop(m);
		if (e.write == EVENT_WRITE_CREATE)
			meeting_task_find(t, MEETING_TASK_FIND);
		else
			meeting_task_get(t, &e);
	} else if (s.action != MEETING_NOTHING && !mails_allowed(m)) {
		meeting_hold(m);
		meeting_close(m);
		meeting_task_end(t);
	} else if (s.action == MEETING_CREATE && !looked) {
		meeting_drop(m);
		meeting_task_find(t, MEETING_TASK_FIND);
	} else if (s.action == MEETING_CREATE) {
		write_start(t, m, MEETING_TASK_CREATE, EVENT_WRITE_CREATE, EVENT_MASK_ALL);
	} else if (s.action == MEETING_UPDATE && needs_join_block(t, &s)) {
		meeting_drop(m);
		meeting_task_get(t, &e);
	} else if (s.action == MEETING_UPDATE) {
		write_start(t, m, MEETING_TASK_PATCH, EVENT_WRITE_UPDATE, s.patch);
	} else if (s.action == MEETING_CANCEL) {
		write_start(t, m, MEETING_TASK_CANCEL, EVENT_WRITE_CANCEL, 0);
	} else {
		meeting_close(m);
		meeting_task_end(t);
	}
}

void
meeting_task_go_on(struct meeting_task *t, bool looked)
{
	struct meeting *m = meeting_task_open(t);

	/* Another organizer's from now on: another lane's. */
	if (m != NULL && m->e.not_before_wall_ms <= clock_wall_ms(m->r->clock) && m->e.started_wall_ms == 0 &&
	    strcmp(m->e.mailbox.s, t->mailbox.s) == 0) {
		meeting_task_act(t, m, looked);
		return;
	}
	meeting_drop(m);
	meeting_task_end(t);
}
