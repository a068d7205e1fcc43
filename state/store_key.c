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

static void
id_hash(const struct store *s, const char *kind, const char *id, uint8_t ret[KEY_OWNER_LEN])
{
	struct span parts[] = { { kind, strlen(kind) + 1 }, { id, strlen(id) } };
	uint8_t hash[HASH_LEN];

	hmac_sha256(&s->index_key, sizeof(s->index_key), parts, 2, hash);
	memcpy(ret, hash, KEY_OWNER_LEN);
}

/* The slot where it is or may be put; FNV-1a. */
static struct store_hashed_id *
hashed_slot(const struct store *s, const uint8_t *text, size_t len)
{
	uint32_t h = 0x811c9dc5u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ text[i]) * 0x01000193u;
	return &s->hashed_ids[(h ^ h >> 16) % STORE_HASHED_IDS];
}

void
store_key_id(const struct store *s, struct store_key *k, const char *kind, const char *id)
{
	size_t kind_len = strlen(kind) + 1, len = kind_len + strlen(id);
	uint8_t text[STORE_ID_LEN], hash[KEY_OWNER_LEN];
	struct store_hashed_id *slot;

	if (len > sizeof(text)) {
		id_hash(s, kind, id, hash);
		store_key_bytes(k, hash, sizeof(hash));
		return;
	}
	memcpy(text, kind, kind_len);
	memcpy(text + kind_len, id, len - kind_len);
	slot = hashed_slot(s, text, len);
	if (slot->len != len || memcmp(slot->text, text, len) != 0) {
		id_hash(s, kind, id, slot->hash);
		memcpy(slot->text, text, len);
		slot->len = (uint8_t)len;
	}
	store_key_bytes(k, slot->hash, sizeof(slot->hash));
}
