/*
 * The view of a window, and calendarView/delta. Links are opaque to clients: base64url of the JSON {"e": epoch, "u": user,
 * "f", "t": the frozen window, "p": position, and within a round "b": changes since, "a": after this change, "i": items of
 * the next change already given}.
 */
#include "sim/event_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/encode.h"
#include "base/timestamp.h"
#include "sim/call.h"
#include "sim/event_show.h"
#include "sim/handlers.h"
#include "sim/mailbox.h"
#include "sim/memory.h"

#define OCCASIONS_MAX 4096 /* of one event in one window */
#define PAGE_DEFAULT  10
#define TOKEN_MAX     4096

bool
event_window_read(const char *text, int64_t *ret_ms)
{
	struct local_time t;

	if (text == NULL)
		return false;
	if (timestamp_parse(text, ret_ms) == ERR_OK)
		return true;
	if (local_time_parse(text, &t) != ERR_OK)
		return false;
	*ret_ms = t.s * 1000;
	return true;
}

static int
by_start(const void *a, const void *b)
{
	const struct occasion *x = a, *y = b;

	if (x->start_ms != y->start_ms)
		return x->start_ms < y->start_ms ? -1 : 1;
	return x->event->number < y->event->number ? -1 : x->event->number > y->event->number;
}

struct occasion *
event_view(const struct mailbox *box, int64_t read_ms, int64_t from_ms, int64_t to_ms, size_t *ret_count)
{
	struct occasion *list = NULL, *some = must_alloc(OCCASIONS_MAX * sizeof(*some));
	size_t count = 0, cap = 0;

	for (size_t i = 0; i < box->count; i++) {
		size_t n = occasions_within(box->events[i], read_ms, from_ms, to_ms, some, OCCASIONS_MAX);

		for (size_t k = 0; k < n; k++) {
			list = must_grow(list, count, &cap, sizeof(*list));
			list[count++] = some[k];
		}
	}
	free(some);
	if (count > 0)
		qsort(list, count, sizeof(*list), by_start);
	*ret_count = count;
	return list;
}

struct round {
	int64_t from_ms, to_ms;
	uint64_t since, position; /* of changes; since 0: the first round */
	uint64_t after;           /* the last change that was given whole */
	size_t given;             /* items of the one behind it */
};

static void
refuse_gone(struct call *c)
{
	/* Facts 7.1: all of these were seen. */
	static const char *const codes[] = { "SyncStateNotFound", "syncStateNotFound", "resyncRequired" };

	call_refuse(c, 410, codes[rng_below(&c->sim->rng, 3)], JOURNAL_REFUSED,
	    "The sync state generation is not found; a full synchronization is required.");
}

/* False after refusing. */
static bool
read_token(struct call *c, const struct mailbox *box, const char *text, bool within, struct round *r)
{
	size_t len = strlen(text);
	uint8_t *plain = must_alloc(len + 4);
	json_t *token = NULL;
	const char *user;
	bool good;

	if (len < TOKEN_MAX && base64url_decode(text, len, plain, &len) == ERR_OK)
		jx_parse((const char *)plain, len, &token, NULL, 0);
	free(plain);
	user = jx_get_str(token, "u");
	if (user == NULL || strcmp(user, box->user->id) != 0) {
		call_refuse(c, 400, "ErrorInvalidParameter", JOURNAL_BAD_REQUEST, "The sync state is not of this mailbox.");
		json_decref(token);
		return false;
	}
	good = jx_get_int(token, "e", -1) == (int64_t)c->sim->delta_epoch;
	r->from_ms = jx_get_int(token, "f", 0);
	r->to_ms = jx_get_int(token, "t", 0);
	r->since = (uint64_t)jx_get_int(token, within ? "b" : "p", 0);
	r->position = (uint64_t)jx_get_int(token, "p", 0);
	r->after = (uint64_t)jx_get_int(token, within ? "a" : "p", 0);
	r->given = within ? (size_t)jx_get_int(token, "i", 0) : 0;
	json_decref(token);
	if (!good)
		refuse_gone(c);
	return good;
}

