#include "reconciler/scope.h"

#include <stdio.h>
#include <string.h>

#include "reconciler/reconciler.h"
#include "state/store.h"

static const char *const resource_formats[] = {
	[SUBSCRIPTION_TEAM_MEMBERS] = "/teams/%s/members",
	[SUBSCRIPTION_CHANNEL_MEMBERS] = "/teams/%s/channels/getAllMembers",
	[SUBSCRIPTION_MAILBOX_EVENTS] = "/users/%s/events",
	[SUBSCRIPTION_TENANT_MEMBERS] = "/teams/getAllMembers",
};

enum subscription_kind
scope_kind(enum channel_type type)
{
	return type == CHANNEL_PRIVATE || type == CHANNEL_SHARED ? SUBSCRIPTION_CHANNEL_MEMBERS : SUBSCRIPTION_TEAM_MEMBERS;
}

void
scope_resource(enum subscription_kind kind, const struct guid *object, char ret[SUBSCRIPTION_RESOURCE_SIZE])
{
	const char *format = resource_formats[kind];
	const char *hole = strchr(format, '%');

	if (hole == NULL)
		snprintf(ret, SUBSCRIPTION_RESOURCE_SIZE, "%s", format);
	else
		snprintf(ret, SUBSCRIPTION_RESOURCE_SIZE, "%.*s%s%s", (int)(hole - format), format, object->s, hole + 2);
}

void
scope_make(const struct key32 *scope_key, const struct guid *directory, const char *resource, struct scope_id *ret)
{
	/* The NUL of the directory id parts it from the resource. */
	struct span parts[] = { { directory->s, strlen(directory->s) + 1 }, { resource, strlen(resource) } };
	uint8_t hash[HASH_LEN];

	hmac_sha256(scope_key->b, sizeof(scope_key->b), parts, 2, hash);
	memcpy(ret->b, hash, sizeof(ret->b));
}

static enum err
scope_fill(struct reconciler *r, const struct tenant_id *tenant_id, enum subscription_kind kind, const struct guid *object,
    struct subscription *ret)
{
	struct tenant tenant;
	struct store_key key;
	enum err e;

	memset(ret, 0, sizeof(*ret));
	store_key_init(&key);
	store_key_id(r->store, &key, "tenant", tenant_id->s);
	if ((e = store_get(r->store, TABLE_TENANTS, &key, &tenant)) != ERR_OK)
		return e;
	ret->tenant = *tenant_id;
	ret->kind = kind;
	ret->object_id = *object;
	scope_resource(ret->kind, &ret->object_id, ret->resource);
	scope_make(&r->scope_key, &tenant.directory_id, ret->resource, &ret->scope);
	return ERR_OK;
}

enum err
scope_of_erg(struct reconciler *r, const struct erg *erg, struct subscription *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (erg->team_id.s[0] == '\0' || erg->channel_type == CHANNEL_UNKNOWN)
		return ERR_NOTFOUND;
	return scope_fill(r, &erg->tenant, scope_kind(erg->channel_type), &erg->team_id, ret);
}

enum err
scope_of_team(struct reconciler *r, const struct tenant_id *tenant, const struct guid *team, struct subscription *ret)
{
	return scope_fill(r, tenant, SUBSCRIPTION_TEAM_MEMBERS, team, ret);
}

enum err
scope_of_tenant(struct reconciler *r, const struct tenant_id *tenant, struct subscription *ret)
{
	static const struct guid none;

	return scope_fill(r, tenant, SUBSCRIPTION_TENANT_MEMBERS, &none, ret);
}

enum err
scope_of_mailbox(struct reconciler *r, const struct tenant_id *tenant, const struct guid *mailbox, struct subscription *ret)
{
	return scope_fill(r, tenant, SUBSCRIPTION_MAILBOX_EVENTS, mailbox, ret);
}

bool
scope_covers(const struct subscription *scope, const struct erg *erg)
{
	return strcmp(scope->tenant.s, erg->tenant.s) == 0 && strcmp(scope->object_id.s, erg->team_id.s) == 0 &&
	       erg->channel_type != CHANNEL_UNKNOWN && scope->kind == scope_kind(erg->channel_type);
}
