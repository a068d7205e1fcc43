/*
 * env.c - opening an environment safely takes most of this file: LMDB trusts its files, and a short one would end us by SIGBUS.
 */
#include "state/env.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/codec.h"

#define HIGH_WATER_PERCENT 80
/* Held back for deletes: a trim of 20,000 records was seen to take 4 pages, a turn of scattered deletes copies a page a row. */
#define DELETE_RESERVE (4ULL << 20)
#define GROW_STEP      (16ULL << 20)

static const char format_key[] = "\0format";

/* LMDB must not open one file twice in a process: the second opening resets the lock table of the first. */
struct shared {
	struct shared *next;
	MDB_env *lmdb;
	dev_t dev;
	ino_t ino;
	pid_t pid; /* after a fork the parent's environments are not ours */
	unsigned users;
};

static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;
static struct shared *shared_list;

struct env {
	struct shared *shared;
	MDB_env *lmdb;
	int data_fd, lock_fd;
	uint64_t page_size;
	char data_path[PATH_MAX];
	char what[32];
	uint32_t format;
	uint64_t free_bytes; /* when last counted, less what was asked for since */
	uint64_t file_bytes; /* the file is at least so long: nothing shortens it while we have it */
};

/* --- errors --- */

static const struct {
	int rc;
	enum err err;
} errors[] = {
	{ MDB_SUCCESS, ERR_OK },
	{ MDB_NOTFOUND, ERR_NOTFOUND },
	{ MDB_KEYEXIST, ERR_EXISTS },
	{ MDB_MAP_FULL, ERR_FULL },
	{ MDB_TXN_FULL, ERR_FULL },
	{ ENOSPC, ERR_FULL },
	{ EDQUOT, ERR_FULL },
	{ EFBIG, ERR_FULL },
	{ MDB_CORRUPTED, ERR_CORRUPT },
	{ MDB_PAGE_NOTFOUND, ERR_CORRUPT },
	{ MDB_INVALID, ERR_CORRUPT },
	{ MDB_VERSION_MISMATCH, ERR_CORRUPT },
	{ MDB_INCOMPATIBLE, ERR_CORRUPT },
	{ MDB_READERS_FULL, ERR_BUSY },
	{ ENOMEM, ERR_NOMEM },
};

enum err
env_err(int rc)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].rc == rc)
			return errors[i].err;
	return ERR_IO;
}

/* Says what was tried and why it failed; gives e on. */
static enum err
explain(enum err e, int rc, const char *what, const char *path, char *why, size_t why_size)
{
	(void)snprintf(why, why_size, "%s %s: %s", what, path, mdb_strerror(rc));
	return e;
}

/* --- the one LMDB environment a file may have in this process --- */

static struct shared *
shared_find(const struct stat *st)
{
	for (struct shared *sh = shared_list; sh != NULL; sh = sh->next)
		if (sh->dev == st->st_dev && sh->ino == st->st_ino && sh->pid == getpid())
			return sh;
	return NULL;
}

static int
shared_open(const struct env_options *options, struct shared *sh)
{
	struct stat st;
	int rc, fd;

	if ((rc = mdb_env_create(&sh->lmdb)) != 0)
		return rc;
	if ((rc = mdb_env_set_mapsize(sh->lmdb, options->map_size_bytes)) != 0 ||
	    (rc = mdb_env_set_maxdbs(sh->lmdb, options->tables_max)) != 0 ||
	    (rc = mdb_env_open(sh->lmdb, options->directory, MDB_NOTLS, 0600)) != 0 || (rc = mdb_env_get_fd(sh->lmdb, &fd)) != 0)
		goto fail;
	/* LMDB 0.9.24 leaves this descriptor open across exec. */
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fstat(fd, &st) != 0) {
		rc = errno;
		goto fail;
	}
	sh->dev = st.st_dev;
	sh->ino = st.st_ino;
	sh->pid = getpid();
	sh->users = 1;
	return 0;
fail:
	mdb_env_close(sh->lmdb);
	return rc;
}

static int
shared_get_locked(const struct env_options *options, const char *data_path, struct shared **ret)
{
	struct shared *sh;
	struct stat st;
	int rc;

	if (stat(data_path, &st) == 0 && (sh = shared_find(&st)) != NULL) {
		sh->users++;
		*ret = sh;
		return 0;
	}
	if ((sh = calloc(1, sizeof(*sh))) == NULL)
		return ENOMEM;
	if ((rc = shared_open(options, sh)) != 0) {
		free(sh);
		return rc;
	}
	sh->next = shared_list;
	shared_list = sh;
	*ret = sh;
	return 0;
}

