/*
 * Membership calls of facts 8. Judging (may this be done?) gives a refusal or NULL; doing cannot fail. Rules that
 * the fact sheet marks as uncertain are refused in the way it thinks likely, and named in a comment.
 */
#include "sim/members.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/encode.h"
#include "sim/call.h"
#include "sim/handlers.h"
#include "sim/memory.h"
#include "sim/subscriptions.h"

#define BULK_ADD_MAX    200
#define BULK_REMOVE_MAX 20
#define TOP_MAX         999
#define SPACING_MS      2000
#define DAY_MS          (24 * HOUR_MS)

static const struct refusal no_user = { 404, "NotFound", "The user was not found, is disabled or has no licence for Teams.",
	JOURNAL_REFUSED };
static const struct refusal guest_add = { 403, "Forbidden", "Guests cannot be added with application permissions.",
	JOURNAL_REFUSED };
static const struct refusal dynamic = { 403, "Forbidden", "The membership of a group with dynamic membership cannot be changed.",
	JOURNAL_REFUSED };
static const struct refusal synced = { 403, "Forbidden",
	"The membership of a group synchronised from on-premises cannot be changed.", JOURNAL_REFUSED };
static const struct refusal archived = { 403, "Forbidden", "The team is archived.", JOURNAL_REFUSED };
static const struct refusal last_owner = { 400, "BadRequest", "The last owner of a team cannot be removed or made a member.",
	JOURNAL_LAST_OWNER };
static const struct refusal guest_owner = { 400, "BadRequest", "A guest cannot be an owner.", JOURNAL_BAD_REQUEST };
static const struct refusal standard_channel = { 400, "BadRequest", "Members of a standard channel are those of its team.",
	JOURNAL_BAD_REQUEST };
static const struct refusal private_only = { 400, "BadRequest", "This call is for private channels only.", JOURNAL_BAD_REQUEST };
static const struct refusal not_in_team = { 404, "NotFound", "The user is not a member of the team.", JOURNAL_REFUSED };
static const struct refusal no_member = { 404, "NotFound", "The member was not found.", JOURNAL_NOT_FOUND };
static const struct refusal bad_member = { 400, "BadRequest",
	"Bad conversation member: @odata.type, roles and user@odata.bind are needed.", JOURNAL_BAD_REQUEST };
static const struct refusal bad_role = { 400, "BadRequest", "Invalid role specified for member.", JOURNAL_BAD_REQUEST };
static const struct refusal owner_permission = { 403, "Authorization_RequestDenied", "Insufficient privileges to add an owner.",
	JOURNAL_FORBIDDEN };

struct roster *
place_roster(const struct place *p)
{
	return p->channel == NULL ? &p->team->roster : sim_channel_roster(p->channel);
}

static void
tell(struct sim *sim, const struct place *p, const struct member *m, enum change change, struct change_way way)
{
	struct happening h = { .kind = p->channel == NULL ? HAPPENING_TEAM_MEMBER : HAPPENING_CHANNEL_MEMBER,
		.change = change,
		.tenant = p->team->tenant,
		.team = p->team,
		.channel = p->channel,
		.user = m->user };

	if (way.quiet)
		return;
	sim_member_id(p->team, m, h.member_id);
	sim_subscriptions_tell(sim->subscriptions, &h);
}

/* The channels that are shared with a team gain and lose its members; direct members of them stay what they are. */
static void
tell_shared(struct sim *sim, const struct place *p, const struct member *m, enum change change, struct change_way way)
{
	if (p->channel != NULL || way.quiet)
		return;
	for (size_t i = 0; i < p->team->shared_in_count; i++) {
		struct channel *c = p->team->shared_in[i];
		struct happening h = { .kind = HAPPENING_CHANNEL_MEMBER,
			.change = change,
			.tenant = c->team->tenant,
			.team = c->team,
			.channel = c,
			.user = m->user,
			.indirect = true };

		if (roster_by_user(&c->roster, m->user) != NULL)
			continue;
		sim_member_id(p->team, m, h.member_id);
		sim_subscriptions_tell(sim->subscriptions, &h);
	}
}

