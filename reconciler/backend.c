#include "reconciler/backend.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/secret_file.h"
#include "base/text.h"
#include "graph/graph.h"
#include "reconciler/app_list.h"
#include "reconciler/chores.h"
#include "reconciler/consent.h"
#include "reconciler/dirty.h"
#include "reconciler/doctor.h"
#include "reconciler/identity.h"
#include "reconciler/ingest.h"
#include "reconciler/links.h"
#include "reconciler/meeting_due.h"
#include "reconciler/meetings.h"
#include "reconciler/people.h"
#include "reconciler/plan.h"
#include "reconciler/receipts.h"
#include "reconciler/reconciler.h"
#include "reconciler/rekey.h"
#include "reconciler/resync.h"
#include "reconciler/roster.h"
#include "reconciler/scope.h"
#include "reconciler/sign_in.h"
#include "reconciler/standing.h"
#include "reconciler/summary.h"
#include "reconciler/tables.h"
#include "reconciler/tenants.h"
#include "state/events.h"
#include "state/feed.h"
#include "state/outbox.h"
#include "state/stale.h"
#include "state/store.h"
#include "state/store_reseal.h"

static void
after_commit(void *ctx, void (*cb)(void *arg), void *arg)
{
	struct reconciler *r = ctx;

	store_after_commit(r->store, cb, arg);
}

static enum err
check_room(struct reconciler *r, struct problem *p)
{
	return store_has_room(r->store) ? ERR_OK
	                                : problem_set(p, PROBLEM_STORE_FULL, "The store is nearly full; nothing more is taken.");
}

static void
key_of(struct reconciler *r, const char *kind, const char *id, struct store_key *ret)
{
	store_key_init(ret);
	store_key_id(r->store, ret, kind, id);
}

/* ---------- tenants ---------- */

static void
tenant_show(struct reconciler *r, const struct tenant *tenant, struct tenant_view *ret)
{
	ret->tenant = *tenant;
	consent_url(r, tenant, ret->consent_url, sizeof(ret->consent_url));
	ret->receipt[0] = '\0';
	if (tenant->receipt != 0)
		snprintf(ret->receipt, sizeof(ret->receipt), "%" PRIu64, tenant->receipt);
}

static enum err
unknown_tenant(struct problem *p, const struct tenant_id *id)
{
	return problem_set(p, PROBLEM_UNKNOWN_TENANT, "There is no tenant %s.", id->s);
}

/* A directory belongs to one tenant of the app's, for good: its subscriptions and people are kept under it. */
static enum err
check_directory(struct reconciler *r, const struct app_tenant_put *put, const struct tenant *present, struct problem *p)
{
	struct tenant other;

	if (present != NULL && strcmp(present->directory_id.s, put->directory_id.s) != 0)
		return problem_set(p, PROBLEM_TENANT_CONFLICT,
		    "The tenant has another directory_id. Delete the tenant and put it again, or use another tenant id.");
	if (tenant_load_by_directory(r, &put->directory_id, &other) == ERR_OK && strcmp(other.id.s, put->id.s) != 0)
		return problem_set(p, PROBLEM_TENANT_CONFLICT, "That directory is the one of tenant %s.", other.id.s);
	return ERR_OK;
}

static void
tenant_make(struct reconciler *r, const struct app_tenant_put *put, struct tenant *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->id = put->id;
	ret->directory_id = put->directory_id;
	ret->state = TENANT_ACTIVE;
	ret->created_wall_ms = ret->state_since_wall_ms = clock_wall_ms(r->clock);
}

/* From now on others' permissions count: the account of before is forgotten, and whatever it was refused. */
static void
tenant_change_sign_in(struct reconciler *r, struct tenant *tenant, enum tenant_sign_in sign_in)
{
	tenant->sign_in = sign_in;
	if (sign_in == SIGN_IN_APPLICATION)
		sign_in_forget(r, &tenant->id);
	graph_tenant_sign_in_anew(r->graph, &tenant->directory_id);
}

/* What the app asked for, whether or not the tenant lets it. */
static enum meetings_policy
meetings_asked(const struct erg *erg)
{
	return erg->meetings_withheld > 0 ? (enum meetings_policy)(erg->meetings_withheld - 1) : erg->meetings;
}

static void
meetings_decide(struct erg *erg, enum meetings_policy asked, enum tenant_meetings allowed)
{
	bool withheld = allowed == TENANT_MEETINGS_OFF && asked != MEETINGS_OFF;

	erg->meetings = withheld ? MEETINGS_OFF : asked;
	erg->meetings_withheld = withheld ? (int64_t)asked + 1 : 0;
}

