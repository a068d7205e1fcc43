/* Each delivery is one POST under way; those still open when the office closes are cancelled. */
#include "sim/post.h"

#include <stdio.h>
#include <stdlib.h>

#include "net/http_client.h"
#include "sim/memory.h"
#include "sim/sim.h"

/* An endpoint's answer is a validation token or nothing much. */
#define ANSWER_MAX 65536

struct letter {
	struct letter *next, **link;
	struct sim *sim;
	uint64_t id;
	struct http_call *call;
};

struct post_office {
	struct http_transport *transport;
	struct letter *letters;
};

struct post_office *
post_office_new(struct http_transport *transport)
{
	struct post_office *o = must_alloc(sizeof(*o));

	o->transport = transport;
	return o;
}

static void
letter_free(struct letter *l)
{
	*l->link = l->next;
	if (l->next != NULL)
		l->next->link = l->link;
	free(l);
}

void
post_office_free(struct post_office *o)
{
	struct letter *next;

	if (o == NULL)
		return;
	for (struct letter *l = o->letters; l != NULL; l = next) {
		next = l->next;
		http_cancel(o->transport, l->call);
		free(l);
	}
	free(o);
}

static void
on_answer(void *arg, const struct http_answer *a)
{
	struct letter *l = arg;

	sim_delivered(
	    l->sim, l->id, a->err == ERR_OK ? a->status : 0, http_answer_header(a, "Content-Type"), a->body, a->body_len);
	letter_free(l);
}

void
post_office_deliver(void *arg, struct sim *sim, const struct sim_delivery *d)
{
	struct post_office *o = arg;
	struct letter *l = must_alloc(sizeof(*l));
	char type[128];
	const char *const headers[] = { type, NULL };
	struct http_request r = { .method = "POST",
		.url = d->url,
		.headers = headers,
		.body = d->body,
		.body_len = d->body_len,
		.timeout_ms = d->timeout_ms,
		.answer_max_bytes = ANSWER_MAX };

	snprintf(type, sizeof(type), "Content-Type: %s", d->content_type);
	l->sim = sim;
	l->id = d->id;
	l->next = o->letters;
	l->link = &o->letters;
	if (l->next != NULL)
		l->next->link = &l->next;
	o->letters = l;
	l->call = http_start(o->transport, &r, on_answer, l);
	if (l->call == NULL) {
		letter_free(l);
		sim_delivered(sim, d->id, 0, NULL, "", 0);
	}
}
