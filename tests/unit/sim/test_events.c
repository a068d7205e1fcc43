/* Events of a mailbox: what is made, refused, changed and cancelled, and who is mailed of it. */
#include "unit/sim/drive.h"

#include "base/random.h"

#define BOX      "/users/" ADA "/events"
#define PROPERTY "String {5f0e0d62-0000-4000-8000-000000000001} Name PlatformEventId"
#define TIMES                                                                                                                    \
	"\"start\":{\"dateTime\":\"2027-03-02T17:00:00\",\"timeZone\":\"Europe/Warsaw\"},"                                       \
	"\"end\":{\"dateTime\":\"2027-03-02T18:00:00\",\"timeZone\":\"Europe/Warsaw\"}"
#define TWO                                                                                                                      \
	"\"attendees\":[{\"type\":\"required\",\"emailAddress\":{\"address\":\"Bob@x.example\",\"name\":\"Bob\"}},"              \
	"{\"type\":\"optional\",\"emailAddress\":{\"address\":\"eve@x.example\"}}]"
#define ONLINE "\"isOnlineMeeting\":true,\"onlineMeetingProvider\":\"teamsForBusiness\""
#define TAG    "\"singleValueExtendedProperties\":[{\"id\":\"" PROPERTY "\",\"value\":\"evt-42\"}]"
#define BODY   "\"body\":{\"contentType\":\"html\",\"content\":\"<p>Hello</p>\"}"
#define FIND                                                                                                                     \
	BOX "?$filter=singleValueExtendedProperties/Any(ep:%20ep/"                                                               \
	    "id%20eq%20'String%20%7B5f0e0d62-0000-4000-8000-000000000001%7D%"                                                    \
	    "20Name%20PlatformEventId'%20and%20ep/value%20eq%20'"
#define EXPAND                                                                                                                   \
	"$expand=singleValueExtendedProperties($filter=id%20eq%20'String%20%7B5f0e0d62-0000-4000-8000-000000000001%7D%20Name%"   \
	"20PlatformEventId')"

static char id[256], target[512], etag[64], join[512];

static int
start(void **state)
{
	(void)state;
	drive_start(&d);
	d.prefer = "IdType=\"ImmutableId\", outlook.timezone=\"UTC\"";
	return 0;
}

/* Keeps id, etag and join link of the answer. */
static void
keep(void)
{
	const char *url = json_string_value(jx_path(d.json, "onlineMeeting", "joinUrl", NULL));

	assert_true(str_copy(id, sizeof(id), jx_get_str(d.json, "id")));
	assert_true(str_copy(etag, sizeof(etag), jx_get_str(d.json, "@odata.etag")));
	assert_true(str_copy(join, sizeof(join), url == NULL ? "" : url));
	snprintf(target, sizeof(target), BOX "/%s", id);
}

static void
make(const char *body)
{
	if (drive_graph(&d, "POST", BOX, body) != 201)
		fail_msg("%s: %s", body, d.text);
	keep();
}

/* The mailbox's mails since it began: "invitations updates cancellations". */
static const char *
mails(void)
{
	static char ret[64];
	const json_t *m;

	drive_control(&d, "GET", "mailbox?user=" ADA, NULL);
	m = jx_get_object(d.json, "mails");
	snprintf(ret, sizeof(ret), "%lld %lld %lld", (long long)jx_get_int(m, "invitations", -1),
	    (long long)jx_get_int(m, "updates", -1), (long long)jx_get_int(m, "cancellations", -1));
	return ret;
}

static const char *
time_of(const char *key)
{
	const char *text = json_string_value(jx_path(d.json, key, "dateTime", NULL));

	return text == NULL ? "" : text;
}

static void
creates(void **state)
{
	(void)state;
	make("{\"subject\":\"Talk\"," TIMES "," TWO "," ONLINE "," TAG "," BODY
	     ",\"location\":{\"displayName\":\"Hall\"},\"hideAttendees\":true}");
	assert_string_equal(time_of("start"), "2027-03-02T16:00:00.0000000");
	assert_string_equal(jx_get_str(d.json, "type"), "singleInstance");
	assert_true(str_starts(join, "https://teams.microsoft.com/l/meetup-join/19%3ameeting_"));
	assert_non_null(strstr(json_string_value(jx_path(d.json, "body", "content", NULL)), join));
	assert_non_null(strstr(json_string_value(jx_path(d.json, "body", "content", NULL)), "<p>Hello</p>"));
	assert_null(json_object_get(d.json, "singleValueExtendedProperties"));
	assert_true(str_starts(etag, "W/\""));
	assert_string_equal(mails(), "2 0 0");
	assert_int_equal(drive_graph(&d, "GET", target, NULL), 200);
	assert_string_equal(jx_get_str(d.json, "id"), id);
	assert_string_equal(jx_get_str(d.json, "@odata.etag"), etag);
	assert_true(jx_get_bool(d.json, "hideAttendees", false));
	assert_string_equal(json_string_value(jx_path(d.json, "location", "displayName", NULL)), "Hall");
}