/* Meetings that exist are left as they are while meetings are off. */
static void
tenant_change_meetings(struct reconciler *r, struct tenant *tenant, enum tenant_meetings meetings)
{
	struct store_cursor *c = tenant_ergs(r, &tenant->id);
	struct erg_ref ref;
	struct erg erg;

	tenant->meetings = meetings;
	while (store_next(c, NULL, &ref) == ERR_OK) {
		if (erg_load(r, &ref.erg, &erg) != ERR_OK)
			continue;
		meetings_decide(&erg, meetings_asked(&erg), meetings);
		meetings_reconsider(r, &erg.id);
		erg_settle(r, &erg);
		erg_store(r, &erg);
	}
	store_cursor_close(c);
}

static enum err
tenant_put(void *ctx, const struct app_tenant_put *put, struct tenant_view *ret, bool *ret_created, struct problem *p)
{
	struct reconciler *r = ctx;
	struct tenant tenant;
	bool present = tenant_load(r, &put->id, &tenant) == ERR_OK, changed;
	enum err e;

	if (present && tenant.state == TENANT_REMOVING)
		return problem_set(p, PROBLEM_TENANT_REMOVING, "The tenant is being removed; put it again when it is gone.");
	if ((e = check_directory(r, put, present ? &tenant : NULL, p)) != ERR_OK || (e = check_room(r, p)) != ERR_OK)
		return e;
	if (!present)
		tenant_make(r, put, &tenant);
	if (strcmp(tenant.organizer, put->organizer) != 0)
		tenant.organizer_id.s[0] = '\0';
	memcpy(tenant.organizer, put->organizer, sizeof(tenant.organizer));
	changed = put->sign_in >= 0 && (enum tenant_sign_in)put->sign_in != tenant.sign_in;
	if (changed)
		tenant_change_sign_in(r, &tenant, (enum tenant_sign_in)put->sign_in);
	if (put->meetings >= 0 && (enum tenant_meetings)put->meetings != tenant.meetings)
		tenant_change_meetings(r, &tenant, (enum tenant_meetings)put->meetings);
	tenant_store(r, &tenant);
	*ret_created = !present;
	/* Consent given back is noticed at once after this call (contract section 9). */
	graph_tenant_retry(r->graph, &tenant.directory_id);
	if (tenant.organizer_id.s[0] == '\0' || tenant.state != TENANT_ACTIVE || changed)
		chore_add(r, CHORE_TENANT, tenant.id.s, 0);
	tenant_show(r, &tenant, ret);
	return ERR_OK;
}

static enum err
tenant_get(void *ctx, const struct tenant_id *id, struct tenant_view *ret, struct problem *p)
{
	struct reconciler *r = ctx;
	struct tenant tenant;

	if (tenant_load(r, id, &tenant) != ERR_OK)
		return unknown_tenant(p, id);
	tenant_show(r, &tenant, ret);
	return ERR_OK;
}

static enum err
tenant_list(
    void *ctx, const struct app_page *page, app_tenant_emit emit, void *arg, struct app_cursor *ret_next, struct problem *p)
{
	struct reconciler *r = ctx;
	struct store_key after;
	struct store_cursor *c;
	struct tenant tenant;
	struct tenant_view view;
	unsigned n = 0;

	(void)p;
	key_of(r, "tenant", page->after, &after);
	c = store_seek(r->store, TABLE_TENANTS, NULL, page->after[0] != '\0' ? &after : NULL);
	while (store_next(c, NULL, &tenant) == ERR_OK) {
		if (n++ == page->limit) {
			str_copy(ret_next->s, sizeof(ret_next->s), view.tenant.id.s);
			break;
		}
		tenant_show(r, &tenant, &view);
		emit(arg, &view);
	}
	store_cursor_close(c);
	return ERR_OK;
}

static enum err
tenant_remove(void *ctx, const struct tenant_id *id, struct tenant_view *ret, struct problem *p)
{
	struct reconciler *r = ctx;
	struct tenant tenant;

	if (tenant_load(r, id, &tenant) != ERR_OK)
		return unknown_tenant(p, id);
	if (tenant.state != TENANT_REMOVING)
		tenant_erase(r, &tenant);
	tenant_show(r, &tenant, ret);
	return ERR_OK;
}

