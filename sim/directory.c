/* Reads of people, groups, teams and channels. A team's group and the team are one object: facts 12. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/encode.h"
#include "base/text.h"
#include "sim/call.h"
#include "sim/handlers.h"
#include "sim/members.h"

/* Answers carry a field no description names, as real ones do: clients must not mind. */
#define UNDECLARED "extension_0123456789abcdef0123456789abcdef_note"
#define LIST_MAX   999

static json_t *
user_json(const struct user *u, bool all)
{
	json_t *o = json_pack("{s:s,s:s,s:s,s:s?,s:n,s:n,s:[],s:s}", "id", u->id, "displayName", u->name, "userPrincipalName",
	    u->upn, "mail", u->mail, "jobTitle", "preferredLanguage", "businessPhones", UNDECLARED, "undeclared");

	/* These come only when asked for by $select. */
	if (all) {
		json_object_set_new(o, "accountEnabled", json_boolean(!u->disabled));
		json_object_set_new(o, "userType", json_string(u->guest ? "Guest" : "Member"));
		json_object_set_new(o, "proxyAddresses", u->mail == NULL ? json_array() : json_pack("[s+]", "SMTP:", u->mail));
	}
	return o;
}

static void
answer_object(struct call *c, const char *context, json_t *o)
{
	call_select(c, o);
	json_object_set_new(o, "@odata.context", json_string(context));
	call_answer(c, 200, o);
}

void
handle_user_get(struct call *c)
{
	const struct user *u = call_user(c, c->argument[0]);

	if (u != NULL)
		answer_object(c, "https://graph.microsoft.com/v1.0/$metadata#users/$entity",
		    user_json(u, call_query(c, "$select") != NULL));
}

/* Which property a filter names; -1 for those that cannot be filtered by here. */
static int
property_find(const char *name, size_t len)
{
	static const char *const names[] = { "id", "mail", "userPrincipalName" };

	for (int i = 0; i < 3; i++)
		if (strlen(names[i]) == len && strncasecmp(names[i], name, len) == 0)
			return i;
	return -1;
}

static bool
property_is(const struct user *u, int property, const char *text)
{
	const char *const values[] = { u->id, u->mail, u->upn };

	return values[property] != NULL && strcasecmp(values[property], text) == 0;
}

static void
append_user(const struct call *c, const struct user *u, json_t *value)
{
	json_t *o = user_json(u, call_query(c, "$select") != NULL);

	call_select(c, o);
	json_array_append_new(value, o);
}

/* "mail eq 'a' or userPrincipalName eq 'b'". False for anything else. */
static bool
filter_users(const struct call *c, const char *filter, json_t *value)
{
	const struct user *last = NULL; /* whoever fits both halves is named once */

	while (*filter != '\0') {
		size_t name_len = strcspn(filter, " "), len;
		int property = property_find(filter, name_len);
		const char *quoted = filter + name_len;
		const struct user *u;
		char text[320];

		if (property < 0 || !str_starts(quoted, " eq '"))
			return false;
		quoted += 5;
		len = strcspn(quoted, "'");
		if (quoted[len] != '\'' || !str_copy_len(text, sizeof(text), quoted, len))
			return false;
		u = world_user(&c->sim->world, c->tenant, text);
		if (u != NULL && u != last && property_is(u, property, text)) {
			append_user(c, u, value);
			last = u;
		}
		filter = quoted + len + 1;
		if (*filter != '\0' && !str_starts(filter, " or "))
			return false;
		filter += *filter == '\0' ? 0 : 4;
	}
	return true;
}

/* Opaque pages over an array: the token is the next place. False after refusing. */
static bool
page_start(struct call *c, size_t fallback, size_t *ret_at, size_t *ret_top)
{
	const char *token = call_query(c, "$skiptoken");
	uint64_t at = 0;

	if (token != NULL && parse_u64(token, &at) != ERR_OK) {
		call_refuse(c, 400, "BadRequest", JOURNAL_BAD_REQUEST, "Skip token is not valid.");
		return false;
	}
	*ret_at = (size_t)at;
	return call_top(c, fallback, LIST_MAX, ret_top);
}

static void
page_next(struct call *c, size_t at)
{
	char token[24], *link;

	snprintf(token, sizeof(token), "%zu", at);
	link = call_next_link(c, token);
	json_object_set_new(c->answer, "@odata.nextLink", json_string(link));
	free(link);
}

