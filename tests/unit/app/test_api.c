/* The app API from outside: every route, well and badly asked, with a scripted backend behind it. */
#include "app/api.h"

#include <inttypes.h>

#include "unit/app/fake.h"
#include "unit/base/seed.h"

#define CHANNEL_LINK                                                                                                             \
	"https://teams.microsoft.com/l/channel/19%3Aabc123%40thread.tacv2/General"                                               \
	"?groupId=0a1b2c3d-0000-4000-8000-000000000003&tenantId=0a1b2c3d-0000-4000-8000-000000000001"
#define TEAM_LINK                                                                                                                \
	"https://teams.microsoft.com/l/team/19%3Aabc123%40thread.tacv2/conversations"                                            \
	"?groupId=0a1b2c3d-0000-4000-8000-000000000003&tenantId=0a1b2c3d-0000-4000-8000-000000000001"
#define GUID_TEXT "0A1B2C3D-0000-4000-8000-000000000009"

#define TENANT_BODY "{\"directory_id\":\"" GUID_TEXT "\",\"organizer\":\"erg@example.org\"}"
#define ERG_BODY_WITH(more)                                                                                                      \
	"{\"tenant\":\"t1\",\"name\":\"Pride\",\"channel_url\":\"" CHANNEL_LINK                                                  \
	"\",\"membership\":\"two-way\",\"meetings\":\"off\"" more "}"
#define MEMBER_BODY "{\"email\":\"ada@example.org\",\"role\":\"owner\"}"
#define EVENT_BODY_WITH(more)                                                                                                    \
	"{\"subject\":\"Tea\",\"start\":\"2026-12-01T17:00:00\",\"end\":\"2026-12-01T18:00:00\",\"time_zone\":\"Europe/"         \
	"Warsaw\"" more "}"
#define RESYNC_BODY "{\"scope\":\"erg:e1\"}"
#define PLAN_BODY   "{\"decision\":\"approve\",\"hash\":\"abc\"}"

static int
setup(void **state)
{
	struct fake *f = calloc(1, sizeof(*f));

	fake_init(f, &fake_ops, "token-of-the-app");
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	fake_done(*state);
	free(*state);
	return 0;
}

/* ---------- every route, well asked ---------- */

static const struct {
	const char *method, *path, *body;
	int status;
	const char *op, *id;
} good[] = {
	{ "GET", "/v1/tenants", NULL, 200, "tenant_list", "" },
	{ "PUT", "/v1/tenants/t1", TENANT_BODY, 200, "tenant_put", "t1" },
	{ "GET", "/v1/tenants/t1", NULL, 200, "tenant_get", "t1" },
	{ "GET", "/v1/tenants/%74%2e1", NULL, 200, "tenant_get", "t.1" },
	{ "DELETE", "/v1/tenants/t1", NULL, 202, "tenant_remove", "t1" },
	{ "GET", "/v1/ergs", NULL, 200, "erg_list", "" },
	{ "PUT", "/v1/ergs/e1", ERG_BODY_WITH(""), 200, "erg_put", "e1" },
	{ "GET", "/v1/ergs/e1", NULL, 200, "erg_get", "e1" },
	{ "DELETE", "/v1/ergs/e1", NULL, 202, "erg_remove", "e1" },
	{ "GET", "/v1/ergs/e1/members", NULL, 200, "member_list", "e1" },
	{ "PUT", "/v1/ergs/e1/members", "{\"members\":[]}", 202, "members_replace", "e1" },
	{ "GET", "/v1/ergs/e1/members/u1", NULL, 200, "member_get", "e1" },
	{ "GET", "/v1/ergs/e1/members/entra:" GUID_TEXT, NULL, 200, "member_get", "e1" },
	{ "GET", "/v1/ergs/e1/members/entra%3A" GUID_TEXT, NULL, 200, "member_get", "e1" },
	{ "PUT", "/v1/ergs/e1/members/u1", MEMBER_BODY, 202, "member_put", "e1" },
	{ "DELETE", "/v1/ergs/e1/members/u1", NULL, 202, "member_remove", "e1" },
	{ "GET", "/v1/ergs/e1/events", NULL, 200, "event_list", "e1" },
	{ "GET", "/v1/ergs/e1/events/tea", NULL, 200, "event_get", "e1" },
	{ "PUT", "/v1/ergs/e1/events/tea", EVENT_BODY_WITH(""), 202, "event_put", "e1" },
	{ "DELETE", "/v1/ergs/e1/events/tea", NULL, 202, "event_cancel", "e1" },
	{ "DELETE", "/v1/ergs/e1/events/tea", "{\"comment\":\"It rains.\"}", 202, "event_cancel", "e1" },
	{ "GET", "/v1/ergs/e1/plan", NULL, 200, "plan_get", "e1" },
	{ "POST", "/v1/ergs/e1/plan", PLAN_BODY, 202, "plan_decide", "e1" },
	{ "GET", "/v1/resyncs", NULL, 200, "resync_list", "" },
	{ "POST", "/v1/resyncs", RESYNC_BODY, 202, "resync_start", "" },
	{ "GET", "/v1/resyncs/r1", NULL, 200, "resync_get", "r1" },
	{ "DELETE", "/v1/resyncs/r1", NULL, 202, "resync_cancel", "r1" },
	{ "GET", "/v1/changes", NULL, 200, "changes_read", "" },
	{ "GET", "/v1/status", NULL, 200, "status", "" },
};

static void
every_route_reaches_its_operation(void **state)
{
	struct fake *f = *state;

	for (size_t i = 0; i < COUNT(good); i++) {
		unsigned calls = f->calls;
		struct got g = ask(f, good[i].method, good[i].path, good[i].body);

		print_message("%s %s\n", good[i].method, good[i].path);
		assert_int_equal(g.status, good[i].status);
		assert_string_equal(g.type, "application/json");
		assert_int_equal(f->calls, calls + 1);
		assert_string_equal(f->op, good[i].op);
		assert_string_equal(f->id, good[i].id);
		json_decref(g.json);
	}
}