static enum err
tenant_sign_in_start(void *ctx, const struct tenant_id *id, struct app_sign_in *ret, struct problem *p)
{
	struct reconciler *r = ctx;
	struct tenant tenant;

	if (tenant_load(r, id, &tenant) != ERR_OK)
		return unknown_tenant(p, id);
	if (tenant.state == TENANT_REMOVING)
		return problem_set(p, PROBLEM_TENANT_REMOVING, "The tenant is being removed.");
	if (tenant.sign_in != SIGN_IN_DELEGATED)
		return problem_set(p, PROBLEM_TENANT_CONFLICT,
		    "In this tenant the application signs in by itself. To use an account, put the tenant with \"sign_in\": "
		    "\"delegated\" first.");
	return sign_in_begin(r, &tenant, ret);
}

static enum err
tenant_doctor(void *ctx, const struct tenant_id *id, struct app_doctor *ret, struct problem *p)
{
	struct reconciler *r = ctx;
	struct tenant tenant;

	if (tenant_load(r, id, &tenant) != ERR_OK)
		return unknown_tenant(p, id);
	if (tenant.state == TENANT_REMOVING)
		return problem_set(p, PROBLEM_TENANT_REMOVING, "The tenant is being removed.");
	return doctor_report(r, &tenant, ret);
}

static enum err
tenant_sign_in_get(void *ctx, const struct tenant_id *id, struct app_sign_in *ret, struct problem *p)
{
	struct reconciler *r = ctx;
	struct tenant tenant;

	if (tenant_load(r, id, &tenant) != ERR_OK)
		return unknown_tenant(p, id);
	sign_in_show(r, &tenant, ret);
	return ERR_OK;
}

/* ---------- ERGs ---------- */

static enum err
unknown_erg(struct problem *p, const struct erg_id *id)
{
	return problem_set(p, PROBLEM_UNKNOWN_ERG, "There is no ERG %s.", id->s);
}

static void
subscription_show(struct reconciler *r, const struct subscription *wanted, struct erg_view *ret)
{
	if (subscription_load(r, &wanted->scope, &ret->subscriptions[ret->subscription_count]) == ERR_OK)
		ret->subscription_count++;
}

/* The roster's, and the calendar's of whoever organizes its meetings now. */
static void
erg_show(struct reconciler *r, const struct erg *erg, struct erg_view *ret)
{
	struct subscription wanted;
	struct guid mailbox;
	char why[DETAIL_SIZE];

	memset(ret, 0, sizeof(*ret));
	ret->erg = *erg;
	ret->erg.meetings = meetings_asked(erg);
	ret->events.scheduled = meeting_sum_get(r, MEETING_SUM_LIVE, erg->id.s);
	ret->events.pending = meeting_sum_get(r, MEETING_SUM_OPEN, erg->id.s);
	if (erg->membership != MEMBERSHIP_OFF && scope_of_erg(r, erg, &wanted) == ERR_OK)
		subscription_show(r, &wanted, ret);
	if (erg->meetings != MEETINGS_OFF && meeting_organizer(r, erg, &mailbox, why) == ERR_OK &&
	    scope_of_mailbox(r, &erg->tenant, &mailbox, &wanted) == ERR_OK)
		subscription_show(r, &wanted, ret);
}

static enum err
check_erg(struct reconciler *r, const struct app_erg_put *put, const struct erg *present, struct problem *p)
{
	struct tenant tenant;

	if (tenant_load(r, &put->tenant, &tenant) != ERR_OK)
		return problem_field(p, "/tenant", "There is no tenant %s.", put->tenant.s);
	if (tenant.state == TENANT_REMOVING)
		return problem_set(p, PROBLEM_TENANT_REMOVING, "The tenant is being removed.");
	if (put->link_directory_id.s[0] != '\0' && strcmp(put->link_directory_id.s, tenant.directory_id.s) != 0)
		return problem_field(p, "/channel_url", "The link belongs to another tenant than the one of this ERG.");
	if (present != NULL && strcmp(present->tenant.s, put->tenant.s) != 0)
		return problem_set(p, PROBLEM_ERG_CONFLICT, "The ERG belongs to another tenant. Delete it first.");
	if (chore_pending(r, CHORE_ERASE_ERG, put->id.s))
		return problem_set(p, PROBLEM_ERG_CONFLICT, "An ERG of that id is still being removed; try again in a moment.");
	return check_room(r, p);
}

