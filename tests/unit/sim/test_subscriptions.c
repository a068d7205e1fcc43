/* Subscriptions: creation and its refusals, the handshake, expiry, authorization, who is told what. */
#include "unit/sim/drive.h"

#include "base/random.h"

#define SUB(change, resource, more)                                                                                              \
	"{\"changeType\":\"" change "\",\"resource\":\"" resource "\",\"notificationUrl\":\"" HOOK                               \
	"\",\"lifecycleNotificationUrl\":\"" LIFE "\"," more "}"
#define IN(h)    "\"expirationDateTime\":\"2026-11-18T" h ":00Z\""
#define TEAM_SUB SUB("created,updated,deleted", "/teams/" TEAM "/members", "\"clientState\":\"secret\"," EXPIRY)
/* START_MS is 2026-11-18T11:06:40Z. */
#define EXPIRY IN("13:00")

static char id[64];

static void
subscribe(const char *body)
{
	assert_int_equal(drive_graph(&d, "POST", "/subscriptions", body), 201);
	assert_true(str_copy(id, sizeof(id), jx_get_str(d.json, "id")));
}

static int
patch(const char *when)
{
	char target[128], body[128];

	snprintf(target, sizeof(target), "/subscriptions/%s", id);
	snprintf(body, sizeof(body), "{\"expirationDateTime\":\"%s\"}", when);
	return drive_graph(&d, "PATCH", target, body);
}

#define LONG_STATE                                                                                                               \
	"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567" \
	"890123456789"

static const struct {
	const char *why, *body;
	int status;
	const char *code;
} refusals[] = {
	{ "no expiry", SUB("created", "/teams/" TEAM "/members", "\"clientState\":\"x\""), 400, "InvalidRequest" },
	{ "expiry in the past", SUB("created", "/teams/" TEAM "/members", IN("10:00")), 400, "InvalidRequest" },
	{ "expiry too far", SUB("created", "/teams/" TEAM "/members", "\"expirationDateTime\":\"2026-11-22T10:00:00Z\""), 400,
	    "InvalidRequest" },
	{ "unknown change", SUB("created,moved", "/teams/" TEAM "/members", EXPIRY), 400, "InvalidRequest" },
	{ "no change", SUB("", "/teams/" TEAM "/members", EXPIRY), 400, "InvalidRequest" },
	{ "groups know no creation", SUB("created", "/groups", EXPIRY), 400, "InvalidRequest" },
	{ "unknown resource", SUB("created", "/teams/" TEAM "/people", EXPIRY), 400, "InvalidRequest" },
	{ "channel members of one channel", SUB("created", "/teams/" TEAM "/channels/19:x@thread.tacv2/members", EXPIRY), 400,
	    "InvalidRequest" },
	{ "unknown team", SUB("created", "/teams/20000000-0000-4000-8000-00000000000f/members", EXPIRY), 404,
	    "ResourceNotFound" },
	{ "unknown user", SUB("created", "/users/nobody@acme.example/events", EXPIRY), 404, "ResourceNotFound" },
	{ "long clientState", SUB("created", "/teams/" TEAM "/members", "\"clientState\":\"" LONG_STATE "\"," EXPIRY), 400,
	    "InvalidRequest" },
	{ "no lifecycle URL",
	    "{\"changeType\":\"created\",\"resource\":\"/teams/" TEAM "/members\",\"notificationUrl\":\"" HOOK "\"," EXPIRY "}",
	    400, "InvalidRequest" },
	{ "plain http",
	    "{\"changeType\":\"created\",\"resource\":\"/teams/" TEAM
	    "/members\",\"notificationUrl\":\"http://hook.example/\"," IN("12:00") "}",
	    400, "InvalidRequest" },
	{ "no JSON", "x", 400, "BadRequest" },
};

