/* Which certificates are taken, and what is said of the others. */
#include "listener/tls.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define DAY ((int64_t)86400)

static char folder[] = "/tmp/ergsync-tls-XXXXXX";
static char certificate[64], key_file[64], other_key[64];
static int64_t now;

static void
add_name(X509 *x, const char *name)
{
	X509_EXTENSION *extension;
	X509V3_CTX ctx;
	char value[128];

	(void)snprintf(value, sizeof(value), "DNS:%s", name);
	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_alt_name, value);
	assert_non_null(extension);
	assert_int_equal(X509_add_ext(x, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static void
write_key(const char *path, EVP_PKEY *pkey, const char *passphrase)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(PEM_write_PrivateKey(f, pkey, passphrase != NULL ? EVP_aes_128_cbc() : NULL,
	                     (const unsigned char *)passphrase, passphrase != NULL ? (int)strlen(passphrase) : 0, NULL, NULL),
	    1);
	(void)fclose(f);
}

/* A self-signed certificate for name, valid from so many seconds after now to so many. */
static void
make(const char *name, int64_t from_s, int64_t to_s)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	FILE *f;

	assert_true(pkey != NULL && other != NULL && x != NULL);
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	ASN1_TIME_set(X509_getm_notBefore(x), (time_t)(now + from_s));
	ASN1_TIME_set(X509_getm_notAfter(x), (time_t)(now + to_s));
	X509_set_pubkey(x, pkey);
	add_name(x, name);
	assert_true(X509_sign(x, pkey, EVP_sha256()) > 0);
	f = fopen(certificate, "w");
	assert_non_null(f);
	assert_int_equal(PEM_write_X509(f, x), 1);
	(void)fclose(f);
	write_key(key_file, pkey, NULL);
	write_key(other_key, other, NULL);
	X509_free(x);
	EVP_PKEY_free(pkey);
	EVP_PKEY_free(other);
}

/* Gives what is said: the reason of a refusal, or all doubts. */
static enum err
load(const char *key, const char *url, char said[512])
{
	struct tls_facts facts;
	SSL_CTX *ctx = NULL;
	enum err err = tls_context_new(certificate, key, url, now, &ctx, &facts, said, 512);

	if (err == ERR_OK)
		said[0] = '\0';
	for (size_t i = 0; err == ERR_OK && i < facts.doubts.count; i++)
		(void)snprintf(said + strlen(said), 512 - strlen(said), "%s\n", facts.doubts.text[i]);
	SSL_CTX_free(ctx);
	return err;
}

static const struct {
	const char *why, *url;
	int64_t from_s, to_s;
	enum err err;
	const char *said;
} cases[] = {
	{ "good but for who signed it", "https://hooks.example.org", -60, 60 * DAY, ERR_OK, "the certificate is self-signed" },
	{ "expires soon", "https://hooks.example.org", -60, 20 * DAY, ERR_OK, "expires on" },
	{ "all doubts", "https://other.example.org", -60, 20 * DAY, ERR_OK,
	    "does not name other.example.org, the host of public_url\nthe" },
	{ "expired", "https://hooks.example.org", -9 * DAY, -60, ERR_INVALID, "has expired" },
	{ "not yet valid", "https://hooks.example.org", DAY, 9 * DAY, ERR_INVALID, "not valid before" },
};

static void
test_certificates(void **state)
{
	char said[512];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		make("hooks.example.org", cases[i].from_s, cases[i].to_s);
		assert_int_equal(load(key_file, cases[i].url, said), cases[i].err);
		if (strstr(said, cases[i].said) == NULL)
			fail_msg("%s: %s", cases[i].why, said);
	}
}

static void
test_files(void **state)
{
	char said[512];
	FILE *f;

	(void)state;
	make("hooks.example.org", -60, 60 * DAY);
	assert_int_equal(load(other_key, "https://hooks.example.org", said), ERR_INVALID);
	assert_non_null(strstr(said, other_key));
	assert_int_equal(load("/nonexistent", "https://hooks.example.org", said), ERR_INVALID);
	assert_non_null(strstr(said, "/nonexistent"));
	f = fopen(certificate, "w");
	assert_non_null(f);
	(void)fputs("hello\n", f);
	(void)fclose(f);
	assert_int_equal(load(key_file, "https://hooks.example.org", said), ERR_INVALID);
	assert_non_null(strstr(said, certificate));
}

/* A key behind a passphrase is refused without asking anybody. */
static void
test_passphrase(void **state)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	char said[512];

	(void)state;
	make("hooks.example.org", -60, 60 * DAY);
	write_key(other_key, pkey, "secret");
	assert_int_equal(load(other_key, "https://hooks.example.org", said), ERR_INVALID);
	EVP_PKEY_free(pkey);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_passphrase),
	};
	int failed;

	now = (int64_t)time(NULL);
	if (mkdtemp(folder) == NULL)
		return 1;
	(void)snprintf(certificate, sizeof(certificate), "%s/cert.pem", folder);
	(void)snprintf(key_file, sizeof(key_file), "%s/key.pem", folder);
	(void)snprintf(other_key, sizeof(other_key), "%s/other.pem", folder);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)unlink(certificate);
	(void)unlink(key_file);
	(void)unlink(other_key);
	(void)rmdir(folder);
	return failed;
}
