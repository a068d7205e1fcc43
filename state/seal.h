/*
 * seal.h - authenticated encryption of stored values: AES-256-GCM, bound to the table and the key they are stored under.
 *
 *	ver (1) | key id (1) | nonce (12) | tag (16) | ciphertext         AAD: table name | 0 | key
 *
 * LMDB has no checksums (reliability.md section 0, 6): the tag is ours. A value that was changed, cut, or moved to another key or
 * table does not open. Nonces are random: one key is good for 2^32 values (NIST SP 800-38D 8.3).
 * One thread at a time per struct seal.
 */
#ifndef STATE_SEAL_H
#define STATE_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"

struct seal;

#define SEAL_OVERHEAD (1 + 1 + 12 + 16)

/* What a value is bound to; borrowed for one call. */
struct seal_place {
	const char *table;
	const void *key;
	size_t key_len;
};

/* The sealing key is derived from master and label. ERR_NOMEM; gives *ret. */
enum err seal_new(const struct key32 *master, const char *label, struct seal **ret);
void seal_free(struct seal *s); /* wipes; NULL is fine */

/* ret holds plain_len + SEAL_OVERHEAD. ERR_IO when OpenSSL has no randomness to give. */
enum err seal_wrap(struct seal *s, const struct seal_place *place, const void *plain, size_t plain_len, uint8_t *ret);
/* ret holds sealed_len bytes. ERR_CORRUPT for all that seal_wrap has not made with this key for this place. */
enum err
seal_unwrap(struct seal *s, const struct seal_place *place, const void *sealed, size_t sealed_len, uint8_t *ret, size_t *ret_len);

#endif
