/*
 * members.c - rosters of teams and channels.
 *
 * Role changes and removals may be repeated blindly. Adding may not: there is a report of a double add that ended in a removal
 * (graph-facts section 8.3), and of a bulk call parts may have failed. After an unknown outcome only a read tells.
 */
#include "graph/members.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "graph/build.h"
#include "graph/wire.h"

#define MEMBER_TYPE     "#microsoft.graph.aadUserConversationMember"
#define PAGE_TOP        "999"
#define BULK_TIMEOUT_MS 60000

static bool
has_channel(const struct graph_roster *r)
{
	return r->channel != NULL && r->channel[0] != '\0';
}

/* Starts a path with "/teams/T" or "/teams/T/channels/C". */
static void
roster_build(struct graph_build *b, const struct graph_where *w, const struct graph_roster *r, enum graph_operation team_op,
    enum graph_operation channel_op, const char *method)
{
	graph_build_init(b, w, has_channel(r) ? channel_op : team_op, method, r->team.s, has_channel(r) ? r->channel : NULL);
	graph_build_path(b, "/teams/", r->team.s, NULL);
	if (has_channel(r))
		graph_build_path(b, "/channels/", r->channel, NULL);
}

static enum role
read_role(const json_t *item)
{
	const json_t *roles = jx_get_array(item, "roles");
	enum role role = ROLE_MEMBER;
	const json_t *r;
	size_t i;

	json_array_foreach((json_t *)roles, i, r)
	{
		const char *name = json_string_value(r);

		if (name != NULL && str_equal_nocase(name, "owner"))
			role = ROLE_OWNER;
		else if (name != NULL && str_equal_nocase(name, "guest") && role == ROLE_MEMBER)
			role = ROLE_GUEST;
	}
	return role;
}

/* "#microsoft.graph.x" and "microsoft.graph.x", in any case. Absent: a list of one kind only, so a person. */
static bool
is_person(const json_t *item)
{
	const char *type = jx_get_str(item, "@odata.type");

	if (type == NULL)
		return true;
	return str_equal_nocase(type + (type[0] == '#'), &MEMBER_TYPE[1]);
}

enum err
graph_member_read(const json_t *item, void *ret_member)
{
	struct graph_member *m = ret_member;
	const char *id = jx_get_str(item, "id"), *user = jx_get_str(item, "userId");
	const char *home = jx_get_str(item, "tenantId"), *email = jx_get_str(item, "email");

	memset(m, 0, sizeof(*m));
	if (!is_person(item))
		return ERR_UNSUPPORTED;
	if (id == NULL || id[0] == '\0' || !str_copy(m->membership_id, sizeof(m->membership_id), id))
		return ERR_UNEXPECTED;
	if (user == NULL || !guid_parse(user, &m->user_id))
		return ERR_UNEXPECTED;
	if (home != NULL)
		(void)guid_parse(home, &m->tenant_id);
	if (email != NULL && email_plausible(email))
		(void)str_copy(m->email, sizeof(m->email), email);
	graph_copy_cut(m->display_name, sizeof(m->display_name), jx_get_str(item, "displayName"));
	m->role = read_role(item);
	return ERR_OK;
}

enum err
graph_member_rich_read(const json_t *json, const char *membership_id, struct graph_member *ret)
{
	enum err e = graph_member_read(json, ret);

	if (e == ERR_OK && !str_copy(ret->membership_id, sizeof(ret->membership_id), membership_id))
		return ERR_UNEXPECTED;
	return e;
}

struct graph_pages *
graph_members_list(struct graph *g, const struct graph_where *w, const struct graph_roster *r,
    void (*item)(void *arg, const void *member), void (*end)(void *arg, const struct graph_page_end *end), void *arg)
{
	struct graph_page_options options = {
		.read = graph_member_read, .record_size = sizeof(struct graph_member), .item = item, .end = end, .arg = arg
	};
	struct graph_build b;

	roster_build(&b, w, r, GRAPH_TEAM_MEMBERS_GET, GRAPH_CHANNEL_MEMBERS_GET, "GET");
	graph_build_path(&b, "/members?$top=" PAGE_TOP, NULL);
	return graph_build_pages(g, &b, &options);
}

struct graph_call *
graph_member_get(struct graph *g, const struct graph_where *w, const struct graph_roster *r, const char *membership_id,
    graph_done done, void *arg)
{
	struct graph_build b;

	roster_build(&b, w, r, GRAPH_TEAMS_READ, GRAPH_TEAMS_READ, "GET");
	graph_build_path(&b, "/members/", membership_id, NULL);
	return graph_build_start(g, &b, done, arg);
}

