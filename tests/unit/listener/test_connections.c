/* Connections over socket pairs, with TLS, a clock that moves only when told, and a store of the test's own. */
#include "listener/connections.h"

#include <event2/event.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/random.h"
#include "listener/intake.h"
#include "listener/known_states.h"
#include "listener/metrics.h"

#define CLIENTS 40

struct client {
	SSL *ssl;
	int fd;
	bool gone;
	char got[65536];
	size_t got_len;
};

struct desk {
	struct event_base *base;
	struct clock *clock;
	struct intake *intake;
	struct known_states *known;
	struct connections *connections;
	struct metrics metrics;
	SSL_CTX *server_tls, *client_tls;
	struct client clients[CLIENTS];
	_Atomic enum err store_says;
	_Atomic unsigned stored;
	bool emptied;
};

static const struct key32 key = { { 4, 2 } };

/* The store. */

static enum err
store_append(void *arg, const struct hint *hints, size_t count)
{
	struct desk *d = arg;

	(void)hints;
	if (d->store_says == ERR_OK)
		d->stored += (unsigned)count;
	return d->store_says;
}

static enum err
store_trim(void *arg, const uint8_t epoch[PEER_EPOCH_LEN], uint64_t consumed)
{
	(void)arg;
	(void)epoch;
	(void)consumed;
	return ERR_OK;
}

static enum err
store_reopen(void *arg)
{
	(void)arg;
	return ERR_OK;
}

static enum err
store_status(void *arg, struct intake_status *ret)
{
	(void)arg;
	*ret = (struct intake_status){ .first = 1, .accepting = true };
	return ERR_OK;
}

static void
store_housekeep(void *arg)
{
	(void)arg;
}

static void
on_committed(void *arg, const struct intake_commit *commit)
{
	(void)arg;
	(void)commit;
}

/* A certificate for the moment. */

static SSL_CTX *
server_context(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	X509 *x = X509_new();

	assert_true(ctx != NULL && pkey != NULL && x != NULL);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, pkey);
	assert_true(X509_sign(x, pkey, EVP_sha256()) > 0);
	assert_int_equal(SSL_CTX_use_certificate(ctx, x), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, pkey), 1);
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(ctx, 1);
	X509_free(x);
	EVP_PKEY_free(pkey);
	return ctx;
}

static struct desk *
open_desk(size_t max)
{
	struct desk *d = calloc(1, sizeof(*d));
	const struct intake_store store = { store_append, store_trim, store_reopen, store_status, store_housekeep, d };
	const struct intake_watcher watcher = { on_committed, d };
	struct rng rng = rng_seeded(1);
	struct connection_env env;

	assert_non_null(d);
	d->base = event_base_new();
	d->clock = clock_new_manual(1700000000000);
	d->known = known_states_new(&key);
	assert_int_equal(intake_new(d->base, d->clock, &store, &watcher, &d->intake), ERR_OK);
	env = (struct connection_env){ .base = d->base,
		.clock = d->clock,
		.intake = d->intake,
		.metrics = &d->metrics,
		.known = d->known,
		.limits = guest_limits_default(100000),
		.body_max = 4096 };
	env.limits.max = max;
	assert_int_equal(connections_new(&env, &rng, &d->connections), ERR_OK);
	d->server_tls = server_context();
	d->client_tls = SSL_CTX_new(TLS_client_method());
	return d;
}

static void
close_client(struct client *c)
{
	if (c->ssl == NULL)
		return;
	SSL_free(c->ssl);
	(void)close(c->fd);
	memset(c, 0, sizeof(*c));
}

static void
close_desk(struct desk *d)
{
	for (size_t i = 0; i < CLIENTS; i++)
		close_client(&d->clients[i]);
	intake_free(d->intake);
	connections_free(d->connections);
	known_states_free(d->known);
	SSL_CTX_free(d->server_tls);
	SSL_CTX_free(d->client_tls);
	clock_free(d->clock);
	event_base_free(d->base);
	free(d);
}

/* Clients. */

static struct client *
connect_client(struct desk *d, size_t i, int buffer)
{
	struct client *c = &d->clients[i];
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr = { htonl(0x7f000001) } };
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	if (buffer > 0)
		assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer)), 0);
	c->fd = fds[1];
	c->ssl = SSL_new(d->client_tls);
	SSL_set_fd(c->ssl, c->fd);
	SSL_set_connect_state(c->ssl);
	connections_take(d->connections, fds[0], d->server_tls, (struct sockaddr *)&from);
	return c;
}

