/*
 * inbox.c - the log lives in the environment's unnamed table: a commit then writes one tree instead of two.
 *
 *	00 "epoch"              random, sealed: tells one inbox from its successor, and proves the key
 *	00 "next"               the next sequence number, written by trims: an emptied log must not count from 1 again
 *	01 sequence (8, big-endian)   a group of sealed hints, the last of which has that number
 *
 * Hints of one commit are sealed by the group: sealing and storing each alone costs more than all else an item needs. A group is
 * as large as LMDB keeps within a page; a hint with a rich part is a group alone, in pages of its own.
 */
#include "state/inbox.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "base/big_endian.h"
#include "base/log.h"
#include "base/text.h"
#include "state/codec.h"
#include "state/env.h"
#include "state/seal.h"

#define INBOX_FORMAT  1
#define INBOX_RESERVE (16ULL << 20)
#define TRIM_BATCH    1000
/* The first two are those of hints without a team, as former versions wrote them: still read. */
#define GROUP_VERSION_TEAMLESS      1
#define GROUP_VERSION_TEAMLESS_RICH 2
#define GROUP_VERSION               3
/* One hint and what a rich notification said: a value of its own size. */
#define GROUP_VERSION_RICH 4
/* scope, kind, time, digest, length and bytes of the item, and of the team */
#define HINT_ENCODED_MAX (SCOPE_ID_LEN + 1 + 10 + HINT_DIGEST_LEN + 3 + HINT_ITEM_MAX + 1 + GUID_BYTES)
/* without item and team, and a time of one byte */
#define HINT_ENCODED_MIN (HINT_ENCODED_MAX - HINT_ITEM_MAX - 11 - GUID_BYTES)
/* LMDB keeps key and value up to 2,038 bytes in a page of 4 KiB; what is larger gets pages of its own. */
#define GROUP_SEALED_MAX 1984
#define GROUP_PLAIN_MAX  (GROUP_SEALED_MAX - SEAL_OVERHEAD)
/* version and count before the hints; an empty item leaves the smallest of them */
#define GROUP_HEAD      2
#define RICH_PLAIN_MAX  (GROUP_HEAD + HINT_ENCODED_MAX + 3 + RICH_ITEM_MAX)
#define RICH_SEALED_MAX (RICH_PLAIN_MAX + SEAL_OVERHEAD)
#define GROUP_HINTS_MAX ((GROUP_PLAIN_MAX - GROUP_HEAD) / HINT_ENCODED_MIN)
/* LMDB's node header, the key and an offset in the page */
#define HINT_NODE_BYTES (8 + 9 + 2)
/* The last page of a value with pages of its own is not full. */
#define PAGE_BYTES  4096
#define LOG_KEY_LEN 9
#define SEAL_LABEL  "inbox seal v1"
#define SEAL_TABLE  "inbox"

static const char epoch_key[] = "\0epoch", next_key[] = "\0next";

struct inbox {
	enum inbox_role role;
	char directory[PATH_MAX];
	uint64_t map_size_bytes;
	struct key32 key;
	struct env *env; /* NULL after a reopening that failed */
	struct seal *seal;
	uint8_t epoch[INBOX_EPOCH_LEN];
	uint64_t next; /* writer: of the next record */
	bool broken;   /* a commit failed: what LMDB has in memory is no longer to be trusted */
};

/* --- hints and keys to bytes --- */

static void
hint_encode(struct encoder *e, const struct hint *h)
{
	uint8_t team[GUID_BYTES];

	guid_pack(&h->team, team);
	encode_bytes(e, h->scope.b, sizeof(h->scope.b));
	encode_u8(e, (uint8_t)h->kind);
	encode_i64(e, h->received_wall_ms);
	encode_bytes(e, h->digest, sizeof(h->digest));
	encode_string(e, h->item, h->item_len);
	encode_string(e, (const char *)team, h->team.s[0] != '\0' ? sizeof(team) : 0);
}

static void
hint_decode(struct decoder *d, bool with_team, struct hint *ret)
{
	uint8_t kind, team[GUID_BYTES] = { 0 };

	decode_bytes(d, ret->scope.b, sizeof(ret->scope.b));
	kind = decode_u8(d);
	ret->received_wall_ms = decode_i64(d);
	decode_bytes(d, ret->digest, sizeof(ret->digest));
	ret->item_len = (uint16_t)decode_string(d, ret->item, sizeof(ret->item));
	ret->kind = (enum hint_kind)kind;
	if (with_team)
		(void)decode_string(d, (char *)team, sizeof(team));
	guid_unpack(team, &ret->team);
	if (kind > HINT_OTHER)
		d->err = ERR_CORRUPT;
}

