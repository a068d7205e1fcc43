/*
 * hash.c - SHA-256 and HMAC by OpenSSL 3's provider interface.
 *
 * Algorithms are fetched once per process: an implicit fetch by name at each call costs more than a short hash.
 */
#include "base/hash.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static struct {
	EVP_MD *sha256;
	EVP_MAC *hmac;
	EVP_MAC_CTX *hmac_sha256; /* never used itself: each HMAC starts from a copy */
} algorithms;

static void
must(bool done)
{
	if (!done)
		abort();
}

static void
algorithms_free(void)
{
	EVP_MAC_CTX_free(algorithms.hmac_sha256);
	EVP_MAC_free(algorithms.hmac);
	EVP_MD_free(algorithms.sha256);
}

static void
algorithms_fetch(void)
{
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	must((algorithms.sha256 = EVP_MD_fetch(NULL, digest, NULL)) != NULL);
	must((algorithms.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL)) != NULL);
	must((algorithms.hmac_sha256 = EVP_MAC_CTX_new(algorithms.hmac)) != NULL);
	must(EVP_MAC_CTX_set_params(algorithms.hmac_sha256, params) == 1);
	(void)OPENSSL_atexit(algorithms_free);
}

static void
algorithms_need(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	must(pthread_once(&once, algorithms_fetch) == 0);
}

void
sha256(const struct span *parts, size_t count, uint8_t ret[HASH_LEN])
{
	EVP_MD_CTX *ctx;

	algorithms_need();
	must((ctx = EVP_MD_CTX_new()) != NULL);
	must(EVP_DigestInit_ex2(ctx, algorithms.sha256, NULL) == 1);
	for (size_t i = 0; i < count; i++)
		must(EVP_DigestUpdate(ctx, parts[i].data, parts[i].len) == 1);
	must(EVP_DigestFinal_ex(ctx, ret, NULL) == 1);
	EVP_MD_CTX_free(ctx);
}

void
hmac_sha256(const void *key, size_t key_len, const struct span *parts, size_t count, uint8_t ret[HASH_LEN])
{
	EVP_MAC_CTX *ctx;
	size_t ret_len;

	algorithms_need();
	must((ctx = EVP_MAC_CTX_dup(algorithms.hmac_sha256)) != NULL);
	must(EVP_MAC_init(ctx, key, key_len, NULL) == 1);
	for (size_t i = 0; i < count; i++)
		must(EVP_MAC_update(ctx, parts[i].data, parts[i].len) == 1);
	must(EVP_MAC_final(ctx, ret, &ret_len, HASH_LEN) == 1);
	EVP_MAC_CTX_free(ctx);
}

/* RFC 5869 with L = 32: extract under a salt of zeros, then one block of expand. */
void
key_derive(const struct key32 *master, const char *label, struct key32 *ret)
{
	static const uint8_t no_salt[HASH_LEN];
	const uint8_t first_block = 1;
	uint8_t pseudorandom[HASH_LEN];

	hmac_sha256(no_salt, sizeof(no_salt), &(struct span){ master->b, sizeof(master->b) }, 1, pseudorandom);
	hmac_sha256(pseudorandom, sizeof(pseudorandom), (const struct span[]){ { label, strlen(label) }, { &first_block, 1 } }, 2,
	    ret->b);
	secret_wipe(pseudorandom, sizeof(pseudorandom));
}

bool
hash_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

void
secret_wipe(void *data, size_t len)
{
	OPENSSL_cleanse(data, len);
}
