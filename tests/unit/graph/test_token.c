#include "unit/graph/fake.h"

#include "base/json.h"
#include "graph/token.h"

static void
answers_of_the_login_service(void **state)
{
	static const struct {
		const char *why;
		enum err transport;
		int status;
		const char *body;
		enum err err;
		bool passing;
		enum tenant_state state;
		int64_t aadsts;
	} cases[] = {
		{ "good", ERR_OK, 200, "{\"token_type\":\"Bearer\",\"expires_in\":3599,\"access_token\":\"abc\"}", ERR_OK, false,
		    TENANT_ACTIVE, 0 },
		{ "lower case", ERR_OK, 200, "{\"token_type\":\"bearer\",\"expires_in\":3599,\"access_token\":\"abc\",\"x\":1}",
		    ERR_OK, false, TENANT_ACTIVE, 0 },
		{ "no token", ERR_OK, 200, "{\"token_type\":\"Bearer\",\"expires_in\":3599}", ERR_UNEXPECTED, true,
		    TENANT_UNREACHABLE, 0 },
		{ "no life", ERR_OK, 200, "{\"token_type\":\"Bearer\",\"access_token\":\"abc\"}", ERR_UNEXPECTED, true,
		    TENANT_UNREACHABLE, 0 },
		{ "a token with a line end", ERR_OK, 200,
		    "{\"token_type\":\"Bearer\",\"expires_in\":1,\"access_token\":\"a\\r\\nX: y\"}", ERR_UNEXPECTED, true,
		    TENANT_UNREACHABLE, 0 },
		{ "another scheme", ERR_OK, 200, "{\"token_type\":\"mac\",\"expires_in\":1,\"access_token\":\"a\"}",
		    ERR_UNEXPECTED, true, TENANT_UNREACHABLE, 0 },
		{ "not JSON", ERR_OK, 200, "<html>", ERR_UNEXPECTED, true, TENANT_UNREACHABLE, 0 },
		{ "wrong secret", ERR_OK, 401, "{\"error\":\"invalid_client\",\"error_codes\":[7000215]}", ERR_UNAUTHORIZED,
		    false, TENANT_UNREACHABLE, 7000215 },
		{ "expired secret", ERR_OK, 401, "{\"error\":\"invalid_client\",\"error_codes\":[7000222]}", ERR_UNAUTHORIZED,
		    false, TENANT_UNREACHABLE, 7000222 },
		{ "not installed", ERR_OK, 400, "{\"error\":\"unauthorized_client\",\"error_codes\":[700016]}", ERR_FORBIDDEN,
		    false, TENANT_CONSENT_MISSING, 700016 },
		{ "the known one of several", ERR_OK, 400, "{\"error\":\"x\",\"error_codes\":[1,\"65001\",65001]}", ERR_FORBIDDEN,
		    false, TENANT_CONSENT_MISSING, 65001 },
		{ "no such tenant", ERR_OK, 400, "{\"error\":\"invalid_request\",\"error_codes\":[90002]}", ERR_INVALID, false,
		    TENANT_UNREACHABLE, 90002 },
		{ "conditional access", ERR_OK, 400, "{\"error\":\"invalid_grant\",\"error_codes\":[53003]}", ERR_FORBIDDEN,
		    false, TENANT_UNREACHABLE, 53003 },
		{ "a word only", ERR_OK, 400, "{\"error\":\"consent_required\"}", ERR_FORBIDDEN, false, TENANT_CONSENT_MISSING,
		    0 },
		{ "a passing word", ERR_OK, 400, "{\"error\":\"temporarily_unavailable\"}", ERR_REMOTE, true, TENANT_UNREACHABLE,
		    0 },
		{ "an unknown number", ERR_OK, 400, "{\"error\":\"invalid_client\",\"error_codes\":[123]}", ERR_UNAUTHORIZED,
		    false, TENANT_UNREACHABLE, 123 },
		{ "nothing known", ERR_OK, 400, "{}", ERR_UNEXPECTED, false, TENANT_UNREACHABLE, 0 },
		{ "throttled", ERR_OK, 429, "{}", ERR_THROTTLED, true, TENANT_UNREACHABLE, 0 },
		{ "down", ERR_OK, 503, "{\"error\":\"invalid_client\",\"error_codes\":[7000215]}", ERR_REMOTE, true,
		    TENANT_UNREACHABLE, 7000215 },
		{ "no answer", ERR_TIMEOUT, 0, "", ERR_TIMEOUT, true, TENANT_UNREACHABLE, 0 },
		{ "no route", ERR_UNREACHABLE, 0, "", ERR_UNREACHABLE, true, TENANT_UNREACHABLE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct graph_token_verdict v;
		json_t *json = NULL;

		(void)jx_parse(cases[i].body, strlen(cases[i].body), &json, NULL, 0);
		graph_token_judge(cases[i].transport, cases[i].status, json, &v);
		if (v.err != cases[i].err)
			print_error("%s: %s\n", cases[i].why, err_name(v.err));
		assert_int_equal(v.err, cases[i].err);
		assert_int_equal(v.state, cases[i].state);
		assert_int_equal(v.aadsts, cases[i].aadsts);
		assert_int_equal(v.detail[0] == '\0', v.err == ERR_OK);
		assert_int_equal(v.token != NULL, v.err == ERR_OK);
		if (v.err != ERR_OK)
			assert_int_equal(v.passing, cases[i].passing);
		json_decref(json);
	}
}

/* The first two sign-ins fail in passing; the third works. */
static void
script_shaky(struct fake *f, const struct fake_seen *seen, struct fake_reply *reply)
{
	if (fake_is_token(seen) && f->tokens < 3)
		reply->status = 503;
}

static void
passing_failures_are_tried_again(void **state)
{
	struct graph_request r = request_get(TENANT_A, "/x");
	struct kept k = { 0 };
	struct fake f;

	(void)state;
	fake_init(&f, script_shaky);
	assert_non_null(graph_call(f.graph, &r, keep, &k));
	clock_manual_advance(f.clock, 10000);
	assert_int_equal(k.err, ERR_OK);
	assert_int_equal(f.tokens, 3);
	fake_done(&f);
}

static void
script_login_down(struct fake *f, const struct fake_seen *seen, struct fake_reply *reply)
{
	if (fake_is_token(seen) && f->word == NULL)
		reply->err = ERR_UNREACHABLE;
}

static void
an_outage_of_the_login_service_is_asked_seldom(void **state)
{
	struct graph_request r = request_get(TENANT_A, "/x");
	struct kept k = { 0 };
	struct fake f;

	(void)state;
	fake_init(&f, script_login_down);
	for (int i = 0; i < 3600; i++) {
		assert_non_null(graph_call(f.graph, &r, keep, &k));
		clock_manual_advance(f.clock, 1000);
	}
	assert_true(f.tokens < 3 * 25);
	assert_int_equal(k.err, ERR_UNREACHABLE);
	assert_true(k.sign_in_failed);
	assert_true(k.retry_after_ms > 0);
	f.word = "up";
	r.where.priority = GRAPH_PERSON; /* a person is not told what was true minutes ago */
	assert_non_null(graph_call(f.graph, &r, keep, &k));
	clock_manual_advance(f.clock, 10000);
	assert_int_equal(k.err, ERR_OK);
	fake_done(&f);
}

/* While a token still lives, a login service that is down does no harm. */
static void
an_old_token_serves_through_a_short_outage(void **state)
{
	struct graph_request r = request_get(TENANT_A, "/x");
	struct kept k = { 0 };
	struct fake f;

	(void)state;
	fake_init(&f, script_login_down);
	f.word = "up";
	assert_non_null(graph_call(f.graph, &r, keep, &k));
	clock_manual_advance(f.clock, 3000 * 1000);
	f.word = NULL;
	for (int i = 0; i < 500; i++) {
		assert_non_null(graph_call(f.graph, &r, keep, &k));
		clock_manual_advance(f.clock, 1000);
		assert_int_equal(k.err, ERR_OK);
	}
	assert_true(f.tokens < 40);
	fake_done(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_of_the_login_service),
		cmocka_unit_test(passing_failures_are_tried_again),
		cmocka_unit_test(an_outage_of_the_login_service_is_asked_seldom),
		cmocka_unit_test(an_old_token_serves_through_a_short_outage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
