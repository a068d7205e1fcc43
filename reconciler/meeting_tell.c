#include "reconciler/meeting_tell.h"

#include "base/clock.h"
#include "reconciler/guard.h"
#include "reconciler/meeting.h"
#include "reconciler/reconciler.h"
#include "reconciler/tell.h"

/* ---------- the answer ---------- */

static void
told_apply(struct meeting *m)
{
	unsigned told = (unsigned)m->e.told_fields, asked = (unsigned)m->e.asked_fields & told;

	meeting_side_take(m, EVENT_SIDE_BASE, EVENT_SIDE_TOLD, told);
	meeting_side_take(m, EVENT_SIDE_SHOWN, EVENT_SIDE_TOLD, told);
	meeting_side_take(m, EVENT_SIDE_APP, EVENT_SIDE_TOLD, told & ~asked);
	/* What the app put while it was being told: which of the two it took last, nobody knows. Its own word holds, and it is told so. */
	asked &= meeting_side_diff(m, EVENT_SIDE_APP, EVENT_SIDE_TOLD);
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

/* The app has just heard of what is no more: it hears of what is. */
static void
told_too_late(struct meeting *m)
{
	unsigned fields = (unsigned)m->e.told_fields;

	if (m->e.told_cancelled)
		m->e.told_scheduled = false;
	if (fields != 0 && (fields &= meeting_side_diff(m, EVENT_SIDE_APP, EVENT_SIDE_TOLD)) != 0)
		tell_meeting(m->r, CHANGE_MEETING_UPDATED, &m->e, meeting_side(m, EVENT_SIDE_APP), fields, "");
}

void
meeting_tell_answered(struct meeting *m, bool taken, const char *detail)
{
	if (m->e.told_stale) {
		if (taken && !m->e.deleted_by_app)
			told_too_late(m);
		taken = true;
	} else if (m->e.told_cancelled) {
		/* Refused or taken: there is no meeting any more, and the app has heard of it. */
		meeting_cancelled(m);
		m->e.ended_in_outlook = true;
	} else if (taken) {
		told_apply(m);
	} else {
		/* Not told again until something changes. */
		meeting_side_take(m, EVENT_SIDE_SHOWN, EVENT_SIDE_TOLD, (unsigned)m->e.told_fields);
	}
	if (!taken)
		meeting_detail(m, detail);
	told_end(m);
}

void
meeting_tell_lost(struct meeting *m)
{
	told_end(m);
}

/* ---------- telling ---------- */

void
meeting_tell_fields(struct meeting *m, unsigned fields)
{
	uint64_t seq;

	seq = tell_meeting(m->r, CHANGE_MEETING_UPDATED, &m->e, meeting_side(m, EVENT_SIDE_OUTLOOK), fields, "");
	m->r->counters.changes_meeting_updated++;
	m->e.told_fields = fields;
	m->e.asked_fields = 0;
	meeting_side_copy(m, EVENT_SIDE_TOLD, EVENT_SIDE_OUTLOOK);
	m->e.callback_seq = seq;
	if (seq == 0 || !tell_waits(m->r))
		meeting_tell_answered(m, true, "");
}

void
meeting_tell_end(struct meeting *m)
{
	m->r->counters.changes_meeting_cancelled++;
	if (!m->e.approved)
		guard_count(m->r, &m->e.erg, GUARD_MEETINGS, 1);
	m->e.approved = false;
	m->e.told_cancelled = true;
	m->e.callback_seq =
	    tell_meeting(m->r, CHANGE_MEETING_CANCELLED, &m->e, NULL, 0, "The meeting was cancelled or deleted in Outlook.");
	if (m->e.callback_seq == 0 || !tell_waits(m->r))
		meeting_tell_answered(m, true, "");
}

void
meeting_tell_due(struct meeting *m)
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
