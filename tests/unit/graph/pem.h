/*
 * pem.h - certificates and keys made on the spot, as texts and as files.
 */
#ifndef TESTS_UNIT_GRAPH_PEM_H
#define TESTS_UNIT_GRAPH_PEM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

struct pem_file {
	char path[64];
};

static inline void
pem_file_make(struct pem_file *f, const char *text)
{
	int fd;

	(void)snprintf(f->path, sizeof(f->path), "/tmp/ergsync-test-XXXXXX");
	fd = mkstemp(f->path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
}

static inline void
pem_file_done(struct pem_file *f)
{
	assert_int_equal(unlink(f->path), 0);
}

static inline char *
pem_take(BIO *bio)
{
	char *data, *text;
	long len = BIO_get_mem_data(bio, &data);

	assert_true(len > 0);
	text = strndup(data, (size_t)len);
	assert_non_null(text);
	BIO_free(bio);
	return text;
}

/* Self-signed; the caller frees. */
static inline char *
pem_certificate(EVP_PKEY *key, int64_t from_s, int64_t until_s)
{
	BIO *bio = BIO_new(BIO_s_mem());
	X509 *x = X509_new();

	assert_int_equal(X509_set_pubkey(x, key), 1);
	assert_non_null(ASN1_TIME_set(X509_getm_notBefore(x), (time_t)from_s));
	assert_non_null(ASN1_TIME_set(X509_getm_notAfter(x), (time_t)until_s));
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_bio_X509(bio, x), 1);
	X509_free(x);
	return pem_take(bio);
}

/* passphrase NULL: none. The caller frees. */
static inline char *
pem_key(EVP_PKEY *key, const char *passphrase)
{
	BIO *bio = BIO_new(BIO_s_mem());

	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, passphrase != NULL ? EVP_aes_128_cbc() : NULL, passphrase,
	                     passphrase != NULL ? (int)strlen(passphrase) : 0, NULL, NULL),
	    1);
	return pem_take(bio);
}

#endif
