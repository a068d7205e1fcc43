/*
 * event_json.c - reading is lenient in what Graph adds and leaves out, strict in what would mislead: an event whose times or recurrence
 * cannot be understood is ERR_UNEXPECTED, never one without them.
 */
#include "graph/event_json.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "graph/answer.h"
#include "graph/join_block.h"
#include "model/html_text.h"
#include "model/policy.h"
#include "model/recurrence_json.h"

/* A subject or place as Outlook has it, in bytes. */
#define LINE_BYTES_MAX (4 * EVENT_SUBJECT_MAX)

/* --- reading --- */

static const char *
text_or_empty(const json_t *o, const char *key)
{
	const char *s = jx_get_str(o, key);

	return s != NULL ? s : "";
}

/* Index of a name, without case; -1. */
static int
find_name(const char *const *names, const char *name)
{
	for (int i = 0; name != NULL && names[i] != NULL; i++)
		if (str_equal_nocase(names[i], name))
			return i;
	return -1;
}

static bool
set_line(char **text, const char *value)
{
	char cut[LINE_BYTES_MAX + 1];

	graph_copy_cut(cut, sizeof(cut), value);
	return event_text_set(text, cut);
}

/* 0 when absent, unreadable, or Graph's year 1. */
static int64_t
read_instant(const json_t *o, const char *key)
{
	const char *s = jx_get_str(o, key);
	int64_t ms;

	return s != NULL && timestamp_parse(s, &ms) == ERR_OK && ms > 0 ? ms : 0;
}

/* A dateTimeTimeZone. False: not one, or in a zone nobody knows. */
static bool
read_moment(const json_t *o, struct local_time *ret_local, const char **ret_zone, int64_t *ret_ms)
{
	*ret_zone = time_zone_resolve(jx_get_str(o, "timeZone") != NULL ? jx_get_str(o, "timeZone") : "UTC");
	return *ret_zone != NULL && local_time_parse(jx_get_str(o, "dateTime"), ret_local) == ERR_OK &&
	       time_zone_to_utc(*ret_zone, *ret_local, ret_ms, NULL) == ERR_OK;
}

static bool
read_times(const json_t *json, struct graph_event *e)
{
	struct local_time local;
	const char *zone;

	return read_moment(jx_get_object(json, "start"), &local, &zone, &e->start_ms) &&
	       read_moment(jx_get_object(json, "end"), &local, &zone, &e->end_ms);
}

/* The zone a meeting was made in: a series says it twice. */
static const char *
zone_of(const json_t *json, const char *recurrence_zone)
{
	const char *zone = recurrence_zone[0] != '\0' ? time_zone_resolve(recurrence_zone) : NULL;

	if (zone == NULL)
		zone = time_zone_resolve(jx_get_str(json, "originalStartTimeZone"));
	if (zone == NULL)
		zone = time_zone_resolve(jx_get_str(jx_get_object(json, "start"), "timeZone"));
	return zone != NULL ? zone : "UTC";
}

/* An all-day event has dates. Should they be told in another zone than its own, they are not at midnight there. */
static struct local_time
date_of(const json_t *moment, int64_t ms, const char *zone)
{
	struct local_time local = { 0 };

	(void)local_time_parse(jx_get_str(moment, "dateTime"), &local);
	if (local_second_of_day(local) != 0)
		(void)time_zone_to_local(zone, ms, &local);
	local.s = (local.s + LOCAL_DAY_S / 2) / LOCAL_DAY_S * LOCAL_DAY_S;
	return local;
}

static bool
set_times(const json_t *json, const struct graph_event *e, const char *zone, struct event_fields *f)
{
	(void)str_copy(f->time_zone, sizeof(f->time_zone), zone);
	f->all_day = jx_get_bool(json, "isAllDay", false);
	if (f->all_day) {
		f->start = date_of(jx_get_object(json, "start"), e->start_ms, zone);
		f->end = date_of(jx_get_object(json, "end"), e->end_ms, zone);
		return true;
	}
	return time_zone_to_local(zone, e->start_ms, &f->start) == ERR_OK &&
	       time_zone_to_local(zone, e->end_ms, &f->end) == ERR_OK;
}

