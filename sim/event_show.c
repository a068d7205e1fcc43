/* From an occasion to Graph's JSON. */
#include "sim/event_show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "base/timestamp.h"
#include "model/time_zone.h"
#include "sim/call.h"
#include "sim/event_read.h"
#include "sim/memory.h"

#define PREVIEW_MAX 255

/* The quoted value of a preference; false when it is not there. */
static bool
preference(const struct call *c, const char *name, char *ret, size_t ret_size)
{
	const char *at = c->prefer == NULL ? NULL : strcasestr(c->prefer, name);

	if (at == NULL)
		return false;
	at += strlen(name);
	at += strspn(at, " =\"");
	return str_copy_len(ret, ret_size, at, strcspn(at, "\","));
}

bool
event_wish(struct call *c, struct event_wish *ret)
{
	const char *iana = "UTC";
	char kind[32];

	memset(ret, 0, sizeof(*ret));
	str_copy(ret->zone, sizeof(ret->zone), "UTC");
	if (c->prefer != NULL && strcasestr(c->prefer, "outlook.timezone") != NULL) {
		if (!preference(c, "outlook.timezone", ret->zone, sizeof(ret->zone)) ||
		    (iana = time_zone_resolve(ret->zone)) == NULL) {
			call_refuse(c, 400, "TimeZoneNotSupportedException", JOURNAL_BAD_REQUEST,
			    "A valid TimeZone value must be specified. The following TimeZone value is not supported: '%.60s'.",
			    ret->zone);
			return false;
		}
		call_header(c, "Preference-Applied: outlook.timezone=\"%s\"", ret->zone);
	}
	str_copy(ret->iana, sizeof(ret->iana), iana);
	ret->immutable = preference(c, "IdType", kind, sizeof(kind)) && strcasecmp(kind, "ImmutableId") == 0;
	if (!ret->immutable)
		call_note(c, JOURNAL_MUTABLE_ID, "an Outlook call without Prefer: IdType=\"ImmutableId\"");
	return true;
}

const char *
event_shown_id(const struct event *e, const struct event_wish *wish)
{
	return wish->immutable ? e->id : e->rest_id;
}

/* All-day events are days, the same in every zone. */
static json_t *
show_time(const struct occasion *o, struct local_time local, int64_t ms, const struct event_wish *wish)
{
	char plain[LOCAL_TIME_SIZE], text[LOCAL_TIME_SIZE + 8];

	if (!jx_get_bool(o->state, "isAllDay", false))
		time_zone_to_local(wish->iana, ms, &local);
	local_time_format(local, plain);
	snprintf(text, sizeof(text), "%s.0000000", plain);
	return json_pack("{s:s,s:s}", "dateTime", text, "timeZone", wish->zone);
}

static void
show_ids(const struct occasion *o, const struct event_wish *wish, json_t *shown)
{
	const struct event *e = o->event;
	char etag[ETAG_SIZE], id[EVENT_ID_SIZE], key[ETAG_SIZE];

	calendar_etag(e, o->version, etag);
	str_copy_len(key, sizeof(key), etag + 3, strlen(etag) - 4);
	if (o->plain)
		calendar_occurrence_id(event_shown_id(e, wish), o->date, id);
	else
		str_copy(id, sizeof(id), event_shown_id(e, wish));
	json_object_set_new(shown, "@odata.etag", json_string(etag));
	json_object_set_new(shown, "id", json_string(id));
	json_object_set_new(shown, "changeKey", json_string(key));
}

static const char *
type_of(const struct occasion *o)
{
	if (o->plain)
		return "occurrence";
	if (o->event->master != NULL)
		return "exception";
	return jx_get_object(o->state, "recurrence") != NULL ? "seriesMaster" : "singleInstance";
}

static void
show_place(const struct occasion *o, const struct event_wish *wish, json_t *shown)
{
	const struct event *series = o->plain ? o->event : o->event->master;

	json_object_set_new(shown, "type", json_string(type_of(o)));
	json_object_set_new(shown, "seriesMasterId", series == NULL ? json_null() : json_string(event_shown_id(series, wish)));
	json_object_set_new(shown, "start", show_time(o, o->start, o->start_ms, wish));
	json_object_set_new(shown, "end", show_time(o, o->end, o->end_ms, wish));
}

json_t *
event_show_little(const struct call *c, const struct occasion *o, const struct event_wish *wish)
{
	json_t *shown = json_object();

	(void)c;
	show_ids(o, wish, shown);
	json_object_del(shown, "changeKey");
	show_place(o, wish, shown);
	return shown;
}

/* The body without tags, cut. */
static json_t *
preview(const json_t *state)
{
	const char *at = json_string_value(jx_path(state, "body", "content", NULL));
	char text[PREVIEW_MAX + 1];
	size_t n = 0;
	bool tag = false, space = true;

	for (; at != NULL && *at != '\0' && n < PREVIEW_MAX; at++) {
		bool blank = *at == ' ' || *at == '\r' || *at == '\n' || *at == '<' || *at == '>';

		tag = (tag || *at == '<') && *at != '>';
		if (tag || (blank && space) || (unsigned char)*at >= 0x80)
			continue;
		text[n++] = blank ? ' ' : *at;
		space = blank;
	}
	text[n] = '\0';
	return json_string(text);
}

