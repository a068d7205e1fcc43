/*
 * events.c - calls on one mailbox. The id in a path, the tag in a filter: all encoded, Outlook's ids hold '/', '+' and '='.
 */
#include "graph/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/json.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "graph/build.h"

/* Ordinary ids change when an item moves; one call without this mixes both kinds (graph-facts sections 9.5 and 14, 20). */
#define PREFER "Prefer: IdType=\"ImmutableId\", outlook.timezone=\"UTC\""
static const char *const prefer[] = { PREFER, NULL };
static const char *const prefer_pages[] = { PREFER ", odata.maxpagesize=50", NULL };

/* Our property, as a literal of OData inside a URL. */
#define PROPERTY_LITERAL "%27String%20%7B5f0e0d62-7c41-4b8e-9d35-e1a6c0b2d401%7D%20Name%20PlatformEventId%27"
#define EXPAND_PROPERTY  "$expand=singleValueExtendedProperties($filter=id%20eq%20" PROPERTY_LITERAL ")"
#define FILTER_PROPERTY  "$filter=singleValueExtendedProperties/Any(ep:%20ep/id%20eq%20" PROPERTY_LITERAL "%20and%20"

#define X(name, text) { text },
static const struct {
	const char *text;
} refusal_rows[] = { GRAPH_EVENT_REFUSAL_TABLE(X) };
#undef X

const char *
graph_event_refusal_text(enum graph_event_refusal r)
{
	return (unsigned)r < GRAPH_EVENT_REFUSAL_COUNT ? refusal_rows[r].text : "";
}

bool
graph_event_refuses_mailbox(enum graph_event_refusal r)
{
	return r == GRAPH_EVENT_NO_MAILBOX || r == GRAPH_EVENT_NO_USER || r == GRAPH_EVENT_ACCESS_POLICY || r == GRAPH_EVENT_FULL;
}

void
graph_event_refusal_detail(const struct graph_answer *a, enum graph_event_refusal r, char ret[DETAIL_SIZE])
{
	(void)snprintf(ret, DETAIL_SIZE, "%s (HTTP %d%s%s)", graph_event_refusal_text(r), a->status,
	    a->error.inner_code[0] != '\0' ? ", " : "", a->error.inner_code);
}

/* Codes of Outlook that say more than the status. */
static const struct {
	const char *code;
	enum graph_event_refusal refusal;
} refusals[] = {
	{ "MailboxNotEnabledForRESTAPI", GRAPH_EVENT_NO_MAILBOX },
	{ "MailboxNotSupportedForRESTAPI", GRAPH_EVENT_NO_MAILBOX },
	{ "ErrorNonExistentMailbox", GRAPH_EVENT_NO_MAILBOX },
	{ "ErrorMailboxStoreUnavailable", GRAPH_EVENT_NO_MAILBOX },
	{ "ErrorInvalidUser", GRAPH_EVENT_NO_USER },
	{ "Request_ResourceNotFound", GRAPH_EVENT_NO_USER },
	{ "ErrorAccessDenied", GRAPH_EVENT_ACCESS_POLICY },
	{ "ErrorItemNotFound", GRAPH_EVENT_GONE },
	{ "ErrorDuplicateTransactionId", GRAPH_EVENT_DUPLICATE },
	{ "ErrorIrresolvableConflict", GRAPH_EVENT_CHANGED },
	{ "ErrorOccurrenceCrossingBoundary", GRAPH_EVENT_CROSSES },
	{ "ErrorCalendarIsNotOrganizer", GRAPH_EVENT_NOT_ORGANIZER },
	{ "ErrorQuotaExceeded", GRAPH_EVENT_FULL },
	{ "ErrorMessageSizeExceeded", GRAPH_EVENT_TOO_LARGE },
};

static enum graph_event_refusal
refusal_of_status(int status)
{
	switch (status) {
	case 403: return GRAPH_EVENT_ACCESS_POLICY;
	case 404: return GRAPH_EVENT_GONE;
	case 412: return GRAPH_EVENT_CHANGED;
	case 413: return GRAPH_EVENT_TOO_LARGE;
	case 400:
	case 422: return GRAPH_EVENT_INVALID;
	default: return GRAPH_EVENT_OTHER;
	}
}

enum graph_event_refusal
graph_event_judge(const struct graph_answer *a)
{
	if (a->err == ERR_OK || a->sign_in_failed || a->unknown || a->status < 400 || a->status == 401 || a->status >= 500 ||
	    a->err == ERR_THROTTLED || a->err == ERR_TIMEOUT)
		return GRAPH_EVENT_NONE;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		if (str_equal_nocase(a->error.inner_code, refusals[i].code) || str_equal_nocase(a->error.code, refusals[i].code))
			return refusals[i].refusal;
	if (a->err == ERR_FULL)
		return GRAPH_EVENT_NONE; /* a quota's 403 */
	return refusal_of_status(a->status);
}

