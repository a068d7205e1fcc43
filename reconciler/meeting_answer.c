/* What is refused for good has failed, all else is tried again; a mailbox that cannot be used is asked once for all its meetings. */
#include "reconciler/meeting_task.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "graph/events.h"
#include "reconciler/chores.h"
#include "reconciler/meeting.h"
#include "reconciler/meeting_push.h"
#include "reconciler/meeting_seen.h"
#include "reconciler/meeting_write.h"
#include "reconciler/reconciler.h"
#include "reconciler/standing.h"

#define BACKOFF_MIN_MS 1000LL
#define BACKOFF_MAX_MS (15 * 60 * 1000LL)
#define DUPLICATES_MAX 3 /* refusals of a transaction id of which no meeting is found */

/* ---------- trouble ---------- */

static int64_t
backoff_ms(struct reconciler *r, int64_t attempts)
{
	int64_t wait_ms = attempts >= 10 ? BACKOFF_MAX_MS : BACKOFF_MIN_MS << attempts;

	if (wait_ms > BACKOFF_MAX_MS)
		wait_ms = BACKOFF_MAX_MS;
	return wait_ms / 2 + (int64_t)rng_below(r->rng, (uint64_t)wait_ms / 2 + 1);
}

/* Until it is done. */
static void
say_why(struct meeting *m, const struct graph_answer *a)
{
	char detail[DETAIL_SIZE];

	if (m->e.write == EVENT_WRITE_NONE || a->detail[0] == '\0')
		return;
	graph_detail_again(a->detail, m->e.not_before_wall_ms, m->e.unknown, detail);
	meeting_detail(m, detail);
}

static void
put_off(struct meeting *m, const struct graph_answer *a)
{
	int64_t wait_ms = a->sign_in_failed ? CHORE_PROBE_MS : backoff_ms(m->r, m->e.attempts);

	meeting_write_put_off(m, a->retry_after_ms > wait_ms ? a->retry_after_ms : wait_ms);
	m->e.attempts++;
	say_why(m, a);
}

/* Nothing of this mailbox goes on before; each of its events fails with the same reason as its turn comes. */
static void
lane_block(struct meeting_lane *l, const char *why)
{
	l->blocked_boot_ms = clock_boot_ms(l->owner->r->clock) + MEETING_RETRY_MAILBOX_MS;
	graph_copy_cut(l->why, sizeof(l->why), why);
}

/* An answer that did nothing. What is refused for good has failed, all else is tried again. */
static void
trouble(struct meeting_task *t, struct meeting *m, const struct graph_answer *a)
{
	enum graph_event_refusal why = a->sign_in_failed ? GRAPH_EVENT_NONE : graph_event_judge(a);
	char detail[DETAIL_SIZE];

	graph_event_refusal_detail(a, why, detail);
	if (why == GRAPH_EVENT_NONE) {
		put_off(m, a);
	} else if (graph_event_refuses_mailbox(why)) {
		lane_block(t->lane, detail);
		meeting_write_refused(m, detail, MEETING_RETRY_MAILBOX_MS);
	} else {
		meeting_write_refused(m, detail, MEETING_RETRY_REFUSED_MS);
	}
	if (why != GRAPH_EVENT_NONE)
		log_put(LOG_WARN, "meeting_refused", LS("erg", t->erg.s), LS("event", t->event.s), LI("status", a->status),
		    LS("code", a->error.code), LS("request_id", a->request_id));
}

/* ---------- reads ---------- */

/* An older meeting of the same event, cancelled before this one, is none. */
static bool
is_older(const struct meeting *m, const struct graph_event *seen)
{
	return m->e.generation > 1 && seen->tagged && seen->tag.generation < m->e.generation;
}

static void
on_find(struct meeting_task *t, struct meeting *m, const struct graph_answer *a)
{
	struct event_tag tag = { .erg = t->erg, .event = t->event };
	struct graph_event seen;
	enum err e = graph_event_find_read(a, &tag, &seen);
	bool found = e == ERR_OK && !is_older(m, &seen);

	if (a->status == 400 && t->exactly == 0 && m->e.generation > 0) {
		t->exactly = m->e.generation; /* the filter was refused: a plainer one */
		meeting_drop(m);
		meeting_task_find(t, t->step);
		return;
	}
	if (e != ERR_OK && e != ERR_NOTFOUND) {
		trouble(t, m, a);
		meeting_close(m);
		meeting_task_end(t);
		return;
	}
	if (t->step == MEETING_TASK_CONFIRM && !m->e.unknown) {
		if (!found)
			meeting_seen_gone(m);
		else
			meeting_seen(m, &seen);
	} else {
		meeting_write_looked(m, found ? &seen : NULL);
	}
	if (e == ERR_OK)
		graph_event_done(&seen);
	meeting_close(m);
	meeting_task_go_on(t, true);
}