static enum err
set_recurrence(const json_t *json, struct event_fields *f, char ret_zone[TIME_ZONE_SIZE])
{
	const json_t *recurrence = jx_get_object(json, "recurrence");
	struct recurrence r;
	enum err e;

	ret_zone[0] = '\0';
	if (recurrence == NULL)
		return ERR_OK;
	if ((e = recurrence_from_json(recurrence, &r, ret_zone)) == ERR_OK)
		recurrence_to_rrule(&r, f->rrule);
	return e;
}

/* What is not said to be plain text is HTML. */
static bool
set_body(const json_t *json, struct graph_event *e)
{
	const json_t *body = jx_get_object(json, "body");
	const char *content = text_or_empty(body, "content"), *type = jx_get_str(body, "contentType");
	char *html = NULL, *text = NULL;
	bool ok = false;

	if (type != NULL && str_equal_nocase(type, "text"))
		html = html_of_plain(content);
	else
		html = strdup(content);
	if (html == NULL || !join_block_split(html, &text, &e->join_block))
		goto out;
	e->body_left_out = strlen(text) > EVENT_BODY_MAX;
	ok = event_text_set(&e->fields->body_html, e->body_left_out ? "" : text);
out:
	free(html);
	free(text);
	return ok;
}

/* Graph's words for a response. */
static const struct {
	const char *name;
	enum attendee_response response;
} responses[] = {
	{ "accepted", RESPONSE_ACCEPTED },
	{ "tentativelyAccepted", RESPONSE_TENTATIVE },
	{ "declined", RESPONSE_DECLINED },
};

static enum attendee_response
response_of(const char *name)
{
	for (size_t i = 0; name != NULL && i < sizeof(responses) / sizeof(responses[0]); i++)
		if (str_equal_nocase(name, responses[i].name))
			return responses[i].response;
	return RESPONSE_NONE;
}

static void
count_response(struct event_responses *r, enum attendee_response response)
{
	switch (response) {
	case RESPONSE_NONE: r->none++; break;
	case RESPONSE_ACCEPTED: r->accepted++; break;
	case RESPONSE_TENTATIVE: r->tentative++; break;
	case RESPONSE_DECLINED: r->declined++; break;
	}
}

/* The organizer among the attendees, and entries without an address, are nobody we invited. */
static bool
add_attendee(struct graph_event *e, const json_t *item)
{
	const json_t *address = jx_get_object(item, "emailAddress"), *status = jx_get_object(item, "status");
	const char *email = jx_get_str(address, "address"), *response = jx_get_str(status, "response");
	char name[EVENT_ATTENDEE_NAME_MAX + 1];
	int type = find_name(attendee_type_names, jx_get_str(item, "type"));
	struct event_attendee *a;

	if (email == NULL || email[0] == '\0' || strlen(email) >= EMAIL_SIZE)
		return true;
	if (response != NULL && str_equal_nocase(response, "organizer"))
		return true;
	graph_copy_cut(name, sizeof(name), jx_get_str(address, "name"));
	if (str_equal_nocase(name, email)) /* Exchange's filling for a name it does not know */
		name[0] = '\0';
	if (!event_attendee_add(e->fields, email, name, type < 0 ? ATTENDEE_REQUIRED : (enum attendee_type)type))
		return false;
	a = &e->fields->attendees[e->fields->attendee_count - 1];
	a->response = response_of(response);
	a->response_wall_ms = read_instant(status, "time");
	count_response(&e->responses, a->response);
	return true;
}

static bool
set_attendees(const json_t *json, struct graph_event *e)
{
	const json_t *item;
	size_t i;

	json_array_foreach(jx_get_array(json, "attendees"), i, item)
	{
		if (e->fields->attendee_count < EVENT_ATTENDEES_MAX && !add_attendee(e, item))
			return false;
	}
	return true;
}

