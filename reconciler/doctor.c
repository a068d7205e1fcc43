#include "reconciler/doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/encode.h"
#include "base/text.h"
#include "graph/events.h"
#include "graph/graph.h"
#include "graph/notification_keys.h"
#include "graph/teams.h"
#include "graph/wire.h"
#include "net/http_client.h"
#include "reconciler/checkup.h"
#include "reconciler/keeper_move.h"
#include "reconciler/keeper_move_plan.h"
#include "reconciler/keeper_wide.h"
#include "reconciler/permissions.h"
#include "reconciler/reconciler.h"
#include "reconciler/rich.h"
#include "reconciler/sign_in.h"
#include "reconciler/tables.h"
#include "state/store.h"

#define GRAPH_LIMIT_MS    15000
#define ENDPOINT_LIMIT_MS 10000 /* as long as Graph waits for a validation */
#define ENDPOINT_ANSWER   (64u << 10)
#define TOKEN_SIZE        64
#define TLS_WAYS          3

struct run;

/* One validation request, by any TLS version or a certain one. */
struct knock {
	struct run *run;
	struct http_call *call;
	enum app_check_kind kind;
	enum http_tls tls;
	char token[TOKEN_SIZE];
};

struct run {
	struct doctor *all;
	struct app_doctor report;
	struct tenant_id tenant;
	struct guid directory;
	struct checkup_needs needs;
	bool delegated, subscribed;
	struct knock knocks[TLS_WAYS];
	struct graph_call *call; /* the one under way: organizer, then mailbox */
	unsigned pending;
	int64_t finished_boot_ms; /* while pending is 0 */
	struct timer *limit;
	TAILQ_ENTRY(run) link;
};

struct doctor {
	struct reconciler *r;
	TAILQ_HEAD(, run) runs; /* oldest first */
	unsigned count;
};

enum err
doctor_new(struct reconciler *r, struct doctor **ret)
{
	struct doctor *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return ERR_NOMEM;
	d->r = r;
	TAILQ_INIT(&d->runs);
	*ret = d;
	return ERR_OK;
}

/* ---------- a run ---------- */

static struct reconciler *
reconciler_of(const struct run *run)
{
	return run->all->r;
}

static void
run_cancel(struct run *run)
{
	graph_cancel(reconciler_of(run)->graph, run->call);
	run->call = NULL;
	for (int i = 0; i < TLS_WAYS; i++) {
		http_cancel(reconciler_of(run)->graph_http, run->knocks[i].call);
		run->knocks[i].call = NULL;
	}
}

static void
run_end(struct run *run)
{
	run_cancel(run);
	timer_free(run->limit);
	free(run);
}

static void
run_free(struct run *run)
{
	TAILQ_REMOVE(&run->all->runs, run, link);
	run->all->count--;
	run_end(run);
}

static void
run_finish(struct run *run)
{
	struct reconciler *r = reconciler_of(run);

	timer_stop(run->limit);
	run->pending = 0;
	run->finished_boot_ms = clock_boot_ms(r->clock);
	run->report.running = false;
	run->report.finished_wall_ms = clock_wall_ms(r->clock);
}

static void
one_done(struct run *run)
{
	if (run->pending > 0 && --run->pending == 0)
		run_finish(run);
}

static void
on_limit(void *arg)
{
	struct run *run = arg;

	run_cancel(run);
	run_finish(run);
}

static struct app_check *
check(struct run *run, enum app_check_kind kind)
{
	return &run->report.checks[kind];
}

/* ---------- the endpoint ---------- */

static void
on_knocked(void *arg, const struct http_answer *a)
{
	struct knock *k = arg;
	struct run *run = k->run;
	struct app_check *c = check(run, k->kind);

	k->call = NULL;
	if (k->tls == HTTP_TLS_ANY)
		checkup_endpoint(c, a, k->token, run->subscribed);
	else
		checkup_tls(c, a, k->tls == HTTP_TLS_1_2 ? 2 : 3);
	one_done(run);
}

static void
knock(struct run *run, struct knock *k, enum app_check_kind kind, enum http_tls tls)
{
	struct reconciler *r = reconciler_of(run);
	struct http_request request = {
		.method = "POST", .body = "", .timeout_ms = ENDPOINT_LIMIT_MS, .answer_max_bytes = ENDPOINT_ANSWER, .tls = tls
	};
	struct text url;

	k->run = run;
	k->kind = kind;
	k->tls = tls;
	graph_uuid(r->rng, k->token);
	text_init(&url, GRAPH_URL_MAX);
	text_addf(&url, "%s/graph/notifications?validationToken=%s", r->config->public_url, k->token);
	request.url = url.data;
	if (text_err(&url) == ERR_OK && (k->call = http_start(r->graph_http, &request, on_knocked, k)) != NULL)
		run->pending++;
	text_done(&url);
}

