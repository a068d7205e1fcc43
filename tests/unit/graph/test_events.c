/* The calls on a mailbox: what is asked, with which headers, and what the answers mean. */
#include "graph/events.h"

#include "base/json.h"
#include "unit/graph/fake.h"

#define IMMUTABLE "IdType=\"ImmutableId\", outlook.timezone=\"UTC\""
#define LITERAL   "%27String%20%7B5f0e0d62-7c41-4b8e-9d35-e1a6c0b2d401%7D%20Name%20PlatformEventId%27"
#define EXPAND    "$expand=singleValueExtendedProperties($filter=id%20eq%20" LITERAL ")"
#define MAILBOX   FAKE_BASE "/users/" USER_1
#define TIMES                                                                                                                    \
	"\"start\":{\"dateTime\":\"2026-12-01T16:00:00\",\"timeZone\":\"UTC\"},\"end\":{\"dateTime\":\"2026-12-01T17:00:00\","   \
	"\"timeZone\":\"UTC\"}"
#define TAGGED(id, value)                                                                                                        \
	"{\"id\":\"" id "\",\"subject\":\"x\"," TIMES ",\"singleValueExtendedProperties\":[{\"id\":\"" GRAPH_EVENT_PROPERTY      \
	"\",\"value\":\"" value "\"}]}"

static const struct event_tag tag = { { "blue" }, { "e1" }, 2 }, any = { { "blue" }, { "e1" }, 0 };

struct scene {
	struct fake fake;
	struct graph_where where;
	struct guid mailbox;
	int answers, items, ends, partial;
	enum err err, read;
	enum graph_event_refusal refusal;
	struct event_tag wanted;
	char found[64], delta_link[256];
};

static void
plain(struct fake *f, const struct fake_seen *seen, struct fake_reply *reply)
{
	if (fake_is_token(seen))
		return;
	reply->delay_ms = 200;
	if (f->word != NULL)
		(void)snprintf(reply->body, sizeof(reply->body), "%s", f->word);
}

static void
scene_make(struct scene *s, void (*script)(struct fake *f, const struct fake_seen *seen, struct fake_reply *reply))
{
	memset(s, 0, sizeof(*s));
	fake_init(&s->fake, script);
	s->where.priority = GRAPH_PERSON;
	assert_true(guid_parse(TENANT_A, &s->where.directory) && guid_parse(USER_1, &s->mailbox));
}

static void
on_done(void *arg, const struct graph_answer *a)
{
	struct scene *s = arg;

	s->answers++;
	s->err = a->err;
	s->refusal = graph_event_judge(a);
}

static const struct fake_seen *
last(const struct scene *s)
{
	return &s->fake.seen[s->fake.count - 1];
}

static void
asked(struct scene *s, const char *method, const char *url)
{
	clock_manual_advance(s->fake.clock, 60000);
	assert_string_equal(last(s)->method, method);
	assert_string_equal(last(s)->url, url);
	assert_non_null(strstr(last(s)->prefer, IMMUTABLE));
}

