/*
 * mailbox_job.h - one read of a mailbox while it runs, shared by the parts of mailbox.h and nobody else.
 *
 *	mailbox.c         when a mailbox is read, and what becomes of it in the end: the disappearances, all together, and the link
 *	mailbox_job.c     what every step needs: the job, and the list of events that are to be read
 *	mailbox_round.c   a round of calendarView/delta: which events have changed, and which that should be there were not shown
 *	mailbox_slot.c    the reads of single events, a few at a time, each taken in at once
 * A job first finds out which events are to be read: from a delta round, or from the hints themselves. Then it reads them by id.
 * Disappearances are taken in together at the end, when it is known how many they are. The delta link is stored with the last of it: a
 * job that ends early leaves the old one, and the next repeats the question.
 */
#ifndef RECONCILER_MAILBOX_JOB_H
#define RECONCILER_MAILBOX_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "graph/graph.h"
#include "model/erg.h"
#include "model/event.h"
#include "model/subscription.h"
#include "model/tenant.h"
#include "reconciler/compare.h"
#include "state/records.h"

#define MAILBOX_READS_AT_ONCE 3 /* leaves room for a write: four at a time is Outlook's limit */

struct graph_event_walk;
struct mailbox_job;
struct mailboxes;
struct reconciler;
struct timer;

/* One event that is to be read. */
struct mailbox_read {
	struct event_ref ref;
	bool series; /* its occurrences, too */
	bool gone;   /* by both reads */
};

/* One read under way. */
struct mailbox_slot {
	struct mailbox_job *job;
	bool busy;
	size_t at; /* in reads */
	struct graph_call *call;
	int64_t exactly; /* the generation that is looked for; 0: all */
};

struct mailbox_job {
	struct mailbox_job *next;
	struct reconciler *r;
	compare_done done;
	void *arg;
	struct timer *timer; /* steps that must not run within their caller */
	struct tenant_id tenant;
	struct guid mailbox;
	struct scope_id scope;
	struct graph_where where;
	struct erg_id only; /* whose changes are counted; "": all */
	bool dry;
	bool whole, round, listing, listed; /* whole: a round that shows all there is */
	struct graph_event_walk *walk;
	int64_t from_ms, to_ms;
	char *link;
	uint64_t *seen; /* hashes of our events that a whole round has shown */
	size_t seen_count, seen_cap;
	struct mailbox_read *reads;
	size_t read_count, read_cap, next_read;
	unsigned reading;
	struct mailbox_slot slots[MAILBOX_READS_AT_ONCE];
	struct compare_result result;
};

struct mailboxes {
	struct reconciler *r;
	struct timer *sweep;
	struct mailbox_job *jobs;
};

/* ---------- mailbox.c ---------- */

/* The job's timer: what is to be done next. */
void mailbox_job_step(void *job);

/* ---------- mailbox_job.c ---------- */

struct mailbox_job *mailbox_job_new(
    struct reconciler *r, const struct subscription *scope, enum graph_priority priority, compare_done done, void *arg);
void mailbox_job_free(struct mailbox_job *job);
/* Only the first failure counts. a may be NULL. */
void mailbox_job_fail(struct mailbox_job *job, enum err e, const struct graph_answer *a, const char *detail);
/* e is to be read; once, however often it is named. */
void mailbox_job_add(struct mailbox_job *job, const struct event *e, bool series);
/* Nobody looks at what is cancelled for good, over, or of an ERG that has switched meetings off. */
bool mailbox_job_watches(struct mailbox_job *job, const struct event *e);
/* Whose changes count? */
bool mailbox_job_counts(const struct mailbox_job *job, const struct erg_id *erg);

/* ---------- mailbox_round.c ---------- */

/* Adds the events that are to be read; when listing is over, the timer is armed. A link that Graph has given up makes it a whole round. */
void mailbox_round_start(struct mailbox_job *job);
/* Where the next round goes on: with the turn that takes in the last of this one. */
void mailbox_round_store(struct mailbox_job *job);
/* When the last whole round that was taken in began; 0: never. Wall time. */
int64_t mailbox_round_whole_wall_ms(struct reconciler *r, const struct scope_id *scope);

/* ---------- mailbox_slot.c ---------- */

/* As many reads as may be under way at once. Each one's end arms the timer. */
void mailbox_slots_fill(struct mailbox_job *job);

#endif
