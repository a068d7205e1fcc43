/*
 * call.h - one request on its way through the simulator: who asks, what for, and the answer that is made.
 *
 * Private to sim/. A handler either sets the answer and returns, or sets deferred and calls call_finish later.
 */
#ifndef SIM_CALL_H
#define SIM_CALL_H

#include <time.h>

#include "base/clock.h"
#include "sim/arena.h"
#include "sim/calendar.h"
#include "sim/faults.h"
#include "sim/journal.h"
#include "sim/settings.h"
#include "sim/sim.h"
#include "sim/throttle.h"
#include "sim/world.h"

#define CALL_SEGMENTS_MAX 16
#define CALL_PARAMS_MAX   16
#define CALL_HEADERS_MAX  10
#define GRAPH_PREFIX      "/v1.0"

struct app;
struct call;
struct delivery;
struct subscriptions;
struct token;

struct sim {
	struct clock *clock;
	struct sim_options options;
	char *base_url;
	struct rng rng;
	struct settings settings;
	struct world world;
	struct mailboxes mailboxes;
	struct faults faults;
	struct throttle throttle;
	struct journal *journal;
	struct map apps;   /* client id -> struct app */
	struct map tokens; /* signature -> struct token */
	size_t tokens_sweep_at;
	struct map grantees;  /* tenant and client id -> struct grantee */
	struct map devices;   /* device code -> struct device */
	struct map refreshes; /* text -> struct refresh */
	struct subscriptions *subscriptions;
	struct delivery *delivery;
	struct signer *signer; /* of validation tokens; NULL until one is needed */
	unsigned delta_epoch;  /* delta links of an older one are gone */
	struct call *open;     /* all calls not answered yet */
	bool closing;
	time_t date_minute; /* the minute of date, in which only the seconds change */
	char date[64];
};

struct query_param {
	char *name, *value;
};

/* One row of the router's table: facts 1.5 for permissions, facts 11 for traffic. */
struct route {
	const char *method;
	const char *template; /* {x} takes one segment; a trailing "(*)" takes a function's arguments */
	unsigned permissions; /* any of these; 0 = the handler decides */
	enum traffic traffic;
	unsigned units; /* of identity calls */
	void (*handle)(struct call *c);
};

struct call {
	struct sim *sim;
	struct call *next, **link;
	sim_done done;
	void *arg;
	bool inner; /* an item of a $batch */
	bool deferred;
	bool handling, finished; /* a finish within the handler takes effect when it has returned */
	bool counted;            /* in the requests in flight */
	struct timer *timer;     /* of the latency */

	struct arena arena; /* of all texts of the request and the headers */
	char method[8];
	char *path, *query; /* as sent */
	char *body;
	size_t body_len;
	json_t *json; /* the parsed body or NULL; until the answer is set */
	char *authorization, *client_request_id, *prefer, *if_match;
	char *segment[CALL_SEGMENTS_MAX];
	size_t segment_count;
	const char *argument[4]; /* what the template's {x} took, in order */
	const char *function;    /* the text of a "(*)" segment */
	struct query_param param[CALL_PARAMS_MAX];
	size_t param_count;
	const struct route *route;
	const char *template; /* for the journal */

	struct tenant *tenant;
	struct mailbox *in_mailbox; /* among its requests under way; mailbox.h */
	struct user *user;          /* who has signed in; NULL: the app itself */
	char app_id[GUID_SIZE];
	struct throttle_party *party; /* the two; like them NULL before the token was seen */
	char request_id[GUID_SIZE];
	struct fault fault; /* a copy; kind FAULT_COUNT = none */
	int64_t now_ms;     /* boot time at arrival */
	int64_t read_ms;    /* list reads see the world of then */

	int status;
	json_t *answer;                       /* NULL = no body */
	char *ready;                          /* instead of answer: its text */
	char *text;                           /* instead of both: plain text */
	const char *header[CALL_HEADERS_MAX]; /* NULL-terminated */
	size_t header_count;
};

/* A way to say no, shared by single calls and items of bulk calls. */
struct refusal {
	int status;
	const char *code, *message;
	enum journal_kind kind;
};

struct call *call_new(struct sim *sim, const struct sim_request *request, sim_done done, void *arg);
/* Sends the answer (after the configured latency) and frees c. */
void call_finish(struct call *c);
/* Frees without an answer having been set: SIM_CLOSED. */
void call_drop(struct call *c);

/* The answer: takes json. */
void call_answer(struct call *c, int status, json_t *json);
/* The same as JSON text that is ready to be sent: takes it. For answers that are given very often. */
void call_answer_ready(struct call *c, int status, char *json_text);
/* An error in Graph's shape, noted in the journal. */
void call_refuse(struct call *c, int status, const char *code, enum journal_kind kind, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
void call_refuse_as(struct call *c, const struct refusal *refusal);
void call_header(struct call *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
void call_note(struct call *c, enum journal_kind kind, const char *detail);

const char *call_query(const struct call *c, const char *name); /* decoded; NULL when absent */
bool call_prefers(const struct call *c, const char *token);
bool call_may(const struct call *c, unsigned permissions); /* any of them */
/* Both refuse when the body is no JSON object. */
bool call_needs_json(struct call *c);

/* What the path names, in the call's tenant; NULL after refusing. */
struct team *call_team(struct call *c, const char *id);
struct channel *call_channel(struct call *c, struct team *team, const char *id);
struct user *call_user(struct call *c, const char *id);

/* "{base}/v1.0{path}?{query without $skiptoken}&$skiptoken={token}"; gives it. */
char *call_next_link(const struct call *c, const char *token);
/* $top within 1..max, else fallback; false after refusing. */
bool call_top(struct call *c, size_t fallback, size_t max, size_t *ret);
/* Keeps only the members named by $select, "id" and annotations; all without $select. */
void call_select(const struct call *c, json_t *o);

#endif
