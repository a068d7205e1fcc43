#include "reconciler/meeting.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "graph/answer.h"
#include "reconciler/chores.h"
#include "reconciler/keeper.h"
#include "reconciler/meeting_due.h"
#include "reconciler/meeting_settle.h"
#include "reconciler/meeting_sum.h"
#include "reconciler/reconciler.h"
#include "reconciler/standing.h"
#include "reconciler/tables.h"
#include "state/events.h"

/* ---------- documents ---------- */

struct event_fields *
meeting_side(struct meeting *m, enum event_side side)
{
	enum err e;

	if (!m->loaded[side]) {
		m->loaded[side] = true;
		e = m->stored ? event_side_get(m->r->store, &m->e.erg, &m->e.id, side, &m->sides[side]) : ERR_NOTFOUND;
		if (e != ERR_OK)
			m->sides[side] = NULL;
		m->failed |= e == ERR_NOMEM;
	}
	return m->sides[side];
}

void
meeting_side_set(struct meeting *m, enum event_side side, struct event_fields *f)
{
	event_fields_free(meeting_side(m, side));
	m->sides[side] = f;
	m->changed[side] = true;
}

void
meeting_side_copy(struct meeting *m, enum event_side to, enum event_side from)
{
	const struct event_fields *f = meeting_side(m, from);
	struct event_fields *copy = f != NULL ? event_fields_copy(f) : NULL;

	m->failed |= f != NULL && copy == NULL;
	meeting_side_set(m, to, copy);
}

void
meeting_side_take(struct meeting *m, enum event_side to, enum event_side from, unsigned mask)
{
	const struct event_fields *f = meeting_side(m, from);

	if (mask == 0 || f == NULL)
		return;
	if (meeting_side(m, to) == NULL) {
		meeting_side_copy(m, to, from);
		return;
	}
	m->failed |= event_fields_take(m->sides[to], f, mask) != ERR_OK;
	m->changed[to] = true;
}

unsigned
meeting_side_diff(struct meeting *m, enum event_side a, enum event_side b)
{
	const struct event_fields *x = meeting_side(m, a), *y = meeting_side(m, b);

	return x != NULL && y != NULL ? event_fields_diff(x, y) : EVENT_MASK_ALL;
}

/* ---------- opening ---------- */

static struct meeting *
meeting_new(struct reconciler *r, const struct erg_id *erg)
{
	struct meeting *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->r = r;
	if (erg_load(r, erg, &m->erg) != ERR_OK) {
		free(m);
		return NULL;
	}
	return m;
}

struct meeting *
meeting_open(struct reconciler *r, const struct erg_id *erg, const struct event_id *id)
{
	struct meeting *m = meeting_new(r, erg);

	if (m == NULL)
		return NULL;
	if (events_get(r->store, erg, id, &m->e) != ERR_OK) {
		free(m);
		return NULL;
	}
	m->before = m->e;
	m->stored = true;
	return m;
}

void
meeting_generation_set(struct meeting *m, int64_t generation)
{
	struct event_tag tag = { .erg = m->e.erg, .event = m->e.id, .generation = generation };

	m->e.generation = generation;
	event_transaction_id(&m->e.tenant, &tag, m->e.transaction_id);
}

struct meeting *
meeting_make(struct reconciler *r, const struct erg *erg, const struct event_id *id)
{
	struct meeting *m = meeting_open(r, &erg->id, id);

	if (m != NULL || (m = meeting_new(r, &erg->id)) == NULL)
		return m;
	m->e.tenant = erg->tenant;
	m->e.erg = erg->id;
	m->e.id = *id;
	m->e.created_wall_ms = m->e.status_since_wall_ms = clock_wall_ms(r->clock);
	meeting_generation_set(m, 1);
	return m;
}

void
meeting_drop(struct meeting *m)
{
	if (m == NULL)
		return;
	for (int i = 0; i < EVENT_SIDE_COUNT; i++)
		event_fields_free(m->sides[i]);
	free(m);
}

/* ---------- how it stands ---------- */

bool
meeting_is_live(const struct event *e)
{
	return e->graph_id[0] != '\0' && !e->gone;
}

enum meeting_there
meeting_stands(const struct meeting *m)
{
	if (m->e.unknown || m->e.started_wall_ms != 0)
		return MEETING_MAYBE;
	if (m->e.graph_id[0] == '\0')
		return MEETING_NONE;
	return m->e.gone ? MEETING_ENDED : MEETING_LIVE;
}

void
meeting_detail(struct meeting *m, const char *detail)
{
	graph_copy_cut(m->e.detail, sizeof(m->e.detail), detail);
}

void
meeting_hold(struct meeting *m)
{
	m->e.held = true;
	chore_add(m->r, CHORE_MEETINGS, m->e.erg.s, 0);
}

void
meeting_cancelled(struct meeting *m)
{
	m->e.deleted_by_app = true;
	m->e.forget_wall_ms = clock_wall_ms(m->r->clock) + MEETING_KEEP_MS;
}

