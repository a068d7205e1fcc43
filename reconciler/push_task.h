/*
 * push_task.h - one pass of an ERG towards Teams while it runs, shared by the parts of push.h and nobody else.
 *
 *	push.c        when a pass runs, what it does, in which order
 *	push_task.c   what every step needs: the ERG as it is now, one call of a task, how the ERG's writes went lately
 *	push_read.c   reads of one person: before a leave, after a write, after a refusal; look-ups of e-mail addresses
 *	push_write.c  writes, single and in bulk, with their intent on disk before, and what became of them after
 *	push_spare.c  who is not written about after all: the last owner, the account we act as, what Graph never takes
 * A task is one person of the pass. A call under way counts in busy; when none is left, the pass's timer takes the next step.
 */
#ifndef RECONCILER_PUSH_TASK_H
#define RECONCILER_PUSH_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "graph/graph.h"
#include "graph/members.h"
#include "model/erg.h"
#include "model/member.h"
#include "model/tenant.h"
#include "reconciler/push_due.h"
#include "reconciler/roster.h"

#define PUSH_LOOKS_MAX     8     /* more are read with the whole roster */
#define PUSH_SINGLE_GAP_MS 15000 /* between two lone joins; sooner ones go by bulk */
#define PUSH_ITEM_RETRY_MS 60000
#define PUSH_NOTES_MAX     64

struct chore;
struct push;
struct pushes;
struct reconciler;
struct timer;

/* What a task's call under way is. */
enum push_step {
	PUSH_STEP_LOOKUP,
	PUSH_STEP_LOOKUPS, /* of this task and those behind it */
	PUSH_STEP_LOOK,
	PUSH_STEP_CONFIRM,
	PUSH_STEP_FIND_IN_TEAM,
	PUSH_STEP_ADD_TO_TEAM,
	PUSH_STEP_ADD,
	PUSH_STEP_ROLE,
	PUSH_STEP_REMOVE,
	PUSH_STEP_VERIFY,
	PUSH_STEP_OWNER
};

struct push_task {
	struct push *push;
	person_id person;
	struct guid user;
	enum role role;
	char membership_id[MEMBERSHIP_ID_SIZE];
	enum push_step step;
	enum err refusal; /* what is being verified */
	struct graph_call *call;
	size_t batch; /* of PUSH_STEP_LOOKUPS: how many */
	bool by_id;   /* the read under way is of the membership's own address */
	bool dropped; /* not to be written after all */
};

struct push {
	struct push *next;
	struct pushes *list;
	struct reconciler *r;
	struct chore *chore;
	struct timer *timer; /* steps that must not run within a caller */
	struct erg_id erg;
	int64_t generation;
	struct graph_where where;
	struct guid team;
	char channel[CHANNEL_ID_SIZE]; /* "": the team's roster */
	enum channel_type type;
	enum push_kind kind;
	bool writing, singly;
	bool answered; /* one read of the pass at least */
	bool sent;     /* of writing: what was to be written is on disk, and its calls are made */
	struct graph_call *bulk;
	unsigned busy;
	bool spared, owner_stays;
	unsigned owners_asked;
	struct push_task owner; /* somebody else who may be one: asked before an owner goes */
	int64_t retry_ms;       /* something is wrong with all of it: not before so long; -1 = go on */
	char why[DETAIL_SIZE];  /* what */
	size_t count;
	struct push_task tasks[PUSH_DUE_MAX];
};

/* How an ERG's writes went lately. Lost at a restart, which costs a call. */
struct push_note {
	struct erg_id erg;
	int64_t single_ms, singly_until_ms; /* boot time */
};

struct pushes {
	struct reconciler *r;
	struct push *first;
	struct push_note notes[PUSH_NOTES_MAX];
	unsigned next_note;
};

/* ---------- push.c ---------- */

/* Every call of a task ends here; the step says what it was. */
void push_on_answer(void *arg, const struct graph_answer *a);

/* ---------- push_task.c ---------- */

struct push_note *push_note_of(struct push *p);
/* The ERG as it is now; false when it was deleted or linked elsewhere meanwhile. push_erg_close stores it. */
bool push_erg_open(struct push *p, struct erg *erg, struct roster_view *v);
void push_erg_close(struct push *p, struct erg *erg);
bool push_task_open(struct push_task *t, struct erg *erg, struct roster_view *v, struct member *m, struct person *person);
/* All of it has to wait, not this person alone. */
void push_trouble(struct push *p, const struct graph_answer *a);
/* Reads may lag so long behind writes (graph-facts 8.3: 30 s), but no longer than `settle`. */
int64_t push_lag_ms(const struct reconciler *r);
/* After a write: late enough for Teams to show it, and no later than its absence counts. */
int64_t push_first_look_ms(const struct reconciler *r);
enum pending_write push_write_of(enum push_kind kind);
struct graph_roster push_roster(const struct push *p);
/* call was just started, or is NULL: then all of it is tried again later. */
void push_task_call(struct push_task *t, enum push_step step, struct graph_call *call);

/* ---------- push_read.c ---------- */

/* Reads one person by the membership's own address, and only when nothing is there in the roster. */
void push_read_start(struct push_task *t, enum push_step step);
/* In the roster alone; in the team's for PUSH_STEP_FIND_IN_TEAM. */
void push_find_start(struct push_task *t, enum push_step step);
void push_on_find(struct push_task *t, const struct graph_answer *a);
/* It took too long: nothing is done about that person in this pass, nor sooner than in a while. */
void push_read_put_off(struct push_task *t);
/* Starts the look-ups of a pass: by address up to 20 in one call, by Entra id singly. */
void push_lookups_start(struct push *p);
void push_on_lookup(struct push_task *t, const struct graph_answer *a);
void push_on_lookups(struct push_task *first, const struct graph_answer *a);
/* More writes than are worth a read each are looked for with one read of the whole roster. */
void push_look_at_all(struct push *p);

/* ---------- push_write.c ---------- */

/* Writes what is left of the pass, when it is on disk that it will. */
void push_write_start(struct push *p);
size_t push_to_write(const struct push *p);
void push_add_start(struct push_task *t, enum push_step step);
void push_on_write(struct push_task *t, const struct graph_answer *a);
/* What one write has come to, for one person. a: the answer that told it, or NULL. */
void push_outcome(struct push_task *t, const struct graph_answer *a, bool unknown, enum err e, const char *membership_id);
void push_row_end(struct push *p, const struct push_task *t, bool unknown);
bool push_row_unknown(struct push *p, person_id person);

/* ---------- push_spare.c ---------- */

/* Takes out of the pass whom Graph would not take, and whom we never remove; they are refused with the reason. */
void push_spare(struct push *p);
/* Somebody else is an owner, as a read of just now shows, or the owner of this pass stays. True while a read is under way. */
bool push_owner_check(struct push *p);

#endif