static void
refuses(void **state)
{
	static const struct {
		const char *body, *code;
	} cases[] = {
		{ "{\"subject\":\"x\"}", "ErrorPropertyValidationFailure" },
		{ "{\"start\":{\"dateTime\":\"2027-03-02T17:00:00\",\"timeZone\":\"Mars/"
		  "Olympus\"},\"end\":{\"dateTime\":\"2027-03-"
		  "02T18:00:00\",\"timeZone\":\"UTC\"}}",
		    "TimeZoneNotSupportedException" },
		{ "{\"start\":{\"dateTime\":\"2027-03-02T17:00:00\",\"timeZone\":\"UTC\"},\"end\":{\"dateTime\":\"2027-03-02T16:"
		  "00:00\",\"timeZone\":\"UTC\"}}",
		    "ErrorPropertyValidationFailure" },
		{ "{\"start\":{\"dateTime\":\"tomorrow\",\"timeZone\":\"UTC\"},\"end\":{\"dateTime\":\"2027-03-02T16:00:00\","
		  "\"timeZone\":\"UTC\"}}",
		    "ErrorPropertyValidationFailure" },
		{ "{\"isAllDay\":true," TIMES "}", "ErrorPropertyValidationFailure" },
		{ "{\"isAllDay\":true,\"start\":{\"dateTime\":\"2027-03-02T00:00:00\",\"timeZone\":\"UTC\"},\"end\":{"
		  "\"dateTime\":"
		  "\"2027-03-02T00:00:00\",\"timeZone\":\"UTC\"}}",
		    "ErrorPropertyValidationFailure" },
		{ "{" TIMES ",\"colour\":\"red\"}", "RequestBodyRead" },
		{ "{" TIMES ",\"subject\":5}", "RequestBodyRead" },
		{ "{" TIMES ",\"attendees\":[{\"emailAddress\":{\"address\":\"nobody\"}}]}", "ErrorInvalidRecipients" },
		{ "{" TIMES ",\"singleValueExtendedProperties\":[{\"id\":\"String x\",\"value\":\"y\"}]}",
		    "ErrorPropertyValidationFailure" },
		{ "{" TIMES ",\"recurrence\":{\"pattern\":{\"type\":\"weekly\",\"interval\":1},\"range\":{\"type\":\"noEnd\","
		  "\"startDate\":\"2027-03-02\"}}}",
		    "ErrorPropertyValidationFailure" },
		{ "{" TIMES ",\"recurrence\":{\"pattern\":{\"type\":\"daily\",\"interval\":1},\"range\":{\"type\":\"noEnd\","
		  "\"startDate\":\"2027-03-03\"}}}",
		    "ErrorPropertyValidationFailure" },
		{ "{" TIMES ",\"recurrence\":{\"pattern\":{\"type\":\"daily\",\"interval\":0},\"range\":{\"type\":\"noEnd\","
		  "\"startDate\":\"2027-03-02\"}}}",
		    "ErrorPropertyValidationFailure" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(drive_graph(&d, "POST", BOX, cases[i].body), 400);
		assert_string_equal(drive_code(&d), cases[i].code);
	}
	assert_string_equal(mails(), "0 0 0");
}

static void
at_most_500_attendees(void **state)
{
	char *body = malloc(80000);
	size_t n;

	(void)state;
	for (int count = 500; count <= 501; count++) {
		n = (size_t)snprintf(body, 80000, "{" TIMES ",\"attendees\":[");
		for (int i = 0; i < count; i++)
			n += (size_t)snprintf(
			    body + n, 80000 - n, "%s{\"emailAddress\":{\"address\":\"user%d@x.example\"}}", i == 0 ? "" : ",", i);
		snprintf(body + n, 80000 - n, "]}");
		assert_int_equal(drive_graph(&d, "POST", BOX, body), count == 500 ? 201 : 400);
	}
	free(body);
	assert_string_equal(mails(), "500 0 0");
}

static void
all_day_is_a_day_everywhere(void **state)
{
	(void)state;
	make("{\"isAllDay\":true,\"start\":{\"dateTime\":\"2027-07-01T00:00:00\",\"timeZone\":\"Asia/Tokyo\"},"
	     "\"end\":{\"dateTime\":\"2027-07-02T00:00:00\",\"timeZone\":\"Asia/Tokyo\"}}");
	assert_string_equal(time_of("start"), "2027-07-01T00:00:00.0000000");
	assert_string_equal(jx_get_str(d.json, "originalStartTimeZone"), "Asia/Tokyo");
}

static void
mailboxes_that_are_closed(void **state)
{
	(void)state;
	assert_int_equal(drive_graph(&d, "POST", "/users/" GUEST "/events", "{" TIMES "}"), 404);
	assert_string_equal(drive_code(&d), "MailboxNotEnabledForRESTAPI");
	drive_control(&d, "POST", "users", "{\"tenant\":\"" TENANT "\",\"id\":\"" BEN "\",\"mailbox\":\"denied\"}");
	assert_int_equal(drive_graph(&d, "GET", "/users/" BEN "/events", NULL), 403);
	assert_string_equal(drive_code(&d), "ErrorAccessDenied");
	assert_int_equal(drive_graph(&d, "GET", "/users/nobody@acme.example/events", NULL), 404);
	assert_string_equal(drive_code(&d), "ErrorInvalidUser");
	drive_control(&d, "POST", "permissions", "{\"tenant\":\"" TENANT "\",\"withdraw\":[\"Calendars.ReadWrite\"]}");
	assert_int_equal(drive_graph(&d, "POST", BOX, "{" TIMES "}"), 403);
	assert_int_equal(drive_graph(&d, "GET", BOX, NULL), 200);
}

static void
found_by_property(void **state)
{
	(void)state;
	make("{\"subject\":\"A\"," TIMES "," TAG "}");
	make("{\"subject\":\"B\"," TIMES "}");
	assert_int_equal(drive_graph(&d, "GET", FIND "EVT-42')&" EXPAND, NULL), 200);
	assert_int_equal(json_array_size(jx_get_array(d.json, "value")), 1);
	assert_string_equal(jx_get_str(json_array_get(jx_get_array(d.json, "value"), 0), "subject"), "A");
	assert_string_equal(
	    jx_get_str(json_array_get(
	                   jx_get_array(json_array_get(jx_get_array(d.json, "value"), 0), "singleValueExtendedProperties"), 0),
	        "value"),
	    "evt-42");
	assert_int_equal(drive_graph(&d, "GET", FIND "evt-4')", NULL), 200);
	assert_int_equal(json_array_size(jx_get_array(d.json, "value")), 0);
	assert_int_equal(drive_graph(&d, "GET", BOX "?$filter=subject%20eq%20'A'", NULL), 400);
	assert_int_equal(drive_graph(&d, "GET",
	                     BOX "?$filter=singleValueExtendedProperties/"
	                         "Any(ep:%20ep/id%20eq%20'String%20%7B5f0e0d62-0000-4000-8000-000000000001%7D%20Name%"
	                         "20PlatformEventId'%20and%20startswith(ep/value,'evt'))",
	                     NULL),
	    200);
	assert_int_equal(json_array_size(jx_get_array(d.json, "value")), 1);
}

static void
lists_in_pages(void **state)
{
	size_t seen = 0;
	char next[1024];

	(void)state;
	for (int i = 0; i < 25; i++)
		make("{" TIMES "}");
	str_copy(next, sizeof(next), BOX "?$select=subject");
	for (;;) {
		assert_int_equal(drive_graph(&d, "GET", next, NULL), 200);
		seen += json_array_size(jx_get_array(d.json, "value"));
		assert_null(jx_get_str(json_array_get(jx_get_array(d.json, "value"), 0), "iCalUId"));
		if (jx_get_str(d.json, "@odata.nextLink") == NULL)
			break;
		assert_true(str_copy(next, sizeof(next), jx_get_str(d.json, "@odata.nextLink")));
	}
	assert_int_equal(seen, 25);
}

/* The same transaction never makes two events. */
static void
repeats_make_no_second(void **state)
{
	static const char body[] = "{\"subject\":\"Once\"," TIMES "," TWO ",\"transactionId\":\"t-1\"}";
	int answered = 0, refused = 0, named = 0;

	(void)state;
	make(body);
	for (int i = 0; i < 40; i++) {
		int status = drive_graph(&d, "POST", BOX, body);
		const char *old = json_string_value(jx_path(d.json, "error", "@event.existingEventId", NULL));

		answered += status == 201 && strcmp(jx_get_str(d.json, "id"), id) == 0;
		refused += (status == 400 || status == 409) && strcmp(drive_code(&d), "ErrorDuplicateTransactionId") == 0;
		named += old != NULL && strcmp(old, id) == 0;
	}
	assert_int_equal(answered + refused, 40);
	assert_true(answered > 0 && refused > 0 && named > 0 && named < refused);
	assert_string_equal(mails(), "2 0 0");
	for (int i = 0; i < 8; i++) {
		int status = drive_graph(&d, "POST", BOX, "{\"subject\":\"Other\"," TIMES ",\"transactionId\":\"t-1\"}");

		assert_true(status == 400 || status == 409);
	}
}

static void
patches_mail_whom_they_concern(void **state)
{
	static const struct {
		const char *why, *body, *mails;
	} cases[] = {
		{ "nothing is said", "{}", "2 0 0" },
		{ "the same again", "{\"subject\":\"Talk\"}", "2 0 0" },
		{ "a matter of the organizer's own", "{\"reminderMinutesBeforeStart\":5,\"showAs\":\"free\"}", "2 0 0" },
		{ "a new title", "{\"subject\":\"Better talk\"}", "2 2 0" },
		{ "the same attendees, said anew", "{" TWO "}", "2 2 0" },
		{ "one more",
		    "{\"attendees\":[{\"emailAddress\":{\"address\":\"bob@X.example\"}},{\"emailAddress\":{\"address\":\"eve@x."
		    "example\"}},"
		    "{\"emailAddress\":{\"address\":\"zoe@x.example\"}}]}",
		    "3 2 0" },
		{ "one less",
		    "{\"attendees\":[{\"emailAddress\":{\"address\":\"bob@x.example\"}},{\"emailAddress\":{\"address\":\"zoe@x."
		    "example\"}}]}",
		    "3 2 1" },
		{ "moved, and one more",
		    "{\"end\":{\"dateTime\":\"2027-03-02T19:00:00\",\"timeZone\":\"Europe/"
		    "Warsaw\"},\"attendees\":[{\"emailAddress\":{"
		    "\"address\":\"bob@x.example\"}},{\"emailAddress\":{\"address\":\"zoe@x.example\"}},{\"emailAddress\":{"
		    "\"address\":"
		    "\"eve@x.example\"}}]}",
		    "4 4 1" },
	};

	(void)state;
	make("{\"subject\":\"Talk\"," TIMES "," TWO "," TAG "}");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (drive_graph(&d, "PATCH", target, cases[i].body) != 200 || strcmp(mails(), cases[i].mails) != 0)
			fail_msg("%s: %s", cases[i].why, mails());
	}
	assert_int_equal(
	    drive_graph(&d, "PATCH", target, "{\"end\":{\"dateTime\":\"2027-01-01T00:00:00\",\"timeZone\":\"UTC\"}}"), 400);
	drive_control(&d, "GET", "events?user=" ADA "&property=evt-42&brief=true", NULL);
	assert_int_equal(json_array_size(jx_get_array(d.json, "events")), 1);
}