static void
turn(struct desk *d)
{
	(void)event_base_loop(d->base, EVLOOP_NONBLOCK);
	connections_turn(d->connections);
}

static void
read_client(struct client *c)
{
	int n;

	ERR_clear_error();
	while (!c->gone && (n = SSL_read(c->ssl, c->got + c->got_len, (int)(sizeof(c->got) - 1 - c->got_len))) != 0) {
		if (n < 0) {
			int error = SSL_get_error(c->ssl, n);

			c->gone = error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE;
			return;
		}
		c->got_len += (size_t)n;
		c->got[c->got_len] = '\0';
	}
	c->gone = true;
}

static void
say(struct desk *d, struct client *c, const char *text, size_t len)
{
	size_t sent = 0;

	for (int i = 0; sent < len && i < 10000 && !c->gone; i++) {
		int n;

		ERR_clear_error();
		n = SSL_write(c->ssl, text + sent, (int)(len - sent));
		if (n > 0)
			sent += (size_t)n;
		else if (SSL_get_error(c->ssl, n) == SSL_ERROR_SYSCALL || SSL_get_error(c->ssl, n) == SSL_ERROR_SSL)
			c->gone = true;
		turn(d);
	}
}

static void
shake_hands(struct desk *d, struct client *c)
{
	for (int i = 0; i < 1000 && SSL_do_handshake(c->ssl) != 1; i++)
		turn(d);
	assert_true(SSL_is_init_finished(c->ssl));
	turn(d);
}

/* Turns until the client has so many bytes "HTTP/1.1 " of answers, or is gone. The intake's thread decides when. */
static void
hear(struct desk *d, struct client *c, size_t answers)
{
	for (;;) {
		size_t found = 0;

		read_client(c);
		for (const char *p = c->got; (p = strstr(p, "HTTP/1.1 ")) != NULL; p++)
			found++;
		if (found >= answers || c->gone)
			return;
		(void)event_base_loop(d->base, EVLOOP_NONBLOCK);
		connections_turn(d->connections);
	}
}

static bool
is_gone(struct desk *d, struct client *c)
{
	for (int i = 0; i < 20; i++) {
		turn(d);
		read_client(c);
	}
	return c->gone;
}

static void
pass(struct desk *d, int64_t ms)
{
	turn(d);
	clock_manual_advance(d->clock, ms);
	turn(d);
}

static size_t
post_text(char *ret, size_t size, const char *extra)
{
	static const uint8_t nonce[CLIENT_STATE_NONCE] = { 1 };
	const struct scope_id scope = { { 2 } };
	char state[CLIENT_STATE_LEN + 1], body[512];
	int n;

	client_state_make(&key, &scope, nonce, state);
	n = snprintf(body, sizeof(body), "{\"value\":[{\"clientState\":\"%s\",\"changeType\":\"created\"}]}", state);
	return (size_t)snprintf(
	    ret, size, "POST /graph/notifications HTTP/1.1\r\nHost: a\r\n%sContent-Length: %d\r\n\r\n%s", extra, n, body);
}

#define HEALTH "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"

static void
test_stored(void **state)
{
	struct desk *d = open_desk(10);
	struct client *c = connect_client(d, 0, 0);
	char text[1024];
	size_t len = post_text(text, sizeof(text), "");

	(void)state;
	shake_hands(d, c);
	for (size_t i = 1; i <= 5; i++) {
		say(d, c, text, len);
		hear(d, c, i);
	}
	assert_int_equal(d->stored, 5);
	assert_int_equal(d->metrics.counts[METRIC_POSTS_STORED], 5);
	assert_non_null(strstr(c->got, "202 Accepted"));
	assert_null(strstr(c->got, "close"));
	close_desk(d);
}

