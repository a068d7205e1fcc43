#include "reconciler/receipts.h"

#include <stddef.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "reconciler/reconciler.h"
#include "reconciler/tables.h"

/* Which field counts which table. */
static const struct {
	enum table table;
	size_t offset;
} counted[] = {
	{ TABLE_ERGS, offsetof(struct receipt, ergs) },
	{ TABLE_MEMBERS, offsetof(struct receipt, members) },
	{ TABLE_PEOPLE, offsetof(struct receipt, people) },
	{ TABLE_EVENTS, offsetof(struct receipt, meetings) },
	{ TABLE_FEED, offsetof(struct receipt, changes) },
	{ TABLE_OUTBOX, offsetof(struct receipt, callbacks) },
	{ TABLE_SIGN_INS, offsetof(struct receipt, sign_ins) },
};

static struct store_key
key_of(uint64_t number)
{
	struct store_key key;

	store_key_init(&key);
	store_key_u64(&key, number);
	return key;
}

static void
put(struct reconciler *r, const struct receipt *receipt)
{
	struct store_key key = key_of(receipt->number);

	store_put(r->store, TABLE_RECEIPTS, &key, receipt);
}

enum err
receipt_load(struct reconciler *r, uint64_t number, struct receipt *ret)
{
	struct store_key key = key_of(number);

	return store_get(r->store, TABLE_RECEIPTS, &key, ret);
}

uint64_t
receipt_begin(struct reconciler *r)
{
	struct receipt receipt = { .number = number_next(r, "receipt"), .requested_wall_ms = clock_wall_ms(r->clock) };

	put(r, &receipt);
	return receipt.number;
}

void
receipt_before(struct reconciler *r, struct receipt_tally *ret)
{
	store_rows(r->store, ret->rows);
}

void
receipt_after(struct reconciler *r, uint64_t number, const struct receipt_tally *before)
{
	struct receipt_tally after;
	struct receipt receipt;
	bool any = false;

	receipt_before(r, &after);
	if (receipt_load(r, number, &receipt) != ERR_OK)
		return;
	for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++) {
		enum table t = counted[i].table;
		int64_t *count = (int64_t *)(void *)((char *)&receipt + counted[i].offset);

		if (before->rows[t] <= after.rows[t])
			continue;
		*count += (int64_t)(before->rows[t] - after.rows[t]);
		any = true;
	}
	if (any)
		put(r, &receipt);
}

void
receipt_subscriptions(struct reconciler *r, uint64_t number, int64_t count)
{
	struct receipt receipt;

	/* Asked for again after a crash there are fewer of them. */
	if (receipt_load(r, number, &receipt) != ERR_OK || receipt.subscriptions >= count)
		return;
	receipt.subscriptions = count;
	put(r, &receipt);
}

void
receipt_erased(struct reconciler *r, uint64_t number)
{
	struct receipt receipt;

	if (receipt_load(r, number, &receipt) != ERR_OK)
		return;
	receipt.erased_wall_ms = clock_wall_ms(r->clock);
	put(r, &receipt);
}

static void
log_receipt(const struct receipt *x)
{
	log_put(LOG_INFO, "tenant_receipt", LI("receipt", (int64_t)x->number), LI("ergs", x->ergs), LI("members", x->members),
	    LI("people", x->people), LI("meetings", x->meetings), LI("subscriptions", x->subscriptions),
	    LI("changes", x->changes), LI("callbacks", x->callbacks), LI("sign_ins", x->sign_ins));
}

void
receipts_keys_destroyed(struct reconciler *r)
{
	struct store_cursor *c = store_seek(r->store, TABLE_RECEIPTS, NULL, NULL);
	struct receipt receipt;

	while (store_next(c, NULL, &receipt) == ERR_OK) {
		if (receipt.erased_wall_ms == 0 || receipt.keys_destroyed_wall_ms != 0)
			continue;
		receipt.keys_destroyed_wall_ms = clock_wall_ms(r->clock);
		put(r, &receipt);
		log_receipt(&receipt);
	}
	store_cursor_close(c);
}
