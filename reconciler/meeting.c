/*
 * meeting.c - what somebody says of an event goes into the document of that side; what follows is decided anew each time from the
 * documents alone. BASE and SHOWN move only where both sides are known to agree, so a crash between any two turns repeats a question and
 * never an answer.
 */
#include "reconciler/meeting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/text.h"
#include "graph/answer.h"
#include "reconciler/chores.h"
#include "reconciler/guard.h"
#include "reconciler/keeper.h"
#include "reconciler/meeting_due.h"
#include "reconciler/meetings.h"
#include "reconciler/reconciler.h"
#include "reconciler/standing.h"
#include "reconciler/tables.h"
#include "reconciler/tell.h"
#include "state/events.h"

#define LOOK_WAIT_MS     2000 /* after an unknown outcome, the first look */
#define JOIN_WAIT_MIN_MS 1000
#define JOIN_WAIT_MAX_MS (15 * 60 * 1000LL)

static const char held_text[] = "The plan that does this is held: approve or reject it.";
static const char over_text[] = "The event is over: no meeting is made for it.";
static const char far_text[] = "The event begins later than meeting_horizon allows: its meeting is made when it comes nearer.";

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

static void
tag_of(const struct event *e, struct event_tag *ret)
{
	*ret = (struct event_tag){ .erg = e->erg, .event = e->id, .generation = e->generation };
}