static void
refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
		drive_graph(&d, "POST", "/subscriptions", refusals[i].body);
		if (d.status != refusals[i].status || strcmp(drive_code(&d), refusals[i].code) != 0)
			fail_msg("%s: %d %s", refusals[i].why, d.status, d.text);
	}
	assert_int_equal(d.validations, 0);
}

static void
needs_the_permission_to_read(void **state)
{
	(void)state;
	drive_control(&d, "POST", "permissions", "{\"tenant\":\"" TENANT "\",\"withdraw\":[\"TeamMember.Read.All\"]}");
	assert_int_equal(drive_graph(&d, "POST", "/subscriptions", TEAM_SUB), 403);
	assert_string_equal(drive_code(&d), "ExtensionError");
}

static void
shakes_hands_with_both_urls(void **state)
{
	(void)state;
	subscribe(TEAM_SUB);
	assert_int_equal(d.validations, 2);
	assert_string_equal(jx_get_str(d.json, "clientState"), "secret");
	assert_int_equal(drive_graph(&d, "GET", "/subscriptions", NULL), 200);
	assert_int_equal(json_array_size(jx_get_array(d.json, "value")), 1);
	assert_null(jx_get_str(json_array_get(jx_get_array(d.json, "value"), 0), "clientState"));
	assert_int_equal(drive_graph(&d, "POST", "/subscriptions", TEAM_SUB), 409);
	assert_non_null(strstr(d.text, id));
	/* Other changes of the same resource are another subscription. */
	subscribe(SUB("deleted", "teams/" TEAM "/members", EXPIRY));
}

static void
wants_the_exact_token_in_ten_seconds(void **state)
{
	(void)state;
	d.wrong_echo = true;
	assert_int_equal(drive_graph(&d, "POST", "/subscriptions", TEAM_SUB), 400);
	assert_string_equal(drive_code(&d), "ValidationError");
	d.wrong_echo = false;
	d.validate_status = 403;
	assert_int_equal(drive_graph(&d, "POST", "/subscriptions", TEAM_SUB), 400);
	d.validate_status = 0;
	assert_int_equal(drive_send(&d, "POST", "/v1.0/subscriptions", TEAM_SUB), 0);
	drive_wait(&d, 9999);
	assert_false(d.answered);
	drive_wait(&d, 1);
	assert_int_equal(d.status, 400);
	assert_non_null(strstr(d.text, "timed out"));
	assert_int_equal(drive_noted(&d, "validation_failed"), 3);
}

#define MANY 14

static const char *const changes[MANY / 2] = { "created", "updated", "deleted", "created,updated", "created,deleted",
	"updated,deleted", "created,updated,deleted" };

/* Each ends when its own time has come, whatever was made or renewed before or after it. */
static void
end_each_in_its_time(void **state)
{
	const char *given = getenv("ERGSYNC_TEST_SEED");
	char ids[MANY][64], when[TIMESTAMP_SIZE], body[1024];
	int64_t ends_ms[MANY], now_ms;
	uint64_t seed = 4;
	struct rng rng;
	size_t alive;

	(void)state;
	if (given != NULL)
		assert_int_equal(parse_u64(given, &seed), ERR_OK);
	print_message("seed %llu\n", (unsigned long long)seed);
	rng = rng_seeded(seed);
	drive_control(&d, "POST", "settings", "{\"authorization_ms\":0,\"token_s\":100000}");
	drive_sign_in(&d, TENANT);
	for (size_t i = 0; i < MANY; i++) {
		ends_ms[i] = START_MS + 46 * 60000 + (int64_t)rng_below(&rng, 120) * 60000;
		timestamp_format(ends_ms[i], when);
		snprintf(body, sizeof(body), SUB("%s", "/teams/" TEAM "%s", "\"expirationDateTime\":\"%s\""), changes[i / 2],
		    i % 2 == 0 ? "/members" : "/channels", when);
		subscribe(body);
		assert_true(str_copy(ids[i], sizeof(ids[i]), id));
	}
	for (int round = 0; round < 300; round++) {
		size_t i = (size_t)rng_below(&rng, MANY);

		drive_wait(&d, (int64_t)rng_below(&rng, 60000));
		now_ms = clock_wall_ms(d.clock);
		assert_true(str_copy(id, sizeof(id), ids[i]));
		if (rng_below(&rng, 4) == 0 && ends_ms[i] > now_ms) {
			ends_ms[i] = now_ms + 46 * 60000 + (int64_t)rng_below(&rng, 120) * 60000;
			timestamp_format(ends_ms[i], when);
			assert_int_equal(patch(when), 200);
		}
		alive = 0;
		for (size_t k = 0; k < MANY; k++)
			alive += ends_ms[k] > now_ms;
		drive_control(&d, "GET", "subscriptions", NULL);
		assert_int_equal(json_array_size(jx_get_array(d.json, "subscriptions")), alive);
	}
	assert_true(alive < MANY);
}

