#include "reconciler/reconciler.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/service.h"
#include "base/text.h"
#include "graph/graph.h"
#include "reconciler/audit.h"
#include "reconciler/chores.h"
#include "reconciler/compare.h"
#include "reconciler/deliver.h"
#include "reconciler/doctor.h"
#include "reconciler/doubt.h"
#include "reconciler/drift.h"
#include "reconciler/heal.h"
#include "reconciler/ingest.h"
#include "reconciler/keeper.h"
#include "reconciler/mailbox.h"
#include "reconciler/meeting_push.h"
#include "reconciler/meetings.h"
#include "reconciler/permissions.h"
#include "reconciler/push.h"
#include "reconciler/rekey.h"
#include "reconciler/resync.h"
#include "reconciler/retention.h"
#include "reconciler/rich.h"
#include "reconciler/sign_in.h"
#include "reconciler/staging.h"
#include "reconciler/standing.h"
#include "reconciler/summary.h"
#include "reconciler/work.h"
#include "state/inbox.h"
#include "state/outbox.h"
#include "state/rescue.h"
#include "state/stale.h"
#include "state/store.h"

#define PATH_SIZE  4096
#define SETTLED_MS 60000 /* a process that has run so long was not ended by its store */

static enum err
open_store(struct reconciler *r, const struct reconciler_options *o, char *why, size_t why_size)
{
	char directory[PATH_SIZE], aside[PATH_SIZE];
	struct store_options options = {
		.directory = directory,
		.map_size_bytes = (uint64_t)o->config->map_size_bytes,
		.key = o->state_key,
		.previous_key = o->previous_key,
		.clock = o->clock,
		.on_failure = o->on_store_failure,
		.on_failure_arg = o->on_store_failure_arg,
		.on_damaged = heal_on_damaged,
		.on_damaged_arg = r,
	};
	enum err e;

	snprintf(directory, sizeof(directory), "%s/state", o->config->state_directory);
	e = rescue_open(&options, &r->store, aside, why, why_size);
	secret_wipe(&options.key, sizeof(options.key));
	if (e != ERR_OK)
		return e;
	r->scope_key = *store_scope_key(r->store);
	if ((e = outbox_open(r->store, r->clock, &r->outbox)) != ERR_OK)
		snprintf(why, why_size, "the outbox cannot be read: %s", err_text(e));
	return e;
}

static enum err
open_graph(struct reconciler *r, const struct reconciler_options *o, char *why, size_t why_size)
{
	struct graph_options options = {
		.base_url = o->config->base_url,
		.login_url = o->config->login_url,
		.client_id = o->config->client_id,
		.client_secret = o->client_secret,
		.secret_expires_s = config_secret_expires_s(o->config),
		.client_certificate = o->client_certificate,
		.transport = o->graph_http,
		.clock = o->clock,
		.rng = o->rng->seeded ? rng_seeded(rng_u64(o->rng)) : rng_system(),
		.on_sign_in = tenant_on_sign_in,
		.on_refused = doubt_on_refused,
		.sign_in = sign_in_of,
		.keep = sign_in_keep,
		.arg = r,
	};
	enum err e = graph_new(&options, &r->graph);

	if (e != ERR_OK)
		snprintf(why, why_size, "the Graph client cannot start: %s", err_text(e));
	return e;
}

/* A store that was restored or made anew is compared with both sides at once. */
static void
resync_stale(struct reconciler *r)
{
	static const struct resync_scope all = { .kind = RESYNC_ALL };
	struct resync resync;
	char why[DETAIL_SIZE];

	if (!stale_resync_due(r->store))
		return;
	(void)resync_start(r, &all, false, &resync, why, sizeof(why));
	stale_resync_asked(r->store);
}

/* It did not end early. */
static void
settled(struct reconciler *r)
{
	char directory[PATH_SIZE];

	snprintf(directory, sizeof(directory), "%s/state", r->config->state_directory);
	rescue_settled(directory);
}

static void
on_settled(void *arg)
{
	settled(arg);
}

