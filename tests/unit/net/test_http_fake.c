/*
 * Exchanges and a transport without sockets, under a manual clock.
 */
#include "net/http_fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

struct seen {
	unsigned done, gone;
	enum err err;
	int status;
	char body[64], type[64], extra[64];
	int64_t took_ms;
};

static void
on_done(void *arg, const struct http_answer *a)
{
	struct seen *s = arg;
	const char *type = http_answer_header(a, "content-type"), *extra = http_answer_header(a, "x-extra");

	s->done++;
	s->err = a->err;
	s->status = a->status;
	s->took_ms = a->took_ms;
	assert_int_equal(a->body[a->body_len], '\0');
	assert_int_equal(a->detail[0] == '\0', a->err == ERR_OK);
	snprintf(s->body, sizeof(s->body), "%s", a->body);
	snprintf(s->type, sizeof(s->type), "%s", type != NULL ? type : "-");
	snprintf(s->extra, sizeof(s->extra), "%s", extra != NULL ? extra : "-");
}

static void
on_gone(void *arg)
{
	struct seen *s = arg;

	s->gone++;
}

static void
reply_is_handed_over_at_once(void **state)
{
	const char *const sent[] = { "Authorization: Bearer t", NULL };
	const char *const answered[] = { "X-Extra: more", "Broken", "X-Split: a\r\nX-Extra: b", NULL };
	struct seen s = { 0 };
	struct http_exchange *x = http_exchange_new_fake("POST", "/a?b=c", sent, "body", 4, on_done, &s);
	size_t len;

	(void)state;
	assert_string_equal(http_exchange_header(x, "authorization"), "Bearer t");
	assert_null(http_exchange_header(x, "host"));
	assert_string_equal(http_exchange_body(x, &len), "body");
	assert_int_equal(len, 4);
	assert_true(http_exchange_is_unix(x));
	http_exchange_fake_set_unix(x, false);
	assert_false(http_exchange_is_unix(x));
	http_reply(x, 201, "application/json", "{}", 2, answered);
	assert_int_equal(s.done, 1);
	assert_int_equal(s.err, ERR_OK);
	assert_int_equal(s.status, 201);
	assert_string_equal(s.body, "{}");
	assert_string_equal(s.type, "application/json");
	assert_string_equal(s.extra, "more");
}

static void
no_body_where_there_is_none(void **state)
{
	struct seen s = { 0 };

	(void)state;
	http_reply(http_exchange_new_fake("HEAD", "/", NULL, NULL, 0, on_done, &s), 200, "text/plain", "x", 1, NULL);
	assert_string_equal(s.body, "");
	assert_string_equal(s.type, "text/plain");
	http_reply(http_exchange_new_fake("GET", "/", NULL, NULL, 0, on_done, &s), 204, NULL, "x", 1, NULL);
	assert_string_equal(s.body, "");
	assert_string_equal(s.type, "-");
	assert_int_equal(s.done, 2);
}

static void
streams_and_aborts(void **state)
{
	struct seen s = { 0 };
	struct http_exchange *x = http_exchange_new_fake("GET", "/", NULL, NULL, 0, on_done, &s);

	(void)state;
	http_reply_begin(x, 200, "text/plain");
	http_reply_chunk(x, "a", 1);
	http_reply_chunk(x, NULL, 0);
	http_reply_chunk(x, "b", 1);
	assert_int_equal(s.done, 0);
	http_reply_end(x);
	assert_int_equal(s.done, 1);
	assert_string_equal(s.body, "ab");
	http_reply_abort(http_exchange_new_fake("GET", "/", NULL, NULL, 0, on_done, &s));
	assert_int_equal(s.done, 2);
	assert_int_equal(s.err, ERR_REMOTE);
	assert_int_equal(s.status, 0);
}

static void
left_exchange_is_still_answered(void **state)
{
	struct seen s = { 0 };
	struct http_exchange *x = http_exchange_new_fake("GET", "/a", NULL, NULL, 0, on_done, &s);

	(void)state;
	http_exchange_on_gone(x, on_gone, &s);
	http_exchange_fake_leave(x);
	assert_int_equal(s.gone, 1);
	assert_string_equal(http_exchange_path(x), "/a");
	http_reply(x, 200, NULL, NULL, 0, NULL);
	assert_int_equal(s.done, 0);
}