void
meeting_anew(struct meeting *m)
{
	static const enum event_side old[] = { EVENT_SIDE_OUTLOOK, EVENT_SIDE_BASE, EVENT_SIDE_SHOWN, EVENT_SIDE_WRITTEN };
	struct event *e = &m->e;

	meeting_generation_set(m, e->generation + 1);
	e->graph_id[0] = e->ical_uid[0] = e->join_url[0] = e->etag_seen[0] = e->etag_written[0] = '\0';
	memset(&e->responses, 0, sizeof(e->responses));
	e->gone = e->unknown = e->told_scheduled = false;
	e->started_wall_ms = e->attempts = e->responses_due_wall_ms = e->again_wall_ms = e->modified_wall_ms = 0;
	e->mailbox.s[0] = '\0'; /* the organiser's of today */
	for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++)
		meeting_side_set(m, old[i], NULL);
	e->told_stale = e->callback_seq != 0;
}

/* ---------- storing ---------- */

static void
store_sides(struct meeting *m)
{
	enum err e;

	for (enum event_side side = 0; side < EVENT_SIDE_COUNT; side++) {
		if (!m->changed[side])
			continue;
		if (m->sides[side] == NULL) {
			event_side_del(m->r->store, &m->e.erg, &m->e.id, side);
		} else if ((e = event_side_put(m->r->store, &m->e.erg, &m->e.id, side, m->sides[side])) != ERR_OK) {
			log_put(
			    LOG_ERROR, "event_not_stored", LS("erg", m->e.erg.s), LS("event", m->e.id.s), LS("err", err_name(e)));
		}
	}
}

/* Something is to be done, and may be: not held, not failed. */
static bool
is_open(const struct event *e)
{
	return (e->write != EVENT_WRITE_NONE && e->status != EVENT_FAILED && (!e->held || e->approved)) || e->unknown;
}

/* The ERG is at work while any of its events is. */
static void
settle_erg(struct reconciler *r, const struct erg_id *id, int by)
{
	bool was = meeting_sum_get(r, MEETING_SUM_OPEN, id->s) > 0;
	struct erg erg;

	meeting_sum_add(r, MEETING_SUM_OPEN, id->s, by);
	if (was == (meeting_sum_get(r, MEETING_SUM_OPEN, id->s) > 0) || erg_load(r, id, &erg) != ERR_OK)
		return;
	erg_settle(r, &erg);
	erg_store(r, &erg);
}

static void
derive_series(struct reconciler *r, const struct event *e, int64_t by)
{
	if (e != NULL && e->series && meeting_is_live(e))
		meeting_sum_add(r, MEETING_SUM_SERIES, e->mailbox.s, by);
}

/* Everything derived from a record, once with it and once without. NULL: there is none. */
static void
derive(struct reconciler *r, const struct event *before, const struct event *after)
{
	const struct event *any = after != NULL ? after : before;
	int64_t mails = (after != NULL ? after->mails : 0) - (before != NULL ? before->mails : 0);
	int live = (after != NULL && meeting_is_live(after)) - (before != NULL && meeting_is_live(before));
	int failed = (after != NULL && after->status == EVENT_FAILED) - (before != NULL && before->status == EVENT_FAILED);
	int open = (after != NULL && is_open(after)) - (before != NULL && is_open(before));

	if (mails != 0)
		meeting_sum_add(r, MEETING_SUM_MAILS, any->erg.s, mails);
	if (live != 0)
		meeting_sum_add(r, MEETING_SUM_LIVE, any->erg.s, live);
	if (failed != 0)
		meeting_sum_add(r, MEETING_SUM_FAILED, any->erg.s, failed);
	if (open != 0)
		settle_erg(r, &any->erg, open);
	derive_series(r, before, -1);
	derive_series(r, after, 1);
	meeting_due_follow(r, before, after);
}

static void
store(struct meeting *m)
{
	meeting_due_time(&m->e, clock_wall_ms(m->r->clock));
	store_sides(m);
	events_put(m->r->store, &m->e);
	derive(m->r, m->stored ? &m->before : NULL, &m->e);
	/* The plan is another one. */
	if (m->before.held && !m->before.approved && !m->e.held)
		chore_add(m->r, CHORE_MEETINGS, m->e.erg.s, 0);
	if (m->e.mailbox.s[0] != '\0' &&
	    (strcmp(m->e.mailbox.s, m->before.mailbox.s) != 0 || meeting_is_live(&m->e) != meeting_is_live(&m->before)))
		keeper_want_mailbox(m->r, &m->e.tenant, &m->e.mailbox);
}

void
meeting_close(struct meeting *m)
{
	struct event e;

	meeting_close_into(m, &e);
}

void
meeting_close_into(struct meeting *m, struct event *ret)
{
	if (m == NULL)
		return;
	meeting_settle(m);
	if (m->failed)
		log_put(
		    LOG_ERROR, "event_not_stored", LS("erg", m->e.erg.s), LS("event", m->e.id.s), LS("err", err_name(ERR_NOMEM)));
	else
		store(m);
	*ret = m->e;
	meeting_drop(m);
}

void
meeting_erase(struct reconciler *r, const struct event *e)
{
	events_del(r->store, &e->erg, &e->id);
	derive(r, e, NULL);
	if (e->mailbox.s[0] != '\0')
		keeper_release_mailbox(r, &e->tenant, &e->mailbox);
}

void
meeting_forget(struct meeting *m)
{
	if (m->stored)
		meeting_erase(m->r, &m->before);
	meeting_drop(m);
}
