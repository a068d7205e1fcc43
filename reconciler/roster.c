/*
 * A member record is changed in a copy; member_put compares it with what was there before and brings everything derived from
 * it along. So no caller can forget an index or a count.
 */
#include "reconciler/roster.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/text.h"
#include "reconciler/identity.h"
#include "reconciler/intents.h"
#include "reconciler/people.h"
#include "reconciler/reconciler.h"
#include "reconciler/standing.h"
#include "reconciler/tables.h"
#include "reconciler/tell.h"
#include "state/store.h"

/* ---------- people ---------- */

static bool
text_update(char *have, size_t have_size, const char *now)
{
	if (now[0] == '\0' || strcmp(have, now) == 0)
		return false;
	return str_copy(have, have_size, now);
}

/* The person Teams shows, made when new; name and address follow Teams. In a dry run a new one has id 0 and is not kept. */
static void
person_of(const struct roster_view *v, const struct roster_seen *seen, struct person *ret)
{
	struct guid home = seen->home_tenant;
	enum person_kind kind = seen->role == ROLE_GUEST ? PERSON_GUEST : PERSON_MEMBER;
	struct person before;
	bool changed;

	if (strcmp(home.s, v->directory.s) == 0)
		home.s[0] = '\0';
	if (people_find_entra(v->r, &v->erg->tenant, &seen->user, &home, ret) == ERR_OK) {
		before = *ret;
		changed = text_update(ret->name, sizeof(ret->name), seen->name) || ret->kind != kind;
		ret->kind = kind;
		/* The app's own address for a person it named stays. */
		if (ret->user.s[0] == '\0')
			changed |= text_update(ret->email, sizeof(ret->email), seen->email);
		if (changed && !v->dry_run)
			people_store(v->r, &before, ret);
		return;
	}
	memset(ret, 0, sizeof(*ret));
	ret->tenant = v->erg->tenant;
	ret->entra_id = seen->user;
	ret->home_tenant = home;
	ret->resolution = RESOLUTION_DONE;
	ret->kind = kind;
	text_update(ret->name, sizeof(ret->name), seen->name);
	text_update(ret->email, sizeof(ret->email), seen->email);
	if (v->dry_run)
		return;
	ret->resolved_wall_ms = clock_wall_ms(v->r->clock);
	people_store(v->r, NULL, ret);
}

/* ---------- members: the one writer ---------- */

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

/* Nobody speaks of this membership any more: neither side has it, nothing is under way. */
static bool
member_is_over(const struct member *m)
{
	return !m->app.present && !m->teams.present && !m->base.present && m->callback_seq == 0 && m->queued_seq == 0 &&
	       m->teams_write == PENDING_NONE;
}

void
roster_store(struct reconciler *r, struct erg *erg, const struct member *before, const struct member *m)
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
roster_find_membership(struct reconciler *r, const struct erg_id *erg, const char *membership_id, person_id *ret)
{
	struct person_ref ref;
	struct store_key key;
	enum err e;

	membership_key(r, erg, membership_id, &key);
	if ((e = store_get(r->store, TABLE_MEMBERSHIPS, &key, &ref)) == ERR_OK)
		*ret = ref.person;
	return e;
}

/* ---------- deciding ---------- */

static bool
side_equal(const struct side *a, const struct side *b)
{
	return a->present == b->present && (!a->present || a->role == b->role);
}

/* Two ERGs of one team go by one roster. */
static bool
share_roster(const struct erg *a, const struct erg *b)
{
	return a->channel_type == b->channel_type &&
	       (a->channel_type == CHANNEL_STANDARD || strcmp(a->channel_id, b->channel_id) == 0);
}

