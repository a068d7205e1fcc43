/*
 * Tokens are opaque texts that only this simulator can read, as a client must treat Graph's. While no app is
 * registered any client may sign in with any secret: a world then needs no credentials to be set up.
 */
#include "sim/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/encode.h"
#include "base/timestamp.h"
#include "sim/call.h"
#include "sim/memory.h"

#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
/* Beyond this many live tokens the expired ones are swept out. */
#define SWEEP_AT 4096

struct app {
	char id[GUID_SIZE];
	char *secret;  /* NULL: none */
	EVP_PKEY *key; /* of the registered certificate; NULL: none */
};

struct token {
	char *text;
	struct tenant *tenant;
	char app_id[GUID_SIZE];
	int64_t expires_ms; /* boot time */
};

static const struct aadsts {
	int number, status;
	const char *error, *text;
} refusals[] = {
	{ 900144, 400, "invalid_request", "The request body must contain the following parameter: 'client_id'." },
	{ 70003, 400, "unsupported_grant_type", "The app requested an unsupported grant type." },
	{ 70011, 400, "invalid_scope", "The provided value for the input parameter 'scope' is not valid." },
	{ 90002, 400, "invalid_request", "Tenant not found." },
	{ 700016, 400, "unauthorized_client", "Application was not found in the directory." },
	{ 65001, 400, "invalid_grant", "The user or administrator has not consented to use the application." },
	{ 7000218, 401, "invalid_client", "The request body must contain 'client_assertion' or 'client_secret'." },
	{ 7000215, 401, "invalid_client", "Invalid client secret provided." },
	{ 700027, 401, "invalid_client",
	    "The certificate with identifier used to sign the client assertion is not registered on application, or the "
	    "signature is wrong." },
	{ 700024, 401, "invalid_client", "Client assertion is not within its valid time range." },
	{ 50027, 401, "invalid_client", "The client assertion is malformed or its claims are wrong." },
};

static void
token_free(struct token *t)
{
	free(t->text);
	free(t);
}

void
sim_token_expire_all(struct sim *sim)
{
	struct token *t;
	size_t at = 0;

	while ((t = sim_map_next(&sim->tokens, &at)) != NULL)
		token_free(t);
	sim_map_done(&sim->tokens);
}

void
sim_token_done(struct sim *sim)
{
	struct app *a;
	size_t at = 0;

	sim_token_expire_all(sim);
	while ((a = sim_map_next(&sim->apps, &at)) != NULL) {
		free(a->secret);
		EVP_PKEY_free(a->key);
		free(a);
	}
	sim_map_done(&sim->apps);
}

static EVP_PKEY *
key_of_certificate(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *x = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
	EVP_PKEY *key = x == NULL ? NULL : X509_get_pubkey(x);

	X509_free(x);
	BIO_free(bio);
	return key;
}

bool
sim_token_add_app(struct sim *sim, const char *client_id, const char *secret, const char *certificate)
{
	EVP_PKEY *key = certificate == NULL ? NULL : key_of_certificate(certificate);
	char id[GUID_SIZE];
	struct app *a;

	if ((certificate != NULL && key == NULL) || !sim_guid_copy(id, client_id)) {
		EVP_PKEY_free(key);
		return false;
	}
	a = sim_map_get(&sim->apps, id);
	if (a == NULL) {
		a = must_alloc(sizeof(*a));
		memcpy(a->id, id, sizeof(id));
		sim_map_put(&sim->apps, a->id, a);
	}
	free(a->secret);
	EVP_PKEY_free(a->key);
	a->secret = must_copy(secret);
	a->key = key;
	return true;
}

static void
refuse(struct call *c, int number)
{
	const struct aadsts *r = &refusals[0];
	char text[512], when[TIMESTAMP_SIZE];

	for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++)
		if (refusals[i].number == number)
			r = &refusals[i];
	timestamp_format(clock_wall_ms(c->sim->clock) / 1000 * 1000, when);
	snprintf(text, sizeof(text), "AADSTS%d: %s Trace ID: %s Timestamp: %s", r->number, r->text, c->request_id, when);
	call_answer(c, r->status,
	    json_pack("{s:s,s:s,s:[i],s:s,s:s,s:s}", "error", r->error, "error_description", text, "error_codes", r->number,
	        "timestamp", when, "trace_id", c->request_id, "correlation_id",
	        c->client_request_id == NULL ? c->request_id : c->client_request_id));
	call_note(c, JOURNAL_SIGN_IN, r->text);
}

/* Form fields are read by the query parser of a call, of which this is a second use. */
struct form {
	struct query_param field[CALL_PARAMS_MAX];
	size_t count;
};

static void
form_done(struct form *f)
{
	for (size_t i = 0; i < f->count; i++) {
		free(f->field[i].name);
		free(f->field[i].value);
	}
}

