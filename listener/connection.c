/* Our own reading loop rather than libevent's bufferevents: those copy every byte twice more and have no absolute deadlines. */
#include "listener/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <openssl/err.h>

#include "base/clock.h"
#include "listener/buffers.h"
#include "listener/http_head.h"
#include "listener/metrics.h"
#include "listener/reply.h"

/* Reads of one connection before the others get their turn. */
#define CONNECTION_ROUNDS_MAX 16

static void on_event(evutil_socket_t fd, short what, void *arg);

struct connection *
connection_of_guest(struct guest *guest)
{
	return (struct connection *)(void *)((char *)guest - offsetof(struct connection, guest));
}

void
connection_count(struct connection *c, enum metric metric)
{
	c->all->env.metrics->counts[metric]++;
}

/* ---------- endings ---------- */

void
connection_end(struct connection *c)
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

void
connection_wait_for(struct connection *c, short what)
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
		connection_end(c);
	}
}

void
connection_finish(struct connection *c)
{
	ERR_clear_error();
	(void)SSL_shutdown(c->ssl);
	/* Closing a socket with unread input resets it, and the answer may be lost on its way. */
	if (!c->unread) {
		connection_end(c);
		return;
	}
	(void)shutdown(c->fd, SHUT_WR);
	c->state = STATE_CLOSING;
	buffer_release(&c->all->buffers, &c->in);
	guest_enter(c->all->guests, &c->guest, GUEST_CLOSING);
	connection_wait_for(c, EV_READ);
}

static void
discard(struct connection *c)
{
	ssize_t n;

	for (int round = 0; round < CONNECTION_ROUNDS_MAX; round++) {
		n = recv(c->fd, c->all->scratch, CONNECTION_SCRATCH_LEN, 0);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			connection_end(c);
			return;
		}
		if (n < 0)
			return;
	}
}

/* ---------- answers ---------- */

static void
answered(struct connection *c)
{
	if (c->will_close) {
		connection_finish(c);
		return;
	}
	c->state = STATE_READING;
	c->continued = false;
	c->judged = false;
	http_head_init(&c->head);
	http_chunks_init(&c->chunks);
	guest_served(c->all->guests, &c->guest);
	guest_enter(c->all->guests, &c->guest, GUEST_IDLE);
}

/* What OpenSSL says about a call that did not succeed: waits for the socket, or ends the connection. */
static void
blocked(struct connection *c, int result)
{
	int error = SSL_get_error(c->ssl, result);

	if (error == SSL_ERROR_WANT_READ) {
		connection_wait_for(c, EV_READ);
	} else if (error == SSL_ERROR_WANT_WRITE) {
		connection_wait_for(c, EV_WRITE);
	} else {
		if (error == SSL_ERROR_SSL)
			connection_count(c, METRIC_TLS_FAILED);
		connection_end(c);
	}
}

static void
keep_answer(struct connection *c, const char *data, size_t len)
{
	c->out = malloc(len);
	if (c->out == NULL) {
		connection_end(c);
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
		connection_wait_for(c, EV_READ);
		connection_resume(c);
	}
}

void
connection_answer(struct connection *c, struct reply *reply)
{
	size_t len;

	c->requests++;
	if (c->head.close || c->all->draining || c->requests >= CONNECTION_REQUESTS_MAX)
		c->will_close = true;
	reply->close = c->will_close;
	len = reply_format(reply, clock_wall_ms(c->all->env.clock), c->all->out);
	send_answer(c, c->all->out, len);
}

void
connection_answer_status(struct connection *c, int status, const char *detail)
{
	connection_answer(c, &(struct reply){ .status = status, .detail = detail });
}

void
connection_refuse(struct connection *c, int status, const char *detail)
{
	c->will_close = true;
	c->unread = true;
	connection_answer_status(c, status, detail);
}

/* ---------- reading ---------- */

/* Where a request gathers: in the shared scratch as long as this turn lasts, else in the connection's own buffer. */
struct window {
	char *data;
	size_t len, cap;
};

static size_t
wanted(const struct connection *c, size_t len)
{
	size_t need = HTTP_HEAD_MAX + 1;

	if (c->judged && c->head.chunked)
		need = c->head.len + c->all->env.body_max + HTTP_CHUNKS_OVERHEAD_MAX;
	else if (c->judged)
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
		connection_count(c, METRIC_REFUSED_BUSY);
		connection_refuse(c, 503, "overloaded");
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
		connection_finish(c);
	else
		blocked(c, result);
}

static void
read_on(struct connection *c)
{
	struct window w = { c->all->scratch, 0, CONNECTION_SCRATCH_LEN };
	size_t used;
	int n;

	if (c->in.data != NULL)
		w = (struct window){ c->in.data, c->in.len, c->in.cap };
	for (int round = 0; round < CONNECTION_ROUNDS_MAX && c->state == STATE_READING; round++) {
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
		used = connection_requests(c, w.data, w.len);
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

void
connection_resume(struct connection *c)
{
	struct window w = { c->in.data, c->in.len, c->in.cap };
	size_t used;

	if (w.len > 0) {
		used = connection_requests(c, w.data, w.len);
		if (c->state == STATE_ENDED || c->state == STATE_CLOSING)
			return;
		consume(&w, used);
		put_away(c, &w);
	}
	if (c->state != STATE_READING)
		return;
	connection_wait_for(c, EV_READ);
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
	connection_wait_for(c, EV_READ);
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
	case STATE_STORING: connection_wait_for(c, 0); break; /* pipelined, or gone: both are for later */
	case STATE_WRITING: send_rest(c); break;
	case STATE_CLOSING: discard(c); break;
	case STATE_ENDED: break;
	}
}
