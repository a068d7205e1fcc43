/* audit.c - a walk over the tenants; of each, Graph's list against our rows. LIST is cheap for us and scarce on Graph: 25 in 20 s. */
#include "reconciler/audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "graph/subscriptions.h"
#include "reconciler/keeper.h"
#include "reconciler/reconciler.h"
#include "reconciler/tables.h"

#define START_MS      5000   /* after the start: what was under way when we stopped is settled first */
#define BETWEEN_MS    1000   /* two tenants */
#define YOUNG_MS      5000   /* a list may be older than what was created just now */
#define PROBE_NEAR_MS 120000 /* a creation takes no longer */
#define SEEN_MAX      20000  /* more subscriptions of one tenant than Graph allows */

struct listed {
	char id[SUBSCRIPTION_ID_SIZE];
	bool ours;      /* it names our notification URL */
	bool elsewhere; /* it names another one */
	bool known;
};

struct audit {
	struct reconciler *r;
	struct timer *timer;
	struct store_key place; /* the last tenant looked at; len 0: a walk begins */
	struct tenant_id tenant;
	struct graph_pages *pages;
	int64_t began_boot_ms;
	struct listed *seen;
	size_t count, cap;
	bool overflow;
	bool creating; /* a row of the tenant has no subscription yet */
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
	struct audit *a = arg;
	const struct graph_subscription *s = item;
	char url[GRAPH_SUBSCRIPTION_URL_SIZE];
	size_t cap = a->cap == 0 ? 64 : a->cap * 2;
	struct listed *grown;

	if (a->count == a->cap) {
		if (a->count >= SEEN_MAX || (grown = realloc(a->seen, cap * sizeof(*grown))) == NULL) {
			a->overflow = true;
			return;
		}
		a->seen = grown;
		a->cap = cap;
	}
	(void)snprintf(url, sizeof(url), "%s/graph/notifications", a->r->config->public_url);
	a->seen[a->count] = (struct listed){ .ours = strcmp(url, s->notification_url) == 0 };
	a->seen[a->count].elsewhere = s->notification_url[0] != '\0' && !a->seen[a->count].ours;
	memcpy(a->seen[a->count++].id, s->id, sizeof(s->id));
}

static int
by_id(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;

	return strcmp(x->id, y->id);
}

static struct listed *
find(struct audit *a, const char *id)
{
	struct listed key = { .ours = false };

	memcpy(key.id, id, sizeof(key.id));
	return a->count > 0 ? bsearch(&key, a->seen, a->count, sizeof(key), by_id) : NULL;
}

static void
on_deleted(void *arg, const struct graph_answer *answer)
{
	(void)arg;
	log_put(
	    LOG_INFO, "stray_subscription_deleted", LS("outcome", err_name(answer->err)), LS("request_id", answer->request_id));
}

static void
delete_strays(struct audit *a)
{
	struct graph_where where = { .priority = GRAPH_RENEWAL };
	struct tenant tenant;

	if (tenant_load(a->r, &a->tenant, &tenant) != ERR_OK)
		return;
	where.directory = tenant.directory_id;
	for (size_t i = 0; i < a->count; i++)
		if (a->seen[i].ours && !a->seen[i].known)
			(void)graph_subscription_delete(a->r->graph, &where, a->seen[i].id, on_deleted, NULL);
}

static void
judge_row(void *arg, const struct subscription *s)
{
	struct audit *a = arg;
	struct listed *there;
	int64_t now_ms;

	(void)graph_time(a->r->graph, &now_ms);
	if (s->id[0] == '\0') {
		/* A covered one is not to be, and a refused one not before its time. */
		a->creating |= s->state != SUBSCRIPTION_COVERED &&
		               (s->state != SUBSCRIPTION_REFUSED || s->retry_wall_ms < now_ms + PROBE_NEAR_MS);
		return;
	}
	if ((there = find(a, s->id)) != NULL) {
		there->known = true;
		if (there->elsewhere)
			keeper_replace(a->r, &s->scope);
	} else if (s->state == SUBSCRIPTION_ACTIVE && llabs(now_ms - s->created_wall_ms) > YOUNG_MS) {
		log_put(LOG_WARN, "subscription_lost", LS("tenant", s->tenant.s), LP("resource", s->resource));
		keeper_lifecycle(a->r, &s->scope, HINT_SUBSCRIPTION_REMOVED);
	}
}

/* The whole list is there: what does it say of our rows? */
static void
judge(struct audit *a)
{
	a->creating = false;
	if (a->count > 0)
		qsort(a->seen, a->count, sizeof(*a->seen), by_id);
	keeper_rows(a->r, &a->tenant, judge_row, a);
	/* While one is being created the list may show it before its row does. */
	if (!a->creating)
		delete_strays(a);
}

static void
on_end(void *arg, const struct graph_page_end *end)
{
	struct audit *a = arg;

	a->pages = NULL;
	if (end->err == ERR_OK && !a->overflow)
		judge(a);
	timer_arm(a->timer, BETWEEN_MS);
}

static void
on_timer(void *arg)
{
	struct audit *a = arg;
	struct graph_where where = { .priority = GRAPH_SWEEP };
	int64_t now_ms = clock_boot_ms(a->r->clock);
	struct tenant tenant;

	if (a->place.len == 0)
		a->began_boot_ms = now_ms;
	if (!next_tenant(a, &tenant)) {
		a->place.len = 0;
		timer_arm(a->timer,
		    a->began_boot_ms + AUDIT_EVERY_MS > now_ms ? a->began_boot_ms + AUDIT_EVERY_MS - now_ms : BETWEEN_MS);
		return;
	}
	a->tenant = tenant.id;
	a->count = 0;
	a->overflow = false;
	where.directory = tenant.directory_id;
	a->pages = graph_subscriptions_list(a->r->graph, &where, on_item, on_end, a);
	if (a->pages == NULL)
		timer_arm(a->timer, BETWEEN_MS);
}

enum err
audit_new(struct reconciler *r, struct audit **ret)
{
	struct audit *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return ERR_NOMEM;
	a->r = r;
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
	graph_pages_cancel(a->pages);
	timer_free(a->timer);
	free(a->seen);
	free(a);
}
