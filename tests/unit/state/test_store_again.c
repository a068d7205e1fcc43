/* Rows that are read again: what was opened before is not opened again, and nobody can tell. */
#include "base/clock.h"
#include "state/store.h"
#include "unit/state/store_world.h"

#define MARKS 50

/* A table whose rows are kept, and read back. */
static struct store_key
mark_key(uint64_t n)
{
	return number_key(0x1122334455667788, n);
}

static void
put_mark(struct world *w, uint64_t n, int64_t attempts)
{
	struct store_key key = mark_key(n);
	struct outbox_record r = { .seq = n, .attempts = attempts, .detail = "The app does not answer." };

	store_put(w->store, TABLE_OUTBOX, &key, &r);
}

static enum err
get_mark(struct world *w, uint64_t n, struct outbox_record *ret)
{
	struct store_key key = mark_key(n);

	memset(ret, 0xaa, sizeof(*ret));
	return store_get(w->store, TABLE_OUTBOX, &key, ret);
}

/* -1: there is no such row. */
static int64_t
attempts_of(struct world *w, uint64_t n)
{
	struct outbox_record r;
	enum err e = get_mark(w, n, &r);

	if (e == ERR_NOTFOUND)
		return -1;
	assert_int_equal(e, ERR_OK);
	assert_int_equal(r.seq, n);
	return r.attempts;
}

/* Each read twice, by its key and by a walk. */
static void
all_are(struct world *w, const int64_t *truth)
{
	struct store_cursor *c;
	struct outbox_record r;
	size_t walked = 0, there = 0;

	for (int again = 0; again < 2; again++)
		for (uint64_t n = 0; n < MARKS; n++)
			assert_int_equal(attempts_of(w, n), truth[n]);
	c = store_seek(w->store, TABLE_OUTBOX, NULL, NULL);
	for (; store_next(c, NULL, &r) == ERR_OK; walked++)
		assert_int_equal(r.attempts, truth[r.seq]);
	store_cursor_close(c);
	for (uint64_t n = 0; n < MARKS; n++)
		there += truth[n] >= 0;
	assert_int_equal(walked, there);
}

/* Turns are committed and lost, keys are changed, the store is opened anew: what is read is always what was put last. */
static void
what_was_put_last_is_read(void **state)
{
	struct rng rng = scratch_rng();
	int64_t truth[MARKS], on_disk[MARKS];
	struct key32 former;
	struct world w;

	(void)state;
	world_make(&w);
	memset(truth, 0xff, sizeof(truth));
	memset(on_disk, 0xff, sizeof(on_disk));
	for (int64_t i = 1; i <= 600; i++) {
		uint64_t n = rng_below(&rng, MARKS), what = rng_below(&rng, 100);
		struct store_key key = mark_key(n);

		if (what < 70) {
			put_mark(&w, n, truth[n] = i);
		} else if (what < 85) {
			store_del(w.store, TABLE_OUTBOX, &key);
			truth[n] = -1;
		} else if (what < 95) {
			store_commit(w.store);
			memcpy(on_disk, truth, sizeof(truth));
		} else if (what < 98) {
			store_drop(w.store);
			reopen(&w);
			memcpy(truth, on_disk, sizeof(truth));
		} else {
			former = w.options.key;
			w.options.key.b[0] ^= (uint8_t)i;
			assert_int_equal(store_change_master(w.store, &w.options.key, &former), ERR_OK);
			(void)reseal_all(&w, 7);
			memcpy(on_disk, truth, sizeof(truth));
		}
		if (i % 10 == 0)
			all_are(&w, truth);
	}
	assert_int_equal(w.failures, 0);
	world_done(&w);
}

/* What is behind the end of a text is not stored, whatever it was. */
static void
a_record_reads_the_same_from_memory_and_disk(void **state)
{
	struct outbox_record given, put, once, again, anew;
	struct store_key key = mark_key(1);
	struct world w;

	(void)state;
	world_make(&w);
	memset(&given, 0x5a, sizeof(given));
	given.type = CHANGE_MEMBER_ADDED;
	memcpy(given.erg.s, "blue", 5);
	memcpy(given.detail, "short", 6);
	store_put(w.store, TABLE_OUTBOX, &key, &given);
	assert_int_equal(get_mark(&w, 1, &put), ERR_OK);
	store_close(w.store);
	reopen(&w);
	assert_int_equal(get_mark(&w, 1, &once), ERR_OK);
	assert_int_equal(get_mark(&w, 1, &again), ERR_OK);
	store_commit(w.store);
	assert_int_equal(get_mark(&w, 1, &anew), ERR_OK);
	assert_memory_equal(&put, &once, sizeof(put));
	assert_memory_equal(&again, &once, sizeof(put));
	assert_memory_equal(&anew, &once, sizeof(put));
	assert_int_equal(once.detail[10], 0);
	world_done(&w);
}

/* One bit of its ciphertext, in the file below the open store. */
static void
damage_done_after_it_was_read_is_found(void **state)
{
	struct store_key key = mark_key(3);
	char path[PATH_MAX + 300], *data, *at;
	struct outbox_record r;
	struct world w;
	struct stat st;
	int fd;

	(void)state;
	world_make(&w);
	for (uint64_t n = 1; n <= 5; n++)
		put_mark(&w, n, 10);
	store_commit(w.store);
	assert_int_equal(attempts_of(&w, 3), 10);
	store_commit(w.store);
	assert_true((fd = open(scratch_file(&w.dir, "state/data.mdb", path), O_RDWR)) >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_non_null(data = malloc((size_t)st.st_size));
	assert_int_equal(pread(fd, data, (size_t)st.st_size, 0), st.st_size);
	for (at = data; (at = memmem(at, (size_t)(data + st.st_size - at), key.b, key.len)) != NULL; at++) {
		uint8_t flipped = (uint8_t)at[key.len + 40] ^ 4;

		assert_int_equal(pwrite(fd, &flipped, 1, at + key.len + 40 - data), 1);
	}
	free(data);
	(void)close(fd);
	assert_int_equal(get_mark(&w, 3, &r), ERR_CORRUPT);
	assert_int_equal(get_mark(&w, 3, &r), ERR_CORRUPT);
	assert_int_equal(attempts_of(&w, 2), 10);
	put_mark(&w, 3, 11); /* rebuilt */
	assert_int_equal(attempts_of(&w, 3), 11);
	assert_int_equal(w.failures, 0);
	world_done(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_last_is_read),
		cmocka_unit_test(a_record_reads_the_same_from_memory_and_disk),
		cmocka_unit_test(damage_done_after_it_was_read_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