/* Does another ERG on the same roster say so of this person? */
static bool
elsewhere(const struct roster_view *v, const struct member *m, bool (*says)(const struct erg *other, const struct side *app))
{
	struct store_cursor *c;
	struct erg_ref ref;
	struct member other;
	struct erg erg;
	bool found = false;

	if (!m->teams.present)
		return false;
	c = team_ergs(v->r, &v->erg->team_id);
	while (!found && store_next(c, NULL, &ref) == ERR_OK) {
		if (strcmp(ref.erg.s, v->erg->id.s) == 0 || erg_load(v->r, &ref.erg, &erg) != ERR_OK)
			continue;
		found = share_roster(v->erg, &erg) && erg.membership != MEMBERSHIP_OFF &&
		        member_load(v->r, &ref.erg, m->person, &other) == ERR_OK && says(&erg, &other.app);
	}
	store_cursor_close(c);
	return found;
}

static bool
lists(const struct erg *other, const struct side *app)
{
	(void)other;
	return app->present;
}

/* By policy that ERG would undo another role, and so on without end: the greater right stays. */
static bool
insists_on_owner(const struct erg *other, const struct side *app)
{
	return other->membership == MEMBERSHIP_APP && app->present && app->role == ROLE_OWNER;
}

/* In the app by a name Graph has not been asked about, or knows nobody by: whether Teams has the person is not known. */
static bool
not_known_in_teams(const struct person *p, const struct member *m)
{
	return p != NULL && p->entra_id.s[0] == '\0' && m->app.present && !m->private_;
}

static bool
will_stay_unknown(const struct person *p)
{
	return p->resolution == RESOLUTION_NOT_FOUND || p->resolution == RESOLUTION_DISABLED;
}

/* A rejected plan puts people back, whatever the policy says of who decides. */
static bool
decide_restore(const struct member *m, enum diff_action *ret)
{
	if (m->mark != PLAN_RESTORE || m->app.present == m->teams.present)
		return false;
	*ret = m->teams.present ? DIFF_ADD_TO_APP : m->private_ ? DIFF_PRIVATE : DIFF_ADD_TO_TEAMS;
	return true;
}

static enum pending_write
settling(const struct roster_view *v, const struct member *m)
{
	int64_t since_ms = clock_wall_ms(v->r->clock) - m->teams_write_wall_ms;

	return since_ms < v->r->config->settle_ms && !m->missing_once ? m->teams_write : PENDING_NONE;
}

/* A callback under way counts as arrived: it told the app what Teams showed, so both will have agreed on that. p may be NULL for
 * somebody Teams has shown. */
static enum diff_action
decide(const struct roster_view *v, const struct person *p, const struct member *m)
{
	bool first = !v->erg->first_read_done;
	struct diff_input in = {
		.base = m->callback_seq != 0 ? m->told : m->base,
		.app = m->callback_seq != 0 ? m->told : m->app,
		.teams = m->teams,
		.policy = v->erg->membership,
		.first = first || v->erg->additions_only,
		.settling = settling(v, m),
		.private_ = m->private_,
		.kept = m->kept_in_teams,
	};
	enum diff_action a;

	/* Until a first read is through, nothing may pass for a removal: not even against a base of its first half. */
	if (first)
		memset(&in.base, 0, sizeof(in.base));
	a = diff_person(&in);
	if (in.policy == MEMBERSHIP_OFF || a == DIFF_WAIT)
		return a;
	if (m->callback_seq == 0 && decide_restore(m, &a))
		return a;
	if (m->callback_seq == 0 && not_known_in_teams(p, m) && (in.policy != MEMBERSHIP_TEAMS || !will_stay_unknown(p)))
		return DIFF_ADD_TO_TEAMS;
	/* Only asked for when it matters: it walks. */
	if (a == DIFF_REMOVE_FROM_TEAMS && elsewhere(v, m, lists))
		a = DIFF_KEEP;
	if (a == DIFF_SET_ROLE_IN_TEAMS && in.app.role != ROLE_OWNER && elsewhere(v, m, insists_on_owner))
		a = in.policy == MEMBERSHIP_APP ? DIFF_NOTHING : DIFF_SET_ROLE_IN_APP;
	return a;
}