/* Each refusal of the backend keeps its status; one without a problem gets one. */
static void
every_route_refuses_as_its_operation_does(void **state)
{
	static const struct {
		enum err err;
		enum problem_kind kind;
		int status;
		const char *type;
	} refusals[] = {
		{ ERR_NOTFOUND, PROBLEM_UNKNOWN_ERG, 404, "unknown-erg" },
		{ ERR_CONFLICT, PROBLEM_TENANT_REMOVING, 409, "tenant-removing" },
		{ ERR_FULL, PROBLEM_NONE, 503, "store-full" },
		{ ERR_NOTFOUND, PROBLEM_NONE, 404, "unknown-path" },
		{ ERR_UNSUPPORTED, PROBLEM_NONE, 501, "unsupported" },
		{ ERR_CORRUPT, PROBLEM_NONE, 500, "internal" },
	};
	struct fake *f = *state;

	for (size_t i = 0; i < COUNT(good); i++) {
		for (size_t k = 0; k < COUNT(refusals); k++) {
			struct got g;

			f->refuse = refusals[k].err;
			f->refuse_kind = refusals[k].kind;
			f->items = 3;
			g = ask(f, good[i].method, good[i].path, good[i].body);
			assert_int_equal(g.status, refusals[k].status);
			assert_string_equal(problem_type(&g), refusals[k].type);
			json_decref(g.json);
		}
	}
}

static void
an_operation_left_out_is_501(void **state)
{
	struct app_ops none = { .after_commit = fake_after_commit };
	struct fake f;

	(void)state;
	fake_init(&f, &none, NULL);
	for (size_t i = 0; i < COUNT(good); i++) {
		struct got g = ask(&f, good[i].method, good[i].path, good[i].body);

		assert_int_equal(g.status, 501);
		assert_string_equal(problem_type(&g), "unsupported");
		json_decref(g.json);
	}
	fake_done(&f);
}

/* ---------- every route, badly asked ---------- */

static void
malformed_ids_are_400(void **state)
{
	static char long_id[300];
	static const struct {
		const char *method, *path;
	} bad[] = {
		{ "GET", "/v1/tenants/a%20b" },
		{ "GET", "/v1/tenants/" },
		{ "GET", "/v1/tenants/%zz" },
		{ "GET", "/v1/tenants/a%2Fb" },
		{ "GET", "/v1/tenants/a%00" },
		{ "PUT", "/v1/tenants/t%C3%A9" },
		{ "DELETE", "/v1/tenants/t+1" },
		{ "PUT", "/v1/ergs/e!1" },
		{ "GET", "/v1/ergs/e:1" },
		{ "DELETE", "/v1/ergs/e@1" },
		{ "GET", "/v1/ergs/e*/members" },
		{ "PUT", "/v1/ergs/e*/members" },
		{ "GET", "/v1/ergs/e1/members/entra:123" },
		{ "PUT", "/v1/ergs/e1/members/entra:" },
		{ "DELETE", "/v1/ergs/e1/members/a,b" },
		{ "GET", "/v1/ergs/e,1/plan" },
		{ "GET", "/v1/resyncs/r,1" },
		{ "DELETE", "/v1/resyncs/" },
		{ "GET", long_id },
	};
	struct fake *f = *state;

	memset(long_id, 'a', 290);
	memcpy(long_id, "/v1/tenants/", 12);
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct got g = ask(f, bad[i].method, bad[i].path, NULL);

		print_message("%s %s\n", bad[i].method, bad[i].path);
		assert_int_equal(g.status, 400);
		assert_string_equal(problem_type(&g), "malformed-id");
		json_decref(g.json);
	}
	assert_int_equal(f->calls, 0);
}

static void
an_id_may_have_128_characters_and_be_escaped(void **state)
{
	struct fake *f = *state;
	char path[512] = "/v1/tenants/", id[APP_ID_SIZE] = "";
	struct got g;

	for (int i = 0; i < 128; i++) {
		strcat(path, "%7E");
		strcat(id, "~");
	}
	g = ask(f, "GET", path, NULL);
	assert_int_equal(g.status, 200);
	assert_string_equal(f->id, id);
	json_decref(g.json);
	strcat(path, "~");
	g = ask(f, "GET", path, NULL);
	assert_int_equal(g.status, 400);
	json_decref(g.json);
}

static void
bodies_that_are_not_json_are_400(void **state)
{
	static const char *const bad[] = { NULL, "", "{", "{\"a\":1,\"a\":2}", "{} {}", "nul", "{\"a\":\"\xff\"}" };
	struct fake *f = *state;

	for (size_t i = 0; i < COUNT(good); i++) {
		if (good[i].body == NULL)
			continue;
		/* A cancellation may do without a body. */
		for (size_t k = strcmp(good[i].method, "DELETE") == 0 ? 2 : 0; k < COUNT(bad); k++) {
			struct got g = ask(f, good[i].method, good[i].path, bad[k]);

			assert_int_equal(g.status, 400);
			assert_string_equal(problem_type(&g), "malformed-json");
			json_decref(g.json);
		}
	}
	assert_int_equal(f->calls, 0);
}

