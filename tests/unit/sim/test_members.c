/* Membership calls: every refusal of the fact sheet's section 8, pages, lag, bulk. */
#include "unit/sim/drive.h"

#define M "/teams/" TEAM "/members"
#define P "/teams/" TEAM "/channels/19%3Aprivate%40thread.tacv2/members"
#define S "/teams/" TEAM "/channels/19%3Ashared%40thread.tacv2/members"
#define G "/teams/" TEAM "/channels/"

/* What is done by control before the call, the call, and its answer. */
static const struct {
	const char *why, *control_target, *control_body;
	const char *method, *target, *body;
	int status;
	const char *code;
} refusals[] = {
	{ "nobody", NULL, NULL, "POST", M, BIND("99999999-0000-4000-8000-000000000000"), 404, "NotFound" },
	{ "disabled", "users", "{\"tenant\":\"" TENANT "\",\"id\":\"" CAT "\",\"enabled\":false}", "POST", M, BIND(CAT), 404,
	    "NotFound" },
	{ "no licence", "users", "{\"tenant\":\"" TENANT "\",\"id\":\"" CAT "\",\"licensed\":false}", "POST", M, BIND(CAT), 404,
	    "NotFound" },
	{ "deleted", "users", "{\"tenant\":\"" TENANT "\",\"id\":\"" CAT "\",\"deleted\":true}", "POST", M, BIND(CAT), 404,
	    "NotFound" },
	{ "guest", NULL, NULL, "POST", M, BIND(GUEST), 403, "Forbidden" },
	{ "guest as owner", NULL, NULL, "POST", M, BIND_OWNER(GUEST), 400, "BadRequest" },
	{ "of another tenant", NULL, NULL, "POST", M, BIND(FOREIGNER), 404, "NotFound" },
	{ "no type", NULL, NULL, "POST", M,
	    "{\"roles\":[],\"user@odata.bind\":\"https://graph.microsoft.com/v1.0/users('" CAT "')\"}", 400, "BadRequest" },
	{ "no roles", NULL, NULL, "POST", M,
	    "{\"@odata.type\":\"#microsoft.graph.aadUserConversationMember\",\"user@odata.bind\":\"/users('" CAT "')\"}", 400,
	    "BadRequest" },
	{ "unknown role", NULL, NULL, "POST", M,
	    "{\"@odata.type\":\"#microsoft.graph.aadUserConversationMember\",\"roles\":[\"king\"],\"user@odata.bind\":\"x/"
	    "users('" CAT "')\"}",
	    400, "BadRequest" },
	{ "no JSON", NULL, NULL, "POST", M, "roles", 400, "BadRequest" },
	{ "no body", NULL, NULL, "POST", M, NULL, 400, "BadRequest" },
	{ "dynamic group", "teams", "{\"id\":\"" TEAM "\",\"dynamic\":true}", "POST", M, BIND(CAT), 403, "Forbidden" },
	{ "synchronised group", "teams", "{\"id\":\"" TEAM "\",\"synced\":true}", "POST", M, BIND(CAT), 403, "Forbidden" },
	{ "archived team", "teams", "{\"id\":\"" TEAM "\",\"archived\":true}", "POST", M, BIND(CAT), 403, "Forbidden" },
	{ "archived team, bulk", "teams", "{\"id\":\"" TEAM "\",\"archived\":true}", "POST", M "/add",
	    "{\"values\":[" BIND(CAT) "]}", 403, "Forbidden" },
	{ "deleted team", "teams", "{\"id\":\"" TEAM "\",\"deleted\":true}", "GET", M, NULL, 404, "NotFound" },
	{ "unknown team", NULL, NULL, "GET", "/teams/20000000-0000-4000-8000-00000000000f/members", NULL, 404, "NotFound" },
	{ "malformed team", NULL, NULL, "GET", "/teams/pride/members", NULL, 400, "BadRequest" },
	{ "unknown channel", NULL, NULL, "GET", G "19%3Anone%40thread.tacv2/members", NULL, 404, "NotFound" },
	{ "deleted channel", "channels", "{\"team\":\"" TEAM "\",\"id\":\"" CHANNEL "\",\"deleted\":true}", "GET", P, NULL, 404,
	    "NotFound" },
	{ "private channel, not in the team", NULL, NULL, "POST", P, BIND(CAT), 404, "NotFound" },
	{ "shared channel", NULL, NULL, "POST", S, BIND(BEN), 400, "BadRequest" },
	{ "unknown member", NULL, NULL, "GET", M "/abc", NULL, 404, "NotFound" },
	{ "owner added without the permission", "permissions",
	    "{\"tenant\":\"" TENANT "\",\"withdraw\":[\"TeamMember.ReadWrite.All\"]}", "POST", M, BIND_OWNER(CAT), 403,
	    "Authorization_RequestDenied" },
	{ "bulk removal without the permission", "permissions",
	    "{\"tenant\":\"" TENANT "\",\"withdraw\":[\"TeamMember.ReadWrite.All\"]}", "POST", M "/remove",
	    "{\"values\":[" BIND(BEN) "]}", 403, "Authorization_RequestDenied" },
	{ "no permission to read", "permissions", "{\"tenant\":\"" TENANT "\",\"set\":[]}", "GET", M, NULL, 403,
	    "Authorization_RequestDenied" },
	{ "consent withdrawn", "consent", "{\"tenant\":\"" TENANT "\",\"consent\":\"withdrawn\"}", "GET", M, NULL, 403,
	    "Authorization_RequestDenied" },
	{ "token expired", "expire", "{\"tokens\":true}", "GET", M, NULL, 401, "InvalidAuthenticationToken" },
	{ "empty bulk", NULL, NULL, "POST", M "/add", "{\"values\":[]}", 400, "BadRequest" },
	{ "page too large", NULL, NULL, "GET", M "?$top=1000", NULL, 400, "BadRequest" },
	{ "page of nothing", NULL, NULL, "GET", M "?$top=0", NULL, 400, "BadRequest" },
	{ "filter of something else", NULL, NULL, "GET", M "?$filter=roles%20eq%20'owner'", NULL, 400, "BadRequest" },
	{ "made-up page token", NULL, NULL, "GET", M "?$skiptoken=abcd", NULL, 400, "BadRequest" },
	{ "unknown path", NULL, NULL, "GET", "/teams/" TEAM "/people", NULL, 400, "BadRequest" },
	{ "unknown method", NULL, NULL, "PUT", M, "{}", 405, "Request_BadRequest" },
	{ "path with a bad escape", NULL, NULL, "GET", "/teams/%zz/members", NULL, 400, "BadRequest" },
};

