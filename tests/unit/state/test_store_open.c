/* What is opened, what becomes of an older format, and what is refused. */
#include <sys/wait.h>

#include "state/codec.h"
#include "state/env.h"
#include "state/seal.h"
#include "state/store.h"
#include "state/store_reseal.h"
#include "unit/state/store_world.h"

static void
the_wrong_key_is_refused(void **state)
{
	struct world w;
	char why[256];

	(void)state;
	world_make(&w);
	put_erg(&w, "blue", 1);
	store_close(w.store);
	w.options.key.b[31] ^= 1;
	assert_int_equal(try_open(&w, why), ERR_UNAUTHORIZED);
	assert_string_equal(why, "the key in key_file is not the one this store was sealed with");
	w.options.key.b[31] ^= 1;
	reopen(&w);
	assert_int_equal(generation_of(&w, "blue"), 1);
	world_done(&w);
}

static void
a_second_process_is_refused(void **state)
{
	struct world w;
	struct store *first;
	char why[256];
	int status;
	pid_t pid;

	(void)state;
	world_make(&w);
	first = w.store;
	assert_int_equal(try_open(&w, why), ERR_BUSY);
	w.store = first;
	assert_true((pid = fork()) >= 0);
	if (pid == 0)
		_exit(try_open(&w, why) == ERR_BUSY ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	world_done(&w);
}

static void
a_newer_format_is_refused(void **state)
{
	struct world w;
	char why[256];

	(void)state;
	world_make(&w);
	store_close(w.store);
	patch_file(&w, "\x05store\x02", "\x05store\x03", 7);
	assert_int_equal(try_open(&w, why), ERR_TOONEW);
	assert_string_equal(why, "the store was written by ergsync format 3, this program knows up to 2: install the newer "
	                         "version or restore a backup");
	patch_file(&w, "\x05store\x03", "\x05stone\x02", 7);
	assert_int_equal(try_open(&w, why), ERR_CORRUPT);
	world_done(&w);
}

static void
a_cut_file_is_refused(void **state)
{
	char path[PATH_MAX + 300], why[256];
	struct world w;

	(void)state;
	world_make(&w);
	for (int i = 0; i < 100; i++)
		put_erg(&w, "blue", i);
	store_close(w.store);
	(void)scratch_file(&w.dir, "state/data.mdb", path);
	for (off_t size = 5 * 4096; size > 0; size -= 4096 / 2) {
		assert_int_equal(truncate(path, size), 0);
		assert_int_equal(try_open(&w, why), ERR_CORRUPT);
	}
	world_done(&w);
}

/* Format 1, as it was written: one derived key, the first layout, a canary. */
static void
format_1_is_migrated(void **state)
{
	static const char canary[] = "\0canary";
	struct env_options options = {
		.what = "store", .format = 1, .map_size_bytes = 64 << 20, .tables_max = 30, .writer = true
	};
	struct store_key key;
	struct person_ref ref = { 42 };
	struct seal_place place = { "", canary, sizeof(canary) };
	uint8_t plain[64], sealed[128];
	size_t len;
	char why[256] = "";
	struct seal *seal;
	struct world w;
	struct env *env;
	MDB_val k, v = { 0, sealed };
	MDB_dbi dbi;
	MDB_txn *txn;

	(void)state;
	world_make(&w);
	key = erg_key(&w, "blue"); /* the index key is the same */
	store_close(w.store);
	w.store = NULL;
	scratch_remove_level(w.options.directory, 0);
	options.directory = w.options.directory;
	assert_int_equal(env_open(&options, &env, why, sizeof(why)), ERR_OK);
	assert_int_equal(seal_new(&w.options.key, "store seal v1", &seal), ERR_OK);
	assert_int_equal(env_begin(env, true, &txn), ERR_OK);
	assert_int_equal(seal_wrap(seal, &place, "ergsync store", 14, sealed), ERR_OK);
	k = (MDB_val){ sizeof(canary), (void *)(uintptr_t)canary };
	v.mv_size = 14 + SEAL_OVERHEAD;
	assert_int_equal(mdb_put(txn, env_main(env), &k, &v, 0), 0);
	assert_int_equal(mdb_dbi_open(txn, "MEMBERSHIPS", MDB_CREATE, &dbi), 0);
	assert_int_equal(schema_encode(table_schema(TABLE_MEMBERSHIPS), &ref, plain, sizeof(plain), &len), ERR_OK);
	place = (struct seal_place){ "MEMBERSHIPS", key.b, key.len };
	assert_int_equal(seal_wrap(seal, &place, plain, len, sealed), ERR_OK);
	k = (MDB_val){ key.len, key.b };
	v.mv_size = len + SEAL_OVERHEAD;
	assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	env_close(env);
	seal_free(seal);

	w.options.key.b[3] ^= 1;
	assert_int_equal(try_open(&w, why), ERR_UNAUTHORIZED);
	w.options.key.b[3] ^= 1;
	reopen(&w);
	assert_true(store_retiring(w.store));
	assert_int_equal(store_get(w.store, TABLE_MEMBERSHIPS, &key, &ref), ERR_OK);
	assert_int_equal(ref.person, 42);
	assert_int_equal(reseal_all(&w, 10), 1);
	store_close(w.store);
	reopen(&w);
	assert_int_equal(store_get(w.store, TABLE_MEMBERSHIPS, &key, &ref), ERR_OK);
	assert_int_equal(ref.person, 42);
	world_done(&w);
}

static void
a_lost_key_ring_is_damage(void **state)
{
	char path[PATH_MAX + 300], why[256];
	struct world w;

	(void)state;
	world_make(&w);
	put_erg(&w, "blue", 1);
	store_close(w.store);
	assert_int_equal(unlink(scratch_file(&w.dir, "state/keys", path)), 0);
	assert_int_equal(try_open(&w, why), ERR_CORRUPT);
	assert_non_null(strstr(why, "is missing"));
	world_done(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_wrong_key_is_refused),
		cmocka_unit_test(a_second_process_is_refused),
		cmocka_unit_test(a_newer_format_is_refused),
		cmocka_unit_test(a_cut_file_is_refused),
		cmocka_unit_test(format_1_is_migrated),
		cmocka_unit_test(a_lost_key_ring_is_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
