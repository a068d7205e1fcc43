/*
 * A job is one or more ERGs on one or more rosters of a team. For each roster: list, then apply to the ERGs that share it. An
 * item job reads one membership instead. Whatever ends a job goes through job_end.
 */
#include "reconciler/compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "reconciler/apply.h"
#include "reconciler/chores.h"
#include "reconciler/dirty.h"
#include "reconciler/listing.h"
#include "reconciler/push.h"
#include "reconciler/reconciler.h"
#include "reconciler/rich.h"
#include "reconciler/roster_book.h"
#include "reconciler/scope.h"
#include "reconciler/standing.h"
#include "reconciler/tables.h"
#include "state/store.h"

/* ERGs on one team; more are found again by the sweep. The bug it catches: a table that leads in circles. */
#define JOB_ERGS_MAX 1000

/* A hint or a person waits: rather an error with its reason soon, and another try, than silence for long. */
#define SOON_DEADLINE_MS 120000

/* So often a job lists a roster anew because another read has learnt something newer meanwhile. */
#define RELISTS_MAX 3

#define LOOKUPS_WAIT_MS 30000 /* before a first read, at most */
#define LOOKUPS_LOOK_MS 250

struct job_erg {
	struct erg_id id;
	int64_t generation;
	bool outdated; /* by another read, since the listing began */
};

struct compare_job {
	struct compare_job *next; /* waiting, by priority; running, in any order */
	struct compare *compare;
	compare_done done;
	void *arg;
	struct timer *timer; /* steps that must not run within their caller */
	bool running;
	int64_t begun_boot_ms;
	struct compare_options options;
	struct tenant_id tenant;
	struct guid directory;
	enum subscription_kind kind;
	struct job_erg *ergs;
	size_t erg_count, at;
	unsigned relists;
	/* an item */
	bool is_item;
	struct scope_id scope;
	enum hint_kind hint;
	char item[HINT_ITEM_MAX + 1];
	struct guid user; /* whose membership it is, when known */
	person_id person;
	/* under way: at most one of these */
	struct graph_pages *pages;
	struct graph_call *call;
	struct apply *apply;
	struct listing listing;
	enum err listing_err;
	int64_t read_wall_ms;
	struct compare_result result;
};

struct compare {
	struct reconciler *r;
	struct compare_job *waiting, *running;
	unsigned running_count;
};

static void job_step(struct compare_job *job);

/* ---------- the queue ---------- */

static void
unlink_job(struct compare_job **list, struct compare_job *job)
{
	while (*list != NULL && *list != job)
		list = &(*list)->next;
	if (*list == job)
		*list = job->next;
}

static bool
tenant_is_full(const struct compare *c, const struct compare_job *wanted)
{
	unsigned n = 0;

	for (const struct compare_job *job = c->running; job != NULL; job = job->next)
		n += strcmp(job->tenant.s, wanted->tenant.s) == 0;
	return n >= COMPARE_TENANT_MAX;
}

static void
run(struct compare *c, struct compare_job *job)
{
	job->next = c->running;
	c->running = job;
	c->running_count++;
	job->running = true;
	job->begun_boot_ms = clock_boot_ms(c->r->clock);
	timer_arm(job->timer, 0);
}

static void
run_waiting(struct compare *c)
{
	struct compare_job **p = &c->waiting;

	while (*p != NULL && c->running_count < COMPARE_RUNNING_MAX) {
		struct compare_job *job = *p;

		if (tenant_is_full(c, job)) {
			p = &job->next;
			continue;
		}
		*p = job->next;
		run(c, job);
	}
}

static void
enqueue(struct compare *c, struct compare_job *job)
{
	struct compare_job **p = &c->waiting;

	while (*p != NULL && (*p)->options.priority <= job->options.priority)
		p = &(*p)->next;
	job->next = *p;
	*p = job;
	run_waiting(c);
}

static void
job_free(struct compare_job *job)
{
	graph_pages_cancel(job->pages);
	graph_cancel(job->compare->r->graph, job->call);
	apply_cancel(job->apply);
	timer_free(job->timer);
	listing_done(&job->listing);
	free(job->ergs);
	free(job);
}

void
compare_cancel(struct compare_job *job)
{
	struct compare *c;

	if (job == NULL)
		return;
	c = job->compare;
	if (job->running) {
		unlink_job(&c->running, job);
		c->running_count--;
	} else {
		unlink_job(&c->waiting, job);
	}
	job_free(job);
	run_waiting(c);
}

