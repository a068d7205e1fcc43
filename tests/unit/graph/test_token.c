#include "unit/graph/fake.h"

#include <time.h>

#include "base/encode.h"
#include "base/json.h"
#include "graph/assertion.h"
#include "graph/login.h"
#include "graph/token.h"
#include "unit/graph/pem.h"

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
		{ "its life as text", ERR_OK, 200, "{\"token_type\":\"Bearer\",\"expires_in\":\"3599\",\"access_token\":\"abc\"}",
		    ERR_OK, false, TENANT_ACTIVE, 0 },
		{ "its life as words", ERR_OK, 200, "{\"token_type\":\"Bearer\",\"expires_in\":\"1 h\",\"access_token\":\"abc\"}",
		    ERR_UNEXPECTED, true, TENANT_UNREACHABLE, 0 },
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
		struct graph_login_verdict v;
		json_t *json = NULL;

		(void)jx_parse(cases[i].body, strlen(cases[i].body), &json, NULL, 0);
		graph_login_judge(cases[i].transport, cases[i].status, json, false, &v);
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
		if (i % 900 == 899)
			graph_tenant_retry(
			    f.graph, &r.where.directory); /* a look whether it is back, which makes nobody impatient */
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

/* All of facts 1.4 that an application can meet, and its neighbours: which state, and words to act on. */
static void
every_refusal_says_what_to_do(void **state)
{
	static const struct {
		int64_t aadsts;
		const char *word;
		enum err err;
		enum tenant_state state;
		const char *says;
	} cases[] = {
		{ 7000215, "invalid_client", ERR_UNAUTHORIZED, TENANT_UNREACHABLE, "client_secret_file" },
		{ 7000222, "invalid_client", ERR_UNAUTHORIZED, TENANT_UNREACHABLE, "has expired. Make a new one" },
		{ 7000218, "invalid_client", ERR_UNAUTHORIZED, TENANT_UNREACHABLE, "Set one in the [graph] section" },
		{ 700025, "invalid_client", ERR_UNAUTHORIZED, TENANT_UNREACHABLE, "public client" },
		{ 700027, "invalid_client", ERR_UNAUTHORIZED, TENANT_UNREACHABLE, "Upload client_certificate" },
		{ 50012, "invalid_client", ERR_UNAUTHORIZED, TENANT_UNREACHABLE, "Upload client_certificate" },
		{ 700024, "invalid_client", ERR_UNAUTHORIZED, TENANT_UNREACHABLE, "clock" },
		{ 50027, "invalid_request", ERR_UNAUTHORIZED, TENANT_UNREACHABLE, "login_url" },
		{ 700021, "invalid_client", ERR_UNAUTHORIZED, TENANT_UNREACHABLE, "client_id" },
		{ 700023, "invalid_client", ERR_UNAUTHORIZED, TENANT_UNREACHABLE, "login_url" },
		{ 700016, "unauthorized_client", ERR_FORBIDDEN, TENANT_CONSENT_MISSING, "open the consent link" },
		{ 7000229, "unauthorized_client", ERR_FORBIDDEN, TENANT_CONSENT_MISSING, "open the consent link" },
		{ 65001, "invalid_grant", ERR_FORBIDDEN, TENANT_CONSENT_MISSING, "open the consent link" },
		{ 650056, "invalid_client", ERR_FORBIDDEN, TENANT_CONSENT_MISSING, "open the consent link" },
		{ 7000112, "unauthorized_client", ERR_FORBIDDEN, TENANT_CONSENT_MISSING, "enable it" },
		{ 53003, "access_denied", ERR_FORBIDDEN, TENANT_UNREACHABLE, "conditional access policy" },
		{ 500021, "access_denied", ERR_FORBIDDEN, TENANT_UNREACHABLE, "Allow it there" },
		{ 90002, "invalid_request", ERR_INVALID, TENANT_UNREACHABLE, "Check its directory id" },
		{ 900023, "invalid_request", ERR_INVALID, TENANT_UNREACHABLE, "Check its directory id" },
		{ 90038, "invalid_request", ERR_INVALID, TENANT_UNREACHABLE, "Set base_url and login_url" },
		{ 70011, "invalid_scope", ERR_INVALID, TENANT_UNREACHABLE, "Check base_url" },
		{ 1002012, "invalid_scope", ERR_INVALID, TENANT_UNREACHABLE, "Check base_url" },
		{ 500011, "invalid_resource", ERR_INVALID, TENANT_UNREACHABLE, "belong together" },
		{ 900144, "invalid_request", ERR_INVALID, TENANT_UNREACHABLE, "Check client_id" },
		{ 50076, "interaction_required", ERR_UNAUTHORIZED, TENANT_UNREACHABLE, "check client_id" },
		{ 50078, "interaction_required", ERR_UNAUTHORIZED, TENANT_UNREACHABLE, "check client_id" },
		{ 50079, "interaction_required", ERR_UNAUTHORIZED, TENANT_UNREACHABLE, "check client_id" },
		{ 700082, "invalid_grant", ERR_UNAUTHORIZED, TENANT_UNREACHABLE, "check client_id" },
		{ 70008, "invalid_grant", ERR_UNAUTHORIZED, TENANT_UNREACHABLE, "check client_id" },
		{ 50173, "invalid_grant", ERR_UNAUTHORIZED, TENANT_UNREACHABLE, "check client_id" },
		{ 70043, "invalid_grant", ERR_UNAUTHORIZED, TENANT_UNREACHABLE, "check client_id" },
		{ 70044, "invalid_grant", ERR_UNAUTHORIZED, TENANT_UNREACHABLE, "check client_id" },
		{ 90033, "temporarily_unavailable", ERR_REMOTE, TENANT_UNREACHABLE, "tried again" },
		{ 90055, "invalid_request", ERR_THROTTLED, TENANT_UNREACHABLE, "tried again" },
		{ 50196, "invalid_grant", ERR_THROTTLED, TENANT_UNREACHABLE, "tried again" },
		/* numbers nobody knows yet: the word decides */
		{ 1, "temporarily_unavailable", ERR_REMOTE, TENANT_UNREACHABLE, "tried again" },
		{ 1, "server_error", ERR_REMOTE, TENANT_UNREACHABLE, "tried again" },
		{ 1, "consent_required", ERR_FORBIDDEN, TENANT_CONSENT_MISSING, "open the consent link" },
		{ 1, "unauthorized_client", ERR_FORBIDDEN, TENANT_CONSENT_MISSING, "open the consent link" },
		{ 1, "interaction_required", ERR_UNAUTHORIZED, TENANT_UNREACHABLE, "exclude the app" },
		{ 1, "invalid_client", ERR_UNAUTHORIZED, TENANT_UNREACHABLE, "Check client_id" },
		{ 1, "invalid_grant", ERR_UNAUTHORIZED, TENANT_UNREACHABLE, "Check the app registration" },
		{ 1, "invalid_scope", ERR_INVALID, TENANT_UNREACHABLE, "Check base_url" },
		{ 1, "invalid_request", ERR_INVALID, TENANT_UNREACHABLE, "Check client_id" },
		{ 1, "invalid_resource", ERR_INVALID, TENANT_UNREACHABLE, "belong together" },
		{ 1, "something new", ERR_UNEXPECTED, TENANT_UNREACHABLE, "Check login_url" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *json = json_pack("{s:s,s:[I]}", "error", cases[i].word, "error_codes", (json_int_t)cases[i].aadsts);
		struct graph_login_verdict v;
		char number[32];

		graph_login_judge(ERR_OK, 400, json, false, &v);
		(void)snprintf(number, sizeof(number), "(AADSTS%lld)", (long long)cases[i].aadsts);
		if (v.err != cases[i].err || v.state != cases[i].state || strstr(v.detail, cases[i].says) == NULL ||
		    strstr(v.detail, number) == NULL)
			fail_msg("%lld %s: %s, %d, %s", (long long)cases[i].aadsts, cases[i].word, err_name(v.err), (int)v.state,
			    v.detail);
		assert_int_equal(v.passing, err_may_pass(v.err));
		assert_true(strlen(v.detail) < DETAIL_SIZE - 1); /* not cut */
		json_decref(json);
	}
}

/* --- credentials --- */

static EVP_PKEY *rsa;

static struct graph_certificate *
certificate_make(int64_t from_s, int64_t until_s)
{
	char *certificate = pem_certificate(rsa, from_s, until_s), *key = pem_key(rsa, NULL), why[400];
	struct pem_file c, k;
	struct graph_certificate *ret;

	pem_file_make(&c, certificate);
	pem_file_make(&k, key);
	assert_int_equal(
	    graph_certificate_read(c.path, k.path, GRAPH_PS256, FAKE_WALL_MS / 1000, &ret, why, sizeof(why)), ERR_OK);
	pem_file_done(&c);
	pem_file_done(&k);
	free(certificate);
	free(key);
	return ret;
}

/* The claims of the assertion in a token request. Gives. */
static json_t *
claims_of(const struct fake_seen *seen)
{
	const char *at = strstr(seen->body, "&client_assertion=");
	uint8_t plain[2048];
	json_t *json;
	size_t len;

	assert_non_null(at);
	at = strchr(at, '.') + 1;
	assert_int_equal(base64url_decode(at, strcspn(at, "."), plain, &len), ERR_OK);
	assert_int_equal(jx_parse((const char *)plain, len, &json, NULL, 0), ERR_OK);
	return json;
}

static void
signs_in_with_a_certificate(void **state)
{
	int64_t until_s = FAKE_WALL_MS / 1000 + 40 * 86400;
	struct graph_certificate *certificate = certificate_make(FAKE_WALL_MS / 1000 - 1, until_s);
	struct graph_request a = request_get(TENANT_A, "/x"), b = request_get(TENANT_B, "/x");
	struct graph_stats stats;
	struct kept k = { 0 };
	json_t *first, *second;
	struct fake f;

	(void)state;
	fake_init(&f, NULL);
	assert_int_equal(graph_set_credential(f.graph, NULL, 0, certificate), ERR_OK);
	graph_certificate_free(certificate);
	assert_non_null(graph_call(f.graph, &a, keep, &k));
	clock_manual_advance(f.clock, 1000);
	assert_int_equal(k.err, ERR_OK);
	assert_non_null(graph_call(f.graph, &b, keep, &k));
	clock_manual_advance(f.clock, 1000);
	assert_int_equal(f.count, 4);
	assert_non_null(strstr(f.seen[0].body,
	    "grant_type=client_credentials&client_id=client&scope=https%3A%2F%2Fgraph.example.test%2F.default&"
	    "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=ey"));
	assert_null(strstr(f.seen[0].body, "client_secret"));
	first = claims_of(&f.seen[0]);
	second = claims_of(&f.seen[2]);
	assert_string_equal(jx_get_str(first, "aud"), f.seen[0].url);
	assert_string_equal(jx_get_str(second, "aud"), f.seen[2].url);
	assert_string_equal(jx_get_str(first, "iss"), "client");
	assert_int_equal(strlen(jx_get_str(first, "jti")), 36);
	assert_string_not_equal(jx_get_str(first, "jti"), jx_get_str(second, "jti"));
	assert_int_equal(jx_get_int(first, "nbf", 0), FAKE_WALL_MS / 1000);
	graph_stats(f.graph, &stats);
	assert_int_equal(stats.credential_expires_s, until_s);
	assert_int_equal(graph_set_credential(f.graph, "secret", 0, NULL), ERR_OK);
	graph_stats(f.graph, &stats);
	assert_int_equal(stats.credential_expires_s, 0);
	json_decref(first);
	json_decref(second);
	fake_done(&f);
}

static void
script_new_secret_only(struct fake *f, const struct fake_seen *seen, struct fake_reply *reply)
{
	(void)f;
	if (!fake_is_token(seen))
		return;
	reply->delay_ms = 1000;
	if (strstr(seen->body, "client_secret=new") == NULL) {
		reply->status = 401;
		(void)snprintf(reply->body, sizeof(reply->body), "{\"error\":\"invalid_client\",\"error_codes\":[%s]}",
		    strstr(seen->body, "client_secret=old") != NULL ? "7000222" : "7000215");
	}
}

/* Nobody calls in between: the tenant's state alone must not wait for the next call. */
static void
another_secret_ends_a_refusal_at_once(void **state)
{
	struct graph_request r = request_get(TENANT_A, "/x");
	struct kept k = { 0 };
	struct fake f;

	(void)state;
	fake_init(&f, script_new_secret_only);
	assert_non_null(graph_call(f.graph, &r, keep, &k));
	clock_manual_advance(f.clock, 3000);
	assert_true(k.sign_in_failed);
	assert_non_null(strstr(k.detail, "AADSTS7000215"));
	assert_int_equal(f.told, 1);
	assert_int_equal(f.told_state, TENANT_UNREACHABLE);
	assert_int_equal(graph_set_credential(f.graph, "old", 0, NULL), ERR_OK);
	clock_manual_advance(f.clock, 3000);
	assert_int_equal(f.told, 2); /* the same state, for another reason */
	assert_int_equal(graph_set_credential(f.graph, "new", 0, NULL), ERR_OK);
	clock_manual_advance(f.clock, 3000);
	assert_int_equal(f.told, 3);
	assert_int_equal(f.told_state, TENANT_ACTIVE);
	assert_int_equal(f.tokens, 3);
	assert_non_null(graph_call(f.graph, &r, keep, &k));
	clock_manual_advance(f.clock, 100);
	assert_int_equal(k.err, ERR_OK);
	fake_done(&f);
}

static void
a_refusal_of_the_former_secret_does_not_count(void **state)
{
	struct graph_request r = request_get(TENANT_A, "/x");
	struct kept k = { 0 };
	struct fake f;

	(void)state;
	fake_init(&f, script_new_secret_only);
	assert_non_null(graph_call(f.graph, &r, keep, &k));
	clock_manual_advance(f.clock, 500); /* under way */
	assert_int_equal(graph_set_credential(f.graph, "new", 0, NULL), ERR_OK);
	clock_manual_advance(f.clock, 3000);
	assert_int_equal(k.err, ERR_OK);
	assert_int_equal(f.tokens, 2);
	assert_int_equal(f.told, 1);
	assert_int_equal(f.told_state, TENANT_ACTIVE);
	fake_done(&f);
}

/* The login service lives an hour before us, and says so if asked to. */
static void
script_other_time(struct fake *f, const struct fake_seen *seen, struct fake_reply *reply)
{
	time_t now = (time_t)((clock_wall_ms(f->clock) / 1000) - 3600);
	char date[64];
	struct tm tm;
	json_t *claims;

	if (!fake_is_token(seen))
		return;
	if (f->word != NULL) {
		assert_true(strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm)) > 0);
		fake_header(reply, "Date", date);
	}
	claims = claims_of(seen);
	if (jx_get_int(claims, "nbf", 0) > now + 300 || jx_get_int(claims, "exp", 0) < now) {
		reply->status = 401;
		(void)snprintf(reply->body, sizeof(reply->body), "{\"error\":\"invalid_client\",\"error_codes\":[700024]}");
	}
	json_decref(claims);
}