struct member *
place_join(struct sim *sim, const struct place *p, struct user *user, enum role role, struct change_way way)
{
	struct member *m;

	m = roster_add(&sim->world, place_roster(p), p->channel == NULL ? p->team : NULL, user, role,
	    clock_boot_ms(sim->clock) + way.lag_ms);
	tell(sim, p, m, CHANGE_CREATED, way);
	tell_shared(sim, p, m, CHANGE_CREATED, way);
	return m;
}

void
place_leave(struct sim *sim, const struct place *p, struct user *user, struct change_way way)
{
	int64_t now_ms = clock_boot_ms(sim->clock);
	struct roster *r = place_roster(p);
	struct member *m = roster_by_user(r, user), left;

	if (m == NULL)
		return;
	left = *m;
	roster_remove(&sim->world, r, p->channel == NULL ? p->team : NULL, m, now_ms, now_ms + way.lag_ms);
	tell(sim, p, &left, CHANGE_DELETED, way);
	tell_shared(sim, p, &left, CHANGE_DELETED, way);
	if (p->channel != NULL)
		return;
	for (size_t i = 0; i < p->team->channel_count; i++) {
		struct place inner = { p->team, p->team->channels[i] };

		if (inner.channel->type == CHANNEL_PRIVATE)
			place_leave(sim, &inner, user, way);
	}
}

void
place_set_role(struct sim *sim, const struct place *p, struct user *user, enum role role, struct change_way way)
{
	struct roster *r = place_roster(p);
	struct member *m = roster_by_user(r, user);

	if (m == NULL || m->role == role)
		return;
	roster_set_role(r, m, role, clock_boot_ms(sim->clock) + way.lag_ms);
	tell(sim, p, m, CHANGE_UPDATED, way);
}

json_t *
sim_member_json(const struct team *team, const struct member *m, int64_t read_ms)
{
	enum role role = sim_member_role_seen(m, read_ms);
	json_t *roles = role == ROLE_MEMBER ? json_array() : json_pack("[s]", sim_role_name(role));
	char id[MEMBER_ID_SIZE];

	/* A person of another organisation in a shared channel shows as owner: facts 8.1. */
	if (m->user->tenant != team->tenant) {
		json_decref(roles);
		roles = json_pack("[s]", "owner");
	}
	sim_member_id(team, m, id);
	return json_pack("{s:s,s:s,s:s,s:o,s:s,s:s,s:s,s:s?,s:s}", "@odata.type", "#microsoft.graph.aadUserConversationMember",
	    "id", id, "roles@odata.type", "#Collection(String)", "roles", roles, "displayName", m->user->name,
	    "visibleHistoryStartDateTime", "0001-01-01T00:00:00Z", "userId", m->user->id, "email", m->user->mail, "tenantId",
	    m->user->tenant->id);
}

/* The team and channel of the path: two or three arguments. False after refusing. */
static bool
find_place(struct call *c, struct place *ret)
{
	*ret = (struct place){ call_team(c, c->argument[0]), NULL };
	if (ret->team == NULL)
		return false;
	if (strstr(c->template, "{channel}") == NULL)
		return true;
	ret->channel = call_channel(c, ret->team, c->argument[1]);
	return ret->channel != NULL;
}

static const char *
member_argument(const struct call *c)
{
	return strstr(c->template, "{channel}") == NULL ? c->argument[1] : c->argument[2];
}

/* May the membership of this place be changed by a call at all? kind_ok: for private channels, or shared ones too. */
static const struct refusal *
judge_place(const struct place *p, bool shared_ok)
{
	if (p->team->archived)
		return &archived;
	if (p->channel == NULL)
		return p->team->dynamic ? &dynamic : p->team->synced ? &synced : NULL;
	if (p->channel->type == CHANNEL_STANDARD)
		return &standard_channel;
	return p->channel->type == CHANNEL_SHARED && !shared_ok ? &private_only : NULL;
}

