/*
 * token.h - access tokens, one per tenant: single flight, refreshed at 80 % of their life, judged by AADSTS number (login.h).
 *
 * Whoever wants a token asks graph_token_get(); a WAIT is followed by one ready() for the tenant, however many asked. Passing
 * failures of the login service are tried again here; lasting ones are remembered for a while, so that a tenant without
 * consent costs one request a minute, not one a call. We prove who we are by a secret or by a certificate (assertion.h).
 * Where a tenant signs in by its dedicated account, each sign-in uses up a refresh token and brings another: that is handed out
 * to be kept, and the access token that came with it is used only once graph_token_kept says so.
 * Source: graph-facts section 1. Event-loop thread only.
 */
#ifndef GRAPH_TOKEN_H
#define GRAPH_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/random.h"
#include "base/text.h"
#include "model/ids.h"
#include "model/tenant.h"

#include "net/http_client.h"

struct clock;
struct graph_certificate;

#define GRAPH_TOKEN_TRIES       3
#define GRAPH_TOKEN_REMEMBER_MS 60000 /* a lasting refusal; a person's call asks again after GRAPH_TOKEN_URGENT_MS */
#define GRAPH_TOKEN_URGENT_MS   2000
#define GRAPH_TOKEN_REJECT_MS   10000 /* at most one token in ten seconds is thrown away because of a 401 or 403 */
#define GRAPH_TOKEN_SKEW_MS     60000 /* clocks further apart than this: assertions are dated by the login service's */
#define GRAPH_TOKEN_EXPIRY_MS   (30 * 24 * 3600 * 1000LL) /* from then on the log warns of the certificate's end, once a day */
#define GRAPH_TOKEN_LIFE_MIN_S  60

struct graph_tokens;
struct graph_token; /* one tenant's */

struct graph_tokens_options {
	const char *base_url, *login_url, *client_id; /* copied */
	const char *client_secret;                    /* copied, wiped by free; ignored beside: */
	int64_t secret_expires_s;                     /* Unix time, as its maker said; 0: not known */
	struct graph_certificate *certificate;        /* shared; NULL: by the secret */
	struct http_transport *transport;             /* borrowed, as is clock */
	struct clock *clock;
	struct rng *rng; /* borrowed */
	/* Something changed for this tenant: ask graph_token_get again. Never from within graph_token_get. */
	void (*ready)(void *arg, void *owner);
	/* As in struct graph_options; NULL: the app signs in everywhere. */
	enum tenant_sign_in (*sign_in)(void *arg, const struct guid *directory, char ret_refresh[REFRESH_TOKEN_SIZE]);
	void (*keep)(void *arg, const struct guid *directory, const char *refresh);
	void *arg;
};
enum err graph_tokens_new(const struct graph_tokens_options *options, struct graph_tokens **ret);
void graph_tokens_free(struct graph_tokens *ts); /* after all its tokens; NULL is fine */
/* As in the options. What was refused with the former is asked for again; tokens stay. On failure the former stays. */
enum err graph_tokens_set_credential(
    struct graph_tokens *ts, const char *client_secret, int64_t secret_expires_s, struct graph_certificate *certificate);
/* When the certificate or secret expires, in Unix time; 0: not known. */
int64_t graph_tokens_expire_s(const struct graph_tokens *ts);
bool graph_tokens_by_certificate(const struct graph_tokens *ts);
uint64_t graph_tokens_requests(const struct graph_tokens *ts);
/*
 * Sends a form to an endpoint ("token", "devicecode") of the tenant's, with or without what proves who the app is; wipes it.
 * NULL: out of memory.
 */
struct http_call *graph_tokens_post(struct graph_tokens *ts, const struct guid *directory, const char *endpoint,
    struct text *body, bool proof, http_done done, void *arg);
struct http_transport *graph_tokens_transport(const struct graph_tokens *ts);
const char *graph_tokens_client_id(const struct graph_tokens *ts);

/* owner is what ready gets. NULL: out of memory. */
struct graph_token *graph_token_new(struct graph_tokens *ts, const struct guid *directory, void *owner);
void graph_token_free(struct graph_token *t); /* wipes; NULL is fine */

enum graph_token_state { GRAPH_TOKEN_READY, GRAPH_TOKEN_WAIT, GRAPH_TOKEN_FAILED };
struct graph_token_view {
	const char *text; /* READY: borrowed until the next call of this module */
	uint64_t number;  /* READY: which token this is */
	enum err err;     /* FAILED, as are the rest */
	enum tenant_state tenant_state;
	const char *detail;
	int64_t retry_after_ms;
};
enum graph_token_state graph_token_get(struct graph_token *t, bool urgent, struct graph_token_view *ret);
/* The last token it had, even one that has run out; asks for none. NULL: there is none. Borrowed until the next call of this module. */
const char *graph_token_last(const struct graph_token *t);
/* Which one that is; 0: there is none. */
uint64_t graph_token_last_number(const struct graph_token *t);
/* Graph answered 401 to that token. True: the call is worth one more try with another token. */
bool graph_token_reject(struct graph_token *t, uint64_t number);
/* Forgets a remembered failure, so that the next call asks again, and rejections; should that fail, too, it is remembered as long as
 * one more of them. */
void graph_token_retry(struct graph_token *t);
/* The refresh token that keep was called with is on disk. */
void graph_token_kept(struct graph_token *t);
/* Somebody else signs in from now on: forgets everything. */
void graph_token_reset(struct graph_token *t);

#endif