static void
knock_all(struct run *run)
{
	const char *url = reconciler_of(run)->config->public_url;

	if (url == NULL)
		return;
	knock(run, &run->knocks[0], APP_CHECK_ENDPOINT, HTTP_TLS_ANY);
	if (!str_starts(url, "https:"))
		return;
	knock(run, &run->knocks[1], APP_CHECK_TLS_1_2, HTTP_TLS_1_2);
	knock(run, &run->knocks[2], APP_CHECK_TLS_1_3, HTTP_TLS_1_3);
}

/* ---------- Graph ---------- */

static void
look_at_clock(struct run *run)
{
	struct graph_stats stats;

	graph_stats(reconciler_of(run)->graph, &stats);
	if (stats.last_answer_wall_ms > 0)
		checkup_clock(check(run, APP_CHECK_CLOCK), true, stats.clock_skew_ms);
	else
		checkup_not_asked(check(run, APP_CHECK_CLOCK));
}

static void
look_at_permissions(struct run *run)
{
	json_t *claims = graph_tenant_claims(reconciler_of(run)->graph, &run->directory);

	checkup_permissions(check(run, APP_CHECK_PERMISSIONS), &run->needs, run->delegated, claims);
	checkup_unneeded(check(run, APP_CHECK_UNNEEDED), &run->needs, run->delegated, claims);
	json_decref(claims);
}

static void
on_mailbox(void *arg, const struct graph_answer *a)
{
	struct run *run = arg;

	run->call = NULL;
	checkup_mailbox(check(run, APP_CHECK_MAILBOX), run->delegated, a);
	look_at_clock(run);
	one_done(run);
}

/* True when it is being asked. */
static bool
ask_mailbox(struct run *run, const struct guid *organizer)
{
	struct graph_where where = { .directory = run->directory, .priority = GRAPH_PERSON, .deadline_ms = GRAPH_LIMIT_MS };

	run->call = graph_mailbox_try(reconciler_of(run)->graph, &where, organizer, on_mailbox, run);
	return run->call != NULL;
}

static void
on_organizer(void *arg, const struct graph_answer *a)
{
	struct run *run = arg;
	struct reconciler *r = reconciler_of(run);
	char account[UPN_SIZE];
	struct graph_user user;
	struct guid id;
	struct tenant tenant;

	run->call = NULL;
	if (tenant_load(r, &run->tenant, &tenant) == ERR_OK) {
		sign_in_account(r, &tenant.id, account, &id);
		checkup_sign_in(check(run, APP_CHECK_SIGN_IN), &tenant, a);
		checkup_organizer(check(run, APP_CHECK_ORGANIZER), &tenant, a, run->delegated ? account : "");
		look_at_permissions(run);
		look_at_clock(run);
		if (!run->needs.meetings)
			checkup_mailbox(check(run, APP_CHECK_MAILBOX), run->delegated, NULL);
		else if (graph_user_read(a, &user) == ERR_OK && ask_mailbox(run, &user.id))
			return;
		else
			checkup_not_asked(check(run, APP_CHECK_MAILBOX));
	}
	one_done(run);
}

static void
ask_graph(struct run *run, const struct tenant *tenant)
{
	struct reconciler *r = reconciler_of(run);
	struct graph_where where = { .directory = run->directory, .priority = GRAPH_PERSON, .deadline_ms = GRAPH_LIMIT_MS };

	if (tenant->state != TENANT_ACTIVE)
		graph_tenant_retry(r->graph, &tenant->directory_id);
	else
		graph_tenant_doubt(r->graph, &tenant->directory_id); /* a token names what was granted when it was given */
	run->call = graph_user_get(r->graph, &where, tenant->organizer, on_organizer, run);
	if (run->call != NULL)
		run->pending++;
}

/* ---------- what the store knows ---------- */

static void
count_subscription(const struct reconciler *r, const struct subscription *s, struct checkup_subscriptions *ret)
{
	int64_t now_ms = clock_wall_ms(r->clock);

	ret->former += move_address(s, keeper_move_mark(r)) != SUBSCRIPTION_AT_CURRENT;
	ret->wanted += s->state == SUBSCRIPTION_WANTED;
	ret->covered += s->state == SUBSCRIPTION_COVERED;
	if (s->state == SUBSCRIPTION_REFUSED)
		(void)str_copy(ret->refused, sizeof(ret->refused), s->detail);
	if (s->state == SUBSCRIPTION_FAILING) {
		ret->failing++;
		(void)str_copy(ret->detail, sizeof(ret->detail), s->detail);
	}
	if (s->state != SUBSCRIPTION_ACTIVE)
		return;
	ret->active++;
	ret->silent |= keeper_wide_is_silent(s);
	ret->overdue += s->expires_wall_ms <= now_ms || now_ms - s->renewed_wall_ms > 2 * r->config->renew_every_ms;
	if (ret->next_expiry_wall_ms == 0 || s->expires_wall_ms < ret->next_expiry_wall_ms)
		ret->next_expiry_wall_ms = s->expires_wall_ms;
}

