/* The readers of control requests and of world files, and what they build. */
#include "sim/build.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/call.h"
#include "sim/control.h"
#include "sim/memory.h"
#include "sim/subscriptions.h"
#include "sim/token.h"

#define USERS_MAX 2000000
/* Graph's own limit for one channel is 50. */
#define TEAMS_SHARED_MAX 50
/* What is built with the world has been there for ever. */
#define LONG_AGO (INT64_MIN / 2)

const char *const control_consents[3] = { "granted", "withdrawn", "absent" };
const char *const control_channel_types[3] = { "standard", "private", "shared" };
const char *const control_roles[3] = { "member", "owner", "guest" };
static const char *const mailboxes[3] = { "open", "absent", "denied" };

bool
control_fail(struct control *k, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(k->why, sizeof(k->why), format, args);
	va_end(args);
	return false;
}

bool
control_only(struct control *k, const json_t *o, const char *names)
{
	void *at = json_object_iter((json_t *)o);
	char padded[80];

	if (!json_is_object(o))
		return control_fail(k, "an object is expected");
	for (; at != NULL; at = json_object_iter_next((json_t *)o, at)) {
		snprintf(padded, sizeof(padded), " %s ", json_object_iter_key(at));
		if (strstr(names, padded) == NULL)
			return control_fail(k, "unknown member \"%.60s\"", json_object_iter_key(at));
	}
	return true;
}

bool
control_text(struct control *k, const json_t *o, const char *key, const char **ret)
{
	const json_t *v = json_object_get(o, key);

	if (v == NULL)
		return true;
	if (!json_is_string(v) || strlen(json_string_value(v)) > 4096)
		return control_fail(k, "\"%s\" is not a text", key);
	*ret = json_string_value(v);
	return true;
}

bool
control_flag(struct control *k, const json_t *o, const char *key, bool *ret)
{
	const json_t *v = json_object_get(o, key);

	if (v != NULL && !json_is_boolean(v))
		return control_fail(k, "\"%s\" is not true or false", key);
	if (v != NULL)
		*ret = json_is_true(v);
	return true;
}

bool
control_guid(struct control *k, const json_t *o, const char *key, const char **ret)
{
	if (!control_text(k, o, key, ret))
		return false;
	return *ret == NULL || sim_guid_valid(*ret) || control_fail(k, "\"%s\" is not a GUID", key);
}

bool
control_name(struct control *k, const json_t *o, const char *key, const char *const *names, int count, int *ret)
{
	const char *text = NULL;

	if (!control_text(k, o, key, &text) || text == NULL)
		return k->why[0] == '\0';
	for (int i = 0; i < count; i++)
		if (strcmp(names[i], text) == 0) {
			*ret = i;
			return true;
		}
	return control_fail(k, "\"%s\" cannot be \"%.40s\"", key, text);
}

struct tenant *
control_tenant(struct control *k, const json_t *o)
{
	const char *id = jx_get_str(o, "tenant");
	struct tenant *t = id == NULL ? NULL : world_tenant(&k->sim->world, id);

	if (t == NULL && id == NULL && k->sim->world.tenant_count == 1)
		t = k->sim->world.tenants[0];
	if (t == NULL)
		control_fail(k, "\"tenant\" names no tenant");
	return t;
}

struct team *
control_team(struct control *k, const char *id)
{
	struct team *t = id == NULL ? NULL : world_team(&k->sim->world, id);

	if (t == NULL)
		control_fail(k, "\"team\" names no team");
	return t;
}

bool
control_permissions(struct control *k, const json_t *list, unsigned *ret)
{
	*ret = 0;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));
		int bit = name == NULL ? -1 : sim_permission_find(name);

		if (bit < 0)
			return control_fail(k, "no permission \"%.60s\"", name == NULL ? "" : name);
		*ret |= 1u << bit;
	}
	return true;
}

bool
build_app(struct control *k, const json_t *o)
{
	const char *id = NULL, *secret = NULL, *certificate = NULL;
	bool confidential = false;

	if (!control_only(k, o, " client_id client_secret certificate confidential ") ||
	    !control_flag(k, o, "confidential", &confidential) || !control_guid(k, o, "client_id", &id) ||
	    !control_text(k, o, "client_secret", &secret))
		return false;
	certificate = jx_get_str(o, "certificate");
	if (id == NULL)
		return control_fail(k, "\"client_id\" is missing");
	return sim_token_add_app(k->sim, id, secret, certificate, confidential) ||
	       control_fail(k, "\"certificate\" is not a PEM certificate");
}