static void
test_pipeline_in_order(void **state)
{
	struct desk *d = open_desk(10);
	struct client *c = connect_client(d, 0, 0);
	char text[4096];
	size_t len = post_text(text, sizeof(text), "");

	(void)state;
	shake_hands(d, c);
	len += (size_t)sprintf(text + len, HEALTH);
	len += post_text(text + len, sizeof(text) - len, "");
	len += (size_t)sprintf(text + len, "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	say(d, c, text, len);
	hear(d, c, 4);
	for (const char *p = c->got, *const *expected = (const char *const[]){ "202", "200", "202", "404", NULL };
	     *expected != NULL; expected++) {
		p = strstr(p, "HTTP/1.1 ");
		assert_non_null(p);
		p += 9;
		assert_memory_equal(p, *expected, 3);
	}
	assert_true(is_gone(d, c));
	assert_int_equal(d->stored, 2);
	close_desk(d);
}

/* Any cut of the bytes into writes gives the same answer. */
static void
test_cuts(void **state)
{
	struct desk *d = open_desk(10);
	char text[1024];
	size_t len = post_text(text, sizeof(text), "X: y\r\n");
	static const size_t steps[] = { 1, 7, 100 };

	(void)state;
	for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
		struct client *c = connect_client(d, k, 0);

		shake_hands(d, c);
		for (size_t at = 0; at < len; at += steps[k])
			say(d, c, text + at, len - at < steps[k] ? len - at : steps[k]);
		hear(d, c, 1);
		assert_memory_equal(c->got, "HTTP/1.1 202", 12);
	}
	close_desk(d);
}

static void
test_store_fails(void **state)
{
	struct desk *d = open_desk(10);
	struct client *c = connect_client(d, 0, 0);
	char text[1024];
	size_t len = post_text(text, sizeof(text), "");

	(void)state;
	shake_hands(d, c);
	d->store_says = ERR_FULL;
	say(d, c, text, len);
	hear(d, c, 1);
	assert_memory_equal(c->got, "HTTP/1.1 503", 12);
	assert_non_null(strstr(c->got, "Retry-After: "));
	d->store_says = ERR_OK;
	say(d, c, text, len);
	hear(d, c, 2);
	assert_non_null(strstr(c->got, "HTTP/1.1 202"));
	close_desk(d);
}

/* What a client sends so far, and how long it may stay without sending more. */
static const struct {
	const char *why, *text;
	int64_t stays_ms;
	bool hello;
} slow[] = {
	{ "no hello", NULL, 3000, false },
	{ "hello, nothing else", "", 10000, true },
	{ "half a request line", "POST /gra", 10000, true },
	{ "half a head", "POST /graph/notifications HTTP/1.1\r\nHost: a\r\n", 10000, true },
	{ "half a body", "POST /graph/notifications HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc", 10000, true },
	{ "idle after a request", HEALTH, 60000, true },
	{ "half of the second request", HEALTH "GET /", 10000, true },
};

static void
test_deadlines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(slow) / sizeof(slow[0]); i++) {
		struct desk *d = open_desk(10);
		struct client *c = connect_client(d, 0, 0);

		if (slow[i].hello)
			shake_hands(d, c);
		if (slow[i].hello && slow[i].text[0] != '\0')
			say(d, c, slow[i].text, strlen(slow[i].text));
		pass(d, slow[i].stays_ms - 1);
		assert_int_equal(connections_count(d->connections), 1);
		pass(d, 1);
		if (connections_count(d->connections) != 0)
			fail_msg("%s", slow[i].why);
		assert_true(is_gone(d, c));
		close_desk(d);
	}
}

/* A byte each second does not buy more time. */
static void
test_trickle(void **state)
{
	struct desk *d = open_desk(10);
	struct client *c = connect_client(d, 0, 0);

	(void)state;
	shake_hands(d, c);
	for (int s = 0; s < 9; s++) {
		say(d, c, "G", 1);
		pass(d, 1000);
	}
	assert_int_equal(connections_count(d->connections), 1);
	pass(d, 1000);
	assert_int_equal(connections_count(d->connections), 0);
	close_desk(d);
}

/* A client that does not take its answer: the socket's buffer fills, the rest is sent when there is room, or never. */
static void
test_slow_reader(void **state)
{
	struct desk *d = open_desk(10);
	static char many[200 * sizeof(HEALTH)];
	size_t len = 0;

	(void)state;
	for (int i = 0; i < 200; i++)
		len += (size_t)sprintf(many + len, HEALTH);
	for (size_t round = 0; round < 2; round++) {
		struct client *c = connect_client(d, round, 4608);

		shake_hands(d, c);
		assert_true(SSL_write(c->ssl, many, (int)len) > 0);
		for (int i = 0; i < 10; i++)
			turn(d);
		if (round == 0) {
			hear(d, c, 200);
			assert_false(c->gone);
			close_client(c);
			turn(d);
		} else {
			pass(d, 10000);
			assert_int_equal(connections_count(d->connections), 0);
		}
	}
	close_desk(d);
}

