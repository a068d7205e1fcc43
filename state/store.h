/*
 * store.h - the reconciler's durable state: typed records in LMDB, sealed, one transaction a loop turn.
 *
 * The turn. The first write of a loop turn opens a transaction; at the end of the turn (a clock timer of zero) all writes of
 * the turn are committed by one function that sees the whole batch, with one sync. Reads see the turn's writes. Whatever leaves
 * the process because of a write (an HTTP answer, a Graph call, a callback) waits for it with store_after_commit. So a crash
 * anywhere leaves a whole turn or nothing of it, and nothing was said that is not on disk.
 * The loop does wait for that one sync: see DESIGN section 2 for why only the listener must not.
 *
 * Failure. A put or commit that fails ends the process through options.on_failure (default: log, _exit(1)): the turn's
 * effects in memory can't be taken back, the disk's state can. store_has_room says beforehand when the high-water mark is
 * reached: API writes are then refused; that there is room again is found also while nobody writes. Damaged values are ERR_CORRUPT
 * for that key only, counted, and noted once each for whoever rebuilds what they were of (store_damaged.h).
 *
 * Values are AES-256-GCM with a random nonce, AAD = table and key; personal ids in keys are HMACs (store_key_*): no id, name,
 * link or token is readable in a file. A record that names its tenant, or an ERG whose tenant is known, is sealed with that tenant's
 * own key, all else with the store's (keyring.h). Retired keys' values are sealed anew (store_reseal.h). Event-loop thread only.
 */
#ifndef STATE_STORE_H
#define STATE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"
#include "state/records.h"
#include "state/store_key.h"

struct clock;
struct store;

#define STORE_KEYS_FILE "keys" /* the key ring, beside data.mdb */

struct store_op { /* one row of a committed batch, as it is on disk */
	enum table table;
	const void *key;
	size_t key_len;
	const void *value;
	size_t value_len; /* NULL: a delete */
};

struct store_options {
	const char *directory; /* state/directory + "/state"; created 0700 */
	uint64_t map_size_bytes;
	struct key32 key;                 /* the master key; copied */
	const struct key32 *previous_key; /* the one before it, while a change is under way; NULL = none. Borrowed for the call */
	struct clock *clock;              /* borrowed */
	void (*on_failure)(void *arg, enum err e); /* NULL: log and _exit(1) */
	void *on_failure_arg;
	void (*on_commit)(void *arg, const struct store_op *ops, size_t count); /* the seam for a replicated log; may be NULL */
	void *on_commit_arg;
	void (*on_damaged)(
	    void *arg); /* store_damaged_next (store_damaged.h) has something new; called in the middle of a read. May be NULL */
	void *on_damaged_arg;
};

/* ERR_TOONEW, ERR_BUSY (another process has it), ERR_UNAUTHORIZED (another master key), ERR_CORRUPT, ERR_IO, each with why.
 * An older format is migrated. Gives *ret. */
enum err store_open(const struct store_options *options, struct store **ret, char *why, size_t why_size);
/* Commits the open turn first, but runs no store_after_commit callback any more: call store_commit before. NULL is fine. */
void store_close(struct store *s);
void store_drop(struct store *s); /* as a crash would: the open turn is lost. For tests */

/* --- records: ret and record are the struct named in the table's row of records.h --- */
/* ERR_NOTFOUND, ERR_CORRUPT. */
enum err store_get(struct store *s, enum table t, const struct store_key *key, void *ret);
void store_put(struct store *s, enum table t, const struct store_key *key, const void *record);
void store_del(struct store *s, enum table t, const struct store_key *key); /* absent is fine */

/* Walks the keys with a prefix (len 0: the whole table), in key order, from after `after` when not NULL.
 * The cursor lives within one callback; puts and deletes of the walked table are allowed meanwhile.
 *	struct store_cursor *c = store_seek(s, TABLE_MEMBERS, &prefix, NULL);
 *	while (store_next(c, &key, &member) == ERR_OK) ...
 *	store_cursor_close(c);
 * store_next: ERR_NOTFOUND at the end; damaged records are skipped and counted. key may be NULL. Never NULL cursor. */
struct store_cursor;
struct store_cursor *store_seek(struct store *s, enum table t, const struct store_key *prefix, const struct store_key *after);
enum err store_next(struct store_cursor *c, struct store_key *ret_key, void *ret);
void store_cursor_close(struct store_cursor *c);
/* The last (greatest) key of a table. */
enum err store_last(struct store *s, enum table t, struct store_key *ret_key);

/* Is there a row? Does not open it. */
bool store_has(struct store *s, enum table t, const struct store_key *key);
/* The next value of a counter kept in META: 1, 2, 3, ...; never given twice once the turn is on disk. */
uint64_t store_next_number(struct store *s, const char *name);

/* --- the turn --- */
/* cb runs once all that was put so far is durable (at once, in the next turn, when nothing is open). */
void store_after_commit(struct store *s, void (*cb)(void *arg), void *arg);
void store_commit(struct store *s);          /* ends the turn now: shutdown and tests */
bool store_turn_open(const struct store *s); /* something was put that is not on disk yet */

/* For scope ids: stays the same with every master key. */
const struct key32 *store_scope_key(const struct store *s);

/* Grows with each write to the table, so that what was counted in it need not be counted again. */
uint64_t store_changes(const struct store *s, enum table t);
/* How many records each table has, with those of this turn. */
void store_rows(struct store *s, uint64_t ret[TABLE_COUNT]);
bool store_has_room(const struct store *s);
struct store_stats {
	uint64_t used_bytes, file_bytes, map_bytes;
	uint64_t commits, damaged, quarantined; /* damaged: found since the start; quarantined: rows that lie there */
	int64_t last_commit_ms;                 /* how long the last sync took */
	uint64_t rows[TABLE_COUNT];
};
void store_stats(struct store *s, struct store_stats *ret);

#endif