static int
shared_get(const struct env_options *options, const char *data_path, struct shared **ret)
{
	int rc;

	(void)pthread_mutex_lock(&shared_lock);
	rc = shared_get_locked(options, data_path, ret);
	(void)pthread_mutex_unlock(&shared_lock);
	return rc;
}

static void
shared_put(struct shared *sh)
{
	(void)pthread_mutex_lock(&shared_lock);
	if (--sh->users == 0) {
		for (struct shared **at = &shared_list; *at != NULL; at = &(*at)->next)
			if (*at == sh) {
				*at = sh->next;
				break;
			}
		mdb_env_close(sh->lmdb);
		free(sh);
	}
	(void)pthread_mutex_unlock(&shared_lock);
}

/* --- sizes --- */

/* Where the pages in use end. */
static uint64_t
used_end(const struct env *env)
{
	MDB_envinfo info;

	(void)mdb_env_info(env->lmdb, &info);
	return (info.me_last_pgno + 1) * env->page_size;
}

static uint64_t
map_size(const struct env *env)
{
	MDB_envinfo info;

	(void)mdb_env_info(env->lmdb, &info);
	return info.me_mapsize;
}

static uint64_t
file_size(const struct env *env)
{
	struct stat st;

	return fstat(env->data_fd, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
}

/* Lengthens the data file by zeros up to size. What was written before an error stays and counts. */
static bool
file_extend(const struct env *env, uint64_t size)
{
	static const char zeros[1 << 16];
	uint64_t at = file_size(env);

	if (at >= size)
		return true;
	while (at < size) {
		size_t len = size - at < sizeof(zeros) ? (size_t)(size - at) : sizeof(zeros);
		ssize_t n = pwrite(env->data_fd, zeros, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += (uint64_t)n;
	}
	/* Some file systems find out only now that the space is not there. */
	return fdatasync(env->data_fd) == 0;
}

/* Pages in the free list. Each record of LMDB's table 0 is a list of page numbers that begins with its length. */
static uint64_t
count_free(struct env *env)
{
	uint64_t pages = 0;
	MDB_cursor *cursor;
	MDB_val key, value;
	MDB_txn *txn;
	size_t count;

	if (env_begin(env, false, &txn) != ERR_OK)
		return 0;
	if (mdb_cursor_open(txn, 0, &cursor) == 0) {
		while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0 && value.mv_size >= sizeof(count)) {
			memcpy(&count, value.mv_data, sizeof(count));
			pages += count;
		}
		mdb_cursor_close(cursor);
	}
	mdb_txn_abort(txn);
	return pages;
}

/* Below the mark nobody counts free pages; above it they are counted when those of the last count are spoken for. */
static bool
above_high_water(struct env *env, uint64_t end, uint64_t need_bytes)
{
	uint64_t mark = map_size(env) / 100 * HIGH_WATER_PERCENT;

	if (end + need_bytes <= mark)
		return false;
	if (end + need_bytes > mark + env->free_bytes)
		env->free_bytes = count_free(env) * env->page_size;
	if (end + need_bytes > mark + env->free_bytes)
		return true;
	env->free_bytes -= need_bytes < env->free_bytes ? need_bytes : env->free_bytes;
	return false;
}

enum err
env_ensure_room(struct env *env, uint64_t need_bytes)
{
	uint64_t end = used_end(env), map = map_size(env), want;

	if (above_high_water(env, end, need_bytes))
		return ERR_FULL;
	/* Twice: pages are rarely full, and inner pages and the free list come on top. */
	want = end + 2 * need_bytes + DELETE_RESERVE;
	if (want > map)
		want = map;
	if (env->file_bytes < want)
		env->file_bytes = file_size(env);
	if (env->file_bytes >= want)
		return ERR_OK;
	if (!file_extend(env, want + GROW_STEP < map ? want + GROW_STEP : map) && file_size(env) < want)
		return ERR_FULL;
	return ERR_OK;
}

void
env_usage(struct env *env, struct env_usage *ret)
{
	uint64_t end = used_end(env), free_bytes = count_free(env) * env->page_size;

	ret->used_bytes = end > free_bytes ? end - free_bytes : 0;
	ret->file_bytes = file_size(env);
	ret->map_bytes = map_size(env);
}

/* --- the format record --- */

static enum err
format_check(struct env *env, const struct env_options *options, const MDB_val *value, char *why, size_t why_size)
{
	char what[32] = "";
	struct decoder d;
	uint64_t format;

	decoder_init(&d, value->mv_data, value->mv_size);
	(void)decode_string(&d, what, sizeof(what) - 1);
	format = decode_u64(&d);
	if (decoder_end(&d) != ERR_OK || strcmp(what, options->what) != 0) {
		(void)snprintf(why, why_size, "%s holds no %s of ergsync", options->directory, options->what);
		return ERR_CORRUPT;
	}
	if (format > options->format) {
		(void)snprintf(why, why_size,
		    "the %s was written by ergsync format %llu, this program knows up to %u: install the newer version or "
		    "restore a backup",
		    options->what, (unsigned long long)format, options->format);
		return ERR_TOONEW;
	}
	env->format = (uint32_t)format;
	return ERR_OK;
}

enum err
env_format_set(struct env *env, MDB_txn *txn, uint32_t format)
{
	MDB_val key = { sizeof(format_key), (void *)(uintptr_t)format_key }, value;
	uint8_t buffer[64];
	struct encoder e;
	enum err err;

	encoder_init(&e, buffer, sizeof(buffer));
	encode_string(&e, env->what, strlen(env->what));
	encode_u64(&e, format);
	if (e.err != ERR_OK)
		return e.err;
	value = (MDB_val){ e.len, buffer };
	if ((err = env_err(mdb_put(txn, 1, &key, &value, 0))) == ERR_OK)
		env->format = format;
	return err;
}

uint32_t
env_format(const struct env *env)
{
	return env->format;
}

static enum err
format_write(struct env *env, const struct env_options *options, MDB_txn *txn)
{
	MDB_stat st;

	/* Something without our record is not ours to write into. */
	if (mdb_stat(txn, 1, &st) != 0 || st.ms_entries > 0)
		return ERR_CORRUPT;
	return env_format_set(env, txn, options->format);
}

static enum err
format_open(struct env *env, const struct env_options *options, char *why, size_t why_size)
{
	MDB_val key = { sizeof(format_key), (void *)(uintptr_t)format_key }, value;
	MDB_txn *txn;
	MDB_dbi dbi;
	enum err e;
	int rc;

	if ((e = env_begin(env, options->writer, &txn)) != ERR_OK) {
		(void)snprintf(why, why_size, "%s cannot be read: %s", options->directory, err_text(e));
		return e;
	}
	if ((rc = mdb_dbi_open(txn, NULL, 0, &dbi)) == 0)
		rc = mdb_get(txn, dbi, &key, &value);
	if (rc == 0)
		e = format_check(env, options, &value, why, why_size);
	else if (rc == MDB_NOTFOUND && options->writer)
		e = format_write(env, options, txn);
	else
		e = env_err(rc);
	if (rc != 0 && e != ERR_OK)
		(void)snprintf(why, why_size, "%s holds no %s of ergsync", options->directory, options->what);
	if (rc == 0 || e != ERR_OK) {
		mdb_txn_abort(txn);
		return e;
	}
	if ((rc = mdb_txn_commit(txn)) != 0)
		return explain(env_err(rc), rc, "cannot write into", options->directory, why, why_size);
	return ERR_OK;
}

/* --- opening --- */

static enum err
writer_lock(struct env *env, const struct env_options *options, char *why, size_t why_size)
{
	char path[PATH_MAX];

	if (mkdir(options->directory, 0700) != 0 && errno != EEXIST)
		return explain(ERR_IO, errno, "cannot create", options->directory, why, why_size);
	(void)snprintf(path, sizeof(path), "%s/writer.lock", options->directory);
	env->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (env->lock_fd < 0)
		return explain(ERR_IO, errno, "cannot open", path, why, why_size);
	if (flock(env->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return ERR_OK;
	if (errno != EWOULDBLOCK)
		return explain(ERR_IO, errno, "cannot lock", path, why, why_size);
	(void)snprintf(why, why_size, "%s is in use by another process", options->directory);
	return ERR_BUSY;
}

/* A reader never makes files; one that is still being made does not exist yet. */
static enum err
reader_look(const struct env *env, const struct env_options *options, char *why, size_t why_size)
{
	struct stat st;

	if (stat(env->data_path, &st) == 0 && st.st_size >= 2 * sysconf(_SC_PAGESIZE))
		return ERR_OK;
	(void)snprintf(why, why_size, "there is no %s in %s yet", options->what, options->directory);
	return ERR_NOTFOUND;
}

/* Before any page is looked at: a page beyond the end of the file is a SIGBUS. */
static enum err
sizes_check(struct env *env, const struct env_options *options, char *why, size_t why_size)
{
	uint64_t end, size = file_size(env);
	MDB_stat st;
	int rc;

	(void)mdb_env_stat(env->lmdb, &st);
	env->page_size = st.ms_psize;
	end = used_end(env);
	if (size < end) {
		(void)snprintf(why, why_size, "%s was cut: it has %llu bytes and needs %llu", env->data_path,
		    (unsigned long long)size, (unsigned long long)end);
		return ERR_CORRUPT;
	}
	/* A map configured smaller than before must leave room to delete what is there. */
	if (options->writer && env->shared->users == 1 && end / 4 * 5 > map_size(env) &&
	    (rc = mdb_env_set_mapsize(env->lmdb, end / 4 * 5 / GROW_STEP * GROW_STEP + GROW_STEP)) != 0)
		return explain(env_err(rc), rc, "cannot map", env->data_path, why, why_size);
	return ERR_OK;
}

static enum err
env_attach(struct env *env, const struct env_options *options, char *why, size_t why_size)
{
	enum err e;
	int rc;

	e = options->writer ? writer_lock(env, options, why, why_size) : reader_look(env, options, why, why_size);
	if (e != ERR_OK)
		return e;
	if ((rc = shared_get(options, env->data_path, &env->shared)) != 0)
		return explain(env_err(rc), rc, "cannot open", env->data_path, why, why_size);
	env->lmdb = env->shared->lmdb;
	(void)mdb_env_get_fd(env->lmdb, &env->data_fd);
	if ((e = sizes_check(env, options, why, why_size)) != ERR_OK)
		return e;
	env_check_readers(env);
	if ((e = format_open(env, options, why, why_size)) != ERR_OK)
		return e;
	/* A full disk is no reason not to open: what is there can be read and deleted. */
	if (options->writer)
		(void)file_extend(env, options->reserve_bytes < map_size(env) ? options->reserve_bytes : map_size(env));
	return ERR_OK;
}

enum err
env_open(const struct env_options *options, struct env **ret, char *why, size_t why_size)
{
	struct env *env = calloc(1, sizeof(*env));
	enum err e;

	if (env == NULL)
		return ERR_NOMEM;
	env->lock_fd = env->data_fd = -1;
	(void)snprintf(env->what, sizeof(env->what), "%s", options->what);
	if ((size_t)snprintf(env->data_path, sizeof(env->data_path), "%s/data.mdb", options->directory) >= sizeof(env->data_path))
		e = explain(ERR_TOOBIG, ENAMETOOLONG, "cannot use", options->directory, why, why_size);
	else
		e = env_attach(env, options, why, why_size);
	if (e != ERR_OK) {
		env_close(env);
		return e;
	}
	*ret = env;
	return ERR_OK;
}

void
env_close(struct env *env)
{
	if (env == NULL)
		return;
	if (env->shared != NULL)
		shared_put(env->shared);
	if (env->lock_fd >= 0)
		(void)close(env->lock_fd); /* which unlocks */
	free(env);
}

MDB_dbi
env_main(const struct env *env)
{
	(void)env;
	return 1; /* LMDB's number for the unnamed table, in every environment */
}

bool
env_replaced(const struct env *env)
{
	struct stat st;

	return stat(env->data_path, &st) != 0 || st.st_dev != env->shared->dev || st.st_ino != env->shared->ino;
}

enum err
env_begin(struct env *env, bool write, MDB_txn **ret)
{
	unsigned flags = write ? 0 : MDB_RDONLY;
	int rc = mdb_txn_begin(env->lmdb, NULL, flags, ret);

	/* Another process opened it with a larger map, and used it. */
	if (rc == MDB_MAP_RESIZED && (rc = mdb_env_set_mapsize(env->lmdb, 0)) == 0)
		rc = mdb_txn_begin(env->lmdb, NULL, flags, ret);
	return env_err(rc);
}

enum err
env_renew(struct env *env, MDB_txn *txn)
{
	int rc = mdb_txn_renew(txn);

	if (rc == MDB_MAP_RESIZED && (rc = mdb_env_set_mapsize(env->lmdb, 0)) == 0)
		rc = mdb_txn_renew(txn);
	return env_err(rc);
}

void
env_check_readers(struct env *env)
{
	int dead;

	(void)mdb_reader_check(env->lmdb, &dead);
}
