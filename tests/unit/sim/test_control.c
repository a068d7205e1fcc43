/* The control API: what it makes, what it refuses, what it tells. */
#include "unit/sim/drive.h"

static const struct {
	const char *target, *body, *why;
} bad[] = {
	{ "world", "{\"tenant\":[]}", "tenant" },
	{ "world", "[]", "object" },
	{ "world", "{", "1" },
	{ "world", "{\"tenants\":[{\"id\":\"x\"}]}", "GUID" },
	{ "world", "{\"tenants\":[{\"teams\":[{\"members\":-1}]}]}", "range" },
	{ "world", "{\"tenants\":[{\"teams\":[{\"owners\":[\"nobody\"]}]}]}", "nobody" },
	{ "tenants", "{\"consent\":\"maybe\"}", "maybe" },
	{ "tenants", "{\"permissions\":[\"Everything\"]}", "Everything" },
	{ "users", "{\"tenant\":\"nowhere\"}", "tenant" },
	{ "users", "{\"tenant\":\"" TENANT "\",\"enabled\":1}", "enabled" },
	{ "users", "{\"tenant\":\"" TENANT "\",\"count\":\"3\"}", "count" },
	{ "users", "{\"tenant\":\"" OTHER "\",\"id\":\"" ADA "\"}", "another tenant" },
	{ "teams", "{\"id\":\"" TEAM "\",\"members\":3}", "/_sim/members" },
	{ "channels", "{\"team\":\"" TEAM "\",\"type\":\"secret\"}", "secret" },
	{ "channels", "{\"name\":\"x\"}", "team" },
	{ "members", "{\"op\":\"add\",\"team\":\"" TEAM "\",\"user\":\"nobody\"}", "nobody" },
	{ "members", "{\"team\":\"" TEAM "\",\"user\":\"" ADA "\"}", "op" },
	{ "members", "{\"changes\":[{\"op\":\"add\",\"team\":\"" TEAM "\",\"user\":\"" CAT "\",\"colour\":1}]}", "colour" },
	{ "settings", "{\"lag\":1}", "lag" },
	{ "settings", "{\"page_max\":1000}", "page_max" },
	{ "settings", "{\"spellings\":\"odd\"}", "spellings" },
	{ "apps", "{\"client_id\":\"00000000-0000-4000-8000-0000000000aa\",\"certificate\":\"x\"}", "certificate" },
	{ "apps", "{}", "client_id" },
	{ "notify", "{\"subscription\":\"00000000-0000-4000-8000-0000000000aa\"}", "subscription" },
	{ "faults", "{\"kind\":\"status\",\"stat\":1}", "stat" },
	{ "reset", "{\"all\":true}", "all" },
};

static void
refuses(void **state)
{
	char target[64];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(target, sizeof(target), "/_sim/%s", bad[i].target);
		drive_send(&d, "POST", target, bad[i].body);
		if (d.status != 400 || jx_get_str(d.json, "error") == NULL ||
		    strstr(jx_get_str(d.json, "error"), bad[i].why) == NULL)
			fail_msg("%s %s: %d %s", bad[i].target, bad[i].body, d.status, d.text);
	}
	assert_int_equal(drive_send(&d, "GET", "/_sim/nothing", NULL), 404);
	assert_int_equal(drive_send(&d, "GET", "/elsewhere", NULL), 404);
}

static void
explains_itself(void **state)
{
	(void)state;
	assert_int_equal(drive_send(&d, "GET", "/_sim/", NULL), 200);
	assert_non_null(strstr(d.text, "/_sim/faults"));
	assert_int_equal(drive_send(&d, "GET", "/_sim", NULL), 200);
}

static void
makes_people_and_teams_by_number(void **state)
{
	const json_t *tenant;

	(void)state;
	drive_control(&d, "POST", "world",
	    "{\"tenants\":[{\"domain\":\"big.example\",\"users\":12,\"teams\":[{\"members\":20,\"channels\":[{\"type\":"
	    "\"private\",\"members\":3}]}]}]}");
	tenant = json_array_get(jx_get_array(d.json, "tenants"), 2);
	assert_int_equal(jx_get_int(tenant, "users", 0), 20);
	tenant = json_array_get(jx_get_array(tenant, "teams"), 0);
	assert_int_equal(jx_get_int(tenant, "members", 0), 20);
	assert_int_equal(jx_get_int(json_array_get(jx_get_array(tenant, "channels"), 1), "members", 0), 3);
}

static void
changes_only_what_is_named(void **state)
{
	(void)state;
	drive_control(&d, "POST", "users", "{\"tenant\":\"" TENANT "\",\"id\":\"" ADA "\",\"enabled\":false}");
	drive_control(&d, "POST", "users", "{\"tenant\":\"" TENANT "\",\"id\":\"" ADA "\",\"display_name\":\"Ada L\"}");
	assert_int_equal(drive_graph(&d, "GET", "/users/" ADA "?$select=displayName,accountEnabled,mail,userType", NULL), 200);
	assert_string_equal(jx_get_str(d.json, "displayName"), "Ada L");
	assert_string_equal(jx_get_str(d.json, "mail"), "Ada@acme.example");
	assert_false(jx_get_bool(d.json, "accountEnabled", true));
	assert_int_equal(drive_graph(&d, "GET", "/users/ADA@acme.example", NULL), 200);
	assert_null(json_object_get(d.json, "accountEnabled"));
	/* Whoever is deleted leaves. */
	drive_control(&d, "POST", "users", "{\"tenant\":\"" TENANT "\",\"id\":\"" BEN "\",\"deleted\":true}");
	drive_control(&d, "GET", "members?team=" TEAM, NULL);
	assert_int_equal(json_array_size(jx_get_array(d.json, "members")), 1);
}

static void
counts_requests(void **state)
{
	(void)state;
	drive_control(&d, "DELETE", "requests", NULL);
	drive_graph(&d, "GET", "/users/" ADA, NULL);
	drive_graph(&d, "GET", "/users/" BEN, NULL);
	drive_graph(&d, "GET", "/teams/" TEAM "/members", NULL);
	drive_control(&d, "GET", "requests", NULL);
	assert_int_equal(jx_get_int(d.json, "total", 0), 3);
	assert_int_equal(jx_get_int(jx_get_object(d.json, "counts"), "GET /users/{user}", 0), 2);
	drive_control(&d, "GET", "requests?template=/users/%7Buser%7D&after=1", NULL);
	assert_int_equal(jx_get_int(d.json, "total", 0), 1);
	drive_control(&d, "GET", "requests?path=/v1.0/teams/&limit=0", NULL);
	assert_int_equal(jx_get_int(d.json, "total", 0), 1);
	assert_int_equal(json_array_size(jx_get_array(d.json, "requests")), 0);
}

static void
begins_anew(void **state)
{
	(void)state;
	drive_control(&d, "POST", "reset", "{\"world\":true}");
	drive_control(&d, "GET", "world", NULL);
	assert_int_equal(json_array_size(jx_get_array(d.json, "tenants")), 0);
	drive_control(&d, "POST", "world", WORLD);
	drive_sign_in(&d, TENANT);
	assert_int_equal(drive_graph(&d, "GET", "/teams/" TEAM "/members", NULL), 200);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(refuses, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(explains_itself, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(makes_people_and_teams_by_number, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(changes_only_what_is_named, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(counts_requests, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(begins_anew, drive_setup, drive_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
