/* env.c: room is known beforehand, one process has one environment, and strangers' files are left alone. */
#include "state/env.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

#include "unit/state/scratch.h"

struct world {
	struct scratch dir;
	char directory[PATH_MAX + 300], data[PATH_MAX + 300], why[256];
	struct env_options options;
};

static void
world_make(struct world *w)
{
	scratch_make(&w->dir);
	w->options = (struct env_options){
		.directory = scratch_file(&w->dir, "env", w->directory),
		.what = "test",
		.format = 4,
		.map_size_bytes = 64 << 20,
		.reserve_bytes = 1 << 20,
		.writer = true,
	};
	(void)scratch_file(&w->dir, "env/data.mdb", w->data);
}

static struct env *
open_env(struct world *w, bool writer)
{
	struct env *env;

	w->options.writer = writer;
	if (env_open(&w->options, &env, w->why, sizeof(w->why)) != ERR_OK)
		fail_msg("env_open: %s", w->why);
	return env;
}

/* Puts count values of 1000 bytes in one transaction. */
static int
put_values(struct env *env, unsigned first, unsigned count)
{
	static char bytes[1000];
	MDB_txn *txn;
	int rc = 0;

	if (env_begin(env, true, &txn) != ERR_OK)
		return -1;
	for (unsigned i = first; i < first + count && rc == 0; i++) {
		MDB_val key = { sizeof(i), &i }, value = { sizeof(bytes), bytes };

		rc = mdb_put(txn, env_main(env), &key, &value, 0);
	}
	if (rc == 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return rc;
}

static bool
has_value(struct env *env, unsigned n)
{
	MDB_val key = { sizeof(n), &n }, value;
	MDB_txn *txn;
	int rc;

	assert_int_equal(env_begin(env, false, &txn), ERR_OK);
	rc = mdb_get(txn, env_main(env), &key, &value);
	mdb_txn_abort(txn);
	return rc == 0;
}

static const struct {
	int rc;
	enum err err;
} errors[] = {
	{ 0, ERR_OK },
	{ MDB_NOTFOUND, ERR_NOTFOUND },
	{ MDB_MAP_FULL, ERR_FULL },
	{ ENOSPC, ERR_FULL },
	{ MDB_CORRUPTED, ERR_CORRUPT },
	{ ENOMEM, ERR_NOMEM },
	{ EIO, ERR_IO },
	{ MDB_PANIC, ERR_IO },
	{ 12345, ERR_IO },
};

static void
errors_are_translated(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		assert_int_equal(env_err(errors[i].rc), errors[i].err);
}

static void
files_are_private_and_closed_on_exec(void **state)
{
	struct stat st;
	struct world w;
	struct env *env;

	(void)state;
	world_make(&w);
	env = open_env(&w, true);
	assert_int_equal(stat(w.directory, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(w.data, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_true(st.st_size >= 1 << 20);
	for (int fd = 0; fd < 256; fd++) {
		struct stat of;

		if (fstat(fd, &of) == 0 && of.st_ino == st.st_ino && (fcntl(fd, F_GETFL) & O_DSYNC) == 0)
			assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	}
	env_close(env);
	env_close(NULL);
	scratch_remove(&w.dir);
}

/* The file is longer than LMDB knows; it must neither mind nor lose anything. */
static void
the_file_is_always_ahead(void **state)
{
	struct env_usage usage;
	struct world w;
	struct env *env;

	(void)state;
	world_make(&w);
	env = open_env(&w, true);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(env_ensure_room(env, 1000 * 1000), ERR_OK);
		env_usage(env, &usage);
		assert_true(usage.file_bytes >= usage.used_bytes + 2 * 1000 * 1000 + (4 << 20));
		assert_int_equal(put_values(env, i * 1000, 1000), 0);
		if (i % 5 == 4) {
			env_close(env);
			env = open_env(&w, true);
		}
	}
	for (unsigned n = 0; n < 20000; n += 111)
		assert_true(has_value(env, n));
	env_close(env);
	scratch_remove(&w.dir);
}

static void
one_process_shares_one_environment(void **state)
{
	struct env *writer, *readers[3];
	struct world w;

	(void)state;
	world_make(&w);
	writer = open_env(&w, true);
	for (size_t i = 0; i < 3; i++)
		readers[i] = open_env(&w, false);
	assert_int_equal(put_values(writer, 0, 10), 0);
	for (size_t i = 0; i < 3; i++) {
		assert_true(has_value(readers[i], 9));
		assert_false(env_replaced(readers[i]));
	}
	env_close(writer);
	assert_true(has_value(readers[2], 9));
	writer = open_env(&w, true);
	assert_int_equal(put_values(writer, 10, 10), 0);
	for (size_t i = 0; i < 3; i++) {
		assert_true(has_value(readers[i], 19));
		env_check_readers(readers[i]);
		env_close(readers[i]);
	}
	assert_int_equal(unlink(w.data), 0);
	assert_true(env_replaced(writer));
	env_close(writer);
	scratch_remove(&w.dir);
}

/* The other process was configured with a larger map, and used it. */
static void
a_reader_follows_a_larger_map(void **state)
{
	struct env *env, *reader;
	struct env_usage usage;
	struct world w;
	int status;
	pid_t pid;

	(void)state;
	world_make(&w);
	w.options.map_size_bytes = 1 << 20;
	env = open_env(&w, true);
	env_close(env);
	reader = open_env(&w, false);
	assert_true((pid = fork()) >= 0);
	if (pid == 0) {
		w.options.map_size_bytes = 64 << 20;
		w.options.writer = true;
		if (env_open(&w.options, &env, w.why, sizeof(w.why)) != ERR_OK || put_values(env, 0, 20000) != 0)
			_exit(1);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_true(has_value(reader, 19999));
	env_close(reader);

	/* Configured small again: it opens, and there is room to delete. */
	w.options.map_size_bytes = 1 << 20;
	env = open_env(&w, true);
	assert_true(has_value(env, 19999));
	env_usage(env, &usage);
	assert_true(usage.map_bytes >= usage.used_bytes / 4 * 5);
	assert_int_equal(put_values(env, 0, 1), 0);
	env_close(env);
	scratch_remove(&w.dir);
}

static void
strangers_files_are_refused(void **state)
{
	struct world w;
	struct env *env;
	int fd;

	(void)state;
	world_make(&w);
	env = open_env(&w, true);
	env_close(env);
	w.options.what = "other";
	assert_int_equal(env_open(&w.options, &env, w.why, sizeof(w.why)), ERR_CORRUPT);
	assert_non_null(strstr(w.why, "holds no other of ergsync"));
	w.options.what = "test";
	w.options.format = 3;
	assert_int_equal(env_open(&w.options, &env, w.why, sizeof(w.why)), ERR_TOONEW);
	assert_true((fd = open(w.data, O_WRONLY | O_TRUNC)) >= 0);
	for (unsigned i = 0; i < 4096; i++)
		assert_int_equal(write(fd, "not an LMDB file", 16), 16);
	(void)close(fd);
	assert_int_equal(env_open(&w.options, &env, w.why, sizeof(w.why)), ERR_CORRUPT);
	w.options.directory = "/nonexistent/a/b";
	assert_int_equal(env_open(&w.options, &env, w.why, sizeof(w.why)), ERR_IO);
	w.options.writer = false;
	assert_int_equal(env_open(&w.options, &env, w.why, sizeof(w.why)), ERR_NOTFOUND);
	scratch_remove(&w.dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_are_translated),
		cmocka_unit_test(files_are_private_and_closed_on_exec),
		cmocka_unit_test(the_file_is_always_ahead),
		cmocka_unit_test(one_process_shares_one_environment),
		cmocka_unit_test(a_reader_follows_a_larger_map),
		cmocka_unit_test(strangers_files_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
