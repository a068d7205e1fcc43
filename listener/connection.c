/*
 * Our own reading loop rather than libevent's bufferevents: those copy every byte twice more and have no absolute deadlines.
 *
 * Nothing is freed while its callbacks may be on the stack: an ended connection waits for the end of the turn, and, if the
 * intake still holds its ticket, for that.
 */
#include "listener/connection.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "listener/buffers.h"
#include "listener/consent.h"
#include "listener/envelope.h"
#include "listener/http_head.h"
#include "listener/intake.h"
#include "listener/metrics.h"
#include "listener/notification.h"
#include "listener/reply.h"
#include "listener/route.h"
#include "listener/validation.h"

/* Four TLS records: fifty notifications of Graph's usual size fit. */
#define SCRATCH_LEN ((size_t)64 << 10)
/* Reads of one connection before the others get their turn. */
#define ROUNDS_MAX 16
/* On SIGTERM, how long connections without a request stay, so that one just on its way is still answered. */
#define DRAIN_GRACE_MS 500

enum state {
	STATE_HANDSHAKE, /* until TLS is established */
	STATE_READING,   /* a request, or nothing yet; leaves when one is complete */
	STATE_STORING,   /* the intake has the ticket; leaves when it answers */
	STATE_WRITING,   /* the client takes its answer too slowly; out holds it */
	STATE_CLOSING,   /* answered and shut down; what still comes is thrown away so that the answer is not reset */
	STATE_ENDED,     /* waits to be freed */
};

struct connection {
	struct connections *all;
	SSL *ssl;
	struct event event;
	struct guest guest;
	struct intake_ticket ticket;
	struct http_head head;
	struct buffer in; /* the part of a request that is here; empty when idle */
	char *out;        /* while STATE_WRITING */
	uint32_t out_len, requests;
	int fd;
	short waits_for; /* what event is added for; 0: not added */
	enum state state;
	bool has_ticket, will_close, unread, continued, judged;
	int64_t complete_us; /* when the request being stored was complete */
	struct connection *next_ended;
};

struct connections {
	struct connection_env env;
	struct guests *guests;
	struct buffers buffers;
	struct envelope *envelope;
	struct connection *ended;
	struct timer *grace;
	void (*emptied)(void *arg);
	void *emptied_arg;
	size_t held; /* those with a socket, and those a ticket keeps */
	bool draining;
	char out[REPLY_MAX];
	char scratch[SCRATCH_LEN];
};

static void on_event(evutil_socket_t fd, short what, void *arg);
static void resume(struct connection *c);

static struct connection *
of_guest(struct guest *guest)
{
	return (struct connection *)(void *)((char *)guest - offsetof(struct connection, guest));
}

static void
count(struct connection *c, enum metric metric)
{
	c->all->env.metrics->counts[metric]++;
}

/* Endings. */

/* Closes at once; the memory goes at the end of the turn, or when the ticket comes back. */
static void
end(struct connection *c)
{
	if (c->state == STATE_ENDED)
		return;
	c->state = STATE_ENDED;
	if (c->waits_for != 0)
		(void)event_del(&c->event);
	guest_leave(c->all->guests, &c->guest);
	SSL_free(c->ssl);
	c->ssl = NULL;
	(void)close(c->fd);
	c->fd = -1;
	buffer_release(&c->all->buffers, &c->in);
	free(c->out);
	c->out = NULL;
	c->next_ended = c->all->ended;
	c->all->ended = c;
}

static void
wait_for(struct connection *c, short what)
{
	if (c->waits_for == what)
		return;
	if (c->waits_for != 0)
		(void)event_del(&c->event);
	c->waits_for = what;
	if (what == 0)
		return;
	if (event_assign(&c->event, c->all->env.base, c->fd, (short)(what | EV_PERSIST), on_event, c) != 0 ||
	    event_add(&c->event, NULL) != 0) {
		c->waits_for = 0;
		end(c);
	}
}

/* In an orderly way, after an answer or when idle. */
static void
finish(struct connection *c)
{
	ERR_clear_error();
	(void)SSL_shutdown(c->ssl);
	/* Closing a socket with unread input resets it, and the answer may be lost on its way. */
	if (!c->unread) {
		end(c);
		return;
	}
	(void)shutdown(c->fd, SHUT_WR);
	c->state = STATE_CLOSING;
	buffer_release(&c->all->buffers, &c->in);
	guest_enter(c->all->guests, &c->guest, GUEST_CLOSING);
	wait_for(c, EV_READ);
}

