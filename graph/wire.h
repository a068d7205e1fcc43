/*
 * wire.h - between a graph_request and an HTTP request, between an HTTP answer and a graph_answer. Pure.
 *
 * Here it is decided where our token may go: below base_url, or to a whole link of the very same origin.
 */
#ifndef GRAPH_WIRE_H
#define GRAPH_WIRE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/random.h"
#include "base/text.h"
#include "graph/answer.h"
#include "graph/graph.h"
#include "net/http_client.h"

#define GRAPH_WIRE_HEADERS_MAX 16
#define GRAPH_UUID_SIZE        37

void graph_uuid(struct rng *rng, char ret[GRAPH_UUID_SIZE]);

/*
 * Writes the URL. ERR_FORBIDDEN: another origin than base_url's. ERR_INVALID: not a path or URL that is safe to send (control
 * characters, fragments, segments that are empty, "." or "..": an id that is ".." must not turn a DELETE of a member into one of the team).
 */
enum err graph_wire_url(struct text *t, const char *base_url, const char *path);

/*
 * What Graph is called where a URL is a name rather than an address, as in a scope or in user@odata.bind: base_url. A stand-in
 * for Graph on this machine goes by the global cloud's name, which is what the documentation has every client write.
 */
const char *graph_wire_name(const char *base_url);

/* ERR_INVALID: a method, header or body we do not send. */
enum err graph_wire_check(const struct graph_request *request);

/* The lines of one try. Holds the token: end with graph_wire_headers_done. Borrows the extra lines and the token. */
struct graph_wire_headers {
	const char *lines[GRAPH_WIRE_HEADERS_MAX + 1];
	char id_line[GRAPH_UUID_SIZE + 32];
	struct text authorization;
};
enum err graph_wire_headers_make(
    struct graph_wire_headers *h, const char *token, const char *client_request_id, bool has_body, const char *const *extra);
void graph_wire_headers_done(struct graph_wire_headers *h);

/* Fills all of *ret but err, unknown, tries and sign-in. *ret_json is given (json_decref) and *ret borrows it; *ret_readable: the body
 * was JSON, or there was none. Borrows http. */
void
graph_wire_read(const struct http_answer *http, int64_t wall_ms, struct graph_answer *ret, json_t **ret_json, bool *ret_readable);

#endif
