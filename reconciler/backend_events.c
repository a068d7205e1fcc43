#include "reconciler/backend_ops.h"

#include "base/clock.h"
#include "base/text.h"
#include "reconciler/meeting_push.h"
#include "reconciler/meetings.h"
#include "reconciler/reconciler.h"
#include "reconciler/tables.h"
#include "state/events.h"
#include "state/store.h"

static enum err
unknown_event(struct problem *p)
{
	return problem_set(p, PROBLEM_UNKNOWN_EVENT, "The ERG has no such event.");
}

/* What is open waits for the tenant, or for the next try of a call; that is in no record. */
static void
show_wait(struct reconciler *r, struct event *e)
{
	bool open = (e->write != EVENT_WRITE_NONE || e->unknown) && e->status != EVENT_FAILED && (!e->held || e->approved);

	if (open && !backend_tenant_waits(r, &e->tenant, e->detail))
		(void)meeting_push_trouble(r, e, e->detail);
}

/* ERR_NOTFOUND also for one whose time to be remembered is over. */
static enum err
event_show(
    struct reconciler *r, const struct erg_id *erg, const struct event_id *id, app_event_emit emit, void *arg, bool *ret_more)
{
	struct event_fields *fields = NULL;
	struct event e;
	struct event_view view = { &e, NULL };
	enum err err = meetings_show(r, erg, id, &e, &fields);

	if (err == ERR_OK && e.forget_wall_ms != 0 && e.forget_wall_ms <= clock_wall_ms(r->clock))
		err = ERR_NOTFOUND;
	if (err == ERR_OK) {
		show_wait(r, &e);
		view.fields = fields;
		*ret_more = emit(arg, &view);
	}
	event_fields_free(fields);
	return err;
}

enum err
backend_event_get(
    void *ctx, const struct erg_id *id, const struct event_id *event, app_event_emit emit, void *arg, struct problem *p)
{
	struct reconciler *r = ctx;
	struct erg erg;
	bool more;
	enum err e;

	if (erg_load(r, id, &erg) != ERR_OK)
		return backend_unknown_erg(p, id);
	e = event_show(r, id, event, emit, arg, &more);
	return e == ERR_NOTFOUND ? unknown_event(p) : e;
}

/* The cursor is the id of the last event shown. */
enum err
backend_event_list(void *ctx, const struct erg_id *id, const struct app_page *page, app_event_emit emit, void *arg,
    struct app_cursor *ret_next, struct problem *p)
{
	struct reconciler *r = ctx;
	struct event_id after = { "" };
	struct store_cursor *c;
	struct event e;
	struct erg erg;
	unsigned n = 0;
	bool more = true;

	if (erg_load(r, id, &erg) != ERR_OK)
		return backend_unknown_erg(p, id);
	if (page->after[0] != '\0' && !event_id_parse(page->after, &after))
		return problem_set(p, PROBLEM_BAD_PARAMETER, "after is not a cursor of this list.");
	c = events_seek(r->store, id, after.s[0] != '\0' ? &after : NULL);
	while (store_next(c, NULL, &e) == ERR_OK) {
		if (n == page->limit || !more) {
			str_copy(ret_next->s, sizeof(ret_next->s), after.s);
			break;
		}
		n += event_show(r, id, &e.id, emit, arg, &more) == ERR_OK;
		after = e.id;
	}
	store_cursor_close(c);
	return ERR_OK;
}

/* A meeting that was cancelled in Outlook is not made anew by a PUT that came late or is repeated: nobody is invited again by accident.
 * *ret_ended: there is nothing to put. */
static enum err
check_ended(struct reconciler *r, const struct erg_id *erg, const struct event_id *id, const struct event_fields *fields,
    bool *ret_ended, struct problem *p)
{
	struct event_fields *was = NULL;
	struct event e;
	bool same;

	*ret_ended = events_get(r->store, erg, id, &e) == ERR_OK && e.ended_in_outlook;
	if (!*ret_ended)
		return ERR_OK;
	same = event_side_get(r->store, erg, id, EVENT_SIDE_APP, &was) == ERR_OK &&
	       (event_fields_diff(was, fields) & ~(EVENT_MASK(CANCELLED) | EVENT_MASK(EXCEPTIONS))) == 0;
	event_fields_free(was);
	return same ? ERR_OK
	            : problem_set(p, PROBLEM_EVENT_CONFLICT,
	                  "The meeting was cancelled in Outlook and takes no more changes. DELETE the event and PUT it again to "
	                  "schedule another meeting, or use another id.");
}

enum err
backend_event_put(void *ctx, const struct erg_id *id, const struct event_id *event, const struct event_fields *fields,
    app_event_emit emit, void *arg, struct problem *p)
{
	struct reconciler *r = ctx;
	struct event e;
	struct erg erg;
	bool created, ended, more;
	enum err err;

	if (erg_load(r, id, &erg) != ERR_OK)
		return backend_unknown_erg(p, id);
	if ((err = backend_check_tenant(r, &erg, p)) != ERR_OK || (err = backend_check_room(r, p)) != ERR_OK)
		return err;
	if ((err = check_ended(r, id, event, fields, &ended, p)) != ERR_OK)
		return err;
	if (!ended)
		err = meetings_put(r, &erg, event, fields, &e, &created);
	return err != ERR_OK ? err : event_show(r, id, event, emit, arg, &more);
}

enum err
backend_event_cancel(void *ctx, const struct erg_id *id, const struct event_id *event, const char *comment, app_event_emit emit,
    void *arg, struct problem *p)
{
	struct reconciler *r = ctx;
	struct event e;
	struct erg erg;
	bool more;
	enum err err;

	if (erg_load(r, id, &erg) != ERR_OK)
		return backend_unknown_erg(p, id);
	if ((err = meetings_remove(r, &erg, event, comment, &e)) == ERR_OK)
		err = event_show(r, id, event, emit, arg, &more);
	return err == ERR_NOTFOUND ? unknown_event(p) : err;
}
