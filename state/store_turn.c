/* The turn is a transaction that its first write opens, and a timer that ends it when the loop turns. */
#include "state/store_parts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lmdb.h>

#include "base/clock.h"
#include "base/log.h"
#include "state/env.h"

/* Room that a turn finds ready; longer turns ask for more on the way. */
#define TURN_ROOM     (1ULL << 20)
#define ROOM_AGAIN_MS 5000

void
store_fail(struct store *s, enum err e, const char *doing)
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

/* ---------- transactions ---------- */

static MDB_txn *
begun(struct store *s, enum err e, MDB_txn *txn, const char *doing)
{
	if (e != ERR_OK) {
		store_fail(s, e, doing);
		return NULL;
	}
	timer_arm_sooner(s->turn, 0);
	return txn;
}

MDB_txn *
store_reading(struct store *s)
{
	enum err e;

	if (s->failed)
		return NULL;
	if (s->write != NULL)
		return s->write;
	if (s->reading)
		return s->read;
	e = s->read == NULL ? env_begin(s->env, false, &s->read) : env_renew(s->env, s->read);
	s->reading = e == ERR_OK;
	return begun(s, e, s->read, "read");
}

/* Left open, it would keep every freed page from being used again: it ends with the turn, or with the turn's first write. */
static void
end_reading(struct store *s)
{
	if (s->reading)
		mdb_txn_reset(s->read);
	s->reading = false;
}

MDB_txn *
store_writing(struct store *s)
{
	enum err e;

	if (s->failed)
		return NULL;
	if (s->write != NULL)
		return s->write;
	end_reading(s);
	s->turn_bytes = 0;
	e = env_begin(s->env, true, &s->write);
	if (e != ERR_OK)
		s->write = NULL;
	return begun(s, e, s->write, "begin");
}

void
store_make_room(struct store *s)
{
	bool room = env_ensure_room(s->env, s->turn_bytes + TURN_ROOM) == ERR_OK;

	if (room != s->has_room)
		log_event(room ? LOG_INFO : LOG_ERROR, room ? "store_has_room" : "store_has_no_room");
	s->has_room = room;
	if (!room)
		timer_arm(s->room, ROOM_AGAIN_MS);
}

/* Whoever asks for room first may never write, so that no commit looks. */
void
store_room_again(void *arg)
{
	struct store *s = arg;

	if (!s->has_room && !s->failed && s->write == NULL)
		store_make_room(s);
}

/* ---------- the batch ---------- */

static bool
batch_grow(struct store_batch *b)
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
batch_add(struct store_batch *b, enum table t, const MDB_val *key, const MDB_val *value)
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

void
store_batch_clear(struct store_batch *b)
{
	for (size_t i = 0; i < b->count; i++)
		free((void *)(uintptr_t)b->ops[i].key);
	b->count = 0;
}

void
store_note(struct store *s, enum table t, const MDB_val *key, const MDB_val *value)
{
	uint64_t before = s->turn_bytes / TURN_ROOM;

	s->changes[t]++;
	if (s->on_commit != NULL && !batch_add(&s->batch, t, key, value)) {
		store_fail(s, ERR_NOMEM, "batch");
		return;
	}
	s->turn_bytes += key->mv_size + (value != NULL ? value->mv_size : 0);
	if (s->turn_bytes / TURN_ROOM != before)
		store_make_room(s);
}

/* ---------- the end of a turn ---------- */

void
store_turn_commit(struct store *s)
{
	MDB_txn *txn = s->write;
	int64_t started = clock_boot_ms(s->clock);
	int rc;

	s->write = NULL; /* the commit frees it, also when it fails */
	if ((rc = mdb_txn_commit(txn)) != 0) {
		store_fail(s, env_err(rc), "commit");
		return;
	}
	s->last_commit_ms = clock_boot_ms(s->clock) - started;
	s->commits++;
	s->turn_bytes = 0;
	if (s->on_commit != NULL)
		s->on_commit(s->on_commit_arg, s->batch.ops, s->batch.count);
	store_batch_clear(&s->batch);
	store_make_room(s);
}

/* Callbacks may put and wait again: that is the next turn's. */
static void
run_waiters(struct store *s)
{
	struct store_waiter *run = s->waiters;
	size_t count = s->waiter_count;

	s->waiters = NULL;
	s->waiter_count = s->waiter_size = 0;
	for (size_t i = 0; i < count; i++)
		run[i].cb(run[i].arg);
	free(run);
}

void
store_turn_end(void *arg)
{
	struct store *s = arg;

	end_reading(s);
	if (s->write != NULL)
		store_turn_commit(s);
	if (!s->failed)
		run_waiters(s);
}

void
store_commit(struct store *s)
{
	timer_stop(s->turn);
	store_turn_end(s);
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
		struct store_waiter *more = reallocarray(s->waiters, size, sizeof(*more));

		if (more == NULL) {
			store_fail(s, ERR_NOMEM, "wait");
			return;
		}
		s->waiters = more;
		s->waiter_size = size;
	}
	s->waiters[s->waiter_count++] = (struct store_waiter){ cb, arg };
	timer_arm_sooner(s->turn, 0);
}
