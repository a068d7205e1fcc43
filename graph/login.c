/*
 * login.c - the tables of what the sign-in service refuses, and the forms it is sent.
 *
 * Texts name no tenant, person or secret: they are stored, shown and logged.
 */
#include "graph/login.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"
#include "graph/wire.h"

#define SCOPE_MAX     4096
#define PERSON_SCOPES "openid profile offline_access " /* without offline_access there is no refresh token */

/* --- what is refused, and what to do --- */

#define INSTALL "An administrator of the tenant must open the consent link."
#define POLICY  "Its administrator must exclude the app (workload identity) from that policy."
#define AGAIN   "Sign in again: ergsyncctl tenant sign-in."
#define PERSON  "Sign-in as an application needs no person: check client_id in the [graph] section."

/* passing: the code itself says that trying again helps. */
struct number_row {
	int64_t number;
	enum err err;
	enum tenant_state state;
	bool passing;
	const char *detail;
};

static const struct number_row refusals[] = {
	/* our secret or certificate */
	{ 7000215, ERR_UNAUTHORIZED, TENANT_UNREACHABLE, false,
	    "The client secret is wrong. Put the secret's value (not its id) into client_secret_file." },
	{ 70002, ERR_UNAUTHORIZED, TENANT_UNREACHABLE, false,
	    "The client secret is wrong. Put the secret's value (not its id) into client_secret_file." },
	{ 7000222, ERR_UNAUTHORIZED, TENANT_UNREACHABLE, false,
	    "The client secret has expired. Make a new one in the app registration, put it into client_secret_file and reload." },
	{ 7000218, ERR_UNAUTHORIZED, TENANT_UNREACHABLE, false,
	    "The sign-in lacked a client secret or certificate. Set one in the [graph] section." },
	{ 700025, ERR_UNAUTHORIZED, TENANT_UNREACHABLE, false,
	    "The app registration is a public client. Turn off public client flows in it, or check client_id." },
	{ 700027, ERR_UNAUTHORIZED, TENANT_UNREACHABLE, false,
	    "The client certificate is not known to the app registration, has expired there, or its key does not fit. Upload "
	    "client_certificate to the app registration." },
	{ 50012, ERR_UNAUTHORIZED, TENANT_UNREACHABLE, false,
	    "The client certificate was refused. Upload client_certificate to the app registration." },
	{ 700030, ERR_UNAUTHORIZED, TENANT_UNREACHABLE, false,
	    "The client certificate's subject is not authorized. Upload client_certificate to the app registration." },
	{ GRAPH_OUT_OF_TIME, ERR_UNAUTHORIZED, TENANT_UNREACHABLE, false,
	    "The client assertion was outside its time window. Set this machine's clock right." },
	{ 50013, ERR_UNAUTHORIZED, TENANT_UNREACHABLE, false,
	    "The client assertion was refused. Check login_url, client_id and this machine's clock." },
	{ 50027, ERR_UNAUTHORIZED, TENANT_UNREACHABLE, false,
	    "The client assertion was refused. Check login_url and client_id in the [graph] section." },
	{ 700021, ERR_UNAUTHORIZED, TENANT_UNREACHABLE, false,
	    "The client assertion names another app. Check client_id in the [graph] section." },
	{ 700023, ERR_UNAUTHORIZED, TENANT_UNREACHABLE, false,
	    "The client assertion was for another address. Check login_url in the [graph] section." },
	/* the app in this tenant */
	{ 700016, ERR_FORBIDDEN, TENANT_CONSENT_MISSING, false, "The app is not installed in this tenant. " INSTALL },
	{ 700011, ERR_FORBIDDEN, TENANT_CONSENT_MISSING, false, "The app is not installed in this tenant. " INSTALL },
	{ 7000229, ERR_FORBIDDEN, TENANT_CONSENT_MISSING, false, "The app is not installed in this tenant. " INSTALL },
	{ 65001, ERR_FORBIDDEN, TENANT_CONSENT_MISSING, false, "Consent is missing. " INSTALL },
	{ 650056, ERR_FORBIDDEN, TENANT_CONSENT_MISSING, false,
	    "Consent is missing, or the app registration lists no permissions. " INSTALL },
	{ 90008, ERR_FORBIDDEN, TENANT_CONSENT_MISSING, false, "Consent is missing. " INSTALL },
	{ 7000112, ERR_FORBIDDEN, TENANT_CONSENT_MISSING, false,
	    "The app is disabled in this tenant. Its administrator must enable it under Enterprise applications." },
	{ 70001, ERR_FORBIDDEN, TENANT_CONSENT_MISSING, false,
	    "The app is disabled in this tenant. Its administrator must enable it under Enterprise applications." },
	{ 53003, ERR_FORBIDDEN, TENANT_UNREACHABLE, false, "A conditional access policy of the tenant blocks the app. " POLICY },
	{ 500021, ERR_FORBIDDEN, TENANT_UNREACHABLE, false,
	    "A proxy with tenant restrictions blocks the tenant. Allow it there, or sign in past that proxy." },
	{ 500022, ERR_FORBIDDEN, TENANT_UNREACHABLE, false,
	    "A proxy with tenant restrictions blocks the tenant. Allow it there, or sign in past that proxy." },
	/* our configuration */
	{ 90002, ERR_INVALID, TENANT_UNREACHABLE, false,
	    "No such tenant. Check its directory id, and that login_url is of the tenant's cloud." },
	{ 900021, ERR_INVALID, TENANT_UNREACHABLE, false, "No such tenant. Check its directory id." },
	{ 900023, ERR_INVALID, TENANT_UNREACHABLE, false, "No such tenant. Check its directory id." },
	{ 90038, ERR_INVALID, TENANT_UNREACHABLE, false,
	    "The tenant is in another national cloud. Set base_url and login_url of that cloud." },
	{ 900432, ERR_INVALID, TENANT_UNREACHABLE, false,
	    "The tenant is in another national cloud. Set base_url and login_url of that cloud." },
	{ 70011, ERR_INVALID, TENANT_UNREACHABLE, false, "The scope was refused. Check base_url in the [graph] section." },
	{ 1002012, ERR_INVALID, TENANT_UNREACHABLE, false, "The scope was refused. Check base_url in the [graph] section." },
	{ 28002, ERR_INVALID, TENANT_UNREACHABLE, false, "The scope was refused. Check base_url in the [graph] section." },
	{ 500011, ERR_INVALID, TENANT_UNREACHABLE, false,
	    "This cloud knows no such Graph. Check that base_url and login_url belong together." },
	{ 50001, ERR_INVALID, TENANT_UNREACHABLE, false,
	    "This cloud knows no such Graph. Check that base_url and login_url belong together." },
	{ 900144, ERR_INVALID, TENANT_UNREACHABLE, false,
	    "The sign-in lacked a field. Check client_id and login_url in the [graph] section." },
	{ 9002313, ERR_INVALID, TENANT_UNREACHABLE, false,
	    "The sign-in was not understood. Check login_url in the [graph] section." },
	/* a person's sign-in; an app's own gets these only when something in between changed the request */
	{ 50076, ERR_UNAUTHORIZED, TENANT_UNREACHABLE, false, "The tenant wants a second factor. " PERSON },
	{ 50078, ERR_UNAUTHORIZED, TENANT_UNREACHABLE, false, "The tenant wants a second factor. " PERSON },
	{ 50079, ERR_UNAUTHORIZED, TENANT_UNREACHABLE, false, "The tenant wants a second factor. " PERSON },
	{ 700082, ERR_UNAUTHORIZED, TENANT_UNREACHABLE, false, "A person's sign-in has expired. " PERSON },
	{ 70008, ERR_UNAUTHORIZED, TENANT_UNREACHABLE, false, "A person's sign-in has expired. " PERSON },
	{ 50173, ERR_UNAUTHORIZED, TENANT_UNREACHABLE, false, "A person's sign-in was revoked. " PERSON },
	{ 70043, ERR_UNAUTHORIZED, TENANT_UNREACHABLE, false, "A policy of the tenant ended a person's sign-in. " PERSON },
	{ 70044, ERR_UNAUTHORIZED, TENANT_UNREACHABLE, false, "A policy of the tenant ended a person's sign-in. " PERSON },
	/* it says so itself: again */
	{ 90006, ERR_REMOTE, TENANT_UNREACHABLE, true, "Microsoft's sign-in is unavailable at the moment: it is tried again." },
	{ 90012, ERR_REMOTE, TENANT_UNREACHABLE, true, "Microsoft's sign-in is unavailable at the moment: it is tried again." },
	{ 90024, ERR_REMOTE, TENANT_UNREACHABLE, true, "Microsoft's sign-in is unavailable at the moment: it is tried again." },
	{ 90033, ERR_REMOTE, TENANT_UNREACHABLE, true, "Microsoft's sign-in is unavailable at the moment: it is tried again." },
	{ 90055, ERR_THROTTLED, TENANT_UNREACHABLE, true, "Microsoft's sign-in asks us to wait: it is tried again." },
	{ 50196, ERR_THROTTLED, TENANT_UNREACHABLE, true, "Microsoft's sign-in asks us to wait: it is tried again." },
};

