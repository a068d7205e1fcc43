/* Opens what is there, makes what is not, and brings an older format to this one. */
#include "state/store_parts.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include <lmdb.h>

#include "base/clock.h"
#include "base/log.h"
#include "state/env.h"
#include "state/keyring.h"
#include "state/seal.h"

/* 1: all values under one key derived from the master key, and a canary for it. 2: a key ring. */
#define STORE_FORMAT 2

#define STORE_RESERVE (8ULL << 20)

/* Format 1: the key of all values, and a row in the unnamed table that only it opened. */
#define SEAL_LABEL_1 "store seal v1"

static const char canary_key[] = "\0canary";

/* ---------- keys ---------- */

/* Format 1: is this the master key its values were sealed with? An empty one was never sealed. */
static enum err
canary_check(struct store *s, const struct key32 *master, char *why, size_t why_size)
{
	MDB_val key = { sizeof(canary_key), (void *)(uintptr_t)canary_key }, value;
	struct seal_place place = { "", key.mv_data, key.mv_size };
	struct seal *seal = NULL;
	MDB_txn *txn;
	size_t len;
	enum err e;
	int rc;

	if ((e = env_begin(s->env, false, &txn)) != ERR_OK)
		return e;
	rc = mdb_get(txn, env_main(s->env), &key, &value);
	if (rc == 0 && value.mv_size > sizeof(s->plain))
		e = ERR_CORRUPT;
	else if (rc == 0 && (e = seal_new(master, SEAL_LABEL_1, &seal)) == ERR_OK &&
	         seal_unwrap(seal, &place, value.mv_data, value.mv_size, s->plain, &len) != ERR_OK)
		e = ERR_UNAUTHORIZED;
	else if (rc != 0 && rc != MDB_NOTFOUND)
		e = env_err(rc);
	mdb_txn_abort(txn);
	seal_free(seal);
	if (e != ERR_OK)
		(void)snprintf(why, why_size, "the key in key_file is not the one this store was sealed with");
	return e;
}

/* Nothing but the format: it was made just now, or a crash came in between. */
static bool
is_empty(struct store *s)
{
	MDB_stat st = { 0 };
	MDB_txn *txn;
	bool empty;

	if (env_begin(s->env, false, &txn) != ERR_OK)
		return false;
	empty = mdb_stat(txn, env_main(s->env), &st) == 0 && st.ms_entries <= 1;
	mdb_txn_abort(txn);
	return empty;
}

static enum err
keys_make(struct store *s, const struct store_options *options, const char *path, char *why, size_t why_size)
{
	struct key32 first;
	enum err e;

	if (is_empty(s))
		return keyring_make(path, &options->key, NULL, &s->keys, why, why_size);
	if (env_format(s->env) != 1) {
		(void)snprintf(why, why_size, "%s, which holds the store's keys, is missing", path);
		return ERR_CORRUPT;
	}
	if ((e = canary_check(s, &options->key, why, why_size)) != ERR_OK)
		return e;
	key_derive(&options->key, SEAL_LABEL_1, &first);
	e = keyring_make(path, &options->key, &first, &s->keys, why, why_size);
	secret_wipe(&first, sizeof(first));
	return e;
}

static enum err
keys_open(struct store *s, const struct store_options *options, char *why, size_t why_size)
{
	char path[PATH_MAX];
	enum err e;

	if ((size_t)snprintf(path, sizeof(path), "%s/" STORE_KEYS_FILE, options->directory) >= sizeof(path))
		return ERR_TOOBIG;
	e = keyring_open(path, &options->key, options->previous_key, &s->keys, why, why_size);
	if (e == ERR_NOTFOUND)
		e = keys_make(s, options, path, why, why_size);
	if (e != ERR_OK)
		return e;
	if (keyring_fixed(s->keys, KEY_INDEX) == NULL || keyring_fixed(s->keys, KEY_SCOPE) == NULL) {
		(void)snprintf(why, why_size, "the store's key ring is damaged");
		return ERR_CORRUPT;
	}
	s->index_key = *keyring_fixed(s->keys, KEY_INDEX);
	return ERR_OK;
}

/* ---------- tables ---------- */

/* The migrations, oldest first. */
static enum err
migrate(struct store *s, MDB_txn *txn)
{
	MDB_val key = { sizeof(canary_key), (void *)(uintptr_t)canary_key };
	int rc;

	if (env_format(s->env) == STORE_FORMAT)
		return ERR_OK;
	/* 1 to 2: the values follow one by one, as with any retired key. */
	if ((rc = mdb_del(txn, env_main(s->env), &key, NULL)) != 0 && rc != MDB_NOTFOUND)
		return env_err(rc);
	log_put(LOG_INFO, "store_migrated", LI("from", (int64_t)env_format(s->env)), LI("to", STORE_FORMAT));
	return env_format_set(s->env, txn, STORE_FORMAT);
}

