#include "base/pem.h"

#include <limits.h>
#include <time.h>

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

int
pem_no_passphrase(char *ret, int size, int writing, void *arg)
{
	(void)ret;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static BIO *
text_open(const char *text, size_t len)
{
	return len > INT_MAX ? NULL : BIO_new_mem_buf(text, (int)len);
}

X509 *
pem_read_certificate(const char *text, size_t len)
{
	BIO *bio = text_open(text, len);
	X509 *certificate = bio != NULL ? PEM_read_bio_X509(bio, NULL, pem_no_passphrase, NULL) : NULL;

	BIO_free(bio);
	if (certificate == NULL)
		ERR_clear_error();
	return certificate;
}

EVP_PKEY *
pem_read_key(const char *text, size_t len)
{
	BIO *bio = text_open(text, len);
	EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, pem_no_passphrase, NULL) : NULL;

	BIO_free(bio);
	if (key == NULL)
		ERR_clear_error();
	return key;
}

bool
pem_has_authorities(const char *path)
{
	X509_STORE *store = X509_STORE_new();
	bool good = store != NULL && X509_STORE_load_file(store, path) == 1;

	X509_STORE_free(store);
	ERR_clear_error();
	return good;
}

bool
pem_time(const ASN1_TIME *when, int64_t *ret_s)
{
	struct tm tm;

	if (when == NULL || ASN1_TIME_to_tm(when, &tm) != 1) {
		ERR_clear_error();
		return false;
	}
	*ret_s = (int64_t)timegm(&tm);
	return true;
}