static void
each_call(void **state)
{
	struct event_fields *f = event_fields_new();
	struct scene s;
	struct graph *g;

	(void)state;
	scene_make(&s, plain);
	g = s.fake.graph;
	strcpy(f->time_zone, "Europe/Warsaw");
	f->end.s = 3600;
	assert_non_null(graph_event_create(g, &s.where, &s.mailbox, f, &tag, "T-1", on_done, &s));
	asked(&s, "POST", MAILBOX "/events");
	assert_non_null(strstr(last(&s)->body, "\"transactionId\":\"T-1\""));
	assert_non_null(graph_event_get(g, &s.where, &s.mailbox, "AA/k+=", on_done, &s));
	asked(&s, "GET", MAILBOX "/events/AA%2Fk%2B%3D?" EXPAND);
	assert_non_null(graph_event_find(g, &s.where, &s.mailbox, &tag, on_done, &s));
	asked(&s, "GET",
	    MAILBOX "/events?$filter=singleValueExtendedProperties/Any(ep:%20ep/id%20eq%20" LITERAL
	            "%20and%20ep/value%20eq%20%27blue%2Fe1%2F2%27)&" EXPAND);
	assert_non_null(graph_event_find(g, &s.where, &s.mailbox, &any, on_done, &s));
	asked(&s, "GET",
	    MAILBOX "/events?$filter=singleValueExtendedProperties/Any(ep:%20ep/id%20eq%20" LITERAL
	            "%20and%20startswith(ep/value,%27blue%2Fe1%2F%27))&" EXPAND);
	assert_non_null(
	    graph_event_patch(g, &s.where, &s.mailbox, "a", "W/\"1\"", json_pack("{s:s}", "subject", "y"), on_done, &s));
	asked(&s, "PATCH", MAILBOX "/events/a");
	assert_string_equal(last(&s)->if_match, "W/\"1\"");
	assert_string_equal(last(&s)->body, "{\"subject\":\"y\"}");
	assert_non_null(graph_event_patch(g, &s.where, &s.mailbox, "a", "", json_object(), on_done, &s));
	asked(&s, "PATCH", MAILBOX "/events/a");
	assert_string_equal(last(&s)->if_match, "");
	assert_non_null(graph_event_cancel(g, &s.where, &s.mailbox, "a", "Sorry", on_done, &s));
	asked(&s, "POST", MAILBOX "/events/a/cancel");
	assert_string_equal(last(&s)->body, "{\"Comment\":\"Sorry\"}");
	assert_non_null(graph_event_exceptions(g, &s.where, &s.mailbox, "m", on_done, &s));
	asked(&s, "GET",
	    MAILBOX "/events/m?$select=id,type,cancelledOccurrences,exceptionOccurrences&$expand=exceptionOccurrences");
	assert_int_equal(s.answers, 8);
	event_fields_free(f);
	fake_done(&s.fake);
}

static void
nothing_is_written_twice_blindly(void **state)
{
	struct scene s;

	(void)state;
	scene_make(&s, plain);
	s.fake.word = "not JSON, as when a proxy breaks off";
	assert_non_null(graph_event_cancel(s.fake.graph, &s.where, &s.mailbox, "a", "", on_done, &s));
	clock_manual_advance(s.fake.clock, 600000);
	assert_int_equal(s.answers, 1);
	assert_int_not_equal(s.err, ERR_OK);
	assert_int_equal(s.fake.count - s.fake.tokens, 1);
	fake_done(&s.fake);
}

static void
on_found(void *arg, const struct graph_answer *a)
{
	struct scene *s = arg;
	struct graph_event e;

	s->answers++;
	s->read = graph_event_find_read(a, &s->wanted, &e);
	s->found[0] = '\0';
	if (s->read == ERR_OK) {
		(void)snprintf(s->found, sizeof(s->found), "%s", e.id);
		graph_event_done(&e);
	}
}

static void
found_exactly(void **state)
{
	static const struct {
		const char *body;
		int64_t generation;
		enum err err;
		const char *id;
	} cases[] = {
		{ "{\"value\":[" TAGGED("a", "blue/e1/2") "]}", 2, ERR_OK, "a" },
		{ "{\"value\":[" TAGGED("a", "BLUE/E1/2") "," TAGGED("b", "blue/e1/2") "]}", 2, ERR_OK,
		    "b" }, /* Graph is blind to case */
		{ "{\"value\":[" TAGGED("a", "blue/e1/1") "," TAGGED("b", "blue/e1/3") "," TAGGED("c", "blue/e1/2") "]}", 0,
		    ERR_OK, "b" },
		{ "{\"value\":[" TAGGED("a", "blue/e10/2") "]}", 2, ERR_NOTFOUND, "" },
		{ "{\"value\":[{\"id\":\"a\",\"subject\":\"x\"," TIMES "}]}", 2, ERR_NOTFOUND, "" },
		{ "{\"value\":[]}", 2, ERR_NOTFOUND, "" },
		{ "{\"value\":[],\"@odata.nextLink\":\"" FAKE_BASE "/next\"}", 2, ERR_UNEXPECTED, "" },
		{ "{\"value\":[{\"id\":\"a\"}]}", 2, ERR_UNEXPECTED, "" },
		{ "{}", 2, ERR_UNEXPECTED, "" },
	};
	struct scene s;

	(void)state;
	scene_make(&s, plain);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		s.fake.word = cases[i].body;
		s.wanted = tag;
		s.wanted.generation = cases[i].generation;
		assert_non_null(graph_event_find(s.fake.graph, &s.where, &s.mailbox, &s.wanted, on_found, &s));
		clock_manual_advance(s.fake.clock, 60000);
		if (s.read != cases[i].err || strcmp(s.found, cases[i].id) != 0)
			fail_msg("%s: %s %s", cases[i].body, err_name(s.read), s.found);
	}
	fake_done(&s.fake);
}

