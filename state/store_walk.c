/*
 * A cursor holds no LMDB cursor: each step looks up the key after the last one in whatever transaction is current. That costs
 * a descent of the tree, a fraction of opening the seal, and makes a walk indifferent to puts, deletes and commits.
 */
#include "state/store_parts.h"

#include <stdlib.h>
#include <string.h>

#include <lmdb.h>

#include "base/service.h"
#include "state/env.h"

struct store_cursor {
	struct store *store;
	enum table table;
	struct store_key prefix, at; /* at: where to look next */
	bool past;                   /* at itself was there already */
};

struct store_cursor *
store_seek(struct store *s, enum table t, const struct store_key *prefix, const struct store_key *after)
{
	struct store_cursor *c = calloc(1, sizeof(*c));

	if (c == NULL)
		abort(); /* a few hundred bytes: nothing could go on */
	c->store = s;
	c->table = t;
	if (prefix != NULL)
		c->prefix = c->at = *prefix;
	if (after != NULL) {
		c->at = *after;
		c->past = true;
	}
	return c;
}

void
store_cursor_close(struct store_cursor *c)
{
	free(c);
}

/* The first row at or after c->at, or after it. */
static int
step(MDB_cursor *cursor, const struct store_cursor *c, MDB_val *key, MDB_val *value)
{
	int rc;

	*key = store_val(&c->at);
	rc = mdb_cursor_get(cursor, key, value, c->at.len > 0 ? MDB_SET_RANGE : MDB_FIRST);
	if (rc == 0 && c->past && key->mv_size == c->at.len && memcmp(key->mv_data, c->at.b, c->at.len) == 0)
		rc = mdb_cursor_get(cursor, key, value, MDB_NEXT);
	return rc;
}

static enum err
next_row(struct store_cursor *c, void *ret)
{
	struct store *s = c->store;
	MDB_txn *txn = store_reading(s);
	MDB_cursor *cursor;
	MDB_val key, value;
	enum err e;
	int rc;

	if (txn == NULL)
		return ERR_IO;
	if ((rc = mdb_cursor_open(txn, s->tables[c->table], &cursor)) == 0) {
		rc = step(cursor, c, &key, &value);
		mdb_cursor_close(cursor);
	}
	if (rc != 0 && rc != MDB_NOTFOUND) {
		store_fail(s, env_err(rc), "walk");
		return ERR_IO;
	}
	if (rc == MDB_NOTFOUND || key.mv_size < c->prefix.len || key.mv_size > sizeof(c->at.b) ||
	    memcmp(key.mv_data, c->prefix.b, c->prefix.len) != 0)
		return ERR_NOTFOUND;
	e = store_unseal(s, c->table, &key, &value, ret);
	memcpy(c->at.b, key.mv_data, key.mv_size);
	c->at.len = (uint8_t)key.mv_size;
	c->past = true;
	return e;
}

enum err
store_next(struct store_cursor *c, struct store_key *ret_key, void *ret)
{
	enum err e;

	service_starting();
	/* A damaged row was counted and logged; each step moves on. */
	do
		e = next_row(c, ret);
	while (e == ERR_CORRUPT);
	if (e == ERR_OK && ret_key != NULL)
		*ret_key = c->at;
	return e;
}

enum err
store_last(struct store *s, enum table t, struct store_key *ret_key)
{
	MDB_txn *txn = store_reading(s);
	MDB_cursor *cursor;
	MDB_val key, value;
	int rc;

	if (txn == NULL)
		return ERR_IO;
	if ((rc = mdb_cursor_open(txn, s->tables[t], &cursor)) == 0) {
		rc = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
		mdb_cursor_close(cursor);
	}
	if (rc != 0 || key.mv_size > sizeof(ret_key->b))
		return ERR_NOTFOUND;
	store_key_init(ret_key);
	store_key_bytes(ret_key, key.mv_data, key.mv_size);
	return ERR_OK;
}
