/*
 * fake.h - a transport that answers in process, on a manual clock: scripted by one function of the test.
 */
#ifndef TESTS_UNIT_GRAPH_FAKE_H
#define TESTS_UNIT_GRAPH_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "graph/graph.h"
#include "net/http_client.h"

#define FAKE_BASE    "https://graph.example.test/v1.0"
#define FAKE_LOGIN   "https://login.example.test"
#define FAKE_WALL_MS 1763800000000LL
#define FAKE_LOG_MAX 4096
#define TENANT_A     "aaaaaaaa-0000-4000-8000-000000000001"
#define TENANT_B     "bbbbbbbb-0000-4000-8000-000000000002"
#define TEAM_1       "11111111-0000-4000-8000-000000000011"
#define TEAM_2       "22222222-0000-4000-8000-000000000022"
#define USER_1       "51111111-0000-4000-8000-000000000051"
#define USER_2       "52222222-0000-4000-8000-000000000052"

struct fake_seen {
	char method[8];
	char url[1024];
	char token[64];                  /* of the Authorization header; "" = none */
	char prefer[128], if_match[128]; /* likewise */
	char body[2048];
	int64_t boot_ms;
};

struct fake_reply {
	enum err err;
	int status;
	char body[8192];
	char headers[4][2][128];
	size_t header_count;
	int64_t delay_ms;
};

struct http_call {
	struct fake *fake;
	struct timer *timer;
	http_done done;
	void *arg;
	struct fake_reply reply;
};

struct fake {
	struct http_transport transport;
	struct clock *clock;
	/* Fills reply, which is a 200 "{}" without delay; for token requests a good one is filled in already. */
	void (*script)(struct fake *f, const struct fake_seen *seen, struct fake_reply *reply);
	const char *word; /* the script's own, as is: */
	struct rng *rng;
	struct fake_seen *seen;
	size_t count, tokens, under_way;
	struct graph *graph;
	int told;
	unsigned refusals; /* sign-in outcomes */
	enum tenant_state told_state;
};

static inline void
fake_header(struct fake_reply *r, const char *name, const char *value)
{
	assert_true(r->header_count < 4);
	(void)snprintf(r->headers[r->header_count][0], 128, "%s", name);
	(void)snprintf(r->headers[r->header_count][1], 128, "%s", value);
	r->header_count++;
}

static inline void
fake_end(struct http_call *c)
{
	c->fake->under_way--;
	timer_free(c->timer);
	free(c);
}

static inline void
fake_due(void *arg)
{
	struct http_call *c = arg;
	struct http_header headers[4];
	struct http_answer a = { .err = c->reply.err,
		.status = c->reply.err == ERR_OK ? c->reply.status : 0,
		.headers = headers,
		.header_count = c->reply.header_count,
		.body = c->reply.body,
		.body_len = strlen(c->reply.body),
		.detail = "" };

	for (size_t i = 0; i < c->reply.header_count; i++)
		headers[i] = (struct http_header){ c->reply.headers[i][0], c->reply.headers[i][1] };
	c->done(c->arg, &a);
	fake_end(c);
}

static inline bool
fake_is_token(const struct fake_seen *seen)
{
	return strncmp(seen->url, FAKE_LOGIN, strlen(FAKE_LOGIN)) == 0;
}

static inline struct http_call *
fake_start(struct http_transport *t, const struct http_request *request, http_done done, void *arg)
{
	struct fake *f = (struct fake *)t;
	struct http_call *c = calloc(1, sizeof(*c));
	struct fake_seen *seen = &f->seen[f->count];

	assert_true(f->count < FAKE_LOG_MAX);
	f->count++;
	(void)snprintf(seen->method, sizeof(seen->method), "%s", request->method);
	(void)snprintf(seen->url, sizeof(seen->url), "%s", request->url);
	(void)snprintf(seen->body, sizeof(seen->body), "%.*s", (int)request->body_len,
	    request->body != NULL ? (const char *)request->body : "");
	for (const char *const *h = request->headers; h != NULL && *h != NULL; h++)
		if (strncmp(*h, "Authorization: Bearer ", 22) == 0)
			(void)snprintf(seen->token, sizeof(seen->token), "%s", *h + 22);
		else if (strncmp(*h, "Prefer: ", 8) == 0)
			(void)snprintf(seen->prefer, sizeof(seen->prefer), "%s", *h + 8);
		else if (strncmp(*h, "If-Match: ", 10) == 0)
			(void)snprintf(seen->if_match, sizeof(seen->if_match), "%s", *h + 10);
	seen->boot_ms = clock_boot_ms(f->clock);
	c->fake = f;
	c->done = done;
	c->arg = arg;
	c->reply.status = 200;
	(void)snprintf(c->reply.body, sizeof(c->reply.body), "{}");
	if (fake_is_token(seen)) {
		f->tokens++;
		(void)snprintf(c->reply.body, sizeof(c->reply.body),
		    "{\"token_type\":\"Bearer\",\"expires_in\":3599,\"access_token\":\"T%zu\"}", f->tokens);
	}
	if (f->script != NULL)
		f->script(f, seen, &c->reply);
	f->under_way++;
	c->timer = timer_new(f->clock, fake_due, c);
	timer_arm(c->timer, c->reply.delay_ms > 0 ? c->reply.delay_ms : 1);
	return c;
}

