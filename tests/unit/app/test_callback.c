/* Callbacks: bodies, signatures against vectors made elsewhere, and what answers mean. */
#include "app/callback.h"

#include <stdlib.h>
#include <string.h>

#include "app/api.h"
#include "base/clock.h"
#include "base/json.h"
#include "net/http_fake.h"
#include "unit/base/check.h"
#include "unit/base/seed.h"

#define NOW_MS INT64_C(1795334400000) /* 2026-11-22T08:00:00Z */

/* ---------- bodies ---------- */

static void
assert_body(const struct callback_event *event, json_t *data, const char *expected)
{
	char body[CHANGE_BODY_MAX + 1], again[CHANGE_BODY_MAX + 1];

	json_incref(data);
	assert_int_equal(callback_body(event, data, body, sizeof(body)), ERR_OK);
	assert_string_equal(body, expected);
	assert_int_equal(callback_body(event, data, again, sizeof(again)), ERR_OK);
	assert_string_equal(body, again);
}

static void
bodies_are_cloudevents(void **state)
{
	struct person person = { .id = 1 };
	struct callback_event event = { "ev-1", CHANGE_MEMBER_ADDED, "acme", "pride", NOW_MS };

	(void)state;
	guid_parse("0A1B2C3D-0000-4000-8000-000000000004", &person.entra_id);
	str_copy(person.email, sizeof(person.email), "ada@example.org");
	str_copy(person.name, sizeof(person.name), "Ad\xc3\xa4 \"L\"");
	assert_body(&event, callback_data_member("pride", &person, ROLE_GUEST),
	    "{\"specversion\":\"1.0\",\"id\":\"ev-1\",\"source\":\"/ergsync/"
	    "acme\",\"type\":\"ergsync.member.added\",\"subject\":\"pride\","
	    "\"time\":\"2026-11-22T08:00:00Z\",\"datacontenttype\":\"application/"
	    "json\",\"data\":{\"erg\":\"pride\",\"user\":null,"
	    "\"entra_id\":\"0a1b2c3d-0000-4000-8000-000000000004\",\"email\":\"ada@example.org\",\"name\":\"Ad\xc3\xa4 "
	    "\\\"L\\\"\","
	    "\"role\":\"guest\"}}");

	str_copy(person.user.s, sizeof(person.user.s), "u1");
	event.type = CHANGE_MEMBER_UNRESOLVED;
	assert_body(&event, callback_data_member_trouble("pride", &person, "Nobody has this address."),
	    "{\"specversion\":\"1.0\",\"id\":\"ev-1\",\"source\":\"/ergsync/acme\",\"type\":\"ergsync.member.unresolved\","
	    "\"subject\":\"pride\",\"time\":\"2026-11-22T08:00:00Z\",\"datacontenttype\":\"application/"
	    "json\",\"data\":{\"erg\":\"pride\","
	    "\"user\":\"u1\",\"email\":\"ada@example.org\",\"detail\":\"Nobody has this address.\"}}");

	event.type = CHANGE_PLAN_HELD;
	assert_body(&event, callback_data_plan("pride", "Too many.", "abc", 31),
	    "{\"specversion\":\"1.0\",\"id\":\"ev-1\",\"source\":\"/ergsync/"
	    "acme\",\"type\":\"ergsync.plan.held\",\"subject\":\"pride\","
	    "\"time\":\"2026-11-22T08:00:00Z\",\"datacontenttype\":\"application/json\",\"data\":{\"erg\":\"pride\","
	    "\"detail\":\"Too many.\",\"hash\":\"abc\",\"removals\":31}}");

	event = (struct callback_event){ "ev-2", CHANGE_RESYNC_DONE, NULL, "r1", NOW_MS + 5 };
	assert_body(&event, json_object(),
	    "{\"specversion\":\"1.0\",\"id\":\"ev-2\",\"source\":\"/"
	    "ergsync\",\"type\":\"ergsync.resync.done\",\"subject\":\"r1\","
	    "\"time\":\"2026-11-22T08:00:00.005Z\",\"datacontenttype\":\"application/json\",\"data\":{}}");
}

