/* One socket for both directions: what it sends comes from its bound name, so that either side can be told apart in a trace. */
#include "listener/link.h"

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "listener/metrics.h"

/* What comes in is short: a longer datagram is cut, and then refused as malformed. */
#define INCOMING_MAX 256
#define RECEIVES_MAX 16

struct link {
	struct event_base *base;
	struct timer *pause;
	struct event *event;
	struct link_host host;
	struct metrics *metrics;
	struct sockaddr_un own, peer;
	int fd;
	bool wake_due;
};

static void
send_wake(struct link *l)
{
	const struct peer_message wake = { .kind = PEER_WAKE };
	char data[64];
	size_t len;

	if (peer_encode(&wake, data, sizeof(data), &len) != ERR_OK)
		return;
	/* A full queue holds wake-ups already. */
	if (sendto(l->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&l->peer, sizeof(l->peer)) >= 0 ||
	    errno == EAGAIN)
		l->metrics->counts[METRIC_WAKES]++;
	else
		l->metrics->counts[METRIC_WAKES_FAILED]++;
	l->wake_due = false;
	timer_arm(l->pause, LINK_WAKE_MS);
}

static void
on_pause_over(void *arg)
{
	struct link *l = arg;

	if (l->wake_due)
		send_wake(l);
}

void
link_wake(struct link *l)
{
	l->wake_due = true;
	if (!timer_armed(l->pause))
		send_wake(l);
}

void
link_consent(struct link *l, const struct scope_id *scope)
{
	const struct peer_message consent = { .kind = PEER_CONSENT, .scope = *scope };
	char data[128];
	size_t len;

	if (peer_encode(&consent, data, sizeof(data), &len) != ERR_OK ||
	    sendto(l->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&l->peer, sizeof(l->peer)) < 0)
		log_event(LOG_DEBUG, "consent_not_told");
}

static void
send_stats(struct link *l, const struct sockaddr_un *to, socklen_t to_len)
{
	struct peer_message stats = { .kind = PEER_STATS };
	char *data = malloc(PEER_MESSAGE_MAX);
	struct text text;
	size_t len;

	text_init(&text, PEER_MESSAGE_MAX);
	if (data != NULL)
		l->host.stats(l->host.arg, &text);
	stats.text = text.data;
	stats.text_len = text.len;
	if (data == NULL || text_err(&text) != ERR_OK || peer_encode(&stats, data, PEER_MESSAGE_MAX, &len) != ERR_OK ||
	    sendto(l->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)to, to_len) < 0)
		log_event(LOG_DEBUG, "stats_not_sent");
	text_done(&text);
	free(data);
}

/* False when nothing more is there. */
static bool
receive_one(struct link *l)
{
	char data[INCOMING_MAX];
	struct sockaddr_un from;
	socklen_t from_len = sizeof(from);
	struct peer_message m;
	ssize_t n = recvfrom(l->fd, data, sizeof(data), MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)&from, &from_len);

	if (n < 0)
		return false;
	if ((size_t)n > sizeof(data) || peer_decode(data, (size_t)n, &m) != ERR_OK) {
		log_put(LOG_WARN, "peer_message_malformed", LI("len", n));
		return true;
	}
	if (m.kind == PEER_CONSUMED)
		l->host.consumed(l->host.arg, m.epoch, m.consumed);
	else if (m.kind == PEER_STATS_REQUEST && from_len > sizeof(sa_family_t))
		send_stats(l, &from, from_len);
	return true;
}

static void
close_socket(struct link *l)
{
	if (l->event != NULL)
		event_free(l->event);
	if (l->fd >= 0)
		(void)close(l->fd);
	l->event = NULL;
	l->fd = -1;
}

static void
on_datagram(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	for (int i = 0; i < RECEIVES_MAX && receive_one(arg); i++)
		;
}

/* A name left by a process that has gone is removed; one that answers is not. */
static enum err
bind_own(const struct sockaddr_un *own, int fd, char *why, size_t why_size)
{
	if (connect(fd, (const struct sockaddr *)own, sizeof(*own)) == 0) {
		(void)snprintf(why, why_size, "another ergsync-listener is running: %s is in use", own->sun_path);
		return ERR_BUSY;
	}
	if (errno == ECONNREFUSED)
		(void)unlink(own->sun_path);
	if (bind(fd, (const struct sockaddr *)own, sizeof(*own)) == 0 && chmod(own->sun_path, 0600) == 0)
		return ERR_OK;
	(void)snprintf(why, why_size, "cannot bind %s: %s", own->sun_path, strerror(errno));
	return ERR_IO;
}

/* Takes the place of the former socket, if there is one; on failure that stays. */
static enum err
open_socket(struct link *l, char *why, size_t why_size)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct event *event;
	enum err err;

	if (fd < 0) {
		(void)snprintf(why, why_size, "cannot open a socket: %s", strerror(errno));
		return ERR_IO;
	}
	if ((err = bind_own(&l->own, fd, why, why_size)) != ERR_OK) {
		(void)close(fd);
		return err;
	}
	event = event_new(l->base, fd, EV_READ | EV_PERSIST, on_datagram, l);
	if (event == NULL || event_add(event, NULL) != 0) {
		if (event != NULL)
			event_free(event);
		(void)unlink(l->own.sun_path);
		(void)close(fd);
		(void)snprintf(why, why_size, "%s", err_text(ERR_NOMEM));
		return ERR_NOMEM;
	}
	close_socket(l);
	l->fd = fd;
	l->event = event;
	return ERR_OK;
}

static enum err
open_link(struct link *l, struct clock *clock, const char *directory, char *why, size_t why_size)
{
	if (!peer_address(directory, PEER_LISTENER_SOCKET, &l->own) ||
	    !peer_address(directory, PEER_RECONCILER_SOCKET, &l->peer)) {
		(void)snprintf(why, why_size, "runtime directory %s: the path is too long for a socket", directory);
		return ERR_INVALID;
	}
	if ((l->pause = timer_new(clock, on_pause_over, l)) == NULL) {
		(void)snprintf(why, why_size, "%s", err_text(ERR_NOMEM));
		return ERR_NOMEM;
	}
	return open_socket(l, why, why_size);
}

enum err
link_new(struct event_base *base, struct clock *clock, const char *directory, const struct link_host *host,
    struct metrics *metrics, struct link **ret, char *why, size_t why_size)
{
	struct link *l = calloc(1, sizeof(*l));
	enum err err;

	if (l == NULL) {
		(void)snprintf(why, why_size, "%s", err_text(ERR_NOMEM));
		return ERR_NOMEM;
	}
	l->host = *host;
	l->metrics = metrics;
	l->fd = -1;
	l->base = base;
	err = open_link(l, clock, directory, why, why_size);
	if (err == ERR_OK)
		*ret = l;
	else
		link_free(l);
	return err;
}

enum err
link_mend(struct link *l, bool *ret_anew, char *why, size_t why_size)
{
	*ret_anew = access(l->own.sun_path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR);
	return *ret_anew ? open_socket(l, why, why_size) : ERR_OK;
}

void
link_free(struct link *l)
{
	if (l == NULL)
		return;
	if (l->fd >= 0)
		(void)unlink(l->own.sun_path);
	close_socket(l);
	timer_free(l->pause);
	free(l);
}