static void
keeps_to_lifetimes(void **state)
{
	int64_t until;

	(void)state;
	/* Below 45 minutes it is raised. */
	subscribe(SUB("created", "/teams/" TEAM "/members", IN("11:30")));
	assert_int_equal(timestamp_parse(jx_get_str(d.json, "expirationDateTime"), &until), ERR_OK);
	assert_int_equal(until, START_MS + 45 * 60 * 1000);
	drive_wait(&d, 44 * 60 * 1000);
	assert_int_equal(patch("2026-11-18T13:00:00Z"), 200);
	assert_int_equal(patch("2026-11-30T13:00:00Z"), 400);
	drive_wait(&d, 2 * 3600 * 1000);
	drive_sign_in(&d, TENANT);
	assert_int_equal(patch("2026-11-18T20:00:00Z"), 404);
}

static void
tells_of_changes_until_it_ends(void **state)
{
	(void)state;
	drive_control(&d, "POST", "settings", "{\"spellings\":\"plain\"}");
	subscribe(TEAM_SUB);
	assert_int_equal(drive_graph(&d, "POST", "/teams/" TEAM "/members", BIND(CAT)), 201);
	drive_control(&d, "POST", "members", CHANGE("remove", BEN));
	drive_control(&d, "POST", "members", "{\"op\":\"role\",\"team\":\"" TEAM "\",\"user\":\"" CAT "\",\"role\":\"owner\"}");
	drive_control(&d, "POST", "members", "{\"op\":\"add\",\"team\":\"" TEAM "\",\"user\":\"" DAN "\",\"quiet\":true}");
	drive_wait(&d, 1000);
	assert_int_equal(drive_items(&d), 3);
	assert_string_equal(jx_get_str(drive_item(&d, 0), "changeType"), "created");
	assert_string_equal(jx_get_str(drive_item(&d, 1), "changeType"), "deleted");
	assert_string_equal(jx_get_str(drive_item(&d, 2), "changeType"), "updated");
	assert_string_equal(jx_get_str(drive_item(&d, 0), "clientState"), "secret");
	assert_string_equal(jx_get_str(drive_item(&d, 0), "tenantId"), TENANT);
	assert_true(str_starts(jx_get_str(drive_item(&d, 0), "resource"), "teams('" TEAM "')/members('"));
	drive_forget_posts(&d);
	drive_wait(&d, 4 * 3600 * 1000);
	drive_forget_posts(&d);
	drive_control(&d, "POST", "members", CHANGE("add", BEN));
	drive_wait(&d, 60000);
	assert_int_equal(drive_items(&d), 0);
}