static enum err
read_fields(const json_t *json, struct graph_event *e)
{
	char recurrence_zone[TIME_ZONE_SIZE];
	struct event_fields *f;
	enum err err;

	if ((f = e->fields = event_fields_new()) == NULL)
		return ERR_NOMEM;
	if ((err = set_recurrence(json, f, recurrence_zone)) != ERR_OK)
		return err;
	if (!set_times(json, e, zone_of(json, recurrence_zone), f))
		return ERR_UNEXPECTED;
	f->online = jx_get_bool(json, "isOnlineMeeting", false);
	f->hide_attendees = jx_get_bool(json, "hideAttendees", false);
	f->cancelled = jx_get_bool(json, "isCancelled", false);
	if (set_line(&f->subject, jx_get_str(json, "subject")) &&
	    set_line(&f->location, jx_get_str(jx_get_object(json, "location"), "displayName")) && set_body(json, e) &&
	    set_attendees(json, e))
		return ERR_OK;
	return ERR_NOMEM;
}

static void
read_tag(const json_t *json, struct graph_event *e)
{
	const json_t *item;
	size_t i;

	json_array_foreach(jx_get_array(json, "singleValueExtendedProperties"), i, item)
	{
		const char *id = jx_get_str(item, "id"), *value = jx_get_str(item, "value");

		if (id != NULL && value != NULL && str_equal_nocase(id, GRAPH_EVENT_PROPERTY))
			e->tagged = event_tag_parse(value, &e->tag) == ERR_OK;
	}
}

static const char *const type_names[] = { "singleInstance", "occurrence", "exception", "seriesMaster", NULL };

/* All but the fields. What does not fit in its array is left out: none of these is cut. */
static enum err
read_head(const json_t *json, struct graph_event *e)
{
	int type = find_name(type_names, jx_get_str(json, "type"));

	if (!str_copy(e->id, sizeof(e->id), text_or_empty(json, "id")) || e->id[0] == '\0')
		return ERR_UNEXPECTED;
	e->removed = json_object_get(json, "@removed") != NULL;
	e->type = type < 0 ? GRAPH_EVENT_SINGLE : (enum graph_event_type)type;
	(void)str_copy(e->etag, sizeof(e->etag), text_or_empty(json, "@odata.etag"));
	(void)str_copy(e->ical_uid, sizeof(e->ical_uid), text_or_empty(json, "iCalUId"));
	(void)str_copy(e->join_url, sizeof(e->join_url), text_or_empty(jx_get_object(json, "onlineMeeting"), "joinUrl"));
	(void)str_copy(e->series_id, sizeof(e->series_id), text_or_empty(json, "seriesMasterId"));
	(void)str_copy(e->transaction_id, sizeof(e->transaction_id), text_or_empty(json, "transactionId"));
	e->is_organizer = jx_get_bool(json, "isOrganizer", true);
	e->original_ms = read_instant(json, "originalStart");
	e->modified_wall_ms = read_instant(json, "lastModifiedDateTime");
	read_tag(json, e);
	return ERR_OK;
}

enum err
graph_event_read(const json_t *json, struct graph_event *ret)
{
	enum err e;

	memset(ret, 0, sizeof(*ret));
	if ((e = read_head(json, ret)) != ERR_OK || ret->removed)
		return e;
	if (!read_times(json, ret))
		return ERR_UNEXPECTED;
	ret->partial = ret->type == GRAPH_EVENT_OCCURRENCE && json_object_get(json, "subject") == NULL;
	if (ret->partial || (e = read_fields(json, ret)) == ERR_OK)
		return ERR_OK;
	graph_event_done(ret);
	return e;
}

enum err
graph_event_read_loosely(const json_t *json, struct graph_event *ret)
{
	enum err e = graph_event_read(json, ret);

	if (e != ERR_UNEXPECTED)
		return e;
	memset(ret, 0, sizeof(*ret));
	e = read_head(json, ret);
	ret->partial = e == ERR_OK;
	return e;
}

void
graph_event_done(struct graph_event *e)
{
	event_fields_free(e->fields);
	free(e->join_block);
	memset(e, 0, sizeof(*e));
}

/* --- exceptions --- */

/* "OID.<id of the series>.2026-12-01" */
static enum err
add_cancelled(const char *id, struct event_fields *series)
{
	const char *dot = id != NULL ? strrchr(id, '.') : NULL;
	struct event_exception x = { .cancelled = true, .subject = NULL, .location = NULL };
	struct local_time start;
	int64_t day;

	if (dot == NULL || local_date_parse(dot + 1, &day) != ERR_OK)
		return ERR_UNEXPECTED;
	start.s = day * LOCAL_DAY_S + local_second_of_day(series->start);
	if (time_zone_to_utc(series->time_zone, start, &x.original_ms, NULL) != ERR_OK)
		return ERR_UNEXPECTED;
	return event_exception_add(series, &x) ? ERR_OK : ERR_NOMEM;
}