static void
erg_make(struct reconciler *r, const struct app_erg_put *put, struct erg *ret)
{
	struct tenant tenant;

	memset(ret, 0, sizeof(*ret));
	ret->id = put->id;
	ret->tenant = put->tenant;
	ret->channel_type = CHANNEL_UNKNOWN;
	ret->state = ERG_LINKING;
	ret->created_wall_ms = ret->state_since_wall_ms = clock_wall_ms(r->clock);
	erg_refs_add(r, ret);
	if (tenant_load(r, &put->tenant, &tenant) == ERR_OK) {
		tenant.erg_count++;
		tenant_store(r, &tenant);
	}
}

/* A team link means General, whose id is looked up: asking for the same team again is no other link. */
static bool
same_link(const struct erg *erg, const struct app_erg_put *put)
{
	if (strcmp(erg->team_id.s, put->team_id.s) != 0)
		return false;
	return strcmp(erg->channel_url, put->channel_url) == 0 ||
	       (put->channel_id[0] != '\0' && strcmp(erg->channel_id, put->channel_id) == 0);
}

static void
erg_take(struct erg *erg, const struct app_erg_put *put)
{
	memcpy(erg->name, put->name, sizeof(erg->name));
	memcpy(erg->channel_url, put->channel_url, sizeof(erg->channel_url));
	if (strcmp(erg->organizer, put->organizer) != 0)
		erg->organizer_id.s[0] = erg->organizer_detail[0] = '\0';
	memcpy(erg->organizer, put->organizer, sizeof(erg->organizer));
	erg->membership = put->membership;
	erg->removal_limit = put->removal_limit;
	erg->removal_percent = put->removal_percent;
}

static void
erg_relink(struct reconciler *r, struct erg *erg, const struct app_erg_put *put, bool present)
{
	if (present)
		link_end(r, erg);
	erg->team_id = put->team_id;
	memcpy(erg->channel_id, put->channel_id, sizeof(erg->channel_id));
	link_begin(r, erg);
}

static enum err
erg_put(void *ctx, const struct app_erg_put *put, struct erg_view *ret, bool *ret_created, struct problem *p)
{
	struct reconciler *r = ctx;
	struct erg erg;
	struct tenant tenant;
	enum meetings_policy before;
	bool present = erg_load(r, &put->id, &erg) == ERR_OK, relink, reconsider;
	bool was_on = present && erg.membership != MEMBERSHIP_OFF;
	enum err e = check_erg(r, put, present ? &erg : NULL, p);

	if (e != ERR_OK)
		return e;
	if (!present)
		erg_make(r, put, &erg);
	relink = !present || !same_link(&erg, put);
	before = erg.meetings;
	reconsider = strcmp(erg.organizer, put->organizer) != 0;
	erg_take(&erg, put);
	if (tenant_load(r, &erg.tenant, &tenant) == ERR_OK)
		meetings_decide(&erg, put->meetings, tenant.meetings);
	reconsider = reconsider || erg.meetings != before;
	/* Also to ask for an organizer again who was not found. */
	if (reconsider || erg.organizer_detail[0] != '\0')
		meetings_reconsider(r, &erg.id);
	plan_settle(r, &erg);
	if (relink)
		erg_relink(r, &erg, put, present);
	else if (erg.state == ERG_LINKING || erg.state == ERG_BROKEN)
		chore_add(r, CHORE_LINK, erg.id.s, 0);
	else if (was_on != (erg.membership != MEMBERSHIP_OFF))
		link_switch(r, &erg, !was_on);
	else
		erg_settle(r, &erg);
	erg_store(r, &erg);
	*ret_created = !present;
	erg_show(r, &erg, ret);
	return ERR_OK;
}

static enum err
erg_get(void *ctx, const struct erg_id *id, struct erg_view *ret, struct problem *p)
{
	struct reconciler *r = ctx;
	struct erg erg;

	if (erg_load(r, id, &erg) != ERR_OK)
		return unknown_erg(p, id);
	erg_show(r, &erg, ret);
	return ERR_OK;
}

static enum err
erg_list(void *ctx, const struct app_page *page, app_erg_emit emit, void *arg, struct app_cursor *ret_next, struct problem *p)
{
	struct reconciler *r = ctx;
	struct store_key after;
	struct store_cursor *c;
	struct erg erg;
	struct erg_view view;
	unsigned n = 0;

	(void)p;
	key_of(r, "erg", page->after, &after);
	c = store_seek(r->store, TABLE_ERGS, NULL, page->after[0] != '\0' ? &after : NULL);
	while (store_next(c, NULL, &erg) == ERR_OK) {
		if (n++ == page->limit) {
			str_copy(ret_next->s, sizeof(ret_next->s), view.erg.id.s);
			break;
		}
		erg_show(r, &erg, &view);
		emit(arg, &view);
	}
	store_cursor_close(c);
	return ERR_OK;
}

