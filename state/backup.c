/*
 * backup.c - making, checking and restoring one file. A child process could do the copying as well as the thread here; LMDB's copy blocks
 * until it is through, and somebody may want to see it grow.
 */
#include "state/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/big_endian.h"
#include "base/clock.h"
#include "base/durable_file.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/timestamp.h"
#include "state/env.h"
#include "state/keyring.h"
#include "state/stale.h"
#include "state/store.h"

#define FOOTER_LEN     (16 + 3 * 8 + HASH_LEN)
#define KEYS_MAX_BYTES (32u << 20)
#define MANIFEST_MAX   65536
#define CHUNK          (256u << 10)
#define TRIES          3

static const char magic[16] = { 'e', 'r', 'g', 's', 'y', 'n', 'c', ' ', 'b', 'a', 'c', 'k', 'u', 'p', ' ', '1' };

/* Says what was tried with which file, and errno; gives e on. */
static enum err
told(enum err e, const char *what, const char *path, char *why, size_t why_size)
{
	(void)snprintf(why, why_size, "%s %s: %s", what, path, strerror(errno));
	return e;
}

/* ---------- bytes ---------- */

static bool
read_all(int fd, void *ret, size_t len, uint64_t offset)
{
	char *at = ret;

	while (len > 0) {
		ssize_t n = pread(fd, at, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return true;
}

/* Calls step with all bytes below len. */
static bool
each_chunk(int fd, uint64_t len, bool (*step)(void *arg, const void *data, size_t n), void *arg)
{
	uint8_t *chunk = malloc(CHUNK);
	bool ok = chunk != NULL;

	for (uint64_t at = 0; ok && at < len;) {
		size_t n = len - at < CHUNK ? (size_t)(len - at) : CHUNK;

		ok = read_all(fd, chunk, n, at) && step(arg, chunk, n);
		at += n;
	}
	free(chunk);
	return ok;
}

static bool
digest_step(void *arg, const void *data, size_t n)
{
	return EVP_DigestUpdate(arg, data, n) == 1;
}

/* Of what the disk gives back, not of what was meant. */
static bool
digest_file(int fd, uint64_t len, uint8_t ret[HASH_LEN])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 && each_chunk(fd, len, digest_step, ctx) &&
	          EVP_DigestFinal_ex(ctx, ret, NULL) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

/* ---------- copying the data ---------- */

struct copy {
	MDB_env *env;
	int fd, rc;
	atomic_bool done;
};

static void *
copy_thread(void *arg)
{
	struct copy *c = arg;

	c->rc = mdb_env_copyfd2(c->env, c->fd, MDB_CP_COMPACT);
	atomic_store(&c->done, true);
	return NULL;
}

static void
watch(struct copy *c, backup_progress progress, void *arg)
{
	struct stat st;

	while (!atomic_load(&c->done)) {
		(void)nanosleep(&(struct timespec){ 0, 20 * 1000 * 1000 }, NULL);
		if (progress != NULL && fstat(c->fd, &st) == 0)
			progress(arg, (uint64_t)st.st_size);
	}
}

/* One read transaction of LMDB's own; the environment is opened beside the daemon's, as another reader. */
static enum err
copy_data(const struct backup_options *o, int fd, char *why, size_t why_size)
{
	struct copy c = { .fd = fd, .rc = MDB_PANIC };
	enum err e = ERR_OK;
	pthread_t thread;
	int rc;

	if ((rc = mdb_env_create(&c.env)) != 0)
		return env_err(rc);
	rc = mdb_env_open(c.env, o->store, MDB_RDONLY | MDB_NOTLS, 0600);
	if (rc == 0 && (rc = pthread_create(&thread, NULL, copy_thread, &c)) == 0) {
		watch(&c, o->progress, o->progress_arg);
		(void)pthread_join(thread, NULL);
		rc = c.rc;
	}
	if (rc != 0) {
		e = rc == ENOENT ? ERR_NOTFOUND : env_err(rc);
		(void)snprintf(why, why_size, "the store in %s cannot be copied: %s", o->store, mdb_strerror(rc));
	}
	mdb_env_close(c.env);
	return e;
}

/* ---------- the parts behind it ---------- */

/* Gives *ret. */
static enum err
part_read(const char *path, size_t max, uint8_t **ret, size_t *ret_len, char *why, size_t why_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum err e = ERR_IO;
	struct stat st;

	*ret = NULL;
	if (fd >= 0 && fstat(fd, &st) == 0 && (uint64_t)st.st_size <= max && (*ret = malloc((size_t)st.st_size + 1)) != NULL &&
	    read_all(fd, *ret, (size_t)st.st_size, 0)) {
		*ret_len = (size_t)st.st_size;
		e = ERR_OK;
	}
	if (e != ERR_OK) {
		e = told(errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "cannot read", path, why, why_size);
		free(*ret);
		*ret = NULL;
	}
	if (fd >= 0)
		(void)close(fd);
	return e;
}

/* Gives *ret: for people, and for telling what is in it without a key. */
static enum err
manifest_make(const struct backup_options *o, const struct examined *x, char **ret)
{
	json_t *root = json_object(), *rows = json_object();
	enum err e = root == NULL || rows == NULL ? ERR_NOMEM : ERR_OK;

	for (unsigned t = 0; t < TABLE_COUNT && rows != NULL; t++)
		(void)json_object_set_new(rows, table_name((enum table)t), json_integer((json_int_t)x->rows[t]));
	if (root != NULL) {
		(void)json_object_set_new(root, "ergsync_backup", json_integer(1));
		(void)jx_set_time(root, "made_at", o->now_wall_ms);
		(void)json_object_set_new(root, "version", json_string(ERGSYNC_VERSION));
		(void)json_object_set(root, "rows", rows);
	}
	*ret = json_dumps(root, JSON_COMPACT);
	json_decref(root);
	json_decref(rows);
	return e == ERR_OK && *ret == NULL ? ERR_NOMEM : e;
}

static bool
footer_write(int fd, uint64_t image_len, uint64_t keys_len, uint64_t manifest_len)
{
	uint8_t footer[FOOTER_LEN];
	uint64_t body = image_len + keys_len + manifest_len;

	memcpy(footer, magic, sizeof(magic));
	big_endian_put_u64(footer + 16, image_len);
	big_endian_put_u64(footer + 24, keys_len);
	big_endian_put_u64(footer + 32, manifest_len);
	/* The digest is over the footer's beginning, too. */
	return durable_file_write(fd, footer, FOOTER_LEN - HASH_LEN) && fsync(fd) == 0 &&
	       digest_file(fd, body + FOOTER_LEN - HASH_LEN, footer + FOOTER_LEN - HASH_LEN) &&
	       durable_file_write(fd, footer + FOOTER_LEN - HASH_LEN, HASH_LEN) && fsync(fd) == 0;
}

/* ---------- reading one ---------- */

static enum err
footer_read(int fd, struct backup_manifest *ret)
{
	uint8_t footer[FOOTER_LEN], digest[HASH_LEN];
	struct stat st;
	uint64_t size;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < FOOTER_LEN)
		return ERR_CORRUPT;
	size = (uint64_t)st.st_size;
	if (!read_all(fd, footer, FOOTER_LEN, size - FOOTER_LEN) || memcmp(footer, magic, sizeof(magic)) != 0)
		return ERR_CORRUPT;
	ret->image_len = big_endian_get_u64(footer + 16);
	ret->keys_len = big_endian_get_u64(footer + 24);
	ret->manifest_len = big_endian_get_u64(footer + 32);
	if (ret->image_len > size || ret->keys_len > KEYS_MAX_BYTES || ret->manifest_len > MANIFEST_MAX ||
	    ret->image_len + ret->keys_len + ret->manifest_len + FOOTER_LEN != size)
		return ERR_CORRUPT;
	if (!digest_file(fd, size - HASH_LEN, digest) || memcmp(digest, footer + FOOTER_LEN - HASH_LEN, HASH_LEN) != 0)
		return ERR_CORRUPT;
	hex_encode(digest, HASH_LEN, ret->digest);
	return ERR_OK;
}

static enum err
manifest_read(int fd, struct backup_manifest *m)
{
	char *text = calloc(1, (size_t)m->manifest_len + 1);
	json_t *root = NULL, *rows, *count;
	const char *key, *version, *made;
	enum err e = ERR_NOMEM;

	if (text != NULL && read_all(fd, text, (size_t)m->manifest_len, m->image_len + m->keys_len))
		e = jx_parse(text, (size_t)m->manifest_len, &root, NULL, 0);
	free(text);
	if (e != ERR_OK)
		return e;
	if (jx_get_int(root, "ergsync_backup", 0) != 1)
		e = ERR_TOONEW;
	if ((version = jx_get_str(root, "version")) != NULL)
		(void)snprintf(m->version, sizeof(m->version), "%s", version);
	if ((made = jx_get_str(root, "made_at")) == NULL || timestamp_parse(made, &m->made_wall_ms) != ERR_OK)
		m->made_wall_ms = 0;
	rows = jx_get_object(root, "rows");
	json_object_foreach(rows, key, count) m->rows += (uint64_t)json_integer_value(count);
	json_decref(root);
	return e;
}

static enum err
verify_open(int fd, const char *file, const struct backup_keys *keys, struct backup_manifest *m, struct examined *x, char *why,
    size_t why_size)
{
	struct keyring *ring = NULL;
	uint8_t *data;
	enum err e;

	if (footer_read(fd, m) != ERR_OK || (e = manifest_read(fd, m)) == ERR_MALFORMED) {
		(void)snprintf(why, why_size, "%s is no backup of ergsync, or it is damaged", file);
		return ERR_CORRUPT;
	}
	if (e != ERR_OK) {
		(void)snprintf(why, why_size, "%s was made by a newer version of ergsync", file);
		return e;
	}
	if ((data = malloc((size_t)m->keys_len + 1)) == NULL || !read_all(fd, data, (size_t)m->keys_len, m->image_len))
		e = told(ERR_IO, "cannot read", file, why, why_size);
	else
		e = keyring_read(data, (size_t)m->keys_len, &keys->key, keys->previous, &ring, why, why_size);
	free(data);
	if (e != ERR_OK)
		return e;
	examine(file, true, m->image_len, ring, x);
	keyring_free(ring);
	if (x->err == ERR_OK && x->damaged_total == 0)
		return ERR_OK;
	(void)snprintf(why, why_size, "%s: %s", file, x->err != ERR_OK ? x->why : "some records do not open");
	return x->err != ERR_OK ? x->err : ERR_CORRUPT;
}

enum err
backup_verify(const char *file, const struct backup_keys *keys, struct backup_manifest *ret, struct examined *ret_examined,
    char *why, size_t why_size)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	enum err e;

	memset(ret, 0, sizeof(*ret));
	memset(ret_examined, 0, sizeof(*ret_examined));
	if (fd < 0)
		return told(ERR_NOTFOUND, "cannot open", file, why, why_size);
	e = verify_open(fd, file, keys, ret, ret_examined, why, why_size);
	(void)close(fd);
	return e;
}

