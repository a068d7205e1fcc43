#include "state/store_key.h"

#include <assert.h>
#include <string.h>

#include "base/big_endian.h"
#include "state/keyring.h"
#include "state/store_parts.h"

void
store_key_init(struct store_key *k)
{
	memset(k, 0, sizeof(*k));
}

void
store_key_bytes(struct store_key *k, const void *data, size_t len)
{
	assert(len <= sizeof(k->b) - k->len); /* callers add parts of fixed length */

	memcpy(k->b + k->len, data, len);
	k->len = (uint8_t)(k->len + len);
}

void
store_key_u64(struct store_key *k, uint64_t n)
{
	uint8_t b[8];

	big_endian_put_u64(b, n);
	store_key_bytes(k, b, sizeof(b));
}

uint64_t
store_key_number(const struct store_key *k)
{
	return k->len < 8 ? 0 : big_endian_get_u64(k->b + k->len - 8);
}

void
store_key_id(const struct store *s, struct store_key *k, const char *kind, const char *id)
{
	struct span parts[] = { { kind, strlen(kind) + 1 }, { id, strlen(id) } };
	uint8_t hash[HASH_LEN];

	hmac_sha256(&s->index_key, sizeof(s->index_key), parts, 2, hash);
	store_key_bytes(k, hash, KEY_OWNER_LEN);
}
