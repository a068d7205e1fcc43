/* Sign-in: refusals by number, lifetimes. */
#include "unit/sim/drive.h"

#define APP   "00000000-0000-4000-8000-0000000000aa"
#define SCOPE "&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default"
#define GRANT "&grant_type=client_credentials"
#define FORM  "client_id=" APP GRANT SCOPE

static int
start(void **state)
{
	(void)state;
	drive_start(&d);
	drive_control(&d, "POST", "apps", "{\"client_id\":\"" APP "\",\"client_secret\":\"s+1 &\"}");
	return 0;
}

static int64_t
sign_in(const char *tenant, const char *body)
{
	char path[128];

	snprintf(path, sizeof(path), "/%s/oauth2/v2.0/token", tenant);
	drive_send(&d, "POST", path, body);
	return d.status == 200 ? 0 : json_integer_value(json_array_get(jx_get_array(d.json, "error_codes"), 0));
}

static const struct {
	const char *why, *tenant, *body;
	int64_t number;
} cases[] = {
	{ "all right", TENANT, FORM "&client_secret=s%2B1+%26", 0 },
	{ "by domain", "acme.example", FORM "&client_secret=s%2B1+%26", 0 },
	{ "wrong secret", TENANT, FORM "&client_secret=s", 7000215 },
	{ "no secret", TENANT, FORM, 7000218 },
	{ "unknown app", TENANT, "client_id=00000000-0000-4000-8000-0000000000bb&client_secret=s" GRANT SCOPE, 700016 },
	{ "no app", TENANT, "client_secret=s" GRANT SCOPE, 900144 },
	{ "unknown tenant", "nowhere.example", FORM "&client_secret=s%2B1+%26", 90002 },
	{ "one scope", TENANT, "client_id=" APP GRANT "&scope=User.Read&client_secret=s%2B1+%26", 70011 },
	{ "another grant", TENANT, "client_id=" APP "&grant_type=password" SCOPE, 70003 },
	{ "no JWT", TENANT,
	    FORM "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=a.b.c",
	    50027 },
};

static void
answers_by_number(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int64_t number = sign_in(cases[i].tenant, cases[i].body);

		if (number != cases[i].number)
			fail_msg("%s: %lld %s", cases[i].why, (long long)number, d.text);
	}
	drive_control(&d, "POST", "consent", "{\"tenant\":\"" TENANT "\",\"consent\":\"withdrawn\"}");
	assert_int_equal(sign_in(TENANT, cases[0].body), 65001);
	drive_control(&d, "POST", "consent", "{\"tenant\":\"" TENANT "\",\"consent\":\"absent\"}");
	assert_int_equal(sign_in(TENANT, cases[0].body), 700016);
	drive_control(&d, "POST", "consent", "{\"tenant\":\"" TENANT "\",\"consent\":\"granted\"}");
	assert_int_equal(sign_in(TENANT, cases[0].body), 0);
}

static void
tokens_end(void **state)
{
	(void)state;
	assert_int_equal(drive_graph(&d, "GET", "/users/" ADA, NULL), 200);
	drive_wait(&d, 3599 * 1000 - 1);
	assert_int_equal(drive_graph(&d, "GET", "/users/" ADA, NULL), 200);
	drive_wait(&d, 1);
	assert_int_equal(drive_graph(&d, "GET", "/users/" ADA, NULL), 401);
	assert_non_null(strstr(d.headers, "WWW-Authenticate: Bearer"));
	free(d.token);
	d.token = NULL;
	assert_int_equal(drive_graph(&d, "GET", "/users/" ADA, NULL), 401);
	assert_int_equal(drive_noted(&d, "no_token"), 1);
}

/* Only the whole text counts: not the part that it is found by. */
static void
tokens_are_compared_whole(void **state)
{
	(void)state;
	assert_int_equal(drive_graph(&d, "GET", "/users/" ADA, NULL), 200);
	d.token[10] = d.token[10] == 'x' ? 'y' : 'x';
	assert_int_equal(drive_graph(&d, "GET", "/users/" ADA, NULL), 401);
	strchr(d.token, '.')[0] = '\0';
	assert_int_equal(drive_graph(&d, "GET", "/users/" ADA, NULL), 401);
	assert_int_equal(drive_noted(&d, "bad_token"), 2);
}

static size_t
token_length(void)
{
	assert_int_equal(sign_in(TENANT, cases[0].body), 0);
	return strlen(jx_get_str(d.json, "access_token"));
}

/* The permissions of now, whatever an earlier one said. */
static void
tokens_name_what_is_granted(void **state)
{
	size_t before = token_length();

	(void)state;
	drive_control(&d, "POST", "permissions", "{\"tenant\":\"" TENANT "\",\"withdraw\":[\"User.Read.All\"]}");
	assert_true(token_length() < before);
	drive_control(&d, "POST", "permissions", "{\"tenant\":\"" TENANT "\",\"grant\":[\"User.Read.All\"]}");
	assert_int_equal(token_length(), before);
}

static void
tokens_see_their_tenant_only(void **state)
{
	(void)state;
	drive_stop(&d);
	drive_start(&d);
	drive_sign_in(&d, OTHER);
	assert_int_equal(drive_graph(&d, "GET", "/users/" ADA, NULL), 404);
	assert_int_equal(drive_graph(&d, "GET", "/teams/" TEAM, NULL), 404);
	assert_int_equal(drive_graph(&d, "GET", "/groups/" TEAM, NULL), 404);
	assert_int_equal(drive_graph(&d, "GET", "/users/fay@other.example", NULL), 200);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers_by_number, start, drive_teardown),
		cmocka_unit_test_setup_teardown(tokens_end, start, drive_teardown),
		cmocka_unit_test_setup_teardown(tokens_are_compared_whole, start, drive_teardown),
		cmocka_unit_test_setup_teardown(tokens_name_what_is_granted, start, drive_teardown),
		cmocka_unit_test_setup_teardown(tokens_see_their_tenant_only, start, drive_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
