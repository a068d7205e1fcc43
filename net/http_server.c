/*
 * evhttp behind one file, with what it lacks: accounting of connections, an absolute deadline for reading a
 * request, eviction at the cap, a word to the handler when its client has gone, answers that outlive the server.
 *
 * evhttp tells of a connection only by its first complete request, which a slow client never sends. So each one
 * is known from the moment its bufferevent is made (on_bufferevent); one loop turn later, once evhttp has set
 * itself as the bufferevent's callback argument, its closing is watched as well (connections_bind).
 *
 * Requests that evhttp itself refuses (unparsable, too large) get evhttp's short page with 400 or 413 and
 * "Connection: close"; they never reach a handler. All other refusals are problem documents.
 */
#include "net/http_server.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/listener.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/text.h"
#include "net/http_check.h"
#include "net/http_exchange.h"
#include "net/http_listen.h"
#include "net/http_tls.h"

#define HEADERS_MAX_BYTES   16384
#define CONNECTIONS_DEFAULT 256u
#define DEADLINE_DEFAULT_MS 10000
#define IDLE_MS             75000       /* keep-alive, nothing of the next request read; clients let go after 60 s */
#define ANSWER_MS           300000      /* to take a whole answer */
#define STALL_S             60          /* an answer that makes no progress */
#define ACCEPT_PAUSE_MS     200         /* out of descriptors: evhttp would spin */
#define READ_AHEAD_BYTES    (64u << 10) /* buffered beyond one request: pipelining needs little */

/* One of them for each address, for evhttp's callbacks do not say where a connection came from. */
struct door {
	struct http_server *server;
	struct evhttp *http;
	struct evhttp_bound_socket *bound;
	struct listen_socket socket;
	SSL_CTX *tls; /* NULL: plain */
	bool is_unix;
	int unix_mode;
};

enum conn_state {
	CONN_READING,   /* accepted, or a byte of the next request came; leaves by a whole request or the deadline */
	CONN_IDLE,      /* answered, waiting for the next request */
	CONN_HANDLING,  /* a handler owes an answer, no timer */
	CONN_ANSWERING, /* the answer is complete, but not yet written */
};

struct conn {
	TAILQ_ENTRY(conn) link; /* quiet or running */
	struct door *door;
	enum conn_state state;
	struct bufferevent *bev;         /* evhttp's; we hold a reference until bound */
	struct evhttp_connection *evcon; /* NULL until bound */
	int fd;                          /* -1 until bound */
	bool surplus;                    /* came when all others were running: close once bound */
	struct timer *timer;
	struct server_exchange *exchange;
};
TAILQ_HEAD(conn_list, conn);

struct server_exchange {
	struct http_exchange x;
	struct evhttp_request *req;
	struct conn *conn;                /* NULL once the client or the server has gone */
	struct event *closed;             /* watches for the client's leaving */
	LIST_ENTRY(server_exchange) link; /* while its server is being freed, which leaves req to us alone */
	bool linked;
};

LIST_HEAD(exchange_list, server_exchange);

struct http_server {
	struct event_base *base;
	struct clock *clock;
	http_handler handle;
	void *arg;
	size_t body_max_bytes;
	unsigned connections_max;
	int64_t deadline_ms;
	struct door doors[LISTEN_MAX];
	size_t door_count;
	struct conn_list quiet; /* READING and IDLE: who has been quiet longest comes first */
	struct conn_list running;
	unsigned conn_count;
	struct conn **by_fd;
	size_t by_fd_count;
	struct event *bind;
	struct timer *accept_again;
	bool stopped;
};

/* ---- connections ---- */

static bool
conn_is_quiet(const struct conn *c)
{
	return c->state == CONN_READING || c->state == CONN_IDLE;
}

static struct conn_list *
conn_list(struct conn *c)
{
	return conn_is_quiet(c) ? &c->door->server->quiet : &c->door->server->running;
}

