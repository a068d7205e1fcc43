/*
 * teams.c - look-ups of teams, channels and people. $select keeps answers small and resource units low.
 */
#include "graph/teams.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "graph/batch.h"
#include "graph/build.h"

/* Without it, Graph reports shared channels as unknownFutureValue. */
static const char *const prefer_unknown[] = { "Prefer: include-unknown-enum-members", NULL };

#define USER_SELECT "$select=id,userPrincipalName,mail,displayName,accountEnabled,userType"

static bool
read_guid(const json_t *o, const char *key, struct guid *ret)
{
	const char *s = jx_get_str(o, key);

	return s != NULL && guid_parse(s, ret);
}

struct graph_call *
graph_team_get(struct graph *g, const struct graph_where *w, const struct guid *team, graph_done done, void *arg)
{
	struct graph_build b;

	graph_build_init(&b, w, GRAPH_TEAM_GET, "GET", team->s, NULL);
	graph_build_path(&b, "/teams/", team->s, NULL);
	return graph_build_start(g, &b, done, arg);
}

enum err
graph_team_read(const struct graph_answer *a, struct graph_team *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (a->err != ERR_OK)
		return a->err;
	if (!read_guid(a->json, "id", &ret->id))
		return ERR_UNEXPECTED;
	graph_copy_cut(ret->name, sizeof(ret->name), jx_get_str(a->json, "displayName"));
	ret->archived = jx_get_bool(a->json, "isArchived", false);
	return ERR_OK;
}

struct graph_call *
graph_channel_get(
    struct graph *g, const struct graph_where *w, const struct guid *team, const char *channel_id, graph_done done, void *arg)
{
	struct graph_build b;

	graph_build_init(&b, w, GRAPH_CHANNEL_GET, "GET", team->s, channel_id);
	graph_build_path(&b, "/teams/", team->s, "/channels/", channel_id, NULL);
	b.request.headers = prefer_unknown;
	return graph_build_start(g, &b, done, arg);
}

struct graph_call *
graph_channel_primary(struct graph *g, const struct graph_where *w, const struct guid *team, graph_done done, void *arg)
{
	struct graph_build b;

	graph_build_init(&b, w, GRAPH_CHANNEL_GET, "GET", team->s, NULL);
	graph_build_path(&b, "/teams/", team->s, "/primaryChannel", NULL);
	b.request.headers = prefer_unknown;
	return graph_build_start(g, &b, done, arg);
}

static enum channel_type
read_type(const char *name)
{
	for (int i = 0; name != NULL && channel_type_names[i] != NULL; i++)
		if (str_equal_nocase(name, channel_type_names[i]))
			return (enum channel_type)i;
	return CHANNEL_UNKNOWN;
}

static enum err
channel_read(const json_t *item, struct graph_channel *c)
{
	const char *id = jx_get_str(item, "id");

	memset(c, 0, sizeof(*c));
	c->type = CHANNEL_UNKNOWN;
	if (id == NULL || id[0] == '\0' || !str_copy(c->id, sizeof(c->id), id))
		return ERR_UNEXPECTED;
	graph_copy_cut(c->name, sizeof(c->name), jx_get_str(item, "displayName"));
	c->type = read_type(jx_get_str(item, "membershipType"));
	(void)read_guid(item, "tenantId", &c->tenant_id);
	c->archived = jx_get_bool(item, "isArchived", false);
	return ERR_OK;
}

enum err
graph_channel_read(const struct graph_answer *a, struct graph_channel *ret)
{
	if (a->err == ERR_OK && a->json != NULL)
		return channel_read(a->json, ret);
	memset(ret, 0, sizeof(*ret));
	ret->type = CHANNEL_UNKNOWN;
	return a->err != ERR_OK ? a->err : ERR_UNEXPECTED;
}

struct graph_call *
graph_user_get(struct graph *g, const struct graph_where *w, const char *id_or_upn, graph_done done, void *arg)
{
	struct graph_build b;

	graph_build_init(&b, w, GRAPH_DIRECTORY_READ, "GET", NULL, NULL);
	graph_build_path(&b, "/users/", id_or_upn, "?" USER_SELECT, NULL);
	return graph_build_start(g, &b, done, arg);
}

static enum err
read_user(const json_t *o, struct graph_user *ret)
{
	const char *upn = jx_get_str(o, "userPrincipalName"), *mail = jx_get_str(o, "mail"), *type = jx_get_str(o, "userType");

	memset(ret, 0, sizeof(*ret));
	if (!read_guid(o, "id", &ret->id))
		return ERR_UNEXPECTED;
	if (upn != NULL)
		(void)str_copy(ret->upn, sizeof(ret->upn), upn);
	if (mail != NULL)
		(void)str_copy(ret->email, sizeof(ret->email), mail);
	graph_copy_cut(ret->name, sizeof(ret->name), jx_get_str(o, "displayName"));
	ret->enabled = jx_get_bool(o, "accountEnabled", true);
	ret->guest = type != NULL && str_equal_nocase(type, "Guest");
	return ERR_OK;
}

