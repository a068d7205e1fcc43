/*
 * The pure part of net/http_client.c: URLs, Retry-After, dates.
 */
#include "net/http_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/base/seed.h"

#define GRAPH "https://graph.microsoft.com"

static const struct {
	const char *why, *url, *base;
	int same;
} origins[] = {
	{ "itself", GRAPH, GRAPH, 1 },
	{ "with a path and a query", GRAPH "/v1.0/groups/delta?$skiptoken=a%20b", GRAPH "/v1.0", 1 },
	{ "host in another case", "https://Graph.Microsoft.COM/x", GRAPH, 1 },
	{ "scheme in another case", "HTTPS://graph.microsoft.com/x", GRAPH, 1 },
	{ "the default port, spelled out", "https://graph.microsoft.com:443/x", GRAPH, 1 },
	{ "the default port with zeros", "https://graph.microsoft.com:0443/x", GRAPH, 1 },
	{ "an at sign in the path", GRAPH "/users/a@b.example", GRAPH, 1 },
	{ "an at sign in the query", GRAPH "?a=@evil.example", GRAPH, 1 },
	{ "plain http to plain http", "http://127.0.0.1:8080/a", "http://127.0.0.1:8080", 1 },
	{ "a number spelled short, as curl would connect", "http://127.1:8080/a", "http://127.0.0.1:8080", 1 },
	{ "user part", "https://graph.microsoft.com@evil.example/", GRAPH, 0 },
	{ "user part of our host", "https://user@graph.microsoft.com/", GRAPH, 0 },
	{ "user and password", "https://a:b@graph.microsoft.com/", GRAPH, 0 },
	{ "an empty user part", "https://@graph.microsoft.com/", GRAPH, 0 },
	{ "another host", "https://evil.example/", GRAPH, 0 },
	{ "our host as a prefix", "https://graph.microsoft.com.evil.example/", GRAPH, 0 },
	{ "our host as a suffix", "https://evilgraph.microsoft.com/", GRAPH, 0 },
	{ "a trailing dot", "https://graph.microsoft.com./", GRAPH, 0 },
	{ "another port", "https://graph.microsoft.com:444/", GRAPH, 0 },
	{ "port beyond the range", "https://graph.microsoft.com:65979/", GRAPH, 0 },
	{ "no port behind the colon", "https://graph.microsoft.com:/", GRAPH, 1 },
	{ "port with a sign", "https://graph.microsoft.com:+443/", GRAPH, 0 },
	{ "less safe scheme", "http://graph.microsoft.com/", GRAPH, 0 },
	{ "less safe scheme on the https port", "http://graph.microsoft.com:443/", GRAPH, 0 },
	{ "foreign scheme", "ftp://graph.microsoft.com/", GRAPH, 0 },
	{ "no scheme", "graph.microsoft.com/", GRAPH, 0 },
	{ "relative to the scheme", "//graph.microsoft.com/", GRAPH, 0 },
	{ "a path only", "/v1.0/users", GRAPH, 0 },
	{ "three slashes", "https:///graph.microsoft.com/", GRAPH, 0 },
	{ "one slash", "https:/graph.microsoft.com/", GRAPH, 0 },
	{ "backslashes", "https:\\\\graph.microsoft.com\\", GRAPH, 0 },
	{ "backslash before the at sign", "https://evil.example\\@graph.microsoft.com/", GRAPH, 0 },
	{ "backslash in the path", GRAPH "\\x", GRAPH, 0 },
	{ "encoded dot", "https://graph%2emicrosoft.com/", GRAPH, 0 },
	{ "encoded slash in the host", "https://graph.microsoft.com%2f.evil.example/", GRAPH, 0 },
	{ "a space", "https://graph.microsoft.com /", GRAPH, 0 },
	{ "a leading space", " " GRAPH, GRAPH, 0 },
	{ "a line break", GRAPH "/\r\nHost: evil.example", GRAPH, 0 },
	{ "a tab in the host", "https://graph.micro\tsoft.com/", GRAPH, 0 },
	{ "a look-alike letter", "https://gr\xc3\xa4ph.microsoft.com/", GRAPH, 0 },
	{ "fragment in place of the path", "https://evil.example#graph.microsoft.com", GRAPH, 0 },
	{ "query in place of the path", "https://evil.example?graph.microsoft.com/", GRAPH, 0 },
	{ "empty", "", GRAPH, 0 },
	{ "empty base", GRAPH, "", 0 },
	{ "nothing behind the scheme", "https://", GRAPH, 0 },
	{ "only a port", "https://:443/", GRAPH, 0 },
};

static void
same_origin_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++)
		if (http_same_origin(origins[i].url, origins[i].base) != origins[i].same)
			fail_msg("%s: %s", origins[i].why, origins[i].url);
}

/* Whatever is put before, into or behind the host: either it stays this origin or it is refused. */
static void
same_origin_random(void **state)
{
	static const char *const bits[] = { "@", ":", "/", "\\", "?", "#", ".", "%40", "%2f", "evil.example",
		"graph.microsoft.com", "443", "[", "]", " ", "\t", "https://", "//", "a", "-", "\x01", "\xff" };
	struct rng rng = test_rng("same_origin_random");
	char url[512];

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		size_t len = (size_t)snprintf(url, sizeof(url), "https://");

		for (uint64_t n = rng_below(&rng, 8); n > 0; n--)
			len += (size_t)snprintf(
			    url + len, sizeof(url) - len, "%s", bits[rng_below(&rng, sizeof(bits) / sizeof(bits[0]))]);
		if (http_same_origin(url, GRAPH)) {
			static const char start[] = "https://graph.microsoft.com";

			assert_memory_equal(url, start, sizeof(start) - 1);
			assert_non_null(strchr(":/?#", url[sizeof(start) - 1]));
		}
	}
}

