/*
 * Line by line: a line is looked at once, when its LF is there, so trickled input costs no more than a burst. What could
 * be told earlier (a control character in half a line) waits for the line's end or its ceiling; the verdict is the same.
 */
#include "listener/http_head.h"

#include <string.h>

#define BIT_TOKEN  1u /* RFC 9110 5.6.2 tchar */
#define BIT_VALUE  2u /* field-vchar, SP, HTAB, obs-text */
#define BIT_TARGET 4u /* visible ASCII but "#": a path is compared whole, a query decoded strictly elsewhere */
#define BIT_HOST   8u /* reg-name without escapes, IPv6 literal, port */
#define BIT_DIGIT  16u

static uint8_t
classify(unsigned c)
{
	bool digit = c >= '0' && c <= '9';
	bool alpha = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
	unsigned bits = 0;

	if (digit || alpha || (c != 0 && c < 0x7f && strchr("!#$%&'*+-.^_`|~", (int)c) != NULL))
		bits |= BIT_TOKEN;
	if ((c >= 0x20 && c != 0x7f) || c == '\t')
		bits |= BIT_VALUE;
	if (c > 0x20 && c < 0x7f && c != '#')
		bits |= BIT_TARGET;
	if (digit || alpha || (c != 0 && c < 0x7f && strchr(".-_:[]", (int)c) != NULL))
		bits |= BIT_HOST;
	if (digit)
		bits |= BIT_DIGIT;
	return (uint8_t)bits;
}

/* Filled on first use; filling twice writes the same bytes. Event-loop thread only. */
static uint8_t class_of[256];

static void
classes_fill(void)
{
	if (class_of['0'] != 0)
		return;
	for (unsigned c = 0; c < 256; c++)
		class_of[c] = classify(c);
}

static bool
all_of(const char *s, size_t len, unsigned bit)
{
	for (size_t i = 0; i < len; i++)
		if ((class_of[(unsigned char)s[i]] & bit) == 0)
			return false;
	return true;
}

/* name is lower case. */
static bool
equals_nocase(const char *s, size_t len, const char *name)
{
	if (strlen(name) != len)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c >= 'A' && c <= 'Z')
			c = (unsigned char)(c | 0x20);
		if (c != (unsigned char)name[i])
			return false;
	}
	return true;
}

static enum http_verdict
bad(struct http_head *h, int status, const char *why)
{
	h->status = status;
	h->why = why;
	return HTTP_BAD;
}

void
http_head_init(struct http_head *h)
{
	classes_fill();
	memset(h, 0, sizeof(*h));
}

static enum http_verdict
version_check(struct http_head *h, const char *s, size_t len)
{
	if (len != 8 || memcmp(s, "HTTP/", 5) != 0 || (class_of[(unsigned char)s[5]] & BIT_DIGIT) == 0 || s[6] != '.' ||
	    (class_of[(unsigned char)s[7]] & BIT_DIGIT) == 0)
		return bad(h, 400, "malformed version");
	if (s[5] != '1' || s[7] > '1')
		return bad(h, 505, "HTTP version not supported");
	h->version10 = s[7] == '0';
	h->close = h->version10;
	return HTTP_MORE;
}

static enum http_verdict
target_check(struct http_head *h, const char *data, uint32_t at, uint32_t len)
{
	const char *mark;

	if (len == 0 || data[at] != '/')
		return bad(h, 400, "target not in origin form");
	if (!all_of(data + at, len, BIT_TARGET))
		return bad(h, 400, "character not allowed in target");
	h->path = (struct http_span){ at, len };
	mark = memchr(data + at, '?', len);
	if (mark != NULL) {
		h->path.len = (uint32_t)(mark - (data + at));
		h->has_query = true;
		h->query = (struct http_span){ at + h->path.len + 1, len - h->path.len - 1 };
	}
	return HTTP_MORE;
}

/* method SP target SP version: exactly one space each. */
static enum http_verdict
request_line(struct http_head *h, const char *data, uint32_t len)
{
	const char *first = memchr(data, ' ', len), *second;
	uint32_t method_len, target_at;

	if (first == NULL)
		return bad(h, 400, "malformed request line");
	method_len = (uint32_t)(first - data);
	if (method_len == 0 || !all_of(data, method_len, BIT_TOKEN))
		return bad(h, 400, "malformed method");
	h->method = (struct http_span){ 0, method_len };
	target_at = method_len + 1;
	second = memchr(data + target_at, ' ', len - target_at);
	if (second == NULL)
		return bad(h, 400, "malformed request line");
	if (target_check(h, data, target_at, (uint32_t)(second - data) - target_at) == HTTP_BAD)
		return HTTP_BAD;
	return version_check(h, second + 1, len - (uint32_t)(second + 1 - data));
}

static enum http_verdict
field_host(struct http_head *h, const char *value, size_t len)
{
	if (h->has_host)
		return bad(h, 400, "more than one Host");
	if (len == 0 || !all_of(value, len, BIT_HOST))
		return bad(h, 400, "malformed Host");
	h->has_host = true;
	return HTTP_MORE;
}

static enum http_verdict
field_content_length(struct http_head *h, const char *value, size_t len)
{
	uint64_t length = 0;

	if (h->has_length)
		return bad(h, 400, "more than one Content-Length");
	if (len == 0 || !all_of(value, len, BIT_DIGIT))
		return bad(h, 400, "malformed Content-Length");
	for (size_t i = 0; i < len; i++)
		if (__builtin_mul_overflow(length, (uint64_t)10, &length) ||
		    __builtin_add_overflow(length, (uint64_t)(value[i] - '0'), &length))
			return bad(h, 413, "Content-Length beyond any ceiling");
	h->has_length = true;
	h->content_length = length;
	return HTTP_MORE;
}