/* body is refused with 422, and one of the errors points there. */
static const struct {
	const char *method, *path, *body, *pointer;
} invalid[] = {
	{ "PUT", "/v1/ergs/e1/events/tea", "[]", "" },
	{ "PUT", "/v1/ergs/e1/events/tea", "{}", "/subject" },
	{ "PUT", "/v1/ergs/e1/events/tea", EVENT_BODY_WITH(",\"attendees\":[{\"email\":\"a@b\"},{\"email\":7}]"),
	    "/attendees/1/email" },
	{ "PUT", "/v1/ergs/e1/events/tea", EVENT_BODY_WITH(",\"recurrence\":\"FREQ=HOURLY\""), "/recurrence" },
	{ "PUT", "/v1/ergs/e1/events/tea", EVENT_BODY_WITH(",\"organizer\":\"a@b\""), "/organizer" },
	{ "DELETE", "/v1/ergs/e1/events/tea", "{\"comment\":7}", "/comment" },
	{ "PUT", "/v1/tenants/t1", "[]", "" },
	{ "PUT", "/v1/tenants/t1", "{}", "/directory_id" },
	{ "PUT", "/v1/tenants/t1", "{}", "/organizer" },
	{ "PUT", "/v1/tenants/t1", "{\"directory_id\":\"x\",\"organizer\":\"a@b\"}", "/directory_id" },
	{ "PUT", "/v1/tenants/t1", "{\"directory_id\":7,\"organizer\":\"a@b\"}", "/directory_id" },
	{ "PUT", "/v1/tenants/t1", "{\"directory_id\":\"" GUID_TEXT "\",\"organizer\":\"nobody\"}", "/organizer" },
	{ "PUT", "/v1/tenants/t1", "{\"directory_id\":\"" GUID_TEXT "\",\"organizer\":\"a@b\",\"x~/\":1}", "/x~0~1" },
	{ "PUT", "/v1/ergs/e1", "{}", "/tenant" },
	{ "PUT", "/v1/ergs/e1", "{}", "/name" },
	{ "PUT", "/v1/ergs/e1", "{}", "/channel_url" },
	{ "PUT", "/v1/ergs/e1", "{}", "/membership" },
	{ "PUT", "/v1/ergs/e1", "{}", "/meetings" },
	{ "PUT", "/v1/ergs/e1", "{\"tenant\":\"t 1\"}", "/tenant" },
	{ "PUT", "/v1/ergs/e1", "{\"name\":\"\"}", "/name" },
	{ "PUT", "/v1/ergs/e1", "{\"name\":\"  \"}", "/name" },
	{ "PUT", "/v1/ergs/e1", "{\"name\":\"a\\nb\"}", "/name" },
	{ "PUT", "/v1/ergs/e1", "{\"channel_url\":\"https://example.org/\"}", "/channel_url" },
	{ "PUT", "/v1/ergs/e1", "{\"channel_url\":\"https://teams.microsoft.com/l/meetup-join/x\"}", "/channel_url" },
	{ "PUT", "/v1/ergs/e1", "{\"membership\":\"both\"}", "/membership" },
	{ "PUT", "/v1/ergs/e1", "{\"meetings\":\"teams\"}", "/meetings" },
	{ "PUT", "/v1/ergs/e1", "{\"meetings\":true}", "/meetings" },
	{ "PUT", "/v1/ergs/e1", ERG_BODY_WITH(",\"removal_limit\":-1"), "/removal_limit" },
	{ "PUT", "/v1/ergs/e1", ERG_BODY_WITH(",\"removal_limit\":1.5"), "/removal_limit" },
	{ "PUT", "/v1/ergs/e1", ERG_BODY_WITH(",\"removal_percent\":101"), "/removal_percent" },
	{ "PUT", "/v1/ergs/e1", ERG_BODY_WITH(",\"organizer\":\"\""), "/organizer" },
	{ "PUT", "/v1/ergs/e1", ERG_BODY_WITH(",\"state\":\"off\""), "/state" },
	{ "PUT", "/v1/ergs/e1/members/u1", "{\"role\":\"member\"}", "/email" },
	{ "PUT", "/v1/ergs/e1/members/u1", "{\"email\":\"a@b\"}", "/role" },
	{ "PUT", "/v1/ergs/e1/members/u1", "{\"email\":\"a\",\"role\":\"member\"}", "/email" },
	{ "PUT", "/v1/ergs/e1/members/u1", "{\"email\":\"a@b\",\"role\":\"guest\"}", "/role" },
	{ "PUT", "/v1/ergs/e1/members/u1", "{\"entra_id\":\"1\",\"role\":\"member\"}", "/entra_id" },
	{ "PUT", "/v1/ergs/e1/members/u1", "{\"email\":\"a@b\",\"role\":\"member\",\"private\":1}", "/private" },
	{ "PUT", "/v1/ergs/e1/members/u1", "{\"email\":\"a@b\",\"role\":\"member\",\"name\":\"A\"}", "/name" },
	{ "PUT", "/v1/ergs/e1/members/entra:0a1b2c3d-0000-4000-8000-000000000001",
	    "{\"entra_id\":\"" GUID_TEXT "\",\"role\":\"member\"}", "/entra_id" },
	{ "PUT", "/v1/ergs/e1/members", "{}", "/members" },
	{ "PUT", "/v1/ergs/e1/members", "{\"members\":{}}", "/members" },
	{ "PUT", "/v1/ergs/e1/members", "{\"members\":[],\"more\":1}", "/more" },
	{ "PUT", "/v1/ergs/e1/members", "{\"members\":[1]}", "/members/0" },
	{ "PUT", "/v1/ergs/e1/members", "{\"members\":[{\"user\":\"u1\",\"role\":\"member\"}]}", "/members/0/email" },
	{ "PUT", "/v1/ergs/e1/members", "{\"members\":[{\"email\":\"a@b\",\"role\":\"member\"}]}", "/members/0/user" },
	{ "PUT", "/v1/ergs/e1/members",
	    "{\"members\":[{\"user\":\"u1\",\"email\":\"a@b\",\"role\":\"member\"},{\"user\":\"u1\",\"email\":\"a@b\",\"role\":"
	    "\"member\"}]}",
	    "/members/1/user" },
	{ "PUT", "/v1/ergs/e1/members", "{\"members\":[{\"user\":\"u/1\",\"email\":\"a@b\",\"role\":\"member\",\"x\":1}]}",
	    "/members/0/x" },
	{ "POST", "/v1/resyncs", "{}", "/scope" },
	{ "POST", "/v1/resyncs", "{\"scope\":\"everything\"}", "/scope" },
	{ "POST", "/v1/resyncs", "{\"scope\":\"erg:\"}", "/scope" },
	{ "POST", "/v1/resyncs", "{\"scope\":\"tenant:a b\"}", "/scope" },
	{ "POST", "/v1/resyncs", "{\"scope\":\"all\",\"dry_run\":\"yes\"}", "/dry_run" },
	{ "POST", "/v1/resyncs", "{\"scope\":\"all\",\"wait\":true}", "/wait" },
	{ "POST", "/v1/ergs/e1/plan", "{\"hash\":\"abc\"}", "/decision" },
	{ "POST", "/v1/ergs/e1/plan", "{\"decision\":\"approve\"}", "/hash" },
	{ "POST", "/v1/ergs/e1/plan", "{\"decision\":\"maybe\",\"hash\":\"abc\"}", "/decision" },
};