static void
refusing(struct fake *f, const struct fake_seen *seen, struct fake_reply *reply)
{
	if (fake_is_token(seen))
		return;
	reply->status = (int)strtol(f->word, NULL, 10);
	(void)snprintf(reply->body, sizeof(reply->body), "{\"error\":{\"code\":\"%s\",\"message\":\"m\"}}", f->word + 4);
}

static void
why_a_mailbox_refuses(void **state)
{
	static const struct {
		const char *word; /* status and code */
		enum graph_event_refusal refusal;
	} cases[] = {
		{ "404 MailboxNotEnabledForRESTAPI", GRAPH_EVENT_NO_MAILBOX },
		{ "404 ErrorInvalidUser", GRAPH_EVENT_NO_USER },
		{ "404 Request_ResourceNotFound", GRAPH_EVENT_NO_USER },
		{ "404 ErrorItemNotFound", GRAPH_EVENT_GONE },
		{ "404 ", GRAPH_EVENT_GONE },
		{ "403 ErrorAccessDenied", GRAPH_EVENT_ACCESS_POLICY },
		{ "403 Forbidden", GRAPH_EVENT_ACCESS_POLICY },
		{ "400 ErrorDuplicateTransactionId", GRAPH_EVENT_DUPLICATE },
		{ "409 ErrorDuplicateTransactionId", GRAPH_EVENT_DUPLICATE },
		{ "412 ErrorIrresolvableConflict", GRAPH_EVENT_CHANGED },
		{ "412 PreconditionFailed", GRAPH_EVENT_CHANGED },
		{ "400 ErrorOccurrenceCrossingBoundary", GRAPH_EVENT_CROSSES },
		{ "400 ErrorInvalidRequest", GRAPH_EVENT_INVALID },
		{ "400 ErrorQuotaExceeded", GRAPH_EVENT_FULL },
		{ "400 ErrorMessageSizeExceeded", GRAPH_EVENT_TOO_LARGE },
		{ "413 ", GRAPH_EVENT_TOO_LARGE },
		{ "409 Conflict", GRAPH_EVENT_OTHER },
	};
	struct scene s;

	(void)state;
	scene_make(&s, refusing);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		s.fake.word = cases[i].word;
		s.refusal = GRAPH_EVENT_REFUSAL_COUNT;
		assert_non_null(graph_event_cancel(s.fake.graph, &s.where, &s.mailbox, "a", "", on_done, &s));
		clock_manual_advance(s.fake.clock, 60000);
		if (s.refusal != cases[i].refusal)
			fail_msg("%s: %d", cases[i].word, (int)s.refusal);
		assert_true(strlen(graph_event_refusal_text(s.refusal)) > 10);
	}
	assert_int_equal(graph_event_judge(&(struct graph_answer){ .status = 403, .err = ERR_FULL }), GRAPH_EVENT_NONE);
	s.fake.word = "503 ServiceUnavailable";
	assert_non_null(graph_event_cancel(s.fake.graph, &s.where, &s.mailbox, "a", "", on_done, &s));
	clock_manual_advance(s.fake.clock, 1200000);
	assert_int_equal(s.refusal, GRAPH_EVENT_NONE);
	fake_done(&s.fake);
}

/* --- walks --- */

static void
on_item(void *arg, struct graph_event *e)
{
	struct scene *s = arg;

	s->items++;
	s->partial += e->partial;
}

static void
on_end(void *arg, const struct graph_page_end *end)
{
	struct scene *s = arg;

	s->ends++;
	s->err = end->err;
	(void)snprintf(s->delta_link, sizeof(s->delta_link), "%s", end->delta_link != NULL ? end->delta_link : "");
}

