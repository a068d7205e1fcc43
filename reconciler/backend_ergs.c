#include "reconciler/backend_ops.h"

#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "reconciler/chores.h"
#include "reconciler/keeper_move.h"
#include "reconciler/keeper_move_plan.h"
#include "reconciler/keeper_wide.h"
#include "reconciler/links.h"
#include "reconciler/meeting_sum.h"
#include "reconciler/meetings.h"
#include "reconciler/plan.h"
#include "reconciler/reconciler.h"
#include "reconciler/scope.h"
#include "reconciler/standing.h"
#include "reconciler/tables.h"
#include "reconciler/tenants.h"
#include "state/store.h"

/* ---------- the policy for meetings ---------- */

enum meetings_policy
backend_meetings_asked(const struct erg *erg)
{
	return erg->meetings_withheld > 0 ? (enum meetings_policy)(erg->meetings_withheld - 1) : erg->meetings;
}

void
backend_meetings_decide(struct erg *erg, enum meetings_policy asked, enum tenant_meetings allowed)
{
	bool withheld = allowed == TENANT_MEETINGS_OFF && asked != MEETINGS_OFF;

	erg->meetings = withheld ? MEETINGS_OFF : asked;
	erg->meetings_withheld = withheld ? (int64_t)asked + 1 : 0;
}

/* ---------- an ERG ---------- */

enum err
backend_unknown_erg(struct problem *p, const struct erg_id *id)
{
	return problem_set(p, PROBLEM_UNKNOWN_ERG, "There is no ERG %s.", id->s);
}

static void
subscription_show(struct reconciler *r, const struct subscription *wanted, struct erg_view *ret)
{
	if (subscription_load(r, &wanted->scope, &ret->subscriptions[ret->subscription_count]) == ERR_OK)
		ret->subscription_count++;
}

static const char silent_text[] = "It has not told of a change yet: until it has, teams keep those of their own.";

/* That of its team, unless the tenant's covers it, and the tenant's, if there is one. */
static void
roster_subscriptions_show(struct reconciler *r, const struct subscription *wanted, struct erg_view *ret)
{
	const struct subscription *own = &ret->subscriptions[ret->subscription_count];
	struct subscription *wide;

	subscription_show(r, wanted, ret);
	if (wanted->kind != SUBSCRIPTION_TEAM_MEMBERS)
		return;
	if (ret->subscription_count > 0 && own->state == SUBSCRIPTION_COVERED && own->id[0] == '\0')
		ret->subscription_count--;
	wide = &ret->subscriptions[ret->subscription_count];
	if (keeper_wide_load(r, &wanted->tenant, wide) != ERR_OK)
		return;
	if (keeper_wide_is_silent(wide))
		(void)str_copy(wide->detail, sizeof(wide->detail), silent_text);
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
	ret->erg.meetings = backend_meetings_asked(erg);
	ret->events.scheduled = meeting_sum_get(r, MEETING_SUM_LIVE, erg->id.s);
	ret->events.pending = meeting_sum_get(r, MEETING_SUM_OPEN, erg->id.s);
	ret->events.failed = meeting_sum_get(r, MEETING_SUM_FAILED, erg->id.s);
	if (erg->membership != MEMBERSHIP_OFF && scope_of_erg(r, erg, &wanted) == ERR_OK)
		roster_subscriptions_show(r, &wanted, ret);
	if (erg->meetings != MEETINGS_OFF && meetings_organizer(r, erg, &mailbox, why) == ERR_OK &&
	    scope_of_mailbox(r, &erg->tenant, &mailbox, &wanted) == ERR_OK)
		subscription_show(r, &wanted, ret);
	for (unsigned i = 0; i < ret->subscription_count; i++)
		ret->addresses[i] = move_address(&ret->subscriptions[i], keeper_move_mark(r));
}

bool
backend_tenant_waits(struct reconciler *r, const struct tenant_id *id, char ret[DETAIL_SIZE])
{
	struct tenant tenant;

	if (tenant_load(r, id, &tenant) != ERR_OK || tenant.state == TENANT_ACTIVE)
		return false;
	snprintf(ret, DETAIL_SIZE, "Waits for the tenant: %s", tenant.detail);
	return true;
}

enum err
backend_check_tenant(struct reconciler *r, const struct erg *erg, struct problem *p)
{
	struct tenant tenant;

	if (tenant_load(r, &erg->tenant, &tenant) != ERR_OK || tenant.state != TENANT_REMOVING)
		return ERR_OK;
	return problem_set(p, PROBLEM_TENANT_REMOVING,
	    "The ERG goes with tenant %s; put both again when GET of the tenant answers 404.", erg->tenant.s);
}

static enum err
check_erg(struct reconciler *r, const struct app_erg_put *put, const struct erg *present, struct problem *p)
{
	struct tenant tenant;

	if (tenant_load(r, &put->tenant, &tenant) != ERR_OK)
		return problem_field(p, "/tenant", "There is no tenant %s.", put->tenant.s);
	if (tenant.state == TENANT_REMOVING)
		return problem_set(
		    p, PROBLEM_TENANT_REMOVING, "Put the ERG when tenant %s is gone and has been put again.", put->tenant.s);
	if (put->link_directory_id.s[0] != '\0' && strcmp(put->link_directory_id.s, tenant.directory_id.s) != 0)
		return problem_field(p, "/channel_url", "The link belongs to another tenant than the one of this ERG.");
	if (present != NULL && strcmp(present->tenant.s, put->tenant.s) != 0)
		return problem_set(p, PROBLEM_ERG_CONFLICT, "The ERG belongs to another tenant. Delete it first.");
	if (chore_pending(r, CHORE_ERASE_ERG, put->id.s))
		return problem_set(p, PROBLEM_ERG_CONFLICT, "An ERG of that id is still being removed; try again in a moment.");
	return backend_check_room(r, p);
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

enum err
backend_erg_put(void *ctx, const struct app_erg_put *put, struct erg_view *ret, bool *ret_created, struct problem *p)
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
		backend_meetings_decide(&erg, put->meetings, tenant.meetings);
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

enum err
backend_erg_get(void *ctx, const struct erg_id *id, struct erg_view *ret, struct problem *p)
{
	struct reconciler *r = ctx;
	struct erg erg;

	if (erg_load(r, id, &erg) != ERR_OK)
		return backend_unknown_erg(p, id);
	erg_show(r, &erg, ret);
	return ERR_OK;
}

enum err
backend_erg_list(
    void *ctx, const struct app_page *page, app_erg_emit emit, void *arg, struct app_cursor *ret_next, struct problem *p)
{
	struct reconciler *r = ctx;
	struct store_key after;
	struct store_cursor *c;
	struct erg erg;
	struct erg_view view;
	unsigned n = 0;

	(void)p;
	store_key_init(&after);
	store_key_id(r->store, &after, "erg", page->after);
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

enum err
backend_erg_remove(void *ctx, const struct erg_id *id, struct problem *p)
{
	struct reconciler *r = ctx;
	struct erg erg;

	if (erg_load(r, id, &erg) != ERR_OK)
		return backend_unknown_erg(p, id);
	erg_erase(r, &erg);
	return ERR_OK;
}
