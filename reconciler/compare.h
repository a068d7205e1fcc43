/*
 * compare.h - reads what Teams says of a roster and takes it in, under the guard rails of DESIGN section 6.
 *
 *	list      only a complete one counts; otherwise nothing is concluded
 *	empty     a list that became empty takes nobody out: the ERG is held
 *	removal   each is confirmed by a second, independent read of that one person
 *	too many  removals beyond the ERG's limits: the ERG is held, and the app told once for each different plan
 *	failure   403 or 404 on the roster: the ERG is broken, told once; a later complete read restores it
 *
 * A comparison takes many turns of the loop (slices of people, one turn each) and memory of that one team. At most
 * COMPARE_RUNNING_MAX run at a time, others wait by priority. The end is told exactly once, in the turn that stores the last of
 * what was found.
 */
#ifndef RECONCILER_COMPARE_H
#define RECONCILER_COMPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "graph/graph.h"
#include "model/erg.h"
#include "model/hint.h"
#include "model/resync.h"
#include "model/subscription.h"

#define COMPARE_RUNNING_MAX 16
#define COMPARE_TENANT_MAX  4 /* of them for one tenant: one that answers nothing delays no other */

struct apply;
struct reconciler;
struct compare;
struct compare_job;

struct compare_options {
	bool dry_run;                 /* decide and count only; removals are not confirmed then */
	enum graph_priority priority; /* GRAPH_PERSON for what somebody waits for, GRAPH_SWEEP for sweeps */
};

struct compare_result {
	enum err err;           /* ERR_OK: all of it was read and taken in */
	bool whole_needed;      /* of an item: only a whole read can tell */
	bool again;             /* of an item: Graph does not show yet what the hint told; ask again */
	int64_t retry_after_ms; /* -1: not said */
	int64_t members_compared, meetings_compared;
	struct resync_changes changes; /* towards the app: done (or, in a dry run, to be done); towards Teams: to be done */
	char detail[DETAIL_SIZE];      /* why not, for people */
};
typedef void (*compare_done)(void *arg, const struct compare_result *result);

enum err compare_new(struct reconciler *r, struct compare **ret);
void compare_free(struct compare *c); /* NULL is fine; nobody is told */

/* One ERG. An ERG that isn't linked, or whose membership is off, ends ERR_OK with nothing compared. NULL: out of memory. */
struct compare_job *
compare_erg(struct reconciler *r, const struct erg_id *erg, const struct compare_options *options, compare_done done, void *arg);
/* All ERGs of a scope: one read for those that share the team's roster. */
struct compare_job *compare_scope(struct reconciler *r, const struct subscription *scope, compare_done done, void *arg);
/* The one membership a notification named: O(1). */
struct compare_job *compare_item(
    struct reconciler *r, const struct subscription *scope, enum hint_kind kind, const char *item, compare_done done, void *arg);
/* done will not run; what was taken in stays. NULL is fine. */
void compare_cancel(struct compare_job *job);
/* Somebody was just found gone from the ERG, or with another role: reads that began before may still show what was, so they are
 * made again rather than taken in. except: the one that found it; NULL = a read of one membership. */
void compare_outdate(struct reconciler *r, const struct erg_id *erg, const struct apply *except);

#endif