static enum http_verdict
field_transfer_encoding(struct http_head *h, const char *value, size_t len)
{
	h->chunked = !h->has_transfer_encoding && equals_nocase(value, len, "chunked");
	h->has_transfer_encoding = true;
	return HTTP_MORE;
}

static enum http_verdict
field_connection(struct http_head *h, const char *value, size_t len)
{
	size_t at = 0;

	while (at < len) {
		const char *comma = memchr(value + at, ',', len - at);
		size_t end = comma == NULL ? len : (size_t)(comma - value), stop = end;

		while (at < stop && (value[at] == ' ' || value[at] == '\t'))
			at++;
		while (stop > at && (value[stop - 1] == ' ' || value[stop - 1] == '\t'))
			stop--;
		if (equals_nocase(value + at, stop - at, "close"))
			h->close = true;
		at = end + 1;
	}
	return HTTP_MORE;
}

static enum http_verdict
field_expect(struct http_head *h, const char *value, size_t len)
{
	if (!equals_nocase(value, len, "100-continue"))
		return bad(h, 417, "expectation not known");
	h->expect_continue = true;
	return HTTP_MORE;
}

static enum http_verdict
field_content_encoding(struct http_head *h, const char *value, size_t len)
{
	if (!equals_nocase(value, len, "identity"))
		h->encoded = true;
	return HTTP_MORE;
}

static const struct {
	const char *name;
	enum http_verdict (*read)(struct http_head *h, const char *value, size_t len);
} known_fields[] = {
	{ "host", field_host },
	{ "content-length", field_content_length },
	{ "transfer-encoding", field_transfer_encoding },
	{ "connection", field_connection },
	{ "expect", field_expect },
	{ "content-encoding", field_content_encoding },
};

static enum http_verdict
field_line(struct http_head *h, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len), *value;
	size_t name_len, value_len;

	if (++h->field_count > HTTP_FIELD_COUNT_MAX)
		return bad(h, 431, "too many fields");
	if (line[0] == ' ' || line[0] == '\t')
		return bad(h, 400, "folded field line");
	if (colon == NULL)
		return bad(h, 400, "field without a colon");
	name_len = (size_t)(colon - line);
	if (name_len == 0 || !all_of(line, name_len, BIT_TOKEN))
		return bad(h, 400, "malformed field name");
	value = colon + 1;
	value_len = len - name_len - 1;
	if (!all_of(value, value_len, BIT_VALUE))
		return bad(h, 400, "character not allowed in field value");
	while (value_len > 0 && (*value == ' ' || *value == '\t')) {
		value++;
		value_len--;
	}
	while (value_len > 0 && (value[value_len - 1] == ' ' || value[value_len - 1] == '\t'))
		value_len--;
	for (size_t i = 0; i < sizeof(known_fields) / sizeof(known_fields[0]); i++)
		if (equals_nocase(line, name_len, known_fields[i].name))
			return known_fields[i].read(h, value, value_len);
	return HTTP_MORE;
}

/* What only the whole head can tell. */
static enum http_verdict
finish(struct http_head *h)
{
	if (!h->has_host && !h->version10)
		return bad(h, 400, "no Host");
	if (h->has_transfer_encoding && (h->has_length || h->version10))
		return bad(h, 400, "Transfer-Encoding and another framing");
	if (h->has_transfer_encoding && !h->chunked)
		return bad(h, 411, "this Transfer-Encoding is not accepted");
	if (h->version10)
		h->expect_continue = false; /* RFC 9110 10.1.1: to be ignored */
	h->len = h->line;
	return HTTP_DONE;
}

/* One whole line without its CRLF; h->line is already behind it. at is where it began. */
static enum http_verdict
one_line(struct http_head *h, const char *data, uint32_t at, uint32_t len)
{
	if (memchr(data + at, '\r', len) != NULL)
		return bad(h, 400, "CR without LF");
	if (at == 0)
		return request_line(h, data, len);
	if (len == 0)
		return finish(h);
	return field_line(h, data + at, len);
}

/* The ceilings, measured at what is certainly part of the request line or of the fields. */
static enum http_verdict
check_room(struct http_head *h, size_t end)
{
	if (h->fields == 0)
		/* 400 rather than 414 or 431: contract.md section 3 gives it to a token that is too long, and nothing else would be. */
		return end > HTTP_LINE_MAX ? bad(h, 400, "request line too long") : HTTP_MORE;
	return end - h->fields > HTTP_FIELDS_MAX ? bad(h, 431, "fields too long") : HTTP_MORE;
}

enum http_verdict
http_head_parse(struct http_head *h, const char *data, size_t len)
{
	for (;;) {
		size_t ceiling = h->fields == 0 ? HTTP_LINE_MAX : (size_t)h->fields + HTTP_FIELDS_MAX;
		size_t visible = len < ceiling ? len : ceiling;
		const char *lf = visible > h->seen ? memchr(data + h->seen, '\n', visible - h->seen) : NULL;
		enum http_verdict v;
		uint32_t at = h->line, end;

		if (lf == NULL) {
			h->seen = (uint32_t)visible;
			return check_room(h, len);
		}
		end = (uint32_t)(lf - data);
		h->line = h->seen = end + 1;
		if (end == at || data[end - 1] != '\r')
			return bad(h, 400, "LF without CR");
		v = one_line(h, data, at, end - 1 - at);
		if (v != HTTP_MORE)
			return v;
		if (at == 0)
			h->fields = h->line;
	}
}
