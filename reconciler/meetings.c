#include "reconciler/meetings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "graph/graph.h"
#include "graph/teams.h"
#include "reconciler/chores.h"
#include "reconciler/meeting.h"
#include "reconciler/meeting_plan.h"
#include "reconciler/meeting_push.h"
#include "reconciler/meeting_sum.h"
#include "reconciler/meeting_tell.h"
#include "reconciler/meeting_write.h"
#include "reconciler/plan.h"
#include "reconciler/reconciler.h"
#include "reconciler/standing.h"
#include "reconciler/tables.h"
#include "state/events.h"

#define LOOK_DEADLINE_MS 60000
#define WALK_SLICE       100 /* events a turn */
#define WALKS_MAX        64
#define WALK_WAIT_MS     1000

static const char organizer_unknown[] =
    "The ERG's organizer does not exist in this tenant: put the ERG with an account that exists.";
static const char organizer_forbidden[] = "Graph refuses to look up the organizer: grant the application User.Read.All.";

/* How far a chore has come in its walk over an ERG's events. Lost at a restart: then it begins anew. */
struct walk {
	struct erg_id erg; /* "": free */
	struct event_id place;
};

struct meetings {
	struct walk walks[WALKS_MAX];
};

/* ---------- the organizer ---------- */

enum err
meetings_organizer(struct reconciler *r, const struct erg *erg, struct guid *ret, char why[DETAIL_SIZE])
{
	struct tenant tenant;

	why[0] = ret->s[0] = '\0';
	if (erg->organizer[0] != '\0') {
		*ret = erg->organizer_id;
		memcpy(why, erg->organizer_detail, DETAIL_SIZE);
	} else if (tenant_load(r, &erg->tenant, &tenant) == ERR_OK) {
		*ret = tenant.organizer_id;
		if (tenant.state == TENANT_ACTIVE)
			memcpy(why, tenant.detail, DETAIL_SIZE);
	}
	return ret->s[0] != '\0' ? ERR_OK : ERR_NOTFOUND;
}

/* ---------- the app's word ---------- */

/* The app says nothing of single occurrences: what Outlook told of them stays, while it is the same series. */
static bool
keep_exceptions(struct meeting *m, struct event_fields *f)
{
	const struct event_fields *was = meeting_side(m, EVENT_SIDE_APP);

	if (was == NULL || was->exception_count == 0 || f->rrule[0] == '\0' ||
	    (event_fields_diff(was, f) & (EVENT_MASK(TIME) | EVENT_MASK(RECURRENCE))))
		return true;
	return event_fields_take(f, was, EVENT_MASK(EXCEPTIONS)) == ERR_OK;
}

/* A meeting that is there is changed a moment later, so that edits that follow each other become one change. */
static void
asked(struct meeting *m, unsigned fields)
{
	struct event *e = &m->e;
	int64_t now_ms = clock_wall_ms(m->r->clock);
	bool waits = e->write == EVENT_WRITE_UPDATE && e->status != EVENT_FAILED && e->not_before_wall_ms > now_ms &&
	             e->not_before_wall_ms <= now_ms + MEETING_COALESCE_MS;

	e->changed_wall_ms = now_ms;
	e->asked_fields |= fields;
	e->approved = e->held = false;
	if (e->status == EVENT_FAILED) {
		e->status = EVENT_PENDING;
		meeting_push_retry(m->r, &e->mailbox);
	}
	if (e->started_wall_ms != 0 && meeting_push_withdraw(m->r, e))
		meeting_write_put_off(m, 0);
	if (!e->unknown && e->started_wall_ms == 0 && !waits)
		e->not_before_wall_ms = meeting_is_live(e) ? now_ms + MEETING_COALESCE_MS : 0;
	e->attempts = 0;
	e->detail[0] = '\0';
}

/* Cancelled before: this is another meeting, unless the one there is has not been cancelled yet. */
static void
revive(struct meeting *m)
{
	m->e.deleted_by_app = m->e.ended_in_outlook = false;
	m->e.forget_wall_ms = 0;
	m->e.comment[0] = '\0';
	if (m->e.gone)
		meeting_anew(m);
}

enum err
meetings_put(struct reconciler *r, const struct erg *erg, const struct event_id *id, const struct event_fields *f,
    struct event *ret, bool *ret_created)
{
	struct meeting *m = meeting_make(r, erg, id);
	struct event_fields *app = event_fields_copy(f);
	unsigned changed;