/* The only place that changes a state. */
static void
conn_enter(struct conn *c, enum conn_state state)
{
	struct conn_list *from = conn_list(c);
	int64_t limit_ms[] = {
		[CONN_READING] = c->door->server->deadline_ms,
		[CONN_IDLE] = IDLE_MS,
		[CONN_HANDLING] = -1,
		[CONN_ANSWERING] = ANSWER_MS,
	};

	c->state = state;
	if (conn_list(c) != from) {
		TAILQ_REMOVE(from, c, link);
		TAILQ_INSERT_TAIL(conn_list(c), c, link);
	}
	if (limit_ms[state] < 0)
		timer_stop(c->timer);
	else
		timer_arm(c->timer, limit_ms[state]);
}

static void
conn_free(struct conn *c)
{
	struct http_server *s = c->door->server;

	TAILQ_REMOVE(conn_list(c), c, link);
	s->conn_count--;
	if (c->fd >= 0 && (size_t)c->fd < s->by_fd_count && s->by_fd[c->fd] == c)
		s->by_fd[c->fd] = NULL;
	timer_free(c->timer);
	free(c);
}

static void
exchange_unwatch(struct server_exchange *sx)
{
	if (sx->closed != NULL)
		event_free(sx->closed);
	sx->closed = NULL;
}

/* The first byte of the next request starts its deadline. */
static void
on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
	struct conn *c = arg;

	(void)input;
	if (info->n_added > 0 && c->state == CONN_IDLE)
		conn_enter(c, CONN_READING);
}

/* evhttp is about to free the connection, for whatever reason. */
static void
on_conn_closed(struct evhttp_connection *evcon, void *arg)
{
	struct conn *c = arg;
	struct server_exchange *sx = c->exchange;

	(void)evcon;
	evbuffer_remove_cb(bufferevent_get_input(c->bev), on_input, c);
	conn_free(c);
	if (sx != NULL) {
		sx->conn = NULL;
		exchange_unwatch(sx);
		exchange_tell_gone(&sx->x);
	}
}

static void
on_conn_timer(void *arg)
{
	struct conn *c = arg;

	if (c->evcon != NULL)
		evhttp_connection_free(c->evcon);
	else
		timer_arm(c->timer, 0);
}

static bool
fd_table_reach(struct http_server *s, int fd)
{
	size_t count = (size_t)fd + 64;
	struct conn **table;

	if ((size_t)fd < s->by_fd_count)
		return true;
	if ((table = realloc(s->by_fd, count * sizeof(struct conn *))) == NULL)
		return false;
	memset(table + s->by_fd_count, 0, (count - s->by_fd_count) * sizeof(struct conn *));
	s->by_fd = table;
	s->by_fd_count = count;
	return true;
}

static void
conn_bind(struct conn *c)
{
	const struct timeval stall = { STALL_S, 0 };
	struct http_server *s = c->door->server;
	struct bufferevent *bev = c->bev;
	void *arg = NULL;

	bufferevent_getcb(bev, NULL, NULL, NULL, &arg);
	if (arg == NULL) {
		conn_free(c); /* closed already, before we could watch it */
	} else {
		c->evcon = arg;
		c->fd = bufferevent_getfd(bev);
		evhttp_connection_set_closecb(c->evcon, on_conn_closed, c);
		/* Our timer does the reading side: evhttp's would also end a long answer to a silent client. */
		bufferevent_set_timeouts(bev, NULL, &stall);
		bufferevent_setwatermark(bev, EV_READ, 0, s->body_max_bytes + HEADERS_MAX_BYTES + READ_AHEAD_BYTES);
		if (c->surplus || s->stopped || c->fd < 0 || !fd_table_reach(s, c->fd) ||
		    evbuffer_add_cb(bufferevent_get_input(bev), on_input, c) == NULL)
			evhttp_connection_free(c->evcon);
		else
			s->by_fd[c->fd] = c;
	}
	bufferevent_decref(bev);
}

