/* Hashes: published vectors, and OpenSSL's one-shot calls on random input cut into parts. */
#include "base/hash.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <pthread.h>
#include <string.h>

#include "base/encode.h"
#include "unit/base/check.h"
#include "unit/base/seed.h"

static void
assert_hex(const uint8_t hash[HASH_LEN], const char *expected)
{
	char hex[2 * HASH_LEN + 1];

	hex_encode(hash, HASH_LEN, hex);
	assert_string_equal(hex, expected);
}

/* FIPS 180-2 appendix B; RFC 4231 test cases 1 and 2. */
static void
known_answers(void **state)
{
	uint8_t hash[HASH_LEN], key[20];

	(void)state;
	sha256(&(struct span){ "abc", 3 }, 1, hash);
	assert_hex(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256(NULL, 0, hash);
	assert_hex(hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	memset(key, 0x0b, sizeof(key));
	hmac_sha256(key, sizeof(key), &(struct span){ "Hi There", 8 }, 1, hash);
	assert_hex(hash, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	hmac_sha256("Jefe", 4, (const struct span[]){ { "what do ya want ", 16 }, { "for nothing?", 12 } }, 2, hash);
	assert_hex(hash, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void
parts_make_no_difference(void **state)
{
	struct rng rng = test_rng("hash");

	(void)state;
	for (int round = 0; round < 300; round++) {
		uint8_t data[300], key[100], ours[HASH_LEN], theirs[HASH_LEN];
		size_t len = rng_below(&rng, sizeof(data)), cut = rng_below(&rng, len + 1),
		       key_len = 1 + rng_below(&rng, sizeof(key));
		const struct span parts[] = { { data, cut }, { data, 0 }, { data + cut, len - cut } };

		rng_bytes(&rng, data, len);
		rng_bytes(&rng, key, key_len);
		sha256(parts, 3, ours);
		assert_int_equal(EVP_Digest(data, len, theirs, NULL, EVP_sha256(), NULL), 1);
		assert_memory_equal(ours, theirs, HASH_LEN);
		hmac_sha256(key, key_len, parts, 3, ours);
		assert_non_null(HMAC(EVP_sha256(), key, (int)key_len, data, len, theirs, NULL));
		assert_memory_equal(ours, theirs, HASH_LEN);
	}
}

static void
derivation_is_hkdf(void **state)
{
	struct rng rng = test_rng("hkdf");
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	struct key32 master, ours;
	char digest[] = "SHA256", label[] = "inbox seal v1";
	uint8_t theirs[32];

	(void)state;
	for (int round = 0; round < 20; round++) {
		OSSL_PARAM params[] = {
			OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
			OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, master.b, sizeof(master.b)),
			OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, label, strlen(label)),
			OSSL_PARAM_construct_end(),
		};

		rng_bytes(&rng, master.b, sizeof(master.b));
		key_derive(&master, label, &ours);
		assert_int_equal(EVP_KDF_derive(ctx, theirs, sizeof(theirs), params), 1);
		assert_memory_equal(ours.b, theirs, sizeof(theirs));
		EVP_KDF_CTX_reset(ctx);
	}
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

static void *
hash_often(void *arg)
{
	uint8_t hash[HASH_LEN], first[HASH_LEN];

	hmac_sha256("k", 1, &(struct span){ arg, strlen(arg) }, 1, first);
	for (int i = 0; i < 200; i++) {
		hmac_sha256("k", 1, &(struct span){ arg, strlen(arg) }, 1, hash);
		if (!hash_equal(first, hash, HASH_LEN))
			return arg;
	}
	return NULL;
}

static void
threads_do_not_disturb_each_other(void **state)
{
	static char names[4][8] = { "one", "two", "three", "four" };
	pthread_t threads[4];
	void *failed;

	(void)state;
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hash_often, names[i]), 0);
	for (size_t i = 0; i < COUNT(threads); i++) {
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
}

static void
compares_and_wipes(void **state)
{
	uint8_t a[4] = { 1, 2, 3, 4 }, b[4] = { 1, 2, 3, 5 };

	(void)state;
	assert_false(hash_equal(a, b, 4));
	assert_true(hash_equal(a, b, 3));
	secret_wipe(a, sizeof(a));
	assert_memory_equal(a, "\0\0\0\0", 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers),
		cmocka_unit_test(parts_make_no_difference),
		cmocka_unit_test(derivation_is_hkdf),
		cmocka_unit_test(threads_do_not_disturb_each_other),
		cmocka_unit_test(compares_and_wipes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
