/*
 * api.h - the app API: the HTTP side, and the port behind which somebody keeps tenants, ERGs, members and events.
 *
 * Source: contract.md section 4 and 9. This side does routes, ids, strict bodies, authentication, paging, JSON views and the
 * waiting of the change feed; struct app_ops is what it asks of the reconciler, in model's terms. Operations never wait: they
 * read and write state and return. What an operation told is answered only after ops->after_commit, reads included, so that
 * nothing is said that is not on disk.
 *
 * An operation returns ERR_OK and has filled its ret, or another err and has (preferably) filled p with problem_set or
 * problem_field; a bare err is answered by problem_of_err: ERR_NOTFOUND 404, ERR_CONFLICT 409, ERR_INVALID 422, ERR_FULL 503,
 * ERR_UNSUPPORTED 501, others 500. The ret structs are zeroed beforehand; pointers handed to an operation are valid during it
 * only. Ids are well formed, texts are valid UTF-8 without control characters and within model's sizes.
 * Event-loop thread only.
 */
#ifndef APP_API_H
#define APP_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/problem.h"
#include "base/err.h"
#include "model/change.h"
#include "model/erg.h"
#include "model/event.h"
#include "model/event_fields.h"
#include "model/member.h"
#include "model/receipt.h"
#include "model/resync.h"
#include "model/subscription.h"
#include "model/tenant.h"

struct app_api;
struct clock;
struct http_exchange;

#define APP_LIST_LIMIT_DEFAULT 100
#define APP_LIST_LIMIT_MAX     1000
#define APP_CURSOR_SIZE        160
#define APP_MEMBERS_MAX        50000       /* in one PUT of a whole list */
#define APP_BODY_MAX_BYTES     (16u << 20) /* for the server's body_max_bytes: such a list */
#define APP_EVENTS_BYTES       (4u << 20)  /* of bodies in one page of events; the rest is for the next */
#define APP_WAITERS_MAX        64          /* long-polling callers at a time */
#define APP_WAIT_MAX_S         60

/* One page of a list. A cursor is the backend's own text, given in the page before; it is checked by the backend:
 * PROBLEM_BAD_PARAMETER when it cannot be one. Characters as in an app id or "entra:<guid>". */
struct app_page {
	unsigned limit;              /* 1 to APP_LIST_LIMIT_MAX */
	char after[APP_CURSOR_SIZE]; /* "": from the start */
};
struct app_cursor {
	char s[APP_CURSOR_SIZE];
}; /* "": that was the last page */

/* ---------- what goes in ---------- */

struct app_tenant_put {
	struct tenant_id id;
	struct guid directory_id;
	char organizer[UPN_SIZE]; /* a plausible UPN, or a GUID in lower case */
	int sign_in;              /* enum tenant_sign_in; -1: not given, so as it was */
	int meetings;             /* enum tenant_meetings; -1: the same */
};

struct app_erg_put {
	struct erg_id id;
	struct tenant_id tenant;
	char name[ERG_NAME_SIZE];
	char channel_url[CHANNEL_URL_SIZE]; /* parses as a Teams link; what it says: */
	struct guid link_directory_id;      /* "" when the link does not say: nothing to compare with the tenant's */
	struct guid team_id;
	char channel_id[CHANNEL_ID_SIZE]; /* "" for a team link: General is meant, links look it up */
	enum membership_policy membership;
	enum meetings_policy meetings;
	int64_t removal_limit, removal_percent; /* -1: not given */
	char organizer[UPN_SIZE];               /* "": not given */
};

/* A person in a path: one of the two is not empty. */
struct app_person_ref {
	struct user_id user;
	struct guid entra_id;
};

/* What the app says of one member: at least one of email and entra_id is not empty, unless who.entra_id names the person. */
struct app_member_put {
	struct app_person_ref who;
	struct guid entra_id;
	char email[EMAIL_SIZE];
	enum role role; /* member or owner */
	bool private_;
};

/* ---------- what comes out ---------- */