static void
connections_bind(struct http_server *s)
{
	struct conn *c = TAILQ_LAST(&s->quiet, conn_list), *before;

	for (; c != NULL; c = before) {
		before = TAILQ_PREV(c, conn_list, link);
		if (c->evcon == NULL)
			conn_bind(c);
	}
}

static void
on_bind(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	connections_bind(arg);
}

/* Makes room for one more. False: all connections are running a request. */
static bool
connection_evict(struct http_server *s)
{
	struct conn *oldest = TAILQ_FIRST(&s->quiet);

	if (oldest == NULL || oldest->evcon == NULL)
		return false;
	evhttp_connection_free(oldest->evcon);
	return true;
}

static struct bufferevent *
bufferevent_make(struct door *d)
{
	struct event_base *base = d->server->base;
	struct bufferevent *bev;
	SSL *ssl;

	if (d->tls == NULL)
		return bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	if ((ssl = SSL_new(d->tls)) == NULL)
		return NULL;
	bev = bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	if (bev != NULL)
		bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	else
		SSL_free(ssl);
	return bev;
}

/* A NULL makes evhttp use a bufferevent of its own, plain and unaccounted: on_request refuses those. */
static struct bufferevent *
on_bufferevent(struct event_base *base, void *arg)
{
	struct door *d = arg;
	struct http_server *s = d->server;
	struct conn *c = calloc(1, sizeof(*c));

	(void)base;
	if (c == NULL)
		return NULL;
	c->door = d;
	c->fd = -1;
	c->timer = timer_new(s->clock, on_conn_timer, c);
	c->bev = c->timer != NULL ? bufferevent_make(d) : NULL;
	if (c->bev == NULL) {
		timer_free(c->timer);
		free(c);
		return NULL;
	}
	c->surplus = s->conn_count >= s->connections_max && !connection_evict(s);
	bufferevent_incref(c->bev);
	s->conn_count++;
	TAILQ_INSERT_TAIL(&s->quiet, c, link);
	conn_enter(c, CONN_READING);
	event_active(s->bind, 0, 0);
	return c->bev;
}

/* ---- one exchange ---- */

static struct server_exchange *
server_exchange(struct http_exchange *x)
{
	return (struct server_exchange *)x;
}

static const char *
real_header(const struct http_exchange *x, const char *name)
{
	return evhttp_find_header(((const struct server_exchange *)x)->req->input_headers, name);
}

static void
on_client_closed(evutil_socket_t fd, short what, void *arg)
{
	struct server_exchange *sx = arg;

	(void)fd;
	(void)what;
	exchange_unwatch(sx);
	exchange_tell_gone(&sx->x);
}

/* evhttp stops reading while a request is handled, so a close would go unnoticed until the answer. */
static void
real_watch(struct http_exchange *x)
{
	struct server_exchange *sx = server_exchange(x);

	if (x->gone == NULL || sx->conn == NULL) {
		exchange_unwatch(sx);
		return;
	}
	if (sx->closed == NULL)
		sx->closed = event_new(sx->conn->door->server->base, sx->conn->fd, EV_CLOSED, on_client_closed, sx);
	if (sx->closed != NULL)
		event_add(sx->closed, NULL);
}

static void
server_exchange_free(struct server_exchange *sx)
{
	if (sx->linked)
		LIST_REMOVE(sx, link);
	exchange_unwatch(sx);
	exchange_done(&sx->x);
	free(sx);
}

static void
extra_headers_add(struct evkeyvalq *out, const char *const *headers)
{
	char name[64];
	const char *value;

	for (size_t i = 0; headers != NULL && headers[i] != NULL; i++)
		if (header_split(headers[i], name, sizeof(name), &value) && !str_equal_nocase(name, "Content-Length") &&
		    !str_equal_nocase(name, "Transfer-Encoding"))
			evhttp_add_header(out, name, value);
}

