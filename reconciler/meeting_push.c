/*
 * A lane is one mailbox. It takes the next events from MEETINGS_DUE, each into a task: one or a few calls after each other. A task keeps
 * nothing but which event it is and which call is under way; all else is read from the record when an answer comes. So a crash leaves
 * what the record says, and that is enough to go on.
 */
#include "reconciler/meeting_push.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/text.h"
#include "graph/events.h"
#include "reconciler/chores.h"
#include "reconciler/guard.h"
#include "reconciler/meeting.h"
#include "reconciler/meeting_due.h"
#include "reconciler/reconciler.h"
#include "reconciler/standing.h"
#include "reconciler/tables.h"
#include "state/events.h"

#define CALL_DEADLINE_MS 180000
#define LOOKS_MAX        64 /* events looked at in one turn */
#define IDLE_MAX_MS      (15 * 60 * 1000LL)
#define BACKOFF_MIN_MS   1000LL
#define BACKOFF_MAX_MS   (15 * 60 * 1000LL)
#define NOMEM_WAIT_MS    60000
#define DUPLICATES_MAX   3 /* refusals of a transaction id of which no meeting is found */

enum step {
	STEP_FIND,    /* before a meeting is made, or after its making had an unknown outcome */
	STEP_GET,     /* the meeting by its id */
	STEP_CONFIRM, /* it was not there: is it anywhere? */
	STEP_CREATE,
	STEP_PATCH,
	STEP_CANCEL
};

struct lane;

struct task {
	struct task *next;
	struct lane *lane;
	struct erg_id erg;
	struct event_id event;
	struct guid mailbox;
	struct graph_where where;
	struct graph_call *call;
	enum step step;
	char *join_block; /* as read right before a change of the body; NULL: not read */
};

struct lane {
	struct lane *next;
	struct meeting_pushes *owner;
	struct tenant_id tenant;
	struct guid mailbox;
	struct timer *timer;
	struct task *tasks;
	unsigned running;
	int64_t blocked_boot_ms; /* the mailbox cannot be used: not before */
	char why[DETAIL_SIZE];   /* "": it can, as far as we know */
};

struct meeting_pushes {
	struct reconciler *r;
	struct lane *first;
	unsigned running;
};

/* ---------- lanes and tasks ---------- */

static void on_lane(void *arg);
static void on_answer(void *arg, const struct graph_answer *a);

static struct lane *
lane_find(struct meeting_pushes *ps, const struct guid *mailbox)
{
	struct lane *l = ps->first;

	while (l != NULL && strcmp(l->mailbox.s, mailbox->s) != 0)
		l = l->next;
	return l;
}

static struct lane *
lane_of(struct meeting_pushes *ps, const struct tenant_id *tenant, const struct guid *mailbox)
{
	struct lane *l = lane_find(ps, mailbox);

	if (l != NULL || (l = calloc(1, sizeof(*l))) == NULL)
		return l;
	if ((l->timer = timer_new(ps->r->clock, on_lane, l)) == NULL) {
		free(l);
		return NULL;
	}
	l->owner = ps;
	l->tenant = *tenant;
	l->mailbox = *mailbox;
	l->next = ps->first;
	ps->first = l;
	return l;
}

static struct task *
task_find(struct lane *l, const struct event_ref *ref)
{
	struct task *t = l->tasks;

	while (t != NULL && (strcmp(t->erg.s, ref->erg.s) != 0 || strcmp(t->event.s, ref->event.s) != 0))
		t = t->next;
	return t;
}

static struct task *
task_new(struct lane *l, const struct event_ref *ref, const struct tenant *tenant)
{
	struct task *t = calloc(1, sizeof(*t));

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
	l->owner->running++;
	return t;
}

static void
task_free(struct task *t)
{
	struct task **p = &t->lane->tasks;

	while (*p != t)
		p = &(*p)->next;
	*p = t->next;
	t->lane->running--;
	t->lane->owner->running--;
	graph_cancel(t->lane->owner->r->graph, t->call);
	free(t->join_block);
	free(t);
}

