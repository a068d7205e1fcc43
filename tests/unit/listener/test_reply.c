#include "listener/reply.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* 2026-11-22 08:05:09 UTC, a Sunday. */
#define WALL_MS 1795334709123

static char text[REPLY_MAX + 1];

static const char *
format(const struct reply *reply)
{
	size_t len = reply_format(reply, WALL_MS, text);

	assert_true(len <= REPLY_MAX);
	text[len] = '\0';
	return text;
}

static const char *
body_of(const char *answer)
{
	const char *end = strstr(answer, "\r\n\r\n"), *length = strstr(answer, "Content-Length: ");

	assert_true(end != NULL && length != NULL && length < end);
	assert_int_equal(strtoul(length + 16, NULL, 10), strlen(end + 4));
	return end + 4;
}

static void
test_accepted(void **state)
{
	(void)state;
	assert_string_equal(format(&(struct reply){ .status = 202 }),
	    "HTTP/1.1 202 Accepted\r\nDate: Sun, 22 Nov 2026 08:05:09 GMT\r\nContent-Length: 0\r\n\r\n");
	assert_non_null(strstr(format(&(struct reply){ .status = 202, .close = true }), "\r\nConnection: close\r\n"));
}

static void
test_token(void **state)
{
	static char longest[VALIDATION_TOKEN_MAX + 1];
	const char *answer = format(&(struct reply){ .status = 200, .token = "a b", .token_len = 3 });

	(void)state;
	assert_string_equal(body_of(answer), "a b");
	assert_non_null(strstr(answer, "\r\nContent-Type: text/plain; charset=utf-8\r\n"));
	assert_non_null(strstr(answer, "\r\nX-Content-Type-Options: nosniff\r\n"));
	memset(longest, 'x', VALIDATION_TOKEN_MAX);
	answer = format(&(struct reply){ .status = 200, .token = longest, .token_len = VALIDATION_TOKEN_MAX, .close = true });
	assert_string_equal(body_of(answer), longest);
}

static void
test_errors(void **state)
{
	static const int statuses[] = { 400, 404, 405, 411, 413, 415, 417, 431, 503, 505 };

	(void)state;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		const char *answer =
		    format(&(struct reply){ .status = statuses[i], .detail = "in words", .allow = "GET, HEAD", .close = true });
		json_t *problem = json_loads(body_of(answer), 0, NULL);

		assert_int_equal(json_integer_value(json_object_get(problem, "status")), statuses[i]);
		assert_string_equal(json_string_value(json_object_get(problem, "detail")), "in words");
		assert_non_null(strstr(answer, "\r\nContent-Type: application/problem+json\r\n"));
		assert_non_null(strstr(answer, "\r\nAllow: GET, HEAD\r\n"));
		assert_int_equal(strstr(answer, "\r\nRetry-After: ") != NULL, statuses[i] == 503);
		json_decref(problem);
	}
}

static void
test_head(void **state)
{
	const char *answer = format(&(struct reply){ .status = 200, .no_body = true });

	(void)state;
	assert_non_null(strstr(answer, "Content-Length: 3\r\n\r\n"));
	assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_head),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
