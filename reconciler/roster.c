#include "reconciler/roster.h"

#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/text.h"
#include "reconciler/identity.h"
#include "reconciler/intents.h"
#include "reconciler/people.h"
#include "reconciler/plan.h"
#include "reconciler/push.h"
#include "reconciler/reconciler.h"
#include "reconciler/roster_book.h"
#include "reconciler/roster_decide.h"
#include "reconciler/roster_member.h"
#include "reconciler/standing.h"
#include "reconciler/tables.h"
#include "reconciler/tell.h"
#include "state/store.h"

/* ---------- what Teams shows ---------- */

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

static void
teams_side(const struct roster_view *v, struct member *m, bool present, enum role role)
{
	struct side now = { present, present ? role : ROLE_MEMBER, m->teams.since_wall_ms };

	if (roster_side_equal(&now, &m->teams))
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
	roster_member_write_over(m);
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
	roster_member_read(v, &m);
	teams_side(v, &m, true, role);
	if (strcmp(m.membership_id, seen->membership_id) != 0)
		str_copy(m.membership_id, sizeof(m.membership_id), seen->membership_id);
	return roster_member_settle(v, &p, known ? &before : NULL, &m);
}

enum diff_action
roster_if_left(const struct roster_view *v, const struct member *m)
{
	struct member gone = *m;

	write_arrived(&gone, false, ROLE_MEMBER, "");
	gone.teams.present = false;
	return roster_decide(v, NULL, &gone);
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
	roster_member_read(v, m);
	teams_side(v, m, false, ROLE_MEMBER);
	m->membership_id[0] = '\0';
	return roster_member_settle(v, &p, &before, m);
}

struct roster_step
roster_look(const struct roster_view *v, struct member *m)
{
	struct member before = *m;
	struct person p;

	if (person_load(v->r, m->person, &p) != ERR_OK)
		return (struct roster_step){ DIFF_NOTHING, m->person, false };
	return roster_member_settle(v, &p, &before, m);
}

void
roster_hold(const struct roster_view *v, struct member *m, const char *detail)
{
	struct member before = *m;

	roster_member_status(v, m, MEMBER_HELD, detail);
	if (!v->dry_run && !roster_member_same(&before, m))
		roster_book_put(v->r, v->erg, &before, m);
}

/* ---------- what the app says ---------- */

/* What is queued says otherwise than the app just did, and may arrive only now: the app's own word follows it, so that the last it
 * hears is what it said last. */
static void
have_last_word(const struct roster_view *v, const struct person *p, struct member *m, const struct side *says)
{
	uint64_t seq;

	if (m->callback_seq != 0)
		roster_member_overtaken(m);
	if (m->queued_seq == 0 || roster_side_equal(&m->queued, says))
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

/* A join that the app has taken back may be on its way: should Teams show it, that is our own write, and the leave is still to be made
 * there. Without a write of ours it would be somebody who has joined in Teams. */
static void
join_may_arrive(const struct roster_view *v, struct member *m)
{
	if (m->app.present || m->teams.present || m->teams_write != PENDING_NONE ||
	    !intent_is_begun(v->r, &m->erg, m->person, INTENT_ADD_MEMBER))
		return;
	m->teams_write = PENDING_ADD;
	m->teams_write_wall_ms = clock_wall_ms(v->r->clock);
	m->missing_once = false;
	m->retry_wall_ms = m->teams_write_wall_ms + v->r->config->settle_ms;
	roster_member_status(
	    v, m, MEMBER_REMOVING_FROM_TEAMS, "Was on the way to Teams already; is removed there once Teams shows it.");
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
	if (known && (!roster_side_equal(&before.app, &m.app) || before.private_ != m.private_)) {
		push_withdraw(v->r, &m.erg, m.person);
		join_may_arrive(v, &m);
	}
	return roster_member_settle(v, p, known ? &before : NULL, &m);
}

/* ---------- what the app answers ---------- */

static void
app_refused(const struct roster_view *v, struct member *m, const char *detail)
{
	m->callback_seq = 0;
	m->callback_write = PENDING_NONE;
	roster_member_status(v, m, MEMBER_REFUSED_BY_APP, detail);
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
		roster_member_app_took(&v, &m);
	else if (m.callback_seq == change->seq)
		app_refused(&v, &m, detail);
	/* What it took is an earlier word: the plan that would remove the person stands. */
	if (before.status == MEMBER_HELD && m.status == MEMBER_SYNCED) {
		roster_member_status(&v, &m, MEMBER_HELD, before.detail);
		m.mark = before.mark;
	}
	roster_book_put(r, &erg, &before, &m);
	plan_settle(r, &erg);
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
	roster_book_put(r, erg, before, &m);
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