enum diff_action
roster_decide(const struct roster_view *v, const struct person *p, const struct member *m)
{
	return decide(v, p, m);
}

/* ---------- doing ---------- */

/* What the app is told for an action towards it, and what the member is called until it answers. */
static const struct {
	enum change_type change;
	enum pending_write write;
	enum member_status status;
} towards_app[DIFF_ACTION_COUNT] = {
	[DIFF_ADD_TO_APP] = { CHANGE_MEMBER_ADDED, PENDING_ADD, MEMBER_ADDING_TO_APP },
	[DIFF_REMOVE_FROM_APP] = { CHANGE_MEMBER_REMOVED, PENDING_REMOVE, MEMBER_REMOVING_FROM_APP },
	[DIFF_SET_ROLE_IN_APP] = { CHANGE_MEMBER_UPDATED, PENDING_ROLE, MEMBER_ADDING_TO_APP },
};

static void
set_status(const struct roster_view *v, struct member *m, enum member_status status, const char *detail)
{
	if (m->status != status || m->since_wall_ms == 0)
		m->since_wall_ms = clock_wall_ms(v->r->clock);
	m->status = status;
	snprintf(m->detail, sizeof(m->detail), "%s", detail);
}

/* Both sides are known to be equal. */
static void
agree(const struct roster_view *v, struct member *m)
{
	m->base = m->teams;
	m->base.since_wall_ms = clock_wall_ms(v->r->clock);
	m->teams_write = PENDING_NONE;
	m->attempts = 0;
	m->retry_wall_ms = 0;
	m->kept_in_teams = false;
	m->missing_once = false;
	m->mark = PLAN_UNMARKED;
	if (!m->teams.present && m->queued_seq != 0)
		set_status(v, m, MEMBER_REMOVING_FROM_APP, "The app has not heard all of it yet.");
	else
		set_status(v, m, m->private_ && !m->teams.present ? MEMBER_PRIVATE : MEMBER_SYNCED, "");
}

static void
app_took(const struct roster_view *v, struct member *m)
{
	m->app = m->told;
	m->app.since_wall_ms = clock_wall_ms(v->r->clock);
	m->callback_seq = 0;
	m->callback_write = PENDING_NONE;
	if (side_equal(&m->app, &m->teams))
		agree(v, m);
}

static void
count_change(struct reconciler *r, enum change_type t)
{
	r->counters.changes_member_added += t == CHANGE_MEMBER_ADDED;
	r->counters.changes_member_removed += t == CHANGE_MEMBER_REMOVED;
	r->counters.changes_member_updated += t == CHANGE_MEMBER_UPDATED;
}

/* Refused for good and nothing has changed since: not told again. */
static bool
refused_already(const struct member *m)
{
	return m->status == MEMBER_REFUSED_BY_APP && side_equal(&m->told, &m->teams);
}

static bool
tell_app(const struct roster_view *v, const struct person *p, struct member *m, enum diff_action a)
{
	/* Whoever is removed had that role; else it is what Teams shows. */
	enum role role = a == DIFF_REMOVE_FROM_APP ? m->app.role : m->teams.role;
	uint64_t seq;

	if (refused_already(m))
		return false;
	if ((seq = tell_member(v->r, towards_app[a].change, v->erg, p, role)) == 0)
		return false;
	count_change(v->r, towards_app[a].change);
	m->told = m->teams;
	m->callback_seq = seq;
	m->callback_write = towards_app[a].write;
	m->queued_seq = seq;
	m->queued = m->told;
	set_status(v, m, towards_app[a].status, "");
	if (!tell_waits(v->r)) {
		m->queued_seq = 0;
		app_took(v, m);
	}
	return true;
}

static const char *const towards_teams_text[] = {
	[MEMBER_ADDING_TO_TEAMS] = "Waits to be added in Teams.",
	[MEMBER_REMOVING_FROM_TEAMS] = "Waits to be removed in Teams.",
};

