#include "reconciler/mailbox.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "reconciler/dirty.h"
#include "reconciler/guard.h"
#include "reconciler/mailbox_job.h"
#include "reconciler/meeting.h"
#include "reconciler/meeting_push.h"
#include "reconciler/meeting_seen.h"
#include "reconciler/meeting_sum.h"
#include "reconciler/reconciler.h"
#include "state/events.h"

#define SWEEP_PART 8

/* ---------- what is gone ---------- */

static size_t
gone_of(const struct mailbox_job *job, const struct erg_id *erg)
{
	size_t n = 0;

	for (size_t i = 0; i < job->read_count; i++)
		n += job->reads[i].gone && strcmp(job->reads[i].ref.erg.s, erg->s) == 0;
	return n;
}

/* Everything of the ERG that was there, at once: an empty list is never believed. */
static bool
must_hold(struct mailbox_job *job, const struct erg *erg)
{
	size_t gone = gone_of(job, &erg->id);
	int64_t live = meeting_sum_get(job->r, MEETING_SUM_LIVE, erg->id.s);

	return guard_holds(job->r, erg, GUARD_MEETINGS, (int64_t)gone, 0) || (gone > 1 && (int64_t)gone >= live);
}

static void
take_gone(struct mailbox_job *job)
{
	struct erg erg = { .id = { "" } };
	struct meeting *m;
	bool hold = false;

	for (size_t i = 0; i < job->read_count; i++) {
		const struct mailbox_read *rd = &job->reads[i];

		if (!rd->gone || (m = meeting_open(job->r, &rd->ref.erg, &rd->ref.event)) == NULL)
			continue;
		job->result.changes.meetings_cancelled += mailbox_job_counts(job, &rd->ref.erg) && !m->e.deleted_by_app;
		if (job->dry) {
			meeting_drop(m);
			continue;
		}
		if (strcmp(erg.id.s, m->erg.id.s) != 0) {
			erg = m->erg;
			hold = must_hold(job, &erg);
		}
		if (!m->e.deleted_by_app && hold)
			meeting_hold(m);
		meeting_seen_gone(m);
		meeting_close(m);
	}
}

/* ---------- the way of a job ---------- */

static void
job_end(struct mailbox_job *job)
{
	struct compare_result result;
	compare_done done = job->done;
	void *arg = job->arg;

	if (job->result.err == ERR_OK) {
		take_gone(job);
		if (job->round && !job->dry)
			mailbox_round_store(job);
	}
	result = job->result;
	mailbox_job_free(job);
	done(arg, &result);
}

void
mailbox_job_step(void *arg)
{
	struct mailbox_job *job = arg;

	if (job->listing)
		return;
	if (job->result.err == ERR_OK && !job->listed) {
		mailbox_round_start(job);
		if (job->listing)
			return;
	}
	if (job->result.err == ERR_OK && !job->result.whole_needed)
		mailbox_slots_fill(job);
	if (job->reading == 0 && (job->result.err != ERR_OK || job->next_read >= job->read_count || job->result.whole_needed))
		job_end(job);
}

/* ---------- what others ask for ---------- */

struct mailbox_job *
mailbox_read_items(struct reconciler *r, const struct subscription *scope, const struct mailbox_item *items, size_t count,
    compare_done done, void *arg)
{
	struct mailbox_job *job = mailbox_job_new(r, scope, GRAPH_HINT, done, arg);
	bool unknown = false;
	struct event e;

	if (job == NULL)
		return NULL;
	job->listed = true;
	for (size_t i = 0; i < count; i++) {
		if (events_find(r->store, &job->mailbox, items[i].id, &e) != ERR_OK) {
			unknown = true;
			r->counters.meetings_foreign++;
		} else if (mailbox_job_watches(job, &e)) {
			mailbox_job_add(job, &e, e.series);
		}
	}
	/* An occurrence of a series of ours has an id of its own; and a meeting being made, one we have not been told yet. */
	if (unknown && meeting_sum_get(r, MEETING_SUM_SERIES, job->mailbox.s) > 0)
		job->result.whole_needed = true;
	else if (unknown && meeting_push_creating(r, &job->mailbox))
		job->result.again = true;
	return job;
}

struct mailbox_job *
mailbox_read(
    struct reconciler *r, const struct subscription *scope, const struct mailbox_options *options, compare_done done, void *arg)
{
	struct mailbox_job *job = mailbox_job_new(r, scope, options->priority, done, arg);

	if (job == NULL)
		return NULL;
	job->whole = options->whole;
	job->dry = options->dry_run;
	if (options->erg != NULL)
		job->only = *options->erg;
	return job;
}

int64_t
mailbox_read_since(struct reconciler *r, const struct subscription *scope)
{
	return mailbox_round_whole_wall_ms(r, &scope->scope);
}

void
mailbox_cancel(struct mailbox_job *job)
{
	if (job != NULL)
		mailbox_job_free(job);
}

/* ---------- the sweep ---------- */

static int64_t
look_every_ms(const struct reconciler *r)
{
	int64_t part = r->config->sweep_ms / SWEEP_PART;

	return part > 250 ? part : 250;
}

/* A round that comes later than `sweep` after the last whole one is a whole one itself. */
static void
on_sweep(void *arg)
{
	struct mailboxes *ms = arg;
	struct store_cursor *c = store_seek(ms->r->store, TABLE_SUBSCRIPTIONS, NULL, NULL);
	struct subscription s;

	while (store_next(c, NULL, &s) == ERR_OK)
		if (s.kind == SUBSCRIPTION_MAILBOX_EVENTS && s.state != SUBSCRIPTION_LEAVING)
			dirty_mark(ms->r, &s.scope, 0);
	store_cursor_close(c);
	timer_arm(ms->sweep, look_every_ms(ms->r));
}

enum err
mailboxes_new(struct reconciler *r, struct mailboxes **ret)
{
	struct mailboxes *ms = calloc(1, sizeof(*ms));

	if (ms == NULL)
		return ERR_NOMEM;
	ms->r = r;
	if ((ms->sweep = timer_new(r->clock, on_sweep, ms)) == NULL) {
		free(ms);
		return ERR_NOMEM;
	}
	timer_arm(ms->sweep, look_every_ms(r));
	*ret = ms;
	return ERR_OK;
}

void
mailboxes_free(struct mailboxes *ms)
{
	if (ms == NULL)
		return;
	while (ms->jobs != NULL)
		mailbox_job_free(ms->jobs); /* NOLINT(clang-analyzer-unix.Malloc): it takes itself out of the list */
	timer_free(ms->sweep);
	free(ms);
}
