/*
 * A run is merged in memory first, an entry a dirty row, then put: thousands of hints for one team cost a few writes.
 */
#include "reconciler/ingest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "reconciler/dirty.h"
#include "reconciler/keeper.h"
#include "reconciler/keeper_wide.h"
#include "reconciler/reconciler.h"
#include "reconciler/rich.h"
#include "reconciler/tables.h"
#include "reconciler/work.h"
#include "state/inbox.h"
#include "state/store.h"

#define READERS_CHECK_MS 60000

/* A dirty row this run changes. */
struct entry {
	struct store_key key;
	struct dirty_record row;
};

struct ingest {
	struct reconciler *r;
	struct timer *timer;
	struct hint *hints;    /* INGEST_RUN_MAX */
	struct entry *entries; /* INGEST_RUN_MAX */
	size_t entry_count;
	struct scope_id known; /* the last scope looked up, whether it is ours, and then its row */
	bool known_is_ours, known_set;
	struct subscription known_row;
	struct scope_id spread; /* the last scope of a whole tenant whose teams this run has made dirty */
	bool spread_set;
	bool reading; /* a turn is open: the next run follows its commit */
	bool more;
	uint64_t cursor; /* what that turn will have made durable */
	uint8_t epoch[INBOX_EPOCH_LEN];
	int64_t readers_checked_ms;
};

/* ---------- merging ---------- */

static bool
scope_is_ours(struct ingest *in, const struct scope_id *scope)
{
	if (!in->known_set || memcmp(in->known.b, scope->b, sizeof(scope->b)) != 0) {
		in->known = *scope;
		in->known_set = true;
		in->known_is_ours = dirty_scope_is_real(scope) && subscription_load(in->r, scope, &in->known_row) == ERR_OK;
	}
	return in->known_is_ours;
}

static struct entry *
entry_find(struct ingest *in, const struct store_key *key)
{
	/* Newest first: repeats come close together. */
	for (size_t i = in->entry_count; i-- > 0;)
		if (in->entries[i].key.len == key->len && memcmp(in->entries[i].key.b, key->b, key->len) == 0)
			return &in->entries[i];
	return NULL;
}

/* The row of that scope and item, from this run, from disk, or new. */
static struct entry *
entry_of(struct ingest *in, const struct scope_id *scope, const char *item, size_t item_len)
{
	struct store_key key;
	struct entry *e;

	dirty_key(in->r, scope, item, item_len, &key);
	if ((e = entry_find(in, &key)) != NULL)
		return e;
	e = &in->entries[in->entry_count++];
	e->key = key;
	if (store_get(in->r->store, TABLE_DIRTY, &key, &e->row) == ERR_OK)
		return e;
	memset(&e->row, 0, sizeof(e->row));
	e->row.scope = *scope;
	e->row.whole = item_len == 0;
	if (item_len > 0 && item_len < sizeof(e->row.item))
		memcpy(e->row.item, item, item_len);
	return e;
}

/* How many rows the scope has on disk, up to the ceiling; sets *ret_whole. */
static unsigned
rows_on_disk(struct ingest *in, const struct scope_id *scope, bool *ret_whole)
{
	struct dirty_summary *s = malloc(sizeof(*s));
	unsigned rows = DIRTY_ITEMS_MAX + 1;

	*ret_whole = true;
	if (s != NULL) {
		dirty_summarize(in->r, scope, s);
		rows = s->rows;
		*ret_whole = s->whole;
	}
	free(s);
	return rows;
}

static bool
same_scope(const struct entry *e, const struct scope_id *scope)
{
	return memcmp(e->row.scope.b, scope->b, sizeof(scope->b)) == 0;
}

/* Is the scope dirty as a whole already, or so full of items that it should be? */
static bool
scope_is_full(struct ingest *in, const struct scope_id *scope)
{
	unsigned here = 0;
	bool whole = false;

	for (size_t i = 0; i < in->entry_count; i++) {
		if (!same_scope(&in->entries[i], scope))
			continue;
		if (in->entries[i].row.whole)
			return true;
		here++;
	}
	if (here < DIRTY_ITEMS_MAX && here + rows_on_disk(in, scope, &whole) < DIRTY_ITEMS_MAX)
		return whole;
	in->r->counters.hints_collapsed++;
	return true;
}

/* From now on one row stands for all of the scope: the items' entries and rows go. */
static void
collapse(struct ingest *in, const struct scope_id *scope)
{
	size_t kept = 0;

	for (size_t i = 0; i < in->entry_count; i++)
		if (!same_scope(&in->entries[i], scope) || in->entries[i].row.whole) {
			if (kept != i)
				in->entries[kept] = in->entries[i];
			kept++;
		}
	in->entry_count = kept;
	dirty_drop(in->r, scope);
}

static void
entry_touch(struct entry *e, const struct hint *h, int64_t now_ms)
{
	struct dirty_record *row = &e->row;

	if (row->hint_count == 0)
		row->first_wall_ms = now_ms;
	row->kind = h->kind;
	row->last_wall_ms = now_ms;
	row->hint_count++;
}

