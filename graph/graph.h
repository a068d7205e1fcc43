/*
 * graph.h - every call to Microsoft Graph, for all tenants.
 *
 * One scheduler owns all calls (graph/schedule.h): rates and concurrency per bucket, Retry-After to the second,
 * priorities, fairness between tenants, a circuit breaker per tenant and service. Tokens are single flight. What may be
 * repeated is repeated here and nowhere else; a write whose outcome is unknown is told as such, never guessed.
 * Each call is answered exactly once, after graph_call() returned, within its deadline - or cancelled.
 * Protocol facts: graph-facts sections 1, 2.4, 7.1, 11. Event-loop thread only.
 */
#ifndef GRAPH_GRAPH_H
#define GRAPH_GRAPH_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/random.h"
#include "graph/answer.h"
#include "graph/throttle.h"
#include "model/ids.h"
#include "model/tenant.h"

struct clock;
struct graph;
struct graph_call;
struct graph_certificate;
struct graph_tokens;
struct http_transport;

/* Highest first. */
enum graph_priority { GRAPH_RENEWAL, GRAPH_PERSON, GRAPH_HINT, GRAPH_SWEEP, GRAPH_PRIORITY_COUNT };

#define GRAPH_QUEUE_MAX        20000 /* calls waiting, all tenants; beyond: ERR_FULL */
#define GRAPH_TENANT_QUEUE_MAX 5000
#define GRAPH_IN_FLIGHT_MAX    64
#define GRAPH_TIMEOUT_MS       30000 /* one try */
#define GRAPH_DEADLINE_MS      (10 * 60 * 1000)
#define GRAPH_URL_MAX          16384 /* Graph's skip and delta tokens are long */
#define GRAPH_BODY_MAX         (1u << 20)
#define GRAPH_REFUSED_EVERY_MS (5 * 60 * 1000LL)

struct graph_options {
	const char *base_url;                         /* "https://graph.microsoft.com/v1.0", copied */
	const char *login_url;                        /* "https://login.microsoftonline.com", copied */
	const char *client_id;                        /* copied */
	const char *client_secret;                    /* copied, wiped by graph_free; ignored beside: */
	int64_t secret_expires_s;                     /* Unix time, as its maker said; 0: not known */
	struct graph_certificate *client_certificate; /* graph/assertion.h; shared. NULL: by the secret */
	struct http_transport *transport;             /* borrowed */
	struct clock *clock;                          /* borrowed */
	struct rng rng;                               /* copied: jitter and request ids */
	unsigned in_flight_max;                       /* 0 = GRAPH_IN_FLIGHT_MAX */
	/* Told the outcome of a tenant's first sign-in (and of the first after graph_tenant_retry), and whenever it
	 * changes: ERR_OK with TENANT_ACTIVE and "", or why not and what to do. May be NULL. Must not call back into graph other than by graph_call. */
	void (*on_sign_in)(void *arg, const struct guid *directory, enum err err, enum tenant_state state, const char *detail);
	/* Told after a call that Graph refused for want of a right (401 or 403, no quota), also with a new token; of a tenant once in
	 * GRAPH_REFUSED_EVERY_MS, unless it answers false: it does not look into that now. May be NULL. */
	bool (*on_refused)(void *arg, const struct guid *directory);
	/* Asked before each sign-in: who signs in to that tenant, and if it is the dedicated account, by which refresh token ("":
	 * nobody has signed it in). NULL: the app everywhere. */
	enum tenant_sign_in (*sign_in)(void *arg, const struct guid *directory, char ret_refresh[REFRESH_TOKEN_SIZE]);
	/* Another refresh token came: make it durable, then call graph_tenant_kept, in a later turn. No call goes before that. */
	void (*keep)(void *arg, const struct guid *directory, const char *refresh);
	void *arg;
};

/* ERR_INVALID for URLs that http_url_check refuses. Gives *ret. */
enum err graph_new(const struct graph_options *options, struct graph **ret);
/* Cancels all calls. NULL is fine; not from a callback of graph. */
void graph_free(struct graph *g);

/* For whom and how urgently: the first argument of all typed calls. */
struct graph_where {
	struct guid directory; /* the tenant's directory */
	enum graph_priority priority;
	int64_t deadline_ms; /* from now to the answer, queueing and retries included; 0 = GRAPH_DEADLINE_MS */
};

