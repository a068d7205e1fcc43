/*
 * The part of an exchange that does not care where the request came from: accessors, query parameters,
 * method names and status phrases (evhttp's own table ends at 417 and lacks 422 and 429, which Graph and
 * our API both use).
 */
#include "net/http_exchange.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/text.h"
#include "net/http_server.h"

#define QUERY_MAX_BYTES 8192 /* nextLinks of the simulator are the longest we serve */

static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH" };

static const struct {
	int status;
	const char *phrase;
} reasons[] = {
	{ 200, "OK" },
	{ 201, "Created" },
	{ 202, "Accepted" },
	{ 204, "No Content" },
	{ 206, "Partial Content" },
	{ 207, "Multi-Status" },
	{ 301, "Moved Permanently" },
	{ 302, "Found" },
	{ 303, "See Other" },
	{ 304, "Not Modified" },
	{ 307, "Temporary Redirect" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 406, "Not Acceptable" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 410, "Gone" },
	{ 411, "Length Required" },
	{ 412, "Precondition Failed" },
	{ 413, "Content Too Large" },
	{ 415, "Unsupported Media Type" },
	{ 421, "Misdirected Request" },
	{ 422, "Unprocessable Content" },
	{ 423, "Locked" },
	{ 424, "Failed Dependency" },
	{ 428, "Precondition Required" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
	{ 505, "HTTP Version Not Supported" },
	{ 507, "Insufficient Storage" },
	{ 509, "Bandwidth Limit Exceeded" },
};

const char *
http_reason(int status)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].phrase;
	return "Unnamed";
}

const char *
http_method_known(const char *method)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strcmp(method, methods[i]) == 0)
			return methods[i];
	return NULL;
}

/* RFC 9110 section 5.6.2. */
static bool
is_token_char(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

bool
header_name_ok(const char *name)
{
	const char *p = name;

	while (is_token_char((unsigned char)*p))
		p++;
	return p != name && *p == '\0';
}

bool
header_value_ok(const char *value)
{
	for (const char *p = value; *p != '\0'; p++)
		if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
			return false;
	return true;
}

bool
header_split(const char *line, char *ret_name, size_t ret_name_size, const char **ret_value)
{
	const char *colon = strchr(line, ':');

	if (colon == NULL || !str_copy_len(ret_name, ret_name_size, line, (size_t)(colon - line)))
		return false;
	*ret_value = colon + 1 + strspn(colon + 1, " \t");
	return header_name_ok(ret_name) && header_value_ok(*ret_value);
}

enum err
exchange_init(struct http_exchange *x, const struct exchange_ops *ops, const char *method, const char *target)
{
	char *mark;

	*x = (struct http_exchange){ .ops = ops, .method = method };
	if ((x->path = strdup(target)) == NULL)
		return ERR_NOMEM;
	mark = strchr(x->path, '?');
	x->query = "";
	if (mark != NULL) {
		*mark = '\0';
		x->query = mark + 1;
	}
	return ERR_OK;
}

void
exchange_done(struct http_exchange *x)
{
	free(x->path);
	x->path = NULL;
}

void
exchange_tell_gone(struct http_exchange *x)
{
	void (*gone)(void *) = x->gone;

	x->gone = NULL;
	if (gone != NULL)
		gone(x->gone_arg);
}

const char *
http_exchange_method(const struct http_exchange *x)
{
	return x->method;
}

const char *
http_exchange_path(const struct http_exchange *x)
{
	return x->path;
}

const char *
http_exchange_query(const struct http_exchange *x)
{
	return x->query;
}

const char *
http_exchange_header(const struct http_exchange *x, const char *name)
{
	return x->ops->header(x, name);
}

const char *
http_exchange_body(const struct http_exchange *x, size_t *ret_len)
{
	if (ret_len != NULL)
		*ret_len = x->body_len;
	return x->body;
}

bool
http_exchange_is_unix(const struct http_exchange *x)
{
	return x->is_unix;
}

/* Decodes one side of a parameter. NULL with *ret_err set when it is not well-formed. */
static char *
part_decode(const char *src, size_t src_len, enum err *ret_err)
{
	char *part = malloc(src_len + 1);
	size_t len = 0;

	*ret_err = part == NULL ? ERR_NOMEM : percent_decode(src, src_len, 1, part, &len);
	if (*ret_err == ERR_OK && (strlen(part) != len || !utf8_valid(part, len)))
		*ret_err = ERR_MALFORMED;
	if (*ret_err == ERR_OK)
		return part;
	free(part);
	return NULL;
}

/* Looks at one "name=value"; true to go on. *ret is set when the name fits. */
static bool
param_take(const char *pair, size_t len, const char *name, char **ret, enum err *ret_err)
{
	const char *equals = memchr(pair, '=', len);
	size_t name_len = equals != NULL ? (size_t)(equals - pair) : len;
	char *found = part_decode(pair, name_len, ret_err);
	bool fits = found != NULL && strcmp(found, name) == 0;

	free(found);
	if (*ret_err != ERR_OK || !fits)
		return *ret_err == ERR_OK;
	if (*ret != NULL) {
		*ret_err = ERR_MALFORMED;
		return false;
	}
	*ret = equals != NULL ? part_decode(equals + 1, len - name_len - 1, ret_err) : strdup("");
	if (*ret == NULL && *ret_err == ERR_OK)
		*ret_err = ERR_NOMEM;
	return *ret_err == ERR_OK;
}

char *
http_exchange_param(const struct http_exchange *x, const char *name, enum err *ret_err)
{
	const char *pair = x->query;
	char *value = NULL;
	enum err e = ERR_OK;

	if (strlen(pair) > QUERY_MAX_BYTES)
		e = ERR_MALFORMED;
	while (e == ERR_OK && *pair != '\0') {
		size_t len = strcspn(pair, "&");

		if (len > 0 && !param_take(pair, len, name, &value, &e))
			break;
		pair += len + (pair[len] == '&');
	}
	if (e != ERR_OK) {
		free(value);
		value = NULL;
	}
	if (ret_err != NULL)
		*ret_err = e;
	return value;
}

void
http_exchange_on_gone(struct http_exchange *x, void (*cb)(void *arg), void *arg)
{
	x->gone = cb;
	x->gone_arg = arg;
	if (x->ops->watch != NULL)
		x->ops->watch(x);
}

void
http_reply(
    struct http_exchange *x, int status, const char *content_type, const void *body, size_t body_len, const char *const *headers)
{
	assert(!x->begun && status >= 200 && status <= 599);
	x->ops->reply(x, status, content_type, body, body_len, headers);
}

void
http_reply_begin(struct http_exchange *x, int status, const char *content_type)
{
	assert(!x->begun && status >= 200 && status <= 599);
	x->begun = true;
	x->ops->begin(x, status, content_type);
}

void
http_reply_chunk(struct http_exchange *x, const void *data, size_t len)
{
	assert(x->begun);
	if (len > 0)
		x->ops->chunk(x, data, len);
}

void
http_reply_end(struct http_exchange *x)
{
	assert(x->begun);
	x->ops->end(x);
}

void
http_reply_abort(struct http_exchange *x)
{
	x->ops->abort(x);
}
