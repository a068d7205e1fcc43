/*
 * row_cache.h - records as they were opened a short while ago, so that a row that is read again is not opened again.
 *
 * A record is given for the very bytes it was opened from, under the same table and key, and for no others: what was changed, sealed
 * anew, moved or damaged since is not found here. So nobody has to tell the cache of anything, and a transaction that is dropped
 * leaves nothing wrong.
 *
 * For short records alone (ROW_CACHE_RECORD_MAX: no tokens, no documents), and ROW_CACHE_ROWS of them at the most: a new one takes the
 * place of one that was not asked for in a long time. So few are full within minutes of work, and memory is flat from then on: 1.4 KiB
 * for a subscription, 360 KiB of them in all. Out of memory it holds less. What goes is wiped. One thread at a time.
 */
#ifndef STATE_ROW_CACHE_H
#define STATE_ROW_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lmdb.h>

#include "base/err.h"
#include "state/records.h"

#define ROW_CACHE_ROWS       256
#define ROW_CACHE_RECORD_MAX 2048 /* its struct */

struct row_cache;

enum err row_cache_new(struct row_cache **ret);
void row_cache_free(struct row_cache *c); /* wipes; NULL is fine */

/* Is it worth while to put what is in that table? */
bool row_cache_takes(enum table t);
/* value: as it lies there, sealed. True: *record, the struct of that table, is what it opens to. */
bool row_cache_get(struct row_cache *c, enum table t, const MDB_val *key, const MDB_val *value, void *record);
/* It opened to that record. Copies. */
void row_cache_put(struct row_cache *c, enum table t, const MDB_val *key, const MDB_val *value, const void *record);
/* Forgets and wipes all: keys were destroyed. */
void row_cache_clear(struct row_cache *c);

#endif