static void
headers_add(struct evhttp_request *req, bool close_after, const char *content_type, const char *const *headers)
{
	struct evkeyvalq *out = req->output_headers;

	extra_headers_add(out, headers);
	if (content_type != NULL)
		evhttp_add_header(out, "Content-Type", content_type);
	if (evhttp_find_header(out, "X-Content-Type-Options") == NULL)
		evhttp_add_header(out, "X-Content-Type-Options", "nosniff");
	if (evhttp_find_header(out, "Cache-Control") == NULL)
		evhttp_add_header(out, "Cache-Control", "no-store");
	/* evhttp would stream to an HTTP/1.0 client without an end mark. */
	if ((close_after || req->minor == 0) && evhttp_find_header(out, "Connection") == NULL)
		evhttp_add_header(out, "Connection", "close");
}

static void
body_send(struct evhttp_request *req, int status, const void *body, size_t body_len)
{
	struct evbuffer *data = evbuffer_new();

	if (req->type == EVHTTP_REQ_HEAD && status != 204 && status != 304) {
		char length[24];

		snprintf(length, sizeof(length), "%zu", body_len);
		evhttp_add_header(req->output_headers, "Content-Length", length);
	} else if (data != NULL && body_len > 0 && status != 204 && status != 304) {
		evbuffer_add(data, body, body_len);
	}
	evhttp_send_reply(req, status, http_reason(status), data);
	if (data != NULL)
		evbuffer_free(data);
}

static void
on_answer_written(struct evhttp_request *req, void *arg)
{
	struct conn *c = arg;
	bool more = evbuffer_get_length(bufferevent_get_input(c->bev)) > 0;

	(void)req;
	conn_enter(c, more ? CONN_READING : CONN_IDLE);
}

/* Lets go of the exchange. The connection to finish the answer on, or NULL when there is none any more. */
static struct conn *
exchange_release(struct server_exchange *sx, struct evhttp_request **ret_req)
{
	struct conn *c = sx->conn;

	*ret_req = sx->req;
	server_exchange_free(sx);
	if (c == NULL) {
		evhttp_request_free(*ret_req);
		return NULL;
	}
	c->exchange = NULL;
	evhttp_request_set_on_complete_cb(*ret_req, on_answer_written, c);
	conn_enter(c, CONN_ANSWERING);
	return c;
}

static void
real_reply(
    struct http_exchange *x, int status, const char *content_type, const void *body, size_t body_len, const char *const *headers)
{
	struct evhttp_request *req;
	struct conn *c = exchange_release(server_exchange(x), &req);

	if (c == NULL)
		return;
	headers_add(req, c->door->server->stopped, content_type, headers);
	body_send(req, status, body, body_len);
}

static void
real_begin(struct http_exchange *x, int status, const char *content_type)
{
	struct server_exchange *sx = server_exchange(x);

	if (sx->conn == NULL)
		return;
	headers_add(sx->req, sx->conn->door->server->stopped, content_type, NULL);
	evhttp_send_reply_start(sx->req, status, http_reason(status));
}

static void
real_chunk(struct http_exchange *x, const void *data, size_t len)
{
	struct server_exchange *sx = server_exchange(x);
	struct evbuffer *buffer;

	if (sx->conn == NULL || (buffer = evbuffer_new()) == NULL)
		return;
	if (evbuffer_add(buffer, data, len) == 0)
		evhttp_send_reply_chunk(sx->req, buffer);
	evbuffer_free(buffer);
}

static void
real_end(struct http_exchange *x)
{
	struct evhttp_request *req;

	if (exchange_release(server_exchange(x), &req) != NULL)
		evhttp_send_reply_end(req);
}

static void
real_abort(struct http_exchange *x)
{
	struct evhttp_request *req;
	struct conn *c = exchange_release(server_exchange(x), &req);

	if (c != NULL)
		evhttp_connection_free(c->evcon);
}

static const struct exchange_ops real_ops = {
	.header = real_header,
	.watch = real_watch,
	.reply = real_reply,
	.begin = real_begin,
	.chunk = real_chunk,
	.end = real_end,
	.abort = real_abort,
};