static const struct refusal *
judge_join(const struct call *c, const struct place *p, const struct user *u, enum role role)
{
	if (u == NULL || u->disabled || u->unlicensed)
		return &no_user;
	/* Whoever is a member already is answered as if just added: facts 8.3. */
	if (roster_by_user(place_roster(p), u) != NULL)
		return NULL;
	if (u->guest && (role == ROLE_OWNER || p->channel == NULL))
		return role == ROLE_OWNER ? &guest_owner : &guest_add;
	if (p->channel != NULL && roster_by_user(&p->team->roster, u) == NULL)
		return &not_in_team;
	if (p->channel == NULL && role == ROLE_OWNER && !call_may(c, PERMISSION_TEAM_MEMBER_WRITE))
		return &owner_permission;
	return NULL;
}

static const struct refusal *
judge_leave(const struct place *p, const struct member *m)
{
	if (m == NULL)
		return &no_member;
	return p->channel == NULL && m->role == ROLE_OWNER && p->team->roster.owners == 1 ? &last_owner : NULL;
}

static struct change_way
api_way(const struct call *c)
{
	return (struct change_way){ .lag_ms = c->sim->settings.lag_ms };
}

/* What a body says of a member: facts 8.2, the body below the table. */
struct wish {
	struct user *user;    /* NULL: nobody of this tenant */
	char name[GUID_SIZE]; /* as asked for, for bulk results */
	enum role role;
};

static const struct refusal *
read_role(const json_t *o, bool required, enum role *ret)
{
	const json_t *roles = jx_get_array(o, "roles");
	const char *role = json_string_value(json_array_get(roles, 0));

	*ret = ROLE_MEMBER;
	if (roles == NULL)
		return required ? &bad_member : NULL;
	if (json_array_size(roles) == 0)
		return NULL;
	if (role == NULL || json_array_size(roles) > 1)
		return &bad_role;
	if (str_equal_nocase(role, "owner"))
		*ret = ROLE_OWNER;
	else if (str_equal_nocase(role, "guest"))
		*ret = ROLE_GUEST;
	else
		return &bad_role;
	return NULL;
}

/* "https://graph.microsoft.com/v1.0/users('<oid>')" or ".../users/<oid>". */
static const struct refusal *
read_bind(const struct call *c, const char *bind, struct wish *ret)
{
	const char *users = bind == NULL ? NULL : strstr(bind, "/users");
	char name[320];
	size_t len;

	if (users == NULL)
		return &bad_member;
	users += strlen("/users");
	if (users[0] == '/')
		users++;
	else if (strncmp(users, "('", 2) == 0)
		users += 2;
	else
		return &bad_member;
	len = strcspn(users, "')/?");
	if (len == 0 || !str_copy_len(name, sizeof(name), users, len))
		return &bad_member;
	ret->user = world_user(&c->sim->world, c->tenant, name);
	if (!sim_guid_copy(ret->name, name))
		ret->name[0] = '\0';
	/* A guest's UPN is no key here: facts 8.2. */
	if (ret->user != NULL && ret->user->guest && ret->name[0] == '\0')
		ret->user = NULL;
	return NULL;
}

static bool
type_good(const json_t *o)
{
	const char *type = jx_get_str(o, "@odata.type");

	return type != NULL && strcmp(type + (type[0] == '#'), "microsoft.graph.aadUserConversationMember") == 0;
}

static const struct refusal *
read_wish(const struct call *c, const json_t *o, bool roles_required, struct wish *ret)
{
	const struct refusal *r;

	*ret = (struct wish){ .role = ROLE_MEMBER };
	if (!type_good(o))
		return &bad_member;
	r = read_bind(c, jx_get_str(o, "user@odata.bind"), ret);
	return r != NULL ? r : read_role(o, roles_required, &ret->role);
}