struct tenant_view {
	struct tenant tenant;
	char consent_url[1024]; /* "": none */
	char receipt[24];       /* of its removal; "": it isn't being removed */
};

/* How the dedicated account of a tenant stands. */
enum app_sign_in_state {
	APP_SIGN_IN_NONE,      /* nobody has signed in */
	APP_SIGN_IN_STARTING,  /* a code is being asked for */
	APP_SIGN_IN_WAITING,   /* user_code waits to be entered at verification_uri */
	APP_SIGN_IN_SIGNED_IN, /* as account */
	APP_SIGN_IN_FAILED     /* detail says why and what to do */
};
extern const char *const app_sign_in_state_names[];

struct app_sign_in {
	struct tenant_id tenant;
	enum tenant_sign_in sign_in;
	enum app_sign_in_state state;
	char user_code[64], verification_uri[256];
	int64_t expires_wall_ms; /* of the code */
	char account[UPN_SIZE];
	int64_t signed_in_wall_ms, renewed_wall_ms;
	char detail[DETAIL_SIZE];
};

/* What the doctor looks at, in this order. scope: what all tenants share, or the tenant. */
#define APP_CHECK_TABLE(X)                                                                                                       \
	X(CREDENTIAL, "credential", "installation")                                                                              \
	X(NOTIFICATION_KEY, "notification_key", "installation")                                                                  \
	X(ENDPOINT, "endpoint", "installation")                                                                                  \
	X(TLS_1_2, "tls_1_2", "installation")                                                                                    \
	X(TLS_1_3, "tls_1_3", "installation")                                                                                    \
	X(CLOCK, "clock", "installation")                                                                                        \
	X(SIGN_IN, "sign_in", "tenant")                                                                                          \
	X(PERMISSIONS, "permissions", "tenant")                                                                                  \
	X(UNNEEDED, "unneeded_permissions", "tenant")                                                                            \
	X(ORGANIZER, "organizer", "tenant")                                                                                      \
	X(MAILBOX, "mailbox", "tenant")                                                                                          \
	X(SUBSCRIPTIONS, "subscriptions", "tenant")
#define X(name, text, scope) APP_CHECK_##name,
enum app_check_kind { APP_CHECK_TABLE(X) APP_CHECK_COUNT };
#undef X

/* Worse is greater. */
enum app_verdict { APP_OK, APP_UNKNOWN, APP_WARN, APP_FAIL };
extern const char *const app_verdict_names[];

struct app_check {
	enum app_check_kind kind;
	enum app_verdict verdict;
	char detail[2 * DETAIL_SIZE]; /* what was seen */
	char next[DETAIL_SIZE];       /* what to do; "": nothing */
};

struct app_doctor {
	struct tenant_id tenant;
	bool running; /* some checks are still open, and unknown until then */
	int64_t started_wall_ms, finished_wall_ms;
	struct app_check checks[APP_CHECK_COUNT];
};

/* How many have a meeting in Outlook, of how many something is still to be written there, and how many Outlook has refused. */
struct erg_events {
	int64_t scheduled, pending, failed;
};

#define ERG_VIEW_SUBSCRIPTIONS_MAX 4
struct erg_view {
	struct erg erg;
	struct erg_events events;
	struct subscription subscriptions[ERG_VIEW_SUBSCRIPTIONS_MAX];
	enum subscription_address addresses[ERG_VIEW_SUBSCRIPTIONS_MAX]; /* of those */
	unsigned subscription_count;
};

struct member_view {
	struct member member;
	struct person person;
};

struct app_members_replaced {
	int64_t added, removed, unchanged;
};

/* An event as the app should see it. fields are the app's with all that came from Outlook since, each attendee with the response. */
struct event_view {
	const struct event *event;
	const struct event_fields *fields;
};

#define EVENT_SUBJECT_SIZE (4 * EVENT_SUBJECT_MAX + 1) /* as UTF-8 */

