/* store.c: a turn is on disk whole or not at all, and nothing readable is. */
#include <signal.h>

#include "base/clock.h"
#include "state/store.h"
#include "unit/state/store_world.h"

static void
a_turn_is_read_before_it_is_committed(void **state)
{
	struct store_stats st;
	struct world w;

	(void)state;
	world_make(&w);
	assert_int_equal(generation_of(&w, "blue"), -1);
	put_erg(&w, "blue", 1);
	assert_true(store_turn_open(w.store));
	assert_int_equal(generation_of(&w, "blue"), 1);
	put_erg(&w, "blue", 2);
	store_stats(w.store, &st);
	assert_int_equal(st.commits, 0);
	assert_int_equal(st.rows[TABLE_ERGS], 1);
	clock_manual_advance(w.clock, 0);
	assert_false(store_turn_open(w.store));
	assert_int_equal(generation_of(&w, "blue"), 2);
	store_stats(w.store, &st);
	assert_int_equal(st.commits, 1);
	world_done(&w);
}

static void
a_crash_loses_exactly_the_turn(void **state)
{
	struct world w;

	(void)state;
	world_make(&w);
	put_erg(&w, "blue", 1);
	put_erg(&w, "red", 1);
	store_commit(w.store);
	put_erg(&w, "blue", 2);
	put_erg(&w, "green", 2);
	store_drop(w.store);
	reopen(&w);
	assert_int_equal(generation_of(&w, "blue"), 1);
	assert_int_equal(generation_of(&w, "red"), 1);
	assert_int_equal(generation_of(&w, "green"), -1);
	put_erg(&w, "green", 3);
	store_close(w.store);
	reopen(&w);
	assert_int_equal(generation_of(&w, "green"), 3);
	world_done(&w);
}

struct order {
	struct world *world;
	char text[32];
};

static void
say(struct order *o, char c)
{
	size_t len = strlen(o->text);

	assert_true(len + 1 < sizeof(o->text));
	o->text[len] = c;
}

static void
say_a(void *arg)
{
	struct order *o = arg;

	say(o, 'a');
	assert_false(store_turn_open(o->world->store));
}

static void
say_b_and_put(void *arg)
{
	struct order *o = arg;

	say(o, 'b');
	put_erg(o->world, "late", 1);
	store_after_commit(o->world->store, say_a, o);
}

static void
callbacks_wait_for_the_commit(void **state)
{
	struct order o = { .text = "" };
	struct world w;

	(void)state;
	world_make(&w);
	o.world = &w;
	put_erg(&w, "blue", 1);
	store_after_commit(w.store, say_a, &o);
	store_after_commit(w.store, say_b_and_put, &o);
	assert_string_equal(o.text, "");
	store_commit(w.store);
	assert_string_equal(o.text, "ab");
	assert_true(store_turn_open(w.store));
	clock_manual_advance(w.clock, 0);
	assert_string_equal(o.text, "aba");
	store_after_commit(w.store, say_a, &o); /* nothing is open */
	assert_string_equal(o.text, "aba");
	clock_manual_advance(w.clock, 0);
	assert_string_equal(o.text, "abaa");

	/* A crash before the commit: nobody is told. */
	put_erg(&w, "blue", 2);
	store_after_commit(w.store, say_a, &o);
	store_drop(w.store);
	assert_string_equal(o.text, "abaa");
	reopen(&w);
	world_done(&w);
}

static void
the_batch_is_seen_whole(void **state)
{
	struct store_key key;
	struct world w;

	(void)state;
	world_make(&w);
	store_close(w.store);
	w.options.on_commit = on_commit;
	w.options.on_commit_arg = &w;
	reopen(&w);
	for (int i = 0; i < 200; i++) {
		char id[16];

		(void)snprintf(id, sizeof(id), "erg%d", i);
		put_erg(&w, id, i);
	}
	key = erg_key(&w, "erg7");
	store_del(w.store, TABLE_ERGS, &key);
	store_del(w.store, TABLE_ERGS, &key);
	store_commit(w.store);
	store_commit(w.store);
	assert_int_equal(w.batches, 1);
	assert_int_equal(w.ops, 201);
	assert_int_equal(w.deletes, 1);
	put_erg(&w, "erg7", 1);
	store_drop(w.store);
	reopen(&w);
	assert_int_equal(w.batches, 1);
	world_done(&w);
}