	if (m == NULL || app == NULL || !keep_exceptions(m, app)) {
		meeting_drop(m);
		event_fields_free(app);
		return ERR_NOMEM;
	}
	*ret_created = !m->stored;
	changed =
	    meeting_side(m, EVENT_SIDE_APP) != NULL ? event_fields_diff(meeting_side(m, EVENT_SIDE_APP), app) : EVENT_MASK_ALL;
	changed &= ~EVENT_MASK(CANCELLED);
	if (changed != 0 || m->e.deleted_by_app || m->e.status == EVENT_FAILED) {
		if (m->e.deleted_by_app)
			revive(m);
		asked(m, changed);
	}
	/* Also what means the same: spelling is the app's. */
	meeting_side_set(m, EVENT_SIDE_APP, app);
	meeting_close_into(m, ret);
	return ERR_OK;
}

enum err
meetings_remove(struct reconciler *r, const struct erg *erg, const struct event_id *id, const char *comment, struct event *ret)
{
	struct meeting *m = meeting_open(r, &erg->id, id);

	if (m == NULL)
		return ERR_NOTFOUND;
	m->e.ended_in_outlook = false;
	if (!m->e.deleted_by_app) {
		m->e.deleted_by_app = true;
		graph_copy_cut(m->e.comment, sizeof(m->e.comment), comment);
		asked(m, 0);
		m->e.not_before_wall_ms = 0;
	}
	meeting_close_into(m, ret);
	return ERR_OK;
}

/* ---------- what the app is shown ---------- */

static void
show_responses(struct event_fields *f, const struct event_fields *outlook)
{
	for (size_t i = 0; i < f->attendee_count; i++) {
		const struct event_attendee *a = event_attendee_find(outlook, f->attendees[i].email);

		if (a == NULL)
			continue;
		f->attendees[i].response = a->response;
		f->attendees[i].response_wall_ms = a->response_wall_ms;
	}
}

enum err
meetings_show(struct reconciler *r, const struct erg_id *erg, const struct event_id *id, struct event *ret,
    struct event_fields **ret_fields)
{
	struct event_fields *outlook = NULL;
	enum err e = events_get(r->store, erg, id, ret);

	if (e == ERR_OK)
		e = event_side_get(r->store, erg, id, EVENT_SIDE_APP, ret_fields);
	if (e == ERR_OK && event_side_get(r->store, erg, id, EVENT_SIDE_OUTLOOK, &outlook) == ERR_OK)
		show_responses(*ret_fields, outlook);
	event_fields_free(outlook);
	return e;
}

/* ---------- what the app answers ---------- */

void
meetings_acknowledged(struct reconciler *r, const struct feed_record *change, enum callback_act act, const char *detail)
{
	struct meeting *m = change->event.s[0] != '\0' ? meeting_open(r, &change->erg, &change->event) : NULL;
	char why[DETAIL_SIZE];

	if (m == NULL)
		return;
	if (m->e.callback_seq == change->seq) {
		snprintf(why, sizeof(why), "The app refused a change made in Outlook: %s", detail);
		meeting_tell_answered(m, act == CALLBACK_APPLIED, why);
	}
	meeting_close(m);
}

/* ---------- looking at all of them again ---------- */

/* NULL: none has begun. */
static struct walk *
walk_find(struct reconciler *r, const struct erg_id *erg)
{
	for (size_t i = 0; i < WALKS_MAX; i++)
		if (strcmp(r->meetings->walks[i].erg.s, erg->s) == 0)
			return &r->meetings->walks[i];
	return NULL;
}

/* The one that has begun, or a new one: also in the place of one whose chore was dropped on the way. NULL: there is none to be had. */
static struct walk *
walk_begin(struct reconciler *r, const struct erg_id *erg)
{
	struct walk *w = walk_find(r, erg);

	for (size_t i = 0; i < WALKS_MAX && w == NULL; i++) {
		struct walk *other = &r->meetings->walks[i];

		if (other->erg.s[0] == '\0' || !chore_pending(r, CHORE_MEETINGS, other->erg.s)) {
			w = other;
			*w = (struct walk){ .erg = *erg };
		}
	}
	return w;
}

/* True when all have been looked at. */
static bool
walk_on(struct reconciler *r, struct walk *w)
{
	struct store_cursor *c = events_seek(r->store, &w->erg, w->place.s[0] != '\0' ? &w->place : NULL);
	unsigned n = 0;
	struct event e;

	while (n < WALK_SLICE && store_next(c, NULL, &e) == ERR_OK) {
		struct meeting *m = meeting_open(r, &e.erg, &e.id);

		n++;
		w->place = e.id;
		if (m != NULL && m->e.status == EVENT_FAILED && m->e.started_wall_ms == 0 && !m->e.unknown) {
			m->e.not_before_wall_ms = 0;
			meeting_push_retry(r, &m->e.mailbox);
		}
		meeting_close(m);
	}
	store_cursor_close(c);
	return n < WALK_SLICE;
}

