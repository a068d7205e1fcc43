/*
 * links.h - verifies what an ERG is linked to: the team, and the channel with its kind. graph-facts section 12.
 *
 * A link is followed by a chore until Graph has said what it is. Then the subscription is wanted and the scope dirty, and the
 * first complete read makes the union of both sides. What cannot be linked is broken, with a detail that says what to do, and
 * looked at again every quarter of an hour.
 */
#ifndef RECONCILER_LINKS_H
#define RECONCILER_LINKS_H

#include <stdbool.h>

#include "model/erg.h"

struct chore;
struct reconciler;

/* The chore CHORE_LINK. */
void link_run(struct reconciler *r, struct chore *c);

/* The ERG (stored by the caller in this turn) has a new link: notes the chore. */
void link_begin(struct reconciler *r, struct erg *erg);
/* It has that link no more: subscription, team row and Teams' side of its members go. */
void link_end(struct reconciler *r, struct erg *erg);
/* Membership was switched on (true) or off for a link that is verified. */
void link_switch(struct reconciler *r, struct erg *erg, bool on);

#endif
