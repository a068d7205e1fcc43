/* Graph's calls on events of a mailbox: facts 9. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "sim/call.h"
#include "sim/event_acts.h"
#include "sim/event_filter.h"
#include "sim/event_mail.h"
#include "sim/event_read.h"
#include "sim/event_show.h"
#include "sim/event_view.h"
#include "sim/handlers.h"
#include "sim/mailbox.h"
#include "sim/memory.h"

#define PAGE_DEFAULT  10 /* Outlook's, unless $top asks for more */
#define PAGE_MAX      999
#define INSTANCES_MAX 4096

static struct act_way
app_way(const struct call *c)
{
	const struct settings *s = &c->sim->settings;

	return (struct act_way){ .lag_ms = s->lag_ms,
		.join_ms = c->fault.kind == FAULT_LATE_JOIN ? c->fault.delay_ms : s->join_delay_ms,
		.app = true };
}

static void
refuse_missing(struct call *c)
{
	call_refuse(c, 404, "ErrorItemNotFound", JOURNAL_NOT_FOUND, "The specified object was not found in the store.");
}

/* What the path's {event} names: an event, or an occurrence of a series. False after refusing. */
static bool
find(struct call *c, struct mailbox *box, struct occasion *ret)
{
	const char *id = c->argument[1];
	struct event *e = calendar_find(box, id), *series;
	char date[DATE_SIZE];
	unsigned version;
	const json_t *state;

	series = calendar_occurrence_find(box, id, date);
	if ((e == NULL || e->gone) && series != NULL && !series->gone && occasion_of_date(series, date, ret))
		return true;
	/* A read that is made to lag sees the event as it was; others see their own writes. */
	if (e == NULL || (state = calendar_seen(e, c->fault.kind == FAULT_LAG ? c->read_ms : INT64_MAX, &version)) == NULL ||
	    (e->gone && c->fault.kind != FAULT_LAG)) {
		refuse_missing(c);
		return false;
	}
	occasion_alone(e, state, version, ret);
	return true;
}

static void
answer_event(struct call *c, int status, const struct occasion *o, const struct event_wish *wish)
{
	json_t *shown = event_show(c, o, wish);
	char *context = NULL;

	event_shape(c, o, wish, shown);
	if (asprintf(
	        &context, "https://graph.microsoft.com/v1.0/$metadata#users('%s')/events/$entity", o->event->box->user->id) >= 0)
		json_object_set_new(shown, "@odata.context", json_string(context));
	free(context);
	call_answer(c, status, shown);
}

static void
answer_now(struct call *c, int status, struct event *e, const struct event_wish *wish)
{
	struct occasion o;

	occasion_alone(e, e->state, e->version, &o);
	answer_event(c, status, &o, wish);
}

/*
 * Facts 9.2: an id that made another event is refused, as 400 or as 409, and only sometimes says which event it made. The same event
 * once more is answered with the one there is, or refused likewise: nothing says which, so a client must live with both.
 */
static void
answer_duplicate(struct call *c, struct event *old, const json_t *state, const struct event_wish *wish)
{
	static const char *const keys[] = { "subject", "startMs", "endMs" };
	uint64_t draw = rng_below(&c->sim->rng, 4);
	bool same = !old->gone;

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		same = same && json_equal(json_object_get(old->state, keys[i]), json_object_get(state, keys[i]));
	if (same && draw < 2) {
		answer_now(c, 201, old, wish);
		return;
	}
	call_refuse(c, draw % 2 == 0 ? 409 : 400, "ErrorDuplicateTransactionId", JOURNAL_DUPLICATE_TRANSACTION,
	    "Your request can't be completed. The TransactionId has already been used to create a different event.");
	if (!old->gone && rng_below(&c->sim->rng, 2) == 0)
		json_object_set_new(
		    jx_get_object(c->answer, "error"), "@event.existingEventId", json_string(event_shown_id(old, wish)));
}

void
handle_event_create(struct call *c)
{
	struct mailbox *box = call_mailbox(c);
	struct act_way way = app_way(c);
	struct event_wish wish;
	struct refusal refusal;
	struct event *old;
	const char *transaction;
	json_t *state;

	if (box == NULL || !event_wish(c, &wish) || !call_needs_json(c))
		return;
	state = event_blank(box->user->mail != NULL ? box->user->mail : box->user->upn, box->user->name);
	if (!event_read(state, c->json, true, &refusal)) {
		call_refuse_as(c, &refusal);
		json_decref(state);
		return;
	}
	transaction = jx_get_str(state, "transactionId");
	old = transaction == NULL ? NULL : sim_map_get(&box->by_transaction, transaction);
	if (old != NULL) {
		answer_duplicate(c, old, state, &wish);
		json_decref(state);
		return;
	}
	answer_now(c, 201, event_make(c->sim, box, state, &way), &wish);
}

