/*
 * retention.h - keeps the change feed from growing for ever: entries older than [app] feed_keep go, and so do the oldest beyond
 * RETENTION_ENTRIES_MAX; never one that is still to be delivered.
 *
 * It looks every hour, oftener when feed_keep is short, at no more than RETENTION_LOOK_MAX entries a turn.
 */
#ifndef RECONCILER_RETENTION_H
#define RECONCILER_RETENTION_H

#include "base/err.h"

#define RETENTION_ENTRIES_MAX 1000000
#define RETENTION_LOOK_MAX    500

struct reconciler;
struct retention;

enum err retention_new(struct reconciler *r, struct retention **ret);
/* feed_keep may have changed. */
void retention_kick(struct reconciler *r);
void retention_free(struct retention *rt); /* NULL is fine */

#endif
