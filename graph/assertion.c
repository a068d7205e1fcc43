/*
 * assertion.c - the JWT of a client assertion, by OpenSSL alone: two parts of JSON and one signature need no JOSE library.
 *
 * OpenSSL's error queue is emptied on every way out: whoever uses OpenSSL next on this thread would take our errors for its own.
 */
#include "graph/assertion.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/encode.h"
#include "base/hash.h"
#include "base/pem.h"
#include "base/secret_file.h"
#include "base/timestamp.h"

#define SIGNATURE_MAX (GRAPH_RSA_BITS_MAX / 8)

/* One row an algorithm: how it names the certificate, how it pads. */
static const struct {
	const char *name, *header;
	const EVP_MD *(*digest)(void); /* of the certificate; signatures are over SHA-256 in both */
	int padding;
} algorithms[] = {
	[GRAPH_PS256] = { "PS256", "x5t#S256", EVP_sha256, RSA_PKCS1_PSS_PADDING },
	[GRAPH_RS256] = { "RS256", "x5t", EVP_sha1, RSA_PKCS1_PADDING },
};

struct graph_certificate {
	unsigned shares;
	enum graph_algorithm algorithm;
	EVP_PKEY *key;
	int64_t expires_s;
	char thumbprint[BASE64URL_LEN(EVP_MAX_MD_SIZE) + 1];
};

/* --- reading --- */

/* What a check needs to speak of. */
struct reading {
	const char *certificate_path, *key_path;
	X509 *x509;
	EVP_PKEY *key;
	char *why;
	size_t why_size;
};

static enum err __attribute__((format(printf, 3, 4))) refuse(const struct reading *r, enum err e, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(r->why, r->why_size, format, args);
	va_end(args);
	return e;
}

static enum err
x509_parse(struct reading *r, const char *pem, size_t len)
{
	if ((r->x509 = pem_read_certificate(pem, len)) == NULL)
		return refuse(r, ERR_MALFORMED, "%s holds no certificate in PEM form", r->certificate_path);
	return ERR_OK;
}

static enum err
key_parse(struct reading *r, const char *pem, size_t len)
{
	if ((r->key = pem_read_key(pem, len)) != NULL)
		return ERR_OK;
	if (strstr(pem, "ENCRYPTED") != NULL)
		return refuse(r, ERR_INVALID, "%s has a passphrase; store the key without one and protect the file", r->key_path);
	return refuse(r, ERR_MALFORMED, "%s holds no private key in PEM form", r->key_path);
}

/* Reads one file and wipes what it held. */
static enum err
pem_load(struct reading *r, const char *path, enum err (*parse)(struct reading *r, const char *pem, size_t len))
{
	char *pem = malloc(GRAPH_PEM_MAX + 1);
	size_t len = 0;
	enum err e;

	if (pem == NULL)
		return refuse(r, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
	e = file_read(path, GRAPH_PEM_MAX, pem, &len, r->why, r->why_size);
	if (e == ERR_OK)
		e = parse(r, pem, len);
	secret_wipe(pem, GRAPH_PEM_MAX + 1);
	free(pem);
	return e;
}

static enum err
times_check(const struct reading *r, int64_t now_s, int64_t *ret_expires_s)
{
	int64_t from_s, until_s;
	char when[TIMESTAMP_SIZE];

	if (!pem_time(X509_get0_notBefore(r->x509), &from_s) || !pem_time(X509_get0_notAfter(r->x509), &until_s))
		return refuse(r, ERR_MALFORMED, "%s has unreadable dates", r->certificate_path);
	if (now_s >= until_s) {
		timestamp_format(until_s * 1000, when);
		return refuse(r, ERR_INVALID, "%s expired at %s; make a new certificate and upload it to the app registration",
		    r->certificate_path, when);
	}
	if (now_s < from_s) {
		timestamp_format(from_s * 1000, when);
		return refuse(
		    r, ERR_INVALID, "%s is not valid before %s; wait, or check this machine's clock", r->certificate_path, when);
	}
	*ret_expires_s = until_s;
	return ERR_OK;
}

static enum err
key_check(const struct reading *r)
{
	int bits = EVP_PKEY_get_bits(r->key);

	if (EVP_PKEY_get_base_id(r->key) != EVP_PKEY_RSA)
		return refuse(r, ERR_INVALID, "%s is not an RSA key; Microsoft's sign-in takes no other kind", r->key_path);
	if (bits < GRAPH_RSA_BITS_MIN || bits > GRAPH_RSA_BITS_MAX)
		return refuse(r, ERR_INVALID, "%s has %d bits; make an RSA key of %d to %d", r->key_path, bits,
		    GRAPH_RSA_BITS_MIN, GRAPH_RSA_BITS_MAX);
	if (X509_check_private_key(r->x509, r->key) != 1)
		return refuse(r, ERR_INVALID, "%s is not the key of %s", r->key_path, r->certificate_path);
	return ERR_OK;
}

static enum err
thumbprint_make(const X509 *x509, struct graph_certificate *c)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (X509_digest(x509, algorithms[c->algorithm].digest(), digest, &len) != 1)
		return ERR_NOMEM;
	base64url_encode(digest, len, c->thumbprint);
	return ERR_OK;
}