/* One change and the resources that hear of it. */
static const struct {
	const char *change, *told, *not_told;
} audiences[] = {
	{ CHANGE("add", CAT), "/teams/" TEAM "/members", "/teams/" TEAM "/channels/getAllMembers" },
	{ CHANGE("add", CAT), "/teams/getAllMembers", "/teams/getAllChannels/getAllMembers" },
	{ CHANGE("add", CAT), "/groups/" TEAM "/members", "/users" },
	{ CHANGE("add", CAT), "/groups", "/teams/" TEAM },
	{ "{\"op\":\"add\",\"team\":\"" TEAM "\",\"channel\":\"" CHANNEL "\",\"user\":\"" BEN "\"}",
	    "/teams/" TEAM "/channels/getAllMembers", "/teams/" TEAM "/members" },
	{ "{\"op\":\"add\",\"team\":\"" TEAM "\",\"channel\":\"" CHANNEL "\",\"user\":\"" BEN "\"}",
	    "/teams/getAllChannels/getAllMembers", "/groups/" TEAM },
};

static void
tells_who_asked(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(audiences) / sizeof(*audiences); i++) {
		struct drive other;
		char body[512], told[64];

		drive_start(&other);
		drive_control(&other, "POST", "settings", "{\"authorization_ms\":0}");
		for (int k = 0; k < 2; k++) {
			snprintf(body, sizeof(body), SUB("updated,deleted", "%s", EXPIRY),
			    k == 0 ? audiences[i].not_told : audiences[i].told);
			if (strstr(k == 0 ? audiences[i].not_told : audiences[i].told, "ember") != NULL &&
			    strstr(body, "/groups") == NULL)
				snprintf(body, sizeof(body), SUB("created", "%s", EXPIRY),
				    k == 0 ? audiences[i].not_told : audiences[i].told);
			assert_int_equal(drive_graph(&other, "POST", "/subscriptions", body), 201);
			assert_true(str_copy(told, sizeof(told), jx_get_str(other.json, "id")));
		}
		drive_control(&other, "POST", "members", audiences[i].change);
		drive_wait(&other, 1000);
		if (drive_items(&other) != 1 || strcmp(jx_get_str(drive_item(&other, 0), "subscriptionId"), told) != 0)
			fail_msg("%s: %zu items", audiences[i].told, drive_items(&other));
		drive_stop(&other);
	}
}

/* Facts 2.3: documents disagree on those for all teams. A tenant grants them, refuses them, or grants them and stays silent. */
static void
all_teams_as_the_tenant_has_it(void **state)
{
	static const char whole[] = SUB("created", "/teams/getAllMembers", EXPIRY);

	(void)state;
	drive_control(&d, "POST", "tenants", "{\"id\":\"" TENANT "\",\"tenant_wide\":404}");
	assert_int_equal(drive_graph(&d, "POST", "/subscriptions", whole), 404);
	assert_int_equal(
	    drive_graph(&d, "POST", "/subscriptions", SUB("created", "/teams/getAllChannels/getAllMembers", EXPIRY)), 404);
	assert_int_equal(drive_graph(&d, "POST", "/subscriptions", SUB("created", "/teams/" TEAM "/members", EXPIRY)), 201);
	drive_control(&d, "POST", "tenants", "{\"id\":\"" TENANT "\",\"tenant_wide\":\"deaf\"}");
	subscribe(whole);
	drive_control(&d, "POST", "members", CHANGE("add", CAT));
	drive_wait(&d, 1000);
	assert_int_equal(drive_items(&d), 1);
	assert_string_not_equal(jx_get_str(drive_item(&d, 0), "subscriptionId"), id);
	drive_control(&d, "POST", "tenants", "{\"id\":\"" TENANT "\",\"tenant_wide\":\"granted\"}");
	drive_control(&d, "POST", "members", CHANGE("remove", CAT));
	drive_control(&d, "POST", "members", CHANGE("add", CAT));
	drive_wait(&d, 1000);
	assert_int_equal(drive_items(&d), 3);
	assert_string_equal(jx_get_str(drive_item(&d, 2), "subscriptionId"), id);
}

