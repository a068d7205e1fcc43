#include "property/wire.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/http_client.h"
#include "sim/map.h"
#include "sim/memory.h"

#define TIMEOUT_MS    30000
#define TOKEN_KEPT_MS (2 * 60 * 60000) /* twice as long as it is good */

struct token {
	char *signature; /* no two have the same */
	unsigned tenant;
	int64_t learnt_ms;
	struct token *next;
};

struct wire {
	struct http_transport base;
	struct http_transport *graph;
	struct clock *clock;
	struct wire_options options;
	struct http_call *calls;
	struct token *oldest, *newest; /* newest: of any use only while there is an oldest */
	struct map token_by_signature;
};

struct http_call {
	struct wire *wire;
	struct http_call *next, **link;
	void *inner; /* the call of the transport beneath */
	http_done done;
	void *arg;
	const char *method, *path, *body; /* in text */
	unsigned tenant;
	enum weather weather;
	struct timer *timer; /* of what goes wrong */
	int64_t asked_ms, timeout_ms;
	struct http_answer late; /* held back: headers and body are its own */
	struct http_header *headers;
	char text[];
};

static void
late_free(struct http_call *c)
{
	for (size_t i = 0; i < c->late.header_count; i++) {
		free((char *)(uintptr_t)c->headers[i].name);
		free((char *)(uintptr_t)c->headers[i].value);
	}
	free(c->headers);
	free((char *)(uintptr_t)c->late.body);
}

static void
call_free(struct http_call *c)
{
	*c->link = c->next;
	if (c->next != NULL)
		c->next->link = c->link;
	timer_free(c->timer);
	late_free(c);
	free(c);
}

/* The answer goes up; c is gone. */
static void
hand_over(struct http_call *c, const struct http_answer *answer)
{
	http_done done = c->done;
	void *arg = c->arg;

	call_free(c);
	done(arg, answer);
}

/* ---------- what goes wrong ---------- */

static void
answer_late(void *arg)
{
	struct http_call *c = arg;
	struct http_call kept = *c;

	c->late = (struct http_answer){ 0 };
	c->headers = NULL;
	kept.late.headers = kept.headers;
	kept.late.took_ms = clock_boot_ms(c->wire->clock) - c->asked_ms;
	hand_over(c, &kept.late);
	late_free(&kept);
}

/* A copy is kept until then. */
static void
hold_back(struct http_call *c, const struct http_answer *a)
{
	c->late = *a;
	c->late.detail = "";
	c->late.body = must_copy(a->body);
	c->headers = must_alloc((a->header_count + 1) * sizeof(*c->headers));
	for (size_t i = 0; i < a->header_count; i++)
		c->headers[i] = (struct http_header){ must_copy(a->headers[i].name), must_copy(a->headers[i].value) };
	c->timer = timer_new(c->wire->clock, answer_late, c);
	timer_arm(c->timer, c->timeout_ms * 9 / 10 - a->took_ms);
}

static void
go_wrong(void *arg)
{
	struct http_call *c = arg;
	struct http_answer a = { .err = ERR_TIMEOUT, .body = "", .detail = "no answer in time" };

	if (c->weather == WEATHER_CUT) {
		a.err = ERR_UNREACHABLE;
		a.detail = "could not connect";
	} else if (c->weather == WEATHER_BUSY) {
		a.err = ERR_OK;
		a.status = 503;
		a.detail = "";
	}
	a.took_ms = clock_boot_ms(c->wire->clock) - c->asked_ms;
	http_cancel(c->wire->graph, c->inner);
	hand_over(c, &a);
}

/* ---------- who asks ---------- */

static unsigned
number_of(const char *directory)
{
	return strlen(directory) >= 36 ? (unsigned)strtoul(directory + 24, NULL, 10) : 0;
}

static void
token_free(struct wire *w, struct token *t)
{
	sim_map_del(&w->token_by_signature, t->signature);
	w->oldest = t->next;
	free(t->signature);
	free(t);
}

/* Whose it is, for as long as it may be used. */
static void
token_learn(struct wire *w, unsigned tenant, const char *body)
{
	static const char name[] = "\"access_token\":\"";
	const char *at = strstr(body, name), *end = at != NULL ? strchr(at + sizeof(name) - 1, '"') : NULL, *dot;
	struct token *t;

	if (end == NULL || (dot = memrchr(at, '.', (size_t)(end - at))) == NULL)
		return;
	while (w->oldest != NULL && clock_boot_ms(w->clock) - w->oldest->learnt_ms > TOKEN_KEPT_MS)
		token_free(w, w->oldest);
	t = must_alloc(sizeof(*t));
	t->signature = strndup(dot + 1, (size_t)(end - dot) - 1);
	t->tenant = tenant;
	t->learnt_ms = clock_boot_ms(w->clock);
	*(w->oldest == NULL ? &w->oldest : &w->newest->next) = t;
	w->newest = t;
	sim_map_put(&w->token_by_signature, t->signature, t);
}