/* Refused by Teams, and not to be asked again yet. */
static bool
parked(const struct roster_view *v, const struct member *m)
{
	return m->status == MEMBER_REFUSED_BY_TEAMS && clock_wall_ms(v->r->clock) < m->retry_wall_ms;
}

static void
open_towards_teams(const struct roster_view *v, const struct person *p, struct member *m)
{
	if (parked(v, m))
		return;
	if (p->entra_id.s[0] != '\0') {
		set_status(v, m, MEMBER_ADDING_TO_TEAMS, towards_teams_text[MEMBER_ADDING_TO_TEAMS]);
	} else if (p->resolution == RESOLUTION_NONE) {
		set_status(v, m, MEMBER_ADDING_TO_TEAMS, "Waits for the e-mail address to be looked up.");
	} else {
		/* Told once for each reason. */
		if (m->status != MEMBER_UNRESOLVED || strcmp(m->detail, p->resolution_detail) != 0)
			tell_member_trouble(v->r, CHANGE_MEMBER_UNRESOLVED, v->erg, p, p->resolution_detail);
		set_status(v, m, MEMBER_UNRESOLVED, p->resolution_detail);
	}
}

/* Notes in m what an action means; callbacks are queued. True when something was done towards the app. */
static bool
act(const struct roster_view *v, const struct person *p, struct member *m, enum diff_action a)
{
	switch (a) {
	case DIFF_ADD_TO_APP:
	case DIFF_REMOVE_FROM_APP:
	case DIFF_SET_ROLE_IN_APP: return tell_app(v, p, m, a);
	case DIFF_AGREE:
		if (m->callback_seq == 0)
			agree(v, m);
		break;
	case DIFF_ADD_TO_TEAMS:
	case DIFF_SET_ROLE_IN_TEAMS: open_towards_teams(v, p, m); break;
	case DIFF_REMOVE_FROM_TEAMS:
		if (!parked(v, m) && (m->status != MEMBER_HELD || v->erg->state != ERG_HELD))
			set_status(v, m, MEMBER_REMOVING_FROM_TEAMS, towards_teams_text[MEMBER_REMOVING_FROM_TEAMS]);
		break;
	case DIFF_KEEP:
		/* By policy "app" nobody was taken out here who never was in. */
		m->kept_in_teams = m->kept_in_teams || m->base.present;
		memset(&m->base, 0, sizeof(m->base));
		set_status(v, m, MEMBER_KEPT_IN_TEAMS,
		    v->erg->channel_type == CHANNEL_STANDARD ? "Another ERG on the same team lists this person."
		                                             : "Another ERG on the same channel lists this person.");
		break;
	case DIFF_PRIVATE:
		memset(&m->base, 0, sizeof(m->base));
		set_status(v, m, MEMBER_PRIVATE, "");
		break;
	case DIFF_NOTHING:
		/* What was open has come right by itself: a hold, a refusal, a change taken back. */
		if (m->callback_seq == 0 && m->base.present && m->app.present && m->teams.present) {
			set_status(v, m, MEMBER_SYNCED, "");
			/* A write that was taken back before Teams showed it is still looked for, and not sooner for that. */
			if (m->teams_write == PENDING_NONE)
				m->retry_wall_ms = 0;
			m->mark = PLAN_UNMARKED;
		}
		break;
	case DIFF_WAIT:
	case DIFF_ACTION_COUNT: break;
	}
	return false;
}

static bool
side_same(const struct side *a, const struct side *b)
{
	return a->present == b->present && a->role == b->role && a->since_wall_ms == b->since_wall_ms;
}

