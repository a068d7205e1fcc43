#include "reconciler/work.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "reconciler/chores.h"
#include "reconciler/compare.h"
#include "reconciler/dirty.h"
#include "reconciler/mailbox.h"
#include "reconciler/push.h"
#include "reconciler/reconciler.h"
#include "reconciler/scope.h"
#include "reconciler/tables.h"
#include "state/store.h"

#define BUCKETS        4096
#define BACKOFF_MAX_MS (15 * 60 * 1000LL)
#define LAG_TRIES      3 /* single reads that may show nothing yet before a whole read is made */

struct busy_scope {
	struct busy_scope *next; /* in its bucket */
	struct work *work;
	struct scope_id scope;
	struct work_pace pace;
	struct timer *timer;
	struct compare_job *job; /* of a roster */
	struct mailbox_job *mailbox;
	struct dirty_summary *read; /* what the read under way covers */
};

struct work {
	struct reconciler *r;
	struct busy_scope *buckets[BUCKETS];
};

/* ---------- deciding ---------- */

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* When the pace allows the next read. In a flood: once it is quiet, so that one read covers all of it. */
static int64_t
pace_due_ms(const struct work_pace *pace, int64_t hints)
{
	int64_t due_ms = pace->last_hint_ms + WORK_SETTLED_MS;

	if (pace->last_read_ms < 0)
		return 0;
	if (pace->flood == 0 && (hints <= WORK_FLOOD_HINTS || pace->spoken_ms < 0))
		return pace->spoken_ms < 0 ? 0 : pace->spoken_ms - (WORK_QUICK - 1) * WORK_GAP_MS;
	if (pace->flood > 0)
		due_ms = later(due_ms, pace->last_read_ms + WORK_FLOOD_GAP_MS);
	return due_ms < pace->last_read_ms + WORK_FLOOD_LIMIT_MS ? due_ms : pace->last_read_ms + WORK_FLOOD_LIMIT_MS;
}

void
work_pace_read(struct work_pace *pace, int64_t hint_count, int64_t now_ms)
{
	pace->flood = hint_count > WORK_FLOOD_HINTS ? pace->flood + 1 : 0;
	pace->last_read_ms = now_ms;
	if (pace->hinted)
		pace->spoken_ms = later(pace->spoken_ms, now_ms) + WORK_GAP_MS;
	pace->hinted = false;
}

struct work_decision
work_plan(const struct work_dirt *dirt, const struct work_pace *pace, int64_t now_ms)
{
	int64_t wait_ms = later(dirt->wait_ms, pace_due_ms(pace, dirt->hints) - now_ms);

	if (dirt->rows == 0 || pace->in_flight)
		return (struct work_decision){ WORK_NOTHING, 0 };
	if (wait_ms > 0)
		return (struct work_decision){ WORK_WAIT, wait_ms };
	if (dirt->rows <= (dirt->items_max > 0 ? dirt->items_max : 1) && !dirt->whole && dirt->kind <= HINT_DELETED &&
	    dirt->attempts < LAG_TRIES)
		return (struct work_decision){ WORK_READ_ITEM, 0 };
	return (struct work_decision){ WORK_READ_WHOLE, 0 };
}

int64_t
work_backoff_ms(int64_t attempts, enum err e, int64_t retry_after_ms, uint32_t jitter)
{
	int64_t wait_ms;

	/* What is broken is probed slowly; what is busy or away, with back-off. */
	if (e == ERR_FORBIDDEN || e == ERR_NOTFOUND || e == ERR_GONE || e == ERR_UNAUTHORIZED || e == ERR_INVALID)
		return BACKOFF_MAX_MS;
	wait_ms = attempts < 9 ? 2000LL << attempts : BACKOFF_MAX_MS;
	if (wait_ms > BACKOFF_MAX_MS)
		wait_ms = BACKOFF_MAX_MS;
	wait_ms = wait_ms / 2 + wait_ms / 2 * (int64_t)jitter / 1000;
	if (retry_after_ms > wait_ms)
		wait_ms = retry_after_ms;
	return wait_ms < BACKOFF_MAX_MS ? wait_ms : BACKOFF_MAX_MS;
}

/* ---------- scopes in memory ---------- */

static struct busy_scope **
bucket_of(struct work *w, const struct scope_id *scope)
{
	/* Ids are HMACs: any bytes of them are spread evenly. */
	return &w->buckets[((unsigned)scope->b[0] << 8 | scope->b[1]) % BUCKETS];
}

static void on_timer(void *arg);

static struct busy_scope *
busy_find(struct work *w, const struct scope_id *scope, bool make)
{
	struct busy_scope **bucket = bucket_of(w, scope), *b;

	for (b = *bucket; b != NULL; b = b->next)
		if (memcmp(b->scope.b, scope->b, sizeof(scope->b)) == 0)
			return b;
	if (!make || (b = calloc(1, sizeof(*b))) == NULL)
		return NULL;
	if ((b->timer = timer_new(w->r->clock, on_timer, b)) == NULL) {
		free(b);
		return NULL;
	}
	b->work = w;
	b->scope = *scope;
	b->pace.last_read_ms = b->pace.last_hint_ms = b->pace.spoken_ms = -1;
	b->next = *bucket;
	*bucket = b;
	return b;
}

