/*
 * token.c - signing in with a client secret or a certificate.
 *
 * Times are of the boot clock from the moment the answer came: neither our wall clock nor the login service's matters. Only an
 * assertion needs the time of day; where our clock is off, the login service's Date corrects it, as it alone judges assertions.
 * The secret and tokens live in memory only, and every buffer that held one is wiped.
 */
#include "graph/token.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "graph/assertion.h"
#include "graph/retry.h"
#include "graph/wire.h"
#include "net/http_client.h"

#define BODY_MAX         (GRAPH_ASSERTION_MAX + 4096)
#define ANSWER_MAX       (64u << 10)
#define TIMEOUT_MS       30000
#define REMEMBER_MAX_MS  (5 * 60 * 1000) /* below the quarter of an hour in which regained consent must be noticed */
#define ACCEPT_MARGIN_MS 5000            /* a token that is about to end is not sent any more */
#define DAY_MS           (24 * 3600 * 1000LL)
#define ASSERTION_TYPE   "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
#define OUT_OF_TIME      700024

/* --- what the login service means --- */

#define INSTALL "An administrator of the tenant must open the consent link."
#define POLICY  "Its administrator must exclude the app (workload identity) from that policy."
#define PERSON  "Sign-in as an application needs no person: check client_id in the [graph] section."

