/*
 * hash.h - SHA-256, HMAC-SHA-256, HKDF and comparison in constant time, over OpenSSL.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASH_LEN 32

struct key32 {
	uint8_t b[32];
};

struct span {
	const void *data;
	size_t len;
};

/* Abort the process if OpenSSL cannot do SHA-256 at all: nothing safe could follow. */
void sha256(const struct span *parts, size_t count, uint8_t ret[HASH_LEN]);
void hmac_sha256(const void *key, size_t key_len, const struct span *parts, size_t count, uint8_t ret[HASH_LEN]);
/* HKDF-SHA-256, empty salt; label tells the purpose ("inbox seal v1"). */
void key_derive(const struct key32 *master, const char *label, struct key32 *ret);
bool hash_equal(const void *a, const void *b, size_t len);
void secret_wipe(void *data, size_t len);

#endif