/* Would storing b instead of a change anything? */
static bool
member_same(const struct member *a, const struct member *b)
{
	return side_same(&a->app, &b->app) && side_same(&a->teams, &b->teams) && side_same(&a->base, &b->base) &&
	       side_same(&a->told, &b->told) && side_same(&a->queued, &b->queued) && a->queued_seq == b->queued_seq &&
	       a->private_ == b->private_ && a->kept_in_teams == b->kept_in_teams && a->missing_once == b->missing_once &&
	       a->status == b->status && a->since_wall_ms == b->since_wall_ms && a->teams_write == b->teams_write &&
	       a->teams_write_wall_ms == b->teams_write_wall_ms && a->callback_seq == b->callback_seq &&
	       a->callback_write == b->callback_write && a->attempts == b->attempts && a->retry_wall_ms == b->retry_wall_ms &&
	       a->mark == b->mark && strcmp(a->membership_id, b->membership_id) == 0 && strcmp(a->detail, b->detail) == 0;
}

static void
write_over(struct member *m)
{
	m->teams_write = PENDING_NONE;
	m->missing_once = false;
	m->retry_wall_ms = 0;
}

/* A write that Teams has not shown within the settle time is done with: what is open is decided anew. */
static void
write_settled(const struct roster_view *v, struct member *m)
{
	if (m->teams_write == PENDING_NONE || clock_wall_ms(v->r->clock) - m->teams_write_wall_ms < v->r->config->settle_ms)
		return;
	write_over(m);
}

/* Decides on m, which differs from before (NULL: new) by what was just learnt, does it and stores it if anything changed. */
static struct roster_step
settle_member(const struct roster_view *v, const struct person *p, const struct member *before, struct member *m)
{
	struct roster_step step = { DIFF_NOTHING, m->person, false };

	write_settled(v, m);
	step.action = decide(v, p, m);

	if (v->dry_run)
		return step;
	step.done = act(v, p, m, step.action);
	if (before == NULL || !member_same(before, m))
		roster_store(v->r, v->erg, before, m);
	return step;
}

static void
teams_side(const struct roster_view *v, struct member *m, bool present, enum role role)
{
	struct side now = { present, present ? role : ROLE_MEMBER, m->teams.since_wall_ms };

	if (side_equal(&now, &m->teams))
		return;
	now.since_wall_ms = clock_wall_ms(v->r->clock);
	m->teams = now;
}

/* What Teams shows now may be our own write: then both sides agreed on that when it was made, whatever the app has said since. */
static void
write_arrived(struct member *m, bool present, enum role role, const char *membership_id)
{
	bool other = present && m->membership_id[0] != '\0' && strcmp(m->membership_id, membership_id) != 0;

	switch (m->teams_write) {
	case PENDING_NONE: return;
	case PENDING_ADD:
		if (!present)
			return;
		m->base = (struct side){ true, role, m->teams_write_wall_ms };
		break;
	case PENDING_REMOVE:
		/* Another membership than the one that was removed: the person is back. */
		if (present && !other)
			return;
		memset(&m->base, 0, sizeof(m->base));
		break;
	case PENDING_ROLE:
		if (present && m->base.present && role == m->base.role)
			return;
		if (present)
			m->base = (struct side){ true, role, m->teams_write_wall_ms };
		break;
	}
	write_over(m);
}

struct roster_step
roster_seen(const struct roster_view *v, const struct roster_seen *seen)
{
	enum role role;
	struct person p;
	struct member before, m;
	bool known;

	person_of(v, seen, &p);
	/* Graph calls people of another tenant owners of a shared channel, whatever they may do there (graph-facts 8.1). */
	role = p.home_tenant.s[0] != '\0' && seen->role == ROLE_OWNER ? ROLE_MEMBER : seen->role;
	known = p.id != 0 && member_load(v->r, &v->erg->id, p.id, &before) == ERR_OK;
	if (known) {
		m = before;
	} else {
		memset(&m, 0, sizeof(m));
		m.erg = v->erg->id;
		m.person = p.id;
	}
	write_arrived(&m, true, role, seen->membership_id);
	teams_side(v, &m, true, role);
	if (strcmp(m.membership_id, seen->membership_id) != 0)
		str_copy(m.membership_id, sizeof(m.membership_id), seen->membership_id);
	return settle_member(v, &p, known ? &before : NULL, &m);
}

