/*
 * graph.c - the life of a call: queued, sent, answered, perhaps queued again, ended.
 *
 * Everything that decides is elsewhere and pure (schedule, throttle, breaker, retry, wire, answer); this file owns the timers and the
 * connections. One timer a call serves its queueing deadline, its back-off and its deferred end, since it is never in two of
 * these at once. Calls end only from a timer or from the transport, so no caller is called back from within its own call.
 */
#include "graph/graph.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "graph/login.h"
#include "graph/retry.h"
#include "graph/schedule.h"
#include "graph/token.h"
#include "graph/wire.h"
#include "net/http_client.h"

#define TENANT_SLOTS 256
#define DATE_STEP_MS 999 /* a Date is of whole seconds, cut */

struct graph_tenant {
	struct graph *graph;
	struct guid directory;
	uint64_t hash;
	struct graph_tenant_queue queue;
	struct graph_token *token; /* NULL once forgotten, until the next call */
	bool told;                 /* the outcome of its sign-in, which was: */
	enum err told_err;
	enum tenant_state told_state;
	char told_detail[DETAIL_SIZE];
	bool refused; /* a call was, and that was told */
	int64_t refused_boot_ms;
	LIST_ENTRY(graph_tenant) link;
};

enum call_state {
	CALL_NEW,
	CALL_QUEUED,  /* in the schedule; leaves when picked, or at its deadline */
	CALL_FLYING,  /* with the transport; leaves with its answer */
	CALL_WAITING, /* for its next try; leaves by its timer */
	CALL_ENDED    /* its outcome is known; leaves in the next turn */
};

struct graph_call {
	struct graph *graph;
	struct graph_tenant *tenant;
	enum call_state state;
	struct graph_item item;
	struct timer *timer;
	struct http_call *http;
	graph_done done;
	void *arg;
	/* the request */
	char *url, *body;
	char **headers;
	const char *method; /* one of our own texts */
	bool idempotent;
	int64_t timeout_ms, deadline_boot_ms;
	char client_request_id[GRAPH_UUID_SIZE];
	/* so far */
	unsigned tries;
	int64_t sent_boot_ms; /* the last of them */
	bool token_renewed;   /* once, after a 401 or 403 */
	bool doubtful;        /* a try of them may have been done */
	uint64_t token_number;
	enum err last_err;
	int last_status;
	int64_t again_wall_ms; /* the next try; 0: this is the first */
	/* how it ends, when that is not an answer of Graph */
	enum err end_err;
	int64_t end_retry_ms;
	bool end_sign_in;
	enum tenant_state end_tenant_state;
	char *end_detail;
	TAILQ_ENTRY(graph_call) link;
};

struct graph {
	char *base_url;
	struct http_transport *transport;
	struct clock *clock;
	struct rng rng;
	void (*on_sign_in)(void *arg, const struct guid *directory, enum err err, enum tenant_state state, const char *detail);
	bool (*on_refused)(void *arg, const struct guid *directory);
	enum tenant_sign_in (*sign_in)(void *arg, const struct guid *directory, char ret_refresh[REFRESH_TOKEN_SIZE]);
	void (*keep)(void *arg, const struct guid *directory, const char *refresh);
	void *arg;
	struct graph_schedule *schedule;
	struct graph_tokens *tokens;
	struct timer *pump_timer;
	LIST_HEAD(, graph_tenant) tenants[TENANT_SLOTS];
	TAILQ_HEAD(, graph_call) calls;
	struct graph_stats stats;
	bool dated; /* an answer has told Graph's time: */
	int64_t date_minus_boot_ms;
};

static uint32_t
jitter(struct graph *g)
{
	return (uint32_t)rng_below(&g->rng, 1000);
}

static void
pump_soon(struct graph *g)
{
	timer_arm_sooner(g->pump_timer, 0);
}

/* --- tenants --- */

