/* doubt.c - one look-up with a new token, and what its roles say. */
#include "reconciler/doubt.h"

#include <jansson.h>

#include "base/clock.h"
#include "graph/graph.h"
#include "graph/teams.h"
#include "reconciler/checkup.h"
#include "reconciler/chores.h"
#include "reconciler/dirty.h"
#include "reconciler/permissions.h"
#include "reconciler/reconciler.h"
#include "reconciler/scope.h"
#include "reconciler/standing.h"
#include "reconciler/tables.h"

#define LOOK_DEADLINE_MS 60000

static bool
tenant_of(struct reconciler *r, struct chore *c, struct tenant *ret)
{
	struct tenant_id id;

	return tenant_id_parse(chore_id(c), &id) && tenant_load(r, &id, ret) == ERR_OK && ret->state == TENANT_ACTIVE;
}

/* Not before it was served once: a directory takes a while to know of a consent just given. */
static bool
lost_everything(struct reconciler *r, const struct tenant *tenant)
{
	json_t *claims = graph_tenant_claims(r->graph, &tenant->directory_id);
	bool lost = tenant->sign_in == SIGN_IN_APPLICATION && tenant->organizer_id.s[0] != '\0' && checkup_may_nothing(claims);

	json_decref(claims);
	return lost;
}

/* Rosters that can no longer be read by what the token grants are read now, unless they just were: that tells, and breaks their ERGs. */
static void
doubt_rosters(struct reconciler *r, const struct tenant *tenant)
{
	json_t *claims = graph_tenant_claims(r->graph, &tenant->directory_id);
	int64_t before_ms = clock_wall_ms(r->clock) - CHORE_PROBE_MS;
	struct checkup_needs needs;
	struct subscription scope;
	struct store_cursor *c;
	struct erg_ref ref;
	struct erg erg;

	permissions_needs(r, &tenant->id, &needs);
	if (checkup_lacks_reading(&needs, tenant->sign_in == SIGN_IN_DELEGATED, claims)) {
		c = tenant_ergs(r, &tenant->id);
		while (store_next(c, NULL, &ref) == ERR_OK)
			if (erg_load(r, &ref.erg, &erg) == ERR_OK && erg.membership != MEMBERSHIP_OFF &&
			    erg.state != ERG_BROKEN && erg.read_wall_ms > 0 && erg.read_wall_ms < before_ms &&
			    scope_of_erg(r, &erg, &scope) == ERR_OK)
				dirty_mark(r, &scope.scope, 0);
		store_cursor_close(c);
	}
	json_decref(claims);
}

static void
on_user(void *arg, const struct graph_answer *answer)
{
	struct chore *c = arg;
	struct reconciler *r = chore_reconciler(c);
	struct tenant tenant;

	/* A sign-in that fails is told by itself. */
	if (!chore_overtaken(c) && !answer->sign_in_failed && tenant_of(r, c, &tenant)) {
		if (answer->err == ERR_FORBIDDEN && lost_everything(r, &tenant))
			tenant_set_state(r, &tenant, TENANT_CONSENT_MISSING, tenant_refused_text);
		else
			doubt_rosters(r, &tenant);
	}
	chore_done(r, c);
}

void
doubt_run(struct reconciler *r, struct chore *c)
{
	struct graph_where where = { .priority = GRAPH_PERSON, .deadline_ms = LOOK_DEADLINE_MS };
	struct tenant tenant;

	if (!tenant_of(r, c, &tenant)) {
		chore_done(r, c);
		return;
	}
	where.directory = tenant.directory_id;
	graph_tenant_doubt(r->graph, &tenant.directory_id);
	if (graph_user_get(r->graph, &where, tenant.organizer, on_user, c) == NULL)
		chore_again(r, c, chore_backoff_ms(r, c));
}

bool
doubt_on_refused(void *arg, const struct guid *directory)
{
	struct reconciler *r = arg;
	struct tenant tenant;

	/* Others are looked at by themselves. */
	if (tenant_load_by_directory(r, directory, &tenant) != ERR_OK || tenant.state != TENANT_ACTIVE)
		return false;
	chore_add(r, CHORE_DOUBT, tenant.id.s, 0);
	return true;
}
