/*
 * Who is an owner is known from lists, and those lag: so before an owner goes, somebody else is read who is said to be one. One owner
 * goes at a time, each with its own reading.
 */
#include "reconciler/push_task.h"

#include <string.h>

#include "base/clock.h"
#include "reconciler/push.h"
#include "reconciler/reconciler.h"
#include "reconciler/tables.h"

#define OWNERS_ASKED_MAX 8 /* of those said to be owners; the bug it catches: asking for ever */

static const char kept_last_owner[] = "The last owner of a team stays.";
static const char kept_own_account[] = "The account ergsync acts as is never removed.";
static const char never_shared[] =
    "Graph lets nobody add people to a shared channel or change their roles there: do it in Teams, and the app will follow.";
static const char never_guest[] = "Guests are invited in Teams, and are neither added nor made owners by an application.";

static void
keep_one(struct push_task *t, const char *why)
{
	struct person person;
	struct roster_view v;
	struct member m;
	struct erg erg;

	t->dropped = true;
	if (!push_task_open(t, &erg, &v, &m, &person))
		return;
	roster_refused(&v, &person, &m, why, clock_wall_ms(v.r->clock) + PUSH_RETRY_REFUSED_MS);
	push_erg_close(t->push, &erg);
}

/* Does this write take an owner from the roster? */
static bool
loses_owner(const struct push_task *t)
{
	switch (t->push->kind) {
	case PUSH_REMOVE: return t->role == ROLE_OWNER;
	case PUSH_ROLE: return t->role != ROLE_OWNER;
	default: return false;
	}
}

/* Why this write is not even tried, or NULL. */
static const char *
never(const struct push_task *t, const struct person *person, const struct tenant *tenant)
{
	const struct push *p = t->push;
	bool guest = person->kind == PERSON_GUEST;

	if (p->kind == PUSH_REMOVE)
		return tenant->organizer_id.s[0] != '\0' && strcmp(t->user.s, tenant->organizer_id.s) == 0 ? kept_own_account
		                                                                                           : NULL;
	if (p->type == CHANNEL_SHARED)
		return never_shared;
	return guest && (p->channel[0] == '\0' || t->role == ROLE_OWNER) ? never_guest : NULL;
}

void
push_spare(struct push *p)
{
	struct tenant tenant;
	struct person person;
	struct erg erg;
	bool owner = false;
	const char *why;

	if (erg_load(p->r, &p->erg, &erg) != ERR_OK || tenant_load(p->r, &erg.tenant, &tenant) != ERR_OK)
		return;
	for (size_t i = 0; i < p->count; i++) {
		struct push_task *t = &p->tasks[i];

		if (t->dropped || person_load(p->r, t->person, &person) != ERR_OK)
			continue;
		if ((why = never(t, &person, &tenant)) != NULL)
			keep_one(t, why);
		else if (loses_owner(t) && owner)
			t->dropped = true; /* in the next pass */
		else
			owner |= loses_owner(t);
	}
}

/* ---------- the last owner ---------- */

static struct push_task *
going_owner(struct push *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (!p->tasks[i].dropped && loses_owner(&p->tasks[i]))
			return &p->tasks[i];
	return NULL;
}

/* The next of those who are said to be owners, besides the one who is to go. Whoever is of another tenant is called an owner of a
 * shared channel without being one. */
static bool
other_owner(struct push *p, person_id going, struct member *ret_member, struct person *ret)
{
	struct store_cursor *c;
	struct store_key prefix;
	bool found = false;

	members_prefix(p->r, &p->erg, &prefix);
	c = store_seek(p->r->store, TABLE_MEMBERS, &prefix, NULL);
	while (!found && store_next(c, NULL, ret_member) == ERR_OK)
		found = ret_member->teams.present && ret_member->teams.role == ROLE_OWNER && ret_member->person != going &&
		        ret_member->person > p->owner.person && ret_member->membership_id[0] != '\0' &&
		        ret_member->teams_write != PENDING_REMOVE && ret_member->teams_write != PENDING_ROLE &&
		        person_load(p->r, ret_member->person, ret) == ERR_OK && ret->home_tenant.s[0] == '\0';
	store_cursor_close(c);
	return found;
}

bool
push_owner_check(struct push *p)
{
	struct push_task *going = going_owner(p);
	struct person person;
	struct member m;

	if (going == NULL || p->owner_stays)
		return false;
	if (p->retry_ms >= 0) {
		going->dropped = true; /* nothing could be read: later */
		return false;
	}
	if (p->owners_asked++ == OWNERS_ASKED_MAX || !other_owner(p, going->person, &m, &person)) {
		keep_one(going, kept_last_owner);
		return false;
	}
	p->owner = (struct push_task){ .push = p, .person = person.id, .user = person.entra_id };
	memcpy(p->owner.membership_id, m.membership_id, sizeof(p->owner.membership_id));
	push_read_start(&p->owner, PUSH_STEP_OWNER);
	if (p->busy == 0)
		going->dropped = true; /* nothing can be read: later */
	return p->busy > 0;
}
