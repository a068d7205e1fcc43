#include "unit/graph/fake.h"

#include "base/json.h"
#include "graph/members.h"

static void
members_are_read(void **state)
{
	static const struct {
		const char *json;
		enum err err;
		enum role role;
		const char *email;
	} cases[] = {
		{ "{\"@odata.type\":\"#microsoft.graph.aadUserConversationMember\",\"id\":\"m\",\"userId\":\"" USER_1
		  "\",\"roles\":[],\"email\":\"a@b.example\"}",
		    ERR_OK, ROLE_MEMBER, "a@b.example" },
		{ "{\"@odata.type\":\"microsoft.graph.AADUserConversationMember\",\"id\":\"m\",\"userId\":\"" USER_1
		  "\",\"roles\":[\"OWNER\"]}",
		    ERR_OK, ROLE_OWNER, "" },
		{ "{\"id\":\"m\",\"userId\":\"51111111-0000-4000-8000-000000000051\",\"roles\":[\"Guest\"],\"email\":null}",
		    ERR_OK, ROLE_GUEST, "" },
		{ "{\"id\":\"m\",\"userId\":\"" USER_1 "\",\"roles\":[\"guest\",\"owner\",5]}", ERR_OK, ROLE_OWNER, "" },
		{ "{\"id\":\"m\",\"userId\":\"" USER_1 "\",\"roles\":null,\"email\":\"no address\",\"displayName\":7}", ERR_OK,
		    ROLE_MEMBER, "" },
		{ "{\"id\":\"m\",\"userId\":\"" USER_1 "\"}", ERR_OK, ROLE_MEMBER, "" },
		{ "{\"@odata.type\":\"#microsoft.graph.skypeUserConversationMember\",\"id\":\"m\"}", ERR_UNSUPPORTED, 0, "" },
		{ "{\"id\":\"m\",\"userId\":null}", ERR_UNEXPECTED, 0, "" },
		{ "{\"id\":\"m\",\"userId\":\"x\"}", ERR_UNEXPECTED, 0, "" },
		{ "{\"id\":\"\",\"userId\":\"" USER_1 "\"}", ERR_UNEXPECTED, 0, "" },
		{ "{\"userId\":\"" USER_1 "\"}", ERR_UNEXPECTED, 0, "" },
		{ "{}", ERR_UNEXPECTED, 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct graph_member m;
		json_t *json = NULL;

		assert_int_equal(jx_parse(cases[i].json, strlen(cases[i].json), &json, NULL, 0), ERR_OK);
		assert_int_equal(graph_member_read(json, &m), cases[i].err);
		if (cases[i].err == ERR_OK) {
			assert_int_equal(m.role, cases[i].role);
			assert_string_equal(m.email, cases[i].email);
			assert_string_equal(m.user_id.s, USER_1);
		}
		json_decref(json);
	}
}

/* Absence is not evidence: only a complete, empty answer says that somebody is not there. */
static void
who_is_not_found_must_be_proved(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum err err;
	} cases[] = {
		{ 200, "{\"value\":[{\"id\":\"m\",\"userId\":\"" USER_1 "\"}]}", ERR_OK },
		{ 200, "{\"value\":[]}", ERR_NOTFOUND },
		{ 200, "{\"value\":[],\"@odata.nextLink\":\"x\"}", ERR_UNEXPECTED },
		{ 200, "{\"value\":[{\"id\":\"m\",\"userId\":\"" USER_2 "\"}]}", ERR_NOTFOUND },
		{ 200, "{\"value\":[{\"id\":\"m\",\"userId\":\"" USER_2 "\"}],\"@odata.nextLink\":\"x\"}", ERR_UNEXPECTED },
		{ 200, "{}", ERR_UNEXPECTED },
		{ 200, "", ERR_UNEXPECTED },
		{ 204, "", ERR_UNEXPECTED },
		{ 404, "{\"error\":{\"code\":\"NotFound\"}}", ERR_UNEXPECTED },
		{ 403, "{}", ERR_FORBIDDEN },
		{ 401, "{}", ERR_UNAUTHORIZED },
		{ 500, "{}", ERR_REMOTE },
	};
	struct guid user;

	(void)state;
	assert_true(guid_parse(USER_1, &user));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *json;
		struct graph_answer a = fake_answer(cases[i].status, cases[i].body, &json);
		struct graph_member m;

		assert_int_equal(graph_member_find_read(&a, &user, &m), cases[i].err);
		json_decref(json);
	}
}

static void
bulk_results_are_per_person(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum err one, two;
	} cases[] = {
		{ 204, "", ERR_OK, ERR_OK },
		{ 200, "{\"value\":[]}", ERR_OK, ERR_OK },
		{ 200, "{\"value\":[{\"userId\":\"" USER_1 "\",\"error\":null},{\"userId\":\"" USER_2 "\",\"error\":null}]}",
		    ERR_OK, ERR_OK },
		{ 207,
		    "{\"value\":[{\"userId\":\"" USER_2
		    "\",\"error\":{\"code\":\"NotFound\",\"message\":\"\"}},{\"userId\":\"" USER_1 "\",\"error\":null}]}",
		    ERR_OK, ERR_NOTFOUND },
		{ 207, "{\"value\":[{\"userId\":\"" USER_1 "\",\"error\":{}}]}", ERR_INVALID, ERR_UNEXPECTED },
		{ 207, "{\"value\":[1,null,{}]}", ERR_UNEXPECTED, ERR_UNEXPECTED },
		{ 404, "{\"error\":{\"code\":\"NotFound\"}}", ERR_NOTFOUND, ERR_NOTFOUND },
		{ 502, "", ERR_REMOTE, ERR_REMOTE },
	};
	struct guid one, two;

	(void)state;
	assert_true(guid_parse(USER_1, &one));
	assert_true(guid_parse(USER_2, &two));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *json;
		struct graph_answer a = fake_answer(cases[i].status, cases[i].body, &json);
		char code[GRAPH_CODE_SIZE];

		assert_int_equal(graph_members_bulk_read(&a, &one, code), cases[i].one);
		assert_int_equal(graph_members_bulk_read(&a, &two, NULL), cases[i].two);
		json_decref(json);
	}
}

