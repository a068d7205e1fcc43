/* One table of the members of an event; what they say together is judged at the end. */
#include "sim/event_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "model/time_zone.h"
#include "sim/call.h"
#include "sim/memory.h"
#include "sim/series.h"

#define TEXT_MAX 255 /* characters of a subject, a location */
#define NO_TIME  "0001-01-01T00:00:00Z"

#define REFUSAL(name, code, text) static const struct refusal name = { 400, code, text, JOURNAL_BAD_REQUEST }

REFUSAL(bad_member, "RequestBodyRead", "A property of the event is unknown or has a value of another type.");
REFUSAL(bad_times, "ErrorPropertyValidationFailure",
    "At least one property failed validation: the event needs a start and an end behind it.");
REFUSAL(bad_zone, "TimeZoneNotSupportedException",
    "A valid TimeZone value must be specified. The TimeZone value of the event is not supported.");
REFUSAL(bad_midnight, "ErrorPropertyValidationFailure",
    "The start and end of an all-day event need to be set to midnight, in one time zone.");
REFUSAL(bad_day, "ErrorPropertyValidationFailure", "The duration of an event marked as All day must be at least 24 hours.");
REFUSAL(bad_attendee, "ErrorInvalidRecipients", "At least one recipient isn't valid.");
REFUSAL(too_many, "ErrorExceededMaxRecipientLimitPerMeeting", "An event cannot have more than 500 attendees.");
REFUSAL(bad_property, "ErrorPropertyValidationFailure", "The id of an extended property is not valid.");
REFUSAL(too_long, "ErrorPropertyValidationFailure", "At least one property failed validation: a text is too long.");

/* Puts value into state under key; NULL when it may. */
typedef const struct refusal *(*read_member)(json_t *state, const char *key, const json_t *value);

static const struct refusal *
read_text(json_t *state, const char *key, const json_t *value)
{
	if (!json_is_string(value) && !json_is_null(value))
		return &bad_member;
	if (json_string_length(value) > TEXT_MAX * 4)
		return &too_long;
	json_object_set_new(state, key, json_is_null(value) ? json_string("") : json_deep_copy(value));
	return NULL;
}

static const struct refusal *
read_flag(json_t *state, const char *key, const json_t *value)
{
	if (!json_is_boolean(value))
		return &bad_member;
	json_object_set_new(state, key, json_boolean(json_is_true(value)));
	return NULL;
}

/* Facts 9.1: once on, it cannot be undone. */
static const struct refusal *
read_online(json_t *state, const char *key, const json_t *value)
{
	if (!json_is_boolean(value))
		return &bad_member;
	if (json_is_true(value))
		json_object_set_new(state, key, json_true());
	return NULL;
}

static const struct refusal *
read_number(json_t *state, const char *key, const json_t *value)
{
	if (!json_is_integer(value))
		return &bad_member;
	json_object_set_new(state, key, json_deep_copy(value));
	return NULL;
}

static const struct refusal *
read_texts(json_t *state, const char *key, const json_t *value)
{
	if (!json_is_array(value))
		return &bad_member;
	for (size_t i = 0; i < json_array_size(value); i++)
		if (!json_is_string(json_array_get(value, i)))
			return &bad_member;
	json_object_set_new(state, key, json_deep_copy(value));
	return NULL;
}

static const struct refusal *
read_choice(json_t *state, const char *key, const json_t *value)
{
	static const struct {
		const char *key, *values;
	} choices[] = {
		{ "importance", " low normal high " },
		{ "sensitivity", " normal personal private confidential " },
		{ "showAs", " free tentative busy oof workingElsewhere unknown " },
		{ "onlineMeetingProvider", " unknown skypeForBusiness skypeForConsumer teamsForBusiness " },
	};
	char padded[48];

	if (!json_is_string(value))
		return &bad_member;
	snprintf(padded, sizeof(padded), " %s ", json_string_value(value));
	for (size_t i = 0; i < sizeof(choices) / sizeof(*choices); i++)
		if (strcmp(choices[i].key, key) == 0 && strcasestr(choices[i].values, padded) == NULL)
			return &bad_member;
	json_object_set_new(state, key, json_deep_copy(value));
	return NULL;
}

/* What Exchange makes of a fragment: a whole document. */
static json_t *
wrapped(const char *html)
{
	char *text = NULL;
	json_t *ret;

	if (strcasestr(html, "<html") != NULL || asprintf(&text,
	                                             "<html>\r\n<head>\r\n<meta http-equiv=\"Content-Type\" content=\"text/html; "
	                                             "charset=utf-8\">\r\n</head>\r\n<body>\r\n%s"
	                                             "\r\n</body>\r\n</html>\r\n",
	                                             html) < 0)
		return json_string(html);
	ret = json_string(text);
	free(text);
	return ret;
}

