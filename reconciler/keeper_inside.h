/*
 * keeper_inside.h - the inside of the keeper, shared by its parts; for reconciler/keeper*.c only.
 *
 * keeper.c knows which subscriptions there are and when each wants attention, keeper_calls.c does on Graph what is due for one,
 * keeper_wide.c has one for all teams of a tenant stand in for theirs, keeper_move.c has all of them follow public_url.
 * Rows are in Graph's time (keeper_now_ms), waiting is by the boot clock.
 */
#ifndef RECONCILER_KEEPER_INSIDE_H
#define RECONCILER_KEEPER_INSIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/subscription.h"
#include "reconciler/keeper_book.h"
#include "reconciler/keeper_plan.h"

struct graph_answer;
struct graph_call;
struct graph_pages;
struct graph_where;
struct reconciler;
struct timer;
struct wide_hearing;

#define KEEPER_FORGETS_MAX 32

struct entry {
	struct book_entry book; /* first: an entry is found by it */
	struct keeper *keeper;
	enum subscription_kind kind;
	struct wide_hearing *hearing;                   /* of a tenant's; NULL: nothing was heard or missed yet */
	struct graph_call *call;                        /* under way: keeper_under_way */
	struct graph_pages *pages;                      /* looking for the one that is in the way, or asking what time it is */
	char obstacle[SUBSCRIPTION_ID_SIZE];            /* a subscription to delete before we can create ours */
	char key_sent[SUBSCRIPTION_ENCRYPTION_ID_SIZE]; /* named in the creation or renewal under way */
	bool asked_for;                                 /* Graph wants it renewed */
	int64_t mark_sent;                              /* of the address named in it; 0 = none was */
	bool replaces;  /* its deletion is under way, so that it can be made anew at another address */
	bool lacks;     /* it is wanted, and not on Graph */
	bool gives_way; /* the one there is to make room for its tenant's */
	bool waiting;   /* due, but its tenant has calls enough under way; counted there */
	bool covered;   /* when last looked at, with none of its own; its row has not changed since */
	bool dead;      /* the row is gone */
};

struct forget {
	struct tenant_id tenant;
	int64_t until_boot_ms;
	void (*done)(void *arg, const struct tenant_id *id);
	void *arg;
};

/* Whether Graph reaches public_url, for those that are to move there. */
struct move_state {
	int64_t mark;           /* what all of this is about */
	int64_t proved_boot_ms; /* when it last did */
	bool proved;
	int64_t failures; /* in a row */
	int64_t retry_boot_ms;
	bool stuck;          /* by the last answer it does not */
	struct entry *scout; /* asks; others wait */
	unsigned probes_failed;
};

struct keeper {
	struct reconciler *r;
	struct move_state move;
	struct timer *tick;
	struct keeper_book book;
	size_t wide_count;    /* rows of tenants */
	struct timer *review; /* who wants one */
	bool answered;        /* Graph has, so that it is known what time it is there */
	struct entry *asks;   /* that time */
	struct forget forgets[KEEPER_FORGETS_MAX];
	size_t forget_count;
	int64_t warned_boot_ms;
	char *marked_url; /* whose mark was made last; NULL: none was */
	int64_t mark;
};

/* --- keeper.c --- */

/*
 * Graph's time, as far as its answers have told: expiries are in it, and a subscription asked for by a clock that runs ahead
 * would be refused as too long.
 */
int64_t keeper_now_ms(const struct reconciler *r);
/* The row is looked at in the next turn, or so much later. */
void keeper_due(struct keeper *k, const struct subscription *s);
void keeper_due_in(struct entry *e, int64_t wait_ms);
/* What it has under way now, NULL: nothing. Its tenant's are counted. */
void keeper_under_way(struct entry *e, struct graph_call *call, struct graph_pages *pages);
/* Its row is gone; the next tick lets it go. */
void keeper_dies(struct entry *e);
/* A call of it has ended: it is looked at, and so is one of its tenant that has been waiting for that. */
void keeper_free_again(struct entry *e);
void keeper_row_store(struct reconciler *r, const struct subscription *s);
void keeper_row_forget(struct entry *e, const struct subscription *s);
/* It is wanted from now on: makes the row, or revives a leaving one. */
void keeper_row_want(struct reconciler *r, const struct subscription *wanted);
/* It turns to leaving. */
void keeper_row_leave(struct keeper *k, struct subscription *s);

/* --- keeper_calls.c --- */

bool keeper_knows_time(struct keeper *k);
/* Begins, or looks again in a while: for whose tenant a list of Graph's tells what time it is there. */
void keeper_ask_time(struct entry *e, const struct graph_where *where);
/* Where the calls of a row go; false: its tenant is gone. */
bool keeper_where(struct reconciler *r, const struct subscription *s, struct graph_where *ret);
/* Basic and rich cannot be turned into each other: the one there is must go first. */
bool keeper_is_other_sort(const struct reconciler *r, const struct subscription *s);
/* Begins what is due; what comes of it is stored, and the row looked at again. NULL: out of memory. */
struct graph_call *
keeper_call(struct entry *e, enum keeper_step what, const struct subscription *s, const struct graph_where *where);

/* --- keeper_move.c --- */

/* Should its next step be one on its way to public_url? */
void keeper_move_settle(struct entry *e, const struct subscription *s, struct keeper_next *next);
/* A call that named the address has ended, before its row is looked at: what that says of the address. True: nothing else, and the row is
 * as it was, for Graph did not reach the address. */
bool keeper_move_answered(struct entry *e, const struct graph_answer *a);
/* The same of a probe. */
void keeper_move_probed(struct entry *e, const struct graph_answer *a);
void keeper_move_forget(const struct entry *e); /* it is about to be freed */

/* --- keeper_wide.c --- */

enum err keeper_wide_start(struct keeper *k);
/* Before its next step: is the row of a team covered, or not any more? Stores what changes. */
void keeper_wide_settle(struct entry *e, struct subscription *s);
/* Would that leave the row of a team covered that is, and has none of its own? Reads the tenant's alone. */
bool keeper_wide_keeps_covered(const struct entry *e);
/* Must that step wait: a creation until the tenant's has had its chance of the room left, or the deletion of the tenant's for creations? */
bool keeper_wide_holds(struct keeper *k, const struct subscription *s, enum keeper_step what);
/* Graph has no room for a subscription of a team: one for all may be the way out. The row says so, and is stored by the caller. */
void keeper_wide_no_room(struct keeper *k, struct subscription *s);
/* The one that gave way is gone, or is not: the tenant's is asked for. */
void keeper_wide_room_made(struct keeper *k, const struct subscription *s);
/* It was created: teams without one of their own are read. */
void keeper_wide_created(struct keeper *k, const struct subscription *s);
/* After a creation that failed: true when that was a refusal, which is stored and told of. */
bool keeper_wide_refused(struct keeper *k, struct subscription *s, const struct graph_answer *a);
/* One that was set aside is gone from Graph: when it is asked for again. The caller stores it. */
void keeper_wide_rest(struct keeper *k, struct subscription *s);

#endif
