/* The head parser: what it accepts, what it answers to the rest, and that the cut of the input never matters. */
#include "listener/http_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "unit/base/seed.h"

#define H "Host: a\r\n"

static const struct {
	const char *why, *head;
	int status;
} cases[] = {
	{ "plain", "GET /healthz HTTP/1.1\r\n" H "\r\n", 0 },
	{ "post", "POST /p?q=1 HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\n", 0 },
	{ "no space after the colon", "GET / HTTP/1.1\r\nHost:a\r\n\r\n", 0 },
	{ "tabs around a value", "GET / HTTP/1.1\r\nHost:\ta\t \r\n\r\n", 0 },
	{ "empty value", "GET / HTTP/1.1\r\n" H "X:\r\n\r\n", 0 },
	{ "obs-text in a value", "GET / HTTP/1.1\r\n" H "X: \xc3\xa9\xff\r\n\r\n", 0 },
	{ "HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", 0 },
	{ "leading zeros in a length", "POST / HTTP/1.1\r\n" H "Content-Length: 0003\r\n\r\n", 0 },
	{ "IPv6 host", "GET / HTTP/1.1\r\nHost: [::1]:443\r\n\r\n", 0 },
	{ "odd case of names", "POST / HTTP/1.1\r\nhOST: a\r\nCONTENT-length: 1\r\n\r\n", 0 },
	{ "lower-case method is a token", "get / HTTP/1.1\r\n" H "\r\n", 0 },
	{ "empty first line", "\r\nGET / HTTP/1.1\r\n" H "\r\n", 400 },
	{ "bare LF after the request line", "GET / HTTP/1.1\n" H "\r\n", 400 },
	{ "bare LF after a field", "GET / HTTP/1.1\r\nHost: a\n\r\n", 400 },
	{ "bare LF as the end", "GET / HTTP/1.1\r\n" H "\n", 400 },
	{ "bare CR in a value", "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", 400 },
	{ "bare CR in the request line", "GET /\r HTTP/1.1\r\n" H "\r\n", 400 },
	{ "two CR", "GET / HTTP/1.1\r\r\n" H "\r\n", 400 },
	{ "obs-fold", "GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n", 400 },
	{ "obs-fold with a tab", "GET / HTTP/1.1\r\n" H "X: a\r\n\tb\r\n\r\n", 400 },
	{ "space before the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400 },
	{ "space before the colon", "POST / HTTP/1.1\r\n" H "Content-Length : 3\r\n\r\n", 400 },
	{ "empty name", "GET / HTTP/1.1\r\n" H ": x\r\n\r\n", 400 },
	{ "no colon", "GET / HTTP/1.1\r\n" H "X\r\n\r\n", 400 },
	{ "slash in a name", "GET / HTTP/1.1\r\n" H "X/Y: x\r\n\r\n", 400 },
	{ "8-bit name", "GET / HTTP/1.1\r\n" H "X\xc3: x\r\n\r\n", 400 },
	{ "control character in a value",
	    "GET / HTTP/1.1\r\n" H "X: a\x01"
	    "b\r\n\r\n",
	    400 },
	{ "DEL in a value", "GET / HTTP/1.1\r\n" H "X: a\x7f\r\n\r\n", 400 },
	{ "no Host", "GET / HTTP/1.1\r\n\r\n", 400 },
	{ "two Host", "GET / HTTP/1.1\r\n" H H "\r\n", 400 },
	{ "empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400 },
	{ "Host with a slash", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400 },
	{ "Host with two names", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400 },
	{ "Host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400 },
	{ "two lengths", "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 4\r\n\r\n", 400 },
	{ "two equal lengths", "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 3\r\n\r\n", 400 },
	{ "list of lengths", "POST / HTTP/1.1\r\n" H "Content-Length: 3, 3\r\n\r\n", 400 },
	{ "signed length", "POST / HTTP/1.1\r\n" H "Content-Length: +3\r\n\r\n", 400 },
	{ "negative length", "POST / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n", 400 },
	{ "hexadecimal length", "POST / HTTP/1.1\r\n" H "Content-Length: 0x3\r\n\r\n", 400 },
	{ "length with letters", "POST / HTTP/1.1\r\n" H "Content-Length: 3abc\r\n\r\n", 400 },
	{ "length with a space", "POST / HTTP/1.1\r\n" H "Content-Length: 3 4\r\n\r\n", 400 },
	{ "empty length", "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", 400 },
	{ "length of 2^64", "POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551616\r\n\r\n", 413 },
	{ "gzip, chunked", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", 411 },
	{ "unknown transfer encoding", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n", 411 },
	{ "empty transfer encoding", "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n", 411 },
	{ "two transfer encodings", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
	    411 },
	{ "length and transfer encoding", "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
	    400 },
	{ "the other way round", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 400 },
	{ "chunked in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
	{ "other expectation", "POST / HTTP/1.1\r\n" H "Expect: tea\r\n\r\n", 417 },
	{ "HTTP/2.0", "GET / HTTP/2.0\r\n" H "\r\n", 505 },
	{ "HTTP/1.2", "GET / HTTP/1.2\r\n" H "\r\n", 505 },
	{ "HTTP/0.9", "GET /\r\n\r\n", 400 },
	{ "lower-case version", "GET / http/1.1\r\n" H "\r\n", 400 },
	{ "version with a letter", "GET / HTTP/1.x\r\n" H "\r\n", 400 },
	{ "longer version", "GET / HTTP/1.11\r\n" H "\r\n", 400 },
	{ "two spaces", "GET  / HTTP/1.1\r\n" H "\r\n", 400 },
	{ "two spaces before the version", "GET /  HTTP/1.1\r\n" H "\r\n", 400 },
	{ "space at the end", "GET / HTTP/1.1 \r\n" H "\r\n", 400 },
	{ "tab instead of a space", "GET\t/ HTTP/1.1\r\n" H "\r\n", 400 },
	{ "space at the start", " GET / HTTP/1.1\r\n" H "\r\n", 400 },
	{ "space in the target", "GET /a b HTTP/1.1\r\n" H "\r\n", 400 },
	{ "8-bit target", "GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n", 400 },
	{ "control character in the target", "GET /\x01 HTTP/1.1\r\n" H "\r\n", 400 },
	{ "fragment", "GET /a#b HTTP/1.1\r\n" H "\r\n", 400 },
	{ "absolute form", "GET http://a/ HTTP/1.1\r\n" H "\r\n", 400 },
	{ "authority form", "CONNECT a:443 HTTP/1.1\r\n" H "\r\n", 400 },
	{ "asterisk form", "OPTIONS * HTTP/1.1\r\n" H "\r\n", 400 },
	{ "HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400 },
	{ "brackets in a method", "G[T / HTTP/1.1\r\n" H "\r\n", 400 },
	{ "no method", " / HTTP/1.1\r\n" H "\r\n", 400 },
	{ "TLS inside TLS", "\x16\x03\x01\x02\x01\n", 400 },
};

static enum http_verdict
parse_whole(struct http_head *h, const char *data, size_t len)
{
	http_head_init(h);
	return http_head_parse(h, data, len);
}

static void
test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http_head h;
		enum http_verdict v = parse_whole(&h, cases[i].head, strlen(cases[i].head));

		if (v != (cases[i].status == 0 ? HTTP_DONE : HTTP_BAD) || h.status != cases[i].status)
			fail_msg("%s: verdict %d status %d", cases[i].why, v, h.status);
		if (v == HTTP_BAD)
			assert_non_null(h.why);
		else
			assert_int_equal(h.len, strlen(cases[i].head));
	}
}

static void
test_facts(void **state)
{
	static const char head[] = "POST /a/b?c=d HTTP/1.1\r\nHost: x\r\nContent-Length: 42\r\nExpect: 100-Continue\r\n"
	                           "Connection: keep-alive , Close\r\nContent-Encoding: gzip\r\n\r\nbody";
	struct http_head h;

	(void)state;
	assert_int_equal(parse_whole(&h, head, sizeof(head) - 1), HTTP_DONE);
	assert_int_equal(h.len, sizeof(head) - 1 - 4);
	assert_memory_equal(head + h.method.at, "POST", h.method.len);
	assert_int_equal(h.path.len, 4);
	assert_memory_equal(head + h.path.at, "/a/b", 4);
	assert_true(h.has_query);
	assert_int_equal(h.query.len, 3);
	assert_memory_equal(head + h.query.at, "c=d", 3);
	assert_true(h.has_length && h.close && h.expect_continue && h.encoded);
	assert_int_equal(h.content_length, 42);
}

static void
test_small_facts(void **state)
{
	struct http_head h;

	(void)state;
	assert_int_equal(parse_whole(&h, "GET /a? HTTP/1.1\r\n" H "Connection: closed\r\n\r\n", 49), HTTP_DONE);
	assert_true(h.has_query && h.query.len == 0 && !h.close && !h.has_length && !h.encoded);
	assert_int_equal(parse_whole(&h, "GET /a HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", 41), HTTP_DONE);
	assert_true(!h.has_query && h.close && !h.expect_continue);
	assert_int_equal(parse_whole(&h, "GET /\0 HTTP/1.1\r\n" H "\r\n", 28), HTTP_BAD);
	assert_int_equal(parse_whole(&h, "GET / HTTP/1.1\r\n" H "X: a\0b\r\n\r\n", 35), HTTP_BAD);
	assert_int_equal(parse_whole(&h, "GET / HTTP/1.1\r\n" H "X\0: a\r\n\r\n", 34), HTTP_BAD);
}

/* A head of exactly so many bytes in its request line, its fields, its number of fields. */
static size_t
sized(char *ret, size_t line, size_t fields, size_t extra)
{
	size_t len = 0;

	len += (size_t)sprintf(ret, "GET /");
	while (len < line - strlen(" HTTP/1.1\r\n"))
		ret[len++] = 'a';
	len += (size_t)sprintf(ret + len, " HTTP/1.1\r\n" H);
	for (size_t i = 0; i < extra; i++)
		len += (size_t)sprintf(ret + len, "X:\r\n");
	if (fields > 0) {
		len += (size_t)sprintf(ret + len, "Y: ");
		while (len < line + fields - 4)
			ret[len++] = 'y';
		len += (size_t)sprintf(ret + len, "\r\n");
	}
	return len + (size_t)sprintf(ret + len, "\r\n");
}

static void
test_ceilings(void **state)
{
	static char data[HTTP_HEAD_MAX + 4096];
	struct http_head h;

	(void)state;
	assert_int_equal(parse_whole(&h, data, sized(data, HTTP_LINE_MAX, 0, 0)), HTTP_DONE);
	assert_int_equal(parse_whole(&h, data, sized(data, HTTP_LINE_MAX + 1, 0, 0)), HTTP_BAD);
	assert_int_equal(h.status, 400);
	assert_int_equal(parse_whole(&h, data, sized(data, 100, HTTP_FIELDS_MAX, 0)), HTTP_DONE);
	assert_int_equal(parse_whole(&h, data, sized(data, 100, HTTP_FIELDS_MAX + 1, 0)), HTTP_BAD);
	assert_int_equal(h.status, 431);
	assert_int_equal(parse_whole(&h, data, sized(data, 100, 0, HTTP_FIELD_COUNT_MAX - 1)), HTTP_DONE);
	assert_int_equal(parse_whole(&h, data, sized(data, 100, 0, HTTP_FIELD_COUNT_MAX)), HTTP_BAD);
	assert_int_equal(h.status, 431);
	/* Without any line end at all. */
	memset(data, 'A', sizeof(data));
	assert_int_equal(parse_whole(&h, data, HTTP_LINE_MAX), HTTP_MORE);
	assert_int_equal(parse_whole(&h, data, HTTP_LINE_MAX + 1), HTTP_BAD);
	assert_int_equal(h.status, 400);
}

/* Feeds data in pieces, moving the buffer each time, and compares with the whole at once. */
static void
compare_cut(struct rng *rng, const char *data, size_t len, size_t step_max)
{
	struct http_head whole, cut;
	enum http_verdict expected = parse_whole(&whole, data, len), v = HTTP_MORE;
	size_t have = 0;

	http_head_init(&cut);
	while (v == HTTP_MORE && have < len) {
		char *copy;

		have += 1 + rng_below(rng, step_max);
		have = have > len ? len : have;
		copy = malloc(have);
		assert_non_null(copy);
		memcpy(copy, data, have);
		v = http_head_parse(&cut, copy, have);
		free(copy);
	}
	assert_int_equal(v, expected);
	assert_int_equal(cut.status, whole.status);
	if (expected == HTTP_DONE) {
		assert_int_equal(cut.len, whole.len);
		assert_memory_equal(&cut.method, &whole.method, sizeof(cut.method));
		assert_memory_equal(&cut.path, &whole.path, sizeof(cut.path));
		assert_memory_equal(&cut.query, &whole.query, sizeof(cut.query));
		assert_int_equal(cut.content_length, whole.content_length);
		assert_int_equal(cut.close, whole.close);
	} else if (expected == HTTP_BAD) {
		assert_string_equal(cut.why, whole.why);
	}
}

static void
test_cuts(void **state)
{
	static char large[HTTP_HEAD_MAX + 4096];
	struct rng rng = test_rng("http_head cuts");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t step = 1; step < 40; step += 13)
			compare_cut(&rng, cases[i].head, strlen(cases[i].head), step);
	for (size_t over = 0; over < 2; over++) {
		compare_cut(&rng, large, sized(large, HTTP_LINE_MAX + over, 0, 0), 1000);
		compare_cut(&rng, large, sized(large, 200, HTTP_FIELDS_MAX + over, 0), 1000);
	}
}

static void
test_random_cuts(void **state)
{
	static const char *const pieces[] = { "GET ", "POST ", "/healthz", "?a=b", " HTTP/1.1", " HTTP/1.0", "\r\n", "\r\n", "\n",
		"\r", "Host: a", "Host:", "Content-Length: 5", "Transfer-Encoding: chunked", "Connection: close", "X: y", " ",
		"\t", ":", "\0", "\x80", "Expect: 100-continue" };
	struct rng rng = test_rng("http_head pieces");

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char data[600];
		size_t len = 0, count = 1 + rng_below(&rng, 12);

		if (rng_below(&rng, 2) == 0)
			len = (size_t)snprintf(data, sizeof(data), "POST /p HTTP/1.1\r\nHost: a\r\n");
		while (count-- > 0) {
			const char *piece = pieces[rng_below(&rng, sizeof(pieces) / sizeof(pieces[0]))];
			size_t n = piece[0] == '\0' ? 1 : strlen(piece);

			memcpy(data + len, piece, n);
			len += n;
		}
		compare_cut(&rng, data, len, 1 + rng_below(&rng, 30));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_small_facts),
		cmocka_unit_test(test_ceilings),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_random_cuts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
