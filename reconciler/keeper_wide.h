/*
 * keeper_wide.h - one subscription for all teams of a tenant, in place of one for each of its teams. graph-facts 2.3.
 *
 * Its row, of kind SUBSCRIPTION_TENANT_MEMBERS, stands in the table beside those of the teams, which stay what is wanted, dirty and
 * read; while it holds, they are COVERED and have nothing on Graph. From [graph] tenant_wide_from linked teams on it is asked for.
 * Created: every team is read, those of their own are deleted. Refused by Graph, or found deaf by what checks find unannounced:
 * REFUSED, each team gets its own, and it is asked for again after a day or more. No longer wanted: it goes when each team has its own.
 */
#ifndef RECONCILER_KEEPER_WIDE_H
#define RECONCILER_KEEPER_WIDE_H

#include "base/err.h"
#include "model/hint.h"
#include "model/subscription.h"

struct reconciler;

/* The number of linked teams, a tenant or the configuration changed: who wants one is found out soon. */
void keeper_wide_kick(struct reconciler *r);
/* The tenant's row. ERR_NOTFOUND: it has none. */
enum err keeper_wide_load(struct reconciler *r, const struct tenant_id *tenant, struct subscription *ret);
/* A change told by it: sets the hint's scope to its team's. ERR_NOTFOUND: it is of no team of ours, and counted; ERR_MALFORMED: it names
 * none, so that each may have changed. */
enum err keeper_wide_place(struct reconciler *r, const struct subscription *wide, struct hint *hint);
/* Each team it covers is to be read. */
void keeper_wide_dirty(struct reconciler *r, const struct subscription *wide);
/* A check found a change in that scope that nobody had announced. */
void keeper_wide_missed(struct reconciler *r, const struct scope_id *scope);

#endif
