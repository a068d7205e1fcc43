/*
 * feed.h - the change feed: what the app is told, numbered, in order (contract sections 4 and 5).
 *
 * Each entry is the whole CloudEvent. Those that go to the app by callback have a row in OUTBOX of the same number, put in the
 * same turn; outbox.h delivers it. Event-loop thread only.
 */
#ifndef STATE_FEED_H
#define STATE_FEED_H

#include "state/store.h"

/* Gives the entry the next number (in f->seq too; from 1, never repeated) and puts it; if deliver, also its OUTBOX row.
 * order: entries with equal bytes are delivered one after the other. */
uint64_t feed_append(struct store *s, struct feed_record *f, const uint8_t order[OUTBOX_ORDER_LEN], bool deliver);

/* ERR_NOTFOUND, ERR_CORRUPT. */
enum err feed_get(struct store *s, uint64_t seq, struct feed_record *ret);

/* Calls cb for at most limit entries after `after`, oldest first, until it returns false. Gives the number to go on from:
 * that of the last entry cb accepted, `after` when there was none. */
uint64_t feed_read(struct store *s, uint64_t after, size_t limit, bool (*cb)(void *arg, const struct feed_record *f), void *arg);

/* The number of the newest entry ever, 0 for none. */
uint64_t feed_last(struct store *s);

struct feed_keep {
	uint64_t count;        /* at most so many of the newest */
	int64_t since_wall_ms; /* and none that was made before */
};
/* Removes entries that are not to be kept, but none that is still to be delivered. Looks at no more than max of them, from
 * *from on (0 at first, kept by the caller), and sets *from to go on next time, 0 when the end of the old ones was reached.
 * Gives how many were removed. */
size_t feed_trim(struct store *s, const struct feed_keep *keep, size_t max, uint64_t *from);

/* The greatest number that feed_trim has removed so far, 0 for none: whoever has read less than that has missed something. */
uint64_t feed_trimmed(struct store *s);

#endif