bool
build_user_count(struct control *k, struct tenant *t, json_int_t n)
{
	if (n < 0 || n > USERS_MAX)
		return control_fail(k, "a count of users is out of range");
	while ((json_int_t)t->user_count < n)
		world_add_user(&k->sim->world, t, NULL);
	return true;
}

static bool
build_users(struct control *k, struct tenant *t, const json_t *users)
{
	struct user *u;

	if (json_is_integer(users))
		return build_user_count(k, t, json_integer_value(users));
	for (size_t i = 0; i < json_array_size(users); i++)
		if (!build_user(k, t, json_array_get(users, i), &u))
			return false;
	return true;
}

static bool
read_wide(struct control *k, const json_t *o, int *ret)
{
	static const char *const names[] = { [WIDE_GRANTED] = "granted", [WIDE_DEAF] = "deaf" };
	const json_t *v = json_object_get(o, "tenant_wide");

	if (!json_is_integer(v))
		return control_name(k, o, "tenant_wide", names, 2, ret);
	if (json_integer_value(v) < 400 || json_integer_value(v) > 599)
		return control_fail(k, "\"tenant_wide\" is \"granted\", \"deaf\" or the status of a refusal");
	*ret = (int)json_integer_value(v);
	return true;
}

bool
build_tenant(struct control *k, const json_t *o, struct tenant **ret)
{
	const char *id = NULL, *domain = NULL;
	const json_t *permissions = json_object_get(o, "permissions"), *teams = json_object_get(o, "teams");
	unsigned granted = PERMISSION_ALL;
	int consent = -1, wide = -1;
	struct tenant *t;
	struct team *team;

	if (!control_only(k, o, " id domain consent permissions tenant_wide users teams ") || !control_guid(k, o, "id", &id) ||
	    !control_text(k, o, "domain", &domain) || !control_name(k, o, "consent", control_consents, 3, &consent) ||
	    (permissions != NULL && !control_permissions(k, permissions, &granted)) || !read_wide(k, o, &wide))
		return false;
	t = id == NULL ? NULL : world_tenant(&k->sim->world, id);
	k->created = t == NULL;
	if (t == NULL)
		t = world_add_tenant(&k->sim->world, id, domain);
	else if (domain != NULL)
		sim_tenant_set_domain(&k->sim->world, t, domain);
	if (permissions != NULL)
		t->permissions = granted;
	if (consent >= 0)
		t->consent = (enum consent)consent;
	if (wide >= 0)
		t->wide = wide;
	*ret = t;
	if (!build_users(k, t, json_object_get(o, "users")))
		return false;
	for (size_t i = 0; i < json_array_size(teams); i++)
		if (!build_team(k, t, json_array_get(teams, i), &team))
			return false;
	return true;
}

struct change_way
control_way(const struct control *k, bool quiet)
{
	return (struct change_way){ .lag_ms = k->sim->settings.lag_control_ms, .quiet = quiet };
}

/* Whoever is deleted is in no team any more. */
static void
leave_everything(struct control *k, struct user *u)
{
	struct tenant *t = u->tenant;

	for (size_t i = 0; i < t->team_count; i++) {
		struct place team = { t->teams[i], NULL };

		place_leave(k->sim, &team, u, control_way(k, false));
		for (size_t j = 0; j < t->teams[i]->channel_count; j++) {
			struct place p = { t->teams[i], t->teams[i]->channels[j] };

			if (p.channel->type != CHANNEL_STANDARD)
				place_leave(k->sim, &p, u, control_way(k, false));
		}
	}
}

static void
tell_user(struct control *k, struct user *u)
{
	struct happening h = { .kind = HAPPENING_USER, .change = CHANGE_UPDATED, .tenant = u->tenant, .user = u };

	sim_subscriptions_tell(k->sim->subscriptions, &h);
}

