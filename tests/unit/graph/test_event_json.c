/* Events between Graph's JSON and our words: read as Graph sends them, written so that they read back the same. */
#include "graph/event_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "graph/join_block.h"
#include "model/event_json.h"
#include "model/rrule.h"
#include "unit/base/check.h"
#include "unit/base/seed.h"

#define LINE  "________________________________________________________________________________"
#define BLOCK "<div class='me-email-text'><div>" LINE "</div><a href='https://teams.microsoft.com/l/meetup-join/x'>Join</a></div>"

/* Gives; ' stands for " outside of BLOCK's tags, which take either. */
static json_t *
json_of(const char *text)
{
	char *copy = strdup(text);
	json_t *json;

	assert_non_null(copy);
	for (char *c = copy; *c != '\0'; c++)
		*c = *c == '\'' ? '"' : *c == '`' ? '\'' : *c;
	json = json_loads(copy, 0, NULL);
	if (json == NULL)
		fail_msg("%s", text);
	free(copy);
	return json;
}

static enum err
read_text(const char *text, struct graph_event *ret)
{
	json_t *json = json_of(text);
	enum err e = graph_event_read(json, ret);

	json_decref(json);
	return e;
}

#define TIMES                                                                                                                    \
	"'start':{'dateTime':'2026-12-01T16:00:00.0000000','timeZone':'UTC'},'end':{'dateTime':'2026-12-01T17:00:00.0000000',"   \
	"'timeZone':'UTC'},'originalStartTimeZone':'Central European Standard Time'"

static void
a_single_meeting(void **state)
{
	static const char text[] =
	    "{'@odata.etag':'W/\\\"abc==\\\"','id':'AAMk/"
	    "+=','iCalUId':'0400','transactionId':'3c8f510e-0000-5000-8000-000000000001',"
	    "'subject':'Book club','type':'singleInstance','isOrganizer':true,'isOnlineMeeting':true,'hideAttendees':true," TIMES
	    ","
	    "'onlineMeeting':{'joinUrl':'https://teams.microsoft.com/l/meetup-join/x'},'location':{'displayName':'Room 1'},"
	    "'body':{'contentType':'html','content':'<html><head></head><body><p>Hi</p><div class=`me-email-text`>" LINE
	    "</div></body></html>'},'lastModifiedDateTime':'2026-11-22T08:00:00.1234567Z','attendees':["
	    "{'type':'required','status':{'response':'accepted','time':'2026-11-22T09:00:00Z'},'emailAddress':{'name':'a@x.org','"
	    "address':'a@x.org'}},"
	    "{'type':'optional','status':{'response':'none','time':'0001-01-01T00:00:00Z'},'emailAddress':{'name':'Bo','address':"
	    "'b@x.org'}},"
	    "{'type':'required','status':{'response':'tentativelyAccepted'},'emailAddress':{'address':'c@x.org'}},"
	    "{'type':'required','status':{'response':'organizer'},'emailAddress':{'address':'o@x.org'}},"
	    "{'type':'required','emailAddress':{}}],"
	    "'singleValueExtendedProperties':[{'id':'String {5F0E0D62-7C41-4B8E-9D35-E1A6C0B2D401} Name "
	    "PlatformEventId','value':'blue/e1/2'}],"
	    "'unknownThing':{'x':[]}}";
	struct graph_event e;
	char time[LOCAL_TIME_SIZE];

	(void)state;
	assert_int_equal(read_text(text, &e), ERR_OK);
	assert_string_equal(e.id, "AAMk/+=");
	assert_string_equal(e.etag, "W/\"abc==\"");
	assert_string_equal(e.join_url, "https://teams.microsoft.com/l/meetup-join/x");
	assert_true(e.tagged && e.is_organizer && !e.partial && !e.removed);
	assert_string_equal(e.tag.event.s, "e1");
	assert_int_equal(e.tag.generation, 2);
	assert_string_equal(e.fields->time_zone, "Europe/Warsaw");
	local_time_format(e.fields->start, time);
	assert_string_equal(time, "2026-12-01T17:00:00");
	assert_string_equal(e.fields->body_html, "<p>Hi</p>");
	assert_true(strstr(e.join_block, "me-email-text") != NULL);
	assert_int_equal(e.fields->attendee_count, 3);
	assert_string_equal(e.fields->attendees[0].name, ""); /* Exchange's filling */
	assert_int_equal(e.fields->attendees[0].response, RESPONSE_ACCEPTED);
	assert_true(e.fields->attendees[0].response_wall_ms > 0 && e.fields->attendees[1].response_wall_ms == 0);
	assert_int_equal(e.responses.accepted, 1);
	assert_int_equal(e.responses.tentative, 1);
	assert_int_equal(e.responses.none, 1);
	assert_true(e.fields->hide_attendees && e.fields->online && !e.fields->cancelled);
	graph_event_done(&e);
}

