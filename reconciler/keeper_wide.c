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
#define SPREAD_MS      50  /* for each team: reads, creations and deletions of a tenant's teams do not meet */
#define GIVE_UP_MS     250 /* the same where nothing waits for it */
#define DATE_LEN       10

/* --- which row --- */

/* The entry of the tenant's own; NULL: it has none, as nearly all. */
static struct entry *
wide_of(const struct book_tenant *of)
{
	return of != NULL ? (struct entry *)of->wide : NULL;
}

enum err
keeper_wide_load(struct reconciler *r, const struct tenant_id *tenant, struct subscription *ret)
{
	const struct keeper *k = r->keeper;
	const struct entry *e = k->wide_count > 0 ? wide_of(book_tenant(&k->book, tenant)) : NULL;

	return e != NULL ? subscription_load(r, &e->book.scope, ret) : ERR_NOTFOUND;
}

bool
keeper_wide_is_silent(const struct subscription *s)
{
	return s->kind == SUBSCRIPTION_TENANT_MEMBERS && s->state == SUBSCRIPTION_ACTIVE && s->heard_wall_ms == 0;
}

/* NULL: out of memory, or there is no entry. */
static struct wide_hearing *
hearing_of(struct entry *e)
{
	if (e != NULL && e->hearing == NULL)
		e->hearing = calloc(1, sizeof(*e->hearing));
	return e != NULL ? e->hearing : NULL;
}

/* NULL also when the keeper does not know the row yet. */
static struct wide_hearing *
hearing(struct keeper *k, const struct subscription *wide)
{
	return hearing_of((struct entry *)book_find(&k->book, &wide->tenant, &wide->scope));
}

static enum wide_stand
stand_of(struct keeper *k, const struct book_tenant *of)
{
	int64_t now_ms = keeper_now_ms(k->r), boot_ms = clock_boot_ms(k->r->clock);
	struct wide_hearing *h = hearing_of(wide_of(of));
	struct subscription wide;
	bool coming;

	if (h == NULL || subscription_load(k->r, &of->wide->scope, &wide) != ERR_OK)
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
	size_t left;          /* not yet with a subscription of their own */
	size_t own, lacking;  /* on Graph and not; of what is lacking, also those of members of channels */
	struct entry *spared; /* one that can be given up */
};

static size_t
team_count(struct keeper *k, const struct tenant_id *tenant)
{
	const struct book_tenant *of = book_tenant(&k->book, tenant);
	size_t n = 0;

	for (size_t i = 0; of != NULL && i < of->count; i++)
		n += ((const struct entry *)of->entries[i])->kind == SUBSCRIPTION_TEAM_MEMBERS;
	return n;
}

/* apart_ms: from one team to the next. */
static struct each_team
for_teams(
    struct keeper *k, const struct tenant_id *tenant, void (*each)(void *arg, const struct subscription *s), int64_t apart_ms)
{
	struct each_team teams = { .k = k, .spread_ms = (int64_t)team_count(k, tenant) * apart_ms };

