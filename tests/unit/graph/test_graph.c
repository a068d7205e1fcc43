#include "unit/graph/fake.h"

#include "unit/base/seed.h"

static void
script_plain(struct fake *f, const struct fake_seen *seen, struct fake_reply *reply)
{
	(void)f;
	(void)seen;
	reply->delay_ms = 20;
}

static void
a_hundred_calls_sign_in_once(void **state)
{
	struct kept k = { 0 };
	struct fake f;
	struct graph_request r = request_get(TENANT_A, "/users/x");

	(void)state;
	fake_init(&f, script_plain);
	for (int i = 0; i < 100; i++)
		assert_non_null(graph_call(f.graph, &r, keep, &k));
	assert_int_equal(k.count, 0);
	clock_manual_advance(f.clock, 60000);
	assert_int_equal(k.count, 100);
	assert_int_equal(k.err, ERR_OK);
	assert_int_equal(f.tokens, 1);
	assert_int_equal(f.count, 101);
	assert_string_equal(f.seen[0].url, FAKE_LOGIN "/" TENANT_A "/oauth2/v2.0/token");
	assert_string_equal(f.seen[0].body, "grant_type=client_credentials&client_id=client&scope="
	                                    "https%3A%2F%2Fgraph.example.test%2F.default&client_secret=se%20cret%26");
	assert_string_equal(f.seen[1].url, FAKE_BASE "/users/x");
	assert_string_equal(f.seen[100].token, "T1");
	fake_done(&f);
}

static void
ask(struct fake *f, struct kept *k)
{
	struct graph_request r = request_get(TENANT_A, "/users/x");

	assert_non_null(graph_call(f->graph, &r, keep, k));
	clock_manual_advance(f->clock, 1000);
}

static void
token_is_refreshed_at_four_fifths(void **state)
{
	struct kept k = { 0 };
	struct fake f;

	(void)state;
	fake_init(&f, script_plain);
	ask(&f, &k);
	clock_manual_advance(f.clock, 3599 * 800 - 5000);
	ask(&f, &k);
	assert_int_equal(f.tokens, 1);
	clock_manual_advance(f.clock, 5000);
	ask(&f, &k); /* goes out at once with the old one */
	assert_int_equal(f.tokens, 2);
	ask(&f, &k);
	assert_int_equal(f.tokens, 2);
	assert_string_equal(f.seen[f.count - 1].token, "T2");
	/* Neither a step of the wall clock nor a long pause matters. */
	clock_manual_step_wall(f.clock, -10LL * 365 * 86400 * 1000);
	ask(&f, &k);
	assert_int_equal(f.tokens, 2);
	clock_manual_advance(f.clock, 86400 * 1000);
	ask(&f, &k);
	assert_int_equal(f.tokens, 3);
	assert_int_equal(k.count, 6);
	fake_done(&f);
}

static void
script_401(struct fake *f, const struct fake_seen *seen, struct fake_reply *reply)
{
	(void)f;
	if (!fake_is_token(seen))
		reply->status = strcmp(seen->token, f->word) == 0 ? 200 : 401;
}

static void
unauthorized_renews_the_token_once(void **state)
{
	struct kept k = { 0 };
	struct fake f;

	(void)state;
	fake_init(&f, script_401);
	f.word = "T2";
	ask(&f, &k);
	assert_int_equal(k.err, ERR_OK);
	assert_int_equal(f.tokens, 2);
	f.word = "none";
	clock_manual_advance(f.clock, 61000);
	ask(&f, &k);
	assert_int_equal(k.err, ERR_UNAUTHORIZED);
	assert_int_equal(k.tries, 2);
	assert_int_equal(f.tokens, 3);
	for (int i = 0; i < 10; i++) /* tokens are not fetched in a loop */
		ask(&f, &k);
	assert_int_equal(k.err, ERR_UNAUTHORIZED);
	assert_in_range(f.tokens, 3, 8); /* one in ten seconds at most */
	fake_done(&f);
}

static void
script_no_consent(struct fake *f, const struct fake_seen *seen, struct fake_reply *reply)
{
	if (f->word == NULL && fake_is_token(seen)) {
		reply->status = 400;
		(void)snprintf(reply->body, sizeof(reply->body),
		    "{\"error\":\"invalid_grant\",\"error_codes\":[65001],\"error_description\":\"x\"}");
	}
}