static enum err
rich_encode(const struct hint *h, uint8_t ret[RICH_PLAIN_MAX], size_t *ret_len)
{
	struct encoder e;

	if (h->item_len > HINT_ITEM_MAX || (unsigned)h->kind > HINT_OTHER || h->rich->len > RICH_ITEM_MAX)
		return ERR_INVALID;
	encoder_init(&e, ret, RICH_PLAIN_MAX);
	encode_u8(&e, GROUP_VERSION_RICH);
	encode_u8(&e, 1);
	hint_encode(&e, h);
	encode_string(&e, h->rich->text, h->rich->len);
	*ret_len = e.len;
	return e.err;
}

/* As many hints as fit, at least one. One with a rich part comes alone. */
static enum err
group_encode(const struct hint *hints, size_t count, uint8_t ret[RICH_PLAIN_MAX], size_t *ret_len, size_t *ret_count)
{
	struct encoder e;
	size_t n = 0;

	if (hints[0].rich != NULL) {
		*ret_count = 1;
		return rich_encode(&hints[0], ret, ret_len);
	}
	encoder_init(&e, ret, GROUP_PLAIN_MAX);
	encode_u8(&e, GROUP_VERSION);
	encode_u8(&e, 0);
	for (; n < count && n < GROUP_HINTS_MAX && (n == 0 || hints[n].rich == NULL); n++) {
		if (hints[n].item_len > HINT_ITEM_MAX || (unsigned)hints[n].kind > HINT_OTHER)
			return ERR_INVALID;
		if (GROUP_PLAIN_MAX - e.len < (size_t)HINT_ENCODED_MAX - HINT_ITEM_MAX + hints[n].item_len)
			break;
		hint_encode(&e, &hints[n]);
	}
	ret[1] = (uint8_t)n;
	*ret_len = e.len;
	*ret_count = n;
	return e.err;
}

/* A sealed group, opened: its hints are decoded one by one. */
struct group {
	uint8_t plain[RICH_SEALED_MAX];
	struct decoder d;
	size_t count;
	bool is_rich, with_team;
};

static enum err
group_open(struct seal *seal, const struct seal_place *place, const MDB_val *value, struct group *ret)
{
	uint8_t version;
	size_t len;

	if (value->mv_size > sizeof(ret->plain) ||
	    seal_unwrap(seal, place, value->mv_data, value->mv_size, ret->plain, &len) != ERR_OK)
		return ERR_CORRUPT;
	decoder_init(&ret->d, ret->plain, len);
	version = decode_u8(&ret->d);
	ret->is_rich = version == GROUP_VERSION_RICH || version == GROUP_VERSION_TEAMLESS_RICH;
	ret->with_team = version == GROUP_VERSION || version == GROUP_VERSION_RICH;
	ret->count = decode_u8(&ret->d);
	if (version < GROUP_VERSION_TEAMLESS || version > GROUP_VERSION_RICH || ret->count == 0 ||
	    (ret->is_rich && ret->count != 1))
		return ERR_CORRUPT;
	return ret->d.err;
}

static MDB_val
log_key(uint64_t seq, uint8_t buffer[LOG_KEY_LEN])
{
	buffer[0] = 1;
	big_endian_put_u64(buffer + 1, seq);
	return (MDB_val){ LOG_KEY_LEN, buffer };
}

/* 0 when key is none of the log's. */
static uint64_t
log_seq(const MDB_val *key)
{
	const uint8_t *b = key->mv_data;

	return key->mv_size == LOG_KEY_LEN && b[0] == 1 ? big_endian_get_u64(b + 1) : 0;
}

static MDB_val
meta_key(const char *name, size_t size)
{
	return (MDB_val){ size, (void *)(uintptr_t)name };
}

static struct seal_place
place_of(const MDB_val *key)
{
	return (struct seal_place){ SEAL_TABLE, key->mv_data, key->mv_size };
}

/* --- epoch and next --- */

