/*
 * One place for the TLS settings of what we serve to local callers beyond loopback.
 */
#include "net/http_tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/pem.h"

/* Without a list sslscan still saw CBC suites. */
#define CIPHERS_TLS12 "ECDHE+AESGCM:ECDHE+CHACHA20"

static bool
context_restrict(SSL_CTX *ctx)
{
	SSL_CTX_set_options(
	    ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_default_passwd_cb(ctx, pem_no_passphrase);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	/* 16.5 KB a connection instead of 26.9 KB. */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 && SSL_CTX_set_num_tickets(ctx, 0) == 1 &&
	       SSL_CTX_set_cipher_list(ctx, CIPHERS_TLS12) == 1;
}

enum err
http_tls_context(const char *certificate, const char *key, SSL_CTX **ret, char *why, size_t why_size)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	enum err e = ERR_INVALID;

	if (ctx == NULL || !context_restrict(ctx)) {
		snprintf(why, why_size, "cannot set up TLS");
		e = ERR_NOMEM;
	} else if (SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1) {
		snprintf(why, why_size, "%s: not a readable PEM certificate", certificate);
	} else if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(ctx) != 1) {
		snprintf(why, why_size, "%s: not a readable PEM key without a passphrase that belongs to the certificate", key);
	} else {
		*ret = ctx;
		return ERR_OK;
	}
	ERR_clear_error();
	SSL_CTX_free(ctx);
	return e;
}
