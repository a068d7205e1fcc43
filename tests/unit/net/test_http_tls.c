/* What is said of a certificate and a key that will not do, without asking anybody. */
#include "net/http_tls.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/ergsync-tls-XXXXXX", certificate[64], plain[64], locked[64];

static void
write_key(const char *path, EVP_PKEY *key, const char *passphrase)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(PEM_write_PrivateKey(f, key, passphrase != NULL ? EVP_aes_128_cbc() : NULL,
	                     (const unsigned char *)passphrase, passphrase != NULL ? (int)strlen(passphrase) : 0, NULL, NULL),
	    1);
	(void)fclose(f);
}

static int
make(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(certificate, sizeof(certificate), "%s/cert.pem", folder);
	(void)snprintf(plain, sizeof(plain), "%s/key.pem", folder);
	(void)snprintf(locked, sizeof(locked), "%s/locked.pem", folder);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x), -60));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x), 3600));
	assert_int_equal(X509_set_pubkey(x, key), 1);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	f = fopen(certificate, "w");
	assert_non_null(f);
	assert_int_equal(PEM_write_X509(f, x), 1);
	(void)fclose(f);
	write_key(plain, key, NULL);
	write_key(locked, key, "secret");
	X509_free(x);
	EVP_PKEY_free(key);
	return 0;
}

static int
clear(void **state)
{
	(void)state;
	(void)unlink(certificate);
	(void)unlink(plain);
	(void)unlink(locked);
	return rmdir(folder);
}

static enum err
load(const char *key, char why[256])
{
	SSL_CTX *ctx = NULL;
	enum err e = http_tls_context(certificate, key, &ctx, why, 256);

	SSL_CTX_free(ctx);
	return e;
}

static void
a_pair_is_taken_and_half_of_one_is_not(void **state)
{
	char why[256];

	(void)state;
	assert_int_equal(load(plain, why), ERR_OK);
	assert_int_equal(load(certificate, why), ERR_INVALID);
	assert_non_null(strstr(why, certificate));
}

/* Without a terminal, and with somebody who would type the right passphrase: nobody is asked. */
static void
a_passphrase_is_not_asked_for(void **state)
{
	int input[2], status;
	char why[256] = "";
	pid_t child;

	(void)state;
	assert_int_equal(pipe(input), 0);
	assert_int_equal(write(input[1], "secret\n", 7), 7);
	(void)close(input[1]);
	(void)fflush(NULL);
	if ((child = fork()) == 0) {
		(void)setsid();
		(void)dup2(input[0], STDIN_FILENO);
		_exit(
		    load(locked, why) == ERR_INVALID && strstr(why, locked) != NULL && strstr(why, "passphrase") != NULL ? 0 : 1);
	}
	(void)close(input[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pair_is_taken_and_half_of_one_is_not),
		cmocka_unit_test(a_passphrase_is_not_asked_for),
	};

	return cmocka_run_group_tests(tests, make, clear);
}
