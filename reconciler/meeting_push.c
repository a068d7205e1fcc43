#include "reconciler/meeting_push.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "reconciler/meeting.h"
#include "reconciler/meeting_due.h"
#include "reconciler/meeting_task.h"
#include "reconciler/meeting_write.h"
#include "reconciler/reconciler.h"
#include "reconciler/tables.h"
#include "state/events.h"

#define LOOKS_MAX   64 /* events looked at in one turn */
#define IDLE_MAX_MS (15 * 60 * 1000LL)

/* ---------- a lane's turn ---------- */

static struct meeting_task *
task_find(struct meeting_lane *l, const struct erg_id *erg, const struct event_id *event)
{
	struct meeting_task *t = l->tasks;

	while (t != NULL && (strcmp(t->erg.s, erg->s) != 0 || strcmp(t->event.s, event->s) != 0))
		t = t->next;
	return t;
}

static void
row_is_astray(struct meeting_lane *l, const struct store_key *key)
{
	store_del(l->owner->r->store, TABLE_MEETINGS_DUE, key);
}

/* Those whose time has come move among the ready ones. Gives the time of the next one; INT64_MAX: none. */
static int64_t
wake_up(struct meeting_lane *l)
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
task_start(struct meeting_lane *l, const struct store_key *key, const struct event_ref *ref, const struct tenant *tenant)
{
	struct reconciler *r = l->owner->r;
	struct meeting *m = meeting_open(r, &ref->erg, &ref->event);
	int64_t now_ms = clock_wall_ms(r->clock);
	struct meeting_task *t;
	struct event e;

	if (m == NULL)
		return row_is_astray(l, key);
	e = m->e;
	/* A call was begun and its end never noted. */
	if (e.started_wall_ms != 0)
		meeting_write_unknown(m, MEETING_LOOK_MS);
	else if (e.forget_wall_ms != 0 && e.forget_wall_ms <= now_ms)
		return meeting_forget(m);
	else if (l->why[0] != '\0' && clock_boot_ms(r->clock) < l->blocked_boot_ms && (e.write != EVENT_WRITE_NONE || e.unknown))
		meeting_write_refused(m, l->why, MEETING_RETRY_MAILBOX_MS);
	else if ((t = meeting_task_new(l, ref, tenant)) == NULL)
		meeting_write_put_off(m, MEETING_NOMEM_WAIT_MS);
	else if (e.write == EVENT_WRITE_NONE && !e.unknown && e.again_wall_ms != 0 && meeting_is_live(&e))
		return meeting_drop(m), meeting_task_get(t, &e);
	else
		return meeting_task_act(t, m, false);
	meeting_close(m);
}

static bool
start_next(struct meeting_lane *l, const struct tenant *tenant)
{
	struct store_cursor *c = meeting_due_seek(l->owner->r, &l->mailbox, true);
	struct event_ref ref;
	struct store_key key;
	bool found = false;

	while (!found && store_next(c, &key, &ref) == ERR_OK)
		found = task_find(l, &ref.erg, &ref.event) == NULL;
	store_cursor_close(c);
	if (found)
		task_start(l, &key, &ref, tenant);
	return found;
}

static void
on_lane(void *arg)
{
	struct meeting_lane *l = arg;
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

/* ---------- lanes ---------- */

static struct meeting_lane *
lane_find(struct meeting_pushes *ps, const struct guid *mailbox)
{
	struct meeting_lane *l = ps->first;

	while (l != NULL && strcmp(l->mailbox.s, mailbox->s) != 0)
		l = l->next;
	return l;
}

static struct meeting_lane *
lane_of(struct meeting_pushes *ps, const struct tenant_id *tenant, const struct guid *mailbox)
{
	struct meeting_lane *l = lane_find(ps, mailbox);

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

/* ---------- what others say ---------- */

void
meeting_push_note(struct reconciler *r, const struct event *e)
{
	struct meeting_lane *l;
	int64_t wait_ms = e->ready ? 0 : e->due_wall_ms - clock_wall_ms(r->clock);

	if (r->meeting_pushes == NULL || (l = lane_of(r->meeting_pushes, &e->tenant, &e->mailbox)) == NULL)
		return;
	timer_arm_sooner(l->timer, wait_ms < IDLE_MAX_MS ? wait_ms : IDLE_MAX_MS);
}

bool
meeting_push_withdraw(struct reconciler *r, const struct event *e)
{
	struct meeting_lane *l = r->meeting_pushes != NULL ? lane_find(r->meeting_pushes, &e->mailbox) : NULL;
	struct meeting_task *t = l != NULL ? task_find(l, &e->erg, &e->id) : NULL;

	if (t == NULL || t->step < MEETING_TASK_CREATE)
		return false;
	/* Before the commit of what it is about to write: it will see for itself. */
	if (t->call == NULL)
		return true;
	if (!graph_call_is_waiting(t->call))
		return false;
	meeting_task_end(t);
	return true;
}

void
meeting_push_tenant_back(struct reconciler *r, const struct tenant_id *tenant)
{
	for (struct meeting_lane *l = r->meeting_pushes != NULL ? r->meeting_pushes->first : NULL; l != NULL; l = l->next)
		if (strcmp(l->tenant.s, tenant->s) == 0) {
			l->why[0] = '\0';
			timer_arm_sooner(l->timer, 0);
		}
}

void
meeting_push_retry(struct reconciler *r, const struct guid *mailbox)
{
	struct meeting_lane *l = r->meeting_pushes != NULL ? lane_find(r->meeting_pushes, mailbox) : NULL;

	if (l != NULL)
		l->why[0] = '\0';
}

bool
meeting_push_blocked(const struct reconciler *r, const struct guid *mailbox)
{
	const struct meeting_lane *l = r->meeting_pushes != NULL ? lane_find(r->meeting_pushes, mailbox) : NULL;

	return l != NULL && l->why[0] != '\0';
}

bool
meeting_push_creating(const struct reconciler *r, const struct guid *mailbox)
{
	const struct meeting_lane *l = r->meeting_pushes != NULL ? lane_find(r->meeting_pushes, mailbox) : NULL;

	for (const struct meeting_task *t = l != NULL ? l->tasks : NULL; t != NULL; t = t->next)
		if (t->step == MEETING_TASK_CREATE)
			return true;
	return false;
}

bool
meeting_push_trouble(const struct reconciler *r, const struct event *e, char ret[DETAIL_SIZE])
{
	struct meeting_lane *l = r->meeting_pushes != NULL ? lane_find(r->meeting_pushes, &e->mailbox) : NULL;
	const struct meeting_task *t = l != NULL ? task_find(l, &e->erg, &e->id) : NULL;

	return t != NULL && t->call != NULL && graph_call_trouble(t->call, ret);
}

/* ---------- life ---------- */

enum err
meeting_pushes_new(struct reconciler *r, struct meeting_pushes **ret)
{
	struct meeting_pushes *ps = calloc(1, sizeof(*ps));
	struct store_key key = { .len = 0 };
	struct event_ref ref;
	struct meeting_lane *l;
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
	struct meeting_lane *l;

	if (ps == NULL)
		return;
	while ((l = ps->first) != NULL) {
		while (l->tasks != NULL)
			meeting_task_free(l->tasks); /* NOLINT(clang-analyzer-unix.Malloc): it takes itself out of the list */
		ps->first = l->next;
		timer_free(l->timer);
		free(l);
	}
	free(ps);
}