static void
fields_that_are_wrong_are_422_with_their_pointer(void **state)
{
	struct fake *f = *state;

	for (size_t i = 0; i < COUNT(invalid); i++) {
		struct got g = ask(f, invalid[i].method, invalid[i].path, invalid[i].body);
		json_t *error;
		size_t k;
		bool found = false;

		print_message("%s %s %s\n", invalid[i].method, invalid[i].path, invalid[i].body);
		assert_int_equal(g.status, 422);
		assert_string_equal(problem_type(&g), "invalid-body");
		json_array_foreach(jx_get_array(g.json, "errors"), k, error)
		{
			assert_true(strlen(jx_get_str(error, "detail")) > 5);
			found |= strcmp(jx_get_str(error, "pointer"), invalid[i].pointer) == 0;
		}
		assert_true(found);
		json_decref(g.json);
	}
	assert_int_equal(f->calls, 0);
}

static void
unknown_paths_are_404_and_other_methods_405_with_allow(void **state)
{
	static const struct {
		const char *method, *path;
		int status;
		const char *type, *allow;
	} cases[] = {
		{ "GET", "/", 404, "unknown-path", "" },
		{ "GET", "/v1", 404, "unknown-path", "" },
		{ "GET", "/v1/", 404, "unknown-path", "" },
		{ "GET", "/v2/tenants", 404, "unknown-path", "" },
		{ "GET", "/v1/tenants/t1/ergs", 404, "unknown-path", "" },
		{ "GET", "/v1/status/", 404, "unknown-path", "" },
		{ "GET", "//v1/status", 404, "unknown-path", "" },
		{ "GET", "/v1/statu", 404, "unknown-path", "" },
		{ "GET", "/v1/statuss", 404, "unknown-path", "" },
		{ "GET", "/1/2/3/4/5/6/7/8/9/10/11/12", 404, "unknown-path", "" },
		{ "PUT", "/v1/ergs/e1/events", 405, "method-not-allowed", "GET" },
		{ "POST", "/v1/ergs/e1/events/x", 405, "method-not-allowed", "GET, PUT, DELETE" },
		{ "POST", "/v1/tenants", 405, "method-not-allowed", "GET" },
		{ "PATCH", "/v1/tenants/t1", 405, "method-not-allowed", "PUT, GET, DELETE" },
		{ "DELETE", "/v1/ergs/e1/members", 405, "method-not-allowed", "GET, PUT" },
		{ "PUT", "/v1/status", 405, "method-not-allowed", "GET" },
		{ "PUT", "/v1/resyncs/r1", 405, "method-not-allowed", "GET, DELETE" },
		{ "DELETE", "/v1/ergs/e1/plan", 405, "method-not-allowed", "GET, POST" },
	};
	struct fake *f = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct got g = ask(f, cases[i].method, cases[i].path, NULL);

		print_message("%s %s\n", cases[i].method, cases[i].path);
		assert_int_equal(g.status, cases[i].status);
		assert_string_equal(problem_type(&g), cases[i].type);
		assert_string_equal(g.allow, cases[i].allow);
		json_decref(g.json);
	}
	assert_int_equal(f->calls, 0);
}

/* ---------- who may ask ---------- */

static int
status_for(struct fake *f, const char *authorization, bool tcp)
{
	struct got g;

	send_request(f, &g, "GET", "/v1/status", NULL, authorization, tcp);
	fake_commit(f);
	if (g.status == 401)
		assert_string_equal(g.authenticate, "Bearer realm=\"ergsync\"");
	json_decref(g.json);
	return g.status;
}

static void
tcp_callers_need_the_token(void **state)
{
	static const struct {
		const char *authorization;
		int status;
	} cases[] = {
		{ NULL, 401 },
		{ "Authorization: Bearer token-of-the-app", 200 },
		{ "Authorization: bearer token-of-the-app", 200 },
		{ "Authorization: BEARER token-of-the-app", 200 },
		{ "Authorization: Bearer token-of-the-ap", 401 },
		{ "Authorization: Bearer token-of-the-app2", 401 },
		{ "Authorization: Bearer  token-of-the-app", 401 },
		{ "Authorization: Bearer", 401 },
		{ "Authorization: Beare", 401 },
		{ "Authorization: Basic token-of-the-app", 401 },
		{ "Authorization: token-of-the-app", 401 },
		{ "X-Token: token-of-the-app", 401 },
	};
	struct fake *f = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(status_for(f, cases[i].authorization, true), cases[i].status);
		assert_int_equal(status_for(f, cases[i].authorization, false), 200);
	}
	assert_int_equal(app_api_set_token(f->api, "another"), ERR_OK);
	assert_int_equal(status_for(f, "Authorization: Bearer token-of-the-app", true), 401);
	assert_int_equal(status_for(f, "Authorization: Bearer another", true), 200);
	/* Without a token nobody comes in by TCP, not even with an empty one. */
	assert_int_equal(app_api_set_token(f->api, NULL), ERR_OK);
	assert_int_equal(status_for(f, "Authorization: Bearer another", true), 401);
	assert_int_equal(status_for(f, "Authorization: Bearer ", true), 401);
	assert_int_equal(status_for(f, NULL, false), 200);
}

/* A stranger learns nothing, not even which paths there are. */
static void
strangers_get_401_whatever_they_ask(void **state)
{
	static const char *const paths[] = { "/v1/tenants/a%20b", "/nowhere", "/v1/ergs/e1/events", "/v1/status" };
	struct fake *f = *state;

	for (size_t i = 0; i < COUNT(paths); i++) {
		struct got g;

		send_request(f, &g, "DELETE", paths[i], "{", NULL, true);
		fake_commit(f);
		assert_int_equal(g.status, 401);
		assert_string_equal(problem_type(&g), "unauthorized");
		assert_string_equal(g.allow, "");
		json_decref(g.json);
	}
}