/* In order: what a part calls when it starts is there before it. */
static enum err
start_parts(struct reconciler *r, char *why, size_t why_size)
{
	enum err e = summaries_new(&r->summaries);

	if (e == ERR_OK)
		e = chores_new(r, &r->chores);
	if (e == ERR_OK)
		e = sign_ins_new(r, &r->sign_ins);
	if (e == ERR_OK)
		e = doctor_new(r, &r->doctor);
	if (e == ERR_OK)
		e = pushes_new(r, &r->pushes);
	if (e == ERR_OK)
		e = meetings_new(&r->meetings);
	if (e == ERR_OK)
		e = meeting_pushes_new(r, &r->meeting_pushes);
	if (e == ERR_OK)
		e = mailboxes_new(r, &r->mailboxes);
	if (e == ERR_OK)
		e = compare_new(r, &r->compare);
	if (e == ERR_OK)
		e = work_new(r, &r->work);
	if (e == ERR_OK)
		e = keeper_new(r, &r->keeper);
	if (e == ERR_OK)
		e = deliver_new(r, &r->deliver);
	if (e == ERR_OK)
		e = stagings_new(r, &r->stagings);
	if (e == ERR_OK)
		e = resyncs_new(r, &r->resyncs);
	if (e == ERR_OK)
		e = audit_new(r, &r->audit);
	if (e == ERR_OK)
		e = drift_new(r, &r->drift);
	if (e == ERR_OK)
		e = retention_new(r, &r->retention);
	if (e == ERR_OK)
		e = permissions_new(r, &r->permissions);
	if (e == ERR_OK)
		e = ingest_new(r, &r->ingest);
	if (e == ERR_OK)
		e = rekey_new(r, &r->rekey);
	if (e == ERR_OK)
		e = heal_new(r, &r->heal);
	if (e != ERR_OK)
		snprintf(why, why_size, "it cannot start: %s", err_text(e));
	if (e == ERR_OK && (r->settled = timer_new(r->clock, on_settled, r)) == NULL)
		e = ERR_NOMEM;
	if (e != ERR_OK)
		return e;
	timer_arm(r->settled, SETTLED_MS);
	resync_stale(r);
	return ERR_OK;
}

static void
take_options(struct reconciler *r, const struct reconciler_options *o)
{
	r->config = o->config;
	r->clock = o->clock;
	r->rng = o->rng;
	r->graph_http = o->graph_http;
	r->app_http = o->app_http;
	r->intake_key = o->intake_key;
	if (o->callback_secret != NULL)
		str_copy(r->callback_secret, sizeof(r->callback_secret), o->callback_secret);
	r->wake_listener = o->wake_listener;
	r->wake_listener_arg = o->wake_listener_arg;
	r->inbox_poll_ms = o->inbox_poll_ms > 0 ? o->inbox_poll_ms : INGEST_POLL_MS;
	r->started_wall_ms = clock_wall_ms(o->clock);
}

enum err
reconciler_new(const struct reconciler_options *options, struct reconciler **ret, char *why, size_t why_size)
{
	struct reconciler *r = calloc(1, sizeof(*r));
	enum err e;

	if (r == NULL) {
		snprintf(why, why_size, "%s", err_text(ERR_NOMEM));
		return ERR_NOMEM;
	}
	take_options(r, options);
	e = open_store(r, options, why, why_size);
	if (e == ERR_OK)
		e = open_graph(r, options, why, why_size);
	if (e == ERR_OK)
		e = rich_new(r, &r->rich, why, why_size);
	if (e == ERR_OK)
		e = start_parts(r, why, why_size);
	if (e != ERR_OK) {
		reconciler_crash(r);
		return e;
	}
	*ret = r;
	return ERR_OK;
}

void
reconciler_wake(struct reconciler *r)
{
	ingest_kick(r);
}

/* In the order of who may still call whom: users of comparisons before them, all before the Graph client. */
static void
stop_parts(struct reconciler *r)
{
	timer_free(r->settled);
	r->settled = NULL;
	heal_free(r->heal);
	r->heal = NULL;
	rekey_free(r->rekey);
	ingest_free(r->ingest);
	permissions_free(r->permissions);
	retention_free(r->retention);
	drift_free(r->drift);
	audit_free(r->audit);
	resyncs_free(r->resyncs);
	stagings_free(r->stagings);
	deliver_free(r->deliver);
	keeper_free(r->keeper);
	work_free(r->work);
	compare_free(r->compare);
	mailboxes_free(r->mailboxes);
	meeting_pushes_free(r->meeting_pushes);
	meetings_free(r->meetings);
	pushes_free(r->pushes);
	chores_free(r->chores);
	doctor_free(r->doctor);
	summaries_free(r->summaries);
	sign_ins_free(r->sign_ins);
	rich_free(r->rich);
	graph_free(r->graph);
	inbox_close(r->inbox);
	outbox_close(r->outbox);
}

static void
wipe_and_free(struct reconciler *r)
{
	secret_wipe(r, sizeof(*r));
	free(r);
}

void
reconciler_free(struct reconciler *r)
{
	if (r == NULL)
		return;
	/* Whoever waits for this turn's commit hears of it before the parts go. */
	if (r->store != NULL)
		store_commit(r->store);
	stop_parts(r);
	if (r->store != NULL)
		settled(r);
	store_close(r->store);
	wipe_and_free(r);
}

void
reconciler_crash(struct reconciler *r)
{
	if (r == NULL)
		return;
	stop_parts(r);
	store_drop(r->store);
	wipe_and_free(r);
}