/* Also brings back the token object of one that was forgotten. NULL: out of memory. */
static struct graph_tenant *
tenant_get(struct graph *g, const struct guid *directory, bool make)
{
	uint64_t hash = graph_place_make(0, directory, NULL, NULL).tenant;
	struct graph_tenant *t;

	LIST_FOREACH(t, &g->tenants[hash % TENANT_SLOTS], link)
	if (strcmp(t->directory.s, directory->s) == 0)
		break;
	if (!make)
		return t;
	if (t == NULL) {
		if ((t = calloc(1, sizeof(*t))) == NULL)
			return NULL;
		t->graph = g;
		t->directory = *directory;
		t->hash = hash;
		graph_tenant_queue_init(&t->queue, clock_boot_ms(g->clock));
		LIST_INSERT_HEAD(&g->tenants[hash % TENANT_SLOTS], t, link);
	}
	if (t->token == NULL && (t->token = graph_token_new(g->tokens, directory, t)) == NULL)
		return NULL;
	return t;
}

static void
tenant_tell(struct graph_tenant *t, enum err err, enum tenant_state state, const char *detail)
{
	struct graph *g = t->graph;

	if (t->told && t->told_err == err && t->told_state == state && strcmp(t->told_detail, detail) == 0)
		return;
	t->told = true;
	t->told_err = err;
	t->told_state = state;
	(void)snprintf(t->told_detail, sizeof(t->told_detail), "%s", detail);
	if (g->on_sign_in != NULL)
		g->on_sign_in(g->arg, &t->directory, err, state, detail);
}

static void
on_token_ready(void *arg, void *owner)
{
	struct graph *g = arg;
	struct graph_tenant *t = owner;
	struct graph_token_view view;

	graph_tenant_queue_hold(&t->queue, false);
	pump_soon(g);
	switch (graph_token_get(t->token, false, &view)) {
	case GRAPH_TOKEN_READY: tenant_tell(t, ERR_OK, TENANT_ACTIVE, ""); break;
	case GRAPH_TOKEN_FAILED: tenant_tell(t, view.err, view.tenant_state, view.detail); break;
	case GRAPH_TOKEN_WAIT: break;
	}
}

/* Both are asked in the name of the graph's user. */
static enum tenant_sign_in
on_token_sign_in(void *arg, const struct guid *directory, char ret_refresh[REFRESH_TOKEN_SIZE])
{
	const struct graph *g = arg;

	return g->sign_in == NULL ? SIGN_IN_APPLICATION : g->sign_in(g->arg, directory, ret_refresh);
}

static void
on_token_keep(void *arg, const struct guid *directory, const char *refresh)
{
	struct graph *g = arg;

	if (g->keep != NULL)
		g->keep(g->arg, directory, refresh);
	else
		graph_tenant_kept(g, directory);
}

/* --- the end of a call --- */

static void
call_free(struct graph_call *c)
{
	if (c == NULL)
		return;
	timer_free(c->timer);
	for (char **h = c->headers; h != NULL && *h != NULL; h++)
		free(*h);
	free(c->headers);
	free(c->url);
	free(c->body);
	free(c->end_detail);
	free(c);
}

static void
log_failure(const struct graph_call *c, const struct graph_answer *a)
{
	bool usual = a->err == ERR_NOTFOUND || a->err == ERR_GONE || a->err == ERR_CANCELLED;

	log_put(usual ? LOG_INFO : LOG_WARN, "graph_call_failed", LS("operation", graph_operation_name(c->item.place.operation)),
	    LP("tenant", c->tenant->directory.s), LS("err", err_name(a->err)), LI("status", a->status),
	    LS("code", a->error.inner_code), LI("tries", a->tries), LI("unknown", a->unknown), LS("request_id", a->request_id),
	    LS("client_request_id", c->client_request_id));
}

static bool
is_refusal(const struct graph_answer *a)
{
	return !a->sign_in_failed &&
	       ((a->status == 401 && a->err == ERR_UNAUTHORIZED) || (a->status == 403 && a->err == ERR_FORBIDDEN));
}

