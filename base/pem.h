/*
 * pem.h - certificates and private keys in PEM form, and their dates.
 *
 * Nothing here asks on the terminal: what has a passphrase is not read. What fails leaves OpenSSL's error queue empty, for
 * whoever uses OpenSSL next on this thread would take our errors for its own.
 */
#ifndef BASE_PEM_H
#define BASE_PEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

/* The first certificate, or private key, in len bytes of text; NULL when there is none that can be read. Give. */
X509 *pem_read_certificate(const char *text, size_t len);
EVP_PKEY *pem_read_key(const char *text, size_t len);

/* Whether whoever verifies others by the certificates of a file, as curl does, gets all of them from this one. */
bool pem_has_authorities(const char *path);

/* For OpenSSL's readers: there is no passphrase. */
int pem_no_passphrase(char *ret, int size, int writing, void *arg);

/* Unix time of a date of a certificate; false when it cannot be read. */
bool pem_time(const ASN1_TIME *when, int64_t *ret_s);

#endif