bool
build_user(struct control *k, struct tenant *tenant, const json_t *o, struct user **ret)
{
	const char *id = NULL, *upn = NULL, *mail = NULL, *name = NULL;
	bool enabled = true, licensed = true;
	int mailbox = -1;
	struct user *u;

	if (!control_only(k, o, " tenant id upn mail display_name enabled guest licensed deleted mailbox count ") ||
	    !control_guid(k, o, "id", &id) || !control_text(k, o, "upn", &upn) || !control_text(k, o, "mail", &mail) ||
	    !control_text(k, o, "display_name", &name) || !control_name(k, o, "mailbox", mailboxes, 3, &mailbox))
		return false;
	u = id == NULL ? NULL : world_user_by_id(&k->sim->world, id);
	if (u != NULL && u->tenant != tenant)
		return control_fail(k, "\"id\" is a user of another tenant");
	k->created = u == NULL;
	if (u == NULL)
		u = world_add_user(&k->sim->world, tenant, id);
	enabled = !u->disabled;
	licensed = !u->unlicensed;
	if (!control_flag(k, o, "enabled", &enabled) || !control_flag(k, o, "licensed", &licensed) ||
	    !control_flag(k, o, "guest", &u->guest) || !control_flag(k, o, "deleted", &u->deleted))
		return false;
	u->disabled = !enabled;
	if (mailbox >= 0)
		u->mailbox = (enum mailbox_access)mailbox;
	u->unlicensed = !licensed;
	sim_user_set_names(&k->sim->world, u, upn, mail, name);
	if (!k->created && u->deleted)
		leave_everything(k, u);
	if (!k->created)
		tell_user(k, u);
	*ret = u;
	return true;
}

struct user *
control_user(struct control *k, const struct place *p, const json_t *value)
{
	const char *name = json_string_value(value);
	struct user *u = name == NULL ? NULL : world_user(&k->sim->world, p->team->tenant, name);

	if (u == NULL && name != NULL && p->channel != NULL && p->channel->type == CHANNEL_SHARED)
		u = world_user_by_id(&k->sim->world, name);
	if (u == NULL)
		control_fail(k, "\"user\" names nobody: \"%.80s\"", name == NULL ? "" : name);
	return u;
}

static void
seed_member(struct control *k, const struct place *p, struct user *u, enum role role)
{
	struct roster *r = place_roster(p);

	if (u->guest)
		role = ROLE_GUEST;
	if (roster_by_user(r, u) == NULL)
		roster_add(&k->sim->world, r, NULL, u, role, LONG_AGO);
}

/* The members a new team or channel begins with. */
static bool
seed(struct control *k, const struct place *p, const json_t *o)
{
	const json_t *owners = json_object_get(o, "owners"), *members = json_object_get(o, "members");
	struct tenant *t = p->team->tenant;
	struct user *u;

	for (size_t i = 0; i < json_array_size(owners); i++) {
		if ((u = control_user(k, p, json_array_get(owners, i))) == NULL)
			return false;
		seed_member(k, p, u, ROLE_OWNER);
	}
	if (json_is_integer(members)) {
		if (!build_user_count(k, t, json_integer_value(members)))
			return false;
		for (json_int_t i = 0; i < json_integer_value(members); i++)
			seed_member(k, p, t->users[i], i == 0 && place_roster(p)->owners == 0 ? ROLE_OWNER : ROLE_MEMBER);
	}
	for (size_t i = 0; i < json_array_size(members); i++) {
		if ((u = control_user(k, p, json_array_get(members, i))) == NULL)
			return false;
		seed_member(k, p, u, ROLE_MEMBER);
	}
	return true;
}

static void
tell_channel(struct control *k, struct channel *c, enum change change)
{
	struct happening h = {
		.kind = HAPPENING_CHANNEL, .change = change, .tenant = c->team->tenant, .team = c->team, .channel = c
	};

	sim_subscriptions_tell(k->sim->subscriptions, &h);
}

static bool
share_channel(struct control *k, struct channel *c, const json_t *teams)
{
	struct team *list[TEAMS_SHARED_MAX];
	size_t count = json_array_size(teams);

	if (teams == NULL)
		return true;
	if (count > TEAMS_SHARED_MAX || c->type != CHANNEL_SHARED)
		return control_fail(k, "\"shared_with\" is for shared channels and at most %d teams", TEAMS_SHARED_MAX);
	for (size_t i = 0; i < count; i++)
		if ((list[i] = control_team(k, json_string_value(json_array_get(teams, i)))) == NULL)
			return false;
	sim_channel_share(c, list, count);
	return true;
}