/* --- single calls --- */

static void
build(struct graph_build *b, const struct graph_where *w, const char *method, const struct guid *mailbox)
{
	bool read = strcmp(method, "GET") == 0;

	graph_build_init(b, w, read ? GRAPH_OUTLOOK_READ : GRAPH_OUTLOOK_WRITE, method, mailbox->s, NULL);
	b->request.headers = prefer;
	graph_build_path(b, "/users/", mailbox->s, NULL);
}

struct graph_call *
graph_event_create(struct graph *g, const struct graph_where *w, const struct guid *mailbox, const struct event_fields *f,
    const struct event_tag *tag, const char *transaction_id, graph_done done, void *arg)
{
	struct graph_build b;

	build(&b, w, "POST", mailbox);
	graph_build_path(&b, "/events", NULL);
	graph_build_body(&b, graph_event_create_json(f, tag, transaction_id));
	return graph_build_start(g, &b, done, arg);
}

struct graph_call *
graph_mailbox_try(struct graph *g, const struct graph_where *w, const struct guid *mailbox, graph_done done, void *arg)
{
	struct graph_build b;

	build(&b, w, "GET", mailbox);
	graph_build_path(&b, "/events?$top=1&$select=id", NULL);
	return graph_build_start(g, &b, done, arg);
}

struct graph_call *
graph_event_get(
    struct graph *g, const struct graph_where *w, const struct guid *mailbox, const char *id, graph_done done, void *arg)
{
	struct graph_build b;

	build(&b, w, "GET", mailbox);
	graph_build_path(&b, "/events/", id, "?" EXPAND_PROPERTY, NULL);
	return graph_build_start(g, &b, done, arg);
}

struct graph_call *
graph_event_exceptions(
    struct graph *g, const struct graph_where *w, const struct guid *mailbox, const char *series_id, graph_done done, void *arg)
{
	struct graph_build b;

	build(&b, w, "GET", mailbox);
	graph_build_path(&b, "/events/", series_id,
	    "?$select=id,type,cancelledOccurrences,exceptionOccurrences&$expand=exceptionOccurrences", NULL);
	return graph_build_start(g, &b, done, arg);
}

/* No character of a tag means anything in a literal of OData. */
struct graph_call *
graph_event_find(struct graph *g, const struct graph_where *w, const struct guid *mailbox, const struct event_tag *tag,
    graph_done done, void *arg)
{
	char value[EVENT_TAG_SIZE];
	struct graph_build b;

	build(&b, w, "GET", mailbox);
	event_tag_format(tag, value);
	if (tag->generation > 0) {
		graph_build_path(&b, "/events?" FILTER_PROPERTY "ep/value%20eq%20%27", value, "%27)&" EXPAND_PROPERTY, NULL);
		return graph_build_start(g, &b, done, arg);
	}
	*strrchr(value, '0') = '\0'; /* "erg/event/" */
	graph_build_path(&b, "/events?" FILTER_PROPERTY "startswith(ep/value,%27", value, "%27))&" EXPAND_PROPERTY, NULL);
	return graph_build_start(g, &b, done, arg);
}

static bool
tag_fits(const struct event_tag *wanted, const struct graph_event *e)
{
	return e->tagged && strcmp(e->tag.erg.s, wanted->erg.s) == 0 && strcmp(e->tag.event.s, wanted->event.s) == 0 &&
	       (wanted->generation == 0 || wanted->generation == e->tag.generation);
}

enum err
graph_event_find_read(const struct graph_answer *a, const struct event_tag *tag, struct graph_event *ret)
{
	const json_t *value = jx_get_array(a->json, "value"), *item;
	bool found = false;
	size_t i;

	if (a->err != ERR_OK)
		return a->err == ERR_NOTFOUND ? ERR_UNEXPECTED : a->err; /* the mailbox is not found: says nothing of the event */
	if (a->status != 200 || value == NULL)
		return ERR_UNEXPECTED;
	json_array_foreach((json_t *)(uintptr_t)value, i, item)
	{
		struct graph_event e;
		enum err err = graph_event_read(item, &e);

		if (err != ERR_OK) {
			if (found)
				graph_event_done(ret);
			return err;
		}
		if (!tag_fits(tag, &e) || (found && e.tag.generation <= ret->tag.generation)) {
			graph_event_done(&e);
			continue;
		}
		if (found)
			graph_event_done(ret);
		*ret = e;
		found = true;
	}
	if (found)
		return ERR_OK;
	return json_object_get(a->json, "@odata.nextLink") != NULL ? ERR_UNEXPECTED : ERR_NOTFOUND;
}