void
handle_member_add(struct call *c)
{
	const struct refusal *r;
	struct place p;
	struct wish wish;
	struct member *m;
	struct roster *roster;

	if (!find_place(c, &p) || !call_needs_json(c))
		return;
	roster = place_roster(&p);
	if (p.channel == NULL && roster->added_ms != 0 && c->now_ms - roster->added_ms < SPACING_MS)
		call_note(c, JOURNAL_SPACING, "single adds to one team less than 2 s apart");
	roster->added_ms = c->now_ms == 0 ? 1 : c->now_ms;
	if ((r = judge_place(&p, false)) != NULL || (r = read_wish(c, c->json, true, &wish)) != NULL ||
	    (r = judge_join(c, &p, wish.user, wish.role)) != NULL) {
		call_refuse_as(c, r);
		return;
	}
	m = roster_by_user(roster, wish.user);
	if (m == NULL)
		m = place_join(c->sim, &p, wish.user, wish.role, api_way(c));
	call_answer(c, 201, sim_member_json(p.team, m, INT64_MAX));
	json_object_set_new(
	    c->answer, "@odata.context", json_string("https://graph.microsoft.com/v1.0/$metadata#teams/members/$entity"));
}

static struct member *
member_of(const struct team *team, const struct roster *r, const char *id)
{
	uint64_t seq;

	return sim_member_id_parse(team, id, &seq) ? roster_by_seq(r, seq) : NULL;
}

/* Finds by membership id, among allMembers also those of teams the channel is shared with; NULL after refusing. */
static struct member *
find_member(struct call *c, const struct place *p)
{
	bool all = p->channel != NULL && strstr(c->template, "/allMembers/") != NULL;
	const char *id = member_argument(c);
	struct member *m = member_of(p->team, place_roster(p), id);

	for (size_t i = 0; m == NULL && all && i < p->channel->shared_count; i++)
		m = member_of(p->channel->shared_with[i], &p->channel->shared_with[i]->roster, id);
	if (m == NULL)
		call_refuse_as(c, &no_member);
	return m;
}

void
handle_member_get(struct call *c)
{
	struct place p;
	struct member *m;

	if (!find_place(c, &p) || (m = find_member(c, &p)) == NULL)
		return;
	call_answer(c, 200, sim_member_json(p.team, m, INT64_MAX));
	/* Of a team the channel is shared with, it is known by that team's id. */
	jx_set_str(c->answer, "id", member_argument(c));
	call_select(c, c->answer);
}

void
handle_member_patch(struct call *c)
{
	const struct refusal *r;
	struct member *m;
	struct place p;
	enum role role;

	if (!find_place(c, &p) || !call_needs_json(c) || (m = find_member(c, &p)) == NULL)
		return;
	r = judge_place(&p, false);
	if (r == NULL)
		r = type_good(c->json) ? read_role(c->json, true, &role) : &bad_member;
	if (r == NULL && m->user->guest && role == ROLE_OWNER)
		r = &guest_owner;
	if (r == NULL && role != ROLE_OWNER)
		r = judge_leave(&p, m);
	if (r != NULL) {
		call_refuse_as(c, r);
		return;
	}
	place_set_role(c->sim, &p, m->user, m->user->guest ? ROLE_GUEST : role, api_way(c));
	call_answer(c, 200, sim_member_json(p.team, m, INT64_MAX));
}

void
handle_member_remove(struct call *c)
{
	const struct refusal *r;
	struct member *m;
	struct place p;

	if (!find_place(c, &p) || (m = find_member(c, &p)) == NULL)
		return;
	if ((r = judge_place(&p, true)) != NULL || (r = judge_leave(&p, m)) != NULL) {
		call_refuse_as(c, r);
		return;
	}
	place_leave(c->sim, &p, m->user, api_way(c));
	call_answer(c, 204, NULL);
}

static json_t *
bulk_result(const struct wish *wish, const struct refusal *r)
{
	json_t *error = r == NULL ? json_null() : json_pack("{s:s,s:s}", "code", r->code, "message", r->message);

	return json_pack("{s:s,s:s,s:o}", "@odata.type", "#microsoft.graph.aadUserConversationMemberResult", "userId",
	    wish->user != NULL ? wish->user->id : wish->name, "error", error);
}

static const struct refusal *
bulk_add_one(struct call *c, const struct place *p, const json_t *item, struct wish *wish)
{
	const struct refusal *r = read_wish(c, item, false, wish);

	if (r != NULL || (r = judge_join(c, p, wish->user, wish->role)) != NULL)
		return r;
	if (roster_by_user(place_roster(p), wish->user) == NULL)
		place_join(c->sim, p, wish->user, wish->role, api_way(c));
	return NULL;
}