/* ---------- what the operations are given ---------- */

static void
a_tenant_is_read(void **state)
{
	struct fake *f = *state;
	struct got g;

	f->created = true;
	g = ask(f, "PUT", "/v1/tenants/t1", "{\"directory_id\":\"" GUID_TEXT "\",\"organizer\":\"" GUID_TEXT "\"}");
	assert_int_equal(g.status, 201);
	assert_string_equal(f->tenant.directory_id.s, "0a1b2c3d-0000-4000-8000-000000000009");
	assert_string_equal(f->tenant.organizer, "0a1b2c3d-0000-4000-8000-000000000009");
	json_decref(g.json);
	g = ask(f, "PUT", "/v1/tenants/t1", TENANT_BODY);
	assert_string_equal(f->tenant.organizer, "erg@example.org");
	json_decref(g.json);
}

static void
an_erg_is_read(void **state)
{
	struct fake *f = *state;
	struct got g;

	f->created = true;
	g = ask(f, "PUT", "/v1/ergs/e1",
	    ERG_BODY_WITH(",\"removal_limit\":0,\"removal_percent\":100,\"organizer\":\"x@example.org\""));
	assert_int_equal(g.status, 201);
	assert_string_equal(f->erg.id.s, "e1");
	assert_string_equal(f->erg.tenant.s, "t1");
	assert_string_equal(f->erg.name, "Pride");
	assert_string_equal(f->erg.channel_url, CHANNEL_LINK);
	assert_string_equal(f->erg.team_id.s, "0a1b2c3d-0000-4000-8000-000000000003");
	assert_string_equal(f->erg.link_directory_id.s, "0a1b2c3d-0000-4000-8000-000000000001");
	assert_string_equal(f->erg.channel_id, "19:abc123@thread.tacv2");
	assert_int_equal(f->erg.membership, MEMBERSHIP_TWO_WAY);
	assert_int_equal(f->erg.meetings, MEETINGS_OFF);
	assert_int_equal(f->erg.removal_limit, 0);
	assert_int_equal(f->erg.removal_percent, 100);
	assert_string_equal(f->erg.organizer, "x@example.org");
	json_decref(g.json);
	g = ask(f, "PUT", "/v1/ergs/e1",
	    "{\"tenant\":\"t1\",\"name\":\"Pride\",\"channel_url\":\"" TEAM_LINK
	    "\",\"membership\":\"app\",\"meetings\":\"two-way\"}");
	assert_string_equal(f->erg.channel_id, "");
	assert_int_equal(f->erg.removal_limit, -1);
	assert_int_equal(f->erg.removal_percent, -1);
	assert_string_equal(f->erg.organizer, "");
	assert_int_equal(f->erg.membership, MEMBERSHIP_APP);
	assert_int_equal(f->erg.meetings, MEETINGS_TWO_WAY);
	json_decref(g.json);
}

static void
members_are_read(void **state)
{
	struct fake *f = *state;
	struct got g = ask(f, "PUT", "/v1/ergs/e1/members/u1",
	    "{\"email\":\"ada@example.org\",\"entra_id\":\"" GUID_TEXT "\",\"role\":\"owner\",\"private\":true}");

	assert_string_equal(f->member.who.user.s, "u1");
	assert_string_equal(f->member.email, "ada@example.org");
	assert_string_equal(f->member.entra_id.s, "0a1b2c3d-0000-4000-8000-000000000009");
	assert_int_equal(f->member.role, ROLE_OWNER);
	assert_true(f->member.private_);
	json_decref(g.json);

	g = ask(f, "PUT", "/v1/ergs/e1/members/entra:" GUID_TEXT, "{\"role\":\"member\"}");
	assert_string_equal(f->member.who.user.s, "");
	assert_string_equal(f->member.who.entra_id.s, "0a1b2c3d-0000-4000-8000-000000000009");
	assert_string_equal(f->member.entra_id.s, "0a1b2c3d-0000-4000-8000-000000000009");
	assert_false(f->member.private_);
	json_decref(g.json);

	g = ask(f, "PUT", "/v1/ergs/e1/members",
	    "{\"members\":[{\"user\":\"u1\",\"email\":\"a@b\",\"role\":\"member\"},"
	    "{\"user\":\"entra:" GUID_TEXT "\",\"role\":\"owner\"}]}");
	assert_int_equal(g.status, 202);
	assert_json(g.json, "{'added':1,'removed':2,'unchanged':3}");
	assert_int_equal(f->members_count, 2);
	assert_int_equal(f->member.role, ROLE_OWNER);
	json_decref(g.json);

	g = ask(f, "DELETE", "/v1/ergs/e1/members/entra:" GUID_TEXT, NULL);
	assert_json(g.json, "{'erg':'e1','user':'entra:0a1b2c3d-0000-4000-8000-000000000009'}");
	json_decref(g.json);
}

static void
resyncs_and_decisions_are_read(void **state)
{
	struct fake *f = *state;
	struct got g = ask(f, "POST", "/v1/resyncs", "{\"scope\":\"tenant:t1\",\"dry_run\":true}");

	assert_int_equal(f->scope.kind, RESYNC_TENANT);
	assert_string_equal(f->scope.id, "t1");
	assert_true(f->flag);
	assert_string_equal(g.location, "/v1/resyncs/r1");
	json_decref(g.json);

	f->refuse = ERR_CONFLICT;
	f->refuse_kind = PROBLEM_RESYNC_RUNNING;
	g = ask(f, "POST", "/v1/resyncs", RESYNC_BODY);
	assert_int_equal(g.status, 409);
	assert_string_equal(jx_get_str(g.json, "resync"), "r7");
	json_decref(g.json);

	f->refuse = ERR_OK;
	g = ask(f, "POST", "/v1/ergs/e1/plan", PLAN_BODY);
	assert_true(f->flag);
	assert_string_equal(f->hash, "abc");
	json_decref(g.json);
}

/* The backend's refusal of a field looks like ours. */
static enum err
foreign_erg_put(void *ctx, const struct app_erg_put *put, struct erg_view *ret, bool *ret_created, struct problem *p)
{
	(void)ctx;
	(void)put;
	(void)ret;
	(void)ret_created;
	return problem_field(p, "/channel_url", "The team belongs to another tenant.");
}

