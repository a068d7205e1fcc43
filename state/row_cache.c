/* row_cache.c - sets of a few places, each in the order in which its rows were last asked for; a row's hash tells its set. */
#include "state/row_cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "state/codec.h"
#include "state/store_key.h"

#define WAYS       4
#define SETS       (ROW_CACHE_ROWS / WAYS)
#define SEALED_MAX 1024 /* of a row's value */
#define GRAIN      64   /* a row that has grown by a few bytes often finds room where it was */

struct row {
	enum table table;
	size_t key_len, value_len, record_len;
	size_t size;     /* of bytes */
	uint8_t bytes[]; /* key, sealed value, record */
};

struct place {
	uint64_t hash;
	struct row *row; /* NULL: free, and so are those behind it */
};

struct row_cache {
	struct place sets[SETS][WAYS];
};

bool
row_cache_takes(enum table t)
{
	return table_schema(t)->record_size <= ROW_CACHE_RECORD_MAX;
}

/* ---------- finding ---------- */

/* Keys are HMACs, random ids and numbers behind each other: their two ends tell them apart well enough. */
static uint64_t
hash_of(enum table t, const MDB_val *key)
{
	const uint8_t *b = key->mv_data;
	uint64_t first = 0, last = key->mv_size, h;

	if (key->mv_size < sizeof(first)) {
		memcpy(&first, b, key->mv_size);
	} else {
		memcpy(&first, b, sizeof(first));
		memcpy(&last, b + key->mv_size - sizeof(last), sizeof(last));
	}
	h = (first ^ (uint64_t)t << 56) * 0x9e3779b97f4a7c15u;
	h = (h ^ h >> 32 ^ last) * 0xd6e8feb86659fd93u;
	return h ^ h >> 32;
}

static bool
has_key(const struct row *r, enum table t, const MDB_val *key)
{
	return r->table == t && r->key_len == key->mv_size && memcmp(r->bytes, key->mv_data, key->mv_size) == 0;
}

static bool
has_value(const struct row *r, const MDB_val *value)
{
	return r->value_len == value->mv_size && memcmp(r->bytes + r->key_len, value->mv_data, value->mv_size) == 0;
}

/* The row moves to the front of its set; false: it is not there. */
static bool
find(struct place set[WAYS], uint64_t hash, enum table t, const MDB_val *key)
{
	struct place found;

	for (size_t i = 0; i < WAYS && set[i].row != NULL; i++) {
		if (set[i].hash != hash || !has_key(set[i].row, t, key))
			continue;
		found = set[i];
		memmove(&set[1], &set[0], i * sizeof(set[0]));
		set[0] = found;
		return true;
	}
	return false;
}

bool
row_cache_get(struct row_cache *c, enum table t, const MDB_val *key, const MDB_val *value, void *record)
{
	uint64_t hash = hash_of(t, key);
	struct place *set = c->sets[hash % SETS];
	const struct row *r;

	if (!find(set, hash, t, key) || !has_value(r = set[0].row, value))
		return false;
	memcpy(record, r->bytes + r->key_len + r->value_len, r->record_len);
	return true;
}

/* ---------- keeping ---------- */

static void
row_free(struct row *r)
{
	if (r != NULL)
		secret_wipe(r->bytes, r->size);
	free(r);
}

/* Room for a row, which may have held another one; NULL: out of memory. */
static struct row *
row_fit(struct row *r, size_t len)
{
	size_t size = (len + GRAIN - 1) / GRAIN * GRAIN;
	struct row *fresh;

	if (r != NULL && r->size == size)
		return r; /* in a larger one room would be lost, more and more of it */
	if ((fresh = malloc(sizeof(*fresh) + size)) != NULL)
		fresh->size = size;
	row_free(r);
	return fresh;
}

static void
row_fill(struct row *r, enum table t, const MDB_val *key, const MDB_val *value, const void *record)
{
	r->table = t;
	r->key_len = key->mv_size;
	r->value_len = value->mv_size;
	r->record_len = table_schema(t)->record_size;
	memcpy(r->bytes, key->mv_data, r->key_len);
	memcpy(r->bytes + r->key_len, value->mv_data, r->value_len);
	memcpy(r->bytes + r->key_len + r->value_len, record, r->record_len);
}

/* Brings to the front of the set what holds the row's former value, or else the place that was not asked for the longest. */
static void
claim(struct place set[WAYS], uint64_t hash, enum table t, const MDB_val *key)
{
	struct place last;

	if (find(set, hash, t, key))
		return;
	last = set[WAYS - 1];
	memmove(&set[1], &set[0], (WAYS - 1) * sizeof(set[0]));
	set[0] = last;
}

static void
give_up_first(struct place set[WAYS])
{
	memmove(&set[0], &set[1], (WAYS - 1) * sizeof(set[0]));
	set[WAYS - 1] = (struct place){ 0, NULL };
}

void
row_cache_put(struct row_cache *c, enum table t, const MDB_val *key, const MDB_val *value, const void *record)
{
	uint64_t hash = hash_of(t, key);
	struct place *set = c->sets[hash % SETS];

	if (!row_cache_takes(t) || value->mv_size > SEALED_MAX || key->mv_size > STORE_KEY_MAX)
		return;
	claim(set, hash, t, key);
	set[0].row = row_fit(set[0].row, key->mv_size + value->mv_size + table_schema(t)->record_size);
	if (set[0].row == NULL) {
		give_up_first(set);
		return;
	}
	set[0].hash = hash;
	row_fill(set[0].row, t, key, value, record);
}

/* ---------- life ---------- */

enum err
row_cache_new(struct row_cache **ret)
{
	return (*ret = calloc(1, sizeof(**ret))) != NULL ? ERR_OK : ERR_NOMEM;
}

void
row_cache_clear(struct row_cache *c)
{
	for (size_t set = 0; set < SETS; set++)
		for (size_t way = 0; way < WAYS; way++)
			row_free(c->sets[set][way].row);
	memset(c->sets, 0, sizeof(c->sets));
}

void
row_cache_free(struct row_cache *c)
{
	if (c != NULL)
		row_cache_clear(c);
	free(c);
}