static enum err
tables_open(struct store *s, char *why, size_t why_size)
{
	MDB_txn *txn;
	enum err e;
	int rc = 0;

	if ((e = env_begin(s->env, true, &txn)) != ERR_OK) {
		(void)snprintf(why, why_size, "the store cannot be written: %s", err_text(e));
		return e;
	}
	for (unsigned t = 0; t < TABLE_COUNT && rc == 0; t++)
		rc = mdb_dbi_open(txn, table_name((enum table)t), MDB_CREATE, &s->tables[t]);
	if (rc == 0)
		rc = mdb_dbi_open(txn, "QUARANTINE", MDB_CREATE, &s->quarantine);
	if ((e = env_err(rc)) != ERR_OK)
		(void)snprintf(why, why_size, "the tables of the store cannot be opened: %s", mdb_strerror(rc));
	else if ((e = migrate(s, txn)) != ERR_OK)
		(void)snprintf(why, why_size, "the store cannot be brought to this version's format: %s", err_text(e));
	if (e != ERR_OK) {
		mdb_txn_abort(txn);
		return e;
	}
	if ((rc = mdb_txn_commit(txn)) != 0)
		(void)snprintf(why, why_size, "the store cannot be written: %s", mdb_strerror(rc));
	return env_err(rc);
}

/* ---------- open and close ---------- */

static enum err
attach(struct store *s, const struct store_options *options, char *why, size_t why_size)
{
	struct env_options env = {
		.directory = options->directory,
		.what = "store",
		.format = STORE_FORMAT,
		.map_size_bytes = options->map_size_bytes,
		.reserve_bytes = STORE_RESERVE,
		.tables_max = TABLE_COUNT + 1,
		.writer = true,
	};
	enum err e;

	store_owners_find(s);
	if ((s->turn = timer_new(s->clock, store_turn_end, s)) == NULL ||
	    (s->room = timer_new(s->clock, store_room_again, s)) == NULL || row_cache_new(&s->rows) != ERR_OK)
		return ERR_NOMEM;
	if ((e = env_open(&env, &s->env, why, why_size)) != ERR_OK || (e = keys_open(s, options, why, why_size)) != ERR_OK ||
	    (e = tables_open(s, why, why_size)) != ERR_OK)
		return e;
	s->has_room = true;
	store_make_room(s);
	return ERR_OK;
}

enum err
store_open(const struct store_options *options, struct store **ret, char *why, size_t why_size)
{
	struct store *s = calloc(1, sizeof(*s));
	enum err e;

	if (s == NULL)
		return ERR_NOMEM;
	if (why_size > 0)
		why[0] = 0;
	s->clock = options->clock;
	s->on_failure = options->on_failure;
	s->on_failure_arg = options->on_failure_arg;
	s->on_commit = options->on_commit;
	s->on_commit_arg = options->on_commit_arg;
	s->on_damaged = options->on_damaged;
	s->on_damaged_arg = options->on_damaged_arg;
	s->hashed_ids = calloc(STORE_HASHED_IDS, sizeof(*s->hashed_ids));
	e = s->hashed_ids != NULL ? attach(s, options, why, why_size) : ERR_NOMEM;
	if (e != ERR_OK) {
		store_drop(s);
		return e;
	}
	*ret = s;
	return ERR_OK;
}

void
store_drop(struct store *s)
{
	if (s == NULL)
		return;
	if (s->write != NULL)
		mdb_txn_abort(s->write);
	if (s->read != NULL)
		mdb_txn_abort(s->read);
	timer_free(s->turn);
	timer_free(s->room);
	env_close(s->env);
	keyring_free(s->keys);
	row_cache_free(s->rows);
	store_batch_clear(&s->batch);
	free(s->batch.ops);
	free(s->waiters);
	if (s->hashed_ids != NULL)
		secret_wipe(s->hashed_ids, STORE_HASHED_IDS * sizeof(*s->hashed_ids));
	free(s->hashed_ids);
	secret_wipe(s, sizeof(*s));
	free(s);
}

void
store_close(struct store *s)
{
	if (s != NULL && s->write != NULL)
		store_turn_commit(s);
	store_drop(s);
}
