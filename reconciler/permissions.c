#include "reconciler/permissions.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/clock.h"
#include "graph/graph.h"
#include "reconciler/checkup.h"
#include "reconciler/reconciler.h"
#include "reconciler/tables.h"
#include "state/store.h"

#define TENANTS_A_TURN 4
#define PAUSE_MS       50 /* between two turns of a walk */

struct permissions {
	struct reconciler *r;
	struct timer *timer;
	struct store_key place; /* the last tenant looked at in this walk; len 0: none yet */
	int64_t found;          /* in this walk */
	int64_t missing;        /* in the last whole one */
};

void
permissions_needs(struct reconciler *r, const struct tenant_id *tenant, struct checkup_needs *ret)
{
	struct store_cursor *c = tenant_ergs(r, tenant);
	struct erg_ref ref;
	struct erg erg;

	*ret = (struct checkup_needs){ .ergs = 0 };
	while (store_next(c, NULL, &ref) == ERR_OK)
		if (erg_load(r, &ref.erg, &erg) == ERR_OK)
			checkup_need(ret, &erg);
	store_cursor_close(c);
}

static bool
lacks_some(struct reconciler *r, const struct tenant *tenant)
{
	json_t *claims = graph_tenant_granted(r->graph, &tenant->directory_id);
	struct checkup_needs needs;
	bool lacks = false;

	if (claims != NULL) {
		permissions_needs(r, &tenant->id, &needs);
		lacks = checkup_lacks_permission(&needs, tenant->sign_in == SIGN_IN_DELEGATED, claims);
	}
	json_decref(claims);
	return lacks;
}

/* False at the end of the table. */
static bool
walk_some(struct permissions *p)
{
	struct store_cursor *c = store_seek(p->r->store, TABLE_TENANTS, NULL, p->place.len > 0 ? &p->place : NULL);
	struct tenant tenant;
	bool more = true;

	for (int i = 0; i < TENANTS_A_TURN && more; i++) {
		more = store_next(c, &p->place, &tenant) == ERR_OK;
		p->found += more && lacks_some(p->r, &tenant);
	}
	store_cursor_close(c);
	return more;
}

static void
on_timer(void *arg)
{
	struct permissions *p = arg;

	if (walk_some(p)) {
		timer_arm(p->timer, PAUSE_MS);
		return;
	}
	p->missing = p->found;
	p->found = 0;
	p->place.len = 0;
	timer_arm(p->timer, PERMISSIONS_EVERY_MS);
}

int64_t
permissions_missing(const struct reconciler *r)
{
	return r->permissions->missing;
}

enum err
permissions_new(struct reconciler *r, struct permissions **ret)
{
	struct permissions *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return ERR_NOMEM;
	p->r = r;
	if ((p->timer = timer_new(r->clock, on_timer, p)) == NULL) {
		free(p);
		return ERR_NOMEM;
	}
	timer_arm(p->timer, PERMISSIONS_EVERY_MS);
	*ret = p;
	return ERR_OK;
}

void
permissions_free(struct permissions *p)
{
	if (p == NULL)
		return;
	timer_free(p->timer);
	free(p);
}
