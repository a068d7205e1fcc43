/* What clients are told: facts 4.1, in the spellings that documentation and traffic show. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/timestamp.h"
#include "sim/delivery.h"
#include "sim/rich.h"
#include "sim/subscription.h"

/* Graph's own habit: seven digits and an offset that is not Z (facts 4.1). */
static void
format_expiry(const struct sim *sim, int64_t ms, char ret[48])
{
	char text[TIMESTAMP_SIZE];
	int fraction = (int)(((ms % 1000) + 1000) % 1000);

	if (sim->settings.spellings == SPELLINGS_PLAIN) {
		timestamp_format(ms, text);
		snprintf(ret, 48, "%s", text);
		return;
	}
	timestamp_format(ms - fraction - 8 * HOUR_MS, text);
	text[strcspn(text, "Z")] = '\0';
	snprintf(ret, 48, "%s.%03d1234-08:00", text, fraction);
}

static json_t *
item_base(const struct subscription *x)
{
	char expiry[48];

	format_expiry(x->all->sim, x->expires_wall_ms, expiry);
	return json_pack("{s:s,s:s,s:s?,s:s}", "subscriptionId", x->id, "tenantId", x->tenant->id, "clientState", x->client_state,
	    "subscriptionExpirationDateTime", expiry);
}

/* "teams('a')/members('b')" in the spelling of this item: facts 4.1. */
struct spelling {
	bool slashes, capital;
};

static struct spelling
draw_spelling(struct sim *sim)
{
	uint64_t n = sim->settings.spellings == SPELLINGS_PLAIN ? 0 : rng_below(&sim->rng, 8);

	return (struct spelling){ .slashes = n == 1 || n == 2, .capital = n == 2 || n == 3 };
}

static void
add_part(char *ret, size_t ret_size, struct spelling s, const char *name, const char *key)
{
	size_t len = strlen(ret);

	snprintf(ret + len, ret_size - len, s.slashes ? "%s%s/%s" : "%s%s('%s')", len == 0 ? "" : "/", name, key);
	if (s.capital && ret_size > len + 1)
		ret[len + (len > 0)] = (char)toupper((unsigned char)ret[len + (len > 0)]);
}

static const char *
spell_change(struct sim *sim, enum change change)
{
	static const char *const wild[] = { "Created", "Updated", "Deleted" };

	return sim->settings.spellings == SPELLINGS_WILD && rng_below(&sim->rng, 4) == 0 ? wild[change]
	                                                                                 : sim_change_names[change];
}

/* Takes data and content, what of the resource goes along encrypted; NULL: nothing. */
static void
queue_change(struct subscription *x, enum change change, const char *resource, json_t *data, json_t *content, int64_t delay_ms)
{
	json_t *item = item_base(x);

	if (content != NULL)
		json_object_set_new(item, "encryptedContent", content);
	json_object_set_new(item, "changeType", json_string(spell_change(x->all->sim, change)));
	json_object_set_new(item, "resource", json_string(resource));
	json_object_set_new(item, "resourceData", data);
	sim_subscription_queue(x, x->url, item, delay_ms);
}

static json_t *
data_of(struct sim *sim, const char *type, const char *path, const char *id)
{
	char full[96];

	snprintf(
	    full, sizeof(full), sim->settings.spellings == SPELLINGS_PLAIN ? "#microsoft.graph.%s" : "#Microsoft.Graph.%s", type);
	return json_pack("{s:s,s:s,s:s}", "id", id, "@odata.type", full, "@odata.id", path);
}

