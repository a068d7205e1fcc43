/*
 * rich.h - what rich notifications say of memberships, once they are proved to be Microsoft's.
 *
 * ingest hands over each item that came with an encrypted part. If every validation token of its POST is right and the item
 * opens, what it says stands in for the first read of that one membership (compare asks here before it asks Graph); a removal
 * still needs the guard's second read. Any failure makes a plain hint of it: the dirty row is there in any case.
 *
 * Kept in memory only, RICH_ITEMS_MAX at most, until the item is read or another hint for it comes. Notifications may be an
 * hour late and out of order (graph-facts 2.3): of several different ones about an item within that time none is believed, and Graph is
 * asked what holds now.
 */
#ifndef RECONCILER_RICH_H
#define RECONCILER_RICH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "graph/members.h"
#include "model/hint.h"

#define RICH_ITEMS_MAX 1024
#define RICH_SEEN_MAX  4096              /* items whose last hint is remembered */
#define RICH_FRESH_MS  (2 * 60 * 1000LL) /* beyond: too much may have happened since */
#define RICH_LATE_MS   (60 * 60 * 1000LL)

struct notification_keys;
struct reconciler;
struct rich;
struct tenant;

/* [graph] notifications = basic: r->rich stays NULL, and all of the below do nothing. */
enum err rich_new(struct reconciler *r, struct rich **ret, char *why, size_t why_size);
void rich_free(struct rich *rich); /* NULL is fine */
/* Reads the folder of keys anew, as happens once a day by itself. On failure those there are stay. */
enum err rich_reload(struct reconciler *r, char *why, size_t why_size);

/* What subscriptions are to name; NULL when notifications are basic. */
const struct notification_keys *rich_keys(const struct reconciler *r);

/* A hint as it was read from the inbox, with or without an encrypted part. */
void rich_hint(struct reconciler *r, const struct hint *hint);
/* Takes out what is known of an item. False: ask Graph. */
bool rich_take(struct reconciler *r, const struct scope_id *scope, const char *item, struct graph_member *ret);

#endif
