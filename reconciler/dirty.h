/*
 * dirty.h - the rows that say: something in this scope may have changed and has not been looked at since.
 *
 * A row an item, or one row for the scope as a whole; more than DIRTY_ITEMS_MAX items of a scope become that one. hint_count
 * grows with each hint, so whoever read Graph knows whether a newer hint came meanwhile.
 */
#ifndef RECONCILER_DIRTY_H
#define RECONCILER_DIRTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "state/records.h"
#include "state/store.h"

#define DIRTY_ITEMS_MAX 64

struct reconciler;

void dirty_key(struct reconciler *r, const struct scope_id *scope, const char *item, size_t item_len, struct store_key *ret);

/* Marks the scope as a whole in this turn, to be read after wait_ms, and tells work. A mark that is there stays, and its time if sooner. */
void dirty_mark(struct reconciler *r, const struct scope_id *scope, int64_t wait_ms);

/* The scope the ERG's members are in, if it has one. */
void dirty_mark_erg(struct reconciler *r, const struct erg *erg, int64_t wait_ms);

/* One row as it was when a read began. */
struct dirty_seen {
	struct store_key key;
	int64_t hint_count;
};

/* What the rows of one scope amount to. */
struct dirty_summary {
	unsigned rows; /* counted up to DIRTY_ITEMS_MAX + 1 */
	bool whole;
	int64_t not_before_wall_ms; /* the earliest */
	int64_t hint_count;         /* of all */
	struct dirty_record one;    /* the row, when there is one */
	struct dirty_seen seen[DIRTY_ITEMS_MAX + 2];
	unsigned seen_count;
};
void dirty_summarize(struct reconciler *r, const struct scope_id *scope, struct dirty_summary *ret);
struct mailbox_item;
/* The items that the scope's rows name, at most max. */
size_t dirty_items(struct reconciler *r, const struct scope_id *scope, struct mailbox_item *ret, size_t max);
/* Is anything of the scope still to be read? */
bool dirty_pending(struct reconciler *r, const struct scope_id *scope);
/* Deletes the rows a successful read has covered, but for those with newer hints. True when none is left of the scope. */
bool dirty_settled(struct reconciler *r, const struct dirty_summary *read);
/* After a failed or fruitless read: not again before wait_ms, an attempt more. The rows that were read (those with newer hints
 * stay as they are), all rows of the scope, or all turned into one for the scope as a whole. */
enum dirty_which { DIRTY_READ, DIRTY_ALL, DIRTY_AS_WHOLE };
void dirty_put_off(struct reconciler *r, const struct scope_id *scope, const struct dirty_summary *read, int64_t wait_ms,
    enum dirty_which which);
/* Removes all rows of a scope nobody needs. */
void dirty_drop(struct reconciler *r, const struct scope_id *scope);
bool dirty_scope_is_real(const struct scope_id *scope); /* zeros belong to chores.h */

#endif