void
handle_users_list(struct call *c)
{
	const char *filter = call_query(c, "$filter");
	size_t at, top;
	json_t *value;

	if (!page_start(c, 100, &at, &top))
		return;
	call_answer(
	    c, 200, json_pack("{s:s,s:[]}", "@odata.context", "https://graph.microsoft.com/v1.0/$metadata#users", "value"));
	value = jx_get_array(c->answer, "value");
	if (filter != NULL) {
		if (!filter_users(c, filter, value))
			call_refuse(c, 400, "Request_UnsupportedQuery", JOURNAL_BAD_REQUEST,
			    "Unsupported or invalid query filter clause.");
		return;
	}
	for (; at < c->tenant->user_count && json_array_size(value) < top; at++)
		if (!c->tenant->users[at]->deleted)
			append_user(c, c->tenant->users[at], value);
	if (at < c->tenant->user_count)
		page_next(c, at);
}

/* A team of the path, with the directory's words for "not found". */
static struct team *
find_group(struct call *c)
{
	struct team *t = world_team(&c->sim->world, c->argument[0]);

	if (t != NULL && !t->deleted && t->tenant == c->tenant)
		return t;
	call_refuse(c, 404, "Request_ResourceNotFound", JOURNAL_NOT_FOUND,
	    "Resource '%.80s' does not exist or one of its queried reference-property objects are not present.", c->argument[0]);
	return NULL;
}

void
handle_group_get(struct call *c)
{
	const struct team *t = find_group(c);
	json_t *types;

	if (t == NULL)
		return;
	types = t->dynamic ? json_pack("[s,s]", "Unified", "DynamicMembership") : json_pack("[s]", "Unified");
	answer_object(c, "https://graph.microsoft.com/v1.0/$metadata#groups/$entity",
	    json_pack("{s:s,s:n,s:s,s:o,s:b,s:b,s:[s],s:s,s:o,s:s}", "id", t->id, "deletedDateTime", "displayName", t->name,
	        "groupTypes", types, "mailEnabled", 1, "securityEnabled", 0, "resourceProvisioningOptions", "Team", "visibility",
	        "Private", "onPremisesSyncEnabled", t->synced ? json_true() : json_null(), UNDECLARED, "undeclared"));
}

static void
list_group(struct call *c, bool owners_only)
{
	const struct team *t = find_group(c);
	json_t *value;
	size_t at, top;

	if (t == NULL || !page_start(c, 100, &at, &top))
		return;
	call_answer(c, 200,
	    json_pack("{s:s,s:[]}", "@odata.context", "https://graph.microsoft.com/v1.0/$metadata#directoryObjects", "value"));
	value = jx_get_array(c->answer, "value");
	for (; at < t->roster.count && json_array_size(value) < top; at++) {
		const struct member *m = &t->roster.list[at];
		json_t *o;

		if (!sim_member_seen(m, c->read_ms) || m->user->deleted || (owners_only && m->role != ROLE_OWNER))
			continue;
		o = user_json(m->user, false);
		call_select(c, o);
		json_object_set_new(o, "@odata.type", json_string("#microsoft.graph.user"));
		json_array_append_new(value, o);
	}
	if (at < t->roster.count)
		page_next(c, at);
}

void
handle_group_members(struct call *c)
{
	list_group(c, false);
}

void
handle_group_owners(struct call *c)
{
	list_group(c, true);
}

static bool
group_writable(struct call *c, const struct team *t)
{
	if (!t->dynamic && !t->synced)
		return true;
	call_refuse(c, 400, "Request_BadRequest", JOURNAL_REFUSED,
	    t->dynamic ? "Insufficient privileges: the group has dynamic membership."
	               : "Unable to update the specified properties for on-premises mastered Directory Sync objects.");
	return false;
}

void
handle_group_member_add(struct call *c)
{
	struct team *t = find_group(c);
	struct place p = { t, NULL };
	const char *bind, *id;
	struct user *u;

	if (t == NULL || !call_needs_json(c) || !group_writable(c, t))
		return;
	bind = jx_get_str(c->json, "@odata.id");
	id = bind == NULL ? NULL : strrchr(bind, '/');
	u = id == NULL ? NULL : world_user(&c->sim->world, c->tenant, id + 1);
	if (u == NULL) {
		call_refuse(c, 404, "Request_ResourceNotFound", JOURNAL_REFUSED, "The object to be added does not exist.");
		return;
	}
	if (roster_by_user(&t->roster, u) != NULL) {
		call_refuse(c, 400, "Request_BadRequest", JOURNAL_REFUSED,
		    "One or more added object references already exist for the following modified properties: 'members'.");
		return;
	}
	place_join(c->sim, &p, u, u->guest ? ROLE_GUEST : ROLE_MEMBER, (struct change_way){ .lag_ms = c->sim->settings.lag_ms });
	call_answer(c, 204, NULL);
}