static void
bodies_keep_to_their_buffer(void **state)
{
	const struct callback_event event = { "ev-1", CHANGE_ERG_BROKEN, "acme", "pride", NOW_MS };
	char body[400];
	size_t needed;

	(void)state;
	assert_int_equal(callback_body(&event, callback_data_erg("pride", "x"), body, sizeof(body)), ERR_OK);
	needed = strlen(body) + 1;
	for (size_t size = 0; size < needed; size++)
		assert_int_equal(callback_body(&event, callback_data_erg("pride", "x"), body, size), ERR_TOOBIG);
	assert_int_equal(callback_body(&event, callback_data_erg("pride", "x"), body, needed), ERR_OK);
	assert_int_equal(callback_body(&event, NULL, body, sizeof(body)), ERR_NOMEM);
}

static struct event_fields *
meeting_fields(size_t body_len, size_t attendees)
{
	struct event_fields *f = event_fields_new();
	char *body = calloc(body_len + 1, 1);
	char email[64];

	assert_non_null(f);
	assert_non_null(body);
	memset(body, '"', body_len);
	assert_true(event_text_set(&f->subject, "Tea") && event_text_set(&f->body_html, body));
	free(body);
	assert_int_equal(local_time_parse("2026-12-01T17:00:00", &f->start), ERR_OK);
	assert_int_equal(local_time_parse("2026-12-01T18:00:00", &f->end), ERR_OK);
	str_copy(f->time_zone, TIME_ZONE_SIZE, "UTC");
	for (size_t i = 0; i < attendees; i++) {
		snprintf(email, sizeof(email), "somebody.with.a.name.%zu@acme.example", i);
		assert_true(event_attendee_add(f, email, "Somebody With A Name", ATTENDEE_REQUIRED));
	}
	return f;
}

static void
a_meeting_names_what_changed(void **state)
{
	struct callback_event event = { "ev-1", CHANGE_MEETING_UPDATED, "acme", "pride", NOW_MS };
	struct event_fields *fields = meeting_fields(3, 1);
	struct event e = { .responses = { 1, 2, 3, 4 }, .join_url = "https://teams.example/j" };
	json_t *data;

	(void)state;
	str_copy(e.erg.s, APP_ID_SIZE, "pride");
	str_copy(e.id.s, APP_ID_SIZE, "tea");
	assert_body(&event, callback_data_meeting(&e, fields, EVENT_MASK(SUBJECT) | EVENT_MASK(TIME) | EVENT_MASK(CANCELLED), ""),
	    "{\"specversion\":\"1.0\",\"id\":\"ev-1\",\"source\":\"/ergsync/acme\",\"type\":\"ergsync.meeting.updated\","
	    "\"subject\":\"pride\",\"time\":\"2026-11-22T08:00:00Z\",\"datacontenttype\":\"application/json\",\"data\":{"
	    "\"erg\":\"pride\",\"event\":\"tea\",\"join_url\":\"https://teams.example/j\",\"subject\":\"Tea\","
	    "\"start\":\"2026-12-01T17:00:00\",\"end\":\"2026-12-01T18:00:00\",\"time_zone\":\"UTC\",\"all_day\":false,"
	    "\"detail\":null,\"responses\":{\"accepted\":1,\"tentative\":2,\"declined\":3,\"none\":4}}}");
	event.type = CHANGE_MEETING_FAILED;
	data = callback_data_meeting(&e, NULL, 0, "No mailbox.");
	assert_string_equal(jx_get_str(data, "detail"), "No mailbox.");
	assert_int_equal(json_object_size(data), 5);
	json_decref(data);
	event_fields_free(fields);
}

