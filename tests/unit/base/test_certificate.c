/* What is said of certificates that work, and which are too weak to be used: all of it, not the first only. */
#include "base/certificate.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "unit/base/check.h"

#define DAY ((int64_t)86400)
#define NOW ((int64_t)1795000000)
#define URL "https://hooks.example.org:8443/x"

static void
name_set(X509_NAME *name, const char *common)
{
	assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)common, -1, -1, 0), 1);
}

static void
alternative_add(X509 *x, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, value);

	assert_non_null(extension);
	assert_int_equal(X509_add_ext(x, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

/* Subject and issuer by name; signed by signer. Give. */
static X509 *
certificate(const char *subject, EVP_PKEY *key, const char *issuer, EVP_PKEY *signer, const EVP_MD *hash, int64_t end_s)
{
	X509 *x = X509_new();

	assert_non_null(x);
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	name_set(X509_get_subject_name(x), subject);
	name_set(X509_get_issuer_name(x), issuer);
	ASN1_TIME_set(X509_getm_notBefore(x), (time_t)(NOW - DAY));
	ASN1_TIME_set(X509_getm_notAfter(x), (time_t)end_s);
	X509_set_pubkey(x, key);
	alternative_add(x, "DNS:hooks.example.org,IP:192.0.2.7");
	assert_true(X509_sign(x, signer, hash) > 0);
	return x;
}

static const struct {
	const char *why, *url, *chain; /* i: an intermediate, o: another's, e: one that ends soon */
	bool self_signed;
	int64_t life_s;
	const char *said[4];
} cases[] = {
	{ "good", URL, "i", false, 60 * DAY, { NULL } },
	{ "by address", "https://192.0.2.7", "i", false, 60 * DAY, { NULL } },
	{ "of nobody's endpoint", NULL, "", true, 60 * DAY, { NULL } },
	{ "expires soon", URL, "i", false, 20 * DAY, { "the certificate expires on 2026-12-" } },
	{ "another name", "https://other.example.org", "i", false, 60 * DAY, { "does not name other.example.org" } },
	{ "another address", "https://[2001:db8::1]:8443", "i", false, 60 * DAY, { "does not name 2001:db8::1" } },
	{ "self-signed", URL, "", true, 60 * DAY, { "is self-signed" } },
	{ "no chain", URL, "", false, 60 * DAY, { "no intermediate" } },
	{ "another's chain", URL, "o", false, 60 * DAY, { "certificate 2 of the file has not issued" } },
	{ "more behind it", URL, "io", false, 60 * DAY, { "certificate 3 of the file has not issued" } },
	{ "chain ends soon", URL, "e", false, 60 * DAY, { "a certificate of its chain expires on" } },
	{ "all at once", "https://other.example.org", "", false, 20 * DAY, { "expires on", "does not name", "no intermediate" } },
};

static void
all_doubts_are_told(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256"), *authority = EVP_EC_gen("P-256");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool self = cases[i].self_signed;
		X509 *leaf = certificate(
		    "leaf", key, self ? "leaf" : "between", self ? key : authority, EVP_sha256(), NOW + cases[i].life_s);
		STACK_OF(X509) *chain = sk_X509_new_null();
		struct certificate_doubts doubts;
		size_t count = 0;

		for (const char *c = cases[i].chain; *c != '\0'; c++)
			sk_X509_push(chain, certificate(*c == 'o' ? "stranger" : "between", authority, "root", authority,
			                        EVP_sha256(), NOW + (*c == 'e' ? 2 * DAY : 900 * DAY)));
		certificate_doubts_find(leaf, chain, cases[i].url, NOW, &doubts);
		for (; count < 4 && cases[i].said[count] != NULL; count++)
			if (count >= doubts.count || strstr(doubts.text[count], cases[i].said[count]) == NULL)
				fail_msg("%s: not told: %s", cases[i].why, cases[i].said[count]);
		if (doubts.count != count)
			fail_msg("%s: told besides: %s", cases[i].why, doubts.text[count]);
		sk_X509_pop_free(chain, X509_free);
		X509_free(leaf);
	}
	EVP_PKEY_free(key);
	EVP_PKEY_free(authority);
}

static void
weak_ones_are_refused(void **state)
{
	EVP_PKEY *weak = EVP_RSA_gen(1024), *good = EVP_RSA_gen(2048), *curve = EVP_EC_gen("P-256");
	const struct {
		EVP_PKEY *key;
		const EVP_MD *hash;
		const char *said;
	} keys[] = {
		{ weak, EVP_sha256(), "too weak (1024 bits)" },
		{ good, EVP_sha1(), "hash" },
		{ good, EVP_sha256(), NULL },
		{ curve, EVP_sha256(), NULL },
	};
	char why[256];

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		X509 *x = certificate("leaf", keys[i].key, "leaf", keys[i].key, keys[i].hash, NOW + 60 * DAY);

		assert_int_equal(certificate_is_strong(x, why, sizeof(why)), keys[i].said == NULL);
		if (keys[i].said != NULL)
			assert_non_null(strstr(why, keys[i].said));
		X509_free(x);
	}
	EVP_PKEY_free(weak);
	EVP_PKEY_free(good);
	EVP_PKEY_free(curve);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_doubts_are_told),
		cmocka_unit_test(weak_ones_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
