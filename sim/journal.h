/*
 * journal.h - what clients did: every request, counted, and everything Graph would have thrown or throttled.
 *
 * A "violation" is what a correct client never causes; the other kinds also happen to correct ones.
 */
#ifndef SIM_JOURNAL_H
#define SIM_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

/*        name                      violation  what */
#define JOURNAL_TABLE(X)                                                                                                         \
	X(NONE, "none", false)                                                                                                   \
	X(THROTTLED, "throttled", true)  /* over a limit of facts 11 */                                                          \
	X(TOO_EARLY, "too_early", true)  /* before a Retry-After was over */                                                     \
	X(SPACING, "spacing", true)      /* single adds less than 2 s apart */                                                   \
	X(NO_TOKEN, "no_token", true)    /* 401 without a token */                                                               \
	X(BAD_TOKEN, "bad_token", false) /* 401 with an unknown or expired one */                                                \
	X(FORBIDDEN, "forbidden", false) /* a permission or consent is missing */                                                \
	X(NOT_FOUND, "not_found", false)                                                                                         \
	X(BAD_REQUEST, "bad_request", true)   /* a malformed request */                                                          \
	X(REFUSED, "refused", false)          /* well-formed, but not allowed */                                                 \
	X(NO_ROUTE, "no_route", true)         /* a path or method Graph does not have */                                         \
	X(BULK_SIZE, "bulk_size", true)       /* over 200 adds, 20 removes, 20 in a batch */                                     \
	X(DELTA_FILTER, "delta_filter", true) /* over 50 ids */                                                                  \
	X(DUPLICATE_SUBSCRIPTION, "duplicate_subscription", false)                                                               \
	X(QUOTA, "quota", false)                                                                                                 \
	X(VALIDATION_FAILED, "validation_failed", false) /* the client's endpoint did not answer as it must */                   \
	X(REAUTHORIZE_TWICE, "reauthorize_twice", true)  /* reauthorize and PATCH within 10 minutes */                           \
	X(LAST_OWNER, "last_owner", true)                /* would have left a team without owner */                              \
	X(POLLED, "polled", false)                       /* a second full list of one team within a day */                       \
	X(JOIN_BLOCK_LOST, "join_block_lost", true)      /* a new body took the join link out of a meeting */                    \
	X(MUTABLE_ID, "mutable_id", false)               /* an Outlook call without Prefer: IdType="ImmutableId" */              \
	X(CONFLICT, "conflict", false)                   /* 412: If-Match named another version */                               \
	X(DUPLICATE_TRANSACTION, "duplicate_transaction", false)                                                                 \
	X(SIGN_IN, "sign_in", false) /* the token endpoint refused */

#define X(name, text, violation) JOURNAL_##name,
enum journal_kind { JOURNAL_TABLE(X) JOURNAL_COUNT };
#undef X

struct journal;

struct journal *journal_new(void);
void journal_free(struct journal *j);
void journal_reset(struct journal *j);

/* Copies. template is static text. */
void journal_request(
    struct journal *j, int64_t at_ms, const char *tenant, const char *method, const char *path, const char *template, int status);
void
journal_note(struct journal *j, int64_t at_ms, enum journal_kind kind, const char *method, const char *path, const char *detail);
void journal_in_flight(struct journal *j, int by);

struct journal_filter {
	const char *method, *template, *path; /* NULL = any */
	uint64_t after;
	size_t limit;
};

json_t *journal_show_requests(const struct journal *j, const struct journal_filter *filter);
json_t *journal_show(const struct journal *j, bool violations_only); /* counts are of all */

#endif
