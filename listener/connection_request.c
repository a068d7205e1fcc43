/* The head decides first: what it refuses is never read to its end. */
#include "listener/connection.h"

#include <string.h>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <openssl/err.h>

#include "base/clock.h"
#include "listener/consent.h"
#include "listener/envelope.h"
#include "listener/http_head.h"
#include "listener/intake.h"
#include "listener/metrics.h"
#include "listener/notification.h"
#include "listener/reply.h"
#include "listener/route.h"
#include "listener/validation.h"

/* Items of one POST whose encrypted part is kept; Graph sends about fifty. */
#define POST_RICH_MAX 128

/* ---------- notifications ---------- */

struct post {
	struct connection *c;
	struct {
		size_t index; /* among the request's hints */
		struct rich_item item;
	} rich[POST_RICH_MAX];
	size_t rich_count;
	size_t accepted, foreign;
	int64_t wall_ms;
	bool full;
};

static void
take_item(void *arg, const struct envelope_item *item)
{
	struct post *post = arg;
	const struct connection_env *env = &post->c->all->env;
	struct hint *hint = intake_slot(env->intake);

	if (hint == NULL) {
		post->full = true;
	} else if (notification_hint(env->known, item, post->wall_ms, hint)) {
		if (item->rich.parts[RICH_DATA].at != NULL && post->rich_count < POST_RICH_MAX) {
			post->rich[post->rich_count].index = intake_kept(env->intake);
			post->rich[post->rich_count++].item = item->rich;
		}
		intake_keep(env->intake);
		post->accepted++;
	} else {
		post->foreign++;
	}
}

/* The tokens belong to all items of a POST and may come after them. */
static void
keep_rich(struct post *post, const struct envelope_result *result)
{
	if (result->token_count > RICH_TOKENS_MAX)
		return;
	for (size_t i = 0; i < post->rich_count; i++) {
		struct rich_item *item = &post->rich[i].item;

		memcpy(item->tokens, result->tokens, sizeof(item->tokens));
		item->token_count = result->token_count;
		intake_rich(post->c->all->env.intake, post->rich[i].index, rich_pack(item));
	}
}

void
connection_unavailable(struct connection *c, const char *detail)
{
	connection_count(c, METRIC_POSTS_UNAVAILABLE);
	connection_answer_status(c, 503, detail);
}

static void
on_stored(struct intake_ticket *ticket, enum err err)
{
	struct connection *c = (struct connection *)(void *)((char *)ticket - offsetof(struct connection, ticket));

	c->has_ticket = false;
	if (c->state != STATE_STORING)
		return;
	if (err == ERR_OK) {
		connection_count(c, METRIC_POSTS_STORED);
		metrics_intake(c->all->env.metrics, metrics_now_us() - c->complete_us);
		connection_answer_status(c, 202, NULL);
	} else {
		connection_unavailable(c, err == ERR_FULL ? "the store is full" : "storing failed");
	}
	if (c->state == STATE_READING)
		connection_resume(c);
}

static void
store(struct connection *c)
{
	c->state = STATE_STORING;
	c->complete_us = metrics_now_us();
	c->has_ticket = true;
	c->ticket.done = on_stored;
	intake_commit(c->all->env.intake, &c->ticket);
	guest_enter(c->all->guests, &c->guest, GUEST_STORING);
}