static void
make_transaction_id(struct event *e)
{
	struct event_tag tag;

	tag_of(e, &tag);
	event_transaction_id(&e->tenant, &tag, e->transaction_id);
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
	m->e.generation = 1;
	m->e.created_wall_ms = m->e.status_since_wall_ms = clock_wall_ms(r->clock);
	make_transaction_id(&m->e);
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

/* ---------- deciding ---------- */

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

static bool
is_over(struct meeting *m)
{
	const struct event_fields *outlook;
	int64_t now_ms = clock_wall_ms(m->r->clock);

	if (m->e.end_wall_ms > now_ms)
		return false;
	outlook = meeting_side(m, EVENT_SIDE_OUTLOOK);
	return outlook == NULL || event_last_end_ms(outlook) <= now_ms;
}

static bool
is_far(struct meeting *m)
{
	int64_t limit_ms = clock_wall_ms(m->r->clock) + m->r->config->meeting_horizon_ms;
	const struct event_fields *outlook;

	if (m->e.start_wall_ms <= limit_ms)
		return false;
	outlook = meeting_side(m, EVENT_SIDE_OUTLOOK);
	return outlook == NULL || event_start_ms(outlook) > limit_ms;
}

/* Fields that differ between two sides; all when one has said nothing. */
static unsigned
differ(struct meeting *m, enum event_side a, enum event_side b)
{
	const struct event_fields *x = meeting_side(m, a), *y = meeting_side(m, b);

	return x != NULL && y != NULL ? event_fields_diff(x, y) : EVENT_MASK_ALL;
}

static unsigned
equal_fields(struct meeting *m)
{
	const struct event_fields *app = meeting_side(m, EVENT_SIDE_APP), *outlook = meeting_side(m, EVENT_SIDE_OUTLOOK);
	unsigned equal = ~differ(m, EVENT_SIDE_APP, EVENT_SIDE_OUTLOOK);

	/* Once online it can't be undone (graph-facts 9.1): nobody is asked to. */
	if (app != NULL && outlook != NULL && !app->online && outlook->online)
		equal |= EVENT_MASK(ONLINE);
	return equal;
}

struct meeting_step
meeting_decide(struct meeting *m, int64_t *ret_mails)
{
	struct meeting_input in = {
		.policy = m->erg.meetings,
		.outlook_wins = m->r->config->meeting_conflicts != 0,
		.wanted = !m->e.deleted_by_app,
		.there = meeting_stands(m),
		.over = is_over(m),
		.far = is_far(m),
		.frozen = m->e.callback_seq != 0 && !m->e.told_stale ? (unsigned)m->e.told_fields : 0,
		.frozen_end = m->e.callback_seq != 0 && !m->e.told_stale && m->e.told_cancelled,
	};
	const struct event_fields *app = meeting_side(m, EVENT_SIDE_APP), *outlook = meeting_side(m, EVENT_SIDE_OUTLOOK);
	struct meeting_step s;

	if (in.there == MEETING_LIVE && in.wanted) {
		in.app_changed = differ(m, EVENT_SIDE_APP, EVENT_SIDE_BASE);
		in.outlook_changed = differ(m, EVENT_SIDE_OUTLOOK, EVENT_SIDE_SHOWN);
		in.equal = equal_fields(m);
	}
	s = meeting_diff(&in);
	*ret_mails = s.action == MEETING_CREATE                      ? (int64_t)graph_event_mails(NULL, app, EVENT_MASK_ALL)
	             : s.action == MEETING_UPDATE                    ? (int64_t)graph_event_mails(outlook, app, s.patch)
	             : s.action == MEETING_CANCEL && outlook != NULL ? (int64_t)outlook->attendee_count
	             : s.action == MEETING_LOOK                      ? m->e.mails
	                                                             : 0;
	return s;
}

/* ---------- towards the app ---------- */

static void
told_apply(struct meeting *m)
{
	unsigned told = (unsigned)m->e.told_fields, asked = (unsigned)m->e.asked_fields & told;

	meeting_side_take(m, EVENT_SIDE_BASE, EVENT_SIDE_TOLD, told);
	meeting_side_take(m, EVENT_SIDE_SHOWN, EVENT_SIDE_TOLD, told);
	meeting_side_take(m, EVENT_SIDE_APP, EVENT_SIDE_TOLD, told & ~asked);
	/* What the app put while it was being told: which of the two it took last, nobody knows. Its own word holds, and it is told so. */
	asked &= differ(m, EVENT_SIDE_APP, EVENT_SIDE_TOLD);
	if (asked != 0)
		tell_meeting(m->r, CHANGE_MEETING_UPDATED, &m->e, meeting_side(m, EVENT_SIDE_APP), asked, "");
}

static void
told_end(struct meeting *m)
{
	m->e.callback_seq = 0;
	m->e.told_cancelled = m->e.told_stale = false;
	m->e.told_fields = m->e.asked_fields = 0;
	meeting_side_set(m, EVENT_SIDE_TOLD, NULL);
}

static void
cancelled_everywhere(struct meeting *m)
{
	m->e.deleted_by_app = true;
	m->e.forget_wall_ms = clock_wall_ms(m->r->clock) + MEETING_KEEP_MS;
}

/* The app has just heard of what is no more: it hears of what is. */
static void
told_too_late(struct meeting *m)
{
	unsigned fields = (unsigned)m->e.told_fields;

	if (m->e.told_cancelled)
		m->e.told_scheduled = false;
	if (fields != 0 && (fields &= differ(m, EVENT_SIDE_APP, EVENT_SIDE_TOLD)) != 0)
		tell_meeting(m->r, CHANGE_MEETING_UPDATED, &m->e, meeting_side(m, EVENT_SIDE_APP), fields, "");
}

void
meeting_told(struct meeting *m, bool taken, const char *detail)
{
	if (m->e.told_stale) {
		if (taken && !m->e.deleted_by_app)
			told_too_late(m);
		taken = true;
	} else if (m->e.told_cancelled) {
		/* Refused or taken: there is no meeting any more, and the app has heard of it. */
		cancelled_everywhere(m);
		m->e.ended_in_outlook = true;
	} else if (taken) {
		told_apply(m);
	} else {
		/* Not told again until something changes. */
		meeting_side_take(m, EVENT_SIDE_SHOWN, EVENT_SIDE_TOLD, (unsigned)m->e.told_fields);
	}
	if (!taken)
		graph_copy_cut(m->e.detail, sizeof(m->e.detail), detail);
	told_end(m);
}

static void
tell_fields(struct meeting *m, unsigned fields)
{
	uint64_t seq;

	seq = tell_meeting(m->r, CHANGE_MEETING_UPDATED, &m->e, meeting_side(m, EVENT_SIDE_OUTLOOK), fields, "");
	m->r->counters.changes_meeting_updated++;
	m->e.told_fields = fields;
	m->e.asked_fields = 0;
	meeting_side_copy(m, EVENT_SIDE_TOLD, EVENT_SIDE_OUTLOOK);
	m->e.callback_seq = seq;
	if (seq == 0 || !tell_waits(m->r))
		meeting_told(m, true, "");
}

static void
tell_end(struct meeting *m)
{
	m->r->counters.changes_meeting_cancelled++;
	if (!m->e.approved)
		guard_count(m->r, &m->e.erg, GUARD_MEETINGS, 1);
	m->e.approved = false;
	m->e.told_cancelled = true;
	m->e.callback_seq =
	    tell_meeting(m->r, CHANGE_MEETING_CANCELLED, &m->e, NULL, 0, "The meeting was cancelled or deleted in Outlook.");
	if (m->e.callback_seq == 0 || !tell_waits(m->r))
		meeting_told(m, true, "");
}

static void
tell_due(struct meeting *m)
{
	const struct event_fields *outlook = meeting_side(m, EVENT_SIDE_OUTLOOK);

	if (!meeting_is_live(&m->e) || outlook == NULL)
		return;
	if (!m->e.told_scheduled && (m->e.join_url[0] != '\0' || !outlook->online)) {
		m->e.told_scheduled = true;
		m->r->counters.changes_meeting_scheduled++;
		tell_meeting(m->r, CHANGE_MEETING_SCHEDULED, &m->e, NULL, 0, "");
	}
	if (m->e.responses_due_wall_ms != 0 && m->e.responses_due_wall_ms <= clock_wall_ms(m->r->clock)) {
		m->e.responses_due_wall_ms = 0;
		tell_meeting(m->r, CHANGE_MEETING_RESPONSES, &m->e, outlook, EVENT_MASK(ATTENDEES), "");
	}
}

/* ---------- what follows ---------- */

/* Found again by its property: there is no base. Of fields that differ, meeting_conflicts says who wins. */
static void
make_base(struct meeting *m)
{
	enum event_side winner;

	if (meeting_stands(m) != MEETING_LIVE || meeting_side(m, EVENT_SIDE_BASE) != NULL || m->e.deleted_by_app ||
	    meeting_side(m, EVENT_SIDE_OUTLOOK) == NULL)
		return;
	/* As if the other side had just changed it: then the winner's word goes there. */
	winner = m->r->config->meeting_conflicts != 0 && m->erg.meetings != MEETINGS_APP ? EVENT_SIDE_APP : EVENT_SIDE_OUTLOOK;
	meeting_side_copy(m, EVENT_SIDE_BASE, winner);
	meeting_side_copy(m, EVENT_SIDE_SHOWN, winner);
	meeting_side_take(
	    m, EVENT_SIDE_SHOWN, EVENT_SIDE_OUTLOOK, EVENT_MASK_ALL & ~differ(m, EVENT_SIDE_APP, EVENT_SIDE_OUTLOOK));
}

/* The next meeting for this event is another one than those before. */
void
meeting_anew(struct meeting *m)
{
	static const enum event_side old[] = { EVENT_SIDE_OUTLOOK, EVENT_SIDE_BASE, EVENT_SIDE_SHOWN, EVENT_SIDE_WRITTEN };
	struct event *e = &m->e;

	e->generation++;
	make_transaction_id(e);
	e->graph_id[0] = e->ical_uid[0] = e->join_url[0] = e->etag_seen[0] = e->etag_written[0] = '\0';
	memset(&e->responses, 0, sizeof(e->responses));
	e->gone = e->unknown = e->told_scheduled = false;
	e->started_wall_ms = e->attempts = e->responses_due_wall_ms = e->again_wall_ms = e->modified_wall_ms = 0;
	e->mailbox.s[0] = '\0'; /* the organiser's of today */
	for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++)
		meeting_side_set(m, old[i], NULL);
	e->told_stale = e->callback_seq != 0;
}

