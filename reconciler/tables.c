#include "reconciler/tables.h"

#include <string.h>

#include "reconciler/reconciler.h"

#define DIRECTORY_PLACES 8

static struct store_key
key_of(struct reconciler *r, const char *kind, const char *id)
{
	struct store_key key;

	store_key_init(&key);
	store_key_id(r->store, &key, kind, id);
	return key;
}

static struct store_key
key_of_two(struct reconciler *r, const char *kind, const char *id, const struct erg_id *erg)
{
	struct store_key key = key_of(r, kind, id);

	store_key_id(r->store, &key, "erg", erg->s);
	return key;
}

enum err
tenant_load(struct reconciler *r, const struct tenant_id *id, struct tenant *ret)
{
	struct store_key key = key_of(r, "tenant", id->s);

	return store_get(r->store, TABLE_TENANTS, &key, ret);
}

void
tenant_store(struct reconciler *r, const struct tenant *tenant)
{
	struct store_key key = key_of(r, "tenant", tenant->id.s);

	store_put(r->store, TABLE_TENANTS, &key, tenant);
}

/* FNV-1a */
static size_t
slot_of(const char *id)
{
	uint32_t h = 0x811c9dc5u;

	for (; *id != '\0'; id++)
		h = (h ^ (uint8_t)*id) * 0x01000193u;
	return (h ^ h >> 16) % TABLES_SLOTS;
}

/* Where that directory is remembered, or may be: one of a few places. */
static struct directory_memory *
memory_of(struct reconciler *r, const struct guid *directory)
{
	size_t first = slot_of(directory->s);
	struct directory_memory *m;

	for (size_t i = 0; i < DIRECTORY_PLACES; i++) {
		m = &r->memory.directories[(first + i) % TABLES_SLOTS];
		if (m->directory.s[0] == '\0' || strcmp(m->directory.s, directory->s) == 0)
			return m;
	}
	return &r->memory.directories[first];
}

enum err
tenant_load_by_directory(struct reconciler *r, const struct guid *directory, struct tenant *ret)
{
	struct directory_memory *known = memory_of(r, directory);
	struct store_cursor *c;
	enum err e;

	if (strcmp(known->directory.s, directory->s) == 0 && tenant_load(r, &known->tenant, ret) == ERR_OK &&
	    strcmp(ret->directory_id.s, directory->s) == 0)
		return ERR_OK;
	c = store_seek(r->store, TABLE_TENANTS, NULL, NULL);
	while ((e = store_next(c, NULL, ret)) == ERR_OK)
		if (strcmp(ret->directory_id.s, directory->s) == 0)
			break;
	store_cursor_close(c);
	if (e == ERR_OK)
		*known = (struct directory_memory){ *directory, ret->id };
	return e;
}

uint32_t
tenant_erg_changes(const struct reconciler *r, const struct tenant_id *tenant)
{
	return r->memory.erg_changes[slot_of(tenant->s)];
}

static void
note_erg_change(struct reconciler *r, const struct tenant_id *tenant)
{
	r->memory.erg_changes[slot_of(tenant->s)]++;
}

enum err
erg_load(struct reconciler *r, const struct erg_id *id, struct erg *ret)
{
	struct store_key key = key_of(r, "erg", id->s);

	return store_get(r->store, TABLE_ERGS, &key, ret);
}

void
erg_store(struct reconciler *r, const struct erg *erg)
{
	struct store_key key = key_of(r, "erg", erg->id.s);

	store_put(r->store, TABLE_ERGS, &key, erg);
	note_erg_change(r, &erg->tenant);
}

static void
ref_put(struct reconciler *r, enum table table, const char *kind, const char *id, const struct erg_id *erg, bool present)
{
	struct store_key key = key_of_two(r, kind, id, erg);
	struct erg_ref ref = { *erg };

	if (present)
		store_put(r->store, table, &key, &ref);
	else
		store_del(r->store, table, &key);
}

void
erg_refs_add(struct reconciler *r, const struct erg *erg)
{
	ref_put(r, TABLE_TENANT_ERGS, "tenant", erg->tenant.s, &erg->id, true);
	note_erg_change(r, &erg->tenant);
}

void
erg_refs_del(struct reconciler *r, const struct erg *erg)
{
	ref_put(r, TABLE_TENANT_ERGS, "tenant", erg->tenant.s, &erg->id, false);
	note_erg_change(r, &erg->tenant);
}

void
team_ref_add(struct reconciler *r, const struct erg *erg)
{
	ref_put(r, TABLE_TEAM_ERGS, "team", erg->team_id.s, &erg->id, true);
}

void
team_ref_del(struct reconciler *r, const struct erg *erg)
{
	ref_put(r, TABLE_TEAM_ERGS, "team", erg->team_id.s, &erg->id, false);
}

struct store_cursor *
tenant_ergs(struct reconciler *r, const struct tenant_id *tenant)
{
	struct store_key prefix = key_of(r, "tenant", tenant->s);

	return store_seek(r->store, TABLE_TENANT_ERGS, &prefix, NULL);
}

struct store_cursor *
team_ergs(struct reconciler *r, const struct guid *team)
{
	struct store_key prefix = key_of(r, "team", team->s);

	return store_seek(r->store, TABLE_TEAM_ERGS, &prefix, NULL);
}

void
members_prefix(struct reconciler *r, const struct erg_id *erg, struct store_key *ret)
{
	*ret = key_of(r, "erg", erg->s);
}

void
member_key(struct reconciler *r, const struct erg_id *erg, person_id person, struct store_key *ret)
{
	members_prefix(r, erg, ret);
	store_key_u64(ret, person);
}

enum err
member_load(struct reconciler *r, const struct erg_id *erg, person_id person, struct member *ret)
{
	struct store_key key;

	member_key(r, erg, person, &key);
	return store_get(r->store, TABLE_MEMBERS, &key, ret);
}

enum err
person_load(struct reconciler *r, person_id id, struct person *ret)
{
	struct store_key key;

	store_key_init(&key);
	store_key_u64(&key, id);
	return store_get(r->store, TABLE_PEOPLE, &key, ret);
}

enum err
subscription_load(struct reconciler *r, const struct scope_id *scope, struct subscription *ret)
{
	struct store_key key;

	store_key_init(&key);
	store_key_bytes(&key, scope->b, sizeof(scope->b));
	return store_get(r->store, TABLE_SUBSCRIPTIONS, &key, ret);
}

uint64_t
number_next(struct reconciler *r, const char *counter)
{
	return store_next_number(r->store, counter);
}