static enum err
epoch_read(struct inbox *in, MDB_txn *txn, uint8_t ret[INBOX_EPOCH_LEN])
{
	MDB_val key = meta_key(epoch_key, sizeof(epoch_key)), value;
	struct seal_place place = place_of(&key);
	uint8_t plain[INBOX_EPOCH_LEN + SEAL_OVERHEAD];
	size_t len;
	int rc;

	if ((rc = mdb_get(txn, env_main(in->env), &key, &value)) != 0)
		return env_err(rc);
	if (value.mv_size > sizeof(plain) || seal_unwrap(in->seal, &place, value.mv_data, value.mv_size, plain, &len) != ERR_OK ||
	    len != INBOX_EPOCH_LEN)
		return ERR_CORRUPT;
	memcpy(ret, plain, INBOX_EPOCH_LEN);
	return ERR_OK;
}

static enum err
epoch_write(struct inbox *in, MDB_txn *txn)
{
	MDB_val key = meta_key(epoch_key, sizeof(epoch_key)), value;
	struct seal_place place = place_of(&key);
	uint8_t sealed[INBOX_EPOCH_LEN + SEAL_OVERHEAD];
	enum err e;

	if (RAND_bytes(in->epoch, INBOX_EPOCH_LEN) != 1)
		return ERR_IO;
	if ((e = seal_wrap(in->seal, &place, in->epoch, INBOX_EPOCH_LEN, sealed)) != ERR_OK)
		return e;
	value = (MDB_val){ sizeof(sealed), sealed };
	return env_err(mdb_put(txn, env_main(in->env), &key, &value, 0));
}

static enum err
next_write(struct inbox *in, MDB_txn *txn)
{
	MDB_val key = meta_key(next_key, sizeof(next_key)), value;
	uint8_t b[LOG_KEY_LEN];

	value = log_key(in->next, b);
	return env_err(mdb_put(txn, env_main(in->env), &key, &value, 0));
}

/* The sequence number in the log's first or last key; 0 when it is empty. */
static uint64_t
log_edge(struct inbox *in, MDB_txn *txn, MDB_cursor_op op)
{
	uint8_t b[LOG_KEY_LEN];
	MDB_val key = log_key(0, b), value;
	MDB_cursor *cursor;
	uint64_t seq = 0;

	if (mdb_cursor_open(txn, env_main(in->env), &cursor) != 0)
		return 0;
	if (mdb_cursor_get(cursor, &key, &value, op) == 0)
		seq = log_seq(&key);
	mdb_cursor_close(cursor);
	return seq;
}

/* The sequence number of the first hint there is; that of its group's last one when the group cannot be opened; 0 when empty. */
static uint64_t
log_first(struct inbox *in, MDB_txn *txn)
{
	uint64_t last = log_edge(in, txn, MDB_SET_RANGE);
	uint8_t b[LOG_KEY_LEN];
	MDB_val key = log_key(last, b), value;
	struct seal_place place = place_of(&key);
	struct group group;

	if (last == 0 || mdb_get(txn, env_main(in->env), &key, &value) != 0 ||
	    group_open(in->seal, &place, &value, &group) != ERR_OK || group.count > last)
		return last;
	return last - group.count + 1;
}

static uint64_t
next_read(struct inbox *in, MDB_txn *txn)
{
	MDB_val key = meta_key(next_key, sizeof(next_key)), value;
	uint64_t next = log_edge(in, txn, MDB_LAST) + 1, kept = 1;

	if (mdb_get(txn, env_main(in->env), &key, &value) == 0)
		kept = log_seq(&value);
	return kept > next ? kept : next;
}

/* --- opening --- */

/* A log sealed with another key is of no use to anybody: its scopes have a new epoch to be re-read for. */
static enum err
start_over(struct inbox *in, MDB_txn *txn)
{
	MDB_val key, value;
	uint8_t b[LOG_KEY_LEN];
	MDB_cursor *cursor;
	int rc;

	in->next = next_read(in, txn);
	if ((rc = mdb_cursor_open(txn, env_main(in->env), &cursor)) != 0)
		return env_err(rc);
	key = log_key(0, b);
	while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE)) == 0 && (rc = mdb_cursor_del(cursor, 0)) == 0)
		key = log_key(0, b);
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? next_write(in, txn) : env_err(rc);
}

