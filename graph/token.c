/*
 * token.c - signing in, as the app or for the dedicated account.
 *
 * Times are of the boot clock from the moment the answer came: neither our wall clock nor the login service's matters. Only an
 * assertion needs the time of day; where our clock is off, the login service's Date corrects it, as it alone judges assertions.
 * The secret and tokens live in memory only, and every buffer that held one is wiped.
 */
#include "graph/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "graph/assertion.h"
#include "graph/login.h"
#include "graph/retry.h"
#include "graph/wire.h"
#include "net/http_client.h"

#define BODY_MAX         (GRAPH_ASSERTION_MAX + 3 * REFRESH_TOKEN_SIZE + 4096)
#define ANSWER_MAX       (64u << 10)
#define TIMEOUT_MS       30000
#define REMEMBER_MAX_MS  (5 * 60 * 1000) /* below the quarter of an hour in which regained consent must be noticed */
#define ACCEPT_MARGIN_MS 5000            /* a token that is about to end is not sent any more */
#define DAY_MS           (24 * 3600 * 1000LL)

struct graph_tokens {
	char *base_url, *login_url, *client_id;
	char *client_secret; /* or: */
	struct graph_certificate *certificate;
	int64_t secret_expires_s;
	uint64_t credential; /* counts the changes of these two */
	struct http_transport *transport;
	struct clock *clock;
	struct rng *rng;
	void (*ready)(void *arg, void *owner);
	enum tenant_sign_in (*sign_in)(void *arg, const struct guid *directory, char ret_refresh[REFRESH_TOKEN_SIZE]);
	void (*keep)(void *arg, const struct guid *directory, const char *refresh);
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
	bool person;     /* the flight is the dedicated account's */
	bool nobody;     /* the timer is armed to tell that nobody has signed in */
	bool with_proof; /* a person's sign-in needs the app's secret, too: as the app registration has it */
	bool proof_turned;
	char *unkept; /* an access token whose refresh token is not on disk yet */
	int64_t unkept_life_s;
	/* the token, while there is one */
	char *text;
	uint64_t number;
	int64_t refresh_boot_ms, expires_boot_ms;
	int64_t rejected_boot_ms; /* when one was last thrown away for a 401; -1 = never */
	/* the last failure, remembered until then; err is ERR_OK when there is none */
	struct graph_login_verdict failure;
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
graph_tokens_set_credential(
    struct graph_tokens *ts, const char *client_secret, int64_t secret_expires_s, struct graph_certificate *certificate)
{
	char *copy = certificate == NULL ? strdup(client_secret) : NULL;