#define ASK(number, text)                                                                                                        \
	{                                                                                                                        \
		number, ERR_UNAUTHORIZED, TENANT_SIGN_IN_NEEDED, false, text AGAIN                                               \
	}
#define ADMIN(number, text)                                                                                                      \
	{                                                                                                                        \
		number, ERR_FORBIDDEN, TENANT_SIGN_IN_NEEDED, false, text                                                        \
	}

/* Of the dedicated account: looked at before the table above. */
static const struct number_row person_refusals[] = {
	ASK(700082, "The account's sign-in was not used for too long and has expired. "),
	ASK(70008, "The account's sign-in was not used for too long and has expired. "),
	ASK(50173, "The account's sign-in was revoked: its password was changed, or an administrator ended its sessions. "),
	ASK(70043, "A sign-in frequency policy of the tenant ended the account's sign-in; exclude the account from it, then: "),
	ASK(70044, "A sign-in frequency policy of the tenant ended the account's sign-in; exclude the account from it, then: "),
	ASK(50076, "The tenant wants a second factor of the account. "),
	ASK(50074, "The tenant wants a second factor of the account. "),
	ASK(50078, "The account's second factor has expired. "),
	ASK(50079, "The account must set up a second factor at mysignins.microsoft.com. "),
	ASK(50072, "The account must set up a second factor at mysignins.microsoft.com. "),
	ASK(50158, "The tenant wants a further check of the account. "),
	ASK(50055, "The account's password has expired; set a new one. "),
	ASK(50144, "The account's password has expired; set a new one. "),
	ASK(70000, "The account's sign-in is not accepted any more. "),
	ASK(50057, "The account is disabled; enable it, or use another one. "),
	ASK(50034, "The account no longer exists; use another one. "),
	ASK(50020, "The account is not of this tenant; use another one. "),
	ASK(50053, "The account is locked after too many wrong passwords; wait or unlock it. "),
	ASK(50105,
	    "The account is not assigned to the app; the tenant's administrator must add it under Enterprise applications. "),
	ADMIN(53003,
	    "A conditional access policy of the tenant blocks the account. Its administrator must exclude the account from it."),
	ADMIN(530003, "The tenant wants a managed device. Its administrator must exclude the account from that policy."),
	ADMIN(53000, "The tenant wants a managed device. Its administrator must exclude the account from that policy."),
	ADMIN(530036, "The tenant forbids device codes. Its administrator must exclude the account from that policy."),
};

