/*
 * callback.h - telling the app of a change: the CloudEvent, its signature, and what an answer means.
 *
 * Source: contract.md section 5; CloudEvents 1.0 structured mode (github.com/cloudevents/spec, json-format.md); Standard
 * Webhooks (github.com/standard-webhooks/standard-webhooks, spec). The outbox decides when and in which order; this decides
 * how one delivery looks. All is pure but callback_send, which only hands a request to a transport.
 */
#ifndef APP_CALLBACK_H
#define APP_CALLBACK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/change.h"
#include "model/ids.h"
#include "model/member.h"
#include "model/policy.h"
#include "model/resync.h"
#include "model/tenant.h"
#include "net/http_client.h"

struct event;
struct event_fields;
struct rng;
struct tenant_view;

#define CALLBACK_TIMEOUT_MS         15000
#define CALLBACK_BACKOFF_MIN_MS     1000
#define CALLBACK_BACKOFF_MAX_MS     (5 * 60 * 1000)
#define CALLBACK_RETRY_AFTER_MAX_MS (24 * 60 * 60 * 1000) /* a slip of the app's must not silence us for a year */
#define CALLBACK_ANSWER_MAX_BYTES   (1u << 20)
#define CALLBACK_SIGNATURE_SIZE     64 /* "v1," + 44 characters and NUL */

/* ---------- the body ---------- */

struct callback_event {
	const char *id; /* CloudEvents id = webhook-id; unique, stable over repeats */
	enum change_type type;
	const char *tenant;  /* NULL or "": of no one tenant (a resync of all) */
	const char *subject; /* ERG id; tenant's or resync's id for their events */
	int64_t time_wall_ms;
};

/*
 * The whole CloudEvent as compact JSON text into ret, NUL-terminated; byte-identical for equal arguments. Takes data (an
 * object; NULL is ERR_NOMEM, so that a callback_data_* can stand as the argument). ERR_TOOBIG beyond ret_size: use
 * CHANGE_BODY_MAX + 1.
 */
enum err callback_body(const struct callback_event *event, json_t *data, char *ret, size_t ret_size);

/* The data of each family; each gives a new object, NULL when out of memory. */
/* member.added, .removed, .updated */
json_t *callback_data_member(const char *erg, const struct person *person, enum role role);
/* member.unresolved, .refused */
json_t *callback_data_member_trouble(const char *erg, const struct person *person, const char *detail);
/* meeting.*: the fields of mask are those that changed in Outlook; NULL with a mask of 0. What would make the body too long is left
 * out, longest first, and named in "omitted": GET of the event has it. detail may be "". */
json_t *callback_data_meeting(const struct event *event, const struct event_fields *fields, unsigned mask, const char *detail);
/* erg.broken, .restored */
json_t *callback_data_erg(const char *erg, const char *detail);
/* plan.held; removals is how many people it would remove */
json_t *callback_data_plan(const char *erg, const char *detail, const char *hash, int64_t removals);
/* tenant.consent_missing: the tenant as GET shows it */
json_t *callback_data_tenant(const struct tenant_view *tenant);
/* resync.done: the resync as GET shows it; errors that would not fit a body are left out from the end */
json_t *callback_data_resync(const struct resync *resync);

/* ---------- the signature ---------- */

/* ERR_INVALID with why unless secret is "whsec_" and base64 of 24 to 64 bytes. why may be NULL. */
enum err callback_secret_check(const char *secret, char *why, size_t why_size);
/* "v1,<base64>" of HMAC-SHA-256 over "id.timestamp.body" into ret (CALLBACK_SIGNATURE_SIZE). ERR_INVALID for a bad secret. */
enum err callback_sign(const char *secret, const char *id, int64_t timestamp_unix_s, const char *body, size_t body_len,
    char ret[CALLBACK_SIGNATURE_SIZE]);

/* ---------- the delivery ---------- */

struct callback_delivery {
	const char *url;    /* [app] callback_url */
	const char *secret; /* "whsec_..." */
	const char *id;     /* of the event */
	const char *body;
	size_t body_len;
	int64_t now_wall_ms; /* of this try: signed with it */
};

/* Starts one try; done is called exactly once, unless the call is cancelled with http_cancel. NULL: it could not start (no memory, bad secret). */
struct http_call *
callback_send(struct http_transport *transport, const struct callback_delivery *delivery, http_done done, void *arg);

enum callback_act {
	CALLBACK_APPLIED, /* 2xx */
	CALLBACK_REFUSED, /* 400, 404, 409, 410, 422: for good, until something changes */
	CALLBACK_AGAIN    /* anything else or no answer: after wait_ms */
};

struct callback_verdict {
	enum callback_act act;
	int64_t wait_ms;          /* CALLBACK_AGAIN */
	int status;               /* 0: no answer */
	struct user_id user;      /* CALLBACK_APPLIED of member.added: the app's id for that person, "" when it named none */
	char detail[DETAIL_SIZE]; /* refused or again: a sentence for people */
};

/* Pure but for rng. attempts counts the tries of this callback before this one (0 for the first). */
struct callback_verdict
callback_judge(const struct http_answer *answer, enum change_type type, int64_t attempts, int64_t wall_ms, struct rng *rng);

#endif