static void
job_end(struct compare_job *job)
{
	struct compare_result result = job->result;
	compare_done done = job->done;
	void *arg = job->arg;

	compare_cancel(job);
	done(arg, &result);
}

static void
on_timer(void *arg)
{
	job_step(arg);
}

static struct compare_job *
job_new(struct reconciler *r, const struct compare_options *options, compare_done done, void *arg)
{
	struct compare_job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return NULL;
	job->compare = r->compare;
	job->options = *options;
	job->done = done;
	job->arg = arg;
	job->result.retry_after_ms = -1;
	job->timer = timer_new(r->clock, on_timer, job);
	job->ergs = calloc(1, sizeof(*job->ergs));
	if (job->timer == NULL || job->ergs == NULL) {
		timer_free(job->timer);
		free(job->ergs);
		free(job);
		return NULL;
	}
	return job;
}

/* ---------- which ERGs ---------- */

static bool
erg_takes_part(const struct erg *erg)
{
	return erg->membership != MEMBERSHIP_OFF && erg->team_id.s[0] != '\0' && erg->channel_type != CHANNEL_UNKNOWN &&
	       (erg->channel_type == CHANNEL_STANDARD || erg->channel_id[0] != '\0');
}

static void
job_add_erg(struct compare_job *job, const struct erg *erg)
{
	struct job_erg *grown;

	if (!erg_takes_part(erg) || job->erg_count == JOB_ERGS_MAX)
		return;
	if ((grown = realloc(job->ergs, (job->erg_count + 1) * sizeof(*grown))) == NULL) {
		job->result.err = ERR_NOMEM;
		return;
	}
	job->ergs = grown;
	job->ergs[job->erg_count++] = (struct job_erg){ erg->id, erg->generation, false };
}

static void
job_set_tenant(struct compare_job *job, const struct tenant_id *id)
{
	struct tenant tenant;

	job->tenant = *id;
	if (tenant_load(job->compare->r, id, &tenant) == ERR_OK && tenant.state != TENANT_REMOVING)
		job->directory = tenant.directory_id;
	else
		job->result.err = ERR_NOTFOUND;
}

static void
job_add_scope(struct compare_job *job, const struct subscription *scope)
{
	struct reconciler *r = job->compare->r;
	struct store_cursor *c = team_ergs(r, &scope->object_id);
	struct erg_ref ref;
	struct erg erg;

	job->kind = scope->kind;
	job_set_tenant(job, &scope->tenant);
	while (store_next(c, NULL, &ref) == ERR_OK)
		if (erg_load(r, &ref.erg, &erg) == ERR_OK && scope_covers(scope, &erg))
			job_add_erg(job, &erg);
	store_cursor_close(c);
}

/* The ERG at hand as it is now; false when it is gone or linked elsewhere meanwhile. */
static bool
job_erg(struct compare_job *job, size_t i, struct erg *ret)
{
	return erg_load(job->compare->r, &job->ergs[i].id, ret) == ERR_OK && ret->generation == job->ergs[i].generation &&
	       erg_takes_part(ret);
}

static struct graph_where
job_where(const struct compare_job *job)
{
	bool soon = job->options.priority != GRAPH_SWEEP;

	return (struct graph_where){
		.directory = job->directory,
		.priority = job->options.priority,
		.deadline_ms = soon ? SOON_DEADLINE_MS : 0,
	};
}

/* ---------- failures ---------- */

static void
note_failure(struct compare_job *job, enum err e, const struct graph_answer *answer, const char *detail)
{
	job->result.err = e;
	str_copy(job->result.detail, sizeof(job->result.detail), detail);
	if (answer != NULL)
		job->result.retry_after_ms = answer->retry_after_ms;
	job->compare->r->counters.reads_failed++;
}

/* What the failure of a roster's read means for the ERGs on it: the one at hand, or all that share it. */
static void
judge_failure(struct compare_job *job, const struct graph_answer *answer)
{
	struct reconciler *r = job->compare->r;
	size_t end = job->kind == SUBSCRIPTION_TEAM_MEMBERS ? job->erg_count : job->at + 1;
	const char *what = job->kind == SUBSCRIPTION_TEAM_MEMBERS ? "the team" : "the channel";
	struct subscription scope;
	struct erg erg;

	tenant_judge(r, &job->tenant, answer);
	if (job->options.dry_run)
		return;
	for (size_t i = job->at; i < end; i++) {
		if (!job_erg(job, i, &erg) || !erg_judge_failure(r, &erg, answer, what))
			continue;
		erg_store(r, &erg);
		/* Whoever asked for this read, from now on it is probed slowly until it can be read. */
		if (scope_of_erg(r, &erg, &scope) == ERR_OK)
			dirty_mark(r, &scope.scope, CHORE_PROBE_MS);
	}
}