static const enum event_write write_of[MEETING_ACTION_COUNT] = {
	[MEETING_NOTHING] = EVENT_WRITE_NONE,
	[MEETING_CREATE] = EVENT_WRITE_CREATE,
	[MEETING_UPDATE] = EVENT_WRITE_UPDATE,
	[MEETING_CANCEL] = EVENT_WRITE_CANCEL,
};

static void
set_detail(struct meeting *m, const char *detail)
{
	graph_copy_cut(m->e.detail, sizeof(m->e.detail), detail);
}

/* Whose mailbox: known for good once a meeting was asked for there. */
static void
find_mailbox(struct meeting *m)
{
	char why[DETAIL_SIZE] = "";
	struct guid was;

	/* A meeting stays where it was made. */
	if (m->e.write != EVENT_WRITE_CREATE || m->e.graph_id[0] != '\0' || meeting_stands(m) == MEETING_MAYBE)
		return;
	was = m->e.mailbox;
	if (meeting_organizer(m->r, &m->erg, &m->e.mailbox, why) == ERR_OK) {
		/* What was wrong with another one, or with none, is over. */
		if (strcmp(was.s, m->e.mailbox.s) != 0) {
			m->e.status = m->e.status == EVENT_FAILED ? EVENT_PENDING : m->e.status;
			m->e.not_before_wall_ms = 0;
		}
		return;
	}
	m->e.status = why[0] != '\0' ? EVENT_FAILED : EVENT_PENDING;
	set_detail(m, why[0] != '\0' ? why : "The organizer is being looked up.");
}