static void
what_deltas_have(void **state)
{
	struct graph_event e;

	(void)state;
	assert_int_equal(read_text("{'id':'a','@removed':{'reason':'deleted'}}", &e), ERR_OK);
	assert_true(e.removed && e.fields == NULL);
	graph_event_done(&e);
	assert_int_equal(read_text("{'id':'o','type':'occurrence','seriesMasterId':'m'," TIMES "}", &e), ERR_OK);
	assert_true(e.partial && e.fields == NULL && e.start_ms > 0);
	assert_string_equal(e.series_id, "m");
	graph_event_done(&e);
	assert_int_equal(
	    read_text("{'id':'x','type':'exception','subject':'s','originalStart':'2026-12-01T16:00:00Z'," TIMES "}", &e),
	    ERR_OK);
	assert_int_equal(e.type, GRAPH_EVENT_EXCEPTION);
	assert_int_equal(e.original_ms, e.start_ms);
	graph_event_done(&e);
}

static void
what_cannot_be_trusted(void **state)
{
	static const char *const texts[] = {
		"{}",
		"{'id':''}",
		"{'id':7}",
		"{'id':'a'}",
		"{'id':'a','start':{'dateTime':'soon','timeZone':'UTC'},'end':{'dateTime':'2026-12-01T17:00:00','timeZone':'UTC'}"
		"}",
		"{'id':'a','start':{'dateTime':'2026-12-01T17:00:00','timeZone':'Mars'},'end':{'dateTime':'2026-12-01T17:00:00','"
		"timeZone':'UTC'}}",
		"{'id':'a','subject':'x'," TIMES ",'recurrence':{'pattern':{'type':'hourly','interval':1}}}",
	};
	struct graph_event e;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		json_t *json = json_of(texts[i]);
		enum err loose;

		assert_int_equal(graph_event_read(json, &e), ERR_UNEXPECTED);
		assert_null(e.fields);
		/* In a list, one with an id is not in the way. */
		loose = graph_event_read_loosely(json, &e);
		assert_int_equal(loose, i < 3 ? ERR_UNEXPECTED : ERR_OK);
		assert_true(loose != ERR_OK || (e.partial && strcmp(e.id, "a") == 0));
		graph_event_done(&e);
		json_decref(json);
	}
}

static void
a_series_and_its_zone(void **state)
{
	struct graph_event e;

	(void)state;
	assert_int_equal(
	    read_text(
	        "{'id':'m','type':'seriesMaster','subject':'x'," TIMES
	        ",'recurrence':{'pattern':{'type':'weekly','interval':1,'daysOfWeek':['tuesday'],'firstDayOfWeek':'sunday'},"
	        "'range':{'type':'noEnd','startDate':'2026-12-01','endDate':'0001-01-01','recurrenceTimeZone':'GMT Standard "
	        "Time'}}}",
	        &e),
	    ERR_OK);
	assert_int_equal(e.type, GRAPH_EVENT_SERIES);
	assert_string_equal(e.fields->rrule, "FREQ=WEEKLY;BYDAY=TU");
	assert_string_equal(e.fields->time_zone, "Europe/London");
	graph_event_done(&e);
}

