/*
 * keeper.c - which subscriptions there are, and when each wants attention.
 *
 * In memory there is one small entry a row, in a book by due time; the row is read when its time has come. A tenant has
 * TENANT_CALLS_MAX calls under way at the most, so that one that answers slowly holds up no other; the Graph client shares out
 * the rest. Rows are in Graph's time, waiting is by the boot clock: until Graph has told what time it is there, only that is asked.
 */
#include "reconciler/keeper.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "graph/graph.h"
#include "graph/page.h"
#include "reconciler/dirty.h"
#include "reconciler/keeper_inside.h"
#include "reconciler/keeper_wide.h"
#include "reconciler/meeting_due.h"
#include "reconciler/reconciler.h"
#include "reconciler/scope.h"
#include "reconciler/tables.h"
#include "state/events.h"

#define TICK_MAX_MS       30000
#define TICK_MIN_MS       200
#define HELD_LOOK_MS      2000
#define TENANT_CALLS_MAX  8 /* creations hold a Graph call open for up to 20 s each */
#define FORGET_GIVE_UP_MS (30 * 60 * 1000LL)
#define CLOCK_WRONG_MS    (5 * 60 * 1000LL)
#define CLOCK_WARN_MS     (60 * 60 * 1000LL)

/* --- entries --- */

static struct entry *
entry_of(struct book_entry *b)
{
	return (struct entry *)b;
}

static bool
is_busy(const struct entry *e)
{
	return e->call != NULL || e->pages != NULL;
}

static struct entry *
entry_add(struct keeper *k, const struct subscription *s)
{
	struct entry *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->keeper = k;
	e->kind = s->kind;
	e->book.scope = s->scope;
	if (book_add(&k->book, &s->tenant, &e->book) != ERR_OK) {
		free(e);
		return NULL;
	}
	if (s->kind == SUBSCRIPTION_TENANT_MEMBERS) {
		e->book.of->wide = &e->book;
		k->wide_count++;
	}
	return e;
}

void
keeper_under_way(struct entry *e, struct graph_call *call, struct graph_pages *pages)
{
	e->book.of->busy -= is_busy(e);
	e->call = call;
	e->pages = pages;
	e->book.of->busy += is_busy(e);
}

static void
set_waiting(struct entry *e, bool waiting)
{
	e->book.of->waiting -= e->waiting;
	e->waiting = waiting;
	e->book.of->waiting += e->waiting;
}

static void
entry_drop(struct entry *e)
{
	struct keeper *k = e->keeper;

	if (e->kind == SUBSCRIPTION_TENANT_MEMBERS) {
		e->book.of->wide = NULL;
		k->wide_count--;
	}
	set_waiting(e, false);
	book_remove(&k->book, &e->book);
	keeper_move_forget(e);
	free(e->hearing);
	free(e);
}

void
keeper_due(struct keeper *k, const struct subscription *s)
{
	struct entry *e = entry_of(book_find(&k->book, &s->tenant, &s->scope));

	if (e == NULL && (e = entry_add(k, s)) == NULL) {
		log_event(LOG_ERROR, "keeper_out_of_memory"); /* the row is there: the next start finds it */
		return;
	}
	e->dead = e->covered = false;
	if (is_busy(e))
		return; /* it is looked at when its call ends */
	book_set_due(&k->book, &e->book, 0);
	timer_arm_sooner(k->tick, 0);
}

void
keeper_due_in(struct entry *e, int64_t wait_ms)
{
	book_set_due(&e->keeper->book, &e->book, clock_boot_ms(e->keeper->r->clock) + wait_ms);
}

void
keeper_dies(struct entry *e)
{
	e->dead = true;
	book_set_due(&e->keeper->book, &e->book, 0);
}

void
keeper_free_again(struct entry *e)
{
	const struct book_tenant *of = e->book.of;
	struct keeper *k = e->keeper;

	book_set_due(&k->book, &e->book, 0);
	timer_arm_sooner(k->tick, 0);
	for (size_t i = 0; of->waiting > 0 && i < of->count; i++)
		if (entry_of(of->entries[i])->waiting) {
			set_waiting(entry_of(of->entries[i]), false);
			book_set_due(&k->book, of->entries[i], 0);
			return;
		}
}

int64_t
keeper_now_ms(const struct reconciler *r)
{
	int64_t now_ms;

	(void)graph_time(r->graph, &now_ms);
	return now_ms;
}

