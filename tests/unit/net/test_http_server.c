/*
 * The server over real sockets: what evhttp does, what it lacks and we add, and what happens when either side goes.
 */
#include "unit/net/loopback.h"

#include <sys/stat.h>

#include "unit/base/seed.h"

static void
on_gone(void *arg)
{
	struct rig *r = arg;

	r->gone++;
}

/* The path says what the handler does. */
static void
handle(void *arg, struct http_exchange *x)
{
	struct rig *r = arg;
	const char *path = http_exchange_path(x);
	const char *echo = http_exchange_header(x, "x-echo");
	size_t len;
	const char *body = http_exchange_body(x, &len);
	char header[128];
	const char *const headers[] = { header, "X-Extra: more", "Content-Length: 3", "Bad Name: x", "X-Split: a\r\nX-Evil: b",
		NULL };

	r->handled++;
	assert_int_equal(strlen(body) <= len, 1);
	assert_int_equal(body[len], '\0');
	snprintf(header, sizeof(header), "X-Echo: %s", echo != NULL ? echo : "-");
	if (strcmp(path, "/later") == 0) {
		r->kept = x;
		http_exchange_on_gone(x, on_gone, r);
	} else if (strcmp(path, "/nothing") == 0) {
		http_reply(x, 204, NULL, NULL, 0, NULL);
	} else if (strcmp(path, "/busy") == 0) {
		http_reply(x, 429, "text/plain", "slow down", 9, NULL);
	} else if (strcmp(path, "/abort") == 0) {
		http_reply_abort(x);
	} else if (strcmp(path, "/stream") == 0) {
		http_reply_begin(x, 200, "application/x-ndjson");
		for (unsigned i = 0; i < 1000; i++)
			http_reply_chunk(x, "{\"n\":1}\n", 8);
		http_reply_chunk(x, NULL, 0);
		http_reply_end(x);
	} else {
		http_reply(x, 200, "application/json", body, len, headers);
	}
}

/* Sends text, waits until the server closes, and expects the answer's status line to begin with status. */
static void
expect_status_and_close(struct rig *r, const char *text, const char *status)
{
	struct raw c;
	char line[64];

	raw_open(r, &c);
	raw_send(&c, text);
	run_until(r, &c.closed, 1);
	snprintf(line, sizeof(line), "HTTP/1.1 %s", status);
	if (strncmp(c.got, line, strlen(line)) != 0 || c.answers != 1)
		fail_msg("wanted %s for %.60s, got %.200s", status, text, c.got);
	raw_free(&c);
}

static void
echoes_status_headers_and_body(void **state)
{
	static const char *const methods[] = { "GET", "POST", "PUT", "DELETE", "PATCH" };
	struct rig *r = *state;
	struct reply p;

	rig_serve(r, (struct http_server_options){ 0 }, handle);
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		rig_call(r, &p, methods[i], "/a?b=c", "{}", 2);
		assert_int_equal(p.err, ERR_OK);
		assert_int_equal(p.status, 200);
		assert_string_equal(p.body, "{}");
		assert_string_equal(p.type, "application/json");
		assert_string_equal(p.echo, "yes it is");
		assert_string_equal(p.extra, "more");
		reply_free(&p);
	}
	rig_call(r, &p, "POST", "/busy", NULL, 0);
	assert_int_equal(p.status, 429);
	assert_string_equal(p.body, "slow down");
	reply_free(&p);
	rig_call(r, &p, "DELETE", "/nothing", NULL, 0);
	assert_int_equal(p.status, 204);
	assert_int_equal(p.body_len, 0);
	reply_free(&p);
	rig_call(r, &p, "HEAD", "/a", NULL, 0);
	assert_int_equal(p.err, ERR_OK);
	assert_int_equal(p.status, 200);
	reply_free(&p);
}