/* When the pattern had it. */
static void
show_original(const struct occasion *o, json_t *shown)
{
	const struct event *series = o->plain ? o->event : o->event->master;
	const char *zone, *end_zone;
	struct local_time start;
	char text[TIMESTAMP_SIZE];
	int64_t day, ms;

	event_local(o->state, "start", &zone);
	event_local(o->state, "end", &end_zone);
	json_object_set_new(shown, "originalStartTimeZone", json_string(zone));
	json_object_set_new(shown, "originalEndTimeZone", json_string(end_zone));
	if (series == NULL || local_date_parse(o->date, &day) != ERR_OK)
		return;
	start = event_local(series->state, "start", &zone);
	start.s += (day - local_day(start)) * LOCAL_DAY_S;
	if (!event_instant(start, zone, &ms))
		return;
	timestamp_format(ms, text);
	json_object_set_new(shown, "originalStart", json_string(text));
}

json_t *
event_show(const struct call *c, const struct occasion *o, const struct event_wish *wish)
{
	static const char *const hidden[] = { "startMs", "endMs", "singleValueExtendedProperties" };
	json_t *shown = json_copy((json_t *)o->state), *locations = json_array();
	const char *link = "https://outlook.office365.com/owa/?itemid=";
	char *web = NULL;

	(void)c;
	for (size_t i = 0; i < sizeof(hidden) / sizeof(*hidden); i++)
		json_object_del(shown, hidden[i]);
	show_ids(o, wish, shown);
	show_place(o, wish, shown);
	show_original(o, shown);
	if (o->plain)
		json_object_set_new(shown, "recurrence", json_null());
	json_object_set_new(shown, "iCalUId", json_string(o->event->uid));
	json_object_set_new(shown, "bodyPreview", preview(o->state));
	json_object_set_new(shown, "hasAttachments", json_false());
	json_object_set_new(shown, "isDraft", json_false());
	json_object_set_new(shown, "onlineMeetingUrl", json_null());
	json_object_set_new(shown, "responseStatus",
	    json_pack("{s:s,s:s}", "response", jx_get_bool(shown, "isOrganizer", true) ? "organizer" : "notResponded", "time",
	        "0001-01-01T00:00:00Z"));
	if (jx_get_str(jx_get_object(shown, "location"), "displayName")[0] != '\0')
		json_array_append(locations, json_object_get(shown, "location"));
	json_object_set_new(shown, "locations", locations);
	if (asprintf(&web, "%s%s&exvsurl=1&path=/calendar/item", link, jx_get_str(shown, "id")) >= 0)
		json_object_set_new(shown, "webLink", json_string(web));
	free(web);
	return shown;
}

static void
expand_properties(const struct call *c, const struct occasion *o, json_t *shown)
{
	const json_t *all = jx_get_array(o->state, "singleValueExtendedProperties");
	const char *expand = call_query(c, "$expand");
	const char *at = expand == NULL ? NULL : strstr(expand, "singleValueExtendedProperties");
	json_t *list = json_array();

	for (size_t i = 0; at != NULL && i < json_array_size(all); i++) {
		const json_t *p = json_array_get(all, i);
		const char *id = jx_get_str(p, "id"), *named = strstr(at, id);

		if (named != NULL && named[-1] == '\'' && named[strlen(id)] == '\'')
			json_array_append(list, (json_t *)p);
	}
	if (json_array_size(list) > 0)
		json_object_set(shown, "singleValueExtendedProperties", list);
	json_decref(list);
}

static void
expand_exceptions(const struct call *c, const struct occasion *o, const struct event_wish *wish, json_t *shown)
{
	const char *expand = call_query(c, "$expand");
	json_t *list;

	if (expand == NULL || strstr(expand, "exceptionOccurrences") == NULL || o->plain || o->event->master != NULL)
		return;
	list = json_array();
	for (size_t i = 0; i < o->event->exception_count; i++) {
		struct occasion x;

		if (!o->event->exceptions[i]->gone && occasion_of_date(o->event, o->event->exceptions[i]->date, &x))
			json_array_append_new(list, event_show(c, &x, wish));
	}
	json_object_set_new(shown, "exceptionOccurrences", list);
}

/* Only when $select asks for them by name: facts 7.3. */
static void
select_cancelled(const struct call *c, const struct occasion *o, const struct event_wish *wish, json_t *shown)
{
	const char *select = call_query(c, "$select");
	char text[EVENT_ID_SIZE + 32];
	json_t *list;

	if (select == NULL || strstr(select, "cancelledOccurrences") == NULL || o->plain || o->event->master != NULL)
		return;
	list = json_array();
	for (size_t i = 0; i < o->event->cancelled_count; i++) {
		snprintf(text, sizeof(text), "OID.%s.%s", event_shown_id(o->event, wish), o->event->cancelled[i]);
		json_array_append_new(list, json_string(text));
	}
	json_object_set_new(shown, "cancelledOccurrences", list);
}

void
event_shape(const struct call *c, const struct occasion *o, const struct event_wish *wish, json_t *shown)
{
	call_select(c, shown);
	select_cancelled(c, o, wish, shown);
	expand_properties(c, o, shown);
	expand_exceptions(c, o, wish, shown);
}