static void
loud_when_asked(void **state)
{
	(void)state;
	drive_control(&d, "POST", "settings", "{\"mail_unchanged\":true}");
	make("{\"subject\":\"Talk\"," TIMES "," TWO "}");
	assert_int_equal(drive_graph(&d, "PATCH", target, "{\"showAs\":\"free\"}"), 200);
	assert_string_equal(mails(), "2 0 0");
	assert_int_equal(drive_graph(&d, "PATCH", target, "{\"subject\":\"Talk\"}"), 200);
	assert_string_equal(mails(), "2 2 0");
}

static void
mails_by_attendee(void **state)
{
	const json_t *list, *bob;

	(void)state;
	make("{" TIMES "," TWO "}");
	assert_int_equal(
	    drive_graph(&d, "PATCH", target, "{\"attendees\":[{\"emailAddress\":{\"address\":\"eve@x.example\"}}]}"), 200);
	drive_control(&d, "GET", "events?user=ADA@acme.example", NULL);
	list = jx_get_array(json_array_get(jx_get_array(d.json, "events"), 0), "attendees");
	assert_int_equal(json_array_size(list), 2);
	bob = json_array_get(list, 1);
	assert_string_equal(jx_get_str(bob, "address"), "bob@x.example");
	assert_false(jx_get_bool(bob, "invited", true));
	assert_int_equal(jx_get_int(jx_get_object(bob, "mails"), "cancellations", 0), 1);
	/* What is over and mailed about all the same is counted by itself. */
	make("{\"start\":{\"dateTime\":\"2020-03-02T17:00:00\",\"timeZone\":\"UTC\"},\"end\":{\"dateTime\":\"2020-03-02T18:00:"
	     "00\","
	     "\"timeZone\":\"UTC\"}," TWO "}");
	drive_control(&d, "GET", "mailbox?user=" ADA, NULL);
	assert_int_equal(jx_get_int(d.json, "late_mails", 0), 2);
}