static void
tell_refused(struct graph_tenant *t)
{
	struct graph *g = t->graph;
	int64_t now_ms = clock_boot_ms(g->clock);

	if (g->on_refused == NULL || (t->refused && now_ms - t->refused_boot_ms < GRAPH_REFUSED_EVERY_MS))
		return;
	t->refused = g->on_refused(g->arg, &t->directory);
	t->refused_boot_ms = now_ms;
}

/* The call is in no queue and has no connection any more. */
static void
call_finish(struct graph_call *c, struct graph_answer *a)
{
	struct graph *g = c->graph;
	struct graph_tenant *tenant = c->tenant;
	bool refused = is_refusal(a);

	TAILQ_REMOVE(&g->calls, c, link);
	a->tries = c->tries;
	if (a->err != ERR_OK) {
		g->stats.failures++;
		if (a->detail[0] == '\0')
			graph_error_detail(a->status, a->err, &a->error, a->detail, sizeof(a->detail));
		log_failure(c, a);
	}
	c->done(c->arg, a);
	call_free(c);
	if (refused)
		tell_refused(tenant);
}

/* For outcomes that are not an answer of Graph; told in the next turn. */
static void
call_end(struct graph_call *c, enum err err, int64_t retry_ms)
{
	assert(c->state != CALL_QUEUED && c->state != CALL_FLYING);
	c->state = CALL_ENDED;
	c->end_err = err;
	c->end_retry_ms = retry_ms;
	timer_arm(c->timer, 0);
}

static void
call_end_sign_in(struct graph_call *c, const struct graph_token_view *view)
{
	c->end_sign_in = true;
	c->end_tenant_state = view->tenant_state;
	c->end_detail = strdup(view->detail);
	call_end(c, view->err, view->retry_after_ms);
}

static void
call_tell_end(struct graph_call *c)
{
	struct graph_answer a = { .err = c->end_err,
		.retry_after_ms = c->end_retry_ms,
		.sign_in_failed = c->end_sign_in,
		.tenant_state = c->end_tenant_state };

	a.error.message = "";
	if (c->end_detail != NULL)
		(void)snprintf(a.detail, sizeof(a.detail), "%s", c->end_detail);
	call_finish(c, &a);
}

/* --- queueing --- */

static void
call_queue(struct graph_call *c, bool again)
{
	struct graph *g = c->graph;
	enum err e = graph_schedule_add(g->schedule, &c->item, again);

	if (e != ERR_OK) {
		c->state = CALL_NEW;
		call_end(c, e, -1);
		return;
	}
	c->state = CALL_QUEUED;
	timer_arm(c->timer, c->deadline_boot_ms - clock_boot_ms(g->clock));
	pump_soon(g);
}

/* Takes a call out of the schedule, however deep it is in there. */
static void
call_withdraw(struct graph_call *c)
{
	struct graph *g = c->graph;

	if (c->state == CALL_QUEUED)
		graph_schedule_remove(g->schedule, &c->item);
	if (c->state == CALL_FLYING) {
		http_cancel(g->transport, c->http);
		c->http = NULL;
		(void)graph_schedule_done(g->schedule, &c->item, GRAPH_END_NOTHING, clock_boot_ms(g->clock), 0);
		pump_soon(g);
	}
	c->state = CALL_WAITING;
}

static void
on_call_timer(void *arg)
{
	struct graph_call *c = arg;

	switch (c->state) {
	case CALL_QUEUED:
		call_withdraw(c);
		call_end(c, c->last_err != ERR_OK ? c->last_err : ERR_TIMEOUT, -1);
		return;
	case CALL_WAITING: call_queue(c, true); return;
	case CALL_ENDED: call_tell_end(c); return;
	case CALL_NEW:
	case CALL_FLYING: return;
	}
}

/* --- one try --- */

static enum graph_end
end_of(const struct graph_try *t)
{
	if (graph_try_failed(t))
		return GRAPH_END_FAILED;
	return graph_status_is_refusal(t->status) ? GRAPH_END_NOTHING : GRAPH_END_OK;
}

