/*
 * store.c - one write transaction a loop turn, and one function, commit, through which every turn goes to disk.
 *
 * A cursor holds no LMDB cursor: each step looks up the key after the last one in whatever transaction is current. That costs
 * a descent of the tree, a fraction of opening the seal, and makes a walk indifferent to puts, deletes and commits.
 */
#include "state/store.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lmdb.h>

#include "base/clock.h"
#include "base/log.h"
#include "state/codec.h"
#include "state/env.h"
#include "state/seal.h"

#define STORE_FORMAT  1
#define STORE_RESERVE (8ULL << 20)
/* Room that a turn finds ready; longer turns ask for more on the way. */
#define TURN_ROOM   (1ULL << 20)
#define SEALED_MAX  (RECORD_ENCODED_MAX + SEAL_OVERHEAD)
#define ID_HASH_LEN 16

#define SEAL_LABEL  "store seal v1"
#define INDEX_LABEL "store index v1"

/* A sealed row in the unnamed table that only the right key opens. */
static const char canary_key[] = "\0canary";
static const char canary_text[] = "ergsync store";

struct waiter {
	void (*cb)(void *arg);
	void *arg;
};

struct batch {
	struct store_op *ops;
	size_t count, size;
};

struct store {
	struct env *env;
	struct seal *seal;
	struct key32 index_key;
	struct clock *clock;
	void (*on_failure)(void *arg, enum err e);
	void *on_failure_arg;
	void (*on_commit)(void *arg, const struct store_op *ops, size_t count);
	void *on_commit_arg;

	MDB_dbi tables[TABLE_COUNT];
	MDB_txn *write, *read; /* of this turn; at most one of them is not NULL */
	struct timer *turn;
	struct waiter *waiters;
	size_t waiter_count, waiter_size;
	struct batch batch;
	uint64_t turn_bytes;
	bool has_room, failed;
	uint64_t commits, damaged;
	int64_t last_commit_ms;

	uint8_t plain[SEALED_MAX], sealed[SEALED_MAX];
};

/* --- failure --- */

/* What the turn has changed in memory can't be taken back: by default the process ends, and starts again from the disk. */
static void
fail(struct store *s, enum err e, const char *doing)
{
	log_put(LOG_ERROR, "store_failed", LS("doing", doing), LS("error", err_text(e)));
	if (s->write != NULL)
		mdb_txn_abort(s->write);
	s->write = NULL;
	s->failed = true;
	if (s->on_failure == NULL)
		_exit(1);
	s->on_failure(s->on_failure_arg, e);
}

/* --- transactions --- */

static MDB_txn *
reading(struct store *s)
{
	enum err e;

	if (s->failed)
		return NULL;
	if (s->write != NULL)
		return s->write;
	if (s->read != NULL)
		return s->read;
	if ((e = env_begin(s->env, false, &s->read)) != ERR_OK) {
		s->read = NULL;
		fail(s, e, "read");
		return NULL;
	}
	/* A read transaction left open would keep every freed page from being used again. */
	timer_arm_sooner(s->turn, 0);
	return s->read;
}

static MDB_txn *
writing(struct store *s)
{
	enum err e;

	if (s->failed)
		return NULL;
	if (s->write != NULL)
		return s->write;
	if (s->read != NULL)
		mdb_txn_abort(s->read);
	s->read = NULL;
	if ((e = env_begin(s->env, true, &s->write)) != ERR_OK) {
		s->write = NULL;
		fail(s, e, "begin");
		return NULL;
	}
	s->turn_bytes = 0;
	timer_arm_sooner(s->turn, 0);
	return s->write;
}

static void
make_room(struct store *s)
{
	bool room = env_ensure_room(s->env, s->turn_bytes + TURN_ROOM) == ERR_OK;

	if (room != s->has_room)
		log_event(room ? LOG_INFO : LOG_ERROR, room ? "store_has_room" : "store_has_no_room");
	s->has_room = room;
}

static void
batch_clear(struct batch *b)
{
	for (size_t i = 0; i < b->count; i++)
		free((void *)(uintptr_t)b->ops[i].key);
	b->count = 0;
}

