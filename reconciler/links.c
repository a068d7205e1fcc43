#include "reconciler/links.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "graph/teams.h"
#include "reconciler/apply.h"
#include "reconciler/chores.h"
#include "reconciler/dirty.h"
#include "reconciler/keeper.h"
#include "reconciler/plan.h"
#include "reconciler/push.h"
#include "reconciler/reconciler.h"
#include "reconciler/roster.h"
#include "reconciler/scope.h"
#include "reconciler/standing.h"
#include "reconciler/tables.h"

/* Then the ERG says why it waits, and the chore goes on. */
#define LOOK_DEADLINE_MS 60000

/* ---------- beginning and ending ---------- */

void
link_begin(struct reconciler *r, struct erg *erg)
{
	erg->channel_type = CHANNEL_UNKNOWN;
	erg->generation++;
	erg->first_read_done = false;
	erg->read_wall_ms = erg->proved_wall_ms = erg->teams_baseline_count = 0;
	erg_set_state(r, erg, ERG_LINKING, "");
	team_ref_add(r, erg);
	chore_add(r, CHORE_LINK, erg->id.s, 0);
}

void
link_end(struct reconciler *r, struct erg *erg)
{
	chore_drop(r, CHORE_LINK, erg->id.s);
	chore_drop(r, CHORE_PUSH, erg->id.s);
	team_ref_del(r, erg);
	keeper_release(r, erg);
	erg->generation++;
	plan_forget(r, &erg->id);
	roster_unlink(r, erg);
}

void
link_switch(struct reconciler *r, struct erg *erg, bool on)
{
	struct subscription scope;

	if (!on) {
		keeper_release(r, erg);
	} else if (scope_of_erg(r, erg, &scope) == ERR_OK) {
		keeper_want(r, erg);
		dirty_mark(r, &scope.scope, 0);
		push_resume(r, erg);
	}
	if (erg->state == ERG_OFF || erg->state == ERG_IN_SYNC)
		erg->state = ERG_WORKING;
	erg_settle(r, erg);
}

/* ---------- verifying ---------- */

/* The ERG the chore is about, while it still has that link and its tenant stays. False: the chore is over, or begins anew. */
static bool
erg_of(struct reconciler *r, struct chore *c, struct erg *ret_erg, struct tenant *ret_tenant)
{
	struct erg_id id;

	if (!chore_overtaken(c) && erg_id_parse(chore_id(c), &id) && erg_load(r, &id, ret_erg) == ERR_OK &&
	    tenant_load(r, &ret_erg->tenant, ret_tenant) == ERR_OK && ret_tenant->state != TENANT_REMOVING)
		return true;
	chore_done(r, c);
	return false;
}

static struct graph_where
where_of(const struct tenant *tenant)
{
	return (
	    struct graph_where){ .directory = tenant->directory_id, .priority = GRAPH_PERSON, .deadline_ms = LOOK_DEADLINE_MS };
}

static void
broken(struct reconciler *r, struct chore *c, struct erg *erg, const char *detail)
{
	erg_set_state(r, erg, ERG_BROKEN, detail);
	erg_store(r, erg);
	chore_again(r, c, CHORE_PROBE_MS);
}

static void
failed(struct reconciler *r, struct chore *c, struct erg *erg, const struct graph_answer *answer, const char *what)
{
	tenant_judge(r, &erg->tenant, answer);
	if (erg_judge_failure(r, erg, answer, what)) {
		erg_store(r, erg);
		chore_again(r, c, CHORE_PROBE_MS);
	} else {
		if (erg->state == ERG_LINKING) {
			erg_set_state(r, erg, ERG_LINKING, answer->detail);
			erg_store(r, erg);
		}
		chore_again(r, c, answer->sign_in_failed ? CHORE_PROBE_MS : chore_backoff_ms(r, c));
	}
}

/* Graph has said what the link is. */
static void
verified(struct reconciler *r, struct chore *c, struct erg *erg, const struct graph_channel *channel)
{
	struct subscription scope;

	memcpy(erg->channel_id, channel->id, sizeof(erg->channel_id));
	erg->channel_type = channel->type;
	/* A broken one with members to read is restored by that read, not by its name alone. */
	if (erg->state == ERG_LINKING || erg->membership == MEMBERSHIP_OFF)
		erg_set_state(r, erg, ERG_WORKING, "");
	erg_settle(r, erg);
	erg_store(r, erg);
	if (erg->membership != MEMBERSHIP_OFF && scope_of_erg(r, erg, &scope) == ERR_OK) {
		keeper_want(r, erg);
		dirty_mark(r, &scope.scope, 0);
	}
	chore_done(r, c);
}

/* A link to a team means its General channel, which is a standard one by nature: a Graph that has the team but cannot name its
 * primary channel keeps nobody from being compared. */
static bool
no_primary(const struct graph_answer *answer)
{
	return answer->err == ERR_NOTFOUND || answer->err == ERR_UNSUPPORTED || answer->err == ERR_INVALID ||
	       answer->err == ERR_UNEXPECTED;
}

static void
on_channel(void *arg, const struct graph_answer *answer)
{
	struct chore *c = arg;
	struct reconciler *r = chore_reconciler(c);
	struct graph_channel channel;
	struct tenant tenant;
	struct erg erg;

	if (!erg_of(r, c, &erg, &tenant))
		return;
	if (erg.channel_id[0] == '\0' && no_primary(answer))
		verified(r, c, &erg, &(struct graph_channel){ .type = CHANNEL_STANDARD });
	else if (graph_channel_read(answer, &channel) != ERR_OK)
		failed(r, c, &erg, answer, "the channel");
	else if (channel.type == CHANNEL_UNKNOWN)
		broken(r, c, &erg,
		    "The channel is of a kind this version does not know. Link a standard, private or shared channel.");
	else if (channel.tenant_id.s[0] != '\0' && strcmp(channel.tenant_id.s, tenant.directory_id.s) != 0)
		broken(r, c, &erg, "The channel belongs to another tenant. Link a channel of this tenant.");
	else
		verified(r, c, &erg, &channel);
}

static void
on_team(void *arg, const struct graph_answer *answer)
{
	struct chore *c = arg;
	struct reconciler *r = chore_reconciler(c);
	struct graph_where where;
	struct graph_call *call;
	struct graph_team team;
	struct tenant tenant;
	struct erg erg;

	if (!erg_of(r, c, &erg, &tenant))
		return;
	if (graph_team_read(answer, &team) != ERR_OK) {
		failed(r, c, &erg, answer, "the team");
		return;
	}
	tenant_judge(r, &erg.tenant, answer);
	if (team.archived) {
		broken(r, c, &erg, "The team is archived. Restore it in Teams, or link another one.");
		return;
	}
	where = where_of(&tenant);
	call = erg.channel_id[0] != '\0' ? graph_channel_get(r->graph, &where, &erg.team_id, erg.channel_id, on_channel, c)
	                                 : graph_channel_primary(r->graph, &where, &erg.team_id, on_channel, c);
	if (call == NULL)
		chore_again(r, c, chore_backoff_ms(r, c));
}

void
link_run(struct reconciler *r, struct chore *c)
{
	struct graph_where where;
	struct tenant tenant;
	struct erg erg;

	if (!erg_of(r, c, &erg, &tenant))
		return;
	where = where_of(&tenant);
	if (graph_team_get(r->graph, &where, &erg.team_id, on_team, c) == NULL)
		chore_again(r, c, chore_backoff_ms(r, c));
}