/* ---------- making one ---------- */

/* Keys come after the data: what the copy is sealed with is there, unless it was destroyed just in between. */
static enum err
write_parts(const struct backup_options *o, int fd, const char *partial, char *why, size_t why_size)
{
	char path[PATH_MAX], *manifest = NULL;
	struct examined x;
	uint8_t *keys = NULL;
	size_t keys_len = 0;
	struct stat st;
	enum err e = copy_data(o, fd, why, why_size);

	if (e != ERR_OK)
		return e;
	(void)snprintf(path, sizeof(path), "%s/" STORE_KEYS_FILE, o->store);
	if ((e = part_read(path, KEYS_MAX_BYTES, &keys, &keys_len, why, why_size)) != ERR_OK)
		return e;
	if (fstat(fd, &st) != 0)
		st.st_size = 0;
	examine(partial, true, (uint64_t)st.st_size, NULL, &x); /* counts */
	if ((e = manifest_make(o, &x, &manifest)) == ERR_OK &&
	    (!durable_file_write(fd, keys, keys_len) || !durable_file_write(fd, manifest, strlen(manifest)) ||
	        !footer_write(fd, (uint64_t)st.st_size, keys_len, strlen(manifest))))
		e = told(ERR_IO, "cannot write", partial, why, why_size);
	free(keys);
	free(manifest);
	return e;
}