#define APP_STATUS_PROBLEMS_MAX 16
#define APP_TENANT_STATES       TENANT_STATE_COUNT
#define APP_ERG_STATES          (ERG_OFF + 1)
#define APP_SUBSCRIPTION_STATES SUBSCRIPTION_STATE_COUNT

/* UNKNOWN: it has not been asked yet. */
enum app_listener_presence { APP_LISTENER_UNKNOWN, APP_LISTENER_AWAY, APP_LISTENER_UP };
extern const char *const app_listener_presence_names[];

struct app_listener_status {
	enum app_listener_presence presence;
	bool can_store;                  /* both known while it is up only */
	int64_t certificate_end_wall_ms; /* 0 = not known */
	char version[32];                /* "" = not known */
};

/* Counts since the start, and what is so now. */
struct app_graph_status {
	int64_t answer_wall_ms;         /* of its last answer; 0 = none yet */
	int64_t requests, throttled;    /* of these, answers that asked to wait */
	int64_t queued;                 /* calls that wait for their turn */
	int64_t paused;                 /* tenants and services that failed too often: not asked for a while */
	int64_t clock_ahead_ms;         /* our clock, of Graph's */
	int64_t credential_end_wall_ms; /* 0 = not known */
	bool by_certificate;            /* that is a certificate; else a secret */
};

struct app_store_status {
	int64_t used_bytes, limit_bytes;
	bool full; /* nothing new is taken */
};

struct app_meetings_status {
	int64_t scheduled, pending, failed;
};

struct app_status {
	int64_t as_of_wall_ms, started_wall_ms;
	int64_t tenants[APP_TENANT_STATES];
	int64_t permission_missing; /* tenants that have not granted all that their ERGs need */
	int64_t tenants_noted;      /* active ones of which there is something to say nevertheless */
	int64_t ergs[APP_ERG_STATES];
	int64_t subscriptions[APP_SUBSCRIPTION_STATES];
	int64_t subscription_expiry_wall_ms; /* the nearest of the active ones; 0 = none */
	int64_t subscriptions_former;        /* for which Graph sends something to a former public_url */
	bool public_url_unreached;           /* and cannot do better, since it does not reach the present one */
	bool inbox_present;                  /* the listener has made its inbox */
	int64_t inbox_backlog;               /* notifications stored and not yet read */
	int64_t dirty;                       /* scopes and items to be read from Graph */
	int64_t callback_backlog;
	int64_t callback_oldest_wall_ms;                              /* when the oldest undelivered change was made; 0 = none */
	char callback_detail[DETAIL_SIZE];                            /* of the last failed delivery; "" when none waits */
	uint64_t feed_seq;                                            /* of the newest change; 0 = none */
	int64_t resyncs_running, resync_ergs_done, resync_ergs_total; /* ERGs: of those that run */
	struct app_meetings_status meetings;
	struct app_listener_status listener;
	struct app_graph_status graph;
	struct app_store_status store;
	/* of the store: when it was restored from a backup, or made anew because the former one was damaged; 0 = never */
	int64_t restored_wall_ms, rebuilt_wall_ms;
	int64_t additions_only;            /* ERGs of which nobody is removed until a full comparison has passed the guard */
	int64_t damaged_records;           /* in quarantine */
	int64_t reseal_rows, reseal_total; /* values sealed anew for other keys, of how many; total 0 = nothing to do */
	struct erg_id unproved_erg;        /* the one proved equal longest ago (or never); "" = no ERG */
	int64_t unproved_wall_ms;          /* its proved_at, 0 = never */
	/* What a person should look at, worst first: tenant or ERG in words, as "erg:ID" or "tenant:ID" or "". */
	struct {
		char subject[APP_ID_SIZE + 16];
		char detail[DETAIL_SIZE];
	} problems[APP_STATUS_PROBLEMS_MAX];
	unsigned problem_count;
};