/* Whatever is in a meeting, a callback stays within its bounds, and says what it leaves out. */
static void
long_meetings_fit(void **state)
{
	static const struct {
		size_t body_len, attendees;
		const char *omitted[3];
	} cases[] = {
		{ 3, 3, { NULL } },
		{ 6000, 3, { NULL } },
		{ 9000, 3, { "body_html", NULL } },
		{ 3, 500, { "attendees", NULL } },
		{ 256 << 10, 3, { "body_html", NULL } },
		{ 256 << 10, 500, { "body_html", "attendees", NULL } },
	};
	const struct callback_event event = { "ev-1", CHANGE_MEETING_UPDATED, "acme", "pride", NOW_MS };
	char body[CHANGE_BODY_MAX + 1];
	struct event e = { .responses = { 0 } };

	(void)state;
	memset(e.join_url, '"', JOIN_URL_SIZE - 1);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct event_fields *fields = meeting_fields(cases[i].body_len, cases[i].attendees);
		json_t *data = callback_data_meeting(&e, fields, EVENT_MASK_ALL, "");
		const json_t *omitted = jx_get_array(data, "omitted");
		size_t n = 0;

		for (; cases[i].omitted[n] != NULL; n++) {
			assert_string_equal(json_string_value(json_array_get(omitted, n)), cases[i].omitted[n]);
			assert_null(json_object_get(data, cases[i].omitted[n]));
			assert_non_null(jx_get_str(data, "detail"));
		}
		assert_int_equal(json_array_size(omitted), n);
		assert_string_equal(jx_get_str(data, "subject"), "Tea");
		assert_int_equal(callback_body(&event, data, body, sizeof(body)), ERR_OK);
		event_fields_free(fields);
	}
}

/* Every byte a control character: six times as long in JSON. */
static void
the_largest_resync_fits(void **state)
{
	const struct callback_event event = { "ev-1", CHANGE_RESYNC_DONE, NULL, "r1", NOW_MS };
	struct resync resync = { .scope = { RESYNC_ALL, "" }, .state = RESYNC_DONE };
	char body[CHANGE_BODY_MAX + 1];
	json_t *json;

	(void)state;
	for (int i = 0; i < RESYNC_ERRORS_MAX; i++)
		memset(resync.errors[i], 1, RESYNC_ERROR_SIZE - 1);
	assert_int_equal(callback_body(&event, callback_data_resync(&resync), body, sizeof(body)), ERR_OK);
	assert_int_equal(jx_parse(body, strlen(body), &json, NULL, 0), ERR_OK);
	assert_true(json_array_size(jx_get_array(json_object_get(json, "data"), "errors")) >= 4);
	json_decref(json);
}

static void
the_tenant_is_as_the_api_shows_it(void **state)
{
	struct tenant_view view = { .consent_url = "https://login.example/consent" };
	json_t *data;

	(void)state;
	str_copy(view.tenant.id.s, sizeof(view.tenant.id.s), "acme");
	view.tenant.state = TENANT_CONSENT_MISSING;
	data = callback_data_tenant(&view);
	assert_string_equal(jx_get_str(data, "id"), "acme");
	assert_string_equal(jx_get_str(data, "state"), "consent_missing");
	assert_string_equal(jx_get_str(data, "consent_url"), "https://login.example/consent");
	assert_null(json_object_get(data, "erg"));
	json_decref(data);
}

/* ---------- signatures ---------- */

#define OWN_SECRET "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

/* The first is the published example of Standard Webhooks; the others were made with openssl dgst -mac HMAC. */
static const struct {
	const char *secret, *id;
	int64_t timestamp;
	const char *body, *signature;
} vectors[] = {
	{ "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "{\"test\": 2432232314}",
	    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" },
	{ OWN_SECRET, "ev-1", 1795334400, "", "v1,PASbPNQjZhyiRtXd7V/ZFsJlBcWfFHjlDvJbp3c9KJY=" },
	{ OWN_SECRET, "ev-1", 1795334400, "{\"a\":\"\xc3\xa9\"}", "v1,U1msF9TsNOLw2N4ahbatUX0rhPQ6EFP/SY8y15hGZac=" },
};

static void
signatures_match_independent_vectors(void **state)
{
	char signature[CALLBACK_SIGNATURE_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(vectors); i++) {
		assert_int_equal(callback_secret_check(vectors[i].secret, NULL, 0), ERR_OK);
		assert_int_equal(callback_sign(vectors[i].secret, vectors[i].id, vectors[i].timestamp, vectors[i].body,
		                     strlen(vectors[i].body), signature),
		    ERR_OK);
		assert_string_equal(signature, vectors[i].signature);
	}
}

static void
bad_secrets_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "whsec_", "whsec", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!!!", "whsec_QUJD",
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
		"whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
	};
	char why[200], signature[CALLBACK_SIGNATURE_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(callback_secret_check(bad[i], why, sizeof(why)), ERR_INVALID);
		assert_true(strlen(why) > 10);
		assert_int_equal(callback_sign(bad[i], "ev-1", 1, "", 0, signature), ERR_INVALID);
	}
}

