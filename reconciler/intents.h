/*
 * intents.h - what is still to be done in Teams, one row a member: the to-do list of push.h, and its memory across a crash.
 *
 * roster_book_put keeps the rows in step with the members. A row whose started_wall_ms is set stands for a call that may have been
 * made: found again after a crash, its outcome is unknown and is read back before anything else.
 */
#ifndef RECONCILER_INTENTS_H
#define RECONCILER_INTENTS_H

#include <stdbool.h>

#include "model/erg.h"
#include "model/member.h"
#include "state/store.h"

struct reconciler;

/* Does this member, as stored, wait for something towards Teams? Pure. */
bool intent_wanted(const struct member *m);
/* m is stored now as it is; over: it is removed. Adds or removes the row, and has push look at the ERG. */
void intent_follow(struct reconciler *r, const struct member *m, bool over);

enum err intent_load(struct reconciler *r, const struct erg_id *erg, person_id person, struct intent_record *ret);
/* A call was begun whose end is not noted: it is on its way, or may have been made. */
bool intent_is_begun(struct reconciler *r, const struct erg_id *erg, person_id person, enum intent_kind kind);
void intent_store(struct reconciler *r, const struct intent_record *intent);
void intent_drop(struct reconciler *r, const struct erg_id *erg, person_id person);
/* Walks the rows of an ERG: store_next into a struct intent_record. */
struct store_cursor *intents_of(struct reconciler *r, const struct erg_id *erg);
bool intents_any(struct reconciler *r, const struct erg_id *erg);

#endif