	if (certificate == NULL && copy == NULL)
		return ERR_NOMEM;
	(void)graph_certificate_share(certificate);
	graph_certificate_free(ts->certificate);
	wipe_free(&ts->client_secret);
	ts->client_secret = copy;
	ts->certificate = certificate;
	ts->secret_expires_s = secret_expires_s;
	ts->credential++;
	ts->warned_boot_ms = -1;
	return ERR_OK;
}

int64_t
graph_tokens_expire_s(const struct graph_tokens *ts)
{
	return ts->certificate == NULL ? ts->secret_expires_s : graph_certificate_expires_s(ts->certificate);
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
	ts->sign_in = options->sign_in;
	ts->keep = options->keep;
	ts->arg = options->arg;
	if (ts->base_url == NULL || ts->login_url == NULL || ts->client_id == NULL ||
	    graph_tokens_set_credential(ts, options->client_secret, options->secret_expires_s, options->certificate) != ERR_OK) {
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

bool
graph_tokens_by_certificate(const struct graph_tokens *ts)
{
	return ts->certificate != NULL;
}

uint64_t
graph_tokens_requests(const struct graph_tokens *ts)
{
	return ts->requests;
}

static void start(struct graph_token *t);
static void tell_nobody(struct graph_token *t);

static void
on_timer(void *arg)
{
	struct graph_token *t = arg;

	if (t->nobody)
		tell_nobody(t);
	else
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
	wipe_free(&t->unkept);
	free(t);
}

/* Takes text. */
static void
use_token(struct graph_token *t, char *text, int64_t life_s)
{
	int64_t now_ms = clock_boot_ms(t->all->clock);

	wipe_free(&t->text);
	t->text = text;
	t->number = ++t->all->number;
	t->refresh_boot_ms = now_ms + life_s * 1000 * 8 / 10;
	t->expires_boot_ms = now_ms + life_s * 1000 - (life_s >= GRAPH_TOKEN_LIFE_MIN_S ? ACCEPT_MARGIN_MS : 0);
	t->failure = (struct graph_login_verdict){ .err = ERR_OK };
	t->failures = 0;
}

static void
take_token(struct graph_token *t, const struct graph_login_verdict *v)
{
	char *copy = strdup(v->token);

	if (copy == NULL)
		return; /* asked for again with the next call */
	if (v->refresh == NULL || t->all->keep == NULL) {
		use_token(t, copy, v->life_s);
		return;
	}
	wipe_free(&t->unkept);
	t->unkept = copy;
	t->unkept_life_s = v->life_s;
	t->all->keep(t->all->arg, &t->directory, v->refresh);
}

void
graph_token_kept(struct graph_token *t)
{
	char *text = t->unkept;

	if (text == NULL)
		return;
	t->unkept = NULL;
	use_token(t, text, t->unkept_life_s);
	t->all->ready(t->all->arg, t->owner);
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
take_failure(struct graph_token *t, const struct graph_login_verdict *v, int64_t retry_after_ms, int64_t now_ms)
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
is_outdated(const struct graph_token *t, const struct graph_login_verdict *v)
{
	int64_t apart_ms = t->skew_ms - t->all->skew_ms;

	if (v->passing)
		return false;
	if (t->credential != t->all->credential)
		return true;
	return v->aadsts == GRAPH_OUT_OF_TIME && t->tries < GRAPH_TOKEN_TRIES &&
	       (apart_ms <= -GRAPH_TOKEN_SKEW_MS || apart_ms >= GRAPH_TOKEN_SKEW_MS);
}

/* Whether a person's sign-in wants the app's proof beside it is a switch of the app registration, which we learn by its answer. */
static bool
turn_proof(struct graph_token *t, const struct graph_login_verdict *v)
{
	int64_t wrong = t->with_proof ? GRAPH_PROOF_UNWANTED : GRAPH_PROOF_MISSING;

	if (!t->person || t->proof_turned || v->aadsts != wrong)
		return false;
	t->proof_turned = true;
	t->with_proof = !t->with_proof;
	return true;
}

/* True when another try was arranged. */
static bool
try_again(struct graph_token *t, const struct graph_login_verdict *v, int64_t retry_after_ms)
{
	const struct graph_try try = { v->err, 0, true, true, t->tries, retry_after_ms, GRAPH_TOKEN_REMEMBER_MS };
	struct graph_verdict r;

	if (is_outdated(t, v) || turn_proof(t, v)) {
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
	struct graph_login_verdict v;
	json_t *json = NULL;

	t->call = NULL;
	note_skew(ts, answer);
	if (answer->err == ERR_OK)
		(void)jx_parse(answer->body, answer->body_len, &json, NULL, 0);
	graph_login_judge(answer->err, answer->status, json, t->person, &v);
	if (v.err == ERR_OK)
		take_token(t, &v);
	else if (!try_again(t, &v, retry_after_ms))
		take_failure(t, &v, retry_after_ms, now_ms);
	json_decref(json);
	if (!timer_armed(t->timer) && t->unkept == NULL)
		ts->ready(ts->arg, t->owner);
}

/* Nobody has signed the dedicated account in: told as if the service had said so, without asking it. */
static void
tell_nobody(struct graph_token *t)
{
	struct graph_login_verdict v = { .err = ERR_UNAUTHORIZED,
		.state = TENANT_SIGN_IN_NEEDED,
		.detail = "The dedicated account has not signed in yet. Sign it in: ergsyncctl tenant sign-in." };

	t->nobody = false;
	take_failure(t, &v, -1, clock_boot_ms(t->all->clock));
	t->all->ready(t->all->arg, t->owner);
}

/* A certificate or secret that ends while we run must be seen in time: each sign-in looks, and tells it once a day. */
static void
warn_of_expiry(struct graph_tokens *ts)
{
	int64_t now_ms = clock_boot_ms(ts->clock), expires_s = graph_tokens_expire_s(ts);
	int64_t left_ms = expires_s * 1000 - (clock_wall_ms(ts->clock) - ts->skew_ms);

	if (expires_s == 0 || left_ms >= GRAPH_TOKEN_EXPIRY_MS ||
	    (ts->warned_boot_ms >= 0 && now_ms - ts->warned_boot_ms < DAY_MS))
		return;
	ts->warned_boot_ms = now_ms;
	log_put(left_ms > 0 ? LOG_WARN : LOG_ERROR,
	    ts->certificate == NULL ? (left_ms > 0 ? "client_secret_expires_soon" : "client_secret_expired")
	                            : (left_ms > 0 ? "client_certificate_expires_soon" : "client_certificate_expired"),
	    LI("days_left", left_ms / DAY_MS));
}

/* What proves who we are, made for this request. */
static enum err
add_proof(struct graph_tokens *ts, const char *url, struct text *body)
{
	char jti[GRAPH_UUID_SIZE];
	struct text assertion;
	enum err e;

	warn_of_expiry(ts);
	if (ts->certificate == NULL) {
		graph_login_add_secret(body, ts->client_secret);
		return text_err(body);
	}
	text_init(&assertion, GRAPH_ASSERTION_MAX);
	graph_uuid(ts->rng, jti);
	e = graph_assertion_make(
	    &assertion, ts->certificate, ts->client_id, url, jti, (clock_wall_ms(ts->clock) - ts->skew_ms) / 1000);
	if (e == ERR_OK)
		graph_login_add_assertion(body, assertion.data);
	if (assertion.data != NULL)
		secret_wipe(assertion.data, assertion.cap);
	text_done(&assertion);
	return e == ERR_OK ? text_err(body) : e;
}

struct http_call *
graph_tokens_post(struct graph_tokens *ts, const struct guid *directory, const char *endpoint, struct text *body, bool proof,
    http_done done, void *arg)
{
	static const char *const headers[] = { "Content-Type: application/x-www-form-urlencoded", "Accept: application/json",
		NULL };
	struct http_request request = {
		.method = "POST", .headers = headers, .timeout_ms = TIMEOUT_MS, .answer_max_bytes = ANSWER_MAX
	};
	struct http_call *call = NULL;
	struct text url;

	text_init(&url, BODY_MAX);
	graph_login_url(&url, ts->login_url, directory, endpoint);
	ts->requests++;
	if (text_err(&url) == ERR_OK && text_err(body) == ERR_OK && (!proof || add_proof(ts, url.data, body) == ERR_OK)) {
		request.url = url.data;
		request.body = body->data;
		request.body_len = body->len;
		call = http_start(ts->transport, &request, done, arg);
	}
	if (body->data != NULL)
		secret_wipe(body->data, body->cap);
	text_done(body);
	text_done(&url);
	return call;
}

struct http_transport *
graph_tokens_transport(const struct graph_tokens *ts)
{
	return ts->transport;
}

const char *
graph_tokens_client_id(const struct graph_tokens *ts)
{
	return ts->client_id;
}

/* False: this tenant's calls are a person's, and nobody has signed in. */
static bool
body_make(struct graph_token *t, struct text *body)
{
	struct graph_tokens *ts = t->all;
	char refresh[REFRESH_TOKEN_SIZE] = "";

	t->person = ts->sign_in != NULL && ts->sign_in(ts->arg, &t->directory, refresh) == SIGN_IN_DELEGATED;
	if (!t->person)
		graph_login_body_app(body, ts->client_id, ts->base_url);
	else if (refresh[0] != '\0')
		graph_login_body_refresh(body, ts->client_id, ts->base_url, refresh);
	secret_wipe(refresh, sizeof(refresh));
	return body->len > 0;
}

static void
start(struct graph_token *t)
{
	struct graph_tokens *ts = t->all;
	struct text body;

	text_init(&body, BODY_MAX);
	if (!body_make(t, &body) && text_err(&body) == ERR_OK) {
		text_done(&body);
		t->nobody = true;
		timer_arm(t->timer, 0); /* told in a later turn, as any refusal */
		return;
	}
	t->tries++;
	t->credential = ts->credential;
	t->skew_ms = ts->skew_ms;
	t->call = graph_tokens_post(ts, &t->directory, "token", &body, !t->person || t->with_proof, on_answer, t);
	if (t->call == NULL)
		timer_arm(t->timer, 1000); /* out of memory: nothing else to do than to wait */
}

static bool
is_under_way(const struct graph_token *t)
{
	return t->call != NULL || t->unkept != NULL || timer_armed(t->timer);
}

static void
begin(struct graph_token *t)
{
	if (is_under_way(t))
		return;
	t->tries = 0;
	t->proof_turned = false;
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

const char *
graph_token_last(const struct graph_token *t)
{
	return t->text;
}

uint64_t
graph_token_last_number(const struct graph_token *t)
{
	return t->text != NULL ? t->number : 0;
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
	t->failure = (struct graph_login_verdict){ .err = ERR_OK };
	t->rejected_boot_ms = -1;
}

void
graph_token_reset(struct graph_token *t)
{
	http_cancel(t->all->transport, t->call);
	t->call = NULL;
	timer_stop(t->timer);
	t->nobody = false;
	wipe_free(&t->text);
	wipe_free(&t->unkept);
	graph_token_retry(t);
	t->failures = 0;
}
