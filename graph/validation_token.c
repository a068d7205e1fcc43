/*
 * Parts are decoded by our strict base64url and our JSON reader (duplicates refused); only then has libjose a word, with a key
 * made of the set's modulus and exponent alone, so that no other member of key or header can steer it.
 */
#include "graph/validation_token.h"

#include <jose/jws.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/text.h"

#define MODULUS_MIN_BYTES  256 /* RSA of 2,048 bits */
#define MODULUS_MAX_BYTES  1024
#define EXPONENT_MIN_BYTES 3
#define EXPONENT_MAX_BYTES 8
#define ISSUER_SIZE        512

struct parts {
	const char *header, *payload, *signature;
	size_t header_len, payload_len, signature_len;
};

static enum err
refuse(enum err e, const char *reason, const char **why)
{
	*why = reason;
	return e;
}

/* Three parts, two dots. */
static bool
split(const char *token, size_t len, struct parts *ret)
{
	const char *end = token + len, *first = memchr(token, '.', len), *second;

	if (first == NULL || (second = memchr(first + 1, '.', (size_t)(end - first - 1))) == NULL ||
	    memchr(second + 1, '.', (size_t)(end - second - 1)) != NULL)
		return false;
	*ret = (struct parts){ token, first + 1, second + 1, (size_t)(first - token), (size_t)(second - first - 1),
		(size_t)(end - second - 1) };
	return ret->header_len > 0 && ret->payload_len > 0 && ret->signature_len > 0;
}

/* One part as a JSON object, or NULL. */
static json_t *
part_json(const char *text, size_t len)
{
	uint8_t decoded[VALIDATION_TOKEN_MAX_LEN];
	size_t decoded_len;
	json_t *json = NULL;
	char why[128];

	if (base64url_decode(text, len, decoded, &decoded_len) != ERR_OK ||
	    jx_parse((const char *)decoded, decoded_len, &json, why, sizeof(why)) != ERR_OK)
		return NULL;
	if (json_is_object(json))
		return json;
	json_decref(json);
	return NULL;
}

static bool
key_id_is_plain(const char *id)
{
	size_t len = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

	return len > 0 && len <= VALIDATION_KEY_ID_MAX && id[len] == '\0';
}

/* The only key of the set with that id; NULL when there is none, or more than one. */
static const json_t *
key_find(const json_t *keys, const char *id)
{
	const json_t *list = jx_get_array(keys, "keys"), *key, *found = NULL;
	const char *key_id;
	size_t i;

	json_array_foreach((json_t *)list, i, key)
	{
		if ((key_id = jx_get_str(key, "kid")) == NULL || strcmp(key_id, id) != 0)
			continue;
		if (found != NULL)
			return NULL;
		found = key;
	}
	return found;
}

static bool
number_is_fine(const char *text, size_t min, size_t max, bool odd)
{
	uint8_t bytes[MODULUS_MAX_BYTES + 3];
	size_t len;

	if (text == NULL || strlen(text) > BASE64URL_LEN(MODULUS_MAX_BYTES) ||
	    base64url_decode(text, strlen(text), bytes, &len) != ERR_OK || len < min || len > max || bytes[0] == 0)
		return false;
	/* An odd one of three bytes or more is 65,537 at least. */
	return !odd || (bytes[len - 1] & 1) != 0;
}

/* What libjose gets: kind, modulus and exponent. Gives. NULL: not a key we would trust. */
static json_t *
key_for_jose(const json_t *key)
{
	const char *kind = jx_get_str(key, "kty"), *use = jx_get_str(key, "use"), *algorithm = jx_get_str(key, "alg");
	const char *modulus = jx_get_str(key, "n"), *exponent = jx_get_str(key, "e");

	if (kind == NULL || strcmp(kind, "RSA") != 0 || (use != NULL && strcmp(use, "sig") != 0) ||
	    (algorithm != NULL && strcmp(algorithm, "RS256") != 0) ||
	    !number_is_fine(modulus, MODULUS_MIN_BYTES, MODULUS_MAX_BYTES, false) ||
	    !number_is_fine(exponent, EXPONENT_MIN_BYTES, EXPONENT_MAX_BYTES, true))
		return NULL;
	return json_pack("{s:s, s:s, s:s}", "kty", "RSA", "n", modulus, "e", exponent);
}

static bool
signature_is_good(const struct parts *p, const json_t *key)
{
	json_t *jwk = key_for_jose(key), *jws;
	bool good = false;

	if (jwk == NULL)
		return false;
	jws = json_pack("{s:s%, s:s%, s:s%}", "protected", p->header, p->header_len, "payload", p->payload, p->payload_len,
	    "signature", p->signature, p->signature_len);
	if (jws != NULL)
		good = jose_jws_ver(NULL, jws, NULL, jwk, true);
	json_decref(jws);
	json_decref(jwk);
	return good;
}

static bool
claim_is(const json_t *claims, const char *name, const char *want)
{
	const char *value = jx_get_str(claims, name);

	return value != NULL && str_equal_nocase(value, want);
}

