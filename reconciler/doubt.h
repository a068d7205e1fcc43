/*
 * doubt.h - Graph refused a call for want of a right: is it the tenant's consent, a permission, or that one thing alone?
 *
 * The organizer is looked up with a new token, which names what is granted now. If it is nothing, the consent is missing; if rosters
 * cannot be read by it, they are read, and their ERGs are broken by what Graph answers then. Anything else is for whoever was refused.
 */
#ifndef RECONCILER_DOUBT_H
#define RECONCILER_DOUBT_H

#include <stdbool.h>

#include "model/ids.h"

struct chore;
struct reconciler;

/* For struct graph_options.on_refused, which limits how often; arg is the struct reconciler. False: its tenant is not active, and looked
 * at anyway. */
bool doubt_on_refused(void *arg, const struct guid *directory);
/* Runs a CHORE_DOUBT. */
void doubt_run(struct reconciler *r, struct chore *c);

#endif
