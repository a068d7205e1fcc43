/*
 * audit.c - a walk over the tenants; of each, Graph's list against our rows. LIST is cheap for us and scarce on Graph, 40 in 20 s of
 * an app: one tenant a second leaves half of them to others. Whoever does not answer holds one place of LOOKS_MAX, and not for long.
 */
#include "reconciler/audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "graph/subscriptions.h"
#include "reconciler/keeper.h"
#include "reconciler/keeper_move.h"
#include "reconciler/keeper_move_plan.h"
#include "reconciler/reconciler.h"
#include "reconciler/tables.h"

#define START_MS      5000   /* after the start: what was under way when we stopped is settled first */
#define BETWEEN_MS    1000   /* two tenants */
#define DEADLINE_MS   120000 /* of a page of the list: the next walk comes anyway */
#define LOOKS_MAX     8      /* tenants at a time */
#define YOUNG_MS      5000   /* a list may be older than what was created just now */
#define PROBE_NEAR_MS 120000 /* a creation takes no longer */
#define SEEN_MAX      20000  /* more subscriptions of one tenant than Graph allows */

struct listed {
	char id[SUBSCRIPTION_ID_SIZE];
	bool ours;                          /* it names our notification URL */
	int64_t address, lifecycle_address; /* marks of those it names */
	bool known;
};

/* At one tenant. */
struct look {
	struct audit *audit;
	struct tenant_id tenant;
	struct graph_pages *pages; /* NULL: it is free */
	struct listed *seen;
	size_t count, cap;
	bool overflow;
	bool creating; /* a row of the tenant has no subscription yet */
};

struct audit {
	struct reconciler *r;
	struct timer *timer;    /* of the next look; not armed while there is no place for one */
	struct store_key place; /* the last tenant looked at; len 0: a walk begins */
	int64_t began_boot_ms;
	struct look looks[LOOKS_MAX];
};

static bool
next_tenant(struct audit *a, struct tenant *ret)
{
	struct store_cursor *c = store_seek(a->r->store, TABLE_TENANTS, NULL, a->place.len > 0 ? &a->place : NULL);
	bool found = false;

	while (!found && store_next(c, &a->place, ret) == ERR_OK)
		found = ret->state == TENANT_ACTIVE;
	store_cursor_close(c);
	return found;
}

static void
on_item(void *arg, const void *item)
{
	struct look *l = arg;
	const struct graph_subscription *s = item;
	size_t cap = l->cap == 0 ? 64 : l->cap * 2;
	struct listed *grown;

	if (l->count == l->cap) {
		if (l->count >= SEEN_MAX || (grown = realloc(l->seen, cap * sizeof(*grown))) == NULL) {
			l->overflow = true;
			return;
		}
		l->seen = grown;
		l->cap = cap;
	}
	l->seen[l->count] = (struct listed){ .address = move_mark_of(s->notification_url, MOVE_NOTIFICATIONS),
		.lifecycle_address = move_mark_of(s->lifecycle_url, MOVE_LIFECYCLE) };
	l->seen[l->count].ours = l->seen[l->count].address == keeper_move_mark(l->audit->r);
	memcpy(l->seen[l->count++].id, s->id, sizeof(s->id));
}

static int
by_id(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;

	return strcmp(x->id, y->id);
}

static struct listed *
find(const struct look *l, const char *id)
{
	struct listed key = { .ours = false };

	memcpy(key.id, id, sizeof(key.id));
	return l->count > 0 ? bsearch(&key, l->seen, l->count, sizeof(key), by_id) : NULL;
}

static void
on_deleted(void *arg, const struct graph_answer *answer)
{
	(void)arg;
	log_put(
	    LOG_INFO, "stray_subscription_deleted", LS("outcome", err_name(answer->err)), LS("request_id", answer->request_id));
}

static void
delete_strays(const struct look *l)
{
	struct graph_where where = { .priority = GRAPH_RENEWAL };
	struct tenant tenant;

	if (tenant_load(l->audit->r, &l->tenant, &tenant) != ERR_OK)
		return;
	where.directory = tenant.directory_id;
	for (size_t i = 0; i < l->count; i++)
		if (l->seen[i].ours && !l->seen[i].known)
			(void)graph_subscription_delete(l->audit->r->graph, &where, l->seen[i].id, on_deleted, NULL);
}

