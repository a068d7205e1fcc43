/*
 * roster_member.h - one member's record while it changes, shared by the parts of roster.h and nobody else.
 *
 *	roster.c         what Teams shows and what the app says, and its answers
 *	roster_sent.c    what was written to Teams, and what was decided on a plan
 *	roster_member.c  what follows: towards the app it is done, towards Teams it is left open
 */
#ifndef RECONCILER_ROSTER_MEMBER_H
#define RECONCILER_ROSTER_MEMBER_H

#include <stdbool.h>

#include "reconciler/roster.h"

/* Decides on m, which differs from before (NULL: new) by what was just learnt, does it and stores it if anything changed. */
struct roster_step
roster_member_settle(const struct roster_view *v, const struct person *p, const struct member *before, struct member *m);
/* Would storing b instead of a change anything? */
bool roster_member_same(const struct member *a, const struct member *b);
void roster_member_status(const struct roster_view *v, struct member *m, enum member_status status, const char *detail);
/* Both sides are known to be equal. */
void roster_member_agree(const struct roster_view *v, struct member *m);
/* The app has taken what it was told. */
void roster_member_app_took(const struct roster_view *v, struct member *m);
/* The app speaks of somebody it is just being told of: what it was told stands. */
void roster_member_overtaken(struct member *m);
/* Nothing of ours is looked for in Teams any more. */
void roster_member_write_over(struct member *m);
/* Teams was read just now: a write that it does not show within the settle time is done with, and what is open is decided anew. Not
 * without a read: who was added, and taken out again by the app before anybody looked, would pass for somebody new in Teams. */
void roster_member_read(const struct roster_view *v, struct member *m);
bool roster_side_equal(const struct side *a, const struct side *b);

#endif