static inline void
fake_cancel(struct http_transport *t, struct http_call *c)
{
	(void)t;
	fake_end(c);
}

static inline void
fake_sign_in(void *arg, const struct guid *directory, enum err err, enum tenant_state state, const char *detail)
{
	struct fake *f = arg;

	assert_int_equal(directory->s[0] == '\0', 0);
	assert_int_equal(err == ERR_OK, state == TENANT_ACTIVE);
	assert_int_equal(detail[0] == '\0', err == ERR_OK);
	f->told++;
	f->told_state = state;
}

static inline bool
fake_refused(void *arg, const struct guid *directory)
{
	struct fake *f = arg;

	assert_int_equal(directory->s[0] == '\0', 0);
	f->refusals++;
	return true;
}

static inline void
fake_init(struct fake *f, void (*script)(struct fake *f, const struct fake_seen *seen, struct fake_reply *reply))
{
	struct graph_options options = { .base_url = FAKE_BASE,
		.login_url = FAKE_LOGIN,
		.client_id = "client",
		.client_secret = "se cret&",
		.transport = &f->transport };

	memset(f, 0, sizeof(*f));
	f->transport.start = fake_start;
	f->transport.cancel = fake_cancel;
	f->clock = clock_new_manual(FAKE_WALL_MS);
	f->script = script;
	f->seen = calloc(FAKE_LOG_MAX, sizeof(*f->seen));
	options.clock = f->clock;
	options.rng = rng_seeded(7);
	options.on_sign_in = fake_sign_in;
	options.on_refused = fake_refused;
	options.arg = f;
	assert_int_equal(graph_new(&options, &f->graph), ERR_OK);
}

static inline void
fake_done(struct fake *f)
{
	graph_free(f->graph);
	assert_int_equal(f->under_way, 0);
	clock_free(f->clock);
	free(f->seen);
}

/* What a test keeps of an answer. */
struct kept {
	int count;
	enum err err;
	int status;
	bool unknown, sign_in_failed;
	enum tenant_state tenant_state;
	int64_t retry_after_ms, boot_ms;
	unsigned tries;
	char detail[DETAIL_SIZE];
	struct fake *fake;
};

static inline void
keep(void *arg, const struct graph_answer *a)
{
	struct kept *k = arg;

	k->count++;
	k->err = a->err;
	k->status = a->status;
	k->unknown = a->unknown;
	k->sign_in_failed = a->sign_in_failed;
	k->tenant_state = a->tenant_state;
	k->retry_after_ms = a->retry_after_ms;
	k->tries = a->tries;
	if (k->fake != NULL)
		k->boot_ms = clock_boot_ms(k->fake->clock);
	(void)snprintf(k->detail, sizeof(k->detail), "%s", a->detail);
}

static inline struct graph_request
request_get(const char *tenant, const char *path)
{
	struct graph_request r = { .operation = GRAPH_DIRECTORY_READ, .method = "GET", .path = path };

	r.where.priority = GRAPH_HINT;
	assert_true(guid_parse(tenant, &r.where.directory));
	return r;
}

/* What a call would be given for this body; *json is to be given back. */
static inline struct graph_answer
fake_answer(int status, const char *body, json_t **json)
{
	struct graph_answer a = { .status = status };

	*json = NULL;
	(void)jx_parse(body, strlen(body), json, NULL, 0);
	a.json = *json;
	graph_error_read(*json, &a.error);
	a.err = graph_error_judge(status, &a.error);
	return a;
}

#endif