static void
log_breaker(const struct graph_call *c)
{
	enum graph_service service = graph_operation_service(c->item.place.operation);
	bool open = c->tenant->queue.breakers[service].state != BREAKER_CLOSED;

	log_put(open ? LOG_WARN : LOG_INFO, open ? "graph_breaker_opened" : "graph_breaker_closed",
	    LP("tenant", c->tenant->directory.s), LS("service", graph_service_name(service)));
}

/*
 * Beside the boot clock, which nobody steps: a wall clock set wrong in between moves nothing. Graph wrote the Date while the answer
 * was under way, which is long when this machine slept meanwhile: all it proves is that Graph's time now is between the Date and as
 * much later as the exchange took. What we took it for stays where that allows it.
 */
static void
note_date(struct graph *g, const struct graph_answer *a)
{
	int64_t now_ms, latest_ms = a->date_ms + DATE_STEP_MS + a->took_ms;

	(void)graph_time(g, &now_ms);
	if (now_ms < a->date_ms)
		now_ms = a->date_ms;
	if (now_ms > latest_ms)
		now_ms = latest_ms;
	g->date_minus_boot_ms = now_ms - clock_boot_ms(g->clock);
	g->dated = true;
}

static void
note_answer(struct graph *g, const struct graph_answer *a)
{
	if (a->status == 0)
		return;
	g->stats.last_answer_wall_ms = clock_wall_ms(g->clock);
	if (a->date_ms > 0)
		note_date(g, a);
	if (graph_status_is_refusal(a->status))
		g->stats.throttled++;
}

/* Whoever answers Retry-After wants quiet, whatever the status. */
static void
heed_retry_after(struct graph_call *c, const struct graph_answer *a, const struct graph_verdict *v)
{
	int64_t wait_ms = a->retry_after_ms;

	if (a->status < 400 || (!graph_status_is_refusal(a->status) && (a->status < 500 || wait_ms < 0)))
		return;
	if (wait_ms < 0)
		wait_ms = v->wait_ms > 0 ? v->wait_ms : GRAPH_BACKOFF_MIN_MS;
	if (wait_ms > GRAPH_RETRY_AFTER_MAX_MS)
		wait_ms = GRAPH_RETRY_AFTER_MAX_MS;
	graph_schedule_block(c->graph->schedule, &c->item, clock_boot_ms(c->graph->clock), wait_ms);
}

static enum err
err_of(const struct graph_try *t, const struct graph_answer *a)
{
	enum err e;

	if (t->transport != ERR_OK)
		return t->transport;
	e = graph_error_judge(t->status, &a->error);
	return e == ERR_OK && !t->readable ? ERR_UNEXPECTED : e;
}

/* Acts on the verdict about a try; the call is out of the schedule. */
static void
call_settle(struct graph_call *c, struct graph_answer *a, const struct graph_try *t, struct graph_verdict v)
{
	struct graph *g = c->graph;

	a->err = c->last_err = err_of(t, a);
	if (v.act == GRAPH_AGAIN && graph_budget_retry(&c->tenant->queue.budget, clock_boot_ms(g->clock))) {
		g->stats.retries++;
		c->last_status = t->status;
		c->again_wall_ms = clock_wall_ms(g->clock) + v.wait_ms;
		c->state = CALL_WAITING;
		timer_arm(c->timer, v.wait_ms);
		return;
	}
	if (v.act == GRAPH_AGAIN && a->retry_after_ms < 0)
		a->retry_after_ms = v.wait_ms;
	a->unknown = v.act == GRAPH_UNKNOWN;
	call_finish(c, a);
}

/*
 * True when another token is worth a try: once a call, every ten seconds a tenant. A 403, too: permissions are written into the
 * token, so one that an admin has just granted comes only with a new one, and consent withdrawn is told by its refusal.
 */
static bool
call_renews_token(struct graph_call *c, const struct graph_answer *a)
{
	if (a->status != 401 && (a->status != 403 || a->err != ERR_FORBIDDEN))
		return false;
	if (c->token_renewed || c->tenant->token == NULL)
		return false;
	c->token_renewed = true;
	return graph_token_reject(c->tenant->token, c->token_number);
}

