/* One call: the request goes into the world in the turn after start, its answer comes back by a timer. */
#include "sim/transport.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/text.h"
#include "net/http_client.h"
#include "sim/memory.h"
#include "sim/sim.h"

#define HEADERS_MAX 32
#define TIMEOUT_MS  30000

struct sim_transport {
	struct http_transport base;
	struct sim *sim;
	struct clock *clock;
	struct http_call *calls;
	int cut;
};

struct http_call {
	struct sim_transport *t;
	struct http_call *next, **link;
	http_done done; /* NULL once cancelled or answered */
	void *arg;
	char *method, *path, *query, *body;
	size_t body_len, answer_max;
	char *header[HEADERS_MAX + 1];
	struct timer *timer; /* the turn of the request, then the timeout, then the turn of the answer */
	int64_t started_ms, timeout_ms;
	bool reachable, in_world; /* in_world: the simulator still holds a pointer to this */
	struct http_answer answer;
	char *answer_text[HEADERS_MAX];
	struct http_header answer_header[HEADERS_MAX];
	char *answer_body;
};

static void
call_free(struct http_call *c)
{
	if (c->link != NULL) {
		*c->link = c->next;
		if (c->next != NULL)
			c->next->link = c->link;
		c->link = NULL;
	}
	timer_free(c->timer);
	c->timer = NULL;
	c->done = NULL;
	if (c->in_world)
		return;
	for (size_t i = 0; i < HEADERS_MAX; i++) {
		free(c->header[i]);
		free(c->answer_text[i]);
	}
	free(c->method);
	free(c->path);
	free(c->query);
	free(c->body);
	free(c->answer_body);
	free(c);
}

static void
hand_over(void *arg)
{
	struct http_call *c = arg;
	http_done done = c->done;
	void *done_arg = c->arg;

	c->answer.took_ms = clock_boot_ms(c->t->clock) - c->started_ms;
	if (c->answer.detail == NULL)
		c->answer.detail = "";
	if (c->answer.body == NULL)
		c->answer.body = "";
	c->done = NULL;
	done(done_arg, &c->answer);
	call_free(c);
}

static void
answer_later(struct http_call *c, enum err err, const char *detail)
{
	c->answer.err = err;
	c->answer.detail = detail;
	timer_free(c->timer);
	c->timer = timer_new(c->t->clock, hand_over, c);
	timer_arm(c->timer, 0);
}

static void
on_timeout(void *arg)
{
	struct http_call *c = arg;

	c->answer.err = ERR_TIMEOUT;
	c->answer.detail = "no answer in time";
	hand_over(c);
}

static const char *
request_header(void *arg, const char *name)
{
	const struct http_call *c = arg;
	size_t len = strlen(name);

	for (size_t i = 0; c->header[i] != NULL; i++)
		if (strncasecmp(c->header[i], name, len) == 0 && c->header[i][len] == ':')
			return c->header[i] + len + 1 + strspn(c->header[i] + len + 1, " ");
	return NULL;
}

static void
keep_header(struct http_call *c, const char *name, const char *value)
{
	struct http_header *h = &c->answer_header[c->answer.header_count];
	char *text = NULL;

	if (c->answer.header_count == HEADERS_MAX || asprintf(&text, "%s%c%s", name, '\0', value) < 0)
		return;
	c->answer_text[c->answer.header_count++] = text;
	h->name = text;
	h->value = text + strlen(name) + 1;
}

static void
keep_headers(struct http_call *c, const struct sim_answer *a)
{
	for (const char *const *line = a->headers; *line != NULL; line++) {
		const char *colon = strstr(*line, ": ");
		char name[128];

		if (colon != NULL && str_copy_len(name, sizeof(name), *line, (size_t)(colon - *line)))
			keep_header(c, name, colon + 2);
	}
	if (a->content_type != NULL)
		keep_header(c, "Content-Type", a->content_type);
	c->answer.headers = c->answer_header;
}