enum diff_action
roster_if_left(const struct roster_view *v, const struct member *m)
{
	struct member gone = *m;

	write_arrived(&gone, false, ROLE_MEMBER, "");
	gone.teams.present = false;
	return decide(v, NULL, &gone);
}

struct roster_step
roster_left(const struct roster_view *v, struct member *m)
{
	struct member before = *m;
	struct person p;

	if (person_load(v->r, m->person, &p) != ERR_OK) {
		memset(&p, 0, sizeof(p));
		p.id = m->person;
	}
	write_arrived(m, false, ROLE_MEMBER, "");
	teams_side(v, m, false, ROLE_MEMBER);
	m->membership_id[0] = '\0';
	return settle_member(v, &p, &before, m);
}

struct roster_step
roster_look(const struct roster_view *v, struct member *m)
{
	struct member before = *m;
	struct person p;

	if (person_load(v->r, m->person, &p) != ERR_OK)
		return (struct roster_step){ DIFF_NOTHING, m->person, false };
	return settle_member(v, &p, &before, m);
}

void
roster_hold(const struct roster_view *v, struct member *m, const char *detail)
{
	struct member before = *m;

	set_status(v, m, MEMBER_HELD, detail);
	if (!v->dry_run && !member_same(&before, m))
		roster_store(v->r, v->erg, &before, m);
}

/* ---------- what the app says ---------- */

/* A callback is under way, and the app speaks of the same person: what it was told stands, and on it what it says now. */
static void
callback_overtaken(struct member *m)
{
	m->base = m->told;
	m->callback_seq = 0;
	m->callback_write = PENDING_NONE;
}

/* What is queued says otherwise than the app just did, and may arrive only now: the app's own word follows it, so that the last it
 * hears is what it said last. */
static void
have_last_word(const struct roster_view *v, const struct person *p, struct member *m, const struct side *says)
{
	uint64_t seq;

	if (m->callback_seq != 0)
		callback_overtaken(m);
	if (m->queued_seq == 0 || side_equal(&m->queued, says))
		return;
	seq = tell_member(v->r, says->present ? CHANGE_MEMBER_ADDED : CHANGE_MEMBER_REMOVED, v->erg, p, says->role);
	if (seq == 0)
		return;
	m->queued_seq = seq;
	m->queued = *says;
}

static void
app_lists(const struct roster_view *v, const struct person *p, struct member *m, const struct roster_app *says)
{
	enum role role = says->role;
	bool repeated;

	/* The app can neither make a guest nor unmake one: its "member" is how it says guest. */
	if (m->teams.present && m->teams.role == ROLE_GUEST && role == ROLE_MEMBER)
		role = ROLE_GUEST;
	repeated = m->app.present && m->app.role == role && m->private_ == says->private_;
	/* It may not have read the callback yet. */
	if (m->callback_seq != 0 && repeated)
		return;
	have_last_word(v, p, m, &(struct side){ true, role, 0 });
	if (!repeated)
		m->app = (struct side){ true, role, clock_wall_ms(v->r->clock) };
	m->private_ = says->private_;
	m->kept_in_teams = false;
	if (m->status == MEMBER_REFUSED_BY_TEAMS || m->status == MEMBER_UNRESOLVED || m->status == MEMBER_REFUSED_BY_APP) {
		m->retry_wall_ms = 0;
		memset(&m->told, 0, sizeof(m->told));
	}
}