enum plan_action {
	PLAN_ADD_TO_APP,
	PLAN_REMOVE_FROM_APP,
	PLAN_ADD_TO_TEAMS,
	PLAN_REMOVE_FROM_TEAMS,
	PLAN_SET_ROLE_IN_APP,
	PLAN_SET_ROLE_IN_TEAMS,
	/* of events */
	PLAN_CREATE_MEETING,
	PLAN_UPDATE_MEETING,
	PLAN_CANCEL_MEETING
};
extern const char *const plan_action_names[]; /* add_to_app ... */

struct app_plan {
	struct erg_id erg;
	bool held;
	char hash[80];               /* of the items; "" when there are none */
	char detail[DETAIL_SIZE];    /* why it is held */
	int64_t additions, removals; /* of people */
	int64_t mails;               /* that Outlook would send to attendees */
};

struct app_plan_item {
	enum plan_action action;
	char reason[DETAIL_SIZE];
	/* about a member */
	struct person person;
	enum role role;
	/* about an event */
	struct event_id event;
	char subject[EVENT_SUBJECT_SIZE];
	int64_t mails; /* of these, this one causes so many */
};

/* Each is told one item at a time, in order; at most page->limit of a page. */
typedef void (*app_tenant_emit)(void *arg, const struct tenant_view *t);
typedef void (*app_erg_emit)(void *arg, const struct erg_view *e);
typedef void (*app_member_emit)(void *arg, const struct member_view *m);
typedef void (*app_resync_emit)(void *arg, const struct resync *r);
/* False: enough for one answer, stop (this one was taken). */
typedef bool (*app_event_emit)(void *arg, const struct event_view *e);
typedef void (*app_plan_emit)(void *arg, const struct app_plan_item *item);
/* body is one CloudEvent as JSON text. False: enough for one answer, stop (this one was taken). */
typedef bool (*app_change_emit)(void *arg, uint64_t seq, const char *body);

/* How far a change of the state key is. */
#define APP_KEY_CHECK_LEN 32
struct app_key_rotation {
	bool done; /* nothing is sealed with a key that the former one wraps: it may be destroyed */
	int64_t resealed, to_reseal;
};

/* ---------- the port ---------- */

struct app_ops {
	/* cb(arg) once all written so far is durable; in a later turn, never from within this call. */
	void (*after_commit)(void *ctx, void (*cb)(void *arg), void *arg);

	enum err (*tenant_put)(
	    void *ctx, const struct app_tenant_put *put, struct tenant_view *ret, bool *ret_created, struct problem *p);
	enum err (*tenant_get)(void *ctx, const struct tenant_id *id, struct tenant_view *ret, struct problem *p);
	enum err (*tenant_list)(void *ctx, const struct app_page *page, app_tenant_emit emit, void *arg,
	    struct app_cursor *ret_next, struct problem *p);
	/* Starts the removal; ret is the tenant with state "removing". */
	enum err (*tenant_remove)(void *ctx, const struct tenant_id *id, struct tenant_view *ret, struct problem *p);

	/* Begins to sign the dedicated account in, or tells of what is under way. */
	enum err (*tenant_sign_in_start)(void *ctx, const struct tenant_id *id, struct app_sign_in *ret, struct problem *p);
	enum err (*tenant_sign_in_get)(void *ctx, const struct tenant_id *id, struct app_sign_in *ret, struct problem *p);

	/* A report that is fresh, or grows: to be asked for again while it runs. */
	enum err (*tenant_doctor)(void *ctx, const struct tenant_id *id, struct app_doctor *ret, struct problem *p);

	enum err (*erg_put)(void *ctx, const struct app_erg_put *put, struct erg_view *ret, bool *ret_created, struct problem *p);
	enum err (*erg_get)(void *ctx, const struct erg_id *id, struct erg_view *ret, struct problem *p);
	enum err (*erg_list)(
	    void *ctx, const struct app_page *page, app_erg_emit emit, void *arg, struct app_cursor *ret_next, struct problem *p);
	enum err (*erg_remove)(void *ctx, const struct erg_id *id, struct problem *p);

