#include "reconciler/standing.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/text.h"
#include "graph/graph.h"
#include "reconciler/chores.h"
#include "reconciler/keeper.h"
#include "reconciler/meeting_push.h"
#include "reconciler/meeting_sum.h"
#include "reconciler/reconciler.h"
#include "reconciler/tables.h"
#include "reconciler/tell.h"
#include "reconciler/work.h"

static void
detail_set(char ret[DETAIL_SIZE], const char *detail)
{
	if (!str_copy(ret, DETAIL_SIZE, detail))
		snprintf(ret, DETAIL_SIZE, "%.*s", DETAIL_SIZE - 1, detail);
}

/* ---------- ERGs ---------- */

static bool
routine(enum erg_state s)
{
	return s == ERG_WORKING || s == ERG_IN_SYNC;
}

void
erg_set_state(struct reconciler *r, struct erg *erg, enum erg_state state, const char *detail)
{
	enum erg_state before = erg->state;

	detail_set(erg->detail, detail);
	if (state == before)
		return;
	erg->state = state;
	erg->state_since_wall_ms = clock_wall_ms(r->clock);
	/* Between working and in_sync it goes with every change. */
	log_put(state == ERG_BROKEN || state == ERG_HELD ? LOG_WARN
	        : routine(before) && routine(state)      ? LOG_DEBUG
	                                                 : LOG_INFO,
	    "erg_state", LS("erg", erg->id.s), LS("state", erg_state_names[state]), LS("detail", erg->detail));
	if (state == ERG_BROKEN) {
		r->counters.ergs_broken++;
		tell_erg(r, CHANGE_ERG_BROKEN, erg, erg->detail);
	} else if (before == ERG_BROKEN) {
		r->counters.ergs_restored++;
		tell_erg(r, CHANGE_ERG_RESTORED, erg, "Teams can be read again.");
	}
}

static bool
counts_equal(const struct erg_counts *c)
{
	return c->pending == 0 && c->unresolved == 0 && c->refused == 0;
}

void
erg_settle(struct reconciler *r, struct erg *erg)
{
	bool open; /* meetings */

	if (erg->state == ERG_LINKING || erg->state == ERG_HELD || erg->state == ERG_BROKEN)
		return;
	open = erg->meetings != MEETINGS_OFF && meeting_sum_get(r, MEETING_SUM_OPEN, erg->id.s) > 0;
	if (erg->membership == MEMBERSHIP_OFF) {
		erg_set_state(r, erg, erg->meetings == MEETINGS_OFF ? ERG_OFF : open ? ERG_WORKING : ERG_IN_SYNC, "");
		return;
	}
	if (!erg->first_read_done || erg->counts.pending > 0 || open) {
		erg_set_state(r, erg, ERG_WORKING, "");
		return;
	}
	erg_set_state(r, erg, ERG_IN_SYNC, "");
	/* The app has taken in what the last complete read showed: that read proves both sides equal. An instant ahead of the clock is of a
	 * clock that was set back. */
	if (counts_equal(&erg->counts) &&
	    (erg->read_wall_ms > erg->proved_wall_ms || erg->proved_wall_ms > clock_wall_ms(r->clock)))
		erg->proved_wall_ms = erg->read_wall_ms;
}

static const char forbidden_text[] =
    "Graph refuses to let us read %s (permission missing). Grant the application TeamMember.Read.All, for private "
    "and shared channels ChannelMember.Read.All, and give admin consent.";
static const char missing_text[] =
    "Graph does not find %s. It was deleted, or the link names another one; restore it or put a new channel_url.";
static const char unauthorized_text[] = "Graph refuses our token for %s. Check the application's consent in this tenant.";

/* A missing permission may be the whole tenant's consent: signing in anew tells, and sees what was granted meanwhile. */
static void
doubt_consent(struct reconciler *r, const struct tenant_id *id)
{
	struct tenant tenant;

	if (tenant_load(r, id, &tenant) != ERR_OK || tenant.state == TENANT_REMOVING)
		return;
	graph_tenant_doubt(r->graph, &tenant.directory_id);
	chore_add(r, CHORE_TENANT, tenant.id.s, 0);
}