static void
a_field_refused_by_the_backend_is_422(void **state)
{
	struct app_ops ops = fake_ops;
	struct fake f;
	struct got g;

	(void)state;
	ops.erg_put = foreign_erg_put;
	fake_init(&f, &ops, NULL);
	g = ask(&f, "PUT", "/v1/ergs/e1", ERG_BODY_WITH(""));
	assert_int_equal(g.status, 422);
	assert_json(
	    json_object_get(g.json, "errors"), "[{'pointer':'/channel_url','detail':'The team belongs to another tenant.'}]");
	json_decref(g.json);
	fake_done(&f);
}

/* ---------- lists ---------- */

static void
lists_are_paged(void **state)
{
	static const struct {
		const char *path, *name;
	} lists[] = {
		{ "/v1/tenants", "tenants" },
		{ "/v1/ergs", "ergs" },
		{ "/v1/resyncs", "resyncs" },
		{ "/v1/ergs/e1/members", "members" },
	};
	struct fake *f = *state;

	for (size_t i = 0; i < COUNT(lists); i++) {
		char path[128], after[64] = "";
		size_t seen = 0;

		f->items = 25;
		for (int pages = 0; pages < 4; pages++) {
			struct got g;
			const char *next;

			snprintf(path, sizeof(path), "%s?limit=10%s%s", lists[i].path, after[0] != '\0' ? "&after=" : "", after);
			g = ask(f, "GET", path, NULL);
			assert_int_equal(g.status, 200);
			seen += json_array_size(jx_get_array(g.json, lists[i].name));
			next = jx_get_str(g.json, "next");
			snprintf(after, sizeof(after), "%s", next == NULL ? "" : next);
			assert_non_null(json_object_get(g.json, "next"));
			json_decref(g.json);
			if (after[0] == '\0')
				break;
		}
		assert_int_equal(seen, 25);
	}
}

static void
list_parameters_have_defaults_and_bounds(void **state)
{
	static const struct {
		const char *query;
		int status;
		const char *parameter;
		unsigned limit;
	} cases[] = {
		{ "", 200, NULL, 100 },
		{ "?limit=1", 200, NULL, 1 },
		{ "?limit=1000", 200, NULL, 1000 },
		{ "?limit=1001", 400, "limit", 0 },
		{ "?limit=0", 400, "limit", 0 },
		{ "?limit=-1", 400, "limit", 0 },
		{ "?limit=", 400, "limit", 0 },
		{ "?limit=ten", 400, "limit", 0 },
		{ "?limit=5&limit=6", 400, "limit", 0 },
		{ "?limit=99999999999999999999999", 400, "limit", 0 },
		{ "?after=%zz", 400, "after", 0 },
		{ "?after=a/b", 400, "after", 0 },
		{ "?after=x&after=y", 400, "after", 0 },
		{ "?after=entra:0a1b", 200, NULL, 100 },
		{ "?after=i5&limit=7", 200, NULL, 7 },
	};
	struct fake *f = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		char path[128];
		struct got g;

		snprintf(path, sizeof(path), "/v1/ergs%s", cases[i].query);
		g = ask(f, "GET", path, NULL);
		print_message("%s\n", path);
		assert_int_equal(g.status, cases[i].status);
		if (cases[i].parameter != NULL) {
			assert_string_equal(problem_type(&g), "bad-parameter");
			assert_string_equal(
			    jx_get_str(json_array_get(jx_get_array(g.json, "errors"), 0), "parameter"), cases[i].parameter);
		} else {
			assert_int_equal(f->page.limit, cases[i].limit);
		}
		json_decref(g.json);
	}
}

/* ---------- what is answered ---------- */

static void
answers_wait_for_the_commit(void **state)
{
	struct fake *f = *state;
	struct got first, second;

	send_request(f, &first, "PUT", "/v1/tenants/t1", TENANT_BODY, NULL, false);
	send_request(f, &second, "GET", "/v1/tenants/t1", NULL, NULL, false);
	assert_false(first.done);
	assert_false(second.done);
	fake_commit(f);
	assert_true(first.done);
	assert_true(second.done);
	json_decref(first.json);
	json_decref(second.json);
}

static void
what_waits_for_a_commit_at_the_end_is_503(void **state)
{
	struct fake f;
	struct got first, second;

	(void)state;
	fake_init(&f, &fake_ops, NULL);
	send_request(&f, &first, "PUT", "/v1/tenants/t1", TENANT_BODY, NULL, false);
	send_request(&f, &second, "GET", "/v1/changes?wait=60", NULL, NULL, false);
	fake_done(&f);
	assert_int_equal(first.status, 503);
	assert_int_equal(second.status, 503);
	json_decref(first.json);
	json_decref(second.json);
}

/* ---------- the change feed ---------- */

static void
changes_are_read_in_pages(void **state)
{
	struct fake *f = *state;
	struct got g = ask(f, "GET", "/v1/changes?after=7", NULL);

	assert_json(g.json, "{'changes':[],'next':7}");
	json_decref(g.json);
	f->feed_last = 5;
	g = ask(f, "GET", "/v1/changes?limit=2", NULL);
	assert_json(
	    g.json, "{'changes':[{'seq':1,'id':'c1','data':{'fill':''}},{'seq':2,'id':'c2','data':{'fill':''}}],'next':2}");
	json_decref(g.json);
	g = ask(f, "GET", "/v1/changes?limit=1000&after=4&wait=60", NULL);
	assert_json(g.json, "{'changes':[{'seq':5,'id':'c5','data':{'fill':''}}],'next':5}");
	json_decref(g.json);
}