/* ---------- whole reads ---------- */

static void
on_listed(void *arg, const void *record)
{
	struct compare_job *job = arg;

	if (job->listing_err == ERR_OK)
		job->listing_err = listing_add(&job->listing, record);
}

static void
on_list_end(void *arg, const struct graph_page_end *end)
{
	struct compare_job *job = arg;
	enum err e = end->err != ERR_OK ? end->err : job->listing_err;

	job->pages = NULL;
	if (end->answer != NULL && e != ERR_OK)
		judge_failure(job, end->answer);
	if (e == ERR_OK) {
		if (end->answer != NULL)
			tenant_judge(job->compare->r, &job->tenant, end->answer);
		job->read_wall_ms = clock_wall_ms(job->compare->r->clock);
		timer_arm(job->timer, 0);
		return;
	}
	note_failure(job, e, end->answer, end->detail);
	listing_done(&job->listing);
	/* A channel that can't be read says nothing of the next one. */
	job->at = job->kind == SUBSCRIPTION_TEAM_MEMBERS ? job->erg_count : job->at + 1;
	timer_arm(job->timer, 0);
}

static void
list_start(struct compare_job *job, const struct erg *erg)
{
	struct graph_roster roster = roster_on_graph(erg);
	struct graph_where where = job_where(job);

	listing_done(&job->listing);
	for (size_t i = 0; i < job->erg_count; i++)
		job->ergs[i].outdated = false;
	job->listing_err = ERR_OK;
	job->read_wall_ms = 0;
	job->compare->r->counters.reads_whole++;
	job->pages = graph_members_list(job->compare->r->graph, &where, &roster, on_listed, on_list_end, job);
	if (job->pages == NULL) {
		note_failure(job, ERR_NOMEM, NULL, err_text(ERR_NOMEM));
		job->at = job->erg_count;
		timer_arm(job->timer, 0);
	}
}

static void
sum_changes(struct resync_changes *sum, const struct resync_changes *c)
{
	sum->added_to_app += c->added_to_app;
	sum->removed_from_app += c->removed_from_app;
	sum->added_to_teams += c->added_to_teams;
	sum->removed_from_teams += c->removed_from_teams;
	sum->held += c->held;
}

/* The next step is called from here, not from a timer: the last ERG's turn is the one that ends the job. */
static void
on_applied(void *arg, const struct compare_result *result)
{
	struct compare_job *job = arg;
	bool again = result->err == ERR_OK && job->ergs[job->at].outdated && job->relists < RELISTS_MAX;

	job->apply = NULL;
	job->result.members_compared += result->members_compared;
	sum_changes(&job->result.changes, &result->changes);
	/* Unlinked or linked elsewhere meanwhile: whoever did that has asked for another read. */
	if (result->err != ERR_OK && result->err != ERR_CANCELLED)
		note_failure(job, result->err, NULL, result->detail);
	if (!again)
		job->at++;
	if (!again && job->kind != SUBSCRIPTION_TEAM_MEMBERS)
		job->read_wall_ms = 0;
	job_step(job);
}

static void
apply_next(struct compare_job *job, const struct erg *erg)
{
	struct apply_options options = {
		.erg = erg->id,
		.generation = erg->generation,
		.directory = job->directory,
		.listing = &job->listing,
		.read_wall_ms = job->read_wall_ms,
		.where = job_where(job),
		.dry_run = job->options.dry_run,
	};

	job->apply = apply_start(job->compare->r, &options, on_applied, job);
	if (job->apply == NULL) {
		note_failure(job, ERR_NOMEM, NULL, err_text(ERR_NOMEM));
		job->at = job->erg_count;
		timer_arm(job->timer, 0);
	}
}

static bool
list_again(struct compare_job *job)
{
	return job->ergs[job->at].outdated && job->relists++ < RELISTS_MAX;
}

/* Whom the app lists by an address is looked up before the first read, or the app would be told of strangers whom it knows. A read
 * that somebody waits for does not wait for long. */
static bool
waits_for_lookups(struct compare_job *job, const struct erg *erg)
{
	struct reconciler *r = job->compare->r;

	if (erg->first_read_done || job->options.dry_run || clock_boot_ms(r->clock) - job->begun_boot_ms >= LOOKUPS_WAIT_MS ||
	    !push_unlooked(r, &erg->id))
		return false;
	if (!chore_pending(r, CHORE_PUSH, erg->id.s))
		push_resume(r, erg);
	timer_arm(job->timer, LOOKUPS_LOOK_MS);
	return true;
}