static unsigned
tenant_of(struct wire *w, const struct http_request *r, const char *path)
{
	static const char name[] = "Authorization: Bearer ";
	const struct token *t = NULL;
	const char *dot;

	if (strstr(path, "/oauth2/") != NULL)
		return number_of(path + 1);
	for (size_t i = 0; r->headers != NULL && r->headers[i] != NULL && t == NULL; i++)
		if (strncmp(r->headers[i], name, sizeof(name) - 1) == 0 && (dot = strrchr(r->headers[i], '.')) != NULL)
			t = sim_map_get(&w->token_by_signature, dot + 1);
	return t != NULL ? t->tenant : 0;
}

/* ---------- the transport ---------- */

static void
on_answer(void *arg, const struct http_answer *answer)
{
	struct http_call *c = arg;
	struct wire *w = c->wire;

	c->inner = NULL;
	if (answer->status == 200 && strstr(c->path, "/oauth2/") != NULL)
		token_learn(w, c->tenant, answer->body);
	w->options.answered(w->options.arg, c->tenant, c->method, c->path, c->body, answer->status, answer->body, c->asked_ms);
	if (c->weather == WEATHER_FINE)
		hand_over(c, answer);
	else if (c->weather == WEATHER_SLOW)
		hold_back(c, answer);
}

static const char *
path_of(const char *url)
{
	const char *host = strstr(url, "://"), *path = host != NULL ? strchr(host + 3, '/') : NULL;

	if (path == NULL)
		return "/";
	return strncmp(path, "/v1.0/", 6) == 0 ? path + 5 : path;
}

/* Copies len bytes, and a NUL, to *at, and moves that behind. */
static const char *
put(char **at, const char *s, size_t len)
{
	char *ret = *at;

	memcpy(ret, s, len);
	ret[len] = '\0';
	*at += len + 1;
	return ret;
}

/* What is said of it later. */
static struct http_call *
call_new(const struct http_request *r)
{
	const char *path = path_of(r->url);
	size_t method_len = strlen(r->method), path_len = strlen(path);
	struct http_call *c = must_alloc(sizeof(*c) + method_len + path_len + r->body_len + 3);
	char *at = c->text;

	c->method = put(&at, r->method, method_len);
	c->path = put(&at, path, path_len);
	if (r->body != NULL)
		c->body = put(&at, r->body, r->body_len);
	return c;
}

static struct http_call *
start(struct http_transport *base, const struct http_request *r, http_done done, void *arg)
{
	struct wire *w = (struct wire *)base;
	struct http_call *c = call_new(r);

	c->wire = w;
	c->done = done;
	c->arg = arg;
	c->tenant = tenant_of(w, r, c->path);
	c->weather = w->options.weather(w->options.arg, c->tenant);
	c->asked_ms = clock_boot_ms(w->clock);
	c->timeout_ms = r->timeout_ms == 0 ? TIMEOUT_MS : r->timeout_ms;
	c->next = w->calls;
	c->link = &w->calls;
	if (c->next != NULL)
		c->next->link = &c->next;
	w->calls = c;
	w->options.asked(w->options.arg, c->tenant, c->method, c->path);
	if (c->weather != WEATHER_FINE && c->weather != WEATHER_SLOW) {
		c->timer = timer_new(w->clock, go_wrong, c);
		timer_arm(c->timer, c->weather == WEATHER_CUT || c->weather == WEATHER_BUSY ? 0 : c->timeout_ms);
	}
	if (c->weather == WEATHER_FINE || c->weather == WEATHER_DEAF || c->weather == WEATHER_SLOW)
		c->inner = http_start(w->graph, r, on_answer, c);
	return c;
}

static void
cancel(struct http_transport *base, struct http_call *c)
{
	http_cancel(((struct wire *)base)->graph, c->inner);
	call_free(c);
}

static void
wire_free(struct http_transport *base)
{
	struct wire *w = (struct wire *)base;

	while (w->calls != NULL)
		cancel(base, w->calls);
	while (w->oldest != NULL)
		token_free(w, w->oldest);
	sim_map_done(&w->token_by_signature);
	http_transport_free(w->graph);
	free(w);
}

bool
wire_is_out(const struct http_transport *wire, const char *method)
{
	for (const struct http_call *c = ((const struct wire *)wire)->calls; c != NULL; c = c->next)
		if (c->weather == WEATHER_FINE && c->inner != NULL && strcmp(c->method, method) == 0)
			return true;
	return false;
}

struct http_transport *
wire_new(struct http_transport *graph, struct clock *clock, const struct wire_options *options)
{
	struct wire *w = must_alloc(sizeof(*w));

	w->base = (struct http_transport){ start, cancel, wire_free };
	w->graph = graph;
	w->clock = clock;
	w->options = *options;
	return &w->base;
}
