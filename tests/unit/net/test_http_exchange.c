/*
 * What all exchanges share, seen through one made in process: targets, parameters, headers.
 */
#include "net/http_exchange.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/encode.h"
#include "base/text.h"
#include "net/http_fake.h"
#include "unit/base/seed.h"

static void
ignore(void *arg, const struct http_answer *answer)
{
	(void)arg;
	(void)answer;
}

static struct http_exchange *
get(const char *target)
{
	struct http_exchange *x = http_exchange_new_fake("GET", target, NULL, NULL, 0, ignore, NULL);

	assert_non_null(x);
	return x;
}

static const struct {
	const char *target, *path, *query;
} targets[] = {
	{ "/", "/", "" },
	{ "/a%20b", "/a%20b", "" },
	{ "/a?", "/a", "" },
	{ "/a?b=c", "/a", "b=c" },
	{ "/a?b=c?d", "/a", "b=c?d" },
};

static void
targets_are_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		struct http_exchange *x = get(targets[i].target);

		assert_string_equal(http_exchange_path(x), targets[i].path);
		assert_string_equal(http_exchange_query(x), targets[i].query);
		assert_string_equal(http_exchange_method(x), "GET");
		http_reply(x, 200, NULL, NULL, 0, NULL);
	}
}

static const struct {
	const char *query, *value; /* of the parameter "a" */
	enum err err;
} params[] = {
	{ "a=b", "b", ERR_OK },
	{ "x=y&a=b&z", "b", ERR_OK },
	{ "a=", "", ERR_OK },
	{ "a", "", ERR_OK },
	{ "&&a=b&", "b", ERR_OK },
	{ "a=b=c", "b=c", ERR_OK },
	{ "a=b+c%20d", "b c d", ERR_OK },
	{ "%61=b", "b", ERR_OK },
	{ "a=%c3%a4", "\xc3\xa4", ERR_OK },
	{ "%24top=5", NULL, ERR_OK },
	{ "A=b", NULL, ERR_OK },
	{ "aa=b", NULL, ERR_OK },
	{ "", NULL, ERR_OK },
	{ "a=1&a=2", NULL, ERR_MALFORMED },
	{ "a=1&%61=1", NULL, ERR_MALFORMED },
	{ "a=%", NULL, ERR_MALFORMED },
	{ "a=%4", NULL, ERR_MALFORMED },
	{ "a=%zz", NULL, ERR_MALFORMED },
	{ "a=x%00y", NULL, ERR_MALFORMED },
	{ "a=%ff", NULL, ERR_MALFORMED },
	{ "%=x&a=b", NULL, ERR_MALFORMED },
};

static void
params_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
		char target[64], *value;
		struct http_exchange *x;
		enum err e = ERR_IO;

		snprintf(target, sizeof(target), "/?%s", params[i].query);
		x = get(target);
		value = http_exchange_param(x, "a", &e);
		if (e != params[i].err || (value == NULL) != (params[i].value == NULL) ||
		    (value != NULL && strcmp(value, params[i].value) != 0))
			fail_msg("%s: %s, %s", params[i].query, err_name(e), value);
		free(value);
		http_reply(x, 200, NULL, NULL, 0, NULL);
	}
}

static void
long_queries_are_malformed(void **state)
{
	struct text t;
	struct http_exchange *x;
	enum err e;

	(void)state;
	text_init(&t, 20000);
	text_addf(&t, "/?a=%09000d", 0);
	x = get(t.data);
	assert_null(http_exchange_param(x, "a", &e));
	assert_int_equal(e, ERR_MALFORMED);
	http_reply(x, 200, NULL, NULL, 0, NULL);
	text_done(&t);
}

/* What an encoder writes, the parameter gives back. */
static void
params_random(void **state)
{
	struct rng rng = test_rng("params_random");

	(void)state;
	for (unsigned round = 0; round < 2000; round++) {
		char value[33], *got;
		struct http_exchange *x;
		struct text t;
		enum err e;
		size_t len = rng_below(&rng, sizeof(value));

		for (size_t i = 0; i < len; i++)
			value[i] = (char)(1 + rng_below(&rng, 127));
		value[len] = '\0';
		text_init(&t, 1000);
		text_adds(&t, "/p?first=1&v=");
		percent_encode(&t, value);
		text_adds(&t, "&last");
		x = get(t.data);
		got = http_exchange_param(x, "v", &e);
		assert_int_equal(e, ERR_OK);
		assert_string_equal(got, value);
		free(got);
		text_done(&t);
		http_reply(x, 200, NULL, NULL, 0, NULL);
	}
}

static const struct {
	const char *line;
	bool good;
	const char *value;
} headers[] = {
	{ "A: b", true, "b" },
	{ "A:b", true, "b" },
	{ "A: \t b", true, "b" },
	{ "A:", true, "" },
	{ "X-Long-Name!#$%&'*+-.^_`|~: b: c", true, "b: c" },
	{ "A", false, NULL },
	{ ": b", false, NULL },
	{ "A : b", false, NULL },
	{ "A\n: b", false, NULL },
	{ "A: b\r\nC: d", false, NULL },
	{ "A: b\n", false, NULL },
	{ "A: \x01", false, NULL },
	{ "A: \x7f", false, NULL },
	{ "\xc3\xa4: b", false, NULL },
	{ "A: \xc3\xa4", true, "\xc3\xa4" },
};

static void
header_lines(void **state)
{
	char name[32];
	const char *value;

	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		if (header_split(headers[i].line, name, sizeof(name), &value) != headers[i].good)
			fail_msg("%s", headers[i].line);
		if (headers[i].good)
			assert_string_equal(value, headers[i].value);
	}
	assert_false(header_split("A-name-that-is-longer-than-the-room-for-it: b", name, sizeof(name), &value));
}

static void
phrases_and_methods(void **state)
{
	(void)state;
	assert_string_equal(http_reason(429), "Too Many Requests");
	assert_string_equal(http_reason(299), "Unnamed");
	assert_string_equal(http_method_known("PATCH"), "PATCH");
	assert_null(http_method_known("patch"));
	assert_null(http_method_known("TRACE"));
	assert_null(http_method_known(""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets_are_split),
		cmocka_unit_test(params_table),
		cmocka_unit_test(long_queries_are_malformed),
		cmocka_unit_test(params_random),
		cmocka_unit_test(header_lines),
		cmocka_unit_test(phrases_and_methods),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