static void
step_whole(struct compare_job *job)
{
	struct erg erg = { 0 };

	while (job->at < job->erg_count && !job_erg(job, job->at, &erg))
		job->at++;
	if (job->at == job->erg_count)
		job_end(job);
	else if (job->read_wall_ms == 0 && waits_for_lookups(job, &erg))
		return;
	else if (job->read_wall_ms == 0 || list_again(job))
		list_start(job, &erg);
	else
		apply_next(job, &erg);
}

/* ---------- single reads ---------- */

/* Is it the membership we know? One that was learnt of meanwhile is newer than what this read lacks. */
static bool
item_is_of(const struct compare_job *job, const struct erg *erg)
{
	struct member m;

	return member_load(job->compare->r, &erg->id, job->person, &m) != ERR_OK || !m.teams.present ||
	       strcmp(m.membership_id, job->item) == 0;
}

/* Takes in what one read told of one person, for every ERG on the team. */
static void
item_take(struct compare_job *job, const struct graph_member *member)
{
	struct reconciler *r = job->compare->r;
	struct roster_seen seen;
	struct erg erg;

	if (member != NULL)
		seen = roster_seen_of(member);
	for (size_t i = 0; i < job->erg_count; i++) {
		if (!job_erg(job, i, &erg))
			continue;
		if (member != NULL && job->ergs[i].outdated) {
			job->result.again = true;
			continue;
		}
		if (!erg.first_read_done || erg.state == ERG_BROKEN || (member == NULL && !item_is_of(job, &erg)) ||
		    !apply_one(r, &erg, &job->directory, member != NULL ? &seen : NULL, job->person, &job->result)) {
			job->result.whole_needed = true;
			continue;
		}
		erg_store(r, &erg);
	}
}

static void
on_find(void *arg, const struct graph_answer *answer)
{
	struct compare_job *job = arg;
	struct graph_member member;
	enum err e = graph_member_find_read(answer, &job->user, &member);

	job->call = NULL;
	tenant_judge(job->compare->r, &job->tenant, answer);
	if (e == ERR_NOTFOUND && answer->err == ERR_OK) {
		item_take(job, NULL);
	} else if (e == ERR_OK) {
		/* Said to be deleted, yet still shown with the same id: Graph's lists lag behind its notifications. */
		job->result.again = job->hint == HINT_DELETED && strcmp(member.membership_id, job->item) == 0;
		item_take(job, &member);
	} else if (answer->err == ERR_OK) {
		job->result.whole_needed = true; /* more pages than one for one person: the whole list tells */
	} else {
		judge_failure(job, answer);
		note_failure(job, e, answer, answer->detail);
	}
	job_end(job);
}

static void
find_start(struct compare_job *job, const struct erg *erg)
{
	struct graph_roster roster = roster_on_graph(erg);
	struct graph_where where = job_where(job);

	job->compare->r->counters.reads_item++;
	job->call = graph_member_find(job->compare->r->graph, &where, &roster, &job->user, on_find, job);
	if (job->call == NULL) {
		note_failure(job, ERR_NOMEM, NULL, err_text(ERR_NOMEM));
		job_end(job);
	}
}

/* Does any ERG of the team know whose membership that is? */
static bool
item_person(struct compare_job *job)
{
	struct reconciler *r = job->compare->r;
	struct person p;

	for (size_t i = 0; i < job->erg_count; i++)
		if (roster_book_find(r, &job->ergs[i].id, job->item, &job->person) == ERR_OK &&
		    person_load(r, job->person, &p) == ERR_OK && p.entra_id.s[0] != '\0') {
			job->user = p.entra_id;
			return true;
		}
	return false;
}

static void
on_get(void *arg, const struct graph_answer *answer)
{
	struct compare_job *job = arg;
	struct graph_member member;
	struct erg erg;
	enum err e = graph_member_answer_read(answer, &member);

	job->call = NULL;
	if (e == ERR_OK) {
		tenant_judge(job->compare->r, &job->tenant, answer);
		job->result.again = job->hint == HINT_DELETED; /* said to be deleted, yet there: ask once more */
		item_take(job, &member);
	} else if (answer->err == ERR_NOTFOUND && item_person(job) && job_erg(job, job->at, &erg)) {
		/* Of the id, not of the person: who had it is gone or has another one. */
		find_start(job, &erg);
		return;
	} else if (answer->err == ERR_NOTFOUND) {
		/* Gone again, or not to be seen yet. */
		job->result.again = true;
	} else if (e == ERR_UNSUPPORTED) {
		job->result.err = ERR_OK; /* no person: nothing to mirror */
	} else {
		judge_failure(job, answer);
		note_failure(job, e, answer, answer->detail);
	}
	job_end(job);
}

