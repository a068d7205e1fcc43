/*
 * env.h - one LMDB environment with the rules ours follow: sync on every commit, one writer, room known beforehand.
 *
 * Room. LMDB meets a full disk in the middle of a commit, as EIO, and then deletes fail too (reliability.md 2.1). So the data file
 * is kept longer than what is used, by writing zeros past its end: env_ensure_room tells of a full disk before a commit
 * needs the space, and part of what it holds back is for deletes alone. LMDB takes no notice of a longer file.
 * Above 80 % of the map nothing more is taken in either: copy-on-write needs pages for deletes too.
 *
 * A format record tells which version wrote the store; a newer one is refused. Opening the same directory again within one
 * process shares the LMDB environment, as LMDB demands: closing heals it only when all have closed. Not for NFS, not across fork.
 */
#ifndef STATE_ENV_H
#define STATE_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lmdb.h>

#include "base/err.h"

struct env;

struct env_options {
	const char *directory; /* created with mode 0700 by a writer; its parent must exist */
	const char *what;      /* "inbox", "store": for the words of why, and checked against the format record */
	uint32_t format;       /* the newest we know, and write into a new one */
	uint64_t map_size_bytes;
	uint64_t reserve_bytes; /* the file is at least so long from the start */
	unsigned tables_max;
	bool writer; /* takes the writer lock; else the environment must exist */
};

/* ERR_NOTFOUND (reader, nothing there), ERR_BUSY (another writer), ERR_TOONEW, ERR_CORRUPT, ERR_FULL, ERR_IO. Gives *ret. */
enum err env_open(const struct env_options *options, struct env **ret, char *why, size_t why_size);
void env_close(struct env *env); /* no transaction may be open; NULL is fine */

/* The format the environment was found in; that of the options when it was new. */
uint32_t env_format(const struct env *env);
/* What the transaction writes makes it of this format. */
enum err env_format_set(struct env *env, MDB_txn *txn, uint32_t format);
/* The unnamed table. Its keys that begin with a zero byte are env's (the format) and those of the one table that lives there. */
MDB_dbi env_main(const struct env *env);
/* Has the data file's name come to stand for another file, or for none? */
bool env_replaced(const struct env *env);

/* Translates what LMDB returned. Anything but OK, NOTFOUND and FULL on a write means: close and reopen. */
enum err env_err(int rc);
/* A read transaction is for the calling thread; end it with mdb_txn_abort. */
enum err env_begin(struct env *env, bool write, MDB_txn **ret);
/* Begins a read transaction anew that mdb_txn_reset has ended; cheaper than another one. */
enum err env_renew(struct env *env, MDB_txn *txn);

/* Can a transaction that adds about need_bytes (LMDB's own overhead not counted) be committed, and deletes after it?
 * Extends the file when little is left. ERR_FULL: no room on the disk, or above the high-water mark. */
enum err env_ensure_room(struct env *env, uint64_t need_bytes);

struct env_usage {
	uint64_t used_bytes, file_bytes, map_bytes;
};
/* Walks the list of free pages: not for every commit. */
void env_usage(struct env *env, struct env_usage *ret);
void env_check_readers(struct env *env);

#endif
