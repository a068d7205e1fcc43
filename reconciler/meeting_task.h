/*
 * meeting_task.h - one event that is being brought to Outlook, shared by the parts of meeting_push.h and nobody else.
 *
 *	meeting_push.c    the lanes: each is one mailbox, and takes the next events from MEETINGS_DUE, each into a task
 *	meeting_task.c    what the event waits for now, and the one or few calls after each other that do it
 *	meeting_answer.c  what Graph's answer means for the event, for its mailbox, and for the next call
 * A task keeps nothing but which event it is and which call is under way; all else is read from the record when an answer comes. So a
 * crash leaves what the record says, and that is enough to go on.
 */
#ifndef RECONCILER_MEETING_TASK_H
#define RECONCILER_MEETING_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "graph/graph.h"
#include "model/erg.h"
#include "model/event.h"
#include "model/tenant.h"

#define MEETING_NOMEM_WAIT_MS 60000

struct event_ref;
struct meeting;
struct meeting_lane;
struct meeting_pushes;
struct reconciler;
struct timer;

enum meeting_task_step {
	MEETING_TASK_FIND,    /* before a meeting is made, or after its making had an unknown outcome */
	MEETING_TASK_GET,     /* the meeting by its id */
	MEETING_TASK_CONFIRM, /* it was not there: is it anywhere? */
	MEETING_TASK_CREATE,
	MEETING_TASK_PATCH,
	MEETING_TASK_CANCEL
};

struct meeting_task {
	struct meeting_task *next;
	struct meeting_lane *lane;
	struct erg_id erg;
	struct event_id event;
	struct guid mailbox;
	struct graph_where where;
	struct graph_call *call;
	enum meeting_task_step step;
	char *join_block; /* as read right before a change of the body; NULL: not read */
	int64_t exactly;  /* the generation to look for, where the mailbox does not look for all of them; 0: all */
};

struct meeting_lane {
	struct meeting_lane *next;
	struct meeting_pushes *owner;
	struct tenant_id tenant;
	struct guid mailbox;
	struct timer *timer;
	struct meeting_task *tasks;
	unsigned running;
	int64_t blocked_boot_ms; /* the mailbox cannot be used: not before */
	char why[DETAIL_SIZE];   /* "": it can, as far as we know */
};

struct meeting_pushes {
	struct reconciler *r;
	struct meeting_lane *first;
};

/* ---------- meeting_task.c ---------- */

struct meeting_task *meeting_task_new(struct meeting_lane *l, const struct event_ref *ref, const struct tenant *tenant);
void meeting_task_free(struct meeting_task *t);
/* Frees; the lane goes on with the next event. */
void meeting_task_end(struct meeting_task *t);
/* The event as it is now; NULL: it is gone. */
struct meeting *meeting_task_open(const struct meeting_task *t);
/* Does what the event waits for now; looked: it is known that no meeting is there. m is closed. */
void meeting_task_act(struct meeting_task *t, struct meeting *m, bool looked);
/* Reopens the event and goes on with what is to be done now. */
void meeting_task_go_on(struct meeting_task *t, bool looked);
/* Looks for a meeting of the event, whichever. */
void meeting_task_find(struct meeting_task *t, enum meeting_task_step step);
/* Reads the meeting by its id. */
void meeting_task_get(struct meeting_task *t, const struct event *e);

/* ---------- meeting_answer.c ---------- */

/* Every call of a task ends here; the step says what it was. */
void meeting_answer(void *task, const struct graph_answer *a);

#endif