void
handle_event_get(struct call *c)
{
	struct mailbox *box = call_mailbox(c);
	struct event_wish wish;
	struct occasion o;

	if (box != NULL && event_wish(c, &wish) && find(c, box, &o))
		answer_event(c, 200, &o, &wish);
}

/* Facts 9.3. False after refusing. */
static bool
unchanged_since(struct call *c, const struct occasion *o)
{
	char etag[ETAG_SIZE];

	calendar_etag(o->event, o->event->version, etag);
	if (c->if_match == NULL || strcmp(c->if_match, "*") == 0 || strcmp(c->if_match, etag) == 0)
		return true;
	call_refuse(c, 412, "ErrorIrresolvableConflict", JOURNAL_CONFLICT,
	    "The send or update operation could not be performed because the change key passed in the request does not match the "
	    "current change key for the item.");
	return false;
}

/* An occurrence stays between its neighbours: facts 9.3. False after refusing. */
static bool
within_neighbours(struct call *c, const struct occasion *o, const json_t *state)
{
	const struct event *series = o->plain ? o->event : o->event->master;

	if (series == NULL || occasion_may_begin(series, o->date, jx_get_int(state, "startMs", 0), jx_get_int(state, "endMs", 0)))
		return true;
	call_refuse(c, 400, "ErrorOccurrenceCrossingBoundary", JOURNAL_REFUSED,
	    "Modified occurrence is crossing or overlapping adjacent occurrence.");
	return false;
}

void
handle_event_patch(struct call *c)
{
	struct mailbox *box = call_mailbox(c);
	struct act_way way = app_way(c);
	struct event_wish wish;
	struct refusal refusal;
	struct occasion o;
	struct event *e;
	json_t *state;

	if (box == NULL || !event_wish(c, &wish) || !call_needs_json(c) || !find(c, box, &o) || !unchanged_since(c, &o))
		return;
	state = o.plain ? occasion_state(&o) : json_copy(o.event->state);
	if (!event_read(state, c->json, false, &refusal)) {
		call_refuse_as(c, &refusal);
		json_decref(state);
		return;
	}
	if (!within_neighbours(c, &o, state)) {
		json_decref(state);
		return;
	}
	way.loud = c->sim->settings.mail_unchanged != 0 && event_mail_matters(c->json);
	if (o.plain)
		e = event_except(c->sim, o.event, o.date, state, &way);
	else
		event_change(c->sim, e = o.event, state, &way);
	answer_now(c, 200, e, &wish);
}

void
handle_event_delete(struct call *c)
{
	struct mailbox *box = call_mailbox(c);
	struct act_way way = app_way(c);
	struct event_wish wish;
	struct occasion o;

	if (box == NULL || !event_wish(c, &wish) || !find(c, box, &o) || !unchanged_since(c, &o))
		return;
	event_cancel(c->sim, o.event, o.plain ? o.date : NULL, &way);
	call_answer(c, 204, NULL);
}

/* Facts 9.3: by the organizer only. */
void
handle_event_cancel(struct call *c)
{
	struct mailbox *box = call_mailbox(c);
	struct act_way way = app_way(c);
	struct event_wish wish;
	struct occasion o;

	if (box == NULL || !event_wish(c, &wish) || !find(c, box, &o))
		return;
	if (!jx_get_bool(o.state, "isOrganizer", true)) {
		call_refuse(c, 400, "ErrorInvalidRequest", JOURNAL_REFUSED,
		    "Your request can't be completed. You need to be an organizer to cancel a meeting.");
		return;
	}
	/* CSDL says Comment, Microsoft's pages say both. */
	way.comment = jx_get_str(c->json, "Comment") != NULL ? jx_get_str(c->json, "Comment") : jx_get_str(c->json, "comment");
	event_cancel(c->sim, o.event, o.plain ? o.date : NULL, &way);
	call_answer(c, 202, NULL);
}

static json_t *
page_answer(struct call *c, const struct mailbox *box, const char *what)
{
	char *context = NULL;

	call_answer(c, 200, json_pack("{s:[]}", "value"));
	if (asprintf(&context, "https://graph.microsoft.com/v1.0/$metadata#users('%s')/%s", box->user->id, what) >= 0)
		json_object_set_new(c->answer, "@odata.context", json_string(context));
	free(context);
	return jx_get_array(c->answer, "value");
}