static const struct refusal *
read_body(json_t *state, const char *key, const json_t *value)
{
	const char *type = jx_get_str(value, "contentType"), *content = jx_get_str(value, "content");
	bool html = type != NULL && strcasecmp(type, "html") == 0;

	if (!json_is_object(value) || (type != NULL && !html && strcasecmp(type, "text") != 0))
		return &bad_member;
	content = content == NULL ? "" : content;
	json_object_set_new(state, key,
	    json_pack(
	        "{s:s,s:o}", "contentType", html ? "html" : "text", "content", html ? wrapped(content) : json_string(content)));
	return NULL;
}

static const struct refusal *
read_time(json_t *state, const char *key, const json_t *value)
{
	const char *text = jx_get_str(value, "dateTime"), *zone = jx_get_str(value, "timeZone");
	char plain[LOCAL_TIME_SIZE];
	struct local_time t;

	if (text == NULL || local_time_parse(text, &t) != ERR_OK)
		return &bad_times;
	if (zone == NULL || time_zone_resolve(zone) == NULL)
		return &bad_zone;
	local_time_format(t, plain);
	json_object_set_new(state, key, json_pack("{s:s,s:s}", "dateTime", plain, "timeZone", zone));
	return NULL;
}

static const struct refusal *
read_location(json_t *state, const char *key, const json_t *value)
{
	const char *name = jx_get_str(value, "displayName");

	if (!json_is_object(value) && !json_is_null(value))
		return &bad_member;
	name = name == NULL ? "" : name;
	if (strlen(name) > TEXT_MAX * 4)
		return &too_long;
	json_object_set_new(state, key,
	    json_pack("{s:s,s:s,s:s,s:s}", "displayName", name, "locationType", "default", "uniqueId", name, "uniqueIdType",
	        name[0] == '\0' ? "unknown" : "private"));
	return NULL;
}

static const struct refusal *
read_locations(json_t *state, const char *key, const json_t *value)
{
	(void)key;
	if (!json_is_array(value))
		return &bad_member;
	return read_location(state, "location", json_array_size(value) == 0 ? json_null() : json_array_get(value, 0));
}

static bool
address_valid(const char *address)
{
	const char *at = address == NULL ? NULL : strchr(address, '@');

	return at != NULL && at != address && at[1] != '\0' && strchr(at + 1, '@') == NULL &&
	       strcspn(address, " <>,;") == strlen(address);
}

static const char *
attendee_type(const json_t *value)
{
	static const char *const types[] = { "required", "optional", "resource" };
	const char *type = jx_get_str(value, "type");

	for (size_t i = 0; type != NULL && i < 3; i++)
		if (strcasecmp(types[i], type) == 0)
			return types[i];
	return type == NULL ? types[0] : NULL;
}

/* Whoever stays keeps the response given. The search begins at `at`: lists seldom change their order. */
static json_t *
status_of(const json_t *old, size_t at, const char *address, json_t *none)
{
	size_t n = json_array_size(old);

	for (size_t i = 0; i < n; i++) {
		const json_t *a = json_array_get(old, (at + i) % n);
		const char *known = json_string_value(jx_path(a, "emailAddress", "address", NULL));

		if (known != NULL && strcasecmp(known, address) == 0)
			return json_incref(json_object_get(a, "status"));
	}
	return json_incref(none);
}

/* Gives. What most attendees have in common is there only once, for there may be hundreds. */
static json_t *
attendee(const json_t *given, const json_t *old, size_t at, json_t *none)
{
	const json_t *mail = jx_get_object(given, "emailAddress");
	const char *address = jx_get_str(mail, "address"), *type = attendee_type(given);
	json_t *shown = json_object_get(mail, "address");

	if (type == NULL || !address_valid(address))
		return NULL;
	return json_pack("{s:s,s:o,s:{s:O,s:O}}", "type", type, "status", status_of(old, at, address, none), "emailAddress",
	    "name", jx_get_str(mail, "name") == NULL ? shown : json_object_get(mail, "name"), "address", shown);
}

