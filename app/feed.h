/*
 * feed.h - GET /v1/changes: the change feed, and those who wait for its next entry.
 *
 * A caller who waits is answered when a change after its position is durable, when its time is over, or never if it has gone
 * (its exchange is ended all the same). At most APP_WAITERS_MAX wait. Event-loop thread only.
 */
#ifndef APP_FEED_H
#define APP_FEED_H

#include <stdint.h>

struct answers;
struct app_ops;
struct clock;
struct feed;
struct http_exchange;

/* One answer holds no more than this and one entry: the rest is for the next call. */
#define FEED_ANSWER_MAX_BYTES (4u << 20)

/* Borrows all. NULL: out of memory. */
struct feed *feed_new(const struct app_ops *ops, void *ctx, struct clock *clock, struct answers *answers);
/* Answers those who wait with an empty page, by way of answers. NULL is fine. */
void feed_free(struct feed *f);

/* Ends the exchange, now or later. */
void feed_serve(struct feed *f, struct http_exchange *x, uint64_t after, unsigned limit, int64_t wait_ms);
/* There are new entries. */
void feed_arrived(struct feed *f);
unsigned feed_waiting(const struct feed *f);

#endif