/* ---- requests ---- */

static void
request_refuse(struct evhttp_request *req, int status, const char *detail)
{
	char body[256];
	int len = snprintf(body, sizeof(body), "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":\"%s\"}\n",
	    http_reason(status), status, detail);
	static const char *const allow[] = { "Allow: GET, HEAD, POST, PUT, DELETE, PATCH", NULL };

	/* evhttp would keep the connection of a CONNECT, and heed only Proxy-Connection for an absolute target. */
	req->flags &= ~EVHTTP_PROXY_REQUEST;
	if (req->type == EVHTTP_REQ_CONNECT)
		req->type = EVHTTP_REQ_GET;
	/* It would repeat whatever version was asked for. */
	req->major = 1;
	req->minor = 1;
	headers_add(req, true, "application/problem+json", status == 405 ? allow : NULL);
	body_send(req, status, body, (size_t)len);
}

static struct conn *
conn_of(struct http_server *s, struct evhttp_request *req)
{
	int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(req->evcon));
	struct conn *c;

	connections_bind(s);
	c = fd >= 0 && (size_t)fd < s->by_fd_count ? s->by_fd[fd] : NULL;
	return c != NULL && c->evcon == req->evcon ? c : NULL;
}

/* evhttp keeps the body in pieces; handlers get it whole, with a NUL behind. */
static bool
body_take(struct http_exchange *x, struct evhttp_request *req)
{
	x->body_len = evbuffer_get_length(req->input_buffer);
	if (evbuffer_add(req->input_buffer, "", 1) != 0)
		return false;
	x->body = (const char *)evbuffer_pullup(req->input_buffer, -1);
	return x->body != NULL;
}

static void
on_request(struct evhttp_request *req, void *arg)
{
	struct door *d = arg;
	struct conn *c = conn_of(d->server, req);
	struct server_exchange *sx;
	const char *detail;
	int status;

	if (c == NULL) {
		request_refuse(req, 503, "Out of resources.");
		return;
	}
	conn_enter(c, CONN_ANSWERING);
	evhttp_request_set_on_complete_cb(req, on_answer_written, c);
	if ((status = http_request_check(req, &detail)) != 0) {
		request_refuse(req, status, detail);
		return;
	}
	sx = calloc(1, sizeof(*sx));
	if (sx == NULL || exchange_init(&sx->x, &real_ops, http_request_method(req), evhttp_request_get_uri(req)) != ERR_OK ||
	    !body_take(&sx->x, req)) {
		if (sx != NULL)
			server_exchange_free(sx);
		request_refuse(req, 503, "Out of memory.");
		return;
	}
	sx->x.is_unix = d->is_unix;
	sx->req = req;
	sx->conn = c;
	c->exchange = sx;
	conn_enter(c, CONN_HANDLING);
	d->server->handle(d->server->arg, &sx->x);
}

/* ---- the server ---- */

static void
on_accept_error(struct evconnlistener *listener, void *arg)
{
	struct http_server *s = arg;

	evconnlistener_disable(listener);
	timer_arm_sooner(s->accept_again, ACCEPT_PAUSE_MS);
}

static void
on_accept_again(void *arg)
{
	struct http_server *s = arg;

	for (size_t i = 0; i < s->door_count; i++)
		if (s->doors[i].bound != NULL)
			evconnlistener_enable(evhttp_bound_socket_get_listener(s->doors[i].bound));
}

static void
door_settings(struct door *d)
{
	struct evhttp *http = d->http;

	evhttp_set_max_headers_size(http, HEADERS_MAX_BYTES);
	evhttp_set_max_body_size(http, (ev_ssize_t)d->server->body_max_bytes);
	evhttp_set_default_content_type(http, NULL);
	/* All of them, unknown ones too: http_check answers those it does not serve. */
	evhttp_set_allowed_methods(http, UINT16_MAX);
	/* Read what is left of a body that is too large, or the reset would overtake the 413. */
	evhttp_set_flags(http, EVHTTP_SERVER_LINGERING_CLOSE);
	evhttp_set_bevcb(http, on_bufferevent, d);
	evhttp_set_gencb(http, on_request, d);
}

