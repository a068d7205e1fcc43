/* keeper_wide.c - carries out what keeper_wide_plan decides: rows of the tenant-wide subscription and, by it, of the teams. */
#include "reconciler/keeper_wide.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/timestamp.h"
#include "graph/graph.h"
#include "reconciler/dirty.h"
#include "reconciler/keeper.h"
#include "reconciler/keeper_inside.h"
#include "reconciler/keeper_wide_plan.h"
#include "reconciler/reconciler.h"
#include "reconciler/scope.h"
#include "reconciler/tables.h"

#define REVIEW_SOON_MS 2000 /* many teams are often linked at once */
#define REVIEW_MS      (3600 * 1000LL)
#define TEAM_TRIES     8
#define SPREAD_MS      50 /* for each team: reads, creations and deletions of a tenant's teams do not meet */
#define DATE_LEN       10

/* --- which row --- */

enum err
keeper_wide_load(struct reconciler *r, const struct tenant_id *tenant, struct subscription *ret)
{
	struct subscription wanted;
	enum err e;

	if (r->keeper->wide_count == 0)
		return ERR_NOTFOUND;
	e = scope_of_tenant(r, tenant, &wanted);
	return e == ERR_OK ? subscription_load(r, &wanted.scope, ret) : e;
}

/* NULL: out of memory, or the keeper does not know the row yet. */
static struct wide_hearing *
hearing(struct keeper *k, const struct subscription *wide)
{
	struct entry *e = (struct entry *)book_find(&k->book, &wide->tenant, &wide->scope);

	if (e != NULL && e->hearing == NULL)
		e->hearing = calloc(1, sizeof(*e->hearing));
	return e != NULL ? e->hearing : NULL;
}

static enum wide_stand
stand_of(struct keeper *k, const struct tenant_id *tenant)
{
	int64_t now_ms = keeper_now_ms(k->r), boot_ms = clock_boot_ms(k->r->clock);
	struct subscription wide;
	struct wide_hearing *h;
	bool coming;

	if (keeper_wide_load(k->r, tenant, &wide) != ERR_OK || (h = hearing(k, &wide)) == NULL)
		return WIDE_NONE;
	coming = wide_stand(&wide, now_ms, 0) == WIDE_COMING;
	if (coming && !h->coming)
		h->coming_boot_ms = boot_ms;
	h->coming = coming;
	return wide_stand(&wide, now_ms, boot_ms - h->coming_boot_ms);
}

/* --- the teams --- */

struct each_team {
	struct keeper *k;
	int64_t spread_ms;
	size_t left; /* not yet with a subscription of their own */
};

static size_t
team_count(struct keeper *k, const struct tenant_id *tenant)
{
	const struct book_entry *e;
	size_t n = 0;

	for (size_t i = 0; (e = book_of_tenant(&k->book, tenant, i)) != NULL; i++)
		n += ((const struct entry *)e)->kind == SUBSCRIPTION_TEAM_MEMBERS;
	return n;
}

static void
for_teams(
    struct keeper *k, const struct tenant_id *tenant, void (*each)(void *arg, const struct subscription *s), size_t *ret_left)
{
	struct each_team teams = { .k = k, .spread_ms = (int64_t)team_count(k, tenant) * SPREAD_MS };

	keeper_rows(k->r, tenant, each, &teams);
	if (ret_left != NULL)
		*ret_left = teams.left;
}

static bool
is_team(const struct subscription *s)
{
	return s->kind == SUBSCRIPTION_TEAM_MEMBERS && s->state != SUBSCRIPTION_LEAVING;
}

static int64_t
spread(const struct each_team *teams, const struct subscription *s)
{
	return teams->spread_ms * s->scope.b[0] / 255;
}

static void
wake_team(void *arg, const struct subscription *s)
{
	const struct each_team *teams = arg;
	struct book_entry *e;

	if (!is_team(s) || (e = book_find(&teams->k->book, &s->tenant, &s->scope)) == NULL)
		return;
	keeper_due(teams->k, s);
	if (e->due_ms == 0)
		keeper_due_in((struct entry *)e, spread(teams, s));
}

static void
mark_team(void *arg, const struct subscription *s)
{
	const struct each_team *teams = arg;

	if (is_team(s))
		dirty_mark(teams->k->r, &s->scope, spread(teams, s));
}

/* One that was tried for minutes and fails has told why; the others need not wait for it. */
static void
count_left(void *arg, const struct subscription *s)
{
	struct each_team *teams = arg;

	teams->left += is_team(s) && s->id[0] == '\0' && s->failures < TEAM_TRIES;
}