void
handle_group_member_remove(struct call *c)
{
	struct team *t = find_group(c);
	struct place p = { t, NULL };
	const struct member *m;
	struct user *u;

	if (t == NULL || !group_writable(c, t))
		return;
	u = world_user(&c->sim->world, c->tenant, c->argument[1]);
	m = u == NULL ? NULL : roster_by_user(&t->roster, u);
	if (m == NULL) {
		call_refuse(c, 404, "Request_ResourceNotFound", JOURNAL_NOT_FOUND, "The reference does not exist.");
		return;
	}
	if (m->role == ROLE_OWNER && t->roster.owners == 1) {
		call_refuse(c, 400, "Request_BadRequest", JOURNAL_LAST_OWNER,
		    "The group must have at least one owner, hence this owner cannot be removed.");
		return;
	}
	place_leave(c->sim, &p, u, (struct change_way){ .lag_ms = c->sim->settings.lag_ms });
	call_answer(c, 204, NULL);
}

static json_t *
web_url(const struct team *t, const char *kind, const char *id, const char *name)
{
	struct text link;
	json_t *o;

	text_init(&link, 4096);
	text_addf(&link, "https://teams.microsoft.com/l/%s/", kind);
	percent_encode(&link, id);
	text_adds(&link, "/");
	percent_encode(&link, name);
	text_addf(&link, "?groupId=%s&tenantId=%s", t->id, t->tenant->id);
	o = text_err(&link) == ERR_OK ? json_string(link.data) : json_null();
	text_done(&link);
	return o;
}

void
handle_team_get(struct call *c)
{
	const struct team *t = call_team(c, c->argument[0]);

	if (t == NULL)
		return;
	answer_object(c, "https://graph.microsoft.com/v1.0/$metadata#teams/$entity",
	    json_pack("{s:s,s:s,s:s,s:s,s:b,s:s,s:o,s:s}", "id", t->id, "displayName", t->name, "internalId", t->channels[0]->id,
	        "tenantId", t->tenant->id, "isArchived", (int)t->archived, "visibility", "private", "webUrl",
	        web_url(t, "team", t->channels[0]->id, "conversations"), UNDECLARED, "undeclared"));
}

/* `shared` is a member Graph added to the enumeration later: clients see it only on request (facts 8.3). */
static json_t *
channel_json(const struct call *c, const struct channel *ch)
{
	bool known = ch->type != CHANNEL_SHARED || call_prefers(c, "include-unknown-enum-members");
	json_t *o = json_pack("{s:s,s:s,s:s,s:n,s:b,s:s,s:s,s:s,s:o}", "id", ch->id, "createdDateTime", "2024-01-08T09:30:00Z",
	    "displayName", ch->name, "description", "isArchived", (int)ch->team->archived, "membershipType",
	    known ? sim_channel_type_name(ch->type) : "unknownFutureValue", "tenantId", ch->team->tenant->id,
	    "displayName@note.undeclared", "undeclared", "webUrl", web_url(ch->team, "channel", ch->id, ch->name));

	call_select(c, o);
	return o;
}

void
handle_channels_list(struct call *c)
{
	const struct team *t = call_team(c, c->argument[0]);
	json_t *value = json_array();

	if (t == NULL) {
		json_decref(value);
		return;
	}
	for (size_t i = 0; i < t->channel_count; i++)
		if (!t->channels[i]->deleted)
			json_array_append_new(value, channel_json(c, t->channels[i]));
	call_answer(c, 200,
	    json_pack("{s:s,s:I,s:o}", "@odata.context", "https://graph.microsoft.com/v1.0/$metadata#teams/channels",
	        "@odata.count", (json_int_t)json_array_size(value), "value", value));
}

void
handle_channel_get(struct call *c)
{
	struct team *t = call_team(c, c->argument[0]);
	const struct channel *ch = t == NULL ? NULL : call_channel(c, t, c->argument[1]);

	if (ch != NULL)
		call_answer(c, 200, channel_json(c, ch));
}

void
handle_channel_primary(struct call *c)
{
	const struct team *t = call_team(c, c->argument[0]);

	if (t != NULL)
		call_answer(c, 200, channel_json(c, t->channels[0]));
}