static enum err
writer_attach(struct inbox *in)
{
	MDB_txn *txn;
	enum err e;

	if ((e = env_begin(in->env, true, &txn)) != ERR_OK)
		return e;
	e = epoch_read(in, txn, in->epoch);
	if (e == ERR_OK) {
		in->next = next_read(in, txn);
		mdb_txn_abort(txn);
		return ERR_OK;
	}
	if (e == ERR_CORRUPT) {
		log_event(LOG_WARN, "inbox_started_over");
		e = start_over(in, txn);
	} else if (e == ERR_NOTFOUND) {
		in->next = next_read(in, txn);
		e = ERR_OK;
	}
	if (e == ERR_OK)
		e = epoch_write(in, txn);
	if (e != ERR_OK) {
		mdb_txn_abort(txn);
		return e;
	}
	return env_err(mdb_txn_commit(txn));
}

static enum err
reader_attach(struct inbox *in)
{
	MDB_txn *txn;
	enum err e;

	if ((e = env_begin(in->env, false, &txn)) != ERR_OK)
		return e;
	e = epoch_read(in, txn, in->epoch);
	mdb_txn_abort(txn);
	return e;
}

static enum err
attach(struct inbox *in, char *why, size_t why_size)
{
	struct env_options options = {
		.directory = in->directory,
		.what = "inbox",
		.format = INBOX_FORMAT,
		.map_size_bytes = in->map_size_bytes,
		.reserve_bytes = INBOX_RESERVE,
		.writer = in->role == INBOX_WRITER,
	};
	enum err e;

	if ((e = env_open(&options, &in->env, why, why_size)) != ERR_OK)
		return e;
	e = in->role == INBOX_WRITER ? writer_attach(in) : reader_attach(in);
	if (e != ERR_OK) {
		(void)snprintf(why, why_size, "the inbox in %s cannot be used%s: %s", in->directory,
		    e == ERR_CORRUPT ? " with the key in intake_key_file" : "", err_text(e));
		env_close(in->env);
		in->env = NULL;
	}
	return e;
}

enum err
inbox_open(const char *directory, enum inbox_role role, uint64_t map_size_bytes, const struct key32 *intake_key,
    struct inbox **ret, char *why, size_t why_size)
{
	struct inbox *in = calloc(1, sizeof(*in));
	enum err e = ERR_NOMEM;

	if (why_size > 0)
		why[0] = 0;
	if (in == NULL)
		return ERR_NOMEM;
	in->role = role;
	in->map_size_bytes = map_size_bytes;
	in->key = *intake_key;
	if (!str_copy(in->directory, sizeof(in->directory), directory))
		e = ERR_TOOBIG;
	else if ((e = seal_new(intake_key, SEAL_LABEL, &in->seal)) == ERR_OK)
		e = attach(in, why, why_size);
	if (e != ERR_OK) {
		inbox_close(in);
		return e;
	}
	*ret = in;
	return ERR_OK;
}

void
inbox_close(struct inbox *in)
{
	if (in == NULL)
		return;
	env_close(in->env);
	seal_free(in->seal);
	secret_wipe(&in->key, sizeof(in->key));
	free(in);
}

enum err
inbox_reopen(struct inbox *in)
{
	char why[256] = "";
	enum err e;

	env_close(in->env);
	in->env = NULL;
	in->broken = false;
	if ((e = attach(in, why, sizeof(why))) != ERR_OK)
		log_put(LOG_ERROR, "inbox_reopen_failed", LS("why", why));
	return e;
}

/* --- writing --- */

static enum err
usable(const struct inbox *in, bool to_write)
{
	if (to_write && in->role != INBOX_WRITER)
		return ERR_UNSUPPORTED;
	return in->env == NULL || in->broken ? ERR_IO : ERR_OK;
}

/* Appends as many hints as one group takes; seq is the first one's. */
static enum err
append_group(struct inbox *in, MDB_cursor *cursor, uint64_t seq, const struct hint *hints, size_t count, size_t *ret_count)
{
	uint8_t plain[RICH_PLAIN_MAX], sealed[RICH_SEALED_MAX], b[LOG_KEY_LEN];
	MDB_val key, value;
	struct seal_place place;
	size_t len;
	enum err e;

	if ((e = group_encode(hints, count, plain, &len, ret_count)) != ERR_OK)
		return e;
	key = log_key(seq + *ret_count - 1, b);
	place = place_of(&key);
	if ((e = seal_wrap(in->seal, &place, plain, len, sealed)) != ERR_OK)
		return e;
	value = (MDB_val){ len + SEAL_OVERHEAD, sealed };
	return env_err(mdb_cursor_put(cursor, &key, &value, MDB_APPEND));
}

