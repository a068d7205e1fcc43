/*
 * $batch of facts 11: up to 20 requests in one, each counted and answered by itself, in an order of their own.
 * An item waits for those it depends on; when one of them failed it is answered 424 without being tried.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/call.h"
#include "sim/handlers.h"
#include "sim/memory.h"
#include "sim/route.h"

#define BATCH_MAX 20

struct batch;

struct item {
	struct batch *batch;
	const json_t *request; /* borrowed from the outer call's body */
	enum { ITEM_WAITS, ITEM_RUNS, ITEM_DONE } state;
	bool failed;
};

struct batch {
	struct call *outer;
	struct item item[BATCH_MAX];
	size_t count;
	bool running; /* items that are answered at once must not start others from within */
};

static void advance(struct batch *b);

static const char *
id_of(const struct item *i)
{
	return jx_get_str(i->request, "id");
}

/* Headers of an item are an object beside its body; the sign-in is the outer call's. */
static const char *
item_header(void *arg, const char *name)
{
	const struct item *i = arg;
	const json_t *headers = jx_get_object(i->request, "headers");
	void *at = json_object_iter((json_t *)headers);

	if (str_equal_nocase(name, "Authorization"))
		return i->batch->outer->authorization;
	for (; at != NULL; at = json_object_iter_next((json_t *)headers, at))
		if (str_equal_nocase(json_object_iter_key(at), name))
			return json_string_value(json_object_iter_value(at));
	return NULL;
}

static json_t *
headers_of(const struct sim_answer *a)
{
	json_t *o = json_object();

	for (const char *const *h = a->headers; *h != NULL; h++) {
		const char *colon = strstr(*h, ": ");
		char name[64];

		if (colon != NULL && str_copy_len(name, sizeof(name), *h, (size_t)(colon - *h)))
			json_object_set_new(o, name, json_string(colon + 2));
	}
	if (a->body != NULL)
		json_object_set_new(o, "Content-Type", json_string("application/json"));
	return o;
}

static void
add_response(struct item *i, int status, json_t *headers, json_t *body)
{
	json_t *responses = jx_get_array(i->batch->outer->answer, "responses");
	json_t *o = json_pack("{s:s,s:i,s:o}", "id", id_of(i), "status", status, "headers", headers);

	if (body != NULL)
		json_object_set_new(o, "body", body);
	/* Any order is allowed, so now and then another than that of the requests. */
	if (rng_below(&i->batch->outer->sim->rng, 3) == 0)
		json_array_insert_new(responses, 0, o);
	else
		json_array_append_new(responses, o);
	i->state = ITEM_DONE;
	i->failed = status >= 400;
}

static void
item_done(void *arg, const struct sim_answer *a)
{
	struct item *i = arg;
	json_t *body = NULL;

	if (a->fate != SIM_ANSWERED) {
		add_response(i, 504, json_object(),
		    json_pack("{s:{s:s,s:s}}", "error", "code", "GatewayTimeout", "message", "The item was not answered."));
	} else {
		if (a->body != NULL)
			jx_parse(a->body, a->body_len, &body, NULL, 0);
		add_response(i, a->status, headers_of(a), body);
	}
	advance(i->batch);
}

static void
run(struct item *i)
{
	const json_t *body = json_object_get(i->request, "body");
	char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY), *path = NULL, *query;
	struct sim_request r = { .method = jx_get_str(i->request, "method"),
		.query = "",
		.body = text,
		.body_len = text == NULL ? 0 : strlen(text),
		.header = item_header,
		.header_arg = i };
	struct call *c;

	i->state = ITEM_RUNS;
	if (asprintf(&path, GRAPH_PREFIX "%s", jx_get_str(i->request, "url")) < 0)
		path = must_copy(GRAPH_PREFIX "/");
	query = strchr(path, '?');
	if (query != NULL) {
		*query = '\0';
		r.query = query + 1;
	}
	r.path = path;
	c = call_new(i->batch->outer->sim, &r, item_done, i);
	c->inner = true;
	sim_route_handle(c);
	free(text);
	free(path);
}