bool
erg_judge_failure(struct reconciler *r, struct erg *erg, const struct graph_answer *answer, const char *what)
{
	const char *format = answer->err == ERR_FORBIDDEN      ? forbidden_text
	                     : answer->err == ERR_NOTFOUND     ? missing_text
	                     : answer->err == ERR_GONE         ? missing_text
	                     : answer->err == ERR_UNAUTHORIZED ? unauthorized_text
	                                                       : NULL;
	const char *hole;
	char detail[DETAIL_SIZE];

	if (format == NULL || answer->sign_in_failed || answer->status == 0)
		return false; /* only what Graph itself has answered speaks of the ERG */
	if (answer->err == ERR_FORBIDDEN || answer->err == ERR_UNAUTHORIZED)
		doubt_consent(r, &erg->tenant);
	hole = strstr(format, "%s");
	snprintf(detail, sizeof(detail), "%.*s%s%s", (int)(hole - format), format, what, hole + 2);
	erg_set_state(r, erg, ERG_BROKEN, detail);
	return true;
}

/* ---------- tenants ---------- */

const char tenant_refused_text[] =
    "Graph refuses whatever the application asks for. Grant its permissions and give admin consent.";

void
tenant_set_state(struct reconciler *r, struct tenant *tenant, enum tenant_state state, const char *detail)
{
	enum tenant_state before = tenant->state;

	if (before == TENANT_REMOVING || (before == state && strcmp(tenant->detail, detail) == 0))
		return;
	tenant->state = state;
	detail_set(tenant->detail, detail);
	if (state != before) {
		tenant->state_since_wall_ms = clock_wall_ms(r->clock);
		log_put(state == TENANT_ACTIVE ? LOG_INFO : LOG_WARN, "tenant_state", LS("tenant", tenant->id.s),
		    LS("state", tenant_state_names[state]), LS("detail", tenant->detail));
	}
	tenant_store(r, tenant);
	if (state == before)
		return;
	if (state == TENANT_CONSENT_MISSING || state == TENANT_SIGN_IN_NEEDED)
		tell_tenant(r, tenant);
	if (state == TENANT_ACTIVE) {
		keeper_tenant_back(r, &tenant->id);
		work_tenant_back(r, &tenant->id);
		meeting_push_tenant_back(r, &tenant->id);
	} else if (state != TENANT_REMOVING) {
		chore_add(r, CHORE_TENANT, tenant->id.s, CHORE_PROBE_MS);
	}
}

static bool
no_answer(const struct graph_answer *a)
{
	return a->status == 0 &&
	       (a->err == ERR_UNREACHABLE || a->err == ERR_TIMEOUT || a->err == ERR_TLS || a->err == ERR_REMOTE);
}

/* A network that is away for a minute is no reason to wait a quarter of an hour, as for a person who has to act. */
static void
tenant_lose(struct reconciler *r, struct tenant *tenant, const char *detail)
{
	tenant_set_state(
	    r, tenant, TENANT_UNREACHABLE, detail[0] != '\0' ? detail : "Microsoft Graph cannot be reached; it is tried again.");
	chore_add(r, CHORE_TENANT, tenant->id.s, CHORE_REACH_MS);
}

void
tenant_judge(struct reconciler *r, const struct tenant_id *id, const struct graph_answer *answer)
{
	struct tenant tenant;

	if (answer->sign_in_failed || answer->err == ERR_CANCELLED || answer->err == ERR_FULL)
		return;
	if (tenant_load(r, id, &tenant) != ERR_OK)
		return;
	/* Any answer reaches a tenant; only a success shows consent. */
	if ((answer->status > 0 && answer->status < 500 && tenant.state == TENANT_UNREACHABLE) ||
	    (answer->err == ERR_OK && (tenant.state == TENANT_CONSENT_MISSING || tenant.state == TENANT_SIGN_IN_NEEDED)))
		tenant_set_state(r, &tenant, TENANT_ACTIVE, "");
	else if (no_answer(answer) && tenant.state == TENANT_ACTIVE)
		tenant_lose(r, &tenant, answer->detail);
}

void
tenant_on_sign_in(void *arg, const struct guid *directory, enum err err, enum tenant_state state, const char *detail)
{
	struct reconciler *r = arg;
	struct tenant tenant;

	(void)err;
	if (tenant_load_by_directory(r, directory, &tenant) != ERR_OK)
		return;
	/* An app that may do nothing can still sign in. */
	if (state == TENANT_ACTIVE && tenant.state == TENANT_CONSENT_MISSING && strcmp(tenant.detail, tenant_refused_text) == 0)
		return;
	tenant_set_state(r, &tenant, state, detail);
}