/* Said once an hour: all instants that leave and enter this machine are wrong until somebody mends its clock. */
static void
warn_of_clock(struct keeper *k)
{
	int64_t skew_ms = clock_wall_ms(k->r->clock) - keeper_now_ms(k->r), now_ms = clock_boot_ms(k->r->clock);

	if (llabs(skew_ms) < CLOCK_WRONG_MS || (k->warned_boot_ms != 0 && now_ms - k->warned_boot_ms < CLOCK_WARN_MS))
		return;
	k->warned_boot_ms = now_ms;
	log_put(LOG_WARN, "clock_wrong", LI("ahead_of_graph_s", skew_ms / 1000));
}

/* --- rows --- */

static void
row_key(const struct scope_id *scope, struct store_key *ret)
{
	store_key_init(ret);
	store_key_bytes(ret, scope->b, sizeof(scope->b));
}

void
keeper_row_store(struct reconciler *r, const struct subscription *s)
{
	struct store_key key;

	row_key(&s->scope, &key);
	store_put(r->store, TABLE_SUBSCRIPTIONS, &key, s);
}

void
keeper_row_forget(struct entry *e, const struct subscription *s)
{
	struct reconciler *r = e->keeper->r;
	struct store_key key;

	row_key(&s->scope, &key);
	store_del(r->store, TABLE_SUBSCRIPTIONS, &key);
	keeper_dies(e);
	log_put(LOG_INFO, "subscription_gone", LS("tenant", s->tenant.s), LP("resource", s->resource));
}

/* Does what is due for one row, or notes when to look again. */
static void
step(struct entry *e)
{
	struct keeper *k = e->keeper;
	int64_t now = keeper_now_ms(k->r);
	struct keeper_next next;
	struct graph_where where;
	struct subscription s;
	struct graph_call *call;

	/* A large tenant's teams are many, and this is all that happens to them. */
	if (e->covered && keeper_wide_keeps_covered(e)) {
		keeper_due_in(e, KEEPER_COVERED_MS);
		return;
	}
	e->covered = false;
	if (subscription_load(k->r, &e->book.scope, &s) != ERR_OK) {
		keeper_dies(e);
		return;
	}
	keeper_wide_settle(e, &s);
	next = keeper_next_step(&s, now, k->r->config->renew_every_ms, e->book.scope.b[0]);
	if (e->asked_for && keeper_knows_time(k)) {
		e->asked_for = false;
		keeper_hasten(&s, now, &next);
	}
	if (s.state == SUBSCRIPTION_ACTIVE && s.id[0] != '\0' && (keeper_is_other_sort(k->r, &s) || e->gives_way))
		next.step = KEEPER_DELETE;
	keeper_move_settle(e, &s, &next);
	if (next.step == KEEPER_REST && keeper_knows_time(k)) {
		e->covered = s.state == SUBSCRIPTION_COVERED && s.id[0] == '\0';
		keeper_due_in(e, next.due_wall_ms - now);
		return;
	}
	/* Without its tenant nothing can be asked of Graph, and nothing needs the row. */
	if (next.step == KEEPER_FORGET || !keeper_where(k->r, &s, &where))
		keeper_row_forget(e, &s);
	else if (!keeper_knows_time(k))
		keeper_ask_time(e, &where);
	else if (keeper_wide_holds(k, &s, next.step))
		keeper_due_in(e, HELD_LOOK_MS);
	else if ((call = keeper_call(e, next.step, &s, &where)) != NULL)
		keeper_under_way(e, call, NULL);
	else
		keeper_due_in(e, KEEPER_BACKOFF_MIN_MS);
}

/* --- forgetting a tenant --- */

static size_t
tenant_rows(struct keeper *k, const struct tenant_id *tenant, void (*each)(struct keeper *k, struct subscription *s))
{
	const struct book_tenant *of = book_tenant(&k->book, tenant);
	struct subscription s;
	size_t n = 0;

	for (size_t i = 0; of != NULL && i < of->count; i++) {
		if (subscription_load(k->r, &of->entries[i]->scope, &s) != ERR_OK)
			continue;
		n++;
		if (each != NULL)
			each(k, &s);
	}
	return n;
}

void
keeper_rows(
    struct reconciler *r, const struct tenant_id *tenant, void (*each)(void *arg, const struct subscription *s), void *arg)
{
	const struct book_tenant *of = book_tenant(&r->keeper->book, tenant);
	struct subscription s;

	for (size_t i = 0; of != NULL && i < of->count; i++)
		if (subscription_load(r, &of->entries[i]->scope, &s) == ERR_OK)
			each(arg, &s);
}

