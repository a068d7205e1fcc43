/*
 * Every refusal here closes the connection: where framing is in doubt, no second request may follow.
 */
#include "net/http_check.h"

#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/queue.h>

#include "base/text.h"
#include "net/http_exchange.h"

#define HEADERS_MAX 100

static const struct {
	enum evhttp_cmd_type type;
	const char *name;
} methods[] = {
	{ EVHTTP_REQ_GET, "GET" },
	{ EVHTTP_REQ_HEAD, "HEAD" },
	{ EVHTTP_REQ_POST, "POST" },
	{ EVHTTP_REQ_PUT, "PUT" },
	{ EVHTTP_REQ_DELETE, "DELETE" },
	{ EVHTTP_REQ_PATCH, "PATCH" },
	{ EVHTTP_REQ_OPTIONS, "OPTIONS" },
	{ EVHTTP_REQ_TRACE, "TRACE" },
	{ EVHTTP_REQ_CONNECT, "CONNECT" },
};

/* What the headers say, in one pass. */
struct tally {
	unsigned count, hosts, lengths, codings;
	const char *length, *coding;
	bool malformed;
};

const char *
http_request_method(const struct evhttp_request *req)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (methods[i].type == req->type)
			return methods[i].name;
	return NULL;
}

static struct tally
headers_tally(const struct evhttp_request *req)
{
	struct tally t = { 0 };
	const struct evkeyval *h;

	for (h = TAILQ_FIRST(req->input_headers); h != NULL; h = TAILQ_NEXT(h, next)) {
		t.count++;
		t.malformed |= !header_name_ok(h->key) || !header_value_ok(h->value);
		t.hosts += str_equal_nocase(h->key, "Host");
		if (str_equal_nocase(h->key, "Transfer-Encoding")) {
			t.codings++;
			t.coding = h->value;
		}
		if (str_equal_nocase(h->key, "Content-Length")) {
			t.lengths++;
			t.length = h->value;
		}
	}
	return t;
}

/* Origin form only (RFC 9112 section 3.2.1), visible ASCII. */
static bool
target_ok(const char *target)
{
	if (target[0] != '/')
		return false;
	for (const char *p = target; *p != '\0'; p++)
		if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f || *p == '#' || *p == '\\')
			return false;
	return true;
}

static bool
length_ok(const char *length)
{
	return length[0] != '\0' && strspn(length, "0123456789") == strlen(length);
}

static int
refuse(int status, const char *detail, const char **ret_detail)
{
	*ret_detail = detail;
	return status;
}

static int
framing_check(const struct evhttp_request *req, const struct tally *t, const char **ret_detail)
{
	if (t->codings > 1 || (t->codings == 1 && !str_equal_nocase(t->coding, "chunked")))
		return refuse(501, "Of the transfer codings, only chunked is known here.", ret_detail);
	if (t->codings == 1 && (t->lengths > 0 || req->minor == 0))
		return refuse(400, "Send either a Content-Length or, in HTTP/1.1, the transfer coding chunked.", ret_detail);
	if (t->lengths > 1 || (t->lengths == 1 && !length_ok(t->length)))
		return refuse(400, "Content-Length must be one plain number.", ret_detail);
	if (req->type == EVHTTP_REQ_HEAD && t->lengths == 1 && strspn(t->length, "0") != strlen(t->length))
		return refuse(400, "A HEAD request has no body.", ret_detail);
	return 0;
}

int
http_request_check(const struct evhttp_request *req, const char **ret_detail)
{
	const char *target = evhttp_request_get_uri(req);
	struct tally t = headers_tally(req);
	const char *method = http_request_method(req);
	int status = framing_check(req, &t, ret_detail);

	if (status != 0)
		return status;
	if (req->major != 1 || (req->minor != 0 && req->minor != 1))
		return refuse(505, "Speak HTTP/1.1.", ret_detail);
	if (t.count > HEADERS_MAX)
		return refuse(431, "There are more than 100 headers.", ret_detail);
	if (t.malformed)
		return refuse(400, "A header is malformed.", ret_detail);
	if (t.hosts > 1 || (t.hosts == 0 && req->minor == 1))
		return refuse(400, "There must be exactly one Host header.", ret_detail);
	if (method == NULL)
		return refuse(501, "The method is not known here.", ret_detail);
	if (http_method_known(method) == NULL)
		return refuse(405, "The method is not served here.", ret_detail);
	if (target == NULL || !target_ok(target))
		return refuse(400, "The request target must be a path.", ret_detail);
	return 0;
}
