/*
 * resync.c - walks ERGs and compares each; requested runs with progress, and the sweep that nobody has to request.
 *
 * A run keeps a place in the walk (the last key), not a list: memory does not grow with the number of ERGs. A run that a stop
 * or crash interrupted starts over with the next start, under its id: comparing twice is harmless, forgetting is not.
 */
#include "reconciler/resync.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/text.h"
#include "reconciler/app_snapshot.h"
#include "reconciler/compare.h"
#include "reconciler/dirty.h"
#include "reconciler/keeper_wide.h"
#include "reconciler/meeting_compare.h"
#include "reconciler/reconciler.h"
#include "reconciler/scope.h"
#include "reconciler/tables.h"
#include "reconciler/tell.h"

#define RUNS_MAX          16   /* running at once */
#define RUN_WIDTH         4    /* comparisons of one run at once: memory is that of so many teams */
#define KEEP_ROWS         200  /* ended resyncs that can still be looked at */
#define STORE_EVERY_MS    2000 /* progress on disk; what is asked for comes from memory */
#define SWEEP_WIDTH       2
#define SWEEP_LOOK_MAX    500 /* ERGs looked at in one turn */
#define SWEEP_PART        8   /* a walk starts every eighth of the sweep interval, so that none is later than 9/8 of it */
#define SWEEP_WALK_MIN_MS 250

struct run;

struct slot {
	struct run *run;
	struct app_snapshot *fetch; /* the app's snapshot, before the comparison */
	struct compare_job *job;
	struct meeting_compare *meetings; /* after the members */
	struct erg_id erg;
	bool failed; /* the ERG could not be compared, in part at least */
};

struct run {
	struct resyncs *owner;
	struct resync row;
	struct store_key place; /* the last ERG started; len 0: none yet */
	bool all_started;
	struct slot slots[RUN_WIDTH];
	int64_t stored_boot_ms;
	int64_t failed_count; /* ERGs that could not be compared */
};

struct sweep_slot {
	struct resyncs *owner;
	struct compare_job *job;
	struct erg_id erg;
};

struct sweep {
	struct store_key place; /* the last ERG looked at in this walk; len 0: none yet */
	struct sweep_slot slots[SWEEP_WIDTH];
	int64_t walk_boot_ms; /* when the present or last walk began */
	bool walking;
};

struct resyncs {
	struct reconciler *r;
	struct timer *pump, *sweep_timer;
	struct run *runs[RUNS_MAX];
	struct sweep sweep;
};

/* --- rows --- */

static void
row_key(uint64_t number, struct store_key *ret)
{
	store_key_init(ret);
	store_key_u64(ret, number);
}

static void
row_store(struct reconciler *r, const struct resync *row)
{
	struct store_key key;

	row_key(row->number, &key);
	store_put(r->store, TABLE_RESYNCS, &key, row);
}

static bool
id_number(const char *id, uint64_t *ret)
{
	return id[0] == 'r' && parse_u64(id + 1, ret) == ERR_OK;
}

static void
rows_trim(struct reconciler *r, uint64_t newest)
{
	struct store_cursor *c = store_seek(r->store, TABLE_RESYNCS, NULL, NULL);
	struct store_key key;
	struct resync row;

	while (newest > KEEP_ROWS && store_next(c, &key, &row) == ERR_OK && row.number <= newest - KEEP_ROWS)
		if (row.state != RESYNC_RUNNING)
			store_del(r->store, TABLE_RESYNCS, &key);
	store_cursor_close(c);
}

/* --- the walk of a run --- */

static struct store_cursor *
walk_open(struct run *run)
{
	struct reconciler *r = run->owner->r;
	const struct store_key *after = run->place.len > 0 ? &run->place : NULL;
	struct store_key prefix;

	if (run->row.scope.kind == RESYNC_ALL)
		return store_seek(r->store, TABLE_ERGS, NULL, after);
	store_key_init(&prefix);
	store_key_id(r->store, &prefix, "tenant", run->row.scope.id);
	return store_seek(r->store, TABLE_TENANT_ERGS, &prefix, after);
}