struct word_row {
	const char *word;
	enum err err;
	enum tenant_state state;
	bool passing;
	const char *detail;
};

/* For numbers not in the tables: the OAuth error word. */
static const struct word_row person_words[] = {
	{ "invalid_grant", ERR_UNAUTHORIZED, TENANT_SIGN_IN_NEEDED, false,
	    "The account's sign-in is not accepted any more. " AGAIN },
	{ "interaction_required", ERR_UNAUTHORIZED, TENANT_SIGN_IN_NEEDED, false,
	    "The tenant wants to see the account's owner. " AGAIN },
	{ "login_required", ERR_UNAUTHORIZED, TENANT_SIGN_IN_NEEDED, false,
	    "The tenant wants to see the account's owner. " AGAIN },
	{ "authorization_declined", ERR_FORBIDDEN, TENANT_SIGN_IN_NEEDED, false, "The sign-in was declined. " AGAIN },
	{ "access_denied", ERR_FORBIDDEN, TENANT_SIGN_IN_NEEDED, false, "The sign-in was declined. " AGAIN },
	{ "expired_token", ERR_TIMEOUT, TENANT_SIGN_IN_NEEDED, false, "Nobody entered the code in time. " AGAIN },
	{ "code_expired", ERR_TIMEOUT, TENANT_SIGN_IN_NEEDED, false, "Nobody entered the code in time. " AGAIN },
	{ "bad_verification_code", ERR_INVALID, TENANT_SIGN_IN_NEEDED, false, "The code is not known any more. " AGAIN },
};