static struct item *
find(struct batch *b, const char *id)
{
	for (size_t i = 0; i < b->count; i++)
		if (id != NULL && strcmp(id_of(&b->item[i]), id) == 0)
			return &b->item[i];
	return NULL;
}

enum readiness { READY, NOT_YET, NEVER };

static enum readiness
readiness_of(struct batch *b, const struct item *i)
{
	const json_t *needs = jx_get_array(i->request, "dependsOn");

	for (size_t k = 0; k < json_array_size(needs); k++) {
		const struct item *need = find(b, json_string_value(json_array_get(needs, k)));

		if (need == NULL || (need->state == ITEM_DONE && need->failed))
			return NEVER;
		if (need->state != ITEM_DONE)
			return NOT_YET;
	}
	return READY;
}

/* Starts or fails what can be; true when anything moved. */
static bool
step(struct batch *b)
{
	bool moved = false;

	for (size_t i = 0; i < b->count; i++) {
		struct item *x = &b->item[i];
		enum readiness how = x->state == ITEM_WAITS ? readiness_of(b, x) : NOT_YET;

		if (how == READY)
			run(x);
		else if (how == NEVER)
			add_response(x, 424, json_object(),
			    json_pack("{s:{s:s,s:s}}", "error", "code", "FailedDependency", "message",
			        "A request this one depends on failed."));
		moved = moved || how != NOT_YET;
	}
	return moved;
}

static size_t
count_state(const struct batch *b, int state)
{
	size_t n = 0;

	for (size_t i = 0; i < b->count; i++)
		n += (int)b->item[i].state == state;
	return n;
}

static void
finish(struct batch *b)
{
	struct call *c = b->outer;

	free(b);
	call_finish(c);
}

static void
advance(struct batch *b)
{
	if (b->running)
		return;
	b->running = true;
	while (step(b))
		;
	b->running = false;
	/* Nothing runs and nothing can start: a circle of dependencies. */
	if (count_state(b, ITEM_RUNS) == 0) {
		for (size_t i = 0; i < b->count; i++)
			if (b->item[i].state == ITEM_WAITS)
				add_response(&b->item[i], 424, json_object(), NULL);
		finish(b);
	}
}

static bool
request_good(const json_t *r)
{
	const char *url = jx_get_str(r, "url"), *method = jx_get_str(r, "method"), *id = jx_get_str(r, "id");
	const json_t *body = json_object_get(r, "body"), *headers = jx_get_object(r, "headers");

	if (id == NULL || id[0] == '\0' || url == NULL || url[0] != '/' || method == NULL || strlen(method) > 7)
		return false;
	return body == NULL || json_object_get(headers, "Content-Type") != NULL ||
	       json_object_get(headers, "content-type") != NULL;
}

static bool
fill(struct batch *b, const json_t *requests)
{
	for (size_t i = 0; i < json_array_size(requests); i++) {
		const json_t *r = json_array_get(requests, i);

		if (!request_good(r) || find(b, jx_get_str(r, "id")) != NULL)
			return false;
		b->item[b->count++] = (struct item){ .batch = b, .request = r };
	}
	return true;
}

void
handle_batch_run(struct call *c)
{
	const json_t *requests;
	struct batch *b;

	if (!call_needs_json(c))
		return;
	requests = jx_get_array(c->json, "requests");
	if (c->inner || json_array_size(requests) < 1 || json_array_size(requests) > BATCH_MAX) {
		call_refuse(c, 400, "BadRequest", JOURNAL_BULK_SIZE, "A batch holds 1 to %d requests.", BATCH_MAX);
		return;
	}
	b = must_alloc(sizeof(*b));
	b->outer = c;
	if (!fill(b, requests)) {
		free(b);
		call_refuse(c, 400, "BadRequest", JOURNAL_BAD_REQUEST,
		    "Every request of a batch needs a unique id, a method, a relative url and, with a body, a Content-Type.");
		return;
	}
	c->deferred = true;
	call_answer(c, 200, json_pack("{s:[]}", "responses"));
	advance(b);
}
