/*
 * endpoint.h - the sockets the world connects to, and the certificate new connections get.
 *
 * Sockets are the configured ones or those the service manager passed. When descriptors run out one connection goes; if none can,
 * accepting rests for a moment instead of spinning. Event-loop thread only.
 */
#ifndef LISTENER_ENDPOINT_H
#define LISTENER_ENDPOINT_H

#include <openssl/ssl.h>
#include <stddef.h>

#include "base/err.h"

struct clock;
struct connections;
struct endpoint;
struct event_base;
struct metrics;

#define ENDPOINT_SOCKETS_MAX 8

/* Gives in ret listening TCP sockets, non-blocking and close-on-exec, for a list of "host:port"; on failure why says which and what to do. */
enum err endpoint_bind(const char *list, int ret[ENDPOINT_SOCKETS_MAX], size_t *ret_count, char *why, size_t why_size);

/* Takes the sockets and tls, even on failure; borrows the rest. Accepts from now on. */
enum err endpoint_new(struct event_base *base, struct clock *clock, struct connections *connections, struct metrics *metrics,
    const int *sockets, size_t count, SSL_CTX *tls, struct endpoint **ret);
/* Takes tls: for connections from now on. */
void endpoint_set_tls(struct endpoint *e, SSL_CTX *tls);
/* Takes what the kernel has accepted already, then closes the sockets. */
void endpoint_stop(struct endpoint *e);
void endpoint_free(struct endpoint *e); /* NULL is fine */

#endif
