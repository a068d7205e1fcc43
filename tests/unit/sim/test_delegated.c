/* People who sign in: device codes, refresh tokens, and the page of admin consent. */
#include "unit/sim/drive.h"

#define APP    "00000000-0000-4000-8000-0000000000aa"
#define SCOPE  "&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default%20offline_access%20openid"
#define DEVICE "client_id=" APP "&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code="
#define FRESH  "client_id=" APP "&grant_type=refresh_token&refresh_token="

static char device_code[256], user_code[32], refresh_token[256];

static int
start(void **state)
{
	(void)state;
	drive_start(&d);
	drive_control(&d, "POST", "apps", "{\"client_id\":\"" APP "\",\"client_secret\":\"s\"}");
	return 0;
}

/* The word of the refusal, or "". */
static const char *
post(const char *tail, const char *form, const char *value)
{
	char path[128], body[1024];

	snprintf(path, sizeof(path), "/%s/oauth2/v2.0/%s", TENANT, tail);
	snprintf(body, sizeof(body), "%s%s", form, value);
	drive_send(&d, "POST", path, body);
	return d.status == 200 ? "" : jx_get_str(d.json, "error");
}

static void
begin(void)
{
	assert_string_equal(post("devicecode", "client_id=" APP SCOPE, ""), "");
	assert_true(str_copy(device_code, sizeof(device_code), jx_get_str(d.json, "device_code")));
	assert_true(str_copy(user_code, sizeof(user_code), jx_get_str(d.json, "user_code")));
	assert_int_equal(jx_get_int(d.json, "expires_in", 0), 900);
	assert_int_equal(jx_get_int(d.json, "interval", 0), 5);
	assert_string_equal(jx_get_str(d.json, "verification_uri"), "https://microsoft.com/devicelogin");
}

static void
decide(const char *decision)
{
	char body[256];

	snprintf(body, sizeof(body),
	    "{\"tenant\":\"" TENANT "\",\"user_code\":\"%s\",\"user\":\"ada@acme.example\",\"decision\":\"%s\"}", user_code,
	    decision);
	drive_control(&d, "POST", "device", body);
}

static void
a_code_becomes_tokens_once(void **state)
{
	(void)state;
	begin();
	assert_string_equal(post("token", DEVICE, device_code), "authorization_pending");
	drive_wait(&d, 1000);
	assert_string_equal(post("token", DEVICE, device_code), "slow_down");
	decide("approve");
	drive_wait(&d, 10000);
	assert_string_equal(post("token", DEVICE, device_code), "");
	assert_non_null(jx_get_str(d.json, "access_token"));
	assert_non_null(jx_get_str(d.json, "id_token"));
	assert_true(str_copy(refresh_token, sizeof(refresh_token), jx_get_str(d.json, "refresh_token")));
	drive_wait(&d, 10000);
	assert_string_equal(post("token", DEVICE, device_code), "bad_verification_code");
}

static void
codes_end(void **state)
{
	(void)state;
	begin();
	decide("decline");
	assert_string_equal(post("token", DEVICE, device_code), "authorization_declined");
	begin();
	drive_wait(&d, 900 * 1000);
	assert_string_equal(post("token", DEVICE, device_code), "expired_token");
	assert_string_equal(post("token", DEVICE, "nonsense"), "bad_verification_code");
}

static void
sign_in(void)
{
	begin();
	decide("approve");
	assert_string_equal(post("token", DEVICE, device_code), "");
	assert_true(str_copy(refresh_token, sizeof(refresh_token), jx_get_str(d.json, "refresh_token")));
}

static int64_t
number(void)
{
	return json_integer_value(json_array_get(jx_get_array(d.json, "error_codes"), 0));
}

static void
refresh_tokens_rotate_and_end(void **state)
{
	char first[256];

	(void)state;
	sign_in();
	memcpy(first, refresh_token, sizeof(first));
	assert_string_equal(post("token", FRESH, first), "");
	assert_string_not_equal(jx_get_str(d.json, "refresh_token"), first);
	assert_string_equal(post("token", FRESH, first), ""); /* the old one is not revoked */
	drive_control(&d, "POST", "refresh", "{\"tenant\":\"" TENANT "\",\"end\":50173}");
	assert_string_equal(post("token", FRESH, first), "invalid_grant");
	assert_int_equal(number(), 50173);
	drive_control(&d, "POST", "refresh", "{\"tenant\":\"" TENANT "\",\"end\":0}");
	drive_wait(&d, (int64_t)90 * 24 * 3600 * 1000);
	assert_string_equal(post("token", FRESH, first), "invalid_grant");
	assert_int_equal(number(), 700082);
	assert_string_equal(post("token", FRESH, "1.rt.nonsense"), "invalid_grant");
}

static void
what_a_person_may_not(void **state)
{
	char with_secret[sizeof(refresh_token) + 32];

	(void)state;
	sign_in();
	drive_control(&d, "POST", "consent", "{\"tenant\":\"" TENANT "\",\"consent\":\"withdrawn\"}");
	assert_string_equal(post("token", FRESH, refresh_token), "invalid_grant");
	assert_int_equal(number(), 65001);
	drive_control(&d, "POST", "consent", "{\"tenant\":\"" TENANT "\",\"consent\":\"granted\"}");
	drive_control(&d, "POST", "apps", "{\"client_id\":\"" APP "\",\"client_secret\":\"s\",\"confidential\":true}");
	assert_string_equal(post("token", FRESH, refresh_token), "invalid_client");
	assert_int_equal(number(), 7000218);
	(void)snprintf(with_secret, sizeof(with_secret), "%s&client_secret=s", refresh_token);
	assert_string_equal(post("token", FRESH, with_secret), "");
}

static void
consent_sends_back(void **state)
{
	static const char page[] =
	    "/" TENANT "/adminconsent?client_id=" APP "&state=a%26b&redirect_uri=https%3A%2F%2Fhook.example%2Fgraph%2Fconsent";

	(void)state;
	drive_control(&d, "POST", "consent", "{\"tenant\":\"" TENANT "\",\"consent\":\"absent\"}");
	drive_control(&d, "POST", "settings", "{\"consent_declined\":true}");
	drive_send(&d, "GET", page, NULL);
	assert_int_equal(d.status, 302);
	assert_non_null(strstr(d.headers, "Location: https://hook.example/graph/consent?tenant=" TENANT
	                                  "&state=a%26b&error=permission_denied&error_description="));
	assert_string_equal(post("token", FRESH, "x"), "unauthorized_client");
	drive_control(&d, "POST", "settings", "{\"consent_declined\":false}");
	drive_send(&d, "GET", page, NULL);
	assert_int_equal(d.status, 302);
	assert_non_null(
	    strstr(d.headers, "Location: https://hook.example/graph/consent?tenant=" TENANT "&state=a%26b&admin_consent=True"));
	assert_string_equal(post("token", FRESH, "x"), "invalid_grant");
	drive_send(&d, "GET", "/" TENANT "/adminconsent?client_id=" APP, NULL);
	assert_int_equal(d.status, 400);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_code_becomes_tokens_once, start, drive_teardown),
		cmocka_unit_test_setup_teardown(codes_end, start, drive_teardown),
		cmocka_unit_test_setup_teardown(refresh_tokens_rotate_and_end, start, drive_teardown),
		cmocka_unit_test_setup_teardown(what_a_person_may_not, start, drive_teardown),
		cmocka_unit_test_setup_teardown(consent_sends_back, start, drive_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