static void
commit(struct store *s)
{
	MDB_txn *txn = s->write;
	int64_t started = clock_boot_ms(s->clock);
	int rc;

	s->write = NULL; /* the commit frees it, also when it fails */
	if ((rc = mdb_txn_commit(txn)) != 0) {
		fail(s, env_err(rc), "commit");
		return;
	}
	s->last_commit_ms = clock_boot_ms(s->clock) - started;
	s->commits++;
	s->turn_bytes = 0;
	if (s->on_commit != NULL)
		s->on_commit(s->on_commit_arg, s->batch.ops, s->batch.count);
	batch_clear(&s->batch);
	make_room(s);
}

/* Callbacks may put and wait again: that is the next turn's. */
static void
run_waiters(struct store *s)
{
	struct waiter *run = s->waiters;
	size_t count = s->waiter_count;

	s->waiters = NULL;
	s->waiter_count = s->waiter_size = 0;
	for (size_t i = 0; i < count; i++)
		run[i].cb(run[i].arg);
	free(run);
}

static void
end_turn(void *arg)
{
	struct store *s = arg;

	if (s->read != NULL)
		mdb_txn_abort(s->read);
	s->read = NULL;
	if (s->write != NULL)
		commit(s);
	if (!s->failed)
		run_waiters(s);
}

void
store_commit(struct store *s)
{
	timer_stop(s->turn);
	end_turn(s);
}

bool
store_turn_open(const struct store *s)
{
	return s->write != NULL;
}

void
store_after_commit(struct store *s, void (*cb)(void *arg), void *arg)
{
	if (s->waiter_count == s->waiter_size) {
		size_t size = s->waiter_size > 0 ? 2 * s->waiter_size : 16;
		struct waiter *more = reallocarray(s->waiters, size, sizeof(*more));

		if (more == NULL) {
			fail(s, ERR_NOMEM, "wait");
			return;
		}
		s->waiters = more;
		s->waiter_size = size;
	}
	s->waiters[s->waiter_count++] = (struct waiter){ cb, arg };
	timer_arm_sooner(s->turn, 0);
}

/* --- opening --- */

static enum err
canary_check(struct store *s, MDB_txn *txn)
{
	MDB_val key = { sizeof(canary_key), (void *)(uintptr_t)canary_key }, value;
	struct seal_place place = { "", key.mv_data, key.mv_size };
	size_t len;
	enum err e;
	int rc;

	rc = mdb_get(txn, env_main(s->env), &key, &value);
	if (rc == 0) {
		if (value.mv_size > sizeof(s->plain))
			return ERR_CORRUPT;
		return seal_unwrap(s->seal, &place, value.mv_data, value.mv_size, s->plain, &len);
	}
	if (rc != MDB_NOTFOUND)
		return env_err(rc);
	if ((e = seal_wrap(s->seal, &place, canary_text, sizeof(canary_text), s->sealed)) != ERR_OK)
		return e;
	value = (MDB_val){ sizeof(canary_text) + SEAL_OVERHEAD, s->sealed };
	return env_err(mdb_put(txn, env_main(s->env), &key, &value, 0));
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
	if ((e = env_err(rc)) != ERR_OK)
		(void)snprintf(why, why_size, "the tables of the store cannot be opened: %s", mdb_strerror(rc));
	else if ((e = canary_check(s, txn)) != ERR_OK)
		(void)snprintf(why, why_size, "the key in key_file is not the one this store was sealed with");
	if (e != ERR_OK) {
		mdb_txn_abort(txn);
		return e;
	}
	if ((rc = mdb_txn_commit(txn)) != 0)
		(void)snprintf(why, why_size, "the store cannot be written: %s", mdb_strerror(rc));
	return env_err(rc);
}