static void
keep_join_block(struct meeting_task *t, struct graph_event *seen)
{
	free(t->join_block);
	t->join_block = seen->join_block != NULL ? seen->join_block : strdup("");
	seen->join_block = NULL;
}

static void
on_get(struct meeting_task *t, struct meeting *m, const struct graph_answer *a)
{
	struct graph_event seen;
	enum err e = graph_event_answer_read(a, &seen);

	if (e == ERR_OK) {
		if (m->e.unknown)
			meeting_write_looked(m, &seen);
		else
			meeting_seen(m, &seen);
		m->e.attempts += m->e.join_url[0] == '\0' && m->e.write == EVENT_WRITE_NONE;
		keep_join_block(t, &seen);
		graph_event_done(&seen);
		meeting_close(m);
		meeting_task_go_on(t, true);
	} else if (a->err == ERR_NOTFOUND && graph_event_judge(a) == GRAPH_EVENT_GONE) {
		/* Nobody counts as gone by one read. */
		meeting_drop(m);
		meeting_task_find(t, MEETING_TASK_CONFIRM);
	} else {
		trouble(t, m, a);
		meeting_close(m);
		meeting_task_end(t);
	}
}

/* ---------- writes ---------- */

/* A write was answered. */
static void
on_write(struct meeting_task *t, struct meeting *m, const struct graph_answer *a)
{
	enum graph_event_refusal why = graph_event_judge(a);
	struct graph_event told;
	bool again = false;

	if (a->unknown) {
		meeting_write_unknown(m, backoff_ms(m->r, m->e.attempts));
		say_why(m, a);
	} else if (a->err == ERR_OK && t->step == MEETING_TASK_CANCEL) {
		meeting_write_done(m, NULL);
	} else if (a->err == ERR_OK && graph_event_answer_read(a, &told) == ERR_OK) {
		meeting_write_done(m, &told);
		graph_event_done(&told);
	} else if (a->err == ERR_OK) {
		meeting_write_unknown(m, MEETING_LOOK_MS); /* it happened; what it has become, a read tells */
	} else if (t->step == MEETING_TASK_CANCEL && why == GRAPH_EVENT_GONE) {
		m->e.mails = 0;
		meeting_write_done(m, NULL);
	} else if (why == GRAPH_EVENT_DUPLICATE) {
		/* Made before, and not found a moment ago. When nothing is ever found, it was deleted: then it is another one. */
		if (m->e.attempts > DUPLICATES_MAX)
			meeting_generation_set(m, m->e.generation + 1);
		meeting_write_unknown(m, MEETING_LOOK_MS);
	} else if (why == GRAPH_EVENT_CHANGED || why == GRAPH_EVENT_GONE) {
		meeting_write_put_off(m, 0);
		again = true;
	} else {
		trouble(t, m, a);
	}
	meeting_close(m);
	if (again && (m = meeting_task_open(t)) != NULL) {
		struct event e = m->e;

		meeting_drop(m);
		meeting_task_get(t, &e);
	} else {
		meeting_task_end(t);
	}
}

void
meeting_answer(void *arg, const struct graph_answer *a)
{
	struct meeting_task *t = arg;
	struct meeting *m = meeting_task_open(t);

	t->call = NULL;
	if (m == NULL) {
		meeting_task_end(t);
		return;
	}
	/* One write without an answer tells nothing of the tenant: the look that follows does. */
	if (!a->unknown)
		tenant_judge(m->r, &m->e.tenant, a);
	if (a->err == ERR_OK)
		t->lane->why[0] = '\0';
	switch (t->step) {
	case MEETING_TASK_FIND:
	case MEETING_TASK_CONFIRM: on_find(t, m, a); break;
	case MEETING_TASK_GET: on_get(t, m, a); break;
	default: on_write(t, m, a); break;
	}
}