bool
build_channel(struct control *k, struct team *team, const json_t *o, struct channel **ret)
{
	const char *id = NULL, *name = NULL;
	struct place p = { team, NULL };
	int type = CHANNEL_STANDARD;

	if (!control_only(k, o, " team id name type deleted owners members shared_with ") || !control_text(k, o, "id", &id) ||
	    !control_text(k, o, "name", &name) || !control_name(k, o, "type", control_channel_types, 3, &type))
		return false;
	p.channel = id == NULL ? NULL : world_channel(&k->sim->world, id);
	if (p.channel != NULL && p.channel->team != team)
		return control_fail(k, "\"id\" is a channel of another team");
	k->created = p.channel == NULL;
	if (k->created) {
		p.channel = world_add_channel(&k->sim->world, team, id, name == NULL ? "Channel" : name, (enum channel_type)type);
		if (type != CHANNEL_STANDARD && !seed(k, &p, o))
			return false;
	} else if (name != NULL) {
		free(p.channel->name);
		p.channel->name = must_copy(name);
	}
	if (!control_flag(k, o, "deleted", &p.channel->deleted) ||
	    !share_channel(k, p.channel, json_object_get(o, "shared_with")))
		return false;
	tell_channel(k, p.channel, k->created ? CHANGE_CREATED : p.channel->deleted ? CHANGE_DELETED : CHANGE_UPDATED);
	*ret = p.channel;
	return true;
}

bool
build_team(struct control *k, struct tenant *tenant, const json_t *o, struct team **ret)
{
	struct happening h = { .kind = HAPPENING_TEAM, .tenant = tenant };
	const json_t *channels = json_object_get(o, "channels");
	const char *id = NULL, *name = NULL;
	struct channel *channel;
	struct team *t;
	bool created;

	if (!control_only(k, o, " tenant id name archived deleted dynamic synced owners members channels ") ||
	    !control_guid(k, o, "id", &id) || !control_text(k, o, "name", &name))
		return false;
	t = id == NULL ? NULL : world_team(&k->sim->world, id);
	if (t != NULL && t->tenant != tenant)
		return control_fail(k, "\"id\" is a team of another tenant");
	created = t == NULL;
	if (created) {
		t = world_add_team(&k->sim->world, tenant, id, name == NULL ? "Team" : name);
		if (!seed(k, &(struct place){ t, NULL }, o))
			return false;
	} else if (json_object_get(o, "members") != NULL || json_object_get(o, "owners") != NULL) {
		return control_fail(k, "members of an existing team change by /_sim/members");
	} else if (name != NULL) {
		free(t->name);
		t->name = must_copy(name);
	}
	if (!control_flag(k, o, "archived", &t->archived) || !control_flag(k, o, "deleted", &t->deleted) ||
	    !control_flag(k, o, "dynamic", &t->dynamic) || !control_flag(k, o, "synced", &t->synced))
		return false;
	for (size_t i = 0; i < json_array_size(channels); i++)
		if (!build_channel(k, t, json_array_get(channels, i), &channel))
			return false;
	h.team = t;
	h.change = created ? CHANGE_CREATED : t->deleted ? CHANGE_DELETED : CHANGE_UPDATED;
	sim_subscriptions_tell(k->sim->subscriptions, &h);
	k->created = created;
	*ret = t;
	return true;
}

bool
build_faults(struct control *k, const json_t *list, json_t *ret_ids)
{
	uint64_t id;

	for (size_t i = 0; i < json_array_size(list); i++) {
		if (faults_add(&k->sim->faults, json_array_get(list, i), &id, k->why, sizeof(k->why)) != ERR_OK)
			return false;
		json_array_append_new(ret_ids, json_pack("{s:I}", "id", (json_int_t)id));
	}
	return true;
}

bool
build_world(struct control *k, const json_t *o)
{
	const json_t *apps = json_object_get(o, "apps"), *tenants = json_object_get(o, "tenants"),
	             *settings = json_object_get(o, "settings");
	json_t *ids = json_array();
	struct tenant *t;
	bool good = control_only(k, o, " apps tenants faults settings ");

	for (size_t i = 0; good && i < json_array_size(apps); i++)
		good = build_app(k, json_array_get(apps, i));
	for (size_t i = 0; good && i < json_array_size(tenants); i++)
		good = build_tenant(k, json_array_get(tenants, i), &t);
	good = good && build_faults(k, json_object_get(o, "faults"), ids);
	if (good && settings != NULL)
		good = sim_settings_change(&k->sim->settings, settings, k->why, sizeof(k->why)) == ERR_OK;
	json_decref(ids);
	k->created = true;
	return good;
}

enum err
control_build(struct sim *sim, const json_t *world, char *why, size_t why_size)
{
	struct control k = { .sim = sim };
	bool good = build_world(&k, world);

	snprintf(why, why_size, "%s", k.why);
	return good ? ERR_OK : ERR_INVALID;
}
