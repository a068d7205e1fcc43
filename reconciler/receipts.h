/*
 * receipts.h - counts what goes with a tenant, and keeps the receipt of it.
 *
 * Counted where it is deleted, by the size of the tables before and after a step of the removal, so that it is what really went. A
 * receipt outlives the tenant; it names nobody, not even the tenant.
 */
#ifndef RECONCILER_RECEIPTS_H
#define RECONCILER_RECEIPTS_H

#include "base/err.h"
#include "model/receipt.h"
#include "state/store.h"

struct reconciler;

/* A new one; gives its number. */
uint64_t receipt_begin(struct reconciler *r);
enum err receipt_load(struct reconciler *r, uint64_t number, struct receipt *ret);

struct receipt_tally {
	uint64_t rows[TABLE_COUNT];
};
/* Before a step that deletes; and after it, in the same turn: what is missing since is added to the receipt. */
void receipt_before(struct reconciler *r, struct receipt_tally *ret);
void receipt_after(struct reconciler *r, uint64_t number, const struct receipt_tally *before);
/* Subscriptions go on Graph first, one by one. */
void receipt_subscriptions(struct reconciler *r, uint64_t number, int64_t count);
void receipt_erased(struct reconciler *r, uint64_t number);
/* The keys of all tenants erased so far are destroyed. */
void receipts_keys_destroyed(struct reconciler *r);

#endif