void
keeper_row_leave(struct keeper *k, struct subscription *s)
{
	s->state = SUBSCRIPTION_LEAVING;
	s->retry_wall_ms = 0;
	s->failures = 0;
	keeper_row_store(k->r, s);
	keeper_due(k, s);
}

static void
row_drop(struct keeper *k, struct subscription *s)
{
	struct store_key key;

	row_key(&s->scope, &key);
	store_del(k->r->store, TABLE_SUBSCRIPTIONS, &key);
	keeper_due(k, s);
}

static void
forgets_check(struct keeper *k)
{
	for (size_t i = 0; i < k->forget_count; i++) {
		struct forget f = k->forgets[i];
		bool late = clock_boot_ms(k->r->clock) >= f.until_boot_ms;

		if (!late && tenant_rows(k, &f.tenant, NULL) > 0)
			continue;
		if (late) {
			log_put(LOG_WARN, "tenant_subscriptions_left", LS("tenant", f.tenant.s));
			tenant_rows(k, &f.tenant, row_drop);
		}
		k->forgets[i--] = k->forgets[--k->forget_count];
		f.done(f.arg, &f.tenant);
	}
}

void
keeper_forget_tenant(
    struct reconciler *r, const struct tenant *tenant, void (*done)(void *arg, const struct tenant_id *id), void *arg)
{
	struct keeper *k = r->keeper;

	tenant_rows(k, &tenant->id, keeper_row_leave);
	if (k->forget_count == KEEPER_FORGETS_MAX) { /* many at once: the caller asks again by its own timer */
		log_event(LOG_WARN, "keeper_forgets_full");
		return;
	}
	k->forgets[k->forget_count++] = (struct forget){ tenant->id, clock_boot_ms(r->clock) + FORGET_GIVE_UP_MS, done, arg };
	timer_arm_sooner(k->tick, 0);
}

/* --- the tick --- */

static void
look(struct entry *e)
{
	struct keeper *k = e->keeper;

	book_rest(&k->book, &e->book);
	if (is_busy(e))
		return;
	if (e->dead) {
		entry_drop(e);
		return;
	}
	set_waiting(e, e->book.of->busy >= TENANT_CALLS_MAX);
	if (!e->waiting)
		step(e);
}

static void
on_tick(void *arg)
{
	struct keeper *k = arg;
	int64_t now = clock_boot_ms(k->r->clock), wait_ms = TICK_MAX_MS;
	struct book_entry *first;

	while ((first = book_first(&k->book)) != NULL && first->due_ms <= now)
		look(entry_of(first));
	if (first != NULL && first->due_ms - now < wait_ms)
		wait_ms = first->due_ms - now;
	forgets_check(k);
	warn_of_clock(k);
	timer_arm_sooner(k->tick, wait_ms < TICK_MIN_MS ? TICK_MIN_MS : wait_ms);
}

/* --- what others say --- */

void
keeper_row_want(struct reconciler *r, const struct subscription *wanted)
{
	struct subscription s;

	if (subscription_load(r, &wanted->scope, &s) == ERR_OK) {
		if (s.state != SUBSCRIPTION_LEAVING)
			return;
		s.state = s.id[0] != '\0' ? SUBSCRIPTION_ACTIVE : SUBSCRIPTION_WANTED;
	} else {
		s = *wanted;
		s.state = SUBSCRIPTION_WANTED;
	}
	s.retry_wall_ms = 0;
	s.failures = 0;
	keeper_row_store(r, &s);
	keeper_due(r->keeper, &s);
}

void
keeper_want(struct reconciler *r, const struct erg *erg)
{
	struct subscription wanted;

	if (scope_of_erg(r, erg, &wanted) == ERR_OK) {
		keeper_row_want(r, &wanted);
		keeper_wide_kick(r);
	}
}

void
keeper_want_mailbox(struct reconciler *r, const struct tenant_id *tenant, const struct guid *mailbox)
{
	struct subscription wanted;

	if (scope_of_mailbox(r, tenant, mailbox, &wanted) == ERR_OK)
		keeper_row_want(r, &wanted);
}

void
keeper_release_mailbox(struct reconciler *r, const struct tenant_id *tenant, const struct guid *mailbox)
{
	struct subscription wanted, s;

	if (!events_any_in_mailbox(r->store, mailbox) && !meeting_due_any(r, mailbox) &&
	    scope_of_mailbox(r, tenant, mailbox, &wanted) == ERR_OK && subscription_load(r, &wanted.scope, &s) == ERR_OK)
		keeper_row_leave(r->keeper, &s);
}