static void
on_answer(void *arg, const struct http_answer *http)
{
	struct graph_call *c = arg;
	struct graph *g = c->graph;
	int64_t now_ms = clock_boot_ms(g->clock);
	struct graph_answer a;
	struct graph_try t;
	struct graph_verdict v;
	json_t *json;

	c->http = NULL;
	c->state = CALL_WAITING;
	graph_wire_read(http, clock_wall_ms(g->clock), &a, &json, &t.readable);
	a.took_ms = now_ms - c->sent_boot_ms;
	t.transport = http->err;
	t.status = a.status;
	t.idempotent = c->idempotent;
	t.tries = c->tries;
	t.retry_after_ms = a.retry_after_ms;
	t.left_ms = c->deadline_boot_ms - now_ms;
	v = graph_retry_judge(&t, jitter(g));
	c->doubtful = c->doubtful || graph_try_is_doubtful(&t);
	note_answer(g, &a);
	heed_retry_after(c, &a, &v);
	if (graph_schedule_done(g->schedule, &c->item, end_of(&t), now_ms, jitter(g)))
		log_breaker(c);
	pump_soon(g);
	if (call_renews_token(c, &a))
		call_queue(c, true);
	else
		call_settle(c, &a, &t, v);
	json_decref(json);
}

static void
call_send(struct graph_call *c, const struct graph_token_view *view)
{
	struct graph *g = c->graph;
	int64_t left_ms = c->deadline_boot_ms - clock_boot_ms(g->clock);
	struct graph_wire_headers headers;
	struct http_request request = { .method = c->method,
		.url = c->url,
		.headers = headers.lines,
		.body = c->body,
		.body_len = c->body != NULL ? strlen(c->body) : 0,
		.timeout_ms = left_ms < c->timeout_ms ? left_ms : c->timeout_ms };

	if (request.timeout_ms < 1)
		request.timeout_ms = 1;
	if (graph_wire_headers_make(
	        &headers, view->text, c->client_request_id, c->body != NULL, (const char *const *)c->headers) == ERR_OK)
		c->http = http_start(g->transport, &request, on_answer, c);
	graph_wire_headers_done(&headers);
	c->token_number = view->number;
	if (c->http == NULL) {
		call_withdraw(c);
		call_end(c, ERR_NOMEM, -1);
		return;
	}
	c->sent_boot_ms = clock_boot_ms(g->clock);
	c->tries++;
	g->stats.tries++;
	g->stats.by_operation[c->item.place.operation]++;
	graph_budget_request(&c->tenant->queue.budget);
}

/* The schedule picked it: needs a token, then goes. */
static void
call_go(struct graph_call *c)
{
	struct graph_token_view view;

	c->state = CALL_FLYING;
	timer_stop(c->timer);
	switch (graph_token_get(c->tenant->token, c->item.priority == GRAPH_PERSON, &view)) {
	case GRAPH_TOKEN_READY: call_send(c, &view); return;
	case GRAPH_TOKEN_WAIT:
		graph_tenant_queue_hold(&c->tenant->queue, true);
		call_withdraw(c);
		call_queue(c, true);
		return;
	case GRAPH_TOKEN_FAILED:
		call_withdraw(c);
		call_end_sign_in(c, &view);
		return;
	}
}

static void
call_refuse(struct graph_call *c, int64_t wait_ms)
{
	c->state = CALL_WAITING;
	c->graph->stats.refused++;
	call_end(c, ERR_UNREACHABLE, wait_ms);
}

static void
on_pump(void *arg)
{
	struct graph *g = arg;
	struct graph_item *item;
	int64_t wait_ms = -1;
	enum graph_next n;

	while ((n = graph_schedule_next(g->schedule, clock_boot_ms(g->clock), &item, &wait_ms)) != GRAPH_NEXT_NONE) {
		struct graph_call *c = (struct graph_call *)((char *)item - offsetof(struct graph_call, item));

		if (n == GRAPH_NEXT_GO)
			call_go(c);
		else
			call_refuse(c, wait_ms);
	}
	if (wait_ms >= 0)
		timer_arm_sooner(g->pump_timer, wait_ms > 0 ? wait_ms : 1);
}

