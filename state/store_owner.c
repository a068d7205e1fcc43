/* A record that names its tenant is sealed with that tenant's key, one that only names an ERG, with that of the ERG's tenant. */
#include "state/store_parts.h"

#include <string.h>

#include "state/codec.h"
#include "state/keyring.h"

void
store_owners_find(struct store *s)
{
	for (unsigned t = 0; t < TABLE_COUNT; t++) {
		const struct schema *schema = table_schema((enum table)t);
		const char *tenant = t == TABLE_TENANTS ? "id.s" : "tenant.s";

		s->owners[t] = (struct store_owner_fields){ -1, -1 };
		for (size_t i = 0; i < schema->field_count; i++) {
			if (strcmp(schema->fields[i].name, tenant) == 0)
				s->owners[t].tenant = (int32_t)schema->fields[i].offset;
			else if (strcmp(schema->fields[i].name, "erg.s") == 0)
				s->owners[t].erg = (int32_t)schema->fields[i].offset;
		}
	}
}

struct key_owner
store_owner_of_tenant(const struct store *s, const char *tenant)
{
	struct key_owner owner;
	struct store_key key;

	store_key_init(&key);
	store_key_id(s, &key, "tenant", tenant);
	memcpy(owner.b, key.b, sizeof(owner.b));
	return owner;
}

static struct store_erg_owner *
erg_slot(struct store *s, const struct store_key *erg)
{
	return &s->ergs[erg->b[0] % STORE_ERG_CACHE];
}

void
store_owner_learn(struct store *s, const struct store_key *erg, const struct key_owner *owner)
{
	struct store_erg_owner *slot = erg_slot(s, erg);

	slot->known = owner != NULL;
	if (owner == NULL)
		return;
	memcpy(slot->erg, erg->b, sizeof(slot->erg));
	slot->owner = *owner;
}

/* An ERG nobody knows (any more) is nobody's. */
static struct key_owner
owner_of_erg(struct store *s, const char *id)
{
	static struct erg erg; /* 3 KB; one thread */
	struct key_owner owner = { { 0 } };
	struct store_erg_owner *slot;
	struct store_key key;

	store_key_init(&key);
	store_key_id(s, &key, "erg", id);
	slot = erg_slot(s, &key);
	if (slot->known && memcmp(slot->erg, key.b, sizeof(slot->erg)) == 0)
		return slot->owner;
	if (store_get(s, TABLE_ERGS, &key, &erg) != ERR_OK)
		return owner;
	owner = store_owner_of_tenant(s, erg.tenant.s);
	store_owner_learn(s, &key, &owner);
	return owner;
}

struct key_owner
store_owner_of(struct store *s, enum table t, const void *record)
{
	const struct store_owner_fields *f = &s->owners[t];
	const char *tenant = f->tenant >= 0 ? (const char *)record + f->tenant : "";
	const char *erg = f->erg >= 0 ? (const char *)record + f->erg : "";

	if (tenant[0] != '\0')
		return store_owner_of_tenant(s, tenant);
	if (erg[0] != '\0')
		return owner_of_erg(s, erg);
	return (struct key_owner){ { 0 } };
}
