#include "reconciler/intents.h"

#include <string.h>

#include "reconciler/chores.h"
#include "reconciler/reconciler.h"

static void
intent_key(struct reconciler *r, const struct erg_id *erg, person_id person, struct store_key *ret)
{
	store_key_init(ret);
	store_key_id(r->store, ret, "erg", erg->s);
	store_key_u64(ret, person);
}

bool
intent_wanted(const struct member *m)
{
	switch (m->status) {
	case MEMBER_ADDING_TO_TEAMS:
	case MEMBER_REMOVING_FROM_TEAMS:
	case MEMBER_UNRESOLVED:
	case MEMBER_REFUSED_BY_TEAMS: return true;
	case MEMBER_HELD: return !m->app.present;
	default: return m->teams_write != PENDING_NONE;
	}
}

void
intent_follow(struct reconciler *r, const struct member *m, bool over)
{
	struct intent_record row;

	if (over || !intent_wanted(m)) {
		intent_drop(r, &m->erg, m->person);
		return;
	}
	if (intent_load(r, &m->erg, m->person, &row) != ERR_OK) {
		row = (struct intent_record){ .erg = m->erg, .person = m->person };
		intent_store(r, &row);
	}
	chore_add(r, CHORE_PUSH, m->erg.s, 0);
}

enum err
intent_load(struct reconciler *r, const struct erg_id *erg, person_id person, struct intent_record *ret)
{
	struct store_key key;

	intent_key(r, erg, person, &key);
	return store_get(r->store, TABLE_INTENTS, &key, ret);
}

bool
intent_is_begun(struct reconciler *r, const struct erg_id *erg, person_id person, enum intent_kind kind)
{
	struct intent_record row;

	return intent_load(r, erg, person, &row) == ERR_OK && row.kind == kind && row.started_wall_ms != 0;
}

void
intent_store(struct reconciler *r, const struct intent_record *intent)
{
	struct store_key key;

	intent_key(r, &intent->erg, intent->person, &key);
	store_put(r->store, TABLE_INTENTS, &key, intent);
}

void
intent_drop(struct reconciler *r, const struct erg_id *erg, person_id person)
{
	struct store_key key;

	intent_key(r, erg, person, &key);
	if (store_has(r->store, TABLE_INTENTS, &key))
		store_del(r->store, TABLE_INTENTS, &key);
}

struct store_cursor *
intents_of(struct reconciler *r, const struct erg_id *erg)
{
	struct store_key prefix;

	store_key_init(&prefix);
	store_key_id(r->store, &prefix, "erg", erg->s);
	return store_seek(r->store, TABLE_INTENTS, &prefix, NULL);
}

bool
intents_any(struct reconciler *r, const struct erg_id *erg)
{
	struct store_cursor *c = intents_of(r, erg);
	struct intent_record row;
	bool any = store_next(c, NULL, &row) == ERR_OK;

	store_cursor_close(c);
	return any;
}