static const struct {
	const char *url;
	enum err err;
} checks[] = {
	{ "https://graph.microsoft.com/v1.0", ERR_OK },
	{ "https://app.example:8443", ERR_OK },
	{ "http://localhost:8787/x", ERR_OK },
	{ "http://LOCALHOST:8787/x", ERR_OK },
	{ "http://127.0.0.1/x", ERR_OK },
	{ "http://127.9.9.9/x", ERR_OK },
	{ "http://127.1/x", ERR_OK },
	{ "http://[::1]:80/x", ERR_OK },
	{ "http://app.example/x", ERR_INVALID },
	{ "http://localhost.evil.example/x", ERR_INVALID },
	{ "http://127.0.0.1.evil.example/x", ERR_INVALID },
	{ "http://128.0.0.1/x", ERR_INVALID },
	{ "http://[::2]/x", ERR_INVALID },
	{ "http://[::ffff:127.0.0.1]/x", ERR_INVALID },
	{ "http://0/x", ERR_INVALID },
	{ "https://user@app.example/", ERR_INVALID },
	{ "https://app.example/#part", ERR_INVALID },
	{ "https://app.example/a b", ERR_INVALID },
	{ "file:///etc/passwd", ERR_INVALID },
	{ "https://", ERR_INVALID },
	{ "", ERR_INVALID },
};

static void
url_check_table(void **state)
{
	char why[128];

	(void)state;
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		if (http_url_check(checks[i].url, why, sizeof(why)) != checks[i].err)
			fail_msg("%s: %s", checks[i].url, why);
		assert_int_equal(why[0] == '\0', checks[i].err == ERR_OK);
	}
}

/* 1 November 1994, 08:49:37 UTC, in the three forms of RFC 9110. */
#define DATE_MS INT64_C(783679777000)

static const struct {
	const char *value;
	int64_t wait_ms;
} waits[] = {
	{ "0", 0 },
	{ "7", 7000 },
	{ "007", 7000 },
	{ "2592000", INT64_C(2592000000) },
	{ "2592001", INT64_C(2592000000) },
	{ "99999999999999999999999999", INT64_C(2592000000) },
	{ "Tue, 01 Nov 1994 08:49:37 GMT", 60000 },
	{ "Tuesday, 01-Nov-94 08:49:37 GMT", 60000 },
	{ "Tue Nov  1 08:49:37 1994", 60000 },
	{ "Tue, 01 Nov 1994 08:48:00 GMT", 0 },
	{ "Tue, 01 Nov 2095 08:48:00 GMT", INT64_C(2592000000) },
	{ "", -1 },
	{ "-5", -1 },
	{ "+5", -1 },
	{ "5.5", -1 },
	{ "5 seconds", -1 },
	{ "0x10", -1 },
	{ "soon", -1 },
	{ "Tue, 99 Nov 1994 08:49:37 GMT", -1 },
};

static void
retry_after_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		struct http_header h = { "retry-AFTER", waits[i].value };
		struct http_answer a = { .headers = &h, .header_count = 1 };

		if (http_answer_retry_after_ms(&a, DATE_MS - 60000) != waits[i].wait_ms)
			fail_msg("%s: %lld", waits[i].value, (long long)http_answer_retry_after_ms(&a, DATE_MS - 60000));
	}
	assert_int_equal(http_answer_retry_after_ms(&(struct http_answer){ 0 }, 0), -1);
}

static void
date_is_read(void **state)
{
	struct http_header h = { "date", "Tue, 01 Nov 1994 08:49:37 GMT" };
	struct http_answer a = { .headers = &h, .header_count = 1 };

	(void)state;
	assert_int_equal(http_answer_date_ms(&a), DATE_MS);
	h.value = "Tue, 01 Nov 1994 00:00:00 GMT";
	assert_int_equal(http_answer_date_ms(&a), DATE_MS - 31777000);
	h.value = "Tue, 01 Nov 1994 23:59:59 GMT";
	assert_int_equal(http_answer_date_ms(&a), DATE_MS + 54622000);
	h.value = "Wed, 02 Nov 1994 00:00:00 GMT";
	assert_int_equal(http_answer_date_ms(&a), DATE_MS + 54623000);
	h.value = "Wed, 02 Nov 1994 00:00:61 GMT";
	assert_int_equal(http_answer_date_ms(&a), 0);
	h.value = "Tuesday, 01-Nov-94 08:49:37 GMT";
	assert_int_equal(http_answer_date_ms(&a), DATE_MS);
	h.value = "20040911";
	assert_int_equal(http_answer_date_ms(&a), 0);
	h.value = "never";
	assert_int_equal(http_answer_date_ms(&a), 0);
	a.header_count = 0;
	assert_int_equal(http_answer_date_ms(&a), 0);
}

static void
first_header_wins_in_any_case(void **state)
{
	const struct http_header list[] = { { "A", "1" }, { "b", "2" }, { "a", "3" } };
	struct http_answer a = { .headers = list, .header_count = 3 };

	(void)state;
	assert_string_equal(http_answer_header(&a, "a"), "1");
	assert_string_equal(http_answer_header(&a, "B"), "2");
	assert_null(http_answer_header(&a, "c"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_origin_table),
		cmocka_unit_test(same_origin_random),
		cmocka_unit_test(url_check_table),
		cmocka_unit_test(retry_after_table),
		cmocka_unit_test(date_is_read),
		cmocka_unit_test(first_header_wins_in_any_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