struct roster_step
roster_app_says(const struct roster_view *v, const struct person *p, const struct roster_app *says)
{
	struct member before, m;
	bool known = member_load(v->r, &v->erg->id, p->id, &before) == ERR_OK;

	if (known) {
		m = before;
	} else {
		memset(&m, 0, sizeof(m));
		m.erg = v->erg->id;
		m.person = p->id;
	}
	if (says->present) {
		app_lists(v, p, &m, says);
	} else if (!known) {
		return (struct roster_step){ DIFF_NOTHING, p->id, false };
	} else {
		have_last_word(v, p, &m, &(struct side){ false, ROLE_MEMBER, 0 });
		if (m.app.present || m.base.present) {
			m.app = (struct side){ false, ROLE_MEMBER, clock_wall_ms(v->r->clock) };
			m.retry_wall_ms = m.teams_write == PENDING_NONE ? 0 : m.retry_wall_ms;
		}
		m.private_ = false;
	}
	return settle_member(v, p, known ? &before : NULL, &m);
}

/* ---------- what was written to Teams ---------- */

void
roster_sent(
    const struct roster_view *v, struct member *m, enum pending_write write, const char *membership_id, int64_t look_wall_ms)
{
	struct member before = *m;

	/* Teams has shown it before the answer came, or before a crash. */
	if (write != PENDING_ROLE && m->teams.present == (write == PENDING_ADD) && m->app.present == m->teams.present) {
		agree(v, m);
		roster_store(v->r, v->erg, &before, m);
		return;
	}
	m->teams_write = write;
	m->teams_write_wall_ms = clock_wall_ms(v->r->clock);
	m->retry_wall_ms = look_wall_ms;
	m->missing_once = false;
	/* From now on a role that is still the former one is no change of Teams'. */
	if (write == PENDING_ROLE)
		m->base = m->teams;
	if (membership_id != NULL && membership_id[0] != '\0')
		str_copy(m->membership_id, sizeof(m->membership_id), membership_id);
	set_status(
	    v, m, write == PENDING_REMOVE ? MEMBER_REMOVING_FROM_TEAMS : MEMBER_ADDING_TO_TEAMS, "Waits for Teams to show it.");
	roster_store(v->r, v->erg, &before, m);
}

void
roster_missing(const struct roster_view *v, struct member *m)
{
	struct member before = *m;

	m->missing_once = true;
	m->retry_wall_ms = 0;
	roster_store(v->r, v->erg, &before, m);
}

void
roster_lost(const struct roster_view *v, const struct person *p, struct member *m)
{
	struct member before = *m;

	write_over(m);
	settle_member(v, p, &before, m);
}

void
roster_put_off(const struct roster_view *v, struct member *m, int64_t until_wall_ms)
{
	struct member before = *m;

	m->retry_wall_ms = until_wall_ms;
	roster_store(v->r, v->erg, &before, m);
}

void
roster_refused(const struct roster_view *v, const struct person *p, struct member *m, const char *detail, int64_t again_wall_ms)
{
	struct member before = *m;

	if (m->status != MEMBER_REFUSED_BY_TEAMS || strcmp(m->detail, detail) != 0)
		tell_member_trouble(v->r, CHANGE_MEMBER_REFUSED, v->erg, p, detail);
	m->teams_write = PENDING_NONE;
	m->missing_once = false;
	m->attempts++;
	m->retry_wall_ms = again_wall_ms;
	set_status(v, m, MEMBER_REFUSED_BY_TEAMS, detail);
	roster_store(v->r, v->erg, &before, m);
}

void
roster_approve(const struct roster_view *v, struct member *m)
{
	struct member before = *m;

	m->mark = PLAN_APPROVED;
	m->retry_wall_ms = 0;
	set_status(
	    v, m, m->app.present ? MEMBER_REMOVING_FROM_APP : MEMBER_REMOVING_FROM_TEAMS, "Approved; read once more first.");
	roster_store(v->r, v->erg, &before, m);
}