/* passing: the code itself says that trying again helps. */
static const struct {
	int64_t number;
	enum err err;
	enum tenant_state state;
	bool passing;
	const char *detail;
} refusals[] = {
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
	{ OUT_OF_TIME, ERR_UNAUTHORIZED, TENANT_UNREACHABLE, false,
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
	{ 700082, ERR_UNAUTHORIZED, TENANT_UNREACHABLE, false, "The sign-in has expired: sign in again." },
	{ 70008, ERR_UNAUTHORIZED, TENANT_UNREACHABLE, false, "The sign-in has expired: sign in again." },
	{ 50173, ERR_UNAUTHORIZED, TENANT_UNREACHABLE, false, "The sign-in was revoked: sign in again." },
	{ 70043, ERR_UNAUTHORIZED, TENANT_UNREACHABLE, false, "A policy of the tenant ended the sign-in: sign in again." },
	{ 70044, ERR_UNAUTHORIZED, TENANT_UNREACHABLE, false, "A policy of the tenant ended the sign-in: sign in again." },
	/* it says so itself: again */
	{ 90006, ERR_REMOTE, TENANT_UNREACHABLE, true, "Microsoft's sign-in is unavailable at the moment: it is tried again." },
	{ 90012, ERR_REMOTE, TENANT_UNREACHABLE, true, "Microsoft's sign-in is unavailable at the moment: it is tried again." },
	{ 90024, ERR_REMOTE, TENANT_UNREACHABLE, true, "Microsoft's sign-in is unavailable at the moment: it is tried again." },
	{ 90033, ERR_REMOTE, TENANT_UNREACHABLE, true, "Microsoft's sign-in is unavailable at the moment: it is tried again." },
	{ 90055, ERR_THROTTLED, TENANT_UNREACHABLE, true, "Microsoft's sign-in asks us to wait: it is tried again." },
	{ 50196, ERR_THROTTLED, TENANT_UNREACHABLE, true, "Microsoft's sign-in asks us to wait: it is tried again." },
};

/* For numbers not in the table: the OAuth error word. */
static const struct {
	const char *word;
	enum err err;
	enum tenant_state state;
	bool passing;
	const char *detail;
} words[] = {
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
refuse(struct graph_token_verdict *v, enum err e, enum tenant_state state, bool passing, const char *detail)
{
	v->err = e;
	v->state = state;
	v->passing = passing;
	if (v->aadsts != 0)
		(void)snprintf(v->detail, sizeof(v->detail), "%s (AADSTS%lld)", detail, (long long)v->aadsts);
	else
		(void)snprintf(v->detail, sizeof(v->detail), "%s", detail);
}

/* The first number the table knows, else the first one. */
static const json_t *
pick_number(const json_t *numbers, size_t *ret_row)
{
	const json_t *n;
	size_t i;

	json_array_foreach(
	    (json_t *)numbers, i, n) for (size_t row = 0; row < sizeof(refusals) / sizeof(refusals[0]);
	                                  row++) if (json_is_integer(n) && json_integer_value(n) == refusals[row].number)
	{
		*ret_row = row;
		return n;
	}
	*ret_row = SIZE_MAX;
	n = json_array_get(numbers, 0);
	return json_is_integer(n) ? n : NULL;
}

static void
judge_refusal(int status, const json_t *json, struct graph_token_verdict *v)
{
	const char *word = jx_get_str(json, "error");
	const json_t *number;
	size_t row;

	number = pick_number(jx_get_array(json, "error_codes"), &row);
	if (number != NULL)
		v->aadsts = json_integer_value(number);
	if (status == 429 || status == 408 || status >= 500) {
		refuse(v, status == 429 ? ERR_THROTTLED : ERR_REMOTE, TENANT_UNREACHABLE, true,
		    "Microsoft's sign-in is unavailable at the moment: it is tried again.");
		return;
	}
	if (row != SIZE_MAX) {
		refuse(v, refusals[row].err, refusals[row].state, refusals[row].passing, refusals[row].detail);
		return;
	}
	for (size_t i = 0; word != NULL && i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(word, words[i].word) == 0) {
			refuse(v, words[i].err, words[i].state, words[i].passing, words[i].detail);
			return;
		}
	refuse(v, ERR_UNEXPECTED, TENANT_UNREACHABLE, false,
	    "The sign-in was refused in a way we do not know. Check login_url and the app registration.");
}

/* What a header line may hold, and no more: the token goes out in one. */
static bool
token_is_plausible(const char *s)
{
	size_t len = strnlen(s, GRAPH_TOKEN_SIZE_MAX);

	if (len == 0 || len >= GRAPH_TOKEN_SIZE_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (s[i] <= ' ' || s[i] > '~')
			return false;
	return true;
}

void
graph_token_judge(enum err transport, int status, const json_t *json, struct graph_token_verdict *ret)
{
	const char *type = jx_get_str(json, "token_type");
	const char *text = jx_get_str(json, "access_token");
	int64_t life_s = jx_get_int(json, "expires_in", 0);

	memset(ret, 0, sizeof(*ret));
	if (transport != ERR_OK) {
		refuse(ret, transport, TENANT_UNREACHABLE, err_may_pass(transport),
		    "Microsoft's sign-in cannot be reached. Check login_url, DNS and the firewall.");
		return;
	}
	if (status != 200) {
		judge_refusal(status, json, ret);
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
	ret->life_s = life_s < GRAPH_TOKEN_LIFE_MAX_S ? life_s : GRAPH_TOKEN_LIFE_MAX_S;
}

void
graph_token_body(struct text *t, const char *client_id, const char *client_secret, const char *assertion, const char *base_url)
{
	const char *host = strstr(base_url, "://");
	size_t origin_len = host == NULL ? strlen(base_url) : (size_t)(host + 3 - base_url) + strcspn(host + 3, "/");
	struct text scope;

	text_init(&scope, BODY_MAX);
	text_add(&scope, base_url, origin_len);
	text_adds(&scope, "/.default");
	text_adds(t, "grant_type=client_credentials&client_id=");
	percent_encode(t, client_id);
	if (assertion != NULL) {
		text_adds(t, "&client_assertion_type=" ASSERTION_TYPE "&client_assertion=");
		percent_encode(t, assertion);
	} else {
		text_adds(t, "&client_secret=");
		percent_encode(t, client_secret);
	}
	text_adds(t, "&scope=");
	percent_encode(t, scope.data != NULL ? scope.data : "");
	text_done(&scope);
}

void
graph_token_url(struct text *t, const char *login_url, const struct guid *directory)
{
	text_adds(t, login_url);
	text_adds(t, "/");
	text_adds(t, directory->s);
	text_adds(t, "/oauth2/v2.0/token");
}

/* --- doing --- */

struct graph_tokens {
	char *base_url, *login_url, *client_id;
	char *client_secret; /* or: */
	struct graph_certificate *certificate;
	uint64_t credential; /* counts the changes of these two */
	struct http_transport *transport;
	struct clock *clock;
	struct rng *rng;
	void (*ready)(void *arg, void *owner);
	void *arg;
	uint64_t requests, number;
	int64_t skew_ms;        /* our wall clock minus the login service's, while they disagree; else 0 */
	int64_t warned_boot_ms; /* of the certificate's end; -1 = never */
};

struct graph_token {
	struct graph_tokens *all;
	struct guid directory;
	void *owner;
	struct http_call *call; /* the one flight */
	struct timer *timer;    /* armed between two tries */
	unsigned tries;
	uint64_t credential; /* the flight's */
	int64_t skew_ms;
	/* the token, while there is one */
	char *text;
	uint64_t number;
	int64_t refresh_boot_ms, expires_boot_ms;
	int64_t rejected_boot_ms; /* when one was last thrown away for a 401; -1 = never */
	/* the last failure, remembered until then; err is ERR_OK when there is none */
	struct graph_token_verdict failure;
	int64_t failed_boot_ms, again_boot_ms;
	unsigned failures;
};

static void
wipe_free(char **s)
{
	if (*s != NULL)
		secret_wipe(*s, strlen(*s));
	free(*s);
	*s = NULL;
}

enum err
graph_tokens_set_credential(struct graph_tokens *ts, const char *client_secret, struct graph_certificate *certificate)
{
	char *copy = certificate == NULL ? strdup(client_secret) : NULL;

	if (certificate == NULL && copy == NULL)
		return ERR_NOMEM;
	(void)graph_certificate_share(certificate);
	graph_certificate_free(ts->certificate);
	wipe_free(&ts->client_secret);
	ts->client_secret = copy;
	ts->certificate = certificate;
	ts->credential++;
	ts->warned_boot_ms = -1;
	return ERR_OK;
}

int64_t
graph_tokens_expire_s(const struct graph_tokens *ts)
{
	return ts->certificate == NULL ? 0 : graph_certificate_expires_s(ts->certificate);
}

enum err
graph_tokens_new(const struct graph_tokens_options *options, struct graph_tokens **ret)
{
	struct graph_tokens *ts = calloc(1, sizeof(*ts));

	if (ts == NULL)
		return ERR_NOMEM;
	ts->base_url = strdup(options->base_url);
	ts->login_url = strdup(options->login_url);
	ts->client_id = strdup(options->client_id);
	ts->transport = options->transport;
	ts->clock = options->clock;
	ts->rng = options->rng;
	ts->ready = options->ready;
	ts->arg = options->arg;
	if (ts->base_url == NULL || ts->login_url == NULL || ts->client_id == NULL ||
	    graph_tokens_set_credential(ts, options->client_secret, options->certificate) != ERR_OK) {
		graph_tokens_free(ts);
		return ERR_NOMEM;
	}
	*ret = ts;
	return ERR_OK;
}

void
graph_tokens_free(struct graph_tokens *ts)
{
	if (ts == NULL)
		return;
	wipe_free(&ts->client_secret);
	graph_certificate_free(ts->certificate);
	free(ts->base_url);
	free(ts->login_url);
	free(ts->client_id);
	free(ts);
}

uint64_t
graph_tokens_requests(const struct graph_tokens *ts)
{
	return ts->requests;
}

static void start(struct graph_token *t);

static void
on_timer(void *arg)
{
	struct graph_token *t = arg;

	start(t);
}

struct graph_token *
graph_token_new(struct graph_tokens *ts, const struct guid *directory, void *owner)
{
	struct graph_token *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->all = ts;
	t->directory = *directory;
	t->owner = owner;
	t->rejected_boot_ms = -1;
	if ((t->timer = timer_new(ts->clock, on_timer, t)) == NULL) {
		free(t);
		return NULL;
	}
	return t;
}

void
graph_token_free(struct graph_token *t)
{
	if (t == NULL)
		return;
	http_cancel(t->all->transport, t->call);
	timer_free(t->timer);
	wipe_free(&t->text);
	free(t);
}

static void
take_token(struct graph_token *t, const struct graph_token_verdict *v, int64_t now_ms)
{
	char *copy = strdup(v->token);

	if (copy == NULL)
		return; /* asked for again with the next call */
	wipe_free(&t->text);
	t->text = copy;
	t->number = ++t->all->number;
	t->refresh_boot_ms = now_ms + v->life_s * 1000 * 8 / 10;
	t->expires_boot_ms = now_ms + v->life_s * 1000 - (v->life_s >= GRAPH_TOKEN_LIFE_MIN_S ? ACCEPT_MARGIN_MS : 0);
	t->failure = (struct graph_token_verdict){ .err = ERR_OK };
	t->failures = 0;
}

/* Lasting failures a minute, those of the network 10 s at first, doubling. */
static int64_t
remember_ms(const struct graph_token *t)
{
	int64_t ms = 10000;

	if (!t->failure.passing)
		return GRAPH_TOKEN_REMEMBER_MS;
	for (unsigned i = 1; i < t->failures && ms < REMEMBER_MAX_MS; i++)
		ms *= 2;
	return ms < REMEMBER_MAX_MS ? ms : REMEMBER_MAX_MS;
}

static void
take_failure(struct graph_token *t, const struct graph_token_verdict *v, int64_t retry_after_ms, int64_t now_ms)
{
	t->failure = *v;
	t->failure.token = NULL;
	t->failures++;
	t->failed_boot_ms = now_ms;
	t->again_boot_ms = now_ms + remember_ms(t);
	if (retry_after_ms > REMEMBER_MAX_MS)
		retry_after_ms = REMEMBER_MAX_MS;
	if (now_ms + retry_after_ms > t->again_boot_ms)
		t->again_boot_ms = now_ms + retry_after_ms;
	log_put(LOG_WARN, "sign_in_failed", LP("tenant", t->directory.s), LS("err", err_name(v->err)), LI("aadsts", v->aadsts),
	    LI("again_ms", t->again_boot_ms - now_ms));
}

/* Answers tell the login service's time. Within a minute of it our own clock is good enough for assertions. */
static void
note_skew(struct graph_tokens *ts, const struct http_answer *answer)
{
	int64_t date_ms = http_answer_date_ms(answer), skew_ms = clock_wall_ms(ts->clock) - date_ms;

	if (date_ms <= 0)
		return;
	if (skew_ms > -GRAPH_TOKEN_SKEW_MS && skew_ms < GRAPH_TOKEN_SKEW_MS)
		skew_ms = 0;
	if ((skew_ms != 0) != (ts->skew_ms != 0))
		log_put(LOG_WARN, skew_ms != 0 ? "clock_wrong" : "clock_right", LI("ahead_s", skew_ms / 1000));
	ts->skew_ms = skew_ms;
}

/* True when the refusal speaks of what is no longer so: another secret or certificate is in use, or now we know the time. */
static bool
is_outdated(const struct graph_token *t, const struct graph_token_verdict *v)
{
	int64_t apart_ms = t->skew_ms - t->all->skew_ms;

	if (v->passing)
		return false;
	if (t->credential != t->all->credential)
		return true;
	return v->aadsts == OUT_OF_TIME && t->tries < GRAPH_TOKEN_TRIES &&
	       (apart_ms <= -GRAPH_TOKEN_SKEW_MS || apart_ms >= GRAPH_TOKEN_SKEW_MS);
}

/* True when another try was arranged. */
static bool
try_again(struct graph_token *t, const struct graph_token_verdict *v, int64_t retry_after_ms)
{
	const struct graph_try try = { v->err, 0, true, true, t->tries, retry_after_ms, GRAPH_TOKEN_REMEMBER_MS };
	struct graph_verdict r;

	if (is_outdated(t, v)) {
		timer_arm(t->timer, 0);
		return true;
	}
	if (!v->passing || t->tries >= GRAPH_TOKEN_TRIES)
		return false;
	r = graph_retry_judge(&try, (uint32_t)rng_below(t->all->rng, 1000));
	if (r.act != GRAPH_AGAIN)
		return false;
	timer_arm(t->timer, r.wait_ms);
	return true;
}

static void
on_answer(void *arg, const struct http_answer *answer)
{
	struct graph_token *t = arg;
	struct graph_tokens *ts = t->all;
	int64_t now_ms = clock_boot_ms(ts->clock);
	int64_t retry_after_ms = http_answer_retry_after_ms(answer, clock_wall_ms(ts->clock));
	struct graph_token_verdict v;
	json_t *json = NULL;

	t->call = NULL;
	note_skew(ts, answer);
	if (answer->err == ERR_OK)
		(void)jx_parse(answer->body, answer->body_len, &json, NULL, 0);
	graph_token_judge(answer->err, answer->status, json, &v);
	if (v.err == ERR_OK)
		take_token(t, &v, now_ms);
	else if (!try_again(t, &v, retry_after_ms))
		take_failure(t, &v, retry_after_ms, now_ms);
	json_decref(json);
	if (!timer_armed(t->timer))
		ts->ready(ts->arg, t->owner);
}

/* A certificate that ends while we run must be seen in time: each sign-in looks, and tells it once a day. */
static void
warn_of_expiry(struct graph_tokens *ts)
{
	int64_t now_ms = clock_boot_ms(ts->clock);
	int64_t left_ms = graph_tokens_expire_s(ts) * 1000 - (clock_wall_ms(ts->clock) - ts->skew_ms);

	if (left_ms >= GRAPH_TOKEN_EXPIRY_MS || (ts->warned_boot_ms >= 0 && now_ms - ts->warned_boot_ms < DAY_MS))
		return;
	ts->warned_boot_ms = now_ms;
	log_put(left_ms > 0 ? LOG_WARN : LOG_ERROR,
	    left_ms > 0 ? "client_certificate_expires_soon" : "client_certificate_expired", LI("days_left", left_ms / DAY_MS));
}

/* What proves who we are, made for this request. */
static enum err
body_make(struct graph_token *t, const char *url, struct text *body)
{
	struct graph_tokens *ts = t->all;
	char jti[GRAPH_UUID_SIZE];
	struct text assertion;
	enum err e = ERR_OK;

	t->credential = ts->credential;
	t->skew_ms = ts->skew_ms;
	text_init(&assertion, GRAPH_ASSERTION_MAX);
	if (ts->certificate != NULL) {
		warn_of_expiry(ts);
		graph_uuid(ts->rng, jti);
		e = graph_assertion_make(
		    &assertion, ts->certificate, ts->client_id, url, jti, (clock_wall_ms(ts->clock) - ts->skew_ms) / 1000);
	}
	if (e == ERR_OK)
		graph_token_body(body, ts->client_id, ts->client_secret, assertion.data, ts->base_url);
	if (assertion.data != NULL)
		secret_wipe(assertion.data, assertion.cap);
	text_done(&assertion);
	return e == ERR_OK ? text_err(body) : e;
}

static void
start(struct graph_token *t)
{
	static const char *const headers[] = { "Content-Type: application/x-www-form-urlencoded", "Accept: application/json",
		NULL };
	struct graph_tokens *ts = t->all;
	struct http_request request = {
		.method = "POST", .headers = headers, .timeout_ms = TIMEOUT_MS, .answer_max_bytes = ANSWER_MAX
	};
	struct text url, body;

	text_init(&url, BODY_MAX);
	text_init(&body, BODY_MAX);
	graph_token_url(&url, ts->login_url, &t->directory);
	t->tries++;
	ts->requests++;
	if (text_err(&url) == ERR_OK && body_make(t, url.data, &body) == ERR_OK) {
		request.url = url.data;
		request.body = body.data;
		request.body_len = body.len;
		t->call = http_start(ts->transport, &request, on_answer, t);
	}
	if (body.data != NULL)
		secret_wipe(body.data, body.cap);
	text_done(&body);
	text_done(&url);
	if (t->call == NULL)
		timer_arm(t->timer, 1000); /* out of memory: nothing else to do than to wait */
}

static bool
is_under_way(const struct graph_token *t)
{
	return t->call != NULL || timer_armed(t->timer);
}

static void
begin(struct graph_token *t)
{
	if (is_under_way(t))
		return;
	t->tries = 0;
	start(t);
}

static bool
failure_holds(const struct graph_token *t, bool urgent, int64_t now_ms)
{
	if (t->failure.err == ERR_OK || now_ms >= t->again_boot_ms)
		return false;
	return !urgent || now_ms - t->failed_boot_ms < GRAPH_TOKEN_URGENT_MS;
}

enum graph_token_state
graph_token_get(struct graph_token *t, bool urgent, struct graph_token_view *ret)
{
	int64_t now_ms = clock_boot_ms(t->all->clock);
	bool usable = t->text != NULL && now_ms < t->expires_boot_ms;

	memset(ret, 0, sizeof(*ret));
	if (usable) {
		if (now_ms >= t->refresh_boot_ms && !failure_holds(t, urgent, now_ms))
			begin(t); /* the old one serves until the new one is here */
		ret->text = t->text;
		ret->number = t->number;
		return GRAPH_TOKEN_READY;
	}
	if (is_under_way(t))
		return GRAPH_TOKEN_WAIT;
	if (failure_holds(t, urgent, now_ms)) {
		ret->err = t->failure.err;
		ret->tenant_state = t->failure.state;
		ret->detail = t->failure.detail;
		ret->retry_after_ms = t->again_boot_ms - now_ms;
		return GRAPH_TOKEN_FAILED;
	}
	begin(t);
	return GRAPH_TOKEN_WAIT;
}

bool
graph_token_reject(struct graph_token *t, uint64_t number)
{
	int64_t now_ms = clock_boot_ms(t->all->clock);

	if (t->text == NULL || number != t->number)
		return true; /* replaced already */
	if (t->rejected_boot_ms >= 0 && now_ms - t->rejected_boot_ms < GRAPH_TOKEN_REJECT_MS)
		return false;
	t->rejected_boot_ms = now_ms;
	wipe_free(&t->text);
	return true;
}

void
graph_token_retry(struct graph_token *t)
{
	t->failure = (struct graph_token_verdict){ .err = ERR_OK };
	t->failures = 0;
	t->rejected_boot_ms = -1;
}
