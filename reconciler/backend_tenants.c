#include "reconciler/backend_ops.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "graph/graph.h"
#include "reconciler/chores.h"
#include "reconciler/consent.h"
#include "reconciler/doctor.h"
#include "reconciler/meetings.h"
#include "reconciler/reconciler.h"
#include "reconciler/sign_in.h"
#include "reconciler/standing.h"
#include "reconciler/tables.h"
#include "reconciler/tenants.h"
#include "reconciler/work.h"
#include "state/store.h"

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
		backend_meetings_decide(&erg, backend_meetings_asked(&erg), meetings);
		meetings_reconsider(r, &erg.id);
		erg_settle(r, &erg);
		erg_store(r, &erg);
	}
	store_cursor_close(c);
}

enum err
backend_tenant_put(void *ctx, const struct app_tenant_put *put, struct tenant_view *ret, bool *ret_created, struct problem *p)
{
	struct reconciler *r = ctx;
	struct tenant tenant;
	bool present = tenant_load(r, &put->id, &tenant) == ERR_OK, changed;
	enum err e;

	if (present && tenant.state == TENANT_REMOVING)
		return problem_set(p, PROBLEM_TENANT_REMOVING, "Put it again when GET answers 404.");
	if ((e = check_directory(r, put, present ? &tenant : NULL, p)) != ERR_OK || (e = backend_check_room(r, p)) != ERR_OK)
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
	else if (present)
		work_tenant_probe(r, &tenant.id);
	tenant_show(r, &tenant, ret);
	return ERR_OK;
}

enum err
backend_tenant_get(void *ctx, const struct tenant_id *id, struct tenant_view *ret, struct problem *p)
{
	struct reconciler *r = ctx;
	struct tenant tenant;

	if (tenant_load(r, id, &tenant) != ERR_OK)
		return unknown_tenant(p, id);
	tenant_show(r, &tenant, ret);
	return ERR_OK;
}

enum err
backend_tenant_list(
    void *ctx, const struct app_page *page, app_tenant_emit emit, void *arg, struct app_cursor *ret_next, struct problem *p)
{
	struct reconciler *r = ctx;
	struct store_key after;
	struct store_cursor *c;
	struct tenant tenant;
	struct tenant_view view;
	unsigned n = 0;

	(void)p;
	store_key_init(&after);
	store_key_id(r->store, &after, "tenant", page->after);
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

enum err
backend_tenant_remove(void *ctx, const struct tenant_id *id, struct tenant_view *ret, struct problem *p)
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

/* A tenant that stays. */
static enum err
tenant_find(struct reconciler *r, const struct tenant_id *id, struct tenant *ret, struct problem *p)
{
	if (tenant_load(r, id, ret) != ERR_OK)
		return unknown_tenant(p, id);
	return ret->state == TENANT_REMOVING
	           ? problem_set(p, PROBLEM_TENANT_REMOVING,
	                 "Nothing can be done with tenant %s until it is gone and has been put again.", id->s)
	           : ERR_OK;
}

enum err
backend_tenant_sign_in_start(void *ctx, const struct tenant_id *id, struct app_sign_in *ret, struct problem *p)
{
	struct reconciler *r = ctx;
	struct tenant tenant;
	enum err e = tenant_find(r, id, &tenant, p);

	if (e != ERR_OK)
		return e;
	if (tenant.sign_in != SIGN_IN_DELEGATED)
		return problem_set(p, PROBLEM_TENANT_CONFLICT,
		    "In this tenant the application signs in by itself. To use an account, put the tenant with \"sign_in\": "
		    "\"delegated\" first.");
	return sign_in_begin(r, &tenant, ret);
}

enum err
backend_tenant_sign_in_get(void *ctx, const struct tenant_id *id, struct app_sign_in *ret, struct problem *p)
{
	struct reconciler *r = ctx;
	struct tenant tenant;

	if (tenant_load(r, id, &tenant) != ERR_OK)
		return unknown_tenant(p, id);
	sign_in_show(r, &tenant, ret);
	return ERR_OK;
}

enum err
backend_tenant_doctor(void *ctx, const struct tenant_id *id, struct app_doctor *ret, struct problem *p)
{
	struct reconciler *r = ctx;
	struct tenant tenant;
	enum err e = tenant_find(r, id, &tenant, p);

	return e == ERR_OK ? doctor_report(r, &tenant, ret) : e;
}