static const struct word_row words[] = {
	{ "temporarily_unavailable", ERR_REMOTE, TENANT_UNREACHABLE, true,
	    "Microsoft's sign-in is unavailable at the moment: it is tried again." },
	{ "server_error", ERR_REMOTE, TENANT_UNREACHABLE, true, "Microsoft's sign-in failed: it is tried again." },
	{ "consent_required", ERR_FORBIDDEN, TENANT_CONSENT_MISSING, false, "Consent is missing. " INSTALL },
	{ "interaction_required", ERR_UNAUTHORIZED, TENANT_UNREACHABLE, false, "A policy of the tenant stops the app. " POLICY },
	{ "unauthorized_client", ERR_FORBIDDEN, TENANT_CONSENT_MISSING, false,
	    "The app may not sign in to this tenant. " INSTALL },
	{ "invalid_client", ERR_UNAUTHORIZED, TENANT_UNREACHABLE, false,
	    "The app's credentials were refused. Check client_id and the secret or certificate." },
	{ "invalid_grant", ERR_UNAUTHORIZED, TENANT_UNREACHABLE, false,
	    "The sign-in was refused. Check the app registration, and the tenant's conditional access policies." },
	{ "invalid_request", ERR_INVALID, TENANT_UNREACHABLE, false,
	    "The sign-in was not understood. Check client_id, login_url and the tenant's directory id." },
	{ "invalid_resource", ERR_INVALID, TENANT_UNREACHABLE, false,
	    "This cloud knows no such Graph. Check that base_url and login_url belong together." },
	{ "unsupported_grant_type", ERR_INVALID, TENANT_UNREACHABLE, false,
	    "This sign-in service takes no applications. Check login_url in the [graph] section." },
	{ "invalid_scope", ERR_INVALID, TENANT_UNREACHABLE, false,
	    "The scope was refused. Check base_url in the [graph] section." },
};

static void
refuse(struct graph_login_verdict *v, enum err e, enum tenant_state state, bool passing, const char *detail)
{
	v->err = e;
	v->state = state;
	v->passing = passing;
	if (v->aadsts != 0)
		(void)snprintf(v->detail, sizeof(v->detail), "%s (AADSTS%lld)", detail, (long long)v->aadsts);
	else
		(void)snprintf(v->detail, sizeof(v->detail), "%s", detail);
}

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct number_row *
row_of(const struct number_row *rows, size_t count, int64_t number)
{
	for (size_t i = 0; i < count; i++)
		if (rows[i].number == number)
			return &rows[i];
	return NULL;
}

