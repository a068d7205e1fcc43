#include "reconciler/permissions.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "graph/graph.h"
#include "reconciler/checkup.h"
#include "reconciler/reconciler.h"
#include "reconciler/tables.h"
#include "state/store.h"

#define TENANTS_A_TURN 4
#define PAUSE_MS       50 /* between two turns of a walk */

/* What the last walk found of a tenant, and by what: while that is the same, so is this. */
struct finding {
	struct tenant_id tenant;
	enum tenant_sign_in sign_in;
	uint64_t token;
	uint32_t ergs;
	struct checkup_needs needs;
	bool lacks;
};

struct permissions {
	struct reconciler *r;
	struct timer *timer;
	struct store_key place;   /* the last tenant looked at in this walk; len 0: none yet */
	size_t at;                /* how many were looked at in this walk */
	int64_t found;            /* in this walk */
	int64_t missing;          /* in the last whole one */
	struct finding *findings; /* in the order of the walk */
	size_t finding_count;
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
lacks_some(struct reconciler *r, const struct tenant *tenant, const struct checkup_needs *needs)
{
	json_t *claims = graph_tenant_granted(r->graph, &tenant->directory_id);
	bool lacks = claims != NULL && checkup_lacks_permission(needs, tenant->sign_in == SIGN_IN_DELEGATED, claims);

	json_decref(claims);
	return lacks;
}

/* Its place among the findings; NULL: out of memory. */
static struct finding *
finding_at(struct permissions *p, size_t at)
{
	size_t more = p->finding_count + p->finding_count / 2 + 16;
	struct finding *grown;

	if (at < p->finding_count)
		return &p->findings[at];
	if ((grown = realloc(p->findings, more * sizeof(*grown))) == NULL)
		return NULL;
	memset(grown + p->finding_count, 0, (more - p->finding_count) * sizeof(*grown));
	p->findings = grown;
	p->finding_count = more;
	return &p->findings[at];
}

/* A token is read again only when there is another one, and so are the ERGs when one of them was changed. */
static bool
look_at(struct permissions *p, const struct tenant *tenant)
{
	struct finding now = { .tenant = tenant->id,
		.sign_in = tenant->sign_in,
		.token = graph_tenant_granted_by(p->r->graph, &tenant->directory_id),
		.ergs = tenant_erg_changes(p->r, &tenant->id) };
	struct finding *last = finding_at(p, p->at++);
	bool same = last != NULL && strcmp(last->tenant.s, now.tenant.s) == 0 && last->ergs == now.ergs;

	if (same && last->sign_in == now.sign_in && last->token == now.token)
		return last->lacks;
	if (same)
		now.needs = last->needs;
	else
		permissions_needs(p->r, &tenant->id, &now.needs);
	now.lacks = lacks_some(p->r, tenant, &now.needs);
	if (last != NULL)
		*last = now;
	return now.lacks;
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
		p->found += more && look_at(p, &tenant);
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
	p->at = 0;
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
	free(p->findings);
	free(p);
}
