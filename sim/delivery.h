/*
 * delivery.h - brings notifications to clients' URLs: facts 3 and 4.2.
 *
 * Items of one URL that come within the window go out together. What is not answered 2xx in time is tried again,
 * doubling the wait, until it is too old. A URL that answers slowly too often is made to wait, or loses items.
 */
#ifndef SIM_DELIVERY_H
#define SIM_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

struct delivery;
struct sim;

/* Outcome of a validation: problem is NULL when the URL answered as it must, else what went wrong, in Graph's words. */
typedef void (*delivery_validated)(void *arg, const char *problem);

/* Borrows sim. */
struct delivery *delivery_new(struct sim *sim);
void delivery_free(struct delivery *d);  /* NULL is fine */
void delivery_reset(struct delivery *d); /* forgets all that is queued, and the counts */

/* Takes item; subscription names it for the faults; delay_ms besides the configured one. */
void delivery_queue(struct delivery *d, const char *url, const char *subscription, json_t *item, int64_t delay_ms);
/* One POST of this body, without batching and repeats. */
void delivery_raw(struct delivery *d, const char *url, const char *body);
/* The handshake with one URL. done may come before it returns; not at all after delivery_forget. */
void delivery_validate(struct delivery *d, const char *url, delivery_validated done, void *arg);
void delivery_forget(struct delivery *d, const void *arg);
/* See sim_delivered. */
void delivery_outcome(struct delivery *d, uint64_t id, int status, const char *content_type, const char *body, size_t body_len);

json_t *delivery_show(const struct delivery *d);
void delivery_clear_counts(struct delivery *d);

#endif