/* The first number that a table knows. */
static const struct number_row *
known_number(const json_t *numbers, bool person)
{
	const struct number_row *row = NULL;
	json_t *n;
	size_t i;

	json_array_foreach(numbers, i, n)
	{
		if (json_is_integer(n) && person)
			row = row_of(person_refusals, COUNT(person_refusals), json_integer_value(n));
		if (json_is_integer(n) && row == NULL)
			row = row_of(refusals, COUNT(refusals), json_integer_value(n));
		if (row != NULL)
			break;
	}
	return row;
}

static const struct word_row *
known_word(const char *word, bool person)
{
	for (size_t i = 0; word != NULL && person && i < COUNT(person_words); i++)
		if (strcmp(word, person_words[i].word) == 0)
			return &person_words[i];
	for (size_t i = 0; word != NULL && i < COUNT(words); i++)
		if (strcmp(word, words[i].word) == 0)
			return &words[i];
	return NULL;
}

static void
judge_refusal(int status, const json_t *json, bool person, struct graph_login_verdict *v)
{
	const json_t *numbers = jx_get_array(json, "error_codes"), *first = json_array_get(numbers, 0);
	const struct number_row *row = known_number(numbers, person);
	const struct word_row *word = known_word(jx_get_str(json, "error"), person);

	if (row != NULL || json_is_integer(first))
		v->aadsts = row != NULL ? row->number : json_integer_value(first);
	if (status == 429 || status == 408 || status >= 500)
		refuse(v, status == 429 ? ERR_THROTTLED : ERR_REMOTE, TENANT_UNREACHABLE, true,
		    "Microsoft's sign-in is unavailable at the moment: it is tried again.");
	else if (row != NULL)
		refuse(v, row->err, row->state, row->passing, row->detail);
	else if (word != NULL)
		refuse(v, word->err, word->state, word->passing, word->detail);
	else
		refuse(v, ERR_UNEXPECTED, TENANT_UNREACHABLE, false,
		    "The sign-in was refused in a way we do not know. Check login_url and the app registration.");
}

