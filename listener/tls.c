/* Every setting is explicit: Debian's openssl.cnf and OpenSSL's defaults are for clients of all ages. */
#include "listener/tls.h"

#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#include "base/pem.h"
#include "base/timestamp.h"

/* The suites of reliability.md 2.5; TLS 1.3's own list has only AEAD. */
static const char suites12[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
static const char suites13[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
static const char groups[] = "X25519:P-256:P-384";

/* The oldest entry of OpenSSL's queue, in words; empties the queue. */
static const char *
openssl_reason(void)
{
	unsigned long code = ERR_get_error();
	const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return reason != NULL ? reason : "unknown reason";
}

static SSL_CTX *
context_with_settings(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (ctx == NULL)
		return NULL;
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 || SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(ctx, suites12) != 1 || SSL_CTX_set_ciphersuites(ctx, suites13) != 1 ||
	    SSL_CTX_set1_groups_list(ctx, groups) != 1 || SSL_CTX_set_num_tickets(ctx, 0) != 1) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	(void)SSL_CTX_set_options(ctx,
	    SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
	        SSL_OP_PRIORITIZE_CHACHA |
	        SSL_OP_IGNORE_UNEXPECTED_EOF /* requests are framed by their length: a cut is noticed without a close_notify */);
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	/* One read call takes a whole record; buffers go when they are empty: 2,000 idle connections must stay small. */
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(ctx, 1);
	(void)SSL_CTX_set_max_early_data(ctx, 0);
	SSL_CTX_set_default_passwd_cb(ctx, pem_no_passphrase);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	return ctx;
}

static enum err
check_validity(const X509 *leaf, int64_t now_unix, const char *file, struct tls_facts *facts, char *why, size_t why_size)
{
	int64_t from;
	char day[TIMESTAMP_SIZE];

	if (!pem_time(X509_get0_notBefore(leaf), &from) || !pem_time(X509_get0_notAfter(leaf), &facts->expires_unix)) {
		(void)snprintf(why, why_size, "certificate %s has unreadable dates", file);
		return ERR_INVALID;
	}
	if (now_unix >= facts->expires_unix) {
		timestamp_for_people(facts->expires_unix, day);
		(void)snprintf(why, why_size, "certificate %s has expired on %s: renew it", file, day);
		return ERR_INVALID;
	}
	if (now_unix < from) {
		timestamp_for_people(from, day);
		(void)snprintf(
		    why, why_size, "certificate %s is not valid before %s: check it, and this machine's clock", file, day);
		return ERR_INVALID;
	}
	return ERR_OK;
}

static void
find_doubts(SSL_CTX *ctx, X509 *leaf, int64_t now_unix, const char *public_url, struct tls_facts *facts)
{
	STACK_OF(X509) *chain = NULL;

	(void)SSL_CTX_get0_chain_certs(ctx, &chain);
	certificate_doubts_find(leaf, chain, public_url, now_unix, &facts->doubts);
}

static enum err
load_pair(SSL_CTX *ctx, const char *certificate_file, const char *key_file, char *why, size_t why_size)
{
	ERR_clear_error();
	if (SSL_CTX_use_certificate_chain_file(ctx, certificate_file) != 1) {
		(void)snprintf(why, why_size, "certificate %s cannot be read as PEM: %s", certificate_file, openssl_reason());
		return ERR_INVALID;
	}
	/* OpenSSL compares the key with the certificate that is loaded already. */
	if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(ctx) != 1) {
		(void)snprintf(
		    why, why_size, "key %s cannot be used with certificate %s: %s", key_file, certificate_file, openssl_reason());
		return ERR_INVALID;
	}
	return ERR_OK;
}

enum err
tls_context_new(const char *certificate_file, const char *key_file, const char *public_url, int64_t now_unix, SSL_CTX **ret,
    struct tls_facts *facts, char *why, size_t why_size)
{
	SSL_CTX *ctx = context_with_settings();
	X509 *leaf;
	enum err err;

	memset(facts, 0, sizeof(*facts));
	if (ctx == NULL) {
		(void)snprintf(why, why_size, "TLS cannot be set up: %s", openssl_reason());
		return ERR_INVALID;
	}
	err = load_pair(ctx, certificate_file, key_file, why, why_size);
	leaf = SSL_CTX_get0_certificate(ctx);
	if (err == ERR_OK)
		err = check_validity(leaf, now_unix, certificate_file, facts, why, why_size);
	if (err != ERR_OK) {
		SSL_CTX_free(ctx);
		return err;
	}
	find_doubts(ctx, leaf, now_unix, public_url, facts);
	*ret = ctx;
	return ERR_OK;
}
