/*
 * keyring.h - the keys that seal the store, each wrapped by the master key, in one small file beside the data.
 *
 * The master key (key_file) seals no record. It wraps data keys: one for each tenant, one for what belongs to no tenant, and two that
 * are never changed (of the HMACs in keys, and of scope ids). So a tenant's values become unreadable for good, wherever copies of
 * their pages still lie, by forgetting 32 bytes; and another master key means writing this file anew, nothing else.
 *
 * A file of its own, because LMDB's old pages stay readable for as long as they are not used again. Each change writes a new file,
 * syncs and renames it, and overwrites the former one with zeros: a key that was dropped is in no file any more. (A disk that keeps
 * old blocks, and backups, are outside of this.)
 *
 *	"ergsync keys 1\n" 0 | check (16) | next id (4) | count (4) | entries | HMAC of all before (32)
 *	entry: id (4) | use (1) | retired (1) | 0 0 | owner (16) | the key, sealed (32 + SEAL_OVERHEAD_MAX)
 *
 * check is an HMAC of a fixed text under the master key: it tells a wrong key from a damaged file.
 *
 * A change that cannot be written is none: it gives ERR_IO, and the ring is as it was.
 *
 * Retired keys open what they sealed and seal nothing new; they go when nothing is sealed with them any more. One thread at a time.
 */
#ifndef STATE_KEYRING_H
#define STATE_KEYRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"

struct keyring;
struct seal;

#define KEY_OWNER_LEN 16

enum key_use { KEY_INDEX = 1, KEY_SCOPE, KEY_STORE, KEY_TENANT };

/* Whose values: a tenant's HMAC; all zeros: nobody's. */
struct key_owner {
	uint8_t b[KEY_OWNER_LEN];
};

/*
 * ERR_NOTFOUND: there is no such file. ERR_UNAUTHORIZED: neither key is the one it was wrapped with. ERR_CORRUPT, ERR_IO. why says what.
 * previous: NULL, or the master key before this one: a ring wrapped with it is wrapped anew at once, and its data keys retired.
 */
enum err keyring_open(
    const char *path, const struct key32 *master, const struct key32 *previous, struct keyring **ret, char *why, size_t why_size);
/* From the bytes of such a file, as a backup holds them; it can't be changed. */
enum err keyring_read(const void *data, size_t len, const struct key32 *master, const struct key32 *previous,
    struct keyring **ret, char *why, size_t why_size);
/* The same from such a file, which is left as it is. */
enum err keyring_file(
    const char *path, const struct key32 *master, const struct key32 *previous, struct keyring **ret, char *why, size_t why_size);
/* A new ring, written at once. first: the store's values so far are sealed by this key, in the first layout (retired); NULL: none. */
enum err keyring_make(
    const char *path, const struct key32 *master, const struct key32 *first, struct keyring **ret, char *why, size_t why_size);
void keyring_free(struct keyring *k); /* wipes; NULL is fine */

/* The key of that use that never changes. */
const struct key32 *keyring_fixed(const struct keyring *k, enum key_use use);
/* What seals the owner's new values; made and written when there is none yet. Borrowed until the next change. */
enum err keyring_seal(struct keyring *k, const struct key_owner *owner, struct seal **ret);
/* What opens values that name this key; NULL: no such key. */
struct seal *keyring_by_id(struct keyring *k, uint32_t id);

/* Retires the owner's key, and that of what is nobody's: all of it is to be sealed anew, or erased. */
enum err keyring_retire(struct keyring *k, const struct key_owner *owner);
bool keyring_has_master(const struct keyring *k, const struct key32 *master);
/* Wraps it with another master key, and retires every data key. */
enum err keyring_rewrap(struct keyring *k, const struct key32 *master);
/* Are there retired ones? For an owner: of that owner. */
bool keyring_retiring(const struct keyring *k, const struct key_owner *owner);
bool keyring_is_retired(const struct keyring *k, uint32_t id);
/* Forgets all retired keys. Whatever is still sealed with them is lost for good. *ret_count: how many. */
enum err keyring_drop_retired(struct keyring *k, size_t *ret_count);
/* Was it opened with the previous master key, just now? */
bool keyring_rewrapped(const struct keyring *k);

/* Calls cb for the owner of each tenant key in use. */
void keyring_owners(const struct keyring *k, void (*cb)(void *arg, const struct key_owner *owner), void *arg);

#endif