/* ---------- judgement ---------- */

static struct http_answer
answer_of(int status, const char *body, const struct http_header *headers, size_t header_count)
{
	return (struct http_answer){ .err = ERR_OK,
		.status = status,
		.headers = headers,
		.header_count = header_count,
		.body = body,
		.body_len = strlen(body),
		.detail = "" };
}

static void
every_status_has_its_meaning(void **state)
{
	struct rng rng = rng_seeded(1);

	(void)state;
	for (int status = 100; status < 600; status++) {
		struct http_answer answer = answer_of(status, "", NULL, 0);
		struct callback_verdict v = callback_judge(&answer, CHANGE_MEMBER_REMOVED, 0, NOW_MS, &rng);
		bool refused = status == 400 || status == 404 || status == 409 || status == 410 || status == 422;

		assert_int_equal(v.status, status);
		if (status >= 200 && status < 300) {
			assert_int_equal(v.act, CALLBACK_APPLIED);
			assert_string_equal(v.detail, "");
		} else {
			assert_int_equal(v.act, refused ? CALLBACK_REFUSED : CALLBACK_AGAIN);
			assert_true(strlen(v.detail) > 5);
		}
		if (v.act == CALLBACK_AGAIN)
			assert_in_range(v.wait_ms, CALLBACK_BACKOFF_MIN_MS, 2 * CALLBACK_BACKOFF_MIN_MS);
	}
}

static void
the_app_may_name_the_user(void **state)
{
	static const struct {
		enum change_type type;
		int status;
		const char *body, *user;
	} cases[] = {
		{ CHANGE_MEMBER_ADDED, 200, "{\"user\":\"u42\"}", "u42" },
		{ CHANGE_MEMBER_ADDED, 201, "{\"user\":\"u42\",\"more\":1}", "u42" },
		{ CHANGE_MEMBER_ADDED, 200, "", "" },
		{ CHANGE_MEMBER_ADDED, 200, "ok", "" },
		{ CHANGE_MEMBER_ADDED, 200, "[]", "" },
		{ CHANGE_MEMBER_ADDED, 200, "{\"user\":42}", "" },
		{ CHANGE_MEMBER_ADDED, 200, "{\"user\":null}", "" },
		{ CHANGE_MEMBER_ADDED, 200, "{\"user\":\"a b\"}", "" },
		{ CHANGE_MEMBER_ADDED, 200, "{\"user\":\"entra:0a1b2c3d-0000-4000-8000-000000000004\"}", "" },
		{ CHANGE_MEMBER_REMOVED, 200, "{\"user\":\"u42\"}", "" },
		{ CHANGE_MEMBER_ADDED, 409, "{\"user\":\"u42\"}", "" },
	};
	struct rng rng = rng_seeded(1);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct http_answer answer = answer_of(cases[i].status, cases[i].body, NULL, 0);
		struct callback_verdict v = callback_judge(&answer, cases[i].type, 0, NOW_MS, &rng);

		assert_string_equal(v.user.s, cases[i].user);
	}
}

