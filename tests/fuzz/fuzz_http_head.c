/* The head parser: no input may break it, and every cut of an input must give the verdict of the whole. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "listener/http_head.h"
#include "listener/route.h"
#include "listener/validation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum http_verdict
parse_cut(struct http_head *h, const char *data, size_t len, size_t step)
{
	enum http_verdict v = HTTP_MORE;

	http_head_init(h);
	for (size_t have = 0; v == HTTP_MORE && have < len;) {
		have = len - have < step ? len : have + step;
		v = http_head_parse(h, data, have);
	}
	return v;
}

static void
same(const struct http_head *a, const struct http_head *b, enum http_verdict v)
{
	if (a->status != b->status)
		abort();
	if (v == HTTP_DONE &&
	    (a->len != b->len || a->content_length != b->content_length || a->close != b->close ||
	        memcmp(&a->path, &b->path, sizeof(a->path)) != 0 || memcmp(&a->query, &b->query, sizeof(a->query)) != 0))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_head whole, cut;
	enum http_verdict v;
	const char *text, *allow;
	char token[VALIDATION_TOKEN_MAX];
	size_t token_len;

	if (size < 1)
		return 0;
	text = (const char *)data + 1;
	http_head_init(&whole);
	v = http_head_parse(&whole, text, size - 1);
	if (size > 1 && parse_cut(&cut, text, size - 1, 1 + data[0] % 64) != v)
		abort();
	if (size > 1)
		same(&whole, &cut, v);
	if (v != HTTP_DONE)
		return 0;
	if (whole.len > size - 1 || whole.path.at + whole.path.len > whole.len || whole.query.at + whole.query.len > whole.len)
		abort();
	(void)route_find(text + whole.method.at, whole.method.len, text + whole.path.at, whole.path.len, &allow);
	(void)validation_token(text + whole.query.at, whole.query.len, token, &token_len);
	return 0;
}