enum err
graph_user_read(const struct graph_answer *a, struct graph_user *ret)
{
	memset(ret, 0, sizeof(*ret));
	return a->err != ERR_OK ? a->err : read_user(a->json, ret);
}

/* OData doubles a quote inside a string. */
static void
quote(struct text *t, const char *s)
{
	for (; *s != '\0'; s++)
		text_adds(t, *s == '\'' ? "''" : (const char[]){ *s, '\0' });
}

static void
find_path(struct graph_build *b, const char *email)
{
	struct text quoted;

	text_init(&quoted, 2048);
	quote(&quoted, email);
	if (text_err(&quoted) == ERR_OK && quoted.len > 0) /* else no path: refused as invalid */
		graph_build_path(b, "/users?$filter=mail%20eq%20%27", quoted.data, "%27%20or%20userPrincipalName%20eq%20%27",
		    quoted.data, "%27&" USER_SELECT, NULL);
	text_done(&quoted);
}

struct graph_call *
graph_user_find(struct graph *g, const struct graph_where *w, const char *email, graph_done done, void *arg)
{
	struct graph_build b;

	graph_build_init(&b, w, GRAPH_DIRECTORY_READ, "GET", NULL, NULL);
	find_path(&b, email);
	return graph_build_start(g, &b, done, arg);
}

struct graph_call *
graph_users_find(
    struct graph *g, const struct graph_where *w, const char *const *emails, size_t count, graph_done done, void *arg)
{
	struct graph_batch_get gets[GRAPH_BATCH_MAX] = { { NULL, NULL } };
	struct graph_build b, item[GRAPH_BATCH_MAX];

	graph_build_init(&b, w, GRAPH_DIRECTORY_BATCH, "POST", NULL, NULL);
	for (size_t i = 0; i < count && i < GRAPH_BATCH_MAX; i++) {
		graph_build_init(&item[i], w, GRAPH_DIRECTORY_READ, "GET", NULL, NULL);
		find_path(&item[i], emails[i]);
		gets[i].path = item[i].path.data != NULL ? item[i].path.data : "/";
	}
	graph_build_path(&b, "/$batch", NULL);
	graph_build_body(&b, graph_batch_json(gets, count));
	for (size_t i = 0; i < count && i < GRAPH_BATCH_MAX; i++)
		text_done(&item[i].path);
	b.request.idempotent = true; /* nothing but reads */
	b.request.count = (unsigned)count;
	return graph_build_start(g, &b, done, arg);
}

void
graph_users_find_split(const struct graph_answer *a, size_t count, struct graph_answer *ret)
{
	struct graph_batch_result results[GRAPH_BATCH_MAX];
	bool batch = a->err == ERR_OK && graph_batch_read(a->json, count, results) == ERR_OK;

	for (size_t i = 0; i < count; i++) {
		ret[i] = *a;
		if (a->err != ERR_OK)
			continue;
		ret[i].err = batch ? results[i].err : ERR_UNEXPECTED;
		ret[i].status = batch ? results[i].status : 0;
		ret[i].json = batch ? results[i].body : NULL;
		ret[i].retry_after_ms = batch ? results[i].retry_after_ms : -1;
		graph_error_read(ret[i].json, &ret[i].error);
	}
}

/* A service that ignores the filter names others, too. */
static bool
has_email(const struct graph_user *u, const char *email)
{
	return str_equal_nocase(u->email, email) || str_equal_nocase(u->upn, email) || (u->email[0] == '\0' && u->upn[0] == '\0');
}

enum err
graph_user_find_read(const struct graph_answer *a, const char *email, struct graph_user *ret)
{
	const json_t *value = jx_get_array(a->json, "value");
	const json_t *item;
	struct graph_user u;
	bool found = false;
	size_t i;

	memset(ret, 0, sizeof(*ret));
	if (a->err != ERR_OK)
		return a->err;
	if (a->status != 200 || value == NULL)
		return ERR_UNEXPECTED;
	json_array_foreach((json_t *)value, i, item)
	{
		if (read_user(item, &u) != ERR_OK)
			return ERR_UNEXPECTED;
		if (!has_email(&u, email) || (found && strcmp(u.id.s, ret->id.s) == 0))
			continue;
		if (found)
			return ERR_CONFLICT;
		*ret = u;
		found = true;
	}
	if (found)
		return ERR_OK;
	return json_object_get(a->json, "@odata.nextLink") != NULL ? ERR_UNEXPECTED : ERR_NOTFOUND;
}
