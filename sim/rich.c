#include "sim/rich.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/hash.h"
#include "base/text.h"
#include "sim/call.h"
#include "sim/memory.h"

#define CERTIFICATE_MAX  8192
#define CONTENT_KEY_LEN  32
#define BLOCK_LEN        16
#define SIGNER_BITS      2048
#define SIGNERS_MAX      8
#define TOKEN_LIFE_S     3600
#define PUBLISHER        "0bf30f3b-4a52-48df-9a82-234910c4a086"
#define OTHER_PUBLISHER  "00000003-0000-0000-c000-000000000000"
#define NUMBER_BYTES_MAX (SIGNER_BITS / 8)

/* ---- the client's certificate ---- */

struct rich_key {
	EVP_PKEY *key;
	char *id;
	char thumbprint[2 * 20 + 1];
};

static X509 *
certificate_read(const char *text)
{
	uint8_t der[CERTIFICATE_MAX / 4 * 3 + 3];
	const unsigned char *at = der;
	size_t len;

	if (strlen(text) > CERTIFICATE_MAX || base64_decode(text, strlen(text), der, &len) != ERR_OK)
		return NULL;
	return d2i_X509(NULL, &at, (long)len);
}

static void
thumbprint_make(const X509 *x509, char ret[41])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	(void)X509_digest(x509, EVP_sha1(), digest, &len);
	hex_encode(digest, 20, ret);
	for (char *p = ret; *p != '\0'; p++)
		*p = *p >= 'a' ? (char)(*p - 'a' + 'A') : *p;
}

struct rich_key *
rich_key_new(const char *certificate, const char *id, const char **problem)
{
	struct rich_key *made;
	EVP_PKEY *key;
	X509 *x509;
	int bits;

	*problem = "encryptionCertificate and encryptionCertificateId are required when includeResourceData is true.";
	if (certificate == NULL || id == NULL || id[0] == '\0' || strlen(id) > 128)
		return NULL;
	*problem = "encryptionCertificate is not a base64-encoded X.509 certificate.";
	if ((x509 = certificate_read(certificate)) == NULL)
		return NULL;
	key = X509_get_pubkey(x509);
	bits = key == NULL ? 0 : EVP_PKEY_get_bits(key);
	*problem = "The certificate's key must be RSA of 2048 to 4096 bits.";
	if (key == NULL || EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA || bits < 2048 || bits > 4096) {
		EVP_PKEY_free(key);
		X509_free(x509);
		return NULL;
	}
	made = must_alloc(sizeof(*made));
	made->key = key;
	made->id = must_copy(id);
	thumbprint_make(x509, made->thumbprint);
	X509_free(x509);
	*problem = NULL;
	return made;
}

void
rich_key_free(struct rich_key *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_free(key->key);
	free(key->id);
	free(key);
}

const char *
rich_key_id(const struct rich_key *key)
{
	return key->id;
}

/* ---- encrypting ---- */

static json_t *
base64_json(const void *data, size_t len)
{
	char *text = must_alloc(BASE64_LEN(len) + 1);
	json_t *json;

	base64_encode(data, len, text);
	json = json_string(text);
	free(text);
	return json;
}

static json_t *
wrap_key(EVP_PKEY *key, const uint8_t content_key[CONTENT_KEY_LEN])
{
	uint8_t wrapped[4096 / 8];
	size_t len = sizeof(wrapped);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	bool good = ctx != NULL && EVP_PKEY_encrypt_init(ctx) == 1 &&
	            EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
	            EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha1()) == 1 && EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha1()) == 1 &&
	            EVP_PKEY_encrypt(ctx, wrapped, &len, content_key, CONTENT_KEY_LEN) == 1;

	EVP_PKEY_CTX_free(ctx);
	return good ? base64_json(wrapped, len) : json_null();
}

json_t *
rich_encrypt(struct rng *rng, const struct rich_key *key, const json_t *resource)
{
	char *plain = json_dumps(resource, JSON_COMPACT);
	size_t plain_len = strlen(plain);
	uint8_t *data = must_alloc(plain_len + BLOCK_LEN), content_key[CONTENT_KEY_LEN], signature[HASH_LEN];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	struct span whole = { data, 0 };
	int n = 0, rest = 0;

	rng_bytes(rng, content_key, sizeof(content_key));
	(void)EVP_EncryptInit_ex(ctx, EVP_aes_256_cbc(), NULL, content_key, content_key);
	(void)EVP_EncryptUpdate(ctx, data, &n, (const unsigned char *)plain, (int)plain_len);
	(void)EVP_EncryptFinal_ex(ctx, data + n, &rest);
	EVP_CIPHER_CTX_free(ctx);
	whole.len = (size_t)n + (size_t)rest;
	hmac_sha256(content_key, sizeof(content_key), &whole, 1, signature);
	free(plain);
	{
		json_t *content = json_pack("{s:o,s:o,s:o,s:s,s:s}", "data", base64_json(data, whole.len), "dataKey",
		    wrap_key(key->key, content_key), "dataSignature", base64_json(signature, sizeof(signature)),
		    "encryptionCertificateId", key->id, "encryptionCertificateThumbprint", key->thumbprint);

		free(data);
		return content;
	}
}

