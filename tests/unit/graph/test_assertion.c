/* Client assertions: what a certificate file must hold, what the JWT says, that the signature is good. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/encode.h"
#include "base/json.h"
#include "base/random.h"
#include "graph/assertion.h"
#include "unit/graph/pem.h"

#define NOW_S    INT64_C(1795000000)
#define CLIENT   "3d1f0a58-4f0c-4d38-9a3e-6f1d1c2b7e90"
#define AUDIENCE "https://login.example.test/t/oauth2/v2.0/token"

static EVP_PKEY *rsa, *other, *weak, *ec;

static int
make_keys(void **state)
{
	(void)state;
	rsa = EVP_RSA_gen(2048);
	other = EVP_RSA_gen(2048);
	weak = EVP_RSA_gen(1024);
	ec = EVP_EC_gen("P-256");
	return rsa == NULL || other == NULL || weak == NULL || ec == NULL;
}

static int
free_keys(void **state)
{
	(void)state;
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(other);
	EVP_PKEY_free(weak);
	EVP_PKEY_free(ec);
	return 0;
}

static enum err
read_pair(const char *certificate, const char *key, enum graph_algorithm algorithm, struct graph_certificate **ret, char why[400])
{
	struct pem_file c, k;
	enum err e;

	pem_file_make(&c, certificate);
	pem_file_make(&k, key);
	*ret = NULL;
	e = graph_certificate_read(c.path, k.path, algorithm, NOW_S, ret, why, 400);
	assert_int_equal(e == ERR_OK, *ret != NULL);
	if (e != ERR_OK && e != ERR_NOMEM)
		assert_true(strstr(why, c.path) != NULL || strstr(why, k.path) != NULL);
	assert_int_equal(ERR_peek_error(), 0);
	pem_file_done(&c);
	pem_file_done(&k);
	return e;
}

static void
refuses_what_cannot_sign_in(void **state)
{
	const struct {
		const char *why;
		EVP_PKEY *certified, *key;
		int64_t from_s, until_s;
		enum err err;
		const char *says;
	} cases[] = {
		{ "good", rsa, rsa, NOW_S - 10, NOW_S + 86400, ERR_OK, "" },
		{ "of another key", rsa, other, NOW_S - 10, NOW_S + 86400, ERR_INVALID, "is not the key of" },
		{ "elliptic", ec, ec, NOW_S - 10, NOW_S + 86400, ERR_INVALID, "not an RSA key" },
		{ "weak", weak, weak, NOW_S - 10, NOW_S + 86400, ERR_INVALID, "has 1024 bits; make an RSA key of 2048" },
		{ "expired", rsa, rsa, NOW_S - 86400, NOW_S, ERR_INVALID, "make a new certificate and upload it" },
		{ "its last second", rsa, rsa, NOW_S - 86400, NOW_S + 1, ERR_OK, "" },
		{ "of tomorrow", rsa, rsa, NOW_S + 86400, NOW_S + 2 * 86400, ERR_INVALID, "check this machine's clock" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *certificate = pem_certificate(cases[i].certified, cases[i].from_s, cases[i].until_s);
		char *key = pem_key(cases[i].key, NULL);
		struct graph_certificate *c;
		char why[400] = "";
		enum err e = read_pair(certificate, key, GRAPH_PS256, &c, why);

		if (e != cases[i].err || strstr(why, cases[i].says) == NULL)
			fail_msg("%s: %s: %s", cases[i].why, err_name(e), why);
		if (e == ERR_OK)
			assert_int_equal(graph_certificate_expires_s(c), cases[i].until_s);
		graph_certificate_free(c);
		free(certificate);
		free(key);
	}
}

static void
refuses_what_is_no_pem(void **state)
{
	char *certificate = pem_certificate(rsa, NOW_S - 10, NOW_S + 10), *key = pem_key(rsa, NULL);
	char *locked = pem_key(rsa, "a passphrase"), *huge = malloc(GRAPH_PEM_MAX + 2), why[400];
	struct graph_certificate *c;

	(void)state;
	memset(huge, 'A', GRAPH_PEM_MAX + 1);
	huge[GRAPH_PEM_MAX + 1] = '\0';
	assert_int_equal(read_pair("", key, GRAPH_PS256, &c, why), ERR_MALFORMED);
	assert_int_equal(read_pair(key, key, GRAPH_PS256, &c, why), ERR_MALFORMED);
	assert_non_null(strstr(why, "holds no certificate"));
	assert_int_equal(read_pair(certificate, certificate, GRAPH_PS256, &c, why), ERR_MALFORMED);
	assert_non_null(strstr(why, "holds no private key"));
	assert_int_equal(read_pair(certificate, locked, GRAPH_PS256, &c, why), ERR_INVALID);
	assert_non_null(strstr(why, "has a passphrase"));
	assert_int_equal(read_pair(certificate, huge, GRAPH_PS256, &c, why), ERR_TOOBIG);
	assert_int_equal(
	    graph_certificate_read("/nowhere/client.pem", "/nowhere/client.key", GRAPH_PS256, NOW_S, &c, why, sizeof(why)),
	    ERR_NOTFOUND);
	assert_non_null(strstr(why, "/nowhere/client.pem"));
	free(certificate);
	free(key);
	free(locked);
	free(huge);
}

/* Damage anywhere in the files is refused or harmless, never a crash; what is accepted can sign. */
static void
survives_damaged_files(void **state)
{
	char *certificate = pem_certificate(rsa, NOW_S - 10, NOW_S + 10), *key = pem_key(rsa, NULL);
	const char *given = getenv("ERGSYNC_TEST_SEED");
	uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : 20261122;
	struct rng rng = rng_seeded(seed);

	(void)state;
	print_message("seed %llu\n", (unsigned long long)seed);
	for (int i = 0; i < 150; i++) {
		char *c_text = strdup(certificate), *k_text = strdup(key), why[400];
		char *victim = rng_below(&rng, 2) == 0 ? c_text : k_text;
		size_t len = strlen(victim);
		struct graph_certificate *c;
		struct text t;

		for (uint64_t n = 1 + rng_below(&rng, 3); n > 0; n--)
			victim[rng_below(&rng, len)] = (char)(1 + rng_below(&rng, 255));
		if (rng_below(&rng, 4) == 0)
			victim[rng_below(&rng, len)] = '\0';
		if (read_pair(c_text, k_text, GRAPH_PS256, &c, why) == ERR_OK) {
			text_init(&t, GRAPH_ASSERTION_MAX);
			assert_int_equal(graph_assertion_make(&t, c, CLIENT, AUDIENCE, "j", NOW_S), ERR_OK);
			text_done(&t);
			graph_certificate_free(c);
		}
		free(c_text);
		free(k_text);
	}
	free(certificate);
	free(key);
}