struct graph_call *
graph_member_find(struct graph *g, const struct graph_where *w, const struct graph_roster *r, const struct guid *user,
    graph_done done, void *arg)
{
	struct graph_build b;

	roster_build(&b, w, r, GRAPH_TEAM_MEMBERS_GET, GRAPH_CHANNEL_MEMBERS_GET, "GET");
	graph_build_path(
	    &b, "/members?$filter=(microsoft.graph.aadUserConversationMember/userId%20eq%20%27", user->s, "%27)", NULL);
	return graph_build_start(g, &b, done, arg);
}

enum err
graph_member_find_read(const struct graph_answer *a, const struct guid *user, struct graph_member *ret)
{
	const json_t *value = jx_get_array(a->json, "value");
	const json_t *item;
	struct graph_member m;
	size_t i;

	if (a->err != ERR_OK)
		return a->err == ERR_NOTFOUND ? ERR_UNEXPECTED : a->err; /* the roster is not found: says nothing of the person */
	if (a->status != 200 || value == NULL)
		return ERR_UNEXPECTED;
	json_array_foreach((json_t *)value, i, item)
	{
		enum err e = graph_member_read(item, &m);

		if (e == ERR_UNSUPPORTED)
			continue;
		if (e != ERR_OK)
			return e;
		if (strcmp(m.user_id.s, user->s) == 0) {
			*ret = m;
			return ERR_OK;
		}
	}
	/* A further page might name the person. Others only, and no further page: a service that ignores the filter has shown its
	 * whole roster, which is evidence as good. */
	return json_object_get(a->json, "@odata.nextLink") != NULL ? ERR_UNEXPECTED : ERR_NOTFOUND;
}

static json_t *
roles_json(enum role role)
{
	return role == ROLE_OWNER ? json_pack("[s]", "owner") : json_array();
}

/* The body of an add; NULL when out of memory. type with or without its "#", as the call wants it. */
static json_t *
person_json(struct graph *g, const char *type, const struct guid *user, bool with_roles, enum role role)
{
	json_t *o = json_object();
	struct text bind;
	int failed;

	text_init(&bind, 4096);
	text_addf(&bind, "%s/users('%s')", graph_wire_name(graph_base_url(g)), user->s);
	failed = json_object_set_new(o, "@odata.type", json_string(type));
	if (with_roles)
		failed |= json_object_set_new(o, "roles", roles_json(role));
	failed |= json_object_set_new(o, "user@odata.bind", text_err(&bind) == ERR_OK ? json_string(bind.data) : NULL);
	text_done(&bind);
	if (failed == 0)
		return o;
	json_decref(o);
	return NULL;
}

struct graph_call *
graph_member_add(struct graph *g, const struct graph_where *w, const struct graph_roster *r, const struct guid *user,
    enum role role, graph_done done, void *arg)
{
	struct graph_build b;

	roster_build(&b, w, r, GRAPH_TEAM_MEMBER_ADD, GRAPH_TEAMS_WRITE, "POST");
	graph_build_path(&b, "/members", NULL);
	graph_build_body(&b, person_json(g, MEMBER_TYPE, user, true, role));
	return graph_build_start(g, &b, done, arg);
}

struct graph_call *
graph_member_set_role(struct graph *g, const struct graph_where *w, const struct graph_roster *r, const char *membership_id,
    enum role role, graph_done done, void *arg)
{
	struct graph_build b;

	roster_build(&b, w, r, GRAPH_TEAMS_WRITE, GRAPH_TEAMS_WRITE, "PATCH");
	graph_build_path(&b, "/members/", membership_id, NULL);
	graph_build_body(&b, json_pack("{s:s, s:o}", "@odata.type", MEMBER_TYPE, "roles", roles_json(role)));
	b.request.idempotent = true;
	return graph_build_start(g, &b, done, arg);
}

struct graph_call *
graph_member_remove(struct graph *g, const struct graph_where *w, const struct graph_roster *r, const char *membership_id,
    graph_done done, void *arg)
{
	struct graph_build b;

	roster_build(&b, w, r, GRAPH_TEAMS_WRITE, GRAPH_TEAMS_WRITE, "DELETE");
	graph_build_path(&b, "/members/", membership_id, NULL);
	b.request.idempotent = true; /* the second time: NOTFOUND, which a read back explains */
	return graph_build_start(g, &b, done, arg);
}

enum err
graph_member_answer_read(const struct graph_answer *a, struct graph_member *ret)
{
	enum err e;

	if (a->err != ERR_OK)
		return a->err;
	if (a->json == NULL)
		return ERR_UNEXPECTED;
	e = graph_member_read(a->json, ret);
	return e == ERR_UNSUPPORTED ? ERR_UNEXPECTED : e;
}