/* --- what callers see --- */

enum err
graph_new(const struct graph_options *options, struct graph **ret)
{
	struct graph_tokens_options tokens = { .base_url = options->base_url,
		.login_url = options->login_url,
		.client_id = options->client_id,
		.client_secret = options->client_secret,
		.secret_expires_s = options->secret_expires_s,
		.certificate = options->client_certificate,
		.transport = options->transport,
		.clock = options->clock,
		.ready = on_token_ready,
		.sign_in = on_token_sign_in,
		.keep = on_token_keep };
	struct graph *g;
	char why[128];

	if (http_url_check(options->base_url, why, sizeof(why)) != ERR_OK ||
	    http_url_check(options->login_url, why, sizeof(why)) != ERR_OK)
		return ERR_INVALID;
	if ((g = calloc(1, sizeof(*g))) == NULL)
		return ERR_NOMEM;
	g->transport = options->transport;
	g->clock = options->clock;
	g->rng = options->rng;
	g->on_sign_in = options->on_sign_in;
	g->on_refused = options->on_refused;
	g->sign_in = options->sign_in;
	g->keep = options->keep;
	g->arg = options->arg;
	TAILQ_INIT(&g->calls);
	tokens.rng = &g->rng;
	tokens.arg = g;
	g->base_url = strdup(options->base_url);
	g->schedule = graph_schedule_new(options->in_flight_max > 0 ? options->in_flight_max : GRAPH_IN_FLIGHT_MAX);
	g->pump_timer = timer_new(g->clock, on_pump, g);
	if (g->base_url == NULL || g->schedule == NULL || g->pump_timer == NULL ||
	    graph_tokens_new(&tokens, &g->tokens) != ERR_OK) {
		graph_free(g);
		return ERR_NOMEM;
	}
	*ret = g;
	return ERR_OK;
}

void
graph_free(struct graph *g)
{
	struct graph_call *c;
	struct graph_tenant *t;

	if (g == NULL)
		return;
	while ((c = TAILQ_FIRST(&g->calls)) != NULL)
		graph_cancel(g, c);
	for (int i = 0; i < TENANT_SLOTS; i++)
		while ((t = LIST_FIRST(&g->tenants[i])) != NULL) {
			LIST_REMOVE(t, link);
			graph_token_free(t->token);
			free(t);
		}
	graph_tokens_free(g->tokens);
	graph_schedule_free(g->schedule);
	timer_free(g->pump_timer);
	free(g->base_url);
	free(g);
}

static char **
headers_copy(const char *const *headers)
{
	char **copy = calloc(GRAPH_WIRE_HEADERS_MAX + 1, sizeof(char *));

	for (size_t n = 0; copy != NULL && headers != NULL && headers[n] != NULL && n < GRAPH_WIRE_HEADERS_MAX; n++)
		if ((copy[n] = strdup(headers[n])) == NULL) {
			for (size_t i = 0; i < n; i++)
				free(copy[i]);
			free(copy);
			return NULL;
		}
	return copy;
}

static const char *
own_method(const char *method)
{
	static const char *const methods[] = { "GET", "POST", "PATCH", "PUT", "DELETE" };

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strcmp(method, methods[i]) == 0)
			return methods[i];
	return methods[0];
}

/* Copies the checked request into c. False: out of memory. */
static bool
call_fill(struct graph_call *c, const struct graph_request *r, struct text *url)
{
	struct graph *g = c->graph;

	c->url = text_take(url);
	c->body = r->body != NULL ? strdup(r->body) : NULL;
	c->headers = headers_copy(r->headers);
	c->method = own_method(r->method);
	c->idempotent = r->idempotent || strcmp(c->method, "GET") == 0;
	c->timeout_ms = r->timeout_ms > 0 ? r->timeout_ms : GRAPH_TIMEOUT_MS;
	c->item.place = graph_place_make(r->operation, &r->where.directory, r->resource, r->channel);
	c->item.tenant = &c->tenant->queue;
	graph_uuid(&g->rng, c->client_request_id);
	return c->url != NULL && c->headers != NULL && (c->body != NULL || r->body == NULL);
}

