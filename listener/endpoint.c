/* Options set on the listening socket are inherited by what it accepts: one call instead of one a connection. */
#include "listener/endpoint.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "listener/connections.h"
#include "listener/metrics.h"

#define BACKLOG 4096
/* Connections taken from one socket before what they sent is looked at. */
#define ACCEPTS_MAX 64
#define REST_MS     200

struct endpoint {
	struct clock *clock;
	struct connections *connections;
	struct metrics *metrics;
	SSL_CTX *tls;
	struct timer *rest;
	struct event *events[ENDPOINT_SOCKETS_MAX];
	size_t count;
};

/* Binding. */

static const char *
bind_advice(int error)
{
	switch (error) {
	case EADDRINUSE: return "the port is in use: stop the other program or choose another [listener] listen";
	case EACCES: return "ports below 1024 need socket activation (ergsync-listener.socket) or another [listener] listen";
	case EADDRNOTAVAIL: return "this machine does not have that address";
	default: return strerror(error);
	}
}

static enum err
resolve(const struct listen_address *address, struct addrinfo **ret)
{
	const struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
	const char *host = strcmp(address->host, "localhost") == 0 ? "127.0.0.1" : address->host;
	char port[8];

	(void)snprintf(port, sizeof(port), "%u", address->port);
	return getaddrinfo(host, port, &hints, ret) == 0 ? ERR_OK : ERR_INVALID;
}

static int
open_socket(const struct addrinfo *ai)
{
	const int on = 1;
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error;

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    (ai->ai_family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0) &&
	    bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	error = errno;
	(void)close(fd);
	errno = error;
	return -1;
}

static int
bind_one(const struct listen_address *address, char *why, size_t why_size)
{
	struct addrinfo *ai = NULL;
	int fd;

	if (address->is_unix || resolve(address, &ai) != ERR_OK) {
		(void)snprintf(why, why_size, "[listener] listen: \"%s\" is not an IP address", address->host);
		return -1;
	}
	fd = open_socket(ai);
	if (fd < 0)
		(void)snprintf(
		    why, why_size, "cannot listen on %s port %u: %s", address->host, address->port, bind_advice(errno));
	freeaddrinfo(ai);
	return fd;
}

enum err
endpoint_bind(const char *list, int ret[ENDPOINT_SOCKETS_MAX], size_t *ret_count, char *why, size_t why_size)
{
	struct listen_address addresses[CONFIG_LISTEN_MAX];
	size_t count = 0, bound = 0;

	if (listen_parse(list, addresses, &count) != ERR_OK || count > ENDPOINT_SOCKETS_MAX) {
		(void)snprintf(why, why_size, "[listener] listen: \"%s\" is not a list of host:port", list);
		return ERR_INVALID;
	}
	while (bound < count && (ret[bound] = bind_one(&addresses[bound], why, why_size)) >= 0)
		bound++;
	if (bound < count) {
		while (bound > 0)
			(void)close(ret[--bound]);
		return ERR_BUSY;
	}
	*ret_count = count;
	return ERR_OK;
}

/* Accepting. */

static void
rest(struct endpoint *e)
{
	for (size_t i = 0; i < e->count; i++)
		(void)event_del(e->events[i]);
	timer_arm(e->rest, REST_MS);
}

static void
on_rested(void *arg)
{
	struct endpoint *e = arg;

	for (size_t i = 0; i < e->count; i++)
		(void)event_add(e->events[i], NULL);
}

/* True to try once more. */
static bool
accept_failed(struct endpoint *e, int error)
{
	switch (error) {
	case EAGAIN: return false;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		e->metrics->counts[METRIC_ACCEPT_FAILED]++;
		log_put(LOG_WARN, "accept_failed", LS("error", strerror(error)));
		if (connections_make_room(e->connections))
			return true;
		rest(e);
		return false;
	default:
		/* That client has gone, or the network had something to say about it: the next one may be fine. */
		return true;
	}
}

static bool
accept_one(struct endpoint *e, int listener)
{
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	int fd = accept4(listener, (struct sockaddr *)&from, &from_len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return accept_failed(e, errno);
	connections_take(e->connections, fd, e->tls, (struct sockaddr *)&from);
	return true;
}

static void
on_connection(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	for (int i = 0; i < ACCEPTS_MAX && accept_one(arg, (int)fd); i++)
		;
}

static enum err
add_socket(struct endpoint *e, struct event_base *base, int fd)
{
	const int on = 1;
	int flags = fcntl(fd, F_GETFL);
	struct event *event;

	/* A passed socket may be blocking. */
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
		return ERR_IO;
	event = event_new(base, fd, EV_READ | EV_PERSIST, on_connection, e);
	if (event == NULL)
		return ERR_NOMEM;
	e->events[e->count++] = event;
	return event_add(event, NULL) == 0 ? ERR_OK : ERR_NOMEM;
}

static void
log_address(int fd)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	char host[64] = "?", port[16] = "?";

	if (getsockname(fd, (struct sockaddr *)&address, &len) == 0)
		(void)getnameinfo(
		    (struct sockaddr *)&address, len, host, sizeof(host), port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
	log_put(LOG_INFO, "listening", LS("address", host), LS("port", port));
}

enum err
endpoint_new(struct event_base *base, struct clock *clock, struct connections *connections, struct metrics *metrics,
    const int *sockets, size_t count, SSL_CTX *tls, struct endpoint **ret)
{
	struct endpoint *e = calloc(1, sizeof(*e));
	enum err err = ERR_OK;
	size_t i = 0;

	if (e != NULL) {
		e->clock = clock;
		e->connections = connections;
		e->metrics = metrics;
		e->tls = tls;
		e->rest = timer_new(clock, on_rested, e);
	}
	if (e == NULL || e->rest == NULL)
		err = ERR_NOMEM;
	for (; err == ERR_OK && i < count; i++) {
		err = add_socket(e, base, sockets[i]);
		if (err == ERR_OK)
			log_address(sockets[i]);
	}
	if (err == ERR_OK) {
		*ret = e;
		return ERR_OK;
	}
	/* Those with an event are closed with it. */
	for (i = e != NULL ? e->count : 0; i < count; i++)
		(void)close(sockets[i]);
	if (e == NULL)
		SSL_CTX_free(tls);
	endpoint_free(e);
	return err;
}

void
endpoint_set_tls(struct endpoint *e, SSL_CTX *tls)
{
	SSL_CTX_free(e->tls);
	e->tls = tls;
}

void
endpoint_stop(struct endpoint *e)
{
	timer_stop(e->rest);
	for (size_t i = 0; i < e->count; i++) {
		int fd = (int)event_get_fd(e->events[i]);

		on_connection(fd, EV_READ, e);
		event_free(e->events[i]);
		(void)close(fd);
	}
	e->count = 0;
	timer_stop(e->rest);
}

void
endpoint_free(struct endpoint *e)
{
	if (e == NULL)
		return;
	for (size_t i = 0; i < e->count; i++) {
		int fd = (int)event_get_fd(e->events[i]);

		event_free(e->events[i]);
		(void)close(fd);
	}
	timer_free(e->rest);
	SSL_CTX_free(e->tls);
	free(e);
}
