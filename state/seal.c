/*
 * seal.c - one cipher context a direction, keyed once and given a new nonce for each value: keying costs more than a short value.
 * OpenSSL's generator costs nearly the same for many bytes as for few: nonces are drawn some at a time.
 */
#include "state/seal.h"
#include "base/big_endian.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#define NONCE_LEN 12
#define TAG_LEN   16
#define DRAWN     (16 * NONCE_LEN) /* at a time */

_Static_assert(SEAL_OVERHEAD == 2 + NONCE_LEN + TAG_LEN, "the first layout and its announced size");
_Static_assert(SEAL_OVERHEAD_MAX == 5 + NONCE_LEN + TAG_LEN, "the second layout and its announced size");

struct seal {
	EVP_CIPHER_CTX *in, *out;
	uint32_t id;
	bool first; /* writes the first layout */
	uint8_t drawn[DRAWN];
	size_t drawn_left; /* the last so many bytes of it were not used yet */
	unsigned forks;    /* when they were drawn */
};

/* How often this process was made by fork(): what was drawn before it is the parent's. */
static atomic_uint forks;

static void
on_fork(void)
{
	atomic_fetch_add(&forks, 1);
}

static void
watch_forks(void)
{
	(void)pthread_atfork(NULL, NULL, on_fork);
}

/* Length of the header before the nonce, by layout; 0: no layout of ours. */
static size_t
header_len(const uint8_t *sealed, size_t len)
{
	size_t header = len == 0 ? 0 : sealed[0] == 1 ? 2 : sealed[0] == 2 ? 5 : 0;

	return header > 0 && len >= header + NONCE_LEN + TAG_LEN ? header : 0;
}

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

static enum err
make(const struct key32 *key, uint32_t id, bool first, struct seal **ret)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct seal *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return ERR_NOMEM;
	(void)pthread_once(&once, watch_forks);
	s->id = id;
	s->first = first;
	s->in = context_new(key, 1);
	s->out = context_new(key, 0);
	if (s->in == NULL || s->out == NULL) {
		seal_free(s);
		return ERR_NOMEM;
	}
	*ret = s;
	return ERR_OK;
}

enum err
seal_new(const struct key32 *master, const char *label, struct seal **ret)
{
	struct key32 key;
	enum err e;

	key_derive(master, label, &key);
	e = make(&key, SEAL_ID_FIRST, true, ret);
	secret_wipe(&key, sizeof(key));
	return e;
}

enum err
seal_new_id(const struct key32 *key, uint32_t id, struct seal **ret)
{
	return make(key, id, false, ret);
}

size_t
seal_overhead(const struct seal *s)
{
	return s->first ? SEAL_OVERHEAD : SEAL_OVERHEAD_MAX;
}

uint32_t
seal_key_id(const void *sealed, size_t sealed_len)
{
	const uint8_t *in = sealed;

	switch (header_len(in, sealed_len)) {
	case 2: return in[1];
	case 5: return big_endian_get_u32(in + 1);
	default: return 0;
	}
}

static size_t
header_write(const struct seal *s, uint8_t *ret)
{
	if (s->first) {
		ret[0] = 1;
		ret[1] = SEAL_ID_FIRST;
		return 2;
	}
	ret[0] = 2;
	big_endian_put_u32(ret + 1, s->id);
	return 5;
}

void
seal_free(struct seal *s)
{
	if (s == NULL)
		return;
	EVP_CIPHER_CTX_free(s->in); /* wipes the key schedule */
	EVP_CIPHER_CTX_free(s->out);
	secret_wipe(s, sizeof(*s));
	free(s);
}

/* One that no value was sealed with, in no process. */
static bool
nonce_take(struct seal *s, uint8_t ret[NONCE_LEN])
{
	uint8_t *next;

	if (s->forks != atomic_load_explicit(&forks, memory_order_relaxed))
		s->drawn_left = 0;
	if (s->drawn_left == 0) {
		if (RAND_bytes(s->drawn, DRAWN) != 1)
			return false;
		s->drawn_left = DRAWN;
		s->forks = atomic_load_explicit(&forks, memory_order_relaxed);
	}
	next = s->drawn + DRAWN - s->drawn_left;
	memcpy(ret, next, NONCE_LEN);
	secret_wipe(next, NONCE_LEN);
	s->drawn_left -= NONCE_LEN;
	return true;
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
	size_t header = header_write(s, ret);
	uint8_t *nonce = ret + header, *tag = nonce + NONCE_LEN, *text = tag + TAG_LEN;
	int n, last;

	if (plain_len > INT_MAX)
		return ERR_TOOBIG;
	if (!nonce_take(s, nonce))
		return ERR_IO;
	if (!begin(s->in, 1, nonce, place) || EVP_CipherUpdate(s->in, text, &n, plain, (int)plain_len) != 1 ||
	    EVP_CipherFinal_ex(s->in, text + n, &last) != 1 ||
	    EVP_CIPHER_CTX_ctrl(s->in, EVP_CTRL_GCM_GET_TAG, TAG_LEN, tag) != 1)
		return ERR_IO;
	return ERR_OK;
}

enum err
seal_unwrap(struct seal *s, const struct seal_place *place, const void *sealed, size_t sealed_len, uint8_t *ret, size_t *ret_len)
{
	const uint8_t *in = sealed;
	size_t header = header_len(in, sealed_len), text_at = header + NONCE_LEN + TAG_LEN;
	uint8_t tag[TAG_LEN];
	int n, last;

	if (header == 0 || sealed_len > INT_MAX || seal_key_id(sealed, sealed_len) != s->id || (s->first && header != 2))
		return ERR_CORRUPT;
	memcpy(tag, in + header + NONCE_LEN, TAG_LEN); /* the call below wants it writable */
	if (!begin(s->out, 0, in + header, place) ||
	    EVP_CipherUpdate(s->out, ret, &n, in + text_at, (int)(sealed_len - text_at)) != 1 ||
	    EVP_CIPHER_CTX_ctrl(s->out, EVP_CTRL_GCM_SET_TAG, TAG_LEN, tag) != 1 ||
	    EVP_CipherFinal_ex(s->out, ret + n, &last) != 1) {
		secret_wipe(ret, sealed_len - text_at); /* nobody may read what was not proved */
		return ERR_CORRUPT;
	}
	*ret_len = sealed_len - text_at;
	return ERR_OK;
}