#define TYPE "\"@odata.type\":\"#microsoft.graph.aadUserConversationMember\""
#define BIND "\"user@odata.bind\":\"" FAKE_BASE "/users('" USER_1 "')\""

static void
requests_are_what_graph_documents(void **state)
{
	struct graph_bulk_person people[GRAPH_MEMBERS_ADD_MAX + 1] = { { .role = ROLE_OWNER } };
	struct graph_roster team = { .channel = NULL }, channel = { .channel = "19:x_Y@thread.tacv2" };
	struct graph_where w = { .priority = GRAPH_HINT };
	struct guid user, home;
	struct kept k = { 0 };
	struct fake f;
	size_t n = 0;

	(void)state;
	fake_init(&f, NULL);
	assert_true(guid_parse(TENANT_A, &w.directory));
	assert_true(guid_parse(TENANT_B, &home));
	assert_true(guid_parse(USER_1, &user));
	assert_true(guid_parse(TEAM_1, &team.team));
	channel.team = team.team;
	people[0].user = user;
#define NEXT(call, m, path, text)                                                                                                \
	do {                                                                                                                     \
		assert_non_null(call);                                                                                           \
		clock_manual_advance(f.clock, 60000);                                                                            \
		assert_string_equal(f.seen[++n].method, m);                                                                      \
		assert_string_equal(f.seen[n].url, FAKE_BASE path);                                                              \
		assert_string_equal(f.seen[n].body, text);                                                                       \
	} while (0)
	NEXT(graph_member_get(f.graph, &w, &team, "MC+/=a", keep, &k), "GET", "/teams/" TEAM_1 "/members/MC%2B%2F%3Da", "");
	NEXT(graph_member_find(f.graph, &w, &team, &user, keep, &k), "GET",
	    "/teams/" TEAM_1 "/members?$filter=(microsoft.graph.aadUserConversationMember/userId%20eq%20%27" USER_1 "%27)", "");
	NEXT(graph_member_get(f.graph, &w, &channel, "m", keep, &k), "GET",
	    "/teams/" TEAM_1 "/channels/19%3Ax_Y%40thread.tacv2/members/m", "");
	NEXT(graph_member_add(f.graph, &w, &team, &user, ROLE_OWNER, keep, &k), "POST", "/teams/" TEAM_1 "/members",
	    "{" TYPE ",\"roles\":[\"owner\"]," BIND "}");
	NEXT(graph_member_set_role(f.graph, &w, &team, "m", ROLE_MEMBER, keep, &k), "PATCH", "/teams/" TEAM_1 "/members/m",
	    "{" TYPE ",\"roles\":[]}");
	NEXT(graph_member_remove(f.graph, &w, &channel, "m", keep, &k), "DELETE",
	    "/teams/" TEAM_1 "/channels/19%3Ax_Y%40thread.tacv2/members/m", "");
	NEXT(graph_members_bulk_add(f.graph, &w, &team.team, people, 1, keep, &k), "POST", "/teams/" TEAM_1 "/members/add",
	    "{\"values\":[{\"@odata.type\":\"microsoft.graph.aadUserConversationMember\",\"roles\":[\"owner\"]," BIND "}]}");
	NEXT(graph_members_bulk_remove(f.graph, &w, &team.team, people, 1, keep, &k), "POST", "/teams/" TEAM_1 "/members/remove",
	    "{\"values\":[{\"@odata.type\":\"microsoft.graph.aadUserConversationMember\"," BIND "}]}");
	NEXT(graph_member_has_access(f.graph, &w, &channel, &user, &home, keep, &k), "GET",
	    "/teams/" TEAM_1 "/channels/19%3Ax_Y%40thread.tacv2/doesUserHaveAccess(userId='@userId',tenantId='@tenantId',"
	    "userPrincipalName='@userPrincipalName')?@userId=%27" USER_1 "%27&@tenantId=%27" TENANT_B "%27",
	    "");
	assert_non_null(graph_members_bulk_add(f.graph, &w, &team.team, people, GRAPH_MEMBERS_ADD_MAX + 1, keep, &k));
	assert_non_null(graph_members_bulk_remove(f.graph, &w, &team.team, people, 0, keep, &k));
	assert_non_null(graph_member_remove(f.graph, &w, &team, "..", keep, &k));
	assert_non_null(graph_member_remove(f.graph, &w, &team, "", keep, &k));
	clock_manual_advance(f.clock, 1000);
	assert_int_equal(k.count, n + 4);
	assert_int_equal(k.err, ERR_INVALID);
	assert_int_equal(f.count, n + 1);
	fake_done(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_read),
		cmocka_unit_test(who_is_not_found_must_be_proved),
		cmocka_unit_test(bulk_results_are_per_person),
		cmocka_unit_test(requests_are_what_graph_documents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