static enum err
append_all(struct inbox *in, MDB_txn *txn, const struct hint *hints, size_t count)
{
	MDB_cursor *cursor;
	enum err e = env_err(mdb_cursor_open(txn, env_main(in->env), &cursor));
	size_t n = 0;

	if (e != ERR_OK)
		return e;
	for (size_t at = 0; at < count && e == ERR_OK; at += n)
		e = append_group(in, cursor, in->next + at, hints + at, count - at, &n);
	mdb_cursor_close(cursor);
	return e;
}

static uint64_t
append_bytes(const struct hint *hints, size_t count)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += HINT_ENCODED_MAX - HINT_ITEM_MAX + hints[i].item_len + SEAL_OVERHEAD + HINT_NODE_BYTES +
		       (hints[i].rich != NULL ? hints[i].rich->len + PAGE_BYTES : 0);
	return sum;
}

/* Nothing that LMDB's commit says of itself is repaired here: the caller reopens. */
static enum err
commit(struct inbox *in, MDB_txn *txn)
{
	if (mdb_txn_commit(txn) == 0)
		return ERR_OK;
	in->broken = true;
	return ERR_IO;
}

enum err
inbox_append(struct inbox *in, const struct hint *hints, size_t count)
{
	MDB_txn *txn;
	enum err e;

	assert(count <= INBOX_APPEND_MAX);

	if ((e = usable(in, true)) != ERR_OK || count == 0)
		return e;
	if ((e = env_ensure_room(in->env, append_bytes(hints, count))) != ERR_OK)
		return e;
	if ((e = env_begin(in->env, true, &txn)) == ERR_OK) {
		e = append_all(in, txn, hints, count);
		if (e == ERR_OK)
			e = commit(in, txn);
		else
			mdb_txn_abort(txn);
	}
	if (e == ERR_OK)
		in->next += count;
	else if (e != ERR_FULL && e != ERR_INVALID) {
		in->broken = true;
		e = ERR_IO;
	}
	return e;
}

/* Deletes up to TRIM_BATCH groups. One of which only a part is consumed stays. */
static enum err
trim_some(struct inbox *in, MDB_txn *txn, uint64_t consumed, size_t *ret_count)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	uint8_t b[LOG_KEY_LEN];
	size_t n = 0;
	int rc;

	if ((rc = mdb_cursor_open(txn, env_main(in->env), &cursor)) != 0)
		return env_err(rc);
	while (n < TRIM_BATCH) {
		key = log_key(0, b);
		if ((rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE)) != 0 || log_seq(&key) > consumed)
			break;
		if ((rc = mdb_cursor_del(cursor, 0)) != 0)
			break;
		n++;
	}
	mdb_cursor_close(cursor);
	*ret_count = n;
	if (rc != 0 && rc != MDB_NOTFOUND)
		return env_err(rc);
	return n > 0 ? next_write(in, txn) : ERR_OK;
}

enum err
inbox_trim(struct inbox *in, uint64_t consumed)
{
	size_t count = TRIM_BATCH;
	enum err e;

	if ((e = usable(in, true)) != ERR_OK)
		return e;
	while (e == ERR_OK && count == TRIM_BATCH) {
		MDB_txn *txn;

		if ((e = env_begin(in->env, true, &txn)) != ERR_OK)
			break;
		e = trim_some(in, txn, consumed, &count);
		if (e == ERR_OK && count > 0)
			e = commit(in, txn);
		else
			mdb_txn_abort(txn);
	}
	if (e == ERR_OK)
		return ERR_OK;
	in->broken = true;
	return ERR_IO;
}

/* --- reading --- */

struct run {
	struct hint *hints;
	size_t max, count, damaged;
	uint64_t last;
};

/* Behind its hint. Without memory it is a plain hint. */
static void
rich_decode(struct group *group, struct hint *ret)
{
	char *text = malloc(RICH_ITEM_MAX);
	size_t len;

	if (text == NULL)
		return;
	len = decode_string(&group->d, text, RICH_ITEM_MAX);
	if (group->d.err == ERR_OK)
		ret->rich = rich_copy(text, len);
	free(text);
}