/* Facts 5: what the decrypted resource looks like. What that of a deleted membership holds is not known: here, its id only. */
static json_t *
member_content(struct subscription *x, const struct happening *h)
{
	struct sim *sim = x->all->sim;
	const struct member *m = roster_by_user(h->channel != NULL ? sim_channel_roster(h->channel) : &h->team->roster, h->user);
	json_t *resource, *content;
	char id[MEMBER_ID_SIZE + 1];

	if (x->rich == NULL)
		return NULL;
	(void)snprintf(id, sizeof(id), "/%s", h->member_id);
	resource = json_pack("{s:s}", "id", id);
	if (h->change != CHANGE_DELETED && m != NULL) {
		json_object_set_new(
		    resource, "roles", m->role == ROLE_MEMBER ? json_array() : json_pack("[s]", sim_role_name(m->role)));
		json_object_set_new(resource, "displayName", json_string(h->user->name));
		json_object_set_new(resource, "userId", json_string(h->user->id));
		json_object_set_new(resource, "email", json_null());
		if (h->channel != NULL)
			json_object_set_new(resource, "tenantId", json_string(h->user->tenant->id));
	}
	content = rich_encrypt(&sim->rng, x->rich, resource);
	if (sim->settings.rich_fault == RICH_FAULT_DATA)
		json_object_set_new(content, "dataSignature", json_string("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
	json_decref(resource);
	return content;
}

static void
tell_member(struct subscription *x, const struct happening *h)
{
	struct sim *sim = x->all->sim;
	struct spelling s = draw_spelling(sim);
	char path[RESOURCE_MAX] = "";

	add_part(path, sizeof(path), s, "teams", h->team->id);
	if (h->channel != NULL)
		add_part(path, sizeof(path), s, "channels", h->channel->id);
	add_part(path, sizeof(path), s, h->indirect ? "allMembers" : "members", h->member_id);
	queue_change(x, h->change, path, data_of(sim, "aadUserConversationMember", path, h->member_id), member_content(x, h), 0);
}

/* Facts 4.1: one `updated` of the group carries its members' changes; `deleted` means gone for good. */
static void
tell_group(struct subscription *x, const struct happening *h)
{
	struct sim *sim = x->all->sim;
	char path[RESOURCE_MAX];
	json_t *data, *who;

	snprintf(path, sizeof(path), "Groups/%s", h->team->id);
	data = data_of(sim, "Group", path, h->team->id);
	json_object_set_new(data, "organizationId", json_string(h->tenant->id));
	sim->world.seq++;
	json_object_set_new(data, "sequenceNumber", json_integer((json_int_t)sim->world.seq + 636784480202455800));
	if (h->kind == HAPPENING_TEAM_MEMBER) {
		who = json_pack("{s:s}", "id", h->user->id);
		if (h->change == CHANGE_DELETED)
			json_object_set_new(who, "@removed",
			    rng_below(&sim->rng, 2) == 0 ? json_string("deleted") : json_pack("{s:s}", "reason", "deleted"));
		json_object_set_new(data, "members@delta", json_pack("[o]", who));
	}
	queue_change(x, CHANGE_UPDATED, path, data, NULL, 0);
}

/* Also users/<id>@<tenant>, of events only: facts 4.1. */
static void
spell_user(struct sim *sim, const struct happening *h, struct spelling s, char *path, size_t path_size)
{
	char name[2 * GUID_SIZE];

	if (h->kind == HAPPENING_EVENT && s.slashes && sim->settings.spellings == SPELLINGS_WILD &&
	    rng_below(&sim->rng, 2) == 0) {
		snprintf(name, sizeof(name), "%s@%s", h->user->id, h->tenant->id);
		add_part(path, path_size, s, "users", name);
		return;
	}
	add_part(path, path_size, s, "Users", h->user->id);
}

static void
tell_other(struct subscription *x, const struct happening *h)
{
	struct sim *sim = x->all->sim;
	struct spelling s = draw_spelling(sim);
	char path[RESOURCE_MAX] = "";
	const char *type = "user", *id;
	json_t *data;

	if (h->kind == HAPPENING_TEAM || h->kind == HAPPENING_CHANNEL) {
		add_part(path, sizeof(path), s, "teams", h->team->id);
		type = "team";
		id = h->team->id;
		if (h->kind == HAPPENING_CHANNEL) {
			add_part(path, sizeof(path), s, "channels", h->channel->id);
			type = "channel";
			id = h->channel->id;
		}
	} else {
		s.slashes = s.slashes || h->kind == HAPPENING_USER;
		id = h->user->id;
		spell_user(sim, h, s, path, sizeof(path));
		if (h->kind == HAPPENING_EVENT) {
			id = x->immutable ? h->immutable_id : h->event_id;
			add_part(path, sizeof(path), s, "Events", id);
			type = "event";
		}
	}
	data = data_of(sim, type, path, id);
	if (h->etag != NULL)
		json_object_set_new(data, "@odata.etag", json_string(h->etag));
	queue_change(x, h->change, path, data, NULL, h->delay_ms);
}

typedef void (*tell_one)(struct subscription *x, const struct happening *h);

static void
tell_key(struct subscriptions *s, const struct happening *h, tell_one tell, unsigned change, const char *resource)
{
	char key[RESOURCE_MAX + GUID_SIZE];

	snprintf(key, sizeof(key), "%s|%s", h->tenant->id, resource);
	for (struct subscription *x = sim_map_get(&s->by_key, key); x != NULL; x = x->same)
		if ((x->changes & change) != 0 && (!h->indirect || x->indirect))
			tell(x, h);
}

static void
tell_groups(struct subscriptions *s, const struct happening *h)
{
	char key[RESOURCE_MAX];

	snprintf(key, sizeof(key), "groups/%s", h->team->id);
	tell_key(s, h, tell_group, (1u << CHANGE_UPDATED), key);
	tell_key(s, h, tell_group, (1u << CHANGE_UPDATED), "groups");
	if (h->kind != HAPPENING_TEAM_MEMBER)
		return;
	snprintf(key, sizeof(key), "groups/%s/members", h->team->id);
	tell_key(s, h, tell_group, (1u << CHANGE_UPDATED), key);
}

void
sim_subscriptions_tell(struct subscriptions *s, const struct happening *h)
{
	/* The parts of the key before and after the id, and the tenant-wide key; facts 2.3. */
	static const struct {
		const char *before, *after, *wide;
	} keys[] = {
		[HAPPENING_TEAM_MEMBER] = { "teams/", "/members", "teams/getallmembers" },
		[HAPPENING_CHANNEL_MEMBER] = { "teams/", "/channels/getallmembers", "teams/getallchannels/getallmembers" },
		[HAPPENING_TEAM] = { "teams/", "", "teams" },
		[HAPPENING_CHANNEL] = { "teams/", "/channels", "teams/getallchannels" },
		[HAPPENING_USER] = { "users/", "", "users" },
		[HAPPENING_EVENT] = { "users/", "/events", NULL },
	};
	tell_one tell = h->kind == HAPPENING_TEAM_MEMBER || h->kind == HAPPENING_CHANNEL_MEMBER ? tell_member : tell_other;
	const char *id = h->kind == HAPPENING_USER || h->kind == HAPPENING_EVENT ? h->user->id : h->team->id;
	char key[RESOURCE_MAX];

	snprintf(key, sizeof(key), "%s%s%s", keys[h->kind].before, id, keys[h->kind].after);
	tell_key(s, h, tell, 1u << h->change, key);
	if (keys[h->kind].wide != NULL && (h->tenant->wide != WIDE_DEAF || strstr(keys[h->kind].wide, "getallmembers") == NULL))
		tell_key(s, h, tell, 1u << h->change, keys[h->kind].wide);
	if (h->kind == HAPPENING_TEAM_MEMBER || h->kind == HAPPENING_TEAM)
		tell_groups(s, h);
}

bool
sim_subscription_lifecycle(struct subscription *x, const char *event)
{
	static const char *const events[] = { "reauthorizationRequired", "subscriptionRemoved", "missed" };
	const char *name = NULL;
	json_t *item;

	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++)
		if (str_equal_nocase(events[i], event))
			name = events[i];
	if (name == NULL)
		return false;
	item = item_base(x);
	json_object_set_new(item, "lifecycleEvent", json_string(name));
	delivery_queue(x->all->sim->delivery, x->lifecycle_url != NULL ? x->lifecycle_url : x->url, x->id, item, 0);
	if (name == events[1])
		sim_subscription_end(x);
	return true;
}

void
sim_subscription_notify(struct subscription *x, const char *resource, const char *change, const char *member, uint64_t repeat)
{
	static const char *const types[] = {
		[SERVICE_TEAMS] = "aadUserConversationMember", [SERVICE_DIRECTORY] = "group", [SERVICE_OUTLOOK] = "event"
	};
	const char *type = types[x->kind->service];
	char path[RESOURCE_MAX];
	enum change kind = CHANGE_UPDATED;

	for (int i = 0; i < 3; i++)
		if (change != NULL && str_equal_nocase(sim_change_names[i], change))
			kind = (enum change)i;
	if (resource != NULL)
		snprintf(path, sizeof(path), "%s", resource);
	else
		snprintf(path, sizeof(path), member == NULL ? "%s" : "%s('%s')", x->resource + (x->resource[0] == '/'), member);
	for (uint64_t i = 0; i < repeat; i++)
		queue_change(x, kind, path, data_of(x->all->sim, type, path, member == NULL ? "" : member), NULL, 0);
}

void
sim_subscription_send(struct subscription *x, const char *body)
{
	delivery_raw(x->all->sim->delivery, x->url, body);
}