static void
get_start(struct compare_job *job, const struct erg *erg)
{
	struct graph_roster roster = roster_on_graph(erg);
	struct graph_where where = job_where(job);

	job->compare->r->counters.reads_item++;
	job->call = graph_member_get(job->compare->r->graph, &where, &roster, job->item, on_get, job);
	if (job->call == NULL) {
		note_failure(job, ERR_NOMEM, NULL, err_text(ERR_NOMEM));
		job_end(job);
	}
}

/* What a rich notification has told of it, instead of Graph. False: ask Graph. */
static bool
item_told(struct compare_job *job)
{
	struct graph_member member;

	if (job->hint == HINT_DELETED || !rich_take(job->compare->r, &job->scope, job->item, &member))
		return false;
	item_take(job, &member);
	return true;
}

static void
step_item(struct compare_job *job)
{
	struct erg erg;

	while (job->at < job->erg_count && !job_erg(job, job->at, &erg))
		job->at++;
	if (job->at >= job->erg_count) {
		job_end(job);
	} else if (job->kind != SUBSCRIPTION_TEAM_MEMBERS && (job->erg_count > 1 || erg.channel_type == CHANNEL_SHARED)) {
		/* A hint does not name the channel it is of; and who left a shared one may still have access. */
		job->result.whole_needed = true;
		job_end(job);
	} else if (item_told(job)) {
		job_end(job);
	} else if (job->hint != HINT_DELETED || item_person(job)) {
		/* A removal, too, is asked for by its id first: lists lag behind, the id's own address does not. */
		get_start(job, &erg);
	} else {
		job->result.whole_needed = true;
		job_end(job);
	}
}

static void
job_step(struct compare_job *job)
{
	if (job->directory.s[0] == '\0' || job->erg_count == 0)
		job_end(job);
	else if (job->is_item)
		step_item(job);
	else
		step_whole(job);
}

/* ---------- what others call ---------- */

struct compare_job *
compare_erg(struct reconciler *r, const struct erg_id *id, const struct compare_options *options, compare_done done, void *arg)
{
	struct compare_job *job = job_new(r, options, done, arg);
	struct erg erg;

	if (job == NULL)
		return NULL;
	if (erg_load(r, id, &erg) == ERR_OK) {
		job->kind = scope_kind(erg.channel_type);
		job_set_tenant(job, &erg.tenant);
		job_add_erg(job, &erg);
	}
	enqueue(r->compare, job);
	return job;
}

struct compare_job *
compare_scope(struct reconciler *r, const struct subscription *scope, compare_done done, void *arg)
{
	struct compare_options options = { .priority = GRAPH_HINT };
	struct compare_job *job = job_new(r, &options, done, arg);

	if (job == NULL)
		return NULL;
	job_add_scope(job, scope);
	enqueue(r->compare, job);
	return job;
}

struct compare_job *
compare_item(
    struct reconciler *r, const struct subscription *scope, enum hint_kind kind, const char *item, compare_done done, void *arg)
{
	struct compare_options options = { .priority = GRAPH_HINT };
	struct compare_job *job = job_new(r, &options, done, arg);

	if (job == NULL)
		return NULL;
	job_add_scope(job, scope);
	job->is_item = true;
	job->scope = scope->scope;
	job->hint = kind;
	str_copy(job->item, sizeof(job->item), item);
	enqueue(r->compare, job);
	return job;
}

void
compare_outdate(struct reconciler *r, const struct erg_id *erg, const struct apply *except)
{
	for (struct compare_job *job = r->compare->running; job != NULL; job = job->next)
		for (size_t i = job->at; i < job->erg_count && (except == NULL || job->apply != except); i++)
			job->ergs[i].outdated |= strcmp(job->ergs[i].id.s, erg->s) == 0;
}

enum err
compare_new(struct reconciler *r, struct compare **ret)
{
	struct compare *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return ERR_NOMEM;
	c->r = r;
	*ret = c;
	return ERR_OK;
}

static void
jobs_free(struct compare_job *job)
{
	struct compare_job *next;

	for (; job != NULL; job = next) {
		next = job->next;
		job_free(job);
	}
}

void
compare_free(struct compare *c)
{
	if (c == NULL)
		return;
	jobs_free(c->waiting);
	jobs_free(c->running);
	free(c);
}