static void
a_wrong_clock_is_corrected_by_the_login_service(void **state)
{
	struct graph_certificate *certificate = certificate_make(0, FAKE_WALL_MS / 1000 + 40 * 86400);
	struct graph_request r = request_get(TENANT_A, "/x");
	struct kept k = { 0 };
	struct fake f;

	(void)state;
	fake_init(&f, script_other_time);
	assert_int_equal(graph_set_credential(f.graph, NULL, 0, certificate), ERR_OK);
	assert_non_null(graph_call(f.graph, &r, keep, &k));
	clock_manual_advance(f.clock, 1000);
	assert_true(k.sign_in_failed); /* no Date: nothing to go by */
	assert_non_null(strstr(k.detail, "clock"));
	assert_int_equal(f.tokens, 1);
	f.word = "with Date";
	graph_tenant_retry(f.graph, &r.where.directory);
	assert_non_null(graph_call(f.graph, &r, keep, &k));
	clock_manual_advance(f.clock, 1000);
	assert_int_equal(k.err, ERR_OK);
	assert_int_equal(f.tokens, 3);
	graph_certificate_free(certificate);
	fake_done(&f);
}

static int
make_key(void **state)
{
	(void)state;
	rsa = EVP_RSA_gen(2048);
	return rsa == NULL;
}