static json_t *
part(const char *jwt, int n)
{
	uint8_t plain[2048];
	json_t *json = NULL;
	size_t len;

	for (; n > 0; n--)
		jwt = strchr(jwt, '.') + 1;
	assert_int_equal(base64url_decode(jwt, strcspn(jwt, "."), plain, &len), ERR_OK);
	assert_int_equal(jx_parse((const char *)plain, len, &json, NULL, 0), ERR_OK);
	return json;
}

static bool
verifies(const char *jwt, EVP_PKEY *key, int padding)
{
	const char *dot = strrchr(jwt, '.');
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pk;
	uint8_t signature[1200];
	size_t len;
	bool good;

	assert_int_equal(base64url_decode(dot + 1, strlen(dot + 1), signature, &len), ERR_OK);
	assert_int_equal(EVP_DigestVerifyInit(ctx, &pk, EVP_sha256(), NULL, key), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pk, padding), 1);
	if (padding == RSA_PKCS1_PSS_PADDING) /* exactly the digest's length, not "whatever it was" */
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(pk, 32), 1);
	good = EVP_DigestVerify(ctx, signature, len, (const uint8_t *)jwt, (size_t)(dot - jwt)) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return good;
}

/* The thumbprint as openssl x509 -fingerprint would compute it. */
static void
thumbprint(const char *certificate, const EVP_MD *digest, char ret[64])
{
	BIO *bio = BIO_new_mem_buf(certificate, -1);
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	uint8_t *der = NULL, hash[EVP_MAX_MD_SIZE];
	int len = i2d_X509(x, &der);
	unsigned hash_len;

	assert_int_equal(EVP_Digest(der, (size_t)len, hash, &hash_len, digest, NULL), 1);
	base64url_encode(hash, hash_len, ret);
	OPENSSL_free(der);
	X509_free(x);
	BIO_free(bio);
}

