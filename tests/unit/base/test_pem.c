/* What is read and what is not; and that nothing stays behind in OpenSSL's queue. */
#include "unit/base/check.h"

#include <string.h>

#include <openssl/err.h>

#include "base/pem.h"
#include "unit/graph/pem.h"

static EVP_PKEY *key;

static int
make_key(void **state)
{
	(void)state;
	key = EVP_EC_gen("P-256");
	assert_non_null(key);
	return 0;
}

static int
free_key(void **state)
{
	(void)state;
	EVP_PKEY_free(key);
	return 0;
}

static void
reads_both_from_one_text(void **state)
{
	char *certificate = pem_certificate(key, 1000, 2000), *secret = pem_key(key, NULL);
	size_t len = strlen(certificate) + strlen(secret);
	char *both = malloc(len + 1);
	EVP_PKEY *read_key;
	X509 *x509;
	int64_t when;

	(void)state;
	(void)snprintf(both, len + 1, "%s%s", certificate, secret);
	x509 = pem_read_certificate(both, len);
	read_key = pem_read_key(both, len);
	assert_non_null(x509);
	assert_non_null(read_key);
	assert_int_equal(X509_check_private_key(x509, read_key), 1);
	assert_true(pem_time(X509_get0_notBefore(x509), &when));
	assert_int_equal(when, 1000);
	assert_true(pem_time(X509_get0_notAfter(x509), &when));
	assert_int_equal(when, 2000);
	assert_false(pem_time(NULL, &when));
	X509_free(x509);
	EVP_PKEY_free(read_key);
	free(both);
	free(certificate);
	free(secret);
}

static void
refuses_the_rest(void **state)
{
	char *certificate = pem_certificate(key, 1000, 2000), *secret = pem_key(key, NULL), *locked = pem_key(key, "words");
	const struct {
		const char *text;
		size_t len;
		int certificate;
	} cases[] = {
		{ "", 0, 1 },
		{ "", 0, 0 },
		{ "noise", 5, 1 },
		{ "noise", 5, 0 },
		{ secret, strlen(secret), 1 },
		{ certificate, strlen(certificate), 0 },
		{ locked, strlen(locked), 0 }, /* and nobody is asked */
		{ certificate, strlen(certificate) / 2, 1 },
		{ secret, strlen(secret) / 2, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		if (cases[i].certificate)
			assert_null(pem_read_certificate(cases[i].text, cases[i].len));
		else
			assert_null(pem_read_key(cases[i].text, cases[i].len));
		assert_int_equal(ERR_peek_error(), 0);
	}
	free(certificate);
	free(secret);
	free(locked);
}

/* As a bundle of authorities: all of them, or it is not one. */
static void
bundles_of_authorities(void **state)
{
	char *certificate = pem_certificate(key, 1000, 2000), *text = malloc(3 * strlen(certificate) + 1);
	struct pem_file file;

	(void)state;
	for (int damaged = 0; damaged < 3; damaged++) {
		(void)snprintf(text, 3 * strlen(certificate) + 1, "# ours\n%s\n%s", certificate, damaged == 2 ? "" : certificate);
		if (damaged == 1)
			memcpy(strrchr(text, 'M') + 1, "****", 4);
		if (damaged == 2)
			text[0] = '\0';
		pem_file_make(&file, text);
		assert_int_equal(pem_has_authorities(file.path), damaged == 0);
		assert_int_equal(ERR_peek_error(), 0);
		pem_file_done(&file);
	}
	assert_false(pem_has_authorities("/nonexistent"));
	free(text);
	free(certificate);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_both_from_one_text),
		cmocka_unit_test(refuses_the_rest),
		cmocka_unit_test(bundles_of_authorities),
	};

	return cmocka_run_group_tests(tests, make_key, free_key);
}
