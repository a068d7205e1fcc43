#include "state/examine.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lmdb.h>

#include "state/codec.h"
#include "state/env.h"
#include "state/keyring.h"
#include "state/seal.h"

#define PLAIN_MAX (RECORD_ENCODED_MAX + SEAL_OVERHEAD_MAX)

struct walk {
	MDB_env *env;
	MDB_txn *txn;
	struct keyring *keys;
	struct examined *to;
};

static void
fail(struct examined *to, enum err e, const char *what, int rc)
{
	to->err = e;
	(void)snprintf(to->why, sizeof(to->why), "%s: %s", what, mdb_strerror(rc));
}

/* ---------- records ---------- */

static bool
opens(struct walk *w, enum table t, const MDB_val *key, const MDB_val *value)
{
	static uint8_t plain[PLAIN_MAX], record[RECORD_SIZE_MAX];
	struct seal_place place = { table_name(t), key->mv_data, key->mv_size };
	struct seal *seal = keyring_by_id(w->keys, seal_key_id(value->mv_data, value->mv_size));
	size_t len;

	return seal != NULL && value->mv_size <= sizeof(plain) &&
	       seal_unwrap(seal, &place, value->mv_data, value->mv_size, plain, &len) == ERR_OK &&
	       schema_decode(table_schema(t), plain, len, record) == ERR_OK;
}

static void
note_damaged(struct examined *to, enum table t, const MDB_val *key)
{
	size_t len = key->mv_size < EXAMINE_MARK_LEN ? key->mv_size : EXAMINE_MARK_LEN;

	to->damaged[t]++;
	to->damaged_total++;
	if (to->list_count == EXAMINE_LIST_MAX)
		return;
	to->list[to->list_count].table = t;
	memcpy(to->list[to->list_count].mark, key->mv_data, len);
	to->list_count++;
}

/* Every row of a table; of the unnamed one when t is TABLE_COUNT. LMDB counts rows by itself: a page that leads nowhere shows in that. */
static void
walk_rows(struct walk *w, MDB_dbi dbi, unsigned t, const char *name)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	MDB_stat st = { 0 };
	size_t rows = 0;
	int rc;

	if ((rc = mdb_stat(w->txn, dbi, &st)) != 0 || (rc = mdb_cursor_open(w->txn, dbi, &cursor)) != 0) {
		fail(w->to, ERR_CORRUPT, name, rc);
		return;
	}
	for (; rows <= st.ms_entries && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0; rows++)
		if (t < TABLE_COUNT && w->keys != NULL && !opens(w, (enum table)t, &key, &value))
			note_damaged(w->to, (enum table)t, &key);
	mdb_cursor_close(cursor);
	if (rc != MDB_NOTFOUND || rows != st.ms_entries)
		fail(w->to, ERR_CORRUPT, name, rc == 0 || rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc);
	if (t < TABLE_COUNT)
		w->to->rows[t] = rows;
	w->to->rows_total += t < TABLE_COUNT ? rows : 0;
}

static void
walk_table(struct walk *w, enum table t)
{
	MDB_dbi dbi;
	int rc = mdb_dbi_open(w->txn, table_name(t), 0, &dbi);

	if (rc == 0)
		walk_rows(w, dbi, t, table_name(t));
	else if (rc != MDB_NOTFOUND || t == TABLE_META) /* the others may be younger than the store; this one is in each */
		fail(w->to, ERR_CORRUPT, table_name(t), rc);
}

static void
walk_all(struct walk *w)
{
	MDB_stat st;
	MDB_dbi dbi;
	int rc;

	if ((rc = mdb_txn_begin(w->env, NULL, MDB_RDONLY, &w->txn)) != 0) {
		fail(w->to, env_err(rc), "it cannot be read", rc);
		return;
	}
	if (mdb_dbi_open(w->txn, NULL, 0, &dbi) == 0)
		walk_rows(w, dbi, TABLE_COUNT, "the list of tables");
	for (unsigned t = 0; t < TABLE_COUNT && w->to->err == ERR_OK; t++)
		walk_table(w, (enum table)t);
	if (mdb_dbi_open(w->txn, "QUARANTINE", 0, &dbi) == 0 && mdb_stat(w->txn, dbi, &st) == 0)
		w->to->quarantined = st.ms_entries;
	mdb_txn_abort(w->txn);
}

/* ---------- opening ---------- */

/* A page beyond the end of the image would be read from what follows it, or not at all. */
static bool
image_is_whole(MDB_env *env, uint64_t image_len)
{
	MDB_envinfo info;
	MDB_stat st;

	return mdb_env_info(env, &info) == 0 && mdb_env_stat(env, &st) == 0 &&
	       (info.me_last_pgno + 1) * (uint64_t)st.ms_psize <= image_len;
}

static void
open_and_walk(const char *path, bool is_file, uint64_t image_len, struct walk *w)
{
	unsigned flags = MDB_RDONLY | MDB_NOTLS | (is_file ? MDB_NOSUBDIR | MDB_NOLOCK : 0U);
	int rc = mdb_env_create(&w->env);

	if (rc == 0)
		rc = mdb_env_set_maxdbs(w->env, TABLE_COUNT + 1);
	if (rc == 0)
		rc = mdb_env_open(w->env, path, flags, 0600);
	if (rc != 0)
		fail(w->to, rc == MDB_INVALID || rc == MDB_VERSION_MISMATCH ? ERR_CORRUPT : env_err(rc), "it cannot be opened",
		    rc);
	else if (!image_is_whole(w->env, image_len))
		fail(w->to, ERR_CORRUPT, "it was cut", MDB_CORRUPTED);
	else
		walk_all(w);
	mdb_env_close(w->env);
}

static void
child(const char *path, bool is_file, uint64_t image_len, struct keyring *keys, struct examined *to)
{
	static const int deadly[] = { SIGBUS, SIGSEGV, SIGABRT };
	struct walk w = { .keys = keys, .to = to };

	/* Its end is an answer, not an accident to be reported. */
	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
		(void)signal(deadly[i], SIG_DFL);
	open_and_walk(path, is_file, image_len, &w);
	_exit(0);
}

static void
examine_in_child(const char *path, bool is_file, uint64_t image_len, struct keyring *keys, struct examined *shared)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		child(path, is_file, image_len, keys, shared);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid < 0)
		fail(shared, ERR_NOMEM, "it cannot be examined", errno);
	else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail(shared, ERR_CORRUPT, "its pages contradict each other", MDB_CORRUPTED);
}

void
examine(const char *path, bool is_file, uint64_t image_len, struct keyring *keys, struct examined *ret)
{
	/* cppcheck-suppress invalidFunctionArg ; anonymous memory has no descriptor */
	struct examined *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	memset(ret, 0, sizeof(*ret));
	if (shared == MAP_FAILED) {
		fail(ret, ERR_NOMEM, "it cannot be examined", errno);
		return;
	}
	examine_in_child(path, is_file, image_len, keys, shared);
	*ret = *shared;
	(void)munmap(shared, sizeof(*shared));
}
