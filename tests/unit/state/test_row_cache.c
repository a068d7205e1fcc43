/* row_cache.c: a record for the very bytes it was opened from, and for no others. */
#include "state/row_cache.h"

#include "base/random.h"
#include "unit/state/scratch.h"

#define TABLE TABLE_DIRTY

static struct row_cache *
cache(void)
{
	struct row_cache *c;

	assert_int_equal(row_cache_new(&c), ERR_OK);
	return c;
}

static MDB_val
val(const char *text)
{
	return (MDB_val){ strlen(text), (void *)(uintptr_t)text };
}

static void
put(struct row_cache *c, enum table t, const char *key, const char *value, int64_t hints)
{
	struct dirty_record record = { .hint_count = hints };
	MDB_val k = val(key), v = val(value);

	row_cache_put(c, t, &k, &v, &record);
}

/* -1: not there. */
static int64_t
get(struct row_cache *c, enum table t, const char *key, const char *value)
{
	struct dirty_record record;
	MDB_val k = val(key), v = val(value);

	return row_cache_get(c, t, &k, &v, &record) ? record.hint_count : -1;
}

static void
only_the_same_bytes_are_found(void **state)
{
	static const struct {
		const char *why;
		enum table t;
		const char *key, *value;
		int64_t hints;
	} cases[] = {
		{ "the row", TABLE, "key-1", "sealed", 7 },
		{ "another value", TABLE, "key-1", "sealee", -1 },
		{ "a cut value", TABLE, "key-1", "seale", -1 },
		{ "a longer value", TABLE, "key-1", "sealed!", -1 },
		{ "no value", TABLE, "key-1", "", -1 },
		{ "moved to another key", TABLE, "key-2", "sealed", -1 },
		{ "to a longer one", TABLE, "key-11", "sealed", -1 },
		{ "to an empty one", TABLE, "", "sealed", -1 },
		{ "the border is elsewhere", TABLE, "key-1s", "ealed", -1 },
		{ "moved to another table", TABLE_OUTBOX, "key-1", "sealed", -1 },
		{ "the row once more", TABLE, "key-1", "sealed", 7 },
	};
	struct row_cache *c = cache();

	(void)state;
	assert_int_equal(get(c, TABLE, "key-1", "sealed"), -1);
	put(c, TABLE, "key-1", "sealed", 7);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (get(c, cases[i].t, cases[i].key, cases[i].value) != cases[i].hints)
			fail_msg("%s", cases[i].why);
	row_cache_free(c);
}

static void
a_changed_row_takes_the_place_of_what_it_was(void **state)
{
	struct row_cache *c = cache();

	(void)state;
	put(c, TABLE, "key", "a long sealed value, so that a longer one still needs more room than it had", 1);
	put(c, TABLE, "key", "short", 2);
	assert_int_equal(get(c, TABLE, "key", "short"), 2);
	assert_int_equal(get(c, TABLE, "key", "a long sealed value, so that a longer one still needs more room than it had"), -1);
	put(c, TABLE, "key",
	    "a sealed value that is so much longer than all that was there before, that there is no room for it in that place",
	    3);
	assert_int_equal(get(c, TABLE, "key", "short"), -1);
	assert_int_equal(get(c, TABLE, "key",
	                     "a sealed value that is so much longer than all that was there before, that there is no room for it "
	                     "in that place"),
	    3);
	row_cache_clear(c);
	assert_int_equal(get(c, TABLE, "key", "short"), -1);
	put(c, TABLE, "key", "short", 4);
	assert_int_equal(get(c, TABLE, "key", "short"), 4);
	row_cache_free(c);
	row_cache_free(NULL);
}

static void
long_records_are_not_kept(void **state)
{
	static struct sign_in_record record, back;
	static char text[5000];
	struct row_cache *c = cache();
	MDB_val key = val("key"), value = val("value");

	(void)state;
	assert_false(row_cache_takes(TABLE_SIGN_INS)); /* refresh tokens */
	assert_true(row_cache_takes(TABLE_SUBSCRIPTIONS) && row_cache_takes(TABLE_TENANTS));
	row_cache_put(c, TABLE_SIGN_INS, &key, &value, &record);
	assert_false(row_cache_get(c, TABLE_SIGN_INS, &key, &value, &back));
	memset(text, 'x', sizeof(text) - 1);
	put(c, TABLE, "key", text, 1);
	assert_int_equal(get(c, TABLE, "key", text), -1);
	put(c, TABLE, text, "value", 1);
	assert_int_equal(get(c, TABLE, text, "value"), -1);
	row_cache_free(c);
}

static void
numbered(char ret[16], uint64_t n)
{
	(void)snprintf(ret, 16, "k%llu", (unsigned long long)n);
}

static void
there_is_an_end_to_it(void **state)
{
	struct row_cache *c = cache();
	size_t there = 0;
	char key[16];

	(void)state;
	put(c, TABLE, "often", "value", 9);
	for (uint64_t i = 0; i < 5 * ROW_CACHE_ROWS; i++) {
		numbered(key, i);
		put(c, TABLE, key, "value", (int64_t)i);
		assert_int_equal(get(c, TABLE, key, "value"), i);
		assert_int_equal(get(c, TABLE, "often", "value"), 9);
	}
	for (uint64_t i = 0; i < 5 * ROW_CACHE_ROWS; i++) {
		numbered(key, i);
		there += get(c, TABLE, key, "value") == (int64_t)i;
	}
	assert_in_range(there, ROW_CACHE_ROWS / 2, ROW_CACHE_ROWS - 1);
	row_cache_free(c);
}

/* Rows of few tables and keys change all the time; whatever is found is what that value was put with. */
static void
what_is_found_is_true(void **state)
{
	struct row_cache *c = cache();
	struct rng rng = scratch_rng();
	char key[16], value[16];
	size_t found = 0;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		uint64_t n = rng_below(&rng, 3 * ROW_CACHE_ROWS), version = rng_below(&rng, 3);
		enum table t = rng_below(&rng, 2) == 0 ? TABLE : TABLE_OUTBOX;
		int64_t truth = (int64_t)(n * 8 + version * 2 + (t == TABLE)), told;

		numbered(key, n);
		numbered(value, version);
		if (rng_below(&rng, 2) == 0) {
			struct outbox_record other = { .attempts = truth };
			MDB_val k = val(key), v = val(value);

			if (t == TABLE)
				put(c, t, key, value, truth);
			else
				row_cache_put(c, t, &k, &v, &other);
			continue;
		}
		if (t == TABLE) {
			told = get(c, t, key, value);
		} else {
			struct outbox_record other = { .attempts = -1 };
			MDB_val k = val(key), v = val(value);

			(void)row_cache_get(c, t, &k, &v, &other);
			told = other.attempts;
		}
		assert_true(told == -1 || told == truth);
		found += told == truth;
	}
	assert_true(found > 1000);
	row_cache_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_same_bytes_are_found),
		cmocka_unit_test(a_changed_row_takes_the_place_of_what_it_was),
		cmocka_unit_test(long_records_are_not_kept),
		cmocka_unit_test(there_is_an_end_to_it),
		cmocka_unit_test(what_is_found_is_true),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
