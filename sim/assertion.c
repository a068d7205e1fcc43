/*
 * Checks in the order in which a service must: form, who signed, signature, and only then what was signed.
 */
#include "sim/assertion.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/encode.h"
#include "base/json.h"
#include "base/pem.h"
#include "base/text.h"
#include "sim/map.h"
#include "sim/memory.h"

#define CERTIFICATES_MAX 8
/* Beyond this many remembered assertions those that have ended are swept out. */
#define SWEEP_AT 4096
/* How far clocks may be apart: facts 1.4, 700024. */
#define TOLERANCE_S 300

enum { MALFORMED = 50027, OTHER_APP = 700021, OTHER_AUDIENCE = 700023, OUT_OF_TIME = 700024, NOT_REGISTERED = 700027 };

struct certificate {
	EVP_PKEY *key;
	int64_t until_s;
	char sha1[32], sha256[48]; /* base64url */
};

struct used {
	char *jti;
	int64_t until_s;
};

struct certificates {
	struct certificate list[CERTIFICATES_MAX];
	size_t count;
	struct map used; /* jti -> struct used */
};

static void
used_free(struct used *u)
{
	free(u->jti);
	free(u);
}

void
sim_certificates_free(struct certificates *k)
{
	struct used *u;
	size_t at = 0;

	if (k == NULL)
		return;
	for (size_t i = 0; i < k->count; i++)
		EVP_PKEY_free(k->list[i].key);
	while ((u = sim_map_next(&k->used, &at)) != NULL)
		used_free(u);
	sim_map_done(&k->used);
	free(k);
}

static bool
certificate_read(struct certificate *c, const X509 *x)
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned len;

	if (X509_digest(x, EVP_sha1(), hash, &len) != 1)
		return false;
	base64url_encode(hash, len, c->sha1);
	if (X509_digest(x, EVP_sha256(), hash, &len) != 1 || !pem_time(X509_get0_notAfter(x), &c->until_s))
		return false;
	base64url_encode(hash, len, c->sha256);
	return (c->key = X509_get_pubkey((X509 *)(uintptr_t)x)) != NULL;
}

struct certificates *
sim_certificates_parse(const char *pem)
{
	struct certificates *k = must_alloc(sizeof(*k));
	BIO *bio = BIO_new_mem_buf(pem, -1);
	bool good = bio != NULL;
	X509 *x;

	while (good && k->count < CERTIFICATES_MAX && (x = PEM_read_bio_X509(bio, NULL, pem_no_passphrase, NULL)) != NULL) {
		good = certificate_read(&k->list[k->count], x);
		k->count += good;
		X509_free(x);
	}
	BIO_free(bio);
	ERR_clear_error();
	if (good && k->count > 0)
		return k;
	sim_certificates_free(k);
	return NULL;
}

/* --- the JWT --- */

struct jwt {
	const char *text;
	size_t signed_len; /* header and claims, with their dot */
	json_t *header, *claims;
	bool pss;
};

static json_t *
part_read(const char *at, size_t len)
{
	uint8_t *plain = must_alloc(len + 4);
	json_t *o = NULL;

	if (base64url_decode(at, len, plain, &len) == ERR_OK)
		(void)jx_parse((const char *)plain, len, &o, NULL, 0);
	free(plain);
	return o;
}

static void
jwt_done(struct jwt *j)
{
	json_decref(j->header);
	json_decref(j->claims);
}

/* False unless it has three parts, two of them JSON, and one of the two algorithms. */
static bool
jwt_read(struct jwt *j, const char *text)
{
	size_t head = strcspn(text, "."), claims = text[head] == '.' ? strcspn(text + head + 1, ".") : 0;
	const char *alg, *typ;

	memset(j, 0, sizeof(*j));
	j->text = text;
	j->signed_len = head + 1 + claims;
	if (text[head] != '.' || text[j->signed_len] != '.' || strchr(text + j->signed_len + 1, '.') != NULL)
		return false;
	j->header = part_read(text, head);
	j->claims = part_read(text + head + 1, claims);
	alg = jx_get_str(j->header, "alg");
	typ = jx_get_str(j->header, "typ");
	j->pss = alg != NULL && strcmp(alg, "PS256") == 0;
	return j->claims != NULL && alg != NULL && (j->pss || strcmp(alg, "RS256") == 0) &&
	       (typ == NULL || strcmp(typ, "JWT") == 0);
}

