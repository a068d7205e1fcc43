/*
 * certificate.h - what is doubtful about a server's certificate although it works: all of it, for the log and the checks.
 *
 * Pure: the time is an argument. Texts are for administrators; they name no file, for the caller knows which it is.
 * Source: graph-facts section 3 (Graph calls publicly trusted endpoints only); OpenSSL's security level 2 for weakness.
 */
#ifndef BASE_CERTIFICATE_H
#define BASE_CERTIFICATE_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CERTIFICATE_EXPIRY_NEAR_S ((int64_t)21 * 86400)
#define CERTIFICATE_DOUBTS_MAX    8
#define CERTIFICATE_DOUBT_SIZE    192

struct certificate_doubts {
	size_t count;
	char text[CERTIFICATE_DOUBTS_MAX][CERTIFICATE_DOUBT_SIZE];
};

/*
 * leaf is valid at now_s; chain is what the file holds behind it, NULL = nothing. With a url, whoever calls it must be able to trust
 * the chain, and the leaf must name its host; without, only how long all of it lasts is looked at. Overwrites *ret.
 */
void certificate_doubts_find(X509 *leaf, STACK_OF(X509) * chain, const char *url, int64_t now_s, struct certificate_doubts *ret);
/* False when OpenSSL will not serve with it: why, of why_size, says what is weak and what to do. */
bool certificate_is_strong(X509 *leaf, char *why, size_t why_size);

#endif
