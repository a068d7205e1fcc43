/*
 * problem.h - why a call was refused, as RFC 9457 problem details (contract.md section 4).
 *
 * One table row a kind: the stable part of its type URI ("urn:ergsync:problem:unknown-erg"), its HTTP status and its
 * title. What is special to one call goes into detail and errors. Pure.
 */
#ifndef APP_PROBLEM_H
#define APP_PROBLEM_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "model/ids.h"
#include "model/tenant.h"

#define PROBLEM_TYPE_PREFIX "urn:ergsync:problem:"

/*      name              type                 status  title */
#define PROBLEM_TABLE(X)                                                                                                         \
	X(NONE, "none", 500, "No reason was given")                                                                              \
	X(BAD_ID, "malformed-id", 400, "An id in the path is malformed")                                                         \
	X(BAD_JSON, "malformed-json", 400, "The body is not JSON as this API reads it")                                          \
	X(BAD_PARAMETER, "bad-parameter", 400, "A query parameter is not right")                                                 \
	X(UNAUTHORIZED, "unauthorized", 401, "A bearer token is required here")                                                  \
	X(UNKNOWN_PATH, "unknown-path", 404, "There is nothing at this path")                                                    \
	X(UNKNOWN_TENANT, "unknown-tenant", 404, "There is no such tenant")                                                      \
	X(UNKNOWN_ERG, "unknown-erg", 404, "There is no such ERG")                                                               \
	X(UNKNOWN_MEMBER, "unknown-member", 404, "There is no such member")                                                      \
	X(UNKNOWN_EVENT, "unknown-event", 404, "There is no such event")                                                         \
	X(UNKNOWN_RESYNC, "unknown-resync", 404, "There is no such resync")                                                      \
	X(UNKNOWN_RECEIPT, "unknown-receipt", 404, "There is no such receipt")                                                   \
	X(NO_PLAN, "no-plan", 409, "There is nothing to decide")                                                                 \
	X(BAD_METHOD, "method-not-allowed", 405, "This path does not take that method")                                          \
	X(TENANT_REMOVING, "tenant-removing", 409, "The tenant is being removed")                                                \
	X(TENANT_CONFLICT, "tenant-conflict", 409, "The tenant cannot be changed like that")                                     \
	X(ERG_CONFLICT, "erg-conflict", 409, "The ERG cannot be changed like that")                                              \
	X(MEMBER_CONFLICT, "member-conflict", 409, "Two people would become one")                                                \
	X(EVENT_CONFLICT, "event-conflict", 409, "The event cannot be changed like that")                                        \
	X(RESYNC_RUNNING, "resync-running", 409, "A resync of that scope is running")                                            \
	X(KEY_NOT_SEEN, "key-not-seen", 409, "The daemon does not have that key")                                                \
	X(PLAN_MOVED, "plan-moved", 409, "The plan is no longer that one")                                                       \
	X(CHANGES_GONE, "changes-gone", 410, "Changes after that number are not there to be read")                               \
	X(BAD_BODY, "invalid-body", 422, "A field of the body is not right")                                                     \
	X(TOO_MANY_WAITERS, "too-many-waiters", 503, "Too many callers wait for changes")                                        \
	X(STORE_FULL, "store-full", 503, "The store has no room for more")                                                       \
	X(UNSUPPORTED, "unsupported", 501, "This version cannot do that")                                                        \
	X(INTERNAL, "internal", 500, "The daemon failed to do this")
#define X(name, type, status, title) PROBLEM_##name,
enum problem_kind { PROBLEM_TABLE(X) PROBLEM_COUNT };
#undef X

#define PROBLEM_FIELDS_MAX 4

struct problem_field {
	char pointer[128]; /* JSON pointer into the body: "/channel_url" */
	char detail[DETAIL_SIZE];
};

/* All zero is "none yet". */
struct problem {
	enum problem_kind kind;
	char detail[DETAIL_SIZE]; /* a sentence for people: what is wrong and what to do */
	struct problem_field fields[PROBLEM_FIELDS_MAX];
	unsigned field_count;
	char resync[64]; /* PROBLEM_RESYNC_RUNNING: the id of the running one; a member "resync" of the answer */
};

/* Both note and return, so that a refusal is one line: return problem_set(p, PROBLEM_UNKNOWN_ERG, "There is no ERG %s.", id);
 * the err returned is the one that belongs to the kind's status. */
enum err problem_set(struct problem *p, enum problem_kind kind, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* PROBLEM_BAD_BODY, one field more: problem_field(p, "/channel_url", "It belongs to another tenant."). */
enum err problem_field(struct problem *p, const char *pointer, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* What e stands for when an operation failed without naming a problem. */
enum problem_kind problem_of_err(enum err e);
int problem_status(enum problem_kind kind);
/* The body of application/problem+json. errors is borrowed, may be NULL and is used when p has no fields. Gives; NULL: out of memory. */
json_t *problem_json(const struct problem *p, const json_t *errors);

#endif
