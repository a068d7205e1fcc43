/*
 * http_head.h - one HTTP/1.1 request head, read strictly and piece by piece. Pure.
 *
 * Accepts what Microsoft Graph, a health checker and an administrator's client send, and nothing that two parsers could
 * read differently: origin-form targets, token grammar, CRLF only, no obs-fold, no control character, exactly one Host,
 * at most one Content-Length of digits alone or, instead, the one transfer coding chunked (http_chunks.h). RFC 9112 is the grammar; where we are stricter,
 * tests/raw/cases.mjs lists it against Node's parser.
 *
 * HTTP/1.0 is answered too, always with a close: health checks of load balancers still use it, its framing here is the same
 * Content-Length, and a refusal would only turn their probes red.
 */
#ifndef LISTENER_HTTP_HEAD_H
#define LISTENER_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A validation token of 4 KiB may come with each byte as %XX; a path, a method and other parameters come on top. */
#define HTTP_LINE_MAX (3 * 4096 + 1024)
/* All field lines together. Graph's own are below 1 KiB. */
#define HTTP_FIELDS_MAX      8192
#define HTTP_FIELD_COUNT_MAX 64
#define HTTP_HEAD_MAX        (HTTP_LINE_MAX + HTTP_FIELDS_MAX)

enum http_verdict {
	HTTP_MORE, /* no mistake so far, not complete */
	HTTP_DONE,
	HTTP_BAD, /* status says how to answer; the connection must close, for its framing cannot be trusted */
};

/* Offsets into the buffer, which may therefore move between calls. */
struct http_span {
	uint32_t at, len;
};

struct http_head {
	/* After HTTP_DONE. */
	struct http_span method, path, query;
	bool has_query; /* "/p?" has an empty one */
	bool has_length;
	bool close; /* the client wants, or its version means, a close after the answer */
	bool expect_continue;
	bool chunked;            /* the body's length is for http_chunks.h to find */
	bool encoded;            /* a Content-Encoding other than identity */
	uint64_t content_length; /* 0 when absent */
	uint32_t len;            /* of the head with its empty line */
	/* After HTTP_BAD. */
	int status;      /* 400, 411, 413, 417, 431, 505 */
	const char *why; /* static */
	/* How far it is: only http_head.c looks here. */
	uint32_t line, seen, fields;
	uint32_t field_count;
	bool version10, has_host, has_transfer_encoding;
};

void http_head_init(struct http_head *h);

/*
 * Goes on with the same request: data holds everything from its first byte on, as before and possibly more. The answer does
 * not depend on how the bytes were cut into calls. Cost is linear in the bytes that are new.
 */
enum http_verdict http_head_parse(struct http_head *h, const char *data, size_t len);

#endif
