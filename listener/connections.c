#include "listener/connections.h"

#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <openssl/err.h>

#include "base/clock.h"
#include "base/random.h"
#include "listener/buffers.h"
#include "listener/connection.h"
#include "listener/envelope.h"
#include "listener/http_head.h"
#include "listener/intake.h"
#include "listener/metrics.h"

/* On SIGTERM, how long connections without a request stay, so that one just on its way is still answered. */
#define DRAIN_GRACE_MS 500

/* ---------- deadlines and evictions ---------- */

static void
on_expired(void *arg, struct guest *guest)
{
	struct connection *c = connection_of_guest(guest);

	(void)arg;
	switch (c->guest.phase) {
	case GUEST_STORING:
		/* It may still be stored: then Graph sends it twice, which is harmless. */
		c->will_close = true;
		connection_unavailable(c, "the store is slow");
		return;
	case GUEST_IDLE: connection_finish(c); return;
	case GUEST_CLOSING: connection_end(c); return;
	case GUEST_HANDSHAKE:
	case GUEST_REQUEST:
	case GUEST_WRITING:
	case GUEST_PHASE_COUNT:
		connection_count(c, METRIC_EXPIRED);
		connection_end(c);
		return;
	}
}

static void
on_evict(void *arg, struct guest *guest)
{
	struct connection *c = connection_of_guest(guest);

	(void)arg;
	if (c->guest.phase != GUEST_CLOSING)
		connection_count(c, METRIC_EVICTED);
	connection_end(c);
}

/* ---------- draining ---------- */

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
			if (without_request(connection_of_guest(g)))
				connection_finish(connection_of_guest(g));
		}
	}
}

/* ---------- the set ---------- */

enum err
connections_new(const struct connection_env *env, struct rng *rng, struct connections **ret)
{
	struct connections *all = calloc(1, sizeof(*all));
	const struct guest_host host = { on_expired, on_evict, all };
	uint8_t hash_key[16];

	if (all == NULL)
		return ERR_NOMEM;
	all->env = *env;
	buffers_init(&all->buffers, HTTP_HEAD_MAX + env->body_max + HTTP_CHUNKS_OVERHEAD_MAX);
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
			connection_end(connection_of_guest(guests_first(all->guests, (enum guest_phase)phase)));
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
	http_chunks_init(&c->chunks);
	all->held++;
	connection_wait_for(c, EV_READ);
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