static void
task_end(struct task *t)
{
	timer_arm_sooner(t->lane->timer, 0);
	task_free(t);
}

static struct reconciler *
reconciler_of(const struct task *t)
{
	return t->lane->owner->r;
}

static struct meeting *
task_open(const struct task *t)
{
	return meeting_open(reconciler_of(t), &t->erg, &t->event);
}

/* ---------- trouble ---------- */

static int64_t
backoff_ms(struct reconciler *r, int64_t attempts)
{
	int64_t wait_ms = attempts >= 10 ? BACKOFF_MAX_MS : BACKOFF_MIN_MS << attempts;

	if (wait_ms > BACKOFF_MAX_MS)
		wait_ms = BACKOFF_MAX_MS;
	return wait_ms / 2 + (int64_t)rng_below(r->rng, (uint64_t)wait_ms / 2 + 1);
}

static void
put_off(struct meeting *m, const struct graph_answer *a)
{
	int64_t wait_ms = a->sign_in_failed ? CHORE_PROBE_MS : backoff_ms(m->r, m->e.attempts);

	meeting_put_off(m, a->retry_after_ms > wait_ms ? a->retry_after_ms : wait_ms);
	m->e.attempts++;
}

static bool
is_of_mailbox(enum graph_event_refusal why)
{
	return why == GRAPH_EVENT_NO_MAILBOX || why == GRAPH_EVENT_NO_USER || why == GRAPH_EVENT_ACCESS_POLICY;
}

/* Nothing of this mailbox goes on before; each of its events fails with the same reason as its turn comes. */
static void
lane_block(struct lane *l, const char *why)
{
	l->blocked_boot_ms = clock_boot_ms(l->owner->r->clock) + MEETING_RETRY_MAILBOX_MS;
	graph_copy_cut(l->why, sizeof(l->why), why);
}

/* An answer that did nothing. What is refused for good has failed, all else is tried again. */
static void
trouble(struct task *t, struct meeting *m, const struct graph_answer *a)
{
	enum graph_event_refusal why = a->sign_in_failed ? GRAPH_EVENT_NONE : graph_event_judge(a);

	if (why == GRAPH_EVENT_NONE) {
		put_off(m, a);
	} else if (is_of_mailbox(why)) {
		lane_block(t->lane, graph_event_refusal_text(why));
		meeting_refused(m, graph_event_refusal_text(why), MEETING_RETRY_MAILBOX_MS);
	} else {
		meeting_refused(m, graph_event_refusal_text(why), MEETING_RETRY_REFUSED_MS);
	}
	if (why != GRAPH_EVENT_NONE)
		log_put(LOG_WARN, "meeting_refused", LS("erg", t->erg.s), LS("event", t->event.s), LI("status", a->status),
		    LS("code", a->error.code), LS("request_id", a->request_id));
}

/* ---------- calls ---------- */

static void
call_started(struct task *t, enum step step, struct graph_call *call)
{
	struct meeting *m;

	t->step = step;
	t->call = call;
	if (call != NULL)
		return;
	if ((m = task_open(t)) != NULL) {
		meeting_put_off(m, NOMEM_WAIT_MS);
		meeting_close(m);
	}
	task_end(t);
}

static void
find_start(struct task *t, enum step step)
{
	struct event_tag tag = { .erg = t->erg, .event = t->event }; /* of any generation: ours may be lost */

	call_started(t, step, graph_event_find(reconciler_of(t)->graph, &t->where, &t->mailbox, &tag, on_answer, t));
}

static void
get_start(struct task *t, const struct event *e)
{
	call_started(t, STEP_GET, graph_event_get(reconciler_of(t)->graph, &t->where, &t->mailbox, e->graph_id, on_answer, t));
}

