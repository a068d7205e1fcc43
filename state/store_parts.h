/*
 * store_parts.h - the store from within, shared by the parts of store.h and nobody else.
 *
 *	store.c          records: sealed and put, got and opened
 *	store_turn.c     one write transaction a loop turn, and one function through which every turn goes to disk
 *	store_open.c     the files: keys, tables, and what older formats become
 *	store_key.c      keys of rows
 *	store_walk.c     walks over keys
 *	store_owner.c    with whose key a record is sealed
 *	store_damaged.c  rows that do not open
 *	store_reseal.c   retired keys, and what is still sealed with them
 */
#ifndef STATE_STORE_PARTS_H
#define STATE_STORE_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lmdb.h>

#include "base/err.h"
#include "base/hash.h"
#include "state/codec.h"
#include "state/keyring.h"
#include "state/row_cache.h"
#include "state/seal.h"
#include "state/store.h"

#define STORE_SEALED_MAX (RECORD_ENCODED_MAX + SEAL_OVERHEAD_MAX)
/* More damage than that is told of when the first of it has been dealt with. */
#define STORE_DAMAGED_MAX 64
#define STORE_ERG_CACHE   256
#define STORE_HASHED_IDS  1024
#define STORE_ID_LEN      64 /* longer ones are hashed each time */

struct env;
struct timer;

struct store_waiter {
	void (*cb)(void *arg);
	void *arg;
};

struct store_batch {
	struct store_op *ops;
	size_t count, size;
};

/* Where a table's record names its tenant or its ERG; -1: nowhere. */
struct store_owner_fields {
	int32_t tenant, erg;
};

struct store_damaged {
	enum table table;
	struct store_key key;
};

/* An HMAC costs more than a look into the tree, and the same few ids are asked for again and again. */
struct store_hashed_id {
	uint8_t len, text[STORE_ID_LEN]; /* kind, NUL, id; len 0: nothing */
	uint8_t hash[KEY_OWNER_LEN];
};

struct store_erg_owner {
	bool known;
	uint8_t erg[KEY_OWNER_LEN];
	struct key_owner owner;
};

struct store {
	struct env *env;
	struct keyring *keys;
	struct row_cache *rows;
	struct key32 index_key;
	struct clock *clock;
	void (*on_failure)(void *arg, enum err e);
	void *on_failure_arg;
	void (*on_commit)(void *arg, const struct store_op *ops, size_t count);
	void *on_commit_arg;

	MDB_dbi tables[TABLE_COUNT], quarantine;
	struct store_owner_fields owners[TABLE_COUNT];
	struct store_erg_owner ergs[STORE_ERG_CACHE];
	struct store_hashed_id *hashed_ids; /* STORE_HASHED_IDS */
	struct store_damaged damaged_rows[STORE_DAMAGED_MAX];
	uint64_t changes[TABLE_COUNT];
	size_t damaged_count;
	void (*on_damaged)(void *arg);
	void *on_damaged_arg;
	unsigned reseal_table; /* where store_reseal goes on; TABLE_COUNT: all was seen */
	struct store_key reseal_at;
	uint64_t reseal_rows;
	MDB_txn *write; /* of this turn; NULL: nothing was put in it */
	MDB_txn *read;  /* kept from turn to turn; of this one while reading */
	bool reading;   /* not while there is a write */
	struct timer *turn;
	struct store_waiter *waiters;
	size_t waiter_count, waiter_size;
	struct store_batch batch;
	uint64_t turn_bytes;
	bool has_room, failed;
	struct timer *room; /* while there is none: looks again */
	uint64_t commits, damaged;
	int64_t last_commit_ms;

	uint8_t plain[STORE_SEALED_MAX], sealed[STORE_SEALED_MAX];
	size_t plain_len;                   /* of what was sealed last */
	uint8_t kept[ROW_CACHE_RECORD_MAX]; /* a record as it will be read */
};

/* ---------- store_turn.c ---------- */

/* What the turn has changed in memory can't be taken back: by default the process ends, and starts again from the disk. */
void store_fail(struct store *s, enum err e, const char *doing);
/* The turn's transaction; NULL after a failure. */
MDB_txn *store_reading(struct store *s);
MDB_txn *store_writing(struct store *s);
/* After each put or delete: the batch, and room for a turn that grows long. value NULL: a delete. */
void store_note(struct store *s, enum table t, const MDB_val *key, const MDB_val *value);
void store_make_room(struct store *s);
void store_room_again(void *store); /* the timer of room */
void store_turn_commit(struct store *s);
void store_turn_end(void *store); /* the turn's timer */
void store_batch_clear(struct store_batch *b);

/* ---------- store.c ---------- */

MDB_val store_val(const struct store_key *key);
/* Record to s->plain and s->sealed, with its owner's present key. */
enum err store_seal(struct store *s, enum table t, const void *key, size_t key_len, const void *record, size_t *ret_len);
/* ERR_CORRUPT: it is not what was sealed there; noted. What was opened a short while ago is not opened again. */
enum err store_unseal(struct store *s, enum table t, const MDB_val *key, const MDB_val *value, void *ret);
/* The same, and nobody is told. */
enum err store_unseal_as(struct store *s, struct seal *seal, enum table t, const MDB_val *key, const MDB_val *value, void *ret);

/* ---------- store_owner.c ---------- */

/* Which field of each record tells whose it is: found by name, so that a new table needs nothing here. */
void store_owners_find(struct store *s);
struct key_owner store_owner_of(struct store *s, enum table t, const void *record);
struct key_owner store_owner_of_tenant(const struct store *s, const char *tenant);
/* Which tenant's the ERG is, for the records that only name the ERG; NULL: it is gone. */
void store_owner_learn(struct store *s, const struct store_key *erg, const struct key_owner *owner);

/* ---------- store_damaged.c ---------- */

/* Noted once, until somebody has asked for it. */
void store_note_damaged(struct store *s, enum table t, const MDB_val *key);

#endif