static void
handle_post(struct connection *c, char *body, size_t len)
{
	struct post post;
	struct intake *intake = c->all->env.intake;
	uint64_t *counts = c->all->env.metrics->counts;
	struct envelope_result result;
	enum err err;

	post.c = c;
	post.rich_count = post.accepted = post.foreign = 0;
	post.wall_ms = clock_wall_ms(c->all->env.clock);
	post.full = false;
	if (intake_begin(intake) != ERR_OK) {
		connection_unavailable(c, "overloaded");
		return;
	}
	err = envelope_scan(c->all->envelope, body, len, take_item, &post, &result);
	if (err == ERR_OK && post.full)
		err = ERR_FULL;
	if (err != ERR_OK || post.accepted == 0)
		intake_cancel(intake);
	if (err == ERR_MALFORMED) {
		counts[METRIC_POSTS_REJECTED]++;
		connection_answer_status(c, 400, result.why);
		return;
	}
	if (err != ERR_OK) {
		connection_unavailable(c, "overloaded");
		return;
	}
	counts[METRIC_ITEMS_ACCEPTED] += post.accepted;
	counts[METRIC_ITEMS_FOREIGN] += post.foreign;
	counts[METRIC_ITEMS_DROPPED] += result.not_objects;
	if (post.accepted > 0) {
		keep_rich(&post, &result);
		store(c);
		return;
	}
	counts[METRIC_POSTS_NOTHING]++;
	connection_answer_status(c, 202, NULL);
}

/* ---------- health, consent, validation ---------- */

static void
handle_health(struct connection *c, bool head_only)
{
	bool healthy = !c->all->draining && intake_healthy(c->all->env.intake);

	connection_answer(c, &(struct reply){ .status = healthy ? 200 : 503,
	                         .no_body = head_only,
	                         .detail = healthy            ? NULL
	                                   : c->all->draining ? "shutting down"
	                                                      : "cannot store" });
}

/* An administrator, sent back by Microsoft. Reads nothing out of the query but our own state, and shows nothing of it. */
static void
handle_consent(struct connection *c, const char *data)
{
	const struct connection_env *env = &c->all->env;
	const char *page;
	struct scope_id scope;
	enum consent_outcome outcome =
	    consent_read(&env->consent_key, data + c->head.query.at, c->head.has_query ? c->head.query.len : 0, &scope);

	if (outcome == CONSENT_GIVEN && env->consented != NULL)
		env->consented(env->consented_arg, &scope);
	connection_count(c, outcome == CONSENT_UNKNOWN ? METRIC_CONSENTS_REFUSED : METRIC_CONSENTS);
	page = consent_page(outcome);
	connection_answer(
	    c, &(struct reply){ .status = outcome == CONSENT_UNKNOWN ? 400 : 200, .token = page, .token_len = strlen(page) });
}

/* True when the request is Graph's handshake, answered here. */
static bool
handle_validation(struct connection *c, const char *data)
{
	char token[VALIDATION_TOKEN_MAX];
	size_t len = 0;
	enum err err = validation_token(data + c->head.query.at, c->head.query.len, token, &len);

	switch (err) {
	case ERR_NOTFOUND: return false;
	case ERR_OK:
		connection_count(c, METRIC_HANDSHAKES_ANSWERED);
		connection_answer(c, &(struct reply){ .status = 200, .token = token, .token_len = len });
		return true;
	default:
		connection_count(c, METRIC_HANDSHAKES_REFUSED);
		connection_answer_status(c, 400, err == ERR_TOOBIG ? "validationToken too long" : "malformed validationToken");
		return true;
	}
}

/* ---------- a request ---------- */

static enum route
route_of(const struct connection *c, const char *data, const char **allow)
{
	const struct http_head *h = &c->head;

	return route_find(data + h->method.at, h->method.len, data + h->path.at, h->path.len, allow);
}