/* Whoever joins a team gains the channels shared with it: told to who asked for it, and to be read under the name told. */
static void
tells_of_indirect_members_on_request(void **state)
{
	char target[300];

	(void)state;
	drive_control(&d, "POST", "settings", "{\"spellings\":\"plain\"}");
	drive_control(&d, "POST", "world",
	    "{\"tenants\":[{\"id\":\"" TENANT "\",\"teams\":[{\"id\":\"20000000-0000-4000-8000-000000000002\",\"owners\":[\"" DAN
	    "\"]}]}]}");
	drive_control(&d, "POST", "channels",
	    "{\"team\":\"" TEAM "\",\"id\":\"" OPEN "\",\"shared_with\":[\"20000000-0000-4000-8000-000000000002\"]}");
	subscribe(SUB("created", "/teams/" TEAM "/channels/getAllMembers", EXPIRY));
	subscribe(SUB("created,deleted", "/teams/" TEAM "/channels/getAllMembers?notifyOnIndirectMembershipUpdate=true", EXPIRY));
	drive_control(
	    &d, "POST", "members", "{\"op\":\"add\",\"team\":\"20000000-0000-4000-8000-000000000002\",\"user\":\"" CAT "\"}");
	drive_wait(&d, 1000);
	assert_int_equal(drive_items(&d), 1);
	assert_string_equal(jx_get_str(drive_item(&d, 0), "subscriptionId"), id);
	assert_non_null(strstr(jx_get_str(drive_item(&d, 0), "resource"), "/allMembers('"));
	snprintf(target, sizeof(target), "/%s", jx_get_str(drive_item(&d, 0), "resource"));
	assert_int_equal(drive_graph(&d, "GET", target, NULL), 200);
	assert_string_equal(jx_get_str(d.json, "userId"), CAT);
	assert_string_equal(jx_get_str(d.json, "id"), jx_get_str(jx_get_object(drive_item(&d, 0), "resourceData"), "id"));
	assert_int_equal(drive_graph(&d, "GET", "/teams/" TEAM "/channels/19%3Ashared%40thread.tacv2/allMembers", NULL), 200);
	assert_string_equal(drive_users(&d, "userId"), "43");
	drive_control(
	    &d, "POST", "members", "{\"op\":\"remove\",\"team\":\"20000000-0000-4000-8000-000000000002\",\"user\":\"" CAT "\"}");
	drive_wait(&d, 1000);
	assert_int_equal(drive_items(&d), 2);
}

static void
spells_as_documented(void **state)
{
	bool slashes = false, capital = false, parentheses = false;

	(void)state;
	subscribe(TEAM_SUB);
	for (int i = 0; i < 200; i++)
		drive_control(&d, "POST", "members", i % 2 == 0 ? CHANGE("add", CAT) : CHANGE("remove", CAT));
	drive_wait(&d, 1000);
	assert_int_equal(drive_items(&d), 200);
	for (size_t i = 0; i < 200; i++) {
		const char *resource = jx_get_str(drive_item(&d, i), "resource"),
		           *change = jx_get_str(drive_item(&d, i), "changeType");

		slashes = slashes || strstr(resource, "/members/") != NULL;
		parentheses = parentheses || str_starts(resource, "teams('");
		capital = capital || change[0] == 'C' || change[0] == 'D';
		assert_true(str_equal_nocase(change, i % 2 == 0 ? "created" : "deleted"));
	}
	assert_true(slashes && parentheses && capital);
}