static void
says_what_facts_1_2_want(void **state)
{
	static const struct {
		enum graph_algorithm algorithm;
		const char *name, *header, *other_header;
		int padding, other_padding;
	} cases[] = {
		{ GRAPH_PS256, "PS256", "x5t#S256", "x5t", RSA_PKCS1_PSS_PADDING, RSA_PKCS1_PADDING },
		{ GRAPH_RS256, "RS256", "x5t", "x5t#S256", RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING },
	};
	char *certificate = pem_certificate(rsa, NOW_S - 10, NOW_S + 86400), *key = pem_key(rsa, NULL);

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct graph_certificate *c;
		json_t *header, *claims;
		char why[400], print[64];
		struct text t;

		assert_int_equal(read_pair(certificate, key, cases[i].algorithm, &c, why), ERR_OK);
		text_init(&t, GRAPH_ASSERTION_MAX);
		assert_int_equal(graph_assertion_make(&t, c, CLIENT, AUDIENCE, "one of a kind", NOW_S), ERR_OK);
		header = part(t.data, 0);
		assert_int_equal(json_object_size(header), 3);
		assert_string_equal(jx_get_str(header, "alg"), cases[i].name);
		assert_string_equal(jx_get_str(header, "typ"), "JWT");
		thumbprint(certificate, cases[i].algorithm == GRAPH_PS256 ? EVP_sha256() : EVP_sha1(), print);
		assert_string_equal(jx_get_str(header, cases[i].header), print);
		assert_null(json_object_get(header, cases[i].other_header));
		claims = part(t.data, 1);
		assert_int_equal(json_object_size(claims), 7);
		assert_string_equal(jx_get_str(claims, "aud"), AUDIENCE);
		assert_string_equal(jx_get_str(claims, "iss"), CLIENT);
		assert_string_equal(jx_get_str(claims, "sub"), CLIENT);
		assert_string_equal(jx_get_str(claims, "jti"), "one of a kind");
		assert_int_equal(jx_get_int(claims, "nbf", 0), NOW_S);
		assert_int_equal(jx_get_int(claims, "iat", 0), NOW_S);
		assert_int_equal(jx_get_int(claims, "exp", 0), NOW_S + 600);
		assert_true(verifies(t.data, rsa, cases[i].padding));
		assert_false(verifies(t.data, rsa, cases[i].other_padding));
		assert_false(verifies(t.data, other, cases[i].padding));
		t.data[20] ^= 1;
		assert_false(verifies(t.data, rsa, cases[i].padding));
		json_decref(header);
		json_decref(claims);
		text_done(&t);
		graph_certificate_free(c);
	}
	free(certificate);
	free(key);
}

static void
is_bounded_and_shared(void **state)
{
	char *certificate = pem_certificate(rsa, NOW_S - 10, NOW_S + 10), *key = pem_key(rsa, NULL), why[400];
	char *long_name = malloc(GRAPH_ASSERTION_MAX + 1);
	struct graph_certificate *c, *again;
	struct text t;

	(void)state;
	memset(long_name, 'x', GRAPH_ASSERTION_MAX);
	long_name[GRAPH_ASSERTION_MAX] = '\0';
	assert_int_equal(read_pair(certificate, key, GRAPH_PS256, &c, why), ERR_OK);
	again = graph_certificate_share(c);
	graph_certificate_free(c);
	text_init(&t, GRAPH_ASSERTION_MAX);
	assert_int_equal(graph_assertion_make(&t, again, long_name, AUDIENCE, "j", NOW_S), ERR_TOOBIG);
	text_reset(&t);
	assert_int_equal(graph_assertion_make(&t, again, "no\xffutf-8", AUDIENCE, "j", NOW_S), ERR_INVALID);
	text_reset(&t);
	assert_int_equal(graph_assertion_make(&t, again, CLIENT, AUDIENCE, "j", NOW_S), ERR_OK);
	assert_true(verifies(t.data, rsa, RSA_PKCS1_PSS_PADDING));
	text_done(&t);
	graph_certificate_free(again);
	graph_certificate_free(NULL);
	assert_null(graph_certificate_share(NULL));
	free(long_name);
	free(certificate);
	free(key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_what_cannot_sign_in),
		cmocka_unit_test(refuses_what_is_no_pem),
		cmocka_unit_test(survives_damaged_files),
		cmocka_unit_test(says_what_facts_1_2_want),
		cmocka_unit_test(is_bounded_and_shared),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