static struct graph_call *
create_call(struct task *t, struct meeting *m)
{
	const struct event_fields *f = meeting_side(m, EVENT_SIDE_WRITTEN);
	struct event_tag tag = { .erg = m->e.erg, .event = m->e.id, .generation = m->e.generation };

	return f == NULL ? NULL
	                 : graph_event_create(m->r->graph, &t->where, &t->mailbox, f, &tag, m->e.transaction_id, on_answer, t);
}

static struct graph_call *
patch_call(struct task *t, struct meeting *m)
{
	const struct event_fields *f = meeting_side(m, EVENT_SIDE_WRITTEN);
	json_t *changes;

	if (f == NULL)
		return NULL;
	changes = graph_event_change_json(f, (unsigned)m->e.written_fields, t->join_block != NULL ? t->join_block : "");
	return graph_event_patch(m->r->graph, &t->where, &t->mailbox, m->e.graph_id, m->e.etag_seen, changes, on_answer, t);
}

/* What is to be written is on disk now. */
static void
on_committed(void *arg)
{
	struct task *t = arg;
	struct meeting *m = task_open(t);

	if (m == NULL || m->e.started_wall_ms == 0) {
		meeting_drop(m);
		task_end(t);
		return;
	}
	t->call = t->step == STEP_CREATE ? create_call(t, m)
	          : t->step == STEP_PATCH
	              ? patch_call(t, m)
	              : graph_event_cancel(m->r->graph, &t->where, &t->mailbox, m->e.graph_id, m->e.comment, on_answer, t);
	if (t->call == NULL) {
		meeting_put_off(m, NOMEM_WAIT_MS);
		meeting_close(m);
		task_end(t);
		return;
	}
	meeting_drop(m);
}

/* ---------- the mail budget ---------- */

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

/* ---------- one event ---------- */

/* m is closed. */
static void
write_start(struct task *t, struct meeting *m, enum step step, enum event_write write, unsigned fields)
{
	meeting_begin(m, write, fields);
	meeting_close(m);
	t->step = step;
	store_after_commit(reconciler_of(t)->store, on_committed, t);
}

static bool
needs_join_block(const struct task *t, const struct meeting_step *s)
{
	return (s->patch & EVENT_MASK(BODY)) && t->join_block == NULL;
}

/* Does what the event waits for now. m is closed. */
static void
act(struct task *t, struct meeting *m, bool looked)
{
	int64_t mails;
	struct meeting_step s = meeting_decide(m, &mails);
	struct event e = m->e;

	if (m->e.unknown) {
		meeting_drop(m);
		if (e.write == EVENT_WRITE_CREATE)
			find_start(t, STEP_FIND);
		else
			get_start(t, &e);
	} else if (s.action != MEETING_NOTHING && !mails_allowed(m)) {
		meeting_hold(m);
		meeting_close(m);
		task_end(t);
	} else if (s.action == MEETING_CREATE && !looked) {
		meeting_drop(m);
		find_start(t, STEP_FIND);
	} else if (s.action == MEETING_CREATE) {
		write_start(t, m, STEP_CREATE, EVENT_WRITE_CREATE, EVENT_MASK_ALL);
	} else if (s.action == MEETING_UPDATE && needs_join_block(t, &s)) {
		meeting_drop(m);
		get_start(t, &e);
	} else if (s.action == MEETING_UPDATE) {
		write_start(t, m, STEP_PATCH, EVENT_WRITE_UPDATE, s.patch);
	} else if (s.action == MEETING_CANCEL) {
		write_start(t, m, STEP_CANCEL, EVENT_WRITE_CANCEL, 0);
	} else {
		meeting_close(m);
		task_end(t);
	}
}

/* ---------- answers ---------- */

/* Reopens and goes on with what is to be done now. */
static void
go_on(struct task *t, bool looked)
{
	struct meeting *m = task_open(t);

	/* Another organizer's from now on: another lane's. */
	if (m != NULL && m->e.not_before_wall_ms <= clock_wall_ms(m->r->clock) && m->e.started_wall_ms == 0 &&
	    strcmp(m->e.mailbox.s, t->mailbox.s) == 0) {
		act(t, m, looked);
		return;
	}
	meeting_drop(m);
	task_end(t);
}

