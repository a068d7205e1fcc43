#include "reconciler/meeting_write.h"

#include <string.h>

#include "base/clock.h"
#include "reconciler/guard.h"
#include "reconciler/meeting.h"
#include "reconciler/meeting_seen.h"
#include "reconciler/reconciler.h"

void
meeting_write_begin(struct meeting *m, enum event_write write, unsigned fields)
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
	meeting_seen_gone(m);
	/* Wanted again meanwhile: this one is over, there will be another. */
	if (!m->e.deleted_by_app)
		meeting_anew(m);
}

void
meeting_write_done(struct meeting *m, const struct graph_event *answer)
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
meeting_write_unknown(struct meeting *m, int64_t wait_ms)
{
	if (!m->e.unknown)
		count_mails(m);
	m->e.started_wall_ms = 0;
	m->e.unknown = true;
	m->e.not_before_wall_ms = clock_wall_ms(m->r->clock) + wait_ms;
}

void
meeting_write_put_off(struct meeting *m, int64_t wait_ms)
{
	m->e.started_wall_ms = 0;
	m->e.not_before_wall_ms = clock_wall_ms(m->r->clock) + wait_ms;
}

void
meeting_write_refused(struct meeting *m, const char *detail, int64_t wait_ms)
{
	meeting_write_put_off(m, wait_ms);
	m->e.status = EVENT_FAILED;
	meeting_detail(m, detail);
}

/* ---------- after an unknown outcome ---------- */

/* Found after a create of unknown outcome, or after everything was lost but the meeting itself. */
static void
adopted(struct meeting *m, const struct graph_event *seen)
{
	bool ours = meeting_side(m, EVENT_SIDE_WRITTEN) != NULL;

	if (seen->tagged && seen->tag.generation > 0)
		meeting_generation_set(m, seen->tag.generation);
	meeting_seen(m, seen);
	if (ours) {
		meeting_side_copy(m, EVENT_SIDE_BASE, EVENT_SIDE_WRITTEN);
		meeting_side_copy(m, EVENT_SIDE_SHOWN, EVENT_SIDE_WRITTEN);
		meeting_side_take(m, EVENT_SIDE_SHOWN, EVENT_SIDE_OUTLOOK,
		    EVENT_MASK_ALL & ~meeting_side_diff(m, EVENT_SIDE_OUTLOOK, EVENT_SIDE_WRITTEN));
	}
	write_done(m);
}

static void
looked_at_update(struct meeting *m, const struct graph_event *seen)
{
	unsigned fields = (unsigned)m->e.written_fields, happened;

	meeting_seen(m, seen);
	happened = fields & ~meeting_side_diff(m, EVENT_SIDE_OUTLOOK, EVENT_SIDE_WRITTEN);
	meeting_side_take(m, EVENT_SIDE_BASE, EVENT_SIDE_WRITTEN, happened);
	meeting_side_take(m, EVENT_SIDE_SHOWN, EVENT_SIDE_OUTLOOK, happened);
	if (happened == fields)
		write_done(m);
	else
		write_over(m);
}

void
meeting_write_looked(struct meeting *m, const struct graph_event *seen)
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
			meeting_seen_gone(m);
		write_over(m);
	}
}