/* The newest change before the first that this read does not see yet. */
static uint64_t
position_seen(const struct call *c, const struct mailbox *box, uint64_t since)
{
	uint64_t position = c->sim->world.seq;

	for (const struct event *e = box->newest; e != NULL && e->seq > since; e = e->older)
		if ((e->gone ? e->gone_ms : e->shown_ms) > c->read_ms)
			position = e->seq - 1;
	return position;
}

/* False after refusing. */
static bool
first_request(struct call *c, const struct mailbox *box, struct round *r)
{
	static const char *const refused[] = { "$select", "$filter", "$expand", "$orderby", "$search" };

	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		if (call_query(c, refused[i]) != NULL) {
			call_refuse(c, 400, "ErrorInvalidUrlQuery", JOURNAL_BAD_REQUEST,
			    "The following parameters are not supported with change tracking over the 'CalendarView' resource: "
			    "'%s'.",
			    refused[i]);
			return false;
		}
	if (!event_window_read(call_query(c, "startDateTime"), &r->from_ms) ||
	    !event_window_read(call_query(c, "endDateTime"), &r->to_ms)) {
		call_refuse(c, 400, "ErrorInvalidParameter", JOURNAL_BAD_REQUEST,
		    "This request requires a time window specified by the query string parameters StartDateTime and "
		    "EndDateTime.");
		return false;
	}
	r->position = position_seen(c, box, 0);
	return true;
}

static json_t *
removed(const char *id)
{
	return json_pack("{s:s,s:{s:s}}", "id", id, "@removed", "reason", "deleted");
}

/* An exception that is gone gives no item, at times: facts 7.3. */
static void
add_exception(struct call *c, const struct event *e, const struct round *r, const struct event_wish *wish, const json_t *state,
    unsigned version, json_t *items)
{
	struct occasion o;

	if (state == NULL) {
		if (r->since > 0 && rng_below(&c->sim->rng, 2) == 0)
			json_array_append_new(items, removed(event_shown_id(e, wish)));
		return;
	}
	occasion_alone(e, state, version, &o);
	if (o.start_ms < r->to_ms && o.end_ms >= r->from_ms)
		json_array_append_new(items, event_show(c, &o, wish));
	else if (r->since > 0)
		json_array_append_new(items, removed(event_shown_id(e, wish)));
}

/* A series comes whole, then its occurrences, almost bare: facts 7.3. */
static void
add_series(
    struct call *c, const struct event *e, const struct occasion *list, size_t n, const struct event_wish *wish, json_t *items)
{
	struct occasion o;
	unsigned version;
	const json_t *state = calendar_seen(e, c->read_ms, &version);

	occasion_alone(e, state, version, &o);
	json_array_append_new(items, event_show(c, &o, wish));
	for (size_t i = 0; i < n; i++)
		if (list[i].plain)
			json_array_append_new(items, event_show_little(c, &list[i], wish));
}

/* All that a round says of one event. Gives. */
static json_t *
items_of(struct call *c, const struct event *e, const struct round *r, const struct event_wish *wish)
{
	json_t *items = json_array();
	unsigned version;
	const json_t *state = calendar_seen(e, c->read_ms, &version);
	bool series = jx_get_object(state, "recurrence") != NULL;
	size_t max = series ? OCCASIONS_MAX : 1, n;
	struct occasion *list = must_alloc(max * sizeof(*list));

	n = occasions_within(e, c->read_ms, r->from_ms, r->to_ms, list, max);
	if (e->master != NULL)
		add_exception(c, e, r, wish, state, version, items);
	else if (n > 0 && series)
		add_series(c, e, list, n, wish, items);
	else if (n > 0)
		json_array_append_new(items, event_show(c, &list[0], wish));
	else if (r->since > 0)
		/* Gone, or changed and out of the window: nobody can tell which. Facts 7.3. */
		json_array_append_new(items, removed(event_shown_id(e, wish)));
	free(list);
	return items;
}

/* Takes token. */
static void
set_link(struct call *c, const struct mailbox *box, const char *name, const char *parameter, json_t *token)
{
	char *plain = json_dumps(token, JSON_COMPACT), *encoded, *link = NULL;
	size_t len = plain == NULL ? 0 : strlen(plain);

	json_decref(token);
	encoded = must_alloc(BASE64URL_LEN(len) + 1);
	base64url_encode(plain, len, encoded);
	if (asprintf(&link, "%s" GRAPH_PREFIX "/users/%s/calendarView/delta?%s=%s", c->sim->base_url, box->user->id, parameter,
	        encoded) >= 0)
		json_object_set_new(c->answer, name, json_string(link));
	free(link);
	free(encoded);
	free(plain);
}