/* ---- the transport ---- */

struct site {
	unsigned handled;
	struct http_exchange *kept;
	struct seen *seen;
	char host[64];
};

static void
site_handle(void *arg, struct http_exchange *x)
{
	struct site *site = arg;

	site->handled++;
	snprintf(site->host, sizeof(site->host), "%s", http_exchange_header(x, "Host"));
	if (strcmp(http_exchange_path(x), "/keep") != 0) {
		http_reply(x, 200, "text/plain", http_exchange_query(x), strlen(http_exchange_query(x)), NULL);
		return;
	}
	site->kept = x;
	http_exchange_on_gone(x, on_gone, site->seen);
}

static struct http_call *
start(struct http_transport *t, const char *url, struct seen *s, size_t max)
{
	struct http_request request = { .method = "GET", .url = url, .answer_max_bytes = max, .timeout_ms = 5000 };

	*s = (struct seen){ 0 };
	return http_start(t, &request, on_done, s);
}

static void
transport_leads_to_the_handler(void **state)
{
	struct clock *clock = clock_new_manual(1000);
	struct seen s;
	struct site site = { .seen = &s };
	struct http_transport *t = http_transport_new_fake(clock, site_handle, &site);

	(void)state;
	assert_non_null(start(t, "https://graph.example:99/v1.0/x?a=b", &s, 0));
	assert_int_equal(s.done + site.handled, 0);
	clock_manual_advance(clock, 0);
	assert_int_equal(s.done, 1);
	assert_int_equal(s.status, 200);
	assert_string_equal(s.body, "a=b");
	assert_string_equal(site.host, "graph.example:99");
	start(t, "https://graph.example/?1234", &s, 3);
	clock_manual_advance(clock, 0);
	assert_int_equal(s.err, ERR_TOOBIG);
	start(t, "https://graph.example?1234", &s, 4);
	clock_manual_advance(clock, 0);
	assert_int_equal(s.err, ERR_OK);
	http_transport_free(t);
	clock_free(clock);
}

static void
transport_times_out_and_cancels(void **state)
{
	struct clock *clock = clock_new_manual(1000);
	struct seen s;
	struct site site = { .seen = &s };
	struct http_transport *t = http_transport_new_fake(clock, site_handle, &site);
	struct http_call *call;

	(void)state;
	start(t, "https://graph.example/keep", &s, 0);
	clock_manual_advance(clock, 4999);
	assert_int_equal(s.done, 0);
	clock_manual_advance(clock, 1);
	assert_int_equal(s.done, 1);
	assert_int_equal(s.err, ERR_TIMEOUT);
	assert_int_equal(s.took_ms, 5000);
	assert_int_equal(s.gone, 1);
	http_reply(site.kept, 200, NULL, "late", 4, NULL);
	assert_int_equal(s.done, 1);

	call = start(t, "https://graph.example/keep", &s, 0);
	http_cancel(t, call); /* before it was handed over */
	clock_manual_advance(clock, 0);
	assert_int_equal(site.handled, 1);
	call = start(t, "https://graph.example/keep", &s, 0);
	clock_manual_advance(clock, 0);
	http_cancel(t, call);
	assert_int_equal(s.gone, 1);
	http_reply_abort(site.kept);
	assert_int_equal(s.done, 0);

	start(t, "https://graph.example/keep", &s, 0);
	clock_manual_advance(clock, 0);
	start(t, "https://graph.example/other", &s, 0);
	http_transport_free(t);
	clock_manual_advance(clock, 10000);
	assert_int_equal(s.done, 0);
	http_reply(site.kept, 200, NULL, NULL, 0, NULL);
	clock_free(clock);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reply_is_handed_over_at_once),
		cmocka_unit_test(no_body_where_there_is_none),
		cmocka_unit_test(streams_and_aborts),
		cmocka_unit_test(left_exchange_is_still_answered),
		cmocka_unit_test(transport_leads_to_the_handler),
		cmocka_unit_test(transport_times_out_and_cancels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
