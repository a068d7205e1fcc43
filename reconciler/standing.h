/*
 * standing.h - how an ERG or a tenant stands: the one place that changes a state, logs it and tells the app, once per transition.
 */
#ifndef RECONCILER_STANDING_H
#define RECONCILER_STANDING_H

#include "graph/answer.h"
#include "model/erg.h"
#include "model/tenant.h"

struct reconciler;

/* Changes *erg in place; the caller stores it in this turn. To broken and from broken, and to held, the app is told. */
void erg_set_state(struct reconciler *r, struct erg *erg, enum erg_state state, const char *detail);
/* in_sync, working or off by what the counts say; leaves linking, held and broken alone. */
void erg_settle(struct reconciler *r, struct erg *erg);
/* Did a failed call tell something of the ERG itself? Then it is broken with a detail that says what to do. True when it is. */
bool erg_judge_failure(struct reconciler *r, struct erg *erg, const struct graph_answer *answer, const char *what);

/* Changes *tenant in place and stores it. */
void tenant_set_state(struct reconciler *r, struct tenant *tenant, enum tenant_state state, const char *detail);
/* The detail of a tenant whose app can sign in and is refused everything: consent_missing until a call succeeds. */
extern const char tenant_refused_text[];
/* What a call's answer says of reaching the tenant: unreachable, or active again. That consent is missing is for the sign-in to tell,
 * or for whoever was refused everything. */
void tenant_judge(struct reconciler *r, const struct tenant_id *id, const struct graph_answer *answer);
/* For struct graph_options.on_sign_in; arg is the struct reconciler. */
void tenant_on_sign_in(void *arg, const struct guid *directory, enum err err, enum tenant_state state, const char *detail);

#endif
