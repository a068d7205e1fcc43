/*
 * backup.h - a copy of a store in one file: made while the store is in use, verified by opening it, restored into an empty place.
 *
 *	the data file, compacted (nothing of old pages) | the key ring, wrapped | manifest (JSON) | footer
 *	footer: "ergsync backup 1" | length of the first three (3 x 8, big-endian) | SHA-256 of all before it
 *
 * The data comes first, so that LMDB opens the file as it is. Values stay sealed: a backup is read with the master key the store had
 * when it was made. A copy is one state of the store (one read transaction); the daemon goes on writing.
 *
 * A restored store is old: what both sides agreed on then says little of today. So restore forgets what was about to be said or done
 * (callbacks, approvals, the place in the inbox), and marks every ERG: only additions, until a full comparison has passed the guard.
 */
#ifndef STATE_BACKUP_H
#define STATE_BACKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"
#include "state/examine.h"

struct keyring;

struct backup_keys {
	struct key32 key;
	const struct key32 *previous; /* NULL: none */
};

struct backup_manifest {
	int64_t made_wall_ms;
	char version[32]; /* of the program that made it */
	uint64_t rows, image_len, keys_len, manifest_len;
	char digest[2 * HASH_LEN + 1];
};

/* Every so often while a copy is made. */
typedef void (*backup_progress)(void *arg, uint64_t done_bytes);

struct backup_options {
	const char *store; /* the store's directory */
	const char *file;  /* replaced, if it is there, once the new one is verified */
	struct backup_keys keys;
	int64_t now_wall_ms;
	backup_progress progress; /* may be NULL */
	void *progress_arg;
};
/* Not in a process that has the store open itself: LMDB allows one opening of a file in each.
 * ERR_CORRUPT: what was copied does not open, and no file was left; *ret_examined tells. why says what, otherwise. */
enum err backup_write(
    const struct backup_options *o, struct backup_manifest *ret, struct examined *ret_examined, char *why, size_t why_size);

/* Checks digest and lengths, then opens every record. ERR_UNAUTHORIZED: another master key. */
enum err backup_verify(const char *file, const struct backup_keys *keys, struct backup_manifest *ret,
    struct examined *ret_examined, char *why, size_t why_size);

struct restore_options {
	const char *file;
	const char *state_directory; /* [state] directory; the store is "state" in it */
	struct backup_keys keys;
	int64_t now_wall_ms;
	uint64_t map_size_bytes;
	bool set_aside; /* a store that is there is renamed; else ERR_EXISTS */
};
/* ERR_BUSY: a daemon runs on it. ret_aside (of PATH_MAX): where the former store lies now; "" when there was none. */
enum err
backup_restore(const struct restore_options *o, struct backup_manifest *ret, char *ret_aside, char *why, size_t why_size);

#endif
