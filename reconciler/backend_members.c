#include "reconciler/backend_ops.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "reconciler/app_list.h"
#include "reconciler/chores.h"
#include "reconciler/dirty.h"
#include "reconciler/identity.h"
#include "reconciler/people.h"
#include "reconciler/plan.h"
#include "reconciler/push.h"
#include "reconciler/reconciler.h"
#include "reconciler/roster.h"
#include "reconciler/staging.h"
#include "reconciler/standing.h"
#include "reconciler/tables.h"
#include "state/store.h"

static enum err
member_find(struct reconciler *r, const struct erg *erg, const struct app_person_ref *who, struct member_view *ret)
{
	enum err e = who->user.s[0] != '\0' ? people_find_user(r, &erg->tenant, &who->user, &ret->person)
	                                    : people_find_object(r, &erg->tenant, &who->entra_id, &ret->person);

	return e != ERR_OK ? e : member_load(r, &erg->id, ret->person.id, &ret->member);
}

/* What is open in Teams waits for the tenant or for the ERG to be readable, for the next try of a call, or for that of all that is open
 * in this ERG: that is in no record. */
struct waits {
	struct reconciler *r;
	char all[DETAIL_SIZE]; /* "": Graph can be asked */
	const char *push;      /* NULL: nothing has failed */
};

static struct waits
waits_of(struct reconciler *r, const struct erg *erg)
{
	struct waits w = { .r = r, .push = chore_said(r, CHORE_PUSH, erg->id.s) };

	if (!backend_tenant_waits(r, &erg->tenant, w.all) && erg->state == ERG_BROKEN)
		snprintf(w.all, sizeof(w.all), "Waits for the ERG: %s", erg->detail);
	return w;
}

static void
show_wait(const struct waits *w, struct member *m)
{
	if (m->status != MEMBER_ADDING_TO_TEAMS && m->status != MEMBER_REMOVING_FROM_TEAMS)
		return;
	if (w->all[0] != '\0')
		str_copy(m->detail, sizeof(m->detail), w->all);
	else if (!push_call_trouble(w->r, &m->erg, m->person, m->detail) && w->push != NULL)
		str_copy(m->detail, sizeof(m->detail), w->push);
}

enum err
backend_member_get(
    void *ctx, const struct erg_id *id, const struct app_person_ref *who, struct member_view *ret, struct problem *p)
{
	struct reconciler *r = ctx;
	struct waits waits;
	struct erg erg;

	if (erg_load(r, id, &erg) != ERR_OK)
		return backend_unknown_erg(p, id);
	if (member_find(r, &erg, who, ret) != ERR_OK)
		return problem_set(p, PROBLEM_UNKNOWN_MEMBER, "The ERG has no such member.");
	waits = waits_of(r, &erg);
	show_wait(&waits, &ret->member);
	return ERR_OK;
}

/* The cursor is our number of the last person shown. */
enum err
backend_member_list(void *ctx, const struct erg_id *id, const struct app_page *page, app_member_emit emit, void *arg,
    struct app_cursor *ret_next, struct problem *p)
{
	struct reconciler *r = ctx;
	struct store_key prefix, after;
	struct store_cursor *c;
	struct member_view view;
	struct waits waits;
	struct erg erg;
	uint64_t last = 0;
	unsigned n = 0;

	if (erg_load(r, id, &erg) != ERR_OK)
		return backend_unknown_erg(p, id);
	if (page->after[0] != '\0' && parse_u64(page->after, &last) != ERR_OK)
		return problem_set(p, PROBLEM_BAD_PARAMETER, "after is not a cursor of this list.");
	waits = waits_of(r, &erg);
	members_prefix(r, id, &prefix);
	member_key(r, id, last, &after);
	c = store_seek(r->store, TABLE_MEMBERS, &prefix, last != 0 ? &after : NULL);
	while (store_next(c, NULL, &view.member) == ERR_OK) {
		if (n++ == page->limit) {
			snprintf(ret_next->s, sizeof(ret_next->s), "%llu", (unsigned long long)last);
			break;
		}
		last = view.member.person;
		show_wait(&waits, &view.member);
		if (person_load(r, last, &view.person) == ERR_OK)
			emit(arg, &view);
	}
	store_cursor_close(c);
	return ERR_OK;
}