/* An older meeting of the same event, cancelled before this one, is none. */
static bool
is_older(const struct meeting *m, const struct graph_event *seen)
{
	return m->e.generation > 1 && seen->tagged && seen->tag.generation < m->e.generation;
}

static void
on_find(struct task *t, struct meeting *m, const struct graph_answer *a)
{
	struct event_tag tag = { .erg = t->erg, .event = t->event };
	struct graph_event seen;
	enum err e = graph_event_find_read(a, &tag, &seen);
	bool found = e == ERR_OK && !is_older(m, &seen);

	if (e != ERR_OK && e != ERR_NOTFOUND) {
		trouble(t, m, a);
		meeting_close(m);
		task_end(t);
		return;
	}
	if (t->step == STEP_CONFIRM && !m->e.unknown) {
		if (!found)
			meeting_gone(m);
		else
			meeting_seen(m, &seen);
	} else {
		meeting_looked(m, found ? &seen : NULL);
	}
	if (e == ERR_OK)
		graph_event_done(&seen);
	meeting_close(m);
	go_on(t, true);
}

static void
keep_join_block(struct task *t, struct graph_event *seen)
{
	free(t->join_block);
	t->join_block = seen->join_block != NULL ? seen->join_block : strdup("");
	seen->join_block = NULL;
}

static void
on_get(struct task *t, struct meeting *m, const struct graph_answer *a)
{
	struct graph_event seen;
	enum err e = graph_event_answer_read(a, &seen);

	if (e == ERR_OK) {
		if (m->e.unknown)
			meeting_looked(m, &seen);
		else
			meeting_seen(m, &seen);
		m->e.attempts += m->e.join_url[0] == '\0' && m->e.write == EVENT_WRITE_NONE;
		keep_join_block(t, &seen);
		graph_event_done(&seen);
		meeting_close(m);
		go_on(t, true);
	} else if (a->err == ERR_NOTFOUND && graph_event_judge(a) == GRAPH_EVENT_GONE) {
		/* Nobody counts as gone by one read. */
		meeting_drop(m);
		find_start(t, STEP_CONFIRM);
	} else {
		trouble(t, m, a);
		meeting_close(m);
		task_end(t);
	}
}

/* A write was answered. */
static void
on_write(struct task *t, struct meeting *m, const struct graph_answer *a)
{
	enum graph_event_refusal why = graph_event_judge(a);
	struct graph_event told;
	bool again = false;

	if (a->unknown) {
		meeting_unknown(m);
	} else if (a->err == ERR_OK && t->step == STEP_CANCEL) {
		meeting_written(m, NULL);
	} else if (a->err == ERR_OK && graph_event_answer_read(a, &told) == ERR_OK) {
		meeting_written(m, &told);
		graph_event_done(&told);
	} else if (a->err == ERR_OK) {
		meeting_unknown(m); /* it happened; what it has become, a read tells */
	} else if (t->step == STEP_CANCEL && why == GRAPH_EVENT_GONE) {
		m->e.mails = 0;
		meeting_written(m, NULL);
	} else if (why == GRAPH_EVENT_DUPLICATE) {
		/* Made before, and not found a moment ago. When nothing is ever found, it was deleted: then it is another one. */
		if (m->e.attempts > DUPLICATES_MAX)
			meeting_rename(m);
		meeting_unknown(m);
	} else if (why == GRAPH_EVENT_CHANGED || why == GRAPH_EVENT_GONE) {
		meeting_put_off(m, 0);
		again = true;
	} else {
		trouble(t, m, a);
	}
	meeting_close(m);
	if (again && (m = task_open(t)) != NULL) {
		struct event e = m->e;

		meeting_drop(m);
		get_start(t, &e);
	} else {
		task_end(t);
	}
}