static enum err
attach(struct store *s, const struct store_options *options, char *why, size_t why_size)
{
	struct env_options env = {
		.directory = options->directory,
		.what = "store",
		.format = STORE_FORMAT,
		.map_size_bytes = options->map_size_bytes,
		.reserve_bytes = STORE_RESERVE,
		.tables_max = TABLE_COUNT,
		.writer = true,
	};
	enum err e;

	key_derive(&options->key, INDEX_LABEL, &s->index_key);
	if ((e = seal_new(&options->key, SEAL_LABEL, &s->seal)) != ERR_OK)
		return e;
	if ((s->turn = timer_new(s->clock, end_turn, s)) == NULL)
		return ERR_NOMEM;
	if ((e = env_open(&env, &s->env, why, why_size)) != ERR_OK || (e = tables_open(s, why, why_size)) != ERR_OK)
		return e;
	s->has_room = true;
	make_room(s);
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
	if ((e = attach(s, options, why, why_size)) != ERR_OK) {
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
	env_close(s->env);
	seal_free(s->seal);
	batch_clear(&s->batch);
	free(s->batch.ops);
	free(s->waiters);
	secret_wipe(s, sizeof(*s));
	free(s);
}

void
store_close(struct store *s)
{
	if (s != NULL && s->write != NULL)
		commit(s);
	store_drop(s);
}

/* --- keys --- */

void
store_key_init(struct store_key *k)
{
	memset(k, 0, sizeof(*k));
}

void
store_key_bytes(struct store_key *k, const void *data, size_t len)
{
	assert(len <= sizeof(k->b) - k->len); /* callers add parts of fixed length */

	memcpy(k->b + k->len, data, len);
	k->len = (uint8_t)(k->len + len);
}

void
store_key_u64(struct store_key *k, uint64_t n)
{
	uint8_t b[8];

	for (size_t i = 0; i < 8; i++)
		b[i] = (uint8_t)(n >> (56 - 8 * i));
	store_key_bytes(k, b, sizeof(b));
}

uint64_t
store_key_number(const struct store_key *k)
{
	uint64_t n = 0;

	if (k->len < 8)
		return 0;
	for (size_t i = k->len - 8U; i < k->len; i++)
		n = n << 8 | k->b[i];
	return n;
}

void
store_key_id(const struct store *s, struct store_key *k, const char *kind, const char *id)
{
	struct span parts[] = { { kind, strlen(kind) + 1 }, { id, strlen(id) } };
	uint8_t hash[HASH_LEN];

	hmac_sha256(&s->index_key, sizeof(s->index_key), parts, 2, hash);
	store_key_bytes(k, hash, ID_HASH_LEN);
}

/* --- records --- */

static MDB_val
val_of(const struct store_key *key)
{
	return (MDB_val){ key->len, (void *)(uintptr_t)key->b };
}

static enum err
unseal(struct store *s, enum table t, const MDB_val *key, const MDB_val *value, void *ret)
{
	struct seal_place place = { table_name(t), key->mv_data, key->mv_size };
	size_t len;

	if (value->mv_size <= sizeof(s->plain) &&
	    seal_unwrap(s->seal, &place, value->mv_data, value->mv_size, s->plain, &len) == ERR_OK &&
	    schema_decode(table_schema(t), s->plain, len, ret) == ERR_OK)
		return ERR_OK;
	s->damaged++;
	log_put(LOG_ERROR, "store_record_damaged", LS("table", table_name(t)));
	return ERR_CORRUPT;
}

enum err
store_get(struct store *s, enum table t, const struct store_key *key, void *ret)
{
	MDB_txn *txn = reading(s);
	MDB_val k = val_of(key), value;
	int rc;

	if (txn == NULL)
		return ERR_IO;
	if ((rc = mdb_get(txn, s->tables[t], &k, &value)) == 0)
		return unseal(s, t, &k, &value, ret);
	if (rc != MDB_NOTFOUND) {
		fail(s, env_err(rc), "get");
		return ERR_IO;
	}
	return ERR_NOTFOUND;
}

bool
store_has(struct store *s, enum table t, const struct store_key *key)
{
	MDB_txn *txn = reading(s);
	MDB_val k = val_of(key), value;

	return txn != NULL && mdb_get(txn, s->tables[t], &k, &value) == 0;
}

static bool
batch_grow(struct batch *b)
{
	size_t size = b->size > 0 ? 2 * b->size : 64;
	struct store_op *more = reallocarray(b->ops, size, sizeof(*more));

	if (more == NULL)
		return false;
	b->ops = more;
	b->size = size;
	return true;
}

/* One allocation an op: key and value behind each other. */
static bool
batch_add(struct batch *b, enum table t, const MDB_val *key, const MDB_val *value)
{
	size_t value_len = value != NULL ? value->mv_size : 0;
	struct store_op *op;
	uint8_t *copy;

	if ((b->count == b->size && !batch_grow(b)) || (copy = malloc(key->mv_size + value_len)) == NULL)
		return false;
	op = &b->ops[b->count++];
	*op = (struct store_op){ .table = t, .key_len = key->mv_size, .value_len = value_len };
	memcpy(copy, key->mv_data, key->mv_size);
	op->key = copy;
	if (value != NULL) {
		memcpy(copy + key->mv_size, value->mv_data, value_len);
		op->value = copy + key->mv_size;
	}
	return true;
}

/* After each put or delete: the batch, and room for a turn that grows long. */
static void
note(struct store *s, enum table t, const MDB_val *key, const MDB_val *value)
{
	uint64_t before = s->turn_bytes / TURN_ROOM;

	if (s->on_commit != NULL && !batch_add(&s->batch, t, key, value)) {
		fail(s, ERR_NOMEM, "batch");
		return;
	}
	s->turn_bytes += key->mv_size + (value != NULL ? value->mv_size : 0);
	if (s->turn_bytes / TURN_ROOM != before)
		make_room(s);
}

void
store_put(struct store *s, enum table t, const struct store_key *key, const void *record)
{
	struct seal_place place = { table_name(t), key->b, key->len };
	MDB_val k = val_of(key), value = { 0, s->sealed };
	MDB_txn *txn = writing(s);
	size_t len = 0;
	enum err e;

	assert(key->len > 0);

	if (txn == NULL)
		return;
	if ((e = schema_encode(table_schema(t), record, s->plain, RECORD_ENCODED_MAX, &len)) == ERR_OK)
		e = seal_wrap(s->seal, &place, s->plain, len, s->sealed);
	value.mv_size = len + SEAL_OVERHEAD;
	if (e == ERR_OK)
		e = env_err(mdb_put(txn, s->tables[t], &k, &value, 0));
	if (e != ERR_OK) {
		fail(s, e, "put");
		return;
	}
	note(s, t, &k, &value);
}

void
store_del(struct store *s, enum table t, const struct store_key *key)
{
	MDB_val k = val_of(key);
	MDB_txn *txn;
	int rc;

	if (!store_has(s, t, key) || (txn = writing(s)) == NULL)
		return;
	if ((rc = mdb_del(txn, s->tables[t], &k, NULL)) != 0)
		fail(s, env_err(rc), "delete");
	else
		note(s, t, &k, NULL);
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

/* --- walking --- */

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

	*key = val_of(&c->at);
	rc = mdb_cursor_get(cursor, key, value, c->at.len > 0 ? MDB_SET_RANGE : MDB_FIRST);
	if (rc == 0 && c->past && key->mv_size == c->at.len && memcmp(key->mv_data, c->at.b, c->at.len) == 0)
		rc = mdb_cursor_get(cursor, key, value, MDB_NEXT);
	return rc;
}

static enum err
next_row(struct store_cursor *c, void *ret)
{
	struct store *s = c->store;
	MDB_txn *txn = reading(s);
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
		fail(s, env_err(rc), "walk");
		return ERR_IO;
	}
	if (rc == MDB_NOTFOUND || key.mv_size < c->prefix.len || key.mv_size > sizeof(c->at.b) ||
	    memcmp(key.mv_data, c->prefix.b, c->prefix.len) != 0)
		return ERR_NOTFOUND;
	e = unseal(s, c->table, &key, &value, ret);
	memcpy(c->at.b, key.mv_data, key.mv_size);
	c->at.len = (uint8_t)key.mv_size;
	c->past = true;
	return e;
}

enum err
store_next(struct store_cursor *c, struct store_key *ret_key, void *ret)
{
	enum err e;

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
	MDB_txn *txn = reading(s);
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

/* --- watching --- */

bool
store_has_room(const struct store *s)
{
	return s->has_room;
}

void
store_stats(struct store *s, struct store_stats *ret)
{
	MDB_txn *txn = reading(s);
	struct env_usage usage;
	MDB_stat st;

	memset(ret, 0, sizeof(*ret));
	for (unsigned t = 0; t < TABLE_COUNT && txn != NULL; t++)
		if (mdb_stat(txn, s->tables[t], &st) == 0)
			ret->rows[t] = st.ms_entries;
	env_usage(s->env, &usage);
	ret->used_bytes = usage.used_bytes;
	ret->file_bytes = usage.file_bytes;
	ret->map_bytes = usage.map_bytes;
	ret->commits = s->commits;
	ret->damaged = s->damaged;
	ret->last_commit_ms = s->last_commit_ms;
}