static bool
walk_next(struct run *run, struct erg_id *ret)
{
	struct store_cursor *c;
	struct erg erg;
	struct erg_ref ref;
	enum err e;

	if (run->all_started)
		return false;
	if (run->row.scope.kind == RESYNC_ERG) {
		run->all_started = true;
		return erg_id_parse(run->row.scope.id, ret);
	}
	c = walk_open(run);
	if (run->row.scope.kind == RESYNC_ALL) {
		if ((e = store_next(c, &run->place, &erg)) == ERR_OK)
			*ret = erg.id;
	} else if ((e = store_next(c, &run->place, &ref)) == ERR_OK) {
		*ret = ref.erg;
	}
	store_cursor_close(c);
	run->all_started = e != ERR_OK;
	return e == ERR_OK;
}

/* --- a run --- */

static bool
run_idle(const struct run *run)
{
	for (size_t i = 0; i < RUN_WIDTH; i++)
		if (run->slots[i].job != NULL || run->slots[i].fetch != NULL || run->slots[i].meetings != NULL)
			return false;
	return true;
}

static void
run_cancel(struct run *run)
{
	for (size_t i = 0; i < RUN_WIDTH; i++) {
		app_snapshot_cancel(run->slots[i].fetch);
		compare_cancel(run->slots[i].job);
		meeting_compare_cancel(run->slots[i].meetings);
	}
}

static void
run_end(struct run *run, enum resync_state state)
{
	struct resyncs *rs = run->owner;

	run->row.state = state;
	run->row.finished_wall_ms = clock_wall_ms(rs->r->clock);
	run_cancel(run);
	row_store(rs->r, &run->row);
	tell_resync(rs->r, &run->row);
	log_put(LOG_INFO, "resync_ended", LS("id", run->row.id), LS("state", resync_state_names[state]),
	    LI("ergs", run->row.ergs_done), LI("members", run->row.members_compared), LI("errors", run->row.error_count));
	for (size_t i = 0; i < RUNS_MAX; i++)
		if (rs->runs[i] == run)
			rs->runs[i] = NULL;
	free(run);
}

static void
slot_note_error(struct slot *slot, const struct compare_result *result)
{
	struct resync *row = &slot->run->row;

	slot->failed = true;
	if (row->error_count < RESYNC_ERRORS_MAX)
		snprintf(row->errors[row->error_count], RESYNC_ERROR_SIZE, "erg:%s: %s", slot->erg.s,
		    result->detail[0] != '\0' ? result->detail : err_text(result->err));
	row->error_count++;
}

static void
changes_add(struct resync_changes *sum, const struct resync_changes *c)
{
	sum->added_to_app += c->added_to_app;
	sum->removed_from_app += c->removed_from_app;
	sum->added_to_teams += c->added_to_teams;
	sum->removed_from_teams += c->removed_from_teams;
	sum->meetings_created += c->meetings_created;
	sum->meetings_updated += c->meetings_updated;
	sum->meetings_cancelled += c->meetings_cancelled;
	sum->held += c->held;
}

/* What a comparison found in Teams and no notification had told of; one that is still to be read is none that was lost. */
static void
note_missed(struct reconciler *r, const struct erg_id *id, const struct compare_result *result)
{
	int64_t found = result->changes.added_to_app + result->changes.removed_from_app;
	struct subscription scope;
	struct erg erg;

	if (found > 0 && erg_load(r, id, &erg) == ERR_OK && scope_of_erg(r, &erg, &scope) == ERR_OK &&
	    !dirty_pending(r, &scope.scope)) {
		r->counters.missed_sweep += (uint64_t)found;
		keeper_wide_missed(r, &scope.scope);
	}
}

static struct compare_options
run_options(const struct run *run)
{
	return (struct compare_options){ .dry_run = run->row.dry_run,
		.priority = run->row.scope.kind == RESYNC_ERG ? GRAPH_PERSON : GRAPH_SWEEP };
}