/* Starts to sign in at once, so that a call is not picked before it can go. */
static void
tenant_warm(struct graph_tenant *t, bool urgent)
{
	struct graph_token_view view;

	if (graph_token_get(t->token, urgent, &view) == GRAPH_TOKEN_WAIT)
		graph_tenant_queue_hold(&t->queue, true);
}

struct graph_call *
graph_call(struct graph *g, const struct graph_request *request, graph_done done, void *arg)
{
	enum err e = graph_wire_check(request);
	struct graph_call *c = calloc(1, sizeof(*c));
	struct text url;

	text_init(&url, 2 * GRAPH_URL_MAX);
	if (c == NULL || (c->timer = timer_new(g->clock, on_call_timer, c)) == NULL ||
	    (c->tenant = tenant_get(g, &request->where.directory, true)) == NULL)
		goto fail;
	c->graph = g;
	c->done = done;
	c->arg = arg;
	c->item.priority = request->where.priority;
	c->item.cost = request->count > 0 ? request->count : 1;
	c->deadline_boot_ms =
	    clock_boot_ms(g->clock) + (request->where.deadline_ms > 0 ? request->where.deadline_ms : GRAPH_DEADLINE_MS);
	if (e == ERR_OK)
		e = graph_wire_url(&url, g->base_url, request->path);
	if (e == ERR_NOMEM || (e == ERR_OK && !call_fill(c, request, &url)))
		goto fail;
	text_done(&url);
	TAILQ_INSERT_TAIL(&g->calls, c, link);
	g->stats.calls++;
	if (e != ERR_OK) {
		call_end(c, e, -1);
		return c;
	}
	tenant_warm(c->tenant, c->item.priority == GRAPH_PERSON);
	call_queue(c, false);
	return c;
fail:
	text_done(&url);
	call_free(c);
	return NULL;
}

void
graph_cancel(struct graph *g, struct graph_call *call)
{
	if (call == NULL)
		return;
	assert(call->graph == g);
	call_withdraw(call);
	TAILQ_REMOVE(&g->calls, call, link);
	call_free(call);
}

bool
graph_call_is_waiting(const struct graph_call *call)
{
	return (call->state == CALL_QUEUED || call->state == CALL_WAITING) && !call->doubtful;
}

bool
graph_call_trouble(const struct graph_call *call, char ret[DETAIL_SIZE])
{
	struct graph_error none = { .message = "" };
	char detail[DETAIL_SIZE];

	if (call->again_wall_ms == 0)
		return false;
	graph_error_detail(call->last_status, call->last_err, &none, detail, sizeof(detail));
	graph_detail_again(detail, call->again_wall_ms, false, ret);
	return true;
}

void
graph_tenant_retry(struct graph *g, const struct guid *directory)
{
	struct graph_tenant *t = tenant_get(g, directory, false);

	if (t == NULL)
		return;
	if (t->token != NULL)
		graph_token_retry(t->token);
	graph_tenant_queue_reset(&t->queue);
	t->told = t->refused = false;
	pump_soon(g);
}

void
graph_tenant_doubt(struct graph *g, const struct guid *directory)
{
	struct graph_tenant *t = tenant_get(g, directory, false);
	struct graph_token_view view;

	if (t != NULL && t->token != NULL && graph_token_get(t->token, false, &view) == GRAPH_TOKEN_READY)
		(void)graph_token_reject(t->token, view.number);
}

void
graph_tenant_kept(struct graph *g, const struct guid *directory)
{
	struct graph_tenant *t = tenant_get(g, directory, false);

	if (t != NULL && t->token != NULL)
		graph_token_kept(t->token);
}

void
graph_tenant_sign_in_anew(struct graph *g, const struct guid *directory)
{
	struct graph_tenant *t = tenant_get(g, directory, false);

	if (t == NULL || t->token == NULL)
		return;
	graph_token_reset(t->token);
	graph_tenant_queue_reset(&t->queue);
	graph_tenant_queue_hold(&t->queue, false);
	t->told = false;
	pump_soon(g);
}

