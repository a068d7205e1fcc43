#include "listener/http_chunks.h"

#include <string.h>

#include "base/encode.h"

#define DIGITS_MAX 8

void
http_chunks_init(struct http_chunks *k)
{
	memset(k, 0, sizeof(*k));
	k->phase = CHUNK_SIZE;
}

static enum http_verdict
bad(struct http_chunks *k, int status, const char *why)
{
	k->status = status;
	k->why = why;
	return HTTP_BAD;
}

static enum http_verdict
size_char(struct http_chunks *k, char c)
{
	int value = hex_value(c);

	if (value >= 0 && k->digits < DIGITS_MAX) {
		k->digits++;
		k->left = k->left * 16 + (size_t)value;
		return HTTP_MORE;
	}
	if (c != '\r' || k->digits == 0)
		return bad(k, 400, "malformed chunk size");
	k->phase = CHUNK_SIZE_LF;
	return HTTP_MORE;
}

static enum http_verdict
size_end(struct http_chunks *k, size_t body_max)
{
	if (k->left > body_max - k->joined)
		return bad(k, 413, "body too large");
	k->phase = k->left > 0 ? CHUNK_DATA : CHUNK_END_CR;
	k->digits = 0;
	return HTTP_MORE;
}

/* One byte between the pieces of the body. */
static enum http_verdict
frame_char(struct http_chunks *k, char c, size_t body_max)
{
	static const struct {
		char c;
		enum http_chunk_phase next;
	} fixed[] = {
		[CHUNK_DATA_CR] = { '\r', CHUNK_DATA_LF },
		[CHUNK_DATA_LF] = { '\n', CHUNK_SIZE },
		[CHUNK_END_CR] = { '\r', CHUNK_END_LF },
	};

	switch (k->phase) {
	case CHUNK_SIZE: return size_char(k, c);
	case CHUNK_SIZE_LF: return c == '\n' ? size_end(k, body_max) : bad(k, 400, "CR without LF");
	case CHUNK_END_LF: return c == '\n' ? HTTP_DONE : bad(k, 400, "CR without LF");
	default:
		if (c != fixed[k->phase].c)
			return bad(k, 400, k->phase == CHUNK_END_CR ? "trailer fields are not accepted" : "malformed chunk");
		k->phase = fixed[k->phase].next;
		return HTTP_MORE;
	}
}

static void
take_data(struct http_chunks *k, char *data, size_t len)
{
	size_t n = len - k->read < k->left ? len - k->read : k->left;

	memmove(data + k->joined, data + k->read, n);
	k->joined += n;
	k->read += n;
	k->left -= n;
	if (k->left == 0)
		k->phase = CHUNK_DATA_CR;
}

enum http_verdict
http_chunks_join(struct http_chunks *k, char *data, size_t len, size_t body_max)
{
	enum http_verdict v = HTTP_MORE;

	while (v == HTTP_MORE && k->read < len) {
		if (k->phase == CHUNK_DATA)
			take_data(k, data, len);
		else if (k->read - k->joined >= HTTP_CHUNKS_OVERHEAD_MAX)
			v = bad(k, 413, "chunks too small for what they carry");
		else
			v = frame_char(k, data[k->read++], body_max);
	}
	return v;
}