static enum err
write_once(const struct backup_options *o, const char *partial, struct backup_manifest *ret, struct examined *x, char *why,
    size_t why_size)
{
	int fd = open(partial, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	enum err e;

	if (fd < 0)
		return told(ERR_IO, "cannot write", partial, why, why_size);
	e = write_parts(o, fd, partial, why, why_size);
	(void)close(fd);
	if (e == ERR_OK)
		e = backup_verify(partial, &o->keys, ret, x, why, why_size);
	return e;
}

enum err
backup_write(
    const struct backup_options *o, struct backup_manifest *ret, struct examined *ret_examined, char *why, size_t why_size)
{
	char partial[PATH_MAX];
	enum err e = ERR_CORRUPT;

	memset(ret, 0, sizeof(*ret));
	memset(ret_examined, 0, sizeof(*ret_examined));
	if ((size_t)snprintf(partial, sizeof(partial), "%s.partial", o->file) >= sizeof(partial))
		return ERR_TOOBIG;
	/* Again, should keys have been destroyed while it was copied. */
	for (int i = 0; i < TRIES && e == ERR_CORRUPT; i++)
		e = write_once(o, partial, ret, ret_examined, why, why_size);
	if (e == ERR_OK && (rename(partial, o->file) != 0 || !durable_file_sync_folder(o->file)))
		e = told(ERR_IO, "cannot write", o->file, why, why_size);
	if (e != ERR_OK)
		(void)unlink(partial);
	return e;
}

/* ---------- restoring one ---------- */

struct restore {
	const struct restore_options *o;
	char store[PATH_MAX], fresh[PATH_MAX], aside[PATH_MAX];
	int lock_fd;
	struct stat owner; /* of the state directory: what is made shall be the same user's */
	char *why;
	size_t why_size;
};

static bool
paths_make(struct restore *r)
{
	struct tm tm;
	time_t now = (time_t)(r->o->now_wall_ms / 1000);
	char when[32];

	(void)gmtime_r(&now, &tm);
	(void)strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm);
	return (size_t)snprintf(r->store, sizeof(r->store), "%s/state", r->o->state_directory) < sizeof(r->store) - 64 &&
	       (size_t)snprintf(r->fresh, sizeof(r->fresh), "%s.restoring", r->store) < sizeof(r->fresh) &&
	       (size_t)snprintf(r->aside, sizeof(r->aside), "%s.before-restore-%s", r->store, when) < sizeof(r->aside);
}