/* Takes the hints of one group behind run->last, as far as there is room. What cannot be read is passed over and counted. */
static void
read_group(struct inbox *in, const MDB_val *key, const MDB_val *value, struct run *run)
{
	struct seal_place place = place_of(key);
	uint64_t last = log_seq(key), seq;
	struct group group;
	struct hint skipped = { .rich = NULL }, *hint;

	if (group_open(in->seal, &place, value, &group) != ERR_OK || group.count > last) {
		run->damaged += (size_t)(last - run->last);
		run->last = last;
		return;
	}
	seq = last - group.count + 1;
	for (; seq <= last && run->count + run->damaged < run->max; seq++) {
		hint = seq > run->last ? &run->hints[run->count] : &skipped;
		hint_decode(&group.d, group.with_team, hint);
		hint->rich = NULL;
		if (group.is_rich && seq > run->last)
			rich_decode(&group, hint);
		if (seq <= run->last)
			continue;
		run->last = seq;
		if (group.d.err == ERR_OK)
			run->count++;
		else
			run->damaged++;
	}
}

static enum err
read_run(struct inbox *in, MDB_txn *txn, struct run *run)
{
	uint8_t b[LOG_KEY_LEN];
	MDB_val key = log_key(run->last + 1, b), value;
	MDB_cursor *cursor;
	int rc;

	if ((rc = mdb_cursor_open(txn, env_main(in->env), &cursor)) != 0)
		return env_err(rc);
	for (rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
	     rc == 0 && run->count + run->damaged < run->max && log_seq(&key) > 0;
	     rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT))
		read_group(in, &key, &value, run);
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? ERR_OK : env_err(rc);
}

enum err
inbox_read(
    struct inbox *in, uint64_t after, struct hint *ret, size_t max, size_t *ret_count, uint64_t *ret_last, size_t *ret_damaged)
{
	struct run run = { .hints = ret, .max = max, .last = after };
	uint8_t epoch[INBOX_EPOCH_LEN];
	MDB_txn *txn;
	enum err e;

	if ((e = usable(in, false)) != ERR_OK || (e = env_begin(in->env, false, &txn)) != ERR_OK)
		return e;
	e = epoch_read(in, txn, epoch);
	if (e == ERR_OK && memcmp(epoch, in->epoch, sizeof(epoch)) != 0)
		e = ERR_CONFLICT;
	if (e == ERR_OK && after < UINT64_MAX)
		e = read_run(in, txn, &run);
	mdb_txn_abort(txn);
	if (e != ERR_OK)
		return e;
	*ret_count = run.count;
	*ret_last = run.last;
	*ret_damaged = run.damaged;
	return ERR_OK;
}

static enum err
reader_look_again(struct inbox *in)
{
	char why[256];

	if (in->env != NULL && !env_replaced(in->env))
		return reader_attach(in);
	env_close(in->env);
	in->env = NULL;
	return attach(in, why, sizeof(why));
}

enum err
inbox_epoch(struct inbox *in, uint8_t ret[INBOX_EPOCH_LEN])
{
	enum err e = in->role == INBOX_READER ? reader_look_again(in) : usable(in, false);

	if (e == ERR_OK)
		memcpy(ret, in->epoch, INBOX_EPOCH_LEN);
	return e;
}

/* --- watching --- */

enum err
inbox_stats(struct inbox *in, struct inbox_stats *ret)
{
	static const struct hint one;
	struct env_usage usage;
	MDB_txn *txn;
	enum err e;

	if ((e = usable(in, false)) != ERR_OK || (e = env_begin(in->env, false, &txn)) != ERR_OK)
		return e;
	ret->first = log_first(in, txn);
	ret->last = log_edge(in, txn, MDB_LAST);
	if (ret->last == 0) {
		ret->first = next_read(in, txn);
		ret->last = ret->first - 1;
	}
	mdb_txn_abort(txn);
	env_usage(in->env, &usage);
	ret->used_bytes = usage.used_bytes;
	ret->file_bytes = usage.file_bytes;
	ret->map_bytes = usage.map_bytes;
	ret->accepting = in->role == INBOX_WRITER && env_ensure_room(in->env, append_bytes(&one, 1)) == ERR_OK;
	return ERR_OK;
}

void
inbox_check_readers(struct inbox *in)
{
	if (in->env != NULL)
		env_check_readers(in->env);
}
