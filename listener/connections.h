/*
 * connections.h - the public connections: TLS, requests one after the other, answers in order.
 *
 * Each connection is a small machine driven by its socket, its deadline (guests.h) and the intake's answer. It handles one request
 * at a time; pipelined ones wait in its buffer. A request that came in one piece is parsed where it was decrypted, so that an
 * idle connection holds no buffer at all, and a busy one none of its own as a rule.
 * Whatever makes the framing doubtful is answered once and ends the connection. Event-loop thread only.
 */
#ifndef LISTENER_CONNECTIONS_H
#define LISTENER_CONNECTIONS_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"
#include "listener/guests.h"
#include "model/client_state.h"

struct clock;
struct connections;
struct envelope;
struct event_base;
struct intake;
struct known_states;
struct metrics;
struct rng;
struct sockaddr;

/* Graph keeps its connections and sends thousands of requests on each; a new one now and then picks up a renewed certificate. */
#define CONNECTION_REQUESTS_MAX 10000

/* All borrowed; they outlive the connections. */
struct connection_env {
	struct event_base *base;
	struct clock *clock;
	struct intake *intake;
	struct metrics *metrics;
	struct known_states *known; /* whose notifications are ours */
	struct guest_limits limits;
	size_t body_max;          /* larger: 413 */
	struct key32 consent_key; /* client_state_consent_key */
	void (*consented)(void *arg, const struct scope_id *scope);
	void *consented_arg;
};

enum err connections_new(const struct connection_env *env, struct rng *rng, struct connections **ret);
/* Drops all that are left. The intake must have answered its tickets. NULL is fine. */
void connections_free(struct connections *all);

/* Takes fd, which must be non-blocking: serves it, or closes it when everybody else is at work. */
void connections_take(struct connections *all, int fd, SSL_CTX *tls, const struct sockaddr *from);
/* The end of a loop turn: hands the turn's hints to the writer, frees what ended. */
void connections_turn(struct connections *all);
/* Descriptors ran out: ends one connection. False when none can go. */
bool connections_make_room(struct connections *all);

/* From now on every answer ends its connection; those without a request go after a short grace. emptied is called once when none
 * is left, never from within this call. */
void connections_drain(struct connections *all, void (*emptied)(void *arg), void *arg);
size_t connections_count(const struct connections *all);

#endif
