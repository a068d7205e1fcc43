/*
 * heal.c - a table says for each kind of record what to do. Keys are hashes, so an ERG is found by the first part of a key, which is the key of
 * its own row.
 */
#include "reconciler/heal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "reconciler/chores.h"
#include "reconciler/dirty.h"
#include "reconciler/intents.h"
#include "reconciler/keeper.h"
#include "reconciler/meeting.h"
#include "reconciler/meeting_tell.h"
#include "reconciler/people.h"
#include "reconciler/reconciler.h"
#include "reconciler/roster.h"
#include "reconciler/roster_book.h"
#include "reconciler/standing.h"
#include "reconciler/tables.h"
#include "state/events.h"
#include "state/store.h"
#include "state/store_damaged.h"

#define ID_LEN 16  /* of a hashed id in a key */
#define SLICE  250 /* records a turn */

struct heal {
	struct reconciler *r;
	struct timer *timer, *index_timer;
	enum table walked; /* index rows are derived anew from this table; TABLE_COUNT: nothing to do */
	struct store_key after;
};

/* ---------- ERGs ---------- */

/* The row that a key's first part names. */
static struct store_key
row_of(const struct store_key *key)
{
	struct store_key row;

	store_key_init(&row);
	store_key_bytes(&row, key->b, key->len < ID_LEN ? key->len : ID_LEN);
	return row;
}

static bool
erg_of(struct reconciler *r, const struct store_key *key, struct erg *ret)
{
	struct store_key row = row_of(key);

	return store_get(r->store, TABLE_ERGS, &row, ret) == ERR_OK;
}

/* What is stored of it lacks something. */
static void
doubt(struct reconciler *r, struct erg *erg)
{
	roster_book_recount(r, erg);
	erg->additions_only = true;
	erg->proved_wall_ms = 0;
	erg_store(r, erg);
	dirty_mark_erg(r, erg, 0);
}

static void
member_forget(struct heal *h, const struct store_key *key)
{
	struct store_key person_erg;

	store_del(h->r->store, TABLE_INTENTS, key); /* the same key */
	store_key_init(&person_erg);
	store_key_u64(&person_erg, store_key_number(key));
	store_key_bytes(&person_erg, key->b, ID_LEN);
	store_del(h->r->store, TABLE_PERSON_ERGS, &person_erg);
}

/* Whoever met the damage may have put the member anew, as somebody not known before: then the counts are still wrong. */
static void
heal_member(struct heal *h, const struct store_key *key)
{
	struct erg erg;

	if (!store_has(h->r->store, TABLE_MEMBERS, key))
		member_forget(h, key);
	if (erg_of(h->r, key, &erg))
		doubt(h->r, &erg);
}

static void
heal_person(struct heal *h, const struct store_key *key)
{
	struct reconciler *r = h->r;
	struct store_cursor *c = store_seek(r->store, TABLE_PERSON_ERGS, key, NULL);
	struct store_key member;
	struct erg_ref ref;

	while (store_next(c, NULL, &ref) == ERR_OK) {
		member_key(r, &ref.erg, store_key_number(key), &member);
		store_del(r->store, TABLE_MEMBERS, &member);
		heal_member(h, &member);
	}
	store_cursor_close(c);
}

/* The ERG's id stands in the rows that lead to it. */
static bool
find_ref(struct reconciler *r, const struct store_key *row, struct erg_ref *ret, struct store_key *ret_ref_key)
{
	struct store_cursor *c = store_seek(r->store, TABLE_TENANT_ERGS, NULL, NULL);
	bool found = false;
	struct store_key key;

	while (!found && store_next(c, ret_ref_key, ret) == ERR_OK) {
		store_key_init(&key);
		store_key_id(r->store, &key, "erg", ret->erg.s);
		found = key.len == row->len && memcmp(key.b, row->b, key.len) == 0;
	}
	store_cursor_close(c);
	return found;
}

static void
heal_erg(struct heal *h, const struct store_key *key)
{
	struct erg erg = { .membership = MEMBERSHIP_OFF,
		.meetings = MEETINGS_OFF,
		.removal_limit = -1,
		.removal_percent = -1,
		.channel_type = CHANNEL_UNKNOWN,
		.additions_only = true };
	struct store_key row = row_of(key), tenant_row, ref_key;
	struct tenant tenant;
	struct erg_ref ref;

	if (!find_ref(h->r, &row, &ref, &ref_key))
		return;
	tenant_row = row_of(&ref_key);
	if (store_get(h->r->store, TABLE_TENANTS, &tenant_row, &tenant) != ERR_OK)
		return;
	erg.id = ref.erg;
	erg.tenant = tenant.id;
	erg.created_wall_ms = clock_wall_ms(h->r->clock);
	erg_store(h->r, &erg); /* its members are sealed for its tenant */
	roster_unlink(h->r, &erg);
	roster_book_recount(h->r, &erg);
	erg_set_state(h->r, &erg, ERG_BROKEN, "The stored record of this ERG was damaged. Put the ERG again; nobody is removed.");
	erg_store(h->r, &erg);
}