static void
on_answer(void *arg, const struct graph_answer *a)
{
	struct task *t = arg;
	struct meeting *m = task_open(t);

	t->call = NULL;
	if (m == NULL) {
		task_end(t);
		return;
	}
	/* One write without an answer tells nothing of the tenant: the look that follows does. */
	if (!a->unknown)
		tenant_judge(m->r, &m->e.tenant, a);
	if (a->err == ERR_OK)
		t->lane->why[0] = '\0';
	switch (t->step) {
	case STEP_FIND:
	case STEP_CONFIRM: on_find(t, m, a); break;
	case STEP_GET: on_get(t, m, a); break;
	default: on_write(t, m, a); break;
	}
}

/* ---------- a lane's turn ---------- */

static void
row_is_astray(struct lane *l, const struct store_key *key)
{
	store_del(l->owner->r->store, TABLE_MEETINGS_DUE, key);
}

/* Those whose time has come move among the ready ones. Gives the time of the next one; INT64_MAX: none. */
static int64_t
wake_up(struct lane *l)
{
	struct reconciler *r = l->owner->r;
	struct store_cursor *c = meeting_due_seek(r, &l->mailbox, false);
	int64_t now_ms = clock_wall_ms(r->clock), next_ms = INT64_MAX;
	struct event_ref ref;
	struct store_key key;
	struct meeting *m;

	for (unsigned n = 0; next_ms == INT64_MAX && store_next(c, &key, &ref) == ERR_OK; n++) {
		if (n == LOOKS_MAX)
			next_ms = now_ms;
		else if (meeting_due_of_key(&key) > now_ms)
			next_ms = meeting_due_of_key(&key);
		else if ((m = meeting_open(r, &ref.erg, &ref.event)) == NULL)
			row_is_astray(l, &key);
		else if (m->e.forget_wall_ms != 0 && m->e.forget_wall_ms <= now_ms)
			meeting_forget(m);
		else
			meeting_close(m);
	}
	store_cursor_close(c);
	return next_ms;
}

/* Begins with one event that is ready. */
static void
task_start(struct lane *l, const struct store_key *key, const struct event_ref *ref, const struct tenant *tenant)
{
	struct reconciler *r = l->owner->r;
	struct meeting *m = meeting_open(r, &ref->erg, &ref->event);
	int64_t now_ms = clock_wall_ms(r->clock);
	struct task *t;
	struct event e;

	if (m == NULL)
		return row_is_astray(l, key);
	e = m->e;
	/* A call was begun and its end never noted. */
	if (e.started_wall_ms != 0)
		meeting_unknown(m);
	else if (e.forget_wall_ms != 0 && e.forget_wall_ms <= now_ms)
		return meeting_forget(m);
	else if (l->why[0] != '\0' && clock_boot_ms(r->clock) < l->blocked_boot_ms && (e.write != EVENT_WRITE_NONE || e.unknown))
		meeting_refused(m, l->why, MEETING_RETRY_MAILBOX_MS);
	else if ((t = task_new(l, ref, tenant)) == NULL)
		meeting_put_off(m, NOMEM_WAIT_MS);
	else if (e.write == EVENT_WRITE_NONE && !e.unknown && e.again_wall_ms != 0 && meeting_is_live(&e))
		return meeting_drop(m), get_start(t, &e);
	else
		return act(t, m, false);
	meeting_close(m);
}

static bool
start_next(struct lane *l, const struct tenant *tenant)
{
	struct store_cursor *c = meeting_due_seek(l->owner->r, &l->mailbox, true);
	struct event_ref ref;
	struct store_key key;
	bool found = false;

	while (!found && store_next(c, &key, &ref) == ERR_OK)
		found = task_find(l, &ref) == NULL;
	store_cursor_close(c);
	if (found)
		task_start(l, &key, &ref, tenant);
	return found;
}

