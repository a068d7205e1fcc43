/*
 * groups/delta of facts 7: a first round lists all members, later ones what changed since. Links are opaque to
 * clients: base64url of the JSON {"e": epoch, "p": position, "t": made at, "g": groups, "m": members wanted, and within a
 * round "i": index of the group, "s": number of its last member}.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/encode.h"
#include "sim/call.h"
#include "sim/handlers.h"
#include "sim/memory.h"

#define FILTER_IDS_MAX 50                 /* facts 7.2 */
#define TOKEN_LIFE_MS  (7 * 24 * HOUR_MS) /* facts 7.1 */
#define TOKEN_MAX      16384

struct round {
	struct team **groups;
	size_t count;
	bool filtered, members, incremental;
	uint64_t since, position; /* changes in (since, position] belong to an incremental round */
	size_t index;             /* where this page begins */
	uint64_t after;
};

static void
round_done(struct round *r)
{
	free(r->groups);
}

static void
all_groups(struct call *c, struct round *r)
{
	r->groups = must_alloc((c->tenant->team_count + 1) * sizeof(struct team *));
	memcpy(r->groups, c->tenant->teams, c->tenant->team_count * sizeof(struct team *));
	r->count = c->tenant->team_count;
}

/* "id eq 'a' or id eq 'b'". False after refusing. */
static bool
read_filter(struct call *c, const char *filter, struct round *r)
{
	r->groups = must_alloc((FILTER_IDS_MAX + 1) * sizeof(struct team *));
	r->filtered = true;
	for (size_t n = 0;; n++) {
		char id[GUID_SIZE];
		struct team *t;

		if (n == FILTER_IDS_MAX) {
			call_refuse(c, 400, "Request_UnsupportedQuery", JOURNAL_DELTA_FILTER,
			    "The filter names more than %d ids.", FILTER_IDS_MAX);
			return false;
		}
		if (strncasecmp(filter, "id eq '", 7) != 0 ||
		    !str_copy_len(id, sizeof(id), filter + 7, strcspn(filter + 7, "'")) || !sim_guid_valid(id))
			break;
		t = world_team(&c->sim->world, id);
		if (t != NULL && t->tenant == c->tenant)
			r->groups[r->count++] = t;
		filter += 7 + GUID_LEN + 1;
		if (*filter == '\0')
			return true;
		if (strncasecmp(filter, " or ", 4) != 0)
			break;
		filter += 4;
	}
	call_refuse(c, 400, "Request_UnsupportedQuery", JOURNAL_BAD_REQUEST, "Unsupported filter clause for delta.");
	return false;
}

static json_t *
token_json(const struct call *c, const struct round *r)
{
	json_t *groups = json_array();

	for (size_t i = 0; r->filtered && i < r->count; i++)
		json_array_append_new(groups, json_string(r->groups[i]->id));
	return json_pack("{s:I,s:I,s:I,s:b,s:b,s:o}", "e", (json_int_t)c->sim->delta_epoch, "p", (json_int_t)r->position, "t",
	    (json_int_t)c->now_ms, "m", (int)r->members, "f", (int)r->filtered, "g", groups);
}

/* Takes token. */
static void
set_link(struct call *c, const char *name, const char *parameter, json_t *token)
{
	char *plain = json_dumps(token, JSON_COMPACT), *encoded, *link = NULL;
	size_t len = plain == NULL ? 0 : strlen(plain);

	json_decref(token);
	encoded = must_alloc(BASE64URL_LEN(len) + 1);
	base64url_encode(plain, len, encoded);
	if (asprintf(&link, "%s" GRAPH_PREFIX "/groups/delta?%s=%s", c->sim->base_url, parameter, encoded) >= 0)
		json_object_set_new(c->answer, name, json_string(link));
	free(link);
	free(encoded);
	free(plain);
}

static void
refuse_gone(struct call *c)
{
	call_header(c, "Location: %s" GRAPH_PREFIX "/groups/delta?$deltatoken=", c->sim->base_url);
	call_refuse(c, 410, "Directory_ExpiredPageToken", JOURNAL_REFUSED, "The delta token is too old: a full round is needed.");
}

