/* Walks over keys, while rows come and go. */
#include "state/store.h"
#include "unit/state/store_world.h"

static void
walks_keep_to_their_prefix(void **state)
{
	struct store_key prefix, after, key;
	struct store_cursor *c;
	struct person_ref ref;
	struct world w;
	uint64_t n = 0;

	(void)state;
	world_make(&w);
	for (uint64_t p = 1; p <= 3; p++)
		for (uint64_t i = 0; i < 10; i++)
			put_number(&w, p, i);
	store_key_init(&prefix);
	store_key_u64(&prefix, 2);
	c = store_seek(w.store, TABLE_MEMBERSHIPS, &prefix, NULL);
	while (store_next(c, &key, &ref) == ERR_OK) {
		assert_int_equal(ref.person, n++);
		assert_int_equal(key.len, 16);
		assert_int_equal(store_key_number(&key), ref.person);
	}
	assert_int_equal(n, 10);
	assert_int_equal(store_next(c, &key, &ref), ERR_NOTFOUND);
	store_cursor_close(c);

	after = number_key(2, 6);
	c = store_seek(w.store, TABLE_MEMBERSHIPS, &prefix, &after);
	for (n = 7; store_next(c, NULL, &ref) == ERR_OK; n++)
		assert_int_equal(ref.person, n);
	assert_int_equal(n, 10);
	store_cursor_close(c);

	c = store_seek(w.store, TABLE_MEMBERSHIPS, NULL, NULL);
	n = 0;
	while (store_next(c, NULL, &ref) == ERR_OK)
		n++;
	assert_int_equal(n, 30);
	store_cursor_close(c);
	assert_int_equal(store_last(w.store, TABLE_MEMBERSHIPS, &key), ERR_OK);
	assert_int_equal(store_key_number(&key), 9);
	assert_int_equal(store_last(w.store, TABLE_RESYNCS, &key), ERR_NOTFOUND);
	world_done(&w);
}

/* Deletes what is walked, adds before and behind, and lets the turn end meanwhile: each old row is seen once. */
static void
walks_survive_puts_deletes_and_commits(void **state)
{
	struct rng rng = scratch_rng();
	struct store_key key;
	struct store_cursor *c;
	struct person_ref ref;
	bool seen[200] = { false };
	struct world w;

	(void)state;
	world_make(&w);
	for (uint64_t i = 0; i < 200; i++)
		put_number(&w, 5, i * 10);
	store_commit(w.store);
	c = store_seek(w.store, TABLE_MEMBERSHIPS, NULL, NULL);
	while (store_next(c, &key, &ref) == ERR_OK) {
		if (ref.person % 10 == 0) {
			assert_false(seen[ref.person / 10]);
			seen[ref.person / 10] = true;
		}
		switch (rng_below(&rng, 4)) {
		case 0: store_del(w.store, TABLE_MEMBERSHIPS, &key); break;
		case 1: put_number(&w, 5, ref.person - ref.person % 10 + 1 + rng_below(&rng, 9)); break;
		case 2: store_commit(w.store); break;
		default: break;
		}
	}
	store_cursor_close(c);
	for (size_t i = 0; i < 200; i++)
		assert_true(seen[i]);
	world_done(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(walks_keep_to_their_prefix),
		cmocka_unit_test(walks_survive_puts_deletes_and_commits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