static bool
looks_for_organizer(const struct erg *erg)
{
	return erg->organizer[0] != '\0' && erg->organizer_id.s[0] == '\0' && erg->meetings != MEETINGS_OFF;
}

static void
walk_erg(struct reconciler *r, struct chore *c, struct erg *erg)
{
	struct walk *w = walk_begin(r, &erg->id);
	char detail[DETAIL_SIZE];

	if (w == NULL) {
		chore_again(r, c, WALK_WAIT_MS);
		return;
	}
	if (!walk_on(r, w)) {
		chore_continue(r, c);
		return;
	}
	memset(w, 0, sizeof(*w));
	if (erg_load(r, &erg->id, erg) == ERR_OK) {
		meeting_plan_detail(r, &erg->id, detail);
		plan_refresh(r, erg, detail[0] != '\0' && erg->state != ERG_HELD ? detail : erg->detail);
		erg_settle(r, erg);
		erg_store(r, erg);
	}
	if (looks_for_organizer(erg))
		chore_again(r, c, CHORE_PROBE_MS);
	else
		chore_done(r, c);
}

static bool
erg_of(struct reconciler *r, struct chore *c, struct erg *ret)
{
	struct erg_id id;

	return erg_id_parse(chore_id(c), &id) && erg_load(r, &id, ret) == ERR_OK;
}

static void
on_organizer(void *arg, const struct graph_answer *a)
{
	struct chore *c = arg;
	struct reconciler *r = chore_reconciler(c);
	struct graph_user user;
	struct erg erg;
	enum err e = graph_user_read(a, &user);

	/* Overtaken: it may be of another organizer than the ERG has now. */
	if (chore_overtaken(c) || !erg_of(r, c, &erg)) {
		chore_done(r, c);
		return;
	}
	tenant_judge(r, &erg.tenant, a);
	if (e == ERR_OK) {
		erg.organizer_id = user.id;
		erg.organizer_detail[0] = '\0';
	} else if (!a->sign_in_failed && (a->err == ERR_NOTFOUND || a->err == ERR_FORBIDDEN)) {
		snprintf(erg.organizer_detail, sizeof(erg.organizer_detail), "%s",
		    a->err == ERR_NOTFOUND ? organizer_unknown : organizer_forbidden);
	} else {
		chore_again(r, c, err_may_pass(a->err) ? chore_backoff_ms(r, c) : CHORE_PROBE_MS);
		return;
	}
	erg_store(r, &erg);
	walk_erg(r, c, &erg);
}

void
meetings_run(struct reconciler *r, struct chore *c)
{
	struct graph_where where = { .priority = GRAPH_PERSON, .deadline_ms = LOOK_DEADLINE_MS };
	struct tenant tenant;
	struct erg erg;

	if (!erg_of(r, c, &erg) || tenant_load(r, &erg.tenant, &tenant) != ERR_OK) {
		chore_done(r, c);
		return;
	}
	if (!looks_for_organizer(&erg) || walk_find(r, &erg.id) != NULL) {
		walk_erg(r, c, &erg);
		return;
	}
	where.directory = tenant.directory_id;
	if (graph_user_get(r->graph, &where, erg.organizer, on_organizer, c) == NULL)
		chore_again(r, c, chore_backoff_ms(r, c));
}

void
meetings_reconsider(struct reconciler *r, const struct erg_id *erg)
{
	chore_add(r, CHORE_MEETINGS, erg->s, 0);
}

void
meetings_tenant_organizer(struct reconciler *r, const struct tenant_id *tenant)
{
	struct store_cursor *c = tenant_ergs(r, tenant);
	struct erg_ref ref;

	while (store_next(c, NULL, &ref) == ERR_OK)
		if (meetings_any(r, &ref.erg))
			meetings_reconsider(r, &ref.erg);
	store_cursor_close(c);
}

bool
meetings_any(struct reconciler *r, const struct erg_id *erg)
{
	struct store_cursor *c = events_seek(r->store, erg, NULL);
	struct event e;
	bool any = store_next(c, NULL, &e) == ERR_OK;

	store_cursor_close(c);
	return any;
}

/* ---------- the end ---------- */

bool
meetings_erase(struct reconciler *r, const struct erg_id *erg, unsigned max)
{
	struct store_cursor *c = events_seek(r->store, erg, NULL);
	unsigned n = 0;
	struct event e;

	while (n < max && store_next(c, NULL, &e) == ERR_OK) {
		n++;
		meeting_erase(r, &e);
	}
	store_cursor_close(c);
	if (n < max)
		meeting_sum_forget(r, erg);
	return n < max;
}

/* ---------- life ---------- */

enum err
meetings_new(struct meetings **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret != NULL ? ERR_OK : ERR_NOMEM;
}

void
meetings_free(struct meetings *ms)
{
	free(ms);
}