/* Held until the end, so that no daemon starts in between. No store: nobody to lock out. */
static enum err
lock_store(struct restore *r)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s/writer.lock", r->store) >= sizeof(path))
		return ERR_TOOBIG;
	r->lock_fd = open(path, O_RDWR | O_CLOEXEC);
	if (r->lock_fd < 0)
		return errno == ENOENT ? ERR_OK : told(ERR_IO, "cannot open", path, r->why, r->why_size);
	if (flock(r->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return ERR_OK;
	(void)snprintf(r->why, r->why_size, "%s is in use: stop ergsync-reconciler first", r->store);
	return ERR_BUSY;
}

static enum err
place_check(struct restore *r)
{
	char path[PATH_MAX + 16];
	enum err e;

	if (stat(r->o->state_directory, &r->owner) != 0)
		return told(ERR_NOTFOUND, "cannot find", r->o->state_directory, r->why, r->why_size);
	if ((e = lock_store(r)) != ERR_OK)
		return e;
	(void)snprintf(path, sizeof(path), "%s/data.mdb", r->store);
	if (access(path, F_OK) != 0) {
		r->aside[0] = '\0';
		return ERR_OK;
	}
	if (r->o->set_aside)
		return ERR_OK;
	(void)snprintf(r->why, r->why_size, "there is a store in %s already: --set-aside keeps it under another name", r->store);
	return ERR_EXISTS;
}

static bool
copy_step(void *arg, const void *data, size_t n)
{
	return durable_file_write(*(int *)arg, data, n);
}

/* The bytes [from, from + len) of the backup, as a file of the new store. */
static bool
extract(struct restore *r, int from_fd, uint64_t from, uint64_t len, const char *name)
{
	char path[PATH_MAX + 16];
	uint8_t *data;
	bool ok;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", r->fresh, name);
	if ((fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) < 0)
		return false;
	if (from == 0) {
		ok = each_chunk(from_fd, len, copy_step, &fd);
	} else {
		data = malloc((size_t)len + 1);
		ok = data != NULL && read_all(from_fd, data, (size_t)len, from) && durable_file_write(fd, data, (size_t)len);
		free(data);
	}
	ok = ok && fsync(fd) == 0;
	(void)close(fd);
	return ok;
}

#define KEYS_FRESH "keys.new" /* as the key ring names a file it has not yet renamed */
static const char *const files[] = { "data.mdb", "lock.mdb", "writer.lock", STORE_KEYS_FILE, KEYS_FRESH, "starts" };

static void
fresh_remove(struct restore *r)
{
	char path[PATH_MAX + 16];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", r->fresh, files[i]);
		(void)unlink(path);
	}
	(void)rmdir(r->fresh);
}

