#include "reconciler/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/hash.h"
#include "base/text.h"
#include "reconciler/dirty.h"
#include "reconciler/meeting_plan.h"
#include "reconciler/push.h"
#include "reconciler/reconciler.h"
#include "reconciler/roster.h"
#include "reconciler/roster_decide.h"
#include "reconciler/scope.h"
#include "reconciler/standing.h"
#include "reconciler/tables.h"
#include "reconciler/tell.h"

/* One line of a plan, as it is hashed: no padding, and nothing of when or how. */
struct line {
	person_id person;
	uint64_t action;
};

struct lines {
	struct line *list;
	size_t count, cap;
};

static bool
lines_add(struct lines *l, person_id person, enum plan_action action)
{
	size_t cap = l->cap == 0 ? 32 : l->cap * 2;
	struct line *grown;

	if (l->count == l->cap) {
		if ((grown = realloc(l->list, cap * sizeof(*grown))) == NULL)
			return false;
		l->list = grown;
		l->cap = cap;
	}
	l->list[l->count++] = (struct line){ person, (uint64_t)action };
	return true;
}

/* Members are walked by their number, so equal plans have equal lines in one order. */
static void
lines_hash(const struct lines *l, char ret[PLAN_HASH_SIZE])
{
	struct span part = { l->list, l->count * sizeof(*l->list) };
	uint8_t hash[HASH_LEN];

	sha256(&part, 1, hash);
	hex_encode(hash, sizeof(hash), ret);
}

static bool
add_meeting(void *arg, const struct meeting_plan_item *item)
{
	return !item->held || lines_add(arg, item->identity, item->action);
}

/* Whom a held member would be taken from. A callback under way counts as arrived. */
static enum plan_action
held_action(const struct member *m)
{
	return (m->callback_seq != 0 ? m->told.present : m->app.present) ? PLAN_REMOVE_FROM_APP : PLAN_REMOVE_FROM_TEAMS;
}

static bool
held_lines(struct reconciler *r, const struct erg *erg, struct lines *ret)
{
	struct store_key prefix;
	struct store_cursor *c;
	struct member m;
	bool ok = true;

	members_prefix(r, &erg->id, &prefix);
	c = store_seek(r->store, TABLE_MEMBERS, &prefix, NULL);
	while (ok && store_next(c, NULL, &m) == ERR_OK)
		if (m.status == MEMBER_HELD)
			ok = lines_add(ret, m.person, held_action(&m));
	store_cursor_close(c);
	if (ok)
		meeting_plan_walk(r, &erg->id, add_meeting, ret);
	return ok;
}

/* ---------- the plan the app was told of ---------- */

static void
told_key(struct reconciler *r, const struct erg_id *erg, struct store_key *ret)
{
	char name[APP_ID_SIZE + 8];

	snprintf(name, sizeof(name), "plan:%s", erg->s);
	store_key_init(ret);
	store_key_id(r->store, ret, "cursor", name);
}

static bool
told_already(struct reconciler *r, const struct erg_id *erg, const char *hash)
{
	static struct cursor_record cursor; /* 8 KB; one thread */
	struct store_key key;

	told_key(r, erg, &key);
	return store_get(r->store, TABLE_CURSORS, &key, &cursor) == ERR_OK && strcmp(cursor.text, hash) == 0;
}

static void
told_remember(struct reconciler *r, const struct erg_id *erg, const char *hash)
{
	static struct cursor_record cursor;
	struct store_key key;

	memset(&cursor, 0, sizeof(cursor));
	str_copy(cursor.text, sizeof(cursor.text), hash);
	cursor.updated_wall_ms = clock_wall_ms(r->clock);
	told_key(r, erg, &key);
	store_put(r->store, TABLE_CURSORS, &key, &cursor);
}

void
plan_forget(struct reconciler *r, const struct erg_id *erg)
{
	struct store_key key;

	told_key(r, erg, &key);
	store_del(r->store, TABLE_CURSORS, &key);
}

static bool
removes(enum plan_action a)
{
	return a == PLAN_REMOVE_FROM_APP || a == PLAN_REMOVE_FROM_TEAMS;
}

static int64_t
removals_of(const struct lines *l)
{
	int64_t n = 0;

	for (size_t i = 0; i < l->count; i++)
		n += removes((enum plan_action)l->list[i].action);
	return n;
}

