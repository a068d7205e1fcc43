/* A request that is never to be answered is held until its client has gone. */
#include "sim/serve.h"

#include <stdlib.h>

#include "net/http_server.h"
#include "sim/memory.h"
#include "sim/sim.h"

struct visit {
	struct visit *next, **link;
	struct http_exchange *x;
	bool in_world, gone, silent;
};

struct serve {
	struct sim *sim;
	struct visit *visits;
};

struct serve *
serve_new(struct sim *sim)
{
	struct serve *s = must_alloc(sizeof(*s));

	s->sim = sim;
	return s;
}

static void
visit_free(struct visit *v)
{
	*v->link = v->next;
	if (v->next != NULL)
		v->next->link = v->link;
	free(v);
}

static void
visit_abort(struct visit *v)
{
	struct http_exchange *x = v->x;

	visit_free(v);
	http_exchange_on_gone(x, NULL, NULL);
	http_reply_abort(x);
}

void
serve_free(struct serve *s)
{
	struct visit *next;

	if (s == NULL)
		return;
	for (struct visit *v = s->visits; v != NULL; v = next) {
		next = v->next;
		visit_abort(v);
	}
	free(s);
}

static const char *
header(void *arg, const char *name)
{
	const struct visit *v = arg;

	return http_exchange_header(v->x, name);
}

static void
on_gone(void *arg)
{
	struct visit *v = arg;

	v->gone = true;
	if (v->silent)
		visit_abort(v);
}

static void
on_answer(void *arg, const struct sim_answer *a)
{
	struct visit *v = arg;
	struct http_exchange *x = v->x;

	if (a->fate == SIM_SILENT && !v->gone) {
		v->silent = true;
		return;
	}
	if (a->fate == SIM_SILENT || a->fate == SIM_CLOSED || v->gone) {
		visit_abort(v);
		return;
	}
	visit_free(v);
	http_exchange_on_gone(x, NULL, NULL);
	if (a->fate == SIM_ANSWERED) {
		http_reply(x, a->status, a->content_type, a->body, a->body_len, a->headers);
		return;
	}
	/* A stream without its end: the client sees that the body broke off. */
	http_reply_begin(x, a->status, a->content_type);
	http_reply_chunk(x, a->body, a->body_len);
	http_reply_abort(x);
}

void
serve_handle(void *arg, struct http_exchange *x)
{
	struct serve *s = arg;
	struct visit *v = must_alloc(sizeof(*v));
	struct sim_request r = { .method = http_exchange_method(x),
		.path = http_exchange_path(x),
		.query = http_exchange_query(x),
		.header = header,
		.header_arg = v };

	v->x = x;
	v->next = s->visits;
	v->link = &s->visits;
	if (v->next != NULL)
		v->next->link = &v->next;
	s->visits = v;
	http_exchange_on_gone(x, on_gone, v);
	r.body = http_exchange_body(x, &r.body_len);
	sim_handle(s->sim, &r, on_answer, v);
}
