/*
 * Exchanges whose answer goes to a callback, and a transport made of them. The answer is collected the way the
 * wire would carry it: a HEAD, 204 or 304 has no body, headers that would break apart are dropped.
 */
#include "net/http_fake.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/text.h"
#include "net/http_exchange.h"

#define HEADERS_MAX        128
#define BODY_MAX_BYTES     (64u << 20)
#define TIMEOUT_DEFAULT_MS 30000

/* Names and values, owned. */
struct header_set {
	struct http_header list[HEADERS_MAX];
	size_t count;
};

struct fake_exchange {
	struct http_exchange x;
	struct header_set sent, answered;
	char *body;
	struct text answer;
	int status;
	http_done done; /* NULL once the client has left */
	void *arg;
};

/* ---- headers ---- */

static bool
headers_put(struct header_set *set, const char *name, const char *value)
{
	char *name_copy = strdup(name), *value_copy = strdup(value);

	if (set->count == HEADERS_MAX || name_copy == NULL || value_copy == NULL) {
		free(name_copy);
		free(value_copy);
		return false;
	}
	set->list[set->count].name = name_copy;
	set->list[set->count].value = value_copy;
	set->count++;
	return true;
}

static void
headers_put_lines(struct header_set *set, const char *const *lines)
{
	char name[64];
	const char *value;

	for (size_t i = 0; lines != NULL && lines[i] != NULL; i++)
		if (header_split(lines[i], name, sizeof(name), &value))
			headers_put(set, name, value);
}

static const char *
headers_get(const struct header_set *set, const char *name)
{
	for (size_t i = 0; i < set->count; i++)
		if (str_equal_nocase(set->list[i].name, name))
			return set->list[i].value;
	return NULL;
}

static void
headers_done(struct header_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		free((char *)(uintptr_t)set->list[i].name);
		free((char *)(uintptr_t)set->list[i].value);
	}
	set->count = 0;
}

/* ---- the exchange ---- */

static struct fake_exchange *
fake_exchange(struct http_exchange *x)
{
	return (struct fake_exchange *)x;
}

static void
fake_free(struct fake_exchange *f)
{
	exchange_done(&f->x);
	headers_done(&f->sent);
	headers_done(&f->answered);
	text_done(&f->answer);
	free(f->body);
	free(f);
}

/* Hands over what was collected and ends the exchange. */
static void
fake_finish(struct fake_exchange *f, enum err e)
{
	struct http_answer answer = { .err = e, .body = "", .detail = "" };

	if (e == ERR_OK && text_err(&f->answer) != ERR_OK)
		e = answer.err = ERR_TOOBIG;
	if (e == ERR_OK) {
		answer.status = f->status;
		answer.headers = f->answered.list;
		answer.header_count = f->answered.count;
		answer.body = f->answer.data != NULL ? f->answer.data : "";
		answer.body_len = f->answer.len;
	} else {
		answer.detail =
		    e == ERR_TOOBIG ? "the answer is larger than the ceiling" : "the connection was closed without an answer";
	}
	if (f->done != NULL)
		f->done(f->arg, &answer);
	fake_free(f);
}

static const char *
fake_header(const struct http_exchange *x, const char *name)
{
	return headers_get(&((const struct fake_exchange *)x)->sent, name);
}

static void
fake_begin(struct http_exchange *x, int status, const char *content_type)
{
	struct fake_exchange *f = fake_exchange(x);

	f->status = status;
	if (content_type != NULL)
		headers_put(&f->answered, "Content-Type", content_type);
	if (headers_get(&f->answered, "X-Content-Type-Options") == NULL)
		headers_put(&f->answered, "X-Content-Type-Options", "nosniff");
	if (headers_get(&f->answered, "Cache-Control") == NULL)
		headers_put(&f->answered, "Cache-Control", "no-store");
}