static void
take_result(struct slot *slot, const struct compare_result *result)
{
	struct resync *row = &slot->run->row;

	row->members_compared += result->members_compared;
	row->meetings_compared += result->meetings_compared;
	changes_add(&row->changes, &result->changes);
	if (result->err != ERR_OK)
		slot_note_error(slot, result);
}

static void
slot_end(struct slot *slot)
{
	slot->run->row.ergs_done++;
	slot->run->failed_count += slot->failed;
	timer_arm_sooner(slot->run->owner->pump, 0);
}

static void
on_meetings(void *arg, const struct compare_result *result)
{
	struct slot *slot = arg;

	slot->meetings = NULL;
	take_result(slot, result);
	slot_end(slot);
}

static void
on_compared(void *arg, const struct compare_result *result)
{
	struct slot *slot = arg;
	struct run *run = slot->run;
	const struct compare_options options = run_options(run);

	slot->job = NULL;
	take_result(slot, result);
	if (!run->row.dry_run)
		note_missed(run->owner->r, &slot->erg, result);
	slot->meetings = meeting_compare_start(
	    run->owner->r, &slot->erg, run->row.started_wall_ms, run->row.scope.kind == RESYNC_ERG, &options, on_meetings, slot);
	if (slot->meetings == NULL)
		slot_end(slot);
}

static void
compare_start(struct slot *slot)
{
	struct run *run = slot->run;
	const struct compare_options options = run_options(run);
	const struct compare_result failed = { .err = ERR_NOMEM };

	slot->job = compare_erg(run->owner->r, &slot->erg, &options, on_compared, slot);
	if (slot->job == NULL) {
		slot_note_error(slot, &failed);
		slot_end(slot);
	}
}

/* A snapshot that can't be trusted changes nothing; Teams is compared with what the app said before. */
static void
on_fetched(void *arg, enum err e, const char *detail)
{
	struct slot *slot = arg;
	struct compare_result result = { .err = e };

	slot->fetch = NULL;
	if (e != ERR_OK) {
		snprintf(result.detail, sizeof(result.detail), "%s", detail);
		slot_note_error(slot, &result);
	}
	compare_start(slot);
}

/* True when the app is asked for its own list first. */
static bool
fetch_start(struct slot *slot)
{
	struct reconciler *r = slot->run->owner->r;
	struct erg erg;

	if (r->config->snapshot_url == NULL || slot->run->row.dry_run || erg_load(r, &slot->erg, &erg) != ERR_OK ||
	    !app_snapshot_wanted(&erg))
		return false;
	slot->fetch = app_snapshot_fetch(r, &slot->erg, on_fetched, slot);
	return slot->fetch != NULL;
}

static void
run_start_some(struct run *run)
{
	for (size_t i = 0; i < RUN_WIDTH; i++) {
		struct slot *slot = &run->slots[i];

		if (slot->job != NULL || slot->fetch != NULL || slot->meetings != NULL || !walk_next(run, &slot->erg))
			continue;
		slot->run = run;
		slot->failed = false;
		if (!fetch_start(slot))
			compare_start(slot);
	}
}

static void
run_pump(struct run *run)
{
	struct reconciler *r = run->owner->r;

	run_start_some(run);
	if (run->row.ergs_total < run->row.ergs_done)
		run->row.ergs_total = run->row.ergs_done; /* some were linked meanwhile */
	if (run->all_started && run_idle(run)) {
		run->row.ergs_total = run->row.ergs_done;
		run_end(run, run->failed_count > 0 && run->failed_count >= run->row.ergs_done ? RESYNC_FAILED : RESYNC_DONE);
		return;
	}
	if (clock_boot_ms(r->clock) - run->stored_boot_ms >= STORE_EVERY_MS) {
		run->stored_boot_ms = clock_boot_ms(r->clock);
		row_store(r, &run->row);
	}
}

static void
on_pump(void *arg)
{
	struct resyncs *rs = arg;

	for (size_t i = 0; i < RUNS_MAX; i++)
		if (rs->runs[i] != NULL)
			run_pump(rs->runs[i]);
}

