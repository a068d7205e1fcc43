/*
 * chores.h - the durable to-do list beside the hints: links to verify, organisers to look up, things to erase, ERGs to push to Teams.
 *
 * A chore is a row of the DIRTY table under a scope of zeros (no real scope's id), so that the one walk of that table at the
 * start finds it again. A row goes away only in the turn that stores what the chore led to. One of a kind and id exists at
 * most; at most CHORES_RUNNING_MAX run at a time.
 */
#ifndef RECONCILER_CHORES_H
#define RECONCILER_CHORES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "model/ids.h"
#include "state/records.h"

#define CHORES_RUNNING_MAX 16
#define CHORE_PROBE_MS     (15 * 60 * 1000) /* what is broken is looked at again this often */
#define CHORE_REACH_MS     (30 * 1000)      /* what gave no answer: first after so long, then ever more rarely */

struct reconciler;
struct chores;

enum chore_kind {
	CHORE_LINK,
	CHORE_TENANT,
	CHORE_ERASE_ERG,
	CHORE_ERASE_TENANT,
	CHORE_PUSH,
	CHORE_MEETINGS,
	CHORE_DOUBT,
	CHORE_KIND_COUNT
};

struct chore;
const char *chore_id(const struct chore *c); /* the ERG's or tenant's */
struct reconciler *chore_reconciler(const struct chore *c);
int64_t chore_attempts(const struct chore *c); /* that have failed */
/* Dropped, or noted anew since it began: what it has asked meanwhile may be of what is no more. It is to end by chore_done, and runs again
 * if it was noted. */
bool chore_overtaken(const struct chore *c);

/* Runs one; it ends, now or in a later turn, by exactly one chore_done or chore_again. */
typedef void (*chore_run)(struct reconciler *r, struct chore *c);

enum err chores_new(struct reconciler *r, struct chores **ret);
void chores_free(struct chores *cs); /* NULL is fine */

/* Notes it in this turn, runs it after the commit and after_ms. A chore there already is run again, or sooner. */
void chore_add(struct reconciler *r, enum chore_kind kind, const char *id, int64_t after_ms);
/* Is one noted? */
bool chore_pending(struct reconciler *r, enum chore_kind kind, const char *id);
/* Any of that kind? */
bool chores_any(struct reconciler *r, enum chore_kind kind);
/* Drops one that is no longer wanted; one that runs ends silently. */
void chore_drop(struct reconciler *r, enum chore_kind kind, const char *id);
/* In the turn that stores the result. The handle is dead. */
void chore_done(struct reconciler *r, struct chore *c);
/* Later again; counted as an attempt. */
void chore_again(struct reconciler *r, struct chore *c, int64_t after_ms);
/* Later again, as planned: nothing is wrong, attempts are counted anew. */
void chore_rest(struct reconciler *r, struct chore *c, int64_t after_ms);
/* Why it is tried again, for people: remembered until it ends otherwise than by chore_again; lost at a restart. */
void chore_say(struct chore *c, const char *why);
/* What was said last of one that waits; NULL: nothing, or there is none. Borrowed for the turn. */
const char *chore_said(struct reconciler *r, enum chore_kind kind, const char *id);
/* More to do at once; attempts are counted anew. */
void chore_continue(struct reconciler *r, struct chore *c);
/* 1 s, doubling, at most CHORE_PROBE_MS, with jitter. */
int64_t chore_backoff_ms(struct reconciler *r, const struct chore *c);

/* A row of that scope, found by the walk at the start. */
void chores_found(struct reconciler *r, const struct dirty_record *row);

#endif