static void
fake_chunk(struct http_exchange *x, const void *data, size_t len)
{
	struct fake_exchange *f = fake_exchange(x);

	if (f->status != 204 && f->status != 304 && strcmp(x->method, "HEAD") != 0)
		text_add(&f->answer, data, len);
}

static void
fake_end(struct http_exchange *x)
{
	fake_finish(fake_exchange(x), ERR_OK);
}

static void
fake_reply(
    struct http_exchange *x, int status, const char *content_type, const void *body, size_t body_len, const char *const *headers)
{
	headers_put_lines(&fake_exchange(x)->answered, headers);
	fake_begin(x, status, content_type);
	if (body_len > 0)
		fake_chunk(x, body, body_len);
	fake_end(x);
}

static void
fake_abort(struct http_exchange *x)
{
	fake_finish(fake_exchange(x), ERR_REMOTE);
}

static const struct exchange_ops fake_ops = {
	.header = fake_header,
	.reply = fake_reply,
	.begin = fake_begin,
	.chunk = fake_chunk,
	.end = fake_end,
	.abort = fake_abort,
};

struct http_exchange *
http_exchange_new_fake(const char *method, const char *path_with_query, const char *const *headers, const void *body, size_t len,
    http_done done, void *arg)
{
	struct fake_exchange *f = calloc(1, sizeof(*f));
	const char *known = http_method_known(method);

	assert(known != NULL);
	if (f == NULL)
		return NULL;
	text_init(&f->answer, BODY_MAX_BYTES);
	f->body = malloc(len + 1);
	if (exchange_init(&f->x, &fake_ops, known, path_with_query) != ERR_OK || f->body == NULL) {
		fake_free(f);
		return NULL;
	}
	if (len > 0)
		memcpy(f->body, body, len);
	f->body[len] = '\0';
	f->x.body = f->body;
	f->x.body_len = len;
	f->x.is_unix = true;
	f->done = done;
	f->arg = arg;
	headers_put_lines(&f->sent, headers);
	return &f->x;
}

void
http_exchange_fake_set_unix(struct http_exchange *x, bool is_unix)
{
	x->is_unix = is_unix;
}

void
http_exchange_fake_leave(struct http_exchange *x)
{
	fake_exchange(x)->done = NULL;
	exchange_tell_gone(x);
}

/* ---- the transport ---- */

struct fake_transport {
	struct http_transport seam; /* first: the two are one */
	struct clock *clock;
	http_handler handle;
	void *arg;
	TAILQ_HEAD(fake_calls, http_call) calls;
};

/* Ends when the handler has answered or time is up, whichever comes first. */
struct http_call {
	TAILQ_ENTRY(http_call) link;
	struct fake_transport *transport;
	struct timer *timer; /* first the turn in which it is handed over, then the time-out */
	struct http_exchange *x;
	bool handed; /* the handler owns x now */
	http_done done;
	void *arg;
	int64_t timeout_ms, started_ms;
	size_t answer_max;
	bool (*on_data)(void *arg, const char *data, size_t len);
};

static void
call_free(struct http_call *c)
{
	TAILQ_REMOVE(&c->transport->calls, c, link);
	timer_free(c->timer);
	free(c);
}

/* The call is gone before done runs, so that done may free the transport. */
static void
call_end(struct http_call *c, struct http_answer *answer)
{
	http_done done = c->done;
	void *arg = c->arg;

	answer->took_ms = clock_boot_ms(c->transport->clock) - c->started_ms;
	call_free(c);
	done(arg, answer);
}

/* Small and uneven, so that no border falls where it would suit. */
static bool
pieces(struct http_call *c, const struct http_answer *answer)
{
	size_t at = 0, n = 1;

	while (at < answer->body_len) {
		size_t len = answer->body_len - at < n ? answer->body_len - at : n;

		if (!c->on_data(c->arg, answer->body + at, len))
			return false;
		at += len;
		n = n * 3 % 1021 + 1;
	}
	return true;
}

