#include "state/store_damaged.h"

#include <stdio.h>
#include <string.h>

#include <lmdb.h>

#include "base/log.h"
#include "state/env.h"
#include "state/keyring.h"
#include "state/seal.h"
#include "state/store_parts.h"

/* For the curious; beyond that a damaged row is only removed. */
#define QUARANTINE_MAX 10000

void
store_note_damaged(struct store *s, enum table t, const MDB_val *key)
{
	struct store_damaged *d;

	for (size_t i = 0; i < s->damaged_count; i++)
		if (s->damaged_rows[i].table == t && s->damaged_rows[i].key.len == key->mv_size &&
		    memcmp(s->damaged_rows[i].key.b, key->mv_data, key->mv_size) == 0)
			return;
	s->damaged++;
	log_put(LOG_ERROR, "store_record_damaged", LS("table", table_name(t)));
	if (s->damaged_count == STORE_DAMAGED_MAX || key->mv_size > STORE_KEY_MAX)
		return;
	d = &s->damaged_rows[s->damaged_count++];
	d->table = t;
	store_key_init(&d->key);
	store_key_bytes(&d->key, key->mv_data, key->mv_size);
	if (s->on_damaged != NULL)
		s->on_damaged(s->on_damaged_arg);
}

enum err
store_damaged_next(struct store *s, enum table *ret_table, struct store_key *ret_key)
{
	if (s->damaged_count == 0)
		return ERR_NOTFOUND;
	*ret_table = s->damaged_rows[0].table;
	*ret_key = s->damaged_rows[0].key;
	s->damaged_count--;
	memmove(&s->damaged_rows[0], &s->damaged_rows[1], s->damaged_count * sizeof(s->damaged_rows[0]));
	return ERR_OK;
}

/* Told of nobody: it has been. */
static bool
row_opens(struct store *s, enum table t, const MDB_val *key, const MDB_val *value)
{
	static uint8_t record[RECORD_SIZE_MAX];
	struct seal *seal = keyring_by_id(s->keys, seal_key_id(value->mv_data, value->mv_size));

	return store_unseal_as(s, seal, t, key, value, record) == ERR_OK;
}

bool
store_quarantine(struct store *s, enum table t, const struct store_key *key)
{
	uint8_t name[STORE_KEY_MAX + 32];
	MDB_val k = store_val(key), value, to = { 0, name };
	MDB_txn *txn = store_writing(s);
	MDB_stat st;
	int rc = 0;

	if (txn == NULL || mdb_get(txn, s->tables[t], &k, &value) != 0 || row_opens(s, t, &k, &value))
		return false;
	to.mv_size = (size_t)snprintf((char *)name, 32, "%s", table_name(t)) + 1;
	memcpy(name + to.mv_size, key->b, key->len);
	to.mv_size += key->len;
	if (value.mv_size <= sizeof(s->sealed) && mdb_stat(txn, s->quarantine, &st) == 0 && st.ms_entries < QUARANTINE_MAX) {
		memcpy(s->sealed, value.mv_data, value.mv_size); /* a put may move the page it lies on */
		value.mv_data = s->sealed;
		rc = mdb_put(txn, s->quarantine, &to, &value, 0);
	}
	if (rc != 0)
		store_fail(s, env_err(rc), "quarantine");
	else
		store_del(s, t, key);
	return rc == 0;
}
