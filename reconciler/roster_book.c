#include "reconciler/roster_book.h"

#include <string.h>

#include "reconciler/intents.h"
#include "reconciler/people.h"
#include "reconciler/reconciler.h"
#include "reconciler/tables.h"
#include "state/store.h"

/* ---------- what is derived from a record ---------- */

static bool
status_is_pending(enum member_status s)
{
	return (s >= MEMBER_ADDING_TO_TEAMS && s <= MEMBER_REMOVING_FROM_APP) || s == MEMBER_HELD;
}

static void
counts_add(struct erg_counts *c, const struct member *m, int by)
{
	c->app += m->app.present ? by : 0;
	c->teams += m->teams.present ? by : 0;
	c->pending += status_is_pending(m->status) ? by : 0;
	c->unresolved += m->status == MEMBER_UNRESOLVED ? by : 0;
	c->refused += m->status == MEMBER_REFUSED_BY_APP || m->status == MEMBER_REFUSED_BY_TEAMS ? by : 0;
	c->private_ += m->private_ ? by : 0;
	c->leaving += m->app.present && m->callback_write == PENDING_REMOVE ? by : 0;
}

static void
membership_key(struct reconciler *r, const struct erg_id *erg, const char *membership_id, struct store_key *ret)
{
	store_key_init(ret);
	store_key_id(r->store, ret, "erg", erg->s);
	store_key_id(r->store, ret, "membership", membership_id);
}

static void
membership_set(struct reconciler *r, const struct member *m, bool present)
{
	struct person_ref ref = { m->person };
	struct store_key key;

	if (m->membership_id[0] == '\0')
		return;
	membership_key(r, &m->erg, m->membership_id, &key);
	if (present)
		store_put(r->store, TABLE_MEMBERSHIPS, &key, &ref);
	else
		store_del(r->store, TABLE_MEMBERSHIPS, &key);
}

static void
person_erg_key(person_id person, struct reconciler *r, const struct erg_id *erg, struct store_key *ret)
{
	store_key_init(ret);
	store_key_u64(ret, person);
	store_key_id(r->store, ret, "erg", erg->s);
}

static void
person_erg_set(struct reconciler *r, const struct member *m, bool present)
{
	struct erg_ref ref = { m->erg };
	struct store_key key;

	person_erg_key(m->person, r, &m->erg, &key);
	if (present)
		store_put(r->store, TABLE_PERSON_ERGS, &key, &ref);
	else
		store_del(r->store, TABLE_PERSON_ERGS, &key);
}

/* ---------- the records ---------- */

/* Nobody speaks of this membership any more: neither side has it, nothing is under way. */
static bool
member_is_over(const struct member *m)
{
	return !m->app.present && !m->teams.present && !m->base.present && m->callback_seq == 0 && m->queued_seq == 0 &&
	       m->teams_write == PENDING_NONE;
}

void
roster_book_put(struct reconciler *r, struct erg *erg, const struct member *before, const struct member *m)
{
	bool over = member_is_over(m);
	struct store_key key;

	if (before != NULL)
		counts_add(&erg->counts, before, -1);
	if (!over)
		counts_add(&erg->counts, m, 1);
	if (before != NULL && (over || strcmp(before->membership_id, m->membership_id) != 0))
		membership_set(r, before, false);
	if (!over && (before == NULL || strcmp(before->membership_id, m->membership_id) != 0))
		membership_set(r, m, true);
	if (over ? before != NULL : before == NULL)
		person_erg_set(r, m, !over);
	member_key(r, &m->erg, m->person, &key);
	intent_follow(r, m, over);
	if (!over) {
		store_put(r->store, TABLE_MEMBERS, &key, m);
	} else if (before != NULL) {
		store_del(r->store, TABLE_MEMBERS, &key);
		people_forget_if_unused(r, m->person);
	}
}

enum err
roster_book_find(struct reconciler *r, const struct erg_id *erg, const char *membership_id, person_id *ret)
{
	struct person_ref ref;
	struct store_key key;
	enum err e;

	membership_key(r, erg, membership_id, &key);
	if ((e = store_get(r->store, TABLE_MEMBERSHIPS, &key, &ref)) == ERR_OK)
		*ret = ref.person;
	return e;
}

/* ---------- after damage ---------- */

void
roster_book_index(struct reconciler *r, const struct member *m)
{
	membership_set(r, m, true);
	person_erg_set(r, m, true);
}

void
roster_book_recount(struct reconciler *r, struct erg *erg)
{
	struct store_key prefix;
	struct store_cursor *c;
	struct member m;

	memset(&erg->counts, 0, sizeof(erg->counts));
	members_prefix(r, &erg->id, &prefix);
	c = store_seek(r->store, TABLE_MEMBERS, &prefix, NULL);
	while (store_next(c, NULL, &m) == ERR_OK)
		counts_add(&erg->counts, &m, 1);
	store_cursor_close(c);
}

/* ---------- erasing ---------- */

bool
roster_book_erase(struct reconciler *r, const struct erg_id *erg, unsigned max)
{
	struct store_key prefix, key;
	struct store_cursor *c;
	struct member m;
	unsigned n = 0;

	members_prefix(r, erg, &prefix);
	c = store_seek(r->store, TABLE_MEMBERS, &prefix, NULL);
	while (n < max && store_next(c, &key, &m) == ERR_OK) {
		membership_set(r, &m, false);
		person_erg_set(r, &m, false);
		intent_drop(r, erg, m.person);
		store_del(r->store, TABLE_MEMBERS, &key);
		people_forget_if_unused(r, m.person);
		n++;
	}
	store_cursor_close(c);
	return n < max;
}
