/*
 * http_client.h - HTTP requests that never block the loop.
 *
 * A transport is a seam: the real one is curl's multi interface on libevent (net/curl_transport.c), a
 * test's answers in process. Promises of the real one: HTTP/1.1, TLS verified (>= 1.2), http: only to
 * loopback, no redirects, no proxy, no cookies, bodies and headers bounded, every call answered exactly
 * once or cancelled. Event-loop thread only.
 *
 * Without an answer: ERR_UNREACHABLE when nothing was sent (name, connection, queue), ERR_TLS likewise; after
 * ERR_TIMEOUT, ERR_REMOTE and ERR_TOOBIG the request may have had its effect. Kept connections are the reason why a
 * request can arrive twice: one that was closed at the far end is replaced and the request sent again. An answer
 * that is silent for a third of its time limit (10 s at least) counts as timed out.
 */
#ifndef NET_HTTP_CLIENT_H
#define NET_HTTP_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct clock;
struct event_base;
struct http_call;
struct http_transport;

#define HTTP_ANSWER_MAX_BYTES (8u << 20)

/* For who must know that a certain one works. */
enum http_tls { HTTP_TLS_ANY, HTTP_TLS_1_2, HTTP_TLS_1_3 };

struct http_request {
	const char *method;
	const char *url;            /* absolute */
	const char *const *headers; /* "Name: value", NULL-terminated; NULL = none */
	const void *body;           /* NULL = no body */
	size_t body_len;
	int64_t timeout_ms;      /* whole exchange; 0 = 30 s */
	size_t answer_max_bytes; /* 0 = HTTP_ANSWER_MAX_BYTES; beyond: ERR_TOOBIG */
	/* The body of a 2xx answer, piece by piece as it comes, with done's arg; the answer then has none, and no ceiling. False ends the
	 * call as ERR_MALFORMED. Must not cancel the call. NULL: the body is kept whole. */
	bool (*on_data)(void *arg, const char *data, size_t len);
	enum http_tls tls;       /* the only version to offer, on a connection of its own; ANY: 1.2 and newer */
	const char *unix_socket; /* path of the socket to connect to; NULL = by the URL's host */
};

struct http_header {
	const char *name, *value;
};

/* Borrowed by done until it returns. */
struct http_answer {
	enum err err; /* ERR_OK whenever a complete answer came, whatever its status */
	int status;   /* 0 without an answer */
	const struct http_header *headers;
	size_t header_count;
	const char *body; /* NUL-terminated behind body_len */
	size_t body_len;
	int64_t took_ms;
	const char *detail; /* what failed, in words without secrets; "" on success */
};

/* The call is over when done runs: not to be cancelled any more. done may start and cancel others, and free the transport. */
typedef void (*http_done)(void *arg, const struct http_answer *answer);

struct http_transport {
	/* Copies all of request. Never calls done before it returns. NULL: out of memory. */
	struct http_call *(*start)(struct http_transport *t, const struct http_request *request, http_done done, void *arg);
	/* done will not be called; what was sent may have had its effect. */
	void (*cancel)(struct http_transport *t, struct http_call *call);
	void (*free)(struct http_transport *t);
};

struct http_call *http_start(struct http_transport *t, const struct http_request *request, http_done done, void *arg);
void http_cancel(struct http_transport *t, struct http_call *call); /* NULL call is fine */
void http_transport_free(struct http_transport *t);                 /* cancels all; NULL is fine */

/* Case-blind; NULL when absent. */
const char *http_answer_header(const struct http_answer *answer, const char *name);
/* Retry-After in ms, from seconds or an HTTP date (against wall_ms), at most 30 days; -1 when absent or unreadable. */
int64_t http_answer_retry_after_ms(const struct http_answer *answer, int64_t wall_ms);
/* The Date header as Unix ms; 0 when absent or unreadable. */
int64_t http_answer_date_ms(const struct http_answer *answer);

/* True when url is scheme://host[:port] of base's origin (case-blind, no user part): may our credentials go there? */
int http_same_origin(const char *url, const char *base);
/* ERR_INVALID with why unless https, or http to a loopback host; no user part, no fragment. */
enum err http_url_check(const char *url, char *why, size_t why_size);

/* ca_file NULL = the system's. Borrows base. Gives *ret. */
enum err
curl_transport_new(struct event_base *base, const char *ca_file, unsigned host_connections_max, struct http_transport **ret);

#endif