static void
discard(struct connection *c)
{
	ssize_t n;

	for (int round = 0; round < ROUNDS_MAX; round++) {
		n = recv(c->fd, c->all->scratch, SCRATCH_LEN, 0);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			end(c);
			return;
		}
		if (n < 0)
			return;
	}
}

/* Answers. */

static void
answered(struct connection *c)
{
	if (c->will_close) {
		finish(c);
		return;
	}
	c->state = STATE_READING;
	c->continued = false;
	c->judged = false;
	http_head_init(&c->head);
	guest_served(c->all->guests, &c->guest);
	guest_enter(c->all->guests, &c->guest, GUEST_IDLE);
}

/* What OpenSSL says about a call that did not succeed: waits for the socket, or ends the connection. */
static void
blocked(struct connection *c, int result)
{
	int error = SSL_get_error(c->ssl, result);

	if (error == SSL_ERROR_WANT_READ) {
		wait_for(c, EV_READ);
	} else if (error == SSL_ERROR_WANT_WRITE) {
		wait_for(c, EV_WRITE);
	} else {
		if (error == SSL_ERROR_SSL)
			count(c, METRIC_TLS_FAILED);
		end(c);
	}
}

static void
keep_answer(struct connection *c, const char *data, size_t len)
{
	c->out = malloc(len);
	if (c->out == NULL) {
		end(c);
		return;
	}
	memcpy(c->out, data, len);
	c->out_len = (uint32_t)len;
	c->state = STATE_WRITING;
	guest_enter(c->all->guests, &c->guest, GUEST_WRITING);
}

static void
send_answer(struct connection *c, const char *data, size_t len)
{
	int n;

	ERR_clear_error();
	n = SSL_write(c->ssl, data, (int)len);
	if (n > 0) {
		answered(c);
		return;
	}
	keep_answer(c, data, len);
	if (c->state == STATE_WRITING)
		blocked(c, n);
}

/* The socket takes more: OpenSSL sends what it kept of the record, given the same bytes again. */
static void
send_rest(struct connection *c)
{
	int n;

	ERR_clear_error();
	n = SSL_write(c->ssl, c->out, (int)c->out_len);
	if (n <= 0) {
		blocked(c, n);
		return;
	}
	free(c->out);
	c->out = NULL;
	answered(c);
	if (c->state == STATE_READING) {
		wait_for(c, EV_READ);
		resume(c);
	}
}

static void
answer(struct connection *c, struct reply *reply)
{
	size_t len;

	c->requests++;
	if (c->head.close || c->all->draining || c->requests >= CONNECTION_REQUESTS_MAX)
		c->will_close = true;
	reply->close = c->will_close;
	len = reply_format(reply, clock_wall_ms(c->all->env.clock), c->all->out);
	send_answer(c, c->all->out, len);
}

static void
answer_status(struct connection *c, int status, const char *detail)
{
	answer(c, &(struct reply){ .status = status, .detail = detail });
}

/* The rest of the connection's input cannot be told apart, or is not worth reading. */
static void
refuse(struct connection *c, int status, const char *detail)
{
	c->will_close = true;
	c->unread = true;
	answer_status(c, status, detail);
}

/* Notifications. */

/* Items of one POST whose encrypted part is kept; Graph sends about fifty. */
#define POST_RICH_MAX 128

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

static void
store_unavailable(struct connection *c, const char *detail)
{
	count(c, METRIC_POSTS_UNAVAILABLE);
	answer_status(c, 503, detail);
}

static void
on_stored(struct intake_ticket *ticket, enum err err)
{
	struct connection *c = (struct connection *)(void *)((char *)ticket - offsetof(struct connection, ticket));

	c->has_ticket = false;
	if (c->state != STATE_STORING)
		return;
	if (err == ERR_OK) {
		count(c, METRIC_POSTS_STORED);
		metrics_intake(c->all->env.metrics, metrics_now_us() - c->complete_us);
		answer_status(c, 202, NULL);
	} else {
		store_unavailable(c, err == ERR_FULL ? "the store is full" : "storing failed");
	}
	if (c->state == STATE_READING)
		resume(c);
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
		store_unavailable(c, "overloaded");
		return;
	}
	err = envelope_scan(c->all->envelope, body, len, take_item, &post, &result);
	if (err == ERR_OK && post.full)
		err = ERR_FULL;
	if (err != ERR_OK || post.accepted == 0)
		intake_cancel(intake);
	if (err == ERR_MALFORMED) {
		counts[METRIC_POSTS_REJECTED]++;
		answer_status(c, 400, result.why);
		return;
	}
	if (err != ERR_OK) {
		store_unavailable(c, "overloaded");
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
	answer_status(c, 202, NULL);
}

