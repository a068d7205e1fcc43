/*
 * answer.h - what an answer of Graph means: error bodies read, status and code mapped to enum err. Pure.
 *
 * Branch on err and code. message and texts of Graph are for matching the cases where Graph gives nothing but text
 * (quota, existing subscription, validation) and are never logged: they can hold names and addresses. Source: graph-facts section 2.4.
 */
#ifndef GRAPH_ANSWER_H
#define GRAPH_ANSWER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/tenant.h"

#define GRAPH_CODE_SIZE   64
#define GRAPH_ID_SIZE     64 /* request ids */
#define GRAPH_ERROR_DEPTH 8  /* inner errors followed */

struct graph_error {
	char code[GRAPH_CODE_SIZE];       /* outermost; "" when absent, cut when longer */
	char inner_code[GRAPH_CODE_SIZE]; /* innermost that is not empty; equals code when there is no other */
	char request_id[GRAPH_ID_SIZE];
	const char *message; /* borrowed from the JSON; "" when absent */
};

/* Everything is borrowed by the callback until it returns. */
struct graph_answer {
	enum err err; /* ERR_OK: 2xx, and the body (if any) is JSON */
	int status;   /* 0: no answer came */
	bool unknown; /* a write that may or may not have happened: read back before anything else */
	struct graph_error error;
	const json_t *json;             /* NULL without a body */
	char request_id[GRAPH_ID_SIZE]; /* Graph's, "" when it gave none */
	int64_t retry_after_ms;         /* when to ask again at the earliest; -1 = not said */
	int64_t date_ms;                /* Graph's Date; 0 when absent */
	int64_t took_ms;                /* since this try was sent, on the boot clock: what is told was so at some time within */
	const char *location, *etag;    /* headers; NULL when absent */
	unsigned tries;
	/* Sign-in refused (err then is UNAUTHORIZED, INVALID or what the login service did): what the tenant's state is. */
	bool sign_in_failed;
	enum tenant_state tenant_state;
	char detail[DETAIL_SIZE]; /* a sentence for people: what failed and what to do; "" on success */
};

/* Reads {"error": {...}} with innerError/innererror walked inwards; anything else leaves *ret empty. json may be NULL. */
void graph_error_read(const json_t *json, struct graph_error *ret);
/* By status, refined by code: quotas are ERR_FULL, lost delta tokens ERR_GONE. ERR_OK for 2xx. */
enum err graph_error_judge(int status, const struct graph_error *error);
/* A 403 that means "too many subscriptions", not "permission missing". */
bool graph_error_is_quota(int status, const struct graph_error *error);
/* A 400 that means that Graph did not get the right answer from the URL it was told. */
bool graph_error_is_validation(int status, const struct graph_error *error);
/* The GUID in "Subscription Id <id> already exists ...". False when there is none. */
bool graph_error_existing_subscription(int status, const struct graph_error *error, char *ret, size_t ret_size);
/* A sentence for people, without ids or names. */
void graph_error_detail(int status, enum err err, const struct graph_error *error, char *ret, size_t ret_size);

/* Such a sentence, and when the same is tried again; doubtful: unless it was done nevertheless. */
void graph_detail_again(const char *detail, int64_t again_wall_ms, bool doubtful, char ret[DETAIL_SIZE]);

/* As many whole characters of s as fit, for what is shown and never compared as a whole; NULL is "". ret_size > 0. */
void graph_copy_cut(char *ret, size_t ret_size, const char *s);

#endif
