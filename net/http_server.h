/*
 * http_server.h - HTTP for local callers: app API, admin endpoint, simulator. By evhttp; never on the internet.
 *
 * Promises: TCP_NODELAY, connection cap with eviction, absolute deadline per request, bodies and headers
 * bounded, no default content type, X-Content-Type-Options: nosniff and Cache-Control: no-store on every
 * answer, every request answered exactly once (also when its client has gone). Event-loop thread only.
 *
 * What never reaches a handler: requests evhttp cannot parse (400) or whose body is too large (413), which get its
 * own short page, and requests that http_check.h finds doubtful, which get a problem document. All of them end
 * the connection. Of the transfer codings there is chunked, alone; evhttp undoes it.
 */
#ifndef NET_HTTP_SERVER_H
#define NET_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct clock;
struct event_base;
struct http_server;
struct http_exchange; /* one request and its answer */

typedef void (*http_handler)(void *arg, struct http_exchange *x);

struct http_server_options {
	const char *listen;                    /* as base/address.h listen_parse: "unix:/path 127.0.0.1:8787" */
	int unix_mode;                         /* file mode of Unix sockets; 0 = 0660 */
	const char *tls_certificate, *tls_key; /* PEM; for TCP addresses; NULL = plain */
	bool tls_only_beyond_loopback;         /* TLS on TCP addresses that are not loopback only */
	size_t body_max_bytes;
	unsigned connections_max;    /* 0 = 256; beyond, who has been quiet longest is closed */
	int64_t request_deadline_ms; /* to read a whole request, 0 = 10 s; answers may be deferred longer */
	http_handler handle;
	void *arg;
};

/* Binds and listens at once; on failure why says which address and what to do. Borrows base and clock. A stale
 * Unix socket is replaced, one in use is ERR_BUSY. IPv6 addresses take IPv6 only. */
enum err http_server_new(struct event_base *base, struct clock *clock, const struct http_server_options *options,
    struct http_server **ret, char *why, size_t why_size);
/* Listens anew on each Unix socket whose file somebody has removed, in a directory that is there; open connections go on. ERR_OK: all
 * are there, *ret_anew whether one only now; else why says what fails. Not once it is stopped. */
enum err http_server_mend(struct http_server *s, bool *ret_anew, char *why, size_t why_size);
/* Stops listening and closes quiet connections; requests with a handler may still be answered. */
void http_server_stop(struct http_server *s); /* NULL is fine */
/* NULL is fine; not from within a handler. Clients of unanswered exchanges get 503; the exchanges live on, are told
 * that their client has gone, and must still be answered by whoever holds them. */
void http_server_free(struct http_server *s);
/* The port bound for the n-th TCP address (useful with port 0); 0 when there is none. */
uint16_t http_server_port(const struct http_server *s, size_t n);

/* All borrowed until the exchange is answered. */
const char *http_exchange_method(const struct http_exchange *x); /* "GET" */
const char *http_exchange_path(const struct http_exchange *x);   /* as sent, still percent-encoded, without query */
const char *http_exchange_query(const struct http_exchange *x);  /* as sent; "" when absent */
const char *http_exchange_header(const struct http_exchange *x, const char *name); /* NULL when absent */
const char *http_exchange_body(const struct http_exchange *x, size_t *ret_len);    /* NUL-terminated */
bool http_exchange_is_unix(const struct http_exchange *x);
/* Decoded query parameter (caller frees); NULL when absent. ERR_MALFORMED via *ret_err for a bad escape or a duplicate. */
char *http_exchange_param(const struct http_exchange *x, const char *name, enum err *ret_err);
/* Told once when the client goes away before the answer; the exchange must still be answered, there or later.
 * A client that only closes its sending side counts as gone. NULL withdraws. */
void http_exchange_on_gone(struct http_exchange *x, void (*cb)(void *arg), void *arg);

/* At once or any time later: headers are "Name: value", NULL-terminated, or NULL; malformed ones, lengths and codings
 * are left out. Copies body. Ends the exchange. */
void http_reply(
    struct http_exchange *x, int status, const char *content_type, const void *body, size_t body_len, const char *const *headers);
/* A streamed answer: begin, any number of chunks, end. For NDJSON and long lists. Chunks are buffered without a
 * ceiling until the client takes them. */
void http_reply_begin(struct http_exchange *x, int status, const char *content_type);
void http_reply_chunk(struct http_exchange *x, const void *data, size_t len);
void http_reply_end(struct http_exchange *x);
/* Closes the connection without an answer: the simulator's faults. Ends the exchange. */
void http_reply_abort(struct http_exchange *x);

#endif