static bool
form_parse(struct form *f, const char *body)
{
	bool good = true;

	for (const char *at = body; *at != '\0' && f->count < CALL_PARAMS_MAX;) {
		size_t len = strcspn(at, "&"), name_len = strcspn(at, "=&"), n;
		struct query_param *p = &f->field[f->count++];
		size_t value_at = name_len < len ? name_len + 1 : len;

		p->name = must_alloc(name_len + 1);
		p->value = must_alloc(len - value_at + 1);
		good = percent_decode(at, name_len, 1, p->name, &n) == ERR_OK &&
		       percent_decode(at + value_at, len - value_at, 1, p->value, &n) == ERR_OK && good;
		at += len + (at[len] == '&');
	}
	return good;
}

static const char *
form_get(const struct form *f, const char *name)
{
	for (size_t i = 0; i < f->count; i++)
		if (strcmp(f->field[i].name, name) == 0)
			return f->field[i].value;
	return NULL;
}

/* The n-th dot-separated part of a JWT as JSON; NULL when it is none. Gives it. */
static json_t *
jwt_part(const char *jwt, int n)
{
	const char *at = jwt;
	uint8_t *plain;
	json_t *o = NULL;
	size_t len;

	for (; n > 0 && *at != '\0'; n--)
		at += strcspn(at, ".") + (at[strcspn(at, ".")] == '.');
	len = strcspn(at, ".");
	plain = must_alloc(len + 4);
	if (base64url_decode(at, len, plain, &len) == ERR_OK)
		jx_parse((const char *)plain, len, &o, NULL, 0);
	free(plain);
	return o;
}

static bool
signature_good(EVP_PKEY *key, const char *jwt, bool pss)
{
	const char *dot = strrchr(jwt, '.');
	size_t len = strlen(dot + 1);
	uint8_t *signature = must_alloc(len + 4);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pk = NULL;
	bool good = false;

	if (ctx != NULL && base64url_decode(dot + 1, len, signature, &len) == ERR_OK &&
	    EVP_DigestVerifyInit(ctx, &pk, EVP_sha256(), NULL, key) == 1 &&
	    (!pss || (EVP_PKEY_CTX_set_rsa_padding(pk, RSA_PKCS1_PSS_PADDING) == 1 &&
	                 EVP_PKEY_CTX_set_rsa_pss_saltlen(pk, RSA_PSS_SALTLEN_DIGEST) == 1)))
		good = EVP_DigestVerify(ctx, signature, len, (const uint8_t *)jwt, (size_t)(dot - jwt)) == 1;
	EVP_MD_CTX_free(ctx);
	free(signature);
	return good;
}

static bool
claims_good(const struct call *c, const json_t *claims, const char *client_id, const char *tenant)
{
	const char *aud = jx_get_str(claims, "aud"), *iss = jx_get_str(claims, "iss"), *sub = jx_get_str(claims, "sub");
	char expected[512];
	size_t aud_len, len;

	snprintf(expected, sizeof(expected), "/%s/oauth2/v2.0/token", tenant);
	if (aud == NULL || iss == NULL || sub == NULL || jx_get_str(claims, "jti") == NULL)
		return false;
	aud_len = strlen(aud);
	len = strlen(expected);
	(void)c;
	return aud_len > len && str_equal_nocase(aud + aud_len - len, expected) && str_equal_nocase(iss, client_id) &&
	       str_equal_nocase(sub, client_id);
}

/* The number of the refusal, or 0: facts 1.2. */
static int
check_assertion(const struct call *c, const struct app *app, const char *jwt, const char *client_id, const char *tenant)
{
	int64_t now_s = clock_wall_ms(c->sim->clock) / 1000;
	json_t *head = jwt_part(jwt, 0), *claims = jwt_part(jwt, 1);
	const char *alg = jx_get_str(head, "alg");
	bool pss = alg != NULL && strcmp(alg, "PS256") == 0, rs = alg != NULL && strcmp(alg, "RS256") == 0;
	int refused = 0;

	if ((!pss && !rs) || jx_get_str(head, pss ? "x5t#S256" : "x5t") == NULL || !claims_good(c, claims, client_id, tenant))
		refused = 50027;
	else if (jx_get_int(claims, "exp", 0) <= now_s || jx_get_int(claims, "nbf", 0) > now_s + 300)
		refused = 700024;
	else if (app != NULL &&
	         (app->key == NULL || strchr(jwt, '.') == strrchr(jwt, '.') || !signature_good(app->key, jwt, pss)))
		refused = 700027;
	json_decref(head);
	json_decref(claims);
	return refused;
}

