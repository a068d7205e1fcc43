/*
 * store_key.h - keys of rows: parts behind each other, none of them personal. An id goes in as its HMAC.
 */
#ifndef STATE_STORE_KEY_H
#define STATE_STORE_KEY_H

#include <stddef.h>
#include <stdint.h>

struct store;

#define STORE_KEY_MAX 96
struct store_key {
	uint8_t b[STORE_KEY_MAX];
	uint8_t len;
};

void store_key_init(struct store_key *k);
/* 16 bytes: HMAC of the part under the index key; kind keeps "user" u1 and "erg" u1 apart. */
void store_key_id(const struct store *s, struct store_key *k, const char *kind, const char *id);
void store_key_bytes(struct store_key *k, const void *data, size_t len); /* not personal: scope ids, hashes */
void store_key_u64(struct store_key *k, uint64_t n);                     /* big-endian: sorts by number */

/* The number in the last eight bytes, as store_key_u64 put it; 0 when there are fewer. */
uint64_t store_key_number(const struct store_key *k);

#endif