static void
missing_consent_is_told_remembered_and_forgotten(void **state)
{
	struct kept k = { 0 };
	struct guid a;
	struct fake f;

	(void)state;
	fake_init(&f, script_no_consent);
	ask(&f, &k);
	assert_int_equal(k.err, ERR_FORBIDDEN);
	assert_true(k.sign_in_failed);
	assert_int_equal(k.tenant_state, TENANT_CONSENT_MISSING);
	assert_non_null(strstr(k.detail, "AADSTS65001"));
	for (int i = 0; i < 20; i++)
		ask(&f, &k);
	assert_int_equal(f.count, 1);
	assert_int_equal(k.count, 21);
	assert_int_equal(f.told, 1);
	assert_int_equal(f.told_state, TENANT_CONSENT_MISSING);
	f.word = "granted";
	assert_true(guid_parse(TENANT_A, &a));
	graph_tenant_retry(f.graph, &a);
	ask(&f, &k);
	assert_int_equal(k.err, ERR_OK);
	assert_int_equal(f.told, 2);
	assert_int_equal(f.told_state, TENANT_ACTIVE);
	fake_done(&f);
}

static void
script_word(struct fake *f, const struct fake_seen *seen, struct fake_reply *reply)
{
	if (fake_is_token(seen) || f->word == NULL)
		return;
	reply->status = atoi(f->word);
	(void)snprintf(reply->body, sizeof(reply->body), "{\"error\":{\"code\":\"x\",\"message\":\"%s\"}}", f->word + 4);
}