static void
heal_tenant(struct heal *h, const struct store_key *key)
{
	struct reconciler *r = h->r;
	struct store_cursor *c = store_seek(r->store, TABLE_TENANT_ERGS, key, NULL);
	struct erg_ref ref;
	struct erg erg;

	while (store_next(c, NULL, &ref) == ERR_OK)
		if (erg_load(r, &ref.erg, &erg) == ERR_OK) {
			erg_set_state(r, &erg, ERG_BROKEN, "The stored record of its tenant was damaged. Put the tenant again.");
			doubt(r, &erg);
		}
	store_cursor_close(c);
}

/* ---------- what is to be done ---------- */

static void
each_erg(struct heal *h, void (*cb)(struct reconciler *r, struct erg *erg))
{
	struct store_cursor *c = store_seek(h->r->store, TABLE_ERGS, NULL, NULL);
	struct erg erg;

	while (store_next(c, NULL, &erg) == ERR_OK)
		cb(h->r, &erg);
	store_cursor_close(c);
}

/* A row that is there stays as it is. */
static void
want_again(struct reconciler *r, struct erg *erg)
{
	keeper_want(r, erg);
}

static void
heal_subscription(struct heal *h, const struct store_key *key)
{
	struct scope_id scope;

	each_erg(h, want_again);
	keeper_kick(h->r);
	memcpy(scope.b, key->b, sizeof(scope.b));
	dirty_mark(h->r, &scope, 0);
}

static void
chores_again(struct reconciler *r, struct erg *erg)
{
	chore_add(r, erg->state == ERG_LINKING ? CHORE_LINK : CHORE_PUSH, erg->id.s, 0);
	chore_add(r, CHORE_MEETINGS, erg->id.s, 0);
}

static void
heal_chore(struct heal *h)
{
	struct store_cursor *c = store_seek(h->r->store, TABLE_TENANTS, NULL, NULL);
	struct tenant tenant;

	each_erg(h, chores_again);
	while (store_next(c, NULL, &tenant) == ERR_OK)
		chore_add(h->r, tenant.state == TENANT_REMOVING ? CHORE_ERASE_TENANT : CHORE_TENANT, tenant.id.s, 0);
	store_cursor_close(c);
}

static void
heal_dirty(struct heal *h, const struct store_key *key)
{
	struct scope_id scope;

	memcpy(scope.b, key->b, sizeof(scope.b));
	if (dirty_scope_is_real(&scope))
		dirty_mark(h->r, &scope, 0);
	else
		heal_chore(h);
}

static void
heal_intent(struct heal *h, const struct store_key *key)
{
	struct member m;
	struct erg erg;

	if (store_get(h->r->store, TABLE_MEMBERS, key, &m) == ERR_OK)
		intent_follow(h->r, &m, false);
	if (erg_of(h->r, key, &erg))
		dirty_mark_erg(h->r, &erg, 0);
}

static void
heal_events(struct heal *h, const struct store_key *key)
{
	struct erg erg;

	if (erg_of(h->r, key, &erg))
		chore_add(h->r, CHORE_MEETINGS, erg.id.s, 0);
}

/* ---------- callbacks ---------- */

static void
member_callback_lost(struct reconciler *r, uint64_t seq, const struct erg_id *id, person_id person)
{
	struct member before, m;
	struct erg erg;

	if (erg_load(r, id, &erg) != ERR_OK || member_load(r, id, person, &before) != ERR_OK ||
	    (before.callback_seq != seq && before.queued_seq != seq))
		return;
	m = before;
	if (m.queued_seq == seq)
		m.queued_seq = 0;
	if (m.callback_seq == seq) {
		m.callback_seq = 0;
		m.callback_write = PENDING_NONE;
		memset(&m.told, 0, sizeof(m.told));
	}
	roster_book_put(r, &erg, &before, &m);
	erg_store(r, &erg);
	dirty_mark_erg(r, &erg, 0);
}

/* Of which event it was, the row that is lost would have said. */
static void
event_callback_lost(struct reconciler *r, uint64_t seq, const struct erg_id *id)
{
	struct store_cursor *c = events_seek(r->store, id, NULL);
	struct meeting *m;
	struct event e;

	while (store_next(c, NULL, &e) == ERR_OK) {
		if (e.callback_seq != seq || (m = meeting_open(r, &e.erg, &e.id)) == NULL)
			continue;
		meeting_tell_lost(m);
		meeting_close(m);
	}
	store_cursor_close(c);
}

/* The app will not be told: what it was to be told is decided anew. */
static void
callback_lost(struct heal *h, uint64_t seq, const struct erg_id *id, person_id person)
{
	if (person != 0)
		member_callback_lost(h->r, seq, id, person);
	else if (id->s[0] != '\0')
		event_callback_lost(h->r, seq, id);
}

