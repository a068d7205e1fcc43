/* keeper_book.c - a sorted array for the tenants, a binary heap for the times. */
#include "reconciler/keeper_book.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define RESTS SIZE_MAX

void
book_done(struct keeper_book *b)
{
	free(b->sorted);
	free(b->heap);
	*b = (struct keeper_book){ 0 };
}

/* --- by tenant --- */

static int
compare(const struct book_entry *e, const struct tenant_id *tenant, const struct scope_id *scope)
{
	int by_tenant = strcmp(e->tenant.s, tenant->s);

	return by_tenant != 0 ? by_tenant : memcmp(e->scope.b, scope->b, sizeof(scope->b));
}

/* Of the first entry that is not before these. */
static size_t
place_of(const struct keeper_book *b, const struct tenant_id *tenant, const struct scope_id *scope)
{
	size_t low = 0, high = b->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(b->sorted[middle], tenant, scope) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
grow(struct keeper_book *b)
{
	size_t cap = b->cap == 0 ? 64 : b->cap * 2;
	struct book_entry **sorted = realloc(b->sorted, cap * sizeof(struct book_entry *)), **heap;

	if (sorted == NULL)
		return false;
	b->sorted = sorted;
	if ((heap = realloc(b->heap, cap * sizeof(struct book_entry *))) == NULL)
		return false;
	b->heap = heap;
	b->cap = cap;
	return true;
}

enum err
book_add(struct keeper_book *b, struct book_entry *e)
{
	size_t at = place_of(b, &e->tenant, &e->scope);

	if (b->count == b->cap && !grow(b))
		return ERR_NOMEM;
	memmove(&b->sorted[at + 1], &b->sorted[at], (b->count - at) * sizeof(struct book_entry *));
	b->sorted[at] = e;
	b->count++;
	e->place = RESTS;
	return ERR_OK;
}

void
book_remove(struct keeper_book *b, struct book_entry *e)
{
	size_t at = place_of(b, &e->tenant, &e->scope);

	book_rest(b, e);
	b->count--;
	memmove(&b->sorted[at], &b->sorted[at + 1], (b->count - at) * sizeof(struct book_entry *));
}

struct book_entry *
book_find(const struct keeper_book *b, const struct tenant_id *tenant, const struct scope_id *scope)
{
	size_t at = place_of(b, tenant, scope);

	return at < b->count && compare(b->sorted[at], tenant, scope) == 0 ? b->sorted[at] : NULL;
}

static bool
is_of(const struct keeper_book *b, size_t place, const struct tenant_id *tenant)
{
	return place < b->count && strcmp(b->sorted[place]->tenant.s, tenant->s) == 0;
}

struct book_entry *
book_of_tenant(struct keeper_book *b, const struct tenant_id *tenant, size_t at)
{
	static const struct scope_id least;

	/* Whoever walks a tenant does not search for its beginning at every step. */
	if (!is_of(b, b->first, tenant) || (b->first > 0 && is_of(b, b->first - 1, tenant)))
		b->first = place_of(b, tenant, &least);
	return at < b->count && is_of(b, b->first + at, tenant) ? b->sorted[b->first + at] : NULL;
}

/* --- by time --- */

static void
put(struct keeper_book *b, size_t place, struct book_entry *e)
{
	b->heap[place] = e;
	e->place = place;
}

static void
rise(struct keeper_book *b, struct book_entry *e)
{
	size_t place = e->place;

	for (; place > 0 && e->due_ms < b->heap[(place - 1) / 2]->due_ms; place = (place - 1) / 2)
		put(b, place, b->heap[(place - 1) / 2]);
	put(b, place, e);
}

static void
sink(struct keeper_book *b, struct book_entry *e)
{
	size_t place = e->place, child;

	while ((child = 2 * place + 1) < b->heap_count) {
		if (child + 1 < b->heap_count && b->heap[child + 1]->due_ms < b->heap[child]->due_ms)
			child++;
		if (b->heap[child]->due_ms >= e->due_ms)
			break;
		put(b, place, b->heap[child]);
		place = child;
	}
	put(b, place, e);
}

void
book_set_due(struct keeper_book *b, struct book_entry *e, int64_t due_ms)
{
	e->due_ms = due_ms;
	if (e->place == RESTS)
		put(b, b->heap_count++, e);
	rise(b, e);
	sink(b, e);
}

void
book_rest(struct keeper_book *b, struct book_entry *e)
{
	size_t place = e->place;
	struct book_entry *last;

	if (place == RESTS)
		return;
	e->place = RESTS;
	last = b->heap[--b->heap_count];
	if (last == e)
		return;
	put(b, place, last);
	rise(b, last);
	sink(b, last);
}

struct book_entry *
book_first(const struct keeper_book *b)
{
	return b->heap_count > 0 ? b->heap[0] : NULL;
}