static enum event_status
status_of(struct meeting *m)
{
	if (m->e.deleted_by_app)
		return EVENT_CANCELLED;
	if (m->erg.meetings == MEETINGS_OFF || (m->e.graph_id[0] == '\0' && is_over(m)))
		return EVENT_OFF;
	if (m->e.status == EVENT_FAILED && m->e.write != EVENT_WRITE_NONE)
		return EVENT_FAILED;
	return meeting_is_live(&m->e) ? EVENT_SCHEDULED : EVENT_PENDING;
}

static void
settle_status(struct meeting *m)
{
	enum event_status status = status_of(m), was = m->before.status;
	bool held = m->e.held && !m->e.approved;

	if (status == EVENT_OFF)
		set_detail(m, m->erg.meetings == MEETINGS_OFF ? "" : over_text);
	else if (held)
		set_detail(m, held_text);
	else if (status == EVENT_PENDING && m->e.write == EVENT_WRITE_NONE && is_far(m))
		set_detail(m, far_text);
	else if (status != m->e.status || (m->before.held && !m->before.approved))
		m->e.detail[0] = '\0';
	m->e.status = status;
	if (status != was || !m->stored)
		m->e.status_since_wall_ms = clock_wall_ms(m->r->clock);
	/* Once for each reason. */
	if (status == EVENT_FAILED && (was != EVENT_FAILED || strcmp(m->e.detail, m->before.detail) != 0)) {
		m->r->counters.changes_meeting_failed++;
		tell_meeting(m->r, CHANGE_MEETING_FAILED, &m->e, NULL, 0, m->e.detail);
	}
}

/* Graph gives the join URL late, now and then (graph-facts 9.1). */
static int64_t
join_wait_ms(int64_t attempts)
{
	return attempts >= 10 ? JOIN_WAIT_MAX_MS : JOIN_WAIT_MIN_MS << attempts;
}

/* When to look at it although nothing is open. */
static void
settle_again(struct meeting *m)
{
	const struct event_fields *outlook = meeting_side(m, EVENT_SIDE_OUTLOOK);
	int64_t now_ms = clock_wall_ms(m->r->clock);
	bool joining = meeting_is_live(&m->e) && outlook != NULL && outlook->online && m->e.join_url[0] == '\0' && !is_over(m) &&
	               !m->e.deleted_by_app;

	if (m->erg.meetings == MEETINGS_OFF || m->e.deleted_by_app || (!joining && !is_far(m)))
		m->e.again_wall_ms = 0;
	else if (!joining)
		m->e.again_wall_ms = m->e.start_wall_ms - m->r->config->meeting_horizon_ms;
	else if (m->e.again_wall_ms <= now_ms)
		m->e.again_wall_ms = now_ms + join_wait_ms(m->e.attempts);
}

static void
take_times(struct meeting *m)
{
	const struct event_fields *app = meeting_side(m, EVENT_SIDE_APP);
	int64_t now_ms = clock_wall_ms(m->r->clock), next_ms;

	if (app == NULL || (!m->changed[EVENT_SIDE_APP] && m->e.start_wall_ms > now_ms))
		return;
	m->e.series = app->rrule[0] != '\0';
	m->e.start_wall_ms = event_start_ms(app);
	m->e.end_wall_ms = event_last_end_ms(app);
	if (m->e.start_wall_ms <= now_ms && (next_ms = event_next_end_ms(app, now_ms)) != 0)
		m->e.start_wall_ms = next_ms - (event_end_ms(app) - event_start_ms(app));
}

/* Too many meetings vanished within a day: somebody has to say that this is meant. */
static bool
may_end(struct meeting *m)
{
	if (!m->e.approved && !m->e.held && guard_holds(m->r, &m->erg, GUARD_MEETINGS, 1))
		meeting_hold(m);
	return m->e.approved || !m->e.held;
}

static void
follow_step(struct meeting *m, const struct meeting_step *s)
{
	meeting_side_take(m, EVENT_SIDE_BASE, EVENT_SIDE_APP, s->agree);
	meeting_side_take(m, EVENT_SIDE_SHOWN, EVENT_SIDE_OUTLOOK, s->agree);
	if (s->anew)
		meeting_anew(m);
	if (s->tell != 0 && m->e.callback_seq == 0)
		tell_fields(m, s->tell);
	if (s->tell_cancelled && m->e.callback_seq == 0 && may_end(m))
		tell_end(m);
}