static void
take_change(struct ingest *in, const struct hint *h)
{
	int64_t now_ms = clock_wall_ms(in->r->clock);
	bool item = h->item_len > 0 && h->item_len <= HINT_ITEM_MAX && h->kind <= HINT_DELETED;
	struct store_key key;
	struct dirty_record row;
	struct entry *e;

	if (item) {
		dirty_key(in->r, &h->scope, h->item, h->item_len, &key);
		/* A row that is there already adds none. */
		if (entry_find(in, &key) == NULL && store_get(in->r->store, TABLE_DIRTY, &key, &row) != ERR_OK)
			item = !scope_is_full(in, &h->scope);
	}
	if (!item) {
		e = entry_of(in, &h->scope, "", 0);
		if (e->row.hint_count == 0)
			collapse(in, &h->scope);
		e = entry_of(in, &h->scope, "", 0);
	} else {
		e = entry_of(in, &h->scope, h->item, h->item_len);
	}
	entry_touch(e, h, now_ms);
}

static bool
is_lifecycle(enum hint_kind kind)
{
	return kind == HINT_REAUTHORIZATION_REQUIRED || kind == HINT_SUBSCRIPTION_REMOVED || kind == HINT_MISSED;
}

/* Each team of a tenant, once a run: thousands of such hints cost no more than one. */
static void
spread(struct ingest *in, const struct subscription *wide)
{
	if (in->spread_set && memcmp(in->spread.b, wide->scope.b, sizeof(wide->scope.b)) == 0)
		return;
	in->spread = wide->scope;
	in->spread_set = true;
	keeper_wide_dirty(in->r, wide);
}

/* What the subscription of a whole tenant tells becomes a hint of its team. False: it is none of ours, or taken in. */
static bool
narrow(struct ingest *in, const struct subscription *wide, struct hint *h)
{
	enum err e = keeper_wide_place(in->r, wide, h);

	if (e == ERR_MALFORMED)
		spread(in, wide);
	return e == ERR_OK;
}

static void
take(struct ingest *in, struct hint *h)
{
	const struct subscription *row = &in->known_row;

	in->r->counters.hints_read++;
	if (!scope_is_ours(in, &h->scope)) {
		in->r->counters.hints_unknown_scope++;
		return;
	}
	if (!is_lifecycle(h->kind)) {
		if (row->kind == SUBSCRIPTION_TENANT_MEMBERS && !narrow(in, row, h))
			return;
		if (row->kind == SUBSCRIPTION_TEAM_MEMBERS)
			keeper_wide_told(in->r, row);
		take_change(in, h);
		rich_hint(in->r, h);
		return;
	}
	keeper_lifecycle(in->r, &h->scope, h->kind);
	/* reauthorizationRequired comes before anything is lost; the others say that something was (graph-facts 6). */
	if (h->kind == HINT_REAUTHORIZATION_REQUIRED)
		return;
	h->item_len = 0;
	if (row->kind == SUBSCRIPTION_TENANT_MEMBERS)
		spread(in, row);
	else
		take_change(in, h);
}

static void
entries_put(struct ingest *in)
{
	for (size_t i = 0; i < in->entry_count; i++) {
		store_put(in->r->store, TABLE_DIRTY, &in->entries[i].key, &in->entries[i].row);
		work_hint(in->r, &in->entries[i].row.scope);
	}
	in->entry_count = 0;
}

/* ---------- the cursor ---------- */

static struct store_key
cursor_key(struct reconciler *r)
{
	struct store_key key;

	store_key_init(&key);
	store_key_id(r->store, &key, "cursor", "inbox");
	return key;
}

static void
cursor_put(struct ingest *in)
{
	static struct cursor_record cursor; /* 8 KB, one thread */
	struct store_key key = cursor_key(in->r);

	memset(&cursor, 0, sizeof(cursor));
	memcpy(cursor.epoch, in->epoch, sizeof(cursor.epoch));
	cursor.seq = in->cursor;
	cursor.updated_wall_ms = clock_wall_ms(in->r->clock);
	store_put(in->r->store, TABLE_CURSORS, &key, &cursor);
}

/* An inbox we do not know: what it held before is lost, so everything may have changed. */
static void
all_dirty(struct ingest *in)
{
	struct store_cursor *c = store_seek(in->r->store, TABLE_SUBSCRIPTIONS, NULL, NULL);
	struct subscription s;

	while (store_next(c, NULL, &s) == ERR_OK)
		if (s.kind != SUBSCRIPTION_TENANT_MEMBERS) /* its teams have rows of their own */
			dirty_mark(in->r, &s.scope, 0);
	store_cursor_close(c);
}

