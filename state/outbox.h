/*
 * outbox.h - callbacks that are due, in strict order for each order key.
 *
 * A delivery is taken with outbox_next, which never gives two of one order key at once, and given back with outbox_done
 * (the app answered for good) or outbox_retry. Nothing is given up: an undelivered callback stays, and what has the same order
 * key waits behind it; everything else goes on.
 *
 * The index in memory (a queue per order key, a heap by due time) is built from OUTBOX at open and afterwards by reading what
 * feed_append has added: outbox_next sees an entry only once its turn is on disk. So after feed_append, let
 * store_after_commit call whoever calls outbox_next.
 *
 * Due times are stored as wall time, but waited for on the boot clock, and never longer than OUTBOX_WAIT_MAX_MS: a stepped clock
 * neither stops nor floods the app. About 100 bytes of memory an undelivered callback. Event-loop thread only.
 */
#ifndef STATE_OUTBOX_H
#define STATE_OUTBOX_H

#include "state/store.h"

struct clock;
struct outbox;

#define OUTBOX_WAIT_MAX_MS (24 * 3600 * 1000LL)

/* Borrows both. ERR_NOMEM; gives *ret. */
enum err outbox_open(struct store *s, struct clock *clock, struct outbox **ret);
void outbox_close(struct outbox *o); /* NULL is fine; what was in flight is due again at the next open */

/* The next deliverable one, marked as in flight. ERR_NOTFOUND: nothing is due now, see outbox_wait_ms. One whose entry is damaged is
 * passed over; its row stays for whoever takes damaged records out (store_damaged.h). */
enum err outbox_next(struct outbox *o, struct outbox_record *ret, struct feed_record *ret_feed);
/* Delivered, or refused for good: forgets it. Its followers may be due at once. */
void outbox_done(struct outbox *o, uint64_t seq);
/* Back into the queue, not before after_ms from now; counts the attempt, keeps status and detail for people to read. */
void outbox_retry(struct outbox *o, uint64_t seq, int64_t after_ms, int64_t status, const char *detail);
/* Back into the queue as it was: the delivery was not even tried. */
void outbox_release(struct outbox *o, uint64_t seq);

/* Until something is due: 0 = now, -1 = nothing waits (save in flight). For a timer. */
int64_t outbox_wait_ms(struct outbox *o);

struct outbox_backlog {
	uint64_t count; /* not delivered yet, in flight included */
	uint64_t in_flight;
	int64_t oldest_wall_ms; /* when the oldest of them was made; 0 when there is none */
};
struct outbox_backlog outbox_backlog(struct outbox *o);

#endif