static void
judge_row(void *arg, const struct subscription *s)
{
	struct look *l = arg;
	struct listed *there;
	int64_t now_ms;

	(void)graph_time(l->audit->r->graph, &now_ms);
	if (s->id[0] == '\0') {
		/* A covered one is not to be, and a refused one not before its time. */
		l->creating |= s->state != SUBSCRIPTION_COVERED &&
		               (s->state != SUBSCRIPTION_REFUSED || s->retry_wall_ms < now_ms + PROBE_NEAR_MS);
		return;
	}
	if ((there = find(l, s->id)) != NULL) {
		there->known = true;
		keeper_move_listed(l->audit->r, s, there->address, there->lifecycle_address);
	} else if (s->state == SUBSCRIPTION_ACTIVE && llabs(now_ms - s->created_wall_ms) > YOUNG_MS) {
		log_put(LOG_WARN, "subscription_lost", LS("tenant", s->tenant.s), LP("resource", s->resource));
		keeper_lifecycle(l->audit->r, &s->scope, HINT_SUBSCRIPTION_REMOVED);
	}
}

/* The whole list is there: what does it say of our rows? */
static void
judge(struct look *l)
{
	l->creating = false;
	if (l->count > 0)
		qsort(l->seen, l->count, sizeof(*l->seen), by_id);
	keeper_rows(l->audit->r, &l->tenant, judge_row, l);
	/* While one is being created the list may show it before its row does. */
	if (!l->creating)
		delete_strays(l);
}

static void
on_end(void *arg, const struct graph_page_end *end)
{
	struct look *l = arg;

	l->pages = NULL;
	if (end->err == ERR_OK && !l->overflow)
		judge(l);
	if (!timer_armed(l->audit->timer))
		timer_arm(l->audit->timer, BETWEEN_MS); /* this place was waited for */
}

static struct look *
free_look(struct audit *a)
{
	for (size_t i = 0; i < LOOKS_MAX; i++)
		if (a->looks[i].pages == NULL)
			return &a->looks[i];
	return NULL;
}

/* The walk is over when the last tenant has been begun with: the next one comes when its time has come. */
static void
rest(struct audit *a, int64_t now_ms)
{
	int64_t left_ms = a->began_boot_ms + AUDIT_EVERY_MS - now_ms;

	a->place.len = 0;
	timer_arm(a->timer, left_ms > BETWEEN_MS ? left_ms : BETWEEN_MS);
}

static void
on_timer(void *arg)
{
	struct audit *a = arg;
	struct graph_where where = { .priority = GRAPH_SWEEP, .deadline_ms = DEADLINE_MS };
	int64_t now_ms = clock_boot_ms(a->r->clock);
	struct look *l = free_look(a);
	struct tenant tenant;

	if (l == NULL)
		return; /* the first that ends arms the timer */
	if (a->place.len == 0)
		a->began_boot_ms = now_ms;
	if (!next_tenant(a, &tenant)) {
		rest(a, now_ms);
		return;
	}
	l->tenant = tenant.id;
	l->count = 0;
	l->overflow = false;
	where.directory = tenant.directory_id;
	l->pages = graph_subscriptions_list(a->r->graph, &where, on_item, on_end, l);
	timer_arm(a->timer, BETWEEN_MS);
}

enum err
audit_new(struct reconciler *r, struct audit **ret)
{
	struct audit *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return ERR_NOMEM;
	a->r = r;
	for (size_t i = 0; i < LOOKS_MAX; i++)
		a->looks[i].audit = a;
	if ((a->timer = timer_new(r->clock, on_timer, a)) == NULL) {
		free(a);
		return ERR_NOMEM;
	}
	timer_arm(a->timer, START_MS);
	*ret = a;
	return ERR_OK;
}

void
audit_free(struct audit *a)
{
	if (a == NULL)
		return;
	for (size_t i = 0; i < LOOKS_MAX; i++) {
		graph_pages_cancel(a->looks[i].pages);
		free(a->looks[i].seen);
	}
	timer_free(a->timer);
	free(a);
}