/* "" for what is as the series has it. */
static enum err
add_exception(const json_t *item, struct event_fields *series)
{
	struct event_exception x = { 0 };
	struct graph_event e;
	enum err err = graph_event_read(item, &e);

	if (err != ERR_OK)
		return err;
	x.original_ms = e.original_ms;
	x.cancelled = e.fields == NULL || e.fields->cancelled;
	x.start_ms = x.cancelled ? 0 : e.start_ms;
	x.end_ms = x.cancelled ? 0 : e.end_ms;
	if (!x.cancelled && strcmp(e.fields->subject, series->subject) != 0)
		x.subject = e.fields->subject;
	if (!x.cancelled && strcmp(e.fields->location, series->location) != 0)
		x.location = e.fields->location;
	err = x.original_ms == 0 ? ERR_UNEXPECTED : event_exception_add(series, &x) ? ERR_OK : ERR_NOMEM;
	graph_event_done(&e);
	return err;
}

enum err
graph_event_exceptions_read(const json_t *json, struct event_fields *series)
{
	struct event_fields *none = event_fields_new();
	const json_t *item;
	enum err e;
	size_t i;

	if (none == NULL)
		return ERR_NOMEM;
	e = event_fields_take(series, none, EVENT_MASK(EXCEPTIONS));
	event_fields_free(none);
	json_array_foreach(jx_get_array(json, "cancelledOccurrences"), i, item)
	{
		if (e == ERR_OK && series->exception_count < EVENT_EXCEPTIONS_MAX)
			e = add_cancelled(json_string_value(item), series);
	}
	json_array_foreach(jx_get_array(json, "exceptionOccurrences"), i, item)
	{
		if (e == ERR_OK && series->exception_count < EVENT_EXCEPTIONS_MAX)
			e = add_exception(item, series);
	}
	return e;
}

/* --- writing --- */

/* A single meeting at a time the clocks jump over is told at the time they then show. Of a series it is the rule that counts. */
static json_t *
moment_json(const struct event_fields *f, struct local_time t)
{
	char text[LOCAL_TIME_SIZE];
	enum time_zone_fit fit;
	int64_t ms;

	if (f->rrule[0] == '\0' && !f->all_day && time_zone_to_utc(f->time_zone, t, &ms, &fit) == ERR_OK &&
	    fit == TIME_ZONE_SKIPPED)
		(void)time_zone_to_local(f->time_zone, ms, &t);
	local_time_format(t, text);
	return json_pack("{s:s, s:s}", "dateTime", text, "timeZone", f->time_zone);
}

static json_t *
attendees_json(const struct event_fields *f)
{
	json_t *list = json_array();
	int failed = 0;

	for (size_t i = 0; i < f->attendee_count; i++) {
		const struct event_attendee *a = &f->attendees[i];
		json_t *address = json_pack("{s:s}", "address", a->email);

		if (a->name[0] != '\0')
			failed |= json_object_set_new(address, "name", json_string(a->name));
		failed |= json_array_append_new(
		    list, json_pack("{s:s, s:o}", "type", attendee_type_names[a->type], "emailAddress", address));
	}
	if (failed == 0)
		return list;
	json_decref(list);
	return NULL;
}

static int
set_json_recurrence(const struct event_fields *f, json_t *o)
{
	struct recurrence r;
	enum err e = event_recurrence(f, &r);

	if (e == ERR_NOTFOUND)
		return json_object_set_new(o, "recurrence", json_null());
	if (e != ERR_OK)
		return -1; /* a rule that was damaged must not end the series */
	return json_object_set_new(o, "recurrence", recurrence_to_json(&r, f->time_zone));
}

static int
set_json_body(const struct event_fields *f, const char *join_block, json_t *o)
{
	char *html = join_block_join(f->body_html, join_block);
	int failed = 1;

	if (html != NULL)
		failed = json_object_set_new(o, "body", json_pack("{s:s, s:s}", "contentType", "html", "content", html));
	free(html);
	return failed;
}