static void
cursor_load(struct ingest *in)
{
	static struct cursor_record cursor;
	struct store_key key = cursor_key(in->r);
	bool found = store_get(in->r->store, TABLE_CURSORS, &key, &cursor) == ERR_OK;

	if (found && memcmp(cursor.epoch, in->epoch, sizeof(in->epoch)) == 0) {
		in->cursor = cursor.seq;
		/* A "consumed" may have been lost with the former process. */
		if (in->r->wake_listener != NULL && in->cursor > 0)
			in->r->wake_listener(in->r->wake_listener_arg, in->epoch, in->cursor);
		return;
	}
	if (found)
		log_event(LOG_WARN, "inbox_is_new");
	in->cursor = 0;
	cursor_put(in);
	all_dirty(in);
}

/* ---------- the inbox ---------- */

static bool
inbox_ready(struct ingest *in)
{
	const struct config *config = in->r->config;
	uint8_t epoch[INBOX_EPOCH_LEN];
	char directory[4096], why[256];
	enum err e;

	if (in->r->inbox == NULL) {
		snprintf(directory, sizeof(directory), "%s/inbox", config->state_directory);
		e = inbox_open(directory, INBOX_READER, (uint64_t)config->map_size_bytes / 4, &in->r->intake_key, &in->r->inbox,
		    why, sizeof(why));
		if (e != ERR_OK) {
			if (e != ERR_NOTFOUND)
				log_put(LOG_WARN, "inbox_not_open", LS("err", err_name(e)), LS("detail", why));
			return false;
		}
	}
	if (inbox_epoch(in->r->inbox, epoch) != ERR_OK)
		return false;
	if (memcmp(epoch, in->epoch, sizeof(epoch)) != 0) {
		memcpy(in->epoch, epoch, sizeof(epoch));
		cursor_load(in);
	}
	return true;
}

/* A file removed under us, a disk that fails: begin again with a fresh look. */
static void
inbox_drop(struct ingest *in)
{
	inbox_close(in->r->inbox);
	in->r->inbox = NULL;
	memset(in->epoch, 0, sizeof(in->epoch));
}

static void
on_committed(void *arg)
{
	struct ingest *in = arg;

	in->reading = false;
	if (in->r->wake_listener != NULL)
		in->r->wake_listener(in->r->wake_listener_arg, in->epoch, in->cursor);
	if (in->more)
		timer_arm(in->timer, 0);
}

static void
run(struct ingest *in)
{
	struct reconciler *r = in->r;
	size_t count = 0, damaged = 0;
	uint64_t last = in->cursor;
	enum err e = inbox_read(r->inbox, in->cursor, in->hints, INGEST_RUN_MAX, &count, &last, &damaged);

	if (e != ERR_OK) {
		log_put(LOG_WARN, "inbox_not_read", LS("err", err_name(e)));
		inbox_drop(in);
		return;
	}
	in->more = count + damaged >= INGEST_RUN_MAX;
	if (last == in->cursor)
		return;
	r->counters.hints_damaged += damaged;
	if (damaged > 0)
		all_dirty(in); /* what they said is lost */
	in->known_set = in->spread_set = false;
	for (size_t i = 0; i < count; i++) {
		take(in, &in->hints[i]);
		free(in->hints[i].rich);
		in->hints[i].rich = NULL;
	}
	entries_put(in);
	in->cursor = last;
	cursor_put(in);
	in->reading = true;
	store_after_commit(r->store, on_committed, in);
}

static void
on_timer(void *arg)
{
	struct ingest *in = arg;
	int64_t now_ms = clock_boot_ms(in->r->clock);

	timer_arm(in->timer, in->r->inbox_poll_ms);
	if (in->reading || !inbox_ready(in))
		return;
	if (now_ms - in->readers_checked_ms >= READERS_CHECK_MS) {
		in->readers_checked_ms = now_ms;
		inbox_check_readers(in->r->inbox);
	}
	run(in);
}

void
ingest_kick(struct reconciler *r)
{
	if (r->ingest->reading)
		r->ingest->more = true;
	else
		timer_arm(r->ingest->timer, 0);
}

bool
ingest_backlog(struct reconciler *r, int64_t *ret)
{
	struct inbox_stats stats;

	*ret = 0;
	if (r->inbox == NULL || inbox_stats(r->inbox, &stats) != ERR_OK)
		return false;
	if (stats.last > r->ingest->cursor)
		*ret = (int64_t)(stats.last - r->ingest->cursor);
	return true;
}

enum err
ingest_new(struct reconciler *r, struct ingest **ret)
{
	struct ingest *in = calloc(1, sizeof(*in));

	if (in == NULL)
		return ERR_NOMEM;
	in->r = r;
	in->hints = calloc(INGEST_RUN_MAX, sizeof(*in->hints));
	/* One entry more: a scope's whole row may come beside the items of a full run. */
	in->entries = calloc(INGEST_RUN_MAX + 1, sizeof(*in->entries));
	in->timer = timer_new(r->clock, on_timer, in);
	if (in->hints == NULL || in->entries == NULL || in->timer == NULL) {
		ingest_free(in);
		return ERR_NOMEM;
	}
	timer_arm(in->timer, 0);
	*ret = in;
	return ERR_OK;
}

void
ingest_free(struct ingest *in)
{
	if (in == NULL)
		return;
	timer_free(in->timer);
	free(in->hints);
	free(in->entries);
	free(in);
}