void
keeper_release(struct reconciler *r, const struct erg *erg)
{
	struct subscription wanted, s;
	struct store_cursor *c;
	struct erg_ref ref;
	bool needed = false;

	if (scope_of_erg(r, erg, &wanted) != ERR_OK || subscription_load(r, &wanted.scope, &s) != ERR_OK)
		return;
	c = team_ergs(r, &erg->team_id);
	while (!needed && store_next(c, NULL, &ref) == ERR_OK) {
		struct erg other;

		needed = erg_load(r, &ref.erg, &other) == ERR_OK && strcmp(other.id.s, erg->id.s) != 0 &&
		         other.membership != MEMBERSHIP_OFF && scope_covers(&wanted, &other);
	}
	store_cursor_close(c);
	if (!needed) {
		keeper_row_leave(r->keeper, &s);
		keeper_wide_kick(r);
	}
}

void
keeper_lifecycle(struct reconciler *r, const struct scope_id *scope, enum hint_kind kind)
{
	struct book_entry *e;
	struct subscription s;

	if (subscription_load(r, scope, &s) != ERR_OK || s.state == SUBSCRIPTION_LEAVING || s.state == SUBSCRIPTION_REFUSED ||
	    (e = book_find(&r->keeper->book, &s.tenant, scope)) == NULL)
		return;
	if (kind == HINT_REAUTHORIZATION_REQUIRED) {
		entry_of(e)->asked_for = true;
	} else if (kind == HINT_SUBSCRIPTION_REMOVED) {
		s.id[0] = '\0';
		s.expires_wall_ms = 0;
		s.state = SUBSCRIPTION_WANTED;
	} else {
		return;
	}
	s.retry_wall_ms = 0;
	keeper_row_store(r, &s);
	keeper_due(r->keeper, &s);
}

static void
row_retry(struct keeper *k, struct subscription *s)
{
	/* A refusal is no failure that has passed. */
	if (s->retry_wall_ms == 0 || s->state == SUBSCRIPTION_REFUSED)
		return;
	s->retry_wall_ms = 0;
	keeper_row_store(k->r, s);
	keeper_due(k, s);
}

void
keeper_tenant_back(struct reconciler *r, const struct tenant_id *tenant)
{
	tenant_rows(r->keeper, tenant, row_retry);
	keeper_wide_kick(r);
}

void
keeper_kick(struct reconciler *r)
{
	struct store_cursor *c = store_seek(r->store, TABLE_SUBSCRIPTIONS, NULL, NULL);
	struct subscription s;

	while (store_next(c, NULL, &s) == ERR_OK) {
		if (s.retry_wall_ms != 0 && s.state != SUBSCRIPTION_REFUSED) {
			s.retry_wall_ms = 0;
			keeper_row_store(r, &s);
		}
		keeper_due(r->keeper, &s);
	}
	store_cursor_close(c);
	keeper_wide_kick(r);
}

/* --- life --- */

enum err
keeper_new(struct reconciler *r, struct keeper **ret)
{
	struct keeper *k = calloc(1, sizeof(*k));
	struct store_cursor *c;
	struct subscription s;
	struct entry *entry;
	enum err e = ERR_OK;

	if (k == NULL)
		return ERR_NOMEM;
	k->r = r;
	if ((k->tick = timer_new(r->clock, on_tick, k)) == NULL || keeper_wide_start(k) != ERR_OK) {
		timer_free(k->tick);
		free(k);
		return ERR_NOMEM;
	}
	c = store_seek(r->store, TABLE_SUBSCRIPTIONS, NULL, NULL);
	while (e == ERR_OK && store_next(c, NULL, &s) == ERR_OK)
		if ((entry = entry_add(k, &s)) != NULL)
			book_set_due(&k->book, &entry->book, 0);
		else
			e = ERR_NOMEM;
	store_cursor_close(c);
	if (e != ERR_OK) {
		keeper_free(k);
		return e;
	}
	timer_arm(k->tick, 0);
	*ret = k;
	return ERR_OK;
}

static void
entries_free(struct keeper *k, const struct book_tenant *of)
{
	for (size_t i = 0; i < of->count; i++) {
		struct entry *e = entry_of(of->entries[i]);

		graph_cancel(k->r->graph, e->call);
		graph_pages_cancel(e->pages);
		free(e->hearing);
		free(e);
	}
}

void
keeper_free(struct keeper *k)
{
	if (k == NULL)
		return;
	for (size_t i = 0; i < k->book.tenant_count; i++)
		entries_free(k, k->book.tenants[i]);
	book_done(&k->book);
	timer_free(k->review);
	timer_free(k->tick);
	free(k->marked_url);
	free(k);
}
