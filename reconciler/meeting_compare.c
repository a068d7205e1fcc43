/* meeting_compare.c - which mailboxes, one after the other; then what is open of the ERG's events is counted. */
#include "reconciler/meeting_compare.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "reconciler/mailbox.h"
#include "reconciler/meeting.h"
#include "reconciler/meetings.h"
#include "reconciler/reconciler.h"
#include "reconciler/scope.h"
#include "reconciler/tables.h"
#include "state/events.h"

#define MAILBOXES_MAX 8 /* organizers an ERG has had; meetings of earlier ones are found by their own sweeps */

struct meeting_compare {
	struct reconciler *r;
	struct erg_id erg;
	struct tenant_id tenant;
	int64_t since_wall_ms;
	bool alone;
	struct compare_options options;
	compare_done done;
	void *arg;
	struct timer *timer;
	struct mailbox_job *job;
	struct guid mailboxes[MAILBOXES_MAX];
	size_t count, at;
	struct compare_result result;
};

static void
add_mailbox(struct meeting_compare *c, const struct guid *mailbox)
{
	for (size_t i = 0; i < c->count; i++)
		if (strcmp(c->mailboxes[i].s, mailbox->s) == 0)
			return;
	if (c->count < MAILBOXES_MAX)
		c->mailboxes[c->count++] = *mailbox;
}

static void
find_mailboxes(struct meeting_compare *c)
{
	struct store_cursor *cursor = events_seek(c->r->store, &c->erg, NULL);
	int64_t now_ms = clock_wall_ms(c->r->clock);
	struct event e;

	while (store_next(cursor, NULL, &e) == ERR_OK)
		if (meeting_is_live(&e) && e.end_wall_ms > now_ms)
			add_mailbox(c, &e.mailbox);
	store_cursor_close(cursor);
}

/* What waits to be done towards Outlook, whoever has found it. */
static void
count_open(struct meeting_compare *c)
{
	struct store_cursor *cursor = events_seek(c->r->store, &c->erg, NULL);
	int64_t now_ms = clock_wall_ms(c->r->clock);
	struct resync_changes *changes = &c->result.changes;
	bool failed = false;
	struct event e;

	while (store_next(cursor, NULL, &e) == ERR_OK) {
		failed = failed || e.status == EVENT_FAILED;
		c->result.meetings_compared += meeting_is_live(&e) && e.end_wall_ms > now_ms;
		changes->meetings_created += e.write == EVENT_WRITE_CREATE;
		changes->meetings_updated += e.write == EVENT_WRITE_UPDATE;
		changes->meetings_cancelled += e.write == EVENT_WRITE_CANCEL;
		changes->held += e.held && !e.approved;
	}
	store_cursor_close(cursor);
	/* Whoever asks for a comparison has perhaps mended what they failed for. */
	if (failed && !c->options.dry_run)
		meetings_reconsider(c->r, &c->erg);
}

static void
free_all(struct meeting_compare *c)
{
	mailbox_cancel(c->job);
	timer_free(c->timer);
	free(c);
}

void
meeting_compare_cancel(struct meeting_compare *c)
{
	if (c != NULL)
		free_all(c);
}

static void
end(struct meeting_compare *c)
{
	struct compare_result result;
	compare_done done = c->done;
	void *arg = c->arg;

	count_open(c);
	result = c->result;
	free_all(c);
	done(arg, &result);
}

static void
on_round(void *arg, const struct compare_result *result)
{
	struct meeting_compare *c = arg;

	c->job = NULL;
	c->at++;
	c->result.changes.meetings_updated += result->changes.meetings_updated;
	c->result.changes.meetings_cancelled += result->changes.meetings_cancelled;
	if (!c->options.dry_run)
		c->result.meetings_compared += result->changes.meetings_cancelled; /* they are not there any more at the end */
	if (result->err != ERR_OK && c->result.err == ERR_OK) {
		c->result.err = result->err;
		memcpy(c->result.detail, result->detail, sizeof(c->result.detail));
	}
	timer_arm(c->timer, 0);
}

/* False: nothing is under way for this one. */
static bool
round_start(struct meeting_compare *c)
{
	struct mailbox_options options = {
		.whole = true, .dry_run = c->options.dry_run, .priority = c->options.priority, .erg = c->alone ? &c->erg : NULL
	};
	struct subscription scope;

	if (scope_of_mailbox(c->r, &c->tenant, &c->mailboxes[c->at], &scope) != ERR_OK ||
	    (!c->alone && mailbox_read_since(c->r, &scope) >= c->since_wall_ms))
		return false;
	c->job = mailbox_read(c->r, &scope, &options, on_round, c);
	if (c->job == NULL)
		c->result.err = ERR_NOMEM;
	return c->job != NULL;
}

static void
on_timer(void *arg)
{
	struct meeting_compare *c = arg;

	while (c->at < c->count) {
		if (round_start(c))
			return;
		c->at++;
	}
	end(c);
}

struct meeting_compare *
meeting_compare_start(struct reconciler *r, const struct erg_id *erg, int64_t since_wall_ms, bool alone,
    const struct compare_options *options, compare_done done, void *arg)
{
	struct meeting_compare *c = calloc(1, sizeof(*c));
	struct erg found;

	if (c == NULL)
		return NULL;
	if ((c->timer = timer_new(r->clock, on_timer, c)) == NULL) {
		free(c);
		return NULL;
	}
	c->r = r;
	c->erg = *erg;
	c->since_wall_ms = since_wall_ms;
	c->alone = alone;
	c->options = *options;
	c->done = done;
	c->arg = arg;
	c->result.retry_after_ms = -1;
	if (erg_load(r, erg, &found) == ERR_OK && found.meetings != MEETINGS_OFF) {
		c->tenant = found.tenant;
		find_mailboxes(c);
	}
	timer_arm(c->timer, 0);
	return c;
}
