/*
 * faults.h - scripted misbehaviour: which request or notification goes wrong, and how.
 */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/random.h"

/*        name              text             of a notification */
#define FAULT_TABLE(X)                                                                                                           \
	X(STATUS, "status", false)                                                                                               \
	X(STATUS_AFTER, "status_after", false)                                                                                   \
	X(TIMEOUT_BEFORE, "timeout_before", false)                                                                               \
	X(TIMEOUT_AFTER, "timeout_after", false)                                                                                 \
	X(CLOSE_BEFORE, "close_before", false)                                                                                   \
	X(CLOSE_AFTER, "close_after", false)                                                                                     \
	X(DELAY, "delay", false)                                                                                                 \
	X(TRUNCATE, "truncate", false)                                                                                           \
	X(TRUNCATED_PAGE, "truncated_page", false)                                                                               \
	X(SHORT_PAGE, "short_page", false)                                                                                       \
	X(EMPTY_PAGE, "empty_page", false)                                                                                       \
	X(LAG, "lag", false)                                                                                                     \
	X(LATE_JOIN, "late_join", false)                                                                                         \
	X(DROP, "drop", true)                                                                                                    \
	X(DUPLICATE, "duplicate", true)                                                                                          \
	X(REORDER, "reorder", true)                                                                                              \
	X(HOLD, "hold", true)

#define X(name, text, notification) FAULT_##name,
enum fault_kind { FAULT_TABLE(X) FAULT_COUNT };
#undef X

struct fault {
	uint64_t id;
	enum fault_kind kind;
	char method[8];        /* "" = any */
	char *path;            /* prefix; NULL = any */
	char subscription[37]; /* "" = any */
	int64_t skip, count;   /* count 0 = for ever */
	double probability;
	int status;
	int64_t retry_after_s; /* -1 = no header */
	int64_t delay_ms;
	char code[64]; /* "" = the usual one of the status */
	int64_t seen, hits;
};

/* The newest requests that were told to wait by a script. */
#define FAULTS_WAITS 64

struct faults_wait {
	uint64_t request; /* a hash of method and path */
	int64_t until_ms;
};

struct faults {
	struct fault **list;
	size_t count, cap;
	uint64_t next_id;
	struct faults_wait waits[FAULTS_WAITS];
	size_t next_wait;
};

void faults_done(struct faults *f); /* frees all; empty again */
enum err faults_add(struct faults *f, const json_t *fault, uint64_t *ret_id, char *why, size_t why_size);
bool faults_remove(struct faults *f, uint64_t id);
json_t *faults_show(const struct faults *f);

/* The fault that strikes now, counted as a hit; borrowed until the list changes. NULL: all goes well. */
const struct fault *faults_for_request(struct faults *f, struct rng *rng, const char *method, const char *path);
const struct fault *faults_for_notification(struct faults *f, struct rng *rng, const char *subscription, const char *resource);

/* Remembers that this request was told to wait until then; tells whether it comes again before that. */
void faults_hold(struct faults *f, const char *method, const char *path, int64_t until_ms);
bool faults_too_early(const struct faults *f, const char *method, const char *path, int64_t now_ms);

#endif