static const struct refusal *
read_attendees(json_t *state, const char *key, const json_t *value)
{
	const json_t *old = jx_get_array(state, key);
	json_t *list, *none, *one = NULL;

	if (!json_is_array(value))
		return &bad_member;
	if (json_array_size(value) > ATTENDEES_MAX)
		return &too_many;
	list = json_array();
	none = json_pack("{s:s,s:s}", "response", "none", "time", NO_TIME);
	for (size_t i = 0; i < json_array_size(value); i++) {
		one = attendee(json_array_get(value, i), old, i, none);
		if (one == NULL)
			break;
		json_array_append_new(list, one);
	}
	json_decref(none);
	if (json_array_size(list) < json_array_size(value)) {
		json_decref(list);
		return &bad_attendee;
	}
	json_object_set_new(state, key, list);
	return NULL;
}

static const struct refusal *
read_recurrence(json_t *state, const char *key, const json_t *value)
{
	if (!json_is_object(value) && !json_is_null(value))
		return &bad_member;
	json_object_set_new(state, key, json_deep_copy(value));
	return NULL;
}

/* "String {guid} Name Something": facts 9.4. One that is given again gets a new value. */
static const struct refusal *
read_properties(json_t *state, const char *key, const json_t *value)
{
	json_t *list = json_deep_copy(jx_get_array(state, key));

	if (list == NULL)
		list = json_array();
	for (size_t i = 0; i < json_array_size(value); i++) {
		const char *id = jx_get_str(json_array_get(value, i), "id"),
		           *text = jx_get_str(json_array_get(value, i), "value");
		char guid[GUID_SIZE];

		if (id == NULL || text == NULL || strncmp(id, "String {", 8) != 0 ||
		    !str_copy_len(guid, sizeof(guid), id + 8, strcspn(id + 8, "}")) || !sim_guid_valid(guid) ||
		    strncmp(id + 8 + GUID_LEN, "} Name ", 7) != 0) {
			json_decref(list);
			return &bad_property;
		}
		for (size_t j = json_array_size(list); j > 0; j--)
			if (strcmp(jx_get_str(json_array_get(list, j - 1), "id"), id) == 0)
				json_array_remove(list, j - 1);
		json_array_append_new(list, json_pack("{s:s,s:s}", "id", id, "value", text));
	}
	json_object_set_new(state, key, list);
	return json_is_array(value) ? NULL : &bad_member;
}

static const struct refusal *
ignore(json_t *state, const char *key, const json_t *value)
{
	(void)state;
	(void)key;
	(void)value;
	return NULL;
}

static const struct member_row {
	const char *key;
	read_member read;
} members[] = {
	{ "subject", read_text },
	{ "body", read_body },
	{ "start", read_time },
	{ "end", read_time },
	{ "isAllDay", read_flag },
	{ "location", read_location },
	{ "locations", read_locations },
	{ "attendees", read_attendees },
	{ "isOnlineMeeting", read_online },
	{ "onlineMeetingProvider", read_choice },
	{ "recurrence", read_recurrence },
	{ "singleValueExtendedProperties", read_properties },
	{ "hideAttendees", read_flag },
	{ "responseRequested", read_flag },
	{ "allowNewTimeProposals", read_flag },
	{ "isReminderOn", read_flag },
	{ "reminderMinutesBeforeStart", read_number },
	{ "importance", read_choice },
	{ "sensitivity", read_choice },
	{ "showAs", read_choice },
	{ "categories", read_texts },
	/* Graph's own. */
	{ "id", ignore },
	{ "iCalUId", ignore },
	{ "changeKey", ignore },
	{ "createdDateTime", ignore },
	{ "lastModifiedDateTime", ignore },
	{ "bodyPreview", ignore },
	{ "hasAttachments", ignore },
	{ "isCancelled", ignore },
	{ "isDraft", ignore },
	{ "isOrganizer", ignore },
	{ "organizer", ignore },
	{ "onlineMeeting", ignore },
	{ "onlineMeetingUrl", ignore },
	{ "originalStart", ignore },
	{ "originalStartTimeZone", ignore },
	{ "originalEndTimeZone", ignore },
	{ "responseStatus", ignore },
	{ "seriesMasterId", ignore },
	{ "type", ignore },
	{ "webLink", ignore },
	/* Facts 9.2: only said when the event is made. */
	{ "transactionId", ignore },
};

static const struct refusal *
read_one(json_t *state, const char *key, const json_t *value)
{
	if (strchr(key, '@') != NULL)
		return NULL;
	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
		if (strcmp(members[i].key, key) == 0)
			return members[i].read(state, key, value);
	return &bad_member;
}

struct local_time
event_local(const json_t *state, const char *key, const char **ret_zone)
{
	const json_t *o = jx_get_object(state, key);
	struct local_time t = { 0 };

	*ret_zone = jx_get_str(o, "timeZone");
	if (jx_get_str(o, "dateTime") != NULL)
		local_time_parse(jx_get_str(o, "dateTime"), &t);
	return t;
}

