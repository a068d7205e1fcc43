#include "state/stale.h"

#include <string.h>

#define TURN_ROWS 1000

static const char kind_name[] = "stale:kind", when_name[] = "stale:when", asked_name[] = "stale:resync";

static struct store_key
named(const char *name)
{
	struct store_key key;

	store_key_init(&key);
	store_key_bytes(&key, name, strlen(name));
	return key;
}

static void
number_put(struct store *s, const char *name, uint64_t n)
{
	struct meta_record meta = { n };
	struct store_key key = named(name);

	store_put(s, TABLE_META, &key, &meta);
}

static uint64_t
number_get(struct store *s, const char *name)
{
	struct meta_record meta;
	struct store_key key = named(name);

	return store_get(s, TABLE_META, &key, &meta) == ERR_OK ? meta.number : 0;
}

/* ---------- tables ---------- */

/* Long walks are many turns. */
static void
count_row(struct store *s, unsigned *n)
{
	if (++*n % TURN_ROWS == 0)
		store_commit(s);
}

static void
mark_ergs(struct store *s, unsigned *n)
{
	struct store_cursor *c = store_seek(s, TABLE_ERGS, NULL, NULL);
	struct store_key key;
	struct erg erg;

	while (store_next(c, &key, &erg) == ERR_OK) {
		erg.additions_only = true;
		erg.proved_wall_ms = 0;
		store_put(s, TABLE_ERGS, &key, &erg);
		count_row(s, n);
	}
	store_cursor_close(c);
}

/* A callback that is not in the outbox any more is never answered: what it was about is decided anew. */
static void
mark_members(struct store *s, unsigned *n)
{
	static const struct side nobody;
	struct store_cursor *c = store_seek(s, TABLE_MEMBERS, NULL, NULL);
	struct store_key key;
	struct member m;

	while (store_next(c, &key, &m) == ERR_OK) {
		if (m.callback_seq == 0 && m.mark == PLAN_UNMARKED)
			continue;
		m.callback_seq = 0;
		m.callback_write = PENDING_NONE;
		m.told = nobody;
		m.mark = PLAN_UNMARKED;
		store_put(s, TABLE_MEMBERS, &key, &m);
		count_row(s, n);
	}
	store_cursor_close(c);
}

static bool
is_of_members(enum change_type type)
{
	return type == CHANGE_MEMBER_ADDED || type == CHANGE_MEMBER_REMOVED || type == CHANGE_MEMBER_UPDATED;
}

/* It may long have been delivered, and overtaken since. */
static void
forget_callbacks(struct store *s, unsigned *n)
{
	struct store_cursor *c = store_seek(s, TABLE_OUTBOX, NULL, NULL);
	struct outbox_record o;
	struct store_key key;

	while (store_next(c, &key, &o) == ERR_OK)
		if (is_of_members(o.type)) {
			store_del(s, TABLE_OUTBOX, &key);
			count_row(s, n);
		}
	store_cursor_close(c);
}

/* Without its cursor the whole inbox is read, and every scope is dirty. */
static void
forget_inbox(struct store *s)
{
	struct store_key key;

	store_key_init(&key);
	store_key_id(s, &key, "cursor", "inbox");
	store_del(s, TABLE_CURSORS, &key);
}

/* More than a thousand a millisecond were never given out. */
static void
jump(struct store *s, const char *counter, int64_t now_wall_ms)
{
	uint64_t ahead = (uint64_t)(now_wall_ms > 0 ? now_wall_ms : 0) * 1000;

	if (number_get(s, counter) < ahead)
		number_put(s, counter, ahead);
}

/* ---------- what others call ---------- */

void
stale_mark(struct store *s, enum stale_kind kind, int64_t now_wall_ms)
{
	unsigned n = 0;

	mark_ergs(s, &n);
	mark_members(s, &n);
	forget_callbacks(s, &n);
	forget_inbox(s);
	jump(s, "feed", now_wall_ms);
	number_put(s, when_name, (uint64_t)(now_wall_ms > 0 ? now_wall_ms : 0));
	number_put(s, kind_name, (uint64_t)kind);
	number_put(s, asked_name, 0);
	store_commit(s);
}

enum stale_kind
stale_kind(struct store *s, int64_t *ret_wall_ms)
{
	uint64_t kind = number_get(s, kind_name);

	*ret_wall_ms = (int64_t)number_get(s, when_name);
	return kind <= STALE_REBUILT ? (enum stale_kind)kind : STALE_NOT;
}

bool
stale_resync_due(struct store *s)
{
	return number_get(s, kind_name) != STALE_NOT && number_get(s, asked_name) == 0;
}

void
stale_resync_asked(struct store *s)
{
	number_put(s, asked_name, 1);
}
