/*
 * Access tokens look as Microsoft's do, three parts of which the second names what was granted, but only the whole text counts
 * here: a client may look inside for advice, never for a decision. While no app is registered any client may sign in with
 * any secret: a world then needs no credentials to be set up.
 */
#include "sim/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/timestamp.h"
#include "sim/assertion.h"
#include "sim/call.h"
#include "sim/delegated.h"
#include "sim/form.h"
#include "sim/jwt.h"
#include "sim/memory.h"

#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
/* Expired tokens are swept out when there are so many, and again whenever there are twice as many as stayed. */
#define SWEEP_AT 256

struct app {
	char id[GUID_SIZE];
	char *secret;                      /* NULL: none */
	struct certificates *certificates; /* NULL: none */
	bool confidential;                 /* public client flows are off: each sign-in needs one of the two */
};

struct token {
	char *text;
	struct tenant *tenant;
	struct user *user; /* whom it stands for; NULL: the app itself */
	char app_id[GUID_SIZE];
	struct throttle_party *party;
	int64_t expires_ms; /* boot time */
};

/* An app in a tenant. */
struct grantee {
	char key[2 * GUID_LEN + 1];
	struct throttle_party *party;
	char *opening; /* of the app's tokens, while permissions are what they were; NULL: none was wanted yet */
	unsigned permissions;
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
	{ 70016, 400, "authorization_pending", "OAuth 2.0 device flow error. Authorization is pending. Continue polling." },
	{ 70018, 400, "bad_verification_code", "The device code is invalid." },
	{ 70019, 400, "expired_token", "The verification code expired." },
	{ SIM_DECLINED, 400, "authorization_declined", "The user declined the sign-in." },
	{ SIM_SLOW_DOWN, 400, "slow_down", "The client polls faster than it was told to." },
	{ 70000, 400, "invalid_grant", "The provided refresh token is malformed or not of this tenant and app." },
	{ 70008, 400, "invalid_grant", "The refresh token has expired due to inactivity." },
	{ 700082, 400, "invalid_grant", "The refresh token has expired due to inactivity." },
	{ 50173, 400, "invalid_grant", "The provided grant has expired due to it being revoked. The user must sign in again." },
	{ 70043, 400, "invalid_grant", "The refresh token has expired due to sign-in frequency checks by conditional access." },
	{ 70044, 400, "invalid_grant", "The session has expired due to sign-in frequency checks by conditional access." },
	{ 50057, 400, "invalid_grant", "The user account is disabled." },
	{ 50076, 400, "interaction_required", "Due to a configuration change you must use multi-factor authentication." },
	{ 50078, 400, "interaction_required", "Presented multi-factor authentication has expired." },
	{ 50079, 400, "interaction_required", "The user must enroll in multi-factor authentication." },
	{ 53003, 400, "interaction_required", "Access has been blocked by conditional access policies." },
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
	struct grantee *g;
	struct app *a;
	size_t at = 0;

	sim_token_expire_all(sim);
	while ((a = sim_map_next(&sim->apps, &at)) != NULL) {
		free(a->secret);
		sim_certificates_free(a->certificates);
		free(a);
	}
	sim_map_done(&sim->apps);
	at = 0;
	while ((g = sim_map_next(&sim->grantees, &at)) != NULL) {
		free(g->opening);
		free(g);
	}
	sim_map_done(&sim->grantees);
}

bool
sim_token_add_app(struct sim *sim, const char *client_id, const char *secret, const char *certificate, bool confidential)
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
	a->confidential = confidential;
	return true;
}

void
sim_token_refuse(struct call *c, int number)
{
	const struct aadsts *r = &refusals[0];
	char text[512], when[TIMESTAMP_SIZE];

	for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++)
		if (refusals[i].number == number)
			r = &refusals[i];
	timestamp_format(clock_wall_ms(c->sim->clock) / 1000 * 1000, when);
	snprintf(text, sizeof(text), "AADSTS%d: %s Trace ID: %s Timestamp: %s", r->number > 0 ? r->number : 0, r->text,
	    c->request_id, when);
	call_answer(c, r->status,
	    json_pack("{s:s,s:s,s:[i],s:s,s:s,s:s}", "error", r->error, "error_description", text, "error_codes",
	        r->number > 0 ? r->number : 0, "timestamp", when, "trace_id", c->request_id, "correlation_id",
	        c->client_request_id == NULL ? c->request_id : c->client_request_id));
	call_note(c, JOURNAL_SIGN_IN, r->text);
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