/* --- requests --- */

static enum err
scope_size(struct reconciler *r, const struct resync_scope *scope, int64_t *ret, char *why, size_t why_size)
{
	struct store_stats stats;
	struct tenant_id tenant_id;
	struct erg_id erg_id;
	struct tenant tenant;
	struct erg erg;

	switch (scope->kind) {
	case RESYNC_ALL:
		store_stats(r->store, &stats);
		*ret = (int64_t)stats.rows[TABLE_ERGS];
		return ERR_OK;
	case RESYNC_TENANT:
		if (tenant_id_parse(scope->id, &tenant_id) && tenant_load(r, &tenant_id, &tenant) == ERR_OK) {
			*ret = tenant.erg_count;
			return ERR_OK;
		}
		snprintf(why, why_size, "There is no tenant %s.", scope->id);
		return ERR_NOTFOUND;
	case RESYNC_ERG:
		if (erg_id_parse(scope->id, &erg_id) && erg_load(r, &erg_id, &erg) == ERR_OK) {
			*ret = 1;
			return ERR_OK;
		}
		snprintf(why, why_size, "There is no ERG %s.", scope->id);
		return ERR_NOTFOUND;
	}
	return ERR_INVALID;
}

static struct run *
run_of_scope(struct resyncs *rs, const struct resync_scope *scope)
{
	for (size_t i = 0; i < RUNS_MAX; i++) {
		const struct run *run = rs->runs[i];

		if (run != NULL && run->row.scope.kind == scope->kind && strcmp(run->row.scope.id, scope->id) == 0)
			return rs->runs[i];
	}
	return NULL;
}

static struct run *
run_add(struct resyncs *rs, const struct resync *row)
{
	struct run *run = calloc(1, sizeof(*run));

	for (size_t i = 0; run != NULL && i < RUNS_MAX; i++) {
		if (rs->runs[i] != NULL)
			continue;
		run->owner = rs;
		run->row = *row;
		run->stored_boot_ms = clock_boot_ms(rs->r->clock);
		rs->runs[i] = run;
		timer_arm_sooner(rs->pump, 0);
		return run;
	}
	free(run);
	return NULL;
}

enum err
resync_start(struct reconciler *r, const struct resync_scope *scope, bool dry_run, struct resync *ret, char *why, size_t why_size)
{
	struct resync row = {
		.scope = *scope, .dry_run = dry_run, .state = RESYNC_RUNNING, .started_wall_ms = clock_wall_ms(r->clock)
	};
	const struct run *running = run_of_scope(r->resyncs, scope);
	enum err e;

	if (running != NULL) {
		*ret = running->row;
		snprintf(why, why_size, "The resync %s of the same scope is running.", running->row.id);
		return ERR_CONFLICT;
	}
	if ((e = scope_size(r, scope, &row.ergs_total, why, why_size)) != ERR_OK)
		return e;
	row.number = number_next(r, "resync");
	snprintf(row.id, sizeof(row.id), "r%" PRIu64, row.number);
	if (run_add(r->resyncs, &row) == NULL) {
		snprintf(why, why_size, "%d resyncs are running; wait for one to end, or cancel one.", RUNS_MAX);
		return ERR_FULL;
	}
	row_store(r, &row);
	rows_trim(r, row.number);
	log_put(LOG_INFO, "resync_started", LS("id", row.id), LI("ergs", row.ergs_total), LI("dry_run", row.dry_run));
	*ret = row;
	return ERR_OK;
}

void
resyncs_forget(struct reconciler *r, enum resync_scope_kind kind, const char *id)
{
	struct store_cursor *c = store_seek(r->store, TABLE_RESYNCS, NULL, NULL);
	struct store_key key;
	struct resync row;

	while (store_next(c, &key, &row) == ERR_OK) {
		if (row.state == RESYNC_RUNNING)
			continue;
		if (row.scope.kind == kind && strcmp(row.scope.id, id) == 0) {
			store_del(r->store, TABLE_RESYNCS, &key);
		} else if (row.errors[0][0] != '\0') {
			memset(row.errors, 0, sizeof(row.errors));
			store_put(r->store, TABLE_RESYNCS, &key, &row);
		}
	}
	store_cursor_close(c);
}