/* What one turn's news leads to. Each round can only bring both sides nearer to each other; the bound catches one that does not. */
static void
follow(struct meeting *m)
{
	struct meeting_step s;
	int64_t mails;

	take_times(m);
	make_base(m);
	for (int i = 0; i < 4; i++) {
		s = meeting_decide(m, &mails);
		follow_step(m, &s);
		if (s.agree == 0 && !s.anew && (s.tell == 0 || m->e.callback_seq != 0) &&
		    (!s.tell_cancelled || m->e.callback_seq != 0 || m->e.held))
			break;
	}
	/* Whatever is wanted now, the outcome of what is under way is of the write that was begun. */
	if (meeting_stands(m) != MEETING_MAYBE) {
		m->e.write = write_of[s.action];
		m->e.mails = mails;
	}
	if (m->e.deleted_by_app && m->e.write == EVENT_WRITE_NONE && m->e.forget_wall_ms == 0 && !m->e.unknown &&
	    m->e.started_wall_ms == 0)
		cancelled_everywhere(m);
	if (m->e.write == EVENT_WRITE_NONE && !s.tell_cancelled)
		m->e.held = m->e.approved = false;
	find_mailbox(m);
	settle_status(m);
	settle_again(m);
	tell_due(m);
	if (m->e.status == EVENT_SCHEDULED && m->e.write == EVENT_WRITE_NONE && m->e.callback_seq == 0 && m->e.seen_wall_ms > 0)
		m->e.synced_wall_ms = m->e.seen_wall_ms;
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
	int open = (after != NULL && is_open(after)) - (before != NULL && is_open(before));

	if (mails != 0)
		meeting_sum_add(r, MEETING_SUM_MAILS, any->erg.s, mails);
	if (live != 0)
		meeting_sum_add(r, MEETING_SUM_LIVE, any->erg.s, live);
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
	follow(m);
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

/* ---------- what Outlook says ---------- */

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
		meeting_gone(m);
		return true;
	}
	take_outlook(m, seen);
	take_identity(m, seen);
	m->e.gone = false;
	return true;
}

void
meeting_gone(struct meeting *m)
{
	m->e.gone = true;
	m->e.responses_due_wall_ms = 0;
}

void
meeting_occurrences(struct meeting *m, const struct event_fields *f)
{
	struct event_fields *outlook = meeting_side(m, EVENT_SIDE_OUTLOOK);

	if (outlook == NULL || !(event_fields_diff(outlook, f) & EVENT_MASK(EXCEPTIONS)))
		return;
	m->failed |= event_fields_take(outlook, f, EVENT_MASK(EXCEPTIONS)) != ERR_OK;
	m->changed[EVENT_SIDE_OUTLOOK] = true;
}

void
meeting_hold(struct meeting *m)
{
	m->e.held = true;
	chore_add(m->r, CHORE_MEETINGS, m->e.erg.s, 0);
}

/* ---------- what we write ---------- */

void
meeting_begin(struct meeting *m, enum event_write write, unsigned fields)
{
	m->e.write = write;
	m->e.started_wall_ms = clock_wall_ms(m->r->clock);
	m->e.attempts++;
	m->e.written_fields = fields;
	if (write != EVENT_WRITE_CANCEL)
		meeting_side_copy(m, EVENT_SIDE_WRITTEN, EVENT_SIDE_APP);
}

static void
write_over(struct meeting *m)
{
	m->e.started_wall_ms = 0;
	m->e.unknown = false;
}

static void
write_done(struct meeting *m)
{
	write_over(m);
	m->e.attempts = m->e.not_before_wall_ms = 0;
	m->e.written_fields = 0;
	m->e.held = m->e.approved = false;
	if (m->e.status == EVENT_FAILED)
		m->e.status = EVENT_PENDING;
	m->e.detail[0] = '\0';
	meeting_side_set(m, EVENT_SIDE_WRITTEN, NULL);
}

static void
count_mails(struct meeting *m)
{
	m->r->counters.mails_caused += m->e.mails > 0 ? (uint64_t)m->e.mails : 0;
	if (!m->e.approved && m->e.mails > 0)
		guard_count(m->r, &m->e.erg, GUARD_MAILS, m->e.mails);
}

