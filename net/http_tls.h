/*
 * http_tls.h - the server's TLS context. For net/ only.
 *
 * TLS 1.2 and 1.3 with AEAD ciphers; no tickets, no session cache, no renegotiation.
 */
#ifndef NET_HTTP_TLS_H
#define NET_HTTP_TLS_H

#include <openssl/types.h>
#include <stddef.h>

#include "base/err.h"

/* Both files are PEM, the certificate with its chain. Gives *ret; why names the file at fault. */
enum err http_tls_context(const char *certificate, const char *key, SSL_CTX **ret, char *why, size_t why_size);

#endif
