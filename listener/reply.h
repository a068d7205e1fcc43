/*
 * reply.h - the bytes of an answer. Pure.
 *
 * Errors are problem+json (RFC 9457), the validation token is text/plain; whatever has a body says nosniff, no-store and a
 * Content-Security-Policy that allows nothing.
 */
#ifndef LISTENER_REPLY_H
#define LISTENER_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "listener/validation.h"

/* Head and body: the longest body is a token. */
#define REPLY_MAX (VALIDATION_TOKEN_MAX + 1024)

/* Seconds a sender is asked to wait after a 503. Graph has its own back-off; others get a short one, as a full turn is short. */
#define REPLY_RETRY_AFTER_S 5

struct reply {
	int status;
	bool close;         /* says Connection: close */
	bool no_body;       /* to HEAD: the length is told, the body left out */
	const char *allow;  /* with 405 */
	const char *detail; /* of an error: static text, no quoting needed; NULL = none */
	const char *token;  /* the body of a handshake, or a page for people; NULL for the health check and errors */
	size_t token_len;
};

/* wall_ms gives the Date. Never more than REPLY_MAX bytes. */
size_t reply_format(const struct reply *reply, int64_t wall_ms, char ret[REPLY_MAX]);

#endif
