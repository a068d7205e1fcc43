#include "listener/validation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *query;
	enum err err;
	const char *token;
} cases[] = {
	{ "", ERR_NOTFOUND, NULL },
	{ "t=1", ERR_NOTFOUND, NULL },
	{ "validationtoken=x", ERR_NOTFOUND, NULL },
	{ "xvalidationToken=x", ERR_NOTFOUND, NULL },
	{ "validationToken=x", ERR_OK, "x" },
	{ "t=1&validationToken=x&u=2", ERR_OK, "x" },
	{ "&&validationToken=x&&", ERR_OK, "x" },
	{ "bad=%zz&validationToken=x", ERR_OK, "x" },
	{ "validationToken=Validation%3a+Testing%20client+Request-Id%3A+1-2", ERR_OK,
	    "Validation: Testing client Request-Id: 1-2" },
	{ "validationToken=a%2Bb%26c%3Dd", ERR_OK, "a+b&c=d" },
	{ "validationToken=a=b==", ERR_OK, "a=b==" },
	{ "validationToken=%c3%a9%E2%82%AC", ERR_OK, "\xc3\xa9\xe2\x82\xac" },
	{ "validationToken=%3Cscript%3Ealert(1)%3C%2Fscript%3E", ERR_OK, "<script>alert(1)</script>" },
	{ "validation%54oken=x", ERR_OK, "x" },
	{ "validationToken=x&validation%54oken=x", ERR_INVALID, NULL },
	{ "validationToken=x&validationToken=x", ERR_INVALID, NULL },
	{ "validationToken", ERR_INVALID, NULL },
	{ "validationToken=", ERR_INVALID, NULL },
	{ "validationToken=a%0d%0aSet-Cookie:x", ERR_INVALID, NULL },
	{ "validationToken=a%00b", ERR_INVALID, NULL },
	{ "validationToken=a%09b", ERR_INVALID, NULL },
	{ "validationToken=a%7f", ERR_INVALID, NULL },
	{ "validationToken=a%c2%85", ERR_INVALID, NULL },
	{ "validationToken=a%1b[31m", ERR_INVALID, NULL },
	{ "validationToken=%ff", ERR_INVALID, NULL },
	{ "validationToken=%c0%80", ERR_INVALID, NULL },
	{ "validationToken=%", ERR_INVALID, NULL },
	{ "validationToken=%4", ERR_INVALID, NULL },
	{ "validationToken=%4g", ERR_INVALID, NULL },
};

static void
test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char token[VALIDATION_TOKEN_MAX];
		size_t len = 0;

		if (validation_token(cases[i].query, strlen(cases[i].query), token, &len) != cases[i].err)
			fail_msg("%s", cases[i].query);
		if (cases[i].err != ERR_OK)
			continue;
		assert_int_equal(len, strlen(cases[i].token));
		assert_memory_equal(token, cases[i].token, len);
	}
}

static void
test_length(void **state)
{
	static char query[64 + 3 * (VALIDATION_TOKEN_MAX + 1)];

	(void)state;
	for (int encoded = 0; encoded < 2; encoded++) {
		for (size_t count = VALIDATION_TOKEN_MAX; count <= VALIDATION_TOKEN_MAX + 1; count++) {
			char token[VALIDATION_TOKEN_MAX];
			size_t at = (size_t)sprintf(query, "validationToken="), len = 0;

			for (size_t i = 0; i < count; i++)
				at += (size_t)sprintf(query + at, encoded ? "%%61" : "a");
			assert_int_equal(
			    validation_token(query, at, token, &len), count <= VALIDATION_TOKEN_MAX ? ERR_OK : ERR_TOOBIG);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