void
plan_refresh(struct reconciler *r, struct erg *erg, const char *detail)
{
	struct lines lines = { 0 };
	char hash[PLAN_HASH_SIZE];

	if (!held_lines(r, erg, &lines)) {
		free(lines.list);
		return;
	}
	if (lines.count == 0) {
		if (erg->state == ERG_HELD) {
			plan_forget(r, &erg->id);
			erg_set_state(r, erg, ERG_WORKING, "");
		}
		return;
	}
	lines_hash(&lines, hash);
	erg_set_state(r, erg, ERG_HELD, detail);
	if (!told_already(r, &erg->id, hash)) {
		told_remember(r, &erg->id, hash);
		tell_plan(r, erg, detail, hash, removals_of(&lines));
		r->counters.removals_held += (uint64_t)removals_of(&lines);
	}
	free(lines.list);
}

void
plan_settle(struct reconciler *r, struct erg *erg)
{
	struct lines lines = { 0 };

	if (erg->state == ERG_HELD && held_lines(r, erg, &lines) && (lines.count == 0 || erg->membership == MEMBERSHIP_OFF)) {
		plan_forget(r, &erg->id);
		erg_set_state(r, erg, ERG_WORKING, "");
	}
	free(lines.list);
}

bool
plan_holds_app(struct reconciler *r, const struct erg *erg)
{
	struct lines lines = { 0 };
	bool found = false;

	if (erg->state != ERG_HELD)
		return false;
	held_lines(r, erg, &lines);
	for (size_t i = 0; i < lines.count && !found; i++)
		found = lines.list[i].action == PLAN_REMOVE_FROM_APP;
	free(lines.list);
	return found;
}

/* ---------- showing ---------- */

static const struct {
	bool shown;
	enum plan_action action;
} action_of[DIFF_ACTION_COUNT] = {
	[DIFF_ADD_TO_APP] = { true, PLAN_ADD_TO_APP },
	[DIFF_REMOVE_FROM_APP] = { true, PLAN_REMOVE_FROM_APP },
	[DIFF_SET_ROLE_IN_APP] = { true, PLAN_SET_ROLE_IN_APP },
	[DIFF_ADD_TO_TEAMS] = { true, PLAN_ADD_TO_TEAMS },
	[DIFF_REMOVE_FROM_TEAMS] = { true, PLAN_REMOVE_FROM_TEAMS },
	[DIFF_SET_ROLE_IN_TEAMS] = { true, PLAN_SET_ROLE_IN_TEAMS },
};

static enum plan_action
callback_action(enum pending_write w)
{
	return w == PENDING_REMOVE ? PLAN_REMOVE_FROM_APP : w == PENDING_ROLE ? PLAN_SET_ROLE_IN_APP : PLAN_ADD_TO_APP;
}

/* What is open for this member; false: nothing. */
static bool
item_of(const struct roster_view *v, const struct person *person, const struct member *m, struct app_plan_item *ret)
{
	enum diff_action a;

	if (m->status == MEMBER_HELD) {
		ret->action = held_action(m);
	} else if (m->callback_seq != 0) {
		ret->action = callback_action(m->callback_write);
	} else if (m->teams_write != PENDING_NONE) {
		ret->action = m->teams_write == PENDING_REMOVE ? PLAN_REMOVE_FROM_TEAMS
		              : m->teams_write == PENDING_ROLE ? PLAN_SET_ROLE_IN_TEAMS
		                                               : PLAN_ADD_TO_TEAMS;
	} else {
		a = roster_decide(v, person, m);
		if (!action_of[a].shown)
			return false;
		ret->action = action_of[a].action;
	}
	ret->role = m->app.present ? m->app.role : m->teams.role;
	snprintf(ret->reason, sizeof(ret->reason), "%s", m->detail);
	return true;
}

static const char *const reasons[] = {
	[PLAN_ADD_TO_APP] = "In Teams, and not yet in the app.",
	[PLAN_REMOVE_FROM_APP] = "Left the group in Teams.",
	[PLAN_ADD_TO_TEAMS] = "In the app, and not yet in Teams.",
	[PLAN_REMOVE_FROM_TEAMS] = "Left the group in the app.",
	[PLAN_SET_ROLE_IN_APP] = "The role was changed in Teams.",
	[PLAN_SET_ROLE_IN_TEAMS] = "The role was changed in the app.",
};

