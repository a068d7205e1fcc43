#include "reconciler/meeting_settle.h"

#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "graph/event_json.h"
#include "reconciler/guard.h"
#include "reconciler/meeting.h"
#include "reconciler/meeting_tell.h"
#include "reconciler/meetings.h"
#include "reconciler/reconciler.h"
#include "reconciler/tell.h"

#define JOIN_WAIT_MIN_MS 1000
#define JOIN_WAIT_MAX_MS (15 * 60 * 1000LL)
static const char held_text[] = "The plan that does this is held: approve or reject it.";
static const char over_text[] = "The event is over: no meeting is made for it.";
static const char off_text[] = "Meetings are off for this ERG, or for its tenant.";
static const char link_text[] =
    "The meeting keeps its join link: Outlook cannot take it away. DELETE the event and PUT it again for one "
    "without.";
static const char far_text[] = "The event begins later than meeting_horizon allows: its meeting is made when it comes nearer.";

/* ---------- what to do ---------- */

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

static unsigned
equal_fields(struct meeting *m)
{
	const struct event_fields *app = meeting_side(m, EVENT_SIDE_APP), *outlook = meeting_side(m, EVENT_SIDE_OUTLOOK);
	unsigned equal = ~meeting_side_diff(m, EVENT_SIDE_APP, EVENT_SIDE_OUTLOOK);

	/* Once online it can't be undone (graph-facts 9.1): nobody is asked to. */
	if (app != NULL && outlook != NULL && !app->online && outlook->online)
		equal |= EVENT_MASK(ONLINE);
	return equal;
}

struct meeting_step
meeting_settle_step(struct meeting *m, int64_t *ret_mails)
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
		in.app_changed = meeting_side_diff(m, EVENT_SIDE_APP, EVENT_SIDE_BASE);
		in.outlook_changed = meeting_side_diff(m, EVENT_SIDE_OUTLOOK, EVENT_SIDE_SHOWN);
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

/* Found again by its property: there is no base. Of fields that meeting_side_diff, meeting_conflicts says who wins. */
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
	    m, EVENT_SIDE_SHOWN, EVENT_SIDE_OUTLOOK, EVENT_MASK_ALL & ~meeting_side_diff(m, EVENT_SIDE_APP, EVENT_SIDE_OUTLOOK));
}

static const enum event_write write_of[MEETING_ACTION_COUNT] = {
	[MEETING_NOTHING] = EVENT_WRITE_NONE,
	[MEETING_CREATE] = EVENT_WRITE_CREATE,
	[MEETING_UPDATE] = EVENT_WRITE_UPDATE,
	[MEETING_CANCEL] = EVENT_WRITE_CANCEL,
};

/* ---------- how it stands then ---------- */

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
	if (meetings_organizer(m->r, &m->erg, &m->e.mailbox, why) == ERR_OK) {
		/* What was wrong with another one, or with none, is over. */
		if (strcmp(was.s, m->e.mailbox.s) != 0) {
			m->e.status = m->e.status == EVENT_FAILED ? EVENT_PENDING : m->e.status;
			m->e.not_before_wall_ms = 0;
		}
		return;
	}
	m->e.status = why[0] != '\0' ? EVENT_FAILED : EVENT_PENDING;
	meeting_detail(m, why[0] != '\0' ? why : "The organizer is not found yet; if that lasts, the tenant's detail says why.");
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

/* Wanted without a join link, when the meeting has one: nobody can take it away. */
static bool
keeps_link(struct meeting *m)
{
	const struct event_fields *app = meeting_side(m, EVENT_SIDE_APP), *outlook = meeting_side(m, EVENT_SIDE_OUTLOOK);

	return app != NULL && outlook != NULL && !app->online && outlook->online;
}

/* What was wrong with a write is over with it. */
static bool
nothing_open_now(const struct meeting *m)
{
	return m->before.write != EVENT_WRITE_NONE && m->e.write == EVENT_WRITE_NONE;
}

static void
settle_status(struct meeting *m)
{
	enum event_status status = status_of(m), was = m->before.status;
	bool held = m->e.held && !m->e.approved;

	if (status == EVENT_OFF)
		meeting_detail(m, m->erg.meetings == MEETINGS_OFF ? off_text : over_text);
	else if (held)
		meeting_detail(m, held_text);
	else if (status == EVENT_PENDING && m->e.write == EVENT_WRITE_NONE && is_far(m))
		meeting_detail(m, far_text);
	else if (status == EVENT_SCHEDULED && keeps_link(m))
		meeting_detail(m, link_text);
	else if (status != m->e.status || (m->before.held && !m->before.approved) || nothing_open_now(m))
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

/* ---------- what follows ---------- */

/* Too many meetings vanished within a day: somebody has to say that this is meant. */
static bool
may_end(struct meeting *m)
{
	if (!m->e.approved && !m->e.held && guard_holds(m->r, &m->erg, GUARD_MEETINGS, 1, 0))
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
		meeting_tell_fields(m, s->tell);
	if (s->tell_cancelled && m->e.callback_seq == 0 && may_end(m))
		meeting_tell_end(m);
}

/* What one turn's news leads to. Each round can only bring both sides nearer to each other; the bound catches one that does not. */
void
meeting_settle(struct meeting *m)
{
	struct meeting_step s;
	int64_t mails;

	take_times(m);
	make_base(m);
	for (int i = 0; i < 4; i++) {
		s = meeting_settle_step(m, &mails);
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
		meeting_cancelled(m);
	if (m->e.write == EVENT_WRITE_NONE && !s.tell_cancelled)
		m->e.held = m->e.approved = false;
	find_mailbox(m);
	settle_status(m);
	settle_again(m);
	meeting_tell_due(m);
	if (m->e.status == EVENT_SCHEDULED && m->e.write == EVENT_WRITE_NONE && m->e.callback_seq == 0 && m->e.seen_wall_ms > 0)
		m->e.synced_wall_ms = m->e.seen_wall_ms;
}
