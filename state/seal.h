/*
 * seal.h - authenticated encryption of stored values: AES-256-GCM, bound to the table and the key they are stored under.
 *
 *	1 (1) | 1 (1) | nonce (12) | tag (16) | ciphertext                one key for all that it seals: seal_new
 *	2 (1) | key id (4, big-endian) | nonce (12) | tag (16) | ciphertext         one of several keys: seal_new_id
 *
 * AAD: table name | 0 | key the value is stored under.
 *
 * LMDB has no checksums (reliability.md section 0, 6): the tag is ours. A value that was changed, cut, or moved to another key or
 * table does not open. Nonces are random, and a child's of fork() are not its parent's: one key is good for 2^32 values
 * (NIST SP 800-38D 8.3).
 * One thread at a time per struct seal.
 */
#ifndef STATE_SEAL_H
#define STATE_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"

struct seal;

#define SEAL_OVERHEAD     (1 + 1 + 12 + 16)
#define SEAL_OVERHEAD_MAX (1 + 4 + 12 + 16)
/* What values of the first layout say of their key. */
#define SEAL_ID_FIRST 1

/* What a value is bound to; borrowed for one call. */
struct seal_place {
	const char *table;
	const void *key;
	size_t key_len;
};

/* The sealing key is derived from master and label. ERR_NOMEM; gives *ret. */
enum err seal_new(const struct key32 *master, const char *label, struct seal **ret);
/* Seals with key itself, in the second layout; opens the first one, too, when id is SEAL_ID_FIRST. */
enum err seal_new_id(const struct key32 *key, uint32_t id, struct seal **ret);
void seal_free(struct seal *s); /* wipes; NULL is fine */
/* SEAL_OVERHEAD, or SEAL_OVERHEAD_MAX for one made with an id. */
size_t seal_overhead(const struct seal *s);
/* Which key a value says it was sealed with; 0: none that could be. */
uint32_t seal_key_id(const void *sealed, size_t sealed_len);

/* ret holds plain_len + seal_overhead. ERR_IO when OpenSSL has no randomness to give. */
enum err seal_wrap(struct seal *s, const struct seal_place *place, const void *plain, size_t plain_len, uint8_t *ret);
/* ret holds sealed_len bytes. ERR_CORRUPT for all that seal_wrap has not made with this key for this place. */
enum err
seal_unwrap(struct seal *s, const struct seal_place *place, const void *sealed, size_t sealed_len, uint8_t *ret, size_t *ret_len);

#endif