/* For want of a right, not of room or of the thing; and not again and again. */
static void
refusals_are_told(void **state)
{
	static const struct {
		const char *word;
		unsigned told;
	} cases[] = {
		{ "401 Unauthorized", 1 },
		{ "403 Forbidden", 1 },
		{ "403 Access to OData is disabled", 1 },
		{ "403 the subscription quota is reached", 0 },
		{ "404 not found", 0 },
		{ "400 malformed", 0 },
		{ "429 slower", 0 },
		{ "500 broken", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kept k = { 0 };
		struct fake f;

		fake_init(&f, script_word);
		f.word = cases[i].word;
		for (int n = 0; n < 5; n++)
			ask(&f, &k);
		if (f.refusals != cases[i].told)
			fail_msg("%s: told %u times", cases[i].word, f.refusals);
		clock_manual_advance(f.clock, GRAPH_REFUSED_EVERY_MS);
		ask(&f, &k);
		assert_int_equal(f.refusals, 2 * cases[i].told);
		fake_done(&f);
	}
}

static void
foreign_links_are_refused_without_a_token(void **state)
{
	static const struct {
		const char *path;
		enum err err;
	} cases[] = {
		{ "https://evil.example.test/v1.0/x", ERR_UNEXPECTED },
		{ "https://graph.example.test.evil.test/x", ERR_UNEXPECTED },
		{ "https://graph.example.test@evil.test/x", ERR_UNEXPECTED },
		{ "https://graph.example.test:444/x", ERR_UNEXPECTED },
		{ "http://graph.example.test/v1.0/x", ERR_UNEXPECTED },
		{ "//evil.test/x", ERR_INVALID },
		{ "teams/x", ERR_UNEXPECTED },
		{ "", ERR_INVALID },
		{ "/teams/x\r\nX: y", ERR_INVALID },
		{ "/teams/x/members/..", ERR_INVALID },
		{ "/teams/x/members/.%2e?a", ERR_INVALID },
		{ "/teams/./x", ERR_INVALID },
		{ "/x#y", ERR_INVALID },
	};
	struct kept k = { 0 };
	struct fake f;

	(void)state;
	fake_init(&f, NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct graph_request r = request_get(TENANT_A, cases[i].path);

		assert_non_null(graph_call(f.graph, &r, keep, &k));
		clock_manual_advance(f.clock, 10);
		if (k.err != cases[i].err)
			print_error("%s: %s\n", cases[i].path, err_name(k.err));
		assert_int_equal(k.err, cases[i].err);
		assert_int_equal(k.count, i + 1);
	}
	assert_int_equal(f.count, 0);
	fake_done(&f);
}

/* 429 for the first call to a path that has "/slow". */
static void
script_429(struct fake *f, const struct fake_seen *seen, struct fake_reply *reply)
{
	if (f->word == NULL && strstr(seen->url, "/slow") != NULL) {
		f->word = "told";
		reply->status = 429;
		fake_header(reply, "Retry-After", "17");
		(void)snprintf(reply->body, sizeof(reply->body), "{\"error\":{\"code\":\"TooManyRequests\",\"message\":\"x\"}}");
	}
}

static void
retry_after_is_honoured_to_the_second(void **state)
{
	struct graph_request slow = request_get(TENANT_A, "/teams/slow"), other = request_get(TENANT_A, "/teams/other");
	struct kept k = { 0 };
	struct fake f;
	int64_t told_ms = -1;

	(void)state;
	fake_init(&f, script_429);
	slow.operation = other.operation = GRAPH_TEAM_GET;
	slow.resource = TEAM_1;
	other.resource = TEAM_2;
	for (int i = 0; i < 3; i++)
		assert_non_null(graph_call(f.graph, &slow, keep, &k));
	assert_non_null(graph_call(f.graph, &other, keep, &k));
	clock_manual_advance(f.clock, 120000);
	assert_int_equal(k.count, 4);
	assert_int_equal(k.err, ERR_OK);
	for (size_t i = 0; i < f.count; i++) {
		if (strstr(f.seen[i].url, "/slow") == NULL)
			continue;
		if (told_ms < 0)
			told_ms = f.seen[i].boot_ms + 1;
		else if (f.seen[i].boot_ms > told_ms) /* what was under way when the 429 came had been sent already */
			assert_true(f.seen[i].boot_ms >= told_ms + 17000 && f.seen[i].boot_ms < told_ms + 19000);
	}
	/* token, 3 + 1 repeated, other: which did not wait */
	assert_int_equal(f.count, 6);
	for (size_t i = 0; i < f.count; i++)
		if (strstr(f.seen[i].url, "/other") != NULL)
			assert_true(f.seen[i].boot_ms < 1000 + f.seen[0].boot_ms);
	fake_done(&f);
}

static void
script_500(struct fake *f, const struct fake_seen *seen, struct fake_reply *reply)
{
	(void)f;
	if (fake_is_token(seen))
		return;
	reply->status = 503;
	(void)snprintf(reply->body, sizeof(reply->body), "{\"error\":{\"code\":\"x\"}}");
}

static void
writes_of_unknown_outcome_are_not_repeated(void **state)
{
	struct graph_request r = request_get(TENANT_A, "/teams/x/members");
	struct kept k = { 0 };
	struct fake f;

	(void)state;
	fake_init(&f, script_500);
	r.method = "POST";
	r.body = "{}";
	assert_non_null(graph_call(f.graph, &r, keep, &k));
	clock_manual_advance(f.clock, 600000);
	assert_int_equal(k.err, ERR_REMOTE);
	assert_true(k.unknown);
	assert_int_equal(k.tries, 1);
	r.method = "DELETE";
	r.body = NULL;
	r.idempotent = true;
	assert_non_null(graph_call(f.graph, &r, keep, &k));
	clock_manual_advance(f.clock, 600000);
	assert_int_equal(k.err, ERR_REMOTE);
	assert_false(k.unknown);
	assert_int_equal(k.tries, 6);
	fake_done(&f);
}

static void
script_truncated(struct fake *f, const struct fake_seen *seen, struct fake_reply *reply)
{
	if (!fake_is_token(seen) && f->count < 4)
		(void)snprintf(reply->body, sizeof(reply->body), "{\"value\":[{\"id\":");
}

static void
truncated_json_is_read_again(void **state)
{
	struct kept k = { 0 };
	struct fake f;

	(void)state;
	fake_init(&f, script_truncated);
	ask(&f, &k);
	clock_manual_advance(f.clock, 60000);
	assert_int_equal(k.err, ERR_OK);
	assert_int_equal(k.tries, 3);
	fake_done(&f);
}

/* Tenant A's calls hang; everybody else's take 5 ms. */
static void
script_hang(struct fake *f, const struct fake_seen *seen, struct fake_reply *reply)
{
	(void)f;
	reply->delay_ms = strstr(seen->url, "hang") != NULL || strstr(seen->url, TENANT_A) != NULL ? 29000 : 5;
}

static void
a_slow_tenant_delays_no_other(void **state)
{
	struct graph_request a = request_get(TENANT_A, "/hang"), b = request_get(TENANT_B, "/users/b");
	struct kept ka = { 0 }, kb = { 0 };
	struct fake f;

	(void)state;
	fake_init(&f, script_hang);
	for (int i = 0; i < 200; i++)
		assert_non_null(graph_call(f.graph, &a, keep, &ka));
	clock_manual_advance(f.clock, 40000); /* signed in at last; all A's places taken */
	for (int i = 0; i < 100; i++)
		assert_non_null(graph_call(f.graph, &b, keep, &kb));
	clock_manual_advance(f.clock, 1000);
	assert_int_equal(kb.count, 100);
	assert_true(ka.count < 200);
	fake_done(&f);
}

static void
renewals_have_a_place_of_their_own(void **state)
{
	struct graph_request a = request_get(TENANT_A, "/hang"), r = request_get(TENANT_A, "/subscriptions/1");
	struct kept ka = { 0 }, kr = { 0 };
	struct fake f;

	(void)state;
	fake_init(&f, script_hang);
	a.where.priority = GRAPH_PERSON;
	for (int i = 0; i < 200; i++)
		assert_non_null(graph_call(f.graph, &a, keep, &ka));
	clock_manual_advance(f.clock, 30000);
	r.where.priority = GRAPH_RENEWAL;
	assert_non_null(graph_call(f.graph, &r, keep, &kr));
	clock_manual_advance(f.clock, 100);
	assert_int_equal(kr.count, 1);
	assert_int_equal(kr.err, ERR_OK);
	fake_done(&f);
}

static void
script_down(struct fake *f, const struct fake_seen *seen, struct fake_reply *reply)
{
	if (f->word == NULL && !fake_is_token(seen))
		reply->err = ERR_UNREACHABLE;
}

static void
breaker_opens_probes_and_closes(void **state)
{
	struct graph_request r = request_get(TENANT_A, "/users/x");
	struct graph_stats stats;
	struct kept k = { 0 };
	struct fake f;
	size_t sent;

	(void)state;
	fake_init(&f, script_down);
	for (int i = 0; i < 60; i++)
		assert_non_null(graph_call(f.graph, &r, keep, &k));
	clock_manual_advance(f.clock, 3000);
	graph_stats(f.graph, &stats);
	assert_int_equal(stats.breakers_open, 1);
	clock_manual_advance(f.clock, 600000);
	assert_int_equal(k.count, 60);
	assert_int_equal(k.err, ERR_UNREACHABLE);
	sent = f.count;
	/* An hour of background calls, one a second: only probes go out. */
	for (int i = 0; i < 3600; i++) {
		assert_non_null(graph_call(f.graph, &r, keep, &k));
		clock_manual_advance(f.clock, 1000);
	}
	assert_true(f.count - sent < 40);
	assert_int_equal(k.count, 3660);
	f.word = "up again";
	r.where.priority = GRAPH_PERSON;
	assert_non_null(graph_call(f.graph, &r, keep, &k));
	clock_manual_advance(f.clock, 1000);
	assert_int_equal(k.err, ERR_OK);
	graph_stats(f.graph, &stats);
	assert_int_equal(stats.breakers_open, 0);
	fake_done(&f);
}

static void
cancelled_calls_stay_silent(void **state)
{
	struct graph_request r = request_get(TENANT_A, "/users/x");
	struct graph_call *calls[40];
	struct guid a;
	struct kept k = { 0 };
	struct fake f;

	(void)state;
	fake_init(&f, script_plain);
	for (int i = 0; i < 40; i++)
		calls[i] = graph_call(f.graph, &r, keep, &k);
	clock_manual_advance(f.clock, 30); /* some under way, some queued */
	assert_int_equal(k.count, 0);
	for (int i = 0; i < 40; i += 2)
		graph_cancel(f.graph, calls[i]);
	clock_manual_advance(f.clock, 5000);
	assert_int_equal(k.count, 20);
	for (int i = 0; i < 40; i++)
		(void)graph_call(f.graph, &r, keep, &k);
	assert_true(guid_parse(TENANT_A, &a));
	graph_tenant_forget(f.graph, &a);
	assert_int_equal(k.count, 20);
	clock_manual_advance(f.clock, 1);
	assert_int_equal(k.count, 60);
	assert_int_equal(k.err, ERR_CANCELLED);
	(void)graph_call(f.graph, &r, keep, &k); /* comes back with a new token */
	clock_manual_advance(f.clock, 1000);
	assert_int_equal(k.err, ERR_OK);
	assert_int_equal(f.tokens, 2);
	fake_done(&f);
}

static void
deadlines_end_calls(void **state)
{
	struct graph_request r = request_get(TENANT_A, "/users/x");
	struct kept k = { 0 };
	struct fake f;

	(void)state;
	fake_init(&f, script_500);
	k.fake = &f;
	r.where.deadline_ms = 2500;
	assert_non_null(graph_call(f.graph, &r, keep, &k));
	clock_manual_advance(f.clock, 60000);
	assert_int_equal(k.count, 1);
	assert_int_equal(k.err, ERR_REMOTE);
	assert_true(k.boot_ms <= 2500 + f.seen[0].boot_ms);
	fake_done(&f);
}

/* Anything may happen; every call is answered once, or cancelled. */
static void
script_random(struct fake *f, const struct fake_seen *seen, struct fake_reply *reply)
{
	static const int statuses[] = { 200, 200, 200, 200, 201, 204, 400, 401, 403, 404, 429, 500, 503, 302 };
	struct rng *rng = f->rng;

	if (f->count > FAKE_LOG_MAX - 10)
		f->count = 0;
	reply->delay_ms = (int64_t)rng_below(rng, 3000);
	if (rng_below(rng, 10) == 0)
		reply->err = ERR_TIMEOUT;
	if (fake_is_token(seen) && rng_below(rng, 3) > 0)
		return;
	reply->status = statuses[rng_below(rng, sizeof(statuses) / sizeof(statuses[0]))];
	if (reply->status == 429)
		fake_header(reply, "Retry-After", rng_below(rng, 2) == 0 ? "3" : "junk");
	if (rng_below(rng, 10) == 0)
		(void)snprintf(reply->body, sizeof(reply->body), "<html>");
}

static void
every_call_is_answered_once(void **state)
{
	static const char *const tenants[] = { TENANT_A, TENANT_B, TEAM_1, TEAM_2 };
	struct rng rng = test_rng("graph");

	(void)state;
	for (int round = 0; round < 20; round++) {
		struct kept kept[200] = { 0 };
		struct graph_stats stats;
		struct fake f;

		fake_init(&f, script_random);
		f.rng = &rng;
		for (int i = 0; i < 200; i++) {
			struct graph_request r = request_get(tenants[rng_below(&rng, 4)], "/x");
			struct graph_call *c;

			r.where.priority = (enum graph_priority)rng_below(&rng, GRAPH_PRIORITY_COUNT);
			r.operation = (enum graph_operation)rng_below(&rng, GRAPH_OPERATION_COUNT);
			r.resource = rng_below(&rng, 2) == 0 ? TEAM_1 : NULL;
			r.channel = rng_below(&rng, 2) == 0 ? "19:x" : NULL;
			r.method = rng_below(&rng, 2) == 0 ? "GET" : "POST";
			c = graph_call(f.graph, &r, keep, &kept[i]);
			assert_non_null(c);
			if (rng_below(&rng, 10) == 0) {
				graph_cancel(f.graph, c);
				kept[i].count = 1;
			}
			clock_manual_advance(f.clock, (int64_t)rng_below(&rng, 200));
		}
		clock_manual_advance(f.clock, 2 * GRAPH_DEADLINE_MS);
		for (int i = 0; i < 200; i++)
			assert_int_equal(kept[i].count, 1);
		graph_stats(f.graph, &stats);
		assert_int_equal(stats.in_flight + stats.queued, 0);
		fake_done(&f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hundred_calls_sign_in_once),
		cmocka_unit_test(token_is_refreshed_at_four_fifths),
		cmocka_unit_test(unauthorized_renews_the_token_once),
		cmocka_unit_test(missing_consent_is_told_remembered_and_forgotten),
		cmocka_unit_test(refusals_are_told),
		cmocka_unit_test(foreign_links_are_refused_without_a_token),
		cmocka_unit_test(retry_after_is_honoured_to_the_second),
		cmocka_unit_test(writes_of_unknown_outcome_are_not_repeated),
		cmocka_unit_test(truncated_json_is_read_again),
		cmocka_unit_test(a_slow_tenant_delays_no_other),
		cmocka_unit_test(renewals_have_a_place_of_their_own),
		cmocka_unit_test(breaker_opens_probes_and_closes),
		cmocka_unit_test(cancelled_calls_stay_silent),
		cmocka_unit_test(deadlines_end_calls),
		cmocka_unit_test(every_call_is_answered_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