/* Requests. */

static void
handle_health(struct connection *c, bool head_only)
{
	bool healthy = !c->all->draining && intake_healthy(c->all->env.intake);

	answer(c, &(struct reply){ .status = healthy ? 200 : 503,
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
	count(c, outcome == CONSENT_UNKNOWN ? METRIC_CONSENTS_REFUSED : METRIC_CONSENTS);
	page = consent_page(outcome);
	answer(c, &(struct reply){ .status = outcome == CONSENT_UNKNOWN ? 400 : 200, .token = page, .token_len = strlen(page) });
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
		count(c, METRIC_HANDSHAKES_ANSWERED);
		answer(c, &(struct reply){ .status = 200, .token = token, .token_len = len });
		return true;
	default:
		count(c, METRIC_HANDSHAKES_REFUSED);
		answer_status(c, 400, err == ERR_TOOBIG ? "validationToken too long" : "malformed validationToken");
		return true;
	}
}

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
	count(c, reply.status == 404   ? METRIC_REFUSED_PATH
	         : reply.status == 405 ? METRIC_REFUSED_METHOD
	         : reply.status == 415 ? METRIC_REFUSED_ENCODING
	                               : METRIC_REFUSED_SIZE);
	reply.no_body = c->head.method.len == 4 && memcmp(data + c->head.method.at, "HEAD", 4) == 0;
	if (c->head.content_length > 0)
		c->will_close = c->unread = true;
	answer(c, &reply);
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
	handle_post(c, data + c->head.len, c->head.content_length);
}

static void
refuse_syntax(struct connection *c)
{
	int status = c->head.status;

	count(c, status == 411                    ? METRIC_REFUSED_FRAMING
	         : status == 413 || status == 431 ? METRIC_REFUSED_SIZE
	                                          : METRIC_REFUSED_SYNTAX);
	c->head.close = true;
	refuse(c, status, c->head.why);
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
		end(c);
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
	need = c->head.len + (size_t)c->head.content_length;
	if (len < need) {
		say_continue(c);
		return 0;
	}
	handle(c, data);
	return need;
}

/* All requests at data, until one is incomplete or the connection has something else to do. */
static size_t
take_requests(struct connection *c, char *data, size_t len)
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

/* Reading. */

/* Where a request gathers: in the shared scratch as long as this turn lasts, else in the connection's own buffer. */
struct window {
	char *data;
	size_t len, cap;
};

static size_t
wanted(const struct connection *c, size_t len)
{
	size_t need = HTTP_HEAD_MAX + 1;

	if (c->judged)
		need = c->head.len + (size_t)c->head.content_length;
	return need > len ? need : len + 1;
}

/* Moves what is in w to the connection's own buffer, with room for more. */
static bool
keep_window(struct connection *c, struct window *w)
{
	bool own = w->data == c->in.data;
	enum err err = buffer_reserve(&c->all->buffers, &c->in, w->len, wanted(c, w->len));

	if (err != ERR_OK) {
		count(c, METRIC_REFUSED_BUSY);
		refuse(c, 503, "overloaded");
		return false;
	}
	if (!own)
		memcpy(c->in.data, w->data, w->len);
	c->in.len = w->len;
	*w = (struct window){ c->in.data, c->in.len, c->in.cap };
	return true;
}

static void
consume(struct window *w, size_t done)
{
	w->len -= done;
	if (done > 0 && w->len > 0)
		memmove(w->data, w->data + done, w->len);
}

/* The end of a turn's reading: what is left waits in the connection, nothing is held when nothing is left. */
static void
put_away(struct connection *c, struct window *w)
{
	if (c->state == STATE_ENDED || c->state == STATE_CLOSING)
		return;
	if (w->len == 0 || (c->state == STATE_WRITING && c->will_close)) {
		buffer_release(&c->all->buffers, &c->in);
		return;
	}
	if (w->data == c->in.data)
		c->in.len = w->len;
	else
		(void)keep_window(c, w);
}