static void
change_parameters_have_bounds(void **state)
{
	static const struct {
		const char *query, *parameter;
	} cases[] = {
		{ "?after=-1", "after" },
		{ "?after=x", "after" },
		{ "?after=99999999999999999999", "after" },
		{ "?limit=0", "limit" },
		{ "?limit=1001", "limit" },
		{ "?wait=61", "wait" },
		{ "?wait=1.5", "wait" },
	};
	struct fake *f = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		char path[128];
		struct got g;

		snprintf(path, sizeof(path), "/v1/changes%s", cases[i].query);
		g = ask(f, "GET", path, NULL);
		assert_int_equal(g.status, 400);
		assert_string_equal(
		    jx_get_str(json_array_get(jx_get_array(g.json, "errors"), 0), "parameter"), cases[i].parameter);
		json_decref(g.json);
	}
}

/* One answer stays near its ceiling, and the next call gets the rest. */
static void
a_page_of_changes_is_bounded_in_bytes(void **state)
{
	struct fake *f = *state;
	uint64_t next = 0;
	unsigned calls = 0;

	f->feed_last = 1000;
	f->feed_body_len = CHANGE_BODY_MAX - 100;
	while (next < 1000 && calls < 20) {
		char path[64];
		struct got g;

		snprintf(path, sizeof(path), "/v1/changes?limit=1000&after=%" PRIu64, next);
		g = ask(f, "GET", path, NULL);
		assert_int_equal(g.status, 200);
		assert_true((uint64_t)jx_get_int(g.json, "next", 0) > next);
		next = (uint64_t)jx_get_int(g.json, "next", 0);
		json_decref(g.json);
		calls++;
	}
	assert_int_equal(next, 1000);
	assert_in_range(calls, 4, 6);
}

static void
a_waiting_caller_hears_of_an_arrival(void **state)
{
	struct fake *f = *state;
	struct got g;

	f->feed_last = 3;
	send_request(f, &g, "GET", "/v1/changes?after=3&wait=30", NULL, NULL, false);
	fake_commit(f);
	assert_false(g.done);
	assert_int_equal(app_api_waiters(f->api), 1);
	/* Something else became durable: not what this one waits for. */
	app_api_changes_arrived(f->api);
	fake_commit(f);
	assert_false(g.done);
	f->feed_last = 4;
	app_api_changes_arrived(f->api);
	fake_commit(f);
	assert_true(g.done);
	assert_json(g.json, "{'changes':[{'seq':4,'id':'c4','data':{'fill':''}}],'next':4}");
	assert_int_equal(app_api_waiters(f->api), 0);
	json_decref(g.json);
	clock_manual_advance(f->clock, 60000);
}

static void
a_waiting_caller_is_answered_when_its_time_is_over(void **state)
{
	struct fake *f = *state;
	struct got g;

	send_request(f, &g, "GET", "/v1/changes?after=3&wait=30", NULL, NULL, false);
	clock_manual_advance(f->clock, 29999);
	fake_commit(f);
	assert_false(g.done);
	clock_manual_advance(f->clock, 1);
	fake_commit(f);
	assert_true(g.done);
	assert_int_equal(g.status, 200);
	assert_json(g.json, "{'changes':[],'next':3}");
	json_decref(g.json);
}

static void
a_waiting_caller_may_leave(void **state)
{
	struct fake *f = *state;
	struct got g;
	struct http_exchange *x = send_request(f, &g, "GET", "/v1/changes?wait=30", NULL, NULL, false);

	assert_int_equal(app_api_waiters(f->api), 1);
	http_exchange_fake_leave(x);
	clock_manual_advance(f->clock, 1);
	fake_commit(f);
	assert_int_equal(app_api_waiters(f->api), 0);
	assert_false(g.done);
	f->feed_last = 1;
	app_api_changes_arrived(f->api);
}

/* Leaving in the same turn as an arrival: whichever comes first, the exchange is ended once. */
static void
a_caller_may_leave_as_a_change_arrives(void **state)
{
	struct fake *f = *state;
	struct got g;
	struct http_exchange *x = send_request(f, &g, "GET", "/v1/changes?wait=30", NULL, NULL, false);

	http_exchange_fake_leave(x);
	f->feed_last = 1;
	app_api_changes_arrived(f->api);
	clock_manual_advance(f->clock, 1);
	fake_commit(f);
	assert_int_equal(app_api_waiters(f->api), 0);

	x = send_request(f, &g, "GET", "/v1/changes?after=1&wait=30", NULL, NULL, false);
	f->feed_last = 2;
	app_api_changes_arrived(f->api);
	http_exchange_fake_leave(x);
	fake_commit(f);
	assert_int_equal(app_api_waiters(f->api), 0);
	clock_manual_advance(f->clock, 60000);
}

static void
the_number_of_waiting_callers_is_limited(void **state)
{
	struct fake *f = *state;
	struct got waiting[APP_WAITERS_MAX], g;

	for (unsigned i = 0; i < APP_WAITERS_MAX; i++)
		send_request(f, &waiting[i], "GET", "/v1/changes?wait=60", NULL, NULL, false);
	assert_int_equal(app_api_waiters(f->api), APP_WAITERS_MAX);
	g = ask(f, "GET", "/v1/changes?wait=60", NULL);
	assert_int_equal(g.status, 503);
	assert_string_equal(problem_type(&g), "too-many-waiters");
	assert_true(strlen(g.retry_after) > 0);
	json_decref(g.json);
	g = ask(f, "GET", "/v1/changes", NULL);
	assert_int_equal(g.status, 200);
	json_decref(g.json);
	f->feed_last = 1;
	app_api_changes_arrived(f->api);
	fake_commit(f);
	for (unsigned i = 0; i < APP_WAITERS_MAX; i++) {
		assert_int_equal(waiting[i].status, 200);
		json_decref(waiting[i].json);
	}
}

static void
a_feed_that_fails_is_a_problem_for_those_who_wait_too(void **state)
{
	struct fake *f = *state;
	struct got g;

	send_request(f, &g, "GET", "/v1/changes?wait=30", NULL, NULL, false);
	f->refuse = ERR_CORRUPT;
	app_api_changes_arrived(f->api);
	fake_commit(f);
	assert_int_equal(g.status, 500);
	assert_string_equal(problem_type(&g), "internal");
	json_decref(g.json);
}

/* ---------- events ---------- */

