/* One call: the request goes into the world in the turn after start, its answer comes back by a timer. */
#include "sim/transport.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/text.h"
#include "net/http_client.h"
#include "sim/arena.h"
#include "sim/memory.h"
#include "sim/sim.h"

#define TIMEOUT_MS 30000

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
	struct arena arena; /* of all that is said in either direction */
	char *method, *path, *query, *body;
	size_t body_len, answer_max;
	const char **header;                /* NULL-terminated */
	void (*wakes)(struct http_call *c); /* what timer does: the turn of the request, the timeout, the turn of the answer */
	struct timer *timer;
	int64_t started_ms, timeout_ms;
	bool reachable, in_world; /* in_world: the simulator still holds a pointer to this */
	struct http_answer answer;
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
	arena_done(&c->arena);
	free(c);
}

static void
on_timer(void *arg)
{
	struct http_call *c = arg;

	c->wakes(c);
}

static void
wake_in(struct http_call *c, int64_t after_ms, void (*wakes)(struct http_call *c))
{
	c->wakes = wakes;
	timer_arm(c->timer, after_ms);
}

static void
hand_over(struct http_call *c)
{
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
	wake_in(c, 0, hand_over);
}

static void
on_timeout(struct http_call *c)
{
	c->answer.err = ERR_TIMEOUT;
	c->answer.detail = "no answer in time";
	hand_over(c);
}

static const char *
request_header(void *arg, const char *name)
{
	const struct http_call *c = arg;
	size_t len = strlen(name);

	for (const char **line = c->header; *line != NULL; line++)
		if (tolower((unsigned char)(*line)[0]) == tolower((unsigned char)name[0]) && strncasecmp(*line, name, len) == 0 &&
		    (*line)[len] == ':')
			return *line + len + 1 + strspn(*line + len + 1, " ");
	return NULL;
}

static void
keep_headers(struct http_call *c, const struct sim_answer *a)
{
	struct http_header *h;
	size_t count = 0;

	while (a->headers[count] != NULL)
		count++;
	c->answer.headers = h = arena_get(&c->arena, (count + 1) * sizeof(*h));
	for (size_t i = 0; i < count; i++) {
		char *line = arena_copy(&c->arena, a->headers[i]), *colon = strstr(line, ": ");

		if (colon == NULL)
			continue;
		*colon = '\0';
		*h++ = (struct http_header){ line, colon + 2 };
	}
	if (a->content_type != NULL)
		*h++ = (struct http_header){ "Content-Type", arena_copy(&c->arena, a->content_type) };
	c->answer.header_count = (size_t)(h - c->answer.headers);
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
	c->answer.body = arena_copy_len(&c->arena, a->body != NULL ? a->body : "", a->body_len);
	c->answer.body_len = a->body_len;
	answer_later(c, ERR_OK, "");
}

static void
ask(struct http_call *c)
{
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
	wake_in(c, c->timeout_ms, on_timeout);
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
	c->path = arena_copy(&c->arena, c->reachable ? url + len : "/");
	query = strchr(c->path, '?');
	if (query != NULL)
		*query++ = '\0';
	c->query = query;
}

static void
copy_headers(struct http_call *c, const char *const *headers)
{
	size_t count = 0;

	while (headers != NULL && headers[count] != NULL)
		count++;
	c->header = arena_get(&c->arena, (count + 1) * sizeof(*c->header));
	for (size_t i = 0; i < count; i++)
		c->header[i] = arena_copy(&c->arena, headers[i]);
	c->header[count] = NULL;
}

static struct http_call *
transport_start(struct http_transport *base, const struct http_request *r, http_done done, void *arg)
{
	struct sim_transport *t = (struct sim_transport *)base;
	struct http_call *c = must_alloc(sizeof(*c));

	c->t = t;
	c->done = done;
	c->arg = arg;
	c->method = arena_copy(&c->arena, r->method);
	split_url(c, r->url);
	if (r->body != NULL) {
		c->body = arena_copy_len(&c->arena, r->body, r->body_len);
		c->body_len = r->body_len;
	}
	copy_headers(c, r->headers);
	c->answer_max = r->answer_max_bytes == 0 ? HTTP_ANSWER_MAX_BYTES : r->answer_max_bytes;
	c->timeout_ms = r->timeout_ms == 0 ? TIMEOUT_MS : r->timeout_ms;
	c->started_ms = clock_boot_ms(t->clock);
	c->next = t->calls;
	c->link = &t->calls;
	if (c->next != NULL)
		c->next->link = &c->next;
	t->calls = c;
	c->timer = timer_new(t->clock, on_timer, c);
	wake_in(c, 0, ask);
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
	struct http_call *next;

	for (struct http_call *c = t->calls; c != NULL; c = next) {
		next = c->next;
		call_free(c);
	}
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
