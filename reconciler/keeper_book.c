/* keeper_book.c - sorted arrays for the tenants and for what each of them has, a binary heap for the times. */
#include "reconciler/keeper_book.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define RESTS SIZE_MAX

/* The array of pointers, moved perhaps, with room for one more; NULL: out of memory, and it is as it was. */
static void *
with_room(void *array, size_t count, size_t *cap, size_t least)
{
	size_t more = *cap == 0 ? least : *cap * 2;

	if (count < *cap)
		return array;
	if ((array = reallocarray(array, more, sizeof(void *))) != NULL)
		*cap = more;
	return array;
}

/* --- tenants --- */

/* Of the first one that is not before this. */
static size_t
place_of_tenant(const struct keeper_book *b, const struct tenant_id *id)
{
	size_t low = 0, high = b->tenant_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(b->tenants[middle]->id.s, id->s) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
is_at(const struct keeper_book *b, size_t place, const struct tenant_id *id)
{
	return place < b->tenant_count && strcmp(b->tenants[place]->id.s, id->s) == 0;
}

struct book_tenant *
book_tenant(const struct keeper_book *b, const struct tenant_id *id)
{
	size_t place = place_of_tenant(b, id);

	return is_at(b, place, id) ? b->tenants[place] : NULL;
}

/* That one, or a new one; NULL: out of memory. */
static struct book_tenant *
tenant_want(struct keeper_book *b, const struct tenant_id *id)
{
	size_t place = place_of_tenant(b, id);
	struct book_tenant **tenants, *t;

	if (is_at(b, place, id))
		return b->tenants[place];
	if ((tenants = with_room(b->tenants, b->tenant_count, &b->tenant_cap, 64)) == NULL)
		return NULL;
	b->tenants = tenants;
	if ((t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	t->id = *id;
	memmove(&tenants[place + 1], &tenants[place], (b->tenant_count - place) * sizeof(struct book_tenant *));
	tenants[place] = t;
	b->tenant_count++;
	return t;
}

static void
tenant_free(struct book_tenant *t)
{
	free(t->entries);
	free(t);
}

static void
tenant_drop_if_empty(struct keeper_book *b, struct book_tenant *t)
{
	size_t place = place_of_tenant(b, &t->id);

	if (t->count > 0)
		return;
	b->tenant_count--;
	memmove(&b->tenants[place], &b->tenants[place + 1], (b->tenant_count - place) * sizeof(struct book_tenant *));
	tenant_free(t);
}

void
book_done(struct keeper_book *b)
{
	for (size_t i = 0; i < b->tenant_count; i++)
		tenant_free(b->tenants[i]);
	free(b->tenants);
	free(b->heap);
	*b = (struct keeper_book){ 0 };
}

/* --- what each has --- */

/* Of the first entry that is not before this. */
static size_t
place_of(const struct book_tenant *t, const struct scope_id *scope)
{
	size_t low = 0, high = t->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(t->entries[middle]->scope.b, scope->b, sizeof(scope->b)) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
tenant_add(struct book_tenant *t, struct book_entry *e)
{
	size_t at = place_of(t, &e->scope);
	struct book_entry **entries = with_room(t->entries, t->count, &t->cap, 4);

	if (entries == NULL)
		return false;
	t->entries = entries;
	memmove(&entries[at + 1], &entries[at], (t->count - at) * sizeof(struct book_entry *));
	entries[at] = e;
	t->count++;
	return true;
}

enum err
book_add(struct keeper_book *b, const struct tenant_id *tenant, struct book_entry *e)
{
	struct book_entry **heap = with_room(b->heap, b->count, &b->cap, 64);
	struct book_tenant *t;

	if (heap == NULL)
		return ERR_NOMEM;
	b->heap = heap;
	if ((t = tenant_want(b, tenant)) == NULL)
		return ERR_NOMEM;
	if (!tenant_add(t, e)) {
		tenant_drop_if_empty(b, t);
		return ERR_NOMEM;
	}
	b->count++;
	e->of = t;
	e->place = RESTS;
	return ERR_OK;
}

void
book_remove(struct keeper_book *b, struct book_entry *e)
{
	struct book_tenant *t = e->of;
	size_t at = place_of(t, &e->scope);

	book_rest(b, e);
	b->count--;
	t->count--;
	memmove(&t->entries[at], &t->entries[at + 1], (t->count - at) * sizeof(struct book_entry *));
	e->of = NULL;
	tenant_drop_if_empty(b, t);
}

struct book_entry *
book_find(const struct keeper_book *b, const struct tenant_id *tenant, const struct scope_id *scope)
{
	const struct book_tenant *t = book_tenant(b, tenant);
	size_t at = t != NULL ? place_of(t, scope) : 0;

	return t != NULL && at < t->count && memcmp(t->entries[at]->scope.b, scope->b, sizeof(scope->b)) == 0 ? t->entries[at]
	                                                                                                      : NULL;
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