static const struct refusal *
bulk_remove_one(struct call *c, const struct place *p, const json_t *item, struct wish *wish)
{
	const struct refusal *r = read_wish(c, item, false, wish);
	struct member *m = r == NULL && wish->user != NULL ? roster_by_user(place_roster(p), wish->user) : NULL;

	if (r != NULL || (r = judge_leave(p, m)) != NULL)
		return r;
	place_leave(c->sim, p, wish->user, api_way(c));
	return NULL;
}

typedef const struct refusal *(*bulk_one)(struct call *c, const struct place *p, const json_t *item, struct wish *wish);

/* Whether any item is for a user who is not there at all: facts 8.3, bulk oddities. */
static bool
names_nobody(const struct call *c, const json_t *values)
{
	struct wish wish;

	for (size_t i = 0; i < json_array_size(values); i++)
		if (read_wish(c, json_array_get(values, i), false, &wish) == NULL && wish.user == NULL)
			return true;
	return false;
}

/* 207 as soon as one item was refused: facts 8.2. */
static void
bulk(struct call *c, size_t max, bool shared_ok, bulk_one one, int all_good_status)
{
	const struct refusal *r;
	json_t *values, *results;
	struct wish wish;
	struct place p;
	bool partial = false;

	if (!find_place(c, &p) || !call_needs_json(c))
		return;
	values = jx_get_array(c->json, "values");
	if (json_array_size(values) < 1 || json_array_size(values) > max) {
		call_refuse(c, 400, "BadRequest", JOURNAL_BULK_SIZE, "Bulk calls take 1 to %zu members.", max);
		return;
	}
	if ((r = judge_place(&p, shared_ok)) != NULL) {
		call_refuse_as(c, r);
		return;
	}
	if (c->sim->settings.bulk_unknown_404 != 0 && names_nobody(c, values)) {
		call_refuse_as(c, &no_user);
		return;
	}
	results = json_array();
	for (size_t i = 0; i < json_array_size(values); i++) {
		r = one(c, &p, json_array_get(values, i), &wish);
		if (r != NULL)
			call_note(c, r->kind, r->message);
		partial = partial || r != NULL;
		json_array_append_new(results, bulk_result(&wish, r));
	}
	if (all_good_status == 204 && !partial) {
		json_decref(results);
		call_answer(c, 204, NULL);
		return;
	}
	call_answer(c, partial ? 207 : all_good_status,
	    json_pack("{s:s,s:o}", "@odata.context",
	        "https://graph.microsoft.com/v1.0/$metadata#Collection(microsoft.graph.aadUserConversationMemberResult)", "value",
	        results));
}

void
handle_members_add(struct call *c)
{
	bulk(c, BULK_ADD_MAX, false, bulk_add_one, 200);
}

void
handle_members_remove(struct call *c)
{
	bulk(c, BULK_REMOVE_MAX, true, bulk_remove_one, 204);
}

/* $filter=(microsoft.graph.aadUserConversationMember/userId eq '<oid>'), also displayName and email. */
struct filter {
	enum { BY_NOTHING, BY_USER, BY_NAME, BY_MAIL } by;
	char value[320];
};

/* False after refusing. */
static bool
read_filter(struct call *c, struct filter *ret)
{
	static const char *const names[] = { "", "userId", "displayName", "email" };
	const char *text = call_query(c, "$filter"), *at;
	char property[64];
	size_t len;

	ret->by = BY_NOTHING;
	if (text == NULL)
		return true;
	text += strspn(text, " (");
	if (str_starts(text, "microsoft.graph.aadUserConversationMember/"))
		text += strlen("microsoft.graph.aadUserConversationMember/");
	len = strcspn(text, " ");
	at = text + len;
	if (str_copy_len(property, sizeof(property), text, len) && str_starts(at, " eq '")) {
		at += strlen(" eq '");
		len = strcspn(at, "'");
		for (int by = BY_USER; by <= BY_MAIL; by++)
			if (strcmp(names[by], property) == 0 && at[len] == '\'' &&
			    str_copy_len(ret->value, sizeof(ret->value), at, len))
				ret->by = by;
	}
	if (ret->by == BY_NOTHING)
		call_refuse(c, 400, "BadRequest", JOURNAL_BAD_REQUEST, "Invalid filter clause.");
	return ret->by != BY_NOTHING;
}

