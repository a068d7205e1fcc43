/*
 * loopback.h - what the tests of net/ share: one event loop that drives a server, a transport and raw sockets.
 *
 * Nothing sleeps: run_until turns the loop until the condition holds; the guard only ends a test that hangs.
 */
#ifndef UNIT_NET_LOOPBACK_H
#define UNIT_NET_LOOPBACK_H

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "net/http_client.h"
#include "net/http_server.h"

#define GUARD_S 60

struct rig {
	struct event_base *base;
	struct clock *clock;
	struct http_server *server;
	struct http_transport *transport;
	char url[64]; /* "http://127.0.0.1:PORT" */
	unsigned handled;
	struct http_exchange *kept; /* a request whose handler has not answered yet */
	unsigned gone;
};

static inline void
on_guard(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	*(bool *)arg = true;
}

/* Turns the loop until *done is not zero. */
static inline void
run_until(struct rig *r, const unsigned *done, unsigned at_least)
{
	bool expired = false;
	const struct timeval tv = { GUARD_S, 0 };
	struct event *guard = event_new(r->base, -1, 0, on_guard, &expired);

	event_add(guard, &tv);
	while (*done < at_least && !expired)
		event_base_loop(r->base, EVLOOP_ONCE);
	event_free(guard);
	assert_false(expired);
}

static inline void
on_pause(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	++*(unsigned *)arg;
}

/* Lets the loop run for a while where the absence of something is to be seen. */
static inline void
run_for_ms(struct rig *r, int ms)
{
	unsigned over = 0;
	const struct timeval tv = { ms / 1000, ms % 1000 * 1000 };
	struct event *ev = event_new(r->base, -1, 0, on_pause, &over);

	event_add(ev, &tv);
	run_until(r, &over, 1);
	event_free(ev);
}

/* ---- a client that sends bytes as told and collects what comes ---- */

struct raw {
	struct rig *rig;
	struct bufferevent *bev;
	char *got;
	size_t got_len;
	unsigned answers; /* status lines seen */
	unsigned closed;
};

/* Looks at what is new, and a little before it where a status line may have begun. */
static inline void
raw_count(struct raw *c, size_t from)
{
	static const char start[] = "HTTP/1.1 ";

	for (size_t i = from < sizeof(start) ? 0 : from - (sizeof(start) - 2); i + sizeof(start) - 1 <= c->got_len; i++)
		if (memcmp(c->got + i, start, sizeof(start) - 1) == 0)
			c->answers++;
}

static inline void
on_raw_read(struct bufferevent *bev, void *arg)
{
	struct raw *c = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	size_t len = evbuffer_get_length(in);

	c->got = realloc(c->got, c->got_len + len + 1);
	assert_non_null(c->got);
	evbuffer_remove(in, c->got + c->got_len, len);
	c->got_len += len;
	c->got[c->got_len] = '\0';
	raw_count(c, c->got_len - len);
}

static inline void
on_raw_event(struct bufferevent *bev, short what, void *arg)
{
	struct raw *c = arg;

	if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) == 0)
		return;
	if (evbuffer_get_length(bufferevent_get_input(bev)) > 0)
		on_raw_read(bev, c);
	c->closed = 1;
}

static inline void
raw_adopt(struct rig *r, struct raw *c, int fd)
{
	*c = (struct raw){ .rig = r };
	c->got = calloc(1, 1);
	evutil_make_socket_nonblocking(fd);
	c->bev = bufferevent_socket_new(r->base, fd, BEV_OPT_CLOSE_ON_FREE);
	assert_non_null(c->bev);
	bufferevent_setcb(c->bev, on_raw_read, NULL, on_raw_event, c);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

static inline int
tcp_connect(uint16_t port)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

static inline void
raw_open(struct rig *r, struct raw *c)
{
	raw_adopt(r, c, tcp_connect(http_server_port(r->server, 0)));
}

static inline void
raw_send(struct raw *c, const char *text)
{
	bufferevent_write(c->bev, text, strlen(text));
}

static inline void
raw_free(struct raw *c)
{
	if (c->bev != NULL)
		bufferevent_free(c->bev);
	c->bev = NULL;
	free(c->got);
	c->got = NULL;
}

/* ---- a client by way of the transport ---- */

struct reply {
	unsigned done;
	enum err err;
	int status;
	char *body;
	size_t body_len;
	char detail[256];
	char type[96], echo[96], extra[96];
	size_t header_count;
	int64_t took_ms;
};

static inline void
copy_header(char *ret, size_t size, const struct http_answer *a, const char *name)
{
	const char *value = http_answer_header(a, name);

	snprintf(ret, size, "%s", value != NULL ? value : "");
}

static inline void
on_reply(void *arg, const struct http_answer *a)
{
	struct reply *p = arg;

	p->done++;
	p->err = a->err;
	p->status = a->status;
	p->body = malloc(a->body_len + 1);
	memcpy(p->body, a->body, a->body_len + 1);
	p->body_len = a->body_len;
	p->header_count = a->header_count;
	p->took_ms = a->took_ms;
	snprintf(p->detail, sizeof(p->detail), "%s", a->detail);
	copy_header(p->type, sizeof(p->type), a, "content-type");
	copy_header(p->echo, sizeof(p->echo), a, "x-echo");
	copy_header(p->extra, sizeof(p->extra), a, "X-Extra");
}

static inline void
reply_free(struct reply *p)
{
	free(p->body);
	*p = (struct reply){ 0 };
}

static inline struct http_call *
rig_start(struct rig *r, struct reply *p, const char *method, const char *path, const void *body, size_t len)
{
	char url[512];
	const char *const headers[] = { "X-Echo: yes it is", "Content-Type: application/json", NULL };
	struct http_request request = { .method = method, .url = url, .headers = headers, .body = body, .body_len = len };

	*p = (struct reply){ 0 };
	snprintf(url, sizeof(url), "%s%s", r->url, path);
	return http_start(r->transport, &request, on_reply, p);
}

static inline void
rig_call(struct rig *r, struct reply *p, const char *method, const char *path, const void *body, size_t len)
{
	assert_non_null(rig_start(r, p, method, path, body, len));
	assert_int_equal(p->done, 0);
	run_until(r, &p->done, 1);
}

/* ---- setting up ---- */

static inline void
rig_serve(struct rig *r, struct http_server_options o, http_handler handle)
{
	char why[256] = "";
	enum err e;

	if (o.listen == NULL)
		o.listen = "127.0.0.1:0";
	if (o.body_max_bytes == 0)
		o.body_max_bytes = 1u << 20;
	o.handle = handle;
	if (o.arg == NULL)
		o.arg = r;
	e = http_server_new(r->base, r->clock, &o, &r->server, why, sizeof(why));
	if (e != ERR_OK)
		fail_msg("%s: %s", err_name(e), why);
	snprintf(r->url, sizeof(r->url), "http://127.0.0.1:%u", (unsigned)http_server_port(r->server, 0));
}

static inline struct rig *
rig_new(void)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	signal(SIGPIPE, SIG_IGN);
	r->base = event_base_new();
	r->clock = clock_new_real(r->base);
	assert_non_null(r->clock);
	assert_int_equal(curl_transport_new(r->base, NULL, 8, &r->transport), ERR_OK);
	return r;
}

static inline void
rig_free(struct rig *r)
{
	http_transport_free(r->transport);
	http_server_free(r->server);
	clock_free(r->clock);
	event_base_free(r->base);
	free(r);
}

static inline int
rig_setup(void **state)
{
	*state = rig_new();
	return 0;
}

static inline int
rig_teardown(void **state)
{
	rig_free(*state);
	return 0;
}

#endif