static void
details_repeat_the_answer(void **state)
{
	struct http_answer answer = answer_of(422, "{\"title\":\"T\",\"detail\":\"No such role.\"}", NULL, 0);
	struct rng rng = rng_seeded(1);

	(void)state;
	assert_string_equal(
	    callback_judge(&answer, CHANGE_MEMBER_ADDED, 0, NOW_MS, &rng).detail, "The app answered 422: No such role.");
	answer = answer_of(409, "{\"title\":\"Taken\"}", NULL, 0);
	assert_string_equal(callback_judge(&answer, CHANGE_MEMBER_ADDED, 0, NOW_MS, &rng).detail, "The app answered 409: Taken");
	answer = answer_of(500, "<html>", NULL, 0);
	assert_string_equal(callback_judge(&answer, CHANGE_MEMBER_ADDED, 0, NOW_MS, &rng).detail, "The app answered 500.");
	answer = (struct http_answer){ .err = ERR_TIMEOUT, .detail = "no complete answer in time", .body = "" };
	assert_string_equal(callback_judge(&answer, CHANGE_MEMBER_ADDED, 0, NOW_MS, &rng).detail,
	    "The app did not answer: no complete answer in time.");
}

static void
retry_after_is_honoured(void **state)
{
	static const struct {
		const char *value;
		int64_t least_ms, most_ms;
	} cases[] = {
		{ "7", 7000, 8000 },
		{ "3600", 3600000, 3601000 },
		{ "0", 1000, 2000 },
		{ "99999999999", CALLBACK_RETRY_AFTER_MAX_MS, CALLBACK_RETRY_AFTER_MAX_MS + 1000 },
		{ "Sun, 22 Nov 2026 08:02:00 GMT", 120000, 121000 },
		{ "Sun, 22 Nov 2020 08:02:00 GMT", 1000, 2000 },
		{ "soon", 1000, 2000 },
		{ "-5", 1000, 2000 },
	};
	struct rng rng = test_rng("retry");

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct http_header header = { "Retry-After", cases[i].value };
		struct http_answer answer = answer_of(503, "", &header, 1);

		for (int round = 0; round < 50; round++) {
			struct callback_verdict v = callback_judge(&answer, CHANGE_MEMBER_ADDED, 0, NOW_MS, &rng);

			assert_int_equal(v.act, CALLBACK_AGAIN);
			assert_in_range(v.wait_ms, cases[i].least_ms, cases[i].most_ms);
		}
	}
}

/* It never gives up, never waits longer than the most, and never comes back at once. */
static void
waiting_grows_to_its_most_and_stays_there(void **state)
{
	struct rng rng = test_rng("backoff");

	(void)state;
	for (int round = 0; round < 2000; round++) {
		int64_t attempts = round < 1000 ? round : (int64_t)(rng_u64(&rng) >> 1);
		struct http_answer answer = { .err = ERR_UNREACHABLE, .body = "", .detail = "no connection" };
		struct callback_verdict v = callback_judge(&answer, CHANGE_MEMBER_ADDED, attempts, NOW_MS, &rng);
		int64_t most = attempts < 8 ? (int64_t)(2000) << attempts : CALLBACK_BACKOFF_MAX_MS;

		assert_int_equal(v.act, CALLBACK_AGAIN);
		assert_int_equal(v.status, 0);
		assert_true(v.wait_ms >= CALLBACK_BACKOFF_MIN_MS && v.wait_ms <= CALLBACK_BACKOFF_MAX_MS);
		assert_true(
		    v.wait_ms <= most && v.wait_ms >= (most < CALLBACK_BACKOFF_MAX_MS ? most : CALLBACK_BACKOFF_MAX_MS) / 2);
	}
}

/* An answer that broke off may have named the user. */
static void
a_broken_off_answer_is_asked_for_again(void **state)
{
	struct http_answer answer = { .err = ERR_REMOTE, .status = 200, .body = "", .detail = "the answer ended early" };
	struct rng rng = rng_seeded(1);

	(void)state;
	assert_int_equal(callback_judge(&answer, CHANGE_MEMBER_ADDED, 0, NOW_MS, &rng).act, CALLBACK_AGAIN);
}