static void
on_answer(void *arg, const struct sim_answer *a)
{
	struct http_call *c = arg;

	c->in_world = false;
	if (c->done == NULL) {
		call_free(c);
		return;
	}
	switch (a->fate) {
	case SIM_SILENT: return; /* the timeout ends it */
	case SIM_CLOSED: answer_later(c, ERR_UNREACHABLE, "the connection was closed without an answer"); return;
	case SIM_TRUNCATED: answer_later(c, ERR_UNREACHABLE, "the connection was closed within the body"); return;
	case SIM_ANSWERED: break;
	}
	if (a->body_len > c->answer_max) {
		answer_later(c, ERR_TOOBIG, "the answer is larger than allowed");
		return;
	}
	c->answer.status = a->status;
	keep_headers(c, a);
	c->answer_body = must_alloc(a->body_len + 1);
	if (a->body_len > 0)
		memcpy(c->answer_body, a->body, a->body_len);
	c->answer.body = c->answer_body;
	c->answer.body_len = a->body_len;
	answer_later(c, ERR_OK, "");
}

static void
ask(void *arg)
{
	struct http_call *c = arg;
	struct sim_request r = { .method = c->method,
		.path = c->path,
		.query = c->query,
		.body = c->body,
		.body_len = c->body_len,
		.header = request_header,
		.header_arg = c };

	if (!c->reachable || c->t->cut) {
		c->answer.err = ERR_UNREACHABLE;
		c->answer.detail = "could not connect";
		hand_over(c);
		return;
	}
	timer_free(c->timer);
	c->timer = timer_new(c->t->clock, on_timeout, c);
	timer_arm(c->timer, c->timeout_ms);
	c->in_world = true;
	sim_handle(c->t->sim, &r, on_answer, c);
}

static void
split_url(struct http_call *c, const char *url)
{
	const char *base = sim_base_url(c->t->sim);
	size_t len = strlen(base);
	char *query;

	c->reachable = strncmp(url, base, len) == 0 && url[len] == '/';
	c->path = must_copy(c->reachable ? url + len : "/");
	query = strchr(c->path, '?');
	if (query != NULL)
		*query = '\0';
	c->query = must_copy(query == NULL ? "" : query + 1);
}

static struct http_call *
transport_start(struct http_transport *base, const struct http_request *r, http_done done, void *arg)
{
	struct sim_transport *t = (struct sim_transport *)base;
	struct http_call *c = must_alloc(sizeof(*c));

	c->t = t;
	c->done = done;
	c->arg = arg;
	c->method = must_copy(r->method);
	split_url(c, r->url);
	if (r->body != NULL) {
		c->body = must_alloc(r->body_len + 1);
		memcpy(c->body, r->body, r->body_len);
		c->body_len = r->body_len;
	}
	for (size_t i = 0; r->headers != NULL && r->headers[i] != NULL && i < HEADERS_MAX; i++)
		c->header[i] = must_copy(r->headers[i]);
	c->answer_max = r->answer_max_bytes == 0 ? HTTP_ANSWER_MAX_BYTES : r->answer_max_bytes;
	c->timeout_ms = r->timeout_ms == 0 ? TIMEOUT_MS : r->timeout_ms;
	c->started_ms = clock_boot_ms(t->clock);
	c->next = t->calls;
	c->link = &t->calls;
	if (c->next != NULL)
		c->next->link = &c->next;
	t->calls = c;
	c->timer = timer_new(t->clock, ask, c);
	timer_arm(c->timer, 0);
	return c;
}

static void
transport_cancel(struct http_transport *base, struct http_call *c)
{
	(void)base;
	call_free(c);
}

static void
transport_free(struct http_transport *base)
{
	struct sim_transport *t = (struct sim_transport *)base;

	while (t->calls != NULL)
		call_free(t->calls);
	free(t);
}

struct http_transport *
sim_transport_new(struct sim *sim, struct clock *clock)
{
	struct sim_transport *t = must_alloc(sizeof(*t));

	t->base = (struct http_transport){ transport_start, transport_cancel, transport_free };
	t->sim = sim;
	t->clock = clock;
	return &t->base;
}

void
sim_transport_cut(struct http_transport *base, int on)
{
	((struct sim_transport *)base)->cut = on;
}
