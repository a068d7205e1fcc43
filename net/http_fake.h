/*
 * http_fake.h - HTTP without sockets: exchanges made in process, and a transport that leads to a handler.
 *
 * With them API handlers and the simulator run under a manual clock, thousands of requests a second, with
 * the same limits on what an answer may look like. Event-loop thread only.
 */
#ifndef NET_HTTP_FAKE_H
#define NET_HTTP_FAKE_H

#include <stdbool.h>
#include <stddef.h>

#include "net/http_client.h"
#include "net/http_server.h"

/*
 * An exchange that nobody has handed to a handler yet. method is one of GET HEAD POST PUT DELETE PATCH,
 * path_with_query as on the wire, headers as in struct http_request. All is copied. NULL: out of memory.
 * done is called once, from within http_reply, http_reply_end or http_reply_abort (then with ERR_REMOTE);
 * its answer is borrowed until done returns. The caller counts as a Unix socket's unless told otherwise.
 */
struct http_exchange *http_exchange_new_fake(const char *method, const char *path_with_query, const char *const *headers,
    const void *body, size_t len, http_done done, void *arg);
void http_exchange_fake_set_unix(struct http_exchange *x, bool is_unix);
/* As if the client had closed its connection: done will not be called, the exchange must still be answered. */
void http_exchange_fake_leave(struct http_exchange *x);

/*
 * A transport whose every request is handed to handle, one clock turn after http_start. Times out by clock.
 * Borrows clock. Bodies over the ceiling give ERR_TOOBIG as the real one's. NULL: out of memory.
 */
struct http_transport *http_transport_new_fake(struct clock *clock, http_handler handle, void *arg);

#endif