static void
random_answers_are_survived(void **state)
{
	static const char alphabet[] = "{}[]\":,useridtal\\u00\xc3\xa4\xff 12\x01";
	struct rng rng = test_rng("answers");

	(void)state;
	for (int round = 0; round < 5000; round++) {
		char body[200];
		size_t len = rng_below(&rng, sizeof(body));
		struct http_answer answer = { .err = ERR_OK, .status = (int)rng_below(&rng, 700), .body = body, .detail = "" };
		struct callback_verdict v;

		for (size_t i = 0; i < len; i++)
			body[i] = alphabet[rng_below(&rng, sizeof(alphabet))];
		body[len < sizeof(body) ? len : sizeof(body) - 1] = '\0';
		answer.body_len = strlen(body);
		v = callback_judge(&answer, CHANGE_MEMBER_ADDED, (int64_t)rng_below(&rng, 100), NOW_MS, &rng);
		assert_true(v.user.s[0] == '\0' || app_id_valid(v.user.s));
		assert_true(v.wait_ms >= 0 && strlen(v.detail) < sizeof(v.detail));
	}
}

/* ---------- sending ---------- */

struct seen {
	char method[8], path[64], type[64], id[64], timestamp[64], signature[64], body[64];
	int answers, status;
};

static void
serve(void *arg, struct http_exchange *x)
{
	struct seen *s = arg;
	size_t len;

	snprintf(s->method, sizeof(s->method), "%s", http_exchange_method(x));
	snprintf(s->path, sizeof(s->path), "%s", http_exchange_path(x));
	snprintf(s->type, sizeof(s->type), "%s", http_exchange_header(x, "content-type"));
	snprintf(s->id, sizeof(s->id), "%s", http_exchange_header(x, "webhook-id"));
	snprintf(s->timestamp, sizeof(s->timestamp), "%s", http_exchange_header(x, "webhook-timestamp"));
	snprintf(s->signature, sizeof(s->signature), "%s", http_exchange_header(x, "webhook-signature"));
	snprintf(s->body, sizeof(s->body), "%s", http_exchange_body(x, &len));
	http_reply(x, 204, NULL, NULL, 0, NULL);
}

static void
on_sent(void *arg, const struct http_answer *answer)
{
	struct seen *s = arg;

	s->answers++;
	s->status = answer->status;
}

static void
a_delivery_carries_its_signature(void **state)
{
	struct clock *clock = clock_new_manual(NOW_MS);
	struct seen seen = { .answers = 0 };
	struct http_transport *transport = http_transport_new_fake(clock, serve, &seen);
	struct callback_delivery delivery = { .url = "http://127.0.0.1/hook",
		.secret = OWN_SECRET,
		.id = "ev-1",
		.body = "{\"a\":\"\xc3\xa9\"}",
		.body_len = 10,
		.now_wall_ms = NOW_MS + 999 };

	(void)state;
	assert_non_null(callback_send(transport, &delivery, on_sent, &seen));
	clock_manual_advance(clock, 1);
	assert_int_equal(seen.answers, 1);
	assert_int_equal(seen.status, 204);
	assert_string_equal(seen.method, "POST");
	assert_string_equal(seen.path, "/hook");
	assert_true(str_starts(seen.type, "application/cloudevents+json"));
	assert_string_equal(seen.id, "ev-1");
	assert_string_equal(seen.timestamp, "1795334400");
	assert_string_equal(seen.signature, vectors[2].signature);
	assert_string_equal(seen.body, delivery.body);
	delivery.secret = "whsec_";
	assert_null(callback_send(transport, &delivery, on_sent, &seen));
	http_transport_free(transport);
	clock_free(clock);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_are_cloudevents),
		cmocka_unit_test(bodies_keep_to_their_buffer),
		cmocka_unit_test(a_meeting_names_what_changed),
		cmocka_unit_test(long_meetings_fit),
		cmocka_unit_test(the_largest_resync_fits),
		cmocka_unit_test(the_tenant_is_as_the_api_shows_it),
		cmocka_unit_test(signatures_match_independent_vectors),
		cmocka_unit_test(bad_secrets_are_refused),
		cmocka_unit_test(every_status_has_its_meaning),
		cmocka_unit_test(the_app_may_name_the_user),
		cmocka_unit_test(details_repeat_the_answer),
		cmocka_unit_test(retry_after_is_honoured),
		cmocka_unit_test(waiting_grows_to_its_most_and_stays_there),
		cmocka_unit_test(a_broken_off_answer_is_asked_for_again),
		cmocka_unit_test(random_answers_are_survived),
		cmocka_unit_test(a_delivery_carries_its_signature),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