static enum err
writable_erg(struct reconciler *r, const struct erg_id *id, struct erg *ret, struct roster_view *v, struct problem *p)
{
	struct tenant tenant;
	enum err e;

	if (erg_load(r, id, ret) != ERR_OK)
		return backend_unknown_erg(p, id);
	if ((e = backend_check_room(r, p)) != ERR_OK)
		return e;
	*v = (struct roster_view){ .r = r, .erg = ret };
	if (tenant_load(r, &ret->tenant, &tenant) == ERR_OK)
		v->directory = tenant.directory_id;
	return ERR_OK;
}

static enum err
list_one(const struct roster_view *v, const struct app_member_put *put, struct person *ret, struct problem *p)
{
	char why[DETAIL_SIZE] = "";
	enum err e = app_list_one(v, put, ret, why);

	if (e == ERR_OK)
		stagings_said(v->r->stagings, &v->erg->id, &put->who);
	return e == ERR_CONFLICT ? problem_set(p, PROBLEM_MEMBER_CONFLICT, "%s", why) : e;
}

enum err
backend_member_put(
    void *ctx, const struct erg_id *id, const struct app_member_put *put, struct member_view *ret, struct problem *p)
{
	struct reconciler *r = ctx;
	struct roster_view v = { .r = r };
	struct waits waits;
	struct erg erg;
	enum err e = writable_erg(r, id, &erg, &v, p);

	if (e != ERR_OK || (e = backend_check_tenant(r, &erg, p)) != ERR_OK || (e = list_one(&v, put, &ret->person, p)) != ERR_OK)
		return e;
	plan_settle(r, &erg);
	erg_settle(r, &erg);
	erg_store(r, &erg);
	if ((e = member_load(r, id, ret->person.id, &ret->member)) != ERR_OK)
		return e;
	waits = waits_of(r, &erg);
	show_wait(&waits, &ret->member);
	return ERR_OK;
}

enum err
backend_member_remove(void *ctx, const struct erg_id *id, const struct app_person_ref *who, struct problem *p)
{
	struct reconciler *r = ctx;
	struct roster_view v = { .r = r };
	struct member_view view;
	struct erg erg;
	enum err e = writable_erg(r, id, &erg, &v, p);

	if (e != ERR_OK)
		return e;
	stagings_said(r->stagings, id, who);
	if (member_find(r, &erg, who, &view) != ERR_OK)
		return problem_set(p, PROBLEM_UNKNOWN_MEMBER, "The ERG has no such member.");
	roster_app_says(&v, &view.person, &(struct roster_app){ .present = false });
	plan_settle(r, &erg);
	erg_settle(r, &erg);
	erg_store(r, &erg);
	return ERR_OK;
}

static enum err
list_all(const struct roster_view *v, const struct app_member_put *list, size_t count, person_id *listed,
    struct app_members_replaced *ret, struct problem *p)
{
	char why[DETAIL_SIZE];
	struct person person;
	struct member m;
	enum err e;

	for (size_t i = 0; i < count; i++) {
		bool before = identity_of(v->r, v->erg, &list[i], &person, why) == ERR_OK &&
		              member_load(v->r, &v->erg->id, person.id, &m) == ERR_OK && m.app.present;

		if ((e = list_one(v, &list[i], &person, p)) != ERR_OK)
			return e;
		listed[i] = person.id;
		ret->added += !before;
		ret->unchanged += before;
	}
	return ERR_OK;
}

/* Entries are taken in one by one; one that would make two people one is a conflict, and what stood before it in the list is kept: the
 * app repeats the whole. */
enum err
backend_members_replace(void *ctx, const struct erg_id *id, const struct app_member_put *list, size_t count,
    struct app_members_replaced *ret, struct problem *p)
{
	struct reconciler *r = ctx;
	person_id *listed;
	struct roster_view v = { .r = r };
	struct erg erg;
	enum err e = writable_erg(r, id, &erg, &v, p);

	if (e != ERR_OK || (e = backend_check_tenant(r, &erg, p)) != ERR_OK)
		return e;
	if ((listed = calloc(count + 1, sizeof(*listed))) == NULL)
		return ERR_NOMEM;
	if ((e = list_all(&v, list, count, listed, ret, p)) == ERR_OK) {
		qsort(listed, count, sizeof(*listed), people_by_number);
		app_list_leave_others(&v, listed, count, &ret->removed);
	}
	plan_settle(r, &erg);
	erg_settle(r, &erg);
	erg_store(r, &erg);
	/* The whole list may be what a held plan or a doubt was about. */
	if (erg.additions_only || erg.state == ERG_HELD)
		dirty_mark_erg(r, &erg, 0);
	free(listed);
	return e;
}