/* Dates stay dates, in whatever zone they are told. */
static void
whole_days(void **state)
{
	static const char *const texts[] = {
		"{'id':'a','subject':'x','isAllDay':true,'originalStartTimeZone':'Europe/"
		"Warsaw','start':{'dateTime':'2026-12-01T00:00:00','timeZone':'UTC'},"
		"'end':{'dateTime':'2026-12-02T00:00:00','timeZone':'UTC'}}",
		"{'id':'a','subject':'x','isAllDay':true,'originalStartTimeZone':'Europe/"
		"Warsaw','start':{'dateTime':'2026-11-30T23:00:00','timeZone':'UTC'},"
		"'end':{'dateTime':'2026-12-01T23:00:00','timeZone':'UTC'}}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		char start[LOCAL_TIME_SIZE], end[LOCAL_TIME_SIZE];
		struct graph_event e;

		assert_int_equal(read_text(texts[i], &e), ERR_OK);
		local_time_format(e.fields->start, start);
		local_time_format(e.fields->end, end);
		assert_string_equal(start, "2026-12-01T00:00:00");
		assert_string_equal(end, "2026-12-02T00:00:00");
		graph_event_done(&e);
	}
}

static struct event_fields *
fields_of(const char *text)
{
	json_t *json = json_of(text), *errors = NULL;
	struct event_fields *f = NULL;

	if (event_fields_read(json, &f, &errors) != ERR_OK)
		fail_msg("%s", json_dumps(errors, 0));
	json_decref(json);
	return f;
}

static void
assert_json(json_t *json, const char *expected)
{
	json_t *other = json_of(expected);
	char *a = json_dumps(json, JSON_SORT_KEYS), *b = json_dumps(other, JSON_SORT_KEYS);

	assert_string_equal(a, b);
	free(a);
	free(b);
	json_decref(other);
	json_decref(json);
}

#define FULL                                                                                                                     \
	"{'subject':'Book club','body_html':'<p>Hi</p>','start':'2026-12-01T17:00:00','end':'2026-12-01T18:00:00',"              \
	"'time_zone':'Europe/Warsaw','location':'Room 1','attendees':[{'email':'a@x.org','name':'Ada'},{'email':'b@x.org',"      \
	"'type':'optional'}],'hide_attendees':true,'recurrence':'FREQ=WEEKLY;COUNT=3'}"

static void
a_new_meeting(void **state)
{
	struct event_fields *f = fields_of(FULL);
	const struct event_tag tag = { { "blue" }, { "e1" }, 1 };

	(void)state;
	assert_json(graph_event_create_json(f, &tag, "T"),
	    "{'subject':'Book club','body':{'contentType':'html','content':'<p>Hi</p>'},"
	    "'start':{'dateTime':'2026-12-01T17:00:00','timeZone':'Europe/"
	    "Warsaw'},'end':{'dateTime':'2026-12-01T18:00:00','timeZone':'Europe/Warsaw'},"
	    "'isAllDay':false,'location':{'displayName':'Room "
	    "1'},'isOnlineMeeting':true,'onlineMeetingProvider':'teamsForBusiness',"
	    "'attendees':[{'type':'required','emailAddress':{'address':'a@x.org','name':'Ada'}},{'type':'optional','emailAddress'"
	    ":{'address':'b@x.org'}}],"
	    "'hideAttendees':true,'recurrence':{'pattern':{'type':'weekly','interval':1,'daysOfWeek':['tuesday'],'firstDayOfWeek'"
	    ":'monday'},"
	    "'range':{'type':'numbered','startDate':'2026-12-01','numberOfOccurrences':3,'recurrenceTimeZone':'Europe/Warsaw'}},"
	    "'transactionId':'T','singleValueExtendedProperties':[{'id':'" GRAPH_EVENT_PROPERTY "','value':'blue/e1/1'}]}");
	event_fields_free(f);
}