static void
refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
		struct drive other;

		drive_start(&other);
		if (refusals[i].control_target != NULL)
			drive_control(&other, "POST", refusals[i].control_target, refusals[i].control_body);
		drive_graph(&other, refusals[i].method, refusals[i].target, refusals[i].body);
		if (other.status != refusals[i].status || strcmp(drive_code(&other), refusals[i].code) != 0)
			fail_msg("%s: %d %s", refusals[i].why, other.status, other.text);
		assert_non_null(strstr(other.headers, "client-request-id: c1d2\n"));
		drive_stop(&other);
	}
}

static void
list(const char *target, const char *users)
{
	assert_int_equal(drive_graph(&d, "GET", target, NULL), 200);
	assert_string_equal(drive_users(&d, "userId"), users);
}

/* The membership id of a user, percent-encoded into a target. */
static char *
target_of(const char *members, const char *user)
{
	static char target[512];
	struct text t;

	snprintf(target, sizeof(target), "%s?$filter=userId%%20eq%%20'%s'", members, user);
	assert_int_equal(drive_graph(&d, "GET", target, NULL), 200);
	text_init(&t, sizeof(target));
	text_addf(&t, "%s/", members);
	percent_encode(&t, jx_get_str(json_array_get(jx_get_array(d.json, "value"), 0), "id"));
	assert_true(str_copy(target, sizeof(target), t.data));
	text_done(&t);
	return target;
}

static void
adds_and_removes(void **state)
{
	char id[128];

	(void)state;
	list(M, "12");
	assert_int_equal(drive_graph(&d, "POST", M, BIND(CAT)), 201);
	assert_true(str_copy(id, sizeof(id), jx_get_str(d.json, "id")));
	/* Once more: the same member again. */
	assert_int_equal(drive_graph(&d, "POST", M, BIND(CAT)), 201);
	assert_string_equal(id, jx_get_str(d.json, "id"));
	list(M, "123");
	assert_int_equal(drive_graph(&d, "DELETE", target_of(M, CAT), NULL), 204);
	list(M, "12");
	/* Who comes again has a new membership. */
	assert_int_equal(drive_graph(&d, "POST", M, BIND(CAT)), 201);
	assert_string_not_equal(id, jx_get_str(d.json, "id"));
}