static void
answers_carry_safe_headers_and_no_foreign_ones(void **state)
{
	struct rig *r = *state;
	struct raw c;

	rig_serve(r, (struct http_server_options){ 0 }, handle);
	raw_open(r, &c);
	raw_send(&c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");
	run_until(r, &c.closed, 1);
	assert_non_null(strstr(c.got, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(c.got, "X-Content-Type-Options: nosniff\r\n"));
	assert_non_null(strstr(c.got, "Cache-Control: no-store\r\n"));
	assert_non_null(strstr(c.got, "Content-Length: 2\r\n"));
	assert_null(strstr(c.got, "Content-Length: 3"));
	assert_null(strstr(c.got, "Evil"));
	assert_null(strstr(c.got, "Bad"));
	assert_string_equal(c.got + c.got_len - 2, "hi");
	raw_free(&c);
	raw_open(r, &c);
	raw_send(&c, "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	run_until(r, &c.closed, 1);
	assert_null(strstr(c.got, "Content-Type:"));
	raw_free(&c);
}

static void
big_bodies_and_the_ceiling(void **state)
{
	struct rig *r = *state;
	struct reply p;
	size_t max = 1u << 20;
	char *body = malloc(2 * max + 1);

	rig_serve(r, (struct http_server_options){ .body_max_bytes = max }, handle);
	memset(body, 'x', 2 * max);
	rig_call(r, &p, "PUT", "/", body, max);
	assert_int_equal(p.status, 200);
	assert_int_equal(p.body_len, max);
	assert_memory_equal(p.body, body, max);
	reply_free(&p);
	rig_call(r, &p, "PUT", "/", body, max + 1);
	assert_int_equal(p.err, ERR_OK);
	assert_int_equal(p.status, 413);
	reply_free(&p);
	rig_call(r, &p, "PUT", "/", body, 2 * max);
	assert_int_equal(p.status, 413);
	reply_free(&p);
	assert_int_equal(r->handled, 1);
	free(body);
}

/* What clients send that do not know the length beforehand, or did not care to count. */
static void
chunked_bodies(void **state)
{
	struct rig *r = *state;
	struct raw c;

	rig_serve(r, (struct http_server_options){ .body_max_bytes = 64 }, handle);
	raw_open(r, &c);
	raw_send(&c, "PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\nConnection: close\r\n\r\n"
	             "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n");
	run_until(r, &c.closed, 1);
	assert_non_null(strstr(c.got, " 200 "));
	assert_string_equal(c.got + c.got_len - 5, "hello");
	raw_free(&c);
	raw_open(r, &c);
	raw_send(&c, "PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n41\r\n");
	run_until(r, &c.closed, 1);
	assert_non_null(strstr(c.got, " 413 "));
	raw_free(&c);
	assert_int_equal(r->handled, 1);
}

static const struct {
	const char *why, *text, *status;
} refusals[] = {
	{ "another coding", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", "501" },
	{ "two codings", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501" },
	{ "chunked twice",
	    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400" },
	{ "chunked in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400" },
	{ "length and coding", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	    "400" },
	{ "two equal lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", "400" },
	{ "two lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na", "400" },
	{ "signed length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na", "400" },
	{ "negative length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\na", "400" },
	{ "hexadecimal length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x1\r\n\r\na", "400" },
	{ "list of lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\na", "400" },
	{ "HEAD with a body", "HEAD / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nGET / HTTP/1.1\r\n\r\n", "400" },
	{ "no Host", "GET / HTTP/1.1\r\n\r\n", "400" },
	{ "two Hosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "400" },
	{ "space before the colon", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length : 3\r\n\r\n", "400" },
	{ "empty name", "GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n", "400" },
	{ "control in a value", "GET / HTTP/1.1\r\nHost: x\r\nA: \x01\r\n\r\n", "400" },
	{ "absolute target", "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", "400" },
	{ "asterisk", "GET * HTTP/1.1\r\nHost: x\r\n\r\n", "400" },
	{ "space in the target", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", "400" },
	{ "8-bit target", "GET /\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n", "400" },
	{ "fragment", "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", "400" },
	{ "backslash", "GET /a\\b HTTP/1.1\r\nHost: x\r\n\r\n", "400" },
	{ "OPTIONS", "OPTIONS / HTTP/1.1\r\nHost: x\r\n\r\n", "405" },
	{ "TRACE", "TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", "405" },
	{ "CONNECT", "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", "405" },
	{ "unknown method", "BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n", "501" },
	{ "method in lower case", "get / HTTP/1.1\r\nHost: x\r\n\r\n", "501" },
	{ "odd version", "GET / HTTP/1.7\r\nHost: x\r\n\r\n", "505" },
};

static void
strange_requests_are_refused_and_the_connection_ends(void **state)
{
	struct rig *r = *state;

	rig_serve(r, (struct http_server_options){ 0 }, handle);
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		expect_status_and_close(r, refusals[i].text, refusals[i].status);
	assert_int_equal(r->handled, 0);
}

static void
too_many_or_too_long_headers(void **state)
{
	struct rig *r = *state;
	char *text = malloc(40000);
	size_t len = (size_t)sprintf(text, "GET / HTTP/1.1\r\nHost: x\r\n");

	rig_serve(r, (struct http_server_options){ 0 }, handle);
	for (unsigned i = 0; i < 101; i++)
		len += (size_t)snprintf(text + len, 40000 - len, "A: b\r\n");
	snprintf(text + len, 40000 - len, "\r\n");
	expect_status_and_close(r, text, "431");
	len = (size_t)snprintf(text, 40000, "GET / HTTP/1.1\r\nHost: x\r\nA: ");
	memset(text + len, 'a', 20000);
	snprintf(text + len + 20000, 40000 - len - 20000, "\r\n\r\n");
	expect_status_and_close(r, text, "400");
	assert_int_equal(r->handled, 0);
	free(text);
}

static void
pipelined_requests_are_answered_in_order(void **state)
{
	struct rig *r = *state;
	struct raw c;
	const char *first, *second;

	rig_serve(r, (struct http_server_options){ 0 }, handle);
	raw_open(r, &c);
	raw_send(&c, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none"
	             "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\ntwo"
	             "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nthree");
	run_until(r, &c.closed, 1);
	assert_int_equal(r->handled, 2);
	first = strstr(c.got, "one");
	second = strstr(c.got, "two");
	assert_true(first != NULL && second != NULL && first < second);
	raw_free(&c);
}

/* More than the server buffers at once. */
static void
thousands_of_pipelined_requests(void **state)
{
	struct rig *r = *state;
	struct raw c;

	rig_serve(r, (struct http_server_options){ .body_max_bytes = 100 }, handle);
	raw_open(r, &c);
	for (unsigned i = 0; i < 3000; i++)
		raw_send(&c, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none");
	run_until(r, &r->handled, 3000);
	run_until(r, &c.answers, 3000);
	assert_int_equal(c.answers, 3000);
	raw_free(&c);
}

static void
http_1_0_gets_one_answer(void **state)
{
	struct rig *r = *state;
	struct raw c;

	rig_serve(r, (struct http_server_options){ 0 }, handle);
	raw_open(r, &c);
	raw_send(&c, "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	run_until(r, &c.closed, 1);
	assert_int_equal(strncmp(c.got, "HTTP/1.0 200", 12), 0);
	assert_null(strstr(c.got, "chunked"));
	assert_string_equal(c.got + c.got_len - 8, "{\"n\":1}\n");
	raw_free(&c);
}

static void
streamed_answers_arrive_whole(void **state)
{
	struct rig *r = *state;
	struct reply p;

	rig_serve(r, (struct http_server_options){ 0 }, handle);
	rig_call(r, &p, "GET", "/stream", NULL, 0);
	assert_int_equal(p.err, ERR_OK);
	assert_string_equal(p.type, "application/x-ndjson");
	assert_int_equal(p.body_len, 8000);
	reply_free(&p);
	rig_call(r, &p, "HEAD", "/stream", NULL, 0);
	assert_int_equal(p.status, 200);
	assert_int_equal(p.body_len, 0);
	reply_free(&p);
}

static void
stream_broken_off_is_an_error_for_the_client(void **state)
{
	struct rig *r = *state;
	struct reply p;
	struct raw c;

	rig_serve(r, (struct http_server_options){ 0 }, handle);
	rig_start(r, &p, "GET", "/later", NULL, 0);
	run_until(r, &r->handled, 1);
	http_reply_begin(r->kept, 200, "text/plain");
	http_reply_chunk(r->kept, "half", 4);
	run_for_ms(r, 20);
	http_reply_abort(r->kept);
	run_until(r, &p.done, 1);
	assert_int_equal(p.err, ERR_REMOTE);
	assert_int_equal(p.status, 0);
	reply_free(&p);

	/* The client leaves during the stream: the handler hears of it and may go on as if nothing had happened. */
	raw_open(r, &c);
	raw_send(&c, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
	run_until(r, &r->handled, 2);
	http_reply_begin(r->kept, 200, "text/plain");
	http_reply_chunk(r->kept, "half", 4);
	run_until(r, &c.answers, 1);
	raw_free(&c);
	run_until(r, &r->gone, 1);
	http_reply_chunk(r->kept, "other half", 10);
	run_for_ms(r, 20);
	http_reply_chunk(r->kept, "other half", 10);
	http_reply_end(r->kept);
	run_for_ms(r, 20);
	assert_int_equal(r->gone, 1);
}

static void
abort_closes_without_an_answer(void **state)
{
	struct rig *r = *state;
	struct reply p;
	struct raw c;

	rig_serve(r, (struct http_server_options){ 0 }, handle);
	rig_call(r, &p, "POST", "/abort", "x", 1);
	assert_int_equal(p.err, ERR_REMOTE);
	reply_free(&p);
	raw_open(r, &c);
	raw_send(&c, "GET /abort HTTP/1.1\r\nHost: x\r\n\r\n");
	run_until(r, &c.closed, 1);
	assert_int_equal(c.got_len, 0);
	raw_free(&c);
}

static void
deferred_reply_reaches_the_client(void **state)
{
	struct rig *r = *state;
	struct reply p;

	rig_serve(r, (struct http_server_options){ .request_deadline_ms = 50 }, handle);
	rig_start(r, &p, "POST", "/later", "x", 1);
	run_until(r, &r->handled, 1);
	run_for_ms(r, 200); /* the deadline is for reading the request only */
	assert_int_equal(p.done, 0);
	http_reply(r->kept, 200, NULL, "late", 4, NULL);
	run_until(r, &p.done, 1);
	assert_string_equal(p.body, "late");
	assert_int_equal(r->gone, 0);
	reply_free(&p);
}

static void
client_gone_before_a_deferred_reply(void **state)
{
	struct rig *r = *state;
	struct raw c;

	rig_serve(r, (struct http_server_options){ 0 }, handle);
	for (unsigned i = 1; i <= 20; i++) {
		raw_open(r, &c);
		raw_send(&c, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
		run_until(r, &r->handled, i);
		raw_free(&c);
		run_until(r, &r->gone, i);
		/* What was borrowed is still there. */
		assert_string_equal(http_exchange_path(r->kept), "/later");
		assert_string_equal(http_exchange_header(r->kept, "host"), "x");
		if (i % 3 == 0)
			http_reply_abort(r->kept);
		else
			http_reply(r->kept, 200, "text/plain", "nobody", 6, NULL);
		run_for_ms(r, 2);
	}
	assert_int_equal(r->gone, 20);
}

static void
server_freed_with_an_open_exchange(void **state)
{
	struct rig *r = *state;
	struct raw c;

	rig_serve(r, (struct http_server_options){ 0 }, handle);
	raw_open(r, &c);
	raw_send(&c, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
	run_until(r, &r->handled, 1);
	http_server_free(r->server);
	r->server = NULL;
	assert_int_equal(r->gone, 1);
	assert_string_equal(http_exchange_path(r->kept), "/later");
	assert_string_equal(http_exchange_header(r->kept, "host"), "x");
	run_until(r, &c.closed, 1);
	assert_int_equal(strncmp(c.got, "HTTP/1.1 503", 12), 0);
	http_reply(r->kept, 200, NULL, "too late", 8, NULL);
	raw_free(&c);
}

static void
stop_lets_running_requests_finish(void **state)
{
	struct rig *r = *state;
	struct raw idle, running;
	struct reply p;

	rig_serve(r, (struct http_server_options){ 0 }, handle);
	raw_open(r, &idle);
	raw_send(&idle, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	run_until(r, &idle.answers, 1);
	raw_open(r, &running);
	raw_send(&running, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
	run_until(r, &r->handled, 2);
	http_server_stop(r->server);
	run_until(r, &idle.closed, 1);
	rig_call(r, &p, "GET", "/", NULL, 0);
	assert_int_equal(p.err, ERR_UNREACHABLE);
	http_reply(r->kept, 200, NULL, "done", 4, NULL);
	run_until(r, &running.closed, 1);
	assert_non_null(strstr(running.got, "done"));
	raw_free(&idle);
	raw_free(&running);
	reply_free(&p);
}

/* Bytes that keep coming do not keep a connection open. */
static void
trickle(struct rig *r, const char *prefix)
{
	struct raw c;

	raw_open(r, &c);
	raw_send(&c, prefix);
	for (unsigned i = 0; i < 1000 && !c.closed; i++) {
		run_for_ms(r, 10);
		if (!c.closed)
			raw_send(&c, "a");
	}
	assert_int_equal(c.closed, 1);
	assert_int_equal(c.got_len, 0);
	raw_free(&c);
}

static void
slow_requests_are_cut_at_the_deadline(void **state)
{
	struct rig *r = *state;

	rig_serve(r, (struct http_server_options){ .request_deadline_ms = 100 }, handle);
	trickle(r, "");
	trickle(r, "GET / HTTP/1.1\r\nHost: x\r\nA: ");
	trickle(r, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
	assert_int_equal(r->handled, 0);
}

static void
second_request_on_a_connection_has_a_deadline_too(void **state)
{
	struct rig *r = *state;
	struct raw c;

	rig_serve(r, (struct http_server_options){ .request_deadline_ms = 100 }, handle);
	raw_open(r, &c);
	raw_send(&c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	run_until(r, &c.answers, 1);
	run_for_ms(r, 300); /* idle is no reading */
	assert_int_equal(c.closed, 0);
	raw_send(&c, "GET / HTT");
	run_until(r, &c.closed, 1);
	assert_int_equal(c.answers, 1);
	raw_free(&c);
}

static void
oldest_quiet_connection_is_evicted_at_the_cap(void **state)
{
	struct rig *r = *state;
	struct raw c[5];

	rig_serve(r, (struct http_server_options){ .connections_max = 3 }, handle);
	raw_open(r, &c[0]);
	raw_send(&c[0], "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
	run_until(r, &r->handled, 1);
	for (unsigned i = 1; i < 3; i++) {
		raw_open(r, &c[i]);
		raw_send(&c[i], "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
		run_until(r, &c[i].answers, 1);
	}
	raw_open(r, &c[3]);
	run_until(r, &c[1].closed, 1);
	raw_send(&c[3], "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	run_until(r, &c[3].answers, 1);
	raw_open(r, &c[4]);
	run_until(r, &c[2].closed, 1);
	assert_int_equal(c[0].closed + c[3].closed + c[4].closed, 0);
	http_reply(r->kept, 200, NULL, NULL, 0, NULL);
	run_until(r, &c[0].answers, 1);
	for (unsigned i = 0; i < 5; i++)
		raw_free(&c[i]);
}

static void
newcomer_is_closed_when_all_are_running(void **state)
{
	struct rig *r = *state;
	struct raw running, surplus;

	rig_serve(r, (struct http_server_options){ .connections_max = 1 }, handle);
	raw_open(r, &running);
	raw_send(&running, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
	run_until(r, &r->handled, 1);
	raw_open(r, &surplus);
	run_until(r, &surplus.closed, 1);
	assert_int_equal(running.closed, 0);
	http_reply(r->kept, 200, NULL, NULL, 0, NULL);
	run_until(r, &running.answers, 1);
	raw_free(&surplus);
	raw_free(&running);
}

static void
many_connections_at_once_leave_nothing_behind(void **state)
{
	struct rig *r = *state;
	struct raw c[40];
	unsigned before;

	rig_serve(r, (struct http_server_options){ .connections_max = 8 }, handle);
	for (unsigned round = 0; round < 5; round++) {
		for (unsigned i = 0; i < 40; i++)
			raw_open(r, &c[i]);
		run_for_ms(r, 10);
		for (unsigned i = 0; i < 40; i++)
			raw_free(&c[i]);
		run_for_ms(r, 10);
	}
	before = r->handled;
	raw_open(r, &c[0]);
	raw_send(&c[0], "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	run_until(r, &c[0].answers, 1);
	assert_int_equal(r->handled, before + 1);
	raw_free(&c[0]);
}

/* ---- Unix sockets ---- */

static void
unix_path(char ret[100])
{
	snprintf(ret, 100, "/tmp/ergsync-test-%ld.sock", (long)getpid());
	unlink(ret);
}

static void
unix_adopt(struct rig *r, struct raw *c, const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	raw_adopt(r, c, fd);
}

static void
handle_where(void *arg, struct http_exchange *x)
{
	struct rig *r = arg;

	r->handled++;
	http_reply(x, 200, "text/plain", http_exchange_is_unix(x) ? "unix" : "tcp", 4 - !http_exchange_is_unix(x), NULL);
}

/* Somebody removes the file: who is connected stays so, and others find it again. */
static void
a_removed_unix_socket_is_bound_anew(void **state)
{
	struct rig *r = *state;
	char path[100], list[160], why[256];
	struct raw before, after;
	struct stat st;
	bool anew;

	unix_path(path);
	snprintf(list, sizeof(list), "unix:%s 127.0.0.1:0", path);
	rig_serve(r, (struct http_server_options){ .listen = list, .unix_mode = 0640 }, handle_where);
	unix_adopt(r, &before, path);
	raw_send(&before, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	run_until(r, &before.answers, 1);
	assert_int_equal(http_server_mend(r->server, &anew, why, sizeof(why)), ERR_OK);
	assert_false(anew);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(
	    http_server_mend(r->server, &anew, why, sizeof(why)), ERR_OK); /* something is there: not ours to judge */
	assert_int_equal(rmdir(path), 0);
	for (int round = 0; round < 3; round++) {
		(void)unlink(path);
		assert_int_equal(http_server_mend(r->server, &anew, why, sizeof(why)), ERR_OK);
		assert_true(anew);
	}
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	unix_adopt(r, &after, path);
	raw_send(&after, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	run_until(r, &after.closed, 1);
	assert_non_null(strstr(after.got, "\r\n\r\nunix"));
	raw_send(&before, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	run_until(r, &before.closed, 1);
	assert_non_null(strstr(before.got, "\r\n\r\nunix"));
	raw_free(&before);
	raw_free(&after);
	http_server_free(r->server);
	r->server = NULL;
	assert_int_equal(lstat(path, &st), -1);
}

static void
unix_and_tcp_side_by_side(void **state)
{
	struct rig *r = *state;
	char path[100], list[160];
	struct stat st;
	struct raw c;
	struct reply p;

	unix_path(path);
	snprintf(list, sizeof(list), "unix:%s 127.0.0.1:0", path);
	rig_serve(r, (struct http_server_options){ .listen = list, .unix_mode = 0640 }, handle_where);
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_not_equal(http_server_port(r->server, 0), 0);
	assert_int_equal(http_server_port(r->server, 1), 0);
	unix_adopt(r, &c, path);
	raw_send(&c, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	run_until(r, &c.closed, 1);
	assert_non_null(strstr(c.got, "\r\n\r\nunix"));
	raw_free(&c);
	rig_call(r, &p, "GET", "/", NULL, 0);
	assert_string_equal(p.body, "tcp");
	reply_free(&p);
	http_server_free(r->server);
	r->server = NULL;
	assert_int_equal(lstat(path, &st), -1);
}

static void
socket_in_use_is_left_alone_and_a_stale_one_replaced(void **state)
{
	struct rig *r = *state;
	struct http_server *second = NULL;
	char path[100], list[160], why[256] = "";
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	struct http_server_options o = { .listen = list, .handle = handle_where, .arg = r };
	struct raw c;
	int fd;

	unix_path(path);
	snprintf(list, sizeof(list), "unix:%s", path);
	/* A stale one: bound, never unlinked, nobody listens. */
	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	close(fd);
	rig_serve(r, (struct http_server_options){ .listen = list }, handle_where);

	assert_int_equal(http_server_new(r->base, r->clock, &o, &second, why, sizeof(why)), ERR_BUSY);
	assert_non_null(strstr(why, path));
	unix_adopt(r, &c, path);
	raw_send(&c, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	run_until(r, &c.closed, 1);
	assert_non_null(strstr(c.got, "200 OK"));
	raw_free(&c);
}

static void
other_files_and_bad_addresses_are_refused(void **state)
{
	struct rig *r = *state;
	struct http_server *s = NULL;
	char path[100], list[200], why[256] = "";
	struct http_server_options o = { .listen = list, .handle = handle_where, .arg = r };
	FILE *f;

	unix_path(path);
	assert_non_null(f = fopen(path, "w"));
	fclose(f);
	snprintf(list, sizeof(list), "unix:%s", path);
	assert_int_equal(http_server_new(r->base, r->clock, &o, &s, why, sizeof(why)), ERR_EXISTS);
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);

	rig_serve(r, (struct http_server_options){ 0 }, handle_where);
	snprintf(list, sizeof(list), "unix:%s 127.0.0.1:%u", path, (unsigned)http_server_port(r->server, 0));
	assert_int_equal(http_server_new(r->base, r->clock, &o, &s, why, sizeof(why)), ERR_BUSY);
	assert_non_null(strstr(why, "127.0.0.1"));
	assert_int_equal(access(path, F_OK), -1); /* what was bound before is given back */

	snprintf(list, sizeof(list), "unix:/nonexistent-directory/x.sock");
	assert_int_not_equal(http_server_new(r->base, r->clock, &o, &s, why, sizeof(why)), ERR_OK);
	snprintf(list, sizeof(list), "unix:/tmp/%0120d", 0);
	assert_int_not_equal(http_server_new(r->base, r->clock, &o, &s, why, sizeof(why)), ERR_OK);
	o.tls_certificate = "/nonexistent.pem";
	o.tls_key = "/nonexistent.pem";
	snprintf(list, sizeof(list), "127.0.0.1:0");
	assert_int_equal(http_server_new(r->base, r->clock, &o, &s, why, sizeof(why)), ERR_INVALID);
	assert_non_null(strstr(why, "/nonexistent.pem"));
	assert_null(s);
}

/* ---- a random life ---- */

#define CLIENTS 12
#define KEPT    32

struct life {
	struct rig *rig;
	struct rng rng;
	struct raw clients[CLIENTS];
	struct http_exchange *kept[KEPT];
	unsigned handled, answered;
};

static void
life_answer(struct life *l, struct http_exchange *x)
{
	l->answered++;
	switch (rng_below(&l->rng, 4)) {
	case 0: http_reply_abort(x); break;
	case 1:
		http_reply_begin(x, 200, NULL);
		http_reply_chunk(x, "abc", 3);
		if (rng_below(&l->rng, 2) == 0)
			http_reply_abort(x);
		else
			http_reply_end(x);
		break;
	default: http_reply(x, 200, "text/plain", "hello", 5, NULL); break;
	}
}

/* A gone client may be answered at once, later, or in the middle of being told. */
static void
life_gone(void *arg)
{
	struct life *l = arg;
	uint64_t i = rng_below(&l->rng, KEPT);

	if (l->kept[i] != NULL && rng_below(&l->rng, 2) == 0) {
		struct http_exchange *x = l->kept[i];

		l->kept[i] = NULL;
		life_answer(l, x);
	}
}

static void
life_handle(void *arg, struct http_exchange *x)
{
	struct life *l = arg;

	l->handled++;
	if (rng_below(&l->rng, 2) == 0)
		http_exchange_on_gone(x, life_gone, l);
	for (unsigned i = 0; i < KEPT && rng_below(&l->rng, 3) != 0; i++)
		if (l->kept[i] == NULL) {
			l->kept[i] = x;
			return;
		}
	life_answer(l, x);
}

static void
life_step(struct life *l)
{
	static const char *const texts[] = { "GET /a HTTP/1.1\r\nHost: x\r\n\r\n", "GET /a HT",
		"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
		"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n", "\r\n",
		"GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n", "nonsense\r\n\r\n" };
	struct raw *c = &l->clients[rng_below(&l->rng, CLIENTS)];
	uint64_t i = rng_below(&l->rng, KEPT);

	switch (rng_below(&l->rng, 6)) {
	case 0: raw_free(c); break;
	case 1:
	case 2:
		if (c->bev == NULL)
			raw_open(l->rig, c);
		raw_send(c, texts[rng_below(&l->rng, sizeof(texts) / sizeof(texts[0]))]);
		break;
	case 3:
		if (l->kept[i] != NULL) {
			struct http_exchange *x = l->kept[i];

			l->kept[i] = NULL;
			life_answer(l, x);
		}
		break;
	case 4: event_base_loop(l->rig->base, EVLOOP_NONBLOCK); break;
	default: run_for_ms(l->rig, 1); break;
	}
}

/* Whatever clients and handlers do: no request is lost, none is answered twice, nothing leaks (the sanitizers look). */
static void
random_life(void **state)
{
	struct rig *r = *state;
	struct life l = { .rig = r, .rng = test_rng("random_life") };

	for (unsigned round = 0; round < 20; round++) {
		rig_serve(
		    r, (struct http_server_options){ .connections_max = 6, .request_deadline_ms = 20, .arg = &l }, life_handle);
		for (unsigned i = 0; i < 100; i++)
			life_step(&l);
		if (rng_below(&l.rng, 2) == 0)
			http_server_stop(r->server);
		http_server_free(r->server);
		r->server = NULL;
		for (unsigned i = 0; i < CLIENTS; i++)
			raw_free(&l.clients[i]);
		for (unsigned i = 0; i < KEPT; i++)
			if (l.kept[i] != NULL)
				life_answer(&l, l.kept[i]);
		memset(l.kept, 0, sizeof(l.kept));
		assert_int_equal(l.handled, l.answered);
	}
	assert_true(l.handled > 20);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(echoes_status_headers_and_body),
		TEST(answers_carry_safe_headers_and_no_foreign_ones),
		TEST(big_bodies_and_the_ceiling),
		TEST(chunked_bodies),
		TEST(strange_requests_are_refused_and_the_connection_ends),
		TEST(too_many_or_too_long_headers),
		TEST(pipelined_requests_are_answered_in_order),
		TEST(thousands_of_pipelined_requests),
		TEST(http_1_0_gets_one_answer),
		TEST(streamed_answers_arrive_whole),
		TEST(stream_broken_off_is_an_error_for_the_client),
		TEST(abort_closes_without_an_answer),
		TEST(deferred_reply_reaches_the_client),
		TEST(client_gone_before_a_deferred_reply),
		TEST(server_freed_with_an_open_exchange),
		TEST(stop_lets_running_requests_finish),
		TEST(slow_requests_are_cut_at_the_deadline),
		TEST(second_request_on_a_connection_has_a_deadline_too),
		TEST(oldest_quiet_connection_is_evicted_at_the_cap),
		TEST(newcomer_is_closed_when_all_are_running),
		TEST(many_connections_at_once_leave_nothing_behind),
		TEST(random_life),
		TEST(unix_and_tcp_side_by_side),
		TEST(a_removed_unix_socket_is_bound_anew),
		TEST(socket_in_use_is_left_alone_and_a_stale_one_replaced),
		TEST(other_files_and_bad_addresses_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