static void
only_what_changed(void **state)
{
	struct event_fields *f = fields_of(FULL);
	json_t *o;

	(void)state;
	assert_json(graph_event_change_json(f, EVENT_MASK(SUBJECT), ""), "{'subject':'Book club'}");
	assert_json(graph_event_change_json(f, EVENT_MASK(CANCELLED) | EVENT_MASK(EXCEPTIONS), ""), "{}");
	o = graph_event_change_json(f, EVENT_MASK(BODY), BLOCK);
	assert_non_null(strstr(jx_get_str(jx_get_object(o, "body"), "content"), BLOCK));
	assert_non_null(strstr(jx_get_str(jx_get_object(o, "body"), "content"), "<p>Hi</p>"));
	json_decref(o);
	f->rrule[0] = '\0';
	assert_json(graph_event_change_json(f, EVENT_MASK(RECURRENCE), ""), "{'recurrence':null}");
	f->online = false; /* cannot be undone: left out */
	assert_json(graph_event_change_json(f, EVENT_MASK(ONLINE), ""), "{}");
	event_fields_free(f);
	/* The clocks jump over it: told as they then show. */
	f = fields_of("{'subject':'x','start':'2027-03-28T02:30:00','end':'2027-03-28T04:00:00','time_zone':'Europe/Warsaw'}");
	assert_json(graph_event_change_json(f, EVENT_MASK(TIME), ""),
	    "{'start':{'dateTime':'2027-03-28T03:30:00','timeZone':'Europe/"
	    "Warsaw'},'end':{'dateTime':'2027-03-28T04:00:00','timeZone':"
	    "'Europe/Warsaw'},'isAllDay':false}");
	event_fields_free(f);
}

static void
how_many_mails(void **state)
{
	struct event_fields *was = fields_of(FULL), *now = fields_of(FULL);

	(void)state;
	assert_int_equal(graph_event_mails(NULL, now, 0), 2);
	assert_int_equal(graph_event_mails(was, now, 0), 0);
	assert_int_equal(graph_event_mails(was, now, EVENT_MASK(SUBJECT)), 2);
	assert_int_equal(graph_event_mails(was, was, EVENT_MASK(CANCELLED)), 2);
	assert_true(event_text_set(&now->attendees[0].email, "c@x.org"));
	assert_int_equal(graph_event_mails(was, now, EVENT_MASK(ATTENDEES)), 2); /* one comes, one goes */
	assert_int_equal(graph_event_mails(was, now, EVENT_MASK(ATTENDEES) | EVENT_MASK(TIME)), 3);
	event_fields_free(was);
	event_fields_free(now);
}

static void
exceptions_of_a_series(void **state)
{
	struct event_fields *f =
	    fields_of("{'subject':'x','start':'2027-03-23T17:00:00','end':'2027-03-23T18:00:00','time_zone':'Europe/Warsaw',"
	              "'recurrence':'FREQ=WEEKLY','location':'Room 1'}");
	json_t *json =
	    json_of("{'id':'m','cancelledOccurrences':['OID.AAMk.x=.2027-03-30','OID.AAMk.x=.2027-04-13'],'exceptionOccurrences':"
	            "[{'id':'e',"
	            "'type':'exception','subject':'x','location':{'displayName':'Room 2'},'originalStart':'2027-04-06T15:00:00Z',"
	            "'start':{'dateTime':'2027-04-07T15:00:00','timeZone':'UTC'},'end':{'dateTime':'2027-04-07T16:00:00','"
	            "timeZone':'UTC'}}]}");
	char at[TIMESTAMP_SIZE];

	(void)state;
	for (int i = 0; i < 2; i++) { /* read again: the same */
		assert_int_equal(graph_event_exceptions_read(json, f), ERR_OK);
		assert_int_equal(f->exception_count, 3);
		timestamp_format(f->exceptions[0].original_ms, at);
		assert_string_equal(at, "2027-03-30T15:00:00Z"); /* summer time */
		assert_true(f->exceptions[0].cancelled && !f->exceptions[1].cancelled && f->exceptions[2].cancelled);
		assert_string_equal(f->exceptions[1].subject, "");
		assert_string_equal(f->exceptions[1].location, "Room 2");
		assert_int_equal(f->exceptions[1].end_ms - f->exceptions[1].start_ms, 3600000);
	}
	json_object_set_new(json, "cancelledOccurrences", json_pack("[s]", "nonsense"));
	assert_int_equal(graph_event_exceptions_read(json, f), ERR_UNEXPECTED);
	json_decref(json);
	event_fields_free(f);
}

