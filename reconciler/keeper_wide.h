/*
 * keeper_wide.h - one subscription for all teams of a tenant, in place of one for each of its teams. graph-facts 2.3.
 *
 * Its row, of kind SUBSCRIPTION_TENANT_MEMBERS, stands in the table beside those of the teams, which stay what is wanted, dirty and
 * read. It is asked for from [graph] tenant_wide_from linked teams on, or when Graph has no room for one team's own; if there is none
 * for it either, one team's is given up for it.
 * Created: both tell, and hints of the same change coalesce, until it has been heard once. Then the teams are COVERED, and those of their
 * own are given up one after the other; COVERED before that are only teams that Graph has no room for.
 * Refused by Graph, or found deaf by what the teams' own or checks tell instead: REFUSED, each team gets its own, and it is asked for
 * again after a day or more. No longer wanted: it goes when each team has its own.
 */
#ifndef RECONCILER_KEEPER_WIDE_H
#define RECONCILER_KEEPER_WIDE_H

#include <stdbool.h>

#include "base/err.h"
#include "model/hint.h"
#include "model/subscription.h"

struct reconciler;

/* The number of linked teams, a tenant or the configuration changed: who wants one is found out soon. */
void keeper_wide_kick(struct reconciler *r);
/* The tenant's row. ERR_NOTFOUND: it has none. */
enum err keeper_wide_load(struct reconciler *r, const struct tenant_id *tenant, struct subscription *ret);
/* It is on Graph, and has not told of a change since it was made. */
bool keeper_wide_is_silent(const struct subscription *s);
/* A change told by it: sets the hint's scope to its team's. ERR_NOTFOUND: it is of no team of ours, and counted; ERR_MALFORMED: it names
 * none, so that each may have changed. */
enum err keeper_wide_place(struct reconciler *r, const struct subscription *wide, struct hint *hint);
/* Each team it covers is to be read. */
void keeper_wide_dirty(struct reconciler *r, const struct subscription *wide);
/* A change told by a team's own: the tenant's, while it has not been heard yet, should have told it, too. */
void keeper_wide_told(struct reconciler *r, const struct subscription *team);
/* A check found a change in that scope that nobody had announced. */
void keeper_wide_missed(struct reconciler *r, const struct scope_id *scope);

#endif
