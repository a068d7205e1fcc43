/*
 * store_damaged.h - records that do not open: each is told of once, and can be set aside.
 *
 * The store goes on without them; whoever knows what they were of has that read anew. Event-loop thread only.
 */
#ifndef STATE_STORE_DAMAGED_H
#define STATE_STORE_DAMAGED_H

#include <stdbool.h>

#include "base/err.h"
#include "state/store.h"

/* The next row found damaged since it was last asked for; ERR_NOTFOUND. */
enum err store_damaged_next(struct store *s, enum table *ret_table, struct store_key *ret_key);
/* Takes the row out of its table, into one that nothing reads: kept for whoever looks into what happened. False: by now it is gone, or
 * has been put anew. */
bool store_quarantine(struct store *s, enum table t, const struct store_key *key);

#endif
