/*
 * roster_book.h - the records of members, and the one function that writes them.
 *
 * It keeps the ERG's counts, the membership-id map, the index of a person's ERGs and the intents (intents.h) in step, so that no caller
 * can forget one.
 */
#ifndef RECONCILER_ROSTER_BOOK_H
#define RECONCILER_ROSTER_BOOK_H

#include <stdbool.h>

#include "base/err.h"
#include "model/erg.h"
#include "model/member.h"

struct reconciler;

/* The one writer: stores m, or removes it when nobody speaks of it any more, with all that is derived from it. before: as it is
 * stored, NULL for a new one. The caller stores the ERG in this turn. */
void roster_book_put(struct reconciler *r, struct erg *erg, const struct member *before, const struct member *m);

/* Whose membership is that id? ERR_NOTFOUND. */
enum err roster_book_find(struct reconciler *r, const struct erg_id *erg, const char *membership_id, person_id *ret);

/* What leads to a member, should it have got lost. */
void roster_book_index(struct reconciler *r, const struct member *m);
/* Counts anew what the ERG's counts say, after members got lost. The caller stores the ERG. */
void roster_book_recount(struct reconciler *r, struct erg *erg);

/* Removes up to max members of an ERG, and people who are in no ERG any more; true when none is left. Counts are not kept. */
bool roster_book_erase(struct reconciler *r, const struct erg_id *erg, unsigned max);

#endif