static void
created(struct meeting *m, const struct graph_event *answer)
{
	meeting_seen(m, answer);
	meeting_side_copy(m, EVENT_SIDE_BASE, EVENT_SIDE_WRITTEN);
	meeting_side_copy(m, EVENT_SIDE_SHOWN, EVENT_SIDE_OUTLOOK);
}

static void
updated(struct meeting *m, const struct graph_event *answer, unsigned fields)
{
	meeting_seen(m, answer);
	meeting_side_take(m, EVENT_SIDE_BASE, EVENT_SIDE_WRITTEN, fields);
	meeting_side_take(m, EVENT_SIDE_SHOWN, EVENT_SIDE_OUTLOOK, fields);
}

static void
cancelled(struct meeting *m)
{
	meeting_gone(m);
	/* Wanted again meanwhile: this one is over, there will be another. */
	if (!m->e.deleted_by_app)
		meeting_anew(m);
}

void
meeting_written(struct meeting *m, const struct graph_event *answer)
{
	enum event_write write = m->e.write;
	unsigned fields = (unsigned)m->e.written_fields;

	count_mails(m);
	if (answer == NULL || write == EVENT_WRITE_CANCEL) {
		cancelled(m);
	} else {
		memcpy(m->e.etag_written, answer->etag, sizeof(m->e.etag_written));
		if (write == EVENT_WRITE_CREATE)
			created(m, answer);
		else
			updated(m, answer, fields);
	}
	write_done(m);
}

void
meeting_unknown(struct meeting *m)
{
	if (!m->e.unknown)
		count_mails(m);
	m->e.started_wall_ms = 0;
	m->e.unknown = true;
	m->e.not_before_wall_ms = clock_wall_ms(m->r->clock) + LOOK_WAIT_MS;
}

void
meeting_put_off(struct meeting *m, int64_t wait_ms)
{
	m->e.started_wall_ms = 0;
	m->e.not_before_wall_ms = clock_wall_ms(m->r->clock) + wait_ms;
}

void
meeting_refused(struct meeting *m, const char *detail, int64_t wait_ms)
{
	meeting_put_off(m, wait_ms);
	m->e.unknown = false;
	m->e.status = EVENT_FAILED;
	set_detail(m, detail);
}

void
meeting_rename(struct meeting *m)
{
	m->e.generation++;
	make_transaction_id(&m->e);
}

/* Found after a create of unknown outcome, or after everything was lost but the meeting itself. */
static void
adopted(struct meeting *m, const struct graph_event *seen)
{
	bool ours = meeting_side(m, EVENT_SIDE_WRITTEN) != NULL;

	m->e.generation = seen->tagged && seen->tag.generation > 0 ? seen->tag.generation : m->e.generation;
	make_transaction_id(&m->e);
	meeting_seen(m, seen);
	if (ours) {
		meeting_side_copy(m, EVENT_SIDE_BASE, EVENT_SIDE_WRITTEN);
		meeting_side_copy(m, EVENT_SIDE_SHOWN, EVENT_SIDE_WRITTEN);
		meeting_side_take(
		    m, EVENT_SIDE_SHOWN, EVENT_SIDE_OUTLOOK, EVENT_MASK_ALL & ~differ(m, EVENT_SIDE_OUTLOOK, EVENT_SIDE_WRITTEN));
	}
	write_done(m);
}

static void
looked_at_update(struct meeting *m, const struct graph_event *seen)
{
	unsigned fields = (unsigned)m->e.written_fields, happened;

	meeting_seen(m, seen);
	happened = fields & ~differ(m, EVENT_SIDE_OUTLOOK, EVENT_SIDE_WRITTEN);
	meeting_side_take(m, EVENT_SIDE_BASE, EVENT_SIDE_WRITTEN, happened);
	meeting_side_take(m, EVENT_SIDE_SHOWN, EVENT_SIDE_OUTLOOK, happened);
	if (happened == fields)
		write_done(m);
	else
		write_over(m);
}

void
meeting_looked(struct meeting *m, const struct graph_event *seen)
{
	bool there = seen != NULL && seen->fields != NULL && !seen->fields->cancelled;

	if (m->e.write == EVENT_WRITE_CREATE && there) {
		adopted(m, seen);
	} else if (m->e.write == EVENT_WRITE_UPDATE && there) {
		looked_at_update(m, seen);
	} else if (m->e.write == EVENT_WRITE_CANCEL && !there) {
		cancelled(m);
		write_done(m);
	} else {
		if (m->e.write == EVENT_WRITE_UPDATE)
			meeting_gone(m);
		write_over(m);
	}
}