static enum err
erg_remove(void *ctx, const struct erg_id *id, struct problem *p)
{
	struct reconciler *r = ctx;
	struct erg erg;

	if (erg_load(r, id, &erg) != ERR_OK)
		return unknown_erg(p, id);
	erg_erase(r, &erg);
	return ERR_OK;
}

/* ---------- members ---------- */

static enum err
member_find(struct reconciler *r, const struct erg *erg, const struct app_person_ref *who, struct member_view *ret)
{
	enum err e = who->user.s[0] != '\0' ? people_find_user(r, &erg->tenant, &who->user, &ret->person)
	                                    : people_find_object(r, &erg->tenant, &who->entra_id, &ret->person);

	return e != ERR_OK ? e : member_load(r, &erg->id, ret->person.id, &ret->member);
}

static enum err
member_get(void *ctx, const struct erg_id *id, const struct app_person_ref *who, struct member_view *ret, struct problem *p)
{
	struct reconciler *r = ctx;
	struct erg erg;

	if (erg_load(r, id, &erg) != ERR_OK)
		return unknown_erg(p, id);
	if (member_find(r, &erg, who, ret) != ERR_OK)
		return problem_set(p, PROBLEM_UNKNOWN_MEMBER, "The ERG has no such member.");
	return ERR_OK;
}

/* The cursor is our number of the last person shown. */
static enum err
member_list(void *ctx, const struct erg_id *id, const struct app_page *page, app_member_emit emit, void *arg,
    struct app_cursor *ret_next, struct problem *p)
{
	struct reconciler *r = ctx;
	struct store_key prefix, after;
	struct store_cursor *c;
	struct member_view view;
	struct erg erg;
	uint64_t last = 0;
	unsigned n = 0;

