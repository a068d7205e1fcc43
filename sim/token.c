/*
 * Tokens are opaque texts that only this simulator can read, as a client must treat Graph's. While no app is
 * registered any client may sign in with any secret: a world then needs no credentials to be set up.
 */
#include "sim/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/timestamp.h"
#include "sim/assertion.h"
#include "sim/call.h"
#include "sim/memory.h"

#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
/* Beyond this many live tokens the expired ones are swept out. */
#define SWEEP_AT 4096

struct app {
	char id[GUID_SIZE];
	char *secret;                      /* NULL: none */
	struct certificates *certificates; /* NULL: none */
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
	{ 700021, 401, "invalid_client", "Client assertion application identifier doesn't match 'client_id' parameter." },
	{ 700023, 401, "invalid_client", "Client assertion audience claim does not match the token endpoint." },
	{ 50027, 401, "invalid_client", "The client assertion is malformed, or was used before." },
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
		sim_certificates_free(a->certificates);
		free(a);
	}
	sim_map_done(&sim->apps);
}

bool
sim_token_add_app(struct sim *sim, const char *client_id, const char *secret, const char *certificate)
{
	struct certificates *certificates = certificate == NULL ? NULL : sim_certificates_parse(certificate);
	char id[GUID_SIZE];
	struct app *a;

	if ((certificate != NULL && certificates == NULL) || !sim_guid_copy(id, client_id)) {
		sim_certificates_free(certificates);
		return false;
	}
	a = sim_map_get(&sim->apps, id);
	if (a == NULL) {
		a = must_alloc(sizeof(*a));
		memcpy(a->id, id, sizeof(id));
		sim_map_put(&sim->apps, a->id, a);
	}
	free(a->secret);
	sim_certificates_free(a->certificates);
	a->secret = must_copy(secret);
	a->certificates = certificates;
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

static int
check_assertion(const struct call *c, const struct app *app, const char *jwt, const char *client_id, const char *tenant)
{
	struct assertion_want want = {
		.client_id = client_id, .now_s = clock_wall_ms(c->sim->clock) / 1000, .once = c->sim->settings.assertion_once != 0
	};
	struct text audience;
	int refused;

	text_init(&audience, 4096);
	text_addf(&audience, "%s/%s/oauth2/v2.0/token", c->sim->base_url, tenant);
	want.audience = audience.data != NULL ? audience.data : "";
	refused = sim_assertion_check(app == NULL ? NULL : app->certificates, jwt, &want);
	text_done(&audience);
	/* Nobody's certificate is known of this app; but what is no assertion at all is told as such. */
	return app != NULL && app->certificates == NULL && refused != 50027 ? 700027 : refused;
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