	enum err (*member_get)(
	    void *ctx, const struct erg_id *erg, const struct app_person_ref *who, struct member_view *ret, struct problem *p);
	enum err (*member_list)(void *ctx, const struct erg_id *erg, const struct app_page *page, app_member_emit emit, void *arg,
	    struct app_cursor *ret_next, struct problem *p);
	enum err (*member_put)(
	    void *ctx, const struct erg_id *erg, const struct app_member_put *put, struct member_view *ret, struct problem *p);
	enum err (*member_remove)(void *ctx, const struct erg_id *erg, const struct app_person_ref *who, struct problem *p);
	/* Nobody is in list twice, by user id. */
	enum err (*members_replace)(void *ctx, const struct erg_id *erg, const struct app_member_put *list, size_t count,
	    struct app_members_replaced *ret, struct problem *p);

	/* Each but the list emits the event as it is then, once. A list's page may be shorter than its limit and not the last. */
	enum err (*event_get)(
	    void *ctx, const struct erg_id *erg, const struct event_id *id, app_event_emit emit, void *arg, struct problem *p);
	enum err (*event_list)(void *ctx, const struct erg_id *erg, const struct app_page *page, app_event_emit emit, void *arg,
	    struct app_cursor *ret_next, struct problem *p);
	enum err (*event_put)(void *ctx, const struct erg_id *erg, const struct event_id *id, const struct event_fields *fields,
	    app_event_emit emit, void *arg, struct problem *p);
	/* comment goes to the attendees; "": none. */
	enum err (*event_cancel)(void *ctx, const struct erg_id *erg, const struct event_id *id, const char *comment,
	    app_event_emit emit, void *arg, struct problem *p);

	enum err (*resync_start)(
	    void *ctx, const struct resync_scope *scope, bool dry_run, struct resync *ret, struct problem *p);
	enum err (*resync_get)(void *ctx, const char *id, struct resync *ret, struct problem *p);
	enum err (*resync_list)(void *ctx, const struct app_page *page, app_resync_emit emit, void *arg,
	    struct app_cursor *ret_next, struct problem *p);
	enum err (*resync_cancel)(void *ctx, const char *id, struct resync *ret, struct problem *p);

	/* emit may be called before ret is complete. */
	enum err (*plan_get)(
	    void *ctx, const struct erg_id *erg, app_plan_emit emit, void *arg, struct app_plan *ret, struct problem *p);
	enum err (*plan_decide)(void *ctx, const struct erg_id *erg, bool approve, const char *hash, struct problem *p);

	/* Durable changes with seq > after, oldest first, at most limit. */
	enum err (*changes_read)(void *ctx, uint64_t after, unsigned limit, app_change_emit emit, void *arg, struct problem *p);

	enum err (*status)(void *ctx, struct app_status *ret, struct problem *p);

	enum err (*receipt_get)(void *ctx, uint64_t number, struct receipt *ret, struct problem *p);
	/* Takes the state key from key_file, should it be another one. check: of the key the caller means, APP_KEY_CHECK_LEN hex digits. */
	enum err (*key_rotate)(void *ctx, const char *check, struct app_key_rotation *ret, struct problem *p);
};

struct app_api_options {
	const struct app_ops *ops; /* borrowed */
	void *ctx;                 /* handed to each operation */
	struct clock *clock;       /* borrowed */
	const char *token;         /* copied; NULL or "": no TCP caller is let in */
};

/* Gives *ret. */
enum err app_api_new(const struct app_api_options *options, struct app_api **ret);
/* Answers whoever still waits with 503. Free it before the server, and after the backend will call back no more. NULL is fine. */
void app_api_free(struct app_api *api);
/* A reload brought another token; copied. */
enum err app_api_set_token(struct app_api *api, const char *token);

/* For struct http_server_options.handle, with the api as arg. */
void app_api_handle(void *api, struct http_exchange *x);
/* Changes are durable that were not before: answers those who wait for them. */
void app_api_changes_arrived(struct app_api *api);
/* Callers waiting in GET /v1/changes: for metrics. */
unsigned app_api_waiters(const struct app_api *api);

#endif