int
sim_token_check_app(const struct call *c, const struct form *f, const char *tenant, bool person)
{
	const char *client_id = form_get(f, "client_id");
	const char *secret = form_get(f, "client_secret"), *assertion = form_get(f, "client_assertion");
	const char *type = form_get(f, "client_assertion_type");
	char id[GUID_SIZE];
	const struct app *app;

	if (client_id == NULL)
		return 900144;
	if (!sim_guid_copy(id, client_id))
		return 700016;
	app = sim_map_get(&c->sim->apps, id);
	if (app == NULL && c->sim->apps.count > 0)
		return 700016;
	if (assertion != NULL && type != NULL && strcmp(type, ASSERTION_TYPE) == 0)
		return check_assertion(c, app, assertion, client_id, tenant);
	if (secret == NULL)
		return person && (app == NULL || !app->confidential) ? 0 : 7000218;
	if (app != NULL && (app->secret == NULL || strcmp(app->secret, secret) != 0))
		return 7000215;
	return 0;
}

static int
check_request(const struct call *c, const struct form *f, const struct tenant *tenant, const char *tenant_text)
{
	const char *scope = form_get(f, "scope");
	size_t len = scope == NULL ? 0 : strlen(scope);
	int refused;

	if (form_get(f, "client_id") == NULL)
		return 900144;
	if (len < 9 || strcmp(scope + len - 9, "/.default") != 0)
		return 70011;
	if (tenant == NULL)
		return 90002;
	if (tenant->consent == CONSENT_ABSENT)
		return 700016;
	refused = sim_token_check_app(c, f, tenant_text, false);
	return refused == 0 && tenant->consent == CONSENT_WITHDRAWN ? 65001 : refused;
}

static void
sweep(struct sim *sim, int64_t now_ms)
{
	struct map old = sim->tokens;
	struct token *t;
	size_t at = 0;

	if (old.count < SWEEP_AT || old.count < sim->tokens_sweep_at)
		return;
	sim->tokens = (struct map){ NULL, 0, 0, 0 };
	while ((t = sim_map_next(&old, &at)) != NULL) {
		if (t->expires_ms > now_ms)
			sim_map_put(&sim->tokens, sim_jwt_signature(t->text), t);
		else
			token_free(t);
	}
	sim_map_done(&old);
	sim->tokens_sweep_at = 2 * sim->tokens.count;
}

static char *
sign(struct call *c, const char *opening)
{
	return sim_jwt_sign(opening, &c->sim->rng, clock_wall_ms(c->sim->clock) / 1000, c->sim->settings.token_s);
}

char *
sim_token_jwt(struct call *c, json_t *claims)
{
	char *opening = sim_jwt_open(claims), *jwt = sign(c, opening);

	free(opening);
	return jwt;
}

/* What was granted, as the token says it: a list of roles to an app, one text of scopes to a person. */
static void
claim_permissions(json_t *claims, const struct tenant *tenant, bool person)
{
	json_t *roles = json_array();
	struct text scopes;

	text_init(&scopes, 4096);
	for (int i = 0; i < PERMISSION_COUNT; i++)
		if ((tenant->permissions & (1u << i)) != 0) {
			const char *name = sim_permission_name((enum permission_bit)i);

			json_array_append_new(roles, json_string(name));
			text_addf(&scopes, "%s%s", scopes.len > 0 ? " " : "", name);
		}
	if (person)
		json_object_set_new(claims, "scp", json_string(scopes.data == NULL ? "" : scopes.data));
	else
		json_object_set(claims, "roles", roles);
	json_decref(roles);
	text_done(&scopes);
}

static json_t *
access_claims(const struct call *c, const char *app_id, const struct user *user)
{
	json_t *claims = json_pack("{s:s,s:s,s:s,s:s}", "aud", "https://graph.microsoft.com", "appid", app_id, "tid",
	    c->tenant->id, "idtyp", user == NULL ? "app" : "user");

	if (user != NULL) {
		json_object_set_new(claims, "oid", json_string(user->id));
		json_object_set_new(claims, "upn", json_string(user->upn));
	}
	claim_permissions(claims, c->tenant, user != NULL);
	return claims;
}

static struct grantee *
grantee_of(const struct call *c, const char *app_id)
{
	struct map *grantees = &c->sim->grantees;
	char key[2 * GUID_LEN + 1];
	struct grantee *g;

	memcpy(key, c->tenant->id, GUID_LEN);
	memcpy(key + GUID_LEN, app_id, GUID_SIZE);
	g = sim_map_get(grantees, key);
	if (g == NULL) {
		g = must_alloc(sizeof(*g));
		memcpy(g->key, key, sizeof(g->key));
		g->party = sim_throttle_party(&c->sim->throttle, app_id, c->tenant->id);
		sim_map_put(grantees, g->key, g);
	}
	return g;
}