static int
set_json_online(const struct event_fields *f, json_t *o)
{
	/* Once it is one, it stays one (graph-facts section 9.1): Graph refuses false. */
	if (!f->online)
		return 0;
	return json_object_set_new(o, "isOnlineMeeting", json_true()) |
	       json_object_set_new(o, "onlineMeetingProvider", json_string("teamsForBusiness"));
}

static int
set_json_field(const struct event_fields *f, enum event_field field, const char *join_block, json_t *o)
{
	switch (field) {
	case EVENT_FIELD_SUBJECT: return json_object_set_new(o, "subject", json_string(f->subject));
	case EVENT_FIELD_BODY: return set_json_body(f, join_block, o);
	case EVENT_FIELD_TIME:
		return json_object_set_new(o, "start", moment_json(f, f->start)) |
		       json_object_set_new(o, "end", moment_json(f, f->end)) |
		       json_object_set_new(o, "isAllDay", json_boolean(f->all_day));
	case EVENT_FIELD_LOCATION: return json_object_set_new(o, "location", json_pack("{s:s}", "displayName", f->location));
	case EVENT_FIELD_ONLINE: return set_json_online(f, o);
	case EVENT_FIELD_ATTENDEES: return json_object_set_new(o, "attendees", attendees_json(f));
	case EVENT_FIELD_HIDE_ATTENDEES: return json_object_set_new(o, "hideAttendees", json_boolean(f->hide_attendees));
	case EVENT_FIELD_RECURRENCE: return set_json_recurrence(f, o);
	case EVENT_FIELD_CANCELLED:
	case EVENT_FIELD_EXCEPTIONS:
	case EVENT_FIELD_COUNT: break;
	}
	return 0;
}

json_t *
graph_event_change_json(const struct event_fields *f, unsigned mask, const char *join_block)
{
	json_t *o = json_object();
	int failed = 0;

	for (unsigned i = 0; i < EVENT_FIELD_COUNT; i++)
		if (mask & 1u << i)
			failed |= set_json_field(f, (enum event_field)i, join_block, o);
	if (failed == 0)
		return o;
	json_decref(o);
	return NULL;
}

json_t *
graph_event_create_json(const struct event_fields *f, const struct event_tag *tag, const char *transaction_id)
{
	unsigned mask = EVENT_MASK(SUBJECT) | EVENT_MASK(BODY) | EVENT_MASK(TIME) | EVENT_MASK(LOCATION) | EVENT_MASK(ONLINE) |
	                EVENT_MASK(ATTENDEES) | EVENT_MASK(HIDE_ATTENDEES) | (f->rrule[0] != '\0' ? EVENT_MASK(RECURRENCE) : 0);
	json_t *o = graph_event_change_json(f, mask, "");
	char value[EVENT_TAG_SIZE];

	event_tag_format(tag, value);
	if (json_object_set_new(o, "transactionId", json_string(transaction_id)) == 0 &&
	    json_object_set_new(
	        o, "singleValueExtendedProperties", json_pack("[{s:s, s:s}]", "id", GRAPH_EVENT_PROPERTY, "value", value)) == 0)
		return o;
	json_decref(o);
	return NULL;
}

/* --- mails --- */

static size_t
count_missing(const struct event_fields *in, const struct event_fields *from)
{
	size_t n = 0;

	for (size_t i = 0; i < from->attendee_count; i++)
		n += event_attendee_find(in, from->attendees[i].email) == NULL;
	return n;
}

size_t
graph_event_mails(const struct event_fields *was, const struct event_fields *now, unsigned mask)
{
	size_t gone, come;

	if (was == NULL)
		return now->attendee_count;
	if (mask & EVENT_MASK(CANCELLED))
		return was->attendee_count;
	if (mask == 0)
		return 0;
	gone = mask & EVENT_MASK(ATTENDEES) ? count_missing(now, was) : 0;
	come = mask & EVENT_MASK(ATTENDEES) ? count_missing(was, now) : 0;
	if (mask == EVENT_MASK(ATTENDEES))
		return gone + come;
	return was->attendee_count + come;
}
