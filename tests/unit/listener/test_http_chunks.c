/* Bodies in chunks: tables of good and bad ones, every cut of them, random ones. */
#include "listener/http_chunks.h"

#include <stdlib.h>
#include <string.h>

#include "unit/base/check.h"
#include "unit/base/seed.h"

#define BODY_MAX 64

static const struct {
	const char *why, *sent;
	enum http_verdict verdict;
	const char *body; /* after HTTP_DONE */
	int status;       /* after HTTP_BAD */
} cases[] = {
	{ "empty", "0\r\n\r\n", HTTP_DONE, "", 0 },
	{ "one", "5\r\nhello\r\n0\r\n\r\n", HTTP_DONE, "hello", 0 },
	{ "several", "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", HTTP_DONE, "hello", 0 },
	{ "either case, zeros in front", "000a\r\n0123456789\r\n0A\r\nabcdefghij\r\n00\r\n\r\n", HTTP_DONE,
	    "0123456789abcdefghij", 0 },
	{ "data like framing", "7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", HTTP_DONE, "\r\n0\r\n\r\n", 0 },
	{ "all that fits", "40\r\n0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n0\r\n\r\n", HTTP_DONE,
	    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", 0 },
	{ "nothing yet", "", HTTP_MORE, NULL, 0 },
	{ "cut in the size", "5", HTTP_MORE, NULL, 0 },
	{ "cut in the data", "5\r\nhel", HTTP_MORE, NULL, 0 },
	{ "cut before the end", "5\r\nhello\r\n0\r\n\r", HTTP_MORE, NULL, 0 },
	{ "too much in one", "41\r\n", HTTP_BAD, NULL, 413 },
	{ "too much in two", "3f\r\n0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\r\n2\r\n", HTTP_BAD, NULL,
	    413 },
	{ "far too much", "ffffffff\r\n", HTTP_BAD, NULL, 413 },
	{ "nine digits", "000000005\r\n", HTTP_BAD, NULL, 400 },
	{ "no size", "\r\nabc\r\n", HTTP_BAD, NULL, 400 },
	{ "plus", "+3\r\nabc\r\n", HTTP_BAD, NULL, 400 },
	{ "minus", "-3\r\nabc\r\n", HTTP_BAD, NULL, 400 },
	{ "0x", "0x3\r\nabc\r\n", HTTP_BAD, NULL, 400 },
	{ "space before", " 3\r\nabc\r\n", HTTP_BAD, NULL, 400 },
	{ "space behind", "3 \r\nabc\r\n", HTTP_BAD, NULL, 400 },
	{ "extension", "3;a=b\r\nabc\r\n", HTTP_BAD, NULL, 400 },
	{ "LF alone", "3\nabc\n0\n\n", HTTP_BAD, NULL, 400 },
	{ "CR alone", "3\rabc\r", HTTP_BAD, NULL, 400 },
	{ "data longer than said", "3\r\nabcd\r\n", HTTP_BAD, NULL, 400 },
	{ "data shorter than said", "4\r\nabc\r\n0\r\n\r\n", HTTP_BAD, NULL, 400 },
	{ "trailer", "0\r\nA: b\r\n\r\n", HTTP_BAD, NULL, 400 },
	{ "end without LF", "0\r\n\rx", HTTP_BAD, NULL, 400 },
};

/* What is sent comes in two pieces, and something else follows it. */
static enum http_verdict
join_cut(struct http_chunks *k, const char *sent, size_t cut, char ret[1024])
{
	static const char next[] = "GET / HTTP/1.1\r\n";
	size_t len = strlen(sent);
	enum http_verdict v;

	http_chunks_init(k);
	memcpy(ret, sent, cut);
	v = http_chunks_join(k, ret, cut, BODY_MAX);
	if (v != HTTP_MORE)
		return v;
	memcpy(ret + cut, sent + cut, len - cut);
	v = http_chunks_join(k, ret, len, BODY_MAX);
	if (v != HTTP_DONE)
		return v;
	http_chunks_init(k);
	memcpy(ret, sent, len);
	memcpy(ret + len, next, sizeof(next));
	v = http_chunks_join(k, ret, len + sizeof(next), BODY_MAX);
	assert_int_equal(k->read, len); /* and not a byte of what follows */
	return v;
}

static void
good_and_bad_ones(void **state)
{
	char buffer[1024];
	struct http_chunks k;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		for (size_t cut = 0; cut <= strlen(cases[i].sent); cut++) {
			enum http_verdict v = join_cut(&k, cases[i].sent, cut, buffer);

			if (v != cases[i].verdict || (v == HTTP_BAD && k.status != cases[i].status))
				fail_msg("%s, cut at %zu: %d, status %d", cases[i].why, cut, v, k.status);
			if (v != HTTP_DONE)
				continue;
			assert_int_equal(k.joined, strlen(cases[i].body));
			assert_memory_equal(buffer, cases[i].body, k.joined);
		}
	}
}

static void
many_small_chunks_are_bounded(void **state)
{
	static const char one[] = "1\r\nx\r\n";
	size_t n = 3 * HTTP_CHUNKS_OVERHEAD_MAX / (sizeof(one) - 1), len = n * (sizeof(one) - 1);
	char *data = malloc(len);
	struct http_chunks k;

	(void)state;
	for (size_t i = 0; i < n; i++)
		memcpy(data + i * (sizeof(one) - 1), one, sizeof(one) - 1);
	http_chunks_init(&k);
	assert_int_equal(http_chunks_join(&k, data, len, len), HTTP_BAD);
	assert_int_equal(k.status, 413);
	assert_true(k.read <= k.joined + HTTP_CHUNKS_OVERHEAD_MAX);
	free(data);
}

/* A random body in random chunks, given in random pieces, comes out as it was. */
static void
random_bodies(void **state)
{
	struct rng rng = test_rng("http_chunks");
	char body[BODY_MAX], sent[1024];
	struct http_chunks k;

	(void)state;
	for (int round = 0; round < 5000; round++) {
		size_t len = (size_t)rng_below(&rng, BODY_MAX + 1), done = 0, at = 0, given = 0;
		enum http_verdict v = HTTP_MORE;

		for (size_t i = 0; i < len; i++)
			body[i] = (char)rng_below(&rng, 256);
		while (done < len) {
			size_t n = 1 + (size_t)rng_below(&rng, len - done);

			at += (size_t)snprintf(sent + at, sizeof(sent) - at, rng_below(&rng, 2) ? "%zx\r\n" : "%zX\r\n", n);
			memcpy(sent + at, body + done, n);
			at += n;
			memcpy(sent + at, "\r\n", 2);
			at += 2;
			done += n;
		}
		memcpy(sent + at, "0\r\n\r\n", 5);
		at += 5;
		http_chunks_init(&k);
		while (v == HTTP_MORE && given < at) {
			given += 1 + (size_t)rng_below(&rng, at - given);
			v = http_chunks_join(&k, sent, given, BODY_MAX);
		}
		assert_int_equal(v, HTTP_DONE);
		assert_int_equal(k.read, at);
		assert_int_equal(k.joined, len);
		assert_memory_equal(sent, body, len);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_and_bad_ones),
		cmocka_unit_test(many_small_chunks_are_bounded),
		cmocka_unit_test(random_bodies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