static void
busy_free(struct busy_scope *b)
{
	struct busy_scope **p = bucket_of(b->work, &b->scope);

	while (*p != b)
		p = &(*p)->next;
	*p = b->next;
	compare_cancel(b->job);
	mailbox_cancel(b->mailbox);
	timer_free(b->timer);
	free(b->read);
	free(b);
}

/* ---------- doing ---------- */

static void on_read(void *arg, const struct compare_result *result);

static bool
mailbox_start(struct busy_scope *b, const struct subscription *scope, bool items)
{
	struct reconciler *r = b->work->r;
	const struct mailbox_options options = { .priority = GRAPH_HINT };
	struct mailbox_item *list;
	size_t count;

	if (!items) {
		b->mailbox = mailbox_read(r, scope, &options, on_read, b);
		return b->mailbox != NULL;
	}
	if ((list = calloc(MAILBOX_ITEMS_MAX, sizeof(*list))) == NULL)
		return false;
	count = dirty_items(r, &b->scope, list, MAILBOX_ITEMS_MAX);
	b->mailbox = mailbox_read_items(r, scope, list, count, on_read, b);
	free(list);
	return b->mailbox != NULL;
}

static bool
roster_start(struct busy_scope *b, const struct dirty_summary *dirt, const struct subscription *scope, bool item)
{
	struct reconciler *r = b->work->r;

	b->job = item ? compare_item(r, scope, dirt->one.kind, dirt->one.item, on_read, b) : compare_scope(r, scope, on_read, b);
	return b->job != NULL;
}

static void
read_start(struct busy_scope *b, const struct dirty_summary *dirt, const struct subscription *scope, bool item)
{
	struct reconciler *r = b->work->r;

	if ((b->read = malloc(sizeof(*b->read))) == NULL) {
		timer_arm(b->timer, WORK_GAP_MS);
		return;
	}
	*b->read = *dirt;
	work_pace_read(&b->pace, dirt->hint_count, clock_boot_ms(r->clock));
	if (!(scope->kind == SUBSCRIPTION_MAILBOX_EVENTS ? mailbox_start(b, scope, item) : roster_start(b, dirt, scope, item))) {
		free(b->read);
		b->read = NULL;
		timer_arm(b->timer, WORK_GAP_MS);
		return;
	}
	b->pace.in_flight = true;
}

static struct work_dirt
dirt_of(struct reconciler *r, const struct dirty_summary *s, const struct subscription *scope)
{
	int64_t wait_ms = s->not_before_wall_ms - clock_wall_ms(r->clock);

	return (struct work_dirt){
		.rows = s->rows,
		.whole = s->whole,
		.kind = s->one.kind,
		.attempts = s->one.attempts,
		.hints = s->hint_count,
		.items_max = scope->kind == SUBSCRIPTION_MAILBOX_EVENTS ? MAILBOX_ITEMS_MAX : 1,
		/* A stepped clock must not put anything off for long. */
		.wait_ms = wait_ms < BACKOFF_MAX_MS ? wait_ms : BACKOFF_MAX_MS,
	};
}

static void
look(struct busy_scope *b)
{
	struct reconciler *r = b->work->r;
	struct dirty_summary s;
	struct work_dirt dirt;
	struct work_decision d;
	struct subscription scope = { .kind = SUBSCRIPTION_TEAM_MEMBERS };
	int64_t now_ms = clock_boot_ms(r->clock);
	bool known = subscription_load(r, &b->scope, &scope) == ERR_OK;

	dirty_summarize(r, &b->scope, &s);
	dirt = dirt_of(r, &s, &scope);
	d = work_plan(&dirt, &b->pace, now_ms);
	if (d.act == WORK_WAIT) {
		timer_arm(b->timer, d.wait_ms);
	} else if (d.act == WORK_NOTHING) {
		if (b->pace.in_flight)
			return;
		/* Kept while its pace matters. */
		if (b->pace.last_read_ms < 0 || now_ms - b->pace.last_read_ms >= WORK_QUIET_MS)
			busy_free(b);
		else
			timer_arm(b->timer, b->pace.last_read_ms + WORK_QUIET_MS - now_ms);
	} else if (!known) {
		dirty_drop(r, &b->scope);
		busy_free(b);
	} else {
		read_start(b, &s, &scope, d.act == WORK_READ_ITEM);
	}
}

static void
on_timer(void *arg)
{
	look(arg);
}

/* 5 s, 30 s: lists that lag behind notifications catch up within minutes (graph-facts 8.3). */
static int64_t
lag_wait_ms(int64_t attempts)
{
	return attempts == 0 ? 5000 : 30000;
}