static void
set_next(struct call *c, uint64_t position)
{
	char text[32], *link;

	snprintf(text, sizeof(text), "%llu", (unsigned long long)position);
	link = call_next_link(c, text);
	json_object_set_new(c->answer, "@odata.nextLink", json_string(link));
	free(link);
}

/* Where the page begins, and how long it is; false after refusing. */
static bool
read_page(struct call *c, uint64_t *ret_position, size_t *ret_top)
{
	const char *token = call_query(c, "$skiptoken"), *skip = call_query(c, "$skip");

	*ret_position = 0;
	if ((token != NULL && parse_u64(token, ret_position) != ERR_OK) ||
	    (skip != NULL && parse_u64(skip, ret_position) != ERR_OK)) {
		call_refuse(c, 400, "ErrorInvalidUrlQuery", JOURNAL_BAD_REQUEST, "The skip token is not valid.");
		return false;
	}
	return call_top(c, PAGE_DEFAULT, PAGE_MAX, ret_top);
}

/* Masters and single events: facts 9.4. */
void
handle_events_list(struct call *c)
{
	struct mailbox *box = call_mailbox(c);
	struct event_filter filter;
	struct event_wish wish;
	uint64_t at;
	size_t top, count;
	json_t *value;

	if (box == NULL || !event_wish(c, &wish) || !read_page(c, &at, &top) || !event_filter_read(c, &filter))
		return;
	count = event_filter_count(&filter, box);
	value = page_answer(c, box, "events");
	for (; at < count; at++) {
		const struct event *e = event_filter_at(&filter, box, at);
		unsigned version;
		const json_t *state = calendar_seen(e, c->read_ms, &version);
		struct occasion o;

		if (state == NULL || e->master != NULL || !event_filter_fits(&filter, state))
			continue;
		if (json_array_size(value) == top) {
			set_next(c, at);
			return;
		}
		occasion_alone(e, state, version, &o);
		json_array_append_new(value, event_show(c, &o, &wish));
		event_shape(c, &o, &wish, json_array_get(value, json_array_size(value) - 1));
	}
}

/* False after refusing. */
static bool
read_window(struct call *c, int64_t *ret_from_ms, int64_t *ret_to_ms)
{
	if (event_window_read(call_query(c, "startDateTime"), ret_from_ms) &&
	    event_window_read(call_query(c, "endDateTime"), ret_to_ms) && *ret_to_ms >= *ret_from_ms)
		return true;
	call_refuse(c, 400, "ErrorInvalidParameter", JOURNAL_BAD_REQUEST,
	    "This request requires a time window specified by the query string parameters StartDateTime and EndDateTime.");
	return false;
}

static void
answer_occasions(struct call *c, struct mailbox *box, const struct occasion *list, size_t count, const char *what)
{
	struct event_wish wish;
	uint64_t at;
	size_t top;
	json_t *value;

	if (!event_wish(c, &wish) || !read_page(c, &at, &top))
		return;
	value = page_answer(c, box, what);
	for (; at < count; at++) {
		if (json_array_size(value) == top) {
			set_next(c, at);
			return;
		}
		json_array_append_new(value, event_show(c, &list[at], &wish));
		event_shape(c, &list[at], &wish, json_array_get(value, json_array_size(value) - 1));
	}
}

void
handle_event_instances(struct call *c)
{
	struct mailbox *box = call_mailbox(c);
	struct occasion *list, o;
	int64_t from_ms, to_ms;
	size_t count;

	if (box == NULL || !find(c, box, &o) || !read_window(c, &from_ms, &to_ms))
		return;
	if (o.plain || jx_get_object(o.state, "recurrence") == NULL) {
		call_refuse(c, 400, "ErrorInvalidRequest", JOURNAL_REFUSED, "The event is not a series.");
		return;
	}
	list = must_alloc(INSTANCES_MAX * sizeof(*list));
	count = occasions_within(o.event, c->read_ms, from_ms, to_ms, list, INSTANCES_MAX);
	answer_occasions(c, box, list, count, "events");
	free(list);
}

void
handle_calendar_view(struct call *c)
{
	struct mailbox *box = call_mailbox(c);
	struct occasion *list;
	int64_t from_ms, to_ms;
	size_t count;

	if (box == NULL || !read_window(c, &from_ms, &to_ms))
		return;
	list = event_view(box, c->read_ms, from_ms, to_ms, &count);
	answer_occasions(c, box, list, count, "calendarView");
	free(list);
}
