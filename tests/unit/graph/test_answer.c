#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "graph/answer.h"
#include "unit/base/seed.h"

#define ID "9b6f7c2e-0000-4000-8000-00000000abcd"

static void
bodies_and_statuses(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum err err;
		const char *code, *inner;
	} cases[] = {
		{ 200, "{}", ERR_OK, "", "" },
		{ 204, "", ERR_OK, "", "" },
		{ 400, "{\"error\":{\"code\":\"BadRequest\",\"message\":\"m\"}}", ERR_INVALID, "BadRequest", "BadRequest" },
		{ 401, "{\"error\":{\"code\":\"InvalidAuthenticationToken\"}}", ERR_UNAUTHORIZED, "InvalidAuthenticationToken",
		    "InvalidAuthenticationToken" },
		{ 403, "{\"error\":{\"code\":\"Forbidden\",\"message\":\"Insufficient privileges\"}}", ERR_FORBIDDEN, "Forbidden",
		    "Forbidden" },
		{ 403, "{\"error\":{\"code\":\"ExtensionError\",\"message\":\"the subscription quota is reached\"}}", ERR_FULL,
		    "ExtensionError", "ExtensionError" },
		{ 403, "{\"error\":{\"code\":\"ErrorAccessDenied\",\"message\":\"Access to OData is disabled.\"}}", ERR_FORBIDDEN,
		    "ErrorAccessDenied", "ErrorAccessDenied" },
		{ 404, "{\"error\":{\"code\":\"NotFound\",\"innerError\":{\"code\":\"Inner\",\"request-id\":\"r1\"}}}",
		    ERR_NOTFOUND, "NotFound", "Inner" },
		{ 404, "{\"error\":{\"code\":\"A\",\"innererror\":{\"code\":\"\",\"innerError\":{\"code\":\"C\"}}}}",
		    ERR_NOTFOUND, "A", "C" },
		{ 404, "<html>", ERR_NOTFOUND, "", "" },
		{ 409, "{\"error\":{\"code\":\"Conflict\"}}", ERR_CONFLICT, "Conflict", "Conflict" },
		{ 400, "{\"error\":{\"code\":\"ErrorDuplicateTransactionId\"}}", ERR_EXISTS, "ErrorDuplicateTransactionId",
		    "ErrorDuplicateTransactionId" },
		{ 410, "{}", ERR_GONE, "", "" },
		{ 400, "{\"error\":{\"code\":\"SyncStateNotFound\"}}", ERR_GONE, "SyncStateNotFound", "SyncStateNotFound" },
		{ 412, "{}", ERR_CONFLICT, "", "" },
		{ 429, "{}", ERR_THROTTLED, "", "" },
		{ 503, "{\"error\":{\"code\":\"x\",\"innerError\":{\"code\":\"activityLimitReached\"}}}", ERR_THROTTLED, "x",
		    "activityLimitReached" },
		{ 500, "{\"error\":\"text\"}", ERR_REMOTE, "", "" },
		{ 501, "[]", ERR_UNSUPPORTED, "", "" },
		{ 302, "{\"error\":{\"code\":7}}", ERR_UNEXPECTED, "", "" },
		{ 418, "{\"error\":{\"code\":null,\"innerError\":[]}}", ERR_INVALID, "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char detail[DETAIL_SIZE];
		struct graph_error error;
		json_t *json = NULL;
		enum err e;

		(void)jx_parse(cases[i].body, strlen(cases[i].body), &json, NULL, 0);
		graph_error_read(json, &error);
		e = graph_error_judge(cases[i].status, &error);
		if (e != cases[i].err)
			print_error("%d %s: %s\n", cases[i].status, cases[i].body, err_name(e));
		assert_int_equal(e, cases[i].err);
		assert_string_equal(error.code, cases[i].code);
		assert_string_equal(error.inner_code, cases[i].inner);
		graph_error_detail(cases[i].status, e, &error, detail, sizeof(detail));
		assert_int_equal(detail[0] == '\0', e == ERR_OK);
		json_decref(json);
	}
}

static void
existing_subscriptions_are_named(void **state)
{
	static const struct {
		int status;
		const char *message;
		bool found;
	} cases[] = {
		{ 409, "Subscription Id " ID " already exists for the requested combination", true },
		{ 409, "subscription id: '" ID "' already exists", true },
		{ 409, "Subscription Id 9B6F7C2E-0000-4000-8000-00000000ABCD already exists", true },
		{ 400, "Subscription Id " ID " already exists", false },
		{ 409, "Subscription Id 9b6f7c2e-0000 already exists", false },
		{ 409, "Subscription Id is missing", false },
		{ 409, "Subscription Id ", false },
		{ 409, "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct graph_error error = { .message = cases[i].message };
		char id[GRAPH_ID_SIZE];

		assert_int_equal(graph_error_existing_subscription(cases[i].status, &error, id, sizeof(id)), cases[i].found);
		assert_string_equal(id, cases[i].found ? ID : "");
	}
}

/* Depth, length and types of others' making. */
static void
hostile_bodies_are_bounded(void **state)
{
	struct rng rng = test_rng("answer");
	json_t *deep = json_object(), *root;
	struct graph_error error;
	char code[300];

	(void)state;
	memset(code, 'x', sizeof(code) - 1);
	code[sizeof(code) - 1] = '\0';
	for (int i = 0; i < 1000; i++)
		deep =
		    json_pack("{s:s, s:o}", "code", i % 2 ? code : "y", rng_below(&rng, 2) ? "innerError" : "innererror", deep);
	root = json_pack("{s:o}", "error", deep);
	graph_error_read(root, &error);
	assert_int_equal(strlen(error.code), GRAPH_CODE_SIZE - 1);
	assert_in_range(strlen(error.inner_code), 1, GRAPH_CODE_SIZE - 1);
	json_decref(root);
}

/* However long the reason is, it ends with when. */
static void
the_next_try_is_told(void **state)
{
	char a[DETAIL_SIZE] = "Graph failed. (HTTP 503)", detail[DETAIL_SIZE];

	(void)state;
	graph_detail_again(a, 1795000000001, false, detail);
	assert_string_equal(detail, "Graph failed. (HTTP 503) It is tried again at 2026-11-18T11:06:41Z.");
	memset(a, 'x', sizeof(a) - 1);
	graph_detail_again(a, 1795000000000, true, detail);
	assert_in_range(strlen(detail), DETAIL_SIZE - 50, DETAIL_SIZE - 1);
	assert_non_null(strstr(detail, "x It is tried again at 2026-11-18T11:06:40Z, unless it turns out that it was done."));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_and_statuses),
		cmocka_unit_test(existing_subscriptions_are_named),
		cmocka_unit_test(hostile_bodies_are_bounded),
		cmocka_unit_test(the_next_try_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
