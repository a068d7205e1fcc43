/*
 * plan.h - the removals of an ERG that are held until a person has looked at them. DESIGN section 6, contract section 9.
 *
 * A plan is no record of its own: it is the ERG's members whose status is held, each with the side it would be taken out of. Its
 * hash is over those people and sides, so it fits only as long as the plan is the same. Approved people are marked one by one:
 * the guard lets them pass, and nobody else. Rejected ones are put back where they left. Held events (meeting_plan.h) belong to it.
 */
#ifndef RECONCILER_PLAN_H
#define RECONCILER_PLAN_H

#include "app/api.h"
#include "model/erg.h"

#define PLAN_HASH_SIZE 65

struct reconciler;

/* After members became held, or no longer are: the ERG's state follows, and the app is told once for each different plan. detail: why
 * it is held. The caller stores the ERG in this turn. */
void plan_refresh(struct reconciler *r, struct erg *erg, const char *detail);
/* After one person changed: with nobody held any more, or membership off, the plan is over. Before erg_settle. */
void plan_settle(struct reconciler *r, struct erg *erg);
/* Is somebody held who would be taken out of the app? */
bool plan_holds_app(struct reconciler *r, const struct erg *erg);
/* The link is another one. */
void plan_forget(struct reconciler *r, const struct erg_id *erg);

/* What would be done now. */
void plan_show(struct reconciler *r, const struct erg *erg, app_plan_emit emit, void *arg, struct app_plan *ret);
/* ERR_NOTFOUND: nothing is held; ERR_CONFLICT: another plan than that hash's. The caller stores the ERG. */
enum err plan_decide(struct reconciler *r, struct erg *erg, bool approve, const char *hash);

#endif
