/* People, groups, teams and channels as Graph shows them. */
#include "unit/sim/drive.h"

static const struct {
	const char *target;
	int status;
	const char *users; /* last digits of the ids, for lists */
} reads[] = {
	{ "/users/" ADA, 200, NULL },
	{ "/users/ADA%40acme.example", 200, NULL },
	{ "/users/nobody@acme.example", 404, NULL },
	{ "/users/" FOREIGNER, 404, NULL },
	{ "/users?$filter=mail%20eq%20'ada@ACME.example'", 200, "1" },
	{ "/users?$filter=mail%20eq%20'ada@acme.example'%20or%20userPrincipalName%20eq%20'cat@acme.example'", 200, "13" },
	{ "/users?$filter=userPrincipalName%20eq%20'nobody@acme.example'", 200, "" },
	{ "/users?$filter=city%20eq%20'Rome'", 400, NULL },
	{ "/users?$filter=mail%20gt%20'a'", 400, NULL },
	{ "/users?$filter=mail", 400, NULL },
	{ "/users?$top=2", 200, "12" },
	{ "/users?$top=0", 400, NULL },
	{ "/groups/" TEAM, 200, NULL },
	{ "/groups/" ADA, 404, NULL },
	{ "/groups/" TEAM "/members", 200, "12" },
	{ "/groups/" TEAM "/owners", 200, "1" },
	{ "/teams/" TEAM "/channels/19%3Aprivate%40thread.tacv2", 200, NULL },
	{ "/teams/" TEAM "/primaryChannel", 200, NULL },
};

static void
shows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(reads) / sizeof(*reads); i++) {
		drive_graph(&d, "GET", reads[i].target, NULL);
		if (d.status != reads[i].status || (reads[i].users != NULL && strcmp(drive_users(&d, "id"), reads[i].users) != 0))
			fail_msg("%s: %d %s", reads[i].target, d.status, d.text);
	}
}

/* A mail address is no key of a person, unless it is the UPN too: facts 1.5 speaks of ids and UPNs only. */
static void
mail_is_no_key(void **state)
{
	(void)state;
	drive_control(&d, "POST", "users", "{\"tenant\":\"" TENANT "\",\"id\":\"" ADA "\",\"mail\":\"ada.l@acme.example\"}");
	assert_int_equal(drive_graph(&d, "GET", "/users/ada.l@acme.example", NULL), 404);
	assert_int_equal(drive_graph(&d, "GET", "/users/ada@acme.example?$select=mail", NULL), 200);
	assert_string_equal(jx_get_str(d.json, "mail"), "ada.l@acme.example");
	assert_null(json_object_get(d.json, "displayName"));
}

static void
pages(void **state)
{
	size_t seen = 0;
	char target[1024] = "/users?$top=7";

	(void)state;
	drive_control(&d, "POST", "users", "{\"tenant\":\"" TENANT "\",\"count\":25}");
	for (const char *next = target; next != NULL;) {
		assert_int_equal(drive_graph(&d, "GET", target, NULL), 200);
		seen += json_array_size(jx_get_array(d.json, "value"));
		next = jx_get_str(d.json, "@odata.nextLink");
		if (next != NULL)
			assert_true(str_copy(target, sizeof(target), next));
	}
	assert_int_equal(seen, 30);
}

/* The newer member of an enumeration shows only to those who say they know it. */
static void
hides_shared_channels(void **state)
{
	const json_t *channels;

	(void)state;
	assert_int_equal(drive_graph(&d, "GET", "/teams/" TEAM "/channels", NULL), 200);
	channels = jx_get_array(d.json, "value");
	assert_int_equal(json_array_size(channels), 3);
	assert_string_equal(jx_get_str(json_array_get(channels, 1), "membershipType"), "private");
	assert_string_equal(jx_get_str(json_array_get(channels, 2), "membershipType"), "unknownFutureValue");
}

#define REF(id) "{\"@odata.id\":\"https://graph.microsoft.com/v1.0/directoryObjects/" id "\"}"

static const struct {
	const char *why, *control, *method, *target, *body;
	int status;
} writes[] = {
	{ "add", NULL, "POST", "/groups/" TEAM "/members/$ref", REF(CAT), 204 },
	{ "add a guest", NULL, "POST", "/groups/" TEAM "/members/$ref", REF(GUEST), 204 },
	{ "add twice", NULL, "POST", "/groups/" TEAM "/members/$ref", REF(BEN), 400 },
	{ "add nobody", NULL, "POST", "/groups/" TEAM "/members/$ref", REF("99999999-0000-4000-8000-000000000000"), 404 },
	{ "add nothing", NULL, "POST", "/groups/" TEAM "/members/$ref", "{}", 404 },
	{ "dynamic group", "{\"id\":\"" TEAM "\",\"dynamic\":true}", "POST", "/groups/" TEAM "/members/$ref", REF(CAT), 400 },
	{ "synchronised group", "{\"id\":\"" TEAM "\",\"synced\":true}", "DELETE", "/groups/" TEAM "/members/" BEN "/$ref", NULL,
	    400 },
	{ "remove", NULL, "DELETE", "/groups/" TEAM "/members/" BEN "/$ref", NULL, 204 },
	{ "remove who is not there", NULL, "DELETE", "/groups/" TEAM "/members/" CAT "/$ref", NULL, 404 },
	{ "remove the last owner", NULL, "DELETE", "/groups/" TEAM "/members/" ADA "/$ref", NULL, 400 },
};

static void
writes_references(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(writes) / sizeof(*writes); i++) {
		drive_start(&d);
		if (writes[i].control != NULL)
			drive_control(&d, "POST", "teams", writes[i].control);
		drive_graph(&d, writes[i].method, writes[i].target, writes[i].body);
		if (d.status != writes[i].status)
			fail_msg("%s: %d %s", writes[i].why, d.status, d.text);
		drive_stop(&d);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(shows, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(mail_is_no_key, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(pages, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(hides_shared_channels, drive_setup, drive_teardown),
		cmocka_unit_test(writes_references),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