/* A random run of puts, deletes, commits and crashes, against a plain array. */
static void
random_runs_match_a_model(void **state)
{
	struct rng rng = scratch_rng();
	int64_t now[20], disk[20];
	struct world w;

	(void)state;
	world_make(&w);
	for (size_t i = 0; i < 20; i++)
		now[i] = disk[i] = -1;
	for (unsigned round = 0; round < 2000; round++) {
		size_t i = (size_t)rng_below(&rng, 20);
		struct store_key key;
		char id[8];

		(void)snprintf(id, sizeof(id), "e%zu", i);
		key = erg_key(&w, id);
		switch (rng_below(&rng, 40)) {
		case 0:
			store_drop(w.store);
			reopen(&w);
			memcpy(now, disk, sizeof(now));
			break;
		case 1:
		case 2:
		case 3:
			clock_manual_advance(w.clock, 0);
			memcpy(disk, now, sizeof(now));
			break;
		case 4:
		case 5:
		case 6:
		case 7:
			store_del(w.store, TABLE_ERGS, &key);
			now[i] = -1;
			break;
		case 8:
		case 9:
		case 10: put_erg(&w, id, now[i] = round); break;
		default:
			assert_true(generation_of(&w, id) == now[i]);
			assert_true(store_has(w.store, TABLE_ERGS, &key) == (now[i] >= 0));
		}
	}
	world_done(&w);
}

static void
numbers_are_not_given_twice(void **state)
{
	struct world w;

	(void)state;
	world_make(&w);
	assert_int_equal(store_next_number(w.store, "a"), 1);
	assert_int_equal(store_next_number(w.store, "a"), 2);
	assert_int_equal(store_next_number(w.store, "b"), 1);
	store_close(w.store);
	reopen(&w);
	assert_int_equal(store_next_number(w.store, "a"), 3);
	store_drop(w.store);
	reopen(&w);
	assert_int_equal(store_next_number(w.store, "a"), 3); /* nobody was told of the lost one */
	world_done(&w);
}

static void
nothing_personal_is_readable(void **state)
{
	static const char *const files[] = { "state/data.mdb", "state/lock.mdb", "state/writer.lock", "state/keys" };
	static const char *const planted[] = { "ada@example.org", "Ada Lovelace", "11111111-2222-4333-8444-555555555555",
		"deltatoken-abcdef", "erg-of-parents", "user-4711" };
	struct person p = { .id = 9,
		.user = { "user-4711" },
		.entra_id = { "11111111-2222-4333-8444-555555555555" },
		.email = "ada@example.org",
		.name = "Ada Lovelace" };
	struct cursor_record cursor = { .text = "https://example.org/delta?deltatoken-abcdef" };
	char path[PATH_MAX + 300];
	struct store_key key;
	struct world w;

	(void)state;
	world_make(&w);
	put_erg(&w, "erg-of-parents", 1);
	store_key_init(&key);
	store_key_id(w.store, &key, "email", p.email);
	store_put(w.store, TABLE_PEOPLE, &key, &p);
	store_key_init(&key);
	store_key_id(w.store, &key, "cursor", "user-4711");
	store_put(w.store, TABLE_CURSORS, &key, &cursor);
	store_close(w.store);
	for (size_t f = 0; f < sizeof(files) / sizeof(files[0]); f++)
		for (size_t i = 0; i < sizeof(planted) / sizeof(planted[0]); i++)
			assert_false(scratch_contains(scratch_file(&w.dir, files[f], path), planted[i]));
	reopen(&w);
	world_done(&w);
}