static void
versions(void **state)
{
	(void)state;
	make("{\"subject\":\"A\"," TIMES "}");
	d.if_match = etag;
	assert_int_equal(drive_graph(&d, "PATCH", target, "{\"subject\":\"B\"}"), 200);
	assert_string_not_equal(jx_get_str(d.json, "@odata.etag"), etag);
	assert_int_equal(drive_graph(&d, "PATCH", target, "{\"subject\":\"C\"}"), 412);
	assert_string_equal(drive_code(&d), "ErrorIrresolvableConflict");
	assert_int_equal(drive_graph(&d, "DELETE", target, NULL), 412);
	d.if_match = NULL;
	assert_int_equal(drive_graph(&d, "PATCH", target, "{\"subject\":\"C\"}"), 200);
	drive_control(&d, "POST", "faults", "{\"kind\":\"status\",\"status\":412,\"method\":\"PATCH\",\"path\":\"/users/\"}");
	assert_int_equal(drive_graph(&d, "PATCH", target, "{\"subject\":\"D\"}"), 412);
	assert_string_equal(drive_code(&d), "ErrorIrresolvableConflict");
	assert_int_equal(drive_graph(&d, "PATCH", target, "{\"subject\":\"D\"}"), 200);
}

static void
a_lost_join_block_is_an_error(void **state)
{
	json_t *body;
	char *text;

	(void)state;
	make("{" TIMES "," ONLINE "," BODY "}");
	/* Keeping the block. */
	assert_true(asprintf(&text, "<p>New</p>%s", json_string_value(jx_path(d.json, "body", "content", NULL))) > 0);
	body = json_pack("{s:{s:s,s:s}}", "body", "contentType", "html", "content", text);
	free(text);
	text = json_dumps(body, 0);
	assert_int_equal(drive_graph(&d, "PATCH", target, text), 200);
	assert_string_equal(json_string_value(jx_path(d.json, "onlineMeeting", "joinUrl", NULL)), join);
	free(text);
	json_decref(body);
	assert_int_equal(drive_noted(&d, "join_block_lost"), 0);
	/* Without it. */
	assert_int_equal(drive_graph(&d, "PATCH", target, "{" BODY "}"), 200);
	assert_null(json_string_value(jx_path(d.json, "onlineMeeting", "joinUrl", NULL)));
	assert_int_equal(drive_noted(&d, "join_block_lost"), 1);
	/* A person's editor keeps it. */
	make("{" TIMES "," ONLINE "," BODY "}");
	snprintf(target, sizeof(target), "{\"op\":\"change\",\"user\":\"" ADA "\",\"id\":\"%s\",\"event\":{" BODY "}}", id);
	drive_control(&d, "POST", "events", target);
	assert_string_equal(jx_get_str(d.json, "join_url"), join);
}