struct graph_request {
	struct graph_where where;
	enum graph_operation operation; /* which limits it counts against */
	const char *resource;           /* team id or mailbox of those limits; NULL = the tenant */
	const char *channel;            /* channel id, or NULL */
	const char *method;
	const char *path;           /* "/teams/..." below base_url, already percent-encoded; or a whole nextLink/deltaLink */
	const char *const *headers; /* "Prefer: ...", NULL-terminated; NULL = none */
	const char *body;           /* JSON text; NULL = none */
	bool idempotent;            /* a write that may be repeated blindly; GET always may */
	int64_t timeout_ms;         /* of one try; 0 = GRAPH_TIMEOUT_MS */
	unsigned count;             /* requests in a $batch; 0 = it is none */
};

/*
 * Copies request. NULL: out of memory, done will not run. All else is told through done, also a full queue (ERR_FULL), a
 * path to another origin than base_url's (ERR_UNEXPECTED, refused before any token is fetched or sent), a malformed
 * request (ERR_INVALID), a deadline passed (ERR_TIMEOUT, or the error of the last try) and an open breaker (ERR_UNREACHABLE
 * with retry_after_ms). The handle is dead once done runs. done may start and cancel calls.
 */
typedef void (*graph_done)(void *arg, const struct graph_answer *answer);
struct graph_call *graph_call(struct graph *g, const struct graph_request *request, graph_done done, void *arg);
/* done will not run. What was sent already may still take effect. NULL is fine. */
void graph_cancel(struct graph *g, struct graph_call *call);
/* It waits for its first turn, or for another after answers that say it was not done: cancelled now, it takes no effect. */
bool graph_call_is_waiting(const struct graph_call *call);

/* It has failed and is to be tried again by itself: what went wrong, and when the next try is. False: it has not. */
bool graph_call_trouble(const struct graph_call *call, char ret[DETAIL_SIZE]);

/* Forgets failures of a tenant (sign-in, breaker): the next call asks Graph at once. After a PUT of the tenant. */
void graph_tenant_retry(struct graph *g, const struct guid *directory);
/* Graph refused a permission: tokens say what was granted when they were given, so the next call signs in anew (not more often
 * than a token is given up after a 401). */
void graph_tenant_doubt(struct graph *g, const struct guid *directory);
/* The refresh token given to keep is on disk: what came with it may be used. */
void graph_tenant_kept(struct graph *g, const struct guid *directory);
/* Somebody else signs in to the tenant from now on: its token is thrown away, its calls go on with the next one. */
void graph_tenant_sign_in_anew(struct graph *g, const struct guid *directory);
/* What the tenant's present token says was granted: its claims, unverified, for advice only. NULL: there is none, or it is not readable. Gives. */
json_t *graph_tenant_claims(struct graph *g, const struct guid *directory);
/* The same of the last token it had, even one that has run out; never signs in. */
json_t *graph_tenant_granted(struct graph *g, const struct guid *directory);
/* Which token that was: another number is another token; 0: there was none. */
uint64_t graph_tenant_granted_by(struct graph *g, const struct guid *directory);
/* Cancels the tenant's calls - each is answered ERR_CANCELLED in the next turn - and wipes its token. */
void graph_tenant_forget(struct graph *g, const struct guid *directory);
/* Another certificate (shared) or, if that is NULL, secret (copied). Tokens that were got with the former stay in use; tenants
 * whose sign-in had failed sign in again at once. ERR_NOMEM: the former stays. */
enum err graph_set_credential(
    struct graph *g, const char *client_secret, int64_t secret_expires_s, struct graph_certificate *client_certificate);

const char *graph_base_url(const struct graph *g);
struct graph_tokens *graph_tokens(const struct graph *g); /* for graph/device.c */

/* Graph's own time now: by the Date of its last answer and the boot clock since, so that a step of our wall clock changes
 * nothing. False: no answer has told it since the start, and it is our wall clock. */
bool graph_time(const struct graph *g, int64_t *ret_wall_ms);

/* Counters since the start, and gauges. Pure reading. */
struct graph_stats {
	uint64_t calls, tries, retries, failures, throttled, refused, token_requests;
	uint64_t in_flight, queued, breakers_open;
	uint64_t by_operation[GRAPH_OPERATION_COUNT]; /* tries */
	int64_t last_answer_wall_ms;                  /* when any answer of Graph came last; 0 = never */
	int64_t clock_skew_ms;                        /* our wall clock minus graph_time, now */
	int64_t credential_expires_s;                 /* the client certificate's or secret's end, Unix time; 0 = not known */
	bool by_certificate;
};
void graph_stats(const struct graph *g, struct graph_stats *ret);

#endif