static struct run *
run_of_id(struct resyncs *rs, const char *id)
{
	for (size_t i = 0; i < RUNS_MAX; i++)
		if (rs->runs[i] != NULL && strcmp(rs->runs[i]->row.id, id) == 0)
			return rs->runs[i];
	return NULL;
}

enum err
resync_get(struct reconciler *r, const char *id, struct resync *ret)
{
	const struct run *running = run_of_id(r->resyncs, id);
	struct store_key key;
	uint64_t number;

	if (running != NULL) {
		*ret = running->row;
		return ERR_OK;
	}
	if (!id_number(id, &number))
		return ERR_NOTFOUND;
	row_key(number, &key);
	return store_get(r->store, TABLE_RESYNCS, &key, ret);
}

enum err
resync_cancel(struct reconciler *r, const char *id, struct resync *ret)
{
	struct run *running = run_of_id(r->resyncs, id);

	if (running == NULL)
		return resync_get(r, id, ret) == ERR_OK ? ERR_CONFLICT : ERR_NOTFOUND;
	running->row.state = RESYNC_CANCELLED;
	running->row.finished_wall_ms = clock_wall_ms(r->clock);
	*ret = running->row;
	run_end(running, RESYNC_CANCELLED);
	return ERR_OK;
}

enum err
resync_list(struct reconciler *r, const char *after, struct resync *ret, size_t max, size_t *ret_count, bool *ret_more)
{
	struct store_key key;
	uint64_t number = UINT64_MAX;
	struct resync row;

	*ret_count = 0;
	*ret_more = false;
	if (after[0] != '\0' && !id_number(after, &number))
		return ERR_MALFORMED;
	if (store_last(r->store, TABLE_RESYNCS, &key) != ERR_OK || store_get(r->store, TABLE_RESYNCS, &key, &row) != ERR_OK)
		return ERR_OK;
	if (number > row.number)
		number = row.number + 1;
	for (uint64_t oldest = row.number > KEEP_ROWS + RUNS_MAX ? row.number - KEEP_ROWS - RUNS_MAX : 0;
	     number-- > oldest + 1;) {
		char id[RESYNC_ID_SIZE];

		snprintf(id, sizeof(id), "r%" PRIu64, number);
		if (resync_get(r, id, &row) != ERR_OK)
			continue;
		if (*ret_count == max) {
			*ret_more = true;
			break;
		}
		ret[(*ret_count)++] = row;
	}
	return ERR_OK;
}

/* --- the sweep --- */

static bool
sweep_due(const struct resyncs *rs, const struct erg *erg)
{
	int64_t now = clock_wall_ms(rs->r->clock);

	if (erg->state == ERG_OFF || erg->state == ERG_LINKING || erg->state == ERG_BROKEN)
		return false; /* links look at those at their own pace */
	return now - erg->read_wall_ms >= rs->r->config->sweep_ms || erg->read_wall_ms > now;
}

static void
on_swept(void *arg, const struct compare_result *result)
{
	struct sweep_slot *slot = arg;

	/* Compare has stored, told and logged what it found. */
	note_missed(slot->owner->r, &slot->erg, result);
	slot->job = NULL;
	timer_arm_sooner(slot->owner->sweep_timer, 0);
}

/* The next ERG that is due, within a bounded look; false: none now. Ends the walk at the table's end. */
static bool
sweep_next(struct resyncs *rs, unsigned *looks, struct erg_id *ret)
{
	struct sweep *sweep = &rs->sweep;
	struct store_cursor *c = store_seek(rs->r->store, TABLE_ERGS, NULL, sweep->place.len > 0 ? &sweep->place : NULL);
	bool found = false;
	struct erg erg;

	while (!found && sweep->walking && *looks < SWEEP_LOOK_MAX) {
		(*looks)++;
		if (store_next(c, &sweep->place, &erg) != ERR_OK)
			sweep->walking = false;
		else
			found = sweep_due(rs, &erg);
	}
	store_cursor_close(c);
	if (found)
		*ret = erg.id;
	return found;
}

