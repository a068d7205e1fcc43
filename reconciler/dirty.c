#include "reconciler/dirty.h"

#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "reconciler/mailbox.h"
#include "reconciler/reconciler.h"
#include "reconciler/scope.h"
#include "reconciler/work.h"

#define ITEM_DIGEST_LEN 16

static const struct scope_id no_scope;

bool
dirty_scope_is_real(const struct scope_id *scope)
{
	return memcmp(scope->b, no_scope.b, sizeof(scope->b)) != 0;
}

/* The whole scope sorts first: its digest is zeros. */
void
dirty_key(struct reconciler *r, const struct scope_id *scope, const char *item, size_t item_len, struct store_key *ret)
{
	uint8_t digest[HASH_LEN] = { 0 };
	struct span parts[] = { { scope->b, sizeof(scope->b) }, { item, item_len } };

	if (item_len > 0)
		hmac_sha256(r->scope_key.b, sizeof(r->scope_key.b), parts, 2, digest);
	store_key_init(ret);
	store_key_bytes(ret, scope->b, sizeof(scope->b));
	store_key_bytes(ret, digest, ITEM_DIGEST_LEN);
}

static void
whole_row(struct reconciler *r, const struct scope_id *scope, int64_t wait_ms, int64_t attempts)
{
	struct dirty_record row = { .scope = *scope, .kind = HINT_OTHER, .whole = true };
	struct store_key key;
	int64_t now_ms = clock_wall_ms(r->clock);

	dirty_key(r, scope, "", 0, &key);
	if (store_get(r->store, TABLE_DIRTY, &key, &row) != ERR_OK) {
		memset(&row, 0, sizeof(row));
		row.scope = *scope;
		row.kind = HINT_OTHER;
		row.whole = true;
		row.first_wall_ms = now_ms;
		row.not_before_wall_ms = now_ms + wait_ms;
	}
	if (now_ms + wait_ms < row.not_before_wall_ms)
		row.not_before_wall_ms = now_ms + wait_ms;
	row.last_wall_ms = now_ms;
	row.hint_count++;
	if (attempts >= 0)
		row.attempts = attempts;
	store_put(r->store, TABLE_DIRTY, &key, &row);
}

void
dirty_mark(struct reconciler *r, const struct scope_id *scope, int64_t wait_ms)
{
	whole_row(r, scope, wait_ms, -1);
	work_note(r, scope);
}

static struct store_cursor *
rows_of(struct reconciler *r, const struct scope_id *scope)
{
	struct store_key prefix;

	store_key_init(&prefix);
	store_key_bytes(&prefix, scope->b, sizeof(scope->b));
	return store_seek(r->store, TABLE_DIRTY, &prefix, NULL);
}

void
dirty_summarize(struct reconciler *r, const struct scope_id *scope, struct dirty_summary *ret)
{
	struct store_cursor *c = rows_of(r, scope);
	struct dirty_record row;
	struct store_key key;

	memset(ret, 0, sizeof(*ret));
	while (ret->seen_count < DIRTY_ITEMS_MAX + 2 && store_next(c, &key, &row) == ERR_OK) {
		ret->seen[ret->seen_count++] = (struct dirty_seen){ key, row.hint_count };
		ret->whole |= row.whole;
		if (ret->rows == 0 || row.not_before_wall_ms < ret->not_before_wall_ms)
			ret->not_before_wall_ms = row.not_before_wall_ms;
		ret->hint_count += row.hint_count;
		if (ret->rows++ == 0)
			ret->one = row;
	}
	store_cursor_close(c);
}

size_t
dirty_items(struct reconciler *r, const struct scope_id *scope, struct mailbox_item *ret, size_t max)
{
	struct store_cursor *c = rows_of(r, scope);
	struct dirty_record row;
	size_t n = 0;

	while (n < max && store_next(c, NULL, &row) == ERR_OK) {
		ret[n].kind = row.kind;
		memcpy(ret[n].id, row.item, sizeof(ret[n].id));
		n++;
	}
	store_cursor_close(c);
	return n;
}

bool
dirty_settled(struct reconciler *r, const struct dirty_summary *read)
{
	struct store_cursor *c;
	struct dirty_record row;
	bool empty;

	for (unsigned i = 0; i < read->seen_count; i++)
		if (store_get(r->store, TABLE_DIRTY, &read->seen[i].key, &row) == ERR_OK &&
		    row.hint_count == read->seen[i].hint_count)
			store_del(r->store, TABLE_DIRTY, &read->seen[i].key);
	c = rows_of(r, &read->one.scope);
	empty = store_next(c, NULL, &row) != ERR_OK;
	store_cursor_close(c);
	return empty;
}

bool
dirty_pending(struct reconciler *r, const struct scope_id *scope)
{
	struct store_cursor *c = rows_of(r, scope);
	struct dirty_record row;
	bool pending = store_next(c, NULL, &row) == ERR_OK;

	store_cursor_close(c);
	return pending;
}

void
dirty_drop(struct reconciler *r, const struct scope_id *scope)
{
	struct store_cursor *c = rows_of(r, scope);
	struct dirty_record row;
	struct store_key key;

	while (store_next(c, &key, &row) == ERR_OK)
		store_del(r->store, TABLE_DIRTY, &key);
	store_cursor_close(c);
}

static bool
was_read(const struct dirty_summary *read, const struct store_key *key, const struct dirty_record *row)
{
	for (unsigned i = 0; i < read->seen_count; i++)
		if (read->seen[i].key.len == key->len && memcmp(read->seen[i].key.b, key->b, key->len) == 0)
			return read->seen[i].hint_count == row->hint_count;
	return false;
}

void
dirty_put_off(
    struct reconciler *r, const struct scope_id *scope, const struct dirty_summary *read, int64_t wait_ms, enum dirty_which which)
{
	struct store_cursor *c;
	struct dirty_record row;
	struct store_key key;
	int64_t now_ms = clock_wall_ms(r->clock);

	if (which == DIRTY_AS_WHOLE) {
		dirty_drop(r, scope);
		whole_row(r, scope, wait_ms, read->one.attempts + 1);
		return;
	}
	c = rows_of(r, scope);
	while (store_next(c, &key, &row) == ERR_OK) {
		if (which == DIRTY_READ && !was_read(read, &key, &row))
			continue;
		row.attempts++;
		row.not_before_wall_ms = now_ms + wait_ms;
		store_put(r->store, TABLE_DIRTY, &key, &row);
	}
	store_cursor_close(c);
}

void
dirty_mark_erg(struct reconciler *r, const struct erg *erg, int64_t wait_ms)
{
	struct subscription scope;

	if (scope_of_erg(r, erg, &scope) == ERR_OK)
		dirty_mark(r, &scope.scope, wait_ms);
}