/* Root restores for the user the daemons run as. */
static void
give_away(struct restore *r)
{
	char path[PATH_MAX + 16];

	if (geteuid() != 0)
		return;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", r->fresh, files[i]);
		if (lchown(path, r->owner.st_uid, r->owner.st_gid) != 0 && errno != ENOENT)
			break;
	}
	(void)!chown(r->fresh, r->owner.st_uid, r->owner.st_gid);
}

/* Opens it as the daemon will, which migrates it, and marks it. */
static enum err
mark(struct restore *r)
{
	struct store_options options = {
		.directory = r->fresh,
		.map_size_bytes = r->o->map_size_bytes,
		.key = r->o->keys.key,
		.previous_key = r->o->keys.previous,
		.clock = clock_new_manual(r->o->now_wall_ms),
	};
	struct store *store = NULL;
	enum err e = options.clock == NULL ? ERR_NOMEM : store_open(&options, &store, r->why, r->why_size);

	if (e == ERR_OK)
		stale_mark(store, STALE_RESTORED, r->o->now_wall_ms);
	store_close(store);
	clock_free(options.clock);
	secret_wipe(&options.key, sizeof(options.key));
	return e;
}

static enum err
fresh_make(struct restore *r, const struct backup_manifest *m)
{
	int fd = open(r->o->file, O_RDONLY | O_CLOEXEC);
	enum err e = ERR_OK;

	if (fd < 0)
		return told(ERR_IO, "cannot open", r->o->file, r->why, r->why_size);
	fresh_remove(r); /* of a restore that was interrupted */
	if (mkdir(r->fresh, 0700) != 0 || !extract(r, fd, 0, m->image_len, "data.mdb") ||
	    !extract(r, fd, m->image_len, m->keys_len, STORE_KEYS_FILE))
		e = told(ERR_IO, "cannot write into", r->fresh, r->why, r->why_size);
	(void)close(fd);
	if (e == ERR_OK)
		e = mark(r);
	if (e == ERR_OK)
		give_away(r);
	return e;
}

static enum err
swap(struct restore *r)
{
	if (r->aside[0] != '\0' && rename(r->store, r->aside) != 0)
		return told(ERR_IO, "cannot rename", r->store, r->why, r->why_size);
	/* An empty directory may be in its place; anything else is not ours to remove. */
	if (r->aside[0] == '\0' && access(r->store, F_OK) == 0) {
		char path[PATH_MAX + 16];

		for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
			(void)snprintf(path, sizeof(path), "%s/%s", r->store, files[i]);
			(void)unlink(path);
		}
	}
	if (rename(r->fresh, r->store) != 0 || !durable_file_sync_folder(r->store))
		return told(ERR_IO, "cannot rename", r->fresh, r->why, r->why_size);
	return ERR_OK;
}

enum err
backup_restore(const struct restore_options *o, struct backup_manifest *ret, char *ret_aside, char *why, size_t why_size)
{
	struct restore r = { .o = o, .lock_fd = -1, .why = why, .why_size = why_size };
	struct examined x;
	enum err e;

	ret_aside[0] = '\0';
	if (!paths_make(&r))
		return ERR_TOOBIG;
	if ((e = place_check(&r)) == ERR_OK && (e = backup_verify(o->file, &o->keys, ret, &x, why, why_size)) == ERR_OK &&
	    (e = fresh_make(&r, ret)) == ERR_OK && (e = swap(&r)) == ERR_OK)
		(void)snprintf(ret_aside, PATH_MAX, "%s", r.aside);
	if (e != ERR_OK)
		fresh_remove(&r);
	if (r.lock_fd >= 0)
		(void)close(r.lock_fd);
	return e;
}