static void
on_lane(void *arg)
{
	struct lane *l = arg;
	struct reconciler *r = l->owner->r;
	int64_t next_ms, wait_ms;
	struct tenant tenant;
	unsigned n = 0;

	if (tenant_load(r, &l->tenant, &tenant) != ERR_OK || tenant.state == TENANT_REMOVING)
		return;
	/* Whoever brings the tenant back calls meeting_push_tenant_back. */
	if (tenant.state != TENANT_ACTIVE)
		return;
	next_ms = wake_up(l);
	while (l->running < MEETING_CALLS_MAX && n < LOOKS_MAX && start_next(l, &tenant))
		n++;
	if (n == LOOKS_MAX)
		timer_arm_sooner(l->timer, 0);
	if (next_ms == INT64_MAX)
		return;
	wait_ms = next_ms - clock_wall_ms(r->clock);
	timer_arm_sooner(l->timer, wait_ms < IDLE_MAX_MS ? wait_ms : IDLE_MAX_MS);
}

/* ---------- what others say ---------- */

void
meeting_push_note(struct reconciler *r, const struct event *e)
{
	struct lane *l;
	int64_t wait_ms = e->ready ? 0 : e->due_wall_ms - clock_wall_ms(r->clock);

	if (r->meeting_pushes == NULL || (l = lane_of(r->meeting_pushes, &e->tenant, &e->mailbox)) == NULL)
		return;
	timer_arm_sooner(l->timer, wait_ms < IDLE_MAX_MS ? wait_ms : IDLE_MAX_MS);
}

void
meeting_push_tenant_back(struct reconciler *r, const struct tenant_id *tenant)
{
	for (struct lane *l = r->meeting_pushes != NULL ? r->meeting_pushes->first : NULL; l != NULL; l = l->next)
		if (strcmp(l->tenant.s, tenant->s) == 0) {
			l->why[0] = '\0';
			timer_arm_sooner(l->timer, 0);
		}
}

void
meeting_push_retry(struct reconciler *r, const struct guid *mailbox)
{
	struct lane *l = r->meeting_pushes != NULL ? lane_find(r->meeting_pushes, mailbox) : NULL;

	if (l != NULL)
		l->why[0] = '\0';
}

bool
meeting_push_creating(const struct reconciler *r, const struct guid *mailbox)
{
	const struct lane *l = r->meeting_pushes != NULL ? lane_find(r->meeting_pushes, mailbox) : NULL;

	for (const struct task *t = l != NULL ? l->tasks : NULL; t != NULL; t = t->next)
		if (t->step == STEP_CREATE)
			return true;
	return false;
}

struct meeting_push_stats
meeting_push_stats(const struct reconciler *r)
{
	return (struct meeting_push_stats){ .in_flight = r->meeting_pushes != NULL ? r->meeting_pushes->running : 0 };
}

/* ---------- life ---------- */

enum err
meeting_pushes_new(struct reconciler *r, struct meeting_pushes **ret)
{
	struct meeting_pushes *ps = calloc(1, sizeof(*ps));
	struct store_key key = { .len = 0 };
	struct event_ref ref;
	struct lane *l;
	struct event e;

	if (ps == NULL)
		return ERR_NOMEM;
	ps->r = r;
	*ret = ps;
	while (meeting_due_next_mailbox(r, &key, &ref)) {
		if (events_get(r->store, &ref.erg, &ref.event, &e) != ERR_OK)
			continue;
		if ((l = lane_of(ps, &e.tenant, &e.mailbox)) == NULL)
			return ERR_NOMEM;
		timer_arm_sooner(l->timer, 0);
	}
	return ERR_OK;
}

void
meeting_pushes_free(struct meeting_pushes *ps)
{
	struct lane *l;

	if (ps == NULL)
		return;
	while ((l = ps->first) != NULL) {
		while (l->tasks != NULL)
			task_free(l->tasks); /* NOLINT(clang-analyzer-unix.Malloc): it takes itself out of the list */
		ps->first = l->next;
		timer_free(l->timer);
		free(l);
	}
	free(ps);
}