/* {"values": [...]}; NULL when out of memory. */
static json_t *
bulk_json(struct graph *g, const struct graph_bulk_person *people, size_t count, bool with_roles)
{
	json_t *values = json_array();

	for (size_t i = 0; i < count; i++)
		if (json_array_append_new(values, person_json(g, &MEMBER_TYPE[1], &people[i].user, with_roles, people[i].role)) !=
		    0) {
			json_decref(values);
			return NULL;
		}
	return json_pack("{s:o}", "values", values);
}

static struct graph_call *
bulk(struct graph *g, const struct graph_where *w, const struct guid *team, const char *action,
    const struct graph_bulk_person *people, size_t count, size_t max, bool with_roles, graph_done done, void *arg)
{
	struct graph_build b;

	graph_build_init(&b, w, GRAPH_TEAMS_WRITE, "POST", team->s, NULL);
	if (count > 0 && count <= max) { /* else no path: refused as invalid */
		graph_build_path(&b, "/teams/", team->s, action, NULL);
		graph_build_body(&b, bulk_json(g, people, count, with_roles));
	}
	b.request.timeout_ms = BULK_TIMEOUT_MS;
	return graph_build_start(g, &b, done, arg);
}

struct graph_call *
graph_members_bulk_add(struct graph *g, const struct graph_where *w, const struct guid *team,
    const struct graph_bulk_person *people, size_t count, graph_done done, void *arg)
{
	return bulk(g, w, team, "/members/add", people, count, GRAPH_MEMBERS_ADD_MAX, true, done, arg);
}

struct graph_call *
graph_members_bulk_remove(struct graph *g, const struct graph_where *w, const struct guid *team,
    const struct graph_bulk_person *people, size_t count, graph_done done, void *arg)
{
	return bulk(g, w, team, "/members/remove", people, count, GRAPH_MEMBERS_REMOVE_MAX, false, done, arg);
}

/* The person's result in a bulk answer; NULL when it is not named. */
static const json_t *
bulk_result(const json_t *value, const struct guid *user)
{
	const json_t *item;
	struct guid id;
	size_t i;

	json_array_foreach((json_t *)value, i, item)
	{
		const char *s = jx_get_str(item, "userId");

		if (s != NULL && guid_parse(s, &id) && strcmp(id.s, user->s) == 0)
			return item;
	}
	return NULL;
}

static enum err
err_of_code(const char *code)
{
	static const struct {
		const char *code;
		enum err err;
	} codes[] = {
		{ "NotFound", ERR_NOTFOUND },
		{ "Forbidden", ERR_FORBIDDEN },
		{ "BadRequest", ERR_INVALID },
		{ "Conflict", ERR_CONFLICT },
		{ "TooManyRequests", ERR_THROTTLED },
		{ "BadGateway", ERR_REMOTE },
		{ "InternalServerError", ERR_REMOTE },
		{ "ServiceUnavailable", ERR_REMOTE },
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (str_equal_nocase(code, codes[i].code))
			return codes[i].err;
	return ERR_INVALID;
}

enum err
graph_members_bulk_read(const struct graph_answer *a, const struct guid *user, char code[GRAPH_CODE_SIZE])
{
	const json_t *result = bulk_result(jx_get_array(a->json, "value"), user);
	const json_t *error = jx_get_object(result, "error");
	const char *text = jx_get_str(error, "code");

	if (code != NULL)
		code[0] = '\0';
	if (a->err != ERR_OK)
		return a->err;
	if (result == NULL)
		return a->status == 207 ? ERR_UNEXPECTED : ERR_OK;
	if (error == NULL)
		return ERR_OK;
	if (text == NULL)
		text = "unknown";
	if (code != NULL)
		graph_copy_cut(code, GRAPH_CODE_SIZE, text);
	return err_of_code(text);
}

struct graph_call *
graph_member_has_access(struct graph *g, const struct graph_where *w, const struct graph_roster *r, const struct guid *user,
    const struct guid *home_tenant, graph_done done, void *arg)
{
	struct graph_build b;

	roster_build(&b, w, r, GRAPH_TEAMS_READ, GRAPH_TEAMS_READ, "GET");
	graph_build_path(&b,
	    "/doesUserHaveAccess(userId='@userId',tenantId='@tenantId',userPrincipalName='@userPrincipalName')?@userId=%27",
	    user->s, "%27&@tenantId=%27", home_tenant->s, "%27", NULL);
	return graph_build_start(g, &b, done, arg);
}

enum err
graph_member_has_access_read(const struct graph_answer *a, bool *ret)
{
	const json_t *value = json_object_get(a->json, "value");

	if (a->err != ERR_OK)
		return a->err;
	if (!json_is_boolean(value))
		return ERR_UNEXPECTED;
	*ret = json_is_true(value);
	return ERR_OK;
}