void
keeper_wide_dirty(struct reconciler *r, const struct subscription *wide)
{
	for_teams(r->keeper, &wide->tenant, mark_team, NULL);
}

void
keeper_wide_settle(struct keeper *k, struct subscription *s)
{
	if (s->kind != SUBSCRIPTION_TEAM_MEMBERS || !wide_settle_team(s, stand_of(k, &s->tenant)))
		return;
	keeper_row_store(k->r, s);
	/* Until this row was there, what was told of its team was dropped as a stranger's. */
	if (s->state == SUBSCRIPTION_COVERED && s->id[0] == '\0')
		dirty_mark(k->r, &s->scope, 0);
}

bool
keeper_wide_holds(struct keeper *k, const struct subscription *s, enum keeper_step what)
{
	size_t left;

	if (s->kind == SUBSCRIPTION_TEAM_MEMBERS)
		return what == KEEPER_CREATE && stand_of(k, &s->tenant) == WIDE_COMING;
	if (s->kind != SUBSCRIPTION_TENANT_MEMBERS || what != KEEPER_DELETE || s->state == SUBSCRIPTION_ACTIVE)
		return false;
	for_teams(k, &s->tenant, count_left, &left);
	return left > 0;
}

/* --- what Graph says --- */

/* Each team gets its own again, and this one waits. why: what it did, with a place for nothing. */
static void
set_aside(struct keeper *k, struct subscription *s, const char *why)
{
	char until[TIMESTAMP_SIZE];

	s->refusals++;
	s->failures = 0;
	s->state = SUBSCRIPTION_REFUSED;
	s->retry_wall_ms = s->id[0] != '\0' ? 0 : keeper_now_ms(k->r) + wide_retry_ms(s->refusals, s->scope.b[0]);
	timestamp_format(keeper_now_ms(k->r) + wide_retry_ms(s->refusals, s->scope.b[0]), until);
	(void)snprintf(
	    s->detail, sizeof(s->detail), "%s Each team has its own; one for all is tried again on %.*s.", why, DATE_LEN, until);
	keeper_row_store(k->r, s);
	keeper_due(k, s);
	for_teams(k, &s->tenant, wake_team, NULL);
}

bool
keeper_wide_refused(struct keeper *k, struct subscription *s, const struct graph_answer *a)
{
	char why[DETAIL_SIZE];

	if (s->kind != SUBSCRIPTION_TENANT_MEMBERS || !wide_is_refusal(a->status, a->err, a->error.code, s->failures + 1))
		return false;
	(void)snprintf(why, sizeof(why), "Graph refuses one subscription for all teams of this tenant (status %d).", a->status);
	set_aside(k, s, why);
	log_put(LOG_INFO, "tenant_wide_refused", LS("tenant", s->tenant.s), LI("status", a->status),
	    LS("reason", err_name(a->err)), LS("request_id", a->request_id), LI("times", s->refusals));
	return true;
}

void
keeper_wide_rest(struct keeper *k, struct subscription *s)
{
	s->retry_wall_ms = keeper_now_ms(k->r) + wide_retry_ms(s->refusals, s->scope.b[0]);
}

void
keeper_wide_created(struct keeper *k, const struct subscription *s)
{
	struct wide_hearing *h = hearing(k, s);

	if (h != NULL)
		*h = (struct wide_hearing){ .coming = false };
	keeper_wide_dirty(k->r, s);
	for_teams(k, &s->tenant, wake_team, NULL);
	log_put(LOG_INFO, "tenant_wide_used", LS("tenant", s->tenant.s), LI("teams", (int64_t)team_count(k, &s->tenant)));
}

/* --- what it tells --- */

static void
found_deaf(struct keeper *k, struct subscription *wide, const struct wide_hearing *h)
{
	char why[DETAIL_SIZE];

	if (h->unreadable > 0)
		(void)snprintf(
		    why, sizeof(why), "Notifications of one subscription for all teams did not say which team they are of.");
	else
		(void)snprintf(why, sizeof(why),
		    "One subscription for all teams kept silent about %" PRIu64 " changes that checks found.", h->missed);
	log_put(LOG_WARN, "tenant_wide_deaf", LS("tenant", wide->tenant.s), LI("missed", (int64_t)h->missed),
	    LI("unreadable", (int64_t)h->unreadable), LI("heard", (int64_t)h->heard));
	set_aside(k, wide, why);
}