static int
check_credentials(const struct call *c, const struct form *f, const char *client_id, const char *tenant)
{
	const char *secret = form_get(f, "client_secret"), *assertion = form_get(f, "client_assertion");
	const char *type = form_get(f, "client_assertion_type");
	char id[GUID_SIZE];
	const struct app *app;

	if (!sim_guid_copy(id, client_id))
		return 700016;
	app = sim_map_get(&c->sim->apps, id);
	if (app == NULL && c->sim->apps.count > 0)
		return 700016;
	if (assertion != NULL && type != NULL && strcmp(type, ASSERTION_TYPE) == 0)
		return check_assertion(c, app, assertion, client_id, tenant);
	if (secret == NULL)
		return 7000218;
	if (app != NULL && (app->secret == NULL || strcmp(app->secret, secret) != 0))
		return 7000215;
	return 0;
}

static int
check_request(const struct call *c, const struct form *f, const struct tenant *tenant, const char *tenant_text)
{
	const char *grant = form_get(f, "grant_type"), *scope = form_get(f, "scope"), *client = form_get(f, "client_id");
	size_t len = scope == NULL ? 0 : strlen(scope);
	int refused;

	if (client == NULL)
		return 900144;
	if (grant == NULL || strcmp(grant, "client_credentials") != 0)
		return 70003;
	if (len < 9 || strcmp(scope + len - 9, "/.default") != 0)
		return 70011;
	if (tenant == NULL)
		return 90002;
	if (tenant->consent == CONSENT_ABSENT)
		return 700016;
	refused = check_credentials(c, f, client, tenant_text);
	return refused == 0 && tenant->consent == CONSENT_WITHDRAWN ? 65001 : refused;
}

static void
sweep(struct sim *sim, int64_t now_ms)
{
	struct map old = sim->tokens;
	struct token *t;
	size_t at = 0;

	if (old.count < SWEEP_AT)
		return;
	sim->tokens = (struct map){ NULL, 0, 0, 0 };
	while ((t = sim_map_next(&old, &at)) != NULL) {
		if (t->expires_ms > now_ms)
			sim_map_put(&sim->tokens, t->text, t);
		else
			token_free(t);
	}
	sim_map_done(&old);
}

static void
issue(struct call *c, const char *client_id)
{
	struct token *t = must_alloc(sizeof(*t));
	uint8_t random[48];
	char text[BASE64URL_LEN(sizeof(random)) + 1];

	rng_bytes(&c->sim->rng, random, sizeof(random));
	base64url_encode(random, sizeof(random), text);
	if (asprintf(&t->text, "sim.%s", text) < 0)
		t->text = must_copy(text);
	t->tenant = c->tenant;
	sim_guid_copy(t->app_id, client_id);
	t->expires_ms = c->now_ms + c->sim->settings.token_s * 1000;
	sweep(c->sim, c->now_ms);
	sim_map_put(&c->sim->tokens, t->text, t);
	call_answer(c, 200,
	    json_pack("{s:s,s:I,s:I,s:s}", "token_type", "Bearer", "expires_in", (json_int_t)c->sim->settings.token_s,
	        "ext_expires_in", (json_int_t)c->sim->settings.token_s, "access_token", t->text));
}

void
sim_token_handle(struct call *c, const char *tenant)
{
	struct form f = { .count = 0 };
	int refused;

	c->template = "/{tenant}/oauth2/v2.0/token";
	c->tenant = world_tenant(&c->sim->world, tenant);
	refused = form_parse(&f, c->body == NULL ? "" : c->body) ? check_request(c, &f, c->tenant, tenant) : 900144;
	if (refused != 0)
		refuse(c, refused);
	else
		issue(c, form_get(&f, "client_id"));
	form_done(&f);
}

static void
refuse_token(struct call *c, enum journal_kind kind, const char *message)
{
	call_header(c, "WWW-Authenticate: Bearer realm=\"\", authorization_uri=\"%s/common/oauth2/authorize\"", c->sim->base_url);
	call_refuse(c, 401, "InvalidAuthenticationToken", kind, "%s", message);
}

bool
sim_token_authenticate(struct call *c)
{
	const struct token *t;

	if (c->authorization == NULL || !str_starts(c->authorization, "Bearer ")) {
		refuse_token(c, JOURNAL_NO_TOKEN, "Access token is empty.");
		return false;
	}
	t = sim_map_get(&c->sim->tokens, c->authorization + 7);
	if (t == NULL || t->expires_ms <= c->now_ms) {
		refuse_token(c, JOURNAL_BAD_TOKEN,
		    t == NULL ? "Access token validation failure." : "Lifetime validation failed, the token is expired.");
		return false;
	}
	c->tenant = t->tenant;
	memcpy(c->app_id, t->app_id, sizeof(c->app_id));
	if (c->tenant->consent != CONSENT_GRANTED) {
		call_refuse(c, 403, "Authorization_RequestDenied", JOURNAL_FORBIDDEN,
		    "Insufficient privileges to complete the operation.");
		return false;
	}
	return true;
}