/* Hands the socket over to evhttp. */
static enum err
door_accept(struct door *d)
{
	if ((d->bound = evhttp_accept_socket_with_handle(d->http, d->socket.fd)) == NULL)
		return ERR_NOMEM;
	d->socket.fd = -1; /* the listener closes it */
	evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(d->bound), on_accept_error);
	return ERR_OK;
}

/* On failure the half-open door is closed by http_server_free. */
static enum err
door_open(struct door *d, const struct listen_address *a, const struct http_server_options *o, char *why, size_t why_size)
{
	enum err e;

	d->unix_mode = o->unix_mode != 0 ? o->unix_mode : 0660;
	d->is_unix = a->is_unix;
	e = listen_socket_open(a, d->unix_mode, &d->socket, why, why_size);
	if (e != ERR_OK)
		return e;
	if (o->tls_certificate != NULL && !a->is_unix && !(o->tls_only_beyond_loopback && a->is_loopback)) {
		e = http_tls_context(o->tls_certificate, o->tls_key, &d->tls, why, why_size);
		if (e != ERR_OK)
			return e;
	}
	if ((d->http = evhttp_new(d->server->base)) == NULL)
		return ERR_NOMEM;
	door_settings(d);
	return door_accept(d);
}

static struct http_server *
server_alloc(struct event_base *base, struct clock *clock, const struct http_server_options *o)
{
	struct http_server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	TAILQ_INIT(&s->quiet);
	TAILQ_INIT(&s->running);
	s->base = base;
	s->clock = clock;
	s->handle = o->handle;
	s->arg = o->arg;
	s->body_max_bytes = o->body_max_bytes;
	s->connections_max = o->connections_max != 0 ? o->connections_max : CONNECTIONS_DEFAULT;
	s->deadline_ms = o->request_deadline_ms > 0 ? o->request_deadline_ms : DEADLINE_DEFAULT_MS;
	s->bind = event_new(base, -1, 0, on_bind, s);
	s->accept_again = timer_new(clock, on_accept_again, s);
	if (s->bind != NULL && s->accept_again != NULL)
		return s;
	http_server_free(s);
	return NULL;
}

enum err
http_server_new(struct event_base *base, struct clock *clock, const struct http_server_options *options, struct http_server **ret,
    char *why, size_t why_size)
{
	struct listen_address addresses[LISTEN_MAX];
	struct http_server *s = server_alloc(base, clock, options);
	size_t count = 0;
	enum err e;

	if (s == NULL) {
		snprintf(why, why_size, "%s", err_text(ERR_NOMEM));
		return ERR_NOMEM;
	}
	snprintf(why, why_size, "\"%s\" is not a list of addresses", options->listen);
	e = listen_parse(options->listen, addresses, &count);
	for (size_t i = 0; e == ERR_OK && i < count; i++) {
		struct door *d = &s->doors[s->door_count++];

		d->server = s;
		d->socket.fd = -1;
		snprintf(why, why_size, "%s: %s", addresses[i].host, err_text(ERR_NOMEM));
		e = door_open(d, &addresses[i], options, why, why_size);
	}
	if (e != ERR_OK) {
		http_server_free(s);
		return e;
	}
	why[0] = '\0';
	*ret = s;
	return ERR_OK;
}

