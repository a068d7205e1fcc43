/*
 * http_exchange.h - what every kind of exchange shares. For net/ only; handlers see http_server.h.
 *
 * An exchange is one request and its answer. Where it came from (a socket, a test) and where the answer
 * goes is behind a small table of operations. Each of reply, end and abort ends the exchange and frees it.
 */
#ifndef NET_HTTP_EXCHANGE_H
#define NET_HTTP_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct http_exchange;

struct exchange_ops {
	const char *(*header)(const struct http_exchange *x, const char *name);
	/* The wish to hear of a vanished client was set or withdrawn. NULL: nothing to do. */
	void (*watch)(struct http_exchange *x);
	void (*reply)(struct http_exchange *x, int status, const char *content_type, const void *body, size_t body_len,
	    const char *const *headers);
	void (*begin)(struct http_exchange *x, int status, const char *content_type);
	void (*chunk)(struct http_exchange *x, const void *data, size_t len);
	void (*end)(struct http_exchange *x);
	void (*abort)(struct http_exchange *x);
};

struct http_exchange {
	const struct exchange_ops *ops;
	const char *method; /* static text */
	char *path;         /* owned; the query follows in the same memory */
	const char *query;
	const char *body; /* owned by the kind; NUL behind body_len */
	size_t body_len;
	bool is_unix;
	bool begun;              /* a streamed answer is under way */
	void (*gone)(void *arg); /* NULL once told */
	void *gone_arg;
};

/* Copies target. The rest of *x is zeroed. */
enum err exchange_init(struct http_exchange *x, const struct exchange_ops *ops, const char *method, const char *target);
void exchange_done(struct http_exchange *x);
void exchange_tell_gone(struct http_exchange *x);

/* The static spelling of a method we serve; NULL for any other. */
const char *http_method_known(const char *method);
const char *http_reason(int status);

/* Splits "Name: value" and refuses what could break a header apart. *ret_value points into line. */
bool header_split(const char *line, char *ret_name, size_t ret_name_size, const char **ret_value);
bool header_name_ok(const char *name);
bool header_value_ok(const char *value);

#endif
