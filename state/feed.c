/*
 * feed.c - the feed's number is its key, and that of the OUTBOX row which says that it is still to be delivered.
 */
#include "state/feed.h"

#include <string.h>

#define COUNTER "feed"
#define TRIMMED "feed trimmed"

static struct store_key
seq_key(uint64_t seq)
{
	struct store_key key;

	store_key_init(&key);
	store_key_u64(&key, seq);
	return key;
}

uint64_t
feed_append(struct store *s, struct feed_record *f, const uint8_t order[OUTBOX_ORDER_LEN], bool deliver)
{
	struct outbox_record out = { 0 };
	struct store_key key;

	f->seq = store_next_number(s, COUNTER);
	key = seq_key(f->seq);
	store_put(s, TABLE_FEED, &key, f);
	if (!deliver)
		return f->seq;
	out.seq = f->seq;
	memcpy(out.order, order, sizeof(out.order));
	out.type = f->type;
	out.erg = f->erg;
	out.person = f->person;
	out.created_wall_ms = f->created_wall_ms;
	store_put(s, TABLE_OUTBOX, &key, &out);
	return f->seq;
}

enum err
feed_get(struct store *s, uint64_t seq, struct feed_record *ret)
{
	struct store_key key = seq_key(seq);

	return store_get(s, TABLE_FEED, &key, ret);
}

uint64_t
feed_read(struct store *s, uint64_t after, size_t limit, bool (*cb)(void *arg, const struct feed_record *f), void *arg)
{
	struct store_key from = seq_key(after), key;
	struct store_cursor *c = store_seek(s, TABLE_FEED, NULL, &from);
	struct feed_record f;
	uint64_t last = after;

	for (size_t n = 0; n < limit && store_next(c, &key, &f) == ERR_OK && cb(arg, &f); n++)
		last = store_key_number(&key);
	store_cursor_close(c);
	return last;
}

static struct store_key
meta_key(const char *name)
{
	struct store_key key;

	store_key_init(&key);
	store_key_bytes(&key, name, strlen(name));
	return key;
}

uint64_t
feed_trimmed(struct store *s)
{
	struct store_key key = meta_key(TRIMMED);
	struct meta_record meta;

	return store_get(s, TABLE_META, &key, &meta) == ERR_OK ? meta.number : 0;
}

static void
trimmed_put(struct store *s, uint64_t seq)
{
	struct store_key key = meta_key(TRIMMED);
	struct meta_record meta = { .number = seq };

	if (seq > feed_trimmed(s))
		store_put(s, TABLE_META, &key, &meta);
}

uint64_t
feed_last(struct store *s)
{
	struct store_key key = meta_key(COUNTER);
	struct meta_record meta;

	if (store_get(s, TABLE_META, &key, &meta) == ERR_OK)
		return meta.number;
	return store_last(s, TABLE_FEED, &key) == ERR_OK ? store_key_number(&key) : 0;
}

size_t
feed_trim(struct store *s, const struct feed_keep *keep, size_t max, uint64_t *from)
{
	struct store_key start = seq_key(*from), key;
	struct store_cursor *c = store_seek(s, TABLE_FEED, NULL, &start);
	uint64_t last = feed_last(s);
	struct feed_record f;
	uint64_t newest_removed = 0;
	size_t removed = 0, n;

	for (n = 0; n < max; n++) {
		if (store_next(c, &key, &f) != ERR_OK)
			break;
		if (store_key_number(&key) + keep->count > last && f.created_wall_ms >= keep->since_wall_ms)
			break;
		*from = store_key_number(&key);
		if (store_has(s, TABLE_OUTBOX, &key))
			continue;
		store_del(s, TABLE_FEED, &key);
		newest_removed = *from;
		removed++;
	}
	store_cursor_close(c);
	if (removed > 0)
		trimmed_put(s, newest_removed);
	if (n < max)
		*from = 0;
	return removed;
}