json_t *
graph_tenant_claims(struct graph *g, const struct guid *directory)
{
	struct graph_tenant *t = tenant_get(g, directory, false);
	struct graph_token_view view;

	if (t == NULL || t->token == NULL || graph_token_get(t->token, false, &view) != GRAPH_TOKEN_READY)
		return NULL;
	return graph_login_claims(view.text);
}

json_t *
graph_tenant_granted(struct graph *g, const struct guid *directory)
{
	const struct graph_tenant *t = tenant_get(g, directory, false);
	const char *token = t != NULL && t->token != NULL ? graph_token_last(t->token) : NULL;

	return token != NULL ? graph_login_claims(token) : NULL;
}

uint64_t
graph_tenant_granted_by(struct graph *g, const struct guid *directory)
{
	const struct graph_tenant *t = tenant_get(g, directory, false);

	return t != NULL && t->token != NULL ? graph_token_last_number(t->token) : 0;
}

void
graph_tenant_forget(struct graph *g, const struct guid *directory)
{
	struct graph_tenant *t = tenant_get(g, directory, false);
	struct graph_call *c;

	if (t == NULL)
		return;
	TAILQ_FOREACH(c, &g->calls, link)
	if (c->tenant == t && c->state != CALL_ENDED) {
		call_withdraw(c);
		call_end(c, ERR_CANCELLED, -1);
	}
	graph_token_free(t->token);
	t->token = NULL;
	t->told = false;
	graph_tenant_queue_hold(&t->queue, false);
}

/* What was remembered speaks of the former credential. Nobody may have a call for a tenant that failed for many minutes, and its
 * state would stay wrong as long: it signs in at once. */
static void
tenants_begin_anew(struct graph *g)
{
	struct graph_tenant *t;

	for (int i = 0; i < TENANT_SLOTS; i++)
		LIST_FOREACH(t, &g->tenants[i], link)
	if (t->token != NULL) {
		graph_token_retry(t->token);
		if (t->told && t->told_err != ERR_OK)
			tenant_warm(t, false);
	}
}

enum err
graph_set_credential(
    struct graph *g, const char *client_secret, int64_t secret_expires_s, struct graph_certificate *client_certificate)
{
	enum err e = graph_tokens_set_credential(g->tokens, client_secret, secret_expires_s, client_certificate);

	if (e == ERR_OK)
		tenants_begin_anew(g);
	return e;
}

const char *
graph_base_url(const struct graph *g)
{
	return g->base_url;
}

struct graph_tokens *
graph_tokens(const struct graph *g)
{
	return g->tokens;
}

static uint64_t
open_breakers(const struct graph *g)
{
	const struct graph_tenant *t;
	uint64_t n = 0;

	for (int i = 0; i < TENANT_SLOTS; i++)
		LIST_FOREACH(t, &g->tenants[i], link)
	for (int service = 0; service < GRAPH_SERVICE_COUNT; service++)
		n += t->queue.breakers[service].state != BREAKER_CLOSED;
	return n;
}

bool
graph_time(const struct graph *g, int64_t *ret_wall_ms)
{
	*ret_wall_ms = g->dated ? clock_boot_ms(g->clock) + g->date_minus_boot_ms : clock_wall_ms(g->clock);
	return g->dated;
}

void
graph_stats(const struct graph *g, struct graph_stats *ret)
{
	int64_t graph_ms;

	*ret = g->stats;
	(void)graph_time(g, &graph_ms);
	ret->clock_skew_ms = clock_wall_ms(g->clock) - graph_ms;
	ret->token_requests = graph_tokens_requests(g->tokens);
	ret->credential_expires_s = graph_tokens_expire_s(g->tokens);
	ret->by_certificate = graph_tokens_by_certificate(g->tokens);
	ret->in_flight = graph_schedule_in_flight(g->schedule);
	ret->queued = graph_schedule_queued(g->schedule);
	ret->breakers_open = open_breakers(g);
}