void
roster_restore(const struct roster_view *v, struct member *m)
{
	struct member before = *m;
	struct person p;

	if (person_load(v->r, m->person, &p) != ERR_OK)
		return;
	if (m->callback_seq != 0) {
		m->app = m->told;
		callback_overtaken(m);
	}
	if (m->app.present) {
		memset(&m->teams, 0, sizeof(m->teams));
		m->membership_id[0] = '\0';
	}
	memset(&m->base, 0, sizeof(m->base));
	m->mark = PLAN_RESTORE;
	m->retry_wall_ms = 0;
	settle_member(v, &p, &before, m);
}

/* ---------- what the app answers ---------- */

static void
app_refused(const struct roster_view *v, struct member *m, const char *detail)
{
	m->callback_seq = 0;
	m->callback_write = PENDING_NONE;
	set_status(v, m, MEMBER_REFUSED_BY_APP, detail);
}

/* An older callback than the last one: the app is not yet where it will stand, but no longer where it was. Both sides agreed on
 * that, too: should the app refuse the last one, then its having taken this one is no change of its own. */
static void
app_moved(struct member *m, enum change_type type)
{
	if (type == CHANGE_MEMBER_ADDED || type == CHANGE_MEMBER_REMOVED)
		m->base.present = m->app.present = type == CHANGE_MEMBER_ADDED;
}

void
roster_acknowledged(struct reconciler *r, const struct feed_record *change, enum callback_act what, const struct user_id *user,
    const char *detail)
{
	struct member before, m;
	struct erg erg;
	struct roster_view v = { .r = r, .erg = &erg };

	if (change->person == 0 || erg_load(r, &change->erg, &erg) != ERR_OK)
		return;
	if (what == CALLBACK_APPLIED && user != NULL) {
		identity_named(r, &erg, change->person, user);
		erg_store(r, &erg);
	}
	if (member_load(r, &change->erg, change->person, &m) != ERR_OK || (m.callback_seq == 0 && m.queued_seq != change->seq))
		return;
	before = m;
	if (m.queued_seq == change->seq)
		m.queued_seq = 0;
	if (m.callback_seq != change->seq && m.callback_seq != 0 && what == CALLBACK_APPLIED)
		app_moved(&m, change->type);
	else if (m.callback_seq == change->seq && what == CALLBACK_APPLIED)
		app_took(&v, &m);
	else if (m.callback_seq == change->seq)
		app_refused(&v, &m, detail);
	roster_store(r, &erg, &before, &m);
	erg_settle(r, &erg);
	erg_store(r, &erg);
}

/* ---------- a new link ---------- */

/* Teams' side of the former link says nothing of the new one. */
static void
member_unlink(struct reconciler *r, struct erg *erg, const struct member *before)
{
	struct member m = *before;

	memset(&m.teams, 0, sizeof(m.teams));
	memset(&m.base, 0, sizeof(m.base));
	m.membership_id[0] = '\0';
	m.kept_in_teams = false;
	m.teams_write = PENDING_NONE;
	m.missing_once = false;
	m.mark = PLAN_UNMARKED;
	if (m.callback_seq == 0)
		m.status = m.private_ ? MEMBER_PRIVATE : MEMBER_ADDING_TO_TEAMS;
	roster_store(r, erg, before, &m);
}

void
roster_unlink(struct reconciler *r, struct erg *erg)
{
	struct store_key prefix;
	struct store_cursor *c;
	struct member m;

	members_prefix(r, &erg->id, &prefix);
	c = store_seek(r->store, TABLE_MEMBERS, &prefix, NULL);
	while (store_next(c, NULL, &m) == ERR_OK)
		member_unlink(r, erg, &m);
	store_cursor_close(c);
}

/* ---------- after damage ---------- */

void
roster_index(struct reconciler *r, const struct member *m)
{
	membership_set(r, m, true);
	person_erg_set(r, m, true);
}

void
roster_recount(struct reconciler *r, struct erg *erg)
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
roster_erase(struct reconciler *r, const struct erg_id *erg, unsigned max)
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
