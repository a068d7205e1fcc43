/*
 * http_chunks.h - a body in chunks (RFC 9112 section 7.1), joined where it lies, piece by piece. Pure.
 *
 * Strict like http_head.h: sizes are one to eight hexadecimal digits and nothing else, CRLF only, no chunk extensions and no trailer
 * fields. Bodies of senders that do not count beforehand are what this is for; nobody of them needs more.
 */
#ifndef LISTENER_HTTP_CHUNKS_H
#define LISTENER_HTTP_CHUNKS_H

#include <stddef.h>
#include <stdint.h>

#include "listener/http_head.h"

/* What sizes and line ends may add to a body, so that one of very small chunks is bounded, too. */
#define HTTP_CHUNKS_OVERHEAD_MAX ((size_t)64 << 10)

enum http_chunk_phase { CHUNK_SIZE, CHUNK_SIZE_LF, CHUNK_DATA, CHUNK_DATA_CR, CHUNK_DATA_LF, CHUNK_END_CR, CHUNK_END_LF };

struct http_chunks {
	size_t read;   /* of what was sent; after HTTP_DONE all of it */
	size_t joined; /* the body's length so far */
	/* After HTTP_BAD. */
	int status;      /* 400, 413 */
	const char *why; /* static */
	/* How far it is: only http_chunks.c looks here. */
	enum http_chunk_phase phase;
	unsigned digits;
	size_t left;
};

void http_chunks_init(struct http_chunks *k);

/*
 * Goes on with the same body: data holds everything after the head, what was joined before in its first bytes, and possibly more
 * behind what was read; it may have moved between calls. Joins what has come. The answer does not depend on how the bytes were
 * cut into calls.
 */
enum http_verdict http_chunks_join(struct http_chunks *k, char *data, size_t len, size_t body_max);

#endif
