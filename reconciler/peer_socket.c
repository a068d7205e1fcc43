#include "reconciler/peer_socket.h"

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "model/peer.h"
#include "reconciler/consent.h"
#include "reconciler/reconciler.h"

#define STATS_WAIT_MS    1000
#define DATAGRAMS_A_TURN 64 /* a flood of wake-ups must not keep the loop */

struct question {
	struct question *next;
	void (*cb)(void *arg, const char *text, size_t text_len);
	void *arg;
};

struct peer_socket {
	struct event_base *base;
	int fd;
	struct event *readable;
	struct timer *timer; /* an answer is late */
	struct sockaddr_un own, listener;
	struct reconciler *r;
	struct question *questions;
	char *buffer; /* PEER_MESSAGE_MAX */
};

static void
questions_answer(struct peer_socket *p, const char *text, size_t len)
{
	struct question *q = p->questions, *next;

	p->questions = NULL;
	timer_stop(p->timer);
	for (; q != NULL; q = next) {
		next = q->next;
		q->cb(q->arg, text, len);
		free(q);
	}
}

static void
on_late(void *arg)
{
	questions_answer(arg, NULL, 0);
}

static void
take(struct peer_socket *p, size_t len)
{
	struct peer_message m;

	if (peer_decode(p->buffer, len, &m) != ERR_OK) {
		log_event(LOG_WARN, "peer_message_malformed");
		return;
	}
	if (m.kind == PEER_WAKE && p->r != NULL)
		reconciler_wake(p->r);
	else if (m.kind == PEER_CONSENT && p->r != NULL)
		consent_given(p->r, &m.scope);
	else if (m.kind == PEER_STATS)
		questions_answer(p, m.text, m.text_len);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct peer_socket *p = arg;

	(void)what;
	for (unsigned i = 0; i < DATAGRAMS_A_TURN; i++) {
		ssize_t n = recv(fd, p->buffer, PEER_MESSAGE_MAX, MSG_DONTWAIT | MSG_TRUNC);

		if (n < 0)
			return;
		if (n <= PEER_MESSAGE_MAX)
			take(p, (size_t)n);
	}
}

static bool
send_message(struct peer_socket *p, const struct peer_message *m)
{
	char data[PEER_EPOCH_LEN * 2 + 128];
	size_t len;

	if (peer_encode(m, data, sizeof(data), &len) != ERR_OK)
		return false;
	return sendto(p->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&p->listener,
	           sizeof(p->listener)) >= 0;
}

void
peer_socket_consumed(void *arg, const uint8_t *epoch, uint64_t consumed)
{
	struct peer_message m = { .kind = PEER_CONSUMED, .consumed = consumed };

	memcpy(m.epoch, epoch, sizeof(m.epoch));
	send_message(arg, &m);
}

void
peer_socket_ask_stats(struct peer_socket *p, void (*cb)(void *arg, const char *text, size_t text_len), void *arg)
{
	struct peer_message m = { .kind = PEER_STATS_REQUEST };
	struct question *q = calloc(1, sizeof(*q));

	if (q == NULL || (p->questions == NULL && !send_message(p, &m))) {
		free(q);
		cb(arg, NULL, 0);
		return;
	}
	if (p->questions == NULL)
		timer_arm(p->timer, STATS_WAIT_MS);
	*q = (struct question){ p->questions, cb, arg };
	p->questions = q;
}

void
peer_socket_attach(struct peer_socket *p, struct reconciler *r)
{
	p->r = r;
}

static enum err
bind_own(const struct sockaddr_un *own, int fd, char *why, size_t why_size)
{
	if (unlink(own->sun_path) != 0 && errno != ENOENT && errno != ENOTDIR) {
		snprintf(why, why_size, "%s cannot be replaced: %s", own->sun_path, strerror(errno));
		return ERR_IO;
	}
	if (bind(fd, (const struct sockaddr *)own, sizeof(*own)) != 0) {
		snprintf(
		    why, why_size, "%s cannot be bound: %s; check [state] runtime_directory", own->sun_path, strerror(errno));
		return ERR_IO;
	}
	return ERR_OK;
}

static void
close_socket(struct peer_socket *p)
{
	if (p->readable != NULL)
		event_free(p->readable);
	if (p->fd >= 0)
		close(p->fd);
	p->readable = NULL;
	p->fd = -1;
}

/* Takes the place of the former socket, if there is one; on failure that stays. */
static enum err
open_socket(struct peer_socket *p, char *why, size_t why_size)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct event *readable;
	enum err e;

	if (fd < 0) {
		snprintf(why, why_size, "no socket: %s", strerror(errno));
		return ERR_IO;
	}
	if ((e = bind_own(&p->own, fd, why, why_size)) != ERR_OK) {
		close(fd);
		return e;
	}
	readable = event_new(p->base, fd, EV_READ | EV_PERSIST, on_readable, p);
	if (readable == NULL || event_add(readable, NULL) != 0) {
		if (readable != NULL)
			event_free(readable);
		unlink(p->own.sun_path);
		close(fd);
		snprintf(why, why_size, "%s", err_text(ERR_NOMEM));
		return ERR_NOMEM;
	}
	close_socket(p);
	p->fd = fd;
	p->readable = readable;
	return ERR_OK;
}

enum err
peer_socket_new(struct event_base *base, struct clock *clock, const char *runtime_directory, struct peer_socket **ret, char *why,
    size_t why_size)
{
	struct peer_socket *p = calloc(1, sizeof(*p));
	enum err e = ERR_NOMEM;

	snprintf(why, why_size, "%s", err_text(ERR_NOMEM));
	if (p == NULL)
		return e;
	p->fd = -1;
	p->base = base;
	if (!peer_address(runtime_directory, PEER_RECONCILER_SOCKET, &p->own) ||
	    !peer_address(runtime_directory, PEER_LISTENER_SOCKET, &p->listener)) {
		snprintf(why, why_size, "runtime_directory %s is too long for a socket's name", runtime_directory);
		e = ERR_TOOBIG;
		goto fail;
	}
	if ((p->buffer = malloc(PEER_MESSAGE_MAX)) == NULL || (p->timer = timer_new(clock, on_late, p)) == NULL)
		goto fail;
	if ((e = open_socket(p, why, why_size)) != ERR_OK)
		goto fail;
	*ret = p;
	return ERR_OK;
fail:
	peer_socket_free(p);
	return e;
}

enum err
peer_socket_mend(struct peer_socket *p, bool *ret_anew, char *why, size_t why_size)
{
	*ret_anew = access(p->own.sun_path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR);
	return *ret_anew ? open_socket(p, why, why_size) : ERR_OK;
}

void
peer_socket_free(struct peer_socket *p)
{
	if (p == NULL)
		return;
	if (p->fd >= 0)
		unlink(p->own.sun_path);
	close_socket(p);
	if (p->timer != NULL)
		questions_answer(p, NULL, 0);
	timer_free(p->timer);
	free(p->buffer);
	free(p);
}