static void
late_join_link(void **state)
{
	(void)state;
	drive_control(
	    &d, "POST", "faults", "{\"kind\":\"late_join\",\"delay_ms\":30000,\"method\":\"POST\",\"path\":\"/users/\"}");
	make("{" TIMES "," ONLINE "," TWO "}");
	assert_string_equal(join, "");
	drive_wait(&d, 29000);
	assert_int_equal(drive_graph(&d, "GET", target, NULL), 200);
	keep();
	assert_string_equal(join, "");
	drive_wait(&d, 2000);
	assert_int_equal(drive_graph(&d, "GET", target, NULL), 200);
	keep();
	assert_true(str_starts(join, "https://teams.microsoft.com/"));
	assert_string_equal(mails(), "2 0 0");
}

static void
cancels_and_deletes(void **state)
{
	char cancel[600];

	(void)state;
	make("{" TIMES "," TWO "}");
	snprintf(cancel, sizeof(cancel), "%s/cancel", target);
	assert_int_equal(drive_graph(&d, "POST", cancel, "{\"comment\":\"Ill\"}"), 202);
	assert_null(d.json);
	assert_string_equal(mails(), "2 0 2");
	drive_control(&d, "GET", "events?user=" ADA "&gone=true", NULL);
	assert_string_equal(jx_get_str(json_array_get(jx_get_array(d.json, "events"), 0), "comment"), "Ill");
	assert_int_equal(drive_graph(&d, "GET", target, NULL), 404);
	assert_string_equal(drive_code(&d), "ErrorItemNotFound");
	assert_int_equal(drive_graph(&d, "POST", cancel, "{}"), 404);
	make("{" TIMES "," TWO "}");
	assert_int_equal(drive_graph(&d, "DELETE", target, NULL), 204);
	assert_int_equal(drive_graph(&d, "DELETE", target, NULL), 404);
	assert_string_equal(mails(), "4 0 4");
	/* Somebody else's meeting is not ours to cancel. */
	drive_control(&d, "POST", "events",
	    "{\"op\":\"create\",\"user\":\"" ADA "\",\"organizer\":\"boss@x.example\",\"event\":{" TIMES "," TWO "}}");
	snprintf(cancel, sizeof(cancel), BOX "/%s/cancel", jx_get_str(d.json, "id"));
	assert_int_equal(drive_graph(&d, "POST", cancel, "{}"), 400);
	assert_string_equal(mails(), "4 0 4");
}