static void
token_groups(struct call *c, const json_t *token, struct round *r)
{
	const json_t *ids = jx_get_array(token, "g");

	r->filtered = jx_get_bool(token, "f", false);
	if (!r->filtered) {
		all_groups(c, r);
		return;
	}
	r->groups = must_alloc((json_array_size(ids) + 1) * sizeof(struct team *));
	for (size_t i = 0; i < json_array_size(ids); i++) {
		const char *id = json_string_value(json_array_get(ids, i));
		struct team *t = id == NULL ? NULL : world_team(&c->sim->world, id);

		if (t != NULL && t->tenant == c->tenant)
			r->groups[r->count++] = t;
	}
}

/* False after refusing. within: the token is of a nextLink. */
static bool
read_token(struct call *c, const char *text, bool within, struct round *r)
{
	size_t len = strlen(text);
	uint8_t *plain = must_alloc(len + 4);
	json_t *token = NULL;

	if (len < TOKEN_MAX && base64url_decode(text, len, plain, &len) == ERR_OK)
		jx_parse((const char *)plain, len, &token, NULL, 0);
	free(plain);
	if (token == NULL) {
		call_refuse(c, 400, "Directory_InvalidPageToken", JOURNAL_BAD_REQUEST, "The token is not valid.");
		return false;
	}
	if (jx_get_int(token, "e", -1) != (int64_t)c->sim->delta_epoch || c->now_ms - jx_get_int(token, "t", 0) > TOKEN_LIFE_MS) {
		json_decref(token);
		refuse_gone(c);
		return false;
	}
	token_groups(c, token, r);
	r->members = jx_get_bool(token, "m", false);
	r->incremental = within ? jx_get_bool(token, "d", false) : true;
	r->since = (uint64_t)jx_get_int(token, within ? "b" : "p", 0);
	r->position = (uint64_t)jx_get_int(token, "p", 0);
	r->index = (size_t)jx_get_int(token, "i", 0);
	r->after = (uint64_t)jx_get_int(token, "s", 0);
	json_decref(token);
	return true;
}

/* The newest change that reads see now; what lags comes in a later round. */
static uint64_t
position_seen(const struct call *c, const struct round *r)
{
	uint64_t position = c->sim->world.seq;

	for (size_t i = 0; i < r->count; i++) {
		const struct team *t = r->groups[i];

		for (size_t k = t->log_count; k > 0 && t->log[k - 1].shown_ms > c->read_ms; k--)
			if (t->log[k - 1].seq <= position)
				position = t->log[k - 1].seq - 1;
	}
	return position;
}

static json_t *
delta_member(const struct user *u, bool removed)
{
	json_t *o = json_pack("{s:s,s:s}", "@odata.type", "#microsoft.graph.user", "id", u->id);

	if (removed)
		json_object_set_new(o, "@removed", json_pack("{s:s}", "reason", "deleted"));
	return o;
}

/* All members as of now behind `after`, at most room; the number of the last, or 0 at the end. */
static uint64_t
add_all(const struct call *c, const struct team *t, uint64_t after, size_t room, json_t *members)
{
	uint64_t last = 0;

	for (size_t i = roster_after(&t->roster, after); i < t->roster.count; i++) {
		const struct member *m = &t->roster.list[i];

		if (!sim_member_seen(m, c->read_ms) || m->user->deleted)
			continue;
		if (json_array_size(members) >= room)
			return last;
		last = m->seq;
		json_array_append_new(members, delta_member(m->user, false));
	}
	return 0;
}