/* Issuers of the older tokens are of the directory, not of the login service. */
static const struct {
	const char *login_host, *issuer_host;
} older_issuers[] = {
	{ "login.partner.microsoftonline.cn", "sts.chinacloudapi.cn" },
	{ "login.chinacloudapi.cn", "sts.chinacloudapi.cn" },
};

static const char *
older_issuer_host(const char *login_url)
{
	for (size_t i = 0; i < sizeof(older_issuers) / sizeof(older_issuers[0]); i++)
		if (strstr(login_url, older_issuers[i].login_host) != NULL)
			return older_issuers[i].issuer_host;
	return "sts.windows.net";
}

/* A login service on this machine is a stand-in for Microsoft's: it names the issuer it stands in for. */
static bool
issuer_is_right(const json_t *claims, const struct validation_expect *x, bool newer)
{
	char issuer[ISSUER_SIZE];

	if (!newer) {
		(void)snprintf(issuer, sizeof(issuer), "https://%s/%s/", older_issuer_host(x->login_url), x->tenant->s);
		return claim_is(claims, "iss", issuer);
	}
	(void)snprintf(issuer, sizeof(issuer), "%s/%s/v2.0", x->login_url, x->tenant->s);
	if (claim_is(claims, "iss", issuer))
		return true;
	(void)snprintf(issuer, sizeof(issuer), "https://login.microsoftonline.com/%s/v2.0", x->tenant->s);
	return url_is_loopback(x->login_url) && claim_is(claims, "iss", issuer);
}

static bool
time_is_right(const json_t *claims, int64_t now_s)
{
	const json_t *expires = json_object_get(claims, "exp"), *from = json_object_get(claims, "nbf");

	if (!json_is_integer(expires) || json_integer_value(expires) < now_s - VALIDATION_SKEW_S)
		return false;
	return from == NULL || (json_is_integer(from) && json_integer_value(from) <= now_s + VALIDATION_SKEW_S);
}

/* NULL when all is right. */
static const char *
claims_fault(const json_t *claims, const struct validation_expect *x)
{
	const char *version = jx_get_str(claims, "ver");
	bool newer = version != NULL && strcmp(version, "2.0") == 0;

	if (version == NULL || (!newer && strcmp(version, "1.0") != 0))
		return "unknown token version";
	if (!time_is_right(claims, x->now_s))
		return "not valid now";
	if (!claim_is(claims, "aud", x->client_id))
		return "for another app";
	if (!claim_is(claims, "tid", x->tenant->s))
		return "of another tenant";
	if (!issuer_is_right(claims, x, newer))
		return "wrong issuer";
	if (!claim_is(claims, newer ? "azp" : "appid", VALIDATION_PUBLISHER))
		return "not from Microsoft's publisher";
	return NULL;
}

static enum err
check_parts(
    const struct parts *p, const json_t *header, const json_t *claims, const struct validation_expect *x, const char **why)
{
	const char *algorithm = jx_get_str(header, "alg"), *key_id = jx_get_str(header, "kid"), *fault;
	const json_t *key;

	if (algorithm == NULL || strcmp(algorithm, "RS256") != 0)
		return refuse(ERR_UNAUTHORIZED, "not signed by RS256", why);
	/* An extension that must be understood is none of ours; "b64" would change what is signed. */
	if (json_object_get(header, "crit") != NULL || json_object_get(header, "b64") != NULL)
		return refuse(ERR_UNAUTHORIZED, "unknown header", why);
	if (key_id == NULL || !key_id_is_plain(key_id))
		return refuse(ERR_UNAUTHORIZED, "no usable key id", why);
	if ((fault = claims_fault(claims, x)) != NULL)
		return refuse(ERR_UNAUTHORIZED, fault, why);
	if ((key = key_find(x->keys, key_id)) == NULL)
		return refuse(ERR_NOTFOUND, "unknown key", why);
	if (!signature_is_good(p, key))
		return refuse(ERR_UNAUTHORIZED, "wrong signature", why);
	*why = "";
	return ERR_OK;
}

enum err
validation_token_check(const char *token, size_t len, const struct validation_expect *expect, const char **why)
{
	json_t *header, *claims;
	struct parts p;
	enum err e;

	if (len > VALIDATION_TOKEN_MAX_LEN || !split(token, len, &p))
		return refuse(ERR_MALFORMED, "not a JWT", why);
	header = part_json(p.header, p.header_len);
	claims = part_json(p.payload, p.payload_len);
	if (header == NULL || claims == NULL)
		e = refuse(ERR_MALFORMED, "not a JWT", why);
	else
		e = check_parts(&p, header, claims, expect, why);
	json_decref(header);
	json_decref(claims);
	return e;
}

bool
validation_token_tenant(const char *token, size_t len, struct guid *ret)
{
	json_t *claims = NULL;
	const char *tenant;
	struct parts p;
	bool good;

	if (len <= VALIDATION_TOKEN_MAX_LEN && split(token, len, &p))
		claims = part_json(p.payload, p.payload_len);
	tenant = jx_get_str(claims, "tid");
	good = tenant != NULL && guid_parse(tenant, ret);
	json_decref(claims);
	return good;
}
