#include "base/certificate.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/pem.h"
#include "base/timestamp.h"

#define HOST_SIZE           256
#define SECURITY_BITS_LEAST 112 /* OpenSSL's security level 2: RSA of 2048 bits, SHA-224 */

static void __attribute__((format(printf, 2, 3))) doubt(struct certificate_doubts *d, const char *format, ...)
{
	va_list args;

	if (d->count == CERTIFICATE_DOUBTS_MAX)
		return;
	va_start(args, format);
	(void)vsnprintf(d->text[d->count++], CERTIFICATE_DOUBT_SIZE, format, args);
	va_end(args);
}

/* The host of "https://host[:port][/path]", without brackets; empty when it has none. */
static void
host_of(const char *url, char ret[HOST_SIZE])
{
	const char *start = strstr(url, "://");
	size_t len;

	start = start != NULL ? start + 3 : url;
	if (*start == '[') {
		start++;
		len = strcspn(start, "]");
	} else {
		len = strcspn(start, ":/?#");
	}
	ret[0] = '\0';
	if (len < HOST_SIZE) {
		memcpy(ret, start, len);
		ret[len] = '\0';
	}
}

static void
look_at_end(const X509 *c, const char *what, int64_t now_s, struct certificate_doubts *ret)
{
	int64_t end_s = 0;
	char day[TIMESTAMP_SIZE];

	if (!pem_time(X509_get0_notAfter(c), &end_s) || end_s - now_s >= CERTIFICATE_EXPIRY_NEAR_S)
		return;
	timestamp_for_people(end_s, day);
	doubt(ret, "%s %s on %s", what, end_s <= now_s ? "has expired" : "expires", day);
}

static void
look_at_host(X509 *leaf, const char *url, struct certificate_doubts *ret)
{
	char host[HOST_SIZE];

	host_of(url, host);
	if (host[0] != '\0' && X509_check_host(leaf, host, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) != 1 &&
	    X509_check_ip_asc(leaf, host, 0) != 1)
		doubt(ret, "the certificate does not name %.120s, the host of public_url", host);
}

/* Each must have issued the one before it. */
static void
look_at_order(X509 *leaf, STACK_OF(X509) * chain, struct certificate_doubts *ret)
{
	X509 *before = leaf;

	for (int i = 0; i < sk_X509_num(chain); i++) {
		X509 *c = sk_X509_value(chain, i);

		if (X509_check_issued(c, before) != X509_V_OK) {
			doubt(ret,
			    "certificate %d of the file has not issued the one before it: leaf first, then its chain in order",
			    i + 2);
			return;
		}
		before = c;
	}
}

static void
look_at_chain(X509 *leaf, STACK_OF(X509) * chain, struct certificate_doubts *ret)
{
	if (X509_check_issued(leaf, leaf) == X509_V_OK)
		doubt(ret, "the certificate is self-signed: Graph trusts what publicly known authorities have issued");
	else if (chain == NULL || sk_X509_num(chain) <= 0)
		doubt(ret, "the certificate file has no intermediate certificates: Graph needs the full chain");
	else
		look_at_order(leaf, chain, ret);
}

void
certificate_doubts_find(X509 *leaf, STACK_OF(X509) * chain, const char *url, int64_t now_s, struct certificate_doubts *ret)
{
	ret->count = 0;
	look_at_end(leaf, "the certificate", now_s, ret);
	for (int i = 0; chain != NULL && i < sk_X509_num(chain); i++)
		look_at_end(sk_X509_value(chain, i), "a certificate of its chain", now_s, ret);
	if (url != NULL) {
		look_at_host(leaf, url, ret);
		look_at_chain(leaf, chain, ret);
	}
	ERR_clear_error();
}

bool
certificate_is_strong(X509 *leaf, char *why, size_t why_size)
{
	const EVP_PKEY *key = X509_get0_pubkey(leaf);
	int bits = 0;

	why[0] = '\0';
	if (key == NULL || EVP_PKEY_get_security_bits(key) < SECURITY_BITS_LEAST)
		(void)snprintf(why, why_size,
		    "its key is too weak (%d bits): make one of RSA with 2048 bits or more, or EC P-256",
		    key != NULL ? EVP_PKEY_get_bits(key) : 0);
	else if (X509_get_signature_info(leaf, NULL, NULL, &bits, NULL) == 1 && bits < SECURITY_BITS_LEAST)
		(void)snprintf(
		    why, why_size, "it is signed by way of a hash that is too weak: have it issued anew, with SHA-256");
	ERR_clear_error();
	return why[0] == '\0';
}