static size_t
log_after(const struct team *t, uint64_t seq)
{
	size_t low = 0, high = t->log_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (t->log[mid].seq <= seq)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Items may repeat, the last wins (facts 7.1): the log is given as it is. */
static void
add_changes(const struct team *t, const struct round *r, json_t *members)
{
	for (size_t i = log_after(t, r->since); i < t->log_count && t->log[i].seq <= r->position; i++)
		json_array_append_new(members, delta_member(t->log[i].user, t->log[i].removed));
}

static json_t *
group_item(const struct team *t, json_t *members)
{
	json_t *o = json_pack("{s:s,s:s}", "id", t->id, "displayName", t->name);

	if (json_array_size(members) > 0)
		json_object_set(o, "members@delta", members);
	json_decref(members);
	return o;
}

/* One group's part of the page. False when the page is full before the group is. */
static bool
add_group(struct call *c, struct round *r, size_t *room, json_t *value)
{
	const struct team *t = r->groups[r->index];
	bool fresh = !r->incremental || t->created_seq > r->since;
	json_t *members = json_array();

	if (t->deleted) {
		json_array_append_new(value, json_pack("{s:s,s:{s:s}}", "id", t->id, "@removed", "reason", "changed"));
		json_decref(members);
		return true;
	}
	if (r->members && fresh)
		r->after = add_all(c, t, r->after, *room, members);
	else if (r->members)
		add_changes(t, r, members);
	*room -= json_array_size(members) < *room ? json_array_size(members) : *room;
	if (fresh || json_array_size(members) > 0)
		json_array_append_new(value, group_item(t, members));
	else
		json_decref(members);
	return r->after == 0;
}

static json_t *
next_token(const struct call *c, const struct round *r)
{
	json_t *token = token_json(c, r);

	json_object_set_new(token, "d", json_boolean(r->incremental));
	json_object_set_new(token, "b", json_integer((json_int_t)r->since));
	json_object_set_new(token, "i", json_integer((json_int_t)r->index));
	json_object_set_new(token, "s", json_integer((json_int_t)r->after));
	return token;
}

/* Facts 7.1: pages may be empty, items may repeat. */
static bool
quirk(const struct call *c)
{
	return c->sim->settings.delta_quirks != 0 && rng_below(&c->sim->rng, 4) == 0;
}

static void
answer_page(struct call *c, struct round *r)
{
	size_t room = (size_t)c->sim->settings.delta_page;
	json_t *value;

	call_answer(
	    c, 200, json_pack("{s:s,s:[]}", "@odata.context", "https://graph.microsoft.com/v1.0/$metadata#groups", "value"));
	value = jx_get_array(c->answer, "value");
	if (quirk(c))
		room = 0;
	for (; r->index < r->count && room > 0; r->index++)
		if (!add_group(c, r, &room, value))
			break;
	if (json_array_size(value) > 0 && quirk(c))
		json_array_append(value, json_array_get(value, 0));
	if (r->index < r->count)
		set_link(c, "@odata.nextLink", "$skiptoken", next_token(c, r));
	else
		set_link(c, "@odata.deltaLink", "$deltatoken", token_json(c, r));
}

static bool
wants_members(const struct call *c)
{
	const char *select = call_query(c, "$select");

	return select != NULL && strstr(select, "members") != NULL;
}

/* The first request of a first round, or "$deltatoken=latest". False after refusing. */
static bool
first_request(struct call *c, struct round *r)
{
	const char *filter = call_query(c, "$filter"), *token = call_query(c, "$deltatoken");

	if (call_query(c, "$expand") != NULL || call_query(c, "$top") != NULL || call_query(c, "$orderby") != NULL) {
		call_refuse(c, 400, "Request_UnsupportedQuery", JOURNAL_BAD_REQUEST,
		    "$expand, $top and $orderby are not supported for delta.");
		return false;
	}
	if (filter == NULL)
		all_groups(c, r);
	else if (!read_filter(c, filter, r))
		return false;
	r->members = wants_members(c);
	r->position = position_seen(c, r);
	if (token != NULL && strcmp(token, "latest") == 0)
		r->index = r->count;
	return true;
}

void
handle_groups_delta(struct call *c)
{
	const char *skip = call_query(c, "$skiptoken"), *token = call_query(c, "$deltatoken");
	struct round r = { .groups = NULL };
	bool good;

	if (skip != NULL)
		good = read_token(c, skip, true, &r);
	else if (token != NULL && token[0] != '\0' && strcmp(token, "latest") != 0) {
		good = read_token(c, token, false, &r);
		if (good)
			r.position = position_seen(c, &r);
	} else
		good = first_request(c, &r);
	if (good)
		answer_page(c, &r);
	round_done(&r);
}