static bool
is_trusted(const struct subscription *wide)
{
	return wide->id[0] != '\0' && wide->state != SUBSCRIPTION_REFUSED && wide->state != SUBSCRIPTION_LEAVING;
}

/* If this goes on the teams are better off without. */
static void
misread(struct keeper *k, const struct subscription *wide)
{
	struct wide_hearing *h = hearing(k, wide);
	struct subscription now;

	if (h != NULL && wide_misread(h) && subscription_load(k->r, &wide->scope, &now) == ERR_OK && is_trusted(&now))
		found_deaf(k, &now, h);
}

enum err
keeper_wide_place(struct reconciler *r, const struct subscription *wide, struct hint *hint)
{
	struct subscription team, row;
	struct wide_hearing *h;

	if (hint->team.s[0] == '\0') {
		misread(r->keeper, wide);
		return ERR_MALFORMED;
	}
	if (scope_of_team(r, &wide->tenant, &hint->team, &team) != ERR_OK || subscription_load(r, &team.scope, &row) != ERR_OK) {
		r->counters.hints_other_team++;
		return ERR_NOTFOUND;
	}
	if ((h = hearing(r->keeper, wide)) != NULL)
		wide_hear(h);
	hint->scope = team.scope;
	return ERR_OK;
}

/* No other subscription is there, whose notifications would show that any come at all. */
static bool
is_alone(struct keeper *k, const struct subscription *wide)
{
	return k->book.count <= team_count(k, &wide->tenant) + 1;
}

void
keeper_wide_missed(struct reconciler *r, const struct scope_id *scope)
{
	struct subscription team, wide;
	struct wide_hearing *h;

	if (subscription_load(r, scope, &team) != ERR_OK || team.state != SUBSCRIPTION_COVERED || team.id[0] != '\0' ||
	    keeper_wide_load(r, &team.tenant, &wide) != ERR_OK || !is_trusted(&wide) || (h = hearing(r->keeper, &wide)) == NULL)
		return;
	if (wide_miss(h, clock_boot_ms(r->clock), r->counters.hints_read, is_alone(r->keeper, &wide)))
		found_deaf(r->keeper, &wide, h);
}

/* --- who wants one --- */

/* What was held against it is forgotten once it has told enough. */
static void
forgive(struct keeper *k, struct subscription *wide)
{
	const struct wide_hearing *h = hearing(k, wide);

	if (wide->refusals == 0 || wide->state != SUBSCRIPTION_ACTIVE || h == NULL || h->heard < WIDE_PROVED)
		return;
	wide->refusals = 0;
	keeper_row_store(k->r, wide);
}

static void
review(struct keeper *k, const struct tenant *tenant)
{
	struct subscription wide;
	bool there = keeper_wide_load(k->r, &tenant->id, &wide) == ERR_OK && wide.state != SUBSCRIPTION_LEAVING;
	/* Nobody may ask for it but the application itself: graph-facts 1.5. */
	bool wanted = tenant->sign_in == SIGN_IN_APPLICATION &&
	              wide_is_wanted(team_count(k, &tenant->id), k->r->config->tenant_wide_from, there);

	if (there && wanted) {
		forgive(k, &wide);
	} else if (there) {
		keeper_row_leave(k, &wide);
		for_teams(k, &tenant->id, wake_team, NULL);
	} else if (wanted && tenant->state == TENANT_ACTIVE && scope_of_tenant(k->r, &tenant->id, &wide) == ERR_OK) {
		keeper_row_want(k->r, &wide);
		for_teams(k, &tenant->id, wake_team, NULL);
	}
}

static void
on_review(void *arg)
{
	struct keeper *k = arg;
	struct store_cursor *c;
	struct tenant tenant;

	if (k->r->config->tenant_wide_from == 0 && k->wide_count == 0)
		return; /* until kicked */
	c = store_seek(k->r->store, TABLE_TENANTS, NULL, NULL);
	while (store_next(c, NULL, &tenant) == ERR_OK)
		if (tenant.state != TENANT_REMOVING)
			review(k, &tenant);
	store_cursor_close(c);
	timer_arm(k->review, REVIEW_MS);
}

void
keeper_wide_kick(struct reconciler *r)
{
	if (r->config->tenant_wide_from > 0 || r->keeper->wide_count > 0)
		timer_arm_sooner(r->keeper->review, REVIEW_SOON_MS);
}

enum err
keeper_wide_start(struct keeper *k)
{
	if ((k->review = timer_new(k->r->clock, on_review, k)) == NULL)
		return ERR_NOMEM;
	timer_arm(k->review, REVIEW_SOON_MS);
	return ERR_OK;
}