	if (erg_load(r, id, &erg) != ERR_OK)
		return unknown_erg(p, id);
	if (page->after[0] != '\0' && parse_u64(page->after, &last) != ERR_OK)
		return problem_set(p, PROBLEM_BAD_PARAMETER, "after is not a cursor of this list.");
	members_prefix(r, id, &prefix);
	member_key(r, id, last, &after);
	c = store_seek(r->store, TABLE_MEMBERS, &prefix, last != 0 ? &after : NULL);
	while (store_next(c, NULL, &view.member) == ERR_OK) {
		if (n++ == page->limit) {
			snprintf(ret_next->s, sizeof(ret_next->s), "%llu", (unsigned long long)last);
			break;
		}
		last = view.member.person;
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
		return unknown_erg(p, id);
	if ((e = check_room(r, p)) != ERR_OK)
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

	return e == ERR_CONFLICT ? problem_set(p, PROBLEM_MEMBER_CONFLICT, "%s", why) : e;
}

static enum err
member_put(void *ctx, const struct erg_id *id, const struct app_member_put *put, struct member_view *ret, struct problem *p)
{
	struct reconciler *r = ctx;
	struct roster_view v = { .r = r };
	struct erg erg;
	enum err e = writable_erg(r, id, &erg, &v, p);

	if (e != ERR_OK || (e = list_one(&v, put, &ret->person, p)) != ERR_OK)
		return e;
	plan_settle(r, &erg);
	erg_settle(r, &erg);
	erg_store(r, &erg);
	return member_load(r, id, ret->person.id, &ret->member);
}

static enum err
member_remove(void *ctx, const struct erg_id *id, const struct app_person_ref *who, struct problem *p)
{
	struct reconciler *r = ctx;
	struct roster_view v = { .r = r };
	struct member_view view;
	struct erg erg;
	enum err e = writable_erg(r, id, &erg, &v, p);

	if (e != ERR_OK)
		return e;
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
static enum err
members_replace(void *ctx, const struct erg_id *id, const struct app_member_put *list, size_t count,
    struct app_members_replaced *ret, struct problem *p)
{
	struct reconciler *r = ctx;
	person_id *listed;
	struct roster_view v = { .r = r };
	struct erg erg;
	enum err e = writable_erg(r, id, &erg, &v, p);

	if (e != ERR_OK)
		return e;
	if ((listed = calloc(count + 1, sizeof(*listed))) == NULL)
		return ERR_NOMEM;
	if ((e = list_all(&v, list, count, listed, ret, p)) == ERR_OK) {
		qsort(listed, count, sizeof(*listed), app_list_by_number);
		app_list_leave_others(&v, listed, count, INT64_MAX, &ret->removed);
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

/* ---------- events ---------- */

static enum err
unknown_event(struct problem *p)
{
	return problem_set(p, PROBLEM_UNKNOWN_EVENT, "The ERG has no such event.");
}

/* ERR_NOTFOUND also for one whose time to be remembered is over. */
static enum err
event_show(
    struct reconciler *r, const struct erg_id *erg, const struct event_id *id, app_event_emit emit, void *arg, bool *ret_more)
{
	struct event_fields *fields = NULL;
	struct event e;
	struct event_view view = { &e, NULL };
	enum err err = meeting_show(r, erg, id, &e, &fields);

	if (err == ERR_OK && e.forget_wall_ms != 0 && e.forget_wall_ms <= clock_wall_ms(r->clock))
		err = ERR_NOTFOUND;
	if (err == ERR_OK) {
		view.fields = fields;
		*ret_more = emit(arg, &view);
	}
	event_fields_free(fields);
	return err;
}

static enum err
event_get(void *ctx, const struct erg_id *id, const struct event_id *event, app_event_emit emit, void *arg, struct problem *p)
{
	struct reconciler *r = ctx;
	struct erg erg;
	bool more;
	enum err e;

	if (erg_load(r, id, &erg) != ERR_OK)
		return unknown_erg(p, id);
	e = event_show(r, id, event, emit, arg, &more);
	return e == ERR_NOTFOUND ? unknown_event(p) : e;
}

/* The cursor is the id of the last event shown. */
static enum err
event_list(void *ctx, const struct erg_id *id, const struct app_page *page, app_event_emit emit, void *arg,
    struct app_cursor *ret_next, struct problem *p)
{
	struct reconciler *r = ctx;
	struct event_id after = { "" };
	struct store_cursor *c;
	struct event e;
	struct erg erg;
	unsigned n = 0;
	bool more = true;

	if (erg_load(r, id, &erg) != ERR_OK)
		return unknown_erg(p, id);
	if (page->after[0] != '\0' && !event_id_parse(page->after, &after))
		return problem_set(p, PROBLEM_BAD_PARAMETER, "after is not a cursor of this list.");
	c = events_seek(r->store, id, after.s[0] != '\0' ? &after : NULL);
	while (store_next(c, NULL, &e) == ERR_OK) {
		if (n == page->limit || !more) {
			str_copy(ret_next->s, sizeof(ret_next->s), after.s);
			break;
		}
		n += event_show(r, id, &e.id, emit, arg, &more) == ERR_OK;
		after = e.id;
	}
	store_cursor_close(c);
	return ERR_OK;
}

/* A meeting that was cancelled in Outlook is not made anew by a PUT that came late or is repeated: nobody is invited again by accident.
 * *ret_ended: there is nothing to put. */
static enum err
check_ended(struct reconciler *r, const struct erg_id *erg, const struct event_id *id, const struct event_fields *fields,
    bool *ret_ended, struct problem *p)
{
	struct event_fields *was = NULL;
	struct event e;
	bool same;

	*ret_ended = events_get(r->store, erg, id, &e) == ERR_OK && e.ended_in_outlook;
	if (!*ret_ended)
		return ERR_OK;
	same = event_side_get(r->store, erg, id, EVENT_SIDE_APP, &was) == ERR_OK &&
	       (event_fields_diff(was, fields) & ~(EVENT_MASK(CANCELLED) | EVENT_MASK(EXCEPTIONS))) == 0;
	event_fields_free(was);
	return same ? ERR_OK
	            : problem_set(p, PROBLEM_EVENT_CONFLICT,
	                  "The meeting was cancelled in Outlook and takes no more changes. DELETE the event and PUT it again to "
	                  "schedule another meeting, or use another id.");
}

static enum err
event_put(void *ctx, const struct erg_id *id, const struct event_id *event, const struct event_fields *fields,
    app_event_emit emit, void *arg, struct problem *p)
{
	struct reconciler *r = ctx;
	struct event e;
	struct erg erg;
	bool created, ended, more;
	enum err err;

	if (erg_load(r, id, &erg) != ERR_OK)
		return unknown_erg(p, id);
	if ((err = check_room(r, p)) != ERR_OK)
		return err;
	if ((err = check_ended(r, id, event, fields, &ended, p)) != ERR_OK)
		return err;
	if (!ended)
		err = meeting_put(r, &erg, event, fields, &e, &created);
	return err != ERR_OK ? err : event_show(r, id, event, emit, arg, &more);
}

static enum err
event_cancel(void *ctx, const struct erg_id *id, const struct event_id *event, const char *comment, app_event_emit emit,
    void *arg, struct problem *p)
{
	struct reconciler *r = ctx;
	struct event e;
	struct erg erg;
	bool more;
	enum err err;

	if (erg_load(r, id, &erg) != ERR_OK)
		return unknown_erg(p, id);
	if ((err = meeting_remove(r, &erg, event, comment, &e)) == ERR_OK)
		err = event_show(r, id, event, emit, arg, &more);
	return err == ERR_NOTFOUND ? unknown_event(p) : err;
}

/* ---------- resyncs ---------- */

static enum err
resync_start_op(void *ctx, const struct resync_scope *scope, bool dry_run, struct resync *ret, struct problem *p)
{
	struct reconciler *r = ctx;
	char why[DETAIL_SIZE] = "";
	enum err e = check_room(r, p);

	if (e != ERR_OK)
		return e;
	e = resync_start(r, scope, dry_run, ret, why, sizeof(why));
	if (e == ERR_CONFLICT) {
		str_copy(p->resync, sizeof(p->resync), ret->id);
		return problem_set(p, PROBLEM_RESYNC_RUNNING, "%s", why[0] != '\0' ? why : "A resync of that scope is running.");
	}
	if (e == ERR_NOTFOUND)
		return problem_field(p, "/scope", "%s", why[0] != '\0' ? why : "There is no such tenant or ERG.");
	return e;
}

static enum err
unknown_resync(struct problem *p, const char *id)
{
	return problem_set(p, PROBLEM_UNKNOWN_RESYNC, "There is no resync %s.", id);
}

static enum err
resync_get_op(void *ctx, const char *id, struct resync *ret, struct problem *p)
{
	enum err e = resync_get(ctx, id, ret);

	return e == ERR_NOTFOUND ? unknown_resync(p, id) : e;
}

static enum err
resync_list_op(
    void *ctx, const struct app_page *page, app_resync_emit emit, void *arg, struct app_cursor *ret_next, struct problem *p)
{
	struct resync *list = calloc(page->limit, sizeof(*list));
	size_t count = 0;
	bool more = false;
	enum err e;

	if (list == NULL)
		return ERR_NOMEM;
	if ((e = resync_list(ctx, page->after, list, page->limit, &count, &more)) == ERR_OK) {
		for (size_t i = 0; i < count; i++)
			emit(arg, &list[i]);
		if (more && count > 0)
			str_copy(ret_next->s, sizeof(ret_next->s), list[count - 1].id);
	} else if (e == ERR_NOTFOUND || e == ERR_MALFORMED) {
		e = problem_set(p, PROBLEM_BAD_PARAMETER, "after is not a cursor of this list.");
	}
	free(list);
	return e;
}

static enum err
resync_cancel_op(void *ctx, const char *id, struct resync *ret, struct problem *p)
{
	enum err e = resync_cancel(ctx, id, ret);

	if (e == ERR_NOTFOUND)
		return unknown_resync(p, id);
	/* It has ended before: asking again for what is so is fine. */
	return e == ERR_CONFLICT ? ERR_OK : e;
}

/* ---------- plans ---------- */

static enum err
plan_get(void *ctx, const struct erg_id *id, app_plan_emit emit, void *arg, struct app_plan *ret, struct problem *p)
{
	struct reconciler *r = ctx;
	struct erg erg;

	if (erg_load(r, id, &erg) != ERR_OK)
		return unknown_erg(p, id);
	plan_show(r, &erg, emit, arg, ret);
	return ERR_OK;
}

static enum err
plan_decide_op(void *ctx, const struct erg_id *id, bool approve, const char *hash, struct problem *p)
{
	struct reconciler *r = ctx;
	struct erg erg;
	enum err e;

	if (erg_load(r, id, &erg) != ERR_OK)
		return unknown_erg(p, id);
	e = plan_decide(r, &erg, approve, hash);
	if (e == ERR_NOTFOUND)
		return problem_set(p, PROBLEM_NO_PLAN, "No plan of this ERG is held.");
	if (e == ERR_CONFLICT)
		return problem_set(p, PROBLEM_PLAN_MOVED, "The plan is another one by now; look at it again.");
	if (e == ERR_OK)
		erg_store(r, &erg);
	return e;
}

/* ---------- changes and status ---------- */

struct change_reading {
	app_change_emit emit;
	void *arg;
};

static bool
on_change(void *arg, const struct feed_record *f)
{
	const struct change_reading *reading = arg;

	return reading->emit(reading->arg, f->seq, f->body);
}

static enum err
changes_read(void *ctx, uint64_t after, unsigned limit, app_change_emit emit, void *arg, struct problem *p)
{
	struct reconciler *r = ctx;
	struct change_reading reading = { emit, arg };
	uint64_t newest = feed_last(r->store), trimmed = feed_trimmed(r->store);

	if (after > newest)
		return problem_set(p, PROBLEM_CHANGES_GONE,
		    "The newest change has number %" PRIu64
		    ": the state is another one than that whose numbers you know. Read the "
		    "members of each ERG, then go on after %" PRIu64 ".",
		    newest, newest);
	if (after > 0 && after < trimmed)
		return problem_set(p, PROBLEM_CHANGES_GONE,
		    "Changes up to number %" PRIu64
		    " are no longer kept ([app] feed_keep). Read the members of each ERG, then go on "
		    "after %" PRIu64 ".",
		    trimmed, newest);
	feed_read(r->store, after, limit, on_change, &reading);
	return ERR_OK;
}

static enum err
status(void *ctx, struct app_status *ret, struct problem *p)
{
	(void)p;
	summary_take(ctx, SUMMARY_NOW, ret);
	return ERR_OK;
}

static enum err
receipt_get(void *ctx, uint64_t number, struct receipt *ret, struct problem *p)
{
	struct reconciler *r = ctx;

	if (receipt_load(r, number, ret) != ERR_OK)
		return problem_set(p, PROBLEM_UNKNOWN_RECEIPT, "There is no receipt %" PRIu64 ".", number);
	return ERR_OK;
}

/* From key_file, which names the new key and the one before it. */
static enum err
master_change(struct reconciler *r, const char *check, struct problem *p)
{
	struct key32 key, previous;
	char why[DETAIL_SIZE], is[APP_KEY_CHECK_LEN + 1];
	bool two = false;
	enum err e = key_pair_read(r->config->key_file, &key, &previous, &two, why, sizeof(why));

	if (e != ERR_OK)
		return problem_set(p, PROBLEM_KEY_NOT_SEEN, "%s", why);
	key_check_text(&key, is);
	if (strcmp(is, check) != 0)
		e = problem_set(p, PROBLEM_KEY_NOT_SEEN,
		    "The daemon sees another key in key_file than the one that is meant: restart ergsync-reconciler, so that it "
		    "gets the file "
		    "as it is now.");
	else if ((e = store_change_master(r->store, &key, two ? &previous : NULL)) == ERR_UNAUTHORIZED)
		e = problem_set(p, PROBLEM_KEY_NOT_SEEN,
		    "The second line of key_file must be the key that is in use, so that what it sealed can be opened.");
	secret_wipe(&key, sizeof(key));
	secret_wipe(&previous, sizeof(previous));
	return e;
}

static enum err
key_rotate(void *ctx, const char *check, struct app_key_rotation *ret, struct problem *p)
{
	struct reconciler *r = ctx;
	struct rekey_progress progress;
	enum err e = master_change(r, check, p);

	if (e != ERR_OK)
		return e;
	rekey_kick(r);
	rekey_progress(r, &progress);
	ret->done = !progress.running;
	ret->resealed = (int64_t)progress.rows;
	ret->to_reseal = (int64_t)progress.total;
	return ERR_OK;
}

const struct app_ops backend_ops = {
	.after_commit = after_commit,
	.tenant_put = tenant_put,
	.tenant_get = tenant_get,
	.tenant_list = tenant_list,
	.tenant_remove = tenant_remove,
	.tenant_sign_in_start = tenant_sign_in_start,
	.tenant_sign_in_get = tenant_sign_in_get,
	.tenant_doctor = tenant_doctor,
	.erg_put = erg_put,
	.erg_get = erg_get,
	.erg_list = erg_list,
	.erg_remove = erg_remove,
	.member_get = member_get,
	.member_list = member_list,
	.member_put = member_put,
	.member_remove = member_remove,
	.members_replace = members_replace,
	.event_get = event_get,
	.event_list = event_list,
	.event_put = event_put,
	.event_cancel = event_cancel,
	.resync_start = resync_start_op,
	.resync_get = resync_get_op,
	.resync_list = resync_list_op,
	.resync_cancel = resync_cancel_op,
	.plan_get = plan_get,
	.plan_decide = plan_decide_op,
	.changes_read = changes_read,
	.status = status,
	.receipt_get = receipt_get,
	.key_rotate = key_rotate,
};