bool
event_instant(struct local_time t, const char *zone, int64_t *ret_ms)
{
	const char *iana = zone == NULL ? NULL : time_zone_resolve(zone);

	return iana != NULL && time_zone_to_utc(iana, t, ret_ms, NULL) == ERR_OK;
}

static const struct refusal *
judge_times(json_t *state)
{
	const char *zone, *end_zone;
	struct local_time start = event_local(state, "start", &zone), end = event_local(state, "end", &end_zone);
	int64_t start_ms, end_ms;

	if (zone == NULL || end_zone == NULL)
		return &bad_times;
	if (!event_instant(start, zone, &start_ms) || !event_instant(end, end_zone, &end_ms))
		return &bad_zone;
	if (end_ms < start_ms)
		return &bad_times;
	if (jx_get_bool(state, "isAllDay", false)) {
		if (local_second_of_day(start) != 0 || local_second_of_day(end) != 0 || strcmp(zone, end_zone) != 0)
			return &bad_midnight;
		if (end.s - start.s < LOCAL_DAY_S)
			return &bad_day;
	}
	json_object_set_new(state, "startMs", json_integer((json_int_t)start_ms));
	json_object_set_new(state, "endMs", json_integer((json_int_t)end_ms));
	return NULL;
}

/* given: the recurrence itself was said anew. If not, a series that is moved to another day begins on that day. */
static bool
judge_series(json_t *state, bool given, struct refusal *ret)
{
	json_t *recurrence = json_deep_copy(jx_get_object(state, "recurrence")), *range = jx_get_object(recurrence, "range");
	const char *zone, *problem, *own_zone = jx_get_str(range, "recurrenceTimeZone");
	int64_t day = local_day(event_local(state, "start", &zone));
	char date[LOCAL_DATE_SIZE];

	if (recurrence == NULL)
		return true;
	if (own_zone == NULL || own_zone[0] == '\0')
		json_object_set_new(range, "recurrenceTimeZone", json_string(zone));
	if (!given) {
		local_date_format(day, date);
		json_object_set_new(range, "startDate", json_string(date));
	}
	problem = series_problem(recurrence, day);
	if (problem != NULL)
		*ret = (struct refusal){ 400, "ErrorPropertyValidationFailure", problem, JOURNAL_BAD_REQUEST };
	else
		json_object_set_new(state, "recurrence", series_normal(recurrence));
	json_decref(recurrence);
	return problem == NULL;
}

json_t *
event_blank(const char *address, const char *name)
{
	return json_pack(
	    "{s:s,s:{s:s,s:s},s:b,s:{s:s,s:s,s:s,s:s},s:[],s:b,s:s,s:n,s:n,s:b,s:b,s:b,s:b,s:i,s:s,s:s,s:s,s:[],s:b,s:b,"
	    "s:{s:{s:s,s:s}}}",
	    "subject", "", "body", "contentType", "html", "content", "", "isAllDay", 0, "location", "displayName", "",
	    "locationType", "default", "uniqueId", "", "uniqueIdType", "unknown", "attendees", "isOnlineMeeting", 0,
	    "onlineMeetingProvider", "unknown", "onlineMeeting", "recurrence", "hideAttendees", 0, "responseRequested", 1,
	    "allowNewTimeProposals", 1, "isReminderOn", 1, "reminderMinutesBeforeStart", 15, "importance", "normal",
	    "sensitivity", "normal", "showAs", "busy", "categories", "isOrganizer", 1, "isCancelled", 0, "organizer",
	    "emailAddress", "name", name, "address", address);
}

bool
event_read(json_t *state, const json_t *given, bool creating, struct refusal *ret)
{
	const struct refusal *problem = NULL;
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)given, key, value) if (problem == NULL) problem = read_one(state, key, value);
	if (problem == NULL && creating && jx_get_str(given, "transactionId") != NULL)
		json_object_set(state, "transactionId", json_object_get(given, "transactionId"));
	if (problem == NULL)
		problem = judge_times(state);
	if (problem != NULL) {
		*ret = *problem;
		return false;
	}
	if (jx_get_bool(state, "isOnlineMeeting", false) && strcmp(jx_get_str(state, "onlineMeetingProvider"), "unknown") == 0)
		json_object_set_new(state, "onlineMeetingProvider", json_string("teamsForBusiness"));
	return judge_series(state, json_object_get(given, "recurrence") != NULL, ret);
}