static bool
passes(const struct filter *f, const struct user *u)
{
	switch (f->by) {
	case BY_USER: return strcasecmp(f->value, u->id) == 0;
	case BY_NAME: return strcasecmp(f->value, u->name) == 0;
	case BY_MAIL: return u->mail != NULL && strcasecmp(f->value, u->mail) == 0;
	default: return true;
	}
}

/* Opaque to clients: base64url of "m<number of the last member given>". */
static bool
read_token(struct call *c, uint64_t *ret)
{
	const char *token = call_query(c, "$skiptoken");
	uint8_t plain[64];
	size_t len;

	*ret = 0;
	if (token == NULL)
		return true;
	if (strlen(token) < 40 && base64url_decode(token, strlen(token), plain, &len) == ERR_OK && len > 1 && plain[0] == 'm') {
		plain[len] = '\0';
		if (parse_u64((const char *)plain + 1, ret) == ERR_OK)
			return true;
	}
	call_refuse(c, 400, "BadRequest", JOURNAL_BAD_REQUEST, "Skip token is not valid.");
	return false;
}

static void
set_next(struct call *c, uint64_t seq)
{
	char plain[32], token[BASE64URL_LEN(32) + 1];
	int len = snprintf(plain, sizeof(plain), "m%llu", (unsigned long long)seq);
	char *link;

	base64url_encode(plain, (size_t)len, token);
	link = call_next_link(c, token);
	json_object_set_new(c->answer, "@odata.nextLink", json_string(link));
	free(link);
}

/* Members behind `after` go into value, at most top; the number of the last one, or 0 at the end. */
static uint64_t
fill_page(const struct call *c, const struct team *team, const struct roster *r, const struct filter *f, uint64_t after,
    size_t top, json_t *value)
{
	uint64_t last = 0;

	for (size_t i = roster_after(r, after); i < r->count; i++) {
		const struct member *m = &r->list[i];
		json_t *o;

		if (!sim_member_seen(m, c->read_ms) || m->user->deleted || !passes(f, m->user))
			continue;
		if (json_array_size(value) == top)
			return last;
		last = m->seq;
		o = sim_member_json(team, m, c->read_ms);
		call_select(c, o);
		json_array_append_new(value, o);
	}
	return 0;
}

/* Facts 7.4: a Teams resource may be polled once a day. Who has a cause may ask again, so this is only noted. */
static void
note_polling(struct call *c, struct roster *r)
{
	if (r->listed_ms != 0 && c->now_ms - r->listed_ms < DAY_MS)
		call_note(c, JOURNAL_POLLED, "a further full list within a day");
	r->listed_ms = c->now_ms == 0 ? 1 : c->now_ms;
}

static void
answer_list(struct call *c, const char *context, size_t count)
{
	call_answer(c, 200, json_pack("{s:s,s:I,s:[]}", "@odata.context", context, "@odata.count", (json_int_t)count, "value"));
}

void
handle_members_list(struct call *c)
{
	struct roster *r;
	struct filter f;
	struct place p;
	uint64_t after, last;
	size_t top;

	if (!find_place(c, &p) || !call_top(c, (size_t)c->sim->settings.page_default, TOP_MAX, &top) || !read_filter(c, &f) ||
	    !read_token(c, &after))
		return;
	/* A server may always give less than asked for. */
	if (top > (size_t)c->sim->settings.page_max)
		top = (size_t)c->sim->settings.page_max;
	r = place_roster(&p);
	if (f.by == BY_NOTHING && after == 0)
		note_polling(c, r);
	answer_list(c, "https://graph.microsoft.com/v1.0/$metadata#teams/members", 0);
	last = fill_page(c, p.team, r, &f, after, top, jx_get_array(c->answer, "value"));
	json_object_set_new(
	    c->answer, "@odata.count", json_integer((json_int_t)json_array_size(jx_get_array(c->answer, "value"))));
	if (last != 0)
		set_next(c, last);
}

