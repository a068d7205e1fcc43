/*
 * store.c - one write transaction a loop turn, and one function, commit, through which every turn goes to disk.
 *
 * A cursor holds no LMDB cursor: each step looks up the key after the last one in whatever transaction is current. That costs
 * a descent of the tree, a fraction of opening the seal, and makes a walk indifferent to puts, deletes and commits.
 */
#include "state/store.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lmdb.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/service.h"
#include "state/codec.h"
#include "state/env.h"
#include "state/keyring.h"
#include "state/seal.h"

/* 1: all values under one key derived from the master key, and a canary for it. 2: a key ring. */
#define STORE_FORMAT  2
#define STORE_RESERVE (8ULL << 20)
/* Room that a turn finds ready; longer turns ask for more on the way. */
#define TURN_ROOM   (1ULL << 20)
#define SEALED_MAX  (RECORD_ENCODED_MAX + SEAL_OVERHEAD_MAX)
#define ID_HASH_LEN KEY_OWNER_LEN
/* More damage than that is told of when the first of it has been dealt with. */
#define DAMAGED_MAX 64
/* For the curious; beyond that a damaged row is only removed. */
#define QUARANTINE_MAX 10000
#define ERG_CACHE      256

/* Format 1: the key of all values, and a row in the unnamed table that only it opened. */
#define SEAL_LABEL_1 "store seal v1"
static const char canary_key[] = "\0canary";

struct waiter {
	void (*cb)(void *arg);
	void *arg;
};

struct batch {
	struct store_op *ops;
	size_t count, size;
};

/* Where a table's record names its tenant or its ERG; -1: nowhere. */
struct owner_fields {
	int32_t tenant, erg;
};

struct damaged {
	enum table table;
	struct store_key key;
};

struct erg_owner {
	bool known;
	uint8_t erg[ID_HASH_LEN];
	struct key_owner owner;
};

struct store {
	struct env *env;
	struct keyring *keys;
	struct key32 index_key;
	struct clock *clock;
	void (*on_failure)(void *arg, enum err e);
	void *on_failure_arg;
	void (*on_commit)(void *arg, const struct store_op *ops, size_t count);
	void *on_commit_arg;

	MDB_dbi tables[TABLE_COUNT], quarantine;
	struct owner_fields owners[TABLE_COUNT];
	struct erg_owner ergs[ERG_CACHE];
	struct damaged damaged_rows[DAMAGED_MAX];
	uint64_t changes[TABLE_COUNT];
	size_t damaged_count;
	void (*on_damaged)(void *arg);
	void *on_damaged_arg;
	unsigned reseal_table; /* where store_reseal goes on; TABLE_COUNT: all was seen */
	struct store_key reseal_at;
	uint64_t reseal_rows;
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

/* Which field of each record tells whose it is: found by name, so that a new table needs nothing here. */
static void
owners_find(struct store *s)
{
	for (unsigned t = 0; t < TABLE_COUNT; t++) {
		const struct schema *schema = table_schema((enum table)t);
		const char *tenant = t == TABLE_TENANTS ? "id.s" : "tenant.s";

		s->owners[t] = (struct owner_fields){ -1, -1 };
		for (size_t i = 0; i < schema->field_count; i++) {
			if (strcmp(schema->fields[i].name, tenant) == 0)
				s->owners[t].tenant = (int32_t)schema->fields[i].offset;
			else if (strcmp(schema->fields[i].name, "erg.s") == 0)
				s->owners[t].erg = (int32_t)schema->fields[i].offset;
		}
	}
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
		.tables_max = TABLE_COUNT + 1,
		.writer = true,
	};
	enum err e;