static void
ids_of_two_kinds(void **state)
{
	char other[256], old[512];

	(void)state;
	make("{" TIMES "}");
	d.prefer = NULL;
	assert_int_equal(drive_graph(&d, "GET", target, NULL), 200);
	assert_int_equal(drive_noted(&d, "mutable_id"), 1);
	assert_int_equal(drive_graph(&d, "GET", target, NULL), 200);
	assert_true(str_copy(other, sizeof(other), jx_get_str(d.json, "id")));
	assert_string_not_equal(other, id);
	snprintf(old, sizeof(old), BOX "/%s", other);
	assert_int_equal(drive_graph(&d, "GET", old, NULL), 200);
	snprintf(other, sizeof(other), "{\"op\":\"move\",\"user\":\"" ADA "\",\"id\":\"%s\"}", id);
	drive_control(&d, "POST", "events", other);
	assert_int_equal(drive_graph(&d, "GET", old, NULL), 404);
	assert_int_equal(drive_graph(&d, "GET", target, NULL), 200);
	/* Case tells ids apart. */
	d.prefer = "IdType=\"ImmutableId\"";
	make("{\"subject\":\"twin\"," TIMES "}");
	assert_true(str_copy(other, sizeof(other), id));
	make("{" TIMES "}");
	make("{" TIMES "}");
	assert_false(strcmp(other, id) == 0);
}

static void
answers(void **state)
{
	char body[512];

	(void)state;
	make("{" TIMES "," TWO "}");
	snprintf(body, sizeof(body),
	    "{\"op\":\"respond\",\"user\":\"" ADA "\",\"id\":\"%s\",\"address\":\"bob@x.example\",\"response\":\"accepted\"}",
	    id);
	drive_control(&d, "POST", "events", body);
	assert_int_equal(drive_graph(&d, "GET", target, NULL), 200);
	assert_string_equal(
	    json_string_value(jx_path(json_array_get(jx_get_array(d.json, "attendees"), 0), "status", "response", NULL)),
	    "accepted");
	assert_int_equal(drive_graph(&d, "PATCH", target, "{\"subject\":\"x\"," TWO "}"), 200);
	assert_string_equal(
	    json_string_value(jx_path(json_array_get(jx_get_array(d.json, "attendees"), 0), "status", "response", NULL)),
	    "accepted");
	assert_int_equal(
	    drive_graph(&d, "PATCH", target, "{\"end\":{\"dateTime\":\"2027-03-02T19:00:00\",\"timeZone\":\"Europe/Warsaw\"}}"),
	    200);
	assert_string_equal(
	    json_string_value(jx_path(json_array_get(jx_get_array(d.json, "attendees"), 0), "status", "response", NULL)), "none");
}

static void
after_the_effect(void **state)
{
	(void)state;
	drive_control(&d, "POST", "faults", "{\"kind\":\"timeout_after\",\"method\":\"POST\",\"path\":\"/users/\"}");
	drive_graph(&d, "POST", BOX, "{" TIMES "," TAG "}");
	assert_int_equal(d.fate, SIM_SILENT);
	drive_control(
	    &d, "POST", "faults", "{\"kind\":\"status_after\",\"status\":502,\"method\":\"POST\",\"path\":\"/users/\"}");
	assert_int_equal(drive_graph(&d, "POST", BOX, "{" TIMES "," TAG "}"), 502);
	assert_int_equal(drive_graph(&d, "GET", FIND "evt-42')", NULL), 200);
	assert_int_equal(json_array_size(jx_get_array(d.json, "value")), 2);
}

