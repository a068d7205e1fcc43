/*
 * seal.c - one cipher context a direction, keyed once and given a new nonce for each value: keying costs more than a short value.
 */
#include "state/seal.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#define SEAL_VERSION 1
#define SEAL_KEY_ID  1
#define NONCE_LEN    12
#define TAG_LEN      16
#define NONCE_AT     2
#define TAG_AT       (NONCE_AT + NONCE_LEN)
#define TEXT_AT      (TAG_AT + TAG_LEN)

_Static_assert(TEXT_AT == SEAL_OVERHEAD, "the layout and its announced size");

struct seal {
	EVP_CIPHER_CTX *in, *out;
};

static EVP_CIPHER_CTX *
context_new(const struct key32 *key, int encrypt)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	/* GCM's default nonce length is the 12 bytes we use. */
	if (ctx != NULL && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->b, NULL, encrypt) != 1) {
		EVP_CIPHER_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

enum err
seal_new(const struct key32 *master, const char *label, struct seal **ret)
{
	struct key32 key;
	struct seal *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return ERR_NOMEM;
	key_derive(master, label, &key);
	s->in = context_new(&key, 1);
	s->out = context_new(&key, 0);
	secret_wipe(&key, sizeof(key));
	if (s->in == NULL || s->out == NULL) {
		seal_free(s);
		return ERR_NOMEM;
	}
	*ret = s;
	return ERR_OK;
}

void
seal_free(struct seal *s)
{
	if (s == NULL)
		return;
	EVP_CIPHER_CTX_free(s->in); /* wipes the key schedule */
	EVP_CIPHER_CTX_free(s->out);
	free(s);
}

/* Sets the nonce and feeds the AAD. */
static bool
begin(EVP_CIPHER_CTX *ctx, int encrypt, const uint8_t *nonce, const struct seal_place *place)
{
	int n;

	return place->key_len <= INT_MAX && EVP_CipherInit_ex(ctx, NULL, NULL, NULL, nonce, encrypt) == 1 &&
	       EVP_CipherUpdate(ctx, NULL, &n, (const uint8_t *)place->table, (int)strlen(place->table) + 1) == 1 &&
	       EVP_CipherUpdate(ctx, NULL, &n, place->key, (int)place->key_len) == 1;
}

enum err
seal_wrap(struct seal *s, const struct seal_place *place, const void *plain, size_t plain_len, uint8_t *ret)
{
	int n, last;

	if (plain_len > INT_MAX)
		return ERR_TOOBIG;
	ret[0] = SEAL_VERSION;
	ret[1] = SEAL_KEY_ID;
	if (RAND_bytes(ret + NONCE_AT, NONCE_LEN) != 1)
		return ERR_IO;
	if (!begin(s->in, 1, ret + NONCE_AT, place) || EVP_CipherUpdate(s->in, ret + TEXT_AT, &n, plain, (int)plain_len) != 1 ||
	    EVP_CipherFinal_ex(s->in, ret + TEXT_AT + n, &last) != 1 ||
	    EVP_CIPHER_CTX_ctrl(s->in, EVP_CTRL_GCM_GET_TAG, TAG_LEN, ret + TAG_AT) != 1)
		return ERR_IO;
	return ERR_OK;
}

enum err
seal_unwrap(struct seal *s, const struct seal_place *place, const void *sealed, size_t sealed_len, uint8_t *ret, size_t *ret_len)
{
	const uint8_t *in = sealed;
	uint8_t tag[TAG_LEN];
	int n, last;

	if (sealed_len < SEAL_OVERHEAD || sealed_len > INT_MAX || in[0] != SEAL_VERSION || in[1] != SEAL_KEY_ID)
		return ERR_CORRUPT;
	memcpy(tag, in + TAG_AT, TAG_LEN); /* the call below wants it writable */
	if (!begin(s->out, 0, in + NONCE_AT, place) ||
	    EVP_CipherUpdate(s->out, ret, &n, in + TEXT_AT, (int)(sealed_len - TEXT_AT)) != 1 ||
	    EVP_CIPHER_CTX_ctrl(s->out, EVP_CTRL_GCM_SET_TAG, TAG_LEN, tag) != 1 ||
	    EVP_CipherFinal_ex(s->out, ret + n, &last) != 1) {
		secret_wipe(ret, sealed_len - TEXT_AT); /* nobody may read what was not proved */
		return ERR_CORRUPT;
	}
	*ret_len = sealed_len - TEXT_AT;
	return ERR_OK;
}
