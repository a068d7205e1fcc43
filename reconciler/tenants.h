/*
 * tenants.h - what is to be done for a tenant beside its ERGs: finding the organiser, probing after a failure, erasing.
 */
#ifndef RECONCILER_TENANTS_H
#define RECONCILER_TENANTS_H

#include "model/erg.h"
#include "model/tenant.h"

struct chore;
struct reconciler;

/* The chores CHORE_TENANT (looks up the organiser: also the probe of a tenant that fails), CHORE_ERASE_ERG, CHORE_ERASE_TENANT. */
void tenant_run(struct reconciler *r, struct chore *c);
void erase_erg_run(struct reconciler *r, struct chore *c);
void erase_tenant_run(struct reconciler *r, struct chore *c);

/* Unlinks and forgets an ERG in this turn; its members are erased in this and later turns. Nobody is removed anywhere. */
void erg_erase(struct reconciler *r, struct erg *erg);
/* Begins to remove a tenant; stores it. */
void tenant_erase(struct reconciler *r, struct tenant *tenant);

#endif