static void
id_keys_differ_by_kind_and_store(void **state)
{
	struct store_key a, b, c;
	struct world w;

	(void)state;
	world_make(&w);
	store_key_init(&a);
	store_key_id(w.store, &a, "user", "u1");
	store_key_init(&b);
	store_key_id(w.store, &b, "erg", "u1");
	store_key_init(&c);
	store_key_id(w.store, &c, "user", "u1");
	assert_int_equal(a.len, 16);
	assert_memory_equal(a.b, c.b, 16);
	assert_memory_not_equal(a.b, b.b, 16);
	world_done(&w);
}

static void
a_full_disk_is_known_before_a_commit_fails(void **state)
{
	struct store_key key;
	struct store_stats st;
	struct world w;
	int i;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	world_make(&w);
	store_stats(w.store, &st);
	scratch_limit_files(st.file_bytes);
	for (i = 0; store_has_room(w.store) && i < 100000; i++) {
		char id[16];

		(void)snprintf(id, sizeof(id), "erg%d", i);
		put_erg(&w, id, i);
		if (i % 100 == 99)
			store_commit(w.store);
	}
	assert_true(i > 1000 && i < 100000);
	assert_int_equal(w.failures, 0);
	while (i-- > 0) {
		char id[16];

		(void)snprintf(id, sizeof(id), "erg%d", i);
		key = erg_key(&w, id);
		store_del(w.store, TABLE_ERGS, &key);
		if (i % 100 == 0)
			store_commit(w.store);
	}
	assert_int_equal(w.failures, 0);
	scratch_limit_files(RLIM_INFINITY);
	put_erg(&w, "blue", 1);
	store_commit(w.store);
	assert_true(store_has_room(w.store));
	assert_int_equal(w.failures, 0);
	world_done(&w);
}

/* Whoever is refused for want of room writes nothing: that there is room again must be found without a write. */
static void
room_is_found_again_while_nobody_writes(void **state)
{
	struct store_stats st;
	struct world w;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	world_make(&w);
	store_stats(w.store, &st);
	scratch_limit_files(st.file_bytes);
	for (int i = 0; store_has_room(w.store) && i < 100000; i++) {
		char id[16];

		(void)snprintf(id, sizeof(id), "erg%d", i);
		put_erg(&w, id, i);
		if (i % 100 == 99)
			store_commit(w.store);
	}
	store_commit(w.store);
	assert_false(store_has_room(w.store));
	clock_manual_advance(w.clock, 60000);
	assert_false(store_has_room(w.store));
	scratch_limit_files(RLIM_INFINITY);
	clock_manual_advance(w.clock, 10000);
	assert_true(store_has_room(w.store));
	assert_int_equal(w.failures, 0);
	world_done(&w);
}

static void
a_commit_that_fails_ends_all(void **state)
{
	struct order o = { .text = "" };
	struct world w;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	world_make(&w);
	o.world = &w;
	put_erg(&w, "blue", 1);
	store_commit(w.store);
	put_erg(&w, "blue", 2);
	store_after_commit(w.store, say_a, &o);
	scratch_limit_files(4096);
	store_commit(w.store);
	scratch_limit_files(RLIM_INFINITY);
	assert_int_equal(w.failures, 1);
	assert_string_equal(o.text, "");
	put_erg(&w, "blue", 3); /* does nothing any more */
	store_commit(w.store);
	assert_string_equal(o.text, "");
	store_close(w.store);
	reopen(&w);
	assert_int_equal(generation_of(&w, "blue"), 1);
	world_done(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_turn_is_read_before_it_is_committed),
		cmocka_unit_test(a_crash_loses_exactly_the_turn),
		cmocka_unit_test(callbacks_wait_for_the_commit),
		cmocka_unit_test(the_batch_is_seen_whole),
		cmocka_unit_test(random_runs_match_a_model),
		cmocka_unit_test(numbers_are_not_given_twice),
		cmocka_unit_test(nothing_personal_is_readable),
		cmocka_unit_test(id_keys_differ_by_kind_and_store),
		cmocka_unit_test(a_full_disk_is_known_before_a_commit_fails),
		cmocka_unit_test(room_is_found_again_while_nobody_writes),
		cmocka_unit_test(a_commit_that_fails_ends_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