	owners_find(s);
	if ((s->turn = timer_new(s->clock, end_turn, s)) == NULL)
		return ERR_NOMEM;
	if ((e = env_open(&env, &s->env, why, why_size)) != ERR_OK || (e = keys_open(s, options, why, why_size)) != ERR_OK ||
	    (e = tables_open(s, why, why_size)) != ERR_OK)
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
	s->on_damaged = options->on_damaged;
	s->on_damaged_arg = options->on_damaged_arg;
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
	keyring_free(s->keys);
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

/* Noted once, until somebody has asked for it. */
static void
note_damaged(struct store *s, enum table t, const MDB_val *key)
{
	struct damaged *d;

	for (size_t i = 0; i < s->damaged_count; i++)
		if (s->damaged_rows[i].table == t && s->damaged_rows[i].key.len == key->mv_size &&
		    memcmp(s->damaged_rows[i].key.b, key->mv_data, key->mv_size) == 0)
			return;
	s->damaged++;
	log_put(LOG_ERROR, "store_record_damaged", LS("table", table_name(t)));
	if (s->damaged_count == DAMAGED_MAX || key->mv_size > STORE_KEY_MAX)
		return;
	d = &s->damaged_rows[s->damaged_count++];
	d->table = t;
	store_key_init(&d->key);
	store_key_bytes(&d->key, key->mv_data, key->mv_size);
	if (s->on_damaged != NULL)
		s->on_damaged(s->on_damaged_arg);
}

static enum err
unseal_as(struct store *s, struct seal *seal, enum table t, const MDB_val *key, const MDB_val *value, void *ret)
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
unseal(struct store *s, enum table t, const MDB_val *key, const MDB_val *value, void *ret)
{
	struct seal *seal = keyring_by_id(s->keys, seal_key_id(value->mv_data, value->mv_size));

	if (unseal_as(s, seal, t, key, value, ret) == ERR_OK)
		return ERR_OK;
	note_damaged(s, t, key);
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

	s->changes[t]++;
	if (s->on_commit != NULL && !batch_add(&s->batch, t, key, value)) {
		fail(s, ERR_NOMEM, "batch");
		return;
	}
	s->turn_bytes += key->mv_size + (value != NULL ? value->mv_size : 0);
	if (s->turn_bytes / TURN_ROOM != before)
		make_room(s);
}

/* --- whose key --- */

static struct key_owner
owner_of_tenant(const struct store *s, const char *tenant)
{
	struct key_owner owner;
	struct store_key key;

	store_key_init(&key);
	store_key_id(s, &key, "tenant", tenant);
	memcpy(owner.b, key.b, sizeof(owner.b));
	return owner;
}

static struct erg_owner *
erg_slot(struct store *s, const struct store_key *erg)
{
	return &s->ergs[erg->b[0] % ERG_CACHE];
}

static void
erg_owner_learn(struct store *s, const struct store_key *erg, const struct key_owner *owner)
{
	struct erg_owner *slot = erg_slot(s, erg);

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
	struct erg_owner *slot;
	struct store_key key;

	store_key_init(&key);
	store_key_id(s, &key, "erg", id);
	slot = erg_slot(s, &key);
	if (slot->known && memcmp(slot->erg, key.b, sizeof(slot->erg)) == 0)
		return slot->owner;
	if (store_get(s, TABLE_ERGS, &key, &erg) != ERR_OK)
		return owner;
	owner = owner_of_tenant(s, erg.tenant.s);
	erg_owner_learn(s, &key, &owner);
	return owner;
}

static struct key_owner
owner_of(struct store *s, enum table t, const void *record)
{
	const struct owner_fields *f = &s->owners[t];
	const char *tenant = f->tenant >= 0 ? (const char *)record + f->tenant : "";
	const char *erg = f->erg >= 0 ? (const char *)record + f->erg : "";

	if (tenant[0] != '\0')
		return owner_of_tenant(s, tenant);
	if (erg[0] != '\0')
		return owner_of_erg(s, erg);
	return (struct key_owner){ { 0 } };
}

/* Record to s->sealed. */
static enum err
reseal(struct store *s, enum table t, const void *key, size_t key_len, const void *record, size_t *ret_len)
{
	struct seal_place place = { table_name(t), key, key_len };
	struct key_owner owner = owner_of(s, t, record);
	struct seal *seal;
	size_t len = 0;
	enum err e = keyring_seal(s->keys, &owner, &seal);

	if (e == ERR_OK)
		e = schema_encode(table_schema(t), record, s->plain, RECORD_ENCODED_MAX, &len);
	if (e == ERR_OK)
		e = seal_wrap(seal, &place, s->plain, len, s->sealed);
	if (e == ERR_OK)
		*ret_len = len + seal_overhead(seal);
	return e;
}

void
store_put(struct store *s, enum table t, const struct store_key *key, const void *record)
{
	MDB_val k = val_of(key), value = { 0, s->sealed };
	struct key_owner owner;
	MDB_txn *txn;
	enum err e;

	assert(key->len > 0);

	/* The owner may have to be read: before the value is in s->sealed. */
	e = reseal(s, t, key->b, key->len, record, &value.mv_size);
	if ((txn = writing(s)) == NULL)
		return;
	if (e == ERR_OK)
		e = env_err(mdb_put(txn, s->tables[t], &k, &value, 0));
	if (e != ERR_OK) {
		fail(s, e, "put");
		return;
	}
	if (t == TABLE_ERGS) {
		owner = owner_of(s, t, record);
		erg_owner_learn(s, key, &owner);
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
	if (t == TABLE_ERGS)
		erg_owner_learn(s, key, NULL);
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

/* --- damaged records --- */

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

	return unseal_as(s, seal, t, key, value, record) == ERR_OK;
}

bool
store_quarantine(struct store *s, enum table t, const struct store_key *key)
{
	uint8_t name[STORE_KEY_MAX + 32];
	MDB_val k = val_of(key), value, to = { 0, name };
	MDB_txn *txn = writing(s);
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
		fail(s, env_err(rc), "quarantine");
	else
		store_del(s, t, key);
	return rc == 0;
}

/* --- keys --- */

const struct key32 *
store_scope_key(const struct store *s)
{
	return keyring_fixed(s->keys, KEY_SCOPE);
}

bool
store_rewrapped(const struct store *s)
{
	return keyring_rewrapped(s->keys);
}

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
	struct key_owner owner = owner_of_tenant(s, tenant->s);

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

void
store_retire_orphans(struct store *s)
{
	struct orphans o = { .store = s };

	do {
		o.found = false;
		keyring_owners(s->keys, orphan_find, &o);
	} while (o.found && keyring_retire(s->keys, &o.first) == ERR_OK);
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
store_has_master(const struct store *s, const struct key32 *key)
{
	return keyring_has_master(s->keys, key);
}

bool
store_retiring(const struct store *s)
{
	return keyring_retiring(s->keys, NULL);
}

/* The row after s->reseal_at in table t; its value is LMDB's. */
static enum err
reseal_row(struct store *s, MDB_txn *txn, enum table t, MDB_val *key, MDB_val *value)
{
	MDB_cursor *cursor;
	int rc;

	*key = val_of(&s->reseal_at);
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
	    unseal(s, t, key, value, &record) != ERR_OK)
		return ERR_OK;
	e = reseal(s, t, k.mv_data, k.mv_size, &record, &fresh.mv_size);
	if (e == ERR_OK && (txn = writing(s)) == NULL)
		return ERR_IO;
	if (e == ERR_OK)
		e = env_err(mdb_put(txn, s->tables[t], &k, &fresh, 0));
	if (e != ERR_OK) {
		fail(s, e, "reseal");
		return e;
	}
	note(s, t, &k, &fresh);
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
		ret->done = e == ERR_OK;
		reseal_restart(s);
		return e;
	}
	while (max > 0 && s->reseal_table < TABLE_COUNT && e == ERR_OK && (txn = reading(s)) != NULL) {
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
	ret->total = rows_total(s, reading(s));
	return e;
}

/* --- watching --- */

uint64_t
store_changes(const struct store *s, enum table t)
{
	return s->changes[t];
}

void
store_rows(struct store *s, uint64_t ret[TABLE_COUNT])
{
	MDB_txn *txn = reading(s);
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
	MDB_txn *txn = reading(s);
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