	keeper_rows(k->r, tenant, each, &teams);
	return teams;
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

static void
mark_lacking(void *arg, const struct subscription *s)
{
	if (s->id[0] == '\0')
		mark_team(arg, s);
}

static void
count_own(void *arg, const struct subscription *s)
{
	struct each_team *teams = arg;
	bool on_graph = s->id[0] != '\0';

	teams->own += is_team(s) && on_graph;
	teams->lacking +=
	    (is_team(s) || (s->kind == SUBSCRIPTION_CHANNEL_MEMBERS && s->state != SUBSCRIPTION_LEAVING)) && !on_graph;
}

static void
find_spared(void *arg, const struct subscription *s)
{
	struct each_team *teams = arg;
	struct entry *e;

	if (teams->spared == NULL && is_team(s) && s->state == SUBSCRIPTION_ACTIVE && s->id[0] != '\0' &&
	    (e = (struct entry *)book_find(&teams->k->book, &s->tenant, &s->scope)) != NULL && e->call == NULL &&
	    e->pages == NULL)
		teams->spared = e;
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
	(void)for_teams(r->keeper, &wide->tenant, mark_team, SPREAD_MS);
}

void
keeper_wide_settle(struct entry *e, struct subscription *s)
{
	struct keeper *k = e->keeper;

	if (s->kind != SUBSCRIPTION_TEAM_MEMBERS || !wide_settle_team(s, stand_of(k, e->book.of)))
		return;
	keeper_row_store(k->r, s);
	/* Until this row was there, what was told of its team was dropped as a stranger's. */
	if (s->state == SUBSCRIPTION_COVERED && s->id[0] == '\0')
		dirty_mark(k->r, &s->scope, 0);
}

bool
keeper_wide_keeps_covered(const struct entry *e)
{
	return wide_keeps_covered(stand_of(e->keeper, e->book.of));
}

/* There is little room on Graph, and the tenant's comes first. */
static bool
waits_for_room(struct keeper *k, const struct tenant_id *tenant)
{
	const struct wide_hearing *h;
	struct subscription wide;

	return keeper_wide_load(k->r, tenant, &wide) == ERR_OK && stand_of(k, book_tenant(&k->book, tenant)) == WIDE_COMING &&
	       (wide.room > 0 || ((h = hearing(k, &wide)) != NULL && h->made_room));
}

bool
keeper_wide_holds(struct keeper *k, const struct subscription *s, enum keeper_step what)
{
	if (s->kind == SUBSCRIPTION_TEAM_MEMBERS || s->kind == SUBSCRIPTION_CHANNEL_MEMBERS)
		return what == KEEPER_CREATE && waits_for_room(k, &s->tenant);
	if (s->kind != SUBSCRIPTION_TENANT_MEMBERS || what != KEEPER_DELETE || s->state == SUBSCRIPTION_ACTIVE)
		return false;
	return for_teams(k, &s->tenant, count_left, SPREAD_MS).left > 0;
}

/* --- what Graph says --- */

/* Each team gets its own again, and this one waits. why: what it did, with a place for nothing. */
static void
set_aside(struct keeper *k, struct subscription *s, const char *why)
{
	char until[TIMESTAMP_SIZE];

	struct wide_hearing *h = hearing(k, s);

	if (h != NULL)
		h->made_room = false;
	s->refusals++;
	s->failures = 0;
	s->state = SUBSCRIPTION_REFUSED;
	s->retry_wall_ms = s->id[0] != '\0' ? 0 : keeper_now_ms(k->r) + wide_retry_ms(s->refusals, s->scope.b[0]);
	timestamp_format(keeper_now_ms(k->r) + wide_retry_ms(s->refusals, s->scope.b[0]), until);
	(void)snprintf(
	    s->detail, sizeof(s->detail), "%s Each team has its own; one for all is tried again on %.*s.", why, DATE_LEN, until);
	keeper_row_store(k->r, s);
	keeper_due(k, s);
	(void)for_teams(k, &s->tenant, wake_team, SPREAD_MS);
}

/* Graph has no room for it either: a team's is given up, once, and what changes there meanwhile is found when that team is read. */
static bool
make_room(struct keeper *k, struct subscription *s)
{
	struct wide_hearing *h = hearing(k, s);
	struct entry *spared;

	if (h == NULL || h->made_room || (spared = for_teams(k, &s->tenant, find_spared, SPREAD_MS).spared) == NULL)
		return false;
	h->made_room = spared->gives_way = true;
	book_set_due(&k->book, &spared->book, 0);
	s->retry_wall_ms = keeper_now_ms(k->r) + WIDE_ROOM_MS;
	keeper_row_store(k->r, s);
	log_put(LOG_INFO, "tenant_wide_makes_room", LS("tenant", s->tenant.s));
	return true;
}

void
keeper_wide_room_made(struct keeper *k, const struct subscription *s)
{
	struct subscription wide;

	if (keeper_wide_load(k->r, &s->tenant, &wide) != ERR_OK || wide.state == SUBSCRIPTION_LEAVING || wide.id[0] != '\0')
		return;
	wide.retry_wall_ms = 0;
	keeper_row_store(k->r, &wide);
	keeper_due(k, &wide);
}

bool
keeper_wide_refused(struct keeper *k, struct subscription *s, const struct graph_answer *a)
{
	char why[DETAIL_SIZE];

	if (s->kind == SUBSCRIPTION_TENANT_MEMBERS && s->state != SUBSCRIPTION_LEAVING && a->err == ERR_FULL && a->status != 0 &&
	    make_room(k, s))
		return true;
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
	(void)for_teams(k, &s->tenant, mark_lacking, SPREAD_MS);
	(void)for_teams(k, &s->tenant, wake_team, SPREAD_MS);
	log_put(LOG_INFO, "tenant_wide_made", LS("tenant", s->tenant.s), LI("teams", (int64_t)team_count(k, &s->tenant)));
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
		    "One subscription for all teams kept silent about %" PRIu64 " changes that were found without it.",
		    h->missed);
	log_put(LOG_WARN, "tenant_wide_deaf", LS("tenant", wide->tenant.s), LI("missed", (int64_t)h->missed),
	    LI("unreadable", (int64_t)h->unreadable), LI("heard", (int64_t)h->heard));
	set_aside(k, wide, why);
}