static void
two_pages(struct fake *f, const struct fake_seen *seen, struct fake_reply *reply)
{
	(void)f;
	if (fake_is_token(seen))
		return;
	if (strstr(seen->url, "$deltatoken=old") != NULL) {
		reply->status = 410;
		(void)snprintf(reply->body, sizeof(reply->body), "{\"error\":{\"code\":\"SyncStateNotFound\"}}");
	} else if (strstr(seen->url, "$skiptoken=2") != NULL) {
		(void)snprintf(reply->body, sizeof(reply->body),
		    "{\"value\":[{\"id\":\"o\",\"type\":\"occurrence\",\"seriesMasterId\":\"m\"," TIMES
		    "},{\"id\":\"strange\",\"recurrence\":{\"pattern\":{}}," TIMES
		    "},{\"id\":\"r\",\"@removed\":{\"reason\":\"deleted\"}}],\"@odata.deltaLink\":\"" MAILBOX
		    "/calendarView/delta?$deltatoken=new\"}");
	} else {
		(void)snprintf(reply->body, sizeof(reply->body),
		    "{\"value\":[" TAGGED("a", "blue/e1/2") "],\"@odata.nextLink\":\"" MAILBOX
		                                            "/calendarView/delta?$skiptoken=2\"}");
	}
}

static void
a_window_and_what_changed_in_it(void **state)
{
	struct scene s;

	(void)state;
	scene_make(&s, two_pages);
	assert_non_null(
	    graph_calendar_start(s.fake.graph, &s.where, &s.mailbox, 1767225600000, 1798761600000, on_item, on_end, &s));
	clock_manual_advance(s.fake.clock, 60000);
	assert_int_equal(s.ends, 1);
	assert_int_equal(s.err, ERR_OK);
	assert_int_equal(s.items, 4);
	assert_int_equal(s.partial, 2); /* what nobody understands is in nobody's way */
	assert_string_equal(s.delta_link, MAILBOX "/calendarView/delta?$deltatoken=new");
	assert_string_equal(s.fake.seen[1].url,
	    MAILBOX "/calendarView/delta?startDateTime=2026-01-01T00%3A00%3A00Z&endDateTime=2027-01-01T00%3A00%3A00Z");
	for (size_t i = 1; i < s.fake.count; i++)
		assert_string_equal(s.fake.seen[i].prefer, IMMUTABLE ", odata.maxpagesize=50");
	assert_non_null(graph_calendar_next(
	    s.fake.graph, &s.where, &s.mailbox, MAILBOX "/calendarView/delta?$deltatoken=old", on_item, on_end, &s));
	clock_manual_advance(s.fake.clock, 60000);
	assert_int_equal(s.ends, 2);
	assert_int_equal(s.err, ERR_GONE);
	/* a link to somewhere else gets no token of ours */
	assert_non_null(
	    graph_calendar_next(s.fake.graph, &s.where, &s.mailbox, "https://evil.example/v1.0/users/x", on_item, on_end, &s));
	clock_manual_advance(s.fake.clock, 60000);
	assert_int_equal(s.err, ERR_UNEXPECTED);
	graph_event_walk_cancel(
	    graph_calendar_start(s.fake.graph, &s.where, &s.mailbox, 1767225600000, 1798761600000, on_item, on_end, &s));
	graph_event_walk_cancel(NULL);
	clock_manual_advance(s.fake.clock, 60000);
	assert_int_equal(s.ends, 3);
	fake_done(&s.fake);
}

static void
four_at_a_time_in_one_mailbox(void **state)
{
	size_t most = 0;
	struct scene s;

	(void)state;
	scene_make(&s, plain);
	for (int i = 0; i < 60; i++)
		assert_non_null(graph_event_get(s.fake.graph, &s.where, &s.mailbox, "a", on_done, &s));
	for (int i = 0; i < 2000 && s.answers < 60; i++) {
		clock_manual_advance(s.fake.clock, 50);
		if (s.fake.under_way > most)
			most = s.fake.under_way;
	}
	assert_int_equal(s.answers, 60);
	assert_int_equal(most, 4);
	fake_done(&s.fake);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_call),
		cmocka_unit_test(nothing_is_written_twice_blindly),
		cmocka_unit_test(found_exactly),
		cmocka_unit_test(why_a_mailbox_refuses),
		cmocka_unit_test(a_window_and_what_changed_in_it),
		cmocka_unit_test(four_at_a_time_in_one_mailbox),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