static void
read_failed(struct connection *c, int result)
{
	if (SSL_get_error(c->ssl, result) == SSL_ERROR_ZERO_RETURN)
		finish(c);
	else
		blocked(c, result);
}

static void
read_on(struct connection *c)
{
	struct window w = { c->all->scratch, 0, SCRATCH_LEN };
	size_t used;
	int n;

	if (c->in.data != NULL)
		w = (struct window){ c->in.data, c->in.len, c->in.cap };
	for (int round = 0; round < ROUNDS_MAX && c->state == STATE_READING; round++) {
		if (w.len == w.cap && !keep_window(c, &w))
			break;
		ERR_clear_error();
		n = SSL_read(c->ssl, w.data + w.len, (int)(w.cap - w.len));
		if (n <= 0) {
			put_away(c, &w);
			if (c->state == STATE_READING)
				read_failed(c, n);
			return;
		}
		w.len += (size_t)n;
		used = take_requests(c, w.data, w.len);
		if (c->state == STATE_ENDED || c->state == STATE_CLOSING)
			return; /* an answer that closes was out at once; the window went with the connection */
		consume(&w, used);
		/* A whole request, and nothing behind it: the next read would only hear that there is nothing. */
		if (w.len == 0 && SSL_has_pending(c->ssl) == 0)
			break;
	}
	put_away(c, &w);
	/* OpenSSL may hold input the socket knows nothing of. */
	if (c->state == STATE_READING && SSL_has_pending(c->ssl) != 0)
		event_active(&c->event, EV_READ, 0);
}

/* After an answer that came later: goes on with what has gathered in the meantime. */
static void
resume(struct connection *c)
{
	struct window w = { c->in.data, c->in.len, c->in.cap };
	size_t used;

	if (w.len > 0) {
		used = take_requests(c, w.data, w.len);
		if (c->state == STATE_ENDED || c->state == STATE_CLOSING)
			return;
		consume(&w, used);
		put_away(c, &w);
	}
	if (c->state != STATE_READING)
		return;
	wait_for(c, EV_READ);
	if (c->state == STATE_READING && SSL_has_pending(c->ssl) != 0)
		event_active(&c->event, EV_READ, 0);
}

static void
shake_hands(struct connection *c)
{
	int n;

	ERR_clear_error();
	n = SSL_accept(c->ssl);
	if (n != 1) {
		blocked(c, n);
		return;
	}
	c->state = STATE_READING;
	guest_enter(c->all->guests, &c->guest, GUEST_REQUEST);
	wait_for(c, EV_READ);
	/* The first request often comes with the client's last handshake message. */
	if (c->state == STATE_READING && SSL_has_pending(c->ssl) != 0)
		read_on(c);
}

static void
on_event(evutil_socket_t fd, short what, void *arg)
{
	struct connection *c = arg;

	(void)fd;
	(void)what;
	switch (c->state) {
	case STATE_HANDSHAKE: shake_hands(c); break;
	case STATE_READING: read_on(c); break;
	case STATE_STORING: wait_for(c, 0); break; /* pipelined, or gone: both are for later */
	case STATE_WRITING: send_rest(c); break;
	case STATE_CLOSING: discard(c); break;
	case STATE_ENDED: break;
	}
}

/* Deadlines and evictions. */

static void
on_expired(void *arg, struct guest *guest)
{
	struct connection *c = of_guest(guest);

	(void)arg;
	switch (c->guest.phase) {
	case GUEST_STORING:
		/* It may still be stored: then Graph sends it twice, which is harmless. */
		c->will_close = true;
		store_unavailable(c, "the store is slow");
		return;
	case GUEST_IDLE: finish(c); return;
	case GUEST_CLOSING: end(c); return;
	case GUEST_HANDSHAKE:
	case GUEST_REQUEST:
	case GUEST_WRITING:
	case GUEST_PHASE_COUNT:
		count(c, METRIC_EXPIRED);
		end(c);
		return;
	}
}

static void
on_evict(void *arg, struct guest *guest)
{
	struct connection *c = of_guest(guest);

	(void)arg;
	if (c->guest.phase != GUEST_CLOSING)
		count(c, METRIC_EVICTED);
	end(c);
}