/* Those whose client has gone while their notification is being stored end without harm. */
static void
test_gone_while_storing(void **state)
{
	struct desk *d = open_desk(CLIENTS);
	char text[1024];
	size_t len = post_text(text, sizeof(text), "");

	(void)state;
	for (size_t i = 0; i < CLIENTS; i++)
		shake_hands(d, connect_client(d, i, 0));
	for (size_t i = 0; i < CLIENTS; i++)
		assert_int_equal(SSL_write(d->clients[i].ssl, text, (int)len), len);
	(void)event_base_loop(d->base, EVLOOP_NONBLOCK);
	for (size_t i = 0; i < CLIENTS; i++)
		close_client(&d->clients[i]);
	while (d->stored < CLIENTS || connections_count(d->connections) > 0)
		turn(d);
	close_desk(d);
}

static void
test_eviction(void **state)
{
	struct desk *d = open_desk(3);

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		shake_hands(d, connect_client(d, i, 0));
		pass(d, 1);
	}
	say(d, &d->clients[0], HEALTH, strlen(HEALTH));
	hear(d, &d->clients[0], 1);
	shake_hands(d, connect_client(d, 3, 0));
	assert_int_equal(connections_count(d->connections), 3);
	assert_true(is_gone(d, &d->clients[1]));
	assert_false(is_gone(d, &d->clients[0]));
	assert_int_equal(d->metrics.counts[METRIC_EVICTED], 1);
	close_desk(d);
}

static void
on_emptied(void *arg)
{
	((struct desk *)arg)->emptied = true;
}

static void
test_drain(void **state)
{
	struct desk *d = open_desk(10);
	char text[1024];
	size_t len = post_text(text, sizeof(text), "");

	(void)state;
	for (size_t i = 0; i < 3; i++)
		shake_hands(d, connect_client(d, i, 0));
	say(d, &d->clients[0], HEALTH, strlen(HEALTH));
	hear(d, &d->clients[0], 1);
	say(d, &d->clients[1], text, len - 5);
	connections_drain(d->connections, on_emptied, d);
	/* One just on its way is answered, and told that it was the last. */
	say(d, &d->clients[0], text, len);
	hear(d, &d->clients[0], 2);
	assert_non_null(strstr(d->clients[0].got, "Connection: close"));
	assert_true(is_gone(d, &d->clients[0]));
	/* Those that sent nothing go after the grace, those in the middle of a request may finish it. */
	pass(d, 500);
	assert_true(is_gone(d, &d->clients[2]));
	assert_false(d->emptied);
	say(d, &d->clients[1], text + len - 5, 5);
	hear(d, &d->clients[1], 1);
	assert_memory_equal(d->clients[1].got, "HTTP/1.1 202", 12);
	assert_true(is_gone(d, &d->clients[1]));
	turn(d);
	assert_true(d->emptied);
	close_desk(d);
}

static void
test_many_requests(void **state)
{
	struct desk *d = open_desk(10);
	struct client *c = connect_client(d, 0, 0);
	size_t i = 0;

	(void)state;
	shake_hands(d, c);
	while (!c->gone && i <= CONNECTION_REQUESTS_MAX) {
		say(d, c, HEALTH, strlen(HEALTH));
		c->got_len = 0;
		c->got[0] = '\0';
		hear(d, c, 1);
		i++;
		if (strstr(c->got, "Connection: close") != NULL)
			break;
	}
	assert_int_equal(i, CONNECTION_REQUESTS_MAX);
	close_desk(d);
}

static void
test_not_tls(void **state)
{
	struct desk *d = open_desk(10);
	struct client *c = connect_client(d, 0, 0);

	(void)state;
	assert_true(write(c->fd, HEALTH, strlen(HEALTH)) > 0);
	turn(d);
	turn(d);
	assert_int_equal(connections_count(d->connections), 0);
	assert_int_equal(d->metrics.counts[METRIC_TLS_FAILED], 1);
	close_desk(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stored),
		cmocka_unit_test(test_pipeline_in_order),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_store_fails),
		cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_trickle),
		cmocka_unit_test(test_slow_reader),
		cmocka_unit_test(test_gone_while_storing),
		cmocka_unit_test(test_eviction),
		cmocka_unit_test(test_drain),
		cmocka_unit_test(test_many_requests),
		cmocka_unit_test(test_not_tls),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
