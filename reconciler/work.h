/*
 * work.h - decides when a dirty scope is read from Graph, and how: soon, rarely, and not more than needed.
 *
 * At once on the first hint; then at least 3 s apart, and under a flood of hints 10 s and 30 s apart or once it is quiet, so
 * that a burst of thousands of notifications for one team costs three reads. One read of a scope at a time. A failed read is
 * tried again with back-off; rows are deleted only in the turn that stores what a read found. What is known of a scope lives
 * in memory while it is busy; the DIRTY table is the truth and is walked once, at the start.
 */
#ifndef RECONCILER_WORK_H
#define RECONCILER_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "model/client_state.h"
#include "model/hint.h"
#include "model/ids.h"

struct reconciler;
struct work;

#define WORK_QUIET_MS       60000 /* without hints so long: as if nothing had been */
#define WORK_GAP_MS         2000  /* between two reads of a scope, in the long run */
#define WORK_QUICK          2     /* reads that hints may cause without a gap, after a rest: people see changes at once */
#define WORK_FLOOD_GAP_MS   10000 /* when the last read had many hints to cover */
#define WORK_FLOOD_LIMIT_MS 60000 /* then at the latest, though hints keep coming */
#define WORK_SETTLED_MS     2000  /* without hints so long: the flood is over */
#define WORK_FLOOD_HINTS    4     /* more hints than that for one read are a flood */

/* How a scope has been read lately. Times are boot time; -1 = never. */
struct work_pace {
	int64_t last_read_ms, last_hint_ms;
	unsigned flood; /* reads in a row that had a flood to cover */
	bool in_flight;
	bool hinted;       /* somebody else's hint came since the last read; our own marks cost no pace */
	int64_t spoken_ms; /* the gap is spoken for up to here; -1 = never read for a hint */
};

/* What is dirty in it. */
struct work_dirt {
	unsigned rows;
	bool whole;
	enum hint_kind kind; /* of the one row, when there is one that names an item */
	int64_t attempts;    /* of the first row */
	int64_t wait_ms;     /* until the rows may be looked at */
	int64_t hints;       /* that the rows stand for */
	unsigned items_max;  /* so many rows that each name an item are read one by one; 0 = 1 */
};

enum work_act { WORK_NOTHING, WORK_WAIT, WORK_READ_ITEM, WORK_READ_WHOLE };
struct work_decision {
	enum work_act act;
	int64_t wait_ms;
};

/* Pure. */
struct work_decision work_plan(const struct work_dirt *dirt, const struct work_pace *pace, int64_t now_ms);
/* Before the next try after so many failed ones; jitter in [0, 1000). retry_after_ms as Graph said, -1 if not. */
int64_t work_backoff_ms(int64_t attempts, enum err e, int64_t retry_after_ms, uint32_t jitter);

/* Walks DIRTY once; rows of chores go to chores_found. */
enum err work_new(struct reconciler *r, struct work **ret);
void work_free(struct work *w); /* NULL is fine */
/* The scope has new rows in this turn: of our own making, or because a notification came. */
void work_note(struct reconciler *r, const struct scope_id *scope);
void work_hint(struct reconciler *r, const struct scope_id *scope);
/* A read begins: what that does to the pace. Pure. */
void work_pace_read(struct work_pace *pace, int64_t hint_count, int64_t now_ms);
/* A tenant can be reached again: all its scopes are dirty, now. */
void work_tenant_back(struct reconciler *r, const struct tenant_id *tenant);
/* The same for the ERGs that are broken or still being linked only: somebody may have mended what is wrong with them. */
void work_tenant_probe(struct reconciler *r, const struct tenant_id *tenant);

#endif
