/* keeper_book.c: each entry lies with its tenant's, and the earliest comes first, whatever came and went. */
#include "reconciler/keeper_book.h"

#include <stdlib.h>

#include "unit/state/scratch.h"

#define TENANTS 12
#define SCOPES  40 /* of each */
#define ALL     ((size_t)TENANTS * SCOPES)

/* What should be in the book: those that are there, and of those that do not rest, when they are due. */
struct model {
	struct keeper_book book;
	struct book_entry entries[ALL];
	bool there[ALL], rests[ALL];
};

static struct tenant_id
tenant_of(size_t i)
{
	struct tenant_id id;

	memset(&id, 0, sizeof(id));
	(void)snprintf(id.s, sizeof(id.s), "tenant-%zu", i / SCOPES);
	return id;
}

static struct scope_id
scope_of(size_t i)
{
	struct scope_id scope = { { 0 } };

	scope.b[0] = (uint8_t)(i % SCOPES * 37); /* not in the order in which they come */
	scope.b[SCOPE_ID_LEN - 1] = (uint8_t)i;
	return scope;
}

static size_t
number_of(const struct model *m, const struct book_entry *e)
{
	return (size_t)(e - m->entries);
}

static void
tenant_is_right(struct model *m, size_t tenant)
{
	struct tenant_id id = tenant_of(tenant * SCOPES);
	const struct book_tenant *t = book_tenant(&m->book, &id);
	size_t count = 0;

	for (size_t i = tenant * SCOPES; i < (tenant + 1) * SCOPES; i++) {
		struct scope_id scope = scope_of(i);

		assert_ptr_equal(book_find(&m->book, &id, &scope), m->there[i] ? &m->entries[i] : NULL);
		count += m->there[i];
	}
	assert_int_equal(t != NULL ? t->count : 0, count);
	assert_int_equal(t != NULL, count > 0);
	for (size_t at = 0; at < count; at++) {
		assert_int_equal(number_of(m, t->entries[at]) / SCOPES, tenant);
		assert_ptr_equal(t->entries[at]->of, t);
		if (at > 0)
			assert_true(memcmp(&t->entries[at - 1]->scope, &t->entries[at]->scope, sizeof(struct scope_id)) < 0);
	}
}

static void
first_is_right(const struct model *m)
{
	const struct book_entry *first = book_first(&m->book);
	size_t due = 0;

	for (size_t i = 0; i < ALL; i++) {
		if (!m->there[i] || m->rests[i])
			continue;
		due++;
		assert_non_null(first);
		assert_true(first->due_ms <= m->entries[i].due_ms);
	}
	assert_int_equal(m->book.heap_count, due);
	if (first != NULL)
		assert_true(m->there[number_of(m, first)] && !m->rests[number_of(m, first)]);
}

static void
add(struct model *m, size_t i)
{
	struct tenant_id id = tenant_of(i);

	m->entries[i] = (struct book_entry){ .scope = scope_of(i) };
	assert_int_equal(book_add(&m->book, &id, &m->entries[i]), ERR_OK);
	m->there[i] = m->rests[i] = true;
}

static void
change(struct model *m, struct rng *rng)
{
	size_t i = (size_t)rng_below(rng, ALL);

	if (!m->there[i]) {
		add(m, i);
	} else if (rng_below(rng, 4) == 0) {
		book_remove(&m->book, &m->entries[i]);
		m->there[i] = false;
	} else if (rng_below(rng, 3) == 0) {
		book_rest(&m->book, &m->entries[i]);
		m->rests[i] = true;
	} else {
		book_set_due(&m->book, &m->entries[i], (int64_t)rng_below(rng, 1000));
		m->rests[i] = false;
	}
}

static void
the_book_is_as_a_simple_model_says(void **state)
{
	static struct model m;
	struct rng rng = scratch_rng();

	(void)state;
	memset(&m, 0, sizeof(m));
	for (int round = 0; round < 20000; round++) {
		change(&m, &rng);
		if (round % 20 == 0)
			first_is_right(&m);
		if (round % 50 == 0)
			tenant_is_right(&m, (size_t)rng_below(&rng, TENANTS));
	}
	for (size_t i = 0; i < ALL; i++)
		if (m.there[i])
			book_remove(&m.book, &m.entries[i]);
	assert_int_equal(m.book.count, 0);
	assert_int_equal(m.book.tenant_count, 0);
	assert_null(book_first(&m.book));
	book_done(&m.book);
}

static void
what_is_noted_of_a_tenant_goes_with_its_last_entry(void **state)
{
	struct book_entry a = { .scope = scope_of(1) }, b = { .scope = scope_of(2) };
	struct keeper_book book = { 0 };
	struct tenant_id id = tenant_of(0);

	(void)state;
	assert_null(book_tenant(&book, &id));
	assert_int_equal(book_add(&book, &id, &a), ERR_OK);
	a.of->busy = 3;
	assert_int_equal(book_add(&book, &id, &b), ERR_OK);
	assert_int_equal(b.of->busy, 3);
	book_remove(&book, &a);
	assert_int_equal(book_tenant(&book, &id)->busy, 3);
	book_remove(&book, &b);
	assert_null(book_tenant(&book, &id));
	assert_int_equal(book_add(&book, &id, &a), ERR_OK);
	assert_int_equal(a.of->busy, 0);
	book_done(&book);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_book_is_as_a_simple_model_says),
		cmocka_unit_test(what_is_noted_of_a_tenant_goes_with_its_last_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
