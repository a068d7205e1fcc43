/*
 * keeper.h - holds the subscriptions that ERGs need, on Graph, as the SUBSCRIPTIONS table says. DESIGN section 9.
 *
 * The table is the wish list: a row per scope, written in the turn in which an ERG's link changes, so that a crash loses
 * no wish. What the keeper does on Graph follows after the commit. Facts: graph-facts 2, 6.
 */
#ifndef RECONCILER_KEEPER_H
#define RECONCILER_KEEPER_H

#include "base/err.h"
#include "model/client_state.h"
#include "model/erg.h"
#include "model/hint.h"
#include "model/subscription.h"
#include "model/tenant.h"

struct reconciler;
struct keeper;

enum err keeper_new(struct reconciler *r, struct keeper **ret);
void keeper_free(struct keeper *k); /* NULL is fine; calls under way are dropped */

/* The ERG needs its scope from this turn on (scope_of_erg says which): makes the row when there is none, revives a leaving one. */
void keeper_want(struct reconciler *r, const struct erg *erg);
/* The ERG (still as it was linked) needs it no more: a row that no other ERG of TEAM_ERGS needs turns to leaving, is deleted
 * on Graph, then from the table. Call after the ERG's TEAM_ERGS row is gone. */
void keeper_release(struct reconciler *r, const struct erg *erg);
/* The same for an organizer's mailbox: needed from the first meeting asked for there to the last record of one. */
void keeper_want_mailbox(struct reconciler *r, const struct tenant_id *tenant, const struct guid *mailbox);
void keeper_release_mailbox(struct reconciler *r, const struct tenant_id *tenant, const struct guid *mailbox);
/* A lifecycle notification: reauthorizationRequired, subscriptionRemoved, missed. What may be lost is made dirty by the caller. */
void keeper_lifecycle(struct reconciler *r, const struct scope_id *scope, enum hint_kind kind);
/* The tenant can be reached again: what failed is tried again at once. */
void keeper_tenant_back(struct reconciler *r, const struct tenant_id *tenant);
/* Look at all rows again soon: after a change of tenant state or configuration. */
void keeper_kick(struct reconciler *r);
/* Each row of a tenant; each must change no row's existence. */
void keeper_rows(
    struct reconciler *r, const struct tenant_id *tenant, void (*each)(void *arg, const struct subscription *s), void *arg);
/* All rows of the tenant turn to leaving; done runs once Graph has none of them (or the tenant is gone for good, or the keeper has
 * given up after half an hour): then the table has none of them either. At most one call a tenant at a time. */
void keeper_forget_tenant(
    struct reconciler *r, const struct tenant *tenant, void (*done)(void *arg, const struct tenant_id *id), void *arg);

#endif