static void
reads_that_lag(void **state)
{
	(void)state;
	drive_control(&d, "POST", "settings", "{\"lag_ms\":5000}");
	make("{\"subject\":\"A\"," TIMES "," TAG "}");
	assert_int_equal(drive_graph(&d, "GET", FIND "evt-42')", NULL), 200);
	assert_int_equal(json_array_size(jx_get_array(d.json, "value")), 0);
	assert_int_equal(drive_graph(&d, "GET", target, NULL), 200);
	drive_wait(&d, 5000);
	assert_int_equal(drive_graph(&d, "PATCH", target, "{\"subject\":\"B\"}"), 200);
	assert_int_equal(drive_graph(&d, "GET", FIND "evt-42')", NULL), 200);
	assert_string_equal(jx_get_str(json_array_get(jx_get_array(d.json, "value"), 0), "subject"), "A");
	drive_wait(&d, 5000);
	drive_control(&d, "POST", "faults", "{\"kind\":\"lag\",\"delay_ms\":4000}");
	assert_int_equal(drive_graph(&d, "GET", target, NULL), 200);
	assert_string_equal(jx_get_str(d.json, "subject"), "A");
	assert_int_equal(drive_graph(&d, "GET", target, NULL), 200);
	assert_string_equal(jx_get_str(d.json, "subject"), "B");
}

static void
four_at_a_time(void **state)
{
	(void)state;
	drive_control(&d, "POST", "settings", "{\"latency_ms\":1000,\"strict\":true}");
	for (int i = 0; i < 5; i++)
		drive_send(&d, "GET", "/v1.0" BOX, NULL);
	drive_wait(&d, 2000);
	drive_control(&d, "GET", "mailbox?user=" ADA, NULL);
	assert_int_equal(jx_get_int(d.json, "in_flight_max", 0), 5);
	assert_int_equal(jx_get_int(d.json, "in_flight", -1), 0);
	assert_int_equal(drive_noted(&d, "throttled"), 1);
	drive_control(&d, "GET", "requests", NULL);
	assert_int_equal(jx_get_int(jx_get_object(d.json, "statuses"), "429", 0), 1);
}

static size_t
told(const char *change)
{
	size_t n = 0;

	for (size_t i = 0; drive_item(&d, i) != NULL; i++)
		n += str_equal_nocase(jx_get_str(drive_item(&d, i), "changeType"), change);
	return n;
}

static void
subscribe(const char *change)
{
	char body[512];

	snprintf(body, sizeof(body),
	    "{\"changeType\":\"%s\",\"resource\":\"/users/" ADA "/events\",\"notificationUrl\":\"" HOOK
	    "\",\"expirationDateTime\":\"2026-11-20T00:00:00Z\",\"clientState\":\"s\"}",
	    change);
	if (drive_graph(&d, "POST", "/subscriptions", body) != 201)
		fail_msg("%s", d.text);
}

static void
no_subscription_to_a_closed_mailbox(void **state)
{
	static const char body[] =
	    "{\"changeType\":\"updated\",\"resource\":\"/users/" BEN "/events\",\"notificationUrl\":\"" HOOK
	    "\",\"expirationDateTime\":\"2026-11-20T00:00:00Z\",\"clientState\":\"s\"}";

	(void)state;
	drive_control(&d, "POST", "users", "{\"tenant\":\"" TENANT "\",\"id\":\"" BEN "\",\"mailbox\":\"denied\"}");
	assert_int_equal(drive_graph(&d, "POST", "/subscriptions", body), 403);
	drive_control(&d, "POST", "users", "{\"tenant\":\"" TENANT "\",\"id\":\"" BEN "\",\"mailbox\":\"absent\"}");
	assert_int_equal(drive_graph(&d, "POST", "/subscriptions", body), 404);
	drive_control(&d, "POST", "users", "{\"tenant\":\"" TENANT "\",\"id\":\"" BEN "\",\"mailbox\":\"open\"}");
	assert_int_equal(drive_graph(&d, "POST", "/subscriptions", body), 201);
}