/* The former listener goes only once there is another. */
static enum err
door_mend(struct door *d, char *why, size_t why_size)
{
	struct listen_address address = { .is_unix = true };
	struct evhttp_bound_socket *former = d->bound;
	struct listen_socket socket;
	enum err e;

	if (!str_copy(address.host, sizeof(address.host), d->socket.path))
		return ERR_INVALID;
	if ((e = listen_socket_open(&address, d->unix_mode, &socket, why, why_size)) != ERR_OK)
		return e;
	d->socket = socket;
	if ((e = door_accept(d)) != ERR_OK) {
		snprintf(why, why_size, "%s", err_text(e));
		listen_socket_unlink(&socket); /* to be tried again; evhttp may have closed it or not */
		d->socket.fd = -1;
		d->bound = former;
		return e;
	}
	evhttp_del_accept_socket(d->http, former);
	return ERR_OK;
}

enum err
http_server_mend(struct http_server *s, bool *ret_anew, char *why, size_t why_size)
{
	enum err e = ERR_OK;

	*ret_anew = false;
	for (size_t i = 0; i < s->door_count && e == ERR_OK && !s->stopped; i++) {
		if (listen_socket_is_there(&s->doors[i].socket))
			continue;
		e = door_mend(&s->doors[i], why, why_size);
		*ret_anew |= e == ERR_OK;
	}
	return e;
}

void
http_server_stop(struct http_server *s)
{
	struct conn *c;

	if (s == NULL)
		return;
	connections_bind(s);
	s->stopped = true;
	timer_stop(s->accept_again);
	for (size_t i = 0; i < s->door_count; i++) {
		struct door *d = &s->doors[i];

		listen_socket_unlink(&d->socket);
		if (d->bound != NULL)
			evhttp_del_accept_socket(d->http, d->bound);
		else if (d->socket.fd >= 0)
			close(d->socket.fd);
		d->bound = NULL;
		d->socket.fd = -1;
		d->socket.path[0] = '\0';
	}
	while ((c = TAILQ_FIRST(&s->quiet)) != NULL)
		evhttp_connection_free(c->evcon);
}

/* The loop may never run again, so this goes past evhttp; a socket that would block stays without it. */
static void
last_word(const struct conn *c)
{
	static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

	if (c->door->tls != NULL) {
		SSL_write(bufferevent_openssl_get_ssl(c->bev), answer, (int)sizeof(answer) - 1);
		ERR_clear_error();
	} else {
		(void)!send(c->fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
}

/* Parts every open exchange from its connection: evhttp must not free its request. */
static void
exchanges_detach(struct http_server *s, struct exchange_list *ret)
{
	struct conn *c;

	for (c = TAILQ_FIRST(&s->running); c != NULL; c = TAILQ_NEXT(c, link)) {
		struct server_exchange *sx = c->exchange;

		if (sx == NULL)
			continue;
		if (!sx->x.begun)
			last_word(c);
		evhttp_request_own(sx->req);
		exchange_unwatch(sx);
		c->exchange = NULL;
		sx->conn = NULL;
		sx->linked = true;
		LIST_INSERT_HEAD(ret, sx, link);
	}
}

/* Whoever is told may answer any of the others too. */
static void
detached_tell(struct exchange_list *detached)
{
	struct server_exchange *sx;

	while ((sx = LIST_FIRST(detached)) != NULL) {
		LIST_REMOVE(sx, link);
		sx->linked = false;
		exchange_tell_gone(&sx->x);
	}
}

void
http_server_free(struct http_server *s)
{
	struct exchange_list detached = LIST_HEAD_INITIALIZER(detached);

	if (s == NULL)
		return;
	if (s->bind != NULL)
		http_server_stop(s);
	exchanges_detach(s, &detached);
	for (size_t i = 0; i < s->door_count; i++) {
		if (s->doors[i].http != NULL)
			evhttp_free(s->doors[i].http);
		SSL_CTX_free(s->doors[i].tls);
	}
	if (s->bind != NULL)
		event_free(s->bind);
	timer_free(s->accept_again);
	free(s->by_fd);
	free(s);
	detached_tell(&detached);
}

uint16_t
http_server_port(const struct http_server *s, size_t n)
{
	for (size_t i = 0; i < s->door_count; i++)
		if (!s->doors[i].is_unix && n-- == 0)
			return s->doors[i].socket.port;
	return 0;
}