static void
look_at_subscriptions(struct run *run)
{
	struct reconciler *r = reconciler_of(run);
	struct store_cursor *c = store_seek(r->store, TABLE_SUBSCRIPTIONS, NULL, NULL);
	struct checkup_subscriptions found = { .active = 0 };
	struct subscription s;

	while (store_next(c, NULL, &s) == ERR_OK)
		if (strcmp(s.tenant.s, run->tenant.s) == 0)
			count_subscription(r, &s, &found);
	store_cursor_close(c);
	found.unreached = keeper_move_is_stuck(r);
	run->subscribed = found.active > 0;
	checkup_subscriptions(check(run, APP_CHECK_SUBSCRIPTIONS), &found, clock_wall_ms(r->clock));
}

static void
look_at_credential(struct run *run)
{
	struct reconciler *r = reconciler_of(run);
	struct graph_stats stats;

	graph_stats(r->graph, &stats);
	checkup_credential(
	    check(run, APP_CHECK_CREDENTIAL), stats.by_certificate, stats.credential_expires_s, clock_wall_ms(r->clock) / 1000);
}

/* Of all tenants: a key's file is removed once for all. */
static int64_t
count_former_keys(struct reconciler *r, const char *present)
{
	struct store_cursor *c = store_seek(r->store, TABLE_SUBSCRIPTIONS, NULL, NULL);
	struct subscription s;
	int64_t n = 0;

	while (store_next(c, NULL, &s) == ERR_OK)
		n += s.id[0] != '\0' && s.encryption_id[0] != '\0' && strcmp(s.encryption_id, present) != 0;
	store_cursor_close(c);
	return n;
}

static void
look_at_notification_key(struct run *run)
{
	struct reconciler *r = reconciler_of(run);
	const struct notification_keys *keys = rich_keys(r);

	checkup_notification_key(check(run, APP_CHECK_NOTIFICATION_KEY), keys != NULL ? notification_keys_expire_s(keys) : 0,
	    keys != NULL ? count_former_keys(r, notification_keys_id(keys)) : 0, clock_wall_ms(r->clock) / 1000);
}

/* ---------- reports ---------- */

static struct run *
run_find(struct doctor *d, const struct tenant_id *tenant)
{
	struct run *run;

	TAILQ_FOREACH(run, &d->runs, link)
	if (strcmp(run->tenant.s, tenant->s) == 0)
		break;
	return run;
}

/* False: all are at work. */
static bool
make_room(struct doctor *d)
{
	struct run *run;

	if (d->count < DOCTOR_RUNS_MAX)
		return true;
	TAILQ_FOREACH(run, &d->runs, link)
	if (run->pending == 0) {
		run_free(run);
		return true;
	}
	return false;
}

static void
run_start(struct run *run, const struct tenant *tenant)
{
	struct reconciler *r = reconciler_of(run);

	run->tenant = run->report.tenant = tenant->id;
	run->directory = tenant->directory_id;
	run->delegated = tenant->sign_in == SIGN_IN_DELEGATED;
	run->report.running = true;
	run->report.started_wall_ms = clock_wall_ms(r->clock);
	for (int i = 0; i < APP_CHECK_COUNT; i++)
		checkup_begin(&run->report.checks[i], (enum app_check_kind)i);
	look_at_credential(run);
	look_at_notification_key(run);
	permissions_needs(r, &tenant->id, &run->needs);
	look_at_subscriptions(run);
	run->pending = 1;
	ask_graph(run, tenant);
	knock_all(run);
	timer_arm(run->limit, DOCTOR_LIMIT_MS);
	one_done(run);
}

static enum err
run_new(struct doctor *d, const struct tenant *tenant, struct run **ret)
{
	struct run *run;

	if (!make_room(d))
		return ERR_FULL;
	if ((run = calloc(1, sizeof(*run))) == NULL)
		return ERR_NOMEM;
	run->all = d;
	if ((run->limit = timer_new(d->r->clock, on_limit, run)) == NULL) {
		free(run);
		return ERR_NOMEM;
	}
	TAILQ_INSERT_TAIL(&d->runs, run, link);
	d->count++;
	run_start(run, tenant);
	*ret = run;
	return ERR_OK;
}

enum err
doctor_report(struct reconciler *r, const struct tenant *tenant, struct app_doctor *ret)
{
	struct doctor *d = r->doctor;
	struct run *run = run_find(d, &tenant->id);
	enum err e = ERR_OK;

	if (run != NULL && run->pending == 0 && clock_boot_ms(r->clock) - run->finished_boot_ms >= DOCTOR_FRESH_MS) {
		run_free(run);
		run = NULL;
	}
	if (run == NULL && (e = run_new(d, tenant, &run)) != ERR_OK)
		return e;
	*ret = run->report;
	return ERR_OK;
}

void
doctor_forget(struct reconciler *r, const struct tenant_id *tenant)
{
	struct run *run = run_find(r->doctor, tenant);

	if (run != NULL)
		run_free(run);
}

void
doctor_free(struct doctor *d)
{
	struct run *run, *next;

	if (d == NULL)
		return;
	for (run = TAILQ_FIRST(&d->runs); run != NULL; run = next) {
		next = TAILQ_NEXT(run, link);
		run_end(run);
	}
	free(d);
}