static int
free_key(void **state)
{
	(void)state;
	EVP_PKEY_free(rsa);
	return 0;
}

/* Every number of the dedicated account's, with what its owner or an administrator is told to do. */
static void
each_refusal_of_a_person_says_what_to_do(void **state)
{
	static const struct {
		int64_t number;
		const char *word;
		enum tenant_state tenant;
		const char *advice;
	} cases[] = {
		{ 700082, "invalid_grant", TENANT_SIGN_IN_NEEDED, "has expired. Sign in again: ergsyncctl tenant sign-in" },
		{ 70008, "invalid_grant", TENANT_SIGN_IN_NEEDED, "has expired. Sign in again" },
		{ 50173, "invalid_grant", TENANT_SIGN_IN_NEEDED, "its password was changed" },
		{ 70043, "invalid_grant", TENANT_SIGN_IN_NEEDED, "sign-in frequency policy" },
		{ 70044, "invalid_grant", TENANT_SIGN_IN_NEEDED, "sign-in frequency policy" },
		{ 50076, "interaction_required", TENANT_SIGN_IN_NEEDED, "second factor" },
		{ 50078, "interaction_required", TENANT_SIGN_IN_NEEDED, "second factor has expired" },
		{ 50079, "interaction_required", TENANT_SIGN_IN_NEEDED, "set up a second factor" },
		{ 50057, "invalid_grant", TENANT_SIGN_IN_NEEDED, "disabled" },
		{ 53003, "interaction_required", TENANT_SIGN_IN_NEEDED, "must exclude the account" },
		{ 1, "invalid_grant", TENANT_SIGN_IN_NEEDED, "Sign in again" },
		{ 1, "interaction_required", TENANT_SIGN_IN_NEEDED, "Sign in again" },
		{ 65001, "invalid_grant", TENANT_CONSENT_MISSING, "consent link" },
		{ 7000215, "invalid_client", TENANT_UNREACHABLE, "client_secret_file" },
		{ 1, "consent_required", TENANT_CONSENT_MISSING, "Consent is missing" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *json = json_pack("{s:s,s:[I]}", "error", cases[i].word, "error_codes", (json_int_t)cases[i].number);
		struct graph_login_verdict v;

		graph_login_judge(ERR_OK, 400, json, true, &v);
		if (v.state != cases[i].tenant || strstr(v.detail, cases[i].advice) == NULL)
			fail_msg("%lld %s: %s", (long long)cases[i].number, cases[i].word, v.detail);
		assert_false(v.passing);
		json_decref(json);
	}
}

/* A person's tenant: what the user of graph has on disk. */
struct person {
	struct fake f;
	enum tenant_sign_in sign_in;
	char refresh[64], kept[64];
	int keeps;
	const char *answer;
};

static enum tenant_sign_in
person_sign_in(void *arg, const struct guid *directory, char ret_refresh[REFRESH_TOKEN_SIZE])
{
	struct person *p = arg;

	assert_string_equal(directory->s, TENANT_A);
	snprintf(ret_refresh, REFRESH_TOKEN_SIZE, "%s", p->refresh);
	return p->sign_in;
}

static void
person_keep(void *arg, const struct guid *directory, const char *refresh)
{
	struct person *p = arg;

	(void)directory;
	snprintf(p->kept, sizeof(p->kept), "%s", refresh);
	p->keeps++;
}

static void
script_person(struct fake *f, const struct fake_seen *seen, struct fake_reply *reply)
{
	struct person *p = (struct person *)(void *)f;

	if (fake_is_token(seen) && p->answer != NULL) {
		snprintf(reply->body, sizeof(reply->body), "%s", p->answer);
		reply->status = strstr(p->answer, "access_token") != NULL ? 200 : 400;
	}
}

#define GIVEN(access, refresh)                                                                                                   \
	"{\"token_type\":\"Bearer\",\"expires_in\":3599,\"access_token\":\"" access "\",\"refresh_token\":\"" refresh "\"}"

static void
person_init(struct person *p, struct graph_tokens **ret_tokens)
{
	struct graph_options options = { .base_url = FAKE_BASE,
		.login_url = FAKE_LOGIN,
		.client_id = "client",
		.client_secret = "secret",
		.rng = rng_seeded(3),
		.sign_in = person_sign_in,
		.keep = person_keep,
		.arg = p };

	memset(p, 0, sizeof(*p));
	fake_init(&p->f, script_person);
	graph_free(p->f.graph);
	options.transport = &p->f.transport;
	options.clock = p->f.clock;
	assert_int_equal(graph_new(&options, &p->f.graph), ERR_OK);
	p->sign_in = SIGN_IN_DELEGATED;
	snprintf(p->refresh, sizeof(p->refresh), "R0");
	*ret_tokens = graph_tokens(p->f.graph);
}

static void
a_new_refresh_token_is_kept_before_the_access_token_is_used(void **state)
{
	struct graph_request r = request_get(TENANT_A, "/me");
	struct guid directory;
	struct graph_tokens *tokens;
	struct kept k = { 0 };
	struct person p;

	(void)state;
	assert_true(guid_parse(TENANT_A, &directory));
	person_init(&p, &tokens);
	p.answer = GIVEN("A1", "R1");
	assert_non_null(graph_call(p.f.graph, &r, keep, &k));
	clock_manual_advance(p.f.clock, 20000);
	assert_int_equal(p.keeps, 1);
	assert_string_equal(p.kept, "R1");
	assert_int_equal(p.f.count, 1); /* nothing has gone out with A1 */
	assert_non_null(strstr(p.f.seen[0].body, "grant_type=refresh_token&client_id=client&refresh_token=R0&scope=openid%20"
	                                         "profile%20offline_access%20https%3A%2F%2Fgraph.example.test%2F.default"));
	assert_null(strstr(p.f.seen[0].body, "client_secret"));
	graph_tenant_kept(p.f.graph, &directory);
	clock_manual_advance(p.f.clock, 1000);
	assert_int_equal(k.err, ERR_OK);
	assert_string_equal(p.f.seen[1].token, "A1");
	/* Somebody else signs in: the next call goes as that one. */
	snprintf(p.refresh, sizeof(p.refresh), "Q0");
	p.answer = GIVEN("B1", "Q1");
	graph_tenant_sign_in_anew(p.f.graph, &directory);
	assert_non_null(graph_call(p.f.graph, &r, keep, &k));
	clock_manual_advance(p.f.clock, 1000);
	graph_tenant_kept(p.f.graph, &directory);
	clock_manual_advance(p.f.clock, 1000);
	assert_string_equal(p.f.seen[3].token, "B1");
	fake_done(&p.f);
}

static void
nobody_signed_in_asks_nobody(void **state)
{
	struct graph_request r = request_get(TENANT_A, "/me");
	struct graph_tokens *tokens;
	struct kept k = { 0 };
	struct person p;

	(void)state;
	person_init(&p, &tokens);
	p.refresh[0] = '\0';
	assert_non_null(graph_call(p.f.graph, &r, keep, &k));
	clock_manual_advance(p.f.clock, 1000);
	assert_int_equal(k.count, 1);
	assert_int_equal(k.err, ERR_UNAUTHORIZED);
	assert_int_equal(p.f.count, 0);
	fake_done(&p.f);
}

/* An app registration without public client flows wants the secret beside the refresh token. */
static void
a_confidential_app_proves_itself_too(void **state)
{
	struct graph_request r = request_get(TENANT_A, "/me");
	struct graph_tokens *tokens;
	struct kept k = { 0 };
	struct person p;

	(void)state;
	person_init(&p, &tokens);
	p.answer = "{\"error\":\"invalid_client\",\"error_codes\":[7000218]}";
	assert_non_null(graph_call(p.f.graph, &r, keep, &k));
	clock_manual_advance(p.f.clock, 1000);
	assert_int_equal(p.f.count, 2); /* once more with it, and not for ever */
	assert_null(strstr(p.f.seen[0].body, "client_secret=secret"));
	assert_non_null(strstr(p.f.seen[1].body, "client_secret=secret"));
	assert_int_equal(k.err, ERR_UNAUTHORIZED);
	fake_done(&p.f);
}

/* base_url and login_url of a national cloud are all it takes: the scope follows base_url. */
static void
national_clouds_by_configuration(void **state)
{
	static const struct {
		const char *base, *login, *url, *scope;
	} clouds[] = {
		{ "https://graph.microsoft.us/v1.0", "https://login.microsoftonline.us",
		    "https://login.microsoftonline.us/" TENANT_A "/oauth2/v2.0/token",
		    "https%3A%2F%2Fgraph.microsoft.us%2F.default" },
		{ "https://dod-graph.microsoft.us/v1.0", "https://login.microsoftonline.us",
		    "https://login.microsoftonline.us/" TENANT_A "/oauth2/v2.0/token",
		    "https%3A%2F%2Fdod-graph.microsoft.us%2F.default" },
		{ "https://microsoftgraph.chinacloudapi.cn/v1.0", "https://login.chinacloudapi.cn",
		    "https://login.chinacloudapi.cn/" TENANT_A "/oauth2/v2.0/token",
		    "https%3A%2F%2Fmicrosoftgraph.chinacloudapi.cn%2F.default" },
		/* A stand-in on this machine is asked for what Graph itself would be asked for. */
		{ "http://127.0.0.1:8080/v1.0", "http://localhost:8080", "http://localhost:8080/" TENANT_A "/oauth2/v2.0/token",
		    "https%3A%2F%2Fgraph.microsoft.com%2F.default" },
	};
	struct guid directory;

	(void)state;
	assert_true(guid_parse(TENANT_A, &directory));
	for (size_t i = 0; i < sizeof(clouds) / sizeof(clouds[0]); i++) {
		struct text url, app, person;

		text_init(&url, 512);
		text_init(&app, 512);
		text_init(&person, 512);
		graph_login_url(&url, clouds[i].login, &directory, "token");
		assert_string_equal(url.data, clouds[i].url);
		graph_login_body_app(&app, "client", clouds[i].base);
		assert_non_null(strstr(app.data, clouds[i].scope));
		graph_login_body_device(&person, "client", clouds[i].base);
		assert_non_null(strstr(person.data, clouds[i].scope));
		text_done(&url);
		text_done(&app);
		text_done(&person);
	}
}

static void
claims_of_damaged_tokens(void **state)
{
	static const char *const bad[] = { "", "a", "a.b", "..", "a..c", "a.!!.c", "a.bm8.c", "a.W10.c", "a.eyJh.c" };
	json_t *claims;

	(void)state;
	assert_null(graph_login_claims(NULL));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_null(graph_login_claims(bad[i]));
	claims = graph_login_claims("e30.eyJhIjoxfQ.sig");
	assert_int_equal(jx_get_int(claims, "a", 0), 1);
	json_decref(claims);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_refusal_of_a_person_says_what_to_do),
		cmocka_unit_test(a_new_refresh_token_is_kept_before_the_access_token_is_used),
		cmocka_unit_test(nobody_signed_in_asks_nobody),
		cmocka_unit_test(a_confidential_app_proves_itself_too),
		cmocka_unit_test(claims_of_damaged_tokens),
		cmocka_unit_test(national_clouds_by_configuration),
		cmocka_unit_test(answers_of_the_login_service),
		cmocka_unit_test(passing_failures_are_tried_again),
		cmocka_unit_test(an_outage_of_the_login_service_is_asked_seldom),
		cmocka_unit_test(an_old_token_serves_through_a_short_outage),
		cmocka_unit_test(every_refusal_says_what_to_do),
		cmocka_unit_test(signs_in_with_a_certificate),
		cmocka_unit_test(another_secret_ends_a_refusal_at_once),
		cmocka_unit_test(a_refusal_of_the_former_secret_does_not_count),
		cmocka_unit_test(a_wrong_clock_is_corrected_by_the_login_service),
	};

	return cmocka_run_group_tests(tests, make_key, free_key);
}
