#include "state/store_reseal.h"

#include <string.h>

#include <lmdb.h>

#include "state/env.h"
#include "state/keyring.h"
#include "state/seal.h"
#include "state/store_parts.h"

/* ---------- retiring ---------- */

static void
reseal_restart(struct store *s)
{
	s->reseal_table = 0;
	s->reseal_rows = 0;
	store_key_init(&s->reseal_at);
}

enum err
store_retire_tenant(struct store *s, const struct tenant_id *tenant)
{
	struct key_owner owner = store_owner_of_tenant(s, tenant->s);

	reseal_restart(s);
	return keyring_retire(s->keys, &owner);
}

struct orphans {
	struct store *store;
	struct key_owner first;
	bool found;
};

static void
orphan_find(void *arg, const struct key_owner *owner)
{
	struct orphans *o = arg;
	struct store_key key;

	store_key_init(&key);
	store_key_bytes(&key, owner->b, sizeof(owner->b)); /* an owner is the key of its row in TENANTS */
	if (o->found || store_has(o->store, TABLE_TENANTS, &key))
		return;
	o->first = *owner;
	o->found = true;
}

enum err
store_retire_orphans(struct store *s)
{
	struct orphans o = { .store = s };
	enum err e = ERR_OK;

	do {
		o.found = false;
		keyring_owners(s->keys, orphan_find, &o);
		if (o.found) {
			reseal_restart(s);
			e = keyring_retire(s->keys, &o.first);
		}
	} while (o.found && e == ERR_OK);
	return e;
}

enum err
store_change_master(struct store *s, const struct key32 *key, const struct key32 *previous)
{
	if (keyring_has_master(s->keys, key))
		return ERR_OK;
	if (previous == NULL || !keyring_has_master(s->keys, previous))
		return ERR_UNAUTHORIZED;
	reseal_restart(s);
	return keyring_rewrap(s->keys, key);
}

bool
store_rewrapped(const struct store *s)
{
	return keyring_rewrapped(s->keys);
}

bool
store_retiring(const struct store *s)
{
	return keyring_retiring(s->keys, NULL);
}

/* ---------- sealing anew ---------- */

/* The row after s->reseal_at in table t; its value is LMDB's. */
static enum err
reseal_row(struct store *s, MDB_txn *txn, enum table t, MDB_val *key, MDB_val *value)
{
	MDB_cursor *cursor;
	int rc;

	*key = store_val(&s->reseal_at);
	if ((rc = mdb_cursor_open(txn, s->tables[t], &cursor)) != 0)
		return env_err(rc);
	rc = mdb_cursor_get(cursor, key, value, s->reseal_at.len > 0 ? MDB_SET_RANGE : MDB_FIRST);
	if (rc == 0 && s->reseal_at.len > 0 && key->mv_size == s->reseal_at.len &&
	    memcmp(key->mv_data, s->reseal_at.b, key->mv_size) == 0)
		rc = mdb_cursor_get(cursor, key, value, MDB_NEXT);
	mdb_cursor_close(cursor);
	return env_err(rc);
}

/* One row under a retired key goes over to its owner's present one. */
static enum err
reseal_one(struct store *s, enum table t, const MDB_val *key, const MDB_val *value)
{
	static union {
		struct erg erg;
		struct feed_record feed;
		uint8_t any[RECORD_SIZE_MAX];
	} record; /* one thread */
	MDB_val fresh = { 0, s->sealed }, k = { s->reseal_at.len, s->reseal_at.b };
	MDB_txn *txn;
	enum err e;

	if (!keyring_is_retired(s->keys, seal_key_id(value->mv_data, value->mv_size)) ||
	    store_unseal(s, t, key, value, &record) != ERR_OK)
		return ERR_OK;
	e = store_seal(s, t, k.mv_data, k.mv_size, &record, &fresh.mv_size);
	if (e == ERR_OK && (txn = store_writing(s)) == NULL)
		return ERR_IO;
	if (e == ERR_OK)
		e = env_err(mdb_put(txn, s->tables[t], &k, &fresh, 0));
	if (e != ERR_OK) {
		store_fail(s, e, "reseal");
		return e;
	}
	store_note(s, t, &k, &fresh);
	return ERR_OK;
}

static uint64_t
rows_total(struct store *s, MDB_txn *txn)
{
	uint64_t total = 0;
	MDB_stat st;

	for (unsigned t = 0; t < TABLE_COUNT && txn != NULL; t++)
		total += mdb_stat(txn, s->tables[t], &st) == 0 ? st.ms_entries : 0;
	return total;
}

enum err
store_reseal(struct store *s, size_t max, struct store_reseal *ret)
{
	MDB_val key = { 0, NULL }, value = { 0, NULL };
	MDB_txn *txn;
	enum err e = ERR_OK;

	memset(ret, 0, sizeof(*ret));
	/* All was seen in an earlier turn, and that is on disk. */
	if (s->reseal_table == TABLE_COUNT && !store_turn_open(s)) {
		e = keyring_drop_retired(s->keys, &ret->keys_dropped);
		row_cache_clear(s->rows); /* nobody can read those again */
		ret->done = e == ERR_OK;
		reseal_restart(s);
		return e;
	}
	while (max > 0 && s->reseal_table < TABLE_COUNT && e == ERR_OK && (txn = store_reading(s)) != NULL) {
		if ((e = reseal_row(s, txn, (enum table)s->reseal_table, &key, &value)) == ERR_NOTFOUND ||
		    (e == ERR_OK && key.mv_size > STORE_KEY_MAX)) {
			s->reseal_table++;
			store_key_init(&s->reseal_at);
			e = ERR_OK;
			continue;
		}
		if (e != ERR_OK)
			break;
		store_key_init(&s->reseal_at);
		store_key_bytes(&s->reseal_at, key.mv_data, key.mv_size);
		e = reseal_one(s, (enum table)s->reseal_table, &key, &value);
		s->reseal_rows++;
		max--;
	}
	ret->rows = s->reseal_rows;
	ret->total = rows_total(s, store_reading(s));
	return e;
}
