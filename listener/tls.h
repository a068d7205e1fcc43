/*
 * tls.h - the server's side of TLS: one context from a certificate and its key, checked before it is used.
 *
 * TLS 1.2 and 1.3, AEAD suites with ephemeral keys only, X25519, P-256, P-384; no tickets, no session cache, no renegotiation,
 * no compression (reliability.md 2.5). Connections keep the context they began with, so a reload is a swap of pointers.
 */
#ifndef LISTENER_TLS_H
#define LISTENER_TLS_H

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

#include "base/certificate.h"
#include "base/err.h"

struct tls_facts {
	int64_t expires_unix;
	struct certificate_doubts doubts; /* each worth a warning, though it works */
};

/*
 * Reads the PEM files (certificate: the full chain, leaf first), checks that they parse, that the key is the leaf's and that the leaf is
 * valid at now_unix. public_url's host not being named is only warned of: a proxy or a split DNS can be right about it.
 * ERR_INVALID with why, of why_size, in words for an administrator. Gives *ret; to be freed with SSL_CTX_free.
 */
enum err tls_context_new(const char *certificate_file, const char *key_file, const char *public_url, int64_t now_unix,
    SSL_CTX **ret, struct tls_facts *facts, char *why, size_t why_size);

#endif