/* Takes the key out of what was read. */
static enum err
certificate_make(struct reading *r, enum graph_algorithm algorithm, int64_t expires_s, struct graph_certificate **ret)
{
	struct graph_certificate *c = calloc(1, sizeof(*c));

	if (c != NULL) {
		c->shares = 1;
		c->algorithm = algorithm;
		c->expires_s = expires_s;
		if (thumbprint_make(r->x509, c) == ERR_OK) {
			c->key = r->key;
			r->key = NULL;
			*ret = c;
			return ERR_OK;
		}
	}
	free(c);
	return refuse(r, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
}

enum err
graph_certificate_read(const char *certificate_path, const char *key_path, enum graph_algorithm algorithm, int64_t now_s,
    struct graph_certificate **ret, char *why, size_t why_size)
{
	struct reading r = { certificate_path, key_path, NULL, NULL, why, why_size };
	int64_t expires_s = 0;
	enum err e = pem_load(&r, certificate_path, x509_parse);

	if (e == ERR_OK)
		e = pem_load(&r, key_path, key_parse);
	if (e == ERR_OK)
		e = key_check(&r);
	if (e == ERR_OK)
		e = times_check(&r, now_s, &expires_s);
	if (e == ERR_OK)
		e = certificate_make(&r, algorithm, expires_s, ret);
	EVP_PKEY_free(r.key);
	X509_free(r.x509);
	ERR_clear_error();
	return e;
}

struct graph_certificate *
graph_certificate_share(struct graph_certificate *c)
{
	if (c != NULL)
		c->shares++;
	return c;
}

void
graph_certificate_free(struct graph_certificate *c)
{
	if (c == NULL || --c->shares > 0)
		return;
	EVP_PKEY_free(c->key); /* clears the numbers it held */
	free(c);
}

int64_t
graph_certificate_expires_s(const struct graph_certificate *c)
{
	return c->expires_s;
}

/* --- making --- */

/* Takes json. Appends it as one part of a JWT. */
static enum err
part_add(struct text *t, json_t *json)
{
	char *plain = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);
	size_t len = plain == NULL ? 0 : strlen(plain);
	char *encoded = plain == NULL || len > GRAPH_ASSERTION_MAX ? NULL : malloc(BASE64URL_LEN(len) + 1);
	enum err e = json == NULL ? ERR_INVALID : plain == NULL ? ERR_NOMEM : len > GRAPH_ASSERTION_MAX ? ERR_TOOBIG : ERR_NOMEM;

	if (encoded != NULL) {
		base64url_encode(plain, len, encoded);
		text_adds(t, encoded);
		e = text_err(t);
	}
	free(encoded);
	free(plain);
	json_decref(json);
	return e;
}

static enum err
sign(const struct graph_certificate *c, const char *plain, size_t len, unsigned char ret[SIGNATURE_MAX], size_t *ret_len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pk = NULL; /* ctx's */
	bool pss = algorithms[c->algorithm].padding == RSA_PKCS1_PSS_PADDING;
	bool good;

	*ret_len = SIGNATURE_MAX;
	good = ctx != NULL && EVP_DigestSignInit(ctx, &pk, EVP_sha256(), NULL, c->key) == 1 &&
	       EVP_PKEY_CTX_set_rsa_padding(pk, algorithms[c->algorithm].padding) == 1 &&
	       (!pss || EVP_PKEY_CTX_set_rsa_pss_saltlen(pk, RSA_PSS_SALTLEN_DIGEST) == 1) &&
	       EVP_DigestSign(ctx, ret, ret_len, (const unsigned char *)plain, len) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return good ? ERR_OK : ERR_NOMEM; /* the key was checked: only memory can be missing */
}

static json_t *
header_json(const struct graph_certificate *c)
{
	return json_pack(
	    "{s:s,s:s,s:s}", "alg", algorithms[c->algorithm].name, "typ", "JWT", algorithms[c->algorithm].header, c->thumbprint);
}

static json_t *
claims_json(const char *client_id, const char *audience, const char *jti, int64_t now_s)
{
	json_int_t from_s = now_s, until_s = now_s + GRAPH_ASSERTION_LIFE_S;

	return json_pack("{s:s,s:s,s:s,s:s,s:I,s:I,s:I}", "aud", audience, "iss", client_id, "sub", client_id, "jti", jti, "nbf",
	    from_s, "iat", from_s, "exp", until_s);
}

enum err
graph_assertion_make(struct text *t, const struct graph_certificate *c, const char *client_id, const char *audience,
    const char *jti, int64_t now_s)
{
	unsigned char signature[SIGNATURE_MAX];
	char encoded[BASE64URL_LEN(SIGNATURE_MAX) + 1];
	size_t begin = t->len, len = 0;
	enum err e = part_add(t, header_json(c));

	if (e != ERR_OK)
		return e;
	text_adds(t, ".");
	if ((e = part_add(t, claims_json(client_id, audience, jti, now_s))) != ERR_OK)
		return e;
	if ((e = sign(c, t->data + begin, t->len - begin, signature, &len)) != ERR_OK)
		return e;
	base64url_encode(signature, len, encoded);
	text_adds(t, ".");
	text_adds(t, encoded);
	return text_err(t);
}