static void
pauses_without_authorization(void **state)
{
	char target[128];

	(void)state;
	subscribe(TEAM_SUB);
	drive_wait(&d, 51 * 60 * 1000);
	assert_int_equal(drive_items(&d), 1);
	assert_string_equal(jx_get_str(drive_item(&d, 0), "lifecycleEvent"), "reauthorizationRequired");
	assert_string_equal(d.posts[0].url, LIFE);
	drive_forget_posts(&d);
	drive_wait(&d, 10 * 60 * 1000);
	drive_control(&d, "POST", "members", CHANGE("add", CAT));
	drive_wait(&d, 60 * 1000);
	assert_int_equal(drive_items(&d), 0);
	drive_sign_in(&d, TENANT);
	snprintf(target, sizeof(target), "/subscriptions/%s/reauthorize", id);
	assert_int_equal(drive_graph(&d, "POST", target, NULL), 204);
	drive_wait(&d, 1000);
	assert_int_equal(drive_items(&d), 1);
	/* One of both is enough within ten minutes. */
	assert_int_equal(patch("2026-11-18T14:00:00Z"), 200);
	assert_int_equal(drive_noted(&d, "reauthorize_twice"), 1);
}

static void
pages_its_list(void **state)
{
	size_t seen = 0;
	char target[256] = "/subscriptions";

	(void)state;
	for (int i = 1; i <= 130; i++) {
		char body[600];

		snprintf(
		    body, sizeof(body), "{\"tenant\":\"" TENANT "\",\"id\":\"40000000-0000-4000-8000-%012d\",\"name\":\"T\"}", i);
		drive_control(&d, "POST", "teams", body);
		snprintf(body, sizeof(body), SUB("created", "/teams/40000000-0000-4000-8000-%012d/members", EXPIRY), i);
		subscribe(body);
	}
	for (const char *next = target; next != NULL;) {
		assert_int_equal(drive_graph(&d, "GET", target, NULL), 200);
		seen += json_array_size(jx_get_array(d.json, "value"));
		next = jx_get_str(d.json, "@odata.nextLink");
		if (next != NULL)
			assert_true(str_copy(target, sizeof(target), next));
	}
	assert_int_equal(seen, 130);
	drive_control(&d, "POST", "settings", "{\"quota_teams\":130}");
	assert_int_equal(drive_graph(&d, "POST", "/subscriptions", TEAM_SUB), 403);
	assert_int_equal(drive_noted(&d, "quota"), 1);
}

static void
belongs_to_its_tenant(void **state)
{
	char target[128];

	(void)state;
	subscribe(TEAM_SUB);
	drive_sign_in(&d, OTHER);
	snprintf(target, sizeof(target), "/subscriptions/%s", id);
	assert_int_equal(drive_graph(&d, "GET", target, NULL), 404);
	assert_int_equal(drive_graph(&d, "DELETE", target, NULL), 404);
	assert_int_equal(drive_graph(&d, "GET", "/subscriptions", NULL), 200);
	assert_int_equal(json_array_size(jx_get_array(d.json, "value")), 0);
	drive_sign_in(&d, TENANT);
	assert_int_equal(drive_graph(&d, "DELETE", target, NULL), 204);
	assert_int_equal(drive_graph(&d, "GET", target, NULL), 404);
}

/* A simulator that ends while a client waits for its subscription closes that request. */
static void
ends_open_requests(void **state)
{
	struct drive other;

	(void)state;
	drive_start(&other);
	other.validate_status = 0;
	drive_send(&other, "POST", "/v1.0/subscriptions", TEAM_SUB);
	assert_false(other.answered);
	sim_free(other.sim);
	other.sim = NULL;
	assert_true(other.answered);
	assert_int_equal(other.fate, SIM_CLOSED);
	drive_stop(&other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(refuses, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(needs_the_permission_to_read, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(shakes_hands_with_both_urls, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(wants_the_exact_token_in_ten_seconds, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(end_each_in_its_time, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(keeps_to_lifetimes, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(tells_of_changes_until_it_ends, drive_setup, drive_teardown),
		cmocka_unit_test(tells_who_asked),
		cmocka_unit_test_setup_teardown(all_teams_as_the_tenant_has_it, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(tells_of_indirect_members_on_request, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(spells_as_documented, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(pauses_without_authorization, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(pages_its_list, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(belongs_to_its_tenant, drive_setup, drive_teardown),
		cmocka_unit_test(ends_open_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