static const struct certificate *
signer_find(const struct certificates *known, const struct jwt *j)
{
	const char *sha256 = jx_get_str(j->header, "x5t#S256"), *sha1 = jx_get_str(j->header, "x5t");

	for (size_t i = 0; i < known->count; i++)
		if (sha256 != NULL ? strcmp(known->list[i].sha256, sha256) == 0 : strcmp(known->list[i].sha1, sha1) == 0)
			return &known->list[i];
	return NULL;
}

static bool
signature_good(EVP_PKEY *key, const struct jwt *j)
{
	const char *at = j->text + j->signed_len + 1;
	size_t len = strlen(at);
	uint8_t *signature = must_alloc(len + 4);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pk = NULL;
	bool good = false;

	if (ctx != NULL && base64url_decode(at, len, signature, &len) == ERR_OK &&
	    EVP_DigestVerifyInit(ctx, &pk, EVP_sha256(), NULL, key) == 1 &&
	    (!j->pss || (EVP_PKEY_CTX_set_rsa_padding(pk, RSA_PKCS1_PSS_PADDING) == 1 &&
	                    EVP_PKEY_CTX_set_rsa_pss_saltlen(pk, RSA_PSS_SALTLEN_DIGEST) == 1)))
		good = EVP_DigestVerify(ctx, signature, len, (const uint8_t *)j->text, j->signed_len) == 1;
	EVP_MD_CTX_free(ctx);
	free(signature);
	ERR_clear_error();
	return good;
}

/* --- what was signed --- */

static int
claims_check(const json_t *claims, const struct assertion_want *want)
{
	const char *aud = jx_get_str(claims, "aud"), *iss = jx_get_str(claims, "iss"), *sub = jx_get_str(claims, "sub");

	if (aud == NULL || iss == NULL || sub == NULL || jx_get_str(claims, "jti") == NULL || jx_get_int(claims, "exp", 0) <= 0)
		return MALFORMED;
	if (!str_equal_nocase(iss, want->client_id) || !str_equal_nocase(sub, want->client_id))
		return OTHER_APP;
	if (!str_equal_nocase(aud, want->audience))
		return OTHER_AUDIENCE;
	if (jx_get_int(claims, "exp", 0) <= want->now_s || jx_get_int(claims, "nbf", 0) > want->now_s + TOLERANCE_S)
		return OUT_OF_TIME;
	return 0;
}

static void
sweep(struct certificates *k, int64_t now_s)
{
	struct map old = k->used;
	struct used *u;
	size_t at = 0;

	if (old.count < SWEEP_AT)
		return;
	k->used = (struct map){ NULL, 0, 0, 0 };
	while ((u = sim_map_next(&old, &at)) != NULL) {
		if (u->until_s > now_s)
			sim_map_put(&k->used, u->jti, u);
		else
			used_free(u);
	}
	sim_map_done(&old);
}

/* False when it was seen before. */
static bool
first_use(struct certificates *k, const json_t *claims, int64_t now_s)
{
	const char *jti = jx_get_str(claims, "jti");
	struct used *u;

	if (sim_map_get(&k->used, jti) != NULL)
		return false;
	sweep(k, now_s);
	u = must_alloc(sizeof(*u));
	u->jti = must_copy(jti);
	u->until_s = jx_get_int(claims, "exp", 0);
	sim_map_put(&k->used, u->jti, u);
	return true;
}

static int
check(struct certificates *known, const struct jwt *j, const struct assertion_want *want)
{
	const struct certificate *signer;
	int refused;

	if (jx_get_str(j->header, "x5t#S256") == NULL && jx_get_str(j->header, "x5t") == NULL)
		return MALFORMED;
	if (known != NULL) {
		signer = signer_find(known, j);
		if (signer == NULL || signer->until_s <= want->now_s || !signature_good(signer->key, j))
			return NOT_REGISTERED;
	}
	refused = claims_check(j->claims, want);
	if (refused == 0 && known != NULL && !first_use(known, j->claims, want->now_s) && want->once)
		return MALFORMED;
	return refused;
}

int
sim_assertion_check(struct certificates *known, const char *jwt, const struct assertion_want *want)
{
	struct jwt j;
	int refused = jwt_read(&j, jwt) ? check(known, &j, want) : MALFORMED;

	jwt_done(&j);
	return refused;
}