/* Roles are capitalised in this call's documented answers: facts 8.1. */
static void
capitalise_roles(json_t *member)
{
	json_t *roles = jx_get_array(member, "roles");
	const char *role = json_string_value(json_array_get(roles, 0));

	if (role == NULL)
		json_array_append_new(roles, json_string("Member"));
	else if (strcmp(role, "owner") == 0)
		json_array_set_new(roles, 0, json_string("Owner"));
}

static void
add_all(struct call *c, const struct team *team, const struct roster *r, const struct filter *f, struct map *seen, json_t *value)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct member *m = &r->list[i];
		json_t *o;

		if (!sim_member_seen(m, c->read_ms) || m->user->deleted || !passes(f, m->user) ||
		    sim_map_get(seen, m->user->id) != NULL)
			continue;
		sim_map_put(seen, m->user->id, m->user);
		o = sim_member_json(team, m, c->read_ms);
		capitalise_roles(o);
		call_select(c, o);
		json_array_append_new(value, o);
	}
}

/* One page always: direct members first, then the teams a shared channel is shared with, each person once. */
void
handle_members_list_all(struct call *c)
{
	struct map seen = { NULL, 0, 0, 0 };
	struct filter f;
	struct place p;
	json_t *value;

	if (!find_place(c, &p) || !read_filter(c, &f))
		return;
	answer_list(c, "https://graph.microsoft.com/v1.0/$metadata#teams/channels/allMembers", 0);
	value = jx_get_array(c->answer, "value");
	add_all(c, p.team, place_roster(&p), &f, &seen, value);
	for (size_t i = 0; p.channel != NULL && i < p.channel->shared_count; i++)
		add_all(c, p.channel->shared_with[i], &p.channel->shared_with[i]->roster, &f, &seen, value);
	json_object_set_new(c->answer, "@odata.count", json_integer((json_int_t)json_array_size(value)));
	sim_map_done(&seen);
}

/* An argument of doesUserHaveAccess: given in place, or by the query parameter it names. */
static bool
access_argument(const struct call *c, const char *name, char *ret, size_t ret_size)
{
	const char *at = strstr(c->function, name), *value;
	size_t len;

	if (at == NULL || at[strlen(name)] != '=')
		return false;
	at += strlen(name) + 1;
	at += at[0] == '\'';
	len = strcspn(at, "',)");
	if (!str_copy_len(ret, ret_size, at, len))
		return false;
	if (ret[0] != '@')
		return len > 0;
	value = call_query(c, ret);
	if (value == NULL)
		return false;
	value += value[0] == '\'';
	len = strcspn(value, "'");
	return str_copy_len(ret, ret_size, value, len) && len > 0;
}

static bool
has_access(const struct channel *ch, const struct user *u)
{
	if (u == NULL || u->deleted)
		return false;
	if (roster_by_user(sim_channel_roster((struct channel *)ch), u) != NULL)
		return true;
	for (size_t i = 0; i < ch->shared_count; i++)
		if (roster_by_user(&ch->shared_with[i]->roster, u) != NULL)
			return true;
	return false;
}

void
handle_user_has_access(struct call *c)
{
	char user[320], tenant_id[64];
	struct tenant *tenant = c->tenant;
	const struct user *u = NULL;
	struct place p;

	if (!find_place(c, &p))
		return;
	if (access_argument(c, "tenantId", tenant_id, sizeof(tenant_id)))
		tenant = world_tenant(&c->sim->world, tenant_id);
	if (!access_argument(c, "userId", user, sizeof(user)) && !access_argument(c, "userPrincipalName", user, sizeof(user))) {
		call_refuse(c, 400, "BadRequest", JOURNAL_BAD_REQUEST, "userId or userPrincipalName is needed.");
		return;
	}
	if (tenant != NULL)
		u = world_user(&c->sim->world, tenant, user);
	call_answer(c, 200,
	    json_pack("{s:s,s:b}", "@odata.context", "https://graph.microsoft.com/v1.0/$metadata#Edm.Boolean", "value",
	        (int)has_access(p.channel, u)));
}