/* How all tokens of an app in a tenant begin, as long as nothing is granted or taken back. */
static const char *
opening_of(const struct call *c, struct grantee *g, const char *app_id)
{
	if (g->opening == NULL || g->permissions != c->tenant->permissions) {
		free(g->opening);
		g->opening = sim_jwt_open(access_claims(c, app_id, NULL));
		g->permissions = c->tenant->permissions;
	}
	return g->opening;
}

/* user NULL: of the app itself. */
static const struct token *
token_new(struct call *c, const char *client_id, struct user *user)
{
	struct token *t = must_alloc(sizeof(*t));
	struct grantee *g;

	sim_guid_copy(t->app_id, client_id);
	g = grantee_of(c, t->app_id);
	t->text = user == NULL ? sign(c, opening_of(c, g, t->app_id)) : sim_token_jwt(c, access_claims(c, t->app_id, user));
	t->tenant = c->tenant;
	t->user = user;
	t->party = g->party;
	t->expires_ms = c->now_ms + c->sim->settings.token_s * 1000;
	sweep(c->sim, c->now_ms);
	sim_map_put(&c->sim->tokens, sim_jwt_signature(t->text), t);
	return t;
}

json_t *
sim_token_issue(struct call *c, const char *client_id, struct user *user)
{
	json_int_t life_s = c->sim->settings.token_s;

	return json_pack("{s:s,s:I,s:I,s:s}", "token_type", "Bearer", "expires_in", life_s, "ext_expires_in", life_s,
	    "access_token", token_new(c, client_id, user)->text);
}

static void
grant_to_app(struct call *c, const struct form *f, const char *tenant)
{
	int refused = check_request(c, f, c->tenant, tenant);
	long long life_s = c->sim->settings.token_s;

	if (refused != 0) {
		sim_token_refuse(c, refused);
		return;
	}
	call_answer_ready(c, 200,
	    must_format("{\"token_type\":\"Bearer\",\"expires_in\":%lld,\"ext_expires_in\":%lld,\"access_token\":\"%s\"}", life_s,
	        life_s, token_new(c, form_get(f, "client_id"), NULL)->text));
}

static const struct {
	const char *grant;
	void (*handle)(struct call *c, const struct form *f, const char *tenant);
} grants[] = {
	{ "client_credentials", grant_to_app },
	{ "urn:ietf:params:oauth:grant-type:device_code", sim_delegated_grant_device },
	{ "device_code", sim_delegated_grant_device }, /* the name that Microsoft's own clients send */
	{ "refresh_token", sim_delegated_grant_refresh },
};

void
sim_token_handle(struct call *c, const char *tenant)
{
	struct form f = { .count = 0 };
	bool good = form_parse(&f, c->body == NULL ? "" : c->body);
	const char *grant = form_get(&f, "grant_type");
	size_t i = 0;

	c->tenant = world_tenant(&c->sim->world, tenant);
	while (grant != NULL && i < sizeof(grants) / sizeof(*grants) && strcmp(grants[i].grant, grant) != 0)
		i++;
	if (!good || form_get(&f, "client_id") == NULL)
		sim_token_refuse(c, 900144);
	else if (grant == NULL || i == sizeof(grants) / sizeof(*grants))
		sim_token_refuse(c, 70003);
	else
		grants[i].handle(c, &f, tenant);
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
	const struct token *t = NULL;
	const char *signature;

	if (c->authorization == NULL || !str_starts(c->authorization, "Bearer ")) {
		refuse_token(c, JOURNAL_NO_TOKEN, "Access token is empty.");
		return false;
	}
	if ((signature = sim_jwt_signature(c->authorization)) != NULL)
		t = sim_map_get(&c->sim->tokens, signature);
	if (t != NULL && strcmp(t->text, c->authorization + 7) != 0)
		t = NULL;
	if (t == NULL || t->expires_ms <= c->now_ms) {
		refuse_token(c, JOURNAL_BAD_TOKEN,
		    t == NULL ? "Access token validation failure." : "Lifetime validation failed, the token is expired.");
		return false;
	}
	c->tenant = t->tenant;
	c->user = t->user;
	c->party = t->party;
	memcpy(c->app_id, t->app_id, sizeof(c->app_id));
	if (c->tenant->consent != CONSENT_GRANTED) {
		call_refuse(c, 403, "Authorization_RequestDenied", JOURNAL_FORBIDDEN,
		    "Insufficient privileges to complete the operation.");
		return false;
	}
	return true;
}
