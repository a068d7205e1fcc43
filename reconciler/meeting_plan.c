/* meeting_plan.c - a plan is no record of its own: it is the events whose records say that they are held. */
#include "reconciler/meeting_plan.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/hash.h"
#include "graph/answer.h"
#include "reconciler/guard.h"
#include "reconciler/meeting.h"
#include "reconciler/meeting_settle.h"
#include "reconciler/reconciler.h"
#include "reconciler/tell.h"
#include "state/events.h"

static bool
is_held(const struct event *e)
{
	return e->held && !e->approved;
}

static bool
item_of(const struct event *e, struct meeting_plan_item *ret)
{
	static const enum plan_action actions[] = {
		[EVENT_WRITE_CREATE] = PLAN_CREATE_MEETING,
		[EVENT_WRITE_UPDATE] = PLAN_UPDATE_MEETING,
		[EVENT_WRITE_CANCEL] = PLAN_CANCEL_MEETING,
	};
	struct span parts[] = { { e->id.s, strlen(e->id.s) + 1 }, { e->etag_seen, strlen(e->etag_seen) + 1 },
		{ &e->changed_wall_ms, sizeof(e->changed_wall_ms) }, { &e->mails, sizeof(e->mails) },
		{ &e->gone, sizeof(e->gone) } };
	uint8_t hash[HASH_LEN];

	*ret = (struct meeting_plan_item){ .held = is_held(e), .event = e, .vanished = e->write == EVENT_WRITE_NONE };
	if (ret->vanished && !ret->held)
		return false;
	ret->action = ret->vanished ? PLAN_CANCEL_MEETING : actions[e->write];
	sha256(parts, sizeof(parts) / sizeof(parts[0]), hash);
	memcpy(&ret->identity, hash, sizeof(ret->identity));
	return true;
}

void
meeting_plan_walk(
    struct reconciler *r, const struct erg_id *erg, bool (*each)(void *arg, const struct meeting_plan_item *item), void *arg)
{
	struct store_cursor *c = events_seek(r->store, erg, NULL);
	struct meeting_plan_item item;
	struct event e;
	bool on = true;

	while (on && store_next(c, NULL, &e) == ERR_OK)
		if (item_of(&e, &item))
			on = each(arg, &item);
	store_cursor_close(c);
}

static const char *const reasons[] = {
	[PLAN_CREATE_MEETING] = "In the app, and not yet in Outlook.",
	[PLAN_UPDATE_MEETING] = "Changed in the app.",
	[PLAN_CANCEL_MEETING] = "Cancelled in the app.",
};

void
meeting_plan_show(struct reconciler *r, const struct meeting_plan_item *item, struct app_plan_item *ret)
{
	struct event_fields *f = NULL;

	memset(ret, 0, sizeof(*ret));
	ret->action = item->action;
	ret->event = item->event->id;
	ret->mails = item->event->mails;
	snprintf(ret->reason, sizeof(ret->reason), "%s%s",
	    item->vanished ? "Vanished from Outlook: to be cancelled in the app." : reasons[item->action],
	    item->held ? " Held." : "");
	if (event_side_get(r->store, &item->event->erg, &item->event->id, EVENT_SIDE_APP, &f) == ERR_OK)
		graph_copy_cut(ret->subject, sizeof(ret->subject), f->subject);
	event_fields_free(f);
}

struct sums {
	int64_t mails, vanished, held;
};

static bool
add_up(void *arg, const struct meeting_plan_item *item)
{
	struct sums *sums = arg;

	if (item->held) {
		sums->held++;
		sums->mails += item->event->mails;
		sums->vanished += item->vanished;
	}
	return true;
}

void
meeting_plan_detail(struct reconciler *r, const struct erg_id *erg, char ret[DETAIL_SIZE])
{
	struct sums sums = { 0 };

	meeting_plan_walk(r, erg, add_up, &sums);
	ret[0] = '\0';
	if (sums.vanished > 0)
		snprintf(ret, DETAIL_SIZE,
		    "%lld meetings have vanished from the organizer's calendar, more than the limits allow within 24 hours. "
		    "Approve the "
		    "plan to cancel them in the app, reject it to make them anew.",
		    (long long)sums.vanished);
	else if (sums.held > 0)
		snprintf(ret, DETAIL_SIZE,
		    "%lld mails to attendees would be sent, %lld were within 24 hours; mail_limit is %lld. Approve or reject the "
		    "plan.",
		    (long long)sums.mails, (long long)guard_done(r, erg, GUARD_MAILS), (long long)r->config->mail_limit);
}

/* ---------- deciding ---------- */

/* What the app asked for is taken back, and it is told. */
static void
reject(struct meeting *m)
{
	static const char text[] = "The plan was rejected.";
	int64_t mails;
	struct meeting_step s = meeting_settle_step(m, &mails);

	if (m->e.gone && !m->e.deleted_by_app) {
		meeting_anew(m);
		m->e.approved = true;
	} else if (s.action == MEETING_CREATE) {
		m->e.deleted_by_app = true;
		tell_meeting(m->r, CHANGE_MEETING_CANCELLED, &m->e, NULL, 0, text);
	} else if (s.action == MEETING_UPDATE) {
		tell_meeting(m->r, CHANGE_MEETING_UPDATED, &m->e, meeting_side(m, EVENT_SIDE_OUTLOOK), s.patch, text);
		meeting_side_take(m, EVENT_SIDE_APP, EVENT_SIDE_OUTLOOK, s.patch);
		meeting_side_take(m, EVENT_SIDE_BASE, EVENT_SIDE_OUTLOOK, s.patch);
		meeting_side_take(m, EVENT_SIDE_SHOWN, EVENT_SIDE_OUTLOOK, s.patch);
	} else if (s.action == MEETING_CANCEL) {
		m->e.deleted_by_app = false;
		tell_meeting(m->r, CHANGE_MEETING_SCHEDULED, &m->e, NULL, 0, text);
	}
	m->e.held = false;
}

void
meeting_plan_decide(struct reconciler *r, const struct erg_id *erg, bool approve)
{
	struct store_cursor *c = events_seek(r->store, erg, NULL);
	struct meeting *m;
	struct event e;

	while (store_next(c, NULL, &e) == ERR_OK) {
		if (!is_held(&e) || (m = meeting_open(r, &e.erg, &e.id)) == NULL)
			continue;
		m->e.not_before_wall_ms = 0;
		if (approve)
			m->e.approved = true;
		else
			reject(m);
		meeting_close(m);
	}
	store_cursor_close(c);
}