static void
changes_roles_but_keeps_an_owner(void **state)
{
	(void)state;
	assert_int_equal(drive_graph(&d, "DELETE", target_of(M, ADA), NULL), 400);
	assert_int_equal(drive_graph(&d, "PATCH", target_of(M, ADA), ROLE("")), 400);
	assert_int_equal(drive_noted(&d, "last_owner"), 2);
	assert_int_equal(drive_graph(&d, "PATCH", target_of(M, BEN), ROLE("\"owner\"")), 200);
	assert_string_equal(json_string_value(json_array_get(jx_get_array(d.json, "roles"), 0)), "owner");
	assert_int_equal(drive_graph(&d, "PATCH", target_of(M, ADA), ROLE("")), 200);
	assert_int_equal(drive_graph(&d, "DELETE", target_of(M, BEN), NULL), 400);
	drive_control(&d, "POST", "members", CHANGE("add", GUEST));
	assert_int_equal(drive_graph(&d, "PATCH", target_of(M, GUEST), ROLE("\"owner\"")), 400);
}

static void
bulk_answers_each(void **state)
{
	const json_t *value;

	(void)state;
	assert_int_equal(drive_graph(&d, "POST", M "/add", "{\"values\":[" BIND(CAT) "," BIND(DAN) "," BIND(BEN) "]}"), 200);
	assert_int_equal(drive_graph(&d, "POST", M "/add", "{\"values\":[" BIND(CAT) "," BIND(GUEST) "]}"), 207);
	value = jx_get_array(d.json, "value");
	assert_true(json_is_null(json_object_get(json_array_get(value, 0), "error")));
	assert_string_equal(jx_get_str(jx_get_object(json_array_get(value, 1), "error"), "code"), "Forbidden");
	list(M, "1234");
	assert_int_equal(drive_graph(&d, "POST", M "/remove", "{\"values\":[" BIND(CAT) "," BIND(DAN) "]}"), 204);
	assert_int_equal(drive_graph(&d, "POST", M "/remove", "{\"values\":[" BIND(BEN) "," BIND(ADA) "]}"), 207);
	list(M, "1");
}

static void
bulk_may_fail_as_a_whole(void **state)
{
	(void)state;
	drive_control(&d, "POST", "settings", "{\"bulk_unknown_404\":true}");
	assert_int_equal(
	    drive_graph(&d, "POST", M "/add", "{\"values\":[" BIND(CAT) "," BIND("99999999-0000-4000-8000-000000000000") "]}"),
	    404);
	list(M, "12");
}

static void
bulk_has_limits(void **state)
{
	static const struct {
		const char *target;
		int fits;
	} cases[] = { { M "/add", 200 }, { M "/remove", 20 } };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		for (int over = 0; over < 2; over++) {
			struct text t;

			text_init(&t, 1 << 20);
			text_adds(&t, "{\"values\":[");
			for (int n = 0; n < cases[i].fits + over; n++)
				text_addf(&t, "%s%s", n == 0 ? "" : ",", BIND(CAT));
			text_adds(&t, "]}");
			drive_graph(&d, "POST", cases[i].target, t.data);
			assert_int_equal(d.status == 400, over);
			text_done(&t);
		}
	}
	assert_int_equal(drive_noted(&d, "bulk_size"), 2);
}

static void
private_channel_follows_its_team(void **state)
{
	(void)state;
	list(P, "1");
	assert_int_equal(drive_graph(&d, "POST", P, BIND(BEN)), 201);
	list(P, "12");
	assert_int_equal(drive_graph(&d, "DELETE", target_of(M, BEN), NULL), 204);
	list(P, "1");
	list(M, "1");
}

