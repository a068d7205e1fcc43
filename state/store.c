#include "state/store.h"

#include <assert.h>
#include <string.h>

#include <lmdb.h>

#include "base/clock.h"
#include "state/codec.h"
#include "state/env.h"
#include "state/keyring.h"
#include "state/seal.h"
#include "state/store_parts.h"

/* ---------- sealed ---------- */

MDB_val
store_val(const struct store_key *key)
{
	return (MDB_val){ key->len, (void *)(uintptr_t)key->b };
}

enum err
store_seal(struct store *s, enum table t, const void *key, size_t key_len, const void *record, size_t *ret_len)
{
	struct seal_place place = { table_name(t), key, key_len };
	struct key_owner owner = store_owner_of(s, t, record);
	struct seal *seal;
	size_t len = 0;
	enum err e = keyring_seal(s->keys, &owner, &seal);

	if (e == ERR_OK)
		e = schema_encode(table_schema(t), record, s->plain, RECORD_ENCODED_MAX, &len);
	if (e == ERR_OK)
		e = seal_wrap(seal, &place, s->plain, len, s->sealed);
	if (e == ERR_OK)
		*ret_len = len + seal_overhead(seal);
	s->plain_len = len;
	return e;
}

enum err
store_unseal_as(struct store *s, struct seal *seal, enum table t, const MDB_val *key, const MDB_val *value, void *ret)
{
	struct seal_place place = { table_name(t), key->mv_data, key->mv_size };
	size_t len;
	enum err e;

	if (seal == NULL || value->mv_size > sizeof(s->plain))
		return ERR_CORRUPT;
	e = seal_unwrap(seal, &place, value->mv_data, value->mv_size, s->plain, &len);
	return e == ERR_OK ? schema_decode(table_schema(t), s->plain, len, ret) : e;
}

static enum err
row_open(struct store *s, enum table t, const MDB_val *key, const MDB_val *value, void *ret)
{
	struct seal *seal = keyring_by_id(s->keys, seal_key_id(value->mv_data, value->mv_size));

	if (store_unseal_as(s, seal, t, key, value, ret) == ERR_OK)
		return ERR_OK;
	store_note_damaged(s, t, key);
	return ERR_CORRUPT;
}

/* A walk comes by each row once: what it opens is not kept. */
enum err
store_unseal(struct store *s, enum table t, const MDB_val *key, const MDB_val *value, void *ret)
{
	return row_cache_get(s->rows, t, key, value, ret) ? ERR_OK : row_open(s, t, key, value, ret);
}

static enum err
row_get(struct store *s, enum table t, const MDB_val *key, const MDB_val *value, void *ret)
{
	enum err e;

	if (row_cache_get(s->rows, t, key, value, ret))
		return ERR_OK;
	if ((e = row_open(s, t, key, value, ret)) == ERR_OK)
		row_cache_put(s->rows, t, key, value, ret);
	return e;
}

/* What was put is mostly read soon: kept as it will be read then, which is not always how it was given. */
static void
row_keep(struct store *s, enum table t, const MDB_val *key, const MDB_val *value)
{
	if (row_cache_takes(t) && schema_decode(table_schema(t), s->plain, s->plain_len, s->kept) == ERR_OK)
		row_cache_put(s->rows, t, key, value, s->kept);
}

/* ---------- records ---------- */

enum err
store_get(struct store *s, enum table t, const struct store_key *key, void *ret)
{
	MDB_txn *txn = store_reading(s);
	MDB_val k = store_val(key), value;
	int rc;

	if (txn == NULL)
		return ERR_IO;
	if ((rc = mdb_get(txn, s->tables[t], &k, &value)) == 0)
		return row_get(s, t, &k, &value, ret);
	if (rc != MDB_NOTFOUND) {
		store_fail(s, env_err(rc), "get");
		return ERR_IO;
	}
	return ERR_NOTFOUND;
}

bool
store_has(struct store *s, enum table t, const struct store_key *key)
{
	MDB_txn *txn = store_reading(s);
	MDB_val k = store_val(key), value;

	return txn != NULL && mdb_get(txn, s->tables[t], &k, &value) == 0;
}

void
store_put(struct store *s, enum table t, const struct store_key *key, const void *record)
{
	MDB_val k = store_val(key), value = { 0, s->sealed };
	struct key_owner owner;
	MDB_txn *txn;
	enum err e;

	assert(key->len > 0);

	/* The owner may have to be read: before the value is in s->sealed. */
	e = store_seal(s, t, key->b, key->len, record, &value.mv_size);
	if ((txn = store_writing(s)) == NULL)
		return;
	if (e == ERR_OK)
		e = env_err(mdb_put(txn, s->tables[t], &k, &value, 0));
	if (e != ERR_OK) {
		store_fail(s, e, "put");
		return;
	}
	row_keep(s, t, &k, &value);
	if (t == TABLE_ERGS) {
		owner = store_owner_of(s, t, record);
		store_owner_learn(s, key, &owner);
	}
	store_note(s, t, &k, &value);
}

void
store_del(struct store *s, enum table t, const struct store_key *key)
{
	MDB_val k = store_val(key);
	MDB_txn *txn;
	int rc;

	if (!store_has(s, t, key) || (txn = store_writing(s)) == NULL)
		return;
	if (t == TABLE_ERGS)
		store_owner_learn(s, key, NULL);
	if ((rc = mdb_del(txn, s->tables[t], &k, NULL)) != 0)
		store_fail(s, env_err(rc), "delete");
	else
		store_note(s, t, &k, NULL);
}

uint64_t
store_next_number(struct store *s, const char *name)
{
	struct meta_record meta = { 0 };
	struct store_key key;

	store_key_init(&key);
	store_key_bytes(&key, name, strlen(name));
	/* A counter that was lost must not start again: it jumps past whatever it can have been, a thousand a millisecond. */
	if (store_get(s, TABLE_META, &key, &meta) == ERR_CORRUPT)
		meta.number = (uint64_t)clock_wall_ms(s->clock) * 1000;
	meta.number++;
	store_put(s, TABLE_META, &key, &meta);
	return meta.number;
}

const struct key32 *
store_scope_key(const struct store *s)
{
	return keyring_fixed(s->keys, KEY_SCOPE);
}

/* ---------- watching ---------- */

uint64_t
store_changes(const struct store *s, enum table t)
{
	return s->changes[t];
}

void
store_rows(struct store *s, uint64_t ret[TABLE_COUNT])
{
	MDB_txn *txn = store_reading(s);
	MDB_stat st;

	for (unsigned t = 0; t < TABLE_COUNT; t++)
		ret[t] = txn != NULL && mdb_stat(txn, s->tables[t], &st) == 0 ? st.ms_entries : 0;
}

bool
store_has_room(const struct store *s)
{
	return s->has_room;
}

void
store_stats(struct store *s, struct store_stats *ret)
{
	MDB_txn *txn = store_reading(s);
	struct env_usage usage;
	MDB_stat st;

	memset(ret, 0, sizeof(*ret));
	store_rows(s, ret->rows);
	if (txn != NULL && mdb_stat(txn, s->quarantine, &st) == 0)
		ret->quarantined = st.ms_entries;
	env_usage(s->env, &usage);
	ret->used_bytes = usage.used_bytes;
	ret->file_bytes = usage.file_bytes;
	ret->map_bytes = usage.map_bytes;
	ret->commits = s->commits;
	ret->damaged = s->damaged;
	ret->last_commit_ms = s->last_commit_ms;
}