/* ---- signing ---- */

struct signer {
	EVP_PKEY *keys[SIGNERS_MAX];
	size_t count;
	EVP_PKEY *foreign; /* in no set */
};

void
signer_free(struct signer *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->count; i++)
		EVP_PKEY_free(s->keys[i]);
	EVP_PKEY_free(s->foreign);
	free(s);
}

static struct signer *
signer_of(struct sim *sim)
{
	if (sim->signer == NULL) {
		sim->signer = must_alloc(sizeof(*sim->signer));
		sim->signer->keys[0] = EVP_RSA_gen(SIGNER_BITS);
		sim->signer->count = 1;
	}
	return sim->signer;
}

void
sim_signer_roll(struct sim *sim)
{
	struct signer *s = signer_of(sim);

	if (s->count < SIGNERS_MAX)
		s->keys[s->count++] = EVP_RSA_gen(SIGNER_BITS);
}

static void
part_add(struct text *t, json_t *part)
{
	char *json = json_dumps(part, JSON_COMPACT), *encoded = must_alloc(BASE64URL_LEN(strlen(json)) + 1);

	base64url_encode(json, strlen(json), encoded);
	text_adds(t, encoded);
	free(encoded);
	free(json);
	json_decref(part);
}

static void
sign(struct text *t, EVP_PKEY *key)
{
	uint8_t signature[SIGNER_BITS / 8];
	char encoded[BASE64URL_LEN(sizeof(signature)) + 1];
	size_t len = sizeof(signature);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (ctx != NULL && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
	    EVP_DigestSign(ctx, signature, &len, (const unsigned char *)t->data, t->len) == 1) {
		base64url_encode(signature, len, encoded);
		text_addf(t, ".%s", encoded);
	}
	EVP_MD_CTX_free(ctx);
}

/* Every other token is of the older version: facts 5 names both. */
static json_t *
claims_of(struct sim *sim, const char *app_id, const char *tenant_id)
{
	json_int_t now_s = clock_wall_ms(sim->clock) / 1000;
	bool newer = rng_below(&sim->rng, 2) == 0;
	const char *publisher = sim->settings.rich_fault == RICH_FAULT_PUBLISHER ? OTHER_PUBLISHER : PUBLISHER;
	char issuer[128];

	(void)snprintf(issuer, sizeof(issuer),
	    newer ? "https://login.microsoftonline.com/%s/v2.0" : "https://sts.windows.net/%s/", tenant_id);
	return json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:I}", "aud", app_id, "iss", issuer, "tid", tenant_id,
	    newer ? "azp" : "appid", publisher, "ver", newer ? "2.0" : "1.0", "iat", now_s, "nbf", now_s, "exp",
	    now_s + TOKEN_LIFE_S);
}

char *
sim_signer_token(struct sim *sim, const char *app_id, const char *tenant_id)
{
	struct signer *s = signer_of(sim);
	EVP_PKEY *key = s->keys[s->count - 1];
	char id[32];
	struct text t;

	if (sim->settings.rich_fault == RICH_FAULT_FOREIGN_KEY) {
		if (s->foreign == NULL)
			s->foreign = EVP_RSA_gen(SIGNER_BITS);
		key = s->foreign;
	}
	(void)snprintf(id, sizeof(id), "signer-%zu", s->count);
	text_init(&t, 65536);
	part_add(&t, json_pack("{s:s,s:s,s:s}", "typ", "JWT", "alg", "RS256", "kid", id));
	text_adds(&t, ".");
	part_add(&t, claims_of(sim, app_id, tenant_id));
	sign(&t, key);
	return text_take(&t);
}

/* A number of the public key as JWKs have them. */
static json_t *
number_json(const EVP_PKEY *key, const char *name)
{
	uint8_t bytes[NUMBER_BYTES_MAX];
	char text[BASE64URL_LEN(NUMBER_BYTES_MAX) + 1];
	BIGNUM *number = NULL;
	int len = 0;

	if (EVP_PKEY_get_bn_param(key, name, &number) == 1 && BN_num_bytes(number) <= NUMBER_BYTES_MAX)
		len = BN_bn2bin(number, bytes);
	BN_free(number);
	base64url_encode(bytes, (size_t)len, text);
	return json_string(text);
}

void
sim_signer_handle(struct call *c, const char *tenant)
{
	struct signer *s = signer_of(c->sim);
	json_t *list = json_array();
	char id[32];

	(void)tenant;
	for (size_t i = 0; i < s->count; i++) {
		(void)snprintf(id, sizeof(id), "signer-%zu", i + 1);
		json_array_append_new(list,
		    json_pack("{s:s,s:s,s:s,s:s,s:o,s:o}", "kty", "RSA", "use", "sig", "kid", id, "x5t", id, "n",
		        number_json(s->keys[i], OSSL_PKEY_PARAM_RSA_N), "e", number_json(s->keys[i], OSSL_PKEY_PARAM_RSA_E)));
	}
	call_answer(c, 200, json_pack("{s:o}", "keys", list));
}