static bool
is_trusted(const struct subscription *wide)
{
	return wide->id[0] != '\0' && wide->state != SUBSCRIPTION_REFUSED && wide->state != SUBSCRIPTION_LEAVING;
}

/* It tells, as has been known of it since it was made only now: teams need none of their own any more. */
static void
heard(struct keeper *k, const struct subscription *wide)
{
	struct subscription now;

	if (wide->heard_wall_ms != 0 || subscription_load(k->r, &wide->scope, &now) != ERR_OK || !is_trusted(&now) ||
	    now.heard_wall_ms != 0)
		return;
	now.heard_wall_ms = keeper_now_ms(k->r);
	keeper_row_store(k->r, &now);
	(void)for_teams(k, &now.tenant, wake_team, GIVE_UP_MS);
	log_put(LOG_INFO, "tenant_wide_used", LS("tenant", now.tenant.s), LI("teams", (int64_t)team_count(k, &now.tenant)));
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
	heard(r->keeper, wide);
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
keeper_wide_told(struct reconciler *r, const struct subscription *team)
{
	struct subscription wide;
	struct wide_hearing *h;

	/* What happened before it was made it need not tell, and notifications may be late. */
	if (keeper_wide_load(r, &team->tenant, &wide) != ERR_OK || !is_trusted(&wide) || wide.heard_wall_ms != 0 ||
	    keeper_now_ms(r) - wide.created_wall_ms < WIDE_DEAF_MS || (h = hearing(r->keeper, &wide)) == NULL)
		return;
	if (wide_miss(h, clock_boot_ms(r->clock), r->counters.hints_read, false))
		found_deaf(r->keeper, &wide, h);
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

/* Nobody may ask for it but the application itself: graph-facts 1.5. */
static bool
may_ask(const struct tenant *tenant)
{
	return tenant->sign_in == SIGN_IN_APPLICATION;
}

static void
want(struct keeper *k, struct subscription *wide, int64_t room)
{
	struct subscription present;

	if (subscription_load(k->r, &wide->scope, &present) == ERR_OK) {
		if (present.state != SUBSCRIPTION_LEAVING)
			return;
		present.room = room;
		keeper_row_store(k->r, &present);
	}
	wide->room = room;
	keeper_row_want(k->r, wide);
	(void)for_teams(k, &wide->tenant, wake_team, SPREAD_MS);
	timer_arm_sooner(k->review, REVIEW_MS);
}

static void
review(struct keeper *k, const struct tenant *tenant)
{
	struct subscription wide;
	bool there = keeper_wide_load(k->r, &tenant->id, &wide) == ERR_OK && wide.state != SUBSCRIPTION_LEAVING;
	const struct wide_need need = { .teams = team_count(k, &tenant->id),
		.lacking = there && wide.room > 0 ? for_teams(k, &tenant->id, count_own, SPREAD_MS).lacking : 0,
		.there = there,
		.room = there ? wide.room : 0 };
	bool wanted = may_ask(tenant) && wide_is_wanted(&need, k->r->config->tenant_wide_from);

	if (there && wanted) {
		forgive(k, &wide);
	} else if (there) {
		keeper_row_leave(k, &wide);
		(void)for_teams(k, &tenant->id, wake_team, SPREAD_MS);
	} else if (wanted && tenant->state == TENANT_ACTIVE && scope_of_tenant(k->r, &tenant->id, &wide) == ERR_OK) {
		want(k, &wide, 0);
	}
}

void
keeper_wide_no_room(struct keeper *k, struct subscription *s)
{
	struct subscription wide;
	struct tenant tenant;
	size_t own;

	if (s->kind != SUBSCRIPTION_TEAM_MEMBERS && s->kind != SUBSCRIPTION_CHANNEL_MEMBERS)
		return;
	s->no_room = true;
	if (k->r->config->tenant_wide_from != CONFIG_WIDE_QUOTA || tenant_load(k->r, &s->tenant, &tenant) != ERR_OK ||
	    tenant.state != TENANT_ACTIVE || !may_ask(&tenant) || scope_of_tenant(k->r, &s->tenant, &wide) != ERR_OK)
		return;
	own = for_teams(k, &s->tenant, count_own, SPREAD_MS).own;
	/* One for all takes the room of one itself: it is no gain where it stands for a single team. */
	if (own + (s->kind == SUBSCRIPTION_TEAM_MEMBERS) >= 2)
		want(k, &wide, own > 0 ? (int64_t)own : 1);
}

static void
on_review(void *arg)
{
	struct keeper *k = arg;
	struct store_cursor *c;
	struct tenant tenant;

	if (k->r->config->tenant_wide_from <= 0 && k->wide_count == 0)
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