static void
on_fake_answer(void *arg, const struct http_answer *answer)
{
	struct http_call *c = arg;
	struct http_answer too_big = { .err = ERR_TOOBIG, .body = "", .detail = "the answer is larger than the ceiling" };
	struct http_answer copy = answer->body_len > c->answer_max && c->on_data == NULL ? too_big : *answer;

	if (c->on_data != NULL && answer->err == ERR_OK && answer->status / 100 == 2) {
		copy.body = "";
		copy.body_len = 0;
		if (!pieces(c, answer))
			copy = (struct http_answer){
				.err = ERR_MALFORMED, .body = "", .detail = "the answer is not what it should be"
			};
	}
	call_end(c, &copy);
}

static void
on_call_timer(void *arg)
{
	struct http_call *c = arg;
	struct http_answer late = { .err = ERR_TIMEOUT, .body = "", .detail = "no complete answer in time" };

	if (!c->handed) {
		c->handed = true;
		timer_arm(c->timer, c->timeout_ms);
		c->transport->handle(c->transport->arg, c->x);
		return;
	}
	http_exchange_fake_leave(c->x);
	call_end(c, &late);
}

static void
fake_cancel(struct http_transport *seam, struct http_call *c)
{
	struct http_exchange *x = c->x;
	bool handed = c->handed;

	(void)seam;
	call_free(c);
	if (handed)
		http_exchange_fake_leave(x);
	else
		fake_free(fake_exchange(x));
}

/* The path and query of an absolute URL; "/" when it has none. */
static const char *
target_of(const char *url)
{
	const char *authority = strstr(url, "://");
	const char *path = authority != NULL ? strchr(authority + 3, '/') : NULL;

	return path != NULL ? path : "/";
}

/* As a client would: the authority of the URL. */
static void
host_put(struct fake_exchange *f, const char *url)
{
	const char *authority = strstr(url, "://");
	char host[256];

	authority = authority != NULL ? authority + 3 : url;
	if (str_copy_len(host, sizeof(host), authority, strcspn(authority, "/?#")))
		headers_put(&f->sent, "Host", host);
}

static struct http_call *
fake_start(struct http_transport *seam, const struct http_request *r, http_done done, void *arg)
{
	struct fake_transport *t = (struct fake_transport *)seam;
	struct http_call *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->transport = t;
	c->done = done;
	c->arg = arg;
	c->timeout_ms = r->timeout_ms > 0 ? r->timeout_ms : TIMEOUT_DEFAULT_MS;
	c->started_ms = clock_boot_ms(t->clock);
	c->on_data = r->on_data;
	c->answer_max = r->answer_max_bytes != 0 ? r->answer_max_bytes : HTTP_ANSWER_MAX_BYTES;
	TAILQ_INSERT_TAIL(&t->calls, c, link);
	c->timer = timer_new(t->clock, on_call_timer, c);
	c->x = http_exchange_new_fake(r->method, target_of(r->url), r->headers, r->body, r->body_len, on_fake_answer, c);
	if (c->timer == NULL || c->x == NULL) {
		if (c->x != NULL)
			fake_free(fake_exchange(c->x));
		call_free(c);
		return NULL;
	}
	c->x->is_unix = false;
	host_put(fake_exchange(c->x), r->url);
	timer_arm(c->timer, 0);
	return c;
}

static void
fake_transport_free(struct http_transport *seam)
{
	struct fake_transport *t = (struct fake_transport *)seam;
	struct http_call *c;

	while ((c = TAILQ_FIRST(&t->calls)) != NULL)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): fake_cancel has taken what it freed out of the list. */
		fake_cancel(seam, c);
	free(t);
}

struct http_transport *
http_transport_new_fake(struct clock *clock, http_handler handle, void *arg)
{
	struct fake_transport *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->seam = (struct http_transport){ fake_start, fake_cancel, fake_transport_free };
	t->clock = clock;
	t->handle = handle;
	t->arg = arg;
	TAILQ_INIT(&t->calls);
	return &t->seam;
}
