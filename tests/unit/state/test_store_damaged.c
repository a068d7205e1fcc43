/* Rows that do not open. */
#include <fcntl.h>

#include "state/store.h"
#include "state/store_damaged.h"
#include "unit/state/store_world.h"

/* Rows that were changed or swapped on disk: each is refused alone, a walk goes on. */
static void
damaged_rows_are_skipped(void **state)
{
	char path[PATH_MAX + 300];
	struct store_key key;
	struct store_cursor *c;
	struct store_stats st;
	struct person_ref ref;
	uint64_t n = 0, sum = 0;
	struct world w;
	uint8_t *at;
	char *data;
	off_t size;
	int fd;

	(void)state;
	world_make(&w);
	for (uint64_t i = 1; i <= 5; i++)
		put_number(&w, 0x1122334455667788, i);
	store_close(w.store);

	/* In each copy of the third row: one bit of its ciphertext. */
	key = number_key(0x1122334455667788, 3);
	assert_true((fd = open(scratch_file(&w.dir, "state/data.mdb", path), O_RDWR)) >= 0);
	size = lseek(fd, 0, SEEK_END);
	assert_non_null(data = malloc((size_t)size));
	assert_int_equal(pread(fd, data, (size_t)size, 0), size);
	for (at = (uint8_t *)data; (at = memmem(at, (size_t)((uint8_t *)data + size - at), key.b, key.len)) != NULL; at++) {
		uint8_t flipped = at[key.len + 31] ^ 4;

		assert_int_equal(pwrite(fd, &flipped, 1, (char *)at + key.len + 31 - data), 1);
	}
	free(data);
	(void)close(fd);

	reopen(&w);
	assert_int_equal(store_get(w.store, TABLE_MEMBERSHIPS, &key, &ref), ERR_CORRUPT);
	c = store_seek(w.store, TABLE_MEMBERSHIPS, NULL, NULL);
	for (; store_next(c, NULL, &ref) == ERR_OK; n++)
		sum += ref.person;
	store_cursor_close(c);
	assert_int_equal(n, 4);
	assert_int_equal(sum, 1 + 2 + 4 + 5);
	store_stats(w.store, &st);
	assert_int_equal(st.damaged, 1);
	put_number(&w, 0x1122334455667788, 3); /* rebuilt */
	assert_int_equal(store_get(w.store, TABLE_MEMBERSHIPS, &key, &ref), ERR_OK);
	assert_int_equal(w.failures, 0);
	world_done(&w);
}

static void
count_call(void *arg)
{
	unsigned *n = arg;

	(*n)++;
}

static void
damaged_rows_go_to_quarantine(void **state)
{
	struct store_key key, found;
	struct person_ref ref;
	struct store_stats st;
	unsigned told = 0;
	struct world w;
	enum table t;

	(void)state;
	world_make(&w);
	for (uint64_t i = 1; i <= 3; i++)
		put_number(&w, 0x1122334455667788, i);
	store_close(w.store);
	w.options.on_damaged = count_call;
	w.options.on_damaged_arg = &told;
	key = number_key(0x1122334455667788, 2);
	{
		char bad[20], good[20];

		/* Key and first bytes of the value: another key id. */
		memcpy(good, key.b, 16);
		memcpy(good + 16, "\2\0\0\0", 4);
		memcpy(bad, good, 20);
		bad[17] = 7;
		patch_file(&w, good, bad, 20);
	}
	reopen(&w);
	assert_int_equal(store_damaged_next(w.store, &t, &found), ERR_NOTFOUND);
	for (int i = 0; i < 3; i++)
		assert_int_equal(store_get(w.store, TABLE_MEMBERSHIPS, &key, &ref), ERR_CORRUPT);
	assert_int_equal(told, 1);
	assert_int_equal(store_damaged_next(w.store, &t, &found), ERR_OK);
	assert_int_equal(t, TABLE_MEMBERSHIPS);
	assert_memory_equal(&found, &key, sizeof(key));
	assert_true(store_quarantine(w.store, t, &found));
	assert_false(store_quarantine(w.store, t, &found));
	assert_int_equal(store_get(w.store, TABLE_MEMBERSHIPS, &key, &ref), ERR_NOTFOUND);
	store_commit(w.store);
	assert_int_equal(store_damaged_next(w.store, &t, &found), ERR_NOTFOUND);
	store_stats(w.store, &st);
	assert_int_equal(st.damaged, 1);
	assert_int_equal(st.quarantined, 1);
	assert_int_equal(st.rows[TABLE_MEMBERSHIPS], 2);
	assert_int_equal(w.failures, 0);
	world_done(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damaged_rows_are_skipped),
		cmocka_unit_test(damaged_rows_go_to_quarantine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