/* What the head alone decides. True when it was answered. A refused request that has a body ends its connection unread. */
static bool
refuse_by_head(struct connection *c, const char *data)
{
	const char *allow = NULL;
	enum route route = route_of(c, data, &allow);
	struct reply reply = { 0 };

	if (route == ROUTE_UNKNOWN_PATH)
		reply = (struct reply){ .status = 404 };
	else if (route == ROUTE_WRONG_METHOD)
		reply = (struct reply){ .status = 405, .allow = allow };
	else if (c->head.encoded)
		reply = (struct reply){ .status = 415, .detail = "Content-Encoding is not accepted" };
	else if (c->head.content_length > c->all->env.body_max)
		reply = (struct reply){ .status = 413 };
	else
		return false;
	connection_count(c, reply.status == 404   ? METRIC_REFUSED_PATH
	                    : reply.status == 405 ? METRIC_REFUSED_METHOD
	                    : reply.status == 415 ? METRIC_REFUSED_ENCODING
	                                          : METRIC_REFUSED_SIZE);
	reply.no_body = c->head.method.len == 4 && memcmp(data + c->head.method.at, "HEAD", 4) == 0;
	if (c->head.content_length > 0 || c->head.chunked)
		c->will_close = c->unread = true;
	connection_answer(c, &reply);
	return true;
}

/* The request is complete at data. */
static void
handle(struct connection *c, char *data)
{
	const char *allow = NULL;
	enum route route = route_of(c, data, &allow);

	if (route == ROUTE_HEALTH) {
		handle_health(c, data[c->head.method.at] == 'H');
		return;
	}
	if (route == ROUTE_CONSENT) {
		handle_consent(c, data);
		return;
	}
	if (c->head.has_query && handle_validation(c, data))
		return;
	handle_post(c, data + c->head.len, c->head.chunked ? c->chunks.joined : c->head.content_length);
}

static void
refuse_syntax(struct connection *c)
{
	int status = c->head.status;

	connection_count(c, status == 411                    ? METRIC_REFUSED_FRAMING
	                    : status == 413 || status == 431 ? METRIC_REFUSED_SIZE
	                                                     : METRIC_REFUSED_SYNTAX);
	c->head.close = true;
	connection_refuse(c, status, c->head.why);
}

/* A client that waits before it sends its body. Too small to block on a fresh socket; if it does, the client is not worth it. */
static void
say_continue(struct connection *c)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

	if (!c->head.expect_continue || c->continued)
		return;
	c->continued = true;
	ERR_clear_error();
	if (SSL_write(c->ssl, text, sizeof(text) - 1) <= 0)
		connection_end(c);
}

/* How long the request at data is with its body; 0 when more must come, or it was refused. */
static size_t
whole_request(struct connection *c, char *data, size_t len)
{
	size_t need = c->head.len + (size_t)c->head.content_length;
	enum http_verdict verdict;

	if (!c->head.chunked)
		return len < need ? 0 : need;
	verdict = http_chunks_join(&c->chunks, data + c->head.len, len - c->head.len, c->all->env.body_max);
	if (verdict == HTTP_BAD) {
		c->head.status = c->chunks.status;
		c->head.why = c->chunks.why;
		refuse_syntax(c);
	}
	return verdict == HTTP_DONE ? c->head.len + c->chunks.read : 0;
}

/*
 * Handles the request at data as far as it is there. Gives how many bytes are done with: 0 when more must come.
 * The connection may have left STATE_READING afterwards.
 */
static size_t
take_request(struct connection *c, char *data, size_t len)
{
	size_t need;

	if (!c->judged) {
		enum http_verdict verdict = http_head_parse(&c->head, data, len);

		if (verdict == HTTP_BAD)
			refuse_syntax(c);
		if (verdict != HTTP_DONE)
			return 0;
		c->judged = true;
		need = c->head.len;
		if (refuse_by_head(c, data))
			return need;
	}
	need = whole_request(c, data, len);
	if (need > 0)
		handle(c, data);
	else if (c->state == STATE_READING)
		say_continue(c);
	return need;
}

size_t
connection_requests(struct connection *c, char *data, size_t len)
{
	size_t done = 0, n;

	while (done < len && c->state == STATE_READING) {
		if (c->guest.phase == GUEST_IDLE)
			guest_enter(c->all->guests, &c->guest, GUEST_REQUEST);
		n = take_request(c, data + done, len - done);
		if (n == 0)
			break;
		done += n;
	}
	return done;
}
