#include "ctl/notification_key.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/encode.h"
#include "base/hash.h"
#include "base/random.h"

static X509 *
certificate_make(EVP_PKEY *key, const char *id, int64_t now_s)
{
	X509 *x509 = X509_new();
	X509_NAME *name = x509 != NULL ? X509_get_subject_name(x509) : NULL;
	time_t now = (time_t)now_s;
	bool good = name != NULL && X509_set_version(x509, X509_VERSION_3) == 1 &&
	            ASN1_INTEGER_set_int64(X509_get_serialNumber(x509), now_s) == 1 &&
	            X509_time_adj_ex(X509_getm_notBefore(x509), 0, 0, &now) != NULL &&
	            X509_time_adj_ex(X509_getm_notAfter(x509), NOTIFICATION_KEY_DAYS, 0, &now) != NULL &&
	            X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)id, -1, -1, 0) == 1 &&
	            X509_set_issuer_name(x509, name) == 1 && X509_set_pubkey(x509, key) == 1 &&
	            X509_sign(x509, key, EVP_sha256()) > 0;

	if (good)
		return x509;
	X509_free(x509);
	return NULL;
}

/* The text of a memory BIO. */
static char *
text_of(BIO *bio)
{
	char *data, *text;
	long len = BIO_get_mem_data(bio, &data);

	if (len <= 0 || (text = malloc((size_t)len + 1)) == NULL)
		return NULL;
	memcpy(text, data, (size_t)len);
	text[len] = '\0';
	return text;
}

static char *
pem_make(EVP_PKEY *key, X509 *x509)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	char *text = NULL;

	if (bio != NULL && PEM_write_bio_X509(bio, x509) == 1 &&
	    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1)
		text = text_of(bio);
	BIO_free(bio);
	return text;
}

static void
id_make(int64_t now_s, char ret[NOTIFICATION_KEY_ID_SIZE])
{
	struct rng rng = rng_system();
	uint8_t random[2];
	char day[16] = "", hex[5];
	time_t now = (time_t)now_s;
	struct tm tm;

	rng_bytes(&rng, random, sizeof(random));
	hex_encode(random, sizeof(random), hex);
	if (gmtime_r(&now, &tm) != NULL)
		(void)strftime(day, sizeof(day), "%Y%m%d", &tm);
	(void)snprintf(ret, NOTIFICATION_KEY_ID_SIZE, "k%s-%s", day, hex);
}

char *
notification_key_make(int64_t now_s, char ret_id[NOTIFICATION_KEY_ID_SIZE])
{
	EVP_PKEY *key = EVP_RSA_gen(NOTIFICATION_KEY_BITS);
	char *text = NULL;
	X509 *x509;

	id_make(now_s, ret_id);
	if (key != NULL && (x509 = certificate_make(key, ret_id, now_s)) != NULL) {
		text = pem_make(key, x509);
		X509_free(x509);
	}
	EVP_PKEY_free(key);
	ERR_clear_error();
	return text;
}
