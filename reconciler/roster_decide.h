/*
 * roster_decide.h - what is to be done about one member now: diff.h, and what more than one person's record tells.
 *
 * That other ERGs go by the same roster, that a write of ours may not show yet, that Teams has not been asked about a person, and what
 * was decided on a plan. Pure but for looks at the person's other ERGs.
 */
#ifndef RECONCILER_ROSTER_DECIDE_H
#define RECONCILER_ROSTER_DECIDE_H

#include "reconciler/roster.h"

/* A callback under way counts as arrived: it told the app what Teams showed, so both will have agreed on that. p may be NULL for
 * somebody Teams shows. */
enum diff_action roster_decide(const struct roster_view *v, const struct person *p, const struct member *m);
/* A guest can be neither added nor made an owner: who is to be one, and whom nobody has shown yet, is looked up before. */
bool roster_kind_matters(const struct person *p, const struct member *m);

#endif
