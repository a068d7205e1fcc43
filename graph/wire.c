/*
 * wire.c - requests onto the wire, answers off it.
 *
 * Paths may carry ids that others chose. percent_encode leaves dots alone and HTTP clients fold "." and ".." segments, so
 * both are refused here, in whatever spelling, as are empty ones.
 */
#include "graph/wire.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/address.h"
#include "base/encode.h"
#include "base/hash.h"
#include "base/json.h"

#define AUTHORIZATION_MAX (32u << 10)

void
graph_uuid(struct rng *rng, char ret[GRAPH_UUID_SIZE])
{
	static const size_t parts[] = { 4, 2, 2, 2, 6 };
	const uint8_t *from;
	uint8_t b[16];

	rng_bytes(rng, b, sizeof(b));
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	from = b;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); from += parts[i++], *ret++ = '-') {
		hex_encode(from, parts[i], ret);
		ret += 2 * parts[i];
	}
	ret[-1] = '\0';
}

static bool
is_printable(const char *s, bool space_too)
{
	for (; *s != '\0'; s++)
		if (*s < ' ' || *s > '~' || (*s == ' ' && !space_too))
			return false;
	return true;
}

/* Of nothing but letters, digits and what stands between them in most of our paths: it begins with the slash that ends base_url's
 * host, and no reader of URLs sees anything else in it. */
static bool
is_plain(const char *path)
{
	for (; *path != '\0'; path++)
		if (!isalnum((unsigned char)*path) && strchr("/-_.?&=$", *path) == NULL)
			return false;
	return true;
}

/* The length of one dot at s, as itself or as %2e; 0 when there is none. */
static size_t
dot_len(const char *s)
{
	if (*s == '.')
		return 1;
	return s[0] == '%' && s[1] == '2' && (s[2] == 'e' || s[2] == 'E') ? 3 : 0;
}

/* s is behind a slash: does "." or ".." fill the whole segment? */
static bool
is_dot_segment(const char *s)
{
	size_t n = dot_len(s);

	if (n == 0)
		return false;
	s += n;
	s += dot_len(s);
	return *s == '\0' || *s == '/' || *s == '?';
}

/* An empty segment is an id that was not there: DELETE of ".../members/" is not what anybody meant. */
static bool
has_bad_segment(const char *path)
{
	for (; *path != '\0' && *path != '?'; path++)
		if (*path == '/' && (path[1] == '/' || path[1] == '\0' || path[1] == '?' || is_dot_segment(path + 1)))
			return true;
	return false;
}

const char *
graph_wire_name(const char *base_url)
{
	return url_is_loopback(base_url) ? "https://graph.microsoft.com/v1.0" : base_url;
}

enum err
graph_wire_url(struct text *t, const char *base_url, const char *path)
{
	bool whole = path != NULL && path[0] != '/';

	if (path == NULL || *path == '\0' || strnlen(path, GRAPH_URL_MAX) == GRAPH_URL_MAX || !is_printable(path, false) ||
	    strchr(path, '#') != NULL)
		return ERR_INVALID;
	if (whole && !http_same_origin(path, base_url))
		return ERR_UNEXPECTED;                               /* no token of ours goes there; Graph has refused nothing */
	if (has_bad_segment(whole ? strstr(path, "://") + 3 : path)) /* a whole one has a scheme: its origin is base_url's */
		return ERR_INVALID;
	if (!whole)
		text_adds(t, base_url);
	text_adds(t, path);
	if (text_err(t) != ERR_OK)
		return text_err(t);
	/* Nothing in a path may change where it goes. */
	return (!whole && is_plain(path)) || http_same_origin(t->data, base_url) ? ERR_OK : ERR_INVALID;
}

enum err
graph_wire_check(const struct graph_request *request)
{
	static const char *const methods[] = { "GET", "POST", "PATCH", "PUT", "DELETE" };
	bool known = false;
	size_t n = 0;

	for (size_t i = 0; request->method != NULL && i < sizeof(methods) / sizeof(methods[0]); i++)
		known = known || strcmp(request->method, methods[i]) == 0;
	if (!known || (unsigned)request->operation >= GRAPH_OPERATION_COUNT ||
	    (unsigned)request->where.priority >= GRAPH_PRIORITY_COUNT)
		return ERR_INVALID;
	if (request->where.directory.s[0] == '\0')
		return ERR_INVALID;
	if (request->body != NULL && strnlen(request->body, GRAPH_BODY_MAX) == GRAPH_BODY_MAX)
		return ERR_TOOBIG;
	for (const char *const *h = request->headers; h != NULL && *h != NULL; h++, n++)
		if (!is_printable(*h, true) || n >= GRAPH_WIRE_HEADERS_MAX - 4)
			return ERR_INVALID;
	return ERR_OK;
}

enum err
graph_wire_headers_make(
    struct graph_wire_headers *h, const char *token, const char *client_request_id, bool has_body, const char *const *extra)
{
	size_t n = 0;

	(void)snprintf(h->id_line, sizeof(h->id_line), "client-request-id: %s", client_request_id);
	text_init(&h->authorization, AUTHORIZATION_MAX);
	text_adds(&h->authorization, "Authorization: Bearer ");
	text_adds(&h->authorization, token);
	h->lines[n++] = h->authorization.data;
	h->lines[n++] = h->id_line;
	h->lines[n++] = "Accept: application/json";
	if (has_body)
		h->lines[n++] = "Content-Type: application/json";
	for (; extra != NULL && *extra != NULL && n < GRAPH_WIRE_HEADERS_MAX; extra++)
		h->lines[n++] = *extra;
	h->lines[n] = NULL;
	return text_err(&h->authorization);
}

void
graph_wire_headers_done(struct graph_wire_headers *h)
{
	if (h->authorization.data != NULL)
		secret_wipe(h->authorization.data, h->authorization.cap);
	text_done(&h->authorization);
}

void
graph_wire_read(const struct http_answer *http, int64_t wall_ms, struct graph_answer *ret, json_t **ret_json, bool *ret_readable)
{
	const char *id = http_answer_header(http, "request-id");

	memset(ret, 0, sizeof(*ret));
	*ret_json = NULL;
	*ret_readable = true;
	if (http->body_len > 0)
		*ret_readable = jx_parse(http->body, http->body_len, ret_json, NULL, 0) == ERR_OK;
	graph_error_read(http->status >= 400 ? *ret_json : NULL, &ret->error);
	ret->status = http->err == ERR_OK ? http->status : 0;
	ret->json = *ret_json;
	graph_copy_cut(ret->request_id, sizeof(ret->request_id), id != NULL ? id : ret->error.request_id);
	ret->retry_after_ms = http_answer_retry_after_ms(http, wall_ms);
	ret->date_ms = http_answer_date_ms(http);
	ret->location = http_answer_header(http, "Location");
	ret->etag = http_answer_header(http, "ETag");
}