/* What is written for an event and read back as Graph shows it, in UTC, is the same meeting. */
static json_t *
as_graph_shows(const struct event_fields *f)
{
	json_t *o = graph_event_create_json(f, &(struct event_tag){ { "b" }, { "e" }, 1 }, "T");
	static const char *const keys[] = { "start", "end" };

	json_object_set_new(o, "id", json_string("AAMk"));
	json_object_set_new(o, "type", json_string(f->rrule[0] != '\0' ? "seriesMaster" : "singleInstance"));
	json_object_set_new(o, "originalStartTimeZone", json_string(f->time_zone));
	for (size_t i = 0; i < 2 && !f->all_day; i++) {
		int64_t ms = i == 0 ? event_start_ms(f) : event_end_ms(f);
		char text[LOCAL_TIME_SIZE];

		local_time_format((struct local_time){ ms / 1000 }, text);
		json_object_set_new(o, keys[i], json_pack("{s:s, s:s}", "dateTime", text, "timeZone", "UTC"));
	}
	return o;
}

static void
there_and_back(void **state)
{
	static const char *const zones[] = { "Europe/Warsaw", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu",
		"UTC" };
	static const char *const rules[] = { "", "FREQ=DAILY;COUNT=4", "FREQ=WEEKLY", "FREQ=WEEKLY;INTERVAL=2;UNTIL=20300101" };
	struct rng rng = test_rng("events");

	(void)state;
	for (int i = 0; i < 400; i++) {
		struct event_fields *f = event_fields_new();
		struct recurrence r;
		struct graph_event e;
		json_t *json;
		char why[480];
		const char *rule = rules[rng_below(&rng, COUNT(rules))];

		assert_true(str_copy(f->time_zone, sizeof(f->time_zone), zones[rng_below(&rng, COUNT(zones))]));
		f->all_day = rng_below(&rng, 3) == 0;
		f->online = rng_below(&rng, 2);
		f->start.s = INT64_C(1767225600) + (int64_t)rng_below(&rng, 1000) * (f->all_day ? 86400 : 81900);
		f->end.s = f->start.s + (f->all_day ? 86400 : 5400);
		if (rule[0] != '\0' && rrule_read(rule, f->start, f->time_zone, &r, why, sizeof(why)) == ERR_OK)
			recurrence_to_rrule(&r, f->rrule);
		assert_true(event_text_set(&f->subject, "x") && event_attendee_add(f, "a@x.org", "A", ATTENDEE_OPTIONAL));
		json = as_graph_shows(f);
		assert_int_equal(graph_event_read(json, &e), ERR_OK);
		if (event_fields_diff(f, e.fields) != 0)
			fail_msg("round %d differs in %x", i, event_fields_diff(f, e.fields));
		graph_event_done(&e);
		json_decref(json);
		event_fields_free(f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_single_meeting),
		cmocka_unit_test(what_deltas_have),
		cmocka_unit_test(what_cannot_be_trusted),
		cmocka_unit_test(a_series_and_its_zone),
		cmocka_unit_test(whole_days),
		cmocka_unit_test(a_new_meeting),
		cmocka_unit_test(only_what_changed),
		cmocka_unit_test(how_many_mails),
		cmocka_unit_test(exceptions_of_a_series),
		cmocka_unit_test(there_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