/* What a header line may hold, and no more: the token goes out in one. */
static bool
token_is_plausible(const char *s)
{
	size_t len = strnlen(s, GRAPH_LOGIN_TOKEN_MAX);

	if (len == 0 || len >= GRAPH_LOGIN_TOKEN_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (s[i] <= ' ' || s[i] > '~')
			return false;
	return true;
}

/* One that does not fit where it is kept is as good as none: the next sign-in asks for a person. */
static const char *
refresh_text(const json_t *json)
{
	const char *text = jx_get_str(json, "refresh_token");

	return text != NULL && *text != '\0' && strnlen(text, REFRESH_TOKEN_SIZE) < REFRESH_TOKEN_SIZE ? text : NULL;
}

/* A number; older endpoints write it as text. */
static int64_t
life_of(const json_t *json)
{
	const char *text = jx_get_str(json, "expires_in");
	uint64_t s;

	if (text == NULL)
		return jx_get_int(json, "expires_in", 0);
	return parse_u64(text, &s) == ERR_OK && s <= INT32_MAX ? (int64_t)s : 0;
}

void
graph_login_judge(enum err transport, int status, const json_t *json, bool person, struct graph_login_verdict *ret)
{
	const char *type = jx_get_str(json, "token_type");
	const char *text = jx_get_str(json, "access_token");
	int64_t life_s = life_of(json);

	memset(ret, 0, sizeof(*ret));
	if (transport != ERR_OK) {
		refuse(ret, transport, TENANT_UNREACHABLE, err_may_pass(transport),
		    "Microsoft's sign-in cannot be reached. Check login_url, DNS and the firewall.");
		return;
	}
	if (status != 200) {
		judge_refusal(status, json, person, ret);
		return;
	}
	if (text == NULL || !token_is_plausible(text) || type == NULL || !str_equal_nocase(type, "Bearer") || life_s <= 0) {
		refuse(ret, ERR_UNEXPECTED, TENANT_UNREACHABLE, true,
		    "The sign-in was answered without a usable token. Check login_url.");
		return;
	}
	ret->err = ERR_OK;
	ret->token = text;
	ret->state = TENANT_ACTIVE;
	ret->refresh = person ? refresh_text(json) : NULL;
	ret->id_token = person ? jx_get_str(json, "id_token") : NULL;
	ret->life_s = life_s < GRAPH_LOGIN_LIFE_MAX_S ? life_s : GRAPH_LOGIN_LIFE_MAX_S;
}

/* --- requests --- */

static void
add_field(struct text *t, const char *name, const char *value)
{
	text_addf(t, "%s%s=", t->len > 0 ? "&" : "", name);
	percent_encode(t, value);
}

static void
add_scope(struct text *t, const char *before, const char *base_url)
{
	const char *name = graph_wire_name(base_url), *host = strstr(name, "://");
	size_t origin_len = host == NULL ? strlen(name) : (size_t)(host + 3 - name) + strcspn(host + 3, "/");
	struct text scope;

	text_init(&scope, SCOPE_MAX);
	text_adds(&scope, before);
	text_add(&scope, name, origin_len);
	text_adds(&scope, "/.default");
	add_field(t, "scope", scope.data != NULL ? scope.data : "");
	text_done(&scope);
}

void
graph_login_body_app(struct text *t, const char *client_id, const char *base_url)
{
	add_field(t, "grant_type", "client_credentials");
	add_field(t, "client_id", client_id);
	add_scope(t, "", base_url);
}

void
graph_login_body_refresh(struct text *t, const char *client_id, const char *base_url, const char *refresh)
{
	add_field(t, "grant_type", "refresh_token");
	add_field(t, "client_id", client_id);
	add_field(t, "refresh_token", refresh);
	add_scope(t, PERSON_SCOPES, base_url);
}

void
graph_login_body_device(struct text *t, const char *client_id, const char *base_url)
{
	add_field(t, "client_id", client_id);
	add_scope(t, PERSON_SCOPES, base_url);
}

void
graph_login_body_poll(struct text *t, const char *client_id, const char *device_code)
{
	add_field(t, "grant_type", "urn:ietf:params:oauth:grant-type:device_code");
	add_field(t, "client_id", client_id);
	add_field(t, "device_code", device_code);
}

void
graph_login_add_secret(struct text *t, const char *client_secret)
{
	add_field(t, "client_secret", client_secret);
}

void
graph_login_add_assertion(struct text *t, const char *assertion)
{
	add_field(t, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
	add_field(t, "client_assertion", assertion);
}

void
graph_login_url(struct text *t, const char *login_url, const struct guid *directory, const char *endpoint)
{
	text_addf(t, "%s/%s/oauth2/v2.0/%s", login_url, directory->s, endpoint);
}

/* --- what a JWT says --- */

json_t *
graph_login_claims(const char *jwt)
{
	const char *begin = jwt != NULL ? strchr(jwt, '.') : NULL, *end = begin != NULL ? strchr(begin + 1, '.') : NULL;
	size_t len = end != NULL ? (size_t)(end - begin - 1) : 0, plain_len = 0;
	uint8_t *plain;
	json_t *claims = NULL;

	if (len == 0 || len > GRAPH_LOGIN_TOKEN_MAX || (plain = malloc(len / 4 * 3 + 3)) == NULL)
		return NULL;
	if (base64url_decode(begin + 1, len, plain, &plain_len) == ERR_OK)
		(void)jx_parse((const char *)plain, plain_len, &claims, NULL, 0);
	secret_wipe(plain, len / 4 * 3 + 3);
	free(plain);
	if (json_is_object(claims))
		return claims;
	json_decref(claims);
	return NULL;
}
