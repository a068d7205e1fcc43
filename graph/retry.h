/*
 * retry.h - what to do after one try of a call. Pure: attempts, jitter and time are arguments.
 */
#ifndef GRAPH_RETRY_H
#define GRAPH_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define GRAPH_TRIES_MAX 6
/* With less time left no further try begins: its answer, and the Retry-After in it, might come too late to be heard. */
#define GRAPH_TRY_MIN_MS         5000
#define GRAPH_BACKOFF_MIN_MS     1000
#define GRAPH_BACKOFF_MAX_MS     300000 /* without Retry-After: 1 s to 300 s, full jitter (graph-facts section 11) */
#define GRAPH_RETRY_AFTER_MAX_MS (24 * 3600 * 1000LL)

enum graph_act { GRAPH_DONE, GRAPH_AGAIN, GRAPH_GIVE_UP, GRAPH_UNKNOWN };

struct graph_try {
	enum err transport; /* ERR_OK when an answer came */
	int status;         /* 0 without an answer */
	bool readable;      /* the body was valid JSON, or there was none */
	bool idempotent;
	unsigned tries;         /* made so far, this one included */
	int64_t retry_after_ms; /* -1: not said */
	int64_t left_ms;        /* until the deadline */
};
struct graph_verdict {
	enum graph_act act;
	int64_t wait_ms;
};

/* jitter is uniform in [0, 1000). 401 is not judged here: graph.c renews the token once, then it is final. */
struct graph_verdict graph_retry_judge(const struct graph_try *t, uint32_t jitter);
/* The answer says that nothing was done, so that even a write may be repeated. */
bool graph_status_is_refusal(int status);
/* Nobody knows whether it was done. */
bool graph_try_is_doubtful(const struct graph_try *t);
/* A failure of the service, not of the request: what the breaker counts. */
bool graph_try_failed(const struct graph_try *t);

/* Retries are at most a tenth of the requests, plus one a second (reliability.md section 5). */
#define GRAPH_BUDGET_MAX_MILLI 20000
struct graph_budget {
	int64_t milli, last_ms;
};
void graph_budget_init(struct graph_budget *b, int64_t now_ms);
void graph_budget_request(struct graph_budget *b);
bool graph_budget_retry(struct graph_budget *b, int64_t now_ms); /* false: none left */

#endif