static void
heal_feed(struct heal *h, const struct store_key *key)
{
	struct outbox_record o;

	if (store_get(h->r->store, TABLE_OUTBOX, key, &o) != ERR_OK)
		return; /* it had been delivered */
	store_del(h->r->store, TABLE_OUTBOX, key);
	callback_lost(h, store_key_number(key), &o.erg, o.person);
}

static void
heal_outbox(struct heal *h, const struct store_key *key)
{
	static struct feed_record f; /* large; one thread */

	if (store_get(h->r->store, TABLE_FEED, key, &f) == ERR_OK)
		callback_lost(h, f.seq, &f.erg, f.person);
}

/* ---------- index rows ---------- */

static void
heal_index(struct heal *h, const struct store_key *key)
{
	(void)key;
	h->walked = TABLE_ERGS;
	store_key_init(&h->after);
	timer_arm(h->index_timer, 0);
}

static void
derive_erg(struct reconciler *r, const struct erg *erg)
{
	erg_refs_add(r, erg);
	if (erg->team_id.s[0] != '\0')
		team_ref_add(r, erg);
}

static void
derive_next(struct heal *h)
{
	h->walked = h->walked == TABLE_ERGS ? TABLE_PEOPLE : h->walked == TABLE_PEOPLE ? TABLE_MEMBERS : TABLE_COUNT;
	store_key_init(&h->after);
}

static void
derive(struct heal *h, const void *record)
{
	if (h->walked == TABLE_ERGS)
		derive_erg(h->r, record);
	else if (h->walked == TABLE_PEOPLE)
		people_index(h->r, record);
	else
		roster_book_index(h->r, record);
}

static void
on_index_timer(void *arg)
{
	static union {
		struct erg erg;
		struct person person;
		struct member member;
	} record;
	struct heal *h = arg;
	struct store_cursor *c;
	unsigned n = 0;

	if (h->walked == TABLE_COUNT)
		return;
	c = store_seek(h->r->store, h->walked, NULL, h->after.len > 0 ? &h->after : NULL);
	for (; n < SLICE && store_next(c, &h->after, &record) == ERR_OK; n++)
		derive(h, &record);
	store_cursor_close(c);
	if (n < SLICE)
		derive_next(h);
	timer_arm(h->index_timer, 1);
}

/* ---------- the table ---------- */

static void (*const healers[TABLE_COUNT])(struct heal *h, const struct store_key *key) = {
	[TABLE_TENANTS] = heal_tenant,
	[TABLE_ERGS] = heal_erg,
	[TABLE_TENANT_ERGS] = heal_index,
	[TABLE_TEAM_ERGS] = heal_index,
	[TABLE_PEOPLE] = heal_person,
	[TABLE_PERSON_INDEX] = heal_index,
	[TABLE_PERSON_ERGS] = heal_index,
	[TABLE_MEMBERS] = heal_member,
	[TABLE_MEMBERSHIPS] = heal_index,
	[TABLE_SUBSCRIPTIONS] = heal_subscription,
	[TABLE_DIRTY] = heal_dirty,
	[TABLE_INTENTS] = heal_intent,
	[TABLE_FEED] = heal_feed,
	[TABLE_OUTBOX] = heal_outbox,
	[TABLE_EVENTS] = heal_events,
	[TABLE_EVENT_SIDES] = heal_events,
};

static void
on_timer(void *arg)
{
	struct heal *h = arg;
	struct store_key key;
	enum table t;

	while (store_damaged_next(h->r->store, &t, &key) == ERR_OK) {
		if (!store_quarantine(h->r->store, t, &key) && t != TABLE_MEMBERS)
			continue;
		if (healers[t] != NULL && key.len >= 8)
			healers[t](h, &key);
		log_put(LOG_WARN, "store_record_quarantined", LS("table", table_name(t)));
	}
}

void
heal_on_damaged(void *arg)
{
	struct reconciler *r = arg;

	if (r->heal != NULL)
		timer_arm_sooner(r->heal->timer, 0);
}

enum err
heal_new(struct reconciler *r, struct heal **ret)
{
	struct heal *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return ERR_NOMEM;
	h->r = r;
	h->walked = TABLE_COUNT;
	h->timer = timer_new(r->clock, on_timer, h);
	h->index_timer = timer_new(r->clock, on_index_timer, h);
	if (h->timer == NULL || h->index_timer == NULL) {
		heal_free(h);
		return ERR_NOMEM;
	}
	timer_arm(h->timer, 0); /* what was found while the other parts started */
	*ret = h;
	return ERR_OK;
}

void
heal_free(struct heal *h)
{
	if (h == NULL)
		return;
	timer_free(h->timer);
	timer_free(h->index_timer);
	free(h);
}
