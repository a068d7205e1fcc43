#include "unit/graph/fake.h"

#include "base/json.h"
#include "graph/teams.h"

static void
channels_are_read(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum err err;
		enum channel_type type;
	} cases[] = {
		{ 200, "{\"id\":\"19:a@thread.tacv2\",\"membershipType\":\"standard\",\"tenantId\":\"" TENANT_A "\"}", ERR_OK,
		    CHANNEL_STANDARD },
		{ 200, "{\"id\":\"19:a@thread.tacv2\",\"membershipType\":\"Private\"}", ERR_OK, CHANNEL_PRIVATE },
		{ 200, "{\"id\":\"19:a@thread.tacv2\",\"membershipType\":\"shared\",\"tenantId\":7}", ERR_OK, CHANNEL_SHARED },
		{ 200, "{\"id\":\"19:a@thread.tacv2\",\"membershipType\":\"unknownFutureValue\"}", ERR_OK, CHANNEL_UNKNOWN },
		{ 200, "{\"id\":\"19:a@thread.tacv2\"}", ERR_OK, CHANNEL_UNKNOWN },
		{ 200, "{}", ERR_UNEXPECTED, CHANNEL_UNKNOWN },
		{ 200, "", ERR_UNEXPECTED, CHANNEL_UNKNOWN },
		{ 404, "{}", ERR_NOTFOUND, CHANNEL_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *json;
		struct graph_answer a = fake_answer(cases[i].status, cases[i].body, &json);
		struct graph_channel c;

		assert_int_equal(graph_channel_read(&a, &c), cases[i].err);
		assert_int_equal(c.type, cases[i].type);
		json_decref(json);
	}
}

static void
teams_groups_and_people_are_read(void **state)
{
	struct graph_team team;
	struct graph_user user;
	struct graph_answer a;
	json_t *json;

	(void)state;
	a = fake_answer(200, "{\"id\":\"" TEAM_1 "\",\"displayName\":\"x\",\"isArchived\":true}", &json);
	assert_int_equal(graph_team_read(&a, &team), ERR_OK);
	assert_true(team.archived);
	json_decref(json);
	a = fake_answer(200, "{\"id\":\"" USER_1 "\",\"mail\":null,\"accountEnabled\":false,\"userType\":\"Guest\"}", &json);
	assert_int_equal(graph_user_read(&a, &user), ERR_OK);
	assert_true(!user.enabled && user.guest && user.email[0] == '\0');
	json_decref(json);
	a = fake_answer(200, "{\"id\":\"nobody\"}", &json);
	assert_int_equal(graph_user_read(&a, &user), ERR_UNEXPECTED);
	assert_int_equal(graph_team_read(&a, &team), ERR_UNEXPECTED);
	json_decref(json);
}

static void
an_address_names_one_person_or_none(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum err err;
	} cases[] = {
		{ 200, "{\"value\":[{\"id\":\"" USER_1 "\"}]}", ERR_OK },
		{ 200, "{\"value\":[]}", ERR_NOTFOUND },
		{ 200, "{\"value\":[],\"@odata.nextLink\":\"x\"}", ERR_UNEXPECTED },
		{ 200, "{\"value\":[{\"id\":\"" USER_1 "\"},{\"id\":\"" USER_2 "\"}]}", ERR_CONFLICT },
		{ 200, "{\"value\":[{\"id\":\"" USER_1 "\",\"mail\":\"Ada@x.org\"},{\"id\":\"" USER_1 "\"}]}", ERR_OK },
		{ 200,
		    "{\"value\":[{\"id\":\"" USER_2 "\",\"mail\":\"bob@x.org\"},{\"id\":\"" USER_1 "\",\"mail\":\"ada@x.org\"}]}",
		    ERR_OK },
		{ 200, "{\"value\":[{\"id\":\"" USER_2 "\",\"mail\":\"bob@x.org\"}]}", ERR_NOTFOUND },
		{ 200, "{\"value\":[{}]}", ERR_UNEXPECTED },
		{ 200, "{}", ERR_UNEXPECTED },
		{ 403, "{}", ERR_FORBIDDEN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *json;
		struct graph_answer a = fake_answer(cases[i].status, cases[i].body, &json);
		struct graph_user u;

		assert_int_equal(graph_user_find_read(&a, "ada@x.org", &u), cases[i].err);
		json_decref(json);
	}
}

static void
requests_are_what_graph_documents(void **state)
{
	struct graph_where w = { .priority = GRAPH_PERSON };
	struct kept k = { 0 };
	struct guid team;
	struct fake f;

	(void)state;
	fake_init(&f, NULL);
	assert_true(guid_parse(TENANT_A, &w.directory));
	assert_true(guid_parse(TEAM_1, &team));
	assert_non_null(graph_user_find(f.graph, &w, "o'neil@x.example", keep, &k));
	clock_manual_advance(f.clock, 1000);
	assert_string_equal(f.seen[1].url, FAKE_BASE "/users?$filter=mail%20eq%20%27o%27%27neil%40x.example%27%20or%"
	                                             "20userPrincipalName%20eq%20%27o%27%27neil%40x.example%27"
	                                             "&$select=id,userPrincipalName,mail,displayName,accountEnabled,userType");
	assert_non_null(graph_user_get(f.graph, &w, "a b@x.example", keep, &k));
	clock_manual_advance(f.clock, 1000);
	assert_string_equal(f.seen[2].url,
	    FAKE_BASE "/users/a%20b%40x.example?$select=id,userPrincipalName,mail,displayName,accountEnabled,userType");
	assert_non_null(graph_channel_primary(f.graph, &w, &team, keep, &k));
	clock_manual_advance(f.clock, 1000);
	assert_string_equal(f.seen[3].url, FAKE_BASE "/teams/" TEAM_1 "/primaryChannel");
	assert_non_null(graph_user_find(f.graph, &w, "", keep, &k));
	clock_manual_advance(f.clock, 1000);
	assert_int_equal(k.err, ERR_INVALID);
	assert_int_equal(k.count, 4);
	fake_done(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(channels_are_read),
		cmocka_unit_test(teams_groups_and_people_are_read),
		cmocka_unit_test(an_address_names_one_person_or_none),
		cmocka_unit_test(requests_are_what_graph_documents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