static int64_t
walk_every_ms(const struct resyncs *rs)
{
	int64_t part = rs->r->config->sweep_ms / SWEEP_PART;

	return part < SWEEP_WALK_MIN_MS ? SWEEP_WALK_MIN_MS : part;
}

static void
on_sweep(void *arg)
{
	static const struct compare_options options = { .dry_run = false, .priority = GRAPH_SWEEP };
	struct resyncs *rs = arg;
	struct sweep *sweep = &rs->sweep;
	int64_t now = clock_boot_ms(rs->r->clock);
	unsigned looks = 0;

	if (!sweep->walking && now - sweep->walk_boot_ms >= walk_every_ms(rs)) {
		sweep->walking = true;
		sweep->walk_boot_ms = now;
		sweep->place.len = 0;
	}
	for (size_t i = 0; i < SWEEP_WIDTH; i++) {
		struct sweep_slot *slot = &sweep->slots[i];

		if (slot->job == NULL && sweep_next(rs, &looks, &slot->erg))
			slot->job = compare_erg(rs->r, &slot->erg, &options, on_swept, slot);
	}
	if (sweep->walking && looks >= SWEEP_LOOK_MAX)
		timer_arm_sooner(rs->sweep_timer, 0);
	else
		timer_arm_sooner(rs->sweep_timer, sweep->walk_boot_ms + walk_every_ms(rs) - now > 0
		                                      ? sweep->walk_boot_ms + walk_every_ms(rs) - now
		                                      : walk_every_ms(rs));
}

/* --- life --- */

/* Those that a stop interrupted start over. */
static void
runs_resume(struct resyncs *rs)
{
	struct store_cursor *c = store_seek(rs->r->store, TABLE_RESYNCS, NULL, NULL);
	struct resync row;

	while (store_next(c, NULL, &row) == ERR_OK) {
		if (row.state != RESYNC_RUNNING)
			continue;
		row.ergs_done = row.members_compared = row.meetings_compared = row.error_count = 0;
		memset(&row.changes, 0, sizeof(row.changes));
		memset(row.errors, 0, sizeof(row.errors));
		if (run_add(rs, &row) != NULL)
			log_put(LOG_INFO, "resync_resumed", LS("id", row.id));
	}
	store_cursor_close(c);
}

enum err
resyncs_new(struct reconciler *r, struct resyncs **ret)
{
	struct resyncs *rs = calloc(1, sizeof(*rs));

	if (rs == NULL)
		return ERR_NOMEM;
	rs->r = r;
	rs->pump = timer_new(r->clock, on_pump, rs);
	rs->sweep_timer = timer_new(r->clock, on_sweep, rs);
	if (rs->pump == NULL || rs->sweep_timer == NULL) {
		resyncs_free(rs);
		return ERR_NOMEM;
	}
	for (size_t i = 0; i < SWEEP_WIDTH; i++)
		rs->sweep.slots[i].owner = rs;
	rs->sweep.walk_boot_ms = clock_boot_ms(r->clock);
	timer_arm(rs->sweep_timer, walk_every_ms(rs));
	runs_resume(rs);
	*ret = rs;
	return ERR_OK;
}

void
resyncs_free(struct resyncs *rs)
{
	if (rs == NULL)
		return;
	for (size_t i = 0; i < RUNS_MAX; i++) {
		if (rs->runs[i] != NULL)
			run_cancel(rs->runs[i]);
		free(rs->runs[i]);
	}
	for (size_t i = 0; i < SWEEP_WIDTH; i++)
		compare_cancel(rs->sweep.slots[i].job);
	timer_free(rs->pump);
	timer_free(rs->sweep_timer);
	free(rs);
}