static void
an_event_is_read(void **state)
{
	struct fake *f = *state;
	struct got g =
	    ask(f, "PUT", "/v1/ergs/e1/events/tea-1", EVENT_BODY_WITH(",\"attendees\":[{\"email\":\"a@example.org\"}]"));

	assert_int_equal(g.status, 202);
	assert_string_equal(f->event.s, "tea-1");
	assert_string_equal(f->subject, "Tea");
	assert_string_equal(jx_get_str(g.json, "event"), "tea-1");
	assert_string_equal(jx_get_str(g.json, "status"), "scheduled");
	json_decref(g.json);
}

/* The comment of a cancellation may be left out, with or without a body. */
static void
a_cancellation_may_say_why(void **state)
{
	static const struct {
		const char *body;
		int status;
		const char *comment;
	} cases[] = {
		{ NULL, 202, "" },
		{ "", 202, "" },
		{ "{}", 202, "" },
		{ "{\"comment\":null}", 202, "" },
		{ "{\"comment\":\"\"}", 202, "" },
		{ "{\"comment\":\"It rains.\\nSorry!\"}", 202, "It rains.\nSorry!" },
		{ "{\"comment\":\"\\u0007\"}", 422, NULL },
		{ "{\"comment\":7}", 422, NULL },
		{ "{\"why\":\"x\"}", 422, NULL },
		{ "[]", 422, NULL },
		{ "{", 400, NULL },
	};
	struct fake *f = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct got g;

		strcpy(f->comment, "?");
		g = ask(f, "DELETE", "/v1/ergs/e1/events/tea", cases[i].body);
		assert_int_equal(g.status, cases[i].status);
		assert_string_equal(f->comment, cases[i].comment != NULL ? cases[i].comment : "?");
		json_decref(g.json);
	}
}

/* Long bodies end a page before its limit does. */
static void
a_page_of_events_is_bounded_in_bytes(void **state)
{
	struct fake *f = *state;
	struct got g;

	f->items = 100;
	g = ask(f, "GET", "/v1/ergs/e1/events?limit=50", NULL);
	assert_int_equal(json_array_size(jx_get_array(g.json, "events")), 50);
	assert_string_equal(jx_get_str(g.json, "next"), "i50");
	json_decref(g.json);
	f->event_body_len = 256 << 10;
	g = ask(f, "GET", "/v1/ergs/e1/events?limit=50", NULL);
	assert_int_equal(json_array_size(jx_get_array(g.json, "events")), APP_EVENTS_BYTES / (256 << 10));
	assert_string_equal(jx_get_str(g.json, "next"), "i16");
	json_decref(g.json);
}

/* ---------- random requests ---------- */

static const char *
pick(struct rng *rng, const char *const *from, size_t count)
{
	return from[rng_below(rng, count)];
}

/* Whatever is asked, there is one answer, and each refusal is a problem. */
static void
random_requests_are_answered_once(void **state)
{
	static const char *const methods[] = { "GET", "PUT", "POST", "DELETE", "PATCH" };
	static const char *const pieces[] = { "/v1", "/tenants", "/ergs", "/members", "/plan", "/resyncs", "/changes", "/status",
		"/e1", "/u%201", "/entra:" GUID_TEXT, "/", "/%", "/events", "/..", "?limit=3", "?after=%00", "?wait=0",
		"&limit=2" };
	static const char *const bodies[] = { NULL, "{}", "[]", "null", "{\"members\":[{}]}", TENANT_BODY, ERG_BODY_WITH(""),
		MEMBER_BODY, EVENT_BODY_WITH(""), RESYNC_BODY, PLAN_BODY, "{\"scope\":{}}" };
	struct fake *f = *state;
	struct rng rng = test_rng("api");

	for (int round = 0; round < 3000; round++) {
		char path[512] = "";
		uint64_t count = 1 + rng_below(&rng, 6);
		struct got g;

		for (uint64_t i = 0; i < count; i++)
			strcat(path, i == 0 && rng_below(&rng, 4) > 0 ? "/v1" : pick(&rng, pieces, COUNT(pieces)));
		if (path[0] != '/')
			continue;
		f->refuse = rng_below(&rng, 5) == 0 ? ERR_NOTFOUND : ERR_OK;
		g = ask(f, pick(&rng, methods, COUNT(methods)), path, pick(&rng, bodies, COUNT(bodies)));
		assert_in_range(g.status, 200, 501);
		if (g.status >= 300)
			problem_type(&g);
		json_decref(g.json);
	}
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(every_route_reaches_its_operation),
		CASE(every_route_refuses_as_its_operation_does),
		CASE(an_operation_left_out_is_501),
		CASE(malformed_ids_are_400),
		CASE(an_id_may_have_128_characters_and_be_escaped),
		CASE(bodies_that_are_not_json_are_400),
		CASE(fields_that_are_wrong_are_422_with_their_pointer),
		CASE(unknown_paths_are_404_and_other_methods_405_with_allow),
		CASE(tcp_callers_need_the_token),
		CASE(strangers_get_401_whatever_they_ask),
		CASE(a_tenant_is_read),
		CASE(an_erg_is_read),
		CASE(members_are_read),
		CASE(resyncs_and_decisions_are_read),
		CASE(an_event_is_read),
		CASE(a_cancellation_may_say_why),
		CASE(a_page_of_events_is_bounded_in_bytes),
		CASE(a_field_refused_by_the_backend_is_422),
		CASE(lists_are_paged),
		CASE(list_parameters_have_defaults_and_bounds),
		CASE(answers_wait_for_the_commit),
		CASE(what_waits_for_a_commit_at_the_end_is_503),
		CASE(changes_are_read_in_pages),
		CASE(change_parameters_have_bounds),
		CASE(a_page_of_changes_is_bounded_in_bytes),
		CASE(a_waiting_caller_hears_of_an_arrival),
		CASE(a_waiting_caller_is_answered_when_its_time_is_over),
		CASE(a_waiting_caller_may_leave),
		CASE(a_caller_may_leave_as_a_change_arrives),
		CASE(the_number_of_waiting_callers_is_limited),
		CASE(a_feed_that_fails_is_a_problem_for_those_who_wait_too),
		CASE(random_requests_are_answered_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