static void
tells_two_or_three_times(void **state)
{
	const json_t *item;
	char body[512];

	(void)state;
	subscribe("created,updated,deleted");
	make("{" TIMES "}");
	drive_wait(&d, 5000);
	assert_int_equal(told("created"), 1);
	assert_true(told("updated") >= 1 && told("updated") <= 2);
	item = drive_item(&d, 0);
	assert_string_equal(jx_get_str(jx_get_object(item, "resourceData"), "id"), id);
	assert_non_null(strstr(jx_get_str(item, "resource"), id));
	drive_forget_posts(&d);
	assert_int_equal(drive_graph(&d, "PATCH", target, "{\"subject\":\"x\"}"), 200);
	drive_wait(&d, 5000);
	assert_true(told("updated") >= 2 && told("updated") <= 3);
	drive_forget_posts(&d);
	drive_control(&d, "GET", "subscriptions", NULL);
	snprintf(body, sizeof(body), "{\"subscription\":\"%s\",\"member\":\"%s\",\"repeat\":100}",
	    jx_get_str(json_array_get(jx_get_array(d.json, "subscriptions"), 0), "id"), id);
	drive_control(&d, "POST", "notify", body);
	drive_wait(&d, 5000);
	assert_int_equal(told("updated"), 100);
	item = drive_item(&d, 99);
	assert_string_equal(jx_get_str(jx_get_object(item, "resourceData"), "id"), id);
	assert_true(str_equal_nocase(jx_get_str(jx_get_object(item, "resourceData"), "@odata.type"), "#microsoft.graph.event"));
	drive_forget_posts(&d);
	assert_int_equal(drive_graph(&d, "DELETE", target, NULL), 204);
	drive_wait(&d, 5000);
	assert_int_equal(told("deleted"), 1);
	/* A subscription made without the preference has ordinary ids. */
	drive_forget_posts(&d);
	d.prefer = NULL;
	subscribe("updated");
	d.prefer = "IdType=\"ImmutableId\"";
	make("{" TIMES "}");
	drive_wait(&d, 5000);
	drive_control(&d, "GET", "events?user=" ADA, NULL);
	item = json_array_get(jx_get_array(d.json, "events"), 0);
	for (size_t i = 0, plain = 0;; i++) {
		const json_t *x = drive_item(&d, i);

		if (x == NULL) {
			assert_true(plain > 0);
			break;
		}
		plain += strcmp(jx_get_str(jx_get_object(x, "resourceData"), "id"), jx_get_str(item, "rest_id")) == 0;
	}
}

/* Whatever is sent, it is answered. */
static void
anything_is_answered(void **state)
{
	static const char good[] =
	    "{\"subject\":\"Talk\"," TIMES "," TWO "," ONLINE "," TAG "," BODY
	    ",\"recurrence\":{\"pattern\":{\"type\":\"weekly\",\"interval\":1,\"daysOfWeek\":[\"tuesday\"]},"
	    "\"range\":{\"type\":\"noEnd\",\"startDate\":\"2027-03-02\"}}}";
	static const char pool[] = "0123456789\"{}[]:,-ntZ\\'()";
	const char *text = getenv("ERGSYNC_TEST_SEED");
	uint64_t seed = 1;
	struct rng rng;
	int made = 0;

	(void)state;
	if (text != NULL)
		assert_int_equal(parse_u64(text, &seed), ERR_OK);
	print_message("seed %llu\n", (unsigned long long)seed);
	rng = rng_seeded(seed);
	make("{" TIMES "}");
	for (int i = 0; i < 1500; i++) {
		char body[sizeof(good)];
		int status;

		memcpy(body, good, sizeof(good));
		for (uint64_t n = rng_below(&rng, 4) + 1; n > 0; n--)
			body[rng_below(&rng, sizeof(good) - 1)] = pool[rng_below(&rng, sizeof(pool) - 1)];
		status = i % 2 == 0 ? drive_graph(&d, "POST", BOX, body) : drive_graph(&d, "PATCH", target, body);
		made += status < 300;
		assert_true(status == 200 || status == 201 || status == 400);
	}
	assert_true(made > 20);
	assert_int_equal(
	    drive_graph(&d, "GET",
	        "/users/" ADA "/calendarView?$top=999&startDateTime=0001-01-01T00:00:00Z&endDateTime=9999-12-31T00:00:00Z", NULL),
	    200);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, drive_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(creates),
		TEST(refuses),
		TEST(at_most_500_attendees),
		TEST(all_day_is_a_day_everywhere),
		TEST(mailboxes_that_are_closed),
		TEST(found_by_property),
		TEST(lists_in_pages),
		TEST(repeats_make_no_second),
		TEST(patches_mail_whom_they_concern),
		TEST(loud_when_asked),
		TEST(mails_by_attendee),
		TEST(versions),
		TEST(a_lost_join_block_is_an_error),
		TEST(late_join_link),
		TEST(cancels_and_deletes),
		TEST(ids_of_two_kinds),
		TEST(answers),
		TEST(after_the_effect),
		TEST(reads_that_lag),
		TEST(four_at_a_time),
		TEST(no_subscription_to_a_closed_mailbox),
		TEST(tells_two_or_three_times),
		TEST(anything_is_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