static void
shared_channel_takes_foreigners(void **state)
{
	(void)state;
	drive_control(
	    &d, "POST", "members", "{\"op\":\"add\",\"team\":\"" TEAM "\",\"channel\":\"" OPEN "\",\"user\":\"" FOREIGNER "\"}");
	list(S, "6");
	assert_string_equal(jx_get_str(json_array_get(jx_get_array(d.json, "value"), 0), "tenantId"), OTHER);
	assert_int_equal(
	    drive_graph(&d, "GET",
	        "/teams/" TEAM "/channels/19%3Ashared%40thread.tacv2/"
	        "doesUserHaveAccess(userId='@userId',tenantId='@tenantId')?@userId='" FOREIGNER "'&@tenantId='" OTHER "'",
	        NULL),
	    200);
	assert_true(jx_get_bool(d.json, "value", false));
	assert_int_equal(drive_graph(&d, "GET",
	                     "/teams/" TEAM "/channels/19%3Ashared%40thread.tacv2/doesUserHaveAccess(userId='" ADA "')", NULL),
	    200);
	assert_false(jx_get_bool(d.json, "value", true));
	assert_int_equal(drive_graph(&d, "DELETE", target_of(S, FOREIGNER), NULL), 204);
	list(S, "");
}

static void
standard_channel_shows_its_team(void **state)
{
	char target[300];
	struct text t;

	(void)state;
	assert_int_equal(drive_graph(&d, "GET", "/teams/" TEAM "/primaryChannel", NULL), 200);
	text_init(&t, sizeof(target));
	text_adds(&t, G);
	percent_encode(&t, jx_get_str(d.json, "id"));
	text_adds(&t, "/members");
	assert_true(str_copy(target, sizeof(target), t.data));
	text_done(&t);
	list(target, "12");
	assert_int_equal(drive_graph(&d, "POST", target, BIND(CAT)), 400);
}

static void
pages_to_the_last(void **state)
{
	char target[1024] = "/teams/20000000-0000-4000-8000-000000000002/members?$top=7&$select=userId";
	size_t seen = 0, pages = 0;

	(void)state;
	drive_control(
	    &d, "POST", "teams", "{\"tenant\":\"" TENANT "\",\"id\":\"20000000-0000-4000-8000-000000000002\",\"members\":30}");
	for (;;) {
		const char *next;

		assert_int_equal(drive_graph(&d, "GET", target, NULL), 200);
		seen += json_array_size(jx_get_array(d.json, "value"));
		pages++;
		/* A change between pages neither repeats nor hides anybody else. */
		next = jx_get_str(d.json, "@odata.nextLink");
		if (next == NULL)
			break;
		assert_true(str_copy(target, sizeof(target), next));
		if (pages == 2)
			drive_control(&d, "POST", "members",
			    "{\"op\":\"remove\",\"team\":\"20000000-0000-4000-8000-000000000002\",\"user\":\"user30@acme."
			    "example\"}");
	}
	assert_int_equal(pages, 5);
	assert_int_equal(seen, 29);
}

static void
reads_lag_behind_writes(void **state)
{
	(void)state;
	drive_control(&d, "POST", "settings", "{\"lag_ms\":5000}");
	drive_graph(&d, "DELETE", target_of(M, BEN), NULL);
	assert_int_equal(d.status, 204);
	assert_int_equal(drive_graph(&d, "POST", M, BIND(CAT)), 201);
	list(M, "12");
	drive_wait(&d, 4999);
	list(M, "12");
	drive_wait(&d, 1);
	list(M, "13");
	drive_wait(&d, 2000);
	drive_control(&d, "POST", "members", CHANGE("add", DAN));
	drive_control(&d, "POST", "faults", "{\"kind\":\"lag\",\"delay_ms\":1000,\"path\":\"/teams\"}");
	list(M, "13");
	list(M, "134");
}

static void
notes_what_clients_should_not_do(void **state)
{
	(void)state;
	drive_graph(&d, "POST", M, BIND(CAT));
	drive_graph(&d, "POST", M, BIND(DAN));
	assert_int_equal(drive_noted(&d, "spacing"), 1);
	list(M, "1234");
	list(M, "1234");
	assert_int_equal(drive_noted(&d, "polled"), 1);
	drive_wait(&d, 25 * 3600 * 1000);
	drive_sign_in(&d, TENANT);
	list(M, "1234");
	assert_int_equal(drive_noted(&d, "polled"), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses),
		cmocka_unit_test_setup_teardown(adds_and_removes, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(changes_roles_but_keeps_an_owner, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(bulk_answers_each, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(bulk_may_fail_as_a_whole, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(bulk_has_limits, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(private_channel_follows_its_team, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(shared_channel_takes_foreigners, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(standard_channel_shows_its_team, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(pages_to_the_last, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(reads_lag_behind_writes, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(notes_what_clients_should_not_do, drive_setup, drive_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