static json_t *
token_json(const struct call *c, const struct mailbox *box, const struct round *r)
{
	return json_pack("{s:I,s:s,s:I,s:I,s:I,s:I,s:I,s:I}", "e", (json_int_t)c->sim->delta_epoch, "u", box->user->id, "f",
	    (json_int_t)r->from_ms, "t", (json_int_t)r->to_ms, "p", (json_int_t)r->position, "b", (json_int_t)r->since, "a",
	    (json_int_t)r->after, "i", (json_int_t)r->given);
}

static size_t
page_size(const struct call *c)
{
	const char *at = c->prefer == NULL ? NULL : strcasestr(c->prefer, "odata.maxpagesize");
	size_t max = (size_t)c->sim->settings.delta_page;
	unsigned long wanted = PAGE_DEFAULT;

	if (at != NULL)
		wanted = strtoul(at + strlen("odata.maxpagesize") + strspn(at + strlen("odata.maxpagesize"), " ="), NULL, 10);
	return wanted == 0 ? PAGE_DEFAULT : wanted < max ? wanted : max;
}

/* Facts 7.1: pages may be empty, items may repeat. */
static bool
quirk(const struct call *c)
{
	return c->sim->settings.delta_quirks != 0 && rng_below(&c->sim->rng, 4) == 0;
}

/* The first change behind `after` that belongs to the round; NULL at its end. The first round takes all there is, newer or not. */
static const struct event *
next_change(const struct mailbox *box, const struct round *r)
{
	const struct event *e = box->newest, *found = NULL;

	for (; e != NULL && e->seq > r->after; e = e->older)
		if (r->since == 0 || e->seq <= r->position)
			found = e;
	return found;
}

/* False when the page is full before the event is told of. */
static bool
add_event(struct call *c, const struct event *e, struct round *r, const struct event_wish *wish, size_t room, json_t *value)
{
	json_t *items = items_of(c, e, r, wish);
	size_t n = json_array_size(items);

	for (; r->given < n && json_array_size(value) < room; r->given++)
		json_array_append(value, json_array_get(items, r->given));
	json_decref(items);
	if (r->given < n)
		return false;
	r->after = e->seq;
	r->given = 0;
	return true;
}

static void
answer_page(struct call *c, const struct mailbox *box, struct round *r, const struct event_wish *wish)
{
	const struct event *e = next_change(box, r);
	size_t room = quirk(c) ? 0 : page_size(c);
	json_t *value;

	call_answer(c, 200,
	    json_pack("{s:s,s:[]}", "@odata.context", "https://graph.microsoft.com/v1.0/$metadata#Collection(event)", "value"));
	value = jx_get_array(c->answer, "value");
	for (; e != NULL && json_array_size(value) < room; e = e->newer) {
		if (r->since > 0 && e->seq > r->position) {
			e = NULL;
			break;
		}
		if (!add_event(c, e, r, wish, room, value))
			break;
	}
	if (json_array_size(value) > 0 && quirk(c))
		json_array_append(value, json_array_get(value, 0));
	if (e != NULL)
		set_link(c, box, "@odata.nextLink", "$skiptoken", token_json(c, box, r));
	else
		set_link(c, box, "@odata.deltaLink", "$deltatoken", token_json(c, box, r));
}

void
handle_calendar_delta(struct call *c)
{
	const char *skip = call_query(c, "$skiptoken"), *token = call_query(c, "$deltatoken");
	struct mailbox *box = call_mailbox(c);
	struct round r = { 0 };
	struct event_wish wish;
	bool good;

	if (box == NULL || !event_wish(c, &wish))
		return;
	if (skip != NULL)
		good = read_token(c, box, skip, true, &r);
	else if (token != NULL) {
		good = read_token(c, box, token, false, &r);
		r.position = position_seen(c, box, r.since);
	} else
		good = first_request(c, box, &r);
	if (good)
		answer_page(c, box, &r, &wish);
}