enum err
graph_event_answer_read(const struct graph_answer *a, struct graph_event *ret)
{
	if (a->err != ERR_OK)
		return a->err;
	return a->json != NULL ? graph_event_read(a->json, ret) : ERR_UNEXPECTED;
}

/* Starts b with If-Match beside our constant headers. */
static struct graph_call *
start_if_match(struct graph *g, struct graph_build *b, const char *etag, graph_done done, void *arg)
{
	char line[ETAG_SIZE + 16];
	const char *const headers[] = { PREFER, line, NULL };

	if (etag != NULL && etag[0] != '\0') {
		snprintf(line, sizeof(line), "If-Match: %s", etag);
		b->request.headers = headers; /* copied by the call */
	}
	return graph_build_start(g, b, done, arg);
}

struct graph_call *
graph_event_patch(struct graph *g, const struct graph_where *w, const struct guid *mailbox, const char *id, const char *etag,
    json_t *changes, graph_done done, void *arg)
{
	struct graph_build b;

	build(&b, w, "PATCH", mailbox);
	graph_build_path(&b, "/events/", id, NULL);
	graph_build_body(&b, changes);
	return start_if_match(g, &b, etag, done, arg);
}

struct graph_call *
graph_event_cancel(struct graph *g, const struct graph_where *w, const struct guid *mailbox, const char *id, const char *comment,
    graph_done done, void *arg)
{
	struct graph_build b;

	build(&b, w, "POST", mailbox);
	graph_build_path(&b, "/events/", id, "/cancel", NULL);
	graph_build_body(&b, json_pack("{s:s}", "Comment", comment != NULL ? comment : ""));
	return graph_build_start(g, &b, done, arg);
}

/* --- walks --- */

struct graph_event_walk {
	struct graph_pages *pages;
	graph_event_item item;
	graph_event_end end;
	void *arg;
};

static void
on_item(void *arg, const void *record)
{
	struct graph_event_walk *walk = arg;
	struct graph_event e = *(const struct graph_event *)record; /* the page's own copy is overwritten by the next */

	walk->item(walk->arg, &e);
	graph_event_done(&e);
}

static void
on_end(void *arg, const struct graph_page_end *end)
{
	struct graph_event_walk *walk = arg;

	walk->end(walk->arg, end);
	free(walk);
}

static enum err
read_item(const json_t *item, void *record)
{
	return graph_event_read_loosely(item, record);
}

static struct graph_event_walk *
walk_start(struct graph *g, struct graph_build *b, graph_event_item item, graph_event_end end, void *arg)
{
	struct graph_event_walk *walk = calloc(1, sizeof(*walk));
	struct graph_page_options options = {
		.read = read_item, .record_size = sizeof(struct graph_event), .item = on_item, .end = on_end, .arg = walk
	};
	struct graph_pages *pages;

	if (walk == NULL)
		b->path.err = ERR_NOMEM; /* sticks: nothing is started */
	b->request.headers = prefer_pages;
	pages = graph_build_pages(g, b, &options);
	if (walk == NULL || pages == NULL) {
		free(walk);
		return NULL;
	}
	*walk = (struct graph_event_walk){ .pages = pages, .item = item, .end = end, .arg = arg };
	return walk;
}

void
graph_event_walk_cancel(struct graph_event_walk *walk)
{
	if (walk == NULL)
		return;
	graph_pages_cancel(walk->pages);
	free(walk);
}

static void
window_path(struct graph_build *b, int64_t from_ms, int64_t to_ms)
{
	char from[TIMESTAMP_SIZE], to[TIMESTAMP_SIZE];

	timestamp_format(from_ms, from);
	timestamp_format(to_ms, to);
	graph_build_path(b, "?startDateTime=", from, "&endDateTime=", to, NULL);
}

struct graph_event_walk *
graph_calendar_start(struct graph *g, const struct graph_where *w, const struct guid *mailbox, int64_t from_ms, int64_t to_ms,
    graph_event_item item, graph_event_end end, void *arg)
{
	struct graph_build b;

	build(&b, w, "GET", mailbox);
	graph_build_path(&b, "/calendarView/delta", NULL);
	window_path(&b, from_ms, to_ms);
	return walk_start(g, &b, item, end, arg);
}

struct graph_event_walk *
graph_calendar_next(struct graph *g, const struct graph_where *w, const struct guid *mailbox, const char *link,
    graph_event_item item, graph_event_end end, void *arg)
{
	struct graph_build b;

	graph_build_init(&b, w, GRAPH_OUTLOOK_READ, "GET", mailbox->s, NULL);
	graph_build_path(&b, link, NULL);
	return walk_start(g, &b, item, end, arg);
}