/* What the rows that are now settled had waited for. A clock that was stepped back counts as no wait. */
static void
note_wait(struct reconciler *r, const struct dirty_summary *read)
{
	static const int64_t bounds[RECONCILER_WAIT_COUNT] = RECONCILER_WAIT_BOUNDS;
	int64_t ms = clock_wall_ms(r->clock) - read->one.first_wall_ms;
	size_t i = 0;

	if (ms < 0)
		ms = 0;
	while (i < RECONCILER_WAIT_COUNT && ms > bounds[i] * 1000)
		i++;
	r->counters.waits[i]++;
	r->counters.waited_ms += (uint64_t)ms;
}

static void
on_read(void *arg, const struct compare_result *result)
{
	struct busy_scope *b = arg;
	struct reconciler *r = b->work->r;
	int64_t attempts = b->read->one.attempts, wait_ms;

	b->job = NULL;
	b->mailbox = NULL;
	b->pace.in_flight = false;
	if (result->err != ERR_OK) {
		wait_ms = work_backoff_ms(attempts, result->err, result->retry_after_ms, (uint32_t)rng_below(r->rng, 1000));
		log_put(LOG_WARN, "read_failed", LS("err", err_name(result->err)), LI("attempts", attempts + 1),
		    LI("wait_ms", wait_ms), LS("detail", result->detail));
		dirty_put_off(r, &b->scope, b->read, wait_ms, DIRTY_ALL);
	} else if (result->whole_needed) {
		/* The single read was O(1) and found nothing out: the whole one need not keep its distance from it. */
		dirty_put_off(r, &b->scope, b->read, 0, DIRTY_AS_WHOLE);
		b->pace.last_read_ms = -1;
	} else if (result->again && attempts + 1 < LAG_TRIES) {
		dirty_put_off(r, &b->scope, b->read, lag_wait_ms(attempts), DIRTY_READ);
	} else if (result->again && b->read->one.kind != HINT_DELETED) {
		dirty_put_off(r, &b->scope, b->read, 0, DIRTY_AS_WHOLE);
	} else {
		note_wait(r, b->read);
		dirty_settled(r, b->read);
	}
	free(b->read);
	b->read = NULL;
	timer_arm(b->timer, 0);
}

static struct busy_scope *
noted(struct reconciler *r, const struct scope_id *scope)
{
	struct busy_scope *b = dirty_scope_is_real(scope) ? busy_find(r->work, scope, true) : NULL;

	if (b != NULL && !b->pace.in_flight)
		timer_arm_sooner(b->timer, 0);
	return b;
}

void
work_note(struct reconciler *r, const struct scope_id *scope)
{
	(void)noted(r, scope);
}

void
work_hint(struct reconciler *r, const struct scope_id *scope)
{
	struct busy_scope *b = noted(r, scope);

	if (b == NULL)
		return;
	b->pace.hinted = true;
	b->pace.last_hint_ms = clock_boot_ms(r->clock);
}

static void
tenant_look(struct reconciler *r, const struct tenant_id *tenant, bool all)
{
	struct store_cursor *c = tenant_ergs(r, tenant);
	struct subscription scope;
	struct erg_ref ref;
	struct erg erg;

	while (store_next(c, NULL, &ref) == ERR_OK) {
		if (erg_load(r, &ref.erg, &erg) != ERR_OK)
			continue;
		if (erg.state == ERG_LINKING)
			chore_add(r, CHORE_LINK, erg.id.s, 0);
		else if (!all && erg.state != ERG_BROKEN)
			continue;
		else if (erg.membership != MEMBERSHIP_OFF && scope_of_erg(r, &erg, &scope) == ERR_OK)
			dirty_mark(r, &scope.scope, 0);
		push_resume(r, &erg);
	}
	store_cursor_close(c);
}

void
work_tenant_back(struct reconciler *r, const struct tenant_id *tenant)
{
	tenant_look(r, tenant, true);
}

void
work_tenant_probe(struct reconciler *r, const struct tenant_id *tenant)
{
	tenant_look(r, tenant, false);
}

static void
walk_rows(struct work *w)
{
	struct store_cursor *c = store_seek(w->r->store, TABLE_DIRTY, NULL, NULL);
	struct dirty_record row;
	struct busy_scope *b;

	while (store_next(c, NULL, &row) == ERR_OK) {
		if (!dirty_scope_is_real(&row.scope))
			chores_found(w->r, &row);
		else if ((b = busy_find(w, &row.scope, true)) != NULL)
			timer_arm_sooner(b->timer, 0);
	}
	store_cursor_close(c);
}

enum err
work_new(struct reconciler *r, struct work **ret)
{
	struct work *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return ERR_NOMEM;
	w->r = r;
	*ret = w;
	walk_rows(w);
	return ERR_OK;
}

void
work_free(struct work *w)
{
	if (w == NULL)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		while (w->buckets[i] != NULL)
			busy_free(w->buckets[i]); /* NOLINT(clang-analyzer-unix.Malloc): it takes itself out of the list */
	free(w);
}