/* The set. */

static void end_without_request(void *arg);

enum err
connections_new(const struct connection_env *env, struct rng *rng, struct connections **ret)
{
	struct connections *all = calloc(1, sizeof(*all));
	const struct guest_host host = { on_expired, on_evict, all };
	uint8_t hash_key[16];

	if (all == NULL)
		return ERR_NOMEM;
	all->env = *env;
	buffers_init(&all->buffers, HTTP_HEAD_MAX + env->body_max);
	rng_bytes(rng, hash_key, sizeof(hash_key));
	all->envelope = envelope_new(hash_key);
	all->guests = guests_new(env->clock, &env->limits, &host, rng_u64(rng));
	all->grace = timer_new(env->clock, end_without_request, all);
	if (all->envelope == NULL || all->guests == NULL || all->grace == NULL) {
		connections_free(all);
		return ERR_NOMEM;
	}
	*ret = all;
	return ERR_OK;
}

/* Frees those that ended and that nobody refers to any more. */
static void
free_ended(struct connections *all)
{
	struct connection **at = &all->ended, *c;

	while ((c = *at) != NULL) {
		if (c->has_ticket) {
			at = &c->next_ended;
			continue;
		}
		*at = c->next_ended;
		all->held--;
		free(c);
	}
}

void
connections_free(struct connections *all)
{
	if (all == NULL)
		return;
	for (int phase = 0; all->guests != NULL && phase < GUEST_PHASE_COUNT; phase++)
		while (guests_first(all->guests, (enum guest_phase)phase) != NULL)
			end(of_guest(guests_first(all->guests, (enum guest_phase)phase)));
	free_ended(all);
	timer_free(all->grace);
	guests_free(all->guests);
	envelope_free(all->envelope);
	free(all);
}

static SSL *
ssl_for(SSL_CTX *tls, int fd)
{
	SSL *ssl = SSL_new(tls);

	if (ssl != NULL && SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		return NULL;
	}
	return ssl;
}

void
connections_take(struct connections *all, int fd, SSL_CTX *tls, const struct sockaddr *from)
{
	struct connection *c = calloc(1, sizeof(*c));
	SSL *ssl = c != NULL ? ssl_for(tls, fd) : NULL;

	all->env.metrics->counts[METRIC_CONNECTIONS]++;
	if (ssl == NULL || guest_arrive(all->guests, &c->guest, from) != ERR_OK) {
		all->env.metrics->counts[METRIC_CROWDED]++;
		SSL_free(ssl);
		free(c);
		(void)close(fd);
		return;
	}
	c->all = all;
	c->ssl = ssl;
	c->fd = fd;
	c->state = STATE_HANDSHAKE;
	http_head_init(&c->head);
	all->held++;
	wait_for(c, EV_READ);
}

bool
connections_make_room(struct connections *all)
{
	return guests_make_room(all->guests);
}

static void
tell_emptied(struct connections *all)
{
	void (*emptied)(void *arg) = all->emptied;

	if (emptied == NULL || all->held > 0)
		return;
	all->emptied = NULL;
	emptied(all->emptied_arg);
}

void
connections_turn(struct connections *all)
{
	intake_expect(all->env.intake, guests_in(all->guests, GUEST_HANDSHAKE) + guests_in(all->guests, GUEST_REQUEST));
	intake_turn(all->env.intake);
	guests_turn(all->guests);
	if (all->ended != NULL)
		free_ended(all);
	if (all->draining)
		tell_emptied(all);
}

static bool
without_request(const struct connection *c)
{
	return c->in.len == 0;
}

/* The grace is over: nothing has come from these. */
static void
end_without_request(void *arg)
{
	struct connections *all = arg;
	static const enum guest_phase phases[] = { GUEST_IDLE, GUEST_REQUEST };

	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
		struct guest *next;

		for (struct guest *g = guests_first(all->guests, phases[i]); g != NULL; g = next) {
			next = g->next;
			if (without_request(of_guest(g)))
				finish(of_guest(g));
		}
	}
}

void
connections_drain(struct connections *all, void (*emptied)(void *arg), void *arg)
{
	all->draining = true;
	all->emptied = emptied;
	all->emptied_arg = arg;
	timer_arm(all->grace, DRAIN_GRACE_MS);
}

size_t
connections_count(const struct connections *all)
{
	return guests_count(all->guests);
}
