/*
 * keeper_book.h - which subscriptions there are and when each wants attention, in memory: by tenant, and by due time.
 *
 * The earliest is found at once and one is moved in logarithmic time, whatever their number; those of a tenant lie together. Entries
 * are embedded in the owner's and stay the owner's. Times are whatever the owner counts in. Pure.
 */
#ifndef RECONCILER_KEEPER_BOOK_H
#define RECONCILER_KEEPER_BOOK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/client_state.h"
#include "model/tenant.h"

struct book_tenant;

struct book_entry {
	struct scope_id scope;
	int64_t due_ms;
	struct book_tenant *of; /* whose it is, while it is in the book */
	size_t place;           /* the book's own */
};

/* A tenant that has entries; gone with the last of them. */
struct book_tenant {
	struct tenant_id id;
	struct book_entry **entries; /* by scope */
	size_t count, cap;

	/* The owner's, all zero at first. */
	unsigned busy, waiting;
	struct book_entry *wide;
};

/* All zero is an empty book. */
struct keeper_book {
	struct book_tenant **tenants; /* by id */
	size_t tenant_count, tenant_cap;
	struct book_entry **heap; /* earliest first; those that rest are not in it */
	size_t count, cap, heap_count;
};

void book_done(struct keeper_book *b); /* frees no entry */

/* Sets scope beforehand; it rests. ERR_NOMEM: it is not in the book. */
enum err book_add(struct keeper_book *b, const struct tenant_id *tenant, struct book_entry *e);
void book_remove(struct keeper_book *b, struct book_entry *e);
/* NULL: it has no entry. Adding and removing its entries changes what a walk over them sees. */
struct book_tenant *book_tenant(const struct keeper_book *b, const struct tenant_id *tenant);
struct book_entry *book_find(const struct keeper_book *b, const struct tenant_id *tenant, const struct scope_id *scope);

void book_set_due(struct keeper_book *b, struct book_entry *e, int64_t due_ms);
/* Not due until told otherwise. */
void book_rest(struct keeper_book *b, struct book_entry *e);
struct book_entry *book_first(const struct keeper_book *b); /* NULL: all rest */

#endif
