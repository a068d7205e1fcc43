/* What every step of a read needs. */
#include "reconciler/mailbox_job.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "graph/events.h"
#include "reconciler/meeting.h"
#include "reconciler/reconciler.h"
#include "reconciler/tables.h"

#define READS_MAX        200000
#define CALL_DEADLINE_MS 180000

void
mailbox_job_free(struct mailbox_job *job)
{
	struct mailbox_job **p = &job->r->mailboxes->jobs;

	while (*p != job)
		p = &(*p)->next;
	*p = job->next;
	graph_event_walk_cancel(job->walk);
	for (size_t i = 0; i < MAILBOX_READS_AT_ONCE; i++)
		graph_cancel(job->r->graph, job->slots[i].call);
	timer_free(job->timer);
	free(job->link);
	free(job->seen);
	free(job->reads);
	free(job);
}

struct mailbox_job *
mailbox_job_new(
    struct reconciler *r, const struct subscription *scope, enum graph_priority priority, compare_done done, void *arg)
{
	struct mailbox_job *job = calloc(1, sizeof(*job));
	struct tenant tenant;

	if (job == NULL)
		return NULL;
	if ((job->timer = timer_new(r->clock, mailbox_job_step, job)) == NULL) {
		free(job);
		return NULL;
	}
	job->r = r;
	job->done = done;
	job->arg = arg;
	job->tenant = scope->tenant;
	job->mailbox = scope->object_id;
	job->scope = scope->scope;
	job->result.retry_after_ms = -1;
	job->next = r->mailboxes->jobs;
	r->mailboxes->jobs = job;
	for (size_t i = 0; i < MAILBOX_READS_AT_ONCE; i++)
		job->slots[i].job = job;
	job->where = (struct graph_where){ .priority = priority, .deadline_ms = priority == GRAPH_SWEEP ? 0 : CALL_DEADLINE_MS };
	if (tenant_load(r, &scope->tenant, &tenant) == ERR_OK && tenant.state != TENANT_REMOVING)
		job->where.directory = tenant.directory_id;
	else
		job->result.err = ERR_NOTFOUND;
	timer_arm(job->timer, 0);
	return job;
}

void
mailbox_job_fail(struct mailbox_job *job, enum err e, const struct graph_answer *a, const char *detail)
{
	if (job->result.err != ERR_OK)
		return;
	job->result.err = e;
	graph_copy_cut(job->result.detail, sizeof(job->result.detail), detail);
	if (a != NULL)
		job->result.retry_after_ms = a->retry_after_ms;
	job->r->counters.reads_failed++;
}

static bool
same_ref(const struct event_ref *a, const struct event_ref *b)
{
	return strcmp(a->erg.s, b->erg.s) == 0 && strcmp(a->event.s, b->event.s) == 0;
}

void
mailbox_job_add(struct mailbox_job *job, const struct event *e, bool series)
{
	struct event_ref ref = { e->erg, e->id };
	struct mailbox_read *grown;

	/* Newest first: what concerns one event comes close together. */
	for (size_t i = job->read_count, n = 0; i-- > 0 && n < 64; n++)
		if (same_ref(&job->reads[i].ref, &ref)) {
			job->reads[i].series |= series;
			return;
		}
	if (job->read_count == job->read_cap) {
		size_t cap = job->read_cap == 0 ? 16 : job->read_cap * 2;

		if (cap > READS_MAX || (grown = realloc(job->reads, cap * sizeof(*grown))) == NULL) {
			mailbox_job_fail(job, ERR_NOMEM, NULL, err_text(ERR_NOMEM));
			return;
		}
		job->reads = grown;
		job->read_cap = cap;
	}
	job->reads[job->read_count++] = (struct mailbox_read){ .ref = ref, .series = series };
}

bool
mailbox_job_watches(struct mailbox_job *job, const struct event *e)
{
	struct erg erg;

	return meeting_is_live(e) && e->end_wall_ms > clock_wall_ms(job->r->clock) && erg_load(job->r, &e->erg, &erg) == ERR_OK &&
	       erg.meetings != MEETINGS_OFF;
}

bool
mailbox_job_counts(const struct mailbox_job *job, const struct erg_id *erg)
{
	return job->only.s[0] == '\0' || strcmp(job->only.s, erg->s) == 0;
}