static void
reason_of(const struct member *m, struct app_plan_item *item)
{
	if (m->status == MEMBER_HELD || item->reason[0] == '\0')
		snprintf(
		    item->reason, sizeof(item->reason), "%s%s", reasons[item->action], m->status == MEMBER_HELD ? " Held." : "");
}

/* Events, behind the members. */
struct meetings_shown {
	struct reconciler *r;
	app_plan_emit emit;
	void *arg;
	struct app_plan *plan;
	struct lines *lines;
};

static bool
show_meeting(void *arg, const struct meeting_plan_item *item)
{
	struct meetings_shown *shown = arg;
	struct app_plan_item told;

	meeting_plan_show(shown->r, item, &told);
	shown->plan->mails += told.mails;
	if (!shown->plan->held || item->held)
		(void)lines_add(shown->lines, item->identity, item->action);
	shown->emit(shown->arg, &told);
	return true;
}

void
plan_show(struct reconciler *r, const struct erg *erg, app_plan_emit emit, void *arg, struct app_plan *ret)
{
	struct erg copy = *erg;
	struct roster_view v = { .r = r, .erg = &copy };
	struct lines lines = { 0 };
	struct meetings_shown shown = { r, emit, arg, ret, &lines };
	struct app_plan_item item;
	struct store_key prefix;
	struct store_cursor *c;
	struct member m;

	ret->erg = erg->id;
	ret->held = erg->state == ERG_HELD;
	if (ret->held)
		memcpy(ret->detail, erg->detail, sizeof(ret->detail));
	members_prefix(r, &erg->id, &prefix);
	c = store_seek(r->store, TABLE_MEMBERS, &prefix, NULL);
	while (store_next(c, NULL, &m) == ERR_OK) {
		memset(&item, 0, sizeof(item));
		if (person_load(r, m.person, &item.person) != ERR_OK || !item_of(&v, &item.person, &m, &item))
			continue;
		reason_of(&m, &item);
		*(removes(item.action) ? &ret->removals : &ret->additions) += 1;
		if (!ret->held || m.status == MEMBER_HELD)
			(void)lines_add(&lines, m.person, item.action);
		emit(arg, &item);
	}
	store_cursor_close(c);
	meeting_plan_walk(r, &erg->id, show_meeting, &shown);
	if (lines.count > 0)
		lines_hash(&lines, ret->hash);
	free(lines.list);
}

/* ---------- deciding ---------- */

static void
decide_all(struct reconciler *r, struct erg *erg, const struct lines *lines, bool approve)
{
	struct roster_view v = { .r = r, .erg = erg };
	struct tenant tenant;
	struct member m;

	if (tenant_load(r, &erg->tenant, &tenant) == ERR_OK)
		v.directory = tenant.directory_id;
	for (size_t i = 0; i < lines->count; i++)
		if (lines->list[i].action < PLAN_CREATE_MEETING && member_load(r, &erg->id, lines->list[i].person, &m) == ERR_OK)
			(approve ? roster_approve : roster_restore)(&v, &m);
}

enum err
plan_decide(struct reconciler *r, struct erg *erg, bool approve, const char *hash)
{
	struct lines lines = { 0 };
	struct subscription scope;
	char now[PLAN_HASH_SIZE] = "";
	enum err e = ERR_OK;

	if (erg->state != ERG_HELD)
		return ERR_NOTFOUND;
	if (!held_lines(r, erg, &lines))
		e = ERR_NOMEM;
	else if (lines.count == 0)
		e = ERR_NOTFOUND;
	else
		lines_hash(&lines, now);
	if (e == ERR_OK && strcmp(now, hash) != 0)
		e = ERR_CONFLICT;
	if (e == ERR_OK) {
		plan_forget(r, &erg->id);
		erg_set_state(r, erg, ERG_WORKING, "");
		decide_all(r, erg, &lines, approve);
		meeting_plan_decide(r, &erg->id, approve);
		erg_settle(r, erg);
		push_resume(r, erg);
		/* Reality is read anew before anybody is taken out of the app; and once all is done, to prove it. */
		if (scope_of_erg(r, erg, &scope) == ERR_OK)
			dirty_mark(r, &scope.scope, 0);
	}
	free(lines.list);
	return e;
}
